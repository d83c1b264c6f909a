/* SPDX-License-Identifier: MIT */
#include "chunk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What the cache may hold in all. */
#define CACHE_BYTES ((size_t)1 << 20)
/* Larger buffers go back to malloc rather than to the cache. */
#define CACHE_ARGS_MAX ((size_t)64 << 10)
#define BLOCK_MIN 48u
#define BLOCK_MAX ((size_t)64 << 10)

struct arena_block {
	struct arena_block *next;
	size_t size;
	bool in_slab; /* and so not freed by itself */
	unsigned char data[];
};

static void arena_release(struct arena *a)
{
	struct arena_block *b, *next;

	for (b = a->blocks; b; b = next) {
		next = b->next;
		if (!b->in_slab)
			free(b);
	}
	memset(a, 0, sizeof(*a));
}

/* Empty, with the first block kept for what is to come. */
static void arena_clear(struct arena *a)
{
	struct arena first = {.blocks = a->blocks};

	if (!a->blocks || a->blocks->size > BLOCK_MAX) {
		arena_release(a);
		return;
	}
	a->blocks = a->blocks->next;
	arena_release(a);
	first.capacity = first.blocks->size;
	first.blocks->next = NULL;
	*a = first;
}

/* A block that holds at least `size` more bytes becomes the first. A large
 * value gets a block of its own behind it, so the first goes on filling. */
static unsigned char *arena_grow(struct chunk *c, size_t size)
{
	struct arena *a = &c->arena;
	size_t want = a->capacity ? a->capacity * 2 : BLOCK_MIN;
	struct arena_block *b = NULL;

	if (want > BLOCK_MAX)
		want = BLOCK_MAX;
	if (want < size)
		want = size;
	if (c->slabs)
		b = slab_take(c->slabs, sizeof(*b) + want);
	if (b) {
		b->in_slab = true;
	} else {
		b = malloc(sizeof(*b) + want);
		if (!b)
			return NULL;
		b->in_slab = false;
	}
	b->size = want;
	if (a->blocks && want == size) {
		b->next = a->blocks->next;
		a->blocks->next = b;
		return b->data;
	}
	b->next = a->blocks;
	a->blocks = b;
	a->capacity = want;
	a->used = size;
	return b->data;
}

/* Room in the arena, with a byte behind it that is NUL; NULL: no memory. */
static unsigned char *arena_take(struct chunk *c, size_t size)
{
	struct arena *a = &c->arena;
	unsigned char *at;

	if (size < a->capacity - a->used) {
		at = a->blocks->data + a->used;
		a->used += size + 1;
	} else {
		at = arena_grow(c, size + 1);
		if (!at)
			return NULL;
	}
	at[size] = '\0';
	return at;
}

/* A failure's text has its status in front. */
static const struct {
	int32_t status;
	char text[32];
} no_memory = {-ENOMEM, "no memory to keep the result"};

static void keep_no_memory(struct chunk *c, uint32_t i)
{
	c->results[i].value = (const unsigned char *)no_memory.text;
	c->results[i].size = strlen(no_memory.text);
	c->states[i] = TASK_FAILED;
}

bool chunk_keep_value(struct chunk *c, uint32_t i, const void *data,
		      size_t size)
{
	unsigned char *at = arena_take(c, size);

	if (!at) {
		keep_no_memory(c, i);
		return false;
	}
	if (size == 1)
		*at = *(const unsigned char *)data;
	else
		memcpy(at, data, size);
	c->results[i].value = at;
	c->results[i].size = size;
	c->states[i] = TASK_DONE;
	return true;
}

bool chunk_keep_failure(struct chunk *c, uint32_t i, int status,
			const void *text, size_t size)
{
	int32_t code = status;
	unsigned char *at = arena_take(c, sizeof(code) + size);

	if (!at) {
		keep_no_memory(c, i);
		return false;
	}
	memcpy(at, &code, sizeof(code));
	memcpy(at + sizeof(code), text, size);
	c->results[i].value = at + sizeof(code);
	c->results[i].size = size;
	c->states[i] = TASK_FAILED;
	return true;
}

int chunk_status(const struct chunk *c, uint32_t i)
{
	int32_t status = 0;

	if (c->states[i] == TASK_FAILED)
		memcpy(&status, c->results[i].value - sizeof(status),
		       sizeof(status));
	return status;
}

static bool same_who(const struct chunk_who *a, const struct chunk_who *b)
{
	return a->worker_pid == b->worker_pid && a->worker_id == b->worker_id &&
	       a->signal == b->signal && a->exit_code == b->exit_code;
}

/* Without memory for the difference nobody is named, rather than the wrong
 * one. */
void chunk_set_who(struct chunk *c, uint32_t first, uint32_t count,
		   const struct chunk_who *who)
{
	static const struct chunk_who unknown = {-1, 0, -1, 0};
	uint32_t k;

	if (!c->who_known) {
		c->who = *who;
		c->who_known = true;
	}
	if (!c->whos && !same_who(&c->who, who)) {
		c->whos = malloc(c->count * sizeof(*c->whos));
		if (!c->whos)
			c->who = unknown;
		for (k = 0; c->whos && k < c->count; k++)
			c->whos[k] = c->who;
	}
	for (k = first; c->whos && k < first + count; k++)
		c->whos[k] = *who;
}

const struct chunk_who *chunk_get_who(const struct chunk *c, uint32_t i)
{
	return c->whos ? &c->whos[i] : &c->who;
}

