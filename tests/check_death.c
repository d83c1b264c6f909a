/* SPDX-License-Identifier: MIT */
/*
 * A worker's death at any instant costs only the task it was running, is
 * reported with pid and signal or exit code, and nothing hangs: what tries to
 * break that.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>

#include "alloc.h"
#include "fork_fail.h"
#include "frame.h"
#include "pool_suite.h"

/* What takes longer hangs. */
#define SOON_MS 20000
/* More than the buffer of any socket. */
#define FLOOD_BYTES ((size_t)8 << 20)
/* More births than that for nothing have no end. */
#define BIRTHS_MAX 50

/* ---------------------------------------------------------------- processes */

static int open_pidfd(pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	ck_assert_int_ge(fd, 0);
	return fd;
}

/* A child of ours is dead, and not reaped yet. */
static void kill_dead(pid_t pid)
{
	siginfo_t info;

	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
}

/* As in /proc/PID/stat: R, S, T, Z ... */
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

/* This end of the socket between a caller with one worker, and the worker. */
static int pool_socket(void)
{
	struct suite_fds now;
	struct stat st;
	size_t i;

	suite_fds_read(&now);
	for (i = 0; i < now.count; i++)
		if (!suite_fds_have(&suite_fds_before, &now.open[i]) &&
		    fstat(now.open[i].fd, &st) == 0 && S_ISSOCK(st.st_mode))
			return now.open[i].fd;
	return -1;
}

static bool is_writable(int fd, int timeout_ms)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};

	return poll(&p, 1, timeout_ms) > 0 && p.revents == POLLOUT;
}

static void await_state(pid_t pid, char state)
{
	int pidfd = open_pidfd(pid);

	do {
		ck_assert(!is_readable(pidfd, 1));
	} while (state_of(pid) != state);
	close(pidfd);
}

/* A worker with more to say than the socket takes sleeps in its write. */
static void await_blocked(pid_t pid, int fd)
{
	int queued;

	do {
		await_state(pid, 'S');
		ck_assert_int_eq(ioctl(fd, FIONREAD, &queued), 0);
	} while (queued == 0);
}

/* Not driving any pool. */
static void await_arrival(void)
{
	eventfd_t n;

	ck_assert(is_readable(arrived, SOON_MS));
	ck_assert_int_eq(eventfd_read(arrived, &n), 0);
}

static uint64_t clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void spin(uint64_t ns)
{
	uint64_t until = clock_ns() + ns;

	while (clock_ns() < until)
		;
}

/* ---------------------------------------------------------------- functions */

/* The first one waits at the gate, the other kills its worker. */
static int task_assassin(struct prun_task *task)
{
	note_start(prun_task_index(task));
	if (prun_task_index(task) == 0) {
		seen->pid = getpid();
		if (eventfd_write(arrived, 1) < 0)
			return -errno;
		is_readable(gate, -1);
		return 0;
	}
	is_readable(arrived, -1);
	return kill(seen->pid, SIGKILL) < 0 ? -errno : 0;
}

/* Its length, if all bytes are those of its index. */
static int task_measure(struct prun_task *task)
{
	const char *part;
	const void *p;
	size_t size;
	int rc = prun_arg_bin(task, &p, &size);

	if (rc < 0)
		return rc;
	part = p;
	note_start(prun_task_index(task));
	if (part[0] != 'a' + (int)prun_task_index(task) ||
	    memcmp(part, part + 1, size - 1) != 0)
		return -EILSEQ;
	return prun_ret_int(task, (int64_t)size);
}

static int ret_flood(struct prun_task *task)
{
	char *water = calloc(1, FLOOD_BYTES);
	int rc = -ENOMEM;

	if (water)
		rc = prun_ret_bin(task, water, FLOOD_BYTES);
	free(water);
	return rc;
}

/* The odd ones give more than the socket takes. */
static int task_flood(struct prun_task *task)
{
	int64_t n;
	int rc = prun_arg_int(task, &n);

	if (rc < 0)
		return rc;
	note_start(prun_task_index(task));
	if (n % 2 == 0)
		return prun_ret_int(task, n);
	rc = ret_flood(task);
	if (rc == 0 && eventfd_write(arrived, 1) < 0)
		return -errno;
	return rc;
}

#define DROP_BYTES 1000

static int task_drop(struct prun_task *task)
{
	char drop[DROP_BYTES];

	note_start(prun_task_index(task));
	memset(drop, (int)prun_task_index(task) & 0xff, sizeof(drop));
	return prun_ret_bin(task, drop, sizeof(drop));
}

static int task_spin(struct prun_task *task)
{
	(void)task;
	if (eventfd_write(arrived, 1) < 0)
		return -errno;
	for (;;)
		spin(1000000);
}

static int deep(int n)
{
	volatile char frame[4096];

	frame[0] = (char)n;
	return n > 0 ? deep(n - 1) + frame[0] : 0;
}

static void overflow_stack(void)
{
	struct rlimit limit = {1 << 20, 1 << 20};

	setrlimit(RLIMIT_STACK, &limit);
	deep(INT_MAX);
}

static void fault(void)
{
	volatile char *page =
		mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	*page = 1;
}

enum end {
	END_KILL,
	END_TERM,
	END_REALTIME,
	END_ABORT,
	END_FAULT,
	END_STACK,
	END_CODE,
	END_ZERO,
	END_EXEC,
	ENDS,
	NO_END
};

static enum end how_to_end; /* known before the fork */

/* The middle one of three ends its worker. */
static int task_end(struct prun_task *task)
{
	note_start(prun_task_index(task));
	if (prun_task_index(task) != 1)
		return 0;
	switch (how_to_end) {
	case END_KILL:
		raise(SIGKILL);
		break;
	case END_TERM:
		raise(SIGTERM);
		break;
	case END_REALTIME:
		raise(SIGRTMIN + 1);
		break;
	case END_ABORT:
		abort();
	case END_FAULT:
		fault();
		break;
	case END_STACK:
		overflow_stack();
		break;
	case END_CODE:
		_exit(99);
	case END_EXEC:
		execl("/bin/sh", "sh", "-c", "exit 98", (char *)NULL);
		break;
	default:
		_exit(0);
	}
	return -EPERM;
}

static int task_exit(struct prun_task *task)
{
	note_start(prun_task_index(task));
	if (prun_task_index(task) == 1)
		exit(99);
	return 0;
}

/* Task 1 leaves a child behind that holds the socket, and may end. */
static int task_orphan(struct prun_task *task)
{
	pid_t pid;

	note_start(prun_task_index(task));
	if (prun_task_index(task) != 1)
		return 0;
	pid = fork();
	if (pid == 0) {
		is_readable(gate, -1);
		_exit(pool_socket() < 0);
	}
	if (pid < 0)
		return -errno;
	seen->pid = pid;
	if (how_to_end == END_KILL)
		raise(SIGKILL);
	if (how_to_end == END_CODE)
		_exit(3);
	return 0;
}

static bool large_result; /* known before the fork */

#define CLOSER 5

