/* SPDX-License-Identifier: MIT */

#include "page.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "html.h"
#include "output.h"
#include "program.h"

/* The time, as the coordinates of all pictures have it; they are stretched. */
#define WIDTH 3000
#define PER_BIN (WIDTH / HISTORY_BINS)
#define CHART_HEIGHT 90
#define TICKS_MOST 8
#define LEVELS 8	 /* of how busy a worker was */
#define WORKERS_DENSE 64 /* more than so many are small */

static double x_of(const struct history *h, double seconds)
{
	return seconds / h->seconds * WIDTH;
}

static void put_raw(const char *text)
{
	output_put(&standard_output, text, strlen(text));
}

/* ------------------------------------------------------------------ the time axis */

struct axis {
	const char *unit;
	double of_unit; /* seconds */
	double step;	/* of the unit */
	int digits;	/* behind the point */
	unsigned ticks; /* beyond 0 */
};

/* 1, 2 or 5 and zeros: not less than this. */
static double round_up(double value)
{
	static const double nice[] = {1, 2, 5, 10};
	double power = 1;

	while (power > value)
		power /= 10;
	while (power * 10 <= value)
		power *= 10;
	for (size_t i = 0; i < 4; i++)
		if (value <= nice[i] * power * (1 + 1e-9))
			return nice[i] * power;
	return 10 * power;
}

static struct axis axis_of(const struct history *h)
{
	struct axis a = {"s", 1, 1, 0, 0};
	double unit = 1;

	if (h->seconds < 1)
		a = (struct axis){"ms", 1e-3, 1, 0, 0};
	else if (h->seconds > 172800)
		a = (struct axis){"d", 86400, 1, 0, 0};
	else if (h->seconds > 10800)
		a = (struct axis){"h", 3600, 1, 0, 0};
	else if (h->seconds > 300)
		a = (struct axis){"min", 60, 1, 0, 0};
	a.step = round_up(h->seconds / a.of_unit / TICKS_MOST);
	while (unit > a.step * (1 + 1e-9)) {
		unit /= 10;
		a.digits++;
	}
	a.ticks = (unsigned)(h->seconds / a.of_unit / a.step * (1 + 1e-9));
	return a;
}

/* Lines through a picture of this height: of the time, and between runs. */
static void put_lines(const struct history *h, int height)
{
	struct axis a = axis_of(h);
	double step = a.step * a.of_unit;
	int last = -PER_BIN;

	put_raw("<path class=\"grid\" d=\"");
	for (unsigned i = 1; i <= a.ticks; i++)
		html_put("M%.0f 0v%d", x_of(h, i * step), height);
	put_raw("\"/>");
	if (h->nruns < 2)
		return;
	put_raw("<path class=\"runs\" d=\"");
	/* However many runs there were, the page stays small. */
	for (size_t i = 1; i < h->nruns; i++) {
		int x = h->runs[i] < h->seconds ? (int)x_of(h, h->runs[i]) : -1;

		if (x < last + PER_BIN)
			continue;
		html_put("M%d 0v%d", x, height);
		last = x;
	}
	put_raw("\"/>");
}

static void put_axis(const struct history *h)
{
	struct axis a = axis_of(h);
	double count = h->seconds / a.of_unit;

	put_raw("<div class=\"row\"><span></span><div class=\"axis\">");
	for (unsigned i = 0; i <= a.ticks; i++) {
		double part = i * a.step / count * 100;

		html_put("<span%s style=\"left:%.2f%%\">%.*f %s</span>",
			 part > 97 ? " class=\"end\"" : "", part, a.digits,
			 i * a.step, a.unit);
	}
	put_raw("</div><span></span></div>\n");
}

static void svg_begin(int height, const char *class)
{
	html_put("<svg%s viewBox=\"0 0 %d %d\" preserveAspectRatio=\"none\" "
		 "role=\"img\" aria-label=\"",
		 class, WIDTH, height);
}

/* ------------------------------------------------------------------- the summary */

