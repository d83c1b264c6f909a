/* SPDX-License-Identifier: MIT */
#ifndef MULTI_H
#define MULTI_H

/*
 * The digests of many files at a time, a file in each lane of a kernel: when
 * one ends, the next takes its lane. A file that is left alone is a single
 * stream, as fast as any.
 */

#include "lanes.h"
#include "prun.h"

/* A batch function: all tasks that the batch has. 0. */
int multi_digest(struct prun_batch *batch, const struct lanes_digest *digest);

#endif
