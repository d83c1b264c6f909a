/* SPDX-License-Identifier: MIT */
/*
 * Limits in time and of memory, and second tries: what tries to break them.
 *
 * Every try of a task leaves a trace in memory that all share: which process
 * it had, what it was told of itself, when it began and ended by its own
 * clock. So a task that was killed for being late can be held against what it
 * did, and a second try against the delay it should have waited.
 *
 * check_options.c has the limits of memory, check_cancel.c what is cancelled
 * by force, check_death.c deaths without tries.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/resource.h>
#include <time.h>

#include "pool_suite.h"

#define SOON_MS 20000
#define MS 1000000ull
#define IDS 4096
#define TRIES 8
#define METHODS 3
#define REMOTES 2
/* A worker's clock is its processor's counter, corrected so often. */
#define CLOCK_SLACK_NS 200000u

enum deed {
	QUICK,	/* an amount: looks whether it is to stop */
	SLEEP,	/* so many microseconds */
	BLOB,	/* so many bytes */
	OBEY,	/* until it is asked to stop; gives its value then */
	REPORT, /* the same, and fails with PRUN_ETIMEDOUT */
	HEED,	/* until the signal comes */
	JUMP,	/* leaves by longjmp from the handler */
	HANG,	/* here begin the ways to be late for ever */
	SPIN,
	IGNORE,
	BLOCK,
	STOP,
	CRASH, /* here those to end with the worker */
	LEAVE,
	EXIT,
	FAIL
};

struct one_try {
	_Atomic uint64_t begin_ns, end_ns;
	_Atomic uint32_t attempt;
	_Atomic int pid;
};

struct trace {
	_Atomic uint32_t tries;
	struct one_try at[TRIES];
};

/* Seen by all. */
static struct shared {
	struct trace traces[IDS];
	_Atomic uint32_t births, signals, asked;
	_Atomic uint32_t hangs;	     /* so many initializers hang; */
	_Atomic uint32_t fails_from; /* from that birth on they fail */
	_Atomic uint32_t deaths;     /* of a batch before its first task */
	_Atomic uint64_t death_ns[64];
	_Atomic int pids[256]; /* by birth */
} * shared;

struct act {
	enum deed deed;
	int amount;
	int good_at; /* from this try on it is a quick one; 0: never */
};

/* A job: what each task does, and the number of its first trace. */
struct plan {
	struct act acts[1024];
	uint32_t base;
	uint32_t count, fails_at; /* the source fails there; 0: never */
};

static void limits_setup(void)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(shared, MAP_FAILED);
	shared->fails_from = UINT32_MAX;
}

static void limits_teardown(void)
{
	munmap(shared, sizeof(*shared));
}

static TCase *limits_case(Suite *s, const char *name)
{
	TCase *tc = pool_case(s, name);

	tcase_add_checked_fixture(tc, limits_setup, limits_teardown);
	return tc;
}

static uint64_t clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* -------------------------------------------------------------- in the worker
 */

static sigjmp_buf way_out;
static volatile sig_atomic_t may_jump, signalled;

static void on_signal(int sig)
{
	(void)sig;
	atomic_fetch_add(&shared->signals, 1);
	signalled = !may_jump;
	if (may_jump) {
		may_jump = 0;
		siglongjmp(way_out, 1);
	}
}

static void wait_for_ever(void)
{
	for (;;)
		pause();
}

static int initializer(void **state, int id, void *arg, char *message,
		       size_t size)
{
	struct sigaction sa = {.sa_handler = on_signal};
	uint32_t n = atomic_fetch_add(&shared->births, 1);

	(void)id;
	(void)arg;
	sigaction(SIGUSR1, &sa, NULL);
	if (n < 256)
		shared->pids[n] = getpid();
	if (n < shared->hangs)
		wait_for_ever();
	if (n >= shared->fails_from) {
		snprintf(message, size, "no more of them");
		return -ENOENT;
	}
	*state = &shared->pids[n % 256];
	return 0;
}

static void sleep_until(uint64_t ns)
{
	struct timespec t = {(time_t)(ns / 1000000000u),
			     (long)(ns % 1000000000u)};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) ==
	       EINTR)
		;
}

static void be_late(enum deed deed)
{
	sigset_t all;

	if (deed == IGNORE)
		signal(SIGUSR1, SIG_IGN);
	sigfillset(&all);
	if (deed == BLOCK)
		sigprocmask(SIG_SETMASK, &all, NULL);
	if (deed == STOP)
		raise(SIGSTOP);
	while (deed == SPIN)
		;
	wait_for_ever();
}

static int await_stop(struct prun_task *task)
{
	while (!prun_task_cancelled(task))
		poll(NULL, 0, 1);
	atomic_fetch_add(&shared->asked, 1);
	return 0;
}

static int jump_out(struct prun_task *task)
{
	if (sigsetjmp(way_out, 1) == 0) {
		may_jump = 1;
		wait_for_ever();
	}
	return prun_task_fail(task, PRUN_ETIMEDOUT, "left by the window");
}

static int give_blob(struct prun_task *task, size_t size)
{
	char *blob = calloc(1, size);
	int rc = blob ? prun_ret_bin(task, blob, size) : -ENOMEM;

	free(blob);
	return rc;
}

static int perform(struct prun_task *task, enum deed deed, int amount,
		   uint64_t begin_ns)
{
	switch (deed) {
	case SLEEP:
		sleep_until(begin_ns + (uint64_t)amount * 1000);
		return 0;
	case BLOB:
		return give_blob(task, (size_t)amount);
	case OBEY:
		return await_stop(task);
	case REPORT:
		await_stop(task);
		return prun_task_fail(task, PRUN_ETIMEDOUT, "as I was asked");
	case HEED:
		while (!signalled)
			poll(NULL, 0, 1);
		signalled = 0;
		return 0;
	case JUMP:
		return jump_out(task);
	case CRASH:
		raise(SIGKILL);
		break;
	case LEAVE:
		_exit(3);
	case EXIT:
		exit(4);
	case FAIL:
		return prun_task_fail(task, -EDOM, "try %u",
				      prun_task_attempt(task));
	case QUICK:
		break;
	case HANG:
	case SPIN:
	case IGNORE:
	case BLOCK:
	case STOP:
		be_late(deed);
	}
	return 0;
}

/* Its argument is [the number of its trace, deed, amount, good_at]. */
static int task_act(struct prun_task *task)
{
	int id, deed, amount, good_at, rc;
	struct one_try none, *at = &none;
	uint64_t begin_ns = clock_ns();
	uint32_t n;

	rc = prun_arg_unpack(task, "[iiii]", &id, &deed, &amount, &good_at);
	if (rc < 0)
		return rc;
	n = atomic_fetch_add(&shared->traces[id].tries, 1);
	if (n < TRIES)
		at = &shared->traces[id].at[n];
	at->attempt = prun_task_attempt(task);
	at->begin_ns = begin_ns;
	at->pid = getpid();
	/* It would be the one before that was asked. */
	if (deed == QUICK && amount && prun_task_cancelled(task))
		return prun_task_fail(task, -EBUSY, "asked to stop at once");
	if (good_at && prun_task_attempt(task) >= (unsigned)good_at)
		deed = QUICK;
	rc = perform(task, (enum deed)deed, amount, begin_ns);
	at->end_ns = clock_ns();
	if (rc < 0 || deed == BLOB)
		return rc;
	return prun_ret_int(task, id);
}

/* Fails once. */
static int task_twice(struct prun_task *task)
{
	return prun_task_attempt(task) > 1 ? 0 : -EAGAIN;
}

/* Finishes at once what it gets, save what is to be late, which keeps its
 * lane until it is asked to stop (OBEY) or killed. */
static int batch_act(struct prun_batch *batch)
{
	struct prun_task *kept[BATCH_LANES], *task;
	unsigned n = 0, i;
	int id, deed, amount, good_at;

	for (;;) {
		while (n < BATCH_LANES - 1 &&
		       prun_batch_next(&task, batch) == 1) {
			prun_arg_unpack(task, "[iiii]", &id, &deed, &amount,
					&good_at);
			atomic_fetch_add(&shared->traces[id].tries, 1);
			if (deed == OBEY || deed == HANG)
				kept[n++] = task;
			else
				prun_batch_done(task, prun_ret_int(task, id));
		}
		if (n == 0)
			return 0;
		poll(NULL, 0, 1);
		for (i = 0; i < n; i++) {
			prun_arg_unpack(kept[i], "[iiii]", &id, &deed, &amount,
					&good_at);
			if (deed == HANG || !prun_task_cancelled(kept[i]))
				continue;
			prun_batch_done(kept[i], PRUN_ETIMEDOUT);
			kept[i--] = kept[--n];
		}
	}
}

/* Dies before it takes a task, and says when. */
static int batch_stillborn(struct prun_batch *batch)
{
	uint32_t n = atomic_fetch_add(&shared->deaths, 1);

	(void)batch;
	if (n < 64)
		shared->death_ns[n] = clock_ns();
	raise(SIGKILL);
	return 0;
}

static const struct prun_func funcs[] = {
	FUNC(act),
	FUNC(square),
	FUNC(gate),
	FUNC(twice),
	{.name = "lanes", .batch = batch_act, .lanes = BATCH_LANES},
	{.name = "stillborn", .batch = batch_stillborn, .lanes = 2},
	{.name = NULL},
};

/* ------------------------------------------------------------ pools and calls
 */

/* By fork, by a server, and by one with a thread of the pool's own. */
static struct prun_options options_of(int i, uint32_t workers)
{
	struct prun_options o = options_for(
		i ? PRUN_START_FORKSERVER : PRUN_START_FORK, workers);

