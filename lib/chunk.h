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

/* A value of so many bytes lies in its result, with a NUL behind it. */
#define CHUNK_SMALL_MAX 7u

/* Kept small, for a large map touches a million of them. */
struct chunk_result {
	union {
		unsigned char small[CHUNK_SMALL_MAX + 1];
		/* In the arena; of a failure, its text with the status in
		 * front. */
		const unsigned char *at;
	};
	uint64_t start_ns;
	uint32_t run; /* see chunk_run_pack */
	uint32_t size;
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

/* What few chunks have. */
struct chunk_rare {
	void **cookies;		/* NULL: all are */
	uint8_t *tries;		/* of each task, before the present one */
	struct chunk_who *whos; /* of each task, when they differ */
	struct chunk *retry_of; /* the result is that of this chunk's task */
	uint32_t retry_i;
};

/* Thousands of one task may wait: what they hold is most of their cost. */
struct chunk {
	struct chunk *next, *prev; /* in its job, in order */
	struct prun_job *job;
	uint64_t index;			   /* of its first task in the job */
	const struct chunk_limits *limits; /* NULL: none */
	struct chunk_rare *rare;	   /* NULL: it has nothing of that */
	unsigned char *args; /* the arguments, one after the other */
	uint32_t *offsets;   /* of each in them, and the end of the last */
	uint8_t *states;     /* enum task_state */
	struct slab **slabs; /* where it lies and its arena grows; NULL: malloc */
	struct arena_block *arena;	   /* memory that is only added to */
	uint32_t args_size, args_capacity; /* capacity 0: not malloc'd */
	uint32_t refs;
	uint32_t func;
	uint32_t count;
	uint32_t capacity;
	uint32_t left;	      /* not yet given back by the engine */
	uint32_t taken;	      /* delivered */
	struct chunk_who who; /* of all results so far, if who_known; but see
				 rare->whos */
	uint8_t attempt; /* the tries before it, of one that is made for a try */
	bool who_known : 1;
	bool exact : 1;	 /* never split, save after a death */
	bool star : 1;	 /* each argument is an array of parameters */
	bool placed : 1; /* in memory of its job */
};

/* The arguments of one chunk, together. */
#define CHUNK_ARGS_MAX ((size_t)PRUN_PAYLOAD_MAX)

/* What a task takes in its chunk beside its argument and its result. */
#define CHUNK_TASK_OVERHEAD \
	(sizeof(struct chunk_result) + sizeof(uint32_t) + sizeof(uint8_t))

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

/* Enter a task whose argument is behind those of the others, up to `end`. 0 or
 * -ENOMEM. */
int chunk_add(struct chunk *c, size_t end, void *cookie);
/* All are entered: take their arguments out of the packer, which is empty then
 * and keeps some buffer for the next chunk's. */
void chunk_take_args(struct chunk *c, struct prun_packer *packer);
/* The argument of the i-th task. */
static inline uint32_t chunk_argument_size(const struct chunk *c, uint32_t i)
{
	return c->offsets[i + 1] - c->offsets[i];
}

static inline const unsigned char *chunk_argument(const struct chunk *c,
						  uint32_t i, size_t *size)
{
	*size = chunk_argument_size(c, i);
	return c->args + c->offsets[i];
}

void *chunk_cookie(const struct chunk *c, uint32_t i);
/* The tries of a task before the present one. */
uint32_t chunk_tries(const struct chunk *c, uint32_t i);
/* Count one more: so many they are; 0: no memory. */
uint32_t chunk_count_try(struct chunk *c, uint32_t i);
/* Its one task is another try of that one of `of`. 0 or -ENOMEM. */
int chunk_set_retry_of(struct chunk *c, struct chunk *of, uint32_t i);
/* That chunk, which is NULL for one that is no other try. */
struct chunk *chunk_retry_of(const struct chunk *c, uint32_t *i);
/* The results lie behind the chunk. */
static inline struct chunk_result *chunk_result(const struct chunk *c,
						uint32_t i)
{
	return (struct chunk_result *)(uintptr_t)(c + 1) + i;
}

/*
 * How long a task ran, in 32 bits: 30 of nanoseconds, or of 2^10, 2^20 or 2^30
 * of them. What lasted longer than a second is rounded down, by less than a
 * millionth.
 */
static inline uint32_t chunk_run_pack(uint64_t ns)
{
	uint32_t scale = 0;

	for (; ns >> 30 && scale < 3; scale++)
		ns >>= 10;
	return (uint32_t)(ns >> 30 ? UINT32_MAX : ns << 2 | scale);
}

static inline uint64_t chunk_run_ns(const struct chunk_result *r)
{
	return (uint64_t)(r->run >> 2) << 10 * (r->run & 3);
}

/* Keep a value, or a failure's text and status. False: no memory, which is
 * kept as the failure instead. */
bool chunk_keep_value(struct chunk *c, uint32_t i, const void *data,
		      size_t size);
bool chunk_keep_failure(struct chunk *c, uint32_t i, int status,
			const void *text, size_t size);
/* What is kept of the i-th task, which is done, failed or taken. */
const unsigned char *chunk_value(const struct chunk *c, uint32_t i,
				 size_t *size);
/* The status of the i-th task, which is done. */
int chunk_status(const struct chunk *c, uint32_t i);
/* Of `count` tasks from `first` on. */
void chunk_set_who(struct chunk *c, uint32_t first, uint32_t count,
		   const struct chunk_who *who);
const struct chunk_who *chunk_get_who(const struct chunk *c, uint32_t i);

#endif
