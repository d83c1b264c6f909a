/* SPDX-License-Identifier: MIT */
#ifndef SLOT_PRIVATE_H
#define SLOT_PRIVATE_H

/*
 * What the rooms of a slot (grant, heard, late, death) have of each other,
 * beside what slot.h says to the engine.
 */

#include "slot.h"

/* A worker silent for so long is looked at. */
#define CHECK_NS 1000000u
/* A worker's clock may be ahead of what was read here before its result was,
 * but not by so much: then it lies. */
#define CLOCK_SLACK_NS 1000000000u

/* Whether the function of a run is a batch. */
static inline bool is_batch(const struct slot *s, const struct run *r)
{
	return s->engine->config->funcs.funcs[r->chunk->func].batch != NULL;
}

/* It did what no worker does (`what`, a constant text): it is killed, and what
 * it runs fails for that. (grant) */
void slot_hostile(struct slot *s, const char *what);
/* The first task in flight that has no result; there must be one. (heard) */
uint32_t slot_first_left(const struct slot *s);
/* All that a worker that has ended has said: the socket to its last byte, then
 * the board. (heard) */
void slot_take_last_words(struct slot *s);

#endif
