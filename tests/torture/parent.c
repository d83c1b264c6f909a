/* SPDX-License-Identifier: MIT */
/*
 * A caller is killed, and all its workers die.
 *
 *	parent [PARENTS [SEED [ROUND]]]
 *
 * Each round forks a caller, which opens a pool (fork, fork server, or that in
 * the background) and brings its workers into one of the states below; then
 * the caller is killed, and the pidfd of every worker and of the fork server is
 * awaited. What nobody knew the pid of comes here as an orphan and is awaited,
 * too. Nothing may survive.
 */
#include <sys/eventfd.h>

#include "torture.h"

#define PROCS_MAX 4096
#define WORKERS_MAX 3
#define SOON_MS 20000
#define FLOOD_BYTES ((size_t)8 << 20)

#define STATE_MAP(X) \
	X(IDLE, idle)	      /* waiting for tasks */ \
	X(ASLEEP, asleep)     /* in a task that waits */ \
	X(SPINNING, spinning) /* in a task that computes */ \
	X(DEAF, deaf)	      /* the same, with all signals blocked */ \
	X(STOPPED, stopped)   /* by SIGSTOP */ \
	X(WRITING, writing)   /* a result that nobody reads */ \
	X(READING, reading)   /* half an argument */ \
	X(STARTING, starting) /* in the initializer, which waits */ \
	X(CHURNING, churning) /* in the initializer, which computes */ \
	X(ENDING, ending)     /* in the finalizer */ \
	X(BORN, born)	      /* replaced all the time; at any instant */ \
	X(OPENING, opening)   /* the pool opens; at any instant */

enum state {
#define STATE_ENUM(name, text) name,
	STATE_MAP(STATE_ENUM)
#undef STATE_ENUM
		STATES
};

static const char *const state_names[] = {
#define STATE_NAME(name, text) #text,
	STATE_MAP(STATE_NAME)
#undef STATE_NAME
};

static struct table {
	struct {
		_Atomic pid_t pid;
		uint64_t born;
		bool serves; /* it is the fork server */
	} procs[PROCS_MAX];
	_Atomic uint32_t nprocs;
} * table;

static struct {
	enum state state;
	unsigned kind; /* of pool */
	uint32_t workers;
} plan;

static int arrived; /* counts workers that are in their state */
static unsigned counts[STATES];
static uint64_t awaited, reaped, slowest_ns;

/* -------------------------------------------------------------- in the worker
 */

static void note_process(pid_t pid, bool serves)
{
	uint32_t n = atomic_fetch_add(&table->nprocs, 1);

	if (n >= PROCS_MAX)
		return;
	table->procs[n].born = life_of(pid).born;
	table->procs[n].serves = serves;
	table->procs[n].pid = pid;
}

static void arrive(void)
{
	REQUIRE(eventfd_write(arrived, 1) == 0, "nobody hears");
}

static void __attribute__((noreturn)) sleep_for_ever(void)
{
	for (;;)
		pause();
}

static void __attribute__((noreturn)) spin_for_ever(void)
{
	for (;;)
		spin(1000000);
}

static int initializer(void **state, int id, void *arg, char *text, size_t size)
{
	(void)state;
	(void)arg;
	(void)text;
	(void)size;
	note_process(getpid(), false);
	if (plan.kind && id == 0)
		note_process(getppid(), true);
	if (plan.state == STARTING || plan.state == CHURNING)
		arrive();
	if (plan.state == STARTING)
		sleep_for_ever();
	if (plan.state == CHURNING)
		spin_for_ever();
	return 0;
}

static void finalizer(void *state, int id, void *arg)
{
	(void)state;
	(void)id;
	(void)arg;
	if (plan.state != ENDING)
		return;
	arrive();
	sleep_for_ever();
}

static int write_flood(struct prun_task *task)
{
	char *water = calloc(1, FLOOD_BYTES);
	int rc = -ENOMEM;

	if (water)
		rc = prun_ret_bin(task, water, FLOOD_BYTES);
	free(water);
	arrive();
	return rc;
}

