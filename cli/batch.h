/* SPDX-License-Identifier: MIT */
#ifndef BATCH_H
#define BATCH_H

/*
 * The tasks of `prun exec`: one item each or, with --max-args and -X, as many
 * as are asked for and fit into a command.
 */

#include <stdbool.h>
#include <stdint.h>

#include "input.h"
#include "options.h"
#include "prun.h"
#include "template.h"

struct batch {
	struct input *in;
	const struct template *template;
	bool many;	 /* as many as fit, but all workers get some */
	uint64_t most;	 /* items of a command; 0: not known yet */
	size_t room;	 /* for its arguments and environment */
	size_t fixed;	 /* of that, without items */
	size_t size;	 /* of that, with the items in hand */
	char *bytes;	 /* of the items in hand, one after the other */
	size_t *lengths; /* of each */
	size_t used, bytes_room, count, lengths_room;
	bool closed;   /* the last one in hand is for the next command */
	bool too_long; /* so is one that is longer than the pool takes */
	int ended;     /* what the input said at its end; 1: it goes on */
};

void batch_init(struct batch *b, const struct options *o,
		const struct template *t);
void batch_release(struct batch *b);
void batch_open(struct batch *b, struct input *in);

/* The source of the job. */
int batch_source(struct prun_item *item, struct batch *b);

/* The bytes that exec() has for arguments and environment. */
size_t batch_exec_room(void);

#endif
