/* SPDX-License-Identifier: MIT */
#ifndef TICKS_H
#define TICKS_H

/*
 * The time for short tasks: CLOCK_MONOTONIC, read at most once in 100 us; in
 * between, the processor's counter tells how far it has moved on. A clock
 * call costs some 25 ns, a quarter of a no-op task; the counter a few. Each
 * reading corrects the one before, so a counter that drifts, or jumps with a
 * change of the processor, is wrong for 100 us at most.
 */

#include <stdint.h>

#include "poller.h"

#define TICKS_REFRESH_NS 100000u

struct ticks {
	uint64_t ns, count;   /* the clock and the counter when last read, */
	uint64_t took;	      /* and the counts from the one to the other */
	uint64_t refresh;     /* counts until the clock is read again */
	uint64_t ns_per_2_32; /* how far 2^32 counts move the clock */
	uint64_t last_ns;     /* what was said last: it never goes back */
};

static inline uint64_t ticks_count(void)
{
#if defined(__x86_64__)
	return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
	uint64_t count;

	__asm__ volatile("mrs %0, cntvct_el0" : "=r"(count));
	return count;
#else
	return 0;
#endif
}

/* Read the clock. Before 100 us have passed since the last time the counter's
 * speed is not known, and so is read again. Nothing is learned from readings
 * between which the process was off its processor: clock and counter then
 * belong to different times. */
static inline uint64_t ticks_refresh(struct ticks *t, uint64_t count)
{
	uint64_t ns = now_ns();
	uint64_t took = ticks_count() - count;
	uint64_t passed = ns - t->ns;
	uint64_t counts = count - t->count;

	if (t->ns && passed < TICKS_REFRESH_NS && !t->refresh)
		return ns;
	t->refresh = 0;
	if (t->ns && passed < ((uint64_t)1 << 31) && counts > passed / 1000 &&
	    counts < passed * 1000 && took + t->took <= counts / 16) {
		t->ns_per_2_32 = (passed << 32) / counts;
		t->refresh = counts * TICKS_REFRESH_NS / passed;
	}
	t->ns = ns;
	t->count = count;
	t->took = took;
	return ns;
}

static inline uint64_t ticks_now(struct ticks *t)
{
	uint64_t count = ticks_count();
	uint64_t counts = count - t->count;
	uint64_t ns;

	if (counts >= t->refresh)
		ns = ticks_refresh(t, count);
	else
		ns = t->ns + (counts * t->ns_per_2_32 >> 32);
	if (ns < t->last_ns)
		ns = t->last_ns;
	t->last_ns = ns;
	return ns;
}

#endif
