/* SPDX-License-Identifier: MIT */
/*
 * Pools whose workers a fork server bears, and the options of each worker
 * process, which are tested with both ways of birth.
 *
 * The witness is a pipe whose other end all workers and the server inherit:
 * its end of file says that none of them is left.
 */
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "fork_fail.h"
#include "pool_suite.h"

#define WAIT_MS 20000
#define METHODS 2
#define SERVER PRUN_START_FORKSERVER
#define MIB ((size_t)1 << 20)

static const int methods[METHODS] = {PRUN_START_FORK, SERVER};

/* --------------------------------------------------------------- the witness */

static int witness[2] = {-1, -1};

static void witness_setup(void)
{
	ck_assert_int_eq(pipe2(witness, O_CLOEXEC), 0);
}

static void witness_teardown(void)
{
	close(witness[0]);
	if (witness[1] >= 0)
		close(witness[1]);
	witness[1] = -1;
}

static TCase *option_case(Suite *s, const char *name)
{
	TCase *tc = pool_case(s, name);

	tcase_add_checked_fixture(tc, witness_setup, witness_teardown);
	return tc;
}

/* From here on only processes born before hold the other end. */
static void let_go(void)
{
	close(witness[1]);
	witness[1] = -1;
}

static bool nobody_left(int timeout_ms)
{
	char c;

	return is_readable(witness[0], timeout_ms) &&
	       read(witness[0], &c, 1) == 0;
}

static void expect_no_child(void)
{
	errno = 0;
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG | __WALL), -1);
	ck_assert_int_eq(errno, ECHILD);
}

static int watch(pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	ck_assert_int_ge(fd, 0);
	return fd;
}

static void expect_end(int pidfd, int timeout_ms)
{
	ck_assert_msg(is_readable(pidfd, timeout_ms), "a process lives");
	close(pidfd);
}

/* ----------------------------------------------------------------- functions */

/* Memory that a worker has taken and keeps. */
struct kept {
	struct kept *next;
};

static void *take_memory(size_t size)
{
#ifdef __SANITIZE_ADDRESS__
	/* Its malloc ends the process when there is none. */
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
#else
	return malloc(size);
#endif
}

static int keep_memory(size_t size)
{
	static struct kept *all;
	struct kept *k = take_memory(size);

	if (!k)
		return -ENOMEM;
	memset(k, 1, size);
	k->next = all;
	all = k;
	return 0;
}

/* n >= 0: leaves with this code; else is killed by this signal. */
static int task_die(struct prun_task *task)
{
	int64_t n;
	int rc = prun_arg_int(task, &n);

	if (rc < 0)
		return rc;
	note_start(prun_task_index(task));
	if (n >= 0)
		_exit((int)n);
	kill(getpid(), (int)-n);
	return prun_ret_int(task, n);
}

static int task_family(struct prun_task *task)
{
	note_start(prun_task_index(task));
	return prun_ret_pack(task, "[i, i]", (int)getpid(), (int)getppid());
}

/* A child that ignores what can be ignored, and one of its own in another
 * session; both are there when it has ended. */
static int task_leave(struct prun_task *task)
{
	pid_t pids[2] = {0, 0};
	int told[2];

	if (pipe(told) < 0)
		return -errno;
	pids[0] = fork();
	if (pids[0] == 0) {
		for (int sig = 1; sig < NSIG; sig++)
			signal(sig, SIG_IGN);
		pids[1] = fork();
		if (pids[1] == 0)
			setsid();
		else if (write(told[1], &pids[1], sizeof(pids[1])) < 0)
			_exit(1);
		for (;;)
			pause();
	}
	if (read(told[0], &pids[1], sizeof(pids[1])) < 0)
		return -errno;
	close(told[0]);
	close(told[1]);
	return prun_ret_pack(task, "[i, i, i]", (int)pids[0], (int)pids[1],
			     (int)getpid());
}

static int task_priority(struct prun_task *task)
{
	return prun_ret_pack(task, "[i, i]", getpriority(PRIO_PROCESS, 0),
			     getpriority(PRIO_PROCESS, (id_t)getppid()));
}

/* Waits at the gate, so that each worker gets one. Gives its id, how many
 * processors it may use, and the first of them. */
static int task_pinned(struct prun_task *task)
{
	cpu_set_t may;
	size_t cpu = 0;

	if (eventfd_write(arrived, 1) < 0)
		return -errno;
	is_readable(gate, -1);
	if (sched_getaffinity(0, sizeof(may), &may) < 0)
		return -errno;
	while (!CPU_ISSET(cpu, &may))
		cpu++;
	return prun_ret_pack(task, "[i, i, i]", prun_task_worker_id(task),
			     CPU_COUNT(&may), (int)cpu);
}

/* So many MiB: written to, and given back. */
static int task_allocate(struct prun_task *task)
{
	int64_t n;
	int rc = prun_arg_int(task, &n);
	char *p;

	if (rc < 0)
		return rc;
	p = take_memory((size_t)n * MIB);
	if (!p)
		return prun_task_fail(task, -ENOMEM, "no %d MiB", (int)n);
	memset(p, 1, (size_t)n * MIB);
#ifdef __SANITIZE_ADDRESS__
	munmap(p, (size_t)n * MIB);
#else
	free(p);
#endif
	return prun_ret_int(task, n);
}

#define GROWTH (2 * MIB)

static int task_grow(struct prun_task *task)
{
	int64_t n;
	int rc = prun_arg_int(task, &n);

	note_start(prun_task_index(task));
	if (rc == 0)
		rc = keep_memory(GROWTH);
	return rc < 0 ? rc : prun_ret_int(task, n * n);
}

/* The same on all lanes. */
static int batch_grow(struct prun_batch *batch)
{
	struct prun_task *open[BATCH_LANES];
	unsigned n = 0;
	int rc = 1;

	while (rc == 1 || n > 0) {
		while (n < BATCH_LANES &&
		       (rc = prun_batch_next(&open[n], batch)) == 1)
			n++;
		if (rc < 0)
			return rc;
		if (n > 0) {
			n--;
			prun_batch_done(open[n], task_grow(open[n]));
		}
	}
	return 0;
}

/* How it stands with SIGINT, after one. */
static int task_interrupted(struct prun_task *task)
{
	kill(getpid(), SIGINT);
	return prun_ret_int(task, 7);
}

static const struct prun_func funcs[] = {
	FUNC(square),
	FUNC(gate),
	FUNC(who),
	FUNC(quiet),
	{.name = "state", .fn = task_state, .ctx = "the ctx"},
	{.name = "leave", .fn = task_leave},
	FUNC(die),
	FUNC(family),
	FUNC(priority),
	FUNC(pinned),
	FUNC(allocate),
	FUNC(grow),
	FUNC(interrupted),
	{.name = "grow_batch", .batch = batch_grow, .lanes = BATCH_LANES},
	{.name = NULL},
};

static struct prun_options options_of(int method, uint32_t workers)
{
	struct prun_options o = options_for(method, workers);

	o.funcs = funcs;
	return o;
}

static struct prun_pool *served_pool(uint32_t workers)
{
	struct prun_options o = options_of(SERVER, workers);

	return open_with(&o);
}

/* One task, with an integer; its result is the job's. */
static const struct prun_result *run_one(struct prun_job **job,
					 struct prun_pool *pool,
					 const char *func, int64_t n)
{
	struct prun_call c = call_of(func, NULL, NULL);
	struct prun_packer *p = new_packer();
	const struct prun_result *r = NULL;

	set_argument(&c, p, n);
	ck_assert_int_eq(prun_apply(job, pool, &c), 0);
	prun_job_get(&r, *job, -1);
	ck_assert_ptr_nonnull(r);
	prun_packer_free(p);
	return r;
}

