/* SPDX-License-Identifier: MIT */
/* Limits of time: of tasks, and of the start of a worker. */
#include <signal.h>
#include <stdio.h>

#include "slot_private.h"

/* Who sends without a byte coming for so long stands still. */
#define STALLED_NS 1000000000u

/* When the initializer is to have ended; UINT64_MAX: it has, or may take its
 * time. Before its birth is known it is the server that does. */
static uint64_t start_due(const struct slot *s)
{
	uint64_t limit_ns = s->engine->config->start_timeout_ms * 1000000ull;

	if (s->ready || !limit_ns)
		return UINT64_MAX;
	return (s->process.pid ? s->born_ns : s->engine->now_ns) + limit_ns;
}

static void start_is_late(struct slot *s)
{
	uint32_t limit_ms = s->engine->config->start_timeout_ms;

	s->init_status = PRUN_EINIT;
	snprintf(s->init_message, sizeof(s->init_message),
		 "the initializer did not end within %u ms", limit_ms);
	s->condemned = true;
	process_kill(&s->process, SIGKILL);
}

/* The limits of the task in a lane, and when it is to be done with; NULL: it
 * has none. */
static const struct chunk_limits *
lane_limits(struct slot *s, unsigned lane, uint32_t *number, uint64_t *due_ns)
{
	const struct chunk *c;
	const struct run *r;
	uint64_t start_ns;

	if (!board_running(s->board, lane, number, &start_ns))
		return NULL;
	for (r = s->flight.first; r; r = r->next)
		if (*number - r->number < r->count)
			break;
	if (!r)
		return NULL;
	c = r->chunk;
	if (!c->limits || c->states[r->at + (*number - r->number)] != TASK_SENT)
		return NULL;
	/* A start in the future is a lie, and not to be waited for. */
	if (start_ns > s->engine->now_ns + CLOCK_SLACK_NS) {
		slot_hostile(s, "a start that is to come");
		return NULL;
	}
	*due_ns = start_ns + c->limits->timeout_ns;
	return c->limits;
}

/* Whether it is sending, and bytes come: then it runs no task, for one has
 * ended and the next has not begun. */
static bool is_sending(struct slot *s)
{
	if (!atomic_load_explicit(&s->board->sending, memory_order_relaxed))
		return false;
	if (s->sending_heard != s->heard) {
		s->sending_heard = s->heard;
		s->sending_ns = s->engine->now_ns;
	}
	return s->engine->now_ns < s->sending_ns + STALLED_NS;
}

/* Everything else is taken back before the signal, so that it cannot hit the
 * next task. A task that ends just now has its result on the board, and is not
 * failed. */
static void kill_late(struct slot *s, unsigned lane, uint32_t late,
		      const struct chunk_limits *limits, struct run_queue *back)
{
	uint64_t start_ns;
	uint32_t number;

	slot_take_all(s, NULL, true, back);
	if (slot_unstarted(s) > 0 || s->hostile ||
	    !board_running(s->board, lane, &number, &start_ns) ||
	    number != late)
		return;
	s->late = limits;
	s->late_number = late;
	s->condemned = true;
	process_kill(&s->process, SIGKILL);
}

/* Ask it to stop, once: when that was. Its grace begins then, for this process
 * may have been late itself. */
static uint64_t ask(struct slot *s, unsigned lane, uint32_t number,
		    const struct chunk_limits *limits)
{
	if (!board_ask_stop(s->board, lane, number))
		return s->asked_ns[lane];
	s->asked_ns[lane] = s->engine->now_ns;
	if (limits->signal)
		process_kill(&s->process, limits->signal);
	return s->asked_ns[lane];
}

/* When the next one in a lane is due. */
static uint64_t check_lanes(struct slot *s, struct run_queue *back)
{
	uint64_t now = s->engine->now_ns, next = UINT64_MAX, due_ns;
	const struct chunk_limits *limits;
	uint32_t number;
	unsigned lane;

	for (lane = 0; lane < PRUN_LANES_MAX && !s->late; lane++) {
		limits = lane_limits(s, lane, &number, &due_ns);
		if (!limits)
			continue;
		if (due_ns <= now)
			due_ns =
				ask(s, lane, number, limits) + limits->grace_ns;
		if (due_ns <= now)
			kill_late(s, lane, number, limits, back);
		else if (due_ns < next)
			next = due_ns;
	}
	return next;
}

void slot_check_late(struct slot *s, struct run_queue *back)
{
	uint64_t now = s->engine->now_ns, next = start_due(s), due_ns;
	const struct run *r;

	s->overdue_ns = UINT64_MAX;
	if (!slot_alive(s) || s->state == SLOT_DOOMED || s->hostile || s->late)
		return;
	if (next <= now) {
		start_is_late(s);
		return;
	}
	if (!is_sending(s)) {
		due_ns = check_lanes(s, back);
		if (due_ns < next)
			next = due_ns;
	}
	for (r = s->flight.first; r; r = r->next)
		if (r->chunk->limits &&
		    now + r->chunk->limits->timeout_ns < next)
			next = now + r->chunk->limits->timeout_ns;
	s->overdue_ns = next;
}
