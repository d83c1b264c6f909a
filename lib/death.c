/* SPDX-License-Identifier: MIT */
/* What becomes of the tasks of a worker that has ended. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "slot_private.h"

/* A run that has cost so many workers, before one could start it, has cost
 * enough. */
#define STRIKES_MAX 5u

/* -- What is said of it -- */

static void describe_late(char *text, size_t size, const struct slot *s,
			  pid_t pid, uint64_t run_ns)
{
	snprintf(text, size,
		 "the task had %.1f ms, and was killed with its "
		 "worker (pid %d) after %.1f ms",
		 (double)s->late->timeout_ns / 1e6, (int)pid,
		 (double)run_ns / 1e6);
}

/* A task that has no time was not started. */
static void describe(char *text, size_t size, const struct slot *s, pid_t pid,
		     const struct process_end *end, uint64_t run_ns)
{
	char when[64] = "before it could start the task";
	const char *name;

	if (run_ns)
		snprintf(when, sizeof(when), "after %.1f ms",
			 (double)run_ns / 1e6);
	if (s->hostile) {
		snprintf(text, size, "the worker (pid %d) sent %s, %s",
			 (int)pid, s->hostile, when);
	} else if (s->orphaned) {
		snprintf(text, size,
			 "the worker (pid %d) died with the fork "
			 "server, %s",
			 (int)pid, when);
	} else if (!end->known) {
		snprintf(text, size,
			 "the worker (pid %d) died %s; how is not "
			 "known, its status was taken by another wait()",
			 (int)pid, when);
	} else if (end->signal) {
		name = sigabbrev_np(end->signal);
		snprintf(text, size,
			 "the worker (pid %d) was killed by %s%s "
			 "(signal %d) %s",
			 (int)pid, name ? "SIG" : "a ",
			 name ? name : "real-time signal", end->signal, when);
	} else {
		snprintf(text, size,
			 "the worker (pid %d) exited with code %d "
			 "%s",
			 (int)pid, end->code, when);
	}
}

/* -- Who is to blame -- */

/* When the task in a lane began; 0: it is in no lane. */
static uint64_t started_ns(const struct slot *s, uint32_t number)
{
	uint64_t start_ns;
	uint32_t in_lane;
	unsigned lane;

	for (lane = 0; lane < PRUN_LANES_MAX; lane++)
		if (board_running(s->board, lane, &in_lane, &start_ns) &&
		    in_lane == number)
			return start_ns < s->engine->now_ns ? start_ns :
							      s->engine->now_ns;
	return 0;
}

static bool is_late(const struct slot *s, const struct run *r, uint32_t i)
{
	return s->late && r->number + i == s->late_number;
}

static void fail_task(struct slot *s, struct run *r, uint32_t i, pid_t pid,
		      const struct process_end *end)
{
	const struct engine *e = s->engine;
	struct engine_worker who = {s->id, pid, end->signal, end->code};
	uint64_t start_ns = started_ns(s, r->number + i);
	struct engine_result result;
	char text[256];

	result.start_ns = start_ns;
	result.run_ns = start_ns ? e->now_ns - start_ns : 0;
	if (is_late(s, r, i)) {
		result.status = PRUN_ETIMEDOUT;
		describe_late(text, sizeof(text), s, pid, result.run_ns);
	} else {
		result.status = s->hostile ? PRUN_EPROTO : PRUN_EWORKER;
		describe(text, sizeof(text), s, pid, end, result.run_ns);
	}
	result.data = text;
	result.size = strlen(text);
	r->chunk->states[r->at + i] = TASK_DONE;
	e->events->done(e->ctx, r->chunk, r->at + i, 1, &result, &who);
}

static bool wanted(const struct slot *s, const struct run *r)
{
	return s->engine->events->wanted(r->chunk);
}

static void give_up_task(struct slot *s, const struct run *r, uint32_t i)
{
	const struct engine *e = s->engine;

	r->chunk->states[r->at + i] = TASK_DONE;
	e->events->withdrawn(e->ctx, r->chunk, r->at + i, 1);
}

