/* SPDX-License-Identifier: MIT */
/*
 * What surrounds a pool: a caller with closed descriptors, with handlers,
 * threads, limits and copies of its own, and tasks that treat their worker
 * badly. With both ways of birth.
 *
 * A caller that has to spoil its process for that is a process apart. The
 * witness is a pipe whose other end all that it starts inherits: its end of
 * file says that nobody is left.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

#include "fork_fail.h"
#include "pool_suite.h"
#include "process.h"

/* What takes longer hangs. */
#define SOON_MS 20000
#define METHODS 2
#define SERVER PRUN_START_FORKSERVER

static const int methods[METHODS] = {PRUN_START_FORK, SERVER};

/* ---------------------------------------------------------- processes apart */

static int witness[2] = {-1, -1};

static void witness_setup(void)
{
	ck_assert_int_eq(pipe2(witness, O_CLOEXEC), 0);
}

static void let_go(void)
{
	if (witness[1] >= 0)
		close(witness[1]);
	witness[1] = -1;
}

static void witness_teardown(void)
{
	let_go();
	close(witness[0]);
}

static TCase *caller_case(Suite *s, const char *name)
{
	TCase *tc = pool_case(s, name);

	tcase_add_checked_fixture(tc, witness_setup, witness_teardown);
	return tc;
}

static bool nobody_left(int timeout_ms)
{
	char c;

	return is_readable(witness[0], timeout_ms) &&
	       read(witness[0], &c, 1) == 0;
}

/* Run it as a caller of its own, which leaves nobody behind. */
static void apart(void (*fn)(int arg), int arg)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		alarm(WATCHDOG_S);
		fn(arg);
		_exit(0);
	}
	ck_assert_int_gt(pid, 0);
	let_go();
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status), "it was killed by signal %d",
		      WTERMSIG(status));
	ck_assert_int_eq(WEXITSTATUS(status), 0);
	ck_assert(nobody_left(SOON_MS));
}

static int watch(pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	ck_assert_int_ge(fd, 0);
	return fd;
}

static void expect_end(int pidfd)
{
	ck_assert_msg(is_readable(pidfd, SOON_MS), "a process lives");
	close(pidfd);
}

/* Not driving any pool. */
static void await_arrival(void)
{
	eventfd_t n;

	ck_assert(is_readable(arrived, SOON_MS));
	ck_assert_int_eq(eventfd_read(arrived, &n), 0);
}

static bool have_root(const char *what)
{
	if (geteuid() == 0)
		return true;
	fprintf(stderr, "check_caller: %s: skipped, it takes root\n", what);
	return false;
}

/* ----------------------------------------------------------------- functions */

/* Every tenth kills its worker. */
static int task_mortal(struct prun_task *task)
{
	int64_t n;
	int rc = prun_arg_int(task, &n);

	if (rc == 0 && n % 10 == 9)
		raise(SIGKILL);
	return rc < 0 ? rc : prun_ret_int(task, n * n);
}

/* Says garbage wherever it could be heard, and reads what should be empty. */
static int task_chatter(struct prun_task *task)
{
	char c;
	int64_t n;
	int fd, rc = prun_arg_int(task, &n);

	if (rc < 0)
		return rc;
	printf("not a frame");
	fprintf(stderr, "not a frame");
	for (fd = 0; fd < 3; fd++)
		if (write(fd, "not a frame", 11) < 0)
			return prun_task_fail(task, -errno, "write to %d", fd);
	if (read(STDIN_FILENO, &c, 1) != 0)
		return prun_task_fail(task, -EIO, "there is an input");
	return prun_ret_int(task, n * n);
}

static int task_parent(struct prun_task *task)
{
	return prun_ret_int(task, getppid());
}

/* How many descriptors above the three lead to a device. */
static int task_open_files(struct prun_task *task)
{
	struct stat st;
	int fd, n = 0;

	for (fd = 3; fd < 100; fd++)
		n += fstat(fd, &st) == 0 && S_ISCHR(st.st_mode);
	return prun_ret_int(task, n);
}

#define MY(n) \
	{ \
		.name = #n, .fn = task_##n \
	}

static struct prun_options options_of(int method, uint32_t workers,
				      const struct prun_func *funcs)
{
	struct prun_options o = options_for(method, workers);

	o.funcs = funcs;
	return o;
}

static const struct prun_func caller_funcs[] = {
	MY(square), MY(echo),	MY(gate),    MY(who),	     MY(parent),
	MY(quiet),  MY(mortal), MY(chatter), MY(open_files), {.name = NULL},
};

static struct prun_pool *caller_pool(int method, uint32_t workers)
{
	struct prun_options o = options_of(method, workers, caller_funcs);

	return open_with(&o);
}

/* The squares of 0 to n - 1 from a function that gives them. */
static void expect_squares(struct prun_pool *pool, const char *func, int n)
{
	struct prun_range range = {0, n, 1};
	struct prun_call c = range_call(func, &range);
	struct prun_job *job;
	int i;

	ck_assert_int_eq(prun_imap(&job, pool, &c), 0);
	for (i = 0; i < n; i++)
		ck_assert_int_eq(int_of(next_of(job)), i * i);
	assert_end(job, 0);
	prun_job_free(job);
}

static int64_t ask(struct prun_pool *pool, const char *func)
{
	struct prun_call c = PRUN_CALL_INIT;
	const struct prun_result *r;
	struct prun_job *job;
	int64_t n;

	c.func = func;
	ck_assert_int_eq(prun_apply(&job, pool, &c), 0);
	ck_assert_int_eq(prun_job_at(&r, job, 0), 0);
	n = int_of(r);
	prun_job_free(job);
	return n;
}

static pid_t pid_of(struct prun_pool *pool, int id)
{
	struct prun_worker_stats stats[8];

	ck_assert_int_gt(prun_pool_worker_stats(pool, stats, sizeof(*stats), 8),
			 id);
	return stats[id].worker_pid;
}

/* How many places have a process. */
static int count_workers(struct prun_pool *pool)
{
	struct prun_worker_stats stats[8];
	int n = prun_pool_worker_stats(pool, stats, sizeof(*stats), 8);
	int i, count = 0;

	for (i = 0; i < n; i++)
		count += stats[i].worker_pid != 0;
	return count;
}

static void await_workers(struct prun_pool *pool, int count)
{
	while (count_workers(pool) != count)
		ck_assert_int_ge(prun_pool_step(pool, 100), 0);
}

