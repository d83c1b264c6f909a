/* SPDX-License-Identifier: MIT */
/*
 * Pools that drive themselves: a thread of their own feeds the workers and
 * runs the callbacks, and any thread may call.
 *
 * Threads other than the test's own do not assert, they note what went wrong.
 */
#include <pthread.h>
#include <signal.h>

#include "pool_suite.h"

/* Long enough for anything; only a call that hangs takes it. */
#define WAIT_MS 10000
#define CREW 8

static _Atomic int wrong_line;
/* Counts what callbacks and sources say. */
static int said = -1;
/* The test holds it while it calls, callbacks want it. */
static pthread_mutex_t callers_lock = PTHREAD_MUTEX_INITIALIZER;

#define EXPECT(condition) ((condition) ? (void)0 : note_wrong(__LINE__))

static void note_wrong(int line)
{
	int none = 0;

	atomic_compare_exchange_strong(&wrong_line, &none, line);
}

#define ASSERT_NOTHING_WRONG() \
	ck_assert_msg(wrong_line == 0, "line %d: not as expected", \
		      (int)wrong_line)

static void said_setup(void)
{
	said = eventfd(0, EFD_CLOEXEC | EFD_SEMAPHORE);
	ck_assert_int_ge(said, 0);
	wrong_line = 0;
}

static void said_teardown(void)
{
	ASSERT_NOTHING_WRONG();
	close(said);
}

static void say(void)
{
	EXPECT(eventfd_write(said, 1) == 0);
}

/* Wait for `count` such words, without a call on any pool. */
static bool heard_of(int fd, unsigned count)
{
	eventfd_t n;

	for (; count > 0; count--)
		if (!is_readable(fd, WAIT_MS) || eventfd_read(fd, &n) < 0)
			return false;
	return true;
}

static void await_said(unsigned count)
{
	ck_assert_msg(heard_of(said, count), "nothing was said for %d s",
		      WAIT_MS / 1000);
}

static void await_arrived(unsigned count)
{
	ck_assert_msg(heard_of(arrived, count), "no task came for %d s",
		      WAIT_MS / 1000);
}

/* -------------------------------------------------------------------- pools */

static int task_crash(struct prun_task *task)
{
	(void)task;
	raise(SIGKILL);
	return 0;
}

static int task_server(struct prun_task *task)
{
	return prun_ret_int(task, getppid());
}

static const struct prun_func funcs[] = {
	FUNC(square), FUNC(quiet),  FUNC(gate), FUNC(picky),
	FUNC(crash),  FUNC(server), FUNC(blob), {.name = NULL},
};

static struct prun_options back_options(uint32_t workers)
{
	struct prun_options o = options_for(PRUN_START_FORKSERVER, workers);

	o.funcs = funcs;
	o.background = 1;
	return o;
}

static struct prun_pool *open_back(uint32_t workers)
{
	struct prun_options o = back_options(workers);

	return open_with(&o);
}

static struct prun_job *submit_one(struct prun_pool *pool, const char *func,
				   int64_t n)
{
	struct prun_packer *p = new_packer();
	struct prun_call c = call_of(func, NULL, NULL);
	struct prun_job *job;

	set_argument(&c, p, n);
	ck_assert_int_eq(prun_apply_async(&job, pool, &c), 0);
	prun_packer_free(p);
	return job;
}

/* As submit_one, for threads that do not assert: NULL when it failed. */
static struct prun_job *try_submit_one(struct prun_pool *pool, const char *func,
				       int64_t n)
{
	struct prun_call c = call_of(func, NULL, NULL);
	struct prun_job *job = NULL;
	struct prun_packer *p;

	if (prun_packer_new(&p) < 0)
		return NULL;
	prun_pack_int(p, n);
	c.argument = prun_packer_data(p, &c.argument_size);
	if (prun_apply_async(&job, pool, &c) < 0)
		job = NULL;
	prun_packer_free(p);
	return job;
}

/* Whether a wake that met nobody is told to a later call, or to how many, is
 * not what these tests ask. */
static int wait_through(struct prun_job *job)
{
	int rc;

	do {
		rc = prun_job_wait(job, WAIT_MS);
	} while (rc == PRUN_EWOKEN);
	return rc;
}

static void finish_woken(struct prun_pool *pool)
{
	int rc;

	ck_assert_int_eq(prun_pool_close(pool), 0);
	do {
		rc = prun_pool_join(pool, WAIT_MS);
	} while (rc == PRUN_EWOKEN);
	ck_assert_int_eq(rc, 0);
	ck_assert_int_eq(prun_pool_free(pool), 0);
}

/* ------------------------------------------------------------------- options */

START_TEST(needs_the_fork_server)
{
	static const enum prun_start_method others[] = {PRUN_START_FORK,
							PRUN_START_INLINE};
	struct prun_options o = back_options(1);
	struct prun_pool *pool = (struct prun_pool *)&o;
	int i;

	for (i = 0; i < 2; i++) {
		o.start_method = others[i];
		ck_assert_int_eq(prun_pool_new(&pool, &o), PRUN_EINVAL);
		ck_assert_ptr_null(pool);
	}
}
END_TEST

/* A stack that no machine has room for. */
START_TEST(a_thread_that_cannot_be_started)
{
	struct prun_options o = back_options(2);
	struct prun_pool *pool = (struct prun_pool *)&o;
	pthread_attr_t attr, before;
	int rc;

	ck_assert_int_eq(pthread_getattr_default_np(&before), 0);
	ck_assert_int_eq(pthread_attr_init(&attr), 0);
	ck_assert_int_eq(pthread_attr_setstacksize(&attr, (size_t)1 << 46), 0);
	ck_assert_int_eq(pthread_setattr_default_np(&attr), 0);
	rc = prun_pool_new(&pool, &o);
	ck_assert_int_eq(pthread_setattr_default_np(&before), 0);
	pthread_attr_destroy(&attr);
	pthread_attr_destroy(&before);
	ck_assert_int_eq(rc, -EAGAIN);
	ck_assert_ptr_null(pool);
}
END_TEST

START_TEST(no_descriptor_for_others)
{
	struct prun_pool *pool = open_back(1);

	ck_assert_int_eq(prun_pool_fd(pool), PRUN_EINVAL);
	finish_pool(pool);
}
END_TEST

/* -------------------------------------------------- while the caller computes */

struct tally {
	_Atomic uint64_t count, sum;
	_Atomic unsigned threads; /* that callbacks ran on */
	pthread_t thread;
	uint64_t tell_at; /* say so then */
};

static void expect_all_signals_blocked(void)
{
	static const int some[] = {SIGINT,  SIGTERM, SIGHUP,  SIGALRM,
				   SIGUSR1, SIGCHLD, SIGPIPE, SIGPROF};
	sigset_t mask;
	size_t i;

	EXPECT(pthread_sigmask(SIG_BLOCK, NULL, &mask) == 0);
	for (i = 0; i < sizeof(some) / sizeof(some[0]); i++)
		EXPECT(sigismember(&mask, some[i]) == 1);
}

static int count_result(struct prun_job *job, const struct prun_result *r,
			void *payload)
{
	struct tally *t = payload;
	int64_t n = 0;

	(void)job;
	if (t->threads == 0 || !pthread_equal(t->thread, pthread_self())) {
		t->thread = pthread_self();
		t->threads++;
	}
	expect_all_signals_blocked();
	EXPECT(r && r->status == 0 && prun_result_int(r, &n) == 0);
	t->sum += (uint64_t)n;
	if (++t->count == t->tell_at)
		say();
	return 0;
}

static int count_wrong(struct prun_job *job, const struct prun_result *r,
		       void *payload)
{
	(void)job;
	(void)r;
	(void)payload;
	note_wrong(__LINE__);
	return 0;
}

static uint64_t sum_of_squares(uint64_t n)
{
	return n * (n - 1) * (2 * n - 1) / 6;
}

/* The caller does its own work, and looks at nothing but the callbacks'
 * figure. */
static void compute_until(const _Atomic uint64_t *count, uint64_t until)
{
	volatile uint64_t x = 1;

	while (atomic_load(count) < until)
		x = x * 6364136223846793005u + 1442695040888963407u;
}

START_TEST(applies_finish_by_themselves)
{
	enum { N = 3000 };
	struct prun_pool *pool = open_back(2);
	struct tally tally = {.tell_at = N};
	struct prun_packer *p = new_packer();
	struct prun_call c = call_of("square", NULL, NULL);
	int i;

	c.callback = count_result;
	c.error_callback = count_wrong;
	c.payload = &tally;
	for (i = 0; i < N; i++) {
		set_argument(&c, p, i);
		ck_assert_int_eq(prun_apply_async(NULL, pool, &c), 0);
	}
	compute_until(&tally.count, N);
	await_said(1);
	ck_assert_uint_eq(tally.sum, sum_of_squares(N));
	ck_assert_uint_eq(tally.threads, 1);
	ck_assert(!pthread_equal(tally.thread, pthread_self()));
	prun_packer_free(p);
	finish_pool(pool);
}
END_TEST

static void say_freed(void *payload)
{
	(void)payload;
	say();
}

/* More than a window of work, and more than a buffer of it. The source may be
 * asked for its end behind the last result. */
START_TEST(streams_finish_by_themselves)
{
	static const enum prun_order orders[] = {PRUN_ORDER_IMAP,
						 PRUN_ORDER_UNORDERED};
	enum { N = 5000 };
	struct prun_pool *pool = open_back(2);
	int i;

	for (i = 0; i < 4; i++) {
		struct tally tally = {.tell_at = 0};
		struct prun_range range = {0, N, 1};
		struct prun_call c = range_call("square", &range);

		c.order = orders[i % 2];
		c.buffersize = i < 2 ? 8 : 0;
		c.callback = count_result;
		c.error_callback = count_wrong;
		c.payload = &tally;
		c.payload_free = say_freed;
		ck_assert_int_eq(prun_pool_submit(NULL, pool, &c), 0);
		await_said(1);
		ck_assert_uint_eq(tally.count, N);
		ck_assert_uint_eq(tally.sum, sum_of_squares(N));
	}
	finish_pool(pool);
}
END_TEST

