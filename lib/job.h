/* SPDX-License-Identifier: MIT */
#ifndef JOB_H
#define JOB_H

/*
 * One submission: pulls its arguments into chunks, owns the order and the
 * delivery of its results. Knows no engine: chunks go out and ranges come in.
 */

#include <stdbool.h>
#include <stdint.h>

#include "blocks.h"
#include "chunk.h"
#include "median.h"
#include "engine.h"
#include "prun.h"

/* To be called when a job is finished. */
struct job_done {
	struct job_done *next;
	prun_done_fn fn;
	void *payload;
};

/* A task that is to be tried once more, in a chunk of its own. */
struct job_retry {
	struct chunk *chunk;
	uint64_t due_ns;
};

/* A limit that follows the tasks before. */
struct job_pace {
	struct median median; /* of those that have succeeded */
	uint64_t due_count;   /* how many, when to look again */
	uint32_t percent;
	uint64_t most_ns;
	bool changed; /* since somebody asked */
};

/* What a call says of limits and of trying again, and the tries that wait. */
struct job_terms {
	struct chunk_limits limits; /* of its tasks; timeout_ns 0: none */
	struct job_pace *pace;	    /* NULL: they are as the call says */
	uint64_t deadline_ns;	    /* UINT64_MAX: none */
	uint32_t retries;
	uint32_t retry_on; /* PRUN_RETRY_* */
	uint64_t delay_ns;
	uint64_t retried;
	struct job_retry *waiting; /* a heap, the next one due on top: a job may
				      have a million of them */
	size_t nwaiting, waiting_room;
	bool no_more; /* nothing is tried again */
};

struct job_ref {
	struct chunk *chunk;
	uint32_t i;
};

struct prun_job {
	struct prun_pool *pool;	      /* NULL once the pool is freed */
	struct prun_job *next, *prev; /* all jobs of the pool */
	struct prun_job *next_active, *prev_active; /* those to pull from */
	struct prun_job *next_news;		    /* those to collect */
	bool active, news;

	bool handle;	/* the caller has one */
	bool ended;	/* nothing more is pulled */
	bool completed; /* all is done; */
	bool finishing; /* and just being said by the callbacks */
	bool discard;	/* nobody will read its results */
	bool in_callback;
	bool free_later; /* its handle was freed in a source */
	bool given_up;	 /* by job_end */
	bool forced;	 /* and by force */
	bool forked;	 /* the pool was freed in a copy of its process */
	bool wait_poll;	 /* waits for what cannot be polled */
	unsigned char block_kind;
	uint32_t pins; /* calls that are on it */
	bool asked;    /* its source was, once */
	bool waiting;  /* the source has nothing yet */
	bool star;     /* its arguments are arrays of parameters */
	int wait_fd;   /* a copy of what it waits for, or -1 */
	int error;     /* of the source, the pool, or PRUN_ECANCELLED */
	int callback_error;
	int withdrawn_status; /* what withdrawn tasks end with, */
	const char *withdrawn_text;

	enum prun_order order;
	uint32_t func;
	uint32_t next_func; /* what the next chunk probably has */
	prun_callback_fn callback;
	prun_callback_fn error_callback;
	void *payload;
	void (*payload_free)(void *payload);

	uint64_t id;
	uint64_t completed_at; /* the how many-th of its pool */
	struct job_done *on_done;
	struct job_terms *terms; /* NULL: no limits, no second try */
	uint64_t pulled, finished, delivered;
	uint64_t failed; /* of the finished; also those cancelled, */
	uint64_t cancelled;
	struct chunk *first, *last; /* not wholly delivered; map: all */
	struct chunk *building;	    /* the next one, begun and not full yet */
	struct prun_result *result; /* its own, or one of the pool's */
	struct chunk_cache *cache;  /* the pool's; NULL once that is freed */
	struct blocks *blocks;	    /* that it lies in; NULL: malloc's memory */
	unsigned visits; /* of prun_job_next, between two of the pool */

	/* An apply ends here: of those thousands may wait, and to touch
	 * their memory for the first time is most of their cost. */
	prun_source_fn source;
	void *source_payload;
	uint64_t length;
	uint64_t bufferbytes;
	uint32_t buffersize;
	uint32_t chunksize;
	uint32_t chunk_most; /* tasks of a chunk, as functions change; 0: any */
	uint32_t workers;
	const struct func_table *funcs;
	uint64_t max_payload;
	struct prun_packer packer; /* the arguments of the chunk being built */
	uint64_t bytes;		   /* of arguments and results not delivered */
	uint64_t chunks;
	struct chunk *cursor;  /* ordered: the next result is here, */
	uint32_t cursor_at;    /* at this task */
	struct job_ref *ready; /* unordered: a ring of finished tasks */
	uint64_t ready_first, ready_count, ready_capacity;
	struct chunk *borrowed; /* holds what *result points to */
	struct slab *slabs;	/* map: holds the chunks after the first few */
	struct chunk **index;	/* map: chunks in order, for job_at */
};