static int run(struct prun_task *task)
{
	sigset_t all;

	switch (plan.state) {
	case ASLEEP:
		arrive();
		sleep_for_ever();
	case SPINNING:
		arrive();
		spin_for_ever();
	case DEAF:
		sigfillset(&all);
		sigprocmask(SIG_SETMASK, &all, NULL);
		arrive();
		spin_for_ever();
	case STOPPED:
		arrive();
		raise(SIGSTOP);
		sleep_for_ever();
	case WRITING:
		return write_flood(task);
	default:
		spin((prun_task_index(task) % 50) * 1000);
		if (plan.state == BORN && prun_task_index(task) % 7 == 0)
			_exit(3);
		return 0;
	}
}

static const struct prun_func funcs[] = {{.name = "run", .fn = run}};

/* -------------------------------------------------------------- in the caller
 */

static struct prun_pool *open_pool(void)
{
	struct prun_options o = PRUN_OPTIONS_INIT;
	struct prun_pool *pool;
	int rc;

	o.workers = plan.workers;
	o.funcs = funcs;
	o.nfuncs = 1;
	o.start_method = plan.kind ? PRUN_START_FORKSERVER : PRUN_START_FORK;
	o.background = plan.kind == 2;
	o.initializer = initializer;
	o.finalizer = finalizer;
	if (plan.state == BORN)
		o.maxtasksperchild = 3;
	rc = prun_pool_new(&pool, &o);
	REQUIRE(rc == 0, "no pool: %s", prun_strerror(rc));
	return pool;
}

static int source_floods(struct prun_item *item, void *payload)
{
	char *water;
	int rc;

	(void)payload;
	if (prun_item_index(item) == plan.workers)
		return 0;
	water = calloc(1, FLOOD_BYTES);
	rc = water ? prun_item_bin(item, water, FLOOD_BYTES) : -ENOMEM;
	free(water);
	return rc < 0 ? rc : 1;
}

static struct prun_job *submit(struct prun_pool *pool, struct prun_range *range)
{
	struct prun_call call = PRUN_CALL_INIT;
	struct prun_job *job;
	int rc;

	call.func = "run";
	call.source = prun_source_range;
	call.source_payload = range;
	call.chunksize = 1;
	if (plan.state == READING)
		call.source = source_floods;
	rc = prun_map_async(&job, pool, &call);
	REQUIRE(rc == 0, "no job: %s", prun_strerror(rc));
	return job;
}

/* All have something; then nobody drives the pool. */
static void give_each(struct prun_pool *pool)
{
	struct prun_range range = {0, plan.workers, 1};

	submit(pool, &range);
	if (plan.state == READING)
		arrive();
}

static void __attribute__((noreturn)) caller(void)
{
	struct prun_range few = {0, 40, 1}, many = {0, INT64_MAX, 1};
	struct prun_pool *pool;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(0);
	/* A sanitizer would say much of what is sent on purpose. */
	signal(SIGSEGV, SIG_DFL);
	signal(SIGABRT, SIG_DFL);
	pool = open_pool();
	switch (plan.state) {
	case IDLE:
		prun_job_wait(submit(pool, &few), -1);
		arrive();
		break;
	case ENDING:
		prun_pool_close(pool);
		prun_pool_join(pool, -1);
		break;
	case BORN:
		arrive();
		prun_job_wait(submit(pool, &many), -1);
		break;
	case STARTING:
	case CHURNING:
	case OPENING:
		break;
	default:
		give_each(pool);
	}
	sleep_for_ever();
}

/* --------------------------------------------------------------------- rounds
 */

/* How many arrivals say that all are where they are to be. */
static unsigned arrivals(void)
{
	switch (plan.state) {
	case OPENING:
		return 0;
	case IDLE:
	case READING:
	case BORN:
		return 1;
	default:
		return plan.workers;
	}
}

