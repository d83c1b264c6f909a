/* SPDX-License-Identifier: MIT */
#include <poll.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "alloc.h"
#include "process.h"
#include "suite.h"
#include "worker.h"

#define MAX_PAYLOAD ((uint64_t)1 << 20)
#define ID 3
#define WAIT_MS 20000

#define hold(condition) \
	do { \
		if (!(condition)) \
			ck_abort_msg("%s does not hold", #condition); \
	} while (0)

/* ---------------------------------------------------- a worker in this process */

static struct board *board;
static struct worker *worker;
static struct frame_reader in;	  /* the results */
static struct frame_writer later; /* what `receive` will give */
static uint64_t sent;
static size_t sends, largest_send;
static int send_error;
static uint32_t fresh;

static int feed(struct frame_reader *r, const void *data, size_t size)
{
	size_t room;
	unsigned char *at = frame_reader_space(r, size, &room);

	if (!at)
		return -ENOMEM;
	memcpy(at, data, size);
	frame_reader_fed(r, size);
	return 0;
}

static int send_here(void *ctx, struct iovec *iov, int count)
{
	size_t size = 0;
	int i;

	hold(ctx == &sent);
	if (send_error)
		return send_error;
	for (i = 0; i < count; i++) {
		hold(feed(&in, iov[i].iov_base, iov[i].iov_len) == 0);
		size += iov[i].iov_len;
	}
	sends++;
	sent += size;
	if (size > largest_send)
		largest_send = size;
	return 0;
}

static int receive_here(void *ctx, struct frame_reader *reader, bool block)
{
	size_t size = later.end - later.start, room;
	unsigned char *at;

	hold(ctx == &sent && !block);
	if (!size)
		return 0;
	/* What was read before is no longer valid: see to it. */
	at = frame_reader_space(reader, 65536, &room);
	hold(at != NULL);
	memset(at, 0xee, room);
	hold(feed(reader, later.data + later.start, size) == 0);
	frame_writer_took(&later, size);
	return 1;
}

/* ------------------------------------------------------------- the functions */

static int echo(struct prun_task *task)
{
	size_t size;
	const void *arg = prun_task_arg(task, &size);

	return prun_packer_write(prun_task_packer(task), arg, size);
}

static int fails(struct prun_task *task)
{
	return prun_task_fail(task, -EIO, "task %d is bad",
			      (int)prun_task_index(task));
}

static int gives_code(struct prun_task *task)
{
	int64_t code = 0;

	prun_ret_int(task, 1); /* not to be seen when it fails */
	if (prun_arg_int(task, &code) < 0)
		return PRUN_ETYPE;
	return (int)code;
}

static int packs_half(struct prun_task *task)
{
	return prun_pack_array(prun_task_packer(task), 2);
}

/* As many bytes of msgpack as the argument says (from 70,000 on: bin 32). */
static int large(struct prun_task *task)
{
	static char bytes[2 * MAX_PAYLOAD];
	int64_t size = 0;
	int64_t head;

	prun_arg_int(task, &size);
	head = size > 65538 ? 5 : size > 257 ? 3 : 2;
	return prun_ret_bin(task, bytes, (size_t)(size - head));
}

static int tells_all(struct prun_task *task)
{
	return prun_ret_pack(task, "[u,i,s,s]", prun_task_index(task),
			     prun_task_worker_id(task),
			     (const char *)prun_task_ctx(task),
			     (const char *)prun_task_state(task));
}

static int (*hook)(struct prun_task *task);
static int (*batch_hook)(struct prun_batch *batch);

static int runs_hook(struct prun_task *task)
{
	return hook(task);
}

static int runs_batch_hook(struct prun_batch *batch)
{
	return batch_hook(batch);
}

enum { ECHO, FAILS, CODE, HALF, LARGE, TELLS, HOOK, BATCH };

static struct prun_func funcs[] = {
	[ECHO] = {.name = "echo", .fn = echo},
	[FAILS] = {.name = "fails", .fn = fails},
	[CODE] = {.name = "code", .fn = gives_code},
	[HALF] = {.name = "half", .fn = packs_half},
	[LARGE] = {.name = "large", .fn = large},
	[TELLS] = {.name = "tells", .fn = tells_all, .ctx = "ctx"},
	[HOOK] = {.name = "hook", .fn = runs_hook},
	[BATCH] = {.name = "batch", .batch = runs_batch_hook, .lanes = 3},
};
static const struct func_table table = {.funcs = funcs, .count = BATCH + 1};
static struct worker_setup setup = {.funcs = &table,
				    .max_payload = MAX_PAYLOAD};

/* ------------------------------------------------------------------- fixture */

static void set_up(void)
{
	size_t room;

	/* What a test before in the same process left (CK_FORK=no). */
	sent = 0;
	sends = 0;
	largest_send = 0;
	send_error = 0;
	fresh = 0;
	hook = NULL;
	batch_hook = NULL;
	memset(&later, 0, sizeof(later));
	board = board_new();
	ck_assert_ptr_nonnull(board);
	worker = worker_new(&setup, board, ID, send_here, receive_here, &sent);
	ck_assert_ptr_nonnull(worker);
	frame_reader_init(&in, 2 * MAX_PAYLOAD);
	ck_assert_ptr_nonnull(frame_reader_space(&in, 1, &room));
}

static void tear_down(void)
{
	worker_free(worker);
	worker_free(NULL);
	board_free(board);
	frame_reader_release(&in);
	frame_writer_release(&later);
}

/* A frame of tasks with integers as arguments. */
static void put_tasks(struct frame_writer *w, uint32_t func, uint32_t flags,
		      uint32_t count, const int *args)
{
	struct frame_tasks head = {.index = 100 + fresh,
				   .func = func,
				   .first = fresh,
				   .count = count,
				   .flags = flags};
	uint32_t offsets[1001] = {0};
	struct prun_packer *p;
	size_t size, i;

	hold(count <= 1000);
	hold(prun_packer_new(&p) == 0);
	for (i = 0; i < count; i++) {
		prun_pack_int(p, args ? args[i] : (int)i);
		prun_packer_data(p, &size);
		offsets[i + 1] = (uint32_t)size;
	}
	hold(frame_put_tasks(w, head, offsets, prun_packer_data(p, &size)) ==
	     0);
	prun_packer_free(p);
	fresh += count;
}

static void feed_worker(struct frame_writer *w)
{
	hold(feed(worker_reader(worker), w->data + w->start,
		  w->end - w->start) == 0);
	frame_writer_took(w, w->end - w->start);
}

static void give(uint32_t func, uint32_t flags, uint32_t count, const int *args)
{
	struct frame_writer w = {0};

	put_tasks(&w, func, flags, count, args);
	board_grant(board, count);
	feed_worker(&w);
	frame_writer_release(&w);
}

static void give_stop(void)
{
	struct frame_writer w = {0};

	hold(frame_put_stop(&w) == 0);
	feed_worker(&w);
	frame_writer_release(&w);
}

#define give_these(func, flags, ...) \
	do { \
		static const int args_[] = {__VA_ARGS__}; \
		give(func, flags, sizeof(args_) / sizeof(args_[0]), args_); \
	} while (0)

static void run(void)
{
	ck_assert_int_eq(worker_run(worker), 0);
	worker_flush(worker);
	ck_assert_uint_eq(board_committed(board), sent);
}

static struct frame next_result(void)
{
	struct frame f;

	hold(frame_next(&f, &in) == 1);
	hold(f.kind == FRAME_RESULT);
	return f;
}

static void expect_int(uint32_t number, int64_t expected)
{
	struct frame f = next_result();
	int64_t value = 0;

	ck_assert_uint_eq(f.result.number, number);
	ck_assert_int_eq(f.result.status, 0);
	ck_assert_int_eq(prun_unpack(f.body, f.size, NULL, "I", &value), 0);
	ck_assert_int_eq(value, expected);
	ck_assert_uint_gt(f.result.start_ns, 0);
}

static void expect_failure(uint32_t number, int status, const char *text)
{
	struct frame f = next_result();

	ck_assert_uint_eq(f.result.number, number);
	ck_assert_int_eq(f.result.status, status);
	ck_assert_uint_eq(f.size, strlen(text));
	ck_assert_mem_eq(f.body, text, strlen(text));
}

static void expect_no_more(void)
{
	struct frame f;
	uint64_t start_ns;
	uint32_t number;
	unsigned lane;

	ck_assert_int_eq(frame_next(&f, &in), 0);
	ck_assert_uint_eq(in.start, in.end);
	for (lane = 0; lane < PRUN_LANES_MAX; lane++)
		hold(!board_running(board, lane, &number, &start_ns));
}

/* -------------------------------------------------------------------- results */

START_TEST(values_and_failures)
{
	give_these(ECHO, 0, 1, -70000, 3);
	give_these(FAILS, 0, 0, 0);
	give_these(CODE, 0, 0, -EIO, 5, PRUN_EVALUE);
	give_these(HALF, 0, 0);
	run();
	expect_int(0, 1);
	expect_int(1, -70000);
	expect_int(2, 3);
	expect_failure(3, -EIO, "task 103 is bad");
	expect_failure(4, -EIO, "task 104 is bad");
	expect_int(5, 1);
	expect_failure(6, -EIO, "Input/output error");
	expect_failure(7, PRUN_EFAILED,
		       "the function returned 5, not 0 or less");
	expect_failure(8, PRUN_EVALUE, prun_strerror(PRUN_EVALUE));
	expect_failure(9, PRUN_EVALUE, "the result is not one msgpack value");
	expect_no_more();
}
END_TEST

static int initializer(void **state, int worker_id, void *initarg,
		       char *message, size_t size)
{
	const char *what = initarg;

	hold(worker_id == ID);
	*state = "state";
	if (!what)
		return 0;
	if (what[0])
		snprintf(message, size, "%s", what);
	return what[0] == '+' ? 7 : -EIO;
}

static void finalizer(void *state, int worker_id, void *initarg)
{
	hold(worker_id == ID && strcmp(state, "state") == 0);
	*(int *)initarg += 1;
}

static void expect_ready(int rc, int status, const char *text)
{
	struct frame f;

	ck_assert_int_eq(rc, status);
	hold(frame_next(&f, &in) == 1);
	ck_assert_int_eq(f.kind, FRAME_READY);
	ck_assert_int_eq(f.result.status, status);
	ck_assert_uint_eq(f.size, strlen(text));
	ck_assert_mem_eq(f.body, text, strlen(text));
	expect_no_more();
}

START_TEST(initialized)
{
	int finalized = 0;
	struct frame f;

	expect_ready(worker_ready(worker), 0, "");
	setup.initializer = initializer;
	setup.initarg = (void *)(uintptr_t) "";
	expect_ready(worker_ready(worker), -EIO, "Input/output error");
	setup.initarg = (void *)(uintptr_t) "no luck";
	expect_ready(worker_ready(worker), -EIO, "no luck");
	setup.initarg = (void *)(uintptr_t) "+";
	expect_ready(worker_ready(worker), PRUN_EFAILED, "+");
	setup.initarg = NULL;
	expect_ready(worker_ready(worker), 0, "");
	give_these(TELLS, 0, 0);
	run();
	f = next_result();
	ck_assert_uint_eq(f.size, 1 + 1 + 1 + 4 + 6);
	ck_assert_mem_eq(f.body,
			 "\x94\x64\x03\xa3"
			 "ctx"
			 "\xa5"
			 "state",
			 13);
	expect_no_more();
	setup.finalizer = finalizer;
	setup.initarg = &finalized;
	worker_finish(worker);
	ck_assert_int_eq(finalized, 1);
	memset(&setup, 0, sizeof(setup));
	setup = (struct worker_setup){.funcs = &table,
				      .max_payload = MAX_PAYLOAD};
}
END_TEST

START_TEST(wrong_frames)
{
	give_these(BATCH + 1, 0, 1);
	ck_assert_int_eq(worker_run(worker), PRUN_EPROTO);
	give_these(ECHO, 0, 1);
	ck_assert_int_eq(worker_run(worker), PRUN_EPROTO);
	expect_no_more();
}
END_TEST

START_TEST(nobody_listens)
{
	send_error = -EPIPE;
	give_these(ECHO, 0, 1, 2, 3);
	ck_assert_int_eq(worker_run(worker), -EPIPE);
	send_error = 0;
	give_these(ECHO, 0, 1);
	ck_assert_int_eq(worker_run(worker), -EPIPE);
	expect_no_more();
}
END_TEST

START_TEST(stops)
{
	give_these(ECHO, 0, 1);
	give_stop();
	ck_assert_int_eq(worker_run(worker), 1);
	expect_int(0, 1);
	expect_no_more();
}
END_TEST

static int takes_all(struct prun_batch *batch)
{
	struct prun_task *task;
	int rc;

	while ((rc = prun_batch_next(&task, batch)) == 1)
		prun_batch_done(task, echo(task));
	return rc;
}

START_TEST(stops_after_a_batch)
{
	batch_hook = takes_all;
	give_these(BATCH, 0, 1);
	give_stop();
	ck_assert_int_eq(worker_run(worker), 1);
	expect_int(0, 1);
	expect_no_more();
}
END_TEST

/* ------------------------------------------------------------------ withdrawn */

START_TEST(withdrawn_before)
{
	give_these(ECHO, 0, 10, 11, 12, 13, 14);
	ck_assert(board_withdraw(board, 2));
	run();
	expect_int(0, 10);
	expect_int(1, 11);
	expect_no_more();
	ck_assert(board_grant_fresh(board, 5, 2));
	board->word = word_make(5, 5); /* give() grants by itself */
	give_these(ECHO, 0, 20, 21);
	run();
	expect_int(5, 20);
	expect_int(6, 21);
	expect_no_more();
}
END_TEST

/* The parent takes the next ones back while this one runs. */
static int loses_two(struct prun_task *task)
{
	uint32_t next = word_next(board_word(board));

	if (prun_task_index(task) == 101)
		hold(board_withdraw(board, next + 1));
	return echo(task);
}

START_TEST(withdrawn_meanwhile)
{
	hook = loses_two;
	give_these(HOOK, 0, 10, 11, 12, 13, 14);
	run();
	expect_int(0, 10);
	expect_int(1, 11);
	expect_int(2, 12);
	expect_no_more();
	batch_hook = takes_all;
	board->word = word_make(5, 5);
	give_these(BATCH, 0, 20, 21, 22);
	ck_assert(board_withdraw(board, 6));
	run();
	expect_int(5, 20);
	expect_no_more();
	/* One of which nothing is left. */
	board->word = word_make(8, 8);
	give_these(BATCH, 0, 30);
	ck_assert(board_withdraw(board, 8));
	run();
	expect_no_more();
}
END_TEST

/* ---------------------------------------------------------------- large results */

static void expect_large(uint32_t number, size_t size)
{
	struct frame f = next_result();

	ck_assert_uint_eq(f.result.number, number);
	ck_assert_int_eq(f.result.status, 0);
	ck_assert_uint_eq(f.size, size);
	ck_assert_int_eq(prun_value_check(f.body, f.size), 0);
}

START_TEST(larger_than_the_ring)
{
	static const int sizes[] = {10,	   65503, 65504, 65505, 20,    65505,
				    65504, 80000, 90000, 30,	60000, 40000};
	static unsigned char out[BOARD_OUT_SIZE];
	uint32_t i;

	give(LARGE, 0, 12, sizes);
	run();
	for (i = 0; i < 12; i++)
		expect_large(i, (size_t)sizes[i]);
	expect_no_more();
	/* What went past the ring is never taken from it. */
	give_these(LARGE, 0, 70000);
	run();
	expect_large(12, 70000);
	ck_assert_int_eq(board_harvest(board, sent - 1, out), 0);
	ck_assert_int_eq(board_harvest(board, sent - 70032, out), 0);
	give_these(LARGE, 0, 1 << 20, (1 << 20) + 1);
	run();
	expect_large(13, 1 << 20);
	expect_failure(14, PRUN_ETOOBIG, prun_strerror(PRUN_ETOOBIG));
}
END_TEST

/* --------------------------------------------------------------------- flushes */

static int checks_half(struct prun_task *task)
{
	/* Since half the window was used, at the latest. */
	if (prun_task_index(task) == 100 + 1 + 700)
		hold(sent >= 33 * 500);
	return 0;
}

START_TEST(flushes)
{
	hook = checks_half;
	give_these(ECHO, 0, 0);
	board_grant(board, 999);
	run(); /* the window is known from now on: 999 */
	board->word = word_make(1, 1);
	sends = 0;
	give(HOOK, 0, 999, NULL);
	ck_assert_int_eq(worker_run(worker), 0);
	/* Nothing is granted: all is out without being asked. */
	ck_assert_uint_eq(board_committed(board), sent);
	ck_assert_uint_ge(sends, 2);
	ck_assert_uint_lt(sends, 500);
}
END_TEST

START_TEST(flushes_by_size)
{
	static unsigned char out[BOARD_OUT_SIZE];
	int sizes[500], i;

	for (i = 0; i < 500; i++)
		sizes[i] = 1000;
	give(LARGE, 0, 500, sizes);
	run();
	for (i = 0; i < 500; i++)
		expect_large((uint32_t)i, 1000);
	expect_no_more();
	ck_assert_uint_le(largest_send, 32768 + 1032);
	/* The ring holds the last of it, and says so. */
	ck_assert_int_eq(board_harvest(board, sent - 1032, out), 1032);
	ck_assert_int_eq(board_harvest(board, sent - BOARD_OUT_SIZE, out),
			 BOARD_OUT_SIZE);
	ck_assert_int_eq(board_harvest(board, sent - BOARD_OUT_SIZE - 1, out),
			 0);
}
END_TEST

/* --------------------------------------------------------------------- batches */

/* Three at a time, finished from the last to the first, their arguments read
 * when all have been taken. */
static int in_threes(struct prun_batch *batch)
{
	struct prun_task *task[3], *extra;
	int count, rc = 1;

	hold(prun_batch_lanes(batch) == 3);
	while (rc == 1) {
		for (count = 0; count < 3; count++) {
			rc = prun_batch_next(&task[count], batch);
			if (rc != 1)
				break;
		}
		if (count == 3)
			hold(prun_batch_next(&extra, batch) == PRUN_EINVAL);
		while (count-- > 0) {
			prun_batch_done(task[count], echo(task[count]));
			prun_batch_done(task[count], -EIO); /* once is enough */
		}
	}
	return rc;
}

START_TEST(lanes_out_of_order)
{
	batch_hook = in_threes;
	give_these(BATCH, 0, 10, 11);
	give_these(BATCH, 0, 12, 13, 14);
	/* More comes while lanes are busy. */
	put_tasks(&later, BATCH, 0, 2, (const int[]){15, 16});
	board_grant(board, 2);
	run();
	expect_int(2, 12);
	expect_int(1, 11);
	expect_int(0, 10);
	expect_int(5, 15);
	expect_int(4, 14);
	expect_int(3, 13);
	expect_int(6, 16);
	expect_no_more();
}
END_TEST

/* What the board says while three lanes run, and one of them is finished. */
static int looks_at_lanes(struct prun_batch *batch)
{
	struct prun_task *task[3];
	uint64_t start_ns;
	uint32_t number;
	unsigned i;

	for (i = 0; i < 3; i++) {
		ck_assert_int_eq(prun_batch_next(&task[i], batch), 1);
		ck_assert(board_running(board, i, &number, &start_ns));
		ck_assert_uint_eq(number, i);
	}
	prun_batch_done(task[1], 0);
	ck_assert(!board_running(board, 1, &number, &start_ns));
	ck_assert(board_running(board, 0, &number, &start_ns));
	ck_assert_int_eq(prun_batch_next(&task[1], batch), 1);
	ck_assert(board_running(board, 1, &number, &start_ns));
	ck_assert_uint_eq(number, 3);
	for (i = 0; i < 3; i++)
		prun_batch_done(task[i], 0);
	return 0;
}

START_TEST(lanes_on_the_board)
{
	batch_hook = looks_at_lanes;
	give_these(BATCH, 0, 1, 2, 3, 4);
	run();
	ck_assert_uint_eq(next_result().result.number, 1);
	ck_assert_uint_eq(next_result().result.number, 0);
	ck_assert_uint_eq(next_result().result.number, 3);
	ck_assert_uint_eq(next_result().result.number, 2);
	expect_no_more();
}
END_TEST

START_TEST(another_function_waits)
{
	batch_hook = in_threes;
	give_these(BATCH, 0, 1, 2);
	give_these(ECHO, 0, 3);
	give_these(BATCH, 0, 4);
	run();
	expect_int(1, 2);
	expect_int(0, 1);
	expect_int(2, 3);
	expect_int(3, 4);
	expect_no_more();
}
END_TEST

static unsigned most_at_once;

/* As many as it can get. */
static int greedy(struct prun_batch *batch)
{
	struct prun_task *task[3];
	unsigned count = 0;

	while (count < 3 && prun_batch_next(&task[count], batch) == 1)
		count++;
	if (count > most_at_once)
		most_at_once = count;
	while (count-- > 0)
		prun_batch_done(task[count], echo(task[count]));
	return 0;
}

START_TEST(solo)
{
	uint32_t i;

	batch_hook = greedy;
	give_these(BATCH, FRAME_SOLO, 0, 1);
	give_these(BATCH, FRAME_SOLO, 2);
	run();
	ck_assert_uint_eq(most_at_once, 1);
	for (i = 0; i < 3; i++)
		expect_int(i, i);
	/* With company in front of it. */
	give_these(BATCH, 0, 3, 4);
	give_these(BATCH, FRAME_SOLO, 5);
	run();
	ck_assert_uint_eq(most_at_once, 2);
	expect_int(4, 4);
	expect_int(3, 3);
	expect_int(5, 5);
	most_at_once = 0;
	/* And behind. */
	give_these(BATCH, FRAME_SOLO, 6);
	give_these(BATCH, 0, 7);
	run();
	ck_assert_uint_eq(most_at_once, 1);
	expect_int(6, 6);
	expect_int(7, 7);
	expect_no_more();
}
END_TEST

static int batch_code, batch_takes;

/* Takes some, finishes none. */
static int leaves_them(struct prun_batch *batch)
{
	struct prun_task *task;
	int i;

	for (i = 0; i < batch_takes; i++)
		if (prun_batch_next(&task, batch) != 1)
			break;
	return batch_code;
}

START_TEST(batches_that_fail)
{
	static const char not_finished[] =
		"the batch function did not finish its task";
	static const char none_taken[] = "the batch function took no task";

	batch_hook = leaves_them;
	batch_takes = 1;
	give_these(BATCH, 0, 1, 2);
	run();
	expect_failure(0, PRUN_EFAILED, not_finished);
	expect_failure(1, PRUN_EFAILED, not_finished);
	batch_code = -EIO;
	batch_takes = 2;
	give_these(BATCH, 0, 1, 2);
	run();
	expect_failure(2, -EIO, "Input/output error");
	expect_failure(3, -EIO, "Input/output error");
	batch_takes = 0;
	batch_code = 0;
	give_these(BATCH, 0, 1, 2);
	give_these(ECHO, 0, 3);
	run();
	expect_failure(4, PRUN_EFAILED, none_taken);
	expect_failure(5, PRUN_EFAILED, none_taken);
	expect_int(6, 3);
	batch_code = -EIO;
	give_these(BATCH, 0, 1);
	run();
	expect_failure(7, -EIO, none_taken);
	expect_no_more();
}
END_TEST

/* Of several that are left, each says why. */
START_TEST(several_not_finished)
{
	static const char not_finished[] =
		"the batch function did not finish its task";

	batch_hook = leaves_them;
	batch_code = 0;
	batch_takes = 2;
	give_these(BATCH, 0, 1, 2);
	run();
	expect_failure(0, PRUN_EFAILED, not_finished);
	expect_failure(1, PRUN_EFAILED, not_finished);
	expect_no_more();
}
END_TEST

/* -------------------------------------------------------------------- no memory */

static bool run_without(unsigned long n)
{
	unsigned results = 0;
	struct frame f;
	bool failed;
	int rc;

	set_up();
	batch_hook = in_threes;
	give_these(ECHO, 0, 1, 2);
	give_these(BATCH, 0, 3, 4, 5, 6);
	give_these(FAILS, 0, 7);
	alloc_fail_at(n);
	rc = worker_run(worker);
	failed = alloc_failed();
	alloc_fail_at(0);
	hold(rc == 0);
	worker_flush(worker);
	while (frame_next(&f, &in) == 1) {
		results++;
		if (f.result.status < 0)
			hold(f.result.number == 6 ||
			     (failed && f.result.status == -ENOMEM));
	}
	ck_assert_uint_eq(results, 7);
	tear_down();
	return failed;
}

START_TEST(no_memory)
{
	unsigned long n = 1;
	struct worker *w;

	alloc_fail_at(1);
	w = worker_new(&setup, NULL, 0, send_here, NULL, NULL);
	alloc_fail_at(0);
	ck_assert_ptr_null(w);
	while (run_without(n))
		n++;
	ck_assert_uint_gt(n, 4);
}
END_TEST

/* ------------------------------------------------------------- a worker process */

static struct process process;

static void child_main(int fd, void *arg)
{
	(void)arg;
	worker_main(&setup, board, ID, fd);
}

static void start(void)
{
	process = (struct process)PROCESS_INIT;
	board = board_new();
	ck_assert_ptr_nonnull(board);
	frame_reader_init(&in, MAX_PAYLOAD);
	ck_assert_int_eq(board_share(board, true), 0);
	ck_assert_int_eq(process_start(&process, child_main, NULL), 0);
}

static void order(uint32_t func, int arg)
{
	struct frame_writer w = {0};

	put_tasks(&w, func, 0, 1, &arg);
	board_grant(board, 1);
	ck_assert_int_eq(write(process.fd, w.data, w.end), (ssize_t)w.end);
	frame_writer_release(&w);
}

/* One more frame from the worker; false: the end of file. */
static bool hear(struct frame *f)
{
	struct pollfd poller = {.fd = process.fd, .events = POLLIN};
	unsigned char *at;
	size_t room;
	ssize_t n;

	while (frame_next(f, &in) == 0) {
		ck_assert_int_eq(poll(&poller, 1, WAIT_MS), 1);
		at = frame_reader_space(&in, 4096, &room);
		n = read(process.fd, at, room);
		if (n <= 0)
			return false;
		frame_reader_fed(&in, (size_t)n);
	}
	return true;
}

static void expect_kind(enum frame_kind kind, int status)
{
	struct frame f;

	ck_assert(hear(&f));
	ck_assert_int_eq(f.kind, kind);
	ck_assert_int_eq(f.result.status, status);
}

static void expect_end(int code)
{
	struct process_end end;
	struct frame f;

	ck_assert(!hear(&f));
	ck_assert_int_eq(process_reap(&process, &end, true), 1);
	ck_assert(end.known);
	ck_assert_int_eq(end.code, code);
	process_release(&process);
	board_free(board);
	frame_reader_release(&in);
}

/* What exit handlers and finalizers of this program's copies leave. */
static int *marks;

static void at_exit(void)
{
	if (marks)
		marks[0]++;
}

static void at_end(void *state, int worker_id, void *initarg)
{
	(void)state;
	(void)worker_id;
	(void)initarg;
	marks[1]++;
}

static void make_marks(void)
{
	marks = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert(marks != MAP_FAILED);
	atexit(at_exit);
	setup.finalizer = at_end;
}

static void drop_marks(void)
{
	munmap(marks, 4096);
	marks = NULL;
	setup.finalizer = NULL;
}

static int exits(struct prun_task *task)
{
	int64_t code = 0;

	prun_arg_int(task, &code);
	exit((int)code);
}

START_TEST(exit_in_a_task)
{
	struct frame f;

	make_marks();
	hook = exits;
	start();
	expect_kind(FRAME_READY, 0);
	order(ECHO, 1);
	expect_kind(FRAME_RESULT, 0);
	order(HOOK, 5);
	ck_assert(hear(&f));
	ck_assert_int_eq(f.result.status, PRUN_EEXIT);
	ck_assert_uint_eq(f.size, 23);
	ck_assert_mem_eq(f.body, "the task called exit(5)", 23);
	expect_end(5);
	/* The caller's own exit handlers are not run by its workers. */
	ck_assert_int_eq(marks[0], 0);
	ck_assert_int_eq(marks[1], 0);
	drop_marks();
}
END_TEST

static int forks(struct prun_task *task)
{
	pid_t pid = fork();

	if (pid == 0)
		exit(6);
	return prun_ret_int(task, waitpid(pid, &(int){0}, 0) == pid);
}

START_TEST(exit_in_a_grandchild)
{
	struct frame f;

	make_marks();
	hook = forks;
	start();
	expect_kind(FRAME_READY, 0);
	order(HOOK, 0);
	ck_assert(hear(&f));
	ck_assert_int_eq(f.result.status, 0);
	ck_assert_uint_eq(f.size, 1);
	ck_assert_uint_eq(f.body[0], 1);
	/* It exits as it likes, and says nothing to us. */
	ck_assert_int_eq(marks[0], 1);
	order(ECHO, 1);
	expect_kind(FRAME_RESULT, 0);
	process_shutdown(&process);
	expect_end(0);
	drop_marks();
}
END_TEST

static int prints(struct prun_task *task)
{
	(void)task;
	printf("from a task\n");
	return 0;
}

START_TEST(a_task_that_prints)
{
	FILE *file = tmpfile();
	int saved = dup(STDOUT_FILENO);
	char text[64] = "";

	fflush(stdout);
	dup2(fileno(file), STDOUT_FILENO);
	hook = prints;
	start();
	expect_kind(FRAME_READY, 0);
	order(HOOK, 0);
	expect_kind(FRAME_RESULT, 0);
	/* It is out when the result is, the worker lives on. */
	ck_assert_int_eq(pread(fileno(file), text, 63, 0), 12);
	ck_assert_str_eq(text, "from a task\n");
	process_shutdown(&process);
	expect_end(0);
	ck_assert_int_eq(pread(fileno(file), text, 63, 0), 12);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	fclose(file);
}
END_TEST

START_TEST(stop_and_finalize)
{
	uint64_t stop = frame_tag(FRAME_STOP, 0);

	make_marks();
	start();
	expect_kind(FRAME_READY, 0);
	order(ECHO, 1);
	ck_assert_int_eq(write(process.fd, &stop, 8), 8);
	process_shutdown(&process);
	expect_kind(FRAME_RESULT, 0);
	expect_end(0);
	ck_assert_int_eq(marks[0], 0);
	ck_assert_int_eq(marks[1], 1);
	drop_marks();
}
END_TEST

static int bad_start(void **state, int worker_id, void *initarg, char *message,
		     size_t size)
{
	(void)state;
	(void)worker_id;
	snprintf(message, size, "never");
	if (initarg)
		exit(9);
	return -EPERM;
}

START_TEST(starts_that_fail)
{
	struct frame f;

	setup.initializer = bad_start;
	start();
	ck_assert(hear(&f));
	ck_assert_int_eq(f.kind, FRAME_READY);
	ck_assert_int_eq(f.result.status, -EPERM);
	ck_assert_mem_eq(f.body, "never", 5);
	expect_end(1);
	setup.initarg = &f;
	start();
	expect_end(9);
	setup.initializer = NULL;
	setup.initarg = NULL;
}
END_TEST

static void add_here(Suite *s)
{
	TCase *tc = suite_case(s, "here");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, values_and_failures);
	tcase_add_test(tc, initialized);
	tcase_add_test(tc, wrong_frames);
	tcase_add_test(tc, nobody_listens);
	tcase_add_test(tc, stops);
	tcase_add_test(tc, stops_after_a_batch);
	tcase_add_test(tc, withdrawn_before);
	tcase_add_test(tc, withdrawn_meanwhile);
	tcase_add_test(tc, larger_than_the_ring);
	tcase_add_test(tc, flushes);
	tcase_add_test(tc, flushes_by_size);
	tcase_add_test(tc, lanes_out_of_order);
	tcase_add_test(tc, lanes_on_the_board);
	tcase_add_test(tc, another_function_waits);
	tcase_add_test(tc, solo);
	tcase_add_test(tc, batches_that_fail);
	tcase_add_test(tc, several_not_finished);
}

int main(void)
{
	Suite *s = suite_create("worker");
	TCase *tc;

	add_here(s);
	tc = suite_case(s, "memory");
	tcase_add_test(tc, no_memory);
	tc = suite_case(s, "process");
	tcase_set_tags(tc, "process");
	tcase_add_test(tc, exit_in_a_task);
	tcase_add_test(tc, exit_in_a_grandchild);
	tcase_add_test(tc, a_task_that_prints);
	tcase_add_test(tc, stop_and_finalize);
	tcase_add_test(tc, starts_that_fail);
	return suite_main(s);
}
