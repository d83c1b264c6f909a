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

/* Where a task is. The engine keeps the first three apart, the job the rest. */
enum task_state {
	TASK_QUEUED = 0, /* with the engine, not granted to a worker */
	TASK_SENT,	 /* granted, perhaps running */
	TASK_DONE,	 /* given back */
	TASK_FAILED,	 /* given back, with a failure */
	TASK_TAKEN,	 /* delivered to the caller */
	TASK_AGAIN	 /* given back, and to be tried once more */
};

/* Kept small, for a large map touches a million of them. */
struct chunk_result {
	const unsigned char *value; /* in the arena; of a failure, its text,
				       with the status in front */
	uint64_t size;
	uint64_t start_ns;
	uint64_t run_ns;
};

/* Who ran a task. Mostly it is the same for all of a chunk. */
struct chunk_who {
	int32_t worker_id;
	pid_t worker_pid;
	int16_t exit_code;
	uint8_t signal;
};

/* How long a task may run; the job's, which outlives its chunks. */
struct chunk_limits {
	uint64_t timeout_ns; /* then it is asked to stop, */
	uint64_t grace_ns;   /* and after so long killed */
	int signal;	     /* with which it is asked, or 0 */
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
	const struct chunk_limits *limits; /* NULL: none */
	uint8_t *tries;	 /* of each task, before the present one; NULL: none */
	uint8_t attempt; /* the tries before it, of one that is made for a try */
	struct chunk *retry_of; /* the result is that of this chunk's task */
	uint32_t retry_i;
	bool exact;	   /* never split, save after a death */
	bool star;	   /* each argument is an array of parameters */
	uint64_t *offsets; /* of the arguments, in args.data, and their end */
	uint8_t *states;   /* enum task_state */
	struct prun_packer args;
	struct slab **slabs; /* where it lies and its arena grows; NULL: malloc */
	bool placed;	     /* in memory of its job */
	void **cookies;	     /* NULL: all are */
	struct chunk_result *results;
	struct chunk_who who;	/* of all results so far, if who_known; */
	struct chunk_who *whos; /* or, when they differ, of each */
	bool who_known;
	struct arena arena;
};

/* What a task takes in its chunk beside its argument and its result. */
#define CHUNK_TASK_OVERHEAD \
	(sizeof(struct chunk_result) + sizeof(uint64_t) + sizeof(uint8_t))

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
/*
 * The chunk of one task in memory that somebody else frees, after the chunk:
 * chunk_placed_size() bytes for an argument of `size`, aligned for anything.
 */
size_t chunk_placed_size(size_t size);
struct chunk *chunk_place(void *memory, const void *argument, size_t size);
void chunk_ref(struct chunk *c);
void chunk_unref(struct chunk_cache *cache, struct chunk *c);
void chunk_cache_release(struct chunk_cache *cache);

/* Enter the task whose argument was just packed at c->args from `before` on.
 * 0 or -ENOMEM. */
int chunk_add(struct chunk *c, size_t before, void *cookie);
/* The argument of the i-th task. */
const unsigned char *chunk_argument(const struct chunk *c, uint32_t i,
				    size_t *size);
uint64_t chunk_argument_size(const struct chunk *c, uint32_t i);
/* Keep a value, or a failure's text and status. False: no memory, which is
 * kept as the failure instead. */
bool chunk_keep_value(struct chunk *c, uint32_t i, const void *data,
		      size_t size);
bool chunk_keep_failure(struct chunk *c, uint32_t i, int status,
			const void *text, size_t size);
/* The status of the i-th task, which is done. */
int chunk_status(const struct chunk *c, uint32_t i);
/* Of `count` tasks from `first` on. */
void chunk_set_who(struct chunk *c, uint32_t first, uint32_t count,
		   const struct chunk_who *who);
const struct chunk_who *chunk_get_who(const struct chunk *c, uint32_t i);

#endif
