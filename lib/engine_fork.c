/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "slot.h"

/* Unstarted work a worker holds, in time, tasks and bytes. */
#define WINDOW_NS 200000u
#define WINDOW_TASKS 4096u
#define WINDOW_BYTES ((uint64_t)1 << 20)
/* What a task is taken to last as long as nobody knows. */
#define UNKNOWN_NS 1000000u
/* Work worth taking from one worker for another. */
#define STEAL_NS 20000u
#define STEAL_CHECK_NS 1000000u
/* Starts that fail one after the other before the pool is given up. */
#define FAILED_STARTS_MAX 3u
#define RETRY_NS 100000000u
/* So many deaths in a row, and one a worker, are replaced at once. */
#define DEATHS_FREE 16u
#define BRAKE_NS 1000000ull
#define EVENTS_MAX 64
/* Short work for a busy worker is sent with what follows, up to so much. */
#define LAZY_BYTES 65536u

struct engine_fork {
	struct engine base;
	struct forkserver server;
	bool served; /* it bears the workers */
	struct slot *slots;
	uint32_t nslots;
	struct run_queue pending; /* submitted, or taken back */
	uint64_t *estimates;	  /* ns a task, by function */
	struct slot *target;	  /* being fed, with so many tasks yet */
	uint32_t target_func;	  /* of this function */
	uint32_t target_room;
	uint32_t failed_starts; /* in a row */
	uint32_t deaths;	/* in a row, without a result in between */
	uint64_t retry_ns;	/* no fork before */
	uint64_t steal_ns;	/* look again for work to take */
	bool stopping;
	bool broken;
};

static struct engine_fork *fork_engine(struct engine *e)
{
	return (struct engine_fork *)e;
}

/* -- Windows: who gets how much -- */

/* How many unstarted tasks this worker should hold. */
static uint32_t window_goal(const struct engine_fork *e, uint32_t func)
{
	const struct prun_func *f = &e->base.config->funcs.funcs[func];
	uint64_t each = e->estimates[func] ? e->estimates[func] : UNKNOWN_NS;
	uint64_t target = WINDOW_NS;
	uint64_t goal;

	if (target < e->base.margin_ns)
		target = e->base.margin_ns;
	goal = target / each;
	if (goal < f->lanes)
		goal = f->lanes;
	if (goal == 0 && each < UNKNOWN_NS)
		goal = 1;
	return goal > WINDOW_TASKS ? WINDOW_TASKS : (uint32_t)goal;
}

/* How many more it may get now. Refilled when half its window is used. */
static uint32_t slot_room(struct slot *s, uint32_t goal, uint64_t max)
{
	uint32_t unstarted, room;

	if (!slot_feedable(s) || s->hostile || slot_clogged(s))
		return 0;
	if (s->outstanding == 0) {
		room = goal ? goal : 1;
	} else {
		if (s->bytes >= WINDOW_BYTES || !slot_grantable(s))
			return 0;
		unstarted = slot_unstarted(s);
		if (goal == 0 || unstarted * 2 > goal)
			return 0;
		room = goal - unstarted;
	}
	return max && max - s->given < room ? (uint32_t)(max - s->given) : room;
}

/*
 * Choose whom to feed: the one with the least in hand, and with it half
 * a window, so that tasks spread over all before one is full.
 */
static void choose_target(struct engine_fork *e, uint32_t func)
{
	uint64_t max = e->base.config->maxtasksperchild;
	uint32_t goal = window_goal(e, func);
	uint32_t quantum = e->estimates[func] && goal > 4 ? goal / 2 : 1;
	uint32_t least = UINT32_MAX, i, room;

	e->target_room = 0;
	e->target_func = func;
	for (i = 0; i < e->nslots && least > 0; i++) {
		struct slot *s = &e->slots[i];

		if (s->outstanding >= least)
			continue;
		room = slot_room(s, goal, max);
		if (room == 0)
			continue;
		least = s->outstanding;
		e->target = s;
		e->target_room = room < quantum ? room : quantum;
	}
}

