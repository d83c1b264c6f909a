/* SPDX-License-Identifier: MIT */
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "board.h"
#include "suite.h"

/* ------------------------------------------------------------------ helpers */

/* For loops: each ck_assert writes to Check's pipe, also when it holds. */
#define hold(condition) \
	do { \
		if (!(condition)) \
			ck_abort_msg("%s does not hold", #condition); \
	} while (0)

static uint64_t seed = 88172645463325252u;

static uint64_t random_number(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static struct board *board_at(uint32_t number)
{
	struct board *b = board_new();

	ck_assert_ptr_nonnull(b);
	atomic_store(&b->word, word_make(number, number));
	return b;
}

static void expect_word(const struct board *b, uint32_t next, uint32_t end)
{
	ck_assert_uint_eq(word_next(board_word(b)), next);
	ck_assert_uint_eq(word_end(board_word(b)), end);
}

/* The exit status of a child that was forked here. */
static int status_of(pid_t pid)
{
	int status;

	ck_assert_int_gt(pid, 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status), "killed by signal %d",
		      WTERMSIG(status));
	return WEXITSTATUS(status);
}

/* ------------------------------------------------------------ the claim word */

/* Where the numbers start; the last ones cross 2^32. */
static const uint32_t starts[] = {
	0, 1, 0x7ffffffd, 0x80000000, 0xfffffffb, 0xfffffffe, 0xffffffff};
#define STARTS (int)(sizeof(starts) / sizeof(starts[0]))

START_TEST(new_board)
{
	struct board *b = board_new();
	unsigned char out[1];
	uint64_t start_ns;
	uint32_t number;
	unsigned lane;

	ck_assert_ptr_nonnull(b);
	expect_word(b, 0, 0);
	ck_assert(!board_claim(b, 0));
	ck_assert(!board_withdraw(b, 0));
	ck_assert_uint_eq(board_committed(b), 0);
	ck_assert_int_eq(board_harvest(b, 0, out), 0);
	for (lane = 0; lane < PRUN_LANES_MAX; lane++)
		ck_assert(!board_running(b, lane, &number, &start_ns));
	board_free(b);
	board_free(NULL);
}
END_TEST

START_TEST(numbers_wrap)
{
	ck_assert(number_before(0, 1));
	ck_assert(!number_before(1, 1));
	ck_assert(!number_before(1, 0));
	ck_assert(number_before(0xffffffff, 0));
	ck_assert(number_before(0xfffffff0, 0x7fffffef));
	ck_assert(!number_before(0, 0xffffffff));
	ck_assert_uint_eq(word_make(2, 3), 0x0000000300000002);
	ck_assert_uint_eq(word_claimed(word_make(0xffffffff, 5)),
			  word_make(0, 5));
	ck_assert_uint_eq(word_granted(word_make(7, 0xfffffffe), 4),
			  word_make(7, 2));
	ck_assert(word_claimable(word_make(3, 4), 3));
	ck_assert(!word_claimable(word_make(3, 4), 4));
	ck_assert(!word_claimable(word_make(3, 3), 3));
	ck_assert(word_withdrawable(word_make(0xfffffffe, 2), 0xfffffffe));
	ck_assert(word_withdrawable(word_make(0xfffffffe, 2), 1));
	ck_assert(!word_withdrawable(word_make(0xfffffffe, 2), 2));
	ck_assert(!word_withdrawable(word_make(0xfffffffe, 2), 0xfffffffd));
}
END_TEST

START_TEST(grant_and_claim)
{
	uint32_t s = starts[_i];
	struct board *b = board_at(s);

	board_grant(b, 3);
	expect_word(b, s, s + 3);
	ck_assert(!board_claim(b, s + 1));
	ck_assert(!board_claim(b, s - 1));
	ck_assert(board_claim(b, s));
	ck_assert(!board_claim(b, s));
	ck_assert(board_claim(b, s + 1));
	board_grant(b, 2);
	expect_word(b, s + 2, s + 5);
	ck_assert(board_claim(b, s + 2));
	ck_assert(board_claim(b, s + 3));
	ck_assert(board_claim(b, s + 4));
	ck_assert(!board_claim(b, s + 5));
	expect_word(b, s + 5, s + 5);
	board_free(b);
}
END_TEST

START_TEST(withdraw)
{
	uint32_t s = starts[_i];
	struct board *b = board_at(s);

	board_grant(b, 6);
	ck_assert(board_claim(b, s));
	ck_assert(!board_withdraw(b, s)); /* it has started */
	ck_assert(!board_withdraw(b, s + 6));
	ck_assert(!board_withdraw(b, s + 7));
	expect_word(b, s + 1, s + 6);
	ck_assert(board_withdraw(b, s + 4));
	expect_word(b, s + 1, s + 4);
	ck_assert(!board_withdraw(b, s + 5));
	ck_assert(board_claim(b, s + 1));
	ck_assert(board_withdraw(b, s + 2)); /* all that is left */
	expect_word(b, s + 2, s + 2);
	ck_assert(!board_claim(b, s + 2));
	ck_assert(!board_claim(b, s + 4));
	ck_assert(!board_withdraw(b, s + 2));
	board_free(b);
}
END_TEST

START_TEST(fresh)
{
	uint32_t s = starts[_i];
	struct board *b = board_at(s);

	board_grant(b, 4);
	ck_assert(board_claim(b, s));
	ck_assert(board_withdraw(b, s + 2));
	/* One is left to be claimed. */
	ck_assert(!board_grant_fresh(b, s + 4, 2));
	expect_word(b, s + 1, s + 2);
	ck_assert(board_claim(b, s + 1));
	ck_assert(board_grant_fresh(b, s + 4, 2));
	expect_word(b, s + 4, s + 6);
	/* The worker comes to what was withdrawn, and then to the new. */
	ck_assert(!board_claim(b, s + 2));
	ck_assert(!board_claim(b, s + 3));
	ck_assert(board_claim(b, s + 4));
	board_grant(b, 1);
	ck_assert(board_claim(b, s + 5));
	ck_assert(board_claim(b, s + 6));
	ck_assert(!board_claim(b, s + 7));
	board_free(b);
}
END_TEST

START_TEST(lanes)
{
	uint32_t s = starts[_i], number = 77;
	struct board *b = board_at(s);
	uint64_t start_ns = 78;

	board_grant(b, 3);
	board_enter(b, 0, s, 1000);
	/* In its lane, and not yet claimed. */
	ck_assert(!board_running(b, 0, &number, &start_ns));
	ck_assert(board_claim(b, s));
	ck_assert(board_running(b, 0, &number, &start_ns));
	ck_assert_uint_eq(number, s);
	ck_assert_uint_eq(start_ns, 1000);
	ck_assert(!board_running(b, 63, &number, &start_ns));
	board_enter(b, 63, s + 1, 2000);
	ck_assert(board_claim(b, s + 1));
	ck_assert(board_running(b, 63, &number, &start_ns));
	ck_assert_uint_eq(number, s + 1);
	ck_assert_uint_eq(start_ns, 2000);
	board_leave(b, 0);
	ck_assert(!board_running(b, 0, &number, &start_ns));
	ck_assert(board_running(b, 63, &number, &start_ns));
	/* One that was withdrawn meanwhile never runs. */
	ck_assert(board_withdraw(b, s + 2));
	board_enter(b, 0, s + 2, 3000);
	ck_assert(!board_claim(b, s + 2));
	ck_assert(!board_running(b, 0, &number, &start_ns));
	board_free(b);
}
END_TEST

/* ------------------------------------------------------------------ the ring */

/* What the stream holds at a position. */
static unsigned char byte_at(uint64_t position)
{
	return (unsigned char)(position * 31 + (position >> 8) * 7 +
			       (position >> 16) * 13);
}

static unsigned char stream[2 * BOARD_OUT_SIZE];

/* A result of `size` bytes and its head, as the worker puts it. */
static uint64_t put(struct board *b, uint64_t position, size_t size)
{
	uint64_t end = position + BOARD_HEAD_SIZE + size;
	size_t i;

	for (i = 0; i < BOARD_HEAD_SIZE + size; i++)
		stream[i] = byte_at(position + i);
	if (end > BOARD_OUT_SIZE)
		board_reserve(b, end - BOARD_OUT_SIZE);
	board_write(b, position, stream, stream + BOARD_HEAD_SIZE, size);
	board_commit(b, end);
	return end;
}

static void expect_bytes(const unsigned char *out, uint64_t from, int64_t size)
{
	int64_t i;

	for (i = 0; i < size; i++)
		hold(out[i] == byte_at(from + (uint64_t)i));
}

START_TEST(ring_at_every_offset)
{
	static const size_t sizes[] = {
		0, 1, 2, 31, 32, 100, BOARD_OUT_SIZE - BOARD_HEAD_SIZE};
	static unsigned char out[BOARD_OUT_SIZE];
	size_t i, at;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		for (at = BOARD_OUT_SIZE - 140; at <= BOARD_OUT_SIZE; at++) {
			struct board *b = board_at(0);
			uint64_t from = 3 * BOARD_OUT_SIZE + at, end;
			int64_t size = (int64_t)(BOARD_HEAD_SIZE + sizes[i]);

			board_commit(b, from);
			end = put(b, from, sizes[i]);
			hold(board_committed(b) == end);
			hold(board_harvest(b, from, out) == size);
			expect_bytes(out, from, size);
			/* A part of it came by the socket. */
			hold(board_harvest(b, from + 5, out) == size - 5);
			expect_bytes(out, from + 5, size - 5);
			board_free(b);
		}
	}
}
END_TEST