/* One of many closes all it can. */
static int task_close(struct prun_task *task)
{
	uint64_t index = prun_task_index(task);

	note_start(index);
	if (index == CLOSER)
		syscall(SYS_close_range, 3u, ~0u, 0u);
	if (index == CLOSER && large_result)
		return ret_flood(task);
	return prun_ret_int(task, (int64_t)index);
}

/* --------------------------------------------------------------------- calls */

static int task_mortal(struct prun_task *task);
static int task_garble(struct prun_task *task);
static int task_promise(struct prun_task *task);
static int batch_mortal(struct prun_batch *batch);
static int batch_stillborn(struct prun_batch *batch);
static int batch_but_one(struct prun_batch *batch);

static const struct prun_func death_funcs[] = {
	FUNC(square),
	FUNC(gate),
	FUNC(first_waits),
	FUNC(assassin),
	FUNC(measure),
	FUNC(flood),
	FUNC(drop),
	FUNC(spin),
	FUNC(end),
	FUNC(exit),
	FUNC(orphan),
	FUNC(close),
	FUNC(mortal),
	FUNC(garble),
	FUNC(promise),
	{.name = "lanes", .batch = batch_mortal, .lanes = BATCH_LANES},
	{.name = "but_one", .batch = batch_but_one, .lanes = BATCH_LANES},
	{.name = "stillborn", .batch = batch_stillborn, .lanes = BATCH_LANES},
	{.name = NULL},
};

static uint32_t stillbirths; /* so many of the first die in their start */

static int init_mortal(void **state, int worker_id, void *initarg,
		       char *message, size_t size)
{
	(void)state;
	(void)worker_id;
	(void)initarg;
	(void)message;
	(void)size;
	if (atomic_fetch_add(&seen->inits, 1) < stillbirths)
		raise(SIGKILL);
	return 0;
}

static struct prun_options death_options(uint32_t workers)
{
	struct prun_options o = options_for(PRUN_START_FORK, workers);

	o.funcs = death_funcs;
	o.initializer = init_mortal;
	return o;
}

static struct prun_pool *death_pool(uint32_t workers)
{
	struct prun_options o = death_options(workers);

	return open_with(&o);
}

static const struct prun_result *soon(struct prun_job *job)
{
	const struct prun_result *r = NULL;

	ck_assert_int_eq(prun_job_next(&r, job, SOON_MS), 1);
	return r;
}

/* Integers from `from` on, all in one frame. */
static struct prun_job *one_chunk(struct prun_pool *pool, const char *func,
				  int64_t from, uint32_t count)
{
	static struct prun_range range; /* outlives the job */
	struct prun_call c = range_call(func, &range);
	struct prun_job *job;

	range = (struct prun_range){from, from + count, 1};
	c.chunksize = count;
	ck_assert_int_eq(prun_map_async(&job, pool, &c), 0);
	return job;
}

/* The pids of all workers, which are idle then, and nothing was seen. */
static void learn_pids(struct prun_pool *pool, pid_t *pids, int count)
{
	struct prun_range range = {0, count, 1};
	struct prun_call c = range_call("gate", &range);
	struct prun_job *job;
	int i;

	ck_assert_int_eq(prun_map_async(&job, pool, &c), 0);
	await_arrivals(pool, (unsigned)count);
	gate_open();
	for (i = 0; i < count; i++)
		pids[i] = soon(job)->worker_pid;
	prun_job_free(job);
	gate_shut();
	memset((void *)seen, 0, sizeof(*seen));
}

struct who {
	uint64_t index;
	pid_t pid;
};

static void note_who(const struct prun_running *running, void *payload)
{
	struct who *who = payload;

	if (running->index == who->index)
		who->pid = running->worker_pid;
}

static pid_t who_runs(struct prun_pool *pool, uint64_t index)
{
	struct who who = {.index = index};

	prun_pool_running(pool, note_who, &who);
	ck_assert_int_gt(who.pid, 0);
	return who.pid;
}

/* "the worker (pid 17) HOW after 0.3 ms" */
static void assert_message(const char *message, pid_t pid, const char *how)
{
	char begin[128], unit[8] = "", rest;
	double ms = -1;

	snprintf(begin, sizeof(begin), "the worker (pid %d) %s after ",
		 (int)pid, how);
	ck_assert_msg(strncmp(message, begin, strlen(begin)) == 0 &&
			      sscanf(message + strlen(begin), "%lf %7s%c", &ms,
				     unit, &rest) == 2 &&
			      ms >= 0 && strcmp(unit, "ms") == 0,
		      "'%s' is not '%s...'", message, begin);
}

static void assert_died(const struct prun_result *r, int signal, int code,
			const char *how)
{
	ck_assert_str_eq(prun_error_name(r->status), "PRUN_EWORKER");
	ck_assert_int_eq(r->worker_signal, signal);
	ck_assert_int_eq(r->worker_exit, code);
	ck_assert_ptr_null(r->value);
	ck_assert_uint_eq(r->message_size, strlen(r->message));
	assert_message(r->message, r->worker_pid, how);
}

static void assert_killed(const struct prun_result *r)
{
	ck_assert_uint_gt(r->start_ns, 0);
	assert_died(r, SIGKILL, -1, "was killed by SIGKILL (signal 9)");
}

static void assert_ok(const struct prun_result *r, uint64_t index)
{
	ck_assert_uint_eq(r->index, index);
	ck_assert_msg(r->status == 0, "task %" PRIu64 ": %s: %s", r->index,
		      prun_error_name(r->status), r->message);
}

static void assert_started_once(uint32_t count)
{
	uint32_t i;

	for (i = 0; i < count; i++)
		ck_assert_msg(seen->starts[i] == 1, "task %u: %u starts", i,
			      seen->starts[i]);
}

/* Three tasks in one frame, of which the middle one was its worker's last. */
static const struct prun_result *middle_of_three(struct prun_job *job)
{
	const struct prun_result *r = soon(job);
	pid_t pid = r->worker_pid;

	assert_ok(r, 0);
	r = soon(job);
	ck_assert_uint_eq(r->index, 1);
	ck_assert_int_eq(r->worker_pid, pid);
	r = soon(job);
	assert_ok(r, 2);
	ck_assert_int_ne(r->worker_pid, pid);
	assert_end(job, 0);
	assert_started_once(3);
	ck_assert_int_eq(prun_job_at(&r, job, 1), 0);
	return r;
}

/* -------------------------------------------------------------- killed idle */

