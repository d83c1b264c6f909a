/* SPDX-License-Identifier: MIT */

#include "progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "clock.h"
#include "format.h"
#include "line.h"
#include "message.h"
#include "output.h"
#include "utf8.h"

#define BAR_INTERVAL_NS 100000000u
/* After a message or results have taken its place. */
#define AGAIN_INTERVAL_NS 10000000u
#define LINE_INTERVAL_NS 1000000000u
#define SLOW_NS 3000000000u
/* Counting takes about a millisecond a slice, so a hundredth of the time. */
#define COUNT_INTERVAL_NS 100000000u
#define COUNT_SLICE ((size_t)8 << 20)
#define SLOW_SIZE 128 /* of its item, at the most */
#define BAR_CELLS_MAX 30
#define BAR_CELLS_MIN 10

/* A moment of the run, in numbers. */
struct moment {
	uint64_t now_ns;
	uint64_t done;
	uint64_t run;	/* of them, in this run */
	uint64_t total; /* or INPUT_UNKNOWN */
	double seconds;
	double rate;
	uint64_t slow_ns; /* when the longest running task began, or 0 */
	char slow_item[SLOW_SIZE];
	size_t slow_len;
};

static uint64_t draw_interval_ns(const struct progress *p)
{
	return p->mode == PROGRESS_BAR ? BAR_INTERVAL_NS : LINE_INTERVAL_NS;
}

void progress_init(struct progress *p, const struct options *o,
		   const struct tally *tally)
{
	const char *term = getenv("TERM");
	const char *no_colour = getenv("NO_COLOR");
	bool can_draw = isatty(STDERR_FILENO) && term && *term &&
			strcmp(term, "dumb") != 0;

	*p = (struct progress){
		.mode = o->progress, .given_total = o->total, .tally = tally};
	if (p->mode == PROGRESS_AUTO)
		p->mode = can_draw ? PROGRESS_BAR : PROGRESS_LINE;
	p->colour = can_draw && !(no_colour && *no_colour);
	p->start_ns = clock_ns();
	p->draw_ns = p->start_ns + draw_interval_ns(p);
	p->count_ns = p->start_ns;
}

/* Whether the terminal's cursor is behind a part of a line of results, over
 * which nothing may be drawn. */
static bool is_in_line(void)
{
	return standard_output.shares_terminal && standard_output.in_line;
}

int progress_timeout_ms(const struct progress *p)
{
	if (p->mode == PROGRESS_NONE)
		return -1;
	return message_status_taken() && !is_in_line() ?
		       AGAIN_INTERVAL_NS / 1000000 :
		       100;
}

/* ------------------------------------------------------------- what is said */

static void put_rate(struct line *l, const char *separator, double rate)
{
	if (rate >= 1e7)
		line_put(l, "%s%.1fM/s", separator, rate / 1e6);
	else if (rate >= 1e4)
		line_put(l, "%s%.1fk/s", separator, rate / 1e3);
	else if (rate >= 10)
		line_put(l, "%s%.0f/s", separator, rate);
	else
		line_put(l, "%s%.1f/s", separator, rate);
}

/* done/total, rates, what is left; both kinds of display say this. */
static void put_facts(struct line *l, const struct progress *p,
		      const struct moment *m, const char *separator)
{
	uint64_t failed = p->tally->failed + p->tally->unrun;

	if (m->total == INPUT_UNKNOWN)
		line_put(l, "%" PRIu64, m->done);
	else
		line_put(l, "%" PRIu64 "/%" PRIu64, m->done, m->total);
	if (m->total != INPUT_UNKNOWN && m->total > 0)
		line_put(
			l, "%s%u%%", separator,
			(unsigned)((double)m->done * 100.0 / (double)m->total));
	if (failed > 0) {
		if (p->colour && p->mode == PROGRESS_BAR)
			line_put_code(l, "\033[31m");
		line_put(l, "%s%" PRIu64 " failed", separator, failed);
		if (p->colour && p->mode == PROGRESS_BAR)
			line_put_code(l, "\033[m");
	}
	put_rate(l, separator, m->rate);
	if (p->tally->bytes > 0)
		line_put(l, "%s%.1f MB/s", separator,
			 (double)p->tally->bytes / 1e6 / m->seconds);
}

static void put_eta(struct line *l, const struct moment *m,
		    const char *separator)
{
	/* What another run has done says nothing of how fast this one is. */
	if (m->total == INPUT_UNKNOWN || m->run == 0)
		return;
	line_put_time(l, separator, "ETA ",
		      (double)(m->total - m->done) / m->rate);
}

static void put_slow(struct line *l, const struct moment *m,
		     const char *separator)
{
	size_t begin = l->columns;

	if (m->slow_ns == 0 || begin + 24 > l->width)
		return;
	line_put_time(l, separator, "", (double)(m->now_ns - m->slow_ns) / 1e9);
	line_put(l, " ");
	line_put_name(l, m->slow_item, m->slow_len);
}

/* ------------------------------------------------------------------ drawing */

static size_t terminal_width(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
		return 80;
	return size.ws_col;
}

static void put_bar(struct line *l, const struct progress *p,
		    const struct moment *m)
{
	size_t cells = l->width > 90 ? BAR_CELLS_MAX : l->width / 5;
	size_t full;

	if (m->total == INPUT_UNKNOWN || m->total == 0 || cells < BAR_CELLS_MIN)
		return;
	full = (size_t)((double)m->done * (double)cells / (double)m->total);
	line_put(l, "[");
	if (p->colour)
		line_put_code(l, "\033[32m");
	for (size_t i = 0; i < cells; i++)
		line_put(l, "%c", i < full ? '#' : '-');
	if (p->colour)
		line_put_code(l, "\033[m");
	line_put(l, "] ");
}