START_TEST(harvest_at_the_edges)
{
	static unsigned char out[BOARD_OUT_SIZE];
	struct board *b = board_at(0);
	uint64_t end = 0;

	while (end < BOARD_OUT_SIZE)
		end = put(b, end, 992);
	ck_assert_uint_eq(end, BOARD_OUT_SIZE);
	ck_assert_int_eq(board_harvest(b, 0, out), BOARD_OUT_SIZE);
	expect_bytes(out, 0, BOARD_OUT_SIZE);
	ck_assert_int_eq(board_harvest(b, end, out), 0);
	ck_assert_int_eq(board_harvest(b, end + 1, out), 0);
	ck_assert_int_eq(board_harvest(b, end - 1, out), 1);
	/* One more, and the first is lost. */
	end = put(b, end, 992);
	ck_assert_int_eq(board_harvest(b, 0, out), 0);
	ck_assert_int_eq(board_harvest(b, 1023, out), 0);
	ck_assert_int_eq(board_harvest(b, 1024, out), BOARD_OUT_SIZE);
	expect_bytes(out, 1024, BOARD_OUT_SIZE);
	board_free(b);
}
END_TEST

START_TEST(harvest_past_a_large_one)
{
	static unsigned char out[BOARD_OUT_SIZE];
	struct board *b = board_at(0);
	uint64_t end = put(b, 0, 10);
	uint64_t past = end + 1000000;

	/* It leaves by the socket alone: first this, then that. */
	board_reserve(b, past);
	ck_assert_int_eq(board_harvest(b, 0, out), 0);
	ck_assert_int_eq(board_harvest(b, end, out), 0);
	board_commit(b, past);
	ck_assert_int_eq(board_harvest(b, end, out), 0);
	ck_assert_int_eq(board_harvest(b, past - 1, out), 0);
	ck_assert_int_eq(board_harvest(b, past, out), 0);
	/* What was reserved is not given up by a smaller claim. */
	board_reserve(b, past - 500);
	ck_assert_int_eq(board_harvest(b, past - 1, out), 0);
	end = put(b, past, 10);
	ck_assert_int_eq(board_harvest(b, past, out), 42);
	expect_bytes(out, past, 42);
	ck_assert_int_eq(board_harvest(b, past - 1, out), 0);
	board_free(b);
}
END_TEST