	o.funcs = funcs;
	o.initializer = initializer;
	o.background = i == 2;
	return o;
}

static struct prun_pool *pool_of(int i, uint32_t workers)
{
	struct prun_options o = options_of(i, workers);

	return open_with(&o);
}

static int source_plan(struct prun_item *item, void *payload)
{
	const struct plan *plan = payload;
	uint64_t i = prun_item_index(item);
	const struct act *act = &plan->acts[i];

	if (plan->fails_at && i == plan->fails_at)
		return -EIO;
	if (i == plan->count)
		return 0;
	return prun_item_pack(item, "[iiii]", (int)(plan->base + i),
			      (int)act->deed, act->amount, act->good_at) < 0 ?
		       -ENOMEM :
		       1;
}

static struct prun_call plan_call(struct plan *plan, const char *func)
{
	return call_of(func, source_plan, plan);
}

static struct plan plan_of(uint32_t base, uint32_t count)
{
	struct plan plan = {.base = base, .count = count};

	return plan;
}

static struct trace *trace_of(const struct plan *plan, uint64_t index)
{
	return &shared->traces[plan->base + index];
}

/* Each task of the plan was begun so often, but those that `but` names. */
static void assert_tries(const struct plan *plan, uint32_t tries, int64_t but)
{
	uint32_t i;

	for (i = 0; i < plan->count; i++)
		if ((int64_t)i != but)
			ck_assert_msg(trace_of(plan, i)->tries == tries,
				      "task %u was begun %u times", i,
				      trace_of(plan, i)->tries);
}

/* The result is the task's own value. */
static void assert_good(const struct plan *plan, const struct prun_result *r)
{
	ck_assert_int_eq(int_of(r), (int64_t)(plan->base + r->index));
}

static void drive_until(struct prun_pool *pool, uint64_t ns)
{
	uint64_t now;

	while ((now = clock_ns()) < ns)
		ck_assert_int_ge(
			prun_pool_step(pool, (int)((ns - now) / MS) + 1), 0);
}

static char state_of(pid_t pid)
{
	char path[64], text[512], *after;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	ck_assert_int_gt(n, 0);
	text[n] = '\0';
	after = strrchr(text, ')');
	ck_assert_ptr_nonnull(after);
	return after[2];
}

/* The words for one that was killed, and all that its result says of it. */
static void assert_killed_late(const struct plan *plan,
			       const struct prun_call *c,
			       const struct prun_result *r, unsigned attempts)
{
	const struct trace *t = trace_of(plan, r->index);
	const struct one_try *last = &t->at[attempts - 1];
	uint64_t limit_ns = (c->task_timeout_ms + c->task_grace_ms) * MS;
	char text[200];
	int id = -1;

	ck_assert_int_eq(r->status, PRUN_ETIMEDOUT);
	ck_assert_uint_eq(r->attempts, attempts);
	ck_assert_uint_eq(t->tries, attempts);
	ck_assert_int_eq(r->worker_pid, last->pid);
	ck_assert_int_eq(r->worker_signal, SIGKILL);
	ck_assert_int_ge(r->worker_id, 0);
	ck_assert_uint_ge(r->run_ns, limit_ns);
	ck_assert_uint_le(r->start_ns, last->begin_ns + CLOCK_SLACK_NS);
	ck_assert_uint_ge(clock_ns() - r->start_ns, limit_ns);
	snprintf(text, sizeof(text),
		 "the task had %.1f ms, and was killed "
		 "with its worker (pid %d) after %.1f ms",
		 c->task_timeout_ms * 1.0, (int)r->worker_pid,
		 (double)r->run_ns / 1e6);
	ck_assert_str_eq(r->message, text);
	ck_assert_uint_eq(r->message_size, strlen(text));
	ck_assert_int_eq(prun_unpack(r->argument, r->argument_size, NULL,
				     "[i *]", &id),
			 0);
	ck_assert_int_eq(id, (int)(plan->base + r->index));
}

/* -------------------------------------------------------- to be asked to stop
 */

/* What it gives back in the grace counts, the worker stays, and the next task
 * is not meant. */
