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

static const int methods[METHODS] = { PRUN_START_FORK, SERVER };

/* ---------------------------------------------------------- processes apart */

static int witness[2] = { -1, -1 };

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

#define MY(n) { .name = #n, .fn = task_##n }

static struct prun_options options_of(int method, uint32_t workers,
				      const struct prun_func *funcs)
{
	struct prun_options o = options_for(method, workers);

	o.funcs = funcs;
	return o;
}

static const struct prun_func caller_funcs[] = {
	MY(square), MY(echo), MY(gate),	  MY(who),
	MY(parent), MY(quiet), MY(mortal), MY(chatter),
	{ .name = NULL },
};

static struct prun_pool *caller_pool(int method, uint32_t workers)
{
	struct prun_options o = options_of(method, workers, caller_funcs);

	return open_with(&o);
}

/* The squares of 0 to n - 1 from a function that gives them. */
static void expect_squares(struct prun_pool *pool, const char *func, int n)
{
	struct prun_range range = { 0, n, 1 };
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
	struct prun_options o = options_of(methods[arg % METHODS], 2,
					   caller_funcs);
	struct prun_range range = { 0, 60, 1 };
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
	struct sigaction sa = { .sa_handler = how == IGNORES ? SIG_IGN :
					      how == HANDLES ? reap_all :
							       SIG_DFL };

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
	struct prun_range range = { 0, 100, 1 };
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
		few = (struct rlimit){ limit, old.rlim_max };
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
	struct prun_range range = { 0, 5, 1 };
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
	struct prun_range range = { 0, 5, 1 };
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

//MORE
int main(void)
{
	struct rlimit none = { 0, 0 };
	Suite *s = suite_create("caller");
	TCase *tc;

	setrlimit(RLIMIT_CORE, &none);
	tc = caller_case(s, "descriptors");
	tcase_add_loop_test(tc, without_the_three, METHODS, 8 * METHODS);
	tcase_add_loop_test(tc, few_descriptors_to_open, 0, METHODS);
	tcase_add_loop_test(tc, no_descriptor_for_a_replacement, 0, METHODS);
	tcase_add_loop_test(tc, no_descriptor_for_the_only_one, 0, METHODS);
	tc = caller_case(s, "children");
	tcase_add_loop_test(tc, beside_a_reaper, 0, REAPERS * METHODS);
	tcase_add_loop_test(tc, few_processes, 0, METHODS);
	return suite_main(s);
}
