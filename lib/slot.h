/* SPDX-License-Identifier: MIT */
#ifndef SLOT_H
#define SLOT_H

/*
 * A slot: the place of one worker in the local engine, which outlives the
 * worker. It grants numbers to the process, queues frames for it, and turns
 * its results back into tasks of chunks. Knows neither its siblings nor how
 * work is shared out.
 */

#include <stdbool.h>
#include <stdint.h>

#include "board.h"
#include "engine.h"
#include "forkserver.h"
#include "frame.h"
#include "process.h"
#include "run.h"
#include "worker.h"

/* Bytes of arguments that wait to be sent: nothing more is given then. */
#define SLOT_UNSENT_MAX ((size_t)1 << 20)

enum slot_state {
	SLOT_EMPTY,    /* no process */
	SLOT_STARTING, /* born, not heard of yet; may be fed */
	SLOT_READY,
	SLOT_RETIRING, /* told to stop after what it has */
	SLOT_DOOMED    /* killed or to be killed; nothing it says counts */
};

struct slot {
	struct engine *engine;
	int id;
	enum slot_state state;
	struct process process;
	struct board *board;
	struct frame_reader in;
	struct frame_writer out;
	uint64_t *estimates; /* of the engine: task time by function, ns */

	/* What it holds. */
	struct run_queue flight; /* by number */
	struct run *spare;	 /* to cut one of these without memory */
	uint32_t outstanding;	 /* tasks in flight */
	uint32_t unsent;	 /* of these, not all bytes are sent yet */
	uint64_t bytes;		 /* of their arguments */
	uint32_t end;		 /* granted up to here */
	uint32_t claimed;	 /* `next` on the board when last looked at */
	uint32_t fresh;		 /* beyond every number used */
	uint32_t last_next;	 /* `next` when slot_stands_still looked, */
	uint64_t moved_ns;	 /* and when it had moved by then */
	uint64_t given;		 /* tasks granted to this process */

	/* What has come of it. */
	uint64_t received;    /* stream position of results, whichever way */
	uint64_t heard;	      /* the same, of the socket alone */
	uint64_t last_end_ns; /* of its tasks, by its own clock */
	uint64_t done;	      /* results of this process */
	uint64_t started;     /* processes so far */
	uint64_t born_ns, ready_ns; /* its start, 0: not yet */

	/* When to look, and for what. */
	uint64_t check_ns;	/* at the board; UINT64_MAX: not */
	uint64_t kill_ns;	/* end of grace; UINT64_MAX: none */
	uint64_t overdue_ns;	/* for late tasks; UINT64_MAX: not */
	uint64_t sending_heard; /* `heard` when it was found sending, */
	uint64_t sending_ns;	/* and since when it is that */
	uint64_t doubted_word, doubted_at; /* what cannot be, and was seen */
	unsigned doubts;		   /* so often in a row */

	uint64_t asked_ns[PRUN_LANES_MAX]; /* by lane: its task, to stop */
	uint32_t late_number;		   /* it was killed for this task, */
	const struct chunk_limits *late;   /* which has these limits */
	const char *hostile;		   /* what it did, or NULL */
	int init_status;
	char init_message[512];

	bool told;	/* this process has said how its start went */
	bool ready;	/* and that it went well */
	bool blocked;	/* the socket is full; EPOLLOUT is asked for */
	bool shut;	/* shutdown was done */
	bool garbled;	/* hostile with the stream of its results */
	bool blamed;	/* a task was failed for what it sent */
	bool given_up;	/* killed to be rid of tasks that were cancelled */
	bool exited;	/* a task of it has called exit() */
	bool orphaned;	/* its fork server died, and it with it */
	bool condemned; /* killed for whatever reason: gets nothing more */
};

static inline bool slot_alive(const struct slot *s)
{
	return s->state != SLOT_EMPTY;
}

/* Much that was given to it has not been sent: it takes nothing in, so what
 * would be given now is only one more copy in the caller. */
