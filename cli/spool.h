/* SPDX-License-Identifier: MIT */
#ifndef SPOOL_H
#define SPOOL_H

/*
 * A temporary file without a name for what is too large for memory: blocks of
 * one size, which workers fill and prun reads. It is open in all of them and
 * gone with the last. A block that was read can be used again; its place on the
 * disk is given back at once where the file system can do that.
 *
 * Which blocks are in use is in memory that all share, by who put them there:
 * an owner is any number but 0. So those of a worker that has died can be
 * freed.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SPOOL_BLOCK ((size_t)256 << 10)

struct spool;

/* Before the workers are forked. Where no file can be made a spool_put() will
 * say why. 0 or -ENOMEM. */
int spool_new(struct spool **spool);
/* In the process that made it. NULL is allowed. */
void spool_free(struct spool *spool);

/* Put a block there: its number, or -errno. */
int64_t spool_put(struct spool *spool, uint32_t owner, const void *data);
/* 0 or -errno. */
int spool_get(const struct spool *spool, void *data, uint32_t block);
void spool_drop(struct spool *spool, uint32_t block);
/* All blocks of this owner. */
void spool_drop_all(struct spool *spool, uint32_t owner);

/*
 * One process at a time is between these two. Who dies there lets the next one
 * in.
 */
void spool_lock(struct spool *spool);
void spool_unlock(struct spool *spool);

#endif
