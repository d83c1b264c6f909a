/* SPDX-License-Identifier: MIT */
#ifndef ALLOC_H
#define ALLOC_H

/*
 * Allocations that fail on demand. Link with
 * -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc; libraries that are linked
 * dynamically (libc's own calls too) are not seen.
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
 */

#include <stdbool.h>

/* The n-th allocation from now fails, once; 0: none does. Restarts the count. */
void alloc_fail_at(unsigned long n);
/* Allocations tried since the last alloc_fail_at(). */
unsigned long alloc_count(void);
/* Whether the one that should fail has come. */
bool alloc_failed(void);

#endif