START_TEST(harvest_of_a_lie)
{
	static unsigned char out[BOARD_OUT_SIZE];
	struct board *b = board_at(0);

	board_commit(b, BOARD_OUT_SIZE + 1);
	ck_assert_int_eq(board_harvest(b, 0, out), -1);
	board_commit(b, UINT64_MAX);
	ck_assert_int_eq(board_harvest(b, 0, out), -1);
	ck_assert_int_eq(board_harvest(b, UINT64_MAX - 1, out), 1);
	board_commit(b, 5);
	ck_assert_int_eq(board_harvest(b, 6, out), 0);
	ck_assert_int_eq(board_harvest(b, UINT64_MAX, out), 0);
	board_free(b);
}
END_TEST

/* --------------------------------------------------------------- inheritance */

/* In a child: 1 when the board is mapped there, else 0. */
static int inherited(struct board *b)
{
	unsigned char pages[sizeof(struct board) / 4096 + 1];
	pid_t pid = fork();

	if (pid == 0)
		_exit(mincore(b, sizeof(*b), pages) == 0);
	return status_of(pid);
}

START_TEST(inherited_when_shared)
{
	struct board *b = board_at(0);
	pid_t pid;

	ck_assert_int_eq(inherited(b), 0);
	ck_assert_int_eq(board_share(b, true), 0);
	ck_assert_int_eq(inherited(b), 1);
	board_grant(b, 1);
	pid = fork();
	if (pid == 0)
		_exit(board_claim(b, 0) ? 5 : 6);
	ck_assert_int_eq(status_of(pid), 5);
	/* The memory is one and the same. */
	expect_word(b, 1, 1);
	ck_assert_int_eq(board_share(b, false), 0);
	ck_assert_int_eq(inherited(b), 0);
	board_free(b);
}
END_TEST