/* ------------------------------------------------------ closed descriptors */

/* Without those whose bits are set; the others lead nowhere. */
static void close_some(int mask)
{
	int fd;

	for (fd = 0; fd < 3; fd++) {
		int null = open("/dev/null", O_RDWR | O_CLOEXEC);

		ck_assert_int_ge(null, 0);
		if (null != fd) {
			dup2(null, fd);
			close(null);
		}
	}
	for (fd = 0; fd < 3; fd++)
		if (mask & 1 << fd)
			close(fd);
}

/* Nothing of the pool's has taken their places, where this would go to it. */
static void shout_into(int mask)
{
	int fd;

	printf("not a frame");
	fflush(stdout);
	for (fd = 0; fd < 3; fd++)
		if (mask & 1 << fd)
			ck_assert(write(fd, "not a frame", 11) < 0 &&
				  errno == EBADF);
}

static void live_without(int arg)
{
	int mask = arg / METHODS, i;
	struct prun_options o =
		options_of(methods[arg % METHODS], 2, caller_funcs);
	struct prun_range range = {0, 60, 1};
	struct prun_call c = range_call("chatter", &range);
	struct prun_pool *pool;
	struct prun_job *job;

	close_some(mask);
	o.maxtasksperchild = 4;
	pool = open_with(&o);
	let_go();
	shout_into(mask);
	ck_assert_int_gt(prun_pool_fd(pool), 2);
	ck_assert_int_eq(prun_imap(&job, pool, &c), 0);
	for (i = 0; i < 60; i++) {
		ck_assert_int_eq(int_of(next_of(job)), i * i);
		shout_into(mask);
	}
	prun_job_free(job);
	finish_pool(pool);
	shout_into(mask);
}

START_TEST(without_the_three)
{
	apart(live_without, _i);
}
END_TEST

/* ------------------------------------------------- who waits for children */

enum reaper { IGNORES, NO_ZOMBIES, HANDLES, WAITS, REAPERS };

static void reap_all(int sig)
{
	int saved = errno;

	(void)sig;
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	errno = saved;
}

struct waiting {
	pthread_t thread;
	pid_t own; /* keeps wait() from ending at once */
	int others;
};

static void *wait_for_any(void *arg)
{
	struct waiting *w = arg;
	pid_t pid;

	while ((pid = wait(NULL)) != w->own) {
		ck_assert(pid > 0 || errno == EINTR);
		w->others += pid > 0;
	}
	return NULL;
}

static void start_reaper(struct waiting *w, enum reaper how)
{
	struct sigaction sa = {.sa_handler = how == IGNORES ? SIG_IGN :
					     how == HANDLES ? reap_all :
							      SIG_DFL};

	if (how == NO_ZOMBIES)
		sa.sa_flags = SA_NOCLDWAIT;
	sigaction(SIGCHLD, &sa, NULL);
	w->others = 0;
	if (how != WAITS)
		return;
	w->own = fork();
	if (w->own == 0) {
		let_go();
		is_readable(gate, -1);
		_exit(0);
	}
	ck_assert_int_gt(w->own, 0);
	ck_assert_int_eq(pthread_create(&w->thread, NULL, wait_for_any, w), 0);
}

/* The server alone knows how its children ended; of the caller's own that is
 * said to be unknown when somebody else has waited for them. */
static void expect_mortal(const struct prun_result *r, bool served)
{
	ck_assert_int_eq(r->status, PRUN_EWORKER);
	ck_assert_int_eq(r->worker_exit, -1);
	ck_assert_int_gt(r->worker_pid, 0);
	if (served || r->worker_signal) {
		ck_assert_int_eq(r->worker_signal, SIGKILL);
		ck_assert_ptr_nonnull(strstr(r->message, "SIGKILL"));
	} else {
		ck_assert_ptr_nonnull(strstr(r->message, "how is not known"));
	}
}

