/* SPDX-License-Identifier: MIT */

#include "stop.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "halt.h"
#include "message.h"
#include "quote.h"
#include "signals.h"

/* How often the pool is asked how tasks have fared whose results wait for
 * earlier ones. */
#define LOOK_MS 10

void stop_init(struct stop *s, const struct options *o, struct input *in)
{
	*s = (struct stop){.options = o, .kill_ns = UINT64_MAX};
	/* What a part is of is to be known from the beginning if it can be. */
	if (o->halt.percent && o->total == 0)
		input_count(in, SIZE_MAX);
}

static void begin(struct stop *s, struct prun_job *job, bool kill)
{
	const struct options *o = s->options;

	if (!s->stopped && o->has_kill_after)
		s->kill_ns = clock_ns() + o->kill_after_ms * 1000000u;
	if (kill)
		s->kill_ns = UINT64_MAX;
	s->stopped = true;
	s->killed |= kill;
	prun_job_cancel(job, kill);
}

/* What the pool knows is ahead of what was delivered, where results are in
 * order; what is delivered may have failed though its task did not. */
static void tally_now(struct tally *now, const struct tally *tally,
		      struct prun_pool *pool)
{
	struct prun_stats stats;

	*now = *tally;
	if (prun_pool_stats(pool, &stats, sizeof(stats)) < 0)
		return;
	if (stats.failed > now->failed)
		now->failed = stats.failed;
	if (stats.done > now->done + tally->failed)
		now->done = stats.done - tally->failed;
}

static void look_at_items(struct stop *s, struct prun_job *job,
			  const struct tally *tally, const struct input *in)
{
	const struct options *o = s->options;
	uint64_t total = input_total(in);

	if (total == INPUT_UNKNOWN && o->total > 0)
		total = o->total;
	if (!halt_due(&o->halt, tally, total))
		return;
	s->halted = true;
	begin(s, job, o->halt.when == HALT_NOW);
}

static bool is_halting(const struct stop *s)
{
	return s->options->halt.when != HALT_NEVER && !s->stopped;
}

void stop_look(struct stop *s, struct prun_job *job, const struct tally *tally,
	       const struct input *in)
{
	int signals = signals_count();

	if (signals != s->signals) {
		s->signals = signals;
		begin(s, job, signals > 1);
	}
	if (is_halting(s))
		look_at_items(s, job, tally, in);
	if (s->kill_ns != UINT64_MAX && clock_ns() >= s->kill_ns)
		begin(s, job, true);
}

void stop_look_ahead(struct stop *s, struct prun_pool *pool,
		     struct prun_job *job, const struct tally *tally,
		     const struct input *in)
{
	struct tally now;

	stop_look(s, job, tally, in);
	if (!is_halting(s) || s->options->unordered)
		return;
	tally_now(&now, tally, pool);
	look_at_items(s, job, &now, in);
}

int stop_timeout_ms(const struct stop *s, int timeout_ms)
{
	int most = -1;

	if (is_halting(s) && !s->options->unordered)
		most = LOOK_MS;
	if (s->kill_ns != UINT64_MAX) {
		uint64_t now = clock_ns();
		uint64_t left = s->kill_ns > now ? s->kill_ns - now : 0;

		most = left < 60000000000u ? (int)(left / 1000000u) + 1 : 60000;
	}
	return most >= 0 && (timeout_ms < 0 || most < timeout_ms) ? most :
								    timeout_ms;
}

/* What to say of going on with the run: malloc'd; NULL: nothing. */
static char *resume_text(const struct options *o)
{
	size_t size;
	char *text = NULL;
	FILE *f = o->journal && !o->dry_run ? open_memstream(&text, &size) :
					      NULL;

	if (!f)
		return NULL;
	fputs("; resume with --resume --journal ", f);
	quote_put(f, o->journal, strlen(o->journal));
	if (fclose(f) == 0)
		return text;
	free(text);
	return NULL;
}

int stop_tell(const struct stop *s, const struct tally *tally)
{
	bool halted = s->halted && s->signals == 0;
	char *resume = resume_text(s->options);

	message("%s: %" PRIu64 " done, %" PRIu64 " failed, rest not run%s",
		halted ? "halted" : "interrupted", tally->done, tally->failed,
		resume ? resume : "");
	free(resume);
	return halted ? EXIT_HALTED : EXIT_ITEM_FAILED;
}
