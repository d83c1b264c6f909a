/* SPDX-License-Identifier: MIT */

#include "sink.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

void sink_init(struct sink *s, int fd)
{
	s->fd = fd;
	s->error = 0;
	s->used = 0;
}

static void write_all(struct sink *s, const char *data, size_t size)
{
	while (size > 0 && !s->error) {
		ssize_t n = write(s->fd, data, size);

		if (n >= 0) {
			data += n;
			size -= (size_t)n;
		} else if (errno == EAGAIN) {
			/* Somebody left it non-blocking. */
			struct pollfd wait = {.fd = s->fd, .events = POLLOUT};

			poll(&wait, 1, -1);
		} else if (errno != EINTR) {
			s->error = -errno;
		}
	}
}

int sink_flush(struct sink *s)
{
	write_all(s, s->buffer, s->used);
	s->used = 0;
	return s->error;
}

int sink_put(void *sink, const void *data, size_t size)
{
	struct sink *s = sink;

	if (size > sizeof(s->buffer) - s->used)
		sink_flush(s);
	if (size > sizeof(s->buffer)) {
		write_all(s, data, size);
	} else {
		memcpy(s->buffer + s->used, data, size);
		s->used += size;
	}
	return s->error;
}