/* -------------------------------------------------------------------- hammer */

#define HAMMER_NUMBERS 3000000u
/* So that they cross 2^32. */
#define HAMMER_FIRST (0u - HAMMER_NUMBERS / 2)

struct hammer {
	struct board *board;
	unsigned char *claimed; /* by number - HAMMER_FIRST; shared */
	unsigned char *withdrawn;
	int frames[2];
	uint32_t end, fresh;
	unsigned withdrawals;
};

struct hammer_frame {
	uint32_t first, count;
};

/* The worker: claim all that the frames name, one after the other. */
static void hammer_worker(struct hammer *h)
{
	struct hammer_frame f;
	uint32_t i;

	close(h->frames[1]);
	while (read(h->frames[0], &f, sizeof(f)) == sizeof(f))
		for (i = 0; i < f.count; i++)
			if (board_claim(h->board, f.first + i))
				h->claimed[f.first + i - HAMMER_FIRST]++;
	_exit(0);
}

static void hammer_grant(struct hammer *h)
{
	struct hammer_frame f = {h->fresh, 1 + (uint32_t)random_number() % 50};

	if (h->end == h->fresh)
		board_grant(h->board, f.count);
	else if (!board_grant_fresh(h->board, f.first, f.count))
		return;
	h->fresh += f.count;
	h->end = h->fresh;
	hold(write(h->frames[1], &f, sizeof(f)) == sizeof(f));
}

static void hammer_withdraw(struct hammer *h)
{
	uint32_t unstarted = h->end - word_next(board_word(h->board));
	uint32_t most = unstarted < 64 ? unstarted : 64;
	uint32_t to = h->end - (uint32_t)random_number() % (most + 1);
	uint32_t i;

	hold(unstarted <= HAMMER_NUMBERS);
	if (to == h->end || !board_withdraw(h->board, to))
		return;
	for (i = to; i != h->end; i++)
		h->withdrawn[i - HAMMER_FIRST]++;
	h->end = to;
	h->withdrawals++;
}

/* One step of the parent. While a withdrawal is unfinished, mostly wait for
 * the worker, else all would be withdrawn. */
