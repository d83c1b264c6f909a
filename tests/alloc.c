/* SPDX-License-Identifier: MIT */
#include "alloc.h"

#include <errno.h>
#include <stddef.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

/* One allocator for the process, so one state; tests use it in one thread. */
static unsigned long alloc_tried;
static unsigned long alloc_fails;

void alloc_fail_at(unsigned long n)
{
	alloc_tried = 0;
	alloc_fails = n;
}

unsigned long alloc_count(void)
{
	return alloc_tried;
}

bool alloc_failed(void)
{
	return alloc_fails && alloc_tried >= alloc_fails;
}

static bool fail_now(void)
{
	if (++alloc_tried != alloc_fails)
		return false;
	errno = ENOMEM;
	return true;
}

void *__wrap_malloc(size_t size)
{
	return fail_now() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fail_now() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
	return fail_now() ? NULL : __real_realloc(old, size);
}