/* All sleep, or are stopped, what takes them a moment yet. */
static void await_rest(void)
{
	uint32_t i;

	for (i = 0; i < table->nprocs; i++) {
		bool stops = plan.state == STOPPED && !table->procs[i].serves;

		while (life_of(table->procs[i].pid).state !=
		       (stops ? 'T' : 'S'))
			nap(100000);
	}
}

static void await_state(struct chance *c)
{
	unsigned left = arrivals();
	eventfd_t n;

	while (left-- > 0) {
		REQUIRE(is_readable(arrived, SOON_MS), "no worker is %s",
			state_names[plan.state]);
		REQUIRE(eventfd_read(arrived, &n) == 0, "no arrival");
	}
	if (plan.state == OPENING)
		spin(chance_below(c, 3000000));
	if (plan.state == BORN)
		nap(chance_below(c, 5000000));
	if (plan.state == STOPPED || plan.state == WRITING)
		await_rest();
}

static void await_deaths(const int *pidfds, uint32_t n)
{
	uint64_t begin = clock_ns(), took;
	siginfo_t info;
	uint32_t i;

	for (i = 0; i < n; i++) {
		if (pidfds[i] < 0)
			continue;
		REQUIRE(is_readable(pidfds[i], SOON_MS),
			"%s: process %d survives its caller",
			state_names[plan.state], (int)table->procs[i].pid);
		close(pidfds[i]);
		awaited++;
	}
	took = clock_ns() - begin;
	if (took > slowest_ns)
		slowest_ns = took;
	/* All that there is, known or not: they come here as orphans. */
	while (waitid(P_ALL, 0, &info, WEXITED) == 0)
		reaped++;
}

static void run_round(uint64_t round)
{
	static const int signals[] = {SIGKILL, SIGKILL, SIGSEGV, SIGTERM,
				      SIGABRT};
	static int pidfds[PROCS_MAX];
	struct chance c = chance_of(torture.seed, round);
	uint32_t n, i;
	eventfd_t rest;
	pid_t pid;

	watchdog(round);
	memset(table, 0, sizeof(*table));
	plan.state = (enum state)(round % STATES);
	plan.kind = chance_below(&c, 3);
	plan.workers = 1 + chance_below(&c, WORKERS_MAX);
	while (is_readable(arrived, 0))
		eventfd_read(arrived, &rest);
	fflush(stdout);
	pid = fork();
	REQUIRE(pid >= 0, "no caller: %s", strerror(errno));
	if (pid == 0)
		caller();
	await_state(&c);
	n = table->nprocs < PROCS_MAX ? table->nprocs : PROCS_MAX;
	for (i = 0; i < n; i++)
		pidfds[i] = table->procs[i].pid ?
				    open_process(table->procs[i].pid,
						 table->procs[i].born) :
				    -1;
	kill(pid, signals[chance_below(&c, 5)]);
	await_deaths(pidfds, n);
	require_childless();
	counts[plan.state]++;
}

int main(int argc, char **argv)
{
	struct holdings before, now;
	uint64_t parents, round;
	unsigned i;

	torture_begin("parent", argc > 2 ? argv[2] : NULL);
	parents = argc > 1 ? strtoull(argv[1], NULL, 0) : 100;
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	table = share_memory(sizeof(*table));
	arrived = eventfd(0, EFD_CLOEXEC | EFD_SEMAPHORE);
	REQUIRE(arrived >= 0, "no eventfd");
	before = holdings_now();
	if (argc > 3) {
		run_round(strtoull(argv[3], NULL, 0));
		return 0;
	}
	for (round = 0; round < parents; round++)
		run_round(round);
	now = holdings_now();
	REQUIRE(now.fds == before.fds, "descriptors are left");
	printf("parent: parents %llu (", (unsigned long long)parents);
	for (i = 0; i < STATES; i++)
		printf("%s%s %u", i ? ", " : "", state_names[i], counts[i]);
	printf(")\nparent: awaited %llu, reaped %llu, slowest %.1f ms, "
	       "none survived\n",
	       (unsigned long long)awaited, (unsigned long long)reaped,
	       (double)slowest_ns / 1e6);
	return 0;
}
