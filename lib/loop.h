/* SPDX-License-Identifier: MIT */
#ifndef LOOP_H
#define LOOP_H

/*
 * The pool and its loop: fill, poll, collect. What the public calls of
 * pool.c, submit.c and handle.c stand on.
 */

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "driver.h"
#include "engine.h"
#include "job.h"
#include "prun.h"
#include "ticks.h"

/* How long the caller is taken to be away before anything is known. */
#define GAP_FIRST_NS 50000000u

struct prun_pool {
	struct engine *engine;
	struct engine_config config;
	struct chunk_cache cache;
	struct blocks *blocks;
	struct prun_result scratch; /* shown to callbacks */
	/* One byte in a page that the kernel wipes in a forked copy. */
	unsigned char *alive;
	struct prun_job *jobs;		       /* all */
	struct prun_job *active, *active_last; /* to pull from, in turn */
	struct prun_job *news, **news_last;    /* to collect from */
	uint64_t unfinished;		       /* jobs not completed */
	uint64_t in_engine; /* tasks submitted, not given back */
	uint64_t waiting;   /* jobs whose source wants to be asked */
	bool closed;
	bool draining; /* the engine was told to stop */
	int error;     /* that broke it */
	char *message;
	bool in_callback, in_source;
	struct driver *driver;	       /* background: its thread */
	uint64_t given_back;	       /* tasks, by the engine */
	struct prun_stats gone;	       /* counts of jobs that were released, and
					   the slowest tasks of all */
	uint64_t last_id, completions; /* of jobs */
	prun_progress_fn progress;
	void *progress_payload;
	uint64_t progress_every_ns, progress_due_ns;
	uint64_t report_ns;	/* when the next progress is due, */
	uint64_t due_ns;	/* or something of a job; UINT64_MAX: no */
	uint64_t progress_seen; /* what had ended at the last one */
	unsigned submitted;
	struct ticks ticks;	 /* its clock */
	uint64_t left_ns;	 /* when the caller was last here */
	uint64_t gap_ns, gap_at; /* its longest recent absence, and when */
	time_t visit_s;		 /* coarse clock of the last visit */
	long visit_ns;
};

/* Whether this process is a copy of the one that made the pool. */
bool pool_is_forked(const struct prun_pool *pool);
/* For calls that change something but do not drive the pool: 0,
 * PRUN_EFORKED or PRUN_EDEADLK. */
int pool_check(const struct prun_pool *pool);
/* For calls that drive the pool. */
int pool_check_drive(const struct prun_pool *pool);

/* In background mode every public call stands between these; else they do
 * nothing. NULL: the pool is gone already. */
static inline void pool_lock(const struct prun_pool *pool)
{
	if (pool && pool->driver && !pool_is_forked(pool))
		driver_lock(pool->driver);
}

static inline void pool_unlock(const struct prun_pool *pool)
{
	if (pool && pool->driver && !pool_is_forked(pool))
		driver_unlock(pool->driver);
}

/* Before a call into the caller's code, and behind it. */
void pool_begin_callback(struct prun_pool *pool);
void pool_end_callback(struct prun_pool *pool);

/* To be told of by the engine, with the pool as their context. */
extern const struct engine_events pool_events;

void pool_link(struct prun_pool *pool, struct prun_job *job);
/* Take a job out of the pool, and destroy it. */
void pool_release(struct prun_pool *pool, struct prun_job *job);
/* Pull from the job, if more may be pulled now. */
void pool_activate(struct prun_pool *pool, struct prun_job *job);
void pool_deactivate(struct prun_pool *pool, struct prun_job *job);
/* There is something to collect from the job. */
void pool_tell(struct prun_pool *pool, struct prun_job *job);
/* Ask its source again. */
void pool_ask_again(struct prun_pool *pool, struct prun_job *job);
void pool_ask_all(struct prun_pool *pool);

/* Every public call that drives or feeds the pool stands between these two.
 * `attended`: the caller stays until it is done. */
void pool_enter(struct prun_pool *pool, bool attended);
void pool_leave(struct prun_pool *pool);

/* Pull from the jobs in turn until the engine has enough. `lazy` as the
 * engine's flush has it. */
void pool_fill(struct prun_pool *pool, bool lazy);
/* An input that is empty, or fails, is found to be so though all workers are
 * busy. */
void pool_ask_first(struct prun_pool *pool, struct prun_job *job);
void pool_glance(struct prun_pool *pool);
/* Deliver what has come. Callbacks run here and nowhere else. */
void pool_collect(struct prun_pool *pool);
/* One turn. 1: something happened, 0: not, PRUN_EWOKEN, or an error. */
int pool_turn(struct prun_pool *pool, uint64_t deadline_ns);
/* Turn until `done` says so. 0, PRUN_ETIMEDOUT, PRUN_EWOKEN, or an error. */
int pool_drive(struct prun_pool *pool, struct prun_job *job,
	       bool (*done)(struct prun_pool *, struct prun_job *),
	       uint64_t deadline_ns);
/* Release it when nobody has it and nothing is to come. */
void pool_release_unused(struct prun_pool *pool, struct prun_job *job);
/* Its handle is freed. */
void pool_let_go(struct prun_pool *pool, struct prun_job *job);
/* A call is on the job, whose callbacks may free it. False from unpin: they
 * have, and it is gone. */
void pool_pin(struct prun_job *job);
bool pool_unpin(struct prun_pool *pool, struct prun_job *job);
/* A round of the driver's. */
bool pool_round(void *pool);
/* Call the functions that wait for the job's end. */
void pool_call_done(struct prun_pool *pool, struct prun_job *job);
/* Cancel what has not started, or with `force` all of it; it ends with
 * `status`. */
int pool_cancel(struct prun_pool *pool, struct prun_job *job, bool force,
		int status);

/* Enter one result into the list of the slowest. */
void pool_note_slow(struct prun_pool *pool, uint64_t job, uint64_t index,
		    uint64_t run_ns);
/* The counts of a job into those of the pool, when it goes. */
void pool_add_counts(struct prun_stats *stats, const struct prun_job *job);
/* Tell the caller how it goes, when that is due. */
void pool_report(struct prun_pool *pool);
/* Tasks that run now: of one job, or with NULL of all. */
uint64_t pool_count_running(struct prun_pool *pool, const struct prun_job *job);
/* In CLOCK_MONOTONIC; UINT64_MAX for a negative timeout, 0 for 0. */
uint64_t pool_deadline(int timeout_ms);

#endif