static int64_t value_of(struct prun_pool *pool, const char *func, int64_t n)
{
	struct prun_job *job;
	int64_t value = int_of(run_one(&job, pool, func, n));

	prun_job_free(job);
	return value;
}

/* Of the one who runs a task just now. */
static void family_of(pid_t *worker, pid_t *parent, struct prun_pool *pool)
{
	struct prun_job *job;
	const struct prun_result *r = run_one(&job, pool, "family", 0);

	ck_assert_int_eq(prun_result_unpack(r, "[i, i]", worker, parent), 0);
	ck_assert_int_eq(r->worker_pid, *worker);
	prun_job_free(job);
}

static pid_t server_of(struct prun_pool *pool)
{
	pid_t worker, parent;

	family_of(&worker, &parent, pool);
	ck_assert_int_ne(parent, getpid());
	return parent;
}

static void end_in_peace(struct prun_pool *pool)
{
	ck_assert_int_eq(prun_pool_close(pool), 0);
	ck_assert_int_eq(prun_pool_join(pool, -1), 0);
	expect_no_child();
	ck_assert(nobody_left(0));
	ck_assert_int_eq(prun_pool_free(pool), 0);
}

/* ------------------------------------------------------------ served pools */

START_TEST(calls_give_what_they_should)
{
	struct prun_pool *pool = served_pool(3);
	struct prun_range ranges[2] = {{0, 5000, 1}, {0, 5000, 1}};
	struct prun_call c = range_call("square", &ranges[0]);
	const struct prun_result *r;
	struct prun_job *map, *imap;
	int i;

	let_go();
	ck_assert_int_eq(prun_map(&map, pool, &c), 0);
	c.source_payload = &ranges[1];
	ck_assert_int_eq(prun_imap(&imap, pool, &c), 0);
	for (i = 0; i < 5000; i++) {
		ck_assert_int_eq(prun_job_at(&r, map, (uint64_t)i), 0);
		ck_assert_int_eq(int_of(r), i * i);
		r = next_of(imap);
		ck_assert_uint_eq(r->index, (uint64_t)i);
		ck_assert_int_eq(int_of(r), i * i);
	}
	assert_end(imap, 0);
	prun_job_free(map);
	prun_job_free(imap);
	for (i = 0; i < 20; i++)
		ck_assert_int_eq(value_of(pool, "square", i), i * i);
	expect_no_child();
	end_in_peace(pool);
}
END_TEST

static void on_chld(int sig)
{
	(void)sig;
	atomic_fetch_add(&seen->finals, 1);
}

/* All have one parent, which is not the caller; he sees nothing of them. */
START_TEST(workers_are_the_servers)
{
	struct sigaction sa = {.sa_handler = on_chld}, before;
	struct prun_options o = options_of(SERVER, 3);
	struct prun_range range = {0, 60, 1};
	struct prun_call c = range_call("family", &range);
	const struct prun_result *r;
	struct prun_pool *pool;
	struct prun_job *job;
	pid_t pid, parent, server;
	int i;

	o.maxtasksperchild = 4;
	sigaction(SIGCHLD, &sa, &before);
	pool = open_with(&o);
	let_go();
	atomic_store(&seen->finals, 0);
	server = server_of(pool);
	ck_assert_int_eq(prun_map(&job, pool, &c), 0);
	for (i = 0; i < 60; i++) {
		r = next_of(job);
		ck_assert_int_eq(prun_result_unpack(r, "[i, i]", &pid, &parent),
				 0);
		ck_assert_int_eq(parent, server);
		expect_no_child();
	}
	prun_job_free(job);
	end_in_peace(pool);
	ck_assert_uint_eq(seen->finals, 0);
	sigaction(SIGCHLD, &before, NULL);
}
END_TEST

START_TEST(two_hundred_workers)
{
	struct prun_pool *pool = served_pool(200);
	struct prun_range range = {0, 400, 1};
	struct prun_call c = range_call("gate", &range);
	const struct prun_result *r;
	struct prun_job *job;
	int i;

	let_go();
	ck_assert_int_eq(prun_pool_workers(pool), 200);
	ck_assert_int_eq(prun_map_async(&job, pool, &c), 0);
	await_arrivals(pool, 200);
	ck_assert_uint_eq(seen->most_running, 200);
	gate_open();
	ck_assert_int_eq(prun_job_wait(job, -1), 0);
	for (i = 0; i < 400; i++) {
		r = next_of(job);
		ck_assert_int_eq(int_of(r), i);
		ck_assert(r->worker_id >= 0 && r->worker_id < 200);
	}
	ck_assert_uint_eq(seen->most_running, 200);
	prun_job_free(job);
	end_in_peace(pool);
}
END_TEST

/* More than the socket to the server has room for at a time. */
START_TEST(more_workers_than_requests_in_flight)
{
	struct prun_options o = options_of(SERVER, 1000);
	struct rlimit old, limit;
	struct prun_pool *pool;

	getrlimit(RLIMIT_NOFILE, &old);
	limit = (struct rlimit){old.rlim_max, old.rlim_max};
	setrlimit(RLIMIT_NOFILE, &limit);
	if (old.rlim_max >= 2500) {
		ck_assert_int_eq(prun_pool_new(&pool, &o), 0);
		let_go();
		ck_assert_int_eq(value_of(pool, "square", 3), 9);
		end_in_peace(pool);
	}
	setrlimit(RLIMIT_NOFILE, &old);
}
END_TEST

/* Each a process of its own, and each result says whose it is. */
START_TEST(a_process_for_each_task)
{
	struct prun_options o = options_of(SERVER, 2);
	struct prun_range range = {0, 500, 1};
	struct prun_call c = range_call("family", &range);
	const struct prun_result *r;
	pid_t pids[500], server;
	struct prun_pool *pool;
	struct prun_job *job;
	int i, k;

	o.maxtasksperchild = 1;
	pool = open_with(&o);
	let_go();
	ck_assert_int_eq(prun_imap(&job, pool, &c), 0);
	for (i = 0; i < 500; i++) {
		r = next_of(job);
		ck_assert_uint_eq(r->index, (uint64_t)i);
		ck_assert_int_eq(
			prun_result_unpack(r, "[i, i]", &pids[i], &server), 0);
		ck_assert_msg(r->worker_pid == pids[i],
			      "task %d: worker_pid is %d, not %d", i,
			      (int)r->worker_pid, (int)pids[i]);
		for (k = 0; k < i; k++)
			ck_assert_int_ne(pids[k], pids[i]);
		ck_assert_uint_eq(seen->starts[i], 1);
	}
	assert_end(job, 0);
	prun_job_free(job);
	end_in_peace(pool);
}
END_TEST

static void expect_death(struct prun_pool *pool, int n)
{
	struct prun_job *job;
	const struct prun_result *r = run_one(&job, pool, "die", n);
	char word[32];

	ck_assert_int_eq(r->status, PRUN_EWORKER);
	ck_assert_int_gt(r->worker_pid, 0);
	ck_assert_int_eq(r->worker_signal, n < 0 ? -n : 0);
	ck_assert_int_eq(r->worker_exit, n < 0 ? -1 : n);
	snprintf(word, sizeof(word), n < 0 ? "signal %d" : "code %d", abs(n));
	ck_assert_ptr_nonnull(strstr(r->message, word));
	snprintf(word, sizeof(word), "pid %d", (int)r->worker_pid);
	ck_assert_ptr_nonnull(strstr(r->message, word));
	prun_job_free(job);
}

