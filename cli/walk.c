/* SPDX-License-Identifier: MIT */

#include "walk.h"

#include <string.h>

#include "prun.h"

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
static void head_take(struct walk *w, const unsigned char *head, size_t length)
{
	unsigned char first = head[0];

	if (first >= 0x80 && first <= 0x8f)
		w->pending += (uint64_t)2 * (first & 0x0fu);
	else if (first >= 0x90 && first <= 0x9f)
		w->pending += first & 0x0fu;
	else if (first >= 0xa0 && first <= 0xbf)
		w->payload = first & 0x1fu;
	else if ((first >= 0xc4 && first <= 0xc6) ||
		 (first >= 0xd9 && first <= 0xdb))
		w->payload = head_number(head, length);
	else if (first >= 0xc7 && first <= 0xc9) /* and its type */
		w->payload = head_number(head, length) + 1;
	else if (first >= 0xd4 && first <= 0xd8)
		w->payload = ((uint64_t)1 << (first - 0xd4)) + 1;
	else if (first == 0xdc || first == 0xdd)
		w->pending += head_number(head, length);
	else if (first == 0xde || first == 0xdf)
		w->pending += 2 * head_number(head, length);
	w->pending--;
}

/* Walk over a head, whose first bytes may have come before, in `size` bytes:
 * how many it took, or PRUN_EVALUE. */
static ssize_t head_walk(struct walk *w, const unsigned char *data, size_t size)
{
	size_t length = head_length(w->head_size ? w->head[0] : data[0]);
	size_t left = length - w->head_size;

	if (length == 0)
		return PRUN_EVALUE;
	if (w->head_size == 0 && size >= length) {
		head_take(w, data, length);
		return (ssize_t)length;
	}
	left = left < size ? left : size;
	memcpy(w->head + w->head_size, data, left);
	w->head_size += left;
	if (w->head_size == length) {
		head_take(w, w->head, length);
		w->head_size = 0;
	}
	return (ssize_t)left;
}

ssize_t walk_on(struct walk *w, const void *block, size_t size)
{
	const unsigned char *data = block;
	size_t at = 0;

	while (at < size && !walk_ended(w)) {
		size_t left = size - at;
		ssize_t n;

		if (w->payload > 0) {
			n = (ssize_t)(w->payload < left ? w->payload : left);
			w->payload -= (uint64_t)n;
		} else {
			n = head_walk(w, data + at, left);
			if (n < 0)
				return n;
		}
		at += (size_t)n;
	}
	return (ssize_t)at;
}

void walk_begin(struct walk *w)
{
	*w = (struct walk){.pending = 1};
}

bool walk_ended(const struct walk *w)
{
	return w->pending == 0 && w->payload == 0;
}