static uint32_t fork_room(struct engine *base, uint32_t func)
{
	struct engine_fork *e = fork_engine(base);

	if (e->pending.first || e->stopping)
		return 0;
	if (e->target_room == 0 || e->target_func != func)
		choose_target(e, func);
	return e->target_room;
}

/* Give the first pending run, or what the target has room for of it. */
static void feed_target(struct engine_fork *e)
{
	struct slot *s = e->target;
	uint64_t max = e->base.config->maxtasksperchild;
	struct run *r = run_queue_pop(&e->pending), *rest;

	if (r->count > e->target_room && !r->chunk->exact) {
		/* Without memory to cut it, all goes to this one. */
		rest = run_cut(&e->base, r, e->target_room);
		if (rest)
			run_queue_push_front(&e->pending, rest);
	}
	e->target_room -= r->count < e->target_room ? r->count : e->target_room;
	if (slot_give(s, r) < 0)
		run_fail(&e->base, r, -ENOMEM);
	else if (max && s->given >= max)
		slot_retire(s);
	if (!slot_feedable(s) || s->hostile || slot_clogged(s))
		e->target_room = 0;
}

static void feed(struct engine_fork *e)
{
	while (e->pending.first && !e->stopping) {
		uint32_t func = e->pending.first->chunk->func;

		if (e->target_room == 0 || e->target_func != func)
			choose_target(e, func);
		if (e->target_room == 0)
			return;
		feed_target(e);
	}
}

static void fork_submit(struct engine *base, struct chunk *c)
{
	struct engine_fork *e = fork_engine(base);
	struct run *r = run_new(base, c, 0, c->count, false);

	if (!r) {
		struct run all = {
			.chunk = c, .count = c->count, .left = c->count};
		struct engine_result failure = {.status = -ENOMEM};

		failure.data = prun_strerror(-ENOMEM);
		failure.size = strlen(failure.data);
		run_give_back(base, &all, &failure);
		return;
	}
	run_queue_push(&e->pending, r);
	feed(e);
}

/* -- Sharing out again: idle workers take from the ones that have -- */

/* Whether what it has not started is worth a message, or its running task
 * lasts so long that it is. */
static bool worth_stealing(const struct engine_fork *e, struct slot *s,
			   uint32_t unstarted)
{
	uint64_t each = e->estimates[s->flight.first->chunk->func];
	uint64_t start_ns;
	uint32_t number;

	if (each == 0 || each * unstarted >= STEAL_NS || slot_stands_still(s))
		return true;
	return board_running(s->board, 0, &number, &start_ns) &&
	       start_ns + 4ull * STEAL_NS < e->base.now_ns;
}

/*
 * From which number on an idle one could take: half of what has not started,
 * less where that would split a chunk that the caller wants whole. A worker
 * that is about to start its only task keeps it, lest the two take it from
 * each other in turn; not if it is still in its initializer, and the other one
 * through with it, or if it has started nothing for long: it may be stopped.
 */
static uint32_t steal_from(struct slot *s, bool thief_ready)
{
	uint32_t unstarted = slot_unstarted(s);
	bool last = s->outstanding > unstarted || (thief_ready && !s->ready) ||
		    slot_stands_still(s);

	uint32_t middle = s->end - (unstarted + last) / 2;
	uint32_t to = slot_cut(s, middle, NULL);

	/* Behind a long task even a whole chunk is worth taking. */
	if (to == s->end && last && unstarted > 0)
		to = slot_run_start(s, middle);
	return number_before(to, s->end - unstarted) ? s->end : to;
}

