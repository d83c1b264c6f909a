/* SPDX-License-Identifier: MIT */
/* The rooms of a journal: its keys, and what a run keeps of it. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "journal.h"
#include "keys.h"
#include "output.h"
#include "prun.h"
#include "suite.h"

#define MANY 100000u

static struct record_key key(uint64_t n)
{
	return keys_of(1, &n, sizeof(n));
}

START_TEST(many_keys)
{
	struct keys k = {.seed = 1};

	for (uint32_t n = 0; n < MANY; n++) {
		struct record_key of = key(n);

		ck_assert_ptr_null(keys_find(&k, &of));
		ck_assert_uint_eq(*keys_put(&k, &of, n + 1), n + 1);
	}
	ck_assert_uint_eq(k.count, MANY);
	for (uint32_t n = 0; n < MANY; n++) {
		struct record_key of = key(n);

		ck_assert_uint_eq(*keys_find(&k, &of), n + 1);
		ck_assert_uint_eq(*keys_put(&k, &of, 7), n + 1);
	}
	keys_release(&k);
	keys_release(&k);
}
END_TEST

/* 16 bytes of a key, and from half to three quarters of them in use. */
START_TEST(the_room_of_keys)
{
	struct keys k = {.seed = 1};
	size_t room = 0;

	for (uint32_t n = 0; n < 20 * MANY; n++) {
		struct record_key of = key(n);

		ck_assert_ptr_nonnull(keys_put(&k, &of, 1));
	}
	for (size_t i = 0; i < KEYS_PARTS; i++)
		room += k.parts[i].capacity;
	ck_assert_uint_le(room * 16, 27 * k.count);
	keys_release(&k);
}
END_TEST

START_TEST(equal_items_are_counted)
{
	struct keys k = {.seed = 1};
	struct record_key a = key(1), b = key(2), first, second;

	for (int n = 0; n < 5; n++)
		ck_assert_int_eq(keys_count(&k, &a, KEY_COME), n);
	ck_assert_int_eq(keys_count(&k, &a, KEY_ENDED), 0);
	ck_assert_int_eq(keys_count(&k, &b, KEY_COME), 0);
	ck_assert_uint_eq(keys_counted(&k, &a, KEY_COME), 5);
	ck_assert_uint_eq(keys_counted(&k, &b, KEY_COME), 1);
	first = keys_nth(&k, &a, 0);
	second = keys_nth(&k, &a, 1);
	ck_assert_uint_eq(first.low, a.low);
	ck_assert_uint_ne(second.low, a.low);
	keys_release(&k);
}
END_TEST

/* --------------------------------------------------------------- a run's own */

static char name[] = "/tmp/check_journal.XXXXXX";

static struct options options_of(bool resume)
{
	return (struct options){.command_name = "map",
				.func = "noop",
				.journal = name,
				.resume = resume};
}

static void begin(struct journal *j, struct options *o)
{
	output_init(&standard_output);
	ck_assert_int_eq(journal_open(j, o), 0);
	j->batches = true;
	ck_assert_int_eq(journal_begin(j), 0);
}

static void note(struct journal *j, struct prun_packer *argument, bool failed)
{
	struct prun_result r = {.start_ns = 1, .run_ns = 1000};

	r.argument = prun_packer_data(argument, &r.argument_size);
	journal_note(j, &r, failed, "no", failed ? 2 : 0);
	prun_packer_clear(argument);
}

static bool skips(struct journal *j, struct prun_packer *p, const char *item)
{
	const void *argument;
	size_t size;
	bool skip;

	prun_packer_clear(p);
	ck_assert_int_eq(prun_pack_bin(p, item, strlen(item)), 0);
	argument = prun_packer_data(p, &size);
	skip = journal_skip(j, argument, size);
	prun_packer_clear(p);
	return skip;
}

/* The items of a command that took several fare as it does, and each is known
 * alone, as a str or as a bin. */
START_TEST(batches)
{
	struct options first = options_of(false), again = options_of(true);
	struct tally tally = {.done = 2, .failed = 1};
	struct prun_packer *p;
	struct journal j;
	int fd = mkstemp(name);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(prun_packer_new(&p), 0);
	begin(&j, &first);
	prun_pack(p, "[y#, s]", "a", (size_t)1, "b");
	note(&j, p, false);
	prun_pack(p, "[s, y#]", "c", "a", (size_t)1);
	note(&j, p, true);
	prun_pack(p, "s", "d");
	note(&j, p, false);
	ck_assert_int_eq(journal_end(&j, &tally, 1), 1);
	journal_close(&j);

	begin(&j, &again);
	ck_assert(skips(&j, p, "d"));
	ck_assert(skips(&j, p, "a"));
	ck_assert(!skips(&j, p, "a"));
	ck_assert(!skips(&j, p, "c"));
	ck_assert(skips(&j, p, "b"));
	ck_assert(!skips(&j, p, "b"));
	prun_pack(p, "[s, s]", "a", "b");
	note(&j, p, false);
	ck_assert_int_eq(journal_end(&j, &tally, 0), 0);
	journal_close(&j);

	begin(&j, &again);
	ck_assert(skips(&j, p, "a"));
	ck_assert(skips(&j, p, "a"));
	ck_assert(skips(&j, p, "b"));
	ck_assert(skips(&j, p, "b"));
	ck_assert(!skips(&j, p, "b"));
	ck_assert(!skips(&j, p, "c"));
	journal_close(&j);
	prun_packer_free(p);
	close(fd);
	unlink(name);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("journal");
	TCase *tc = suite_case(s, "keys");

	tcase_add_test(tc, many_keys);
	tcase_add_test(tc, the_room_of_keys);
	tcase_add_test(tc, equal_items_are_counted);
	tc = suite_case(s, "runs");
	tcase_add_test(tc, batches);
	return suite_main(s);
}
