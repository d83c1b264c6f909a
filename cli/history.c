/* SPDX-License-Identifier: MIT */

#include "history.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "utf8.h"

#define NAME_SHOWN ((size_t)240)
#define REASON_SHOWN ((size_t)400)

/* ---------------------------------------------------------------- the first time */

static int run_begin(struct history *h, double seconds)
{
	double *runs = realloc(h->runs, (h->nruns + 1) * sizeof(*runs));

	if (!runs)
		return -ENOMEM;
	h->runs = runs;
	runs[h->nruns++] = isfinite(seconds) && seconds > 0 ? seconds : 0;
	return 0;
}

int history_meet(struct history *h, const struct record *r, double seconds)
{
	if (r->kind == RECORD_RUN)
		return run_begin(h, seconds);
	if (r->kind != RECORD_DONE && r->kind != RECORD_FAILED)
		return 0;
	h->tasks++;
	if (r->number < HISTORY_WORKERS && r->number >= h->nworkers)
		h->nworkers = r->number + 1u;
	return 0;
}

int history_measure(struct history *h, double seconds)
{
	/* Some time there must be, to be divided. */
	h->seconds = isfinite(seconds) && seconds > 1e-3 ? seconds : 1e-3;
	h->busy = calloc((size_t)h->nworkers * HISTORY_BINS + 1,
			 sizeof(*h->busy));
	h->worker_items = calloc(h->nworkers + 1u, sizeof(*h->worker_items));
	if (!h->busy || !h->worker_items)
		return -ENOMEM;
	if (h->tasks > HISTORY_BARS)
		return 0;
	h->bars = calloc(h->tasks + 1, sizeof(*h->bars));
	return h->bars ? 0 : -ENOMEM;
}

/* --------------------------------------------------------------- the second time */

/* When it ran: what a record says may be anything. */
static void times_of(double *from, double *to, const struct history *h,
		     const struct record *r)
{
	double start = h->run > 0 ? h->runs[h->run - 1] : 0;
	double seconds = (double)r->seconds;

	if (!(seconds > 0))
		seconds = 0;
	*from = start + r->start_ms / 1e3;
	if (*from > h->seconds)
		*from = h->seconds;
	*to = *from + seconds < h->seconds ? *from + seconds : h->seconds;
}

static unsigned bin_of(const struct history *h, double at)
{
	double bin = at / h->seconds * HISTORY_BINS;

	return bin < HISTORY_BINS ? (unsigned)bin : HISTORY_BINS - 1;
}

static void busy_add(struct history *h, unsigned worker, double from, double to)
{
	float *bins = h->busy + (size_t)worker * HISTORY_BINS;
	double size = h->seconds / HISTORY_BINS;
	unsigned last = bin_of(h, to);

	for (unsigned bin = bin_of(h, from); bin <= last; bin++) {
		double begin = bin * size, end = begin + size;

		begin = from > begin ? from : begin;
		end = to < end ? to : end;
		if (end > begin)
			bins[bin] += (float)(end - begin);
	}
}

static void bar_add(struct history *h, const struct record *r, double from,
		    double to)
{
	struct history_bar bar = {.from = from,
				  .to = to,
				  .worker = r->number,
				  .items = 1,
				  .failed = r->kind == RECORD_FAILED};
	struct history_bar *last;

	last = h->nbars > 0 ? &h->bars[h->nbars - 1] : &bar;
	/* Items of one command, to the digit. */
	if (h->nbars > 0 && last->from == bar.from && last->to == bar.to &&
	    last->worker == bar.worker && last->failed == bar.failed &&
	    bar.to > bar.from)
		last->items++;
	else
		h->bars[h->nbars++] = bar;
}

static int text_copy(char **to, size_t *to_size, const char *text, size_t size,
		     size_t most)
{
	static const char ellipsis[] = {'\xe2', '\x80', '\xa6'};
	size_t n = utf8_cut(text, size, most);
	char *copy = malloc(n + 4);

	if (!copy)
		return -ENOMEM;
	if (n > 0)
		memcpy(copy, text, n);
	if (n < size)
		memcpy(copy + n, ellipsis, sizeof(ellipsis));
	free(*to);
	*to = copy;
	*to_size = n < size ? n + sizeof(ellipsis) : n;
	return 0;
}

