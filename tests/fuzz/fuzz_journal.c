/* SPDX-License-Identifier: MIT */
/*
 * The bytes of a journal, as the reader meets them. The input is steps, each
 * of 1 byte and what it takes:
 *
 *	0 to 3	  a record that is whole: 1 byte each for its number, its key,
 *		  and the size of its body, and the body
 *	4	  the same, whose last byte is missing, and the end
 *	5	  the same, with 1 byte of it changed: 1 byte where, 1 byte how
 *	6, 7	  bytes: 1 byte how many, and these
 *
 * in the bits from 2 on; the lowest two are the kind of record, 0x20 says that
 * it is one of the kind MORE, the highest that it is not counted. All records that are whole come out, in their order
 * and as they went in; nothing else does; and all other bytes are damage, or
 * torn. Bodies and bytes are below 0x40, for a fuzzer that knows the seed finds
 * records that are within others.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "journal_file.h"

#define RECORDS_MAX 64
#define FILE_MAX ((size_t)32 << 10)
#define SEED 0x9e3779b97f4a7c15u

struct wanted {
	struct record r;
	unsigned char body[256];
};

static struct wanted wanted[RECORDS_MAX];
static size_t nwanted;
static unsigned char file[FILE_MAX];
static size_t file_size;
static bool torn;    /* nothing but one record that is cut is at the end */
static size_t whole; /* bytes of records */

static void add(const void *data, size_t size)
{
	FUZZ_ASSERT(size <= FILE_MAX - file_size);
	memcpy(file + file_size, data, size);
	file_size += size;
}

/* One into `bytes`: how many there are. */
static size_t take_record(unsigned char *bytes, struct wanted *w, unsigned step,
			  struct fuzz_input *in)
{
	static const enum record_kind kinds[] = {RECORD_RUN, RECORD_DONE,
						 RECORD_FAILED, RECORD_END};
	enum record_kind kind = step & 0x20 ? RECORD_MORE : kinds[step & 3];
	size_t size;

	w->r = (struct record){.kind = kind, .uncounted = step & 0x80};
	w->r.number = (uint16_t)(fuzz_take(in, 1) * 257);
	w->r.key.low = fuzz_take(in, 1) * SEED;
	w->r.key.high = ~w->r.key.low;
	w->r.start_ms = w->r.number * 65537u;
	w->r.seconds = (float)w->r.number;
	if (kind != RECORD_DONE && kind != RECORD_END) {
		w->r.body = w->body;
		w->r.body_size = (size_t)fuzz_take(in, 1);
		for (size_t i = 0; i < w->r.body_size; i++)
			w->body[i] = fuzz_take(in, 1) & 0x3f;
	}
	size = record_encode(bytes, &w->r, SEED);
	memcpy(bytes + size, w->body, w->r.body_size);
	return size + w->r.body_size;
}

static void take_step(struct fuzz_input *in)
{
	unsigned char bytes[RECORD_BODY_HEAD + 256];
	unsigned step = (unsigned)fuzz_take(in, 1);
	struct wanted spare;
	size_t size, at;

	torn = false;
	if ((step >> 2 & 7) > 5) {
		size = (size_t)fuzz_take(in, 1);
		for (at = 0; at < size; at++)
			bytes[at] = fuzz_take(in, 1) & 0x3f;
		add(bytes, size);
	} else if ((step >> 2 & 7) == 4) {
		size = take_record(bytes, &spare, step, in);
		add(bytes, size - 1);
		torn = true;
		in->size = 0;
	} else if ((step >> 2 & 7) == 5) {
		size = take_record(bytes, &spare, step, in);
		at = (size_t)fuzz_take(in, 1) % size;
		bytes[at] ^= (unsigned char)(fuzz_take(in, 1) | 1);
		add(bytes, size);
	} else {
		size = take_record(bytes, &wanted[nwanted++], step, in);
		add(bytes, size);
		whole += size;
	}
}

static void take_file(struct fuzz_input *in)
{
	unsigned char head[JOURNAL_HEAD_SIZE];

	nwanted = file_size = whole = 0;
	torn = false;
	journal_file_head(head, SEED);
	add(head, sizeof(head));
	while (in->size > 0 && nwanted < RECORDS_MAX &&
	       file_size + RECORD_BODY_HEAD + 256 <= FILE_MAX)
		take_step(in);
}

static bool is_wanted(const struct record *r, const struct wanted *w)
{
	const void *item;
	const char *text;
	size_t item_size, text_size;

	if (record_failure(&item, &item_size, &text, &text_size, r))
		FUZZ_ASSERT(item_size + text_size + 4 == r->body_size);
	return r->kind == w->r.kind && r->uncounted == w->r.uncounted &&
	       r->number == w->r.number && r->key.low == w->r.key.low &&
	       r->key.high == w->r.key.high && r->start_ms == w->r.start_ms &&
	       r->seconds == w->r.seconds && r->body_size == w->r.body_size &&
	       (r->body_size == 0 ||
		memcmp(r->body, w->body, r->body_size) == 0);
}

static void check_records(int fd)
{
	struct journal_file in;
	struct record r;
	size_t n = 0;

	FUZZ_ASSERT(journal_file_open(&in, fd) == 0 && in.seed == SEED);
	while (journal_file_next(&r, &in) == 1) {
		FUZZ_ASSERT(n < nwanted && is_wanted(&r, &wanted[n]));
		n++;
	}
	FUZZ_ASSERT(n == nwanted);
	FUZZ_ASSERT(in.damage + in.torn + whole + JOURNAL_HEAD_SIZE ==
		    file_size);
	FUZZ_ASSERT(in.torn == 0 || in.good + in.torn == file_size);
	FUZZ_ASSERT(!torn || in.damage > 0 || in.torn > 0);
	journal_file_close(&in);
}

/* A file that may not even have a head. */
static void check_any(int fd, const uint8_t *data, size_t size)
{
	struct journal_file in;
	struct record r;

	FUZZ_ASSERT(ftruncate(fd, 0) == 0);
	FUZZ_ASSERT(pwrite(fd, data, size, 0) == (ssize_t)size);
	if (journal_file_open(&in, fd) == 0)
		while (journal_file_next(&r, &in) == 1)
			FUZZ_ASSERT(in.good <= size);
	journal_file_close(&in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	struct fuzz_input in = {data, size};

	if (fd < 0)
		fd = memfd_create("journal", MFD_CLOEXEC);
	FUZZ_ASSERT(fd >= 0 && ftruncate(fd, 0) == 0);
	take_file(&in);
	FUZZ_ASSERT(pwrite(fd, file, file_size, 0) == (ssize_t)file_size);
	check_records(fd);
	check_any(fd, data, size);
	return 0;
}
