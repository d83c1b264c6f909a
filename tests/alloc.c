/* SPDX-License-Identifier: MIT */
#include "alloc.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void __real_free(void *p);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void __wrap_free(void *p);

/* One allocator for the process, so one state. */
static atomic_ulong alloc_tried;
static unsigned long alloc_fails;
static bool alloc_onward;
static pid_t alloc_owner;
static unsigned long child_fails;
static struct alloc_children *children;
static bool is_child;

/* -- Which one fails -- */

static void arm(unsigned long n, bool onward)
{
	alloc_fails = 0;
	atomic_store(&alloc_tried, 0);
	alloc_onward = onward;
	alloc_owner = getpid();
	alloc_fails = n;
}

void alloc_fail_at(unsigned long n)
{
	arm(n, false);
}

void alloc_fail_from(unsigned long n)
{
	arm(n, true);
}

void alloc_fail_in_child(unsigned long n, struct alloc_children *shared)
{
	alloc_owner = getpid();
	child_fails = n;
	children = shared;
}

unsigned long alloc_count(void)
{
	return alloc_tried;
}

bool alloc_failed(void)
{
	return alloc_fails && alloc_tried >= alloc_fails;
}

/* In a process that was forked since: it fails nothing, unless it is its
 * turn. */
static void inherit(void)
{
	unsigned left = child_fails ? atomic_load(&children->left) : 0;

	is_child = false;
	while (left > 0 && !is_child)
		is_child = atomic_compare_exchange_weak(&children->left, &left,
							left - 1);
	arm(is_child ? child_fails : 0, false);
}

static bool fail_now(void)
{
	unsigned long n;

	if ((alloc_fails || child_fails) && getpid() != alloc_owner)
		inherit();
	n = atomic_fetch_add(&alloc_tried, 1) + 1;
	if (!alloc_fails || n < alloc_fails ||
	    (n > alloc_fails && !alloc_onward))
		return false;
	if (is_child)
		atomic_fetch_add(&children->failed, 1);
	errno = ENOMEM;
	return true;
}

/* -- What lives -- */

#define LIVE_SLOTS 65536u /* a power of two */
#define GONE ((void *)1)

static pthread_mutex_t live_mutex = PTHREAD_MUTEX_INITIALIZER;
static void *live[LIVE_SLOTS];
static unsigned long live_count, live_used;
static atomic_bool tracking;

void alloc_track(bool on)
{
	atomic_store(&tracking, false);
	if (!on)
		return;
	memset(live, 0, sizeof(live));
	live_count = 0;
	live_used = 0;
	atomic_store(&tracking, true);
}

unsigned long alloc_live(void)
{
	return live_count;
}

/* The place of a block, or the free one where it would be. */
static void **live_find(const void *p)
{
	size_t at = ((uintptr_t)p >> 4) * 2654435761u;

	while (live[at % LIVE_SLOTS] && live[at % LIVE_SLOTS] != p)
		at++;
	return &live[at % LIVE_SLOTS];
}

static void *track(void *p)
{
	if (!p || !atomic_load(&tracking))
		return p;
	pthread_mutex_lock(&live_mutex);
	if (++live_used == LIVE_SLOTS)
		abort(); /* more blocks than a test should take */
	*live_find(p) = p;
	live_count++;
	pthread_mutex_unlock(&live_mutex);
	return p;
}

/* Before it is freed, for then another thread may get the same block. */
static void untrack(void *p)
{
	void **at;

	if (!p || !atomic_load(&tracking))
		return;
	pthread_mutex_lock(&live_mutex);
	at = live_find(p);
	if (*at) {
		*at = GONE;
		live_count--;
	}
	pthread_mutex_unlock(&live_mutex);
}

void *__wrap_malloc(size_t size)
{
	return fail_now() ? NULL : track(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fail_now() ? NULL : track(__real_calloc(count, size));
}

void *__wrap_realloc(void *old, size_t size)
{
	if (fail_now())
		return NULL;
	untrack(old);
	return track(__real_realloc(old, size));
}

void __wrap_free(void *p)
{
	untrack(p);
	__real_free(p);
}
