/* SPDX-License-Identifier: MIT */

#include "keys.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <xxhash.h>

#define CAPACITY_FIRST 16
/* From here on, 16 MiB in all, it is worth it to save memory. */
#define CAPACITY_LARGE 4096

struct keys_slot {
	uint64_t high;
	uint32_t low;	/* the upper part of it; the part is of the lower */
	uint32_t value; /* 0: free */
};

static struct keys_part *part_of(const struct keys *k,
				 const struct record_key *key)
{
	return &k->parts[key->low % KEYS_PARTS];
}

/*
 * The place goes with the key from the first slot to the last: a part that
 * grows is then copied in its order, which caches like, and may have any size.
 */
static struct keys_slot *home(const struct keys_part *p, uint64_t high)
{
	return p->slots +
	       (size_t)(((unsigned __int128)high * p->capacity) >> 64);
}

static bool slot_is(const struct keys_slot *slot, const struct record_key *key)
{
	return slot->high == key->high && slot->low == key->low >> 32;
}

static struct keys_slot *next_slot(const struct keys_part *p,
				   struct keys_slot *slot)
{
	return slot + 1 < p->slots + p->capacity ? slot + 1 : p->slots;
}

static struct keys_slot *seek(const struct keys_part *p,
			      const struct record_key *key)
{
	struct keys_slot *slot = home(p, key->high);

	while (slot->value && !slot_is(slot, key))
		slot = next_slot(p, slot);
	return slot;
}

uint32_t *keys_find(const struct keys *k, const struct record_key *key)
{
	struct keys_slot *slot;

	if (k->count == 0 || part_of(k, key)->count == 0)
		return NULL;
	slot = seek(part_of(k, key), key);
	return slot->value ? &slot->value : NULL;
}

static bool grow(struct keys_part *p)
{
	struct keys_part larger = {.count = p->count};

	larger.capacity = p->capacity < CAPACITY_LARGE ?
				  p->capacity * 2 :
				  p->capacity + p->capacity / 4;
	if (p->capacity == 0)
		larger.capacity = CAPACITY_FIRST;
	larger.slots = calloc(larger.capacity, sizeof(*larger.slots));
	if (!larger.slots)
		return false;
	for (size_t i = 0; i < p->capacity; i++) {
		struct keys_slot *slot;

		if (!p->slots[i].value)
			continue;
		slot = home(&larger, p->slots[i].high);
		while (slot->value)
			slot = next_slot(&larger, slot);
		*slot = p->slots[i];
	}
	free(p->slots);
	*p = larger;
	return true;
}

uint32_t *keys_put(struct keys *k, const struct record_key *key, uint32_t first)
{
	struct keys_part *p;
	struct keys_slot *slot;

	if (!k->parts)
		k->parts = calloc(KEYS_PARTS, sizeof(*k->parts));
	if (!k->parts)
		return NULL;
	p = part_of(k, key);
	if (p->count >= p->capacity - p->capacity / 4 && !grow(p))
		return NULL;
	slot = seek(p, key);
	if (!slot->value) {
		*slot = (struct keys_slot){.high = key->high,
					   .low = (uint32_t)(key->low >> 32),
					   .value = first};
		p->count++;
		k->count++;
	}
	return &slot->value;
}

void keys_release(struct keys *k)
{
	for (size_t i = 0; k->parts && i < KEYS_PARTS; i++)
		free(k->parts[i].slots);
	free(k->parts);
	*k = (struct keys){.parts = NULL};
}

/* ---------------------------------------------------------------- those of items */

struct record_key keys_of(uint64_t seed, const void *item, size_t size)
{
	XXH128_hash_t hash = XXH3_128bits_withSeed(item, size, seed);

	return (struct record_key){hash.low64, hash.high64};
}

/* A key that goes with another one. */
static struct record_key key_with(const struct keys *k,
				  const struct record_key *key, uint64_t what,
				  uint64_t n)
{
	uint64_t words[] = {key->low, key->high, what, n};

	return keys_of(k->seed, words, sizeof(words));
}

struct record_key keys_nth(const struct keys *k, const struct record_key *key,
			   uint64_t n)
{
	return n == 0 ? *key : key_with(k, key, 0, n);
}

int64_t keys_count(struct keys *k, const struct record_key *key, uint32_t way)
{
	uint32_t *number = keys_put(k, key, KEY_THERE);
	struct record_key counter;

	if (!number)
		return -ENOMEM;
	if (!(*number & way)) {
		*number |= way;
		return 0;
	}
	counter = key_with(k, key, way, 0);
	number = keys_put(k, &counter, 1);
	return number ? (int64_t)(*number)++ : -ENOMEM;
}

uint64_t keys_counted(const struct keys *k, const struct record_key *key,
		      uint32_t way)
{
	struct record_key counter = key_with(k, key, way, 0);
	const uint32_t *number = keys_find(k, &counter);

	return number ? *number : 1;
}