static void fact_begin(const char *name)
{
	html_put("<div><dt>%s</dt><dd>", name);
}

static void fact_end(void)
{
	put_raw("</dd></div>\n");
}

static void put_fact_count(const char *name, const char *id, uint64_t n,
			   bool bad)
{
	fact_begin(name);
	html_put("<data id=\"%s\" value=\"%" PRIu64 "\"%s>", id, n,
		 bad && n > 0 ? " class=\"bad\"" : "");
	html_count(n);
	put_raw("</data>");
	fact_end();
}

static void put_fact_time(const char *name, const char *id, double seconds)
{
	fact_begin(name);
	html_put("<data id=\"%s\" value=\"%.3f\">", id, seconds);
	html_seconds(seconds);
	put_raw("</data>");
	fact_end();
}

static void put_rate(double rate)
{
	if (rate < 999.5)
		html_put("%.3g/s", rate);
	else if (rate < 999500)
		html_put("%.3gk/s", rate / 1e3);
	else
		html_put("%.3gM/s", rate / 1e6);
}

static double busy_of_all(const struct history *h)
{
	double sum = 0;

	for (unsigned w = 0; w < h->nworkers; w++)
		sum += history_busy(h, w, 0, HISTORY_BINS);
	return h->nworkers > 0 ? sum / h->nworkers : 0;
}

static void put_facts(const struct page_summary *s, const struct history *h)
{
	put_raw("<dl>\n");
	put_fact_count("items", "items", s->items, false);
	put_fact_count("done", "done", s->items - s->failed, false);
	put_fact_count("failed", "failed", s->failed, true);
	put_fact_count("tried again", "retried", h->retried, false);
	put_fact_count("runs", "runs", s->runs, false);
	put_fact_time("time", "time", s->seconds);
	fact_begin("items a second");
	put_rate((double)h->tasks / h->seconds);
	fact_end();
	put_fact_count("workers", "workers", h->nworkers, false);
	put_fact_time("time of all items", "worked", s->item_seconds);
	fact_begin("workers busy");
	html_put("%.1f %%", busy_of_all(h) * 100);
	fact_end();
	put_raw("</dl>\n");
}

static void put_head(const struct page_summary *s)
{
	put_raw("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n"
		"<meta charset=\"utf-8\">\n"
		"<meta name=\"viewport\" content=\"width=device-width, "
		"initial-scale=1\">\n"
		"<meta http-equiv=\"Content-Security-Policy\" "
		"content=\"default-src 'none'; style-src 'unsafe-inline'; "
		"img-src data:\">\n"
		"<meta name=\"color-scheme\" content=\"light dark\">\n"
		"<link rel=\"icon\" href=\"data:,\">\n<title>");
	html_text(s->title, strlen(s->title));
	html_put(", %s</title>\n<style>\n", s->first);
	put_raw(page_style);
	put_raw("</style>\n</head>\n<body>\n<main>\n<h1>");
	html_text(s->title, strlen(s->title));
	put_raw("</h1>\n<pre>");
	html_text(s->command, s->command_size);
	put_raw("</pre>\n<p>");
	if (s->runs > 1) {
		html_count(s->runs);
		html_put(" runs, the first of %s, the last of %s; it %s.",
			 s->first, s->last, s->state);
	} else {
		html_put("Begun %s; it %s.", s->first, s->state);
	}
	put_raw("</p>\n");
}

/* --------------------------------------------------------------------- the charts */

/*
 * Into how many bins all time is cut in a picture: each is of two milliseconds
 * at least, since that is how a journal has the starts, and of `wanted` items
 * on average.
 */
static unsigned bins_of(const struct history *h, double wanted)
{
	static const unsigned counts[] = {300, 150, 100, 60, 30};

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		if (h->seconds >= 0.002 * counts[i] &&
		    (double)h->tasks >= wanted * counts[i])
			return counts[i];
	return 20;
}

