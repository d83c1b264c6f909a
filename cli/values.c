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

/* ------------------------------------------------------------------- the heads */

/* The bytes of the head that begins with this one: 1 and those of its number;
 * 0: no value begins so. */
static size_t head_length(unsigned char first)
{
	static const unsigned char lengths[] = {
		/* nil, never used, false, true, bin, ext */
		1, 0, 1, 1, 2, 3, 5, 2, 3, 5,
		/* float, uint, int: the number is the value */
		5, 9, 2, 3, 5, 9, 2, 3, 5, 9,
		/* fixext, str, array, map */
		1, 1, 1, 1, 1, 2, 3, 5, 3, 5, 3, 5};

	return first >= 0xc0 && first <= 0xdf ? lengths[first - 0xc0] : 1;
}

static uint64_t head_number(const unsigned char *head, size_t length)
{
	uint64_t n = 0;

	for (size_t i = 1; i < length; i++)
		n = n << 8 | head[i];
	return n;
}

/* A head is there: what its value has behind it, values or bytes. */
static void head_take(struct values *v, const unsigned char *head,
		      size_t length)
{
	unsigned char first = head[0];

	if (first >= 0x80 && first <= 0x8f)
		v->pending += (uint64_t)2 * (first & 0x0fu);
	else if (first >= 0x90 && first <= 0x9f)
		v->pending += first & 0x0fu;
	else if (first >= 0xa0 && first <= 0xbf)
		v->payload = first & 0x1fu;
	else if ((first >= 0xc4 && first <= 0xc6) ||
		 (first >= 0xd9 && first <= 0xdb))
		v->payload = head_number(head, length);
	else if (first >= 0xc7 && first <= 0xc9) /* and its type */
		v->payload = head_number(head, length) + 1;
	else if (first >= 0xd4 && first <= 0xd8)
		v->payload = ((uint64_t)1 << (first - 0xd4)) + 1;
	else if (first == 0xdc || first == 0xdd)
		v->pending += head_number(head, length);
	else if (first == 0xde || first == 0xdf)
		v->pending += 2 * head_number(head, length);
	v->pending--;
}

/* Walk over a head, whose first bytes may have come before, in `size` bytes:
 * how many it took, or PRUN_EVALUE. */
static ssize_t head_walk(struct values *v, const unsigned char *data,
			 size_t size)
{
	size_t length = head_length(v->head_size ? v->head[0] : data[0]);
	size_t left = length - v->head_size;

	if (length == 0)
		return PRUN_EVALUE;
	if (v->head_size == 0 && size >= length) {
		head_take(v, data, length);
		return (ssize_t)length;
	}
	left = left < size ? left : size;
	memcpy(v->head + v->head_size, data, left);
	v->head_size += left;
	if (v->head_size == length) {
		head_take(v, v->head, length);
		v->head_size = 0;
	}
	return (ssize_t)left;
}

/* Walk on in the value in hand: how many bytes of the block are its own. */
static ssize_t value_walk(struct values *v, const unsigned char *data,
			  size_t size)
{
	size_t at = 0;

	while (at < size && (v->pending > 0 || v->payload > 0)) {
		size_t left = size - at;
		ssize_t n;

		if (v->payload > 0) {
			n = (ssize_t)(v->payload < left ? v->payload : left);
			v->payload -= (uint64_t)n;
		} else {
			n = head_walk(v, data + at, left);
			if (n < 0)
				return n;
		}
		at += (size_t)n;
	}
	return (ssize_t)at;
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

/* Is nothing more to come of the value in hand? */
static bool value_ended(const struct values *v)
{
	return v->pending == 0 && v->payload == 0;
}

int values_next(const char **value, size_t *size, struct values *v)
{
	size_t dropped = 0;
	int rc;

	/* The one before was given out. */
	if (value_ended(v)) {
		v->size = 0;
		v->too_long = false;
		v->pending = 1;
	}
	while (!value_ended(v)) {
		ssize_t n;

		if (v->too_long && !v->regular && dropped > SKIP_MAX)
			return PRUN_SOURCE_WAIT;
		rc = v->at < v->have ? 1 : block_read(v);
		if (rc == 0 && (v->size > 0 || v->too_long))
			return PRUN_EVALUE;
		if (rc != 1)
			return rc;
		n = value_walk(v, (const unsigned char *)v->block + v->at,
			       v->have - v->at);
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
