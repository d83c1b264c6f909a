/* SPDX-License-Identifier: MIT */
#ifndef PAGE_H
#define PAGE_H

/* prun log --html: one page of HTML that needs nothing else, to
 * standard_output. Its looks are in page_style.c. */

#include <stddef.h>
#include <stdint.h>

#include "history.h"

extern const char page_style[];

/* What `prun log` says, too. */
struct page_summary {
	const char *command; /* as for a shell */
	size_t command_size;
	const char *title;	  /* its sub-command */
	const char *first, *last; /* when the first run began, and the last */
	const char *state;	  /* of the last one */
	uint64_t items, failed, runs;
	double seconds, item_seconds;
};

void page_write(const struct page_summary *s, const struct history *h);

#endif