static void live_beside_a_reaper(int arg)
{
	enum reaper how = (enum reaper)(arg / METHODS);
	int method = methods[arg % METHODS], i;
	struct prun_range range = {0, 100, 1};
	struct prun_call c = range_call("mortal", &range);
	const struct prun_result *r;
	struct prun_pool *pool;
	struct prun_job *job;
	struct waiting w;

	start_reaper(&w, how);
	pool = caller_pool(method, 2);
	let_go();
	ck_assert_int_eq(prun_imap(&job, pool, &c), 0);
	for (i = 0; i < 100; i++) {
		r = next_of(job);
		if (i % 10 == 9)
			expect_mortal(r, method == SERVER);
		else
			ck_assert_int_eq(int_of(r), i * i);
	}
	assert_end(job, 0);
	prun_job_free(job);
	finish_pool(pool);
	if (how == WAITS) {
		gate_open();
		ck_assert_int_eq(pthread_join(w.thread, NULL), 0);
		/* Of a server only the process in between. */
		ck_assert_int_le(w.others, method == SERVER ? 1 : 12);
	}
	ck_assert(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
}

START_TEST(beside_a_reaper)
{
	apart(live_beside_a_reaper, _i);
}
END_TEST

/* --------------------------------------------------------------- few descriptors */

/* No new descriptor from here on; those there are stay. */
static void allow_descriptors(bool allow)
{
	static struct rlimit old;
	struct rlimit none;

	if (!allow)
		getrlimit(RLIMIT_NOFILE, &old);
	none = old;
	if (!allow)
		none.rlim_cur = 3;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
}

/* One descriptor more each time, until it opens; then it works with not one
 * more, and in all other cases it leaves nothing. */
START_TEST(few_descriptors_to_open)
{
	struct prun_options o = options_of(methods[_i], 3, caller_funcs);
	struct rlimit old, few;
	struct prun_pool *pool;
	size_t before = suite_fd_count();
	rlim_t limit;
	int rc = -EMFILE;

	getrlimit(RLIMIT_NOFILE, &old);
	for (limit = 3; rc < 0 && limit < 64; limit++) {
		few = (struct rlimit){limit, old.rlim_max};
		setrlimit(RLIMIT_NOFILE, &few);
		rc = prun_pool_new(&pool, &o);
		if (rc == 0)
			expect_squares(pool, "square", 100);
		setrlimit(RLIMIT_NOFILE, &old);
		if (rc == 0)
			break;
		/* Of its own want the server can only say that it is not
		 * there. */
		ck_assert_msg(rc == -EMFILE ||
				      (rc == -EAGAIN && methods[_i] == SERVER),
			      "%s", prun_error_name(rc));
		ck_assert_ptr_null(pool);
		ck_assert_uint_eq(suite_fd_count(), before);
		ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
	}
	ck_assert_int_eq(rc, 0);
	ck_assert_uint_gt(limit, before);
	let_go();
	finish_pool(pool);
	ck_assert(nobody_left(SOON_MS));
}
END_TEST

/* The others carry on, the place is said to be empty, and is filled when there
 * is room again. */
START_TEST(no_descriptor_for_a_replacement)
{
	struct prun_pool *pool = caller_pool(methods[_i], 3);
	pid_t pid = pid_of(pool, 1);
	int pidfd = watch(pid);

	let_go();
	expect_squares(pool, "square", 10);
	allow_descriptors(false);
	kill(pid, SIGKILL);
	ck_assert(is_readable(pidfd, SOON_MS));
	await_workers(pool, 2);
	expect_squares(pool, "square", 1000);
	ck_assert_int_eq(count_workers(pool), 2);
	ck_assert_int_eq(pid_of(pool, 1), 0);
	ck_assert_int_eq(prun_pool_error(pool, NULL), 0);
	allow_descriptors(true);
	await_workers(pool, 3);
	expect_squares(pool, "square", 1000);
	close(pidfd);
	finish_pool(pool);
	ck_assert(nobody_left(SOON_MS));
}
END_TEST

/* Without any worker, nor room for one, it ends with the reason. */
START_TEST(no_descriptor_for_the_only_one)
{
	struct prun_pool *pool = caller_pool(methods[_i], 1);
	struct prun_range range = {0, 5, 1};
	struct prun_call c = range_call("square", &range);
	int pidfd = watch(pid_of(pool, 0));
	const char *message;
	struct prun_job *job;

	let_go();
	allow_descriptors(false);
	kill(pid_of(pool, 0), SIGKILL);
	ck_assert(is_readable(pidfd, SOON_MS));
	ck_assert_int_eq(prun_map(&job, pool, &c), -EMFILE);
	ck_assert_int_eq(prun_pool_error(pool, &message), -EMFILE);
	ck_assert_str_eq(message, "no worker can be started");
	allow_descriptors(true);
	close(pidfd);
	prun_job_free(job);
	finish_pool(pool);
	ck_assert(nobody_left(SOON_MS));
}
END_TEST

static void wait_for_eof(int fd, void *arg)
{
	char c;

	(void)arg;
	while (recv(fd, &c, 1, 0) > 0)
		;
	_exit(0);
}

static pid_t other_child;

/* Right before the fork another thread has forked, and taken what was left. */
static void fork_as_another(void)
{
	fork_before(NULL);
	other_child = fork();
	if (other_child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		is_readable(gate, -1);
		_exit(0);
	}
	allow_descriptors(false);
}

/* That child has copies of both ends of the socket, and holds nothing up. */
START_TEST(no_pidfd_beside_a_copy)
{
	struct process p = PROCESS_INIT;

	fork_before(fork_as_another);
	ck_assert_int_eq(process_start(&p, wait_for_eof, NULL), -EMFILE);
	allow_descriptors(true);
	gate_open();
	ck_assert_int_eq(waitpid(other_child, NULL, 0), other_child);
}
END_TEST

/* ---------------------------------------------------------------- few processes */

/* A user that has no other process here. */
static void become_nobody(void)
{
	uid_t uid = 3000000 + (uid_t)getpid();

	ck_assert_int_eq(setresuid(uid, uid, uid), 0);
	prctl(PR_SET_DUMPABLE, 1);
}

static void limit_processes(pid_t of, rlim_t count)
{
	struct rlimit limit;

	ck_assert_int_eq(prlimit(of, RLIMIT_NPROC, NULL, &limit), 0);
	limit.rlim_cur = count;
	ck_assert_int_eq(prlimit(of, RLIMIT_NPROC, &limit, NULL), 0);
}

/* How many processes of its own a pool of four takes, by trying; 0 where the
 * limit has no effect. */
static rlim_t open_when_there_is_room(struct prun_pool **pool, int method)
{
	struct prun_options o = options_of(method, 4, caller_funcs);
	rlim_t limit;
	int rc;

	for (limit = 1; limit < 10; limit++) {
		limit_processes(0, limit);
		rc = prun_pool_new(pool, &o);
		if (rc == 0)
			return limit - 1;
		ck_assert_int_eq(rc, -EAGAIN);
		ck_assert_ptr_null(*pool);
		ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
	}
	ck_abort_msg("it never opens");
	return 0;
}

static void kill_worker(struct prun_pool *pool, int id)
{
	pid_t pid = pid_of(pool, id);
	int pidfd = watch(pid);

	kill(pid, SIGKILL);
	expect_end(pidfd);
}

static void live_among_few(int arg)
{
	int method = methods[arg], i;
	struct prun_range range = {0, 5, 1};
	struct prun_call c = range_call("square", &range);
	const char *message;
	struct prun_pool *pool;
	struct prun_job *job;
	pid_t parent;
	rlim_t room;

	become_nobody();
	/* The first process of a container may be slow to wait for a server
	 * that has ended, which counts until then. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	room = open_when_there_is_room(&pool, method);
	let_go();
	if (room == 0) {
		fprintf(stderr, "check_caller: few processes: skipped, "
				"RLIMIT_NPROC has no effect here\n");
		finish_pool(pool);
		return;
	}
	ck_assert_uint_eq(room, method == SERVER ? 5 : 4);
	parent = (pid_t)ask(pool, "parent");
	limit_processes(parent, 1);
	kill_worker(pool, 0);
	kill_worker(pool, 2);
	await_workers(pool, 2);
	expect_squares(pool, "square", 1000);
	ck_assert_int_eq(count_workers(pool), 2);
	ck_assert_int_eq(prun_pool_error(pool, NULL), 0);
	limit_processes(parent, 10);
	await_workers(pool, 4);
	expect_squares(pool, "square", 1000);
	limit_processes(parent, 1);
	for (i = 0; i < 4; i++)
		kill_worker(pool, i);
	ck_assert_int_eq(prun_map(&job, pool, &c), -EAGAIN);
	ck_assert_int_eq(prun_pool_error(pool, &message), -EAGAIN);
	ck_assert_str_eq(message, "no worker can be started");
	prun_job_free(job);
	finish_pool(pool);
}

START_TEST(few_processes)
{
	if (have_root("few processes"))
		apart(live_among_few, _i);
}
END_TEST

/* ------------------------------------------------------------- busy threads */

#define THREADS 32

static _Atomic bool threads_stop;

/* Half of them take locks, of malloc and of stdio. */
static void *be_busy(void *arg)
{
	FILE *null = arg;
	time_t t = 0;
	struct tm tm;

	while (!atomic_load(&threads_stop)) {
		if (!null)
			continue;
		free(malloc(5000));
		fprintf(null, "%d\n", localtime_r(&t, &tm) ? tm.tm_hour : 0);
		t++;
	}
	return NULL;
}

/* Those that take none are busy when the pool opens; a worker anew for each
 * task afterwards. */
START_TEST(among_busy_threads)
{
	struct prun_options o = options_of(SERVER, 2, caller_funcs);
	FILE *null = fopen("/dev/null", "we");
	pthread_t threads[THREADS];
	struct prun_pool *pool = NULL;
	int i;

	ck_assert_ptr_nonnull(null);
	o.maxtasksperchild = 1;
	atomic_store(&threads_stop, false);
	for (i = 0; i < THREADS; i++) {
		if (i == THREADS / 2)
			pool = open_with(&o);
		ck_assert_int_eq(pthread_create(&threads[i], NULL, be_busy,
						i < THREADS / 2 ? NULL : null),
				 0);
	}
	let_go();
	expect_squares(pool, "square", 60);
	atomic_store(&threads_stop, true);
	for (i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	fclose(null);
	finish_pool(pool);
	ck_assert(nobody_left(SOON_MS));
}
END_TEST

/* ----------------------------------------------------------- a storm of signals */

#define BLOB_BYTES 300000
#define STORM_US 100

static volatile sig_atomic_t storm_signals;

static void on_signal(int sig)
{
	(void)sig;
	storm_signals++;
}

/* Without SA_RESTART: what is interrupted says so. */
static void begin_storm(void)
{
	static const struct itimerval often = {{0, STORM_US}, {0, STORM_US}};
	struct sigaction sa = {.sa_handler = on_signal};

	sigaction(SIGALRM, &sa, NULL);
	sigaction(SIGUSR1, &sa, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
}

static void end_storm(void)
{
	static const struct itimerval never;

	setitimer(ITIMER_REAL, &never, NULL);
	alarm(WATCHDOG_S);
}

/* The timer is not inherited. */
static int init_storm(void **state, int worker_id, void *initarg, char *message,
		      size_t size)
{
	(void)state;
	(void)worker_id;
	(void)initarg;
	(void)message;
	(void)size;
	begin_storm();
	return 0;
}

/* At those that have their handlers and are not waited for yet. */
static void signal_workers(struct prun_pool *pool)
{
	struct prun_worker_stats stats[8];
	int i, n = prun_pool_worker_stats(pool, stats, sizeof(*stats), 8);

	for (i = 0; i < n; i++)
		if (stats[i].worker_pid && stats[i].start_ns)
			kill(stats[i].worker_pid, SIGUSR1);
}

static int blobs_left;

/* More than a socket takes at once. */
static int source_blobs(struct prun_item *item, void *blob)
{
	if (blobs_left == 0)
		return 0;
	blobs_left--;
	return prun_item_bin(item, blob, BLOB_BYTES) < 0 ? -ENOMEM : 1;
}

static void expect_blobs(struct prun_pool *pool, int count, bool forked)
{
	unsigned char *blob = malloc(BLOB_BYTES);
	struct prun_call c = call_of("echo", source_blobs, blob);
	const struct prun_result *r;
	struct prun_job *job;
	const char *back;
	size_t i, size;

	ck_assert_ptr_nonnull(blob);
	for (i = 0; i < BLOB_BYTES; i++)
		blob[i] = blob_byte(i);
	blobs_left = count;
	ck_assert_int_eq(prun_imap(&job, pool, &c), 0);
	while (count-- > 0) {
		if (forked)
			signal_workers(pool);
		r = next_of(job);
		ck_assert_int_eq(r->status, 0);
		ck_assert_int_eq(prun_result_str(r, &back, &size), 0);
		ck_assert_uint_eq(size, BLOB_BYTES);
		ck_assert_int_eq(memcmp(back, blob, size), 0);
	}
	assert_end(job, 0);
	prun_job_free(job);
	free(blob);
}

static void live_in_a_storm(int arg)
{
	int method = methods[arg];
	struct prun_options o = options_of(method, 2, caller_funcs);
	struct prun_pool *pool;

	o.initializer = init_storm;
	o.maxtasksperchild = 300;
	begin_storm();
	pool = open_with(&o);
	let_go();
	expect_blobs(pool, 100, method == PRUN_START_FORK);
	expect_squares(pool, "square", 3000);
	finish_pool(pool);
	end_storm();
	ck_assert_int_gt(storm_signals, 10);
}

START_TEST(in_a_storm)
{
	apart(live_in_a_storm, _i);
}
END_TEST

/* The time that it has waited does not begin anew with each signal. */
static void await_in_a_storm(int arg)
{
	struct process p = PROCESS_INIT;
	struct process_end end;

	(void)arg;
	ck_assert_int_eq(process_start(&p, wait_for_eof, NULL), 0);
	let_go();
	begin_storm();
	ck_assert(!process_await(&p, 50));
	end_storm();
	process_kill(&p, SIGKILL);
	ck_assert(process_await(&p, SOON_MS));
	process_reap(&p, &end, true);
	process_release(&p);
}

START_TEST(a_timeout_in_a_storm)
{
	apart(await_in_a_storm, 0);
}
END_TEST

/* ----------------------------------------------------- copies of the caller */

enum copy {
	LEAVES,
	EXITS,
	EXITS_WITHOUT_FREE,
	COPIES,
	OPENS_ONE,
	CLOSES_ALL,
	COPY_WAYS
};

/* Nothing that it calls does anything. */
static void call_as_copy(struct prun_pool *pool, struct prun_job *job)
{
	struct prun_range range = {0, 10, 1};
	struct prun_call c = range_call("square", &range);
	const struct prun_result *r;
	struct prun_job *none;

	ck_assert_int_eq(prun_pool_step(pool, 100), PRUN_EFORKED);
	ck_assert_int_eq(prun_map(&none, pool, &c), PRUN_EFORKED);
	ck_assert_int_eq(prun_job_next(&r, job, 100), PRUN_EFORKED);
	ck_assert_int_eq(prun_pool_terminate(pool), PRUN_EFORKED);
	ck_assert_int_eq(prun_pool_join(pool, 100), PRUN_EFORKED);
}

/* A pool of its own. With `closes` all descriptors are its own too, as
 * a daemon's are, and its workers are to have what is there now. */
static void open_as_copy(int method, bool closes)
{
	struct prun_pool *own;
	struct stat st;
	int fd, high;

	if (closes) {
		syscall(SYS_close_range, 3, ~0u, 0);
		for (fd = 3; fd < 40; fd++)
			ck_assert_int_eq(
				open("/dev/null", O_RDONLY | O_CLOEXEC), fd);
	}
	own = caller_pool(method, 2);
	expect_squares(own, "square", 100);
	high = (int)ask(own, "open_files");
	if (closes)
		ck_assert_int_eq(high, 37);
	finish_pool(own);
	for (fd = 3; closes && fd < 40; fd++)
		ck_assert(fstat(fd, &st) == 0 && S_ISCHR(st.st_mode));
}

static void be_a_copy(struct prun_pool *pool, struct prun_job *job,
		      enum copy how, int method)
{
	call_as_copy(pool, job);
	if (how == COPIES) {
		int status;
		pid_t pid = fork();

		if (pid == 0) {
			call_as_copy(pool, job);
			exit(prun_pool_free(pool));
		}
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert_int_eq(status, 0);
	}
	if (how == OPENS_ONE || how == CLOSES_ALL)
		open_as_copy(method, how == CLOSES_ALL);
	if (how == EXITS_WITHOUT_FREE)
		exit(0);
	ck_assert_int_eq(prun_pool_free(pool), 0);
	prun_job_free(job);
	if (how == LEAVES)
		_exit(0);
	exit(0);
}

/* Its pool is unhurt: the same workers, each result. */
static void live_beside_a_copy(int arg)
{
	int method = methods[arg % METHODS], i, status;
	struct prun_pool *pool = caller_pool(method, 2);
	struct prun_range range = {0, 3000, 1};
	struct prun_call c = range_call("square", &range);
	pid_t before[2], copy = 0;
	struct prun_job *job;

	for (i = 0; i < 2; i++)
		before[i] = pid_of(pool, i);
	ck_assert_int_eq(prun_imap(&job, pool, &c), 0);
	for (i = 0; i < 3000; i++) {
		ck_assert_int_eq(int_of(next_of(job)), (int64_t)i * i);
		if (i != 1000)
			continue;
		copy = fork();
		if (copy == 0)
			be_a_copy(pool, job, (enum copy)(arg / METHODS),
				  method);
	}
	ck_assert_int_eq(waitpid(copy, &status, 0), copy);
	ck_assert_int_eq(status, 0);
	assert_end(job, 0);
	prun_job_free(job);
	expect_squares(pool, "square", 1000);
	for (i = 0; i < 2; i++)
		ck_assert_int_eq(pid_of(pool, i), before[i]);
	let_go();
	finish_pool(pool);
}

START_TEST(beside_a_copy)
{
	apart(live_beside_a_copy, _i);
}
END_TEST

/* ------------------------------------------------------------------- two pools */

/* One of each method, or two of one, driven by turns; workers die in both. */
START_TEST(two_pools_by_turns)
{
	struct prun_range range[2] = {{0, 500, 1}, {0, 500, 1}};
	struct prun_pool *pools[2];
	struct prun_job *jobs[2];
	const struct prun_result *r;
	int i, k;

	for (k = 0; k < 2; k++) {
		struct prun_call c = range_call("mortal", &range[k]);

		pools[k] = caller_pool(methods[_i >> k & 1], 2);
		c.buffersize = 50;
		ck_assert_int_eq(prun_imap(&jobs[k], pools[k], &c), 0);
	}
	let_go();
	for (i = 0; i < 500; i++)
		for (k = 0; k < 2; k++) {
			r = next_of(jobs[k]);
			if (i % 10 == 9)
				expect_mortal(r, true);
			else
				ck_assert_int_eq(int_of(r), (int64_t)i * i);
		}
	for (k = 0; k < 2; k++) {
		assert_end(jobs[k], 0);
		prun_job_free(jobs[k]);
	}
	/* The end of the first one leaves the other alone. */
	finish_pool(pools[0]);
	expect_squares(pools[1], "square", 100);
	finish_pool(pools[1]);
	ck_assert(nobody_left(SOON_MS));
}
END_TEST

#ifndef __SANITIZE_ADDRESS__
struct pool_thread {
	pthread_t thread;
	int method;
	int wrong; /* results */
};

static void count_wrong(struct pool_thread *t, struct prun_pool *pool)
{
	struct prun_range range = {0, 600, 1};
	struct prun_call c = range_call("square", &range);
	const struct prun_result *r;
	struct prun_job *job;
	int64_t n, i = 0;

	if (prun_imap(&job, pool, &c) < 0) {
		t->wrong += 600;
		return;
	}
	while (prun_job_next(&r, job, -1) == 1) {
		t->wrong += prun_result_int(r, &n) < 0 || n != i * i;
		i++;
	}
	t->wrong += i != 600;
	prun_job_free(job);
}

/* Its workers are replaced, so that both threads fork all the time. */
static void *run_pools(void *arg)
{
	struct pool_thread *t = arg;
	struct prun_options o = options_of(t->method, 2, caller_funcs);
	struct prun_pool *pool;
	int i;

	o.maxtasksperchild = 10;
	for (i = 0; i < 3; i++) {
		if (prun_pool_new(&pool, &o) < 0) {
			t->wrong++;
			continue;
		}
		count_wrong(t, pool);
		t->wrong += prun_pool_close(pool) < 0;
		t->wrong += prun_pool_join(pool, -1) < 0;
		t->wrong += prun_pool_free(pool) < 0;
	}
	return NULL;
}

START_TEST(two_pools_of_two_threads)
{
	struct pool_thread threads[2];
	int k;

	for (k = 0; k < 2; k++) {
		threads[k] =
			(struct pool_thread){.method = methods[_i >> k & 1]};
		ck_assert_int_eq(pthread_create(&threads[k].thread, NULL,
						run_pools, &threads[k]),
				 0);
	}
	for (k = 0; k < 2; k++) {
		ck_assert_int_eq(pthread_join(threads[k].thread, NULL), 0);
		ck_assert_int_eq(threads[k].wrong, 0);
	}
	let_go();
	ck_assert(nobody_left(SOON_MS));
}
END_TEST
#endif

/* ------------------------------------------------------------------ nested pools */

static const struct prun_func nest_funcs[];

/* The sum of what a pool in this worker gives for 0 to 4; at depth 0 a square.
 * The argument is [method, depth, n]. */
static int sum_of(struct prun_pool *pool, int method, int depth, int64_t *sum)
{
	struct prun_packer *p;
	struct prun_job *jobs[5] = {NULL};
	const struct prun_result *r;
	struct prun_call c = PRUN_CALL_INIT;
	int64_t n;
	int i, rc = prun_packer_new(&p);

	c.func = "nest";
	for (i = 0; i < 5 && rc == 0; i++) {
		prun_packer_clear(p);
		rc = prun_pack(p, "[i,i,i]", method, depth, i);
		c.argument = prun_packer_data(p, &c.argument_size);
		rc = rc < 0 ? rc : prun_apply_async(&jobs[i], pool, &c);
	}
	while (i-- > 0) {
		int got = jobs[i] ? prun_job_get(&r, jobs[i], -1) : rc;

		rc = rc < 0 ? rc : got < 0 ? got : prun_result_int(r, &n);
		*sum += rc < 0 ? 0 : n;
		prun_job_free(jobs[i]);
	}
	prun_packer_free(p);
	return rc;
}

static int task_nest(struct prun_task *task)
{
	struct prun_options o;
	struct prun_pool *pool;
	int64_t sum = 0;
	int method, depth, n, rc, freed;

	rc = prun_arg_unpack(task, "[i,i,i]", &method, &depth, &n);
	if (rc < 0)
		return rc;
	if (depth == 0)
		return prun_ret_int(task, n * n);
	o = options_of(method, 2, nest_funcs);
	rc = prun_pool_new(&pool, &o);
	if (rc < 0)
		return prun_task_fail(task, rc, "prun_pool_new");
	rc = sum_of(pool, method, depth - 1, &sum);
	freed = prun_pool_free(pool);
	rc = rc < 0 ? rc : freed;
	return rc < 0 ? rc : prun_ret_int(task, sum + n);
}

static int note_pid(void **state, int worker_id, void *initarg, char *message,
		    size_t size)
{
	(void)state;
	(void)initarg;
	(void)message;
	(void)size;
	seen->ids[worker_id] = getpid();
	return 0;
}

/* Two workers of a pool in this worker wait at the gate. */
static int task_nest_gate(struct prun_task *task)
{
	struct prun_range range = {0, 2, 1};
	struct prun_call c = range_call("gate", &range);
	struct prun_options o;
	struct prun_pool *pool;
	struct prun_job *job;
	int64_t method;
	int rc = prun_arg_int(task, &method);

	o = options_of((int)method, 2, nest_funcs);
	o.initializer = note_pid;
	c.chunksize = 1;
	rc = rc < 0 ? rc : prun_pool_new(&pool, &o);
	return rc < 0 ? rc : prun_map(&job, pool, &c);
}

static const struct prun_func nest_funcs[] = {
	MY(nest), MY(nest_gate), MY(gate), MY(square), {.name = NULL},
};

/* Pools in workers, and pools in theirs: 4 leaves' sums of squares each. */
START_TEST(pools_in_workers)
{
	struct prun_options o = options_of(methods[_i & 1], 2, nest_funcs);
	struct prun_pool *pool = open_with(&o);
	int64_t sum = 0;

	let_go();
	/* At depth 1 each gives 30 + n, at depth 2 5 * 30 + 10 + n. */
	ck_assert_int_eq(sum_of(pool, methods[_i >> 1], 1, &sum), 0);
	ck_assert_int_eq(sum, 5 * 30 + 10);
	sum = 0;
	ck_assert_int_eq(sum_of(pool, methods[_i >> 1], 2, &sum), 0);
	ck_assert_int_eq(sum, 5 * (5 * 30 + 10) + 10);
	finish_pool(pool);
	ck_assert(nobody_left(SOON_MS));
}
END_TEST

/* Its own workers, which are busy, die with it. */
START_TEST(a_worker_with_workers_is_killed)
{
	struct prun_options o = options_of(methods[_i & 1], 1, nest_funcs);
	struct prun_pool *pool = open_with(&o);
	struct prun_packer *p = new_packer();
	struct prun_call c = PRUN_CALL_INIT;
	const struct prun_result *r;
	struct prun_job *job;
	int i, inner[2];

	let_go();
	c.func = "nest_gate";
	set_argument(&c, p, methods[_i >> 1]);
	ck_assert_int_eq(prun_apply_async(&job, pool, &c), 0);
	for (i = 0; i < 2; i++)
		await_arrival();
	for (i = 0; i < 2; i++)
		inner[i] = watch(seen->ids[i]);
	ck_assert(!is_readable(inner[0], 0) && !is_readable(inner[1], 0));
	kill(pid_of(pool, 0), SIGKILL);
	for (i = 0; i < 2; i++)
		expect_end(inner[i]);
	ck_assert_int_eq(prun_job_get(&r, job, SOON_MS), PRUN_EWORKER);
	prun_job_free(job);
	prun_packer_free(p);
	assert_works(pool);
	finish_pool(pool);
	ck_assert(nobody_left(SOON_MS));
}
END_TEST

/* -------------------------------------------------------- a change of user */

static int init_as_nobody(void **state, int worker_id, void *initarg,
			  char *message, size_t size)
{
	(void)state;
	(void)initarg;
	(void)message;
	(void)size;
	seen->ids[worker_id] = getpid();
	return setresuid(65534, 65534, 65534) < 0 ? -errno : 0;
}

static void be_a_caller_of_others(int method)
{
	struct prun_options o = options_of(method, 2, caller_funcs);
	struct prun_range range = {0, 2, 1};
	struct prun_call c = range_call("gate", &range);
	struct prun_pool *pool;
	struct prun_job *job;

	o.initializer = init_as_nobody;
	c.chunksize = 1;
	pool = open_with(&o);
	seen->pid = (pid_t)ask(pool, "parent");
	ck_assert_int_eq(prun_map(&job, pool, &c), 0);
}

/* The change clears the signal that ends a worker with its parent. Whoever that
 * is dies; the workers are busy, and see no end of file. */
START_TEST(workers_of_another_user)
{
	int i, workers[2];
	pid_t caller;

	if (!have_root("workers of another user"))
		return;
	caller = fork();
	if (caller == 0) {
		be_a_caller_of_others(methods[_i]);
		_exit(0);
	}
	let_go();
	for (i = 0; i < 2; i++)
		await_arrival();
	for (i = 0; i < 2; i++)
		workers[i] = watch(seen->ids[i]);
	kill(methods[_i] == SERVER ? seen->pid : caller, SIGKILL);
	for (i = 0; i < 2; i++)
		expect_end(workers[i]);
	kill(caller, SIGKILL);
	ck_assert_int_eq(waitpid(caller, NULL, 0), caller);
	ck_assert(nobody_left(SOON_MS));
}
END_TEST

/* ------------------------------------------------ tasks that treat it badly */

/* Prints its number, in brackets, on no line; every fifth then exits. */
static int task_print(struct prun_task *task)
{
	int64_t n;
	int rc = prun_arg_int(task, &n);

	if (rc < 0)
		return rc;
	printf("[%d]", (int)n);
	if (n % 5 == 4)
		exit(3);
	return prun_ret_int(task, n * n);
}

/* Those after 10, 20, 30 ... leave the worker to those that follow without the
 * three, without a directory, and deaf. */
static int task_spoil(struct prun_task *task)
{
	sigset_t all;
	int64_t n;
	int fd, rc = prun_arg_int(task, &n);

	if (rc < 0)
		return rc;
	if (n % 10 != 0)
		return prun_ret_int(task, n * n);
	for (fd = 0; fd < 3; fd++)
		close(fd);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	umask(0777);
	if (chdir("/proc/self/fdinfo") < 0)
		return -errno;
	return prun_ret_int(task, n * n);
}

/* Every tenth closes all there is, its socket with it. */
static int task_close_all(struct prun_task *task)
{
	int64_t n;
	int rc = prun_arg_int(task, &n);

	if (rc == 0 && n % 10 == 0)
		syscall(SYS_close_range, 0, ~0u, 0);
	return rc < 0 ? rc : prun_ret_int(task, n * n);
}

static void *wait_for_ever(void *arg)
{
	(void)arg;
	for (;;)
		pause();
	return NULL;
}

static int task_leave_thread(struct prun_task *task)
{
	pthread_t thread;
	int64_t n;
	int rc = prun_arg_int(task, &n);

	if (rc == 0)
		rc = -pthread_create(&thread, NULL, wait_for_ever, NULL);
	return rc < 0 ? rc : prun_ret_int(task, n * n);
}

/* The worker's only thread. */
static int task_end_thread(struct prun_task *task)
{
	if (prun_task_index(task) == 1)
		pthread_exit(NULL);
	return prun_ret_int(task, (int64_t)prun_task_index(task));
}

/* The second leaves a child with all that it has, which outlives it, and
 * dies. */
static int task_orphan(struct prun_task *task)
{
	pid_t pid;

	if (prun_task_index(task) != 1)
		return prun_ret_int(task, (int64_t)prun_task_index(task));
	pid = fork();
	if (pid == 0) {
		is_readable(gate, -1);
		_exit(0);
	}
	if (pid < 0)
		return -errno;
	seen->pid = pid;
	raise(SIGKILL);
	return 0;
}

/* Waits where only SIGKILL helps. */
static int task_deaf(struct prun_task *task)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	return task_gate(task);
}

static const struct prun_func bad_funcs[] = {
	MY(print),  MY(spoil), MY(close_all), MY(leave_thread), MY(end_thread),
	MY(orphan), MY(deaf),  MY(square),    {.name = NULL},
};

static struct prun_pool *bad_pool(int method, uint64_t maxtasks)
{
	struct prun_options o = options_of(method, 1, bad_funcs);

	o.maxtasksperchild = maxtasks;
	o.grace_ms = 50;
	return open_with(&o);
}

/* How often a text is in what was printed. */
static int times_in(const char *printed, const char *text)
{
	int n = 0;

	while ((printed = strstr(printed, text)) != NULL) {
		printed += strlen(text);
		n++;
	}
	return n;
}

static void on_exit_of_caller(void)
{
	printf("[caller's exit]");
}

static void print_in_pieces(int method)
{
	struct prun_range range = {0, 50, 1};
	struct prun_call c = range_call("print", &range);
	const struct prun_result *r;
	struct prun_pool *pool;
	struct prun_job *job;
	int i;

	printf("[before]");
	pool = bad_pool(method, 7);
	printf("[after]");
	ck_assert_int_eq(prun_imap(&job, pool, &c), 0);
	for (i = 0; i < 50; i++) {
		r = next_of(job);
		printf("[got %d]", i);
		if (i % 5 == 4)
			ck_assert_int_eq(r->status, PRUN_EEXIT);
		else
			ck_assert_int_eq(int_of(r), i * i);
	}
	prun_job_free(job);
	finish_pool(pool);
}

/* All of it once, whosever buffer it was in, and no exit handler but in the
 * caller. */
static void live_with_printers(int arg)
{
	FILE *file = tmpfile();
	char text[4096] = "", one[32];
	int i;

	ck_assert_ptr_nonnull(file);
	fflush(stdout);
	ck_assert_int_eq(dup2(fileno(file), STDOUT_FILENO), STDOUT_FILENO);
	setvbuf(stdout, NULL, _IOFBF, 65536);
	atexit(on_exit_of_caller);
	print_in_pieces(methods[arg]);
	fflush(stdout);
	ck_assert_int_gt(pread(fileno(file), text, sizeof(text) - 1, 0), 0);
	ck_assert_int_eq(times_in(text, "[before]"), 1);
	ck_assert_int_eq(times_in(text, "[after]"), 1);
	ck_assert_int_eq(times_in(text, "[caller's exit]"), 0);
	for (i = 0; i < 50; i++) {
		snprintf(one, sizeof(one), "[%d]", i);
		ck_assert_int_eq(times_in(text, one), 1);
		snprintf(one, sizeof(one), "[got %d]", i);
		ck_assert_int_eq(times_in(text, one), 1);
	}
	fclose(file);
}

START_TEST(tasks_print_and_exit)
{
	apart(live_with_printers, _i);
}
END_TEST

/* What a task does to its worker it does to the tasks that follow, but not to
 * what the pool needs; and a worker anew knows nothing of it. */
START_TEST(tasks_spoil_their_worker)
{
	static const char *const spoilers[] = {"spoil", "leave_thread"};
	struct prun_pool *pool;

	pool = bad_pool(methods[_i % METHODS], 15);
	let_go();
	expect_squares(pool, spoilers[_i / METHODS], 100);
	expect_squares(pool, "square", 100);
	finish_pool(pool);
	ck_assert(nobody_left(SOON_MS));
}
END_TEST

START_TEST(tasks_close_all)
{
	struct prun_pool *pool = bad_pool(methods[_i], 0);
	struct prun_range range = {0, 100, 1};
	struct prun_call c = range_call("close_all", &range);
	const struct prun_result *r;
	struct prun_job *job;
	int i;

	let_go();
	ck_assert_int_eq(prun_imap(&job, pool, &c), 0);
	for (i = 0; i < 100; i++) {
		r = next_of(job);
		/* That of the closer itself is on the board; the one that runs
		 * when its worker finds out may end with it. */
		if (i % 10 == 0 || r->status == 0)
			ck_assert_int_eq(int_of(r), i * i);
		else
			ck_assert_int_eq(r->status, PRUN_EWORKER);
	}
	assert_end(job, 0);
	prun_job_free(job);
	finish_pool(pool);
	ck_assert(nobody_left(SOON_MS));
}
END_TEST

/* Of three tasks the second is its worker's end. */
static const struct prun_result *
second_of_three(struct prun_pool *pool, const char *func, struct prun_job **job)
{
	static struct prun_range range;
	struct prun_call c = range_call(func, &range);
	const struct prun_result *r;
	int i;

	range = (struct prun_range){0, 3, 1};
	ck_assert_int_eq(prun_map_async(job, pool, &c), 0);
	ck_assert_int_eq(prun_job_wait(*job, SOON_MS), 0);
	for (i = 0; i < 3; i += 2) {
		ck_assert_int_eq(prun_job_at(&r, *job, (uint64_t)i), 0);
		ck_assert_int_eq(int_of(r), i);
	}
	ck_assert_int_eq(prun_job_at(&r, *job, 1), 0);
	return r;
}

START_TEST(a_task_ends_its_thread)
{
	struct prun_pool *pool = bad_pool(methods[_i], 0);
	const struct prun_result *r;
	struct prun_job *job;

	let_go();
	r = second_of_three(pool, "end_thread", &job);
	ck_assert_int_eq(r->status, PRUN_EEXIT);
	ck_assert_str_eq(r->message, "the task called exit(0)");
	prun_job_free(job);
	expect_squares(pool, "square", 10);
	finish_pool(pool);
	ck_assert(nobody_left(SOON_MS));
}
END_TEST

/* Its worker's death, and the pool's end, come while it lives. */
START_TEST(an_orphan_holds_the_socket)
{
	struct prun_pool *pool = bad_pool(methods[_i], 0);
	const struct prun_result *r;
	struct prun_job *job;
	int orphan;

	let_go();
	r = second_of_three(pool, "orphan", &job);
	expect_mortal(r, true);
	prun_job_free(job);
	expect_squares(pool, "square", 10);
	orphan = watch(seen->pid);
	finish_pool(pool);
	ck_assert(!is_readable(orphan, 0));
	gate_open();
	expect_end(orphan);
	ck_assert(nobody_left(SOON_MS));
}
END_TEST

/* A terminate that the task cannot hear. */
START_TEST(a_task_is_deaf)
{
	struct prun_pool *pool = bad_pool(methods[_i], 0);
	struct prun_range range = {0, 3, 1};
	struct prun_call c = range_call("deaf", &range);
	struct prun_job *job;

	let_go();
	ck_assert_int_eq(prun_map_async(&job, pool, &c), 0);
	await_arrivals(pool, 1);
	ck_assert_int_eq(prun_pool_terminate(pool), 0);
	ck_assert_int_eq(prun_pool_join(pool, SOON_MS), 0);
	ck_assert_int_eq(prun_job_error(job), PRUN_ECANCELLED);
	prun_job_free(job);
	ck_assert_int_eq(prun_pool_free(pool), 0);
	ck_assert(nobody_left(SOON_MS));
}
END_TEST

/* --------------------------------------------------------------------- suite */

int main(void)
{
	struct rlimit none = {0, 0};
	Suite *s = suite_create("caller");
	TCase *tc;

	setrlimit(RLIMIT_CORE, &none);
	tc = caller_case(s, "descriptors");
	tcase_add_loop_test(tc, without_the_three, METHODS, 8 * METHODS);
	tcase_add_loop_test(tc, few_descriptors_to_open, 0, METHODS);
	tcase_add_loop_test(tc, no_descriptor_for_a_replacement, 0, METHODS);
	tcase_add_loop_test(tc, no_descriptor_for_the_only_one, 0, METHODS);
	tcase_add_test(tc, no_pidfd_beside_a_copy);
	tc = caller_case(s, "children");
	tcase_add_loop_test(tc, beside_a_reaper, 0, REAPERS * METHODS);
	tcase_add_loop_test(tc, few_processes, 0, METHODS);
	tc = caller_case(s, "threads");
	tcase_add_test(tc, among_busy_threads);
	tc = caller_case(s, "signals");
	tcase_add_loop_test(tc, in_a_storm, 0, METHODS);
	tcase_add_test(tc, a_timeout_in_a_storm);
	tc = caller_case(s, "copies");
	tcase_add_loop_test(tc, beside_a_copy, 0, COPY_WAYS * METHODS);
	tc = caller_case(s, "pools");
	tcase_add_loop_test(tc, two_pools_by_turns, 0, 4);
#ifndef __SANITIZE_ADDRESS__
	/* Its malloc, unlike the C library's, keeps its locks over a fork. */
	tcase_add_loop_test(tc, two_pools_of_two_threads, 0, 4);
#endif
	tcase_add_loop_test(tc, pools_in_workers, 0, 4);
	tcase_add_loop_test(tc, a_worker_with_workers_is_killed, 0, 4);
	tcase_add_loop_test(tc, workers_of_another_user, 0, METHODS);
	tc = caller_case(s, "tasks");
	tcase_add_loop_test(tc, tasks_print_and_exit, 0, METHODS);
	tcase_add_loop_test(tc, tasks_spoil_their_worker, 0, 2 * METHODS);
	tcase_add_loop_test(tc, tasks_close_all, 0, METHODS);
	tcase_add_loop_test(tc, a_task_ends_its_thread, 0, METHODS);
	tcase_add_loop_test(tc, an_orphan_holds_the_socket, 0, METHODS);
	tcase_add_loop_test(tc, a_task_is_deaf, 0, METHODS);
	return suite_main(s);
}