/* An area of steps: the heights of `count` bins of a chart whose top is `top`. */
static void put_area(const char *class, const double *values, unsigned count,
		     double top)
{
	unsigned wide = WIDTH / count;
	int last = CHART_HEIGHT;

	html_put("<path class=\"%s\" d=\"M0 %d", class, CHART_HEIGHT);
	for (unsigned i = 0; i < count; i++) {
		int y = CHART_HEIGHT -
			(int)(values[i] / top * CHART_HEIGHT + 0.5);

		if (y != last)
			html_put("H%uV%d", i * wide, y);
		last = y;
	}
	html_put("H%dV%dZ\"/>", WIDTH, CHART_HEIGHT);
}

static void chart_begin(double top, const char *unit)
{
	html_put("<div class=\"chart\"><div class=\"row\">"
		 "<div class=\"scale\"><span>%.4g%s</span><span>0</span></div>",
		 top, unit);
}

static void chart_end(const struct history *h)
{
	put_raw("<span></span></div>");
	put_axis(h);
	put_raw("</div>\n");
}

static void put_busy(const struct history *h)
{
	unsigned count = bins_of(h, 0), each = HISTORY_BINS / count;
	double values[HISTORY_BINS];

	for (unsigned i = 0; i < count; i++) {
		values[i] = 0;
		for (unsigned w = 0; w < h->nworkers; w++)
			values[i] += history_busy(h, w, i * each, each);
	}
	put_raw("<h2>Workers busy</h2>\n");
	chart_begin(h->nworkers, "");
	svg_begin(CHART_HEIGHT, "");
	html_put("how many workers were busy, over time; %.1f %% of %u on "
		 "average\">",
		 busy_of_all(h) * 100, h->nworkers);
	put_lines(h, CHART_HEIGHT);
	put_area("area", values, count, h->nworkers);
	put_raw("</svg>");
	chart_end(h);
}

static void put_rates(const struct history *h)
{
	unsigned count = bins_of(h, 5), each = HISTORY_BINS / count;
	double all[HISTORY_BINS], bad[HISTORY_BINS], top = 0;
	double seconds = h->seconds / count;

	for (unsigned i = 0; i < count; i++) {
		all[i] = bad[i] = 0;
		for (unsigned bin = i * each; bin < (i + 1) * each; bin++) {
			all[i] += (double)(h->done[bin] + h->failed[bin]);
			bad[i] += (double)h->failed[bin];
		}
		all[i] /= seconds;
		bad[i] /= seconds;
		top = all[i] > top ? all[i] : top;
	}
	top = round_up(top > 0 ? top : 1);
	put_raw("<h2>Items that ended, a second</h2>\n");
	if (h->nreasons > 0)
		put_raw("<p class=\"soft\">Those that failed are red.</p>\n");
	if (top >= 1e6)
		chart_begin(top / 1e6, "M/s");
	else if (top >= 1e3)
		chart_begin(top / 1e3, "k/s");
	else
		chart_begin(top, "/s");
	svg_begin(CHART_HEIGHT, "");
	put_raw("how many items ended a second, over time; failed ones in "
		"red\">");
	put_lines(h, CHART_HEIGHT);
	put_area("area", all, count, top);
	put_area("area f", bad, count, top);
	put_raw("</svg>");
	chart_end(h);
}

/* -------------------------------------------------------------------- the workers */

static int row_height(const struct history *h)
{
	return h->nworkers <= 16 ? 20 : h->nworkers <= WORKERS_DENSE ? 14 : 9;
}

static int level_of(double busy)
{
	int level = (int)(busy * LEVELS + 0.95);

	return level > LEVELS ? LEVELS : level;
}

