/* SPDX-License-Identifier: MIT */
/*
 * The serial twin of the local engine: the same worker code over a board of
 * its own, without a process. One run of tasks a step.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "board.h"
#include "engine.h"
#include "frame.h"
#include "run.h"
#include "worker.h"

#define ROOM 16u
#define FAILED_STARTS_MAX 3u

struct engine_inline {
	struct engine base;
	struct worker_setup setup;
	struct board *board;
	struct worker *worker;
	struct frame_reader in; /* results */
	struct run_queue pending;
	uint32_t fresh;
	uint64_t given;
	uint32_t failed_starts;
	bool stopped;
	bool broken;
};

static struct engine_inline *inline_engine(struct engine *e)
{
	return (struct engine_inline *)e;
}

static int feed_reader(struct frame_reader *r, const void *data, size_t size)
{
	size_t room;
	unsigned char *at = frame_reader_space(r, size, &room);

	if (!at)
		return -ENOMEM;
	memcpy(at, data, size);
	frame_reader_fed(r, size);
	return 0;
}

static int send_inline(void *ctx, struct iovec *iov, int count)
{
	struct engine_inline *e = ctx;
	int i, rc = 0;

	for (i = 0; i < count && rc == 0; i++)
		rc = feed_reader(&e->in, iov[i].iov_base, iov[i].iov_len);
	return rc;
}

static void finish_worker(struct engine_inline *e)
{
	e->base.busy = true;
	worker_finish(e->worker);
	e->base.busy = false;
}

static void drop_worker(struct engine_inline *e)
{
	worker_free(e->worker);
	board_free(e->board);
	e->worker = NULL;
	e->board = NULL;
	frame_reader_reset(&e->in);
}

static void start_failed(struct engine_inline *e, int code, const char *text)
{
	drop_worker(e);
	if (++e->failed_starts < FAILED_STARTS_MAX)
		return;
	e->broken = true;
	e->base.events->broken(e->base.ctx, code, text);
}

/* A worker, with its initializer run; false: not now. */
static bool start_worker(struct engine_inline *e)
{
	struct frame f;
	char text[512];
	bool ready;

	e->fresh = 0;
	e->given = 0;
	e->board = board_new();
	if (e->board)
		e->worker = worker_new(&e->setup, e->board, 0, send_inline,
				       NULL, e);
	e->base.busy = true;
	ready = e->worker && worker_ready(e->worker) == 0;
	e->base.busy = false;
	if (!ready) {
		text[0] = '\0';
		if (e->worker && frame_next(&f, &e->in) > 0) {
			memcpy(text, f.body, (size_t)f.size);
			text[f.size] = '\0';
		}
		start_failed(e, e->worker ? PRUN_EINIT : -ENOMEM, text);
		return false;
	}
	(void)frame_next(&f, &e->in); /* READY */
	e->failed_starts = 0;
	return true;
}

/* Results in the order they were finished: each is given back by itself. */
static void give_results(struct engine_inline *e, struct run *r)
{
	struct engine_worker who = {0, getpid(), 0, -1};
	struct engine_result result;
	struct frame f;

	while (frame_next(&f, &e->in) > 0) {
		uint32_t i = r->at + (f.result.number - r->number);

		result.status = f.result.status;
		result.data = f.body;
		result.size = f.size;
		result.start_ns = f.result.start_ns;
		result.run_ns = f.result.run_ns;
		r->chunk->states[i] = TASK_DONE;
		r->left--;
		e->base.events->done(e->base.ctx, r->chunk, i, 1, &result,
				     &who);
	}
}

static void run_one(struct engine_inline *e, struct run *r)
{
	struct chunk *c = r->chunk;
	struct frame_tasks head = {.index = c->index + r->at,
				   .func = c->func,
				   .first = e->fresh,
				   .count = r->count,
				   .flags = (c->star ? FRAME_STAR : 0) |
					    (uint32_t)c->attempt
						    << FRAME_ATTEMPT_SHIFT};
	struct frame_writer out = {0};
	int rc = frame_put_tasks(&out, head, c->offsets + r->at, c->args);

	if (rc == 0)
		rc = feed_reader(worker_reader(e->worker), out.data + out.start,
				 out.end - out.start);
	frame_writer_release(&out);
	if (rc == 0) {
		board_grant(e->board, r->count);
		r->number = e->fresh;
		e->fresh += r->count;
		e->given += r->count;
		run_mark(r, TASK_SENT);
		e->base.busy = true;
		rc = worker_run(e->worker);
		e->base.busy = false;
		worker_flush(e->worker);
		give_results(e, r);
	}
	if (r->left == 0) {
		run_free(&e->base, r);
		return;
	}
	/* A worker that failed half-way is not used again. */
	run_fail(&e->base, r, rc < 0 ? rc : PRUN_EPROTO);
	drop_worker(e);
}

/* At most as many tasks as the worker may still run. */
static struct run *next_run(struct engine_inline *e)
{
	uint64_t max = e->base.config->maxtasksperchild;
	struct run *r = run_queue_pop(&e->pending);
	struct run *rest;

	if (max && !r->chunk->exact && r->count > max - e->given) {
		rest = run_cut(&e->base, r, (uint32_t)(max - e->given));
		if (rest)
			run_queue_push_front(&e->pending, rest);
	}
	return r;
}

