/* SPDX-License-Identifier: MIT */
#ifndef CHUNK_H
#define CHUNK_H

/*
 * A chunk: a run of consecutive tasks of one job, with their arguments, and
 * later their results. The job that made it holds one reference; it lives
 * until that and those of borrowed results are gone. Nothing in it moves once
 * it is submitted, so results may point into it.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "slab.h"
#include "value.h"

/* Where a task is. The engine keeps the first three apart, the job the last
 * two. */
enum task_state {
	TASK_QUEUED = 0, /* with the engine, not granted to a worker */
	TASK_SENT,	 /* granted, perhaps running */
	TASK_DONE,	 /* given back */
	TASK_TAKEN	 /* delivered to the caller */
};

struct chunk_result {
	const unsigned char *value; /* in the arena; the text of a failure is
				       followed by a NUL */
	uint64_t size;
	uint64_t start_ns;
	uint64_t run_ns;
	int32_t status;
	int32_t worker_id;
	pid_t worker_pid;
	uint8_t state; /* enum task_state */
	uint8_t signal;
	int16_t exit_code;
};

/* Memory that is only added to. */
struct arena {
	struct arena_block *blocks;
	size_t used, capacity; /* of the first block */
};

struct chunk {
	struct chunk *next, *prev; /* in its job, in order */
	struct prun_job *job;
	uint32_t refs;
	uint32_t func;
	uint64_t id;
	uint64_t index; /* of its first task in the job */
	uint32_t count;
	uint32_t capacity;
	uint32_t left;	/* not yet given back by the engine */
	uint32_t taken; /* delivered */
	bool exact;	/* never split, save after a death */
	uint64_t *sizes;   /* of the arguments */
	uint64_t *offsets; /* of the arguments, in args.data */
	struct prun_packer args;
	struct slab **slabs; /* where it lies and its arena grows; NULL: malloc */
	void **cookies; /* NULL: all are */
	struct chunk_result *results;
	struct arena arena;
};

/* What a task takes in its chunk beside its argument and its result. */
#define CHUNK_TASK_OVERHEAD (sizeof(struct chunk_result) + 2 * sizeof(uint64_t))

/* And what each chunk takes, with the first pieces of its buffers. */
#define CHUNK_OVERHEAD (sizeof(struct chunk) + 128)

/* A cache of chunks, so that the steady state takes no memory. */
struct chunk_cache {
	struct chunk *free;
	size_t bytes;
};

/* With no cache (NULL) the memory comes from malloc and goes to free. */

/* An empty chunk for up to `capacity` tasks, one reference; NULL: no memory.
 * With `slabs`, its memory is theirs and goes with them. */
struct chunk *chunk_new(struct chunk_cache *cache, struct slab **slabs,
			uint32_t capacity);
void chunk_ref(struct chunk *c);
void chunk_unref(struct chunk_cache *cache, struct chunk *c);
void chunk_cache_release(struct chunk_cache *cache);

/* Enter the task whose argument was just packed at c->args from `before` on.
 * 0 or -ENOMEM. */
int chunk_add(struct chunk *c, size_t before, void *cookie);
/* The argument of the i-th task. */
const unsigned char *chunk_argument(const struct chunk *c, uint32_t i,
				    size_t *size);
/* A copy in the chunk's arena, followed by a NUL; NULL: no memory. */
unsigned char *chunk_keep(struct chunk *c, const void *data, size_t size);

#endif
