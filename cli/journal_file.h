/* SPDX-License-Identifier: MIT */
#ifndef JOURNAL_FILE_H
#define JOURNAL_FILE_H

/*
 * The bytes of a journal: a head, and records behind it, which are only ever
 * appended. All numbers are little-endian.
 *
 *   head    16 bytes    "prun journal 1\n\n"
 *            8          the seed: chance, of this journal
 *            8          XXH3 of these 24
 *
 *   record   4          check: XXH3 of what follows, with the seed, cut off
 *            1          kind
 *            1          0xa6; 0xa7: the key is of the bytes alone
 *            2          number: the worker; of END the exit code; of MORE how
 *                       often the item was tried
 *           16          key
 *            4          start_ms
 *            4          how long it ran, in seconds: an IEEE float
 *                       and of the kinds that have a body
 *            4          its size, of which `check` is as well
 *            4          XXH3 of the body, with the seed, cut off
 *                       the body
 *
 * A record is whole or it is not there: one that is cut off at the end of the
 * file is what was being written when somebody was killed. Whatever else fails
 * its check is damage, which is passed over up to the next record that is
 * whole. The seed keeps an item that looks like a record, within damage, from
 * being one, and two items from being chosen so that they have one key.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JOURNAL_HEAD_SIZE 32
#define RECORD_SIZE 32	    /* without a body */
#define RECORD_BODY_HEAD 40 /* with one, up to it */

/* What is written to tell which item it is. */
struct record_key {
	uint64_t low, high;
};

enum record_kind {
	RECORD_RUN = 'R',    /* begins a run; the key holds the nanoseconds of
				CLOCK_REALTIME, the body the command, its
				words NUL-terminated */
	RECORD_DONE = 'D',   /* an item; start_ms is since the run's start */
	RECORD_FAILED = 'F', /* the same; the body is the item's size in 4
				bytes, the item, and why */
	RECORD_MORE = 'M',   /* comes before an item's that was tried more than
				once, or was one of the slowest so far, or
				whose bytes are no text; has its key, and for
				a body, which may be empty, the item as text,
				or its beginning. Nothing is lost for the run
				that goes on if it is not there */
	RECORD_END = 'E',    /* ends a run in order, which lasted as long as it
				says; the key holds how many were done, and
				failed */
};

struct record {
	enum record_kind kind;
	bool uncounted; /* the key is of the item's bytes, and it is the next
			   of those with the same ones */
	uint16_t number;
	struct record_key key;
	uint32_t start_ms;
	float seconds;
	const void *body;
	size_t body_size;
};

/* The bytes of a record up to its body. Returns how many there are. */
size_t record_encode(unsigned char out[RECORD_BODY_HEAD],
		     const struct record *r, uint64_t seed);

enum record_found {
	RECORD_WHOLE,
	RECORD_CUT, /* it may be one, whose end is not there */
	RECORD_NONE,
};

/* The record that the bytes begin with: `r` borrows its body from them, *used
 * is how long it is (of one that was cut, how long it is known to be). */
enum record_found record_decode(struct record *r, size_t *used,
				const void *data, size_t size, uint64_t seed);

/* The item and the text of a failed one. false: its body is none. */
bool record_failure(const void **item, size_t *item_size, const char **text,
		    size_t *text_size, const struct record *r);

void journal_file_head(unsigned char out[JOURNAL_HEAD_SIZE], uint64_t seed);

/* Reads a journal from its beginning. */
struct journal_file {
	int fd;
	uint64_t seed;
	unsigned char *data; /* of the file, from `offset` on */
	size_t start, end, room;
	uint64_t offset;
	bool at_end; /* all of the file is in `data` */
	/* What is known of it so far: */
	uint64_t good;	    /* where the last record that is whole ends */
	uint64_t torn;	    /* bytes of one that was cut, at the end */
	uint64_t damage;    /* bytes that are no records, */
	uint64_t damage_at; /* the first of them there */
};

/* 0; 1: the file is empty, or its head was cut; -EINVAL: it is no journal; or
 * -errno. */
int journal_file_open(struct journal_file *in, int fd);
/* 1 and a record, borrowed until the next call; 0 at the end; -errno. */
int journal_file_next(struct record *r, struct journal_file *in);
void journal_file_close(struct journal_file *in);

#endif