static uint32_t inline_room(struct engine *base, uint32_t func)
{
	struct engine_inline *e = inline_engine(base);

	(void)func;
	return e->pending.first || e->stopped ? 0 : ROOM;
}

static void inline_submit(struct engine *base, struct chunk *c)
{
	struct engine_inline *e = inline_engine(base);
	struct run *r = run_new(base, c, 0, c->count, false);
	struct run all = {.chunk = c, .count = c->count, .left = c->count};
	struct engine_result failure = {.status = -ENOMEM};

	if (r) {
		run_queue_push(&e->pending, r);
		return;
	}
	failure.data = prun_strerror(-ENOMEM);
	failure.size = strlen(failure.data);
	run_give_back(base, &all, &failure);
}

/* A foreign loop must come back while there is something to run. */
static void inline_flush(struct engine *base, bool lazy)
{
	struct engine_inline *e = inline_engine(base);

	(void)lazy;
	poller_arm(&base->poller, e->pending.first ? 1 : base->tick_ns);
}

static int inline_step(struct engine *base, uint64_t deadline_ns)
{
	struct engine_inline *e = inline_engine(base);
	uint64_t max = base->config->maxtasksperchild;
	bool work = e->pending.first && !e->broken;
	struct epoll_event events[8];
	int i, n;

	base->now_ns = now_ns();
	if (base->tick_ns < deadline_ns)
		deadline_ns = base->tick_ns;
	n = poller_wait(&base->poller, events, 8, work ? 0 : deadline_ns);
	for (i = 0; i < n; i++)
		base->events->readable(base->ctx, events[i].data.u64);
	if (!work || n < 0)
		return n;
	if (e->worker || start_worker(e))
		run_one(e, next_run(e));
	if (e->worker && max && e->given >= max) {
		finish_worker(e);
		drop_worker(e);
	}
	inline_flush(base, false);
	return 1;
}

/* It has none. */
static void inline_relimit(struct engine *base)
{
	(void)base;
}

static bool inline_withdraw(struct engine *base, const struct prun_job *job,
			    bool force)
{
	(void)force; /* nothing runs between two steps */
	run_queue_withdraw(base, &inline_engine(base)->pending, job);
	return false;
}

static void inline_stop(struct engine *base, enum engine_stop how)
{
	struct engine_inline *e = inline_engine(base);

	(void)how; /* nothing runs between two steps */
	inline_withdraw(base, NULL, false);
	e->stopped = true;
	if (e->worker)
		finish_worker(e);
	drop_worker(e);
}

static bool inline_stopped(const struct engine *base)
{
	return ((const struct engine_inline *)base)->stopped;
}

static int inline_running(struct engine *base,
			  void (*fn)(void *ctx, struct chunk *c, uint32_t i,
				     uint64_t start_ns, int id, pid_t pid),
			  void *ctx)
{
	(void)base;
	(void)fn;
	(void)ctx;
	return 0;
}

static uint32_t inline_stats(const struct engine *base,
			     struct prun_worker_stats *stats, uint32_t room)
{
	const struct engine_inline *e = (const struct engine_inline *)base;

	if (room == 0)
		return 1;
	memset(stats, 0, sizeof(*stats));
	stats->worker_pid = getpid();
	stats->tasks = e->given;
	stats->rss_peak = limits_rss_peak(getpid());
	if (e->board)
		stats->working_ns = atomic_load_explicit(&e->board->work_ns,
							 memory_order_relaxed);
	return 1;
}

static void inline_forget(struct engine *base)
{
	struct engine_inline *e = inline_engine(base);

	worker_free(e->worker);
	frame_reader_release(&e->in);
	run_queue_free(&e->pending);
	run_free_unused(&e->base);
	free(e);
}

static void inline_free(struct engine *base)
{
	struct engine_inline *e = inline_engine(base);

	board_free(e->board);
	poller_release(&base->poller);
	inline_forget(base);
}

static const struct engine_ops inline_ops = {
	.free = inline_free,
	.room = inline_room,
	.submit = inline_submit,
	.flush = inline_flush,
	.step = inline_step,
	.withdraw = inline_withdraw,
	.relimit = inline_relimit,
	.stop = inline_stop,
	.stopped = inline_stopped,
	.running = inline_running,
	.stats = inline_stats,
	.forget = inline_forget,
};

int engine_inline_new(struct engine **engine,
		      const struct engine_config *config,
		      const struct engine_events *events, void *ctx)
{
	struct engine_inline *e = calloc(1, sizeof(*e));
	int rc;

	*engine = NULL;
	if (!e)
		return -ENOMEM;
	e->base.ops = &inline_ops;
	e->base.config = config;
	e->base.events = events;
	e->base.ctx = ctx;
	e->base.tick_ns = UINT64_MAX;
	e->setup.funcs = &config->funcs;
	e->setup.initializer = config->initializer;
	e->setup.finalizer = config->finalizer;
	e->setup.initarg = config->initarg;
	e->setup.max_payload = config->max_payload;
	run_queue_init(&e->pending);
	frame_reader_init(&e->in, engine_result_max(config));
	rc = poller_init(&e->base.poller);
	if (rc < 0) {
		free(e);
		return rc;
	}
	*engine = &e->base;
	return 0;
}
