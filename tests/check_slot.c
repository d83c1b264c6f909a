/* SPDX-License-Identifier: MIT */
/* What a slot takes from its worker: from a board that no process writes. */
#include <string.h>

#include "alloc.h"
#include "slot.h"
#include "suite.h"

#define RESULT_MAX 1024
#define TASKS 2

static struct engine engine;
static struct engine_config config = {.max_payload = RESULT_MAX};
static struct engine_events events;
static struct chunk chunk;
static uint8_t states[TASKS];
static uint32_t offsets[TASKS + 1];
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
	slot.state = SLOT_STARTING;
	slot.process = (struct process)PROCESS_INIT;
	slot.process.pid = 1; /* of nobody: a signal needs a pidfd */
	slot.board = board_new();
	ck_assert_ptr_nonnull(slot.board);
	run_queue_init(&slot.flight);
	frame_reader_init(&slot.in, engine_result_max(&config));
	r = run_new(&chunk, 0, TASKS, false);
	ck_assert_ptr_nonnull(r);
	ck_assert_int_eq(slot_give(&slot, r), 0);
}

static void slot_teardown(void)
{
	run_queue_free(&slot.flight);
	slot_release(&slot);
	frame_reader_release(&slot.in);
	frame_writer_release(&slot.out);
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

/* Its only run cannot be cut behind the task that has started: nothing is taken
 * back then, and nobody waits for memory. */
START_TEST(no_memory_to_cut_the_last_run)
{
	struct run_queue back;

	run_queue_init(&back);
	board_enter(slot.board, 0, 0, 1);
	ck_assert(board_claim(slot.board, 0));
	alloc_fail_from(1);
	slot_take_all(&slot, NULL, true, &back);
	alloc_fail_at(0);
	ck_assert_ptr_null(back.first);
	ck_assert_uint_eq(slot.outstanding, TASKS);
	ck_assert_ptr_null(slot.hostile);
	slot_take_all(&slot, NULL, true, &back);
	ck_assert_ptr_nonnull(back.first);
	ck_assert_uint_eq(back.first->count, TASKS - 1);
	ck_assert_uint_eq(slot.outstanding, 1);
	run_queue_free(&back);
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
	return suite_main(s);
}
