/* SPDX-License-Identifier: MIT */

#include "verbose.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "message.h"
#include "run.h"

#define LOOK_MS 100

static void tell_start(const struct verbose *v)
{
	static const char *const methods[] = {
		[PRUN_START_FORK] = "forked",
		[PRUN_START_INLINE] = "in prun itself",
		[PRUN_START_FORKSERVER] = "of a fork server",
	};

	message("%" PRIu32 " worker%s %s", v->nworkers,
		v->nworkers == 1 ? "" : "s", methods[v->options->start_method]);
}

int verbose_init(struct verbose *v, const struct options *o,
		 struct prun_pool *pool)
{
	*v = (struct verbose){.options = o, .start_ns = clock_ns()};
	if (o->verbose == 0)
		return 0;
	v->nworkers = (uint32_t)prun_pool_workers(pool);
	tell_start(v);
	if (o->verbose == 1)
		return 0;
	v->now = calloc(v->nworkers, sizeof(*v->now));
	v->seen = calloc(v->nworkers, sizeof(*v->seen));
	return v->now && v->seen ? 0 : -ENOMEM;
}

void verbose_release(struct verbose *v)
{
	free(v->now);
	free(v->seen);
	v->now = v->seen = NULL;
}

void verbose_item(const struct verbose *v, const struct prun_result *r,
		  const char *what)
{
	char text[128], try[32] = "";
	int n;

	if (v->options->verbose == 0)
		return;
	if (r->attempts > 1)
		snprintf(try, sizeof(try), ", try %" PRIu32, r->attempts);
	if (r->start_ns > 0)
		n = snprintf(
			text, sizeof(text),
			"%s, worker %d (pid %d), from %.3f s for %.3f ms%s",
			what, r->worker_id, (int)r->worker_pid,
			r->start_ns < v->start_ns ?
				0.0 :
				(double)(r->start_ns - v->start_ns) / 1e9,
			(double)r->run_ns / 1e6, try);
	else
		n = snprintf(text, sizeof(text), "%s, never begun%s", what,
			     try);
	run_tell(v->options, r, text, (size_t)n);
}

/* -------------------------------------------------------------- the workers */

static void tell_death(const struct prun_worker_stats *w)
{
	message("worker %d (pid %d) has ended, items: %" PRIu64, w->worker_id,
		(int)w->worker_pid, w->tasks);
}

static void tell_birth(const struct prun_worker_stats *w)
{
	message("worker %d (pid %d) is there, number %" PRIu64 " in its place",
		w->worker_id, (int)w->worker_pid, w->started);
}

static void look(struct verbose *v, struct prun_pool *pool)
{
	int n = prun_pool_worker_stats(pool, v->now, sizeof(*v->now),
				       v->nworkers);

	for (int i = 0; i < n && i < (int)v->nworkers; i++) {
		const struct prun_worker_stats *now = &v->now[i];
		struct prun_worker_stats *seen = &v->seen[i];

		if (now->started != seen->started ||
		    now->worker_pid != seen->worker_pid) {
			if (seen->worker_pid != 0)
				tell_death(seen);
			if (now->worker_pid != 0)
				tell_birth(now);
		}
		*seen = *now;
	}
	v->due_ns = clock_ns() + LOOK_MS * 1000000ull;
}

void verbose_tick(struct verbose *v, struct prun_pool *pool)
{
	if (v->options->verbose > 1 && clock_ns() >= v->due_ns)
		look(v, pool);
}

void verbose_finish(struct verbose *v, struct prun_pool *pool)
{
	if (v->options->verbose <= 1)
		return;
	look(v, pool);
	for (uint32_t i = 0; i < v->nworkers; i++) {
		const struct prun_worker_stats *w = &v->seen[i];

		if (w->worker_pid != 0)
			message("worker %d (pid %d), items: %" PRIu64
				", worked "
				"%.3f s, waited %.3f s, at most %.1f MiB",
				w->worker_id, (int)w->worker_pid, w->tasks,
				(double)w->working_ns / 1e9,
				(double)w->waiting_ns / 1e9,
				(double)w->rss_peak / 1048576.0);
	}
}

int verbose_timeout_ms(const struct verbose *v, int timeout_ms)
{
	if (v->options->verbose > 1 && (timeout_ms < 0 || timeout_ms > LOOK_MS))
		return LOOK_MS;
	return timeout_ms;
}
