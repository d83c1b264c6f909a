/* SPDX-License-Identifier: MIT */
#ifndef ENGINE_H
#define ENGINE_H

/*
 * The seam: what runs chunks. Below it are processes today, and may be
 * threads or a cluster; above it nobody knows a pid, a board, or how many
 * workers there are.
 *
 * A chunk is submitted and its tasks are given back in ranges, in any order,
 * each task exactly once: done (with a value or a failure), or withdrawn.
 * The arguments stay with the submitter, and alive, until then. Ranges come
 * only inside step, withdraw and stop.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "chunk.h"
#include "func.h"
#include "rlimits.h"
#include "poller.h"
#include "prun.h"

struct engine;

/* The outcome of one task; `data` (its value, or the text of its failure) is
 * valid during the call, and not yet checked to be a msgpack value. */
struct engine_result {
	int status;
	const void *data;
	uint64_t size;
	uint64_t start_ns;
	uint64_t run_ns;
};

/* Who ran it. */
struct engine_worker {
	int id;
	pid_t pid;
	int signal;    /* when it died of the task: the signal, or 0 */
	int exit_code; /* and the code, or -1 */
};

/* False from `done`: a value was no msgpack, the worker is not to be trusted. */
struct engine_events {
	/* Whether tasks that come back unstarted are to be run still. */
	bool (*wanted)(const struct chunk *c);
	bool (*done)(void *ctx, struct chunk *c, uint32_t first, uint32_t count,
		     const struct engine_result *results,
		     const struct engine_worker *worker);
	void (*withdrawn)(void *ctx, struct chunk *c, uint32_t first,
			  uint32_t count);
	/* It cannot go on. What it holds is withdrawn by a stop to come. */
	void (*broken)(void *ctx, int code, const char *message);
	/* A descriptor in the poller that is not the engine's: its data. */
	void (*readable)(void *ctx, uint64_t data);
};

struct engine_config {
	struct func_table funcs; /* outlives the engine */
	uint32_t workers;
	uint64_t maxtasksperchild;
	uint64_t max_payload;
	uint32_t grace_ms;
	prun_initializer_fn initializer;
	prun_finalizer_fn finalizer;
	void *initarg;
	struct limits limits;
	uint32_t start_timeout_ms;
	bool forkserver;
	bool kill_leftovers; /* with forkserver */
};

enum engine_stop {
	ENGINE_DRAIN, /* no more will be submitted and all is given back */
	ENGINE_TERM, /* withdraw all, also what runs; SIGTERM, grace, SIGKILL */
	ENGINE_KILL  /* the same, at once */
};

struct engine_ops {
	void (*free)(struct engine *e);
	/* How many tasks of this function it would like next; 0: it has
	 * enough. */
	uint32_t (*room)(struct engine *e, uint32_t func);
	/* Takes the chunk; what cannot be run comes back as failed. */
	void (*submit)(struct engine *e, struct chunk *c);
	/* Send what is queued; `lazy`: more is likely to follow at once, short
	 * work for a busy worker may wait for it. */
	void (*flush)(struct engine *e, bool lazy);
	/* Wait until the deadline at most, serve what happened, give back
	 * ranges: > 0 something happened, 0 not, negative error. */
	int (*step)(struct engine *e, uint64_t deadline_ns);
	/* Take back what has not started, of one job; with `force` also what
	 * runs, sooner or later: it comes as withdrawn. True: something will
	 * come back later. */
	bool (*withdraw)(struct engine *e, const struct prun_job *job,
			 bool force);
	/* The limits of tasks in hand have changed. */
	void (*relimit)(struct engine *e);
	void (*stop)(struct engine *e, enum engine_stop how);
	bool (*stopped)(const struct engine *e);
	int (*running)(struct engine *e,
		       void (*fn)(void *ctx, struct chunk *c, uint32_t i,
				  uint64_t start_ns, int id, pid_t pid),
		       void *ctx);
	/* Of each worker, as many as there is room for; returns how many there
	 * are. */
	uint32_t (*stats)(const struct engine *e,
			  struct prun_worker_stats *stats, uint32_t room);
	/* In a forked copy of the caller: memory only. */
	void (*forget)(struct engine *e);
};

struct run;

struct engine {
	const struct engine_ops *ops;
	const struct engine_config *config;
	const struct engine_events *events;
	void *ctx; /* of the events */
	struct poller poller;
	bool busy;	    /* inside a task, which must not call the pool */
	bool remote;	    /* its tasks run while the caller does not step */
	uint64_t now_ns;    /* of the step in hand */
	uint64_t margin_ns; /* work to hold against the caller's absence */
	uint64_t tick_ns;   /* wait no longer than that; UINT64_MAX: do */
	uint64_t retried;   /* tasks run once more */
	struct run *unused_runs; /* of a local engine; see run.h */
	uint32_t unused_count;
};

/* The longest result an engine takes: texts of failures, also of a failed
 * start, have their length whatever max_payload is. */
static inline uint64_t engine_result_max(const struct engine_config *config)
{
	return config->max_payload > 1024 ? config->max_payload : 1024;
}

/* The data of descriptors in the poller: the low two bits say whose. */
#define ENGINE_DATA_MASK 3u
#define ENGINE_DATA_SOCKET 1u
#define ENGINE_DATA_PIDFD 2u
#define ENGINE_DATA_OTHER 3u /* the pool's */

/* 0 or an error; on error *e is NULL and nothing is left. */
int engine_fork_new(struct engine **e, const struct engine_config *config,
		    const struct engine_events *events, void *ctx);
int engine_inline_new(struct engine **e, const struct engine_config *config,
		      const struct engine_events *events, void *ctx);

#endif