/* The one with the most to take, from number *to on; NULL: none is worth it. */
static struct slot *choose_victim(struct engine_fork *e, bool thief_ready,
				  uint32_t *to)
{
	struct slot *best = NULL;
	uint32_t i, from, most = 0;

	for (i = 0; i < e->nslots; i++) {
		struct slot *s = &e->slots[i];

		if (!slot_alive(s) || s->state == SLOT_DOOMED || s->condemned ||
		    s->outstanding <= most)
			continue;
		from = steal_from(s, thief_ready);
		if (s->end - from <= most ||
		    !worth_stealing(e, s, slot_unstarted(s)))
			continue;
		best = s;
		*to = from;
		most = s->end - from;
	}
	return best;
}

/* Whether somebody has work that is not started, now or perhaps later worth
 * taking. */
static bool anyone_has_more(struct engine_fork *e)
{
	uint32_t i;

	for (i = 0; i < e->nslots; i++)
		if (slot_alive(&e->slots[i]) && e->slots[i].outstanding > 0 &&
		    e->slots[i].state != SLOT_DOOMED &&
		    !e->slots[i].condemned && slot_unstarted(&e->slots[i]) > 0)
			return true;
	return false;
}

static void rebalance(struct engine_fork *e)
{
	struct run_queue taken;
	struct slot *victim;
	uint64_t max = e->base.config->maxtasksperchild;
	uint32_t i, to, most;

	e->steal_ns = UINT64_MAX;
	run_queue_init(&taken);
	for (i = 0; i < e->nslots && !e->pending.first; i++) {
		struct slot *s = &e->slots[i];

		if (!slot_feedable(s) || s->outstanding || s->hostile ||
		    slot_clogged(s))
			continue;
		if (!anyone_has_more(e))
			return;
		e->steal_ns = e->base.now_ns + STEAL_CHECK_NS;
		victim = choose_victim(e, s->ready, &to);
		most = victim ? victim->end - to : 0;
		if (!victim || slot_take(victim, to, &taken) != SLOT_TAKEN)
			return;
		run_queue_prepend(&e->pending, &taken);
		/* For this one: the victim may be the emptiest now. */
		e->target = s;
		e->target_func = e->pending.first->chunk->func;
		e->target_room = most;
		if (max && max - s->given < most)
			e->target_room = (uint32_t)(max - s->given);
		feed(e);
	}
}

/* -- Birth and death -- */

static void engine_break(struct engine_fork *e, int code, const char *message)
{
	if (e->broken)
		return;
	e->broken = true;
	e->base.events->broken(e->base.ctx, code, message);
}

static bool fork_stopped(const struct engine *base);
static void drop_server(struct engine_fork *e);

/* The system has no room now: with workers left they carry on. */
static void start_failed(struct engine_fork *e, int rc)
{
	e->retry_ns = e->base.now_ns + RETRY_NS;
	if (fork_stopped(&e->base) && ++e->failed_starts >= FAILED_STARTS_MAX)
		engine_break(e, rc, "no worker can be started");
}

static int start_slot(struct engine_fork *e, struct slot *s)
{
	return slot_start(s, e->served ? &e->server : NULL);
}

static void start_missing(struct engine_fork *e)
{
	uint32_t i;
	int rc = 0;

	if (e->stopping || e->broken || e->retry_ns > e->base.now_ns)
		return;
	e->retry_ns = UINT64_MAX;
	for (i = 0; i < e->nslots && rc == 0; i++)
		if (!slot_alive(&e->slots[i]))
			rc = start_slot(e, &e->slots[i]);
	if (rc < 0)
		start_failed(e, rc);
}

/* Its work goes to the others, its place to another one. */
static void replace(struct engine_fork *e, const struct slot *s,
		    struct run_queue *back)
{
	if (s == e->target)
		e->target_room = 0;
	run_queue_drop_unwanted(&e->base, back);
	run_queue_prepend(&e->pending, back);
	e->retry_ns = 0;
	if (e->stopping && e->served && fork_stopped(&e->base))
		drop_server(e);
}

