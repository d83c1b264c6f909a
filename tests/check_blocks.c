/* SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "blocks.h"
#include "calls.h"
#include "suite.h"

#define MANY 20000u
#define SIZE_MAX_WANTED 1500u /* more than what lies in slabs */

struct taken {
	unsigned char *at; /* NULL: not just now */
	size_t size;
	unsigned char kind;
};

static struct taken taken[MANY];
static struct blocks *blocks;
static uint64_t seed = 1;

static size_t random_below(size_t n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (size_t)(seed >> 33) % n;
}

static unsigned char letter(size_t i)
{
	return (unsigned char)(i * 31 + 7);
}

static void take(size_t i, size_t size)
{
	struct taken *t = &taken[i];

	t->at = blocks_take(blocks, size, &t->kind);
	ck_assert_ptr_nonnull(t->at);
	if ((uintptr_t)t->at % 16)
		ck_abort_msg("a block is not aligned");
	t->size = size;
	memset(t->at, letter(i), size);
}

/* Nobody else has written to it. */
static void give(size_t i)
{
	struct taken *t = &taken[i];
	size_t k;

	for (k = 0; k < t->size; k++)
		if (t->at[k] != letter(i))
			ck_abort_msg("two blocks overlap");
	blocks_give(blocks, t->at, t->kind);
	t->at = NULL;
}

static void give_all(void)
{
	size_t i;

	for (i = 0; i < MANY; i++)
		if (taken[i].at)
			give(i);
}

static void set_up(void)
{
	memset(taken, 0, sizeof(taken));
	blocks = blocks_new();
	ck_assert_ptr_nonnull(blocks);
}

START_TEST(in_any_order)
{
	size_t round, i;

	for (round = 0; round < 10 * MANY; round++) {
		i = random_below(MANY);
		if (taken[i].at)
			give(i);
		else
			take(i, 1 + random_below(SIZE_MAX_WANTED));
	}
	give_all();
	/* And from the start, in what was kept. */
	for (i = 0; i < MANY; i++)
		take(i, 500);
	give_all();
	blocks_free(blocks);
}
END_TEST

/* What was given back is taken before new memory. */
START_TEST(used_again)
{
	unsigned char *last;
	size_t i;

	for (i = 0; i < 1000; i++)
		take(i, 500);
	last = taken[999].at;
	give(999);
	take(999, 450); /* of the same multiple */
	ck_assert_ptr_eq(taken[999].at, last);
	give_all();
	blocks_free(blocks);
}
END_TEST

/* As the handles of jobs outlive their pool. */
START_TEST(after_their_owner)
{
	size_t i;

	for (i = 0; i < 1000; i++)
		take(i, 500);
	blocks_free(blocks);
	give_all();
}
END_TEST

/* Without slabs malloc's memory does; without that, nothing. */
START_TEST(no_memory)
{
	unsigned char kind;
	void *block;
	size_t i;

	calls_fail_from(1);
	for (i = 0; i < 1000; i++)
		take(i, 500);
	alloc_fail_from(1);
	block = blocks_take(blocks, 500, &kind);
	alloc_fail_at(0);
	calls_fail_at(0);
	ck_assert_ptr_null(block);
	give_all();
	blocks_free(blocks);
	alloc_fail_at(1);
	blocks = blocks_new();
	alloc_fail_at(0);
	ck_assert_ptr_null(blocks);
	blocks_free(NULL);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("blocks");
	TCase *tc = suite_case(s, "blocks");

	tcase_add_checked_fixture(tc, set_up, NULL);
	tcase_add_test(tc, in_any_order);
	tcase_add_test(tc, used_again);
	tcase_add_test(tc, after_their_owner);
	tcase_add_test(tc, no_memory);
	return suite_main(s);
}