START_TEST(a_crash_is_named)
{
	static const int ways[] = {0,	     3,	      99,      -SIGSEGV,
				   -SIGKILL, -SIGINT, -SIGTERM};
	struct prun_pool *pool = served_pool(2);
	pid_t server = server_of(pool);
	unsigned i;

	let_go();
	for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		expect_death(pool, ways[i]);
	assert_works(pool);
	ck_assert_int_eq(server_of(pool), server);
	end_in_peace(pool);
}
END_TEST

/* Exactly the tasks that crash fail. */
START_TEST(crashes_among_others)
{
	struct prun_pool *pool = served_pool(3);
	struct prun_range ranges[2] = {{1, 21, 1}, {0, 2000, 1}};
	struct prun_call c = range_call("die", &ranges[0]);
	const struct prun_result *r;
	struct prun_job *die, *square;
	int i;

	let_go();
	ck_assert_int_eq(prun_map_async(&die, pool, &c), 0);
	c = range_call("square", &ranges[1]);
	ck_assert_int_eq(prun_map_async(&square, pool, &c), 0);
	for (i = 0; i < 2000; i++)
		ck_assert_int_eq(int_of(next_of(square)), i * i);
	for (i = 0; i < 20; i++) {
		r = next_of(die);
		ck_assert_int_eq(r->status, PRUN_EWORKER);
		ck_assert_int_eq(r->worker_exit, i + 1);
	}
	prun_job_free(die);
	prun_job_free(square);
	end_in_peace(pool);
}
END_TEST

START_TEST(an_idle_worker_is_killed)
{
	struct prun_pool *pool = served_pool(1);
	pid_t worker, parent, next;
	int pidfd, i;

	let_go();
	for (i = 0; i < 5; i++) {
		family_of(&worker, &parent, pool);
		pidfd = watch(worker);
		kill(worker, SIGKILL);
		expect_end(pidfd, WAIT_MS);
		family_of(&next, &parent, pool);
		ck_assert_int_ne(next, worker);
	}
	end_in_peace(pool);
}
END_TEST

static int init_failing(void **state, int worker_id, void *initarg,
			char *message, size_t size)
{
	(void)state;
	(void)worker_id;
	atomic_fetch_add(&seen->inits, 1);
	snprintf(message, size, "%s", (const char *)initarg);
	return -ENOENT;
}

START_TEST(an_initializer_fails)
{
	static char text[] = "the table of primes is missing";
	struct prun_options o = options_of(SERVER, 2);
	struct prun_range range = {0, 10, 1};
	struct prun_call c = range_call("square", &range);
	const char *message = NULL;
	struct prun_pool *pool;
	struct prun_job *job;
	int i;

	o.initializer = init_failing;
	o.initarg = text;
	pool = open_with(&o);
	let_go();
	ck_assert_int_eq(prun_map(&job, pool, &c), PRUN_EINIT);
	ck_assert_int_eq(prun_pool_error(pool, &message), PRUN_EINIT);
	ck_assert_str_eq(message, text);
	for (i = 0; i < 10; i++)
		ck_assert_int_eq(next_of(job)->status, PRUN_EINIT);
	ck_assert_uint_le(seen->inits, 5); /* three, and those underway */
	prun_job_free(job);
	end_in_peace(pool);
}
END_TEST

/* The server is as it was when the pool opened, and so are new workers. */
static int changing = 1;

static int init_keeping(void **state, int worker_id, void *initarg,
			char *message, size_t size)
{
	(void)worker_id;
	(void)initarg;
	(void)message;
	(void)size;
	*state = &changing;
	return 0;
}

START_TEST(workers_know_the_beginning)
{
	struct prun_options o = options_of(SERVER, 1);
	struct prun_pool *pool;
	struct prun_job *job;
	int state, i;

	o.maxtasksperchild = 1;
	o.initializer = init_keeping;
	changing = 1;
	pool = open_with(&o);
	let_go();
	for (i = 0; i < 3; i++) {
		changing = 2 + i;
		ck_assert_int_eq(
			prun_result_unpack(run_one(&job, pool, "state", 0),
					   "[i *]", &state),
			0);
		ck_assert_int_eq(state, 1);
		prun_job_free(job);
	}
	end_in_peace(pool);
}
END_TEST

/* ------------------------------------------------------- the server is killed */

/* All of it ends with the one error, and nothing hangs. */
static void expect_broken(struct prun_pool *pool, struct prun_job *job,
			  uint64_t good)
{
	const struct prun_result *r;
	const char *message = NULL;
	uint64_t n = 0;
	int rc;

	ck_assert_int_eq(prun_job_wait(job, WAIT_MS), 0);
	ck_assert_int_eq(prun_job_ready(job), 1);
	ck_assert_int_eq(prun_job_successful(job), 0);
	ck_assert_int_eq(prun_job_error(job), PRUN_ESERVER);
	while ((rc = prun_job_next(&r, job, 0)) == 1) {
		good -= r->status == 0;
		/* Those that were running have lost their worker. */
		ck_assert_msg(r->status == 0 || r->status == PRUN_ESERVER ||
				      r->status == PRUN_EWORKER,
			      "task %lu: %s", (unsigned long)r->index,
			      prun_error_name(r->status));
		if (r->status == PRUN_EWORKER)
			ck_assert_msg(!strstr(r->message, "wait()"),
				      "nobody waited: %s", r->message);
		n++;
	}
	ck_assert_int_eq(rc, PRUN_ESERVER);
	ck_assert_uint_eq(n, prun_job_submitted(job));
	ck_assert_uint_eq(good, 0);
	ck_assert_int_eq(prun_pool_error(pool, &message), PRUN_ESERVER);
	ck_assert_str_eq(message, prun_strerror(PRUN_ESERVER));
}

START_TEST(the_server_dies_while_tasks_run)
{
	struct prun_pool *pool = served_pool(3);
	struct prun_range ranges[2] = {{0, 20, 1}, {0, 1000, 1}};
	struct prun_call c = range_call("gate", &ranges[0]);
	pid_t server = server_of(pool);
	struct prun_job *jobs[2], *late;

	let_go();
	ck_assert_int_eq(prun_map_async(&jobs[0], pool, &c), 0);
	await_arrivals(pool, 3);
	c = range_call("square", &ranges[1]);
	ck_assert_int_eq(prun_imap(&jobs[1], pool, &c), 0);
	kill(server, SIGKILL);
	expect_broken(pool, jobs[0], 0);
	expect_broken(pool, jobs[1], 0);
	ck_assert(nobody_left(0));
	ck_assert_int_eq(prun_map(&late, pool, &c), PRUN_ESERVER);
	ck_assert_ptr_null(late);
	prun_job_free(jobs[0]);
	prun_job_free(jobs[1]);
	end_in_peace(pool);
}
END_TEST

/* It shows at the next call that drives the pool; a submission may come
 * first. */
START_TEST(the_server_dies_while_idle)
{
	struct prun_pool *pool = served_pool(2);
	struct prun_range range = {0, 100, 1};
	struct prun_call c = range_call("square", &range);
	pid_t server = server_of(pool);
	int pidfd = watch(server);
	struct prun_job *job;

	let_go();
	kill(server, SIGKILL);
	expect_end(pidfd, WAIT_MS);
	ck_assert(nobody_left(WAIT_MS));
	if (_i == 0) {
		ck_assert_int_eq(prun_map(&job, pool, &c), PRUN_ESERVER);
		expect_broken(pool, job, 0);
		prun_job_free(job);
	} else if (_i == 1) {
		ck_assert(is_readable(prun_pool_fd(pool), WAIT_MS));
		while (prun_pool_error(pool, NULL) == 0)
			ck_assert_int_ge(prun_pool_step(pool, WAIT_MS), 0);
		ck_assert_int_eq(prun_map(&job, pool, &c), PRUN_ESERVER);
		ck_assert_ptr_null(job);
	}
	/* Or it is never asked. */
	if (_i < 3)
		end_in_peace(pool);
	else
		ck_assert_int_eq(prun_pool_free(pool), 0);
}
END_TEST

