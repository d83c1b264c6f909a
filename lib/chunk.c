/* SPDX-License-Identifier: MIT */
#include "chunk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What the cache may hold in all. */
#define CACHE_BYTES ((size_t)4 << 20)
/* Larger buffers go back to malloc rather than to the cache. */
#define CACHE_ARGS_MAX ((size_t)64 << 10)
#define BLOCK_MIN 48u
#define BLOCK_MAX ((size_t)64 << 10)

struct arena_block {
	struct arena_block *next;
	uint32_t size, used;
	bool in_slab; /* and so not freed by itself */
	unsigned char data[];
};

static void arena_release(struct arena_block *b)
{
	struct arena_block *next;

	for (; b; b = next) {
		next = b->next;
		if (!b->in_slab)
			free(b);
	}
}

/* Empty, with the first block kept for what is to come. */
static void arena_clear(struct chunk *c)
{
	struct arena_block *first = c->arena;

	if (!first)
		return;
	if (first->size > BLOCK_MAX) {
		arena_release(first);
		c->arena = NULL;
		return;
	}
	arena_release(first->next);
	first->next = NULL;
	first->used = 0;
}

static uint32_t block_mark(size_t size)
{
	return size < UINT32_MAX ? (uint32_t)size : UINT32_MAX;
}

/* Of which `used` bytes are taken already. */
static struct arena_block *block_new(struct slab **slabs, size_t size,
				     size_t used)
{
	size_t whole = sizeof(struct arena_block) + size;
	struct arena_block *b = slabs ? slab_take(slabs, whole) : NULL;
	bool in_slab = b != NULL;

	if (!b)
		b = malloc(whole);
	if (!b)
		return NULL;
	b->next = NULL;
	b->size = block_mark(size);
	b->used = block_mark(used);
	b->in_slab = in_slab;
	return b;
}

/* A block that holds at least `size` more bytes becomes the first. A large
 * value gets a block of its own behind it, so the first goes on filling. */
static unsigned char *arena_grow(struct chunk *c, size_t size)
{
	struct arena_block *first = c->arena, *b;
	size_t want = first ? (size_t)first->size * 2 : BLOCK_MIN;

	if (want > BLOCK_MAX)
		want = BLOCK_MAX;
	if (want < size)
		want = size;
	b = block_new(c->slabs, want, size);
	if (!b)
		return NULL;
	if (first && want == size) {
		b->next = first->next;
		first->next = b;
	} else {
		b->next = first;
		c->arena = b;
	}
	return b->data;
}