static inline bool slot_clogged(const struct slot *s)
{
	return s->out.end - s->out.start > SLOT_UNSENT_MAX;
}

static inline bool slot_feedable(const struct slot *s)
{
	return !s->condemned &&
	       (s->state == SLOT_STARTING || s->state == SLOT_READY);
}

/* Start its worker: fork it, or have it forked by the server, which says by
 * slot_born what became of it. 0 or -errno. */
int slot_start(struct slot *s, struct forkserver *server);
/* What a child of the server's runs; ctx: the engine_config. */
void slot_served(int fd, int memory, int id, void *ctx);
/* `pidfd` is the slot's. */
void slot_born(struct slot *s, pid_t pid, int pidfd);
/* The server could not, or is gone: what it was given goes to `back`. */
void slot_unborn(struct slot *s, struct run_queue *back);
/* Granted and not started. A board that cannot be so makes it hostile. */
uint32_t slot_unstarted(struct slot *s);
/* Whether it has had something to start for long, and has started nothing. */
bool slot_stands_still(struct slot *s);
/* Whether it can be granted more now: not while a withdrawal is unfinished. */
bool slot_grantable(struct slot *s);
/* Grant the run and queue its frame. Takes the run. 0 or -ENOMEM (the run is
 * the caller's still): also when there is none for what taking it back may
 * need. */
int slot_give(struct slot *s, struct run *r);
enum slot_taken {
	SLOT_TAKEN,
	SLOT_STARTED,  /* nothing: one of them has started, or there is none */
	SLOT_NO_MEMORY /* nothing: it takes some to cut a run in two */
};
/* Take back all numbers from `to` on, which must be the start of no task that
 * runs; what was taken goes to `back`. The slot's spare node is not for this. */
enum slot_taken slot_take(struct slot *s, uint32_t to, struct run_queue *back);
/*
 * Where to cut instead of at `to`: behind a run that is not to be split, save
 * one of the job that is given up.
 */
uint32_t slot_cut(const struct slot *s, uint32_t to,
		  const struct prun_job *given_up);
/* The first number of the run that holds `number`. */
uint32_t slot_run_start(const struct slot *s, uint32_t number);
/* The same for what is not started, of one job (NULL: of all); with `split`
 * whatever has to be cut for that, which needs no memory. */
void slot_take_all(struct slot *s, const struct prun_job *job, bool split,
		   struct run_queue *back);
/* Finish what you have, and leave. */
void slot_retire(struct slot *s);
/* Nothing it says counts from now on; what it has goes to `back`, with the
 * tasks of those runs that are done already. */
void slot_doom(struct slot *s, int signal, struct run_queue *back);
void slot_send(struct slot *s);
/* Its socket is readable. */
void slot_receive(struct slot *s);
/* Take what is on its board and not received, see what it runs. */
void slot_check(struct slot *s);
/* Ask tasks that are late to stop, and kill it for one that did not; what it
 * has not started goes to `back` then. */
void slot_check_late(struct slot *s, struct run_queue *back);
/* Whether it has any task of the job. */
bool slot_holds(const struct slot *s, const struct prun_job *job);
/* Whether a task of the job runs there now. */
bool slot_runs(const struct slot *s, const struct prun_job *job);
/* Kill it, to be rid of what it runs of this job, which nobody wants any more.
 * What it has not started must have been taken back. False: it runs nothing of
 * the job. */
bool slot_give_up(struct slot *s, const struct prun_job *job);
/* It has ended: take the last results, fail what was running; what had not
 * started goes to `back`. */
void slot_bury(struct slot *s, const struct process_end *end,
	       struct run_queue *back);
void slot_stats(const struct slot *s, struct prun_worker_stats *stats);
void slot_release(struct slot *s);
/* What outlives its processes: of a slot that is not used any more. */
void slot_free_memory(struct slot *s);

#endif
