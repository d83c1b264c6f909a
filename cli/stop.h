/* SPDX-License-Identifier: MIT */
#ifndef STOP_H
#define STOP_H

/*
 * The early end of a run, because prun was told to by a signal, or because of
 * how its items fare (--halt). Either begins nothing more; a second signal,
 * `now`, and --kill-after kill what runs as well.
 */

#include <stdbool.h>
#include <stdint.h>

#include "input.h"
#include "options.h"
#include "prun.h"
#include "tally.h"

struct stop {
	const struct options *options;
	int signals; /* that were acted upon */
	bool halted;
	bool stopped;	  /* for whichever reason */
	bool killed;	  /* what ran as well */
	uint64_t kill_ns; /* when it will be; UINT64_MAX: not */
};

void stop_init(struct stop *s, const struct options *o, struct input *in);
/* Do what is asked for, by signals or by the tally. Cheap. */
void stop_look(struct stop *s, struct prun_job *job, const struct tally *tally,
	       const struct input *in);
/* The same before a wait, and with what the pool knows: how tasks have fared
 * whose results wait for earlier ones. */
void stop_look_ahead(struct stop *s, struct prun_pool *pool,
		     struct prun_job *job, const struct tally *tally,
		     const struct input *in);
/* How long a wait may be before the next look; -1: for ever. */
int stop_timeout_ms(const struct stop *s, int timeout_ms);
/* "prun: halted: ...", and the exit code. */
int stop_tell(const struct stop *s, const struct tally *tally);

#endif