/* The claim that counts after a death: up to where tasks were started. What the
 * board says is believed where it is possible, for none may be started twice;
 * else that a worker of a plain function was where its lane says, or at the
 * first task without a result. */
static uint32_t last_claim(const struct slot *s)
{
	uint32_t first = slot_first_left(s);
	uint32_t next = word_next(board_word(s->board));
	uint64_t lane = atomic_load_explicit(&s->board->lanes[0].state,
					     memory_order_acquire);

	/* It has told results up to there. */
	if (next - first > s->end - first || number_before(next, s->claimed))
		next = s->claimed;
	if (next - first > s->end - first)
		next = first;
	if (!s->hostile || s->blamed || next != first)
		return next;
	if (!is_batch(s, s->flight.first) && lane & 1 &&
	    (uint32_t)(lane >> 1) - first < s->end - first)
		return (uint32_t)(lane >> 1) + 1;
	return first + 1;
}

/* Claimed and without a result. */
static uint32_t count_running(const struct run_queue *flight, uint32_t next)
{
	const struct run *r;
	uint32_t running = 0, i;

	for (r = flight->first; r; r = r->next)
		for (i = 0; i < r->count; i++)
			running += r->chunk->states[r->at + i] == TASK_SENT &&
				   number_before(r->number + i, next);
	return running;
}

/* Whether it is known what it died of, which is not what it had yet to
 * start. */
static bool explained(const struct slot *s)
{
	return s->late || s->given_up || s->exited || s->blamed;
}

/*
 * Claimed and without a result: it was running. One such task is to blame;
 * several can only be the lanes of a batch, which are run again one by one.
 */
static void blame(struct slot *s, struct run_queue *flight, pid_t pid,
		  const struct process_end *end, struct run_queue *back)
{
	uint32_t next = last_claim(s);
	uint32_t running = count_running(flight, next), i;
	struct run *r = flight->first, *solo;
	bool again;

	if (running > 1 && !is_batch(s, r) && !s->hostile)
		s->hostile = "an impossible claim";
	/* It died with nothing started, though it had something to start. */
	if (r && running == 0 && r->left == r->count && s->ready &&
	    !explained(s) && ++r->strikes >= STRIKES_MAX) {
		next = r->number + 1;
		r->strikes = STRIKES_MAX - 2; /* the rest may be as bad */
	}
	while ((r = flight->first) != NULL) {
		flight->first = r->next;
		again = (running > 1 || s->given_up || s->late) &&
			is_batch(s, r);
		/* With the last that has no result the chunk may go. */
		for (i = 0; r->left > 0 && number_before(r->number + i, next);
		     i++) {
			if (r->chunk->states[r->at + i] != TASK_SENT)
				continue;
			r->left--;
			if (s->given_up && !wanted(s, r)) {
				give_up_task(s, r, i);
				continue;
			}
			solo = again && !is_late(s, r, i) ?
				       run_new(s->engine, r->chunk, r->at + i,
					       1, true) :
				       NULL;
			if (solo) {
				run_mark(solo, TASK_QUEUED);
				run_queue_push(back, solo);
				s->engine->retried++;
			} else {
				fail_task(s, r, i, pid, end);
			}
		}
		if (r->left == 0) {
			run_free(s->engine, r);
			continue;
		}
		r->at += i;
		r->count -= i;
		run_mark(r, TASK_QUEUED);
		run_queue_push(back, r);
	}
}

void slot_bury(struct slot *s, const struct process_end *end,
	       struct run_queue *back)
{
	struct run_queue flight;
	pid_t pid = s->process.pid;

	slot_take_last_words(s);
	flight = s->flight;
	if (flight.first)
		blame(s, &flight, pid, end, back);
	if (!s->ready && s->init_status == 0 && s->state != SLOT_DOOMED) {
		s->init_status = PRUN_EINIT;
		describe(s->init_message, sizeof(s->init_message), s, pid, end,
			 s->engine->now_ns - s->born_ns);
	}
	slot_release(s);
}
