/* SPDX-License-Identifier: MIT */

#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "message.h"
#include "program.h"
#include "prun.h"
#include "signals.h"

struct output standard_output;

static bool same_terminal(int a, int b)
{
	struct stat x, y;

	return isatty(a) && isatty(b) && fstat(a, &x) == 0 &&
	       fstat(b, &y) == 0 && x.st_rdev == y.st_rdev;
}

void output_of(struct output *out, int fd)
{
	out->fd = fd;
	out->used = 0;
	out->error = 0;
	out->gone = 0;
	out->written = false;
	out->in_line = false;
	out->shares_terminal = same_terminal(fd, STDERR_FILENO);
}

void output_init(struct output *out)
{
	output_of(out, STDOUT_FILENO);
}

int output_move(struct output *out)
{
	int fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);

	if (fd < 0)
		return -errno;
	if (dup2(STDERR_FILENO, STDOUT_FILENO) < 0) {
		close(fd);
		return -errno;
	}
	out->fd = fd;
	return 0;
}

static void write_all(struct output *out, const char *data, size_t size)
{
	if (size > 0 && out->shares_terminal)
		message_status_erase();
	signals_writing(true);
	while (size > 0 && !out->error) {
		ssize_t n = write(out->fd, data, size);

		if (n > 0)
			out->in_line = data[n - 1] != '\n';
		if (n >= 0) {
			out->written = true;
			out->gone += (uint64_t)n;
			data += n;
			size -= (size_t)n;
		} else if (errno == EAGAIN) {
			/* Somebody left our standard output non-blocking. */
			struct pollfd wait = {.fd = out->fd, .events = POLLOUT};

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
	if (close(out->fd) < 0 && out->written && !out->error)
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
	const char *at;
	size_t len;

	output_init(out);
	for (; (at = program_find(text, &len)); text = at + len) {
		output_put(out, text, (size_t)(at - text));
		output_put(out, program_name(), strlen(program_name()));
	}
	output_put(out, text, strlen(text));
	return output_end(out);
}