static void say_done(struct prun_job *job, void *payload)
{
	(void)job;
	(void)payload;
	say();
}

START_TEST(a_map_finishes_by_itself)
{
	struct prun_pool *pool = open_back(2);
	struct prun_range range = {0, 20000, 1};
	struct prun_call c = range_call("square", &range);
	const struct prun_result *r;
	struct prun_job *job;
	int i;

	ck_assert_int_eq(prun_map_async(&job, pool, &c), 0);
	ck_assert_int_eq(prun_job_on_done(job, say_done, NULL), 0);
	await_said(1);
	ck_assert_int_eq(prun_job_ready(job), 1);
	ck_assert_int_eq(prun_job_successful(job), 1);
	for (i = 0; i < 20000; i += 777) {
		ck_assert_int_eq(prun_job_at(&r, job, (uint64_t)i), 0);
		ck_assert_int_eq(int_of(r), (int64_t)i * i);
	}
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

/* Work for one that is busy is held back a little in a row of submissions;
 * not for ever. */
START_TEST(a_single_task_behind_a_busy_one)
{
	struct prun_pool *pool = open_back(1);
	struct prun_job *jobs[3];
	int i, k;

	for (k = 0; k < 50; k++) {
		for (i = 0; i < 3; i++) {
			jobs[i] = submit_one(pool, "square", i);
			ck_assert_int_eq(
				prun_job_on_done(jobs[i], say_done, NULL), 0);
		}
		await_said(3);
		for (i = 0; i < 3; i++)
			prun_job_free(jobs[i]);
	}
	finish_pool(pool);
}
END_TEST

/* ----------------------------------------------------------------- callbacks */

#define CHAIN_LINKS 100

struct chain {
	struct prun_pool *pool;
	struct prun_job *victim; /* does not end by itself */
	_Atomic int links, late;
};

static void count_late(struct prun_job *job, void *payload)
{
	struct chain *chain = payload;

	(void)job;
	chain->late++;
}

static int link_on(struct prun_job *job, const struct prun_result *r,
		   void *payload);

static void add_link(struct chain *chain)
{
	struct prun_call c = call_of("square", NULL, NULL);
	struct prun_job *job;
	struct prun_packer *p;

	if (prun_packer_new(&p) < 0)
		return;
	prun_pack_int(p, chain->links);
	c.argument = prun_packer_data(p, &c.argument_size);
	c.callback = link_on;
	c.error_callback = count_wrong;
	c.payload = chain;
	EXPECT(prun_apply_async(&job, chain->pool, &c) == 0);
	prun_packer_free(p);
}

/* Each frees its own job and submits the next. */
static int link_on(struct prun_job *job, const struct prun_result *r,
		   void *payload)
{
	struct chain *chain = payload;
	int64_t n = chain->links, square = -1;

	EXPECT(r && prun_result_int(r, &square) == 0 && square == n * n);
	EXPECT(prun_job_on_done(job, count_late, chain) == 0);
	EXPECT(prun_job_ready(job) == 1);
	EXPECT(prun_job_state(job) == PRUN_JOB_DONE);
	prun_job_free(job);
	if (++chain->links < CHAIN_LINKS) {
		add_link(chain);
		return 0;
	}
	EXPECT(prun_job_cancel(chain->victim, 0) == 1);
	EXPECT(prun_job_cancel(chain->victim, 0) == 0);
	prun_job_free(chain->victim);
	say();
	return 0;
}

/* Never has anything. */
static int wait_for_ever(struct prun_item *item, void *payload)
{
	(void)item;
	(void)payload;
	return PRUN_SOURCE_WAIT;
}

START_TEST(submit_cancel_and_free_in_callbacks)
{
	struct prun_pool *pool = open_back(2);
	struct chain chain = {.pool = pool};
	struct prun_call c = call_of("square", wait_for_ever, NULL);

	ck_assert_int_eq(prun_map_async(&chain.victim, pool, &c), 0);
	add_link(&chain);
	await_said(1);
	finish_pool(pool);
	ck_assert_int_eq(chain.links, CHAIN_LINKS);
	ck_assert_int_eq(chain.late, CHAIN_LINKS);
}
END_TEST

struct forbidden {
	struct prun_pool *pool;
	struct prun_job *map, *stream; /* unfinished */
	struct prun_range range;
	_Atomic int frees; /* of a refused call's payload */
	bool in_source;
};

static void count_free(void *payload)
{
	struct forbidden *f = payload;

	f->frees++;
}

/* None of them waits. With `timeout_ms` 0 one that is let through does not
 * hang. */
static void expect_no_waiting(struct forbidden *f, int timeout_ms)
{
	struct prun_job *jobs[1] = {f->map}, *job = NULL;
	const struct prun_result *r = NULL;
	struct prun_completed *completed;
	struct prun_call c = range_call("square", &f->range);

	c.payload = f;
	c.payload_free = count_free;
	EXPECT(prun_job_get(&r, f->map, timeout_ms) == PRUN_EDEADLK);
	EXPECT(prun_job_wait(f->map, timeout_ms) == PRUN_EDEADLK);
	EXPECT(prun_job_next(&r, f->map, timeout_ms) == PRUN_EDEADLK);
	EXPECT(prun_job_next(&r, f->stream, timeout_ms) == PRUN_EDEADLK);
	EXPECT(prun_wait(jobs, 1, PRUN_WAIT_ALL, timeout_ms) == PRUN_EDEADLK);
	EXPECT(prun_as_completed(&completed, jobs, 1) == 0);
	EXPECT(prun_completed_next(&job, completed, timeout_ms) ==
	       PRUN_EDEADLK);
	prun_completed_free(completed);
	EXPECT(prun_pool_step(f->pool, timeout_ms) == PRUN_EDEADLK);
	EXPECT(prun_pool_join(f->pool, timeout_ms) == PRUN_EDEADLK);
	EXPECT(prun_pool_free(f->pool) == PRUN_EDEADLK);
	f->frees = 0;
	EXPECT(prun_map(&job, f->pool, &c) == PRUN_EDEADLK && !job);
	c.source = NULL;
	EXPECT(prun_apply(&job, f->pool, &c) == PRUN_EDEADLK && !job);
	EXPECT(f->frees == 2 && f->range.start == 0);
	EXPECT(r == NULL);
}

static int forbid_in_callback(struct prun_job *job, const struct prun_result *r,
			      void *payload)
{
	(void)job;
	(void)r;
	expect_no_waiting(payload, -1);
	say();
	return 0;
}

static void forbid_in_done(struct prun_job *job, void *payload)
{
	(void)job;
	expect_no_waiting(payload, -1);
	say();
}

START_TEST(no_waiting_in_callbacks)
{
	struct prun_pool *pool = open_back(2);
	struct forbidden f = {.pool = pool, .range = {0, 9, 1}};
	struct prun_call c = call_of("square", wait_for_ever, NULL);
	struct prun_job *job;

	ck_assert_int_eq(prun_map_async(&f.map, pool, &c), 0);
	ck_assert_int_eq(prun_imap(&f.stream, pool, &c), 0);
	job = submit_one(pool, "gate", 1);
	await_arrived(1);
	ck_assert_int_eq(prun_job_on_done(job, forbid_in_done, &f), 0);
	gate_open();
	c = call_of("quiet", NULL, NULL);
	c.callback = c.error_callback = forbid_in_callback;
	c.payload = &f;
	ck_assert_int_eq(prun_apply_async(NULL, pool, &c), 0);
	await_said(2);
	prun_job_free(job);
	prun_job_free(f.map);
	prun_job_free(f.stream);
	finish_pool(pool);
}
END_TEST

static int forbid_in_source(struct prun_item *item, void *payload)
{
	struct forbidden *f = payload;
	struct prun_call c = range_call("square", &f->range);
	struct prun_stats stats;
	struct prun_job *job;

	(void)item;
	if (f->in_source)
		return 0;
	f->in_source = true;
	expect_no_waiting(f, 0);
	EXPECT(prun_imap(&job, f->pool, &c) == PRUN_EDEADLK && !job);
	EXPECT(prun_job_cancel(f->map, 0) == PRUN_EDEADLK);
	EXPECT(prun_pool_close(f->pool) == PRUN_EDEADLK);
	EXPECT(prun_pool_terminate(f->pool) == PRUN_EDEADLK);
	EXPECT(prun_pool_stats(f->pool, &stats, sizeof(stats)) == PRUN_EDEADLK);
	return 0;
}

/* Says that it runs, and stays until the gate opens. */
static int stay(struct prun_job *job, const struct prun_result *r,
		void *payload)
{
	(void)job;
	(void)r;
	(void)payload;
	say();
	EXPECT(is_readable(gate, WAIT_MS));
	return 0;
}

/* A job whose callback runs, on the pool's thread, until the gate opens. */
static void occupy_callbacks(struct prun_pool *pool)
{
	struct prun_call c = call_of("square", NULL, NULL);
	struct prun_packer *p = new_packer();

	set_argument(&c, p, 3);
	c.callback = c.error_callback = stay;
	ck_assert_int_eq(prun_apply_async(NULL, pool, &c), 0);
	await_said(1);
	prun_packer_free(p);
}

/* The second time a callback runs meanwhile on the pool's thread. */
START_TEST(no_calls_in_sources)
{
	struct prun_pool *pool = open_back(2);
	struct prun_range none = {0, 0, 1};
	struct prun_call c;
	int i;

	for (i = 0; i < 2; i++) {
		struct forbidden f = {.pool = pool, .range = {0, 9, 1}};
		struct prun_job *job;

		if (i == 1)
			occupy_callbacks(pool);
		c = range_call("gate", &none);
		ck_assert_int_eq(prun_map_async(&f.map, pool, &c), 0);
		ck_assert_int_eq(prun_imap(&f.stream, pool, &c), 0);
		c.source = forbid_in_source;
		c.source_payload = &f;
		ck_assert_int_eq(prun_map_async(&job, pool, &c), 0);
		ck_assert(f.in_source);
		if (i == 1)
			gate_open();
		ck_assert_int_eq(prun_job_wait(job, WAIT_MS), 0);
		prun_job_free(job);
		prun_job_free(f.map);
		prun_job_free(f.stream);
		ASSERT_NOTHING_WRONG();
	}
	finish_pool(pool);
}
END_TEST

static int take_the_lock(struct prun_job *job, const struct prun_result *r,
			 void *payload)
{
	(void)job;
	(void)r;
	(void)payload;
	say();
	pthread_mutex_lock(&callers_lock);
	pthread_mutex_unlock(&callers_lock);
	say();
	return 0;
}

static void take_the_lock_too(void *payload)
{
	(void)payload;
	take_the_lock(NULL, NULL, NULL);
}

static void report_with_the_lock(struct prun_pool *pool,
				 const struct prun_stats *stats, void *payload)
{
	(void)pool;
	(void)payload;
	if (stats->jobs == 0)
		take_the_lock(NULL, NULL, NULL);
}

static void done_with_the_lock(struct prun_job *job, void *payload)
{
	(void)payload;
	take_the_lock(job, NULL, NULL);
}

/* The caller holds a lock while it calls, and what the pool calls takes that
 * lock: a callback, a done callback, payload_free, and progress. */
START_TEST(callbacks_that_take_the_callers_lock)
{
	struct prun_options o = back_options(1);
	struct prun_call c = call_of("gate", NULL, NULL);
	struct prun_packer *p = new_packer();
	struct prun_stats stats;
	struct prun_pool *pool;
	struct prun_job *job;

	set_argument(&c, p, 3);
	if (_i == 0)
		c.callback = c.error_callback = take_the_lock;
	if (_i == 2)
		c.payload_free = take_the_lock_too;
	o.progress = _i == 3 ? report_with_the_lock : NULL;
	pool = open_with(&o);
	ck_assert_int_eq(prun_apply_async(&job, pool, &c), 0);
	await_arrived(1);
	pthread_mutex_lock(&callers_lock);
	if (_i == 1)
		ck_assert_int_eq(
			prun_job_on_done(job, done_with_the_lock, NULL), 0);
	gate_open();
	await_said(1);
	/* It wants the lock now. */
	ck_assert_int_eq(prun_pool_stats(pool, &stats, sizeof(stats)), 0);
	ck_assert_uint_eq(stats.done, 1);
	prun_job_free(submit_one(pool, "square", 1));
	ck_assert_int_eq(prun_job_cancel(job, 0), 0);
	pthread_mutex_unlock(&callers_lock);
	await_said(1);
	prun_job_free(job);
	prun_packer_free(p);
	finish_pool(pool);
}
END_TEST

static void note_order(struct prun_job *job, void *payload)
{
	(void)job;
	EXPECT(atomic_fetch_add(&seen->started, 1) ==
	       (uint32_t)(uintptr_t)payload);
}

/* In the order they were added, whether before the end or behind it; those at
 * once, inside the call. */
START_TEST(done_callbacks_early_and_late)
{
	struct prun_pool *pool = open_back(1);
	struct prun_job *job = submit_one(pool, "gate", 0);
	uintptr_t i;

	await_arrived(1);
	seen->started = 0;
	for (i = 0; i < 10; i++)
		ck_assert_int_eq(prun_job_on_done(job, note_order, (void *)i),
				 0);
	gate_open();
	ck_assert_int_eq(prun_job_wait(job, WAIT_MS), 0);
	for (; i < 20; i++) {
		ck_assert_int_eq(prun_job_on_done(job, note_order, (void *)i),
				 0);
		if (i == 19)
			ck_assert_uint_eq(seen->started, 20);
	}
	prun_job_free(job);
	finish_pool(pool);
	ck_assert_uint_eq(seen->started, 20);
}
END_TEST

/* What a callback uses may go when the job was waited for, as it may when the
 * caller drives the pool itself. */
START_TEST(waiting_ends_behind_the_callbacks)
{
	struct prun_pool *pool = open_back(1);
	struct prun_call c = call_of("quiet", NULL, NULL);
	const struct prun_result *r;
	struct prun_job *job;

	c.callback = c.error_callback = stay;
	ck_assert_int_eq(prun_apply_async(&job, pool, &c), 0);
	await_said(1);
	ck_assert_int_eq(prun_pool_close(pool), 0);
	switch (_i) {
	case 0:
		ck_assert_int_eq(prun_job_wait(job, 20), PRUN_ETIMEDOUT);
		break;
	case 1:
		ck_assert_int_eq(prun_job_get(&r, job, 20), PRUN_ETIMEDOUT);
		break;
	case 2:
		ck_assert_int_eq(prun_wait(&job, 1, PRUN_WAIT_ALL, 20),
				 PRUN_ETIMEDOUT);
		break;
	default:
		ck_assert_int_eq(prun_pool_join(pool, 20), PRUN_ETIMEDOUT);
	}
	gate_open();
	ck_assert_int_eq(prun_job_wait(job, WAIT_MS), 0);
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

static int fail_callback(struct prun_job *job, const struct prun_result *r,
			 void *payload)
{
	(void)job;
	(void)payload;
	EXPECT(r && r->status == -EDOM && r->index == 1);
	return -EXDEV;
}

START_TEST(the_error_of_a_callback)
{
	struct prun_pool *pool = open_back(2);
	struct prun_range range = {0, 10, 1};
	struct prun_call c = range_call("picky", &range);
	struct prun_job *job;

	c.callback = count_wrong;
	c.error_callback = fail_callback;
	ck_assert_int_eq(prun_map(&job, pool, &c), 0);
	/* The callback is through before the waiting is over. */
	ck_assert_int_eq(prun_job_callback_error(job), -EXDEV);
	ck_assert_int_eq(prun_job_successful(job), 0);
	ck_assert_int_eq(prun_job_state(job), PRUN_JOB_FAILED);
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

/* ------------------------------------------------------------------- threads */

/* Threads that each run `fn`, and say so when they are through. */
struct member {
	struct crew *crew;
	pthread_t thread;
	unsigned id;
	int rc; /* for the test */
	struct prun_job *job;
};

struct crew {
	struct prun_pool *pool;
	struct prun_job *job;
	void (*fn)(struct member *m);
	unsigned count;
	_Atomic unsigned back;
	struct member members[CREW];
};

static void *member_main(void *arg)
{
	struct member *m = arg;

	m->crew->fn(m);
	m->crew->back++;
	return NULL;
}

static void start_crew(struct crew *crew, unsigned count,
		       void (*fn)(struct member *m))
{
	unsigned i;

	crew->fn = fn;
	crew->count = count;
	crew->back = 0;
	for (i = 0; i < count; i++) {
		struct member *m = &crew->members[i];

		m->crew = crew;
		m->id = i;
		m->rc = -1;
		ck_assert_int_eq(
			pthread_create(&m->thread, NULL, member_main, m), 0);
	}
}

static void join_crew(struct crew *crew)
{
	unsigned i;

	for (i = 0; i < crew->count; i++)
		ck_assert_int_eq(pthread_join(crew->members[i].thread, NULL),
				 0);
	ASSERT_NOTHING_WRONG();
}

static void assert_all_rc(const struct crew *crew, int rc)
{
	unsigned i;

	for (i = 0; i < crew->count; i++)
		ck_assert_msg(crew->members[i].rc == rc,
			      "thread %u got %s instead of %s", i,
			      crew->members[i].rc < 0 ?
				      prun_error_name(crew->members[i].rc) :
				      "no error",
			      rc < 0 ? prun_error_name(rc) : "no error");
}

static int64_t value_of(const struct prun_result *r)
{
	int64_t n = -1;

	if (!r || r->status < 0 || prun_result_int(r, &n) < 0)
		return -1;
	return n;
}

static void use_apply(struct prun_pool *pool, int64_t n)
{
	struct prun_call c = call_of("square", NULL, NULL);
	const struct prun_result *r = NULL;
	struct prun_job *job;
	struct prun_packer *p;

	if (prun_packer_new(&p) < 0)
		return;
	prun_pack_int(p, n);
	c.argument = prun_packer_data(p, &c.argument_size);
	EXPECT(prun_apply(&job, pool, &c) == 0);
	EXPECT(prun_job_get(&r, job, WAIT_MS) == 0 && value_of(r) == n * n);
	EXPECT(prun_job_state(job) == PRUN_JOB_DONE);
	prun_job_free(job);
	prun_packer_free(p);
}

static void use_map(struct prun_pool *pool, int64_t n)
{
	struct prun_range range = {n, n + 50, 1};
	struct prun_call c = range_call("square", &range);
	const struct prun_result *r;
	struct prun_job *job;
	int64_t i;

	c.timeout_ms = WAIT_MS;
	EXPECT(prun_map(&job, pool, &c) == 0);
	EXPECT(prun_job_successful(job) == 1);
	EXPECT(prun_job_submitted(job) == 50 && prun_job_finished(job) == 50);
	for (i = n; i < n + 50; i++) {
		r = NULL;
		EXPECT(prun_job_at(&r, job, (uint64_t)(i - n)) == 0);
		EXPECT(value_of(r) == i * i);
	}
	prun_job_free(job);
}

static void use_imap(struct prun_pool *pool, int64_t n, bool ordered)
{
	struct prun_range range = {n, n + 60, 1};
	struct prun_call c = range_call("square", &range);
	const struct prun_result *r;
	struct prun_job *job;
	int64_t sum = 0, expected = 0, i;
	int rc = -1;

	c.buffersize = 7;
	rc = (ordered ? prun_imap : prun_imap_unordered)(&job, pool, &c);
	EXPECT(rc == 0);
	for (i = n; (rc = prun_job_next(&r, job, WAIT_MS)) == 1; i++) {
		EXPECT(!ordered || value_of(r) == i * i);
		sum += value_of(r);
		expected += i * i;
	}
	EXPECT(rc == 0 && i == n + 60 && sum == expected);
	prun_job_free(job);
}

static void count_running(const struct prun_running *running, void *payload)
{
	(void)running;
	++*(int *)payload;
}

static void use_figures(struct prun_pool *pool)
{
	struct prun_worker_stats workers[2];
	struct prun_stats stats;
	const char *message;
	int running = 0;

	EXPECT(prun_pool_stats(pool, &stats, sizeof(stats)) == 0);
	EXPECT(stats.workers == 2 && stats.failed == 0);
	EXPECT(prun_pool_worker_stats(pool, workers, sizeof(workers[0]), 2) ==
	       2);
	EXPECT(prun_pool_running(pool, count_running, &running) == running);
	EXPECT(prun_pool_error(pool, &message) == 0);
	EXPECT(prun_pool_workers(pool) == 2);
}

static void use_cancel(struct prun_pool *pool, int64_t n)
{
	struct prun_job *job = try_submit_one(pool, "square", n);
	const struct prun_result *r = NULL;
	int changed, rc;

	EXPECT(job != NULL);
	changed = prun_job_cancel(job, 0);
	EXPECT(changed == 0 || changed == 1);
	EXPECT(prun_job_wait(job, WAIT_MS) == 0);
	rc = prun_job_get(&r, job, 0);
	EXPECT(changed ? rc == PRUN_ECANCELLED : rc == 0);
	EXPECT(prun_job_state(job) ==
	       (changed ? PRUN_JOB_CANCELLED : PRUN_JOB_DONE));
	prun_job_free(job);
}

static void use_wait(struct prun_pool *pool, int64_t n)
{
	struct prun_job *jobs[6], *given;
	struct prun_completed *completed;
	int i, rc;

	for (i = 0; i < 6; i++) {
		jobs[i] = try_submit_one(pool, "square", n + i);
		EXPECT(jobs[i] != NULL);
	}
	EXPECT(prun_wait(jobs, 6, PRUN_WAIT_FIRST, WAIT_MS) >= 1);
	EXPECT(prun_as_completed(&completed, jobs, 6) == 0);
	for (i = 0; (rc = prun_completed_next(&given, completed, WAIT_MS)) == 1;
	     i++)
		EXPECT(prun_job_ready(given) == 1);
	EXPECT(rc == 0 && i == 6);
	prun_completed_free(completed);
	EXPECT(prun_wait(jobs, 6, PRUN_WAIT_ALL, WAIT_MS) == 6);
	EXPECT(prun_wait(jobs, 6, PRUN_WAIT_FAILURE, WAIT_MS) == 6);
	for (i = 0; i < 6; i++)
		prun_job_free(jobs[i]);
}

static void use_all(struct member *m)
{
	struct prun_pool *pool = m->crew->pool;
	int64_t n = m->id * 1000;
	int i;

	for (i = 0; i < 12; i++) {
		use_apply(pool, n + i);
		use_map(pool, n + i);
		use_imap(pool, n + i, i % 2);
		use_figures(pool);
		use_cancel(pool, n + i);
		use_wait(pool, n + i);
	}
}

START_TEST(eight_threads)
{
	struct crew crew = {.pool = open_back(2)};
	struct prun_stats stats;

	start_crew(&crew, CREW, use_all);
	join_crew(&crew);
	ck_assert_int_eq(prun_pool_stats(crew.pool, &stats, sizeof(stats)), 0);
	ck_assert_uint_eq(stats.jobs, 0);
	ck_assert_uint_eq(stats.running + stats.queued, 0);
	ck_assert_uint_eq(stats.done + stats.cancelled,
			  CREW * 12 * (1 + 50 + 60 + 1 + 6));
	finish_pool(crew.pool);
}
END_TEST

static void wait_for_the_job(struct member *m)
{
	const struct prun_result *r = NULL;
	struct prun_job *job = m->crew->job;

	switch (m->id % 4) {
	case 0:
		m->rc = prun_job_wait(job, WAIT_MS);
		break;
	case 1:
		m->rc = prun_wait(&job, 1, PRUN_WAIT_ALL, WAIT_MS) == 1 ? 0 :
									  -1;
		break;
	case 2:
		while (!prun_job_ready(job))
			EXPECT(prun_pool_step(m->crew->pool, 10) >= 0);
		m->rc = 0;
		break;
	default:
		m->rc = prun_job_wait(job, -1);
	}
	if (m->id == 0)
		EXPECT(prun_job_get(&r, job, 0) == 0 && value_of(r) == 0);
}

START_TEST(eight_threads_wait_for_one_job)
{
	struct crew crew = {.pool = open_back(2)};

	crew.job = submit_one(crew.pool, "gate", 0);
	await_arrived(1);
	start_crew(&crew, CREW, wait_for_the_job);
	gate_open();
	join_crew(&crew);
	assert_all_rc(&crew, 0);
	prun_job_free(crew.job);
	finish_pool(crew.pool);
}
END_TEST

/* The end may come at any moment of a call that waits for it. */
START_TEST(the_end_is_never_missed)
{
	struct prun_pool *pool = open_back(1);
	int i;

	for (i = 0; i < 4000; i++) {
		struct prun_job *job = submit_one(pool, "square", i);

		if (_i == 0)
			ck_assert_int_eq(
				prun_wait(&job, 1, PRUN_WAIT_ALL, WAIT_MS), 1);
		else
			ck_assert_int_eq(prun_job_wait(job, WAIT_MS), 0);
		prun_job_free(job);
	}
	finish_pool(pool);
}
END_TEST

static void use_wait_often(struct member *m)
{
	int i;

	for (i = 0; i < 300; i++) {
		struct prun_job *job =
			try_submit_one(m->crew->pool, "square", i);

		EXPECT(job &&
		       prun_wait(&job, 1, PRUN_WAIT_FIRST, WAIT_MS) == 1);
		prun_job_free(job);
	}
}

START_TEST(the_end_is_not_missed_by_eight)
{
	struct crew crew = {.pool = open_back(2)};

	start_crew(&crew, CREW, use_wait_often);
	join_crew(&crew);
	finish_pool(crew.pool);
}
END_TEST

/* What ends inside a call, and not by a worker, is heard of too. */
START_TEST(ends_without_a_worker)
{
	struct prun_pool *pool = open_back(1);
	struct prun_job *job, *blocked = NULL;
	int i;

	if (_i == 2) {
		blocked = submit_one(pool, "gate", 0);
		await_arrived(1);
	}
	for (i = 0; i < 1000; i++) {
		struct prun_range none = {0, 0, 1};
		struct prun_call c = range_call("square", &none);
		const struct prun_result *r;

		c.timeout_ms = WAIT_MS;
		if (_i == 0) {
			ck_assert_int_eq(prun_map(&job, pool, &c), 0);
		} else if (_i == 1) {
			ck_assert_int_eq(prun_imap(&job, pool, &c), 0);
			ck_assert_int_eq(prun_job_next(&r, job, WAIT_MS), 0);
		} else {
			job = submit_one(pool, "square", i);
			ck_assert_int_eq(prun_job_cancel(job, 0), 1);
			ck_assert_int_eq(prun_job_wait(job, WAIT_MS), 0);
		}
		prun_job_free(job);
	}
	if (blocked)
		gate_open();
	prun_job_free(blocked);
	finish_pool(pool);
}
END_TEST

/* What one call leaves for the pool's thread is not forgotten over the next,
 * though no worker says a word and nobody waits. */
START_TEST(news_between_two_calls)
{
	struct prun_pool *pool = open_back(1);
	struct prun_range range = {0, INT64_MAX, 1};
	struct prun_call c = range_call("quiet", &range);
	const struct prun_result *r;
	struct prun_job *stream, *job;
	int i;

	c.buffersize = 4096;
	ck_assert_int_eq(prun_imap(&stream, pool, &c), 0);
	/* Full, and all is done that may be. */
	ck_assert_int_eq(prun_job_wait(stream, WAIT_MS), PRUN_ENOTREADY);
	c = call_of("quiet", wait_for_ever, NULL);
	for (i = 0; i < 60; i++) {
		ck_assert_int_eq(prun_map_async(&job, pool, &c), 0);
		ck_assert_int_eq(prun_job_on_done(job, say_done, NULL), 0);
		ck_assert_int_eq(prun_job_cancel(job, 0), 1);
		ck_assert_int_eq(prun_job_next(&r, stream, WAIT_MS), 1);
		await_said(1);
		prun_job_free(job);
	}
	prun_job_free(stream);
	finish_pool(pool);
}
END_TEST

/* ------------------------------------------------------------------- streams */

static void read_all(struct member *m)
{
	const struct prun_result *r = NULL;
	int rc;

	m->rc = 0;
	while ((rc = prun_job_next(&r, m->crew->job, WAIT_MS)) == 1)
		m->rc++;
	EXPECT(rc == 0);
}

START_TEST(small_buffers)
{
	static const uint32_t sizes[] = {1, 2, 3, 7, 100};
	struct crew crew = {.pool = open_back(2)};
	int i;

	for (i = 0; i < 10; i++) {
		struct prun_range range = {0, 200, 1};
		struct prun_call c = range_call("square", &range);

		c.buffersize = sizes[i % 5];
		ck_assert_int_eq((i < 5 ? prun_imap : prun_imap_unordered)(
					 &crew.job, crew.pool, &c),
				 0);
		start_crew(&crew, 1, read_all);
		join_crew(&crew);
		ck_assert_int_eq(crew.members[0].rc, 200);
		prun_job_free(crew.job);
	}
	finish_pool(crew.pool);
}
END_TEST

/* Takes one, then waits until a task has begun in the room that made, without
 * a call on the pool. */
static void read_slowly(struct member *m)
{
	const struct prun_result *r = NULL;
	int i;

	for (i = 0; i < 20; i++) {
		EXPECT(prun_job_next(&r, m->crew->job, WAIT_MS) == 1);
		EXPECT(heard_of(arrived, 1));
		if (wrong_line)
			return;
	}
	/* Never more than the buffer holds. */
	EXPECT(seen->started == 22);
}

START_TEST(a_slow_reader)
{
	struct crew crew = {.pool = open_back(2)};
	struct prun_range range = {0, INT64_MAX, 1};
	struct prun_call c = range_call("gate", &range);

	gate_open(); /* nobody stays */
	c.buffersize = 2;
	ck_assert_int_eq(prun_imap(&crew.job, crew.pool, &c), 0);
	await_arrived(2);
	start_crew(&crew, 1, read_slowly);
	join_crew(&crew);
	prun_job_free(crew.job);
	finish_pool(crew.pool);
}
END_TEST

START_TEST(an_infinite_source)
{
	struct prun_pool *pool = open_back(2);
	struct prun_range range = {0, INT64_MAX, 1};
	struct prun_call c = range_call("quiet", &range);
	const struct prun_result *r;
	struct prun_job *job;
	uint64_t i, n;
	int rc;

	c.buffersize = 50;
	ck_assert_int_eq(prun_imap(&job, pool, &c), 0);
	for (i = 0; i < 1000; i++) {
		ck_assert_int_eq(prun_job_next(&r, job, WAIT_MS), 1);
		ck_assert_uint_eq(r->index, i);
		n = prun_job_submitted(job);
		ck_assert_uint_le(n, i + 51);
	}
	ck_assert_int_eq(prun_job_cancel(job, 0), 1);
	for (; (rc = prun_job_next(&r, job, WAIT_MS)) == 1; i++)
		ck_assert(r->status == 0 || r->status == PRUN_ECANCELLED);
	ck_assert_int_eq(rc, PRUN_ECANCELLED);
	ck_assert_uint_eq(i, prun_job_submitted(job));
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

static int say_length(struct prun_job *job, const struct prun_result *r,
		      void *payload)
{
	(void)job;
	(void)payload;
	EXPECT(r && r->status == 0);
	say();
	return 0;
}

/* Lines come one by one through a pipe, and are run without a call. */
START_TEST(a_source_that_waits_for_a_descriptor)
{
	struct prun_pool *pool = open_back(2);
	struct prun_lines *lines;
	struct prun_call c;
	struct prun_job *job;
	int fds[2], i;

	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(prun_lines_new(&lines, fds[0], '\n'), 0);
	c = call_of("quiet", prun_source_lines, lines);
	c.callback = c.error_callback = say_length;
	ck_assert_int_eq(prun_imap(&job, pool, &c), 0);
	ck_assert_int_eq(prun_job_on_done(job, say_done, NULL), 0);
	for (i = 0; i < 20; i++) {
		ck_assert_int_eq(write(fds[1], "ab\nc\n", 5), 5);
		await_said(2);
	}
	close(fds[1]);
	await_said(1);
	ck_assert_uint_eq(prun_job_finished(job), 40);
	prun_job_free(job);
	prun_lines_free(lines);
	close(fds[0]);
	finish_pool(pool);
}
END_TEST

/* Has as many as it was allowed, then waits to be woken. */
struct allowance {
	_Atomic int allowed;
	int given, asked;
	_Atomic bool tell; /* say that it was asked in vain */
};

static int source_allowed(struct prun_item *item, void *payload)
{
	struct allowance *a = payload;

	if (a->allowed < 0)
		return 0;
	if (a->given < a->allowed) {
		prun_item_int(item, a->given++);
		return 1;
	}
	if (a->tell)
		say();
	return PRUN_SOURCE_WAIT;
}

START_TEST(a_source_that_waits_to_be_woken)
{
	struct prun_pool *pool = open_back(2);
	struct allowance a = {.allowed = 0};
	struct prun_call c = call_of("square", source_allowed, &a);
	struct prun_job *job;
	int i;

	c.callback = c.error_callback = say_length;
	ck_assert_int_eq(prun_imap(&job, pool, &c), 0);
	ck_assert_int_eq(prun_job_on_done(job, say_done, NULL), 0);
	for (i = 0; i < 20; i++) {
		a.allowed += 3;
		ck_assert_int_eq(prun_pool_wake(pool), 0);
		await_said(3);
	}
	a.allowed = -1;
	ck_assert_int_eq(prun_pool_wake(pool), 0);
	await_said(1);
	ck_assert_uint_eq(prun_job_finished(job), 60);
	prun_job_free(job);
	finish_woken(pool);
}
END_TEST

/* ------------------------------------------------- woken, in time, one's turn */

static int wait_in_some_way(struct prun_pool *pool, struct prun_job *job,
			    unsigned way, int timeout_ms)
{
	const struct prun_result *r;
	struct prun_completed *completed;
	struct prun_job *given;
	int rc;

	switch (way) {
	case 0:
		return prun_job_wait(job, timeout_ms);
	case 1:
		return prun_job_get(&r, job, timeout_ms);
	case 2:
		return prun_job_next(&r, job, timeout_ms);
	case 3:
		return prun_wait(&job, 1, PRUN_WAIT_ALL, timeout_ms);
	case 4:
		if (prun_as_completed(&completed, &job, 1) < 0)
			return -ENOMEM;
		rc = prun_completed_next(&given, completed, timeout_ms);
		prun_completed_free(completed);
		return rc;
	default:
		return prun_pool_join(pool, timeout_ms);
	}
}

#define WAYS 6

static void wait_in_its_way(struct member *m)
{
	m->rc = wait_in_some_way(m->crew->pool, m->crew->job, m->id, -1);
}

START_TEST(timeouts)
{
	struct prun_pool *pool = open_back(1);
	struct prun_job *job = submit_one(pool, "gate", 3), *behind;
	struct prun_call c = call_of("quiet", NULL, NULL);
	const struct prun_result *r;
	unsigned way;

	await_arrived(1);
	c.timeout_ms = 10;
	ck_assert_int_eq(prun_apply(&behind, pool, &c), PRUN_ETIMEDOUT);
	ck_assert_ptr_nonnull(behind);
	ck_assert_int_eq(prun_pool_close(pool), 0);
	for (way = 0; way < WAYS; way++) {
		ck_assert_int_eq(wait_in_some_way(pool, job, way, 0),
				 PRUN_ETIMEDOUT);
		ck_assert_int_eq(wait_in_some_way(pool, job, way, 10),
				 PRUN_ETIMEDOUT);
	}
	gate_open();
	ck_assert_int_eq(prun_job_get(&r, job, WAIT_MS), 0);
	ck_assert_int_eq(int_of(r), 3);
	ck_assert_int_eq(prun_job_wait(behind, WAIT_MS), 0);
	prun_job_free(job);
	prun_job_free(behind);
	finish_pool(pool);
}
END_TEST

/* Nobody knows when a thread has begun to wait, so it is woken until it has
 * come back. */
START_TEST(waiting_calls_are_woken)
{
	struct crew crew = {.pool = open_back(1)};

	crew.job = submit_one(crew.pool, "gate", 0);
	await_arrived(1);
	ck_assert_int_eq(prun_pool_close(crew.pool), 0);
	start_crew(&crew, WAYS, wait_in_its_way);
	while (crew.back < WAYS) {
		ck_assert_int_eq(prun_pool_wake(crew.pool), 0);
		is_readable(said, 1);
	}
	join_crew(&crew);
	assert_all_rc(&crew, PRUN_EWOKEN);
	gate_open();
	ck_assert_int_eq(wait_through(crew.job), 0);
	prun_job_free(crew.job);
	finish_woken(crew.pool);
}
END_TEST

/* The source is asked again when the pool's thread has seen that it was
 * woken; the call that comes behind it is told so. */
START_TEST(a_wake_before_the_call)
{
	struct prun_pool *pool = open_back(2); /* one is idle */
	struct allowance a = {.allowed = 0};
	struct prun_call c = call_of("square", source_allowed, &a);
	struct prun_job *job, *stream;

	job = submit_one(pool, "gate", 0);
	await_arrived(1);
	ck_assert_int_eq(prun_imap(&stream, pool, &c), 0);
	a.tell = true;
	ck_assert_int_eq(prun_pool_wake(pool), 0);
	await_said(1);
	a.tell = false;
	ck_assert_int_eq(prun_job_wait(job, 100), PRUN_EWOKEN);
	prun_job_free(stream);
	gate_open();
	ck_assert_int_eq(wait_through(job), 0);
	prun_job_free(job);
	finish_woken(pool);
}
END_TEST

/* prun_map waits on when it is woken. */
static void map_through_wakes(struct member *m)
{
	struct prun_range range = {0, 3, 1};
	struct prun_call c = range_call("gate", &range);

	m->rc = prun_map(&m->job, m->crew->pool, &c);
}

START_TEST(a_map_is_not_woken)
{
	struct crew crew = {.pool = open_back(1)};
	int i;

	start_crew(&crew, 1, map_through_wakes);
	await_arrived(1);
	for (i = 0; i < 20; i++) {
		ck_assert_int_eq(prun_pool_wake(crew.pool), 0);
		is_readable(said, 1);
		ck_assert_uint_eq(crew.back, 0);
	}
	gate_open();
	join_crew(&crew);
	assert_all_rc(&crew, 0);
	ck_assert_int_eq(prun_job_successful(crew.members[0].job), 1);
	prun_job_free(crew.members[0].job);
	finish_woken(crew.pool);
}
END_TEST

static void step_once(struct member *m)
{
	m->rc = prun_pool_step(m->crew->pool, -1);
}

START_TEST(steps)
{
	struct crew crew = {.pool = open_back(1)};
	struct prun_job *job = submit_one(crew.pool, "gate", 0);
	int rc;

	await_arrived(1);
	rc = prun_pool_step(crew.pool, 0);
	ck_assert(rc == 0 || rc == 1);
	rc = prun_pool_step(crew.pool, 10);
	ck_assert(rc == 0 || rc == 1);
	start_crew(&crew, 1, step_once);
	while (crew.back < 1) {
		ck_assert_int_eq(prun_pool_wake(crew.pool), 0);
		is_readable(said, 1);
	}
	join_crew(&crew);
	ck_assert(crew.members[0].rc == PRUN_EWOKEN || crew.members[0].rc == 1);
	gate_open();
	while (!prun_job_ready(job))
		prun_pool_step(crew.pool, 10);
	prun_job_free(job);
	finish_woken(crew.pool);
}
END_TEST

/* -- A source runs on the pool's thread, and stays there -- */

static int source_stays(struct prun_item *item, void *payload)
{
	struct allowance *a = payload;

	(void)item;
	if (a->asked++ == 0)
		return PRUN_SOURCE_WAIT;
	say();
	EXPECT(is_readable(gate, WAIT_MS));
	return 0;
}

/* In it, and the pool is locked, until the gate opens. */
static struct prun_job *occupy_lock(struct prun_pool *pool, struct allowance *a)
{
	struct prun_call c = call_of("square", source_stays, a);
	struct prun_job *job;

	ck_assert_int_eq(prun_map_async(&job, pool, &c), 0);
	ck_assert_int_eq(prun_pool_wake(pool), 0);
	await_said(1);
	return job;
}

static void call_beside_a_source(struct member *m)
{
	struct prun_job *job = m->crew->job;

	say();
	do {
		m->rc = m->id % 2 ? prun_wait(&job, 1, PRUN_WAIT_ALL, WAIT_MS) :
				    prun_job_wait(job, WAIT_MS);
	} while (m->rc == PRUN_EWOKEN);
}

/* Other threads wait for the source; they are not in it. */
START_TEST(waiting_beside_a_source)
{
	struct crew crew = {.pool = open_back(1)};
	struct allowance a = {.allowed = 0};
	struct prun_job *occupied;
	int i;

	crew.job = submit_one(crew.pool, "square", 2);
	ck_assert_int_eq(prun_job_wait(crew.job, WAIT_MS), 0);
	occupied = occupy_lock(crew.pool, &a);
	start_crew(&crew, CREW, call_beside_a_source);
	await_said(CREW);
	is_readable(said, 50); /* so that they are in the calls, mostly */
	gate_open();
	join_crew(&crew);
	for (i = 0; i < CREW; i++)
		ck_assert_int_eq(crew.members[i].rc, i % 2);
	ck_assert_int_eq(wait_through(occupied), 0);
	prun_job_free(occupied);
	prun_job_free(crew.job);
	finish_woken(crew.pool);
}
END_TEST

/* -------------------------------------------------------------------- the end */

static void join_the_pool(struct member *m)
{
	m->rc = prun_pool_join(m->crew->pool, WAIT_MS);
}

START_TEST(close_and_join_from_other_threads)
{
	struct crew crew = {.pool = open_back(2)};
	struct prun_range range = {0, 3000, 1};
	struct prun_call c = range_call("square", &range);
	struct prun_job *job, *late;

	ck_assert_int_eq(prun_map_async(&job, crew.pool, &c), 0);
	ck_assert_int_eq(prun_pool_join(crew.pool, 0), PRUN_EOPEN);
	ck_assert_int_eq(prun_pool_close(crew.pool), 0);
	start_crew(&crew, 3, join_the_pool);
	ck_assert_int_eq(prun_map_async(&late, crew.pool, &c), PRUN_ECLOSED);
	join_crew(&crew);
	assert_all_rc(&crew, 0);
	ck_assert_int_eq(prun_job_successful(job), 1);
	ck_assert_int_eq(prun_pool_join(crew.pool, 0), 0);
	ck_assert_int_eq(prun_pool_free(crew.pool), 0);
	prun_job_free(job);
}
END_TEST

/* One reader has gone elsewhere; join does not wait for it. */
START_TEST(join_with_a_half_read_stream)
{
	struct crew crew = {.pool = open_back(2)};
	struct prun_range range = {0, INT64_MAX, 1};
	struct prun_call c = range_call("quiet", &range);
	const struct prun_result *r;
	struct prun_job *job;

	c.buffersize = 20;
	ck_assert_int_eq(prun_imap(&job, crew.pool, &c), 0);
	ck_assert_int_eq(prun_job_next(&r, job, WAIT_MS), 1);
	ck_assert_int_eq(prun_pool_close(crew.pool), 0);
	start_crew(&crew, 1, join_the_pool);
	join_crew(&crew);
	assert_all_rc(&crew, 0);
	ck_assert_int_eq(prun_job_error(job), PRUN_ECANCELLED);
	ck_assert_int_eq(prun_pool_free(crew.pool), 0);
	prun_job_free(job);
}
END_TEST

static void wait_for_the_end(struct member *m)
{
	struct prun_range range = {0, 100, 1};
	struct prun_call c = range_call("gate", &range);
	struct prun_pool *pool = m->crew->pool;

	if (m->id < WAYS - 1) {
		m->rc = wait_in_some_way(pool, m->crew->job, m->id, -1);
		return;
	}
	if (m->id == WAYS - 1) {
		/* Not for ever: it may all be over before. */
		while (!prun_job_ready(m->crew->job))
			m->rc = prun_pool_step(pool, 10);
		return;
	}
	m->rc = prun_map(&m->job, pool, &c);
}

/* The job that all wait for was running: its task has its own code, `lost`. A
 * map that was not in time is refused. */
static void assert_ended(const struct crew *crew, int code, int lost,
			 int refused)
{
	unsigned i;

	for (i = 0; i < crew->count; i++) {
		int rc = crew->members[i].rc;

		if (i == 0)
			ck_assert_int_eq(rc, 0);
		else if (i == 1)
			ck_assert(rc == code || rc == lost);
		else if (i < WAYS - 1)
			ck_assert_int_eq(rc, 1);
		else if (i >= WAYS)
			ck_assert(rc == code || rc == refused);
	}
}

static void free_crews_jobs(struct crew *crew)
{
	unsigned i;

	for (i = 0; i < crew->count; i++)
		prun_job_free(crew->members[i].job);
	prun_job_free(crew->job);
}

/* The maps have come to the gate, or wait behind it. */
static void start_waiting_crew(struct crew *crew)
{
	memset(crew->members, 0, sizeof(crew->members));
	crew->job = submit_one(crew->pool, "gate", 0);
	await_arrived(1);
	start_crew(crew, CREW, wait_for_the_end);
	await_arrived(1);
}

START_TEST(terminate_while_others_wait)
{
	struct prun_options o = back_options(2);
	struct crew crew = {.count = 0};

	o.grace_ms = 1;
	crew.pool = open_with(&o);
	start_waiting_crew(&crew);
	ck_assert_int_eq(prun_pool_terminate(crew.pool), 0);
	ck_assert_int_eq(prun_pool_terminate(crew.pool), 0);
	join_crew(&crew);
	assert_ended(&crew, PRUN_ECANCELLED, PRUN_ECANCELLED, PRUN_ECLOSED);
	ck_assert_int_eq(prun_job_state(crew.job), PRUN_JOB_CANCELLED);
	ck_assert_int_eq(prun_pool_join(crew.pool, WAIT_MS), 0);
	free_crews_jobs(&crew);
	ck_assert_int_eq(prun_pool_free(crew.pool), 0);
}
END_TEST

/* The pid of the fork server, which bears the workers. */
static pid_t server_of(struct prun_pool *pool)
{
	struct prun_job *job = submit_one(pool, "server", 0);
	const struct prun_result *r;
	pid_t pid;

	ck_assert_int_eq(prun_job_get(&r, job, WAIT_MS), 0);
	pid = (pid_t)int_of(r);
	prun_job_free(job);
	ck_assert_int_gt(pid, 1);
	ck_assert_int_ne(pid, getpid());
	return pid;
}

START_TEST(the_server_dies_while_others_wait)
{
	struct crew crew = {.pool = open_back(2)};
	struct prun_call c = call_of("quiet", NULL, NULL);
	pid_t server = server_of(crew.pool);
	struct prun_job *late, *behind;
	const struct prun_result *r;
	const char *message = NULL;

	start_waiting_crew(&crew);
	behind = submit_one(crew.pool, "square", 1);
	ck_assert_int_eq(kill(server, SIGKILL), 0);
	join_crew(&crew);
	assert_ended(&crew, PRUN_ESERVER, PRUN_EWORKER, PRUN_ESERVER);
	ck_assert_int_eq(prun_job_get(&r, behind, WAIT_MS), PRUN_ESERVER);
	prun_job_free(behind);
	ck_assert_int_eq(prun_pool_error(crew.pool, &message), PRUN_ESERVER);
	ck_assert_str_eq(message, prun_strerror(PRUN_ESERVER));
	ck_assert_int_eq(prun_apply_async(&late, crew.pool, &c), PRUN_ESERVER);
	ck_assert_int_eq(prun_pool_close(crew.pool), 0);
	ck_assert_int_eq(prun_pool_join(crew.pool, WAIT_MS), 0);
	free_crews_jobs(&crew);
	ck_assert_int_eq(prun_pool_free(crew.pool), 0);
}
END_TEST

static int count_cancelled(struct prun_job *job, const struct prun_result *r,
			   void *payload)
{
	(void)job;
	(void)payload;
	EXPECT(r && r->status == PRUN_ECANCELLED);
	say();
	return 0;
}

START_TEST(free_with_unfinished_jobs)
{
	struct prun_pool *pool = open_back(1);
	struct prun_range range = {0, INT64_MAX, 1};
	struct prun_call c = range_call("gate", &range);
	const struct prun_result *r;
	struct prun_job *jobs[3];
	int i;

	c.buffersize = 10;
	ck_assert_int_eq(prun_imap(&jobs[0], pool, &c), 0);
	c = call_of("square", wait_for_ever, NULL);
	ck_assert_int_eq(prun_map_async(&jobs[1], pool, &c), 0);
	await_arrived(1);
	c = call_of("quiet", NULL, NULL);
	c.callback = count_wrong;
	c.error_callback = count_cancelled;
	ck_assert_int_eq(prun_apply_async(&jobs[2], pool, &c), 0);
	ck_assert_int_eq(prun_apply_async(NULL, pool, &c), 0);
	ck_assert_int_eq(prun_pool_free(pool), 0);
	await_said(2);
	ck_assert_int_eq(prun_job_get(&r, jobs[2], -1), PRUN_ECANCELLED);
	for (i = 0; i < 3; i++) {
		ck_assert_int_eq(prun_job_ready(jobs[i]), 1);
		ck_assert_int_eq(prun_job_error(jobs[i]), PRUN_ECANCELLED);
		prun_job_free(jobs[i]);
	}
}
END_TEST

START_TEST(free_of_an_idle_pool)
{
	int i;

	for (i = 0; i < 20; i++) {
		struct prun_pool *pool = open_back(1);

		if (i % 2)
			prun_job_free(submit_one(pool, "square", i));
		ck_assert_int_eq(prun_pool_free(pool), 0);
	}
}
END_TEST

static void use_beside_crashes(struct member *m)
{
	struct prun_job *job;
	const struct prun_result *r;
	int i;

	for (i = 0; i < 10; i++) {
		r = NULL;
		job = try_submit_one(m->crew->pool,
				     m->id == 0 ? "crash" : "square", i);
		EXPECT(prun_job_get(&r, job, WAIT_MS) ==
		       (m->id == 0 ? PRUN_EWORKER : 0));
		if (m->id == 0)
			EXPECT(r && r->worker_signal == SIGKILL);
		else
			EXPECT(value_of(r) == (int64_t)i * i);
		prun_job_free(job);
	}
}

START_TEST(workers_crash)
{
	struct crew crew = {.pool = open_back(2)};
	struct prun_stats stats;

	start_crew(&crew, 4, use_beside_crashes);
	join_crew(&crew);
	ck_assert_int_eq(prun_pool_stats(crew.pool, &stats, sizeof(stats)), 0);
	ck_assert_uint_eq(stats.failed, 10);
	ck_assert_uint_eq(stats.done, 30);
	finish_pool(crew.pool);
}
END_TEST

/* ----------------------------------------------------------------- forked copy */

/* In a copy nothing is asserted: the number of the first call that was let
 * through is its exit code. */
struct copy {
	struct prun_pool *pool;
	struct prun_job *done, *open, *stream;
	struct prun_range range;
	int calls, first_wrong;
};

static void expect_forked(struct copy *copy, int rc)
{
	copy->calls++;
	if (rc != PRUN_EFORKED && !copy->first_wrong)
		copy->first_wrong = copy->calls;
}

static void show_nothing(const struct prun_running *running, void *payload)
{
	(void)running;
	(void)payload;
}

static void call_pool(struct copy *copy)
{
	struct prun_worker_stats workers[1];
	struct prun_pool *pool = copy->pool;
	struct prun_call c = range_call("square", &copy->range);
	struct prun_stats stats;
	struct prun_job *job;

	expect_forked(copy, prun_map(&job, pool, &c));
	expect_forked(copy, prun_map_async(&job, pool, &c));
	expect_forked(copy, prun_starmap(&job, pool, &c));
	expect_forked(copy, prun_imap(&job, pool, &c));
	expect_forked(copy, prun_imap_unordered(&job, pool, &c));
	c.source = NULL;
	expect_forked(copy, prun_apply(&job, pool, &c));
	expect_forked(copy, prun_apply_async(&job, pool, &c));
	expect_forked(copy, prun_pool_close(pool));
	expect_forked(copy, prun_pool_terminate(pool));
	expect_forked(copy, prun_pool_join(pool, -1));
	expect_forked(copy, prun_pool_step(pool, -1));
	expect_forked(copy, prun_pool_fd(pool));
	expect_forked(copy, prun_pool_wake(pool));
	expect_forked(copy, prun_pool_cancel_pending(pool));
	expect_forked(copy, prun_pool_stats(pool, &stats, sizeof(stats)));
	expect_forked(copy, prun_pool_worker_stats(pool, workers,
						   sizeof(workers[0]), 1));
	expect_forked(copy, prun_pool_running(pool, show_nothing, NULL));
}

static void call_job(struct copy *copy, struct prun_job *job)
{
	const struct prun_result *r;
	struct prun_completed *completed;
	struct prun_job *given;

	expect_forked(copy, prun_job_next(&r, job, -1));
	expect_forked(copy, prun_job_get(&r, job, -1));
	expect_forked(copy, prun_job_wait(job, -1));
	expect_forked(copy, prun_job_at(&r, job, 0));
	expect_forked(copy, prun_job_cancel(job, 1));
	expect_forked(copy, prun_job_state(job));
	expect_forked(copy, prun_job_on_done(job, say_done, NULL));
	expect_forked(copy, prun_wait(&job, 1, PRUN_WAIT_ALL, -1));
	if (prun_as_completed(&completed, &job, 1) == 0) {
		expect_forked(copy, prun_completed_next(&given, completed, -1));
		prun_completed_free(completed);
	}
	/* These have no error to give; they do not hang. */
	(void)prun_job_ready(job);
	(void)prun_job_successful(job);
	(void)prun_job_submitted(job);
	(void)prun_job_finished(job);
	(void)prun_job_error(job);
	(void)prun_job_callback_error(job);
	(void)prun_job_id(job);
}

static int in_the_copy(struct copy *copy, bool pool_first)
{
	alarm(WAIT_MS / 1000);
	call_pool(copy);
	call_job(copy, copy->done);
	call_job(copy, copy->open);
	if (copy->first_wrong)
		return copy->first_wrong;
	(void)prun_pool_error(copy->pool, NULL);
	(void)prun_pool_workers(copy->pool);
	if (pool_first && prun_pool_free(copy->pool) < 0)
		return 251;
	prun_job_free(copy->done);
	prun_job_free(copy->open);
	prun_job_free(copy->stream);
	if (!pool_first && prun_pool_free(copy->pool) < 0)
		return 252;
	return 0;
}

static void assert_copy_was_told(pid_t pid)
{
	int status;

	ck_assert_int_gt(pid, 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(!WIFSIGNALED(status), "the copy was killed by signal %d",
		      WTERMSIG(status));
	ck_assert_msg(WEXITSTATUS(status) == 0,
		      "in the copy call %d was let through",
		      WEXITSTATUS(status));
}

/* While the pool's thread holds the lock, or is in a callback. */
START_TEST(a_fork_at_a_bad_moment)
{
	struct copy copy = {.pool = open_back(2), .range = {0, 9, 1}};
	struct prun_range range = {0, 100, 1};
	struct prun_call c = range_call("square", &range);
	struct allowance a = {.allowed = 0};
	struct prun_job *occupied = NULL;
	pid_t pid;

	ck_assert_int_eq(prun_map(&copy.done, copy.pool, &c), 0);
	range.start = 0;
	c.buffersize = 10;
	ck_assert_int_eq(prun_imap(&copy.stream, copy.pool, &c), 0);
	c = call_of("square", wait_for_ever, NULL);
	ck_assert_int_eq(prun_map_async(&copy.open, copy.pool, &c), 0);
	if (_i < 2)
		occupied = occupy_lock(copy.pool, &a);
	else
		occupy_callbacks(copy.pool);
	pid = fork();
	if (pid == 0)
		_exit(in_the_copy(&copy, _i % 2));
	assert_copy_was_told(pid);
	gate_open();
	/* The pool has noticed nothing. */
	assert_works(copy.pool);
	if (occupied)
		ck_assert_int_eq(wait_through(occupied), 0);
	prun_job_free(occupied);
	prun_job_free(copy.done);
	prun_job_free(copy.open);
	prun_job_free(copy.stream);
	finish_woken(copy.pool);
}
END_TEST

/* ------------------------------------------------------------------- progress */

struct progress {
	struct forbidden forbidden;
	_Atomic uint64_t calls, done;
	uint64_t most;
	pthread_t thread;
};

static void report(struct prun_pool *pool, const struct prun_stats *stats,
		   void *payload)
{
	struct progress *p = payload;
	struct prun_stats again;

	expect_all_signals_blocked();
	EXPECT(stats->workers == 2 && stats->done >= p->done);
	EXPECT(stats->done > p->done || stats->jobs == 0);
	EXPECT(prun_pool_stats(pool, &again, sizeof(again)) == 0);
	EXPECT(prun_pool_step(pool, -1) == PRUN_EDEADLK);
	EXPECT(prun_pool_join(pool, -1) == PRUN_EDEADLK);
	p->thread = pthread_self();
	p->calls++;
	p->done = stats->done;
	if (stats->jobs == 0)
		say();
}

START_TEST(progress_is_reported)
{
	struct prun_options o = back_options(2);
	struct progress p = {.calls = 0};
	struct tally tally = {.tell_at = 0};
	struct prun_range range = {0, 3000, 1};
	struct prun_call c = range_call("square", &range);
	struct prun_pool *pool;

	o.progress = report;
	o.progress_payload = &p;
	o.progress_ms = 1;
	pool = open_with(&o);
	c.order = PRUN_ORDER_IMAP;
	c.callback = count_result;
	c.error_callback = count_wrong;
	c.payload = &tally;
	ck_assert_int_eq(prun_pool_submit(NULL, pool, &c), 0);
	await_said(1);
	ck_assert_uint_eq(p.done, 3000);
	ck_assert_uint_eq(tally.count, 3000);
	ck_assert(pthread_equal(p.thread, tally.thread));
	finish_pool(pool);
}
END_TEST

/* A task has ended, the job goes on: it is told of by the clock. */
START_TEST(progress_by_the_clock)
{
	struct prun_options o = back_options(2);
	struct progress p = {.calls = 0};
	struct prun_range range = {-1, 1, 1};
	struct prun_call c = range_call("gate", &range);
	struct prun_pool *pool;
	struct prun_job *job;

	o.progress = report;
	o.progress_payload = &p;
	o.progress_ms = 20;
	pool = open_with(&o);
	c.chunksize = 1;
	ck_assert_int_eq(prun_map_async(&job, pool, &c), 0);
	compute_until(&p.done, 1);
	gate_open();
	await_said(1);
	ck_assert_uint_eq(p.done, 2);
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

/* -------------------------------------------------------------- several pools */

struct three {
	struct prun_pool *pools[3]; /* the last one is driven by its caller */
	struct prun_job *jobs[3];
};

static void open_three(struct three *t)
{
	struct prun_options o = back_options(1);

	t->pools[0] = open_with(&o);
	t->pools[1] = open_with(&o);
	o.background = 0;
	o.start_method = PRUN_START_FORK;
	t->pools[2] = open_with(&o);
}

static void submit_three(struct three *t, const char *func, int64_t n)
{
	int i;

	for (i = 0; i < 3; i++)
		t->jobs[i] = submit_one(t->pools[i], func, n + i);
}

static void free_three_jobs(const struct three *t)
{
	int i;

	for (i = 0; i < 3; i++)
		prun_job_free(t->jobs[i]);
}

static void finish_three(const struct three *t)
{
	int i;

	for (i = 0; i < 3; i++)
		finish_pool(t->pools[i]);
}

START_TEST(wait_over_three_pools)
{
	struct three t;
	int i;

	open_three(&t);
	for (i = 0; i < 300; i++) {
		struct prun_completed *completed;
		struct prun_job *job;
		int count = 0, rc;

		submit_three(&t, "square", i);
		ck_assert_int_ge(prun_wait(t.jobs, 3, PRUN_WAIT_FIRST, WAIT_MS),
				 1);
		if (i % 2)
			ck_assert_int_eq(prun_wait(t.jobs, 3, PRUN_WAIT_ALL,
						   WAIT_MS),
					 3);
		ck_assert_int_eq(prun_as_completed(&completed, t.jobs, 3), 0);
		while ((rc = prun_completed_next(&job, completed, WAIT_MS)) ==
		       1)
			count++;
		ck_assert_int_eq(rc, 0);
		ck_assert_int_eq(count, 3);
		prun_completed_free(completed);
		free_three_jobs(&t);
	}
	finish_three(&t);
}
END_TEST

/* The others' tasks are at the gate. */
START_TEST(the_first_of_three_pools)
{
	struct three t;
	int i;

	open_three(&t);
	for (i = 0; i < 3; i++) {
		int k;

		for (k = 0; k < 3; k++)
			t.jobs[k] = submit_one(t.pools[k],
					       k == i ? "picky" : "gate", 1);
		ck_assert_int_eq(prun_wait(t.jobs, 3, PRUN_WAIT_FIRST, WAIT_MS),
				 1);
		ck_assert_int_eq(
			prun_wait(t.jobs, 3, PRUN_WAIT_FAILURE, WAIT_MS), 1);
		ck_assert_int_eq(prun_job_state(t.jobs[i]), PRUN_JOB_FAILED);
		ck_assert_int_eq(prun_wait(t.jobs, 3, PRUN_WAIT_ALL, 10),
				 PRUN_ETIMEDOUT);
		gate_open();
		ck_assert_int_eq(prun_wait(t.jobs, 3, PRUN_WAIT_ALL, WAIT_MS),
				 3);
		gate_shut();
		free_three_jobs(&t);
	}
	finish_three(&t);
}
END_TEST

static void wake_its_pool(struct member *m)
{
	while (m->crew->back == 0 && m->rc != 0) {
		EXPECT(prun_pool_wake(m->crew->pool) == 0);
		is_readable(gate, 1);
		if (is_readable(said, 0))
			m->rc = 0;
	}
}

START_TEST(each_of_three_pools_wakes)
{
	struct three t;
	int i, rc;

	open_three(&t);
	submit_three(&t, "gate", 0);
	for (i = 0; i < 3; i++) {
		struct crew crew = {.pool = t.pools[i]};
		eventfd_t n;

		start_crew(&crew, 1, wake_its_pool);
		rc = prun_wait(t.jobs, 3, PRUN_WAIT_ALL, WAIT_MS);
		say();
		join_crew(&crew);
		ck_assert_int_eq(rc, PRUN_EWOKEN);
		ck_assert_int_eq(eventfd_read(said, &n), 0);
		/* What the last wakes left behind. */
		while (prun_pool_step(t.pools[i], 0) == PRUN_EWOKEN)
			;
	}
	gate_open();
	while ((rc = prun_wait(t.jobs, 3, PRUN_WAIT_ALL, WAIT_MS)) ==
	       PRUN_EWOKEN)
		;
	ck_assert_int_eq(rc, 3);
	free_three_jobs(&t);
	for (i = 0; i < 3; i++)
		finish_woken(t.pools[i]);
}
END_TEST

static TCase *back_case(Suite *s, const char *name)
{
	TCase *tc = pool_case(s, name);

	tcase_add_checked_fixture(tc, said_setup, said_teardown);
	return tc;
}

static void add_alone(Suite *s)
{
	TCase *tc = back_case(s, "options");

	tcase_add_test(tc, needs_the_fork_server);
	tcase_add_test(tc, a_thread_that_cannot_be_started);
	tcase_add_test(tc, no_descriptor_for_others);
	tc = back_case(s, "while the caller computes");
	tcase_add_test(tc, applies_finish_by_themselves);
	tcase_add_test(tc, streams_finish_by_themselves);
	tcase_add_test(tc, a_map_finishes_by_itself);
	tcase_add_test(tc, a_single_task_behind_a_busy_one);
	tc = back_case(s, "callbacks");
	tcase_add_test(tc, submit_cancel_and_free_in_callbacks);
	tcase_add_test(tc, no_waiting_in_callbacks);
	tcase_add_test(tc, no_calls_in_sources);
	tcase_add_loop_test(tc, callbacks_that_take_the_callers_lock, 0, 4);
	tcase_add_test(tc, done_callbacks_early_and_late);
	tcase_add_loop_test(tc, waiting_ends_behind_the_callbacks, 0, 4);
	tcase_add_test(tc, the_error_of_a_callback);
	tc = back_case(s, "progress");
	tcase_add_test(tc, progress_is_reported);
	tcase_add_test(tc, progress_by_the_clock);
}

static void add_threads(Suite *s)
{
	TCase *tc = back_case(s, "threads");

	tcase_add_test(tc, eight_threads);
	tcase_add_test(tc, eight_threads_wait_for_one_job);
	tcase_add_loop_test(tc, the_end_is_never_missed, 0, 2);
	tcase_add_test(tc, the_end_is_not_missed_by_eight);
	tcase_add_loop_test(tc, ends_without_a_worker, 0, 3);
	tcase_add_test(tc, waiting_beside_a_source);
	tcase_add_test(tc, news_between_two_calls);
	tc = back_case(s, "streams");
	tcase_add_test(tc, small_buffers);
	tcase_add_test(tc, a_slow_reader);
	tcase_add_test(tc, an_infinite_source);
	tcase_add_test(tc, a_source_that_waits_for_a_descriptor);
	tcase_add_test(tc, a_source_that_waits_to_be_woken);
	tc = back_case(s, "waiting");
	tcase_add_test(tc, timeouts);
	tcase_add_test(tc, waiting_calls_are_woken);
	tcase_add_test(tc, a_wake_before_the_call);
	tcase_add_test(tc, a_map_is_not_woken);
	tcase_add_test(tc, steps);
	tc = back_case(s, "several pools");
	tcase_add_test(tc, wait_over_three_pools);
	tcase_add_test(tc, the_first_of_three_pools);
	tcase_add_test(tc, each_of_three_pools_wakes);
}

int main(void)
{
	Suite *s = suite_create("background");
	TCase *tc;

	add_alone(s);
	add_threads(s);
	tc = back_case(s, "end");
	tcase_add_test(tc, close_and_join_from_other_threads);
	tcase_add_test(tc, join_with_a_half_read_stream);
	tcase_add_test(tc, terminate_while_others_wait);
	tcase_add_test(tc, the_server_dies_while_others_wait);
	tcase_add_test(tc, free_with_unfinished_jobs);
	tcase_add_test(tc, free_of_an_idle_pool);
	tcase_add_test(tc, workers_crash);
	tc = back_case(s, "fork");
	tcase_add_loop_test(tc, a_fork_at_a_bad_moment, 0, 4);
	return suite_main(s);
}
