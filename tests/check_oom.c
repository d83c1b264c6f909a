/* SPDX-License-Identifier: MIT */
/*
 * Memory runs out for good: the kernel chooses a worker by its OOM score and
 * kills it, whatever that does just then. The workers go into a memory cgroup
 * of the test's own, so that it is nobody else's memory. It takes root and a
 * hierarchy with the memory controller; else the tests say that they are
 * skipped.
 */
#include <fcntl.h>
#include <limits.h>
#include <mntent.h>
#include <signal.h>
#include <stdint.h>

#include "pool_suite.h"

#define MIB ((size_t)1 << 20)
#define LIMIT_MIB 64 /* of the group */
#define SHARE_MIB 40 /* one such is within it, two are not */
#define SOON_MS 60000

static char group[PATH_MAX]; /* "": there is none */
static bool unified;	     /* the second kind of cgroups */

/* -------------------------------------------------------------------- cgroups */

static bool write_to(const char *dir, const char *name, const char *text)
{
	char path[PATH_MAX + 64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = write(fd, text, strlen(text));
	close(fd);
	return n == (ssize_t)strlen(text);
}

static bool has_word(const char *dir, const char *name, const char *word)
{
	char path[PATH_MAX + 64], text[256];
	bool found = false;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "re");
	while (file && !found && fscanf(file, "%255s", text) == 1)
		found = strcmp(text, word) == 0;
	if (file)
		fclose(file);
	return found;
}

/* Whether groups below this mount's root can have limits of memory. */
static bool has_memory(const struct mntent *m)
{
	if (strcmp(m->mnt_type, "cgroup") == 0)
		return hasmntopt(m, "memory") != NULL;
	return strcmp(m->mnt_type, "cgroup2") == 0 &&
	       has_word(m->mnt_dir, "cgroup.subtree_control", "memory");
}

static bool limit_group(void)
{
	char bytes[32];

	snprintf(bytes, sizeof(bytes), "%zu", LIMIT_MIB * MIB);
	/* Without swap, where that is counted. */
	if (unified) {
		write_to(group, "memory.swap.max", "0");
		return write_to(group, "memory.max", bytes);
	}
	if (!write_to(group, "memory.limit_in_bytes", bytes))
		return false;
	write_to(group, "memory.memsw.limit_in_bytes", bytes);
	write_to(group, "memory.swappiness", "0");
	return true;
}

static void group_setup(void)
{
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	struct mntent *m;

	group[0] = '\0';
	while (mounts && !group[0] && (m = getmntent(mounts)) != NULL) {
		if (!has_memory(m))
			continue;
		unified = strcmp(m->mnt_type, "cgroup2") == 0;
		snprintf(group, sizeof(group), "%s/prun-check-oom-%d",
			 m->mnt_dir, (int)getpid());
		if (mkdir(group, 0755) < 0) {
			group[0] = '\0';
		} else if (!limit_group()) {
			rmdir(group);
			group[0] = '\0';
		}
	}
	if (mounts)
		endmntent(mounts);
	if (!group[0])
		fprintf(stderr, "check_oom: skipped, no cgroup with a limit of "
				"memory can be made here (it takes root)\n");
}

static void group_teardown(void)
{
	if (group[0])
		ck_assert_int_eq(rmdir(group), 0);
}

/* How many the kernel has killed in it. */
static unsigned kills(void)
{
	char path[PATH_MAX + 64], name[64];
	unsigned n = 0, value;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", group,
		 unified ? "memory.events" : "memory.oom_control");
	file = fopen(path, "re");
	ck_assert_ptr_nonnull(file);
	while (fscanf(file, "%63s %u", name, &value) == 2)
		if (strcmp(name, "oom_kill") == 0)
			n = value;
	fclose(file);
	return n;
}

/* ---------------------------------------------------------------- functions */