static void draw_bar(const struct progress *p, const struct moment *m,
		     bool last)
{
	/* The last column stays free: some terminals wrap when it is used. */
	struct line l = {.width = terminal_width() - 1};

	if (standard_output.shares_terminal)
		output_flush(&standard_output);
	if (is_in_line() && !last)
		return;
	if (is_in_line())
		message_bytes("\n", 1);
	put_bar(&l, p, m);
	put_facts(&l, p, m, "  ");
	if (last) {
		line_put_time(&l, "  ", "in ", m->seconds);
	} else {
		put_eta(&l, m, "  ");
		put_slow(&l, m, "  ");
	}
	message_status(l.text, l.size);
	if (last)
		message_status_keep();
}

static void draw_line(const struct progress *p, const struct moment *m,
		      bool last)
{
	struct line l = {.width = sizeof(l.text)};

	put_facts(&l, p, m, ", ");
	if (last) {
		line_put_time(&l, ", ", "in ", m->seconds);
	} else {
		put_eta(&l, m, ", ");
		put_slow(&l, m, ", ");
	}
	message("%.*s", (int)l.size, l.text);
}

/* Numbers that are not known are null. */
static void draw_json(const struct progress *p, const struct moment *m,
		      bool last)
{
	char total[32] = "null", eta[32] = "null", text[512];
	int n;

	if (m->total != INPUT_UNKNOWN)
		snprintf(total, sizeof(total), "%" PRIu64, m->total);
	if (m->total != INPUT_UNKNOWN && m->run > 0)
		snprintf(eta, sizeof(eta), "%.3f",
			 (double)(m->total - m->done) / m->rate);
	n = snprintf(text, sizeof(text),
		     "{\"done\":%" PRIu64 ",\"total\":%s,\"failed\":%" PRIu64
		     ",\"bytes\":%" PRIu64
		     ",\"seconds\":%.3f,\"rate\":%.3f,\"eta\":%s,"
		     "\"ended\":%s}\n",
		     m->done, total, p->tally->failed + p->tally->unrun,
		     p->tally->bytes, m->seconds, m->rate, eta,
		     last ? "true" : "false");
	message_bytes(text, (size_t)n);
}

static void draw(const struct progress *p, const struct moment *m, bool last)
{
	if (p->mode == PROGRESS_BAR)
		draw_bar(p, m, last);
	else if (p->mode == PROGRESS_JSON)
		draw_json(p, m, last);
	else
		draw_line(p, m, last);
}

/* ---------------------------------------------------------- the run's state */

static void note_running(const struct prun_running *running, void *payload)
{
	struct moment *m = payload;
	const char *item;
	size_t len;

	if (running->start_ns == 0 || running->start_ns + SLOW_NS > m->now_ns ||
	    (m->slow_ns != 0 && m->slow_ns <= running->start_ns))
		return;
	format_item(&item, &len, running->argument, running->argument_size);
	m->slow_ns = running->start_ns;
	m->slow_len = utf8_cut(item, len, sizeof(m->slow_item));
	memcpy(m->slow_item, item, m->slow_len);
}

static void moment_fill(struct moment *m, const struct progress *p,
			struct prun_job *job, const struct input *in)
{
	*m = (struct moment){.now_ns = clock_ns(), .total = input_total(in)};
	m->done = prun_job_finished(job) - p->tally->not_run;
	m->run = m->done;
	m->done += in->skipped;
	if (p->given_total > 0 && m->total == INPUT_UNKNOWN)
		m->total = p->given_total;
	/* --total, or a file that has grown, may have said too little. */
	if (m->total < m->done)
		m->total = INPUT_UNKNOWN;
	m->seconds = (double)(m->now_ns - p->start_ns) / 1e9;
	if (m->seconds < 1e-3)
		m->seconds = 1e-3;
	m->rate = (double)m->run / m->seconds;
}

void progress_tick(struct progress *p, struct prun_pool *pool,
		   struct prun_job *job, struct input *in)
{
	uint64_t now;
	struct moment m;

	if (p->mode == PROGRESS_NONE)
		return;
	now = clock_ns();
	if (now >= p->count_ns && p->given_total == 0) {
		input_count(in, COUNT_SLICE);
		p->count_ns = now + COUNT_INTERVAL_NS;
	}
	if (now < p->draw_ns && !(message_status_taken() && now >= p->again_ns))
		return;
	p->draw_ns = now + draw_interval_ns(p);
	p->again_ns = now + AGAIN_INTERVAL_NS;
	moment_fill(&m, p, job, in);
	prun_pool_running(pool, note_running, &m);
	draw(p, &m, false);
}

void progress_tell(const struct progress *p, struct prun_pool *pool,
		   struct prun_job *job, struct input *in)
{
	struct moment m;

	if (p->given_total == 0)
		input_count(in, COUNT_SLICE);
	moment_fill(&m, p, job, in);
	prun_pool_running(pool, note_running, &m);
	draw_line(p, &m, false);
}

void progress_finish(struct progress *p, struct prun_job *job, struct input *in)
{
	struct moment m;

	if (p->mode == PROGRESS_NONE)
		return;
	moment_fill(&m, p, job, in);
	draw(p, &m, true);
}
