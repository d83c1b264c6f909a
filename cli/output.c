/* SPDX-License-Identifier: MIT */

#include "output.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "message.h"
#include "prun.h"
#include "signals.h"

struct output standard_output;

static bool same_terminal(int a, int b)
{
	struct stat x, y;

	return isatty(a) && isatty(b) && fstat(a, &x) == 0 &&
	       fstat(b, &y) == 0 && x.st_rdev == y.st_rdev;
}

void output_init(struct output *out)
{
	out->used = 0;
	out->error = 0;
	out->written = false;
	out->shares_terminal = same_terminal(STDOUT_FILENO, STDERR_FILENO);
}

static void write_all(struct output *out, const char *data, size_t size)
{
	if (size > 0 && out->shares_terminal)
		message_status_erase();
	signals_writing(true);
	while (size > 0 && !out->error) {
		ssize_t n = write(STDOUT_FILENO, data, size);

		if (n >= 0) {
			out->written = true;
			data += n;
			size -= (size_t)n;
		} else if (errno == EAGAIN) {
			/* Somebody left our standard output non-blocking. */
			struct pollfd wait = {.fd = STDOUT_FILENO,
					      .events = POLLOUT};

			poll(&wait, 1, -1);
		} else if (errno != EINTR) {
			out->error = -errno;
		}
	}
	signals_writing(false);
}

int output_flush(struct output *out)
{
	write_all(out, out->buffer, out->used);
	out->used = 0;
	return out->error;
}

int output_put(struct output *out, const void *data, size_t size)
{
	if (size > sizeof(out->buffer) - out->used)
		output_flush(out);
	if (size > sizeof(out->buffer)) {
		write_all(out, data, size);
	} else {
		memcpy(out->buffer + out->used, data, size);
		out->used += size;
	}
	return out->error;
}

int output_close(struct output *out)
{
	output_flush(out);
	if (close(STDOUT_FILENO) < 0 && out->written && !out->error)
		out->error = -errno;
	return out->error;
}

int output_fail(const struct output *out)
{
	if (out->error == -EPIPE)
		signals_end_by(SIGPIPE);
	message("write error: %s", prun_strerror(out->error));
	return EXIT_PRUN_FAILED;
}

int output_end(struct output *out)
{
	return output_close(out) < 0 ? output_fail(out) : EXIT_ALL_WELL;
}

int output_text(struct output *out, const char *text)
{
	output_init(out);
	output_put(out, text, strlen(text));
	return output_end(out);
}