static void hammer_step(struct hammer *h)
{
	unsigned odds = h->end == h->fresh ? 8 : 1000;

	if (random_number() % odds == 0)
		hammer_withdraw(h);
	else
		hammer_grant(h);
	if (h->end != h->fresh)
		sched_yield();
}

static void *shared_memory(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ck_assert(p != MAP_FAILED);
	return p;
}

START_TEST(hammer)
{
	struct hammer h = {.end = HAMMER_FIRST, .fresh = HAMMER_FIRST};
	unsigned claimed = 0, withdrawn = 0;
	size_t size = HAMMER_NUMBERS + 100;
	uint32_t i;
	pid_t pid;

	h.board = board_at(HAMMER_FIRST);
	h.claimed = shared_memory(2 * size);
	h.withdrawn = h.claimed + size;
	ck_assert_int_eq(pipe(h.frames), 0);
	ck_assert_int_eq(board_share(h.board, true), 0);
	pid = fork();
	if (pid == 0)
		hammer_worker(&h);
	close(h.frames[0]);
	while (h.fresh - HAMMER_FIRST < HAMMER_NUMBERS)
		hammer_step(&h);
	close(h.frames[1]);
	ck_assert_int_eq(status_of(pid), 0);
	for (i = 0; i < h.fresh - HAMMER_FIRST; i++) {
		if (h.claimed[i] + h.withdrawn[i] != 1)
			ck_abort_msg("%u was claimed %d times, withdrawn %d", i,
				     h.claimed[i], h.withdrawn[i]);
		claimed += h.claimed[i];
		withdrawn += h.withdrawn[i];
	}
	/* Else it was no test of a race. */
	ck_assert_uint_gt(claimed, 1000);
	ck_assert_uint_gt(withdrawn, 100);
	ck_assert_uint_gt(h.withdrawals, 20);
	munmap(h.claimed, 2 * size);
	board_free(h.board);
}
END_TEST

#define HARVEST_ROUNDS 20000

/* A worker that nobody waits for: it overwrites what is being read. */
static void harvest_worker(struct board *b)
{
	uint64_t position = 0;

	while (position < (uint64_t)1 << 40)
		position = put(b, position, random_number() % 3000);
	_exit(0);
}

START_TEST(harvest_hammer)
{
	static unsigned char out[BOARD_OUT_SIZE];
	unsigned got = 0, lost = 0;
	struct board *b = board_at(0);
	pid_t pid;
	int i;

	ck_assert_int_eq(board_share(b, true), 0);
	pid = fork();
	if (pid == 0)
		harvest_worker(b);
	ck_assert_int_gt(pid, 0);
	for (i = 0; i < HARVEST_ROUNDS || (got < 100 && i < 10000000); i++) {
		/* What will be overwritten next. */
		uint64_t from =
			atomic_load(&b->valid_from) + random_number() % 3000;
		int64_t n = board_harvest(b, from, out);

		if (n < 0)
			ck_abort_msg("a true board was taken for a lie");
		expect_bytes(out, from, n);
		got += n > 0;
		lost += n == 0;
	}
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	ck_assert_uint_ge(got, 100);
	ck_assert_uint_gt(lost, 0);
	board_free(b);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("board");
	TCase *tc = suite_case(s, "word");

	tcase_add_test(tc, new_board);
	tcase_add_test(tc, numbers_wrap);
	tcase_add_loop_test(tc, grant_and_claim, 0, STARTS);
	tcase_add_loop_test(tc, withdraw, 0, STARTS);
	tcase_add_loop_test(tc, fresh, 0, STARTS);
	tcase_add_loop_test(tc, lanes, 0, STARTS);
	tc = suite_case(s, "ring");
	tcase_add_test(tc, ring_at_every_offset);
	tcase_add_test(tc, harvest_at_the_edges);
	tcase_add_test(tc, harvest_past_a_large_one);
	tcase_add_test(tc, harvest_of_a_lie);
	tc = suite_case(s, "sharing");
	tcase_add_test(tc, inherited_when_shared);
	tcase_add_test(tc, hammer);
	tcase_add_test(tc, harvest_hammer);
	return suite_main(s);
}
