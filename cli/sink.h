/* SPDX-License-Identifier: MIT */
#ifndef SINK_H
#define SINK_H

/* A buffer before a descriptor: what goes out in few writes. */

#include <stddef.h>

struct sink {
	int fd;
	int error; /* 0 or -errno of the first write that failed */
	size_t used;
	char buffer[8192];
};

void sink_init(struct sink *s, int fd);
/* Of type lines_put_fn. Each returns s->error. */
int sink_put(void *sink, const void *data, size_t size);
int sink_flush(struct sink *s);

#endif
