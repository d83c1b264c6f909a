/* SPDX-License-Identifier: MIT */
#ifndef PROGRESS_H
#define PROGRESS_H

/* How far a run is, on stderr: one line that is drawn again, or a plain line or
 * an object of JSON every second. */

#include <stdbool.h>
#include <stdint.h>

#include "input.h"
#include "options.h"
#include "prun.h"
#include "tally.h"

struct progress {
	enum progress_mode mode; /* never PROGRESS_AUTO */
	bool colour;
	uint64_t given_total; /* --total */
	uint64_t start_ns;
	uint64_t draw_ns; /* when to draw, and to count, again */
	uint64_t count_ns;
	uint64_t again_ns; /* when to draw what was taken away */
	const struct tally *tally;
};

void progress_init(struct progress *p, const struct options *o,
		   const struct tally *tally);
/* How long a call may block before progress_tick() wants to be called. */
int progress_timeout_ms(const struct progress *p);
/* Draw, if it is time to. */
void progress_tick(struct progress *p, struct prun_pool *pool,
		   struct prun_job *job, struct input *in);
/* One line of it, whether progress is shown or not. */
void progress_tell(const struct progress *p, struct prun_pool *pool,
		   struct prun_job *job, struct input *in);
/* Draw the last state and leave it there. */
void progress_finish(struct progress *p, struct prun_job *job,
		     struct input *in);

#endif