struct job_config {
	uint32_t func;
	const struct func_table *funcs;
	uint32_t workers;
	uint64_t max_payload;
	struct chunk_cache *cache;
	struct blocks *blocks;	     /* for applies */
	struct prun_result *scratch; /* for jobs without a handle, whose
					results are shown to callbacks only */
	bool handle;
};

/* 0 or an error; takes nothing of the call's payload before success. */
int job_new(struct prun_job **job, const struct prun_call *call,
	    const struct job_config *config);
/* Everything, payload_free included if it has not run. */
void job_destroy(struct prun_job *job);

/* Ordered and unordered streams, as against map and apply. */
static inline bool job_is_stream(const struct prun_job *job)
{
	return job->order == PRUN_ORDER_IMAP ||
	       job->order == PRUN_ORDER_UNORDERED;
}

/* Whether results go to callbacks one by one. */
static inline bool job_pushes(const struct prun_job *job)
{
	return job_is_stream(job) && job->callback;
}

/* Whether the limit of its tasks has changed since the last time. */
bool job_limit_changed(struct prun_job *job);
/* Whether more may be pulled now. */
bool job_pullable(const struct prun_job *job);
/* Cannot go on before the caller takes results. */
bool job_stuck(const struct prun_job *job);
/* Finished, and its callbacks are through: what waiting waits for. */
static inline bool job_is_over(const struct prun_job *job)
{
	return job->completed && !job->finishing;
}
/* All it pulled is finished, and it will pull no more. */
static inline bool job_all_done(const struct prun_job *job)
{
	return job->ended && !job->building && job->finished == job->pulled;
}

/* Pull about `want` tasks from the source: a chunk to submit, or NULL when
 * there is none now. */
struct chunk *job_pull(struct prun_job *job, uint32_t want);
/* A chunk to submit once more; NULL: none is due. */
struct chunk *job_pull_retry(struct prun_job *job, uint64_t now_ns);
/* When the first is due; UINT64_MAX: there is none. */
uint64_t job_retry_due(const struct prun_job *job);
/* No more is pulled; what was and is not submitted ends as withdrawn. True if
 * it still would have been. */
bool job_end(struct prun_job *job, int error, const char *text);

/* From the engine. False: a value was no msgpack. */
bool job_done(struct prun_job *job, struct chunk *c, uint32_t first,
	      uint32_t count, const struct engine_result *results,
	      const struct engine_worker *worker);
void job_withdrawn(struct prun_job *job, struct chunk *c, uint32_t first,
		   uint32_t count);

/* The next result in the job's order, in *job->result; false: none is ready. */
bool job_take(struct prun_job *job);
/* The result at an index (map, apply). False: there is none. */
bool job_look(struct prun_result *result, struct prun_job *job, uint64_t index);
/* The failed result of lowest index. */
bool job_look_failed(struct prun_result *result, const struct prun_job *job);
/* What was ended was running already, and goes on: as it was before. */
void job_unend(struct prun_job *job, int error, bool given_up);
/* Nobody will read its results: release those it has. */
void job_discard(struct prun_job *job);
/* Enter a function to be called at the end. 0 or -ENOMEM. */
int job_add_done(struct prun_job *job, prun_done_fn fn, void *payload);
/* Take the first of them out; false: there is none. */
bool job_next_done(struct prun_job *job, struct job_done *done);
/* Run payload_free, once. */
void job_free_payload(struct prun_job *job);

/* -- What its rooms (job, pull, retry, collect) have of each other -- */

static inline bool job_is_apply(const struct prun_job *job)
{
	return job->order == PRUN_ORDER_APPLY;
}

/* What holds for all tasks of the job. */
static inline void job_set_terms(const struct prun_job *job, struct chunk *c)
{
	c->star = job->star;
	c->limits = job->terms && job->terms->limits.timeout_ns ?
			    &job->terms->limits :
			    NULL;
}

/* Behind the others: a chunk whose tasks were pulled. (pull) */
void job_link_chunk(struct prun_job *job, struct chunk *c);
/* All of it is done with, or nobody will read it. (collect) */
void job_unlink_chunk(struct prun_job *job, struct chunk *c);
/* False: this failure is the task's result. (retry) */
bool job_try_again(struct prun_job *job, struct chunk *c, uint32_t i,
		   const struct engine_result *result);
/* Those that wait will not be tried: they end as withdrawn. (retry) */
void job_end_retries(struct prun_job *job);
/* Without another word. (retry) */
void job_drop_retries(struct prun_job *job);

#endif
