/* SPDX-License-Identifier: MIT */
/* What a worker may start: given to it, taken back, and given up with it. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "slot_private.h"

/* A worker that has started nothing for so long is not about to. */
#define STILL_NS 50000000u

void slot_hostile(struct slot *s, const char *what)
{
	if (s->hostile || !slot_alive(s) || s->state == SLOT_DOOMED)
		return;
	s->hostile = what;
	s->condemned = true;
	process_kill(&s->process, SIGKILL);
}

/* -- Grants -- */

uint32_t slot_unstarted(struct slot *s)
{
	uint64_t word = board_word(s->board);
	uint32_t unstarted = s->end - word_next(word);

	if (word_end(word) != s->end || unstarted > s->outstanding) {
		slot_hostile(s, "an impossible claim");
		return 0;
	}
	return unstarted;
}

bool slot_stands_still(struct slot *s)
{
	uint32_t next = word_next(board_word(s->board));

	if (s->moved_ns == 0 || next != s->last_next) {
		s->last_next = next;
		s->moved_ns = s->engine->now_ns;
	}
	return s->moved_ns + STILL_NS < s->engine->now_ns;
}

bool slot_grantable(struct slot *s)
{
	return s->end == s->fresh || slot_unstarted(s) == 0;
}

int slot_give(struct slot *s, struct run *r)
{
	struct chunk *c = r->chunk;
	uint64_t bytes = run_bytes(r);
	struct frame_tasks head = {.index = c->index + r->at,
				   .func = c->func,
				   .first = s->fresh,
				   .count = r->count,
				   .flags = (r->solo ? FRAME_SOLO : 0) |
					    (c->star ? FRAME_STAR : 0) |
					    (uint32_t)c->attempt
						    << FRAME_ATTEMPT_SHIFT};
	int rc;

	if (!s->spare)
		s->spare = run_new(s->engine, c, 0, 0, false);
	if (!s->spare)
		return -ENOMEM;
	rc = frame_put_tasks(&s->out, head, c->offsets + r->at, c->args);
	if (rc < 0)
		return rc;
	/* The frame leaves after the grant: it is only queued here. */
	if (s->end == s->fresh)
		board_grant(s->board, r->count);
	else if (!board_grant_fresh(s->board, s->fresh, r->count))
		slot_hostile(s, "an impossible claim");
	r->number = s->fresh;
	r->left = r->count;
	s->fresh += r->count;
	s->end = s->fresh;
	s->given += r->count;
	s->outstanding += r->count;
	s->unsent += r->count;
	s->bytes += bytes;
	run_mark(r, TASK_SENT);
	run_queue_push(&s->flight, r);
	if (s->check_ns == UINT64_MAX)
		s->check_ns = s->engine->now_ns + CHECK_NS;
	/* Started now at the earliest. */
	if (c->limits &&
	    s->engine->now_ns + c->limits->timeout_ns < s->overdue_ns)
		s->overdue_ns = s->engine->now_ns + c->limits->timeout_ns;
	return 0;
}

/* -- Taking back -- */

/* Take the runs from number `to` on out of flight, cutting the one across. */
static void take_runs(struct slot *s, uint32_t to, struct run_queue *back)
{
	struct run **at = &s->flight.first;
	struct run *r, *next;

	while ((r = *at) != NULL && number_before(r->number, to)) {
		uint32_t before = to - r->number;

		if (before < r->count) {
			/* slot_take has seen to it that there is a node. */
			r->left -= r->count - before;
			next = r->next;
			next->chunk = r->chunk;
			next->at = r->at + before;
			next->number = to;
			next->count = r->count - before;
			next->left = next->count;
			next->solo = r->solo;
			r->count = before;
		}
		at = &r->next;
	}
	s->flight.last = at;
	*at = NULL;
	for (; r; r = next) {
		next = r->next;
		s->outstanding -= r->count;
		s->given -= r->count;
		s->bytes -= run_bytes(r);
		run_mark(r, TASK_QUEUED);
		run_queue_push(back, r);
	}
}

/* A node to cut a run with, which may be the spare one: there is one whenever
 * something is granted, and one cut takes back all of that. */
static struct run *cut_node(struct slot *s, const struct run *r, bool all)
{
	struct run *node = run_new(s->engine, r->chunk, 0, 0, false);

	if (!node && all) {
		node = s->spare;
		s->spare = NULL;
	}
	return node;
}

/* Put an empty node behind the run that `to` cuts, so that the withdrawal
 * cannot fail for memory after it was done. */
static bool prepare_cut(struct slot *s, uint32_t to, bool all)
{
	struct run *r, *node;

	for (r = s->flight.first; r; r = r->next) {
		if (!number_before(r->number, to) || to - r->number >= r->count)
			continue;
		node = cut_node(s, r, all);
		if (!node)
			return false;
		node->number = r->number + r->count;
		node->left = 0;
		node->next = r->next;
		r->next = node;
		if (!node->next)
			s->flight.last = &node->next;
		return true;
	}
	return true;
}

