/* SPDX-License-Identifier: MIT */
/* What a slot takes from its worker: from a board that no process writes. */
#include <string.h>
#include <sys/socket.h>

#include "alloc.h"
#include "slot.h"
#include "suite.h"

#define RESULT_MAX 1024
#define TASKS 2

static struct engine engine;
static struct prun_func funcs[] = {{.name = "none"}};
static struct engine_config config = {
	.funcs = {.funcs = funcs, .count = 1},
	.max_payload = RESULT_MAX,
};
static struct engine_events events;
static struct chunk chunk;
static uint8_t states[TASKS];
static uint32_t offsets[TASKS + 1];
static uint64_t estimate;
static struct slot slot;

static bool all_good(void *ctx, struct chunk *c, uint32_t first, uint32_t count,
		     const struct engine_result *results,
		     const struct engine_worker *worker)
{
	(void)ctx, (void)c, (void)first, (void)count, (void)results;
	(void)worker;
	return true;
}

/* A slot that has granted two tasks, none of which was started. */
static void slot_setup(void)
{
	struct run *r;

	events.done = all_good;
	engine = (struct engine){.config = &config,
				 .events = &events,
				 .poller = POLLER_INIT,
				 .now_ns = 1};
	chunk = (struct chunk){
		.count = TASKS, .states = states, .offsets = offsets};
	chunk.args = states; /* no byte of it is an argument */
	memset(&slot, 0, sizeof(slot));
	slot.engine = &engine;
	slot.estimates = &estimate;
	slot.state = SLOT_STARTING;
	slot.process = (struct process)PROCESS_INIT;
	slot.process.pid = 1; /* of nobody: a signal needs a pidfd */
	slot.board = board_new();
	ck_assert_ptr_nonnull(slot.board);
	run_queue_init(&slot.flight);
	frame_reader_init(&slot.in, engine_result_max(&config));
	r = run_new(&engine, &chunk, 0, TASKS, false);
	ck_assert_ptr_nonnull(r);
	ck_assert_int_eq(slot_give(&slot, r), 0);
}

static void slot_teardown(void)
{
	run_queue_free(&slot.flight);
	run_free_unused(&engine);
	slot_release(&slot);
	slot_free_memory(&slot);
}

/* The worker commits a READY with this status and text. */
static void commit_ready(int status, const char *text)
{
	struct frame_result head = {.status = status};
	uint64_t at = board_committed(slot.board);

	head.tag = frame_tag(FRAME_READY, strlen(text));
	board_write(slot.board, at, &head, text, strlen(text));
	board_commit(slot.board, at + sizeof(head) + strlen(text));
	slot_check(&slot);
}

START_TEST(one_start)
{
	commit_ready(0, "");
	ck_assert_ptr_null(slot.hostile);
	ck_assert(slot.ready);
	ck_assert_int_eq(slot.state, SLOT_READY);
	commit_ready(0, "");
	ck_assert_str_eq(slot.hostile, "a second start");
}
END_TEST

/* One that said that it had failed to start cannot have started after all. */
START_TEST(no_start_after_a_failed_one)
{
	commit_ready(PRUN_EINIT, "no licence");
	ck_assert_ptr_null(slot.hostile);
	ck_assert(!slot.ready);
	ck_assert_int_eq(slot.init_status, PRUN_EINIT);
	commit_ready(0, "");
	ck_assert_str_eq(slot.hostile, "a second start");
	ck_assert(!slot.ready);
	ck_assert_str_eq(slot.init_message, "no licence");
}
END_TEST

START_TEST(no_start_with_a_status_above_0)
{
	commit_ready(1, "");
	ck_assert_str_eq(slot.hostile, "a start that is none");
	ck_assert(!slot.ready);
}
END_TEST

static void claim_first(void)
{
	board_enter(slot.board, 0, 0, 1);
	ck_assert(board_claim(slot.board, 0));
}

/* Its only run cannot be cut behind the task that has started: nothing is taken
 * back then, and nobody waits for memory. */