/* Room in the arena, with a byte behind it that is NUL; NULL: no memory. */
static unsigned char *arena_take(struct chunk *c, size_t size)
{
	struct arena_block *first = c->arena;
	unsigned char *at;

	if (first && size < first->size - first->used) {
		at = first->data + first->used;
		first->used += (uint32_t)size + 1;
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
	struct chunk_result *r = chunk_result(c, i);

	r->at = (const unsigned char *)no_memory.text;
	r->size = (uint32_t)strlen(no_memory.text);
	c->states[i] = TASK_FAILED;
}

bool chunk_keep_value(struct chunk *c, uint32_t i, const void *data,
		      size_t size)
{
	struct chunk_result *r = chunk_result(c, i);
	unsigned char *at = r->small;

	c->states[i] = TASK_DONE;
	if (size == 1) { /* nil, a boolean, a small integer */
		at[0] = *(const unsigned char *)data;
		at[1] = '\0';
		r->size = 1;
		return true;
	}
	if (size <= CHUNK_SMALL_MAX)
		at[size] = '\0';
	else
		r->at = at = arena_take(c, size);
	if (!at) {
		keep_no_memory(c, i);
		return false;
	}
	memcpy(at, data, size);
	r->size = (uint32_t)size;
	return true;
}

const unsigned char *chunk_value(const struct chunk *c, uint32_t i,
				 size_t *size)
{
	const struct chunk_result *r = chunk_result(c, i);

	*size = r->size;
	return r->size <= CHUNK_SMALL_MAX && c->states[i] != TASK_FAILED ?
		       r->small :
		       r->at;
}

bool chunk_keep_failure(struct chunk *c, uint32_t i, int status,
			const void *text, size_t size)
{
	struct chunk_result *r = chunk_result(c, i);
	int32_t code = status;
	unsigned char *at;

	at = arena_take(c, sizeof(code) + size);
	if (!at) {
		keep_no_memory(c, i);
		return false;
	}
	memcpy(at, &code, sizeof(code));
	memcpy(at + sizeof(code), text, size);
	r->at = at + sizeof(code);
	r->size = (uint32_t)size;
	c->states[i] = TASK_FAILED;
	return true;
}

int chunk_status(const struct chunk *c, uint32_t i)
{
	int32_t status = 0;

	if (c->states[i] == TASK_FAILED)
		memcpy(&status, chunk_result(c, i)->at - sizeof(status),
		       sizeof(status));
	return status;
}

static bool same_who(const struct chunk_who *a, const struct chunk_who *b)
{
	return a->worker_pid == b->worker_pid && a->worker_id == b->worker_id &&
	       a->signal == b->signal && a->exit_code == b->exit_code;
}

/* NULL: no memory. */
static struct chunk_rare *rare(struct chunk *c)
{
	if (!c->rare)
		c->rare = calloc(1, sizeof(*c->rare));
	return c->rare;
}

static struct chunk_who *tell_apart(struct chunk *c)
{
	struct chunk_who *whos;
	uint32_t k;

	if (!rare(c))
		return NULL;
	whos = malloc(c->count * sizeof(*whos));
	for (k = 0; whos && k < c->count; k++)
		whos[k] = c->who;
	return c->rare->whos = whos;
}

/* Without memory for the difference nobody is named, rather than the wrong
 * one. */
void chunk_set_who(struct chunk *c, uint32_t first, uint32_t count,
		   const struct chunk_who *who)
{
	static const struct chunk_who unknown = {-1, 0, -1, 0};
	struct chunk_who *whos = c->rare ? c->rare->whos : NULL;
	uint32_t k;

	if (!c->who_known) {
		c->who = *who;
		c->who_known = true;
	}
	if (!whos && !same_who(&c->who, who)) {
		whos = tell_apart(c);
		if (!whos)
			c->who = unknown;
	}
	for (k = first; whos && k < first + count; k++)
		whos[k] = *who;
}

const struct chunk_who *chunk_get_who(const struct chunk *c, uint32_t i)
{
	return c->rare && c->rare->whos ? &c->rare->whos[i] : &c->who;
}

void *chunk_cookie(const struct chunk *c, uint32_t i)
{
	return c->rare && c->rare->cookies ? c->rare->cookies[i] : NULL;
}

uint32_t chunk_tries(const struct chunk *c, uint32_t i)
{
	return c->rare && c->rare->tries ? c->rare->tries[i] : 0;
}

uint32_t chunk_count_try(struct chunk *c, uint32_t i)
{
	if (!rare(c))
		return 0;
	if (!c->rare->tries)
		c->rare->tries = calloc(c->count, sizeof(*c->rare->tries));
	return c->rare->tries ? ++c->rare->tries[i] : 0;
}

int chunk_set_retry_of(struct chunk *c, struct chunk *of, uint32_t i)
{
	if (!rare(c))
		return -ENOMEM;
	c->rare->retry_of = of;
	c->rare->retry_i = i;
	return 0;
}

struct chunk *chunk_retry_of(const struct chunk *c, uint32_t *i)
{
	if (!c->rare || !c->rare->retry_of)
		return NULL;
	*i = c->rare->retry_i;
	return c->rare->retry_of;
}

static void rare_release(struct chunk *c)
{
	if (!c->rare)
		return;
	free(c->rare->cookies);
	free(c->rare->tries);
	free(c->rare->whos);
	free(c->rare);
	c->rare = NULL;
}

static void chunk_destroy(struct chunk *c)
{
	arena_release(c->arena);
	rare_release(c);
	if (c->args_capacity)
		free(c->args);
	if (!c->slabs && !c->placed)
		free(c);
}

/* The arrays lie behind the chunk, in one block. */
static size_t arrays_end(uint32_t capacity)
{
	return sizeof(struct chunk) + sizeof(uint32_t) +
	       capacity * CHUNK_TASK_OVERHEAD;
}

static void chunk_init(struct chunk *c, uint32_t capacity)
{
	memset(c, 0, sizeof(*c));
	c->capacity = capacity;
	c->offsets = (uint32_t *)chunk_result(c, capacity);
	c->states = (uint8_t *)(c->offsets + capacity + 1);
	c->offsets[0] = 0;
	c->refs = 1;
}

static struct chunk *chunk_allocate(struct slab **slabs, uint32_t capacity)
{
	size_t size = arrays_end(capacity);
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

/* The argument lies behind the states. */
size_t chunk_placed_size(size_t size)
{
	return arrays_end(1) + size;
}

struct chunk *chunk_place(void *memory, const void *argument, size_t size)
{
	struct chunk *c = memory;

	chunk_init(c, 1);
	c->placed = true;
	c->args = (unsigned char *)memory + arrays_end(1);
	c->args_size = (uint32_t)size;
	memcpy(c->args, argument, size);
	c->offsets[1] = (uint32_t)size;
	c->states[0] = TASK_QUEUED;
	c->count = 1;
	return c;
}

/* About what a chunk takes while it waits in the cache. */
static size_t chunk_bytes(const struct chunk *c)
{
	return sizeof(*c) + c->capacity * CHUNK_TASK_OVERHEAD +
	       c->args_capacity + (c->arena ? c->arena->size : 0);
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
	arena_clear(c);
	rare_release(c);
	c->args_size = 0;
	c->who_known = false;
	c->count = 0;
	c->left = 0;
	c->taken = 0;
	c->exact = false;
	c->star = false;
	c->limits = NULL;
	c->attempt = 0;
}

void chunk_unref(struct chunk_cache *cache, struct chunk *c)
{
	if (--c->refs > 0)
		return;
	if (!cache || c->slabs || c->placed ||
	    c->args_capacity > CACHE_ARGS_MAX) {
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

int chunk_add(struct chunk *c, size_t end, void *cookie)
{
	if (cookie && (!rare(c) || !c->rare->cookies)) {
		if (!c->rare)
			return -ENOMEM;
		c->rare->cookies = calloc(c->capacity, sizeof(cookie));
		if (!c->rare->cookies)
			return -ENOMEM;
	}
	if (c->rare && c->rare->cookies)
		c->rare->cookies[c->count] = cookie;
	c->states[c->count] = TASK_QUEUED;
	c->count++;
	c->offsets[c->count] = (uint32_t)end;
	return 0;
}

void chunk_take_args(struct chunk *c, struct prun_packer *packer)
{
	unsigned char *unused = c->args;
	size_t capacity = c->args_capacity;

	c->args_size = (uint32_t)packer->size;
	if (c->slabs)
		c->args = slab_take(c->slabs, packer->size);
	if (c->slabs && c->args) {
		memcpy(c->args, packer->data, packer->size);
	} else {
		c->args = packer->data;
		c->args_capacity = packer->capacity < UINT32_MAX ?
					   (uint32_t)packer->capacity :
					   UINT32_MAX;
		packer->data = unused;
		packer->capacity = capacity;
	}
	packer->base = 0;
	packer_truncate(packer, 0);
}