/* Workers that do nothing but die are replaced more and more slowly. */
static void brake(struct engine_fork *e)
{
	uint32_t over = e->deaths > e->nslots + DEATHS_FREE ?
				e->deaths - e->nslots - DEATHS_FREE :
				0;

	if (over == 0)
		return;
	e->retry_ns = e->base.now_ns +
		      (over < 10 ? BRAKE_NS << over : BRAKE_NS << 10);
}

static void bury(struct engine_fork *e, struct slot *s,
		 const struct process_end *end)
{
	struct run_queue back;
	bool starting = s->state != SLOT_DOOMED;
	bool retiring = s->state == SLOT_RETIRING;
	bool was_ready = s->ready;
	bool wanted = s->late || s->given_up;

	run_queue_init(&back);
	slot_bury(s, end, &back);
	/* What the caller wanted dead says nothing of its kind. */
	if (s->done > 0 || retiring)
		e->deaths = 0;
	else if (!wanted)
		e->deaths++;
	replace(e, s, &back);
	brake(e);
	if (s->ready && !was_ready)
		e->failed_starts = 0;
	else if (!s->ready && starting && !s->hostile &&
		 ++e->failed_starts >= FAILED_STARTS_MAX)
		engine_break(e, PRUN_EINIT, s->init_message);
}

static void bury_child(struct engine_fork *e, struct slot *s)
{
	struct process_end end;
	pid_t pid = s->process.pid;

	if (!process_reap(&s->process, &end, false))
		return;
	s->process.pid = pid; /* results to come still name it */
	bury(e, s, &end);
}

/* -- The fork server -- */

/* Numbers behind those of the slots. */
static uint64_t server_data(const struct engine_fork *e, unsigned kind)
{
	return (uint64_t)e->nslots << 2 | kind;
}

static void drop_server(struct engine_fork *e)
{
	if (e->server.fd < 0)
		return;
	poller_remove(&e->base.poller, e->server.fd);
	poller_remove(&e->base.poller, e->server.process.pidfd);
	forkserver_stop(&e->server);
}

static void unborn(struct engine_fork *e, struct slot *s, int rc)
{
	struct run_queue back;

	run_queue_init(&back);
	slot_unborn(s, &back);
	replace(e, s, &back);
	start_failed(e, rc);
}

static void take_news(struct engine_fork *e, struct forkserver_news *news)
{
	struct slot *s;
	struct process_end end;

	if (news->id < 0 || (uint32_t)news->id >= e->nslots ||
	    !slot_alive(&e->slots[news->id])) {
		process_fd_close(&news->fd);
		return;
	}
	s = &e->slots[news->id];
	if (news->kind == FORKSERVER_BORN && news->fd >= 0) {
		slot_born(s, news->pid, news->fd);
	} else if (news->kind == FORKSERVER_BORN) {
		unborn(e, s, news->value < 0 ? news->value : -EMFILE);
	} else if (news->kind == FORKSERVER_DIED &&
		   news->pid == s->process.pid) {
		process_status(&end, news->value);
		bury(e, s, &end);
	}
}

/* The workers die with it. What they have comes back when the pool, being
 * broken, stops. */
static void server_died(struct engine_fork *e)
{
	struct process_end unknown = {false, 0, -1};
	struct run_queue back;
	uint32_t i;

	drop_server(e);
	engine_break(e, PRUN_ESERVER, prun_strerror(PRUN_ESERVER));
	for (i = 0; i < e->nslots; i++) {
		struct slot *s = &e->slots[i];

		if (!slot_alive(s))
			continue;
		process_kill(&s->process, SIGKILL);
		process_await(&s->process, -1);
		process_adopted(&s->process);
		run_queue_init(&back);
		s->orphaned = true;
		slot_bury(s, &unknown, &back);
		run_queue_prepend(&e->pending, &back);
	}
	e->target_room = 0;
}

static void serve_server(struct engine_fork *e, bool ended)
{
	struct forkserver_news news = {.fd = -1};
	int rc = 0;

	while (e->server.fd >= 0 &&
	       (rc = forkserver_receive(&e->server, &news)) > 0)
		take_news(e, &news);
	if (e->server.fd >= 0 && (rc < 0 || ended))
		server_died(e);
}

