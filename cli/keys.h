/* SPDX-License-Identifier: MIT */
#ifndef KEYS_H
#define KEYS_H

/*
 * A table of 128-bit keys, each with a number above 0 that is the caller's. It
 * takes 21 to 27 bytes a key. It is cut into parts that grow one by one, so
 * that it is never there twice.
 *
 * The keys are taken to be evenly spread, and of each 104 bits are looked at:
 * among four thousand million keys two are taken for one with a probability of
 * one in 10^12.
 */

#include <stddef.h>
#include <stdint.h>

#include "journal_file.h"

struct keys_slot;

struct keys_part {
	struct keys_slot *slots;
	size_t capacity, count;
};

#define KEYS_PARTS 256

struct keys {
	struct keys_part *parts;
	size_t count;
	uint64_t seed; /* of the keys */
};

/* Where the number of a key is; NULL: there is none. Until the next put. */
uint32_t *keys_find(const struct keys *k, const struct record_key *key);
/* The same, and it is added if it is not there, with `first` as its number.
 * NULL: no memory. */
uint32_t *keys_put(struct keys *k, const struct record_key *key,
		   uint32_t first);
void keys_release(struct keys *k);

/*
 * What the number of an item's key says, in a journal's table: how the item has
 * fared last. In the number of the first item with its bytes also, for each of
 * the ways to count them, whether one was counted; from the second on that is
 * the number of a key of its own.
 */
enum {
	KEY_THERE = 1,
	KEY_DONE = 2,
	KEY_FAILED = 4,
	KEY_TOLD = 8,	/* it has failed, and was printed */
	KEY_READ = 16,	/* by record of the first run */
	KEY_AGAIN = 32, /* when they are read once more */
	KEY_COME = 64,	/* by item of the input */
	KEY_ENDED = 128 /* by result */
};

/* The key of the bytes of an item. */
struct record_key keys_of(uint64_t seed, const void *item, size_t size);
/* That of the n-th item with the same bytes, from 0. */
struct record_key keys_nth(const struct keys *k, const struct record_key *key,
			   uint64_t n);
/* How often these bytes were counted so before; 0 or more, or -ENOMEM. */
int64_t keys_count(struct keys *k, const struct record_key *key, uint32_t way);
/* How often they were counted, where that is at least once. */
uint64_t keys_counted(const struct keys *k, const struct record_key *key,
		      uint32_t way);

#endif