/* By _i: the pool hears of it with the work, before, or there is another. */
START_TEST(killed_while_idle)
{
	struct prun_pool *pool = death_pool(2);
	int killed = _i == 2 ? 1 : 2, i, k;
	const struct prun_result *r;
	struct prun_job *job;
	pid_t pids[2];

	learn_pids(pool, pids, 2);
	for (k = 0; k < killed; k++)
		kill_dead(pids[k]);
	while (_i == 1 && prun_pool_step(pool, 0) > 0)
		;
	job = one_chunk(pool, "square", 0, 100);
	for (i = 0; i < 100; i++) {
		r = soon(job);
		ck_assert_int_eq(int_of(r), i * i);
		for (k = 0; k < killed; k++)
			ck_assert_int_ne(r->worker_pid, pids[k]);
	}
	assert_end(job, 0);
	assert_started_once(100);
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

START_TEST(killed_before_the_end)
{
	struct prun_pool *pool = death_pool(2);
	pid_t pids[2];

	learn_pids(pool, pids, 2);
	kill_dead(pids[0]);
	kill_dead(pids[1]);
	if (_i == 0)
		ck_assert_int_eq(prun_pool_close(pool), 0);
	if (_i == 1)
		ck_assert_int_eq(prun_pool_terminate(pool), 0);
	if (_i < 2)
		ck_assert_int_eq(prun_pool_join(pool, SOON_MS), 0);
	ck_assert_int_eq(prun_pool_free(pool), 0);
}
END_TEST

START_TEST(no_room_for_the_replacement)
{
	struct prun_pool *pool = death_pool(1);
	pid_t pid;

	learn_pids(pool, &pid, 1);
	kill_dead(pid);
	fork_fail_at(1);
	assert_works(pool);
	ck_assert_uint_eq(fork_count(), 2);
	fork_fail_at(0);
	finish_pool(pool);
}
END_TEST

/* -------------------------------------------------------------- killed busy */

START_TEST(killed_while_busy)
{
	static const uint32_t chunksizes[] = {0, 1, 50};
	struct prun_pool *pool = death_pool(2);
	struct prun_range range = {0, 200, 1};
	struct prun_call c = range_call("first_waits", &range);
	const struct prun_result *r;
	struct prun_job *job;
	uint64_t i, start_ns;
	pid_t pid;

	c.chunksize = chunksizes[_i];
	ck_assert_int_eq(prun_map_async(&job, pool, &c), 0);
	await_arrivals(pool, 1);
	pid = who_runs(pool, 0);
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	r = soon(job);
	ck_assert_uint_eq(r->index, 0);
	ck_assert_int_eq(r->worker_pid, pid);
	start_ns = r->start_ns;
	assert_killed(r);
	for (i = 1; i < 200; i++) {
		r = soon(job);
		assert_ok(r, i);
		/* Taken from another one that stood still, it may have come
		 * to this worker behind others. */
		if (r->worker_pid == pid)
			ck_assert_uint_le(r->start_ns, start_ns);
	}
	assert_end(job, 0);
	assert_started_once(200);
	prun_job_free(job);
	assert_works(pool);
	finish_pool(pool);
}
END_TEST

START_TEST(killed_while_the_caller_waits)
{
	struct prun_pool *pool = death_pool(2);
	struct prun_range range = {0, 2, 1};
	struct prun_call c = range_call("assassin", &range);
	const struct prun_result *r;
	struct prun_job *job;

	c.chunksize = 1;
	ck_assert_int_eq(prun_map(&job, pool, &c), 0);
	assert_killed(soon(job));
	r = soon(job);
	assert_ok(r, 1);
	assert_started_once(2);
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

/* --------------------------------------------------- killed in mid-transfer */

/* It has lived until now, with the socket. */
static void end_orphan(void)
{
	pid_t orphan = seen->pid;
	int status = -1;

	ck_assert_int_eq(waitpid(orphan, &status, WNOHANG), 0);
	gate_open();
	ck_assert_int_eq(waitpid(orphan, &status, 0), orphan);
	ck_assert_msg(status == 0, "the orphan did not hold the socket");
	prctl(PR_SET_CHILD_SUBREAPER, 0);
}

/* The pid of a pool's one worker, which leaves an orphan and lives. */
static pid_t leave_orphan(struct prun_pool *pool)
{
	struct prun_job *job = one_chunk(pool, "orphan", 0, 2);
	pid_t pid, orphan;

	ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	assert_ok(soon(job), 0);
	pid = soon(job)->worker_pid;
	prun_job_free(job);
	orphan = seen->pid;
	memset((void *)seen, 0, sizeof(*seen));
	seen->pid = orphan;
	return pid;
}

#define PARTS 3u
#define PART_BYTES ((size_t)11 << 20)

static int source_parts(struct prun_item *item, void *payload)
{
	uint64_t i = prun_item_index(item);

	if (i == PARTS)
		return 0;
	memset(payload, 'a' + (int)i, PART_BYTES);
	return prun_item_bin(item, payload, PART_BYTES - i) < 0 ? -ENOMEM : 1;
}

/* 33 MiB are on their way, by _i unread, or partly read, or unread while an
 * orphan holds the socket, so that it does not break. */
START_TEST(killed_while_reading)
{
	char *part = malloc(PART_BYTES);
	struct prun_call c = call_of("measure", source_parts, part);
	const struct prun_result *r;
	struct prun_pool *pool;
	struct prun_job *job;
	siginfo_t info;
	uint32_t i;
	pid_t pid;
	int fd;

	ck_assert_ptr_nonnull(part);
	how_to_end = NO_END;
	pool = death_pool(1);
	if (_i == 2)
		pid = leave_orphan(pool);
	else
		learn_pids(pool, &pid, 1);
	fd = pool_socket();
	ck_assert_int_eq(kill(pid, SIGSTOP), 0);
	ck_assert_int_eq(waitid(P_PID, (id_t)pid, &info, WSTOPPED), 0);
	c.chunksize = PARTS;
	ck_assert_int_eq(prun_map_async(&job, pool, &c), 0);
	ck_assert_int_ge(prun_pool_step(pool, 0), 0);
	ck_assert(!is_writable(fd, 0));
	if (_i == 1) {
		ck_assert_int_eq(kill(pid, SIGCONT), 0);
		ck_assert(is_writable(fd, SOON_MS));
	}
	kill_dead(pid);
	for (i = 0; i < PARTS; i++) {
		r = soon(job);
		assert_ok(r, i);
		ck_assert_int_eq(int_of(r), (int64_t)PART_BYTES - i);
		ck_assert_int_ne(r->worker_pid, pid);
	}
	assert_end(job, 0);
	assert_started_once(PARTS);
	ck_assert_uint_eq(seen->inits, 1);
	prun_job_free(job);
	finish_pool(pool);
	if (_i == 2)
		end_orphan();
	free(part);
}
END_TEST

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static size_t peak_bytes(void)
{
	struct rusage usage;

	ck_assert_int_eq(getrusage(RUSAGE_SELF, &usage), 0);
	return (size_t)usage.ru_maxrss * 1024;
}

/* Two that take nothing in do not pass an argument back and forth, each time
 * with one more copy of it in the caller. */
START_TEST(a_large_argument_for_stopped_workers)
{
	const size_t size = (size_t)16 << 20;
	struct prun_call c = PRUN_CALL_INIT;
	const struct prun_result *r;
	struct prun_packer *packer;
	struct prun_pool *pool;
	struct prun_job *job;
	uint64_t end;
	siginfo_t info;
	size_t before;
	pid_t pids[2];
	char *data;
	int k;

	how_to_end = NO_END;
	pool = death_pool(2);
	learn_pids(pool, pids, 2);
	for (k = 0; k < 2; k++) {
		ck_assert_int_eq(kill(pids[k], SIGSTOP), 0);
		ck_assert_int_eq(waitid(P_PID, (id_t)pids[k], &info, WSTOPPED),
				 0);
	}
	data = malloc(size);
	ck_assert_ptr_nonnull(data);
	memset(data, 'a', size);
	ck_assert_int_eq(prun_packer_new(&packer), 0);
	ck_assert_int_eq(prun_pack_bin(packer, data, size), 0);
	free(data);
	c.func = "measure";
	c.argument = prun_packer_data(packer, &c.argument_size);
	before = peak_bytes();
	ck_assert_int_eq(prun_apply_async(&job, pool, &c), 0);
	/* So long that it would go there and back several times. */
	end = now_ms() + 700;
	while (now_ms() < end)
		ck_assert_int_ge(prun_pool_step(pool, 10), 0);
	ck_assert_uint_lt(peak_bytes() - before, 6 * size);
	for (k = 0; k < 2; k++)
		ck_assert_int_eq(kill(pids[k], SIGCONT), 0);
	ck_assert_int_eq(prun_job_get(&r, job, -1), 0);
	ck_assert_uint_eq((uint64_t)int_of(r), size);
	prun_job_free(job);
	prun_packer_free(packer);
	finish_pool(pool);
}
END_TEST

/* By _i, a part of the large result has been read. */
START_TEST(killed_while_writing)
{
	struct prun_pool *pool = death_pool(1);
	struct prun_job *job;
	pid_t pid;
	int fd, n;

	learn_pids(pool, &pid, 1);
	fd = pool_socket();
	job = one_chunk(pool, "flood", 0, 3);
	await_arrival();
	await_blocked(pid, fd);
	if (_i == 1) {
		ck_assert_int_ge(prun_pool_step(pool, 0), 0);
		await_blocked(pid, fd);
	}
	ck_assert_int_eq(ioctl(fd, FIONREAD, &n), 0);
	ck_assert_uint_lt((size_t)n, FLOOD_BYTES / 2);
	kill_dead(pid);
	assert_killed(middle_of_three(job));
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

static void assert_drop(const struct prun_result *r)
{
	const char *drop;
	size_t size;

	ck_assert_int_eq(prun_result_str(r, &drop, &size), 0);
	ck_assert_uint_eq(size, DROP_BYTES);
	ck_assert_int_eq((unsigned char)drop[0], (int)(r->index & 0xff));
	ck_assert_int_eq(memcmp(drop, drop + 1, size - 1), 0);
}

/* The socket and the ring are full of results that nobody has read. */
START_TEST(killed_while_flushing)
{
	struct prun_pool *pool = death_pool(1);
	uint32_t i, by_dead = 0, lost = 0, started, count = 3000;
	const struct prun_result *r;
	struct prun_job *job;
	pid_t pid;

	learn_pids(pool, &pid, 1);
	job = one_chunk(pool, "drop", 0, count);
	await_blocked(pid, pool_socket());
	kill_dead(pid);
	started = seen->started;
	for (i = 0; i < count; i++) {
		r = soon(job);
		ck_assert_uint_eq(r->index, i);
		by_dead += r->worker_pid == pid;
		if (r->status < 0) {
			assert_killed(r);
			lost++;
		} else {
			assert_drop(r);
		}
	}
	assert_end(job, 0);
	ck_assert_uint_le(lost, 1);
	ck_assert_uint_eq(by_dead, started);
	ck_assert_uint_gt(started, 65536 / DROP_BYTES);
	ck_assert_uint_lt(started, count);
	assert_started_once(count);
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

/* ---------------------------------------------------------- ends of all kinds */

/* The kernel reaps at once, and the status is nobody's. */
START_TEST(killed_where_sigchld_is_ignored)
{
	struct prun_pool *pool;
	const struct prun_result *r;
	struct prun_job *job;
	char text[128];
	int end = 0;

	ck_assert(signal(SIGCHLD, SIG_IGN) == SIG_DFL);
	how_to_end = END_KILL;
	pool = death_pool(1);
	job = one_chunk(pool, "end", 0, 3);
	r = middle_of_three(job);
	ck_assert_int_eq(r->status, PRUN_EWORKER);
	ck_assert_int_eq(r->worker_signal, 0);
	ck_assert_int_eq(r->worker_exit, -1);
	snprintf(text, sizeof(text),
		 "the worker (pid %d) died after %%*f ms; "
		 "how is not known%%n",
		 (int)r->worker_pid);
	sscanf(r->message, text, &end);
	ck_assert_msg(end > 0, "%s", r->message);
	prun_job_free(job);
	finish_pool(pool);
	signal(SIGCHLD, SIG_DFL);
}
END_TEST

START_TEST(ends_of_all_kinds)
{
	static const struct {
		int signal, code;
		const char *how;
	} ends[ENDS] = {
		[END_KILL] = {SIGKILL, -1, "was killed by SIGKILL (signal 9)"},
		[END_TERM] = {SIGTERM, -1, "was killed by SIGTERM (signal 15)"},
		[END_REALTIME] =
			{35, -1,
			 "was killed by a real-time signal (signal 35)"},
		[END_ABORT] = {SIGABRT, -1, "was killed by SIGABRT (signal 6)"},
		[END_FAULT] = {SIGSEGV, -1,
			       "was killed by SIGSEGV (signal 11)"},
		[END_STACK] = {SIGSEGV, -1,
			       "was killed by SIGSEGV (signal 11)"},
		[END_CODE] = {0, 99, "exited with code 99"},
		[END_ZERO] = {0, 0, "exited with code 0"},
		[END_EXEC] = {0, 98, "exited with code 98"},
	};
	struct prun_pool *pool;
	struct prun_job *job;

	how_to_end = (enum end)_i;
	pool = death_pool(1);
	job = one_chunk(pool, "end", 0, 3);
	assert_died(middle_of_three(job), ends[_i].signal, ends[_i].code,
		    ends[_i].how);
	prun_job_free(job);
	assert_works(pool);
	finish_pool(pool);
}
END_TEST

START_TEST(exit_in_a_task)
{
	struct prun_pool *pool = death_pool(1);
	struct prun_job *job = one_chunk(pool, "exit", 0, 3);
	const struct prun_result *r = middle_of_three(job);

	ck_assert_int_eq(r->status, PRUN_EEXIT);
	ck_assert_str_eq(r->message, "the task called exit(99)");
	ck_assert_int_eq(r->worker_signal, 0);
	prun_job_free(job);
	assert_works(pool);
	finish_pool(pool);
}
END_TEST

/* The news come and the pool ends while the orphan lives. */
START_TEST(an_orphan_holds_the_socket)
{
	struct prun_pool *pool;
	struct prun_job *job;
	const struct prun_result *r;

	ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	how_to_end = _i ? END_CODE : END_KILL;
	pool = death_pool(1);
	job = one_chunk(pool, "orphan", 0, 3);
	r = middle_of_three(job);
	if (_i)
		assert_died(r, 0, 3, "exited with code 3");
	else
		assert_killed(r);
	prun_job_free(job);
	finish_pool(pool);
	end_orphan();
}
END_TEST

/* Small results are on the board; a large one cannot be sent. The pool looks
 * when the worker is dead. */
START_TEST(a_task_closes_the_socket)
{
	const struct prun_result *r;
	struct prun_pool *pool;
	struct prun_job *job;
	siginfo_t info;
	int i;
	pid_t pid;

	large_result = _i;
	pool = death_pool(1);
	learn_pids(pool, &pid, 1);
	job = one_chunk(pool, "close", 0, 30);
	ck_assert_int_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	for (i = 0; i < 30; i++) {
		r = soon(job);
		if (i == CLOSER && large_result)
			assert_died(r, 0, 0, "exited with code 0");
		else
			ck_assert_int_eq(int_of(r), i);
		ck_assert(i > CLOSER || r->worker_pid == pid);
	}
	assert_end(job, 0);
	assert_started_once(30);
	prun_job_free(job);
	assert_works(pool);
	finish_pool(pool);
}
END_TEST

/* ------------------------------------------------------------ random deaths */

#define MORTALS 5000u
#define MORTAL_WORKERS 4
#define MORTAL_BYTES 100000u
/* One task in so many arms its worker, which then dies so soon. */
#define ARMED_ONE_IN 64
#define ARMED_NS 400000

/* Seen by all, as `seen` is; by index. */
struct lives {
	_Atomic uint8_t ends[MORTALS];
	_Atomic int armed[MORTALS]; /* the pid */
};

static struct lives *lives;
static uint64_t seed;

static void sow(void)
{
	const char *given = getenv("PRUN_TEST_SEED");

	seed = given ? strtoull(given, NULL, 0) : clock_ns();
	printf("check_death: PRUN_TEST_SEED=%" PRIu64 "\n", seed);
	fflush(stdout);
}

static uint64_t luck(uint64_t index)
{
	uint64_t z = seed + (index + 1) * 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

/* SIGKILL will come, in this task or after it, whatever the worker does. */
static void arm(uint64_t index)
{
	static bool armed;
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL,
				 .sigev_signo = SIGKILL};
	struct itimerspec soon = {.it_value.tv_nsec = 1};
	timer_t timer;

	if (armed || luck(index) % ARMED_ONE_IN)
		return;
	armed = true;
	lives->armed[index] = getpid();
	soon.it_value.tv_nsec += (long)((luck(index) >> 8) % ARMED_NS);
	if (timer_create(CLOCK_MONOTONIC, &event, &timer) < 0 ||
	    timer_settime(timer, 0, &soon, NULL) < 0)
		_exit(95);
}

/* Now and then more than the ring holds. */
static size_t mortal_size(uint64_t index)
{
	return index % 97 == 0 ? MORTAL_BYTES : index * 37 % 2000;
}

static int task_mortal(struct prun_task *task)
{
	static char value[MORTAL_BYTES];
	uint64_t index = prun_task_index(task);
	int rc;

	note_start(index);
	arm(index);
	spin((luck(index) >> 32) % (index % 16 ? 500 : 50000));
	memset(value, (int)index & 0xff, mortal_size(index));
	rc = prun_ret_bin(task, value, mortal_size(index));
	lives->ends[index]++;
	return rc;
}

struct deaths {
	pid_t pids[MORTALS];
	unsigned count;
};

/* A worker that was to die did, and of one task. */
static void note_death(struct deaths *deaths, const struct prun_result *r)
{
	unsigned i;

	assert_died(r, SIGKILL, -1, "was killed by SIGKILL (signal 9)");
	for (i = 0; i < MORTALS; i++)
		if (lives->armed[i] == r->worker_pid)
			break;
	ck_assert_msg(i < MORTALS, "task %" PRIu64 ": %s, by whom?", r->index,
		      r->message);
	for (i = 0; i < deaths->count; i++)
		ck_assert_msg(deaths->pids[i] != r->worker_pid,
			      "task %" PRIu64 ": %s, and not alone", r->index,
			      r->message);
	deaths->pids[deaths->count++] = r->worker_pid;
}

/*
 * Done: it ran once and to its end, and here is what it gave. The worker died:
 * it was claimed, and its result not committed; the function may have begun,
 * and may have ended. Cancelled: it never began.
 */
static void assert_outcome(struct deaths *deaths, const struct prun_result *r)
{
	uint32_t starts = seen->starts[r->index];
	uint32_t ends = lives->ends[r->index];
	const char *value;
	size_t size;

	ck_assert_uint_le(starts, 1);
	ck_assert_uint_le(ends, starts);
	switch (r->status) {
	case 0:
		ck_assert_uint_eq(ends, 1);
		ck_assert_int_eq(prun_result_str(r, &value, &size), 0);
		ck_assert_uint_eq(size, mortal_size(r->index));
		ck_assert(size == 0 ||
			  (unsigned char)value[0] == (unsigned char)r->index);
		ck_assert(size == 0 || memcmp(value, value + 1, size - 1) == 0);
		break;
	case PRUN_EWORKER:
		note_death(deaths, r);
		break;
	default:
		ck_assert_int_eq(r->status, PRUN_ECANCELLED);
		ck_assert_uint_eq(starts, 0);
		ck_assert_int_eq(r->worker_pid, 0);
	}
}

static const struct mortal_run {
	enum prun_order order;
	uint32_t chunksize;
	uint64_t maxtasksperchild;
	uint32_t cancel_at;
} mortal_runs[] = {
	{PRUN_ORDER_UNORDERED, 1, 0, 0},    {PRUN_ORDER_UNORDERED, 0, 0, 0},
	{PRUN_ORDER_IMAP, 1, 0, 0},	    {PRUN_ORDER_MAP, 0, 0, 0},
	{PRUN_ORDER_UNORDERED, 64, 0, 0},   {PRUN_ORDER_IMAP, 0, 100, 0},
	{PRUN_ORDER_UNORDERED, 0, 0, 1000}, {PRUN_ORDER_IMAP, 64, 0, 1000},
};

/* Take all results: each came once, and was what it had to be. */
static void live_and_die(struct prun_pool *pool, const struct mortal_run *run)
{
	static bool came[MORTALS];
	struct prun_range range = {0, MORTALS, 1};
	struct prun_call c = range_call("mortal", &range);
	struct deaths deaths = {.count = 0};
	const struct prun_result *r;
	struct prun_job *job;
	int rc, end = 0;
	uint32_t n;

	memset(came, 0, sizeof(came));
	c.order = run->order;
	c.chunksize = run->chunksize;
	ck_assert_int_eq(prun_pool_submit(&job, pool, &c), 0);
	for (n = 0; (rc = prun_job_next(&r, job, SOON_MS)) == 1; n++) {
		ck_assert(!came[r->index]);
		came[r->index] = true;
		assert_outcome(&deaths, r);
		if (run->cancel_at && n == run->cancel_at)
			end = prun_job_cancel(job, 0) ? PRUN_ECANCELLED : 0;
	}
	ck_assert_int_eq(rc, end);
	ck_assert_uint_eq(n, prun_job_submitted(job));
	ck_assert(end || n == MORTALS);
	ck_assert_uint_gt(deaths.count, 0);
	prun_job_free(job);
}

/* Those whose time had not come are dead, if not buried. */
static void await_armed(void)
{
	siginfo_t info;
	unsigned i;

	for (i = 0; i < MORTALS; i++)
		if (lives->armed[i])
			waitid(P_PID, (id_t)lives->armed[i], &info,
			       WEXITED | WNOWAIT);
}

START_TEST(random_deaths)
{
	const struct mortal_run *run = &mortal_runs[_i];
	struct prun_options o = death_options(MORTAL_WORKERS);
	struct prun_pool *pool;

	sow();
	lives = mmap(NULL, sizeof(*lives), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(lives, MAP_FAILED);
	o.maxtasksperchild = run->maxtasksperchild;
	pool = open_with(&o);
	live_and_die(pool, run);
	await_armed();
	assert_works(pool);
	finish_pool(pool);
	munmap(lives, sizeof(*lives));
}
END_TEST

/* ------------------------------------------------------------------- batches */

static bool is_deadly(uint64_t index)
{
	return index == 5 || index == 17 || index == 18 || index == 60;
}

static void end_batch(void)
{
	if (how_to_end == END_FAULT)
		fault();
	if (how_to_end == END_CODE)
		_exit(7);
	exit(7);
}

/* Fills its lanes, dies of a deadly one among them, or finishes the last. */
static int batch_mortal(struct prun_batch *batch)
{
	struct prun_task *open[BATCH_LANES];
	unsigned n = 0, i;
	int64_t value;
	int rc;

	for (;;) {
		while (n < BATCH_LANES &&
		       (rc = prun_batch_next(&open[n], batch)) == 1)
			note_start(prun_task_index(open[n++]));
		if (n == 0)
			return rc;
		for (i = 0; i < n; i++)
			if (is_deadly(prun_task_index(open[i])))
				end_batch();
		rc = prun_arg_int(open[--n], &value);
		if (rc == 0)
			rc = prun_ret_int(open[n], value * value);
		prun_batch_done(open[n], rc);
	}
}

/* Its neighbours in the lanes run again, at most once, and only it fails. */
START_TEST(a_batch_that_dies)
{
	static const enum end hows[] = {END_FAULT, END_CODE, END_ZERO};
	const struct prun_result *r;
	struct prun_pool *pool;
	struct prun_job *job;
	uint32_t count = 80;
	int i;

	how_to_end = hows[_i];
	pool = death_pool(1);
	job = one_chunk(pool, "lanes", 0, count);
	for (i = 0; i < (int)count; i++) {
		r = soon(job);
		ck_assert_int_eq((int)r->index, i);
		ck_assert_uint_ge(seen->starts[i], 1);
		ck_assert_uint_le(seen->starts[i], 2);
		if (!is_deadly(r->index)) {
			ck_assert_int_eq(int_of(r), i * i);
		} else if (how_to_end == END_FAULT) {
			assert_died(r, SIGSEGV, -1,
				    "was killed by SIGSEGV (signal 11)");
		} else if (how_to_end == END_CODE) {
			assert_died(r, 0, 7, "exited with code 7");
		} else {
			ck_assert_int_eq(r->status, PRUN_EEXIT);
			ck_assert_str_eq(r->message, "the task called exit(7)");
		}
	}
	assert_end(job, 0);
	/* Those that shared the lanes with one, and itself. */
	ck_assert_uint_eq(seen->started, count + 3 * BATCH_LANES);
	prun_job_free(job);
	assert_works(pool);
	finish_pool(pool);
}
END_TEST

static int source_large(struct prun_item *item, void *payload)
{
	static const char large[60000];
	uint64_t *left = payload;

	if (*left == 0)
		return 0;
	--*left;
	return prun_item_bin(item, large, sizeof(large)) < 0 ? -ENOMEM : 1;
}

/* All end but the first, which dies, or runs on. */
static int batch_but_one(struct prun_batch *batch)
{
	struct prun_task *open[BATCH_LANES], *t;
	int n = 0, i;

	while (n < BATCH_LANES && prun_batch_next(&open[n], batch) == 1)
		n++;
	for (i = 1; i < n; i++)
		prun_batch_done(open[i], 0);
	if (n == 0)
		return 0;
	/* Sees to it that the others are gone: there is no next one. */
	(void)prun_batch_next(&t, batch);
	if (how_to_end == END_FAULT)
		raise(SIGKILL);
	is_readable(gate, -1);
	prun_batch_done(open[0], 0);
	return 0;
}

/* Of a job that nobody reads the chunk goes with its last task, which is not
 * its last in order. (ASan sees what is wrong.) */
START_TEST(the_first_of_a_batch_ends_last)
{
	struct prun_stats stats = {0};
	struct prun_pool *pool;
	struct prun_call c;
	uint64_t left = BATCH_LANES;

	how_to_end = _i ? NO_END : END_FAULT;
	pool = death_pool(1);
	c = call_of("but_one", source_large, &left);
	c.chunksize = BATCH_LANES;
	ck_assert_int_eq(prun_map_async(NULL, pool, &c), 0);
	if (_i) {
		/* The results of the others are taken from its board. */
		while (stats.done < BATCH_LANES - 1) {
			ck_assert_int_ge(prun_pool_step(pool, 10), 0);
			prun_pool_stats(pool, &stats, sizeof(stats));
		}
		ck_assert_int_eq(prun_pool_terminate(pool), 0);
		ck_assert_int_eq(prun_pool_join(pool, -1), 0);
		ck_assert_int_eq(prun_pool_free(pool), 0);
		return;
	}
	finish_pool(pool);
}
END_TEST

/* ----------------------------------------------------- deaths without a task */

/* Drive it to its end, which must come with few births. */
static void end_of_job(struct prun_pool *pool, struct prun_job *job)
{
	while (!prun_job_ready(job)) {
		ck_assert_int_ge(prun_pool_step(pool, SOON_MS), 0);
		ck_assert_msg(seen->inits < BIRTHS_MAX,
			      "workers are born and die without end");
	}
}

START_TEST(killed_in_the_initializer)
{
	struct prun_pool *pool;

	stillbirths = (uint32_t)_i;
	pool = death_pool(1);
	assert_works(pool);
	ck_assert_uint_eq(seen->inits, stillbirths + 1);
	finish_pool(pool);
	stillbirths = 0;
}
END_TEST

static void final_mortal(void *state, int worker_id, void *initarg)
{
	(void)state;
	(void)worker_id;
	(void)initarg;
	atomic_fetch_add(&seen->finals, 1);
	raise(SIGKILL);
}

START_TEST(killed_in_the_finalizer)
{
	struct prun_options o = death_options(1);
	struct prun_pool *pool;

	o.finalizer = final_mortal;
	o.maxtasksperchild = 10;
	pool = open_with(&o);
	assert_works(pool);
	assert_started_once(100);
	finish_pool(pool);
	ck_assert_uint_ge(seen->finals, 10);
}
END_TEST

/* By _i with maxtasksperchild 1, so that a worker is told to stop after its
 * first task before it has started. */
START_TEST(three_killed_in_the_initializer)
{
	struct prun_options o = death_options(1);
	char begin[] = "the worker (pid ";
	const struct prun_result *r;
	struct prun_pool *pool;
	struct prun_job *job;
	const char *message;
	int i;

	stillbirths = UINT32_MAX;
	o.maxtasksperchild = (uint64_t)_i;
	pool = open_with(&o);
	job = one_chunk(pool, "square", 0, 3);
	end_of_job(pool, job);
	ck_assert_uint_eq(seen->inits, 3);
	ck_assert_uint_eq(seen->started, 0);
	ck_assert_int_eq(prun_pool_error(pool, &message), PRUN_EINIT);
	ck_assert_int_eq(strncmp(message, begin, strlen(begin)), 0);
	assert_message(message, atoi(message + strlen(begin)),
		       "was killed by SIGKILL (signal 9)");
	for (i = 0; i < 3; i++) {
		r = soon(job);
		ck_assert_int_eq(r->status, PRUN_EINIT);
		ck_assert_str_eq(r->message, message);
	}
	assert_end(job, PRUN_EINIT);
	prun_job_free(job);
	finish_pool(pool);
	stillbirths = 0;
}
END_TEST

static int batch_stillborn(struct prun_batch *batch)
{
	(void)batch;
	abort();
}

/* Every worker that is to run it dies before any task is claimed. */
START_TEST(a_batch_that_dies_before_its_first_task)
{
	struct prun_pool *pool = death_pool(1);
	struct prun_job *job = one_chunk(pool, "stillborn", 0, 3);
	int i;

	end_of_job(pool, job);
	for (i = 0; i < 3; i++)
		ck_assert_int_lt(soon(job)->status, 0);
	prun_job_free(job);
	assert_works(pool);
	finish_pool(pool);
}
END_TEST

static int init_without_memory(void **state, int worker_id, void *initarg,
			       char *message, size_t size)
{
	int rc = init_mortal(state, worker_id, initarg, message, size);

	alloc_fail_at(1);
	return rc;
}

/* Every worker dies of the argument that it has no memory for. */
START_TEST(no_memory_for_an_argument)
{
	struct prun_options o = death_options(1);
	struct prun_pool *pool;
	struct prun_job *job;
	int i;

	o.initializer = init_without_memory;
	pool = open_with(&o);
	job = one_chunk(pool, "square", 0, 3);
	end_of_job(pool, job);
	for (i = 0; i < 3; i++)
		ck_assert_int_lt(soon(job)->status, 0);
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

/* ----------------------------------------------------------- the caller dies */

/* What the workers do meanwhile. */
enum scene { IDLE, SPINNING, BLOCKED, WRITING, STARTING, STOPPED, SCENES };

#define CAST 2

static int init_scene(void **state, int worker_id, void *initarg, char *message,
		      size_t size)
{
	const int *scene = initarg;

	(void)state;
	(void)message;
	(void)size;
	seen->ids[worker_id] = getpid();
	if (*scene == IDLE || *scene == STARTING)
		eventfd_write(arrived, 1);
	if (*scene == STARTING)
		is_readable(gate, -1);
	return 0;
}

static void be_the_caller(int scene)
{
	static const char *const funcs[SCENES] = {[SPINNING] = "spin",
						  [BLOCKED] = "gate",
						  [WRITING] = "flood",
						  [STARTING] = "square",
						  [STOPPED] = "gate"};
	struct prun_options o = death_options(CAST);
	struct prun_range range = {1, 1 + 2 * CAST, 2};
	struct prun_call c = range_call(funcs[scene], &range);
	struct prun_pool *pool;
	struct prun_job *job;

	c.chunksize = 1;
	o.initializer = init_scene;
	o.initarg = &scene;
	if (prun_pool_new(&pool, &o) < 0)
		_exit(1);
	if (c.func && prun_map_async(&job, pool, &c) < 0)
		_exit(2);
	for (;;)
		pause();
}

START_TEST(the_caller_is_killed)
{
	static const char states[SCENES + 1] = "SRSSST";
	int fds[CAST], k, dead = 0;
	pid_t caller;

	ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	caller = fork();
	if (caller == 0)
		be_the_caller(_i);
	for (k = 0; k < CAST; k++)
		await_arrival();
	for (k = 0; k < CAST; k++) {
		fds[k] = open_pidfd(seen->ids[k]);
		if (_i == STOPPED)
			kill(seen->ids[k], SIGSTOP);
		await_state(seen->ids[k], states[_i]);
	}
	ck_assert_int_eq(kill(caller, SIGKILL), 0);
	ck_assert_int_eq(waitpid(caller, NULL, 0), caller);
	for (k = 0; k < CAST; k++) {
		dead += is_readable(fds[k], SOON_MS);
		kill(seen->ids[k], SIGKILL);
		ck_assert_int_eq(waitpid(seen->ids[k], NULL, 0), seen->ids[k]);
		close(fds[k]);
	}
	prctl(PR_SET_CHILD_SUBREAPER, 0);
	ck_assert_int_eq(dead, CAST);
}
END_TEST

/* -------------------------------------------------------------------- garbage */

enum garbage {
	NOISE,
	STRANGE_NUMBER,
	NOT_CLAIMED,
	NOT_MSGPACK,
	SECOND_START,
	FRAME_OF_PARENT,
	TOO_LARGE,
	GARBAGES,
	HEAD_OF_MORE,
	THREE_BYTES
};

static enum garbage garbage; /* known before the fork */

static void say(const void *data, size_t size)
{
	if (write(pool_socket(), data, size) != (ssize_t)size)
		_exit(96);
}

static void say_result(uint32_t number, uint64_t size, char value)
{
	struct frame_result head = {.tag = frame_tag(FRAME_RESULT, size),
				    .number = number};

	say(&head, sizeof(head));
	if (size == 1)
		say(&value, 1);
}

static void say_garbage(void)
{
	struct frame_result start = {.tag = frame_tag(FRAME_READY, 0)};
	uint64_t stop = frame_tag(FRAME_STOP, 0);
	char noise[1024];

	switch (garbage) {
	case STRANGE_NUMBER:
		say_result(1000, 1, 0);
		break;
	case NOT_CLAIMED:
		say_result(2, 1, 0);
		break;
	case NOT_MSGPACK:
		say_result(0, 1, (char)0xc1);
		break;
	case SECOND_START:
		say(&start, sizeof(start));
		break;
	case FRAME_OF_PARENT:
		say(&stop, sizeof(stop));
		break;
	case TOO_LARGE:
		say_result(0, (uint64_t)1 << 40, 0);
		break;
	case HEAD_OF_MORE:
		say_result(1, 1000000, 0);
		break;
	case THREE_BYTES:
		say("abc", 3);
		break;
	default:
		memset(noise, 0xff, sizeof(noise));
		say(noise, sizeof(noise));
	}
}

/* The one with argument 0 says something at the gate, and stays. */
static int task_garble(struct prun_task *task)
{
	int64_t n;
	int rc = prun_arg_int(task, &n);

	if (rc < 0)
		return rc;
	note_start(prun_task_index(task));
	if (n != 0)
		return 0;
	if (eventfd_write(arrived, 1) < 0)
		return -errno;
	is_readable(gate, -1);
	say_garbage();
	eventfd_write(arrived, 1);
	for (;;)
		pause();
}

/* So many tasks in one frame, of which that at `at` has said it. The pool has
 * read nothing yet. */
static struct prun_job *garbled(struct prun_pool **pool, enum garbage what,
				uint32_t at, uint32_t count)
{
	struct prun_job *job;

	garbage = what;
	*pool = death_pool(1);
	job = one_chunk(*pool, "garble", -(int64_t)at, count);
	await_arrival();
	gate_open();
	await_arrival();
	return job;
}

START_TEST(garbage_on_the_socket)
{
	struct prun_pool *pool;
	struct prun_job *job = garbled(&pool, (enum garbage)_i, 0, 3);
	const struct prun_result *r = soon(job);
	pid_t pid = r->worker_pid;
	uint64_t i;

	ck_assert_str_eq(prun_error_name(r->status), "PRUN_EPROTO");
	ck_assert_ptr_nonnull(strstr(r->message, " sent "));
	for (i = 1; i < 3; i++) {
		r = soon(job);
		assert_ok(r, i);
		ck_assert_int_ne(r->worker_pid, pid);
	}
	assert_started_once(3);
	ck_assert_uint_eq(seen->inits, 2);
	prun_job_free(job);
	assert_works(pool);
	finish_pool(pool);
}
END_TEST

/* Nine had finished; some of their results were on the board alone. */
START_TEST(garbage_beside_finished_tasks)
{
	struct prun_pool *pool;
	struct prun_job *job = garbled(&pool, NOISE, 9, 30);
	const struct prun_result *r;
	uint64_t i;

	for (i = 0; i < 30; i++) {
		r = soon(job);
		if (i == 9)
			ck_assert_int_eq(r->status, PRUN_EPROTO);
		else
			assert_ok(r, i);
	}
	assert_started_once(30);
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

/* Known as hostile, not yet buried: what it has not started is cancelled. */
START_TEST(cancelled_while_a_garbler_dies)
{
	struct prun_pool *pool;
	struct prun_job *job = garbled(&pool, NOISE, 0, 3);

	ck_assert_int_ge(prun_pool_step(pool, 0), 0);
	prun_job_cancel(job, 0);
	ck_assert_int_eq(prun_job_wait(job, SOON_MS), 0);
	ck_assert_int_eq(soon(job)->status, PRUN_EPROTO);
	ck_assert_uint_eq(seen->starts[1] + seen->starts[2], 0);
	ck_assert_int_eq(soon(job)->status, PRUN_ECANCELLED);
	ck_assert_int_eq(soon(job)->status, PRUN_ECANCELLED);
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

/* The second says something and goes on; the third is silent for so long that
 * the board is looked at. */
static int task_promise(struct prun_task *task)
{
	note_start(prun_task_index(task));
	if (prun_task_index(task) == 1)
		say_garbage();
	if (prun_task_index(task) == 2)
		spin(10000000);
	return 0;
}

/* Bytes that look like the beginning of more than will ever come. */
START_TEST(garbage_that_promises_more)
{
	const struct prun_result *r;
	struct prun_pool *pool;
	struct prun_job *job;
	uint32_t i;

	garbage = (enum garbage)_i;
	pool = death_pool(1);
	job = one_chunk(pool, "promise", 0, 30);
	ck_assert_int_eq(prun_job_wait(job, SOON_MS / 4), 0);
	for (i = 0; i < 30; i++) {
		r = soon(job);
		ck_assert(r->status == 0 || r->status == PRUN_EPROTO);
		ck_assert_uint_le(seen->starts[i], 1);
	}
	prun_job_free(job);
	assert_works(pool);
	finish_pool(pool);
}
END_TEST

/* --------------------------------------------------------------------- suite */

static void killed_case(Suite *s)
{
	TCase *tc = pool_case(s, "killed");

	tcase_add_loop_test(tc, killed_while_idle, 0, 3);
	tcase_add_loop_test(tc, killed_before_the_end, 0, 3);
	tcase_add_test(tc, no_room_for_the_replacement);
	tcase_add_loop_test(tc, killed_while_busy, 0, 3);
	tcase_add_test(tc, killed_while_the_caller_waits);
	tcase_add_loop_test(tc, killed_while_reading, 0, 3);
	tcase_add_loop_test(tc, killed_while_writing, 0, 2);
	tcase_add_test(tc, killed_while_flushing);
	tcase_add_test(tc, a_large_argument_for_stopped_workers);
}

int main(void)
{
	struct rlimit none = {0, 0};
	Suite *s = suite_create("death");
	TCase *tc;

	setrlimit(RLIMIT_CORE, &none);
	killed_case(s);
	tc = pool_case(s, "ends");
	tcase_add_loop_test(tc, ends_of_all_kinds, 0, ENDS);
	tcase_add_test(tc, killed_where_sigchld_is_ignored);
	tcase_add_test(tc, exit_in_a_task);
	tcase_add_loop_test(tc, an_orphan_holds_the_socket, 0, 2);
	tcase_add_loop_test(tc, a_task_closes_the_socket, 0, 2);
	tc = pool_case(s, "random");
	tcase_add_loop_test(tc, random_deaths, 0,
			    sizeof(mortal_runs) / sizeof(mortal_runs[0]));
	tc = pool_case(s, "batches");
	tcase_add_loop_test(tc, a_batch_that_dies, 0, 3);
	tcase_add_test(tc, a_batch_that_dies_before_its_first_task);
	tcase_add_loop_test(tc, the_first_of_a_batch_ends_last, 0, 2);
	tc = pool_case(s, "starts");
	tcase_add_loop_test(tc, killed_in_the_initializer, 1, 3);
	tcase_add_test(tc, killed_in_the_finalizer);
	tcase_add_loop_test(tc, three_killed_in_the_initializer, 0, 2);
	tcase_add_test(tc, no_memory_for_an_argument);
	tc = pool_case(s, "caller");
	tcase_add_loop_test(tc, the_caller_is_killed, 0, SCENES);
	tc = pool_case(s, "garbage");
	tcase_add_loop_test(tc, garbage_on_the_socket, 0, GARBAGES);
	tcase_add_test(tc, garbage_beside_finished_tasks);
	tcase_add_test(tc, cancelled_while_a_garbler_dies);
	tcase_add_loop_test(tc, garbage_that_promises_more, HEAD_OF_MORE,
			    THREE_BYTES + 1);
	return suite_main(s);
}
