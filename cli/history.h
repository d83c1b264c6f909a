/* SPDX-License-Identifier: MIT */
#ifndef HISTORY_H
#define HISTORY_H

/*
 * What a page shows of a journal, in memory that does not depend on how many
 * items there were. The records are read twice: first it is learned how long
 * all runs took and how many workers there were (history_meet()), then each
 * record is counted where it belongs in that time (history_add()). One run
 * follows the other, without what was between them.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "journal_file.h"

/* All time is cut into so many. It can be divided by 2, 3, 5, 6, 10, 15 ... */
#define HISTORY_BINS 300
/* Up to so many tasks each has a bar. */
#define HISTORY_BARS 1500
#define HISTORY_WORKERS 4096
#define HISTORY_SLOWEST 20
#define HISTORY_FAILURES 200
#define HISTORY_REASONS 10

/* Tasks of a worker that ran in one time: one, or the items of a command. */
struct history_bar {
	double from, to; /* seconds */
	uint16_t worker, lane;
	uint32_t items;
	bool failed;
};

/* One that is told of by name. Texts are malloc'd. */
struct history_item {
	char *name, *reason;
	size_t name_size, reason_size;
	double from, seconds;
	uint16_t worker, tries;
	bool failed;
};

/* Why items have failed. */
struct history_reason {
	char *text;
	size_t size;
	uint64_t items;
};

struct history {
	double seconds; /* of all runs together */
	double *runs;	/* where each begins */
	size_t nruns;
	size_t run; /* the one that the records are of */
	unsigned nworkers;
	uint64_t tasks;	  /* records of items */
	uint64_t retried; /* of them, tried more than once */
	struct record_key more_key;
	char more[1024]; /* the item of the next record as text */
	size_t more_size;
	uint16_t more_tries; /* 0: nothing is known of it */

	float *busy; /* seconds, of each worker in each bin */
	uint64_t *worker_items;
	uint64_t done[HISTORY_BINS], failed[HISTORY_BINS]; /* ended in it */
	struct history_bar *bars; /* NULL: there are too many */
	size_t nbars;
	struct history_item slowest[HISTORY_SLOWEST]; /* the slowest first */
	size_t nslowest;
	struct history_item failures[HISTORY_FAILURES];
	size_t nfailures;
	struct history_reason reasons[HISTORY_REASONS];
	size_t nreasons;
	uint64_t other_reasons; /* items that failed for others */
};

/* The first time. A run that begins where those before have ended. -ENOMEM. */
int history_meet(struct history *h, const struct record *r, double seconds);
/* In between: how long it took. -ENOMEM. */
int history_measure(struct history *h, double seconds);
/* The second time; `is_failure`: it is the first record of an item that has
 * failed in the end; `again`: it is a later one. -ENOMEM. */
int history_add(struct history *h, const struct record *r, bool is_failure,
		bool again);
/* All were added: puts the bars in order, each in a lane of its worker's. */
void history_end(struct history *h);
void history_release(struct history *h);

/* How much of its time a worker was busy in the bins from `bin` on, of `count`
 * of them: 0 to 1. */
double history_busy(const struct history *h, unsigned worker, unsigned bin,
		    unsigned count);

#endif