/* What is known of the item of this record by name. */
struct known {
	const char *name, *reason;
	size_t name_size, reason_size;
};

static bool known_find(struct known *k, const struct history *h,
		       const struct record *r, bool more)
{
	const void *item = NULL;

	*k = (struct known){.reason = "", .name = ""};
	if (record_failure(&item, &k->name_size, &k->reason, &k->reason_size,
			   r))
		k->name = item;
	if (more && h->more_size > 0) {
		k->name = h->more;
		k->name_size = h->more_size;
	}
	return item || (more && h->more_size > 0);
}

static int item_fill(struct history_item *item, const struct history *h,
		     const struct record *r, const struct known *k, bool more)
{
	double from, to;
	int rc;

	times_of(&from, &to, h, r);
	item->from = from;
	item->seconds = r->seconds > 0 ? (double)r->seconds : 0;
	item->worker = r->number;
	item->tries = more && h->more_tries > 0 ? h->more_tries : 1;
	item->failed = r->kind == RECORD_FAILED;
	rc = text_copy(&item->name, &item->name_size, k->name, k->name_size,
		       NAME_SHOWN);
	return rc < 0 ? rc :
			text_copy(&item->reason, &item->reason_size, k->reason,
				  k->reason_size, REASON_SHOWN);
}

static void item_release(struct history_item *item)
{
	free(item->name);
	free(item->reason);
	*item = (struct history_item){.name = NULL};
}

static int slow_add(struct history *h, const struct record *r,
		    const struct known *k, bool more)
{
	struct history_item item = {.name = NULL};
	size_t at = h->nslowest;
	int rc;

	if (at == HISTORY_SLOWEST &&
	    !((double)r->seconds > h->slowest[at - 1].seconds))
		return 0;
	rc = item_fill(&item, h, r, k, more);
	if (rc < 0) {
		item_release(&item);
		return rc;
	}
	if (at == HISTORY_SLOWEST)
		item_release(&h->slowest[--at]);
	else
		h->nslowest++;
	for (; at > 0 && h->slowest[at - 1].seconds < item.seconds; at--)
		h->slowest[at] = h->slowest[at - 1];
	h->slowest[at] = item;
	return 0;
}

static int reason_add(struct history *h, const struct known *k)
{
	size_t len = utf8_cut(k->reason, k->reason_size, REASON_SHOWN);
	struct history_reason *reason = h->reasons;

	for (size_t i = 0; i < h->nreasons; i++, reason++)
		if (reason->size == len &&
		    memcmp(reason->text, k->reason, len) == 0) {
			reason->items++;
			return 0;
		}
	if (h->nreasons == HISTORY_REASONS) {
		h->other_reasons++;
		return 0;
	}
	reason->text = malloc(len + 1);
	if (!reason->text)
		return -ENOMEM;
	if (len > 0)
		memcpy(reason->text, k->reason, len);
	reason->size = len;
	reason->items = 1;
	h->nreasons++;
	return 0;
}

static int failure_add(struct history *h, const struct record *r,
		       const struct known *k, bool more)
{
	int rc = reason_add(h, k);

	if (rc < 0 || h->nfailures == HISTORY_FAILURES)
		return rc;
	return item_fill(&h->failures[h->nfailures++], h, r, k, more);
}

/* It has failed once more, and what was last is told. */
static int failure_again(struct history *h, const struct record *r,
			 const struct known *k, bool more)
{
	struct history_item now = {.name = NULL};
	int rc = item_fill(&now, h, r, k, more);
	size_t i = 0;

	while (rc == 0 && i < h->nfailures &&
	       (h->failures[i].name_size != now.name_size ||
		memcmp(h->failures[i].name, now.name, now.name_size) != 0))
		i++;
	if (rc < 0 || i == h->nfailures) {
		item_release(&now);
		return rc;
	}
	item_release(&h->failures[i]);
	h->failures[i] = now;
	return 0;
}