/* How busy it was, a path for each level: strokes as thick as the row. */
static void put_heat(const struct history *h, unsigned worker, int height)
{
	unsigned each = HISTORY_BINS / bins_of(h, 0);

	/* Many rows have fewer, so that the page stays small. */
	if (h->nworkers > WORKERS_DENSE && each < 5)
		each = h->nworkers <= 256 ? 3 : 5;

	for (int level = 1; level <= LEVELS; level++) {
		bool any = false;

		for (unsigned i = 0; i < HISTORY_BINS;) {
			unsigned first = i;

			while (i < HISTORY_BINS &&
			       level_of(history_busy(h, worker, i, each)) ==
				       level)
				i += each;
			if (i == first) {
				i += each;
				continue;
			}
			if (!any)
				html_put("<path stroke-width=\"%d\" "
					 "stroke-opacity=\"%.2f\" d=\"",
					 height, 0.1 + 0.9 * level / LEVELS);
			any = true;
			html_put("M%u %.1fh%u", first * PER_BIN, height / 2.0,
				 (i - first) * PER_BIN);
		}
		if (any)
			put_raw("\"/>");
	}
}

static void put_bar(const struct history *h, const struct history_bar *bar,
		    unsigned place, double height)
{
	double x = x_of(h, bar->from);
	double wide = x_of(h, bar->to - bar->from);

	if (wide < 3)
		wide = 3;
	if (x > WIDTH - wide)
		x = WIDTH - wide;
	html_put("<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" "
		 "height=\"%.1f\"><title>",
		 bar->failed ? "f" :
		 place % 2   ? "u" :
			       "t",
		 x, bar->lane * height, wide, height);
	if (bar->items > 1)
		html_put("%" PRIu32 " items, ", bar->items);
	html_seconds(bar->to - bar->from);
	put_raw(" from ");
	html_seconds(bar->from);
	html_put(" on%s</title></rect>", bar->failed ? ", failed" : "");
}

/* The bars of one worker, which stand together. */
static void put_bars(const struct history *h, const struct history_bar *bars,
		     size_t count, unsigned lanes, int height)
{
	for (size_t i = 0; i < count; i++)
		put_bar(h, &bars[i], (unsigned)i, (double)height / lanes);
}

static unsigned lanes_of(const struct history_bar *bars, size_t count)
{
	unsigned lanes = 1;

	for (size_t i = 0; i < count; i++)
		if (bars[i].lane >= lanes)
			lanes = bars[i].lane + 1u;
	return lanes;
}

static size_t bars_of(const struct history *h, size_t first, unsigned worker)
{
	size_t end = first;

	while (h->bars && end < h->nbars && h->bars[end].worker == worker)
		end++;
	return end - first;
}

static void put_worker(const struct history *h, unsigned worker, size_t first,
		       size_t count)
{
	const struct history_bar *bars = h->bars ? h->bars + first : NULL;
	unsigned lanes = bars ? lanes_of(bars, count) : 1;
	int height = row_height(h);
	double busy = history_busy(h, worker, 0, HISTORY_BINS) * 100;

	if (height < 4 * (int)lanes)
		height = 4 * (int)lanes;
	html_put("<div class=\"row\"><span>%u</span>", worker);
	svg_begin(height, bars ? "" : " class=\"heat\"");
	html_put("worker %u: %.1f %% busy, items: %" PRIu64 "\" "
		 "style=\"height:%dpx\">",
		 worker, busy, h->worker_items[worker], height);
	put_lines(h, height);
	if (bars)
		put_bars(h, bars, count, lanes, height);
	else
		put_heat(h, worker, height);
	html_put("</svg><span>%.0f %%</span></div>\n", busy);
}

static void put_workers(const struct history *h)
{
	size_t first = 0;

	html_put("<h2>Workers</h2>\n<p class=\"soft\">%s The number behind a "
		 "row is for how much of the time it was busy.</p>\n"
		 "<div id=\"rows\"%s>\n",
		 h->bars ? "A bar a task; those that failed are red." :
			   "The stronger the colour, the busier the worker.",
		 h->nworkers > WORKERS_DENSE ? " class=\"dense\"" : "");
	for (unsigned w = 0; w < h->nworkers; w++) {
		size_t count = bars_of(h, first, w);

		put_worker(h, w, first, count);
		first += count;
	}
	put_raw("</div>\n");
	put_axis(h);
}

/* --------------------------------------------------------------------- the tables */

