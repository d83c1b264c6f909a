/* SPDX-License-Identifier: MIT */

#include "journal_file.h"

#include <endian.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#define MARK 0xa6 /* and 1 for those that are not counted */
#define READ_SIZE ((size_t)64 << 10)

/* Its 16 bytes are no string. */
static const unsigned char magic[] = {'p', 'r', 'u', 'n', ' ', 'j', 'o',  'u',
				      'r', 'n', 'a', 'l', ' ', '1', '\n', '\n'};

static void put16(unsigned char *p, uint16_t value)
{
	value = htole16(value);
	memcpy(p, &value, sizeof(value));
}

static void put32(unsigned char *p, uint32_t value)
{
	value = htole32(value);
	memcpy(p, &value, sizeof(value));
}

static void put64(unsigned char *p, uint64_t value)
{
	value = htole64(value);
	memcpy(p, &value, sizeof(value));
}

static uint16_t get16(const unsigned char *p)
{
	uint16_t value;

	memcpy(&value, p, sizeof(value));
	return le16toh(value);
}

static uint32_t get32(const unsigned char *p)
{
	uint32_t value;

	memcpy(&value, p, sizeof(value));
	return le32toh(value);
}

static uint64_t get64(const unsigned char *p)
{
	uint64_t value;

	memcpy(&value, p, sizeof(value));
	return le64toh(value);
}

static uint32_t check_of(const void *data, size_t size, uint64_t seed)
{
	return (uint32_t)XXH3_64bits_withSeed(data, size, seed);
}

static bool has_body(unsigned kind)
{
	return kind == RECORD_RUN || kind == RECORD_FAILED ||
	       kind == RECORD_MORE;
}

static bool is_kind(unsigned kind)
{
	return has_body(kind) || kind == RECORD_DONE || kind == RECORD_END;
}

/* ---------------------------------------------------------------- one record */

size_t record_encode(unsigned char out[RECORD_BODY_HEAD],
		     const struct record *r, uint64_t seed)
{
	size_t size = RECORD_SIZE, checked = RECORD_SIZE - 4;
	uint32_t seconds;

	out[4] = (unsigned char)r->kind;
	out[5] = MARK | r->uncounted;
	put16(out + 6, r->number);
	put64(out + 8, r->key.low);
	put64(out + 16, r->key.high);
	put32(out + 24, r->start_ms);
	memcpy(&seconds, &r->seconds, sizeof(seconds));
	put32(out + 28, seconds);
	if (has_body(r->kind)) {
		put32(out + 32, (uint32_t)r->body_size);
		put32(out + 36, check_of(r->body, r->body_size, seed));
		size = RECORD_BODY_HEAD;
		checked += 4;
	}
	put32(out, check_of(out + 4, checked, seed));
	return size;
}

/* What is no time, as nobody writes it, is none. */
static float seconds_of(const unsigned char *p)
{
	uint32_t bits = get32(p);
	float seconds;

	memcpy(&seconds, &bits, sizeof(seconds));
	return isfinite(seconds) && seconds > 0 ? seconds : 0;
}

enum record_found record_decode(struct record *r, size_t *used,
				const void *data, size_t size, uint64_t seed)
{
	const unsigned char *p = data;
	bool body = size > 4 && has_body(p[4]);
	size_t head = body ? RECORD_BODY_HEAD : RECORD_SIZE;

	*used = head;
	if ((size > 4 && !is_kind(p[4])) || (size > 5 && (p[5] & 0xfe) != MARK))
		return RECORD_NONE;
	if (size < head)
		return RECORD_CUT;
	if (get32(p) != check_of(p + 4, head - (body ? 8 : 4), seed))
		return RECORD_NONE;
	*r = (struct record){.kind = (enum record_kind)p[4],
			     .uncounted = p[5] & 1,
			     .number = get16(p + 6),
			     .key = {get64(p + 8), get64(p + 16)},
			     .start_ms = get32(p + 24),
			     .seconds = seconds_of(p + 28)};
	if (!body)
		return RECORD_WHOLE;
	r->body = p + head;
	r->body_size = get32(p + 32);
	*used += r->body_size;
	if (size < *used)
		return RECORD_CUT;
	return get32(p + 36) == check_of(r->body, r->body_size, seed) ?
		       RECORD_WHOLE :
		       RECORD_NONE;
}