/* While it bears, at any moment. */
START_TEST(the_server_dies_while_workers_are_replaced)
{
	int i;

	for (i = 0; i < 30; i++) {
		struct prun_options o = options_of(SERVER, 2);
		struct prun_range range = {0, INT64_MAX, 1};
		struct prun_call c = range_call("quiet", &range);
		const struct prun_result *r;
		struct prun_pool *pool;
		struct prun_job *job;
		pid_t server;
		int k, rc;

		o.maxtasksperchild = 1;
		pool = open_with(&o);
		server = server_of(pool);
		ck_assert_int_eq(prun_imap(&job, pool, &c), 0);
		for (k = 0; k < i % 7; k++)
			ck_assert_int_eq(next_of(job)->status, 0);
		kill(server, SIGKILL);
		while ((rc = prun_job_next(&r, job, WAIT_MS)) == 1)
			ck_assert(r->status == 0 || r->status == PRUN_ESERVER ||
				  r->status == PRUN_EWORKER);
		ck_assert_int_eq(rc, PRUN_ESERVER);
		prun_job_free(job);
		finish_pool(pool);
	}
	let_go();
	ck_assert(nobody_left(WAIT_MS));
}
END_TEST

/* ------------------------------------------------------------------ the end */

enum end { JOINED, TERMINATED, FREED, ENDS };

static void end_pool(struct prun_pool *pool, enum end how)
{
	if (how == JOINED)
		ck_assert_int_eq(prun_pool_close(pool), 0);
	if (how == TERMINATED)
		ck_assert_int_eq(prun_pool_terminate(pool), 0);
	if (how != FREED) {
		ck_assert_int_eq(prun_pool_join(pool, -1), 0);
		expect_no_child();
		ck_assert(nobody_left(0));
	}
	ck_assert_int_eq(prun_pool_free(pool), 0);
	expect_no_child();
	ck_assert(nobody_left(0));
}

/* Idle, and with tasks that would never end. The teardown looks after the
 * descriptors. */
START_TEST(nothing_is_left)
{
	enum end how = (enum end)(_i % ENDS);
	struct prun_options o = options_of(SERVER, 3);
	struct prun_range range = {0, 10, 1};
	struct prun_call c = range_call("gate", &range);
	struct prun_job *job = NULL;
	struct prun_pool *pool;

	o.grace_ms = 1;
	pool = open_with(&o);
	let_go();
	if (_i >= ENDS) {
		ck_assert_int_eq(prun_map_async(&job, pool, &c), 0);
		await_arrivals(pool, 3);
		if (how == JOINED)
			gate_open();
	}
	end_pool(pool, how);
	prun_job_free(job);
}
END_TEST

/* It has waited for its child and said so: nobody has that pid any more, and
 * it sleeps again. */
static void await_reaped(pid_t child, pid_t server)
{
	char path[64], state = 'R';
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)server);
	while (kill(child, 0) == 0 || state != 'S') {
		sched_yield();
		f = fopen(path, "re");
		ck_assert_ptr_nonnull(f);
		ck_assert_int_eq(fscanf(f, "%*d (%*[^)]) %c", &state), 1);
		fclose(f);
	}
}

/* The last worker has gone by itself, before anybody joins. */
START_TEST(join_without_a_worker)
{
	int i;

	for (i = 0; i < 20; i++) {
		struct prun_options o = options_of(SERVER, 1);
		struct prun_pool *pool;
		pid_t worker, server;
		struct prun_job *job;
		struct prun_call c;
		int pidfds[2];

		o.maxtasksperchild = 2;
		pool = open_with(&o);
		family_of(&worker, &server, pool);
		pidfds[0] = watch(worker);
		pidfds[1] = watch(server);
		c = call_of("family", NULL, NULL);
		ck_assert_int_eq(prun_apply_async(&job, pool, &c), 0);
		ck_assert_int_eq(prun_pool_step(pool, 0) < 0, 0);
		expect_end(pidfds[0], WAIT_MS);
		await_reaped(worker, server);
		ck_assert_int_eq(prun_pool_close(pool), 0);
		ck_assert_int_eq(prun_pool_join(pool, -1), 0);
		expect_end(pidfds[1], 0);
		prun_job_free(job);
		ck_assert_int_eq(prun_pool_free(pool), 0);
	}
}
END_TEST

/* A fork of the caller's that lives on holds copies of all descriptors, and
 * holds nothing up. */
