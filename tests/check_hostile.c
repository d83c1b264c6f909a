/* SPDX-License-Identifier: MIT */
/*
 * A worker that scribbles over the memory it shares with the parent. Whatever
 * it writes there, the parent neither crashes nor hangs nor loses a task of
 * another worker; where it can be seen that the worker lies, it is killed and
 * its task fails with PRUN_EPROTO.
 */
#include <inttypes.h>
#include <sys/resource.h>
#include <time.h>

#include "board.h"
#include "frame.h"
#include "pool_suite.h"

#define SOON_MS 15000
#define OTHERS 400u
#define LIE_AT 20 /* that one of the tasks lies */
#define MEMORY_MAX_KB (64L << 10)

/* ---------------------------------------------------------------- the board */

/* The only shared mapping of its size. */
static struct board *own_board(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t size = (sizeof(struct board) + page - 1) / page * page;
	FILE *maps = fopen("/proc/self/maps", "re");
	uintptr_t from, to, found = 0;
	char line[512], flags[5];

	while (maps && fgets(line, sizeof(line), maps))
		if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s", &from, &to,
			   flags) == 3 &&
		    to - from == size && flags[3] == 's')
			found = from;
	if (maps)
		fclose(maps);
	if (!found)
		_exit(98);
	return (struct board *)found;
}

static uint64_t random_state;