static void more_take(struct history *h, const struct record *r)
{
	h->more_key = r->key;
	h->more_tries = r->number > 0 ? r->number : 1;
	h->more_size = r->body_size < sizeof(h->more) ? r->body_size :
							sizeof(h->more);
	if (h->more_size > 0)
		memcpy(h->more, r->body, h->more_size);
}

static void time_add(struct history *h, const struct record *r)
{
	double from, to;
	unsigned bin;

	times_of(&from, &to, h, r);
	bin = bin_of(h, to);
	if (r->kind == RECORD_DONE)
		h->done[bin]++;
	else
		h->failed[bin]++;
	if (r->number >= h->nworkers)
		return;
	h->worker_items[r->number]++;
	busy_add(h, r->number, from, to);
	if (h->bars)
		bar_add(h, r, from, to);
}

int history_add(struct history *h, const struct record *r, bool is_failure,
		bool again)
{
	bool more = h->more_tries > 0 && h->more_key.low == r->key.low &&
		    h->more_key.high == r->key.high;
	struct known k;
	int rc = 0;

	if (r->kind == RECORD_RUN && h->run < h->nruns)
		h->run++;
	if (r->kind == RECORD_MORE)
		more_take(h, r);
	if (r->kind != RECORD_DONE && r->kind != RECORD_FAILED)
		return 0;
	time_add(h, r);
	h->retried += more && h->more_tries > 1;
	if (known_find(&k, h, r, more) && r->number < HISTORY_WORKERS)
		rc = slow_add(h, r, &k, more);
	if (rc == 0 && is_failure)
		rc = failure_add(h, r, &k, more);
	else if (rc == 0 && again)
		rc = failure_again(h, r, &k, more);
	h->more_tries = 0;
	return rc;
}

/* ------------------------------------------------------------------- at the end */

static int by_worker_and_time(const void *a, const void *b)
{
	const struct history_bar *x = a, *y = b;

	if (x->worker != y->worker)
		return x->worker < y->worker ? -1 : 1;
	return x->from < y->from ? -1 : x->from > y->from;
}

/* Whether two bars are one behind the other, as far as is known: the starts are
 * of whole milliseconds, and how long one ran has a float's seven digits. */
static bool is_behind(const struct history_bar *bar,
		      const struct history_bar *before)
{
	double unknown = 0.0011 + (before->to - before->from) * 1e-7;

	return bar->from + unknown >= before->to;
}

/* Each into the first lane that is free. */
void history_end(struct history *h)
{
	static const struct history_bar *ends[UINT8_MAX];
	unsigned lanes = 0;

	if (!h->bars)
		return;
	qsort(h->bars, h->nbars, sizeof(*h->bars), by_worker_and_time);
	for (size_t i = 0; i < h->nbars; i++) {
		struct history_bar *bar = &h->bars[i];
		unsigned lane = 0;

		if (i == 0 || bar->worker != bar[-1].worker)
			lanes = 0;
		while (lane < lanes && !is_behind(bar, ends[lane]))
			lane++;
		if (lane == UINT8_MAX)
			lane = 0;
		if (lane >= lanes)
			lanes = lane + 1;
		ends[lane] = bar;
		bar->lane = (uint16_t)lane;
	}
}

void history_release(struct history *h)
{
	for (size_t i = 0; i < h->nslowest; i++)
		item_release(&h->slowest[i]);
	for (size_t i = 0; i < h->nfailures; i++)
		item_release(&h->failures[i]);
	for (size_t i = 0; i < h->nreasons; i++)
		free(h->reasons[i].text);
	free(h->runs);
	free(h->busy);
	free(h->worker_items);
	free(h->bars);
	*h = (struct history){.runs = NULL};
}

double history_busy(const struct history *h, unsigned worker, unsigned bin,
		    unsigned count)
{
	const float *bins = h->busy + (size_t)worker * HISTORY_BINS + bin;
	double size = h->seconds / HISTORY_BINS, sum = 0;

	/* Side by side it may have been busy more than once. */
	for (unsigned i = 0; i < count; i++)
		sum += (double)bins[i] < size ? (double)bins[i] : size;
	return sum / (size * count);
}
