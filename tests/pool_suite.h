/* SPDX-License-Identifier: MIT */
#ifndef POOL_SUITE_H
#define POOL_SUITE_H

/*
 * What the tests of pools share: memory that workers and test both see, task
 * functions, and a gate that tasks wait at. Nothing here waits by sleeping;
 * the alarm only ends a hang.
 */

#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "prun.h"
#include "suite.h"

#define WATCHDOG_S 100
#define SEEN_TASKS 20000
#define SEEN_PIDS 4096
#define MILLION 1000000

/* Seen by the test and by all its workers. */
struct seen {
	_Atomic uint32_t starts[SEEN_TASKS]; /* by index */
	_Atomic uint32_t order[SEEN_TASKS];  /* the n-th start: its index */
	_Atomic uint32_t started;
	_Atomic uint32_t running, most_running;
	_Atomic uint32_t inits, finals;
	_Atomic int ids[SEEN_PIDS]; /* of the n-th initializer's worker */
	_Atomic int pid;	    /* a process that a task made */
};

static struct seen *seen;
/* A task at the gate waits until it is readable; nobody reads it. */
static int gate = -1;
/* Counts the tasks that came to the gate. */
static int arrived = -1;

static inline void pool_suite_setup(void)
{
	seen = mmap(NULL, sizeof(*seen), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(seen, MAP_FAILED);
	gate = eventfd(0, EFD_CLOEXEC);
	arrived = eventfd(0, EFD_CLOEXEC | EFD_SEMAPHORE);
	ck_assert_int_ge(gate, 0);
	ck_assert_int_ge(arrived, 0);
	alarm(WATCHDOG_S);
}

static inline void pool_suite_teardown(void)
{
	alarm(0);
	close(gate);
	close(arrived);
	munmap(seen, sizeof(*seen));
}

static inline TCase *pool_case(Suite *s, const char *name)
{
	TCase *tc = suite_case(s, name);

	tcase_add_checked_fixture(tc, pool_suite_setup, pool_suite_teardown);
	return tc;
}

static inline void gate_open(void)
{
	ck_assert_int_eq(eventfd_write(gate, 1), 0);
}

static inline void gate_shut(void)
{
	eventfd_t n;

	ck_assert_int_eq(eventfd_read(gate, &n), 0);
}

static inline bool is_readable(int fd, int timeout_ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int n;

	do {
		n = poll(&p, 1, timeout_ms);
	} while (n < 0 && errno == EINTR);
	return n > 0;
}

/* Drive the pool until so many more tasks have come to the gate. */
static inline void await_arrivals(struct prun_pool *pool, unsigned count)
{
	struct pollfd p[2] = {{.fd = arrived, .events = POLLIN},
			      {.fd = prun_pool_fd(pool), .events = POLLIN}};
	eventfd_t n;

	while (count > 0) {
		ck_assert_int_ge(prun_pool_step(pool, 0), 0);
		ck_assert(poll(p, 2, -1) > 0 || errno == EINTR);
		if (p[0].revents) {
			ck_assert_int_eq(eventfd_read(arrived, &n), 0);
			count--;
		}
	}
}

/* ---------------------------------------------------------------- functions */

static inline void note_start(uint64_t index)
{
	uint32_t n = atomic_fetch_add(&seen->started, 1);

	if (index < SEEN_TASKS)
		seen->starts[index]++;
	if (n < SEEN_TASKS)
		seen->order[n] = (uint32_t)index;
}

static inline int task_square(struct prun_task *task)
{
	int64_t n;
	int rc = prun_arg_int(task, &n);

	if (rc < 0)
		return rc;
	note_start(prun_task_index(task));
	return prun_ret_int(task, n * n);
}

static inline int task_echo(struct prun_task *task)
{
	size_t size;
	const void *arg = prun_task_arg(task, &size);

	return prun_ret_pack(task, "V#", arg, size);
}

/* The odd ones fail. */
static inline int task_picky(struct prun_task *task)
{
	int64_t n;
	int rc = prun_arg_int(task, &n);

	if (rc < 0)
		return rc;
	note_start(prun_task_index(task));
	if (n % 2)
		return prun_task_fail(task, -EDOM, "%d is odd", (int)n);
	return prun_ret_int(task, n);
}

/* Fails with a text of so many bytes. */
static inline int task_wordy(struct prun_task *task)
{
	int64_t n;
	int rc = prun_arg_int(task, &n);
	char *text;

	if (rc < 0)
		return rc;
	text = malloc((size_t)n + 1);
	if (!text)
		return -ENOMEM;
	memset(text, 'x', (size_t)n);
	text[n] = '\0';
	rc = prun_task_fail(task, -EIO, "%s", text);
	free(text);
	return rc;
}

/* By its argument, a result that is not one value, or a strange status. */
static inline int task_malformed(struct prun_task *task)
{
	int64_t n;
	int rc = prun_arg_int(task, &n);

	if (rc < 0)
		return rc;
	switch (n % 4) {
	case 0:
		prun_ret_int(task, 1);
		return prun_ret_int(task, 2);
	case 1:
		return prun_pack_array(prun_task_packer(task), 2);
	case 2:
		return 7;
	default:
		return prun_packer_write(prun_task_packer(task), "\xc1", 1);
	}
}

static inline unsigned char blob_byte(size_t i)
{
	return (unsigned char)(i * 31 + (i >> 12));
}

/* So many bytes. */
static inline int task_blob(struct prun_task *task)
{
	int64_t n;
	int rc = prun_arg_int(task, &n);
	unsigned char *blob;
	size_t i;

	if (rc < 0)
		return rc;
	blob = malloc((size_t)n + 1);
	if (!blob)
		return -ENOMEM;
	for (i = 0; i < (size_t)n; i++)
		blob[i] = blob_byte(i);
	rc = prun_ret_bin(task, blob, (size_t)n);
	free(blob);
	return rc;
}

static inline int task_quiet(struct prun_task *task)
{
	note_start(prun_task_index(task));
	return 0;
}

static inline int task_who(struct prun_task *task)
{
	return prun_ret_int(task, getpid());
}

/* What its worker's initializer stored, and the ctx of its entry. */
static inline int task_state(struct prun_task *task)
{
	const int *state = prun_task_state(task);
	const char *ctx = prun_task_ctx(task);

	return prun_ret_pack(task, "[i, i, s?]", state ? *state : -1,
			     prun_task_worker_id(task), ctx);
}

/* Waits at the gate; those with a negative argument do not. */
static inline int task_gate(struct prun_task *task)
{
	uint32_t now, most;
	int64_t n;
	int rc = prun_arg_int(task, &n);

	if (rc < 0)
		return rc;
	note_start(prun_task_index(task));
	if (n < 0)
		return prun_ret_int(task, n);
	now = atomic_fetch_add(&seen->running, 1) + 1;
	most = atomic_load(&seen->most_running);
	while (now > most &&
	       !atomic_compare_exchange_weak(&seen->most_running, &most, now))
		;
	if (eventfd_write(arrived, 1) < 0)
		return -errno;
	is_readable(gate, -1);
	atomic_fetch_sub(&seen->running, 1);
	return prun_ret_int(task, n);
}

/* Index 0 waits at the gate, the others do not. */
static inline int task_first_waits(struct prun_task *task)
{
	note_start(prun_task_index(task));
	if (prun_task_index(task) == 0) {
		if (eventfd_write(arrived, 1) < 0)
			return -errno;
		is_readable(gate, -1);
	}
	return prun_ret_int(task, getpid());
}

#define BATCH_LANES 4

/* Holds all lanes that it gets tasks for and then finishes the one begun
 * last, so that the others wait. Gives the square. */
static inline int batch_square(struct prun_batch *batch)
{
	struct prun_task *open[BATCH_LANES + 1];
	unsigned n = 0;
	int64_t value;
	int rc;

	do {
		while ((rc = prun_batch_next(&open[n], batch)) == 1) {
			note_start(prun_task_index(open[n]));
			n++;
			if (n > seen->most_running)
				seen->most_running = n;
		}
		if (rc < 0 && (rc != PRUN_EINVAL || n != BATCH_LANES))
			return rc;
		if (n > 0) {
			n--;
			rc = prun_arg_int(open[n], &value);
			if (rc == 0 && value == 13)
				rc = prun_task_fail(open[n], -EDOM, "unlucky");
			if (rc == 0)
				rc = prun_ret_int(open[n], value * value);
			prun_batch_done(open[n], rc);
			rc = 1;
		}
	} while (rc != 0 || n > 0);
	return 0;
}

/* ------------------------------------------------------------ pools and calls */

#define FUNC(n) \
	{ \
		.name = #n, .fn = task_##n \
	}

/* Behind the indexes that note_start() counts. */
#define MARK 10000

/* Counts the runs of what its argument names. */
static inline int task_mark(struct prun_task *task)
{
	int64_t n;
	int rc = prun_arg_int(task, &n);

	if (rc < 0)
		return rc;
	seen->starts[MARK + n]++;
	return prun_ret_int(task, n);
}

static const struct prun_func all_funcs[] = {
	FUNC(square),
	FUNC(echo),
	FUNC(picky),
	FUNC(wordy),
	FUNC(malformed),
	FUNC(blob),
	FUNC(quiet),
	FUNC(who),
	{.name = "state", .fn = task_state, .ctx = "the ctx"},
	FUNC(gate),
	FUNC(first_waits),
	{.name = "lanes", .batch = batch_square, .lanes = BATCH_LANES},
	{.name = NULL},
};

/* The start methods with processes, for tests inline has nothing for. */
#define REMOTES 2
static const int remote_methods[REMOTES] = {PRUN_START_FORK,
					    PRUN_START_FORKSERVER};

static inline struct prun_options options_for(int method, uint32_t workers)
{
	struct prun_options o = PRUN_OPTIONS_INIT;

	o.workers = workers;
	o.funcs = all_funcs;
	o.start_method = (enum prun_start_method)method;
	return o;
}

static inline struct prun_pool *open_with(const struct prun_options *o)
{
	struct prun_pool *pool;

	ck_assert_int_eq(prun_pool_new(&pool, o), 0);
	ck_assert_ptr_nonnull(pool);
	return pool;
}

static inline struct prun_pool *open_pool(int method, uint32_t workers)
{
	struct prun_options o = options_for(method, workers);

	return open_with(&o);
}

/* Its outcome, and it is freed. */
static inline void end_with(struct prun_job *job, int status)
{
	const struct prun_result *r;

	ck_assert_int_eq(prun_job_get(&r, job, -1), status);
	prun_job_free(job);
}

/* Close, join, free. */
static inline void finish_pool(struct prun_pool *pool)
{
	ck_assert_int_eq(prun_pool_close(pool), 0);
	ck_assert_int_eq(prun_pool_join(pool, -1), 0);
	ck_assert_int_eq(prun_pool_free(pool), 0);
}

static inline struct prun_call call_of(const char *func, prun_source_fn source,
				       void *payload)
{
	struct prun_call c = PRUN_CALL_INIT;

	c.func = func;
	c.source = source;
	c.source_payload = payload;
	return c;
}

static inline struct prun_call range_call(const char *func,
					  struct prun_range *range)
{
	return call_of(func, prun_source_range, range);
}

static inline int64_t int_of(const struct prun_result *r)
{
	int64_t n = 0;

	ck_assert_msg(r->status == 0, "task %lu: %s: %s",
		      (unsigned long)r->index, prun_error_name(r->status),
		      r->message ? r->message : "");
	ck_assert_int_eq(prun_result_int(r, &n), 0);
	return n;
}

static inline const struct prun_result *next_of(struct prun_job *job)
{
	const struct prun_result *r = NULL;

	ck_assert_int_eq(prun_job_next(&r, job, -1), 1);
	ck_assert_ptr_nonnull(r);
	return r;
}

static inline void assert_end(struct prun_job *job, int rc)
{
	const struct prun_result *r = NULL;

	ck_assert_int_eq(prun_job_next(&r, job, -1), rc);
	ck_assert_int_eq(prun_job_next(&r, job, 0), rc);
	ck_assert_ptr_null(r);
}

/* The pool still works: squares of 0 to 99. */
static inline void assert_works(struct prun_pool *pool)
{
	struct prun_range range = {0, 100, 1};
	struct prun_call c = range_call("square", &range);
	const struct prun_result *r;
	struct prun_job *job;
	int i;

	ck_assert_int_eq(prun_map(&job, pool, &c), 0);
	ck_assert_int_eq(prun_job_successful(job), 1);
	for (i = 0; i < 100; i++) {
		ck_assert_int_eq(prun_job_at(&r, job, (uint64_t)i), 0);
		ck_assert_int_eq(int_of(r), i * i);
	}
	prun_job_free(job);
}

/* An integer as msgpack, for an apply. */
static inline void set_argument(struct prun_call *c, struct prun_packer *p,
				int64_t n)
{
	prun_packer_clear(p);
	ck_assert_int_eq(prun_pack_int(p, n), 0);
	c->argument = prun_packer_data(p, &c->argument_size);
}

static inline struct prun_packer *new_packer(void)
{
	struct prun_packer *p;

	ck_assert_int_eq(prun_packer_new(&p), 0);
	return p;
}

/* A map and an apply that are not waited for. */
static inline struct prun_job *
start_range(struct prun_pool *pool, const char *func, struct prun_range *range)
{
	struct prun_call c = range_call(func, range);
	struct prun_job *job;

	ck_assert_int_eq(prun_map_async(&job, pool, &c), 0);
	return job;
}

static inline struct prun_job *start_one(struct prun_pool *pool,
					 const char *func, int64_t n)
{
	struct prun_call c = call_of(func, NULL, NULL);
	struct prun_packer *p = new_packer();
	struct prun_job *job;

	set_argument(&c, p, n);
	ck_assert_int_eq(prun_apply_async(&job, pool, &c), 0);
	prun_packer_free(p);
	return job;
}

#endif