/* -- The loop's part -- */

/* It will start nothing more of what it has. */
static void retire_full(struct engine_fork *e, struct slot *s)
{
	struct run_queue back;

	run_queue_init(&back);
	slot_take_all(s, NULL, true, &back);
	run_queue_prepend(&e->pending, &back);
	slot_retire(s);
	if (s == e->target)
		e->target_room = 0;
}

/* By its socket, or with that by its board. */
static void hear(struct engine_fork *e, struct slot *s,
		 void (*take)(struct slot *s))
{
	bool was_ready = s->ready;

	take(s);
	if (s->ready && !was_ready)
		e->failed_starts = 0;
	if (slot_feedable(s) && !s->hostile &&
	    atomic_load_explicit(&s->board->full, memory_order_acquire))
		retire_full(e, s);
}

static void serve(struct engine_fork *e, const struct epoll_event *event)
{
	uint64_t data = event->data.u64;
	struct slot *s;
	bool ended;

	if ((data & ENGINE_DATA_MASK) == ENGINE_DATA_OTHER) {
		e->base.events->readable(e->base.ctx, data);
		return;
	}
	ended = (data & ENGINE_DATA_MASK) == ENGINE_DATA_PIDFD;
	if (data >> 2 == e->nslots) {
		serve_server(e, ended);
		return;
	}
	s = &e->slots[data >> 2];
	if (!slot_alive(s))
		return; /* buried by an earlier event of this round */
	if (ended) {
		bury_child(e, s);
		return;
	}
	if (event->events & EPOLLOUT)
		slot_send(s);
	if (event->events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		hear(e, s, slot_receive);
}

static void check_late(struct engine_fork *e, struct slot *s)
{
	struct run_queue back;

	/* What it has said comes first: a round may have had too many events
	 * to come to it. */
	if (s->process.pid)
		hear(e, s, slot_receive);
	run_queue_init(&back);
	slot_check_late(s, &back);
	run_queue_prepend(&e->pending, &back);
}

/* What is due by the clock. */
static void serve_timers(struct engine_fork *e)
{
	uint64_t now = e->base.now_ns;
	uint32_t i;

	for (i = 0; i < e->nslots; i++) {
		struct slot *s = &e->slots[i];

		if (s->check_ns <= now)
			hear(e, s, slot_check);
		if (s->overdue_ns <= now)
			check_late(e, s);
		if (s->kill_ns <= now) {
			process_kill(&s->process, SIGKILL);
			s->kill_ns = UINT64_MAX;
		}
	}
}

/* When the next is due. */
static uint64_t next_timer(const struct engine_fork *e)
{
	uint64_t next = e->steal_ns;
	uint32_t i;

	if (e->base.tick_ns < next)
		next = e->base.tick_ns;
	for (i = 0; i < e->nslots; i++) {
		const struct slot *s = &e->slots[i];

		if (s->check_ns < next)
			next = s->check_ns;
		if (s->kill_ns < next)
			next = s->kill_ns;
		if (s->overdue_ns < next)
			next = s->overdue_ns;
	}
	if (!e->stopping && e->retry_ns < next)
		next = e->retry_ns;
	return next;
}

/* Whether what is queued for it can wait: it has something else to start, and
 * the queue is short in time. */
static bool can_wait(const struct engine_fork *e, const struct slot *s)
{
	uint64_t each;

	if (s->state != SLOT_READY || s->outstanding <= s->unsent)
		return false;
	each = e->estimates[s->flight.first->chunk->func];
	return each && each * s->unsent < WINDOW_NS &&
	       s->out.end - s->out.start < LAZY_BYTES;
}

static void fork_flush(struct engine *base, bool lazy)
{
	struct engine_fork *e = fork_engine(base);
	uint32_t i;

	for (i = 0; i < e->nslots; i++) {
		struct slot *s = &e->slots[i];

		if (!slot_alive(s) || s->blocked || (lazy && can_wait(e, s)))
			continue;
		if (s->out.start < s->out.end ||
		    (s->state == SLOT_RETIRING && !s->shut))
			slot_send(s);
	}
	if (base->poller.foreign)
		poller_arm(&base->poller, next_timer(e));
}

static int fork_step(struct engine *base, uint64_t deadline_ns)
{
	struct engine_fork *e = fork_engine(base);
	struct epoll_event events[EVENTS_MAX];
	uint64_t next;
	int i, n;

	base->now_ns = now_ns();
	start_missing(e);
	e->target_room = 0;
	feed(e);
	if (!e->pending.first)
		rebalance(e);
	fork_flush(base, false);
	next = next_timer(e);
	n = poller_wait(&base->poller, events, EVENTS_MAX,
			next < deadline_ns ? next : deadline_ns);
	if (n < 0)
		return n;
	base->now_ns = now_ns();
	for (i = 0; i < n; i++)
		serve(e, &events[i]);
	/* After the wait, so that what this brings is looked at at once. */
	serve_timers(e);
	e->target_room = 0;
	feed(e);
	/* One that has just become idle must not wait for the next step, which
	 * in a foreign loop may not come. */
	if (n > 0 && !e->pending.first)
		rebalance(e);
	if (base->poller.foreign)
		poller_arm(&base->poller, next_timer(e));
	return n;
}

/* Each slot is to see for itself what is due when now, later in this step. */
static void fork_relimit(struct engine *base)
{
	struct engine_fork *e = fork_engine(base);
	uint32_t i;

	for (i = 0; i < e->nslots; i++)
		if (slot_alive(&e->slots[i]))
			e->slots[i].overdue_ns = 0;
}

/* The others' tasks that were taken back with the job's start elsewhere. */
static bool fork_withdraw(struct engine *base, const struct prun_job *job,
			  bool force)
{
	struct engine_fork *e = fork_engine(base);
	bool to_come = false;
	uint32_t i;

	for (i = 0; i < e->nslots; i++) {
		struct slot *s = &e->slots[i];
		struct run_queue taken;
		bool all;

		if (!slot_alive(s) || s->state == SLOT_DOOMED)
			continue;
		if (s->hostile) {
			to_come |= slot_holds(s, job);
			continue;
		}
		run_queue_init(&taken);
		all = force && slot_runs(s, job);
		slot_take_all(s, all ? NULL : job, all, &taken);
		run_queue_prepend(&e->pending, &taken);
		if (force)
			to_come |= slot_give_up(s, job);
	}
	run_queue_withdraw(base, &e->pending, job);
	e->target_room = 0;
	return to_come;
}

static void stop_slot(struct engine_fork *e, struct slot *s,
		      enum engine_stop how)
{
	struct run_queue back;

	if (!slot_alive(s))
		return;
	/* Said once, the grace runs from then on. */
	if (how == ENGINE_TERM && s->kill_ns != UINT64_MAX)
		return;
	if (how == ENGINE_DRAIN || (how == ENGINE_TERM && s->outstanding == 0 &&
				    s->state != SLOT_DOOMED)) {
		slot_retire(s);
		if (how == ENGINE_TERM)
			s->kill_ns = e->base.now_ns +
				     e->base.config->grace_ms * 1000000ull;
		return;
	}
	if (s->state == SLOT_DOOMED && how == ENGINE_TERM)
		return;
	run_queue_init(&back);
	slot_doom(s, how == ENGINE_KILL ? SIGKILL : SIGTERM, &back);
	s->kill_ns =
		how == ENGINE_KILL ?
			UINT64_MAX :
			e->base.now_ns + e->base.config->grace_ms * 1000000ull;
	run_queue_withdraw(&e->base, &back, NULL);
}

static void fork_stop(struct engine *base, enum engine_stop how)
{
	struct engine_fork *e = fork_engine(base);
	uint32_t i;

	e->stopping = true;
	base->now_ns = now_ns();
	if (how != ENGINE_DRAIN)
		run_queue_withdraw(base, &e->pending, NULL);
	for (i = 0; i < e->nslots; i++)
		stop_slot(e, &e->slots[i], how);
	fork_flush(base, false);
	if (e->served && fork_stopped(base))
		drop_server(e);
}

static uint32_t fork_stats(const struct engine *base,
			   struct prun_worker_stats *stats, uint32_t room)
{
	const struct engine_fork *e = (const struct engine_fork *)base;
	uint32_t i;

	for (i = 0; i < e->nslots && i < room; i++)
		slot_stats(&e->slots[i], &stats[i]);
	return e->nslots;
}

static bool fork_stopped(const struct engine *base)
{
	const struct engine_fork *e = (const struct engine_fork *)base;
	uint32_t i;

	for (i = 0; i < e->nslots; i++)
		if (slot_alive(&e->slots[i]))
			return false;
	return true;
}

static int slot_running(struct slot *s,
			void (*fn)(void *ctx, struct chunk *c, uint32_t i,
				   uint64_t start_ns, int id, pid_t pid),
			void *ctx)
{
	unsigned lane, lanes = 1;
	uint64_t start_ns;
	uint32_t number;
	struct run *r;
	int n = 0;

	if (!slot_alive(s) || s->state == SLOT_DOOMED || !s->flight.first)
		return 0;
	if (s->engine->config->funcs.funcs[s->flight.first->chunk->func].batch)
		lanes = PRUN_LANES_MAX;
	for (lane = 0; lane < lanes; lane++) {
		if (!board_running(s->board, lane, &number, &start_ns))
			continue;
		for (r = s->flight.first; r; r = r->next)
			if (number - r->number < r->count)
				break;
		if (!r)
			continue;
		fn(ctx, r->chunk, r->at + (number - r->number), start_ns, s->id,
		   s->process.pid);
		n++;
	}
	return n;
}

static int fork_running(struct engine *base,
			void (*fn)(void *ctx, struct chunk *c, uint32_t i,
				   uint64_t start_ns, int id, pid_t pid),
			void *ctx)
{
	struct engine_fork *e = fork_engine(base);
	uint32_t i;
	int n = 0;

	for (i = 0; i < e->nslots; i++)
		n += slot_running(&e->slots[i], fn, ctx);
	return n;
}

static void release_memory(struct engine_fork *e)
{
	uint32_t i;

	run_queue_free(&e->pending);
	run_free_unused(&e->base);
	for (i = 0; i < e->nslots; i++)
		slot_free_memory(&e->slots[i]);
	free(e->slots);
	free(e->estimates);
	free(e);
}

/* The boards were not inherited, and the descriptors are shared with the
 * parent: both are left alone. */
static void fork_forget(struct engine *base)
{
	release_memory(fork_engine(base));
}

/* Everything was given back before: stop(ENGINE_KILL). */
static void fork_free(struct engine *base)
{
	struct engine_fork *e = fork_engine(base);
	struct process_end end;
	uint32_t i;

	drop_server(e); /* and with it the workers that it bore */
	for (i = 0; i < e->nslots; i++) {
		struct slot *s = &e->slots[i];

		if (!slot_alive(s))
			continue;
		if (!e->served) {
			process_kill(&s->process, SIGKILL);
			process_reap(&s->process, &end, true);
		}
		if (e->served) {
			process_await(&s->process, -1);
			process_adopted(&s->process);
		}
		run_queue_free(&s->flight);
		slot_release(s);
	}
	poller_release(&base->poller);
	release_memory(e);
}

static const struct engine_ops fork_ops = {
	.free = fork_free,
	.room = fork_room,
	.submit = fork_submit,
	.flush = fork_flush,
	.step = fork_step,
	.withdraw = fork_withdraw,
	.relimit = fork_relimit,
	.stop = fork_stop,
	.stopped = fork_stopped,
	.running = fork_running,
	.stats = fork_stats,
	.forget = fork_forget,
};

static int init_slots(struct engine_fork *e)
{
	const struct engine_config *config = e->base.config;
	uint32_t i;

	e->slots = calloc(config->workers, sizeof(*e->slots));
	e->estimates = calloc(config->funcs.count, sizeof(*e->estimates));
	if (!e->slots || !e->estimates)
		return -ENOMEM;
	e->nslots = config->workers;
	for (i = 0; i < e->nslots; i++) {
		struct slot *s = &e->slots[i];

		s->engine = &e->base;
		s->id = (int)i;
		s->process = (struct process)PROCESS_INIT;
		s->estimates = e->estimates;
		frame_reader_init(&s->in, engine_result_max(config));
		run_queue_init(&s->flight);
		if (frame_reader_reserve(&s->in) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int start_server(struct engine_fork *e)
{
	struct poller *p = &e->base.poller;
	struct engine_config *config =
		(struct engine_config *)(uintptr_t)e->base.config;
	int rc = forkserver_start(&e->server, e->nslots, config->kill_leftovers,
				  slot_served, config);

	if (rc < 0)
		return rc;
	e->served = true;
	rc = poller_add(p, e->server.fd, EPOLLIN,
			server_data(e, ENGINE_DATA_SOCKET));
	if (rc == 0)
		rc = poller_add(p, e->server.process.pidfd, EPOLLIN,
				server_data(e, ENGINE_DATA_PIDFD));
	return rc;
}

/* All workers are there when the pool opens, or it does not open. */
static int await_births(struct engine_fork *e, uint32_t *born, uint32_t until)
{
	struct pollfd poll_for = {.fd = e->server.fd, .events = POLLIN};
	struct forkserver_news news = {.fd = -1};
	int rc;

	while (*born < until) {
		rc = forkserver_receive(&e->server, &news);
		if (rc < 0)
			return PRUN_ESERVER;
		if (rc == 0) {
			poll(&poll_for, 1, -1);
			continue;
		}
		if (news.kind == FORKSERVER_BORN)
			++*born;
		if (news.kind == FORKSERVER_BORN && news.fd < 0)
			return news.value < 0 ? news.value : -EMFILE;
		take_news(e, &news);
	}
	return 0;
}

int engine_fork_new(struct engine **engine, const struct engine_config *config,
		    const struct engine_events *events, void *ctx)
{
	struct engine_fork *e = calloc(1, sizeof(*e));
	uint32_t i, born = 0;
	int rc;

	*engine = NULL;
	if (!e)
		return -ENOMEM;
	e->base.ops = &fork_ops;
	e->base.config = config;
	e->base.events = events;
	e->base.ctx = ctx;
	e->base.remote = true;
	e->retry_ns = UINT64_MAX;
	e->steal_ns = UINT64_MAX;
	e->base.tick_ns = UINT64_MAX;
	e->server = (struct forkserver)FORKSERVER_INIT;
	run_queue_init(&e->pending);
	rc = poller_init(&e->base.poller);
	if (rc < 0) {
		free(e);
		return rc;
	}
	rc = init_slots(e);
	if (rc == 0 && config->forkserver)
		rc = start_server(e);
	e->base.now_ns = now_ns();
	for (i = 0; i < e->nslots && rc == 0; i++) {
		rc = start_slot(e, &e->slots[i]);
		/* So many requests on their way: hear the answers first. */
		while (rc == -EAGAIN && e->served &&
		       (rc = await_births(e, &born, born + 1)) == 0)
			rc = start_slot(e, &e->slots[i]);
	}
	if (rc == 0 && e->served)
		rc = await_births(e, &born, e->nslots);
	if (rc < 0) {
		fork_free(&e->base);
		return rc;
	}
	*engine = &e->base;
	return 0;
}
