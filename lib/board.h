/* SPDX-License-Identifier: MIT */
#ifndef BOARD_H
#define BOARD_H

/*
 * The board: memory that one worker shares with the parent, and with nobody
 * else. It holds what may be started, what is running, and what has come out.
 *
 * Tasks sent to one process carry consecutive numbers, compared modulo 2^32.
 *
 * The claim word is {next, end}: `next` in the low half, `end` in the high.
 *
 *	grant     parent   end += n, before the frame is queued
 *	claim     worker   CAS next: s -> s + 1, while next == s and s != end
 *	withdraw  parent   CAS end back to `to`, while next <= to < end
 *	fresh     parent   CAS {e, e} -> {f, f + n}, f beyond every number used
 *
 * A number the worker holds that is not `next` was withdrawn and is skipped:
 * after a withdrawal the numbers from `to` on are never granted again. Hence
 * no plain grant after a withdrawal, only `fresh`, once next == end. Only the
 * parent's driving thread moves `end`; only the worker moves `next`, save in
 * `fresh`, where it cannot. There is no lock, so a worker that is killed at
 * any instant leaves nothing locked.
 *
 * A lane says which claimed task is running: the worker stores {start time,
 * number, busy} *before* the claim and clears it *after* the result is
 * committed. So a task that the parent has granted and not withdrawn is
 * running exactly if a busy lane names it, its number is before `next`, and
 * its result has not been committed.
 *
 * The out-buffer is a ring with stream positions that only grow. Bytes below
 * `committed` are whole results; those not below `valid_from` are still in
 * the ring. The worker moves valid_from before it overwrites, and over a
 * result too large for the ring before sending it directly.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "prun.h"

#define BOARD_OUT_SIZE 65536u
#define BOARD_HEAD_SIZE 32u

struct board_lane {
	_Atomic uint64_t state; /* 0: idle; else number << 1 | 1 */
	_Atomic uint64_t start_ns;
	_Atomic uint64_t stop; /* the parent's: the state it wants to end */
};

struct board {
	_Alignas(64) _Atomic uint64_t word;
	_Alignas(64) _Atomic uint64_t committed;
	_Atomic uint64_t valid_from;
	_Atomic uint64_t work_ns;  /* spent on tasks, up to the last pause */
	_Atomic uint64_t since_ns; /* when that ended; 0: it pauses */
	_Atomic uint32_t full;	   /* starts nothing more: above max_rss */
	_Atomic uint32_t sending;  /* results, which takes as long as the parent
				      takes to read them */
	_Alignas(64) struct board_lane lanes[PRUN_LANES_MAX];
	_Alignas(64) unsigned char out[BOARD_OUT_SIZE];
};

/* -- The claim word: pure steps, which the model test interleaves. -- */

static inline uint64_t word_make(uint32_t next, uint32_t end)
{
	return (uint64_t)end << 32 | next;
}

static inline uint32_t word_next(uint64_t word)
{
	return (uint32_t)word;
}

static inline uint32_t word_end(uint64_t word)
{
	return (uint32_t)(word >> 32);
}

/* a before b, modulo 2^32 */
static inline bool number_before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

static inline bool word_claimable(uint64_t word, uint32_t number)
{
	return word_next(word) == number && word_end(word) != number;
}

static inline uint64_t word_claimed(uint64_t word)
{
	return word_make(word_next(word) + 1, word_end(word));
}

static inline uint64_t word_granted(uint64_t word, uint32_t count)
{
	return word_make(word_next(word), word_end(word) + count);
}

static inline bool word_withdrawable(uint64_t word, uint32_t to)
{
	return !number_before(to, word_next(word)) &&
	       number_before(to, word_end(word));
}

static inline uint64_t word_withdrawn(uint64_t word, uint32_t to)
{
	return word_make(word_next(word), to);
}

/* -- Shared by both sides. -- */

/* NULL when there is no memory. Not inherited by any child, until
 * board_share() says so. */
