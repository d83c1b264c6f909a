/* SPDX-License-Identifier: MIT */
#ifndef VERDICT_H
#define VERDICT_H

/*
 * What `prun check` says about its SUMFILEs, and whether they are in order.
 *
 * They are read ahead of what is done, and what there is to say has to come in
 * the order of the lines. So what reading finds is kept until everything before
 * it is done.
 */

#include "options.h"

struct sums_file {
	const char *name;  /* for messages */
	const char *error; /* of opening or reading it; or NULL */
	uint64_t bad;	   /* lines */
	uint64_t mismatched;
	uint64_t unread;
	bool proper; /* some line was good */
	bool matched;
};

/* Lines from first to last of a SUMFILE that are bad. */
struct bad_lines {
	size_t file;
	uint64_t first, last;
};

struct verdict {
	const struct options *options;
	const char *kind; /* "MD5 ", of the lines that are asked for; or "" */
	struct sums_file *files;
	size_t nfiles;
	size_t reached;	       /* those before it are done and told of */
	struct bad_lines *bad; /* to be warned of, a ring */
	size_t bad_first, bad_count, bad_capacity;
	bool failed;
};

/* With options->words as the SUMFILEs, or else standard input. 0 or -ENOMEM. */
int verdict_init(struct verdict *v, const struct options *o, const char *kind);
void verdict_release(struct verdict *v);

/* A line that is none of a digest. 0 or -ENOMEM. */
int verdict_bad_line(struct verdict *v, size_t file, uint64_t line);
/* Whether so much waits to be said that reading should wait too. */
bool verdict_is_full(const struct verdict *v);
/* All before this line of this SUMFILE is done. Beyond the last SUMFILE: all is
 * done. */
void verdict_reach(struct verdict *v, size_t file, uint64_t line);

/* Whether all SUMFILEs are in order, once all is done. */
bool verdict_is_good(const struct verdict *v);

#endif