static void chunk_destroy(struct chunk *c)
{
	arena_release(&c->arena);
	free(c->cookies);
	free(c->tries);
	free(c->whos);
	if (c->placed)
		return; /* with its argument */
	packer_release(&c->args);
	if (!c->slabs)
		free(c);
}

/* The arrays lie behind the chunk, in one block. */
static size_t block_size(uint32_t capacity)
{
	size_t size = sizeof(struct chunk) + sizeof(uint64_t) +
		      capacity * CHUNK_TASK_OVERHEAD;

	return (size + 15) & ~(size_t)15;
}

static void chunk_init(struct chunk *c, uint32_t capacity)
{
	memset(c, 0, sizeof(*c));
	c->capacity = capacity;
	c->results = (struct chunk_result *)(c + 1);
	c->offsets = (uint64_t *)(c->results + capacity);
	c->states = (uint8_t *)(c->offsets + capacity + 1);
	c->refs = 1;
	packer_init(&c->args, SIZE_MAX / 2);
}

static struct chunk *chunk_allocate(struct slab **slabs, uint32_t capacity)
{
	size_t size = block_size(capacity);
	struct chunk *c = slabs ? slab_take(slabs, size) : NULL;

	if (!c) {
		slabs = NULL;
		c = malloc(size);
		if (!c)
			return NULL;
	}
	chunk_init(c, capacity);
	c->slabs = slabs;
	return c;
}

/* Behind the block: the first piece of the arena, then the argument. */
#define PLACED_ARENA 24u

size_t chunk_placed_size(size_t size)
{
	return block_size(1) + sizeof(struct arena_block) + PLACED_ARENA + size;
}

struct chunk *chunk_place(void *memory, const void *argument, size_t size)
{
	struct chunk *c = memory;
	struct arena_block *b =
		(struct arena_block *)((char *)memory + block_size(1));

	chunk_init(c, 1);
	c->placed = true;
	b->next = NULL;
	b->size = PLACED_ARENA;
	b->in_slab = true;
	c->arena.blocks = b;
	c->arena.capacity = PLACED_ARENA;
	c->args.data = b->data + PLACED_ARENA;
	c->args.size = size;
	memcpy(c->args.data, argument, size);
	c->offsets[0] = 0;
	c->offsets[1] = size;
	c->states[0] = TASK_QUEUED;
	c->count = 1;
	return c;
}

/* About what a chunk takes while it waits in the cache. */
static size_t chunk_bytes(const struct chunk *c)
{
	return sizeof(*c) + c->capacity * CHUNK_TASK_OVERHEAD +
	       c->args.capacity + c->arena.capacity;
}

struct chunk *chunk_new(struct chunk_cache *cache, struct slab **slabs,
			uint32_t capacity)
{
	struct chunk *c = cache && !slabs ? cache->free : NULL;

	if (c) {
		cache->free = c->next;
		cache->bytes -= chunk_bytes(c);
		/* Nor one that is far too large: in time all would be. */
		if (c->capacity < capacity || c->capacity / 4 > capacity) {
			chunk_destroy(c);
			c = NULL;
		}
	}
	if (!c)
		c = chunk_allocate(slabs, capacity);
	if (!c)
		return NULL;
	c->next = NULL;
	c->prev = NULL;
	c->refs = 1;
	return c;
}

void chunk_ref(struct chunk *c)
{
	c->refs++;
}

/* Ready for the next user, with its memory where that is small. */
static void chunk_clean(struct chunk *c)
{
	arena_clear(&c->arena);
	packer_truncate(&c->args, 0);
	c->args.base = 0;
	free(c->cookies);
	c->cookies = NULL;
	free(c->whos);
	c->whos = NULL;
	c->who_known = false;
	c->count = 0;
	c->left = 0;
	c->taken = 0;
	c->exact = false;
	c->star = false;
	c->limits = NULL;
	free(c->tries);
	c->tries = NULL;
	c->attempt = 0;
	c->retry_of = NULL;
}

void chunk_unref(struct chunk_cache *cache, struct chunk *c)
{
	if (--c->refs > 0)
		return;
	if (!cache || c->slabs || c->placed ||
	    c->args.capacity > CACHE_ARGS_MAX) {
		chunk_destroy(c);
		return;
	}
	chunk_clean(c);
	if (cache->bytes + chunk_bytes(c) > CACHE_BYTES) {
		chunk_destroy(c);
		return;
	}
	c->next = cache->free;
	cache->free = c;
	cache->bytes += chunk_bytes(c);
}

void chunk_cache_release(struct chunk_cache *cache)
{
	struct chunk *c, *next;

	for (c = cache->free; c; c = next) {
		next = c->next;
		chunk_destroy(c);
	}
	cache->free = NULL;
	cache->bytes = 0;
}

int chunk_add(struct chunk *c, size_t before, void *cookie)
{
	if (cookie && !c->cookies) {
		c->cookies = calloc(c->capacity, sizeof(*c->cookies));
		if (!c->cookies)
			return -ENOMEM;
	}
	if (c->cookies)
		c->cookies[c->count] = cookie;
	c->offsets[c->count] = before;
	c->states[c->count] = TASK_QUEUED;
	c->count++;
	c->offsets[c->count] = c->args.size;
	return 0;
}

const unsigned char *chunk_argument(const struct chunk *c, uint32_t i,
				    size_t *size)
{
	*size = (size_t)chunk_argument_size(c, i);
	return c->args.data + c->offsets[i];
}

uint64_t chunk_argument_size(const struct chunk *c, uint32_t i)
{
	return c->offsets[i + 1] - c->offsets[i];
}