bool record_failure(const void **item, size_t *item_size, const char **text,
		    size_t *text_size, const struct record *r)
{
	const unsigned char *p = r->body;

	if (r->kind != RECORD_FAILED || r->body_size < 4 ||
	    get32(p) > r->body_size - 4)
		return false;
	*item = p + 4;
	*item_size = get32(p);
	*text = (const char *)p + 4 + *item_size;
	*text_size = r->body_size - 4 - *item_size;
	return true;
}

void journal_file_head(unsigned char out[JOURNAL_HEAD_SIZE], uint64_t seed)
{
	memcpy(out, magic, sizeof(magic));
	put64(out + 16, seed);
	put64(out + 24, XXH3_64bits(out, 24));
}

/* --------------------------------------------------------------- all of them */

/* Have `want` bytes from `start` on, unless the file ends before. */
static int fill(struct journal_file *in, size_t want)
{
	if (in->start > 0 && in->room - in->start < want) {
		memmove(in->data, in->data + in->start, in->end - in->start);
		in->offset += in->start;
		in->end -= in->start;
		in->start = 0;
	}
	while (in->end - in->start < want && !in->at_end) {
		ssize_t n;

		/* It grows by what was read: a size that lies takes none. */
		if (in->end == in->room) {
			size_t room = in->room ? in->room * 2 : READ_SIZE;
			unsigned char *data = realloc(in->data, room);

			if (!data)
				return -ENOMEM;
			in->data = data;
			in->room = room;
		}
		n = pread(in->fd, in->data + in->end, in->room - in->end,
			  (off_t)(in->offset + in->end));
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			in->at_end = true;
		if (n > 0)
			in->end += (size_t)n;
	}
	return 0;
}

int journal_file_open(struct journal_file *in, int fd)
{
	unsigned char head[JOURNAL_HEAD_SIZE];
	size_t size;
	int rc;

	*in = (struct journal_file){.fd = fd};
	rc = fill(in, JOURNAL_HEAD_SIZE);
	if (rc < 0)
		return rc;
	size = in->end < JOURNAL_HEAD_SIZE ? in->end : JOURNAL_HEAD_SIZE;
	if (memcmp(in->data, magic,
		   size < sizeof(magic) ? size : sizeof(magic)) != 0)
		return -EINVAL;
	if (size < JOURNAL_HEAD_SIZE)
		return 1;
	in->seed = get64(in->data + 16);
	journal_file_head(head, in->seed);
	if (memcmp(head, in->data, sizeof(head)) != 0)
		return -EINVAL;
	in->start = in->good = JOURNAL_HEAD_SIZE;
	return 0;
}

static uint64_t place(const struct journal_file *in)
{
	return in->offset + in->start;
}

/* No record begins here. */
static void pass_over(struct journal_file *in)
{
	if (in->damage++ == 0)
		in->damage_at = place(in);
	in->start++;
}

/*
 * Whether what is left is a record that was cut, and not damage with another
 * one, which is whole, in it. A head whose check is right is a record's; a part
 * of a head may be anything, behind damage all the more.
 */
static bool is_torn(const struct journal_file *in)
{
	struct record r;
	size_t used;

	if (in->good != place(in))
		return false;
	if (in->end - in->start >= RECORD_BODY_HEAD)
		return true;
	for (size_t at = in->start + 1; at < in->end; at++)
		if (record_decode(&r, &used, in->data + at, in->end - at,
				  in->seed) == RECORD_WHOLE)
			return false;
	return true;
}

int journal_file_next(struct record *r, struct journal_file *in)
{
	for (;;) {
		enum record_found found;
		size_t used;
		int rc = fill(in, RECORD_BODY_HEAD);

		if (rc < 0)
			return rc;
		if (in->start == in->end)
			return 0;
		found = record_decode(r, &used, in->data + in->start,
				      in->end - in->start, in->seed);
		if (found == RECORD_CUT && !in->at_end) {
			rc = fill(in, used);
			if (rc < 0)
				return rc;
			continue;
		}
		if (found == RECORD_WHOLE) {
			in->start += used;
			in->good = place(in);
			return 1;
		}
		if (found == RECORD_CUT && is_torn(in)) {
			in->torn = in->end - in->start;
			in->start = in->end;
			return 0;
		}
		pass_over(in);
	}
}

void journal_file_close(struct journal_file *in)
{
	free(in->data);
	in->data = NULL;
}
