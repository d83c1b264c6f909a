/* SPDX-License-Identifier: MIT */
#ifndef HALT_H
#define HALT_H

/* --halt: at which point a run is stopped, by how its items have fared. */

#include <stdbool.h>
#include <stdint.h>

#include "tally.h"

enum halt_when {
	HALT_NEVER = 0,
	HALT_SOON, /* begin nothing more */
	HALT_NOW,  /* and kill what runs */
};

enum halt_what {
	HALT_FAIL = 0,
	HALT_SUCCESS,
	HALT_DONE, /* either of them */
};

struct halt {
	enum halt_when when;
	enum halt_what what;
	uint64_t limit; /* items, or per cent of them */
	bool percent;
};

#define HALT_TOTAL_UNKNOWN UINT64_MAX

/* never, or now|soon,fail|success|done=N[%]. 0, or EXIT_USAGE after a message
 * that names the option. */
int halt_parse(struct halt *h, const char *option, const char *text);

/* Whether that point is reached; `total` is the number of all items. A part of
 * a total that is not known is one of the items that have ended, once there are
 * some; of those that are done it cannot be told. */
bool halt_due(const struct halt *h, const struct tally *tally, uint64_t total);

#endif