START_TEST(no_memory_to_cut_the_last_run)
{
	struct run_queue back;

	run_queue_init(&back);
	claim_first();
	alloc_fail_from(1);
	slot_take_all(&slot, NULL, false, &back);
	alloc_fail_at(0);
	ck_assert_ptr_null(back.first);
	ck_assert_uint_eq(slot.outstanding, TASKS);
	ck_assert_ptr_null(slot.hostile);
	slot_take_all(&slot, NULL, false, &back);
	ck_assert_ptr_nonnull(back.first);
	ck_assert_uint_eq(back.first->count, TASKS - 1);
	ck_assert_uint_eq(slot.outstanding, 1);
	run_queue_free(&back);
}
END_TEST

/* Where it is to be killed for what it runs it must, and does. Granted more it
 * is only with something in reserve again. */
START_TEST(no_memory_to_take_all_from_one)
{
	struct run_queue back;
	struct run *r;
	int rc;

	run_queue_init(&back);
	claim_first();
	alloc_fail_from(1);
	slot_take_all(&slot, NULL, true, &back);
	r = run_queue_pop(&back);
	rc = r ? slot_give(&slot, r) : 0;
	alloc_fail_at(0);
	ck_assert_ptr_nonnull(r);
	ck_assert_uint_eq(r->at, 1);
	ck_assert_uint_eq(r->count, TASKS - 1);
	ck_assert_int_eq(rc, -ENOMEM);
	ck_assert_uint_eq(slot.outstanding, 1);
	ck_assert_ptr_null(slot.hostile);
	free(r);
}
END_TEST

/* The worker has ended both tasks, with more than the ring holds: the first
 * result is only in the socket, `socket` its other end. */
static void end_both(int socket)
{
	static const char nil[] = "\xc0";
	struct frame_result head = {.tag = frame_tag(FRAME_RESULT, 1)};
	uint64_t size = sizeof(head) + 1;
	unsigned i;

	for (i = 0; i < TASKS; i++) {
		ck_assert(board_claim(slot.board, i));
		head.number = i;
		if (socket >= 0)
			ck_assert(send(socket, &head, sizeof(head), MSG_MORE) ==
					  sizeof(head) &&
				  send(socket, nil, 1, 0) == 1);
	}
	board_reserve(slot.board, size);
	board_write(slot.board, size, &head, nil, 1);
	board_commit(slot.board, TASKS * size);
}

/* Not by the socket's own event, which a round may not have room for. */
static void look_often(void)
{
	unsigned i;

	for (i = 0; i < 20 && slot.check_ns != UINT64_MAX; i++)
		slot_check(&slot);
}

/* With more workers than a round takes events nobody may have come to this
 * one's socket, where everything is. */
START_TEST(heard_before_it_is_doubted)
{
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	slot.process.fd = pair[0];
	end_both(pair[1]);
	look_often();
	ck_assert_ptr_null(slot.hostile);
	ck_assert_uint_eq(slot.outstanding, 0);
	ck_assert_uint_eq(slot.done, TASKS);
	close(pair[1]);
}
END_TEST

/* The same results, announced and never sent. */
START_TEST(doubted_when_nothing_is_heard)
{
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	slot.process.fd = pair[0];
	end_both(-1);
	look_often();
	ck_assert_str_eq(slot.hostile, "an impossible claim");
	ck_assert_uint_eq(slot.done, 0);
	close(pair[1]);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("slot");
	TCase *tc = suite_case(s, "starts");

	tcase_add_checked_fixture(tc, slot_setup, slot_teardown);
	tcase_add_test(tc, one_start);
	tcase_add_test(tc, no_start_after_a_failed_one);
	tcase_add_test(tc, no_start_with_a_status_above_0);
	tc = suite_case(s, "taking back");
	tcase_add_checked_fixture(tc, slot_setup, slot_teardown);
	tcase_add_test(tc, no_memory_to_cut_the_last_run);
	tcase_add_test(tc, no_memory_to_take_all_from_one);
	tc = suite_case(s, "doubts");
	tcase_add_checked_fixture(tc, slot_setup, slot_teardown);
	tcase_add_test(tc, heard_before_it_is_doubted);
	tcase_add_test(tc, doubted_when_nothing_is_heard);
	return suite_main(s);
}