START_TEST(asked_by_the_flag)
{
	struct prun_pool *pool = pool_of(_i, 1);
	struct plan plan = plan_of(0, 9);
	struct prun_call c = plan_call(&plan, "act");
	const struct prun_result *r;
	struct prun_job *job;
	int i;

	for (i = 0; i < 9; i++)
		plan.acts[i].amount = 1;
	plan.acts[0].deed = OBEY;
	plan.acts[4].deed = REPORT;
	plan.acts[6].deed = OBEY;
	c.task_timeout_ms = 60;
	c.task_grace_ms = 10 * SOON_MS;
	c.chunksize = 3;
	ck_assert_int_eq(prun_map(&job, pool, &c), 0);
	for (i = 0; i < 9; i++) {
		r = next_of(job);
		if (i == 4) {
			ck_assert_int_eq(r->status, PRUN_ETIMEDOUT);
			ck_assert_str_eq(r->message, "as I was asked");
			ck_assert_int_eq(r->worker_signal, 0);
		} else {
			assert_good(&plan, r);
		}
		if (i == 0 || i == 4 || i == 6)
			ck_assert_uint_ge(r->run_ns, 60 * MS);
		ck_assert_int_eq(r->worker_pid, shared->pids[0]);
	}
	assert_tries(&plan, 1, -1);
	ck_assert_uint_eq(shared->asked, 3);
	ck_assert_uint_eq(shared->signals, 0);
	ck_assert_uint_eq(shared->births, 1);
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

/* By one that it may leave with. */
START_TEST(asked_by_a_signal)
{
	struct prun_pool *pool = pool_of(_i, 1);
	struct plan plan = plan_of(0, 8);
	struct prun_call c = plan_call(&plan, "act");
	const struct prun_result *r;
	struct prun_job *job;
	int i;

	for (i = 0; i < 8; i += 2)
		plan.acts[i].deed = i % 4 ? JUMP : HEED;
	c.task_timeout_ms = 70;
	c.task_grace_ms = 10 * SOON_MS;
	c.task_signal = SIGUSR1;
	c.chunksize = 8;
	ck_assert_int_eq(prun_map(&job, pool, &c), 0);
	for (i = 0; i < 8; i++) {
		r = next_of(job);
		if (i % 4 == 2) {
			ck_assert_int_eq(r->status, PRUN_ETIMEDOUT);
			ck_assert_str_eq(r->message, "left by the window");
		} else {
			assert_good(&plan, r);
		}
		ck_assert_uint_eq(r->attempts, 1);
	}
	assert_tries(&plan, 1, -1);
	ck_assert_uint_ge(shared->signals, 4);
	ck_assert_uint_eq(shared->births, 1);
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

/* However often the pool looks at it. */
START_TEST(asked_once)
{
	struct prun_pool *pool = pool_of(_i, 1);
	struct plan plan = plan_of(0, 1);
	struct prun_call c = plan_call(&plan, "act");
	struct prun_job *job;

	plan.acts[0] = (struct act){SLEEP, 150000, 0};
	c.task_timeout_ms = 10;
	c.task_grace_ms = 10 * SOON_MS;
	c.task_signal = SIGUSR1;
	ck_assert_int_eq(prun_map(&job, pool, &c), 0);
	assert_good(&plan, next_of(job));
	ck_assert_uint_eq(shared->signals, 1);
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

/* One that its worker does not survive is a death like any other. */
START_TEST(asked_by_a_signal_that_kills)
{
	struct prun_pool *pool = pool_of(_i, 1);
	struct plan plan = plan_of(0, 3);
	struct prun_call c = plan_call(&plan, "act");
	const struct prun_result *r;
	struct prun_job *job;

	plan.acts[1].deed = HANG;
	c.task_timeout_ms = 20;
	c.task_grace_ms = 10 * SOON_MS;
	c.task_signal = SIGTERM;
	ck_assert_int_eq(prun_map(&job, pool, &c), 0);
	assert_good(&plan, next_of(job));
	r = next_of(job);
	ck_assert_int_eq(r->status, PRUN_EWORKER);
	ck_assert_int_eq(r->worker_signal, SIGTERM);
	ck_assert_uint_ge(r->run_ns, 20 * MS);
	assert_good(&plan, next_of(job));
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

/* ------------------------------------------------------ limits that are learnt
 */

/* Though it is the first one, and the results of the others wait for it, in a
 * pool that sleeps. A thousand times the median are a second or so. */
START_TEST(limited_by_the_others)
{
	struct prun_pool *pool = pool_of(_i, 2);
	struct plan plan = plan_of(0, 12);
	struct prun_call c = plan_call(&plan, "act");
	const struct prun_result *r;
	struct prun_job *job;
	int i;

	plan.acts[0].deed = HANG;
	for (i = 1; i < 12; i++)
		plan.acts[i] = (struct act){SLEEP, 1000, 0};
	c.task_timeout_percent = 100000;
	c.chunksize = 1;
	ck_assert_int_eq(prun_imap(&job, pool, &c), 0);
	r = next_of(job);
	ck_assert_int_eq(r->status, PRUN_ETIMEDOUT);
	ck_assert_int_eq(r->worker_signal, SIGKILL);
	ck_assert_uint_ge(r->run_ns, 1000 * MS);
	for (i = 1; i < 12; i++)
		assert_good(&plan, next_of(job));
	assert_tries(&plan, 1, -1);
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

/* Two are too few to learn from, and what fails is no example. */
START_TEST(nothing_learnt_yet)
{
	struct prun_pool *pool = pool_of(_i, 1);
	struct plan plan = plan_of(0, 5);
	struct prun_call c = plan_call(&plan, "act");
	struct prun_job *job;
	int i;

	plan.acts[0].deed = plan.acts[1].deed = FAIL;
	plan.acts[4] = (struct act){SLEEP, 100000, 0};
	c.task_timeout_percent = 1;
	ck_assert_int_eq(prun_imap(&job, pool, &c), 0);
	for (i = 0; i < 2; i++)
		ck_assert_int_lt(next_of(job)->status, 0);
	for (i = 2; i < 5; i++)
		assert_good(&plan, next_of(job));
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

/* What is learnt makes a limit only shorter. */
START_TEST(limited_by_both)
{
	struct prun_pool *pool = pool_of(_i, 1);
	struct plan plan = plan_of(0, 8);
	struct prun_call c = plan_call(&plan, "act");
	const struct prun_result *r;
	struct prun_job *job;
	int i;

	plan.acts[6].deed = HANG;
	c.task_timeout_ms = 300;
	c.task_timeout_percent = UINT32_MAX;
	ck_assert_int_eq(prun_imap(&job, pool, &c), 0);
	for (i = 0; i < 8; i++) {
		r = next_of(job);
		if (i == 6)
			assert_killed_late(&plan, &c, r, 1);
		else
			assert_good(&plan, r);
	}
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

/* The limit changes while workers leave and others are not there yet. */
START_TEST(learnt_while_workers_go)
{
	struct prun_options o = options_of(_i, 4);
	struct plan plan = plan_of(0, 400);
	struct prun_call c = plan_call(&plan, "act");
	struct prun_pool *pool;
	struct prun_job *job;
	int i;

	for (i = 0; i < 400; i++)
		plan.acts[i] = (struct act){SLEEP, i * 7919 % 1000, 0};
	o.maxtasksperchild = 2;
	pool = open_with(&o);
	c.task_timeout_percent = 10000000;
	ck_assert_int_eq(prun_imap(&job, pool, &c), 0);
	for (i = 0; i < 400; i++)
		assert_good(&plan, next_of(job));
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

/* The pool sleeps until it is time: a poll each millisecond would be some 400
 * times that the caller gave up its processor. */
START_TEST(waits_without_polling)
{
	struct prun_pool *pool = pool_of(_i, 2);
	struct plan plan = plan_of(0, 2);
	struct prun_call c = plan_call(&plan, "act");
	const struct prun_result *r = NULL;
	struct rusage before, after;
	struct prun_job *job;

	plan.acts[0].deed = OBEY;
	plan.acts[1].deed = HANG;
	c.task_timeout_ms = 200;
	c.task_grace_ms = 200;
	getrusage(RUSAGE_SELF, &before);
	ck_assert_int_eq(prun_map(&job, pool, &c), 0);
	getrusage(RUSAGE_SELF, &after);
	assert_good(&plan, next_of(job));
	r = next_of(job);
	assert_killed_late(&plan, &c, r, 1);
	ck_assert_int_lt(after.ru_nvcsw - before.ru_nvcsw, 150);
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

/* --------------------------------------------------------- to be killed for it
 */

/* However it is late, it alone is meant. */
START_TEST(killed_for_being_late)
{
	static const enum deed ways[] = {HANG, SPIN, IGNORE, BLOCK, STOP};
	int i, late = 3;
	struct prun_pool *pool = pool_of(_i % METHODS, 2);
	struct plan plan = plan_of(0, 40), plain = plan_of(100, 200);
	struct prun_call c = plan_call(&plan, "act"), d;
	const struct prun_result *r;
	struct prun_job *job, *other;

	plan.acts[late].deed = ways[_i % 5];
	c.task_timeout_ms = 150;
	c.task_grace_ms = (uint32_t)_i % 3 * 20;
	c.task_signal = ways[_i % 5] == HANG ? 0 : SIGUSR1;
	c.chunksize = 10;
	ck_assert_int_eq(prun_map_async(&job, pool, &c), 0);
	d = plan_call(&plain, "act");
	ck_assert_int_eq(prun_map(&other, pool, &d), 0);
	ck_assert_int_eq(prun_job_wait(job, -1), 0);
	ck_assert_int_eq(prun_job_state(job), PRUN_JOB_FAILED);
	ck_assert_int_eq(prun_job_error(job), 0);
	for (i = 0; i < 40; i++) {
		r = next_of(job);
		if (i == late)
			assert_killed_late(&plan, &c, r, 1);
		else
			assert_good(&plan, r);
	}
	for (i = 0; i < 200; i++)
		assert_good(&plain, next_of(other));
	assert_tries(&plan, 1, -1);
	assert_tries(&plain, 1, -1);
	ck_assert_uint_le(shared->births, 3);
	prun_job_free(job);
	prun_job_free(other);
	finish_pool(pool);
}
END_TEST

#define NEAR 500
#define NEAR_MS 6

/* From the seed: how long it sleeps, around its limit. Three of four end at
 * once. */
static void plan_near(struct plan *plan, uint32_t seed)
{
	uint32_t i;

	for (i = 0; i < plan->count; i++) {
		seed = seed * 1664525u + 1013904223u;
		if (i % 4 == 0) {
			plan->acts[i].deed = SLEEP;
			plan->acts[i].amount = NEAR_MS * 1000 - 3000 +
					       (int)((seed >> 8) % 6000);
		}
	}
}

/* The one that was killed for it was late, by the clock of another process
 * too, and is the last that its worker began. */
static void assert_late_itself(const struct plan *plan,
			       const struct prun_result *r)
{
	const struct trace *t = trace_of(plan, r->index);
	const struct one_try *own = &t->at[0], *other;
	uint32_t id;

	ck_assert_int_eq(r->status, PRUN_ETIMEDOUT);
	ck_assert_uint_ge(r->run_ns, NEAR_MS * MS);
	ck_assert_uint_ge(clock_ns() - r->start_ns, NEAR_MS * MS);
	if (!own->pid) /* late between the claim and its first statements */
		return;
	ck_assert_int_eq(r->worker_pid, own->pid);
	ck_assert_uint_le(r->start_ns, own->begin_ns + CLOCK_SLACK_NS);
	for (id = 0; id < IDS; id++) {
		other = &shared->traces[id].at[0];
		if (other->pid != own->pid || other == own)
			continue;
		ck_assert_msg(other->begin_ns <= own->begin_ns,
			      "another task had been begun");
		ck_assert_msg(other->end_ns &&
				      other->end_ns <=
					      r->start_ns + CLOCK_SLACK_NS,
			      "its time began before that of another ended");
	}
}

/* Near-misses: whoever is killed was late, and nobody else pays, though there
 * is always something behind it that may start at that instant. */
START_TEST(thousands_of_near_misses)
{
	struct prun_pool *pool = pool_of(_i, 16);
	static struct plan plan, plain;
	struct prun_call c = plan_call(&plan, "act"), d;
	struct prun_job *jobs[3], *other;
	const struct prun_result *r;
	uint32_t i, k, late = 0;

	plan = plan_of(0, NEAR);
	plain = plan_of(3000, 1000);
	c.task_timeout_ms = NEAR_MS;
	c.chunksize = 4;
	d = plan_call(&plain, "act");
	d.task_timeout_ms = 2 * SOON_MS;
	ck_assert_int_eq(prun_imap_unordered(&other, pool, &d), 0);
	for (k = 0; k < 3; k++) {
		plan.base = k * 1000;
		plan_near(&plan, 17 + k);
		ck_assert_int_eq(prun_map(&jobs[k], pool, &c), 0);
		for (i = 0; i < NEAR; i++) {
			r = next_of(jobs[k]);
			if (r->status == 0) {
				assert_good(&plan, r);
				ck_assert_uint_eq(trace_of(&plan, i)->tries, 1);
				continue;
			}
			late++;
			assert_late_itself(&plan, r);
			ck_assert_uint_le(trace_of(&plan, i)->tries, 1);
		}
		prun_job_free(jobs[k]);
	}
	ck_assert_uint_gt(late, 20);
	for (i = 0; i < 1000; i++)
		assert_good(&plain, next_of(other));
	assert_tries(&plain, 1, -1);
	prun_job_free(other);
	finish_pool(pool);
}
END_TEST

/* While the caller is away the time it takes to send is not the task's: it
 * has ended, and the next one, which cannot start before, has all of its. */
START_TEST(a_result_that_waits_for_the_caller)
{
	struct prun_pool *pool = pool_of(_i % REMOTES, 1);
	struct plan plan = plan_of(0, 8);
	struct prun_call c = plan_call(&plan, "act");
	const struct prun_result *r;
	struct prun_job *job;
	uint64_t back_ns;
	uint32_t i;

	/* Past the ring of results, in it, and one that makes room there. */
	for (i = 0; i < 8; i++) {
		plan.acts[i].deed = BLOB;
		plan.acts[i].amount = _i < 2  ? 1 << 20 :
				      _i == 2 ? 60000 :
				      i % 2   ? 50000 :
						20000;
	}
	c.task_timeout_ms = 150;
	c.chunksize = 8;
	ck_assert_int_eq(prun_map_async(&job, pool, &c), 0);
	while (!trace_of(&plan, 0)->at[0].end_ns)
		ck_assert_int_ge(prun_pool_step(pool, 0), 0);
	sleep_until(trace_of(&plan, 0)->at[0].end_ns + 200 * MS);
	ck_assert_int_eq(state_of(shared->pids[0]), 'S');
	back_ns = clock_ns();
	ck_assert_int_eq(prun_job_wait(job, -1), 0);
	for (i = 0; i < 8; i++) {
		r = next_of(job);
		ck_assert_msg(r->status == 0, "task %u was late", i);
		if (trace_of(&plan, i)->at[0].begin_ns > back_ns)
			ck_assert_uint_gt(r->start_ns + CLOCK_SLACK_NS,
					  back_ns);
	}
	/* It had to wait for us. */
	ck_assert_uint_gt(trace_of(&plan, 7)->at[0].begin_ns, back_ns);
	assert_tries(&plan, 1, -1);
	ck_assert_uint_eq(shared->births, 1);
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

/* Of several lanes one is late: it is asked to stop, or it is killed and the
 * others run again. */
START_TEST(one_late_lane)
{
	bool hard = _i >= METHODS;
	struct prun_pool *pool = pool_of(_i % METHODS, 2);
	struct plan plan = plan_of(0, 60);
	struct prun_call c = plan_call(&plan, "lanes");
	const struct prun_result *r;
	struct prun_job *job;
	uint32_t i;

	plan.acts[5].deed = hard ? HANG : OBEY;
	plan.acts[41].deed = hard ? HANG : OBEY;
	c.task_timeout_ms = 80;
	c.task_grace_ms = hard ? 0 : 10 * SOON_MS;
	c.chunksize = 20;
	ck_assert_int_eq(prun_map(&job, pool, &c), 0);
	for (i = 0; i < 60; i++) {
		r = next_of(job);
		ck_assert_uint_eq(r->attempts, 1);
		if (i != 5 && i != 41) {
			assert_good(&plan, r);
			continue;
		}
		ck_assert_int_eq(r->status, PRUN_ETIMEDOUT);
		ck_assert_uint_ge(r->run_ns, 80 * MS);
		ck_assert_uint_ge(trace_of(&plan, i)->tries, 1);
		ck_assert((strstr(r->message, "was killed with") != NULL) ==
			  hard);
	}
	if (!hard)
		ck_assert_uint_eq(shared->births, 2);
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

/* ------------------------------------------------------------- the initializer
 */

START_TEST(a_start_that_hangs)
{
	struct prun_options o = options_of(_i, 2);
	struct plan plan = plan_of(0, 5);
	struct prun_call c = plan_call(&plan, "act");
	const struct prun_result *r;
	const char *message;
	struct prun_pool *pool;
	struct prun_job *job;
	int i;

	shared->hangs = UINT32_MAX;
	o.start_timeout_ms = 40;
	pool = open_with(&o);
	ck_assert_int_eq(prun_map(&job, pool, &c), PRUN_EINIT);
	ck_assert_int_eq(prun_pool_error(pool, &message), PRUN_EINIT);
	ck_assert_str_eq(message, "the initializer did not end within 40 ms");
	for (i = 0; i < 5 && (uint64_t)i < prun_job_submitted(job); i++) {
		r = next_of(job);
		ck_assert_int_eq(r->status, PRUN_EINIT);
		ck_assert_str_eq(r->message, message);
		ck_assert_uint_eq(r->attempts, 0);
	}
	/* Three, and those underway. */
	ck_assert_uint_ge(shared->births, 3);
	ck_assert_uint_le(shared->births, 5);
	assert_tries(&plan, 0, -1);
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

START_TEST(one_start_that_hangs)
{
	struct prun_options o = options_of(_i, 2);
	struct plan plan = plan_of(0, 100);
	struct prun_call c = plan_call(&plan, "act");
	struct prun_pool *pool;
	struct prun_job *job;
	int i;

	shared->hangs = 2;
	o.start_timeout_ms = 300;
	pool = open_with(&o);
	c.task_timeout_ms = SOON_MS;
	ck_assert_int_eq(prun_map(&job, pool, &c), 0);
	for (i = 0; i < 100; i++)
		assert_good(&plan, next_of(job));
	assert_tries(&plan, 1, -1);
	ck_assert_uint_ge(shared->births, 3);
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

static int initializer_at_the_gate(void **state, int id, void *arg,
				   char *message, size_t size)
{
	int rc = initializer(state, id, arg, message, size);

	is_readable(gate, -1);
	return rc;
}

/* The limit of the tasks is not that of the start, nor does it run before. */
START_TEST(a_task_waits_for_a_slow_start)
{
	struct prun_options o = options_of(_i % METHODS, 2);
	struct plan plan = plan_of(0, 20);
	struct prun_call c = plan_call(&plan, "act");
	struct prun_pool *pool;
	struct prun_job *job;
	uint32_t late = 0;
	int i;

	o.initializer = initializer_at_the_gate;
	o.start_timeout_ms = _i < METHODS ? 2 * SOON_MS : 0;
	pool = open_with(&o);
	c.task_timeout_ms = 50;
	ck_assert_int_eq(prun_map_async(&job, pool, &c), 0);
	drive_until(pool, clock_ns() + 120 * MS);
	gate_open();
	ck_assert_int_eq(prun_job_wait(job, -1), 0);
	/* A busy machine may hold one up for so long. */
	for (i = 0; i < 20; i++)
		late += next_of(job)->status == PRUN_ETIMEDOUT;
	ck_assert_uint_le(late, 2);
	ck_assert_uint_eq(shared->births, 2 + late);
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

#define MANY 100

/* They have all started; that the caller hears of it late, and not of all at
 * once, is not their fault. Most have no task, whose result would be looked
 * for. */
START_TEST(starts_that_nobody_heard_of)
{
	struct prun_options o = options_of(_i % REMOTES, MANY);
	struct plan plan = plan_of(0, 4);
	struct prun_call c = plan_call(&plan, "act");
	struct prun_worker_stats stats[MANY];
	struct prun_pool *pool;
	struct prun_job *job;
	int i;

	o.start_timeout_ms = 200;
	pool = open_with(&o);
	while (shared->births < MANY)
		sched_yield();
	for (i = 0; i < MANY; i++)
		while (!shared->pids[i] || state_of(shared->pids[i]) != 'S')
			sched_yield();
	sleep_until(clock_ns() + 200 * MS);
	ck_assert_int_eq(prun_map(&job, pool, &c), 0);
	for (i = 0; i < 4; i++)
		assert_good(&plan, next_of(job));
	/* Who was killed would be missed by now. */
	drive_until(pool, clock_ns() + 100 * MS);
	ck_assert_int_eq(prun_pool_worker_stats(pool, stats, sizeof(stats[0]),
						MANY),
			 MANY);
	for (i = 0; i < MANY; i++)
		ck_assert_uint_eq(stats[i].started, 1);
	ck_assert_uint_eq(shared->births, MANY);
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

/* ------------------------------------------------------------------ deadlines
 */

/* What runs, what waits and what has not been pulled: all of it ends, with one
 * status, and nothing of the other job does. */
START_TEST(a_deadline)
{
	struct prun_pool *pool = pool_of(_i % METHODS, 3);
	struct plan plan = plan_of(0, 30), plain = plan_of(100, 500);
	struct prun_call c = plan_call(&plan, "act"), d;
	struct prun_job *job, *other;
	const struct prun_result *r;
	bool imap = _i >= METHODS;
	int i, rc;

	for (i = 4; i < 30; i++)
		plan.acts[i].deed = i % 2 ? HANG : STOP;
	c.deadline_ms = 100;
	c.retries = 3;
	c.retry_on = PRUN_RETRY_TIMEOUT | PRUN_RETRY_LOST | PRUN_RETRY_ERROR;
	ck_assert_int_eq((imap ? prun_imap : prun_map_async)(&job, pool, &c),
			 0);
	d = plan_call(&plain, "act");
	d.deadline_ms = 3 * SOON_MS;
	ck_assert_int_eq(prun_imap_unordered(&other, pool, &d), 0);
	for (i = 0; i < 30; i++) {
		r = NULL;
		rc = prun_job_next(&r, job, -1);
		if (rc != 1)
			break; /* not pulled */
		ck_assert_uint_eq(r->index, (uint64_t)i);
		if (r->status == 0) {
			ck_assert_int_lt(i, 4);
			assert_good(&plan, r);
			continue;
		}
		ck_assert_int_eq(r->status, PRUN_ETIMEDOUT);
		ck_assert_str_eq(r->message, "timed out");
		ck_assert_int_eq(r->worker_id, -1);
	}
	assert_end(job, PRUN_ETIMEDOUT);
	ck_assert_uint_eq((uint64_t)i, prun_job_submitted(job));
	ck_assert_int_eq(prun_job_error(job), PRUN_ETIMEDOUT);
	ck_assert_int_eq(prun_job_state(job), PRUN_JOB_FAILED);
	ck_assert_int_eq(prun_job_cancel(job, 1), 0);
	for (i = 0; i < 500; i++)
		assert_good(&plain, next_of(other));
	assert_end(other, 0);
	assert_tries(&plain, 1, -1);
	for (i = 0; i < 30; i++)
		ck_assert_uint_le(trace_of(&plan, (uint64_t)i)->tries, 1);
	prun_job_free(job);
	prun_job_free(other);
	finish_pool(pool);
}
END_TEST

/* By the call that waits, and not before its time. */
START_TEST(a_deadline_of_calls_that_wait)
{
	struct prun_pool *pool = pool_of(_i, 2);
	struct plan plan = plan_of(0, 3);
	struct prun_call c = plan_call(&plan, "act");
	uint64_t begin_ns = clock_ns();
	struct prun_job *job;

	plan.acts[1].deed = SPIN;
	c.deadline_ms = 80;
	ck_assert_int_eq(prun_map(&job, pool, &c), PRUN_ETIMEDOUT);
	ck_assert_uint_ge(clock_ns() - begin_ns, 80 * MS);
	ck_assert_int_eq(prun_job_ready(job), 1);
	prun_job_free(job);
	/* Nor is it a retry's delay that it waits for. */
	plan = plan_of(10, 3);
	plan.acts[1].deed = FAIL;
	c.retries = 3;
	c.retry_on = PRUN_RETRY_ERROR;
	c.retry_delay_ms = 3 * SOON_MS;
	ck_assert_int_eq(prun_map(&job, pool, &c), PRUN_ETIMEDOUT);
	assert_good(&plan, next_of(job));
	ck_assert_int_eq(next_of(job)->status, PRUN_ETIMEDOUT);
	assert_good(&plan, next_of(job));
	assert_end(job, PRUN_ETIMEDOUT);
	assert_tries(&plan, 1, -1);
	prun_job_free(job);
	assert_works(pool);
	finish_pool(pool);
}
END_TEST

/* A deadline in the time of a limit's grace, of a second try, or a cancel in
 * either: the job ends by what comes first, and once. */
START_TEST(limits_that_meet)
{
	struct prun_pool *pool = pool_of(_i % METHODS, 2);
	struct plan plan = plan_of(0, 8);
	struct prun_call c = plan_call(&plan, "act");
	bool cancel = _i >= METHODS;
	int status = cancel ? PRUN_ECANCELLED : PRUN_ETIMEDOUT, i;
	const struct prun_result *r;
	struct prun_job *job;

	for (i = 2; i < 8; i++)
		plan.acts[i].deed = i % 3 ? HANG : CRASH;
	c.task_timeout_ms = 20;
	c.task_grace_ms = 20;
	c.retries = PRUN_RETRIES_MAX;
	c.retry_delay_ms = 10;
	c.deadline_ms = cancel ? 0 : 150;
	ck_assert_int_eq(prun_map_async(&job, pool, &c), 0);
	while (cancel && trace_of(&plan, 3)->tries < 3)
		ck_assert_int_ge(prun_pool_step(pool, SOON_MS), 0);
	if (cancel)
		ck_assert_int_eq(prun_job_cancel(job, 1), 1);
	ck_assert_int_eq(prun_job_wait(job, -1), 0);
	ck_assert_int_eq(prun_job_error(job), status);
	ck_assert_int_eq(prun_job_cancel(job, 1), 0);
	for (i = 0; i < 8 && (uint64_t)i < prun_job_submitted(job); i++) {
		r = next_of(job);
		if (r->status == 0)
			assert_good(&plan, r);
		else
			ck_assert_msg(r->status == status,
				      "task %d: %s after %u tries", i,
				      prun_error_name(r->status), r->attempts);
	}
	assert_end(job, status);
	prun_job_free(job);
	assert_works(pool);
	finish_pool(pool);
}
END_TEST

/* --------------------------------------------------------------- second tries
 */

struct row {
	enum deed deed;
	uint32_t kind; /* of PRUN_RETRY_* */
	int status;
};

/* What is meant by the mask is tried to the last, and else nothing is. */
static void assert_meant(struct prun_pool *pool, const struct row *rows,
			 uint32_t n, uint32_t mask, uint32_t limit_ms)
{
	uint32_t meant = mask ? mask : PRUN_RETRY_LOST | PRUN_RETRY_TIMEOUT;
	uint32_t i, k, tries, sum = 0;
	struct plan plan = plan_of(limit_ms ? 100 + 10 * mask : 10 * mask, n);
	struct prun_call c = plan_call(&plan, "act");
	struct prun_stats before, after;
	const struct prun_result *r;
	struct prun_job *job;

	for (i = 0; i < n; i++)
		plan.acts[i].deed = rows[i].deed;
	c.task_timeout_ms = c.task_grace_ms = limit_ms;
	c.retries = 2;
	c.retry_on = mask;
	prun_pool_stats(pool, &before, sizeof(before));
	ck_assert_int_eq(prun_map(&job, pool, &c), 0);
	for (i = 0; i < n; i++) {
		tries = rows[i].kind & meant ? 3 : 1;
		sum += tries - 1;
		r = next_of(job);
		ck_assert_uint_eq(r->index, i);
		ck_assert_msg(r->status == rows[i].status, "task %u: %s", i,
			      prun_error_name(r->status));
		ck_assert_uint_eq(r->attempts, tries);
		ck_assert_uint_eq(trace_of(&plan, i)->tries, tries);
		for (k = 0; k < tries; k++)
			ck_assert_uint_eq(trace_of(&plan, i)->at[k].attempt,
					  k + 1);
	}
	assert_end(job, 0);
	prun_pool_stats(pool, &after, sizeof(after));
	ck_assert_uint_eq(after.retried - before.retried, sum);
	ck_assert_uint_eq(after.failed - before.failed, n);
	ck_assert_uint_eq(after.done, before.done);
	prun_job_free(job);
}

START_TEST(tried_again_for_this_and_that)
{
	static const struct row rows[] = {
		{CRASH, PRUN_RETRY_LOST, PRUN_EWORKER},
		{LEAVE, PRUN_RETRY_LOST, PRUN_EWORKER},
		{EXIT, PRUN_RETRY_ERROR, PRUN_EEXIT},
		{FAIL, PRUN_RETRY_ERROR, -EDOM},
	};
	static const struct row late[] = {
		{HANG, PRUN_RETRY_TIMEOUT, PRUN_ETIMEDOUT},
		{REPORT, PRUN_RETRY_TIMEOUT, PRUN_ETIMEDOUT},
	};
	struct prun_pool *pool = pool_of(_i, 3);
	uint32_t mask;

	for (mask = (uint32_t)_i; mask < 8; mask += METHODS) {
		assert_meant(pool, rows, 4, mask, 0);
		assert_meant(pool, late, 2, mask, 15);
	}
	finish_pool(pool);
}
END_TEST

/* Some fail once or several times before they end well; the order of the
 * input stays, and a result says how often it was tried. */
START_TEST(order_with_second_tries)
{
	static int (*const calls[])(struct prun_job **, struct prun_pool *,
				    const struct prun_call *) = {
		prun_map, prun_imap, prun_imap_unordered};
	static const enum deed deeds[] = {FAIL, CRASH, EXIT};
	struct prun_pool *pool = pool_of(_i % METHODS, 2);
	struct plan plan = plan_of(0, 300);
	struct prun_call c = plan_call(&plan, "act");
	const struct prun_result *r;
	struct prun_job *job;
	uint8_t seen_of[300] = {0};
	uint32_t i, tries, sum = 0;
	struct prun_stats stats;

	for (i = 0; i < 300; i += 7)
		plan.acts[i] =
			(struct act){deeds[i % 3], 0, 2 + (int)(i / 7 % 3)};
	c.retries = 3;
	c.retry_on = PRUN_RETRY_ERROR | PRUN_RETRY_LOST;
	c.retry_delay_ms = (uint32_t)_i % 2;
	c.chunksize = _i / METHODS == 1 ? 25 : 0;
	ck_assert_int_eq(calls[_i / METHODS](&job, pool, &c), 0);
	for (i = 0; i < 300; i++) {
		r = next_of(job);
		if (_i / METHODS < 2)
			ck_assert_uint_eq(r->index, i);
		assert_good(&plan, r);
		ck_assert_uint_eq(seen_of[r->index]++, 0);
		tries = r->index % 7 ? 1 : 2 + (uint32_t)r->index / 7 % 3;
		ck_assert_uint_eq(r->attempts, tries);
		ck_assert_uint_eq(trace_of(&plan, r->index)->tries, tries);
		sum += tries - 1;
	}
	assert_end(job, 0);
	prun_pool_stats(pool, &stats, sizeof(stats));
	ck_assert_uint_eq(stats.retried, sum);
	ck_assert_uint_eq(stats.done, 300);
	ck_assert_uint_eq(stats.failed, 0);
	ck_assert_int_eq(prun_job_successful(job), 1);
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

/* With no process: in the caller, where only errors of its own can be. */
START_TEST(tried_again_inline)
{
	struct prun_options o = options_of(0, 1);
	struct plan plan = plan_of(0, 10);
	struct prun_call c = plan_call(&plan, "act");
	const struct prun_result *r;
	struct prun_pool *pool;
	struct prun_job *job;
	uint32_t i;

	o.start_method = PRUN_START_INLINE;
	o.initializer = NULL;
	pool = open_with(&o);
	plan.acts[3] = (struct act){FAIL, 0, 3};
	plan.acts[6].deed = FAIL;
	c.retries = 4;
	c.retry_on = PRUN_RETRY_ERROR;
	c.retry_delay_ms = 5;
	ck_assert_int_eq(prun_imap(&job, pool, &c), 0);
	for (i = 0; i < 10; i++) {
		r = next_of(job);
		ck_assert_uint_eq(r->index, i);
		ck_assert_uint_eq(r->attempts, i == 3 ? 3 : i == 6 ? 5 : 1);
		ck_assert_int_eq(r->status, i == 6 ? -EDOM : 0);
		if (i == 6)
			ck_assert_str_eq(r->message, "try 5");
	}
	assert_end(job, 0);
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

/* Each try comes no earlier than its delay after the end of the one before,
 * by the tasks' own clock, and the delay doubles. */
START_TEST(delays_that_double)
{
	static const enum deed deeds[] = {FAIL, CRASH, REPORT};
	struct prun_pool *pool = pool_of(_i, 3);
	struct plan plan = plan_of(0, 3);
	struct prun_call c = plan_call(&plan, "act");
	const struct one_try *one, *next;
	struct prun_job *job;
	uint64_t end_ns;
	uint32_t i, k;

	for (i = 0; i < 3; i++)
		plan.acts[i].deed = deeds[i];
	c.task_timeout_ms = 5;
	c.task_grace_ms = SOON_MS;
	c.retries = 4;
	c.retry_on = 7;
	c.retry_delay_ms = 10;
	ck_assert_int_eq(prun_map(&job, pool, &c), 0);
	for (i = 0; i < 3; i++) {
		ck_assert_uint_eq(next_of(job)->attempts, 5);
		for (k = 0; k + 1 < 5; k++) {
			one = &trace_of(&plan, i)->at[k];
			next = one + 1;
			end_ns = one->end_ns ? one->end_ns : one->begin_ns;
			ck_assert_uint_ge(next->begin_ns + CLOCK_SLACK_NS,
					  end_ns + (10 * MS << k));
		}
	}
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

/* Nor earlier if it was given up before it could start: its tries have no
 * beginning, and yet an end. */
START_TEST(a_delay_after_no_start)
{
	struct prun_pool *pool = pool_of(_i, 1);
	struct prun_call c = call_of("stillborn", NULL, NULL);
	const struct prun_result *r = NULL;
	struct prun_job *job;
	uint32_t n;

	c.retries = 1;
	c.retry_delay_ms = 100;
	ck_assert_int_eq(prun_apply(&job, pool, &c), 0);
	ck_assert_int_eq(prun_job_get(&r, job, -1), PRUN_EWORKER);
	ck_assert_uint_eq(r->attempts, 2);
	ck_assert_uint_eq(r->start_ns, 0);
	n = shared->deaths;
	ck_assert_uint_eq(n, 10);
	ck_assert_uint_ge(shared->death_ns[5] - shared->death_ns[4], 100 * MS);
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

/* Who failed first is tried first. */
START_TEST(tries_in_their_order)
{
	struct prun_pool *pool = pool_of(_i, 1);
	struct plan plan = plan_of(0, 200);
	struct prun_call c = plan_call(&plan, "act");
	struct prun_job *job;
	uint32_t i;

	for (i = 0; i < 200; i++)
		plan.acts[i] = (struct act){FAIL, 0, 2};
	c.retries = 1;
	c.retry_on = PRUN_RETRY_ERROR;
	c.retry_delay_ms = 30;
	ck_assert_int_eq(prun_map(&job, pool, &c), 0);
	for (i = 1; i < 200; i++)
		ck_assert_uint_gt(trace_of(&plan, i)->at[1].begin_ns,
				  trace_of(&plan, i - 1)->at[1].begin_ns);
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

/* However many wait at a time: to look at all for each would take minutes. */
START_TEST(many_tries_that_wait)
{
	struct prun_pool *pool = pool_of(_i, 2);
	struct prun_range range = {0, 60000, 1};
	struct prun_call c = range_call("twice", &range);
	struct prun_stats stats;
	struct prun_job *job;
	uint32_t i;

	c.retries = 1;
	c.retry_on = PRUN_RETRY_ERROR;
	c.retry_delay_ms = 100;
	c.timeout_ms = SOON_MS;
	ck_assert_int_eq(prun_map(&job, pool, &c), 0);
	for (i = 0; i < 60000; i++)
		ck_assert_uint_eq(next_of(job)->attempts, 2);
	prun_pool_stats(pool, &stats, sizeof(stats));
	ck_assert_uint_eq(stats.retried, 60000);
	ck_assert_uint_eq(stats.done, 60000);
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

/* The argument that has killed so many workers is given up, and named. */
START_TEST(an_argument_that_kills)
{
	struct prun_pool *pool = pool_of(_i, 2);
	struct plan plan = plan_of(0, 100);
	struct prun_call c = plan_call(&plan, "act");
	const struct trace *t = trace_of(&plan, 61);
	const struct prun_result *r;
	struct prun_job *job;
	int i, k, id = -1;
	char text[64];

	plan.acts[61].deed = CRASH;
	c.retries = 4;
	c.chunksize = 20;
	ck_assert_int_eq(prun_map(&job, pool, &c), 0);
	for (i = 0; i < 100; i++) {
		r = next_of(job);
		if (i != 61) {
			assert_good(&plan, r);
			continue;
		}
		ck_assert_int_eq(r->status, PRUN_EWORKER);
		ck_assert_int_eq(r->worker_signal, SIGKILL);
		ck_assert_uint_eq(r->attempts, 5);
		ck_assert_int_eq(r->worker_pid, t->at[4].pid);
		snprintf(text, sizeof(text),
			 "the worker (pid %d) was killed by SIGKILL",
			 (int)r->worker_pid);
		ck_assert_int_eq(strncmp(r->message, text, strlen(text)), 0);
		prun_unpack(r->argument, r->argument_size, NULL, "[i *]", &id);
		ck_assert_int_eq(id, 61);
	}
	assert_tries(&plan, 1, 61);
	ck_assert_uint_eq(t->tries, 5);
	for (i = 0; i < 5; i++)
		for (k = 0; k < i; k++)
			ck_assert_int_ne(t->at[i].pid, t->at[k].pid);
	ck_assert_uint_le(shared->births, 2 + 5);
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

/* ------------------------------------------------------------------- callbacks
 */

struct calls {
	uint32_t good[300], bad[300], last_attempts[300];
	uint32_t freed;
};

static int on_good(struct prun_job *job, const struct prun_result *r,
		   void *payload)
{
	struct calls *calls = payload;
	int64_t n = 0;

	(void)job;
	prun_result_int(r, &n);
	calls->good[n]++;
	calls->last_attempts[n] = r->attempts;
	return 0;
}

static int on_bad(struct prun_job *job, const struct prun_result *r,
		  void *payload)
{
	struct calls *calls = payload;
	int id = 0;

	(void)job;
	prun_unpack(r->argument, r->argument_size, NULL, "[i *]", &id);
	calls->bad[id]++;
	calls->last_attempts[id] = r->attempts;
	return 0;
}

static void on_free(void *payload)
{
	((struct calls *)payload)->freed++;
}

static struct prun_job *apply_act(struct prun_pool *pool, struct prun_call *c,
				  int id, struct act act)
{
	struct prun_packer *p = new_packer();
	struct prun_job *job;

	prun_pack(p, "[iiii]", id, (int)act.deed, act.amount, act.good_at);
	c->argument = prun_packer_data(p, &c->argument_size);
	ck_assert_int_eq(prun_apply_async(&job, pool, c), 0);
	prun_packer_free(p);
	return job;
}

static struct act act_of(int id)
{
	return (struct act){id % 3 == 2 ? CRASH : FAIL, 0,
			    id % 4 == 3 ? 0 : 1 + id % 4};
}

static void assert_called_once(const struct calls *calls, uint32_t count)
{
	uint32_t i, never;

	for (i = 0; i < count; i++) {
		never = i % 4 == 3;
		ck_assert_uint_eq(calls->good[i], !never);
		ck_assert_uint_eq(calls->bad[i], never);
		ck_assert_uint_eq(calls->last_attempts[i],
				  never ? 4 : 1 + i % 4);
	}
}

/* However often it is tried, its callback is called for the last try only. */
START_TEST(one_callback_for_all_tries)
{
	static struct calls calls;
	struct prun_pool *pool = pool_of(_i, 2);
	struct plan plan = plan_of(0, 60);
	struct prun_call c = PRUN_CALL_INIT, d;
	struct prun_job *jobs[60], *stream;
	uint32_t i;

	memset(&calls, 0, sizeof(calls));
	c.func = "act";
	c.callback = on_good;
	c.error_callback = on_bad;
	c.payload = &calls;
	c.payload_free = on_free;
	c.retries = 3;
	c.retry_on = PRUN_RETRY_ERROR | PRUN_RETRY_LOST;
	c.retry_delay_ms = 2;
	for (i = 0; i < 60; i++)
		jobs[i] = apply_act(pool, &c, (int)i, act_of((int)i));
	for (i = 0; i < 60; i++) {
		ck_assert_int_eq(prun_job_wait(jobs[i], -1), 0);
		prun_job_free(jobs[i]);
	}
	assert_called_once(&calls, 60);
	ck_assert_uint_eq(calls.freed, 60);

	memset(&calls, 0, sizeof(calls));
	for (i = 0; i < 60; i++)
		plan.acts[i] = act_of((int)i);
	d = c;
	d.source = source_plan;
	d.source_payload = &plan;
	d.argument = NULL;
	d.argument_size = 0;
	ck_assert_int_eq(prun_imap_unordered(&stream, pool, &d), 0);
	ck_assert_int_eq(prun_job_wait(stream, -1), 0);
	prun_job_free(stream);
	assert_called_once(&calls, 60);
	ck_assert_uint_eq(calls.freed, 1);
	finish_pool(pool);
}
END_TEST

/* A pool that is closed or let go of with tries that wait. */
START_TEST(the_end_with_tries_that_wait)
{
	static struct calls calls;
	struct prun_pool *pool = pool_of(_i % METHODS, 2);
	struct prun_call c = PRUN_CALL_INIT;
	const struct prun_result *r = NULL;
	struct prun_stats stats;
	struct prun_job *job;
	int end = _i / METHODS; /* close, terminate, free, forget */

	memset(&calls, 0, sizeof(calls));
	c.func = "act";
	c.retries = 1;
	c.retry_on = PRUN_RETRY_ERROR;
	c.retry_delay_ms = end ? 3 * SOON_MS : 100;
	if (end == 3)
		c.payload_free = on_free;
	c.payload = &calls;
	job = apply_act(pool, &c, 0, (struct act){FAIL, 0, 2});
	do {
		ck_assert_int_ge(prun_pool_step(pool, 1), 0);
		ck_assert_int_eq(prun_pool_stats(pool, &stats, sizeof(stats)),
				 0);
	} while (stats.retried == 0);
	if (end == 3) {
		prun_job_free(job);
		ck_assert_int_eq(prun_pool_close(pool), 0);
	} else if (end == 1) {
		ck_assert_int_eq(prun_pool_terminate(pool), 0);
	} else if (end == 0) {
		ck_assert_int_eq(prun_pool_close(pool), 0);
	}
	if (end != 2)
		ck_assert_int_eq(prun_pool_join(pool, SOON_MS), 0);
	ck_assert_int_eq(prun_pool_free(pool), 0);
	ck_assert_uint_eq(calls.freed, end == 3);
	ck_assert_uint_eq(shared->traces[0].tries, end ? 1 : 2);
	if (end == 3)
		return;
	ck_assert_int_eq(prun_job_ready(job), 1);
	ck_assert_int_eq(prun_job_at(&r, job, 0), 0);
	ck_assert_int_eq(r->status, end ? PRUN_ECANCELLED : 0);
	ck_assert_uint_eq(r->attempts, end ? 1 : 2);
	prun_job_free(job);
}
END_TEST

/* ------------------------------------------------------------------ crash loops
 */

/* Every task crashes: as many births as tasks, and slower and slower. */
START_TEST(every_task_crashes)
{
	struct prun_pool *pool = pool_of(_i, 2);
	struct plan plan = plan_of(0, 26);
	struct prun_call c = plan_call(&plan, "act");
	uint64_t begin_ns = clock_ns();
	struct prun_job *job;
	uint32_t i;

	for (i = 0; i < 26; i++)
		plan.acts[i].deed = i % 2 ? CRASH : LEAVE;
	ck_assert_int_eq(prun_map(&job, pool, &c), 0);
	for (i = 0; i < 26; i++)
		ck_assert_int_eq(next_of(job)->status, PRUN_EWORKER);
	assert_tries(&plan, 1, -1);
	ck_assert_uint_le(shared->births, 26 + 2);
	ck_assert_uint_ge(clock_ns() - begin_ns, 60 * MS);
	ck_assert_int_eq(prun_pool_error(pool, NULL), 0);
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

/* Every task calls exit(): each has said so itself, and those that waited
 * behind it, over and over, are to blame for nothing. */
START_TEST(every_task_exits)
{
	struct prun_pool *pool = pool_of(_i, 2);
	struct plan plan = plan_of(0, 400);
	struct prun_call c = plan_call(&plan, "act");
	const struct prun_result *r;
	struct prun_job *job;
	uint32_t i;

	for (i = 0; i < 400; i++)
		plan.acts[i].deed = EXIT;
	ck_assert_int_eq(prun_map(&job, pool, &c), 0);
	for (i = 0; i < 400; i++) {
		r = next_of(job);
		ck_assert_msg(r->status == PRUN_EEXIT, "task %u: %s", i,
			      r->message);
		ck_assert_str_eq(r->message, "the task called exit(4)");
	}
	assert_tries(&plan, 1, -1);
	ck_assert_uint_le(shared->births, 400 + 2);
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

/* Those that were killed at the caller's word are no crash loop. */
START_TEST(every_task_is_late)
{
	struct prun_pool *pool = pool_of(_i % METHODS, 2);
	struct plan plan = plan_of(0, 60);
	struct prun_call c = plan_call(&plan, "act");
	uint64_t begin_ns = clock_ns();
	struct prun_job *job;
	uint32_t i;

	for (i = 0; i < 60; i++)
		plan.acts[i].deed = HANG;
	c.task_timeout_ms = 2;
	ck_assert_int_eq(prun_map(&job, pool, &c), 0);
	for (i = 0; i < 60; i++)
		ck_assert_int_eq(next_of(job)->status, PRUN_ETIMEDOUT);
	ck_assert_uint_le(shared->births, 60 + 2);
	/* With a brake it took more than 15 s. */
	ck_assert_uint_lt(clock_ns() - begin_ns, 10000 * MS);
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

/* It began well, but those born later fail: reported after a few. */
START_TEST(replacements_that_fail)
{
	struct prun_pool *pool;
	struct plan plan = plan_of(0, 50);
	struct prun_call c = plan_call(&plan, "act");
	const struct prun_result *r;
	const char *message;
	struct prun_job *job;
	uint32_t i;

	shared->fails_from = 2;
	pool = pool_of(_i, 2);
	while (shared->births < 2)
		sched_yield();
	for (i = 0; i < 50; i++)
		plan.acts[i].deed = CRASH;
	c.retries = PRUN_RETRIES_MAX;
	ck_assert_int_eq(prun_map(&job, pool, &c), PRUN_EINIT);
	ck_assert_int_eq(prun_pool_error(pool, &message), PRUN_EINIT);
	ck_assert_str_eq(message, "no more of them");
	for (i = 0; i < prun_job_submitted(job); i++) {
		r = next_of(job);
		ck_assert_msg(r->status == PRUN_EINIT ||
				      r->status == PRUN_EWORKER,
			      "task %u: %s", i, prun_error_name(r->status));
	}
	assert_end(job, PRUN_EINIT);
	ck_assert_uint_le(shared->births, 2 + 3 + 2);
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

/* ----------------------------------------------------------- a source that fails
 */

/* What it gave before is run, to the last try, and delivered. */
START_TEST(a_source_fails_on_the_way)
{
	static int (*const calls[])(struct prun_job **, struct prun_pool *,
				    const struct prun_call *) = {
		prun_map_async, prun_imap, prun_imap_unordered};
	struct prun_pool *pool = pool_of((_i + _i / 3) % METHODS, 2);
	struct plan plan = plan_of(0, 100);
	struct prun_call c = plan_call(&plan, "act");
	const struct prun_result *r;
	struct prun_job *job;
	uint32_t i, sum = 0;

	plan.fails_at = 41;
	plan.acts[20] = (struct act){CRASH, 0, 3};
	plan.acts[40] = (struct act){HANG, 0, 2};
	plan.acts[30].deed = FAIL;
	c.task_timeout_ms = 150;
	c.retries = 2;
	c.retry_delay_ms = 10;
	c.chunksize = _i % 2 ? 8 : 0;
	ck_assert_int_eq(calls[_i % 3](&job, pool, &c), 0);
	for (i = 0; i < 41; i++) {
		r = next_of(job);
		if (_i % 3 < 2)
			ck_assert_uint_eq(r->index, i);
		sum += (uint32_t)r->index;
		if (r->index == 30)
			ck_assert_int_eq(r->status, -EDOM);
		else
			assert_good(&plan, r);
		if (r->index == 20 || r->index == 40)
			ck_assert_uint_eq(r->attempts, r->index == 20 ? 3 : 2);
	}
	ck_assert_uint_eq(sum, 41 * 40 / 2);
	assert_end(job, -EIO);
	ck_assert_int_eq(prun_job_error(job), -EIO);
	ck_assert_uint_eq(prun_job_submitted(job), 41);
	ck_assert_int_eq(prun_job_state(job), PRUN_JOB_FAILED);
	prun_job_free(job);
	assert_works(pool);
	finish_pool(pool);
}
END_TEST

/* ---------------------------------------------------------------------- memory
 */

#define MIB ((size_t)1 << 20)

/* Takes more than the mark, and goes on: then waits at the gate. */
static int task_swell(struct prun_task *task)
{
	char *much = mmap(NULL, 32 * MIB, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (much == MAP_FAILED)
		return -ENOMEM;
	memset(much, 1, 32 * MIB);
	return task_gate(task);
}

static const struct prun_func swelling_funcs[] = {
	FUNC(square), FUNC(gate), FUNC(who), FUNC(swell), {.name = NULL},
};

static uint64_t resident(void)
{
	unsigned long size = 0, pages = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fscanf(f, "%lu %lu", &size, &pages), 2);
	fclose(f);
	return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* It finishes the task in hand, whatever it holds, and only then goes. */
START_TEST(replaced_after_the_task_in_hand)
{
	struct prun_options o = options_of(_i, 1);
	struct prun_range range = {0, 1, 1};
	struct prun_call c = range_call("swell", &range);
	const struct prun_result *r;
	struct prun_pool *pool;
	struct prun_job *job;
	pid_t first;
	int k;

	o.funcs = swelling_funcs;
	o.max_rss = resident() + 8 * MIB;
	pool = open_with(&o);
	ck_assert_int_eq(prun_map_async(&job, pool, &c), 0);
	await_arrivals(pool, 1);
	for (k = 0; k < 20; k++)
		ck_assert_int_ge(prun_pool_step(pool, 1), 0);
	ck_assert_uint_eq(shared->births, 1);
	gate_open();
	ck_assert_int_eq(prun_job_wait(job, -1), 0);
	r = next_of(job);
	ck_assert_int_eq(int_of(r), 0);
	first = shared->pids[0];
	ck_assert_int_eq(r->worker_pid, first);
	ck_assert_uint_eq(seen->starts[0], 1);
	prun_job_free(job);
	c = call_of("who", NULL, NULL);
	ck_assert_int_eq(prun_apply(&job, pool, &c), 0);
	ck_assert_int_ne(int_of(next_of(job)), first);
	ck_assert_uint_eq(shared->births, 2);
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

/* What a task packs beyond max_payload is its own error, also as a message,
 * and the worker stays. */
START_TEST(a_result_that_is_too_large)
{
	struct prun_options o = options_of(_i, 1);
	struct plan plan = plan_of(0, 6);
	struct prun_call c = plan_call(&plan, "act");
	const struct prun_result *r;
	struct prun_pool *pool;
	struct prun_job *job;
	int i;

	o.max_payload = 10000;
	pool = open_with(&o);
	plan.acts[1] = (struct act){BLOB, 10001, 0};
	plan.acts[3] = (struct act){BLOB, 1 << 22, 2};
	plan.acts[5] = (struct act){BLOB, 9000, 0};
	c.retries = 1;
	c.retry_on = PRUN_RETRY_ERROR;
	ck_assert_int_eq(prun_map(&job, pool, &c), 0);
	for (i = 0; i < 6; i++) {
		r = next_of(job);
		ck_assert_int_eq(r->status, i == 1 ? PRUN_ETOOBIG : 0);
		ck_assert_uint_eq(r->attempts, i == 1 || i == 3 ? 2 : 1);
		ck_assert_int_eq(r->worker_pid, shared->pids[0]);
	}
	ck_assert_uint_eq(shared->births, 1);
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

/* -------------------------------------------------------------- all of it at once
 */

#define ROUND_JOBS 6
#define ROUND_TASKS 60

struct round {
	struct plan plans[ROUND_JOBS];
	struct prun_call calls[ROUND_JOBS];
	struct prun_job *jobs[ROUND_JOBS];
	bool cancelled[ROUND_JOBS];
};

static uint32_t draw(uint32_t *seed, uint32_t below)
{
	*seed = *seed * 1664525u + 1013904223u;
	return (*seed >> 10) % below;
}

static void draw_job(struct round *round, int k, uint32_t *seed)
{
	static const enum deed deeds[] = {FAIL, CRASH,	LEAVE, EXIT,  HANG,
					  OBEY, REPORT, STOP,  SLEEP, IGNORE};
	struct plan *plan = &round->plans[k];
	struct prun_call *c = &round->calls[k];
	uint32_t i;

	*plan = plan_of((uint32_t)k * ROUND_TASKS, ROUND_TASKS);
	for (i = 0; i < ROUND_TASKS; i++)
		if (draw(seed, 10) == 0)
			plan->acts[i] = (struct act){deeds[draw(seed, 10)],
						     5000, (int)draw(seed, 4)};
	*c = plan_call(plan, "act");
	c->task_timeout_ms = 8;
	c->task_grace_ms = draw(seed, 2) * 4;
	c->task_signal = draw(seed, 2) ? SIGUSR1 : 0;
	c->retries = draw(seed, 4);
	c->retry_on = draw(seed, 8);
	c->retry_delay_ms = draw(seed, 3);
	c->chunksize = draw(seed, 2) * 9;
	c->deadline_ms = draw(seed, 3) ? 0 : 1 + draw(seed, 60);
}

/* One result for each task, as many starts as tries at the most, and no status
 * that nothing has caused. */
static void assert_round(struct round *round, int k)
{
	const struct prun_call *c = &round->calls[k];
	const struct prun_result *r;
	uint32_t n = 0;
	int rc;

	while ((rc = prun_job_next(&r, round->jobs[k], -1)) == 1) {
		const struct act *act = &round->plans[k].acts[r->index];
		uint32_t tries = trace_of(&round->plans[k], r->index)->tries;
		bool killed = r->worker_id < 0;

		ck_assert_uint_eq(r->index, n++);
		ck_assert_uint_le(tries, r->attempts + killed);
		ck_assert_uint_le(r->attempts, c->retries + 1);
		if (r->status == 0)
			assert_good(&round->plans[k], r);
		if (r->status == PRUN_ECANCELLED)
			ck_assert(round->cancelled[k]);
		if (killed)
			ck_assert(r->status == (round->cancelled[k] ?
							PRUN_ECANCELLED :
							PRUN_ETIMEDOUT) ||
				  r->status == PRUN_ETIMEDOUT);
		if (r->status == PRUN_EWORKER)
			ck_assert(act->deed == CRASH || act->deed == LEAVE);
		if (r->status == -EDOM)
			ck_assert_int_eq(act->deed, FAIL);
	}
	ck_assert_uint_eq(n, prun_job_submitted(round->jobs[k]));
	ck_assert_int_eq(rc, prun_job_error(round->jobs[k]));
	if (rc == 0)
		ck_assert_uint_eq(n, ROUND_TASKS);
}

START_TEST(all_of_it_at_once)
{
	static struct round round;
	uint32_t seed = 4711 + (uint32_t)_i;
	struct prun_pool *pool = pool_of(_i % METHODS, 4);
	uint64_t left = 0;
	struct prun_stats stats;
	uint64_t tries = 0;
	uint32_t k, i;

	memset(&round, 0, sizeof(round));
	for (k = 0; k < ROUND_JOBS; k++) {
		draw_job(&round, (int)k, &seed);
		ck_assert_int_eq(prun_map_async(&round.jobs[k], pool,
						&round.calls[k]),
				 0);
	}
	for (k = 0; k < ROUND_JOBS; k++) {
		if (draw(&seed, 4))
			continue;
		for (i = 0; i < draw(&seed, 30); i++)
			ck_assert_int_ge(prun_pool_step(pool, 1), 0);
		round.cancelled[k] = true;
		prun_job_cancel(round.jobs[k], 1);
	}
	for (k = 0; k < ROUND_JOBS; k++) {
		assert_round(&round, (int)k);
		left += prun_job_submitted(round.jobs[k]);
		prun_job_free(round.jobs[k]);
	}
	for (i = 0; i < ROUND_JOBS * ROUND_TASKS; i++)
		tries += shared->traces[i].tries;
	prun_pool_stats(pool, &stats, sizeof(stats));
	ck_assert_uint_eq(stats.done + stats.failed + stats.cancelled, left);
	ck_assert_uint_le(tries, left + stats.retried);
	ck_assert_uint_eq(stats.running + stats.queued + stats.jobs, 0);
	assert_works(pool);
	finish_pool(pool);
}
END_TEST

static void add_limits(Suite *s)
{
	TCase *tc = limits_case(s, "late");

	tcase_add_loop_test(tc, asked_by_the_flag, 0, METHODS);
	tcase_add_loop_test(tc, asked_by_a_signal, 0, REMOTES);
	tcase_add_loop_test(tc, asked_once, 0, REMOTES);
	tcase_add_loop_test(tc, asked_by_a_signal_that_kills, 0, METHODS);
	tcase_add_loop_test(tc, limited_by_the_others, 0, METHODS);
	tcase_add_loop_test(tc, nothing_learnt_yet, 0, METHODS);
	tcase_add_loop_test(tc, learnt_while_workers_go, 0, 3);
	tcase_add_loop_test(tc, limited_by_both, 0, METHODS);
	tcase_add_loop_test(tc, waits_without_polling, 0, REMOTES);
	tcase_add_loop_test(tc, killed_for_being_late, 0, 5);
	tcase_add_loop_test(tc, thousands_of_near_misses, 0, METHODS);
	tcase_add_loop_test(tc, a_result_that_waits_for_the_caller, 0, 4);
	tcase_add_loop_test(tc, one_late_lane, 0, METHODS + 2);
	tc = limits_case(s, "start");
	tcase_add_loop_test(tc, a_start_that_hangs, 0, METHODS);
	tcase_add_loop_test(tc, one_start_that_hangs, 0, REMOTES);
	tcase_add_loop_test(tc, a_task_waits_for_a_slow_start, 0, METHODS + 1);
	tcase_add_loop_test(tc, starts_that_nobody_heard_of, 0, REMOTES);
	tc = limits_case(s, "deadline");
	tcase_add_loop_test(tc, a_deadline, 0, METHODS + 1);
	tcase_add_loop_test(tc, a_deadline_of_calls_that_wait, 0, METHODS);
	tcase_add_loop_test(tc, limits_that_meet, 0, METHODS + 2);
}

static void add_retries(Suite *s)
{
	TCase *tc = limits_case(s, "retries");

	tcase_add_loop_test(tc, tried_again_for_this_and_that, 0, METHODS);
	tcase_add_loop_test(tc, order_with_second_tries, 0, 2 * METHODS + 1);
	tcase_add_test(tc, tried_again_inline);
	tcase_add_loop_test(tc, delays_that_double, 0, METHODS);
	tcase_add_loop_test(tc, a_delay_after_no_start, 0, METHODS);
	tcase_add_loop_test(tc, tries_in_their_order, 0, REMOTES);
	tcase_add_loop_test(tc, many_tries_that_wait, 0, 1);
	tcase_add_loop_test(tc, an_argument_that_kills, 0, METHODS);
	tcase_add_loop_test(tc, one_callback_for_all_tries, 0, METHODS);
	tcase_add_loop_test(tc, the_end_with_tries_that_wait, 0, 4 * METHODS);
	tc = limits_case(s, "loops");
	tcase_add_loop_test(tc, every_task_crashes, 0, METHODS);
	tcase_add_loop_test(tc, every_task_exits, 0, REMOTES);
	tcase_add_loop_test(tc, every_task_is_late, 0, METHODS);
	tcase_add_loop_test(tc, replacements_that_fail, 0, METHODS);
	tc = limits_case(s, "source");
	tcase_add_loop_test(tc, a_source_fails_on_the_way, 0, 4);
	tc = limits_case(s, "memory");
	tcase_add_loop_test(tc, replaced_after_the_task_in_hand, 0, REMOTES);
	tcase_add_loop_test(tc, a_result_that_is_too_large, 0, METHODS);
	tc = limits_case(s, "all");
	tcase_add_loop_test(tc, all_of_it_at_once, 0, 9);
}

int main(void)
{
	Suite *s = suite_create("limits");

	add_limits(s);
	add_retries(s);
	return suite_main(s);
}
