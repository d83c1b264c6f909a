/* SPDX-License-Identifier: MIT */
#ifndef ALLOC_H
#define ALLOC_H

/*
 * Allocations that fail on demand, and a count of those that live. Link with
 * -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=free; libraries that
 * are linked dynamically (libc's own calls too) are not seen.
 *
 * Check itself may be linked statically, and then its assertions allocate as
 * well: call alloc_fail_at(0) before the next ck_assert.
 *
 *     for (n = 1; ; n++) {
 *             alloc_fail_at(n);
 *             rc = thing();
 *             failed = alloc_failed();
 *             alloc_fail_at(0);
 *             ck_assert_int_eq(rc, failed ? -ENOMEM : 0);
 *             if (!failed)
 *                     break;
 *     }
 *
 * They fail in the process that said so, in all its threads, and not in those
 * that it forks.
 */

#include <stdatomic.h>
#include <stdbool.h>

/* The n-th allocation from now fails, once; 0: none does. Restarts the count. */
void alloc_fail_at(unsigned long n);
/* The same, and all after it too. */
void alloc_fail_from(unsigned long n);
/* In memory that is shared with children. */
struct alloc_children {
	atomic_uint left;   /* in so many of them one is to fail */
	atomic_uint failed; /* in so many one has */
};

/* The n-th of a process that is forked from now on fails, once. 0: none. */
void alloc_fail_in_child(unsigned long n, struct alloc_children *children);
/* Allocations tried since the last alloc_fail_at(). */
unsigned long alloc_count(void);
/* Whether the one that should fail has come. */
bool alloc_failed(void);

/* Keep a list of what is allocated from now on; false: no more. */
void alloc_track(bool on);
/* Of these, how many were not freed. */
unsigned long alloc_live(void);

#endif
