/* SPDX-License-Identifier: MIT */
#ifndef VERBOSE_H
#define VERBOSE_H

/*
 * -v: each item when it has ended, on standard error. -vv: the births and
 * deaths of the workers, too, as they are seen between other things.
 */

#include <stdint.h>

#include "options.h"
#include "prun.h"

struct verbose {
	const struct options *options;
	uint64_t start_ns;
	uint64_t due_ns; /* when to look at the workers again */
	uint32_t nworkers;
	struct prun_worker_stats *now, *seen; /* -vv */
};

/* 0 or -ENOMEM. */
int verbose_init(struct verbose *v, const struct options *o,
		 struct prun_pool *pool);
void verbose_release(struct verbose *v);
/* A result that has been told, or written: `what` it is. */
void verbose_item(const struct verbose *v, const struct prun_result *result,
		  const char *what);
/* Look at the workers, if it is time to; or at the end. */
void verbose_tick(struct verbose *v, struct prun_pool *pool);
void verbose_finish(struct verbose *v, struct prun_pool *pool);
/* How long a wait may be before the next look; -1: for ever. */
int verbose_timeout_ms(const struct verbose *v, int timeout_ms);

#endif