static uint64_t random_number(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

/* ------------------------------------------------------------------- the lies */

enum lie {
	/* of the claim word */
	CLAIMED_BEYOND,
	CLAIMED_ALL,
	CLAIMED_BACK,
	GRANTED_ITSELF,
	GRANTED_LESS,
	/* of the ring */
	COMMITTED_FAR,
	COMMITTED_NOTHING,
	COMMITTED_BACK,
	VALID_NEVER,
	VALID_AHEAD,
	SCRIBBLED_RING,
	/* of the lanes */
	LEFT_LANE,
	ALL_LANES,
	/* everything */
	ALL_ONES,
	CAUGHT, /* those above are */
	START_TO_COME = CAUGHT,
	START_LONG_AGO,
	STRANGE_LANES,
	STRANGE_FIGURES,
	FULL,
	LIES
};

static void set_word(struct board *b, uint32_t next, uint32_t end)
{
	atomic_store(&b->word, word_make(next, end));
}

static void lie_claims(struct board *b, enum lie lie)
{
	uint64_t word = board_word(b);
	uint32_t next = word_next(word), end = word_end(word);

	if (lie == CLAIMED_BEYOND)
		set_word(b, end + 5, end);
	else if (lie == CLAIMED_ALL)
		set_word(b, end, end);
	else if (lie == CLAIMED_BACK)
		set_word(b, next - 1000, end);
	else if (lie == GRANTED_ITSELF)
		set_word(b, next, end + 7);
	else
		set_word(b, next, next);
}

static void lie_ring(struct board *b, enum lie lie)
{
	uint64_t committed = board_committed(b);

	if (lie == COMMITTED_FAR) {
		board_commit(b, committed + BOARD_OUT_SIZE + 1);
	} else if (lie == COMMITTED_NOTHING) {
		board_write_wrapped(b, committed, "\0\0\0\0\0\0\0\0\0", 9);
		board_commit(b, committed + 9);
	} else if (lie == COMMITTED_BACK) {
		board_commit(b, 0);
	} else if (lie == VALID_NEVER) {
		atomic_store(&b->valid_from, UINT64_MAX);
	} else if (lie == VALID_AHEAD) {
		atomic_store(&b->valid_from, committed + 1);
		board_commit(b, committed + 40);
	} else {
		memset(b->out, 0xee, sizeof(b->out));
		board_commit(b, committed + 64);
	}
}

static void lie_lanes(struct board *b, enum lie lie, uint64_t now)
{
	uint64_t state = atomic_load(&b->lanes[0].state);
	unsigned i;

	if (lie == LEFT_LANE)
		board_leave(b, 0);
	if (lie == START_TO_COME)
		atomic_store(&b->lanes[0].start_ns, UINT64_MAX - 1);
	if (lie == START_LONG_AGO)
		atomic_store(&b->lanes[0].start_ns, 1);
	for (i = 1; i < PRUN_LANES_MAX && lie == STRANGE_LANES; i++)
		board_enter(b, i, (uint32_t)i * 0x12345678u, now * i);
	/* Of a plain function, which has one. */
	for (i = 0; i < PRUN_LANES_MAX && lie == ALL_LANES; i++)
		board_enter(b, i, (uint32_t)(state >> 1) + i, now);
	if (lie == ALL_LANES)
		lie_claims(b, CLAIMED_ALL);
}

static void tell(struct board *b, enum lie lie)
{
	struct timespec t;
	uint64_t now;

	clock_gettime(CLOCK_MONOTONIC, &t);
	now = (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
	if (lie <= GRANTED_LESS) {
		lie_claims(b, lie);
	} else if (lie <= SCRIBBLED_RING) {
		lie_ring(b, lie);
	} else if (lie == STRANGE_FIGURES) {
		atomic_store(&b->work_ns, UINT64_MAX);
		atomic_store(&b->since_ns, 1);
	} else if (lie == FULL || lie == ALL_ONES) {
		memset((void *)(uintptr_t)&b->full, 0xff, 1);
		if (lie == ALL_ONES)
			memset((void *)b, 0xff, sizeof(*b));
	} else {
		lie_lanes(b, lie, now);
	}
}

static enum lie lie; /* known before the fork */

/* Whether it is the one that is to lie, now that all before it are known. */
static bool my_turn(struct prun_task *task)
{
	note_start(prun_task_index(task));
	if (prun_task_index(task) != LIE_AT)
		return false;
	seen->pid = getpid();
	is_readable(gate, -1);
	return true;
}

static int ret_square(struct prun_task *task)
{
	uint64_t index = prun_task_index(task);

	return prun_ret_int(task, (int64_t)(index * index));
}

/* One of many lies, while others wait behind it, and stays. */
static int task_lie(struct prun_task *task)
{
	if (!my_turn(task))
		return ret_square(task);
	tell(own_board(), lie);
	eventfd_write(arrived, 1);
	for (;;)
		pause();
}

/* -------------------------------------------------------------- false results */

/* What one task says as its result, on the board. */
struct said {
	const char *name;
	uint64_t tag_size;   /* of the frame, as the head has it */
	unsigned char kind;  /* 0: FRAME_RESULT */
	unsigned char shift; /* of its number */
	int32_t status;
	unsigned repeat; /* the bytes before the last */
	size_t size;
	const char *bytes;
};

#define SAID(n, ...) \
	{ \
		.name = n, __VA_ARGS__ \
	}
#define BYTES(s) .bytes = s, .size = sizeof(s) - 1

static const struct said saids[] = {
	SAID("an array32 of 100,000,000", BYTES("\xdd\x05\xf5\xe1\x00\xc0")),
	SAID("a map32 of 100,000,000", BYTES("\xdf\x05\xf5\xe1\x00\xc0")),
	SAID("an array32 of 2^32 - 1", BYTES("\xdd\xff\xff\xff\xff\xc0")),
	SAID("a map32 of 2^32 - 1", BYTES("\xdf\xff\xff\xff\xff\xc0")),
	SAID("a str32 of 4 GiB", BYTES("\xdb\xff\xff\xff\xff\xc0")),
	SAID("a bin32 of 4 GiB", BYTES("\xc6\xff\xff\xff\xff\xc0")),
	SAID("an ext32 of 4 GiB", BYTES("\xc9\xff\xff\xff\xff\xc0")),
	SAID("33 arrays", BYTES("\x91\xc0"), .repeat = 33),
	SAID("60,000 arrays", BYTES("\x91\xc0"), .repeat = 60000),
	SAID("60,000 arrays without end", BYTES("\x91\x91"), .repeat = 60000),
	SAID("two values", BYTES("\x01\x02")),
	SAID("no value", BYTES("")),
	SAID("a reserved byte", BYTES("\x92\x01\xc1")),
	SAID("a positive status", BYTES("\x01"), .status = 1),
	SAID("one that is not its own", BYTES("\x01"), .shift = 1),
	SAID("one of long ago", BYTES("\x01"), .shift = 200),
	SAID("a frame of no kind", BYTES("\x01"), .kind = 9),
	SAID("tasks", BYTES("\x01"), .kind = FRAME_TASKS),
	SAID("a stop", BYTES("\x01"), .kind = FRAME_STOP),
	SAID("a second start", BYTES("\x01"), .kind = FRAME_READY),
	SAID("more than the pool takes", BYTES("\x01"),
	     .tag_size = (uint64_t)1 << 55),
};

#define SAIDS ((int)(sizeof(saids) / sizeof(saids[0])))

static const struct said *said; /* known before the fork */

static void say(struct board *b, const struct said *s)
{
	static unsigned char body[60001];
	uint64_t at = board_committed(b);
	size_t size = s->size, i;
	struct frame_result head = {.status = s->status};

	memcpy(body, s->bytes, s->size);
	if (s->repeat) {
		size = s->repeat + 1;
		for (i = 0; i < s->repeat; i++)
			body[i] = (unsigned char)s->bytes[0];
		body[i] = (unsigned char)s->bytes[1];
	}
	head.number = (uint32_t)(atomic_load(&b->lanes[0].state) >> 1);
	head.number += s->shift == 200 ? 0u - 200u : s->shift;
	head.tag = frame_tag(s->kind ? (enum frame_kind)s->kind : FRAME_RESULT,
			     s->tag_size ? s->tag_size : size);
	if (at + sizeof(head) + size > BOARD_OUT_SIZE)
		board_reserve(b, at + sizeof(head) + size - BOARD_OUT_SIZE);
	board_write(b, at, &head, body, size);
	board_commit(b, at + sizeof(head) + size);
}

static int task_say(struct prun_task *task)
{
	if (!my_turn(task))
		return ret_square(task);
	say(own_board(), said);
	eventfd_write(arrived, 1);
	for (;;)
		pause();
}

/* ------------------------------------------------------------ random scribbling */

/* Known before the fork: the seed, and the tasks that scribble. */
static uint64_t seed;

static void scribble(struct board *b)
{
	unsigned char *bytes = (unsigned char *)b;
	uint64_t r = random_number();
	size_t head = offsetof(struct board, out);
	size_t i, n, at;

	if (r % 4 == 0) { /* all of it */
		for (i = 0; i < sizeof(*b); i++)
			bytes[i] = (unsigned char)random_number();
	} else if (r % 4 == 1) { /* a word of the head, by a little */
		at = (size_t)(random_number() % (head / 8)) * 8;
		bytes[at] = (unsigned char)(bytes[at] + random_number() % 5);
	} else { /* some of the head, or all the ring */
		at = r % 4 == 2 ? (size_t)(random_number() % head) : head;
		n = r % 4 == 2 ? 8 : sizeof(*b) - head;
		for (i = at; i < at + n && i < sizeof(*b); i++)
			bytes[i] = (unsigned char)random_number();
	}
}

/* Each 50th scribbles, and then stays, dies or goes on. */
static int task_scribble(struct prun_task *task)
{
	uint64_t index = prun_task_index(task);

	if (index % 50 == 49) {
		random_state = (seed + index) * 0x9e3779b97f4a7c15u | 1;
		scribble(own_board());
		if (random_number() % 3 == 0)
			for (;;)
				pause();
		if (random_number() % 2 == 0)
			raise(SIGKILL);
	}
	return ret_square(task);
}

/* ------------------------------------------------------------------- the tests */

static const struct prun_func hostile_funcs[] = {
	FUNC(lie), FUNC(say), FUNC(scribble), FUNC(square), {.name = NULL},
};

static long peak_kb(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_maxrss;
}

static struct prun_pool *hostile_pool(int method)
{
	struct prun_options o = options_for(method, 2);

	o.funcs = hostile_funcs;
	return open_with(&o);
}

static struct prun_job *start_tasks(struct prun_pool *pool, const char *func,
				    struct prun_range *range, uint32_t limit_ms)
{
	struct prun_call c = range_call(func, range);
	struct prun_job *job;

	c.chunksize = 2 * LIE_AT; /* so that none behind it is taken */
	c.task_timeout_ms = limit_ms;
	ck_assert_int_eq(prun_imap(&job, pool, &c), 0);
	return job;
}

/* What a worker says of its time is bounded by its life. */
static void look_at_figures(struct prun_pool *pool)
{
	struct prun_worker_stats w[2];
	int i;

	ck_assert_int_eq(prun_pool_worker_stats(pool, w, sizeof(w[0]), 2), 2);
	for (i = 0; i < 2; i++)
		ck_assert_uint_lt(w[i].working_ns, 3600u * 1000000000ull);
}

/* All tasks end once and in order; those that fail do so with their worker.
 * The status of the one that lied. */
static int await_tasks(struct prun_pool *pool, struct prun_job *job, bool gated,
		       uint32_t *failed)
{
	const struct prun_result *r;
	int status = 0;
	uint32_t i;

	*failed = 0;
	for (i = 0; i < OTHERS; i++) {
		if (i == LIE_AT && gated) {
			gate_open();
			ck_assert(is_readable(arrived, SOON_MS));
			look_at_figures(pool);
		}
		ck_assert_int_eq(prun_job_next(&r, job, SOON_MS), 1);
		ck_assert_uint_eq(r->index, i);
		if (i == LIE_AT)
			status = r->status;
		if (r->status == 0) {
			ck_assert_int_eq(int_of(r), (int64_t)i * i);
			continue;
		}
		++*failed;
		ck_assert_msg(r->status == PRUN_EPROTO ||
				      r->status == PRUN_EWORKER ||
				      r->status == PRUN_ETIMEDOUT,
			      "task %u: %s: %s", i, prun_error_name(r->status),
			      r->message);
		if (r->status == PRUN_EPROTO)
			ck_assert_ptr_nonnull(strstr(r->message, " sent "));
		if (r->worker_pid && i != LIE_AT && seen->pid)
			ck_assert_int_eq(r->worker_pid, seen->pid);
	}
	assert_end(job, 0);
	prun_job_free(job);
	return status;
}

START_TEST(lies)
{
	int method = _i % 2 ? PRUN_START_FORKSERVER : PRUN_START_FORK;
	struct prun_range range = {0, OTHERS, 1};
	struct prun_pool *pool;
	struct prun_job *job;
	uint32_t failed, i;
	int status;

	lie = (enum lie)(_i / 2);
	pool = hostile_pool(method);
	/* What cannot be seen to be a lie is a task that takes too long. */
	job = start_tasks(pool, "lie", &range, lie < CAUGHT ? 0 : 100);
	status = await_tasks(pool, job, true, &failed);
	if (lie < CAUGHT)
		ck_assert_str_eq(prun_error_name(status), "PRUN_EPROTO");
	else
		ck_assert_int_lt(status, 0);
	/* What it has claimed is not started again: the rest of its chunk, and
	 * other whole ones that it had by then. */
	if (lie == CLAIMED_ALL || lie == ALL_LANES)
		ck_assert_uint_eq(failed % (2 * LIE_AT), LIE_AT);
	else
		ck_assert_uint_eq(failed, 1);
	for (i = 0; i < OTHERS; i++)
		ck_assert_uint_le(seen->starts[i], 1);
	assert_works(pool);
	finish_pool(pool);
}
END_TEST

START_TEST(false_results)
{
	int method = _i % 2 ? PRUN_START_FORKSERVER : PRUN_START_FORK;
	struct prun_range range = {0, OTHERS, 1};
	struct prun_pool *pool;
	struct prun_job *job;
	uint32_t failed;
	long before;
	int status;

	said = &saids[_i / 2];
	pool = hostile_pool(method);
	before = peak_kb();
	job = start_tasks(pool, "say", &range, 0);
	status = await_tasks(pool, job, true, &failed);
	ck_assert_msg(status == PRUN_EPROTO, "%s: %s", said->name,
		      prun_error_name(status));
	ck_assert_msg(failed == 1, "%s: %u failed", said->name, failed);
	ck_assert_int_lt(peak_kb() - before, MEMORY_MAX_KB);
	assert_works(pool);
	finish_pool(pool);
}
END_TEST

/* Nothing is said of what fails, save that it ends and that the pool works. */
START_TEST(random_scribbles)
{
	const char *given = getenv("PRUN_TEST_SEED");
	struct prun_range range = {0, OTHERS, 1};
	struct timespec now;
	struct prun_pool *pool;
	struct prun_job *job;
	uint32_t failed;

	clock_gettime(CLOCK_MONOTONIC, &now);
	seed = given ? strtoull(given, NULL, 10) :
		       (uint64_t)now.tv_sec * 1000003u + (uint64_t)now.tv_nsec;
	seed += (uint64_t)_i;
	printf("check_hostile: PRUN_TEST_SEED=%" PRIu64 "\n", seed);
	fflush(stdout);
	pool = hostile_pool(_i % 2 ? PRUN_START_FORKSERVER : PRUN_START_FORK);
	job = start_tasks(pool, "scribble", &range, 100);
	(void)await_tasks(pool, job, false, &failed);
	assert_works(pool);
	finish_pool(pool);
}
END_TEST

int main(void)
{
	struct rlimit none = {0, 0};
	Suite *s = suite_create("hostile");
	TCase *tc;

	setrlimit(RLIMIT_CORE, &none);
	tc = pool_case(s, "lies");
	tcase_add_loop_test(tc, lies, 0, 2 * LIES);
	tc = pool_case(s, "results");
	tcase_add_loop_test(tc, false_results, 0, 2 * SAIDS);
	tc = pool_case(s, "scribbles");
	tcase_add_loop_test(tc, random_scribbles, 0, 12);
	return suite_main(s);
}
