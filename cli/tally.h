/* SPDX-License-Identifier: MIT */
#ifndef TALLY_H
#define TALLY_H

/* How the items of a run have fared so far. */

#include <stdint.h>

struct tally {
	uint64_t done;	  /* well */
	uint64_t failed;  /* and told so */
	uint64_t unrun;	  /* for the pool broke */
	uint64_t not_run; /* for prun was told to stop */
	uint64_t bytes;	  /* read by tasks that say so */
};

#endif
