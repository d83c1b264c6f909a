/* SPDX-License-Identifier: MIT */
#ifndef SUMS_H
#define SUMS_H

/*
 * The source of `prun check`: the SUMFILEs, one after the other. Each line of a
 * digest is an item, its name the argument of that digest's function; all other
 * lines are for the verdict.
 */

#include "input.h"
#include "prun.h"
#include "sumfile.h"
#include "verdict.h"

/* A line whose result is not known yet; the cookie of its item. */
struct sums_item {
	struct sums_item *next, *prev;
	size_t file;
	uint64_t line;
	size_t digits;
	char hex[]; /* wanted */
};

struct sums {
	struct verdict *verdict;
	struct input *input; /* is told how far it is */
	struct sum_reader reader;
	size_t file;   /* the one being read, */
	uint64_t line; /* and the line read last */
	int fd;	       /* -1: not open yet */
	bool is_stdin;
	struct prun_lines *lines;
	char *text; /* the line */
	size_t text_capacity;
	struct sums_item *items; /* in no order */
};

void sums_init(struct sums *s, struct verdict *verdict, struct input *input,
	       const struct sum_reader *reader);
/* Also of one that is all zero. */
void sums_release(struct sums *s);

/* The source of the job; its payload is the struct sums. */
int sums_source(struct prun_item *item, void *sums);

/* The result of an item is about to be told: what comes before it is. */
void sums_reach(struct sums *s, const struct sums_item *item);
/* It was told, and the item is no more. */
void sums_done(struct sums *s, struct sums_item *item);
/* Whether the end of the last SUMFILE was read. */
bool sums_ended(const struct sums *s);

#endif