START_TEST(ends_beside_a_copy_of_the_caller)
{
	struct prun_options o = options_of(methods[_i % 2], 2);
	struct prun_pool *pool = open_with(&o);
	pid_t copy;

	alarm(WAIT_MS / 1000);
	let_go();
	assert_works(pool);
	copy = fork();
	if (copy == 0) {
		close(witness[0]);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	ck_assert_int_gt(copy, 0);
	if (_i < 2) {
		ck_assert_int_eq(prun_pool_close(pool), 0);
		ck_assert_int_eq(prun_pool_join(pool, -1), 0);
		ck_assert(nobody_left(0));
	}
	ck_assert_int_eq(prun_pool_free(pool), 0);
	ck_assert(nobody_left(0));
	kill(copy, SIGKILL);
	ck_assert_int_eq(waitpid(copy, NULL, 0), copy);
}
END_TEST

static struct prun_pool *guarded_pool(void)
{
	struct prun_options o = options_of(SERVER, 2);

	o.kill_leftovers = 1;
	o.grace_ms = 1;
	return open_with(&o);
}

/* Have a task leave processes behind; its worker, and descriptors of them. */
static pid_t leave(int pidfds[2], struct prun_pool *pool)
{
	struct prun_call c = call_of("leave", NULL, NULL);
	const struct prun_result *r;
	struct prun_job *job;
	int pids[2], worker;

	ck_assert_int_eq(prun_apply(&job, pool, &c), 0);
	ck_assert_int_eq(prun_job_get(&r, job, -1), 0);
	ck_assert_int_eq(prun_result_unpack(r, "[i, i, i]", &pids[0], &pids[1],
					    &worker),
			 0);
	for (int i = 0; i < 2; i++)
		pidfds[i] = watch(pids[i]);
	prun_job_free(job);
	return worker;
}

/* They go with their worker, and not before. */
START_TEST(leftovers_of_a_worker)
{
	struct prun_pool *pool = guarded_pool();
	int pidfds[2];
	pid_t worker = leave(pidfds, pool);

	let_go();
	assert_works(pool);
	ck_assert(!is_readable(pidfds[0], 0));
	ck_assert(!is_readable(pidfds[1], 0));
	kill(worker, SIGKILL);
	expect_end(pidfds[0], WAIT_MS);
	expect_end(pidfds[1], WAIT_MS);
	assert_works(pool);
	end_in_peace(pool);
}
END_TEST

START_TEST(leftovers_of_a_pool)
{
	struct prun_pool *pool = guarded_pool();
	int pidfds[2];

	let_go();
	leave(pidfds, pool);
	end_pool(pool, (enum end)_i);
	expect_end(pidfds[0], 0);
	expect_end(pidfds[1], 0);
}
END_TEST

/* Also when all that is in its process group dies or stops with the caller:
 * the server is not. */
START_TEST(leftovers_of_a_killed_caller)
{
	int ready[2], pidfds[2];
	pid_t pid;
	char c;

	ck_assert_int_eq(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		setpgid(0, 0);
		leave(pidfds, guarded_pool());
		if (write(ready[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	let_go();
	close(ready[1]);
	ck_assert_int_eq(read(ready[0], &c, 1), 1);
	close(ready[0]);
	ck_assert(!is_readable(witness[0], 0));
	if (_i == 1)
		kill(-pid, SIGSTOP);
	kill(_i == 2 ? -pid : pid, SIGKILL);
	ck_assert(nobody_left(WAIT_MS));
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}
END_TEST

/* In a process of its own: open a pool, say so, and wait to be killed. */
static void be_killed(int method, int out)
{
	struct prun_options o = options_of(method, 3);
	struct prun_pool *pool = open_with(&o);
	struct prun_range range = {0, 10, 1};
	struct prun_call c = range_call("gate", &range);
	struct prun_job *job;

	ck_assert_int_eq(prun_map_async(&job, pool, &c), 0);
	await_arrivals(pool, 3);
	if (write(out, "x", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

START_TEST(workers_of_a_killed_caller)
{
	int ready[2];
	pid_t pid;
	char c;

	ck_assert_int_eq(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0)
		be_killed(methods[_i], ready[1]);
	let_go();
	close(ready[1]);
	ck_assert_int_eq(read(ready[0], &c, 1), 1);
	close(ready[0]);
	ck_assert(!is_readable(witness[0], 0));
	kill(pid, SIGKILL);
	ck_assert(nobody_left(WAIT_MS));
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}
END_TEST

/* To such a caller, or to the first process of a container, orphans come: the
 * server is one, and its workers when it is killed. */
START_TEST(a_caller_that_takes_orphans)
{
	struct prun_pool *pool;

	ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	pool = served_pool(2);
	let_go();
	assert_works(pool);
	if (_i == 1) {
		kill(server_of(pool), SIGKILL);
		while (prun_pool_error(pool, NULL) == 0)
			ck_assert_int_ge(prun_pool_step(pool, WAIT_MS), 0);
	}
	end_in_peace(pool);
	expect_no_child();
	prctl(PR_SET_CHILD_SUBREAPER, 0);
}
END_TEST

/* ------------------------------------------------------------- failing births */

/* The n-th fork fails: of the server, of what becomes the server, of each of
 * its workers. The count is inherited. */
START_TEST(pool_new_without_a_fork)
{
	unsigned long n, forks = methods[_i] == SERVER ? 5 : 3;
	struct prun_options o = options_of(methods[_i], 3);
	struct prun_pool *pool;

	for (n = 1; n <= forks; n++) {
		pool = (struct prun_pool *)&n;
		fork_fail_at(n);
		ck_assert_int_eq(prun_pool_new(&pool, &o), -EAGAIN);
		fork_fail_at(0);
		ck_assert_ptr_null(pool);
		expect_no_child();
	}
	fork_fail_at(forks + 1);
	pool = open_with(&o);
	fork_fail_at(0);
	let_go();
	assert_works(pool);
	end_in_peace(pool);
}
END_TEST

/* A replacement cannot be forked: it is tried again. */
START_TEST(a_replacement_without_a_fork)
{
	uint32_t workers = 1 + (uint32_t)_i / METHODS;
	int method = methods[_i % METHODS];
	struct prun_options o = options_of(method, workers);
	struct prun_range range = {0, 30, 1};
	struct prun_call c = range_call("square", &range);
	struct prun_pool *pool;
	struct prun_job *job;
	int i;

	o.maxtasksperchild = 5;
	fork_fail_at((method == SERVER ? 2 : 0) + workers + 1);
	pool = open_with(&o);
	ck_assert_int_eq(prun_map(&job, pool, &c), 0);
	for (i = 0; i < 30; i++)
		ck_assert_int_eq(int_of(next_of(job)), i * i);
	ck_assert(method == SERVER || fork_failed());
	fork_fail_at(0);
	prun_job_free(job);
	let_go();
	end_in_peace(pool);
}
END_TEST

/* A server that can take no descriptor bears no more; it does not hang. */
START_TEST(a_server_without_descriptors)
{
	struct prun_pool *pool = served_pool(1);
	struct prun_range range = {0, 5, 1};
	struct prun_call c = range_call("square", &range);
	struct rlimit limit = {3, 3};
	pid_t worker, server;
	struct prun_job *job;
	int pidfd;

	let_go();
	family_of(&worker, &server, pool);
	ck_assert_int_eq(prlimit(server, RLIMIT_NOFILE, &limit, NULL), 0);
	pidfd = watch(worker);
	kill(worker, SIGKILL);
	expect_end(pidfd, WAIT_MS);
	c.timeout_ms = WAIT_MS;
	ck_assert_int_eq(prun_map(&job, pool, &c), -EMFILE);
	ck_assert_int_eq(prun_pool_error(pool, NULL), -EMFILE);
	prun_job_free(job);
	end_in_peace(pool);
}
END_TEST

/* ------------------------------------------------------- copies and threads */

/* Every call in a forked copy; gives the line of the first that is wrong. */
static int call_in_copy(struct prun_pool *pool, struct prun_job *job)
{
	struct prun_range range = {0, 10, 1};
	struct prun_call c = range_call("square", &range);
	const struct prun_result *r;
	struct prun_stats stats;
	struct prun_job *none;

	if (prun_map(&none, pool, &c) != PRUN_EFORKED)
		return 1;
	if (prun_pool_step(pool, 0) != PRUN_EFORKED)
		return 2;
	if (prun_pool_join(pool, 0) != PRUN_EFORKED)
		return 3;
	if (prun_pool_close(pool) != PRUN_EFORKED)
		return 4;
	if (prun_pool_terminate(pool) != PRUN_EFORKED)
		return 5;
	if (prun_pool_wake(pool) != PRUN_EFORKED)
		return 6;
	if (prun_pool_fd(pool) != PRUN_EFORKED)
		return 7;
	if (prun_job_next(&r, job, 0) != PRUN_EFORKED)
		return 8;
	if (prun_job_wait(job, 0) != PRUN_EFORKED)
		return 9;
	if (prun_pool_stats(pool, &stats, sizeof(stats)) != PRUN_EFORKED)
		return 10;
	if (prun_job_cancel(job, 1) != PRUN_EFORKED)
		return 11;
	if (prun_pool_free(pool) != 0)
		return 12;
	prun_job_free(job);
	return 0;
}

/* The pool does not notice. */
START_TEST(a_copy_of_the_caller)
{
	struct prun_options o = options_of(methods[_i], 2);
	struct prun_pool *pool = open_with(&o);
	struct prun_range range = {0, 20, 1};
	struct prun_call c = range_call("gate", &range);
	struct prun_job *job;
	int i, status;
	pid_t pid;

	let_go();
	ck_assert_int_eq(prun_map_async(&job, pool, &c), 0);
	await_arrivals(pool, 2);
	pid = fork();
	if (pid == 0)
		_exit(call_in_copy(pool, job));
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 0);
	gate_open();
	ck_assert_int_eq(prun_job_wait(job, -1), 0);
	for (i = 0; i < 20; i++)
		ck_assert_int_eq(int_of(next_of(job)), i);
	prun_job_free(job);
	assert_works(pool);
	end_in_peace(pool);
}
END_TEST

#define THREADS 8

static void *hold_malloc(void *arg)
{
	const _Atomic bool *stop = arg;
	void *p[16] = {NULL};
	size_t i;

	for (i = 0; !atomic_load(stop); i++) {
		free(p[i % 16]);
		p[i % 16] = malloc(64 + i % 7 * 5000);
	}
	for (i = 0; i < 16; i++)
		free(p[i]);
	return NULL;
}

/* A lock that is held at a fork stays so in the child. */
START_TEST(threads_that_hold_malloc)
{
	struct prun_options o = options_of(SERVER, 2);
	struct prun_range range = {0, 200, 1};
	struct prun_call c = range_call("square", &range);
	_Atomic bool stop = false;
	pthread_t threads[THREADS];
	struct prun_pool *pool;
	struct prun_job *job;
	int i;

	o.maxtasksperchild = 1;
	pool = open_with(&o);
	let_go();
	for (i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, hold_malloc,
						&stop),
				 0);
	ck_assert_int_eq(prun_map(&job, pool, &c), 0);
	atomic_store(&stop, true);
	for (i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	for (i = 0; i < 200; i++)
		ck_assert_int_eq(int_of(next_of(job)), i * i);
	prun_job_free(job);
	end_in_peace(pool);
}
END_TEST

static void *open_there(void *pool)
{
	*(struct prun_pool **)pool = served_pool(2);
	return NULL;
}

/* They die with the process, not with the thread. */
START_TEST(the_thread_that_opened_it_ends)
{
	struct prun_pool *pool = NULL;
	pid_t worker, same, parent;
	pthread_t thread;

	ck_assert_int_eq(pthread_create(&thread, NULL, open_there, &pool), 0);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	let_go();
	family_of(&worker, &parent, pool);
	assert_works(pool);
	ck_assert_int_eq(kill(worker, 0), 0);
	same = server_of(pool);
	ck_assert_int_eq(same, parent);
	end_in_peace(pool);
}
END_TEST

/* ------------------------------------------------------------ worker options */

START_TEST(nice_is_added)
{
	int own = getpriority(PRIO_PROCESS, 0), in, parent;
	struct prun_options o = options_of(methods[_i % METHODS], 2);
	struct prun_pool *pool;
	struct prun_job *job;

	o.nice = _i < METHODS ? 3 : 0;
	pool = open_with(&o);
	ck_assert_int_eq(prun_result_unpack(run_one(&job, pool, "priority", 0),
					    "[i, i]", &in, &parent),
			 0);
	ck_assert_int_eq(in, own + o.nice);
	ck_assert_int_eq(parent, own);
	ck_assert_int_eq(getpriority(PRIO_PROCESS, 0), own);
	prun_job_free(job);
	let_go();
	end_in_peace(pool);
}
END_TEST

/* The code of a caller who may not be less nice than others. */
static int be_presumptuous(int method)
{
	struct prun_options o = options_of(method, 1);
	struct rlimit limit = {0, 0};
	const char *message = "";
	struct prun_range range = {0, 10, 1};
	struct prun_call c = range_call("square", &range);
	struct prun_pool *pool;
	struct prun_job *job;

	setrlimit(RLIMIT_NICE, &limit);
	if (getuid() == 0 && setresuid(65534, 65534, 65534) < 0)
		return 1;
	o.nice = -5;
	pool = open_with(&o);
	if (prun_map(&job, pool, &c) != PRUN_EINIT)
		return 2;
	if (prun_pool_error(pool, &message) != PRUN_EINIT)
		return 3;
	if (strncmp(message, "nice: ", 6) != 0)
		return 4;
	prun_job_free(job);
	prun_pool_free(pool);
	return 0;
}

START_TEST(an_option_that_is_not_granted)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(be_presumptuous(methods[_i]));
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 0);
}
END_TEST

/* The n-th of those the caller may use. */
static int nth_cpu(const cpu_set_t *may, int n)
{
	int cpu = -1;

	while (n >= 0)
		n -= CPU_ISSET((size_t)++cpu, may) ? 1 : 0;
	return cpu;
}

static void assert_pinned(struct prun_job *job, const cpu_set_t *may, int pin)
{
	int i, id, count, cpu, all = CPU_COUNT(may);
	bool met[5] = {false};

	for (i = 0; i < 5; i++) {
		ck_assert_int_eq(prun_result_unpack(next_of(job), "[i, i, i]",
						    &id, &count, &cpu),
				 0);
		ck_assert(id >= 0 && id < 5 && !met[id]);
		met[id] = true;
		ck_assert_int_eq(count, pin ? 1 : all);
		ck_assert_int_eq(cpu, nth_cpu(may, pin ? id % all : 0));
	}
}

START_TEST(pin_to_one_each)
{
	cpu_set_t may, last, now;
	int k;

	ck_assert_int_eq(sched_getaffinity(0, sizeof(may), &may), 0);
	CPU_ZERO(&last);
	CPU_SET((size_t)nth_cpu(&may, CPU_COUNT(&may) - 1), &last);
	for (k = 0; k < 3; k++) {
		struct prun_options o = options_of(methods[_i], 5);
		struct prun_range range = {0, 5, 1};
		struct prun_call c = range_call("pinned", &range);
		struct prun_pool *pool;
		struct prun_job *job;

		o.pin = k > 0;
		if (k == 2)
			sched_setaffinity(0, sizeof(last), &last);
		pool = open_with(&o);
		ck_assert_int_eq(prun_map_async(&job, pool, &c), 0);
		await_arrivals(pool, 5);
		gate_open();
		ck_assert_int_eq(prun_job_wait(job, -1), 0);
		gate_shut();
		sched_getaffinity(0, sizeof(now), &now);
		ck_assert(CPU_EQUAL(&now, k == 2 ? &last : &may));
		assert_pinned(job, &now, o.pin);
		prun_job_free(job);
		finish_pool(pool);
	}
	sched_setaffinity(0, sizeof(may), &may);
	let_go();
	ck_assert(nobody_left(0));
}
END_TEST

static void on_int(int sig)
{
	(void)sig;
}

START_TEST(sigint_in_a_worker)
{
	struct sigaction sa = {.sa_handler = on_int}, before, now;
	struct prun_options o = options_of(methods[_i], 2);
	const struct prun_result *r;
	struct prun_pool *pool;
	struct prun_job *job;
	int k;

	for (k = 0; k < 3; k++) {
		/* Not caught, caught, ignored by the caller itself. */
		sa.sa_handler = k == 0 ? SIG_DFL : k == 1 ? on_int : SIG_IGN;
		sigaction(SIGINT, &sa, &before);
		o.ignore_sigint = 1;
		pool = open_with(&o);
		ck_assert_int_eq(value_of(pool, "interrupted", 0), 7);
		finish_pool(pool);
		o.ignore_sigint = 0;
		pool = open_with(&o);
		r = run_one(&job, pool, "interrupted", 0);
		ck_assert_int_eq(r->status, k == 2 ? 0 : PRUN_EWORKER);
		if (k < 2) {
			ck_assert_int_eq(r->worker_signal, SIGINT);
			ck_assert_ptr_nonnull(strstr(r->message, "SIGINT"));
		}
		prun_job_free(job);
		finish_pool(pool);
		sigaction(SIGINT, &before, &now);
		ck_assert(now.sa_handler == sa.sa_handler);
	}
}
END_TEST

static void assert_limited(int method, uint64_t limit)
{
	struct prun_options o = options_of(method, 2);
	const struct prun_result *r;
	struct prun_pool *pool;
	struct prun_job *job;
	int i;

	o.memory_limit = limit;
	pool = open_with(&o);
	for (i = 0; i < 3; i++) {
		ck_assert_int_eq(value_of(pool, "allocate", 16), 16);
		r = run_one(&job, pool, "allocate", 128);
		if (limit == 64 * MIB) {
			ck_assert_int_eq(r->status, -ENOMEM);
			ck_assert_str_eq(r->message, "no 128 MiB");
		} else {
			ck_assert_int_eq(r->status, 0);
		}
		prun_job_free(job);
	}
	finish_pool(pool);
}

START_TEST(memory_is_limited)
{
	struct rlimit before, after;

	getrlimit(RLIMIT_AS, &before);
	assert_limited(methods[_i], 64 * MIB);
	assert_limited(methods[_i], 0);
	getrlimit(RLIMIT_AS, &after);
	ck_assert_uint_eq(before.rlim_cur, after.rlim_cur);
	ck_assert_uint_eq(before.rlim_max, after.rlim_max);
}
END_TEST

/* What the caller has does not count. */
START_TEST(memory_is_limited_in_a_large_caller)
{
	size_t size = (size_t)1 << 30;
	char *large = mmap(NULL, size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	ck_assert_ptr_ne(large, MAP_FAILED);
	memset(large, 1, 32 * MIB);
	assert_limited(methods[_i], 64 * MIB);
	munmap(large, size);
}
END_TEST

/* One so high that it is none. */
START_TEST(memory_limits_that_are_none)
{
	static const uint64_t limits[] = {(uint64_t)1 << 62, INT64_MAX,
					  UINT64_MAX};
	int i;

	for (i = 0; i < 3; i++)
		assert_limited(methods[_i], limits[i]);
}
END_TEST

/* With no process of its own a worker is not to change the caller's. */
START_TEST(inline_leaves_the_caller_alone)
{
	struct prun_options o = options_of(PRUN_START_INLINE, 1);
	struct rlimit before, after;
	cpu_set_t may, now;
	int own = getpriority(PRIO_PROCESS, 0);
	struct sigaction sa, sb;
	struct prun_pool *pool;

	sigaction(SIGINT, NULL, &sb);
	getrlimit(RLIMIT_AS, &before);
	sched_getaffinity(0, sizeof(may), &may);
	o.nice = 3;
	o.pin = 1;
	o.ignore_sigint = 1;
	o.memory_limit = 64 * MIB;
	o.max_rss = MIB;
	pool = open_with(&o);
	ck_assert_int_eq(value_of(pool, "square", 3), 9);
	getrlimit(RLIMIT_AS, &after);
	sched_getaffinity(0, sizeof(now), &now);
	sigaction(SIGINT, NULL, &sa);
	ck_assert_uint_eq(before.rlim_cur, after.rlim_cur);
	ck_assert(CPU_EQUAL(&may, &now));
	ck_assert_int_eq(getpriority(PRIO_PROCESS, 0), own);
	ck_assert(sa.sa_handler == sb.sa_handler);
	finish_pool(pool);
}
END_TEST

/* ------------------------------------------------------------------- max_rss */

static int init_counting(void **state, int worker_id, void *initarg,
			 char *message, size_t size)
{
	uint32_t n = atomic_fetch_add(&seen->inits, 1);

	(void)message;
	(void)size;
	if (n < SEEN_PIDS)
		seen->ids[n] = worker_id;
	*state = initarg;
	return 0;
}

static void final_counting(void *state, int worker_id, void *initarg)
{
	if (state == initarg && worker_id >= 0)
		atomic_fetch_add(&seen->finals, 1);
}

static uint64_t rss_now(void)
{
	unsigned long size = 0, resident = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fscanf(f, "%lu %lu", &size, &resident), 2);
	fclose(f);
	return (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

#define GROWING 120
/* Looked at once a millisecond: by then it may have got further. */
#define GROWING_MAX 40

struct growing {
	const char *func;
	uint32_t chunksize;
	bool map;
	uint64_t maxtasksperchild;
};

static const struct growing growings[] = {
	{"grow", 0, false, 0},	     {"grow", 1, false, 0},
	{"grow", 7, false, 0},	     {"grow", 50, false, 0},
	{"grow", 0, true, 0},	     {"grow", 50, true, 0},
	{"grow", 0, false, 5},	     {"grow", 20, false, 30},
	{"grow_batch", 0, false, 0}, {"grow_batch", 20, false, 0},
	{"grow_batch", 0, true, 0},  {"grow_batch", 20, true, 12},
};

#define GROWINGS ((int)(sizeof(growings) / sizeof(growings[0])))

/* Each task once and in order, and no worker had many. */
static void assert_grown(struct prun_job *job)
{
	const struct prun_result *r;
	pid_t pids[GROWING];
	int i, k, same, first = 0;

	for (i = 0; i < GROWING; i++) {
		r = next_of(job);
		ck_assert_uint_eq(r->index, (uint64_t)i);
		ck_assert_int_eq(int_of(r), i * i);
		ck_assert_uint_eq(seen->starts[i], 1);
		pids[i] = r->worker_pid;
	}
	assert_end(job, 0);
	for (i = 0; i < GROWING; i++) {
		for (same = 0, k = 0; k < GROWING; k++)
			same += pids[k] == pids[i];
		ck_assert_int_le(same, GROWING_MAX);
		for (k = 0; k < i && pids[k] != pids[i]; k++)
			;
		first += k == i;
	}
	ck_assert_int_ge(first, 4);
}

START_TEST(workers_that_grow_are_replaced)
{
	const struct growing *g = &growings[_i / METHODS];
	struct prun_options o = options_of(methods[_i % METHODS], 2);
	struct prun_range range = {0, GROWING, 1};
	struct prun_call c = range_call(g->func, &range);
	struct prun_pool *pool;
	struct prun_job *job;

	o.max_rss = rss_now() + 4 * GROWTH;
	o.maxtasksperchild = g->maxtasksperchild;
	o.initializer = init_counting;
	o.finalizer = final_counting;
	c.chunksize = g->chunksize;
	pool = open_with(&o);
	ck_assert_int_eq((g->map ? prun_map : prun_imap)(&job, pool, &c), 0);
	assert_grown(job);
	prun_job_free(job);
	let_go();
	end_in_peace(pool);
	/* They left by themselves. */
	ck_assert_uint_gt(seen->inits, 3);
	ck_assert_uint_eq(seen->finals, seen->inits);
}
END_TEST

/* One that is too large from the start does a task at a time. */
START_TEST(a_mark_below_what_it_has)
{
	struct prun_options o = options_of(methods[_i], 2);
	struct prun_range range = {0, 30, 1};
	struct prun_call c = range_call("square", &range);
	struct prun_pool *pool;
	struct prun_job *job;
	int i;

	o.max_rss = 1;
	pool = open_with(&o);
	let_go();
	ck_assert_int_eq(prun_imap(&job, pool, &c), 0);
	for (i = 0; i < 30; i++) {
		ck_assert_int_eq(int_of(next_of(job)), i * i);
		ck_assert_uint_eq(seen->starts[i], 1);
	}
	assert_end(job, 0);
	prun_job_free(job);
	if (methods[_i] == SERVER)
		end_in_peace(pool);
	else
		finish_pool(pool);
}
END_TEST

/* And one that it never comes to replaces nobody. */
START_TEST(a_mark_out_of_reach)
{
	struct prun_options o = options_of(methods[_i], 2);
	struct prun_range range = {0, 2000, 1};
	struct prun_call c = range_call("square", &range);
	struct prun_pool *pool;
	struct prun_job *job;
	int i;

	o.max_rss = rss_now() + 1024 * MIB;
	o.initializer = init_counting;
	pool = open_with(&o);
	ck_assert_int_eq(prun_map(&job, pool, &c), 0);
	for (i = 0; i < 2000; i++)
		ck_assert_int_eq(int_of(next_of(job)), i * i);
	prun_job_free(job);
	finish_pool(pool);
	ck_assert_uint_eq(seen->inits, 2);
}
END_TEST

/* ------------------------------------------------------------ state and ids */

static int an_argument;

static int init_stating(void **state, int worker_id, void *initarg,
			char *message, size_t size)
{
	int *kept = malloc(sizeof(*kept));
	int rc;

	if (!kept)
		return -ENOMEM;
	rc = init_counting(state, worker_id, initarg, message, size);
	if (initarg != &an_argument)
		rc = -EINVAL;
	*kept = 1000 + worker_id;
	*state = kept;
	return rc;
}

static void final_stating(void *state, int worker_id, void *initarg)
{
	int *kept = state;

	if (initarg == &an_argument && *kept == 1000 + worker_id)
		atomic_fetch_add(&seen->finals, 1);
	free(kept);
}

/* Of a worker and of those that take its place. */
START_TEST(ids_and_state)
{
	struct prun_options o = options_of(methods[_i], 3);
	struct prun_range range = {0, 90, 1};
	struct prun_call c = range_call("state", &range);
	uint32_t of_id[3] = {0}, n;
	struct prun_pool *pool;
	struct prun_job *job;
	int i, state, id;

	o.initializer = init_stating;
	o.finalizer = final_stating;
	o.initarg = &an_argument;
	o.maxtasksperchild = 10;
	pool = open_with(&o);
	ck_assert_int_eq(prun_map(&job, pool, &c), 0);
	for (i = 0; i < 90; i++) {
		const struct prun_result *r = next_of(job);

		ck_assert_int_eq(prun_result_unpack(r, "[i, i *]", &state, &id),
				 0);
		ck_assert_int_eq(id, r->worker_id);
		ck_assert(id >= 0 && id < 3);
		ck_assert_int_eq(state, 1000 + id);
	}
	prun_job_free(job);
	let_go();
	end_in_peace(pool);
	ck_assert_uint_ge(seen->inits, 9);
	ck_assert_uint_eq(seen->finals, seen->inits);
	for (n = 0; n < seen->inits; n++)
		of_id[seen->ids[n]]++;
	for (i = 0; i < 3; i++)
		ck_assert_uint_ge(of_id[i], 1);
}
END_TEST

START_TEST(workers_by_default)
{
	struct prun_options o = options_of(methods[_i], 0);
	struct prun_pool *pool = open_with(&o);

	ck_assert_int_eq(prun_pool_workers(pool), prun_cpu_count());
	assert_works(pool);
	let_go();
	end_in_peace(pool);
}
END_TEST

static void refuse(const struct prun_options *o, int rc)
{
	struct prun_pool *pool = (struct prun_pool *)&pool;

	ck_assert_int_eq(prun_pool_new(&pool, o), rc);
	ck_assert_ptr_null(pool);
}

START_TEST(what_does_not_go_together)
{
	static const int unknown[] = {3, 99, -1, INT_MIN, INT_MAX};
	struct prun_options o = options_of(PRUN_START_FORK, 1);
	int i;

	o.kill_leftovers = 1;
	refuse(&o, PRUN_EINVAL);
	o.kill_leftovers = 0;
	o.background = 1;
	refuse(&o, PRUN_EINVAL);
	o.start_method = PRUN_START_INLINE;
	refuse(&o, PRUN_EINVAL);
	for (i = 0; i < 10; i++) {
		o.background = i / 5;
		o.start_method = (enum prun_start_method)unknown[i % 5];
		refuse(&o, PRUN_EINVAL);
	}
	/* Refused before anything was started. */
	fork_fail_at(1);
	refuse(&o, PRUN_EINVAL);
	ck_assert_uint_eq(fork_count(), 0);
	fork_fail_at(0);
	let_go();
	ck_assert(nobody_left(0));
}
END_TEST

/* ---------------------------------------------------------------------- main */

static void add_served(Suite *s)
{
	TCase *tc = option_case(s, "server");

	tcase_add_test(tc, calls_give_what_they_should);
	tcase_add_test(tc, workers_are_the_servers);
	tcase_add_test(tc, two_hundred_workers);
	tcase_add_test(tc, more_workers_than_requests_in_flight);
	tcase_add_test(tc, a_process_for_each_task);
	tcase_add_test(tc, a_crash_is_named);
	tcase_add_test(tc, crashes_among_others);
	tcase_add_test(tc, an_idle_worker_is_killed);
	tcase_add_test(tc, an_initializer_fails);
	tcase_add_test(tc, workers_know_the_beginning);
	tcase_add_test(tc, the_server_dies_while_tasks_run);
	tcase_add_loop_test(tc, the_server_dies_while_idle, 0, 4);
	tcase_add_test(tc, the_server_dies_while_workers_are_replaced);
	tc = option_case(s, "end");
	tcase_add_loop_test(tc, nothing_is_left, 0, 2 * ENDS);
	tcase_add_test(tc, join_without_a_worker);
	tcase_add_loop_test(tc, ends_beside_a_copy_of_the_caller, 0, 4);
	tcase_add_loop_test(tc, workers_of_a_killed_caller, 0, METHODS);
	tcase_add_loop_test(tc, a_caller_that_takes_orphans, 0, 2);
	tcase_add_test(tc, leftovers_of_a_worker);
	tcase_add_loop_test(tc, leftovers_of_a_pool, 0, ENDS);
	tcase_add_loop_test(tc, leftovers_of_a_killed_caller, 0, 3);
	tc = option_case(s, "failures");
	tcase_add_loop_test(tc, pool_new_without_a_fork, 0, METHODS);
	tcase_add_loop_test(tc, a_replacement_without_a_fork, 0, 2 * METHODS);
	tcase_add_test(tc, a_server_without_descriptors);
	tc = option_case(s, "callers");
	tcase_add_loop_test(tc, a_copy_of_the_caller, 0, METHODS);
	tcase_add_test(tc, threads_that_hold_malloc);
	tcase_add_test(tc, the_thread_that_opened_it_ends);
}

int main(void)
{
	Suite *s = suite_create("options");
	TCase *tc;

	add_served(s);
	tc = option_case(s, "limits");
	tcase_add_loop_test(tc, nice_is_added, 0, 2 * METHODS);
	tcase_add_loop_test(tc, an_option_that_is_not_granted, 0, METHODS);
	tcase_add_loop_test(tc, pin_to_one_each, 0, METHODS);
	tcase_add_loop_test(tc, sigint_in_a_worker, 0, METHODS);
	tcase_add_loop_test(tc, memory_is_limited, 0, METHODS);
	tcase_add_loop_test(tc, memory_is_limited_in_a_large_caller, 0,
			    METHODS);
	tcase_add_loop_test(tc, memory_limits_that_are_none, 0, METHODS);
	tcase_add_test(tc, inline_leaves_the_caller_alone);
	tc = option_case(s, "max_rss");
	tcase_add_loop_test(tc, workers_that_grow_are_replaced, 0,
			    GROWINGS * METHODS);
	tcase_add_loop_test(tc, a_mark_below_what_it_has, 0, METHODS);
	tcase_add_loop_test(tc, a_mark_out_of_reach, 0, METHODS);
	tc = option_case(s, "workers");
	tcase_add_loop_test(tc, ids_and_state, 0, METHODS);
	tcase_add_loop_test(tc, workers_by_default, 0, METHODS);
	tcase_add_test(tc, what_does_not_go_together);
	return suite_main(s);
}