struct board *board_new(void);
void board_free(struct board *b);
/* The same behind a descriptor (close-on-exec, yours to close), for a child
 * that is not forked by this process: it maps the board with board_map. NULL, and
 * errno: no memory, or no descriptor. */
struct board *board_new_fd(int *fd);
struct board *board_map(int fd);
/* Whether a child forked from now on inherits the board. */
int board_share(struct board *b, bool share);

/* -- The parent's side. -- */

uint64_t board_word(const struct board *b);
/* Allow `count` more numbers, from the present end on. */
void board_grant(struct board *b, uint32_t count);
/* After a withdrawal: {e, e} -> {first, first + count}. False when next and
 * end differ. */
bool board_grant_fresh(struct board *b, uint32_t first, uint32_t count);
/* Take back the numbers from `to` on. False when one of them was claimed or
 * there is none. */
bool board_withdraw(struct board *b, uint32_t to);
/* The task in a lane: true when one is claimed and not yet out of it. */
bool board_running(const struct board *b, unsigned lane, uint32_t *number,
		   uint64_t *start_ns);
/* Ask the task in a lane to stop; false: it was asked before. */
bool board_ask_stop(struct board *b, unsigned lane, uint32_t number);
uint64_t board_committed(const struct board *b);
uint64_t board_valid_from(const struct board *b);
/* Copy the stream from position `from` to committed into `to` (room for
 * BOARD_OUT_SIZE). The bytes copied; 0 when there are none or when they are
 * no longer (or never were) in the ring; -1 when committed is impossible. */
int64_t board_harvest(const struct board *b, uint64_t from, void *to);

/* -- The worker's side. -- */

static inline void board_enter(struct board *b, unsigned lane, uint32_t number,
			       uint64_t start_ns)
{
	struct board_lane *l = &b->lanes[lane];

	atomic_store_explicit(&l->start_ns, start_ns, memory_order_relaxed);
	atomic_store_explicit(&l->state, (uint64_t)number << 1 | 1,
			      memory_order_release);
}

static inline void board_leave(struct board *b, unsigned lane)
{
	atomic_store_explicit(&b->lanes[lane].state, 0, memory_order_release);
}

/* The task is mine, I start it now; false: it was withdrawn. */
static inline bool board_claim(struct board *b, uint32_t number)
{
	uint64_t word = atomic_load_explicit(&b->word, memory_order_acquire);

	while (word_claimable(word, number))
		if (atomic_compare_exchange_weak_explicit(
			    &b->word, &word, word_claimed(word),
			    memory_order_acq_rel, memory_order_acquire))
			return true;
	return false;
}

/* Say, before writing, that stream positions below valid_from may now be lost
 * from the ring. */
static inline void board_reserve(struct board *b, uint64_t valid_from)
{
	if (atomic_load_explicit(&b->valid_from, memory_order_relaxed) >=
	    valid_from)
		return;
	atomic_store_explicit(&b->valid_from, valid_from, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
}

static inline void board_commit(struct board *b, uint64_t committed)
{
	atomic_store_explicit(&b->committed, committed, memory_order_release);
}

/* Write at a stream position around the ring's end. */
void board_write_wrapped(struct board *b, uint64_t position, const void *data,
			 size_t size);

/* Write a head of BOARD_HEAD_SIZE bytes and `size` bytes of data. */
static inline void board_write(struct board *b, uint64_t position,
			       const void *head, const void *data, size_t size)
{
	size_t at = position % BOARD_OUT_SIZE;

	if (at + BOARD_HEAD_SIZE + size > BOARD_OUT_SIZE) {
		board_write_wrapped(b, position, head, BOARD_HEAD_SIZE);
		board_write_wrapped(b, position + BOARD_HEAD_SIZE, data, size);
		return;
	}
	memcpy(b->out + at, head, BOARD_HEAD_SIZE);
	if (size == 1) /* nil, true, a small integer */
		b->out[at + BOARD_HEAD_SIZE] = *(const unsigned char *)data;
	else
		memcpy(b->out + at + BOARD_HEAD_SIZE, data, size);
}

#endif
