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

#include "records.h"

struct keys_slot;

struct keys_part {
	struct keys_slot *slots;
	size_t capacity, count;
};

#define KEYS_PARTS 256

struct keys {
	struct keys_part *parts;
	size_t count;
};

/* Where the number of a key is; NULL: there is none. Until the next put. */
uint32_t *keys_find(const struct keys *k, const struct record_key *key);
/* The same, and it is added if it is not there, with `first` as its number.
 * NULL: no memory. */
uint32_t *keys_put(struct keys *k, const struct record_key *key,
		   uint32_t first);
/* This one will be asked for soon. */
void keys_soon(const struct keys *k, const struct record_key *key);
void keys_release(struct keys *k);

#endif