static void drop_empty_runs(struct slot *s)
{
	struct run **at = &s->flight.first;
	struct run *r;

	while ((r = *at) != NULL) {
		if (r->left > 0) {
			at = &r->next;
			continue;
		}
		*at = r->next;
		if (s->spare)
			run_free(s->engine, r);
		else
			s->spare = r;
	}
	s->flight.last = at;
}

/* `all`: nothing of what has not started stays. */
static enum slot_taken take(struct slot *s, uint32_t to, bool all,
			    struct run_queue *back)
{
	if (!number_before(to, s->end))
		return SLOT_STARTED;
	if (!prepare_cut(s, to, all))
		return SLOT_NO_MEMORY;
	if (!board_withdraw(s->board, to)) {
		drop_empty_runs(s);
		return SLOT_STARTED;
	}
	s->end = to;
	take_runs(s, to, back);
	drop_empty_runs(s);
	return SLOT_TAKEN;
}

enum slot_taken slot_take(struct slot *s, uint32_t to, struct run_queue *back)
{
	return take(s, to, false, back);
}

uint32_t slot_run_start(const struct slot *s, uint32_t number)
{
	const struct run *r;

	for (r = s->flight.first; r; r = r->next)
		if (number - r->number < r->count)
			return r->number;
	return number;
}

/* The end of the run that holds a number. */
static uint32_t run_end(const struct slot *s, uint32_t number)
{
	const struct run *r;

	for (r = s->flight.first; r; r = r->next)
		if (number - r->number < r->count)
			return r->number + r->count;
	return number;
}

uint32_t slot_cut(const struct slot *s, uint32_t to,
		  const struct prun_job *given_up)
{
	const struct run *r;

	for (r = s->flight.first; r; r = r->next) {
		if (to - r->number >= r->count)
			continue;
		if (r->chunk->exact && to != r->number &&
		    r->chunk->job != given_up)
			return r->number + r->count;
		break;
	}
	return to;
}

bool slot_holds(const struct slot *s, const struct prun_job *job)
{
	const struct run *r;

	for (r = s->flight.first; r; r = r->next)
		if (!job || r->chunk->job == job)
			return true;
	return false;
}

/* The tasks of other jobs go back to the engine with the rest; it knows whose
 * each is. */
void slot_take_all(struct slot *s, const struct prun_job *job, bool split,
		   struct run_queue *back)
{
	enum slot_taken taken;
	uint32_t to;

	if (!slot_holds(s, job))
		return;
	/* That one has started meanwhile ends: they are finitely many. Without
	 * memory to cut the run across, the runs behind it must do. */
	do {
		to = s->end - slot_unstarted(s);
		if (!split)
			to = slot_cut(s, to, job);
		taken = take(s, to, split, back);
		if (taken == SLOT_NO_MEMORY) {
			to = run_end(s, to);
			taken = take(s, to, split, back);
		}
	} while (taken == SLOT_STARTED && number_before(to, s->end) &&
		 !s->hostile);
}

void slot_unborn(struct slot *s, struct run_queue *back)
{
	take_runs(s, s->flight.first ? s->flight.first->number : 0, back);
	slot_release(s);
}

void slot_doom(struct slot *s, int signal, struct run_queue *back)
{
	if (s->state != SLOT_DOOMED) {
		take_runs(s, s->flight.first ? s->flight.first->number : 0,
			  back);
		s->outstanding = 0;
		s->bytes = 0;
		s->state = SLOT_DOOMED;
		frame_writer_took(&s->out, s->out.end - s->out.start);
		process_shutdown(&s->process);
		s->check_ns = UINT64_MAX;
		poller_remove(&s->engine->poller, s->process.fd);
	}
	process_kill(&s->process, signal);
}

/* -- Cancelling what runs -- */

/* In which tasks of the job it is just now. */
bool slot_runs(const struct slot *s, const struct prun_job *job)
{
	uint64_t start_ns;
	uint32_t number;
	unsigned lane;
	struct run *r;

	for (lane = 0; lane < PRUN_LANES_MAX; lane++) {
		if (!board_running(s->board, lane, &number, &start_ns))
			continue;
		for (r = s->flight.first; r; r = r->next)
			if (number - r->number < r->count &&
			    r->chunk->job == job &&
			    r->chunk->states[r->at + (number - r->number)] ==
				    TASK_SENT)
				return true;
	}
	return false;
}

bool slot_give_up(struct slot *s, const struct prun_job *job)
{
	if (s->state == SLOT_DOOMED || s->hostile || !slot_runs(s, job))
		return false;
	s->given_up = true;
	s->condemned = true;
	process_kill(&s->process, SIGKILL);
	return true;
}