static void table_begin(const char *id, const char *caption)
{
	html_put("<div class=\"scroll\"><table id=\"%s\"><caption>", id);
	html_text(caption, strlen(caption));
	put_raw("</caption><thead><tr>");
}

static void put_heading(const char *name, bool number)
{
	html_put("<th scope=\"col\"%s>%s</th>", number ? " class=\"n\"" : "",
		 name);
}

static void put_item_cells(const struct history_item *item)
{
	put_raw("<td class=\"n\">");
	html_seconds(item->seconds);
	html_put("</td><td class=\"n\">");
	html_seconds(item->from);
	if (item->worker < HISTORY_WORKERS)
		html_put("</td><td class=\"n\">%u</td>", item->worker);
	else
		put_raw("</td><td class=\"n\">-</td>");
}

static void put_text_cell(const char *class, const char *text, size_t size)
{
	html_put("<td class=\"%s\"><bdi>", class);
	html_text(text, size);
	put_raw("</bdi></td>");
}

static void put_slowest(const struct history *h)
{
	put_raw("<h2>Slowest items</h2>\n");
	table_begin("slowest", "Those that ran for longest, of all runs.");
	put_heading("ran for", true);
	put_heading("from", true);
	put_heading("worker", true);
	put_heading("item", false);
	put_heading("", false);
	put_raw("</tr></thead><tbody>\n");
	for (size_t i = 0; i < h->nslowest; i++) {
		const struct history_item *item = &h->slowest[i];

		put_raw("<tr>");
		put_item_cells(item);
		put_text_cell("item", item->name, item->name_size);
		put_raw(item->failed ?
				"<td class=\"end bad\">failed</td></tr>\n" :
				"<td class=\"end\">done</td></tr>\n");
	}
	put_raw("</tbody></table></div>\n");
}

static void put_reasons(const struct history *h)
{
	if (h->nreasons < 2)
		return;
	table_begin("reasons", "Why items have failed.");
	put_heading("items", true);
	put_heading("reason", false);
	put_raw("</tr></thead><tbody>\n");
	for (size_t i = 0; i < h->nreasons; i++) {
		put_raw("<tr><td class=\"n\">");
		html_count(h->reasons[i].items);
		put_raw("</td>");
		put_text_cell("why", h->reasons[i].text, h->reasons[i].size);
		put_raw("</tr>\n");
	}
	if (h->other_reasons > 0) {
		put_raw("<tr><td class=\"n\">");
		html_count(h->other_reasons);
		put_raw("</td><td>others</td></tr>\n");
	}
	put_raw("</tbody></table></div>\n");
}

static void put_failures(const struct page_summary *s, const struct history *h)
{
	char caption[200] = "Those that have failed in the end.";

	if (s->failed == 0)
		return;
	put_raw("<h2>Failures</h2>\n");
	put_reasons(h);
	if (h->nfailures < s->failed)
		snprintf(caption, sizeof(caption),
			 "The first of them; %.100s log --failed writes all "
			 "items.",
			 program_name());
	table_begin("failures", caption);
	put_heading("ran for", true);
	put_heading("from", true);
	put_heading("worker", true);
	put_heading("tries", true);
	put_heading("item", false);
	put_heading("reason", false);
	put_raw("</tr></thead><tbody>\n");
	for (size_t i = 0; i < h->nfailures; i++) {
		const struct history_item *item = &h->failures[i];

		put_raw("<tr>");
		put_item_cells(item);
		html_put("<td class=\"n\">%u</td>", item->tries);
		put_text_cell("item", item->name, item->name_size);
		put_text_cell("why", item->reason, item->reason_size);
		put_raw("</tr>\n");
	}
	put_raw("</tbody></table></div>\n");
}

void page_write(const struct page_summary *s, const struct history *h)
{
	put_head(s);
	put_facts(s, h);
	if (h->nworkers > 0) {
		put_busy(h);
		put_rates(h);
		put_workers(h);
	}
	if (h->nslowest > 0)
		put_slowest(h);
	put_failures(s, h);
	put_raw("</main>\n</body>\n</html>\n");
}