/* The process that runs it goes into the group, and takes so much. */
static int take(size_t mib)
{
	char *p = mmap(NULL, mib * MIB, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t i;

	if (p == MAP_FAILED)
		return -ENOMEM;
	if (!write_to(group, "cgroup.procs", "0"))
		return -EPERM;
	for (i = 0; i < mib * MIB; i += 4096)
		p[i] = 1;
	return 0;
}

/* The third takes more than there is. */
static int task_greedy(struct prun_task *task)
{
	note_start(prun_task_index(task));
	return prun_task_index(task) == 2 ? take(4 * LIMIT_MIB) : 0;
}

/* Whom the kernel kills first. With an argument other than 0 it waits at the
 * gate then. */
static int task_victim(struct prun_task *task)
{
	int64_t waits;
	int rc = prun_arg_int(task, &waits);

	if (rc == 0 && !write_to("/proc/self", "oom_score_adj", "1000"))
		rc = -EPERM;
	if (rc == 0)
		rc = take(SHARE_MIB);
	if (rc < 0 || !waits)
		return rc < 0 ? rc : prun_ret_int(task, getpid());
	if (eventfd_write(arrived, 1) < 0)
		return -errno;
	for (;;)
		pause();
}

/* Waits at the gate, and takes what another one has. */
static int task_taker(struct prun_task *task)
{
	int rc;

	if (eventfd_write(arrived, 1) < 0)
		return -errno;
	is_readable(gate, -1);
	rc = take(SHARE_MIB);
	return rc < 0 ? rc : prun_ret_int(task, getpid());
}

static const struct prun_func oom_funcs[] = {
	FUNC(square), FUNC(greedy), FUNC(victim), FUNC(taker), {.name = NULL},
};

/* --------------------------------------------------------------------- tests */

static const int methods[] = {PRUN_START_FORK, PRUN_START_FORKSERVER};

static struct prun_pool *oom_pool(int i)
{
	struct prun_options o = options_for(methods[i], 2);

	o.funcs = oom_funcs;
	return open_with(&o);
}

static const struct prun_result *soon(struct prun_job *job)
{
	const struct prun_result *r = NULL;

	ck_assert_int_eq(prun_job_next(&r, job, SOON_MS), 1);
	return r;
}

static void assert_killed(const struct prun_result *r)
{
	ck_assert_str_eq(prun_error_name(r->status), "PRUN_EWORKER");
	ck_assert_int_gt(r->worker_pid, 0);
	ck_assert_int_eq(r->worker_signal, SIGKILL);
	ck_assert_uint_gt(r->run_ns, 0);
	ck_assert_ptr_nonnull(
		strstr(r->message, "was killed by SIGKILL (signal 9) after "));
	ck_assert_uint_eq(kills(), 1);
}

/* It takes more than there is, and is killed for it. */
START_TEST(the_taker_is_killed)
{
	struct prun_range range = {0, 20, 1};
	const struct prun_result *r;
	struct prun_pool *pool;
	struct prun_job *job;
	uint64_t i;

	if (!group[0])
		return;
	pool = oom_pool(_i);
	job = start_range(pool, "greedy", &range);
	for (i = 0; i < 20; i++) {
		r = soon(job);
		if (i == 2)
			assert_killed(r);
		else
			ck_assert_int_eq(r->status, 0);
		ck_assert_uint_eq(seen->starts[i], 1);
	}
	prun_job_free(job);
	assert_works(pool);
	finish_pool(pool);
}
END_TEST

/* Another one takes it, and the one with the higher score is killed. */
START_TEST(the_score_decides_while_it_runs)
{
	struct prun_job *victim, *taker;
	struct prun_pool *pool;

	if (!group[0])
		return;
	pool = oom_pool(_i);
	victim = start_one(pool, "victim", 1);
	await_arrivals(pool, 1);
	taker = start_one(pool, "taker", 0);
	await_arrivals(pool, 1);
	gate_open();
	assert_killed(soon(victim));
	ck_assert_int_gt(int_of(soon(taker)), 0);
	prun_job_free(victim);
	prun_job_free(taker);
	assert_works(pool);
	ck_assert_uint_eq(kills(), 1);
	finish_pool(pool);
}
END_TEST

/* The same for a worker that has nothing to do: no task fails. */
START_TEST(the_score_decides_while_it_is_idle)
{
	struct prun_job *victim, *taker;
	struct prun_pool *pool;
	int64_t pid;

	if (!group[0])
		return;
	pool = oom_pool(_i);
	taker = start_one(pool, "taker", 0);
	await_arrivals(pool, 1);
	victim = start_one(pool, "victim", 0);
	pid = int_of(soon(victim));
	gate_open();
	ck_assert_int_ne(int_of(soon(taker)), pid);
	ck_assert_uint_eq(kills(), 1);
	prun_job_free(victim);
	prun_job_free(taker);
	assert_works(pool);
	finish_pool(pool);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("oom");
	TCase *tc = tcase_create("killed");

	tcase_add_checked_fixture(tc, group_setup, group_teardown);
	tcase_add_checked_fixture(tc, suite_setup, suite_teardown);
	tcase_add_checked_fixture(tc, pool_suite_setup, pool_suite_teardown);
	tcase_set_timeout(tc, SUITE_TIMEOUT_S);
	tcase_add_loop_test(tc, the_taker_is_killed, 0, 2);
	tcase_add_loop_test(tc, the_score_decides_while_it_runs, 0, 2);
	tcase_add_loop_test(tc, the_score_decides_while_it_is_idle, 0, 2);
	suite_add_tcase(s, tc);
	return suite_main(s);
}
