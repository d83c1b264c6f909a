/* SPDX-License-Identifier: MIT */

#include "values.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "prun.h"

/* How much of what is dropped is read before somebody else gets a word. */
#define SKIP_MAX ((size_t)1 << 20)

struct values *values_new(int fd)
{
	struct values *v = malloc(sizeof(*v));
	struct stat st;

	if (!v)
		return NULL;
	*v = (struct values){
		.fd = fd,
		.regular = fstat(fd, &st) == 0 && S_ISREG(st.st_mode),
	};
	return v;
}

void values_free(struct values *v)
{
	if (v)
		free(v->value);
	free(v);
}

/* ------------------------------------------------------------------- the value */

static int value_keep(struct values *v, const char *data, size_t size)
{
	if (size > VALUES_MAX - v->size) {
		v->too_long = true;
		free(v->value);
		v->value = NULL;
		v->size = v->room = 0;
	}
	if (v->too_long)
		return 0;
	if (size > v->room - v->size) {
		size_t room = v->size + size + v->room / 2;
		char *value = realloc(v->value, room);

		if (!value)
			return -ENOMEM;
		v->value = value;
		v->room = room;
	}
	memcpy(v->value + v->size, data, size);
	v->size += size;
	return 0;
}

/* Read a block. 1, 0 at the end, PRUN_SOURCE_WAIT or an error. */
static int block_read(struct values *v)
{
	struct pollfd p = {.fd = v->fd, .events = POLLIN};
	ssize_t n;

	if (!v->regular) {
		do
			n = poll(&p, 1, 0);
		while (n < 0 && errno == EINTR);
		if (n <= 0)
			return n < 0 ? -errno : PRUN_SOURCE_WAIT;
	}
	do
		n = read(v->fd, v->block, sizeof(v->block));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? PRUN_SOURCE_WAIT : -errno;
	v->at = 0;
	v->have = (size_t)n;
	return n > 0;
}

int values_next(const char **value, size_t *size, struct values *v)
{
	size_t dropped = 0;
	int rc;

	/* The one before was given out. */
	if (walk_ended(&v->walk)) {
		v->size = 0;
		v->too_long = false;
		walk_begin(&v->walk);
	}
	while (!walk_ended(&v->walk)) {
		ssize_t n;

		if (v->too_long && !v->regular && dropped > SKIP_MAX)
			return PRUN_SOURCE_WAIT;
		rc = v->at < v->have ? 1 : block_read(v);
		if (rc == 0 && (v->size > 0 || v->too_long))
			return PRUN_EVALUE;
		if (rc != 1)
			return rc;
		n = walk_on(&v->walk, v->block + v->at, v->have - v->at);
		if (n < 0)
			return (int)n;
		rc = value_keep(v, v->block + v->at, (size_t)n);
		if (rc < 0)
			return rc;
		dropped += (size_t)n;
		v->at += (size_t)n;
	}
	if (v->too_long)
		return PRUN_ETOOBIG;
	*value = v->value;
	*size = v->size;
	return 1;
}
