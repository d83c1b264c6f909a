/* SPDX-License-Identifier: MIT */
/*
 * Tasks that end at just about their timeout, and workers that are stopped.
 *
 *	stop [TASKS [SEED]]
 *
 * So many near-misses: a task sleeps for about as long as it may, and how long
 * that is follows its predecessors' fate, so that about one half is killed,
 * most within some 100 us of their end. Right behind each, in the same frame,
 * come tasks that end at once. What must hold:
 *
 *   Each task is delivered exactly once, and starts at most once.
 *
 *   It is good, or PRUN_ETIMEDOUT; nothing else, so a kill never hits the task
 *   after the late one.
 *
 *   One that timed out was late itself, by the clock of this program too: from
 *   its claim, which came after the end of the one before it, to its delivery
 *   its time has passed. It is the last one its worker has started, and the
 *   only one that this worker's death has cost.
 *
 * A short task may be late: where others compute, it may have to wait for the
 * processor. It is counted then.
 *
 * Then tasks that stop their own worker, at their first try, and are repeated;
 * and workers that are stopped from outside at any instant, for a moment.
 */
#include "torture.h"

#define PROCS_MAX 32768
#define TASKS_MAX 65536
#define WORKERS 8
#define BEHIND 3 /* short tasks behind each near-miss */
#define LIMIT_MS 10
#define STEP_US 40
#define JITTER_US 250
#define EARLY_US 3000
#define LATE_US 8000
/* A worker's clock is its processor's counter, corrected so often. */
#define CLOCK_SLACK_NS 100000u

struct proc {
	_Atomic pid_t pid;
	uint64_t born;
	_Atomic uint32_t last;
	_Atomic uint64_t last_end_ns;
	unsigned blamed;
};

static struct table {
	struct proc procs[PROCS_MAX];
	_Atomic uint32_t starts[TASKS_MAX];
	_Atomic uint64_t begin_ns[TASKS_MAX];
	_Atomic uint64_t end_ns[TASKS_MAX];
	_Atomic uint64_t before_ns[TASKS_MAX]; /* the end of the one before */
	_Atomic uint32_t nprocs;
	_Atomic uint32_t signals, asked;
	_Atomic int stop;
	_Atomic uint64_t stops;
} * table;

enum deed { SHORT, NEAR, STOP_ONCE };

struct plan {
	uint32_t count;
	uint32_t grace_ms;
	int signal;
	uint32_t retries;
	bool stops; /* tasks stop their workers; else near-misses */
	bool asks;  /* they look whether they are to end */
};

static struct {
	uint64_t near, killed, ended, starved, late_kills, retried, births,
		stopped;
} sums;

static struct chance chance;
static uint8_t delivered[TASKS_MAX];
static uint32_t given;
static int offset_us; /* of a near-miss, from its limit */

/* -------------------------------------------------------------- in the worker
 */

static void on_signal(int sig)
{
	(void)sig;
	table->signals++;
}

static int initializer(void **state, int id, void *arg, char *text, size_t size)
{
	struct sigaction sa = {.sa_handler = on_signal};
	uint32_t n = atomic_fetch_add(&table->nprocs, 1);

	(void)id;
	(void)arg;
	(void)text;
	(void)size;
	if (n >= PROCS_MAX)
		return PRUN_EINVAL;
	sigaction(SIGUSR1, &sa, NULL);
	table->procs[n].born = life_of(getpid()).born;
	table->procs[n].pid = getpid();
	*state = &table->procs[n];
	return 0;
}

/* Until then, or until it is asked to end. */
static void work_until(struct prun_task *task, uint64_t ns, bool asks)
{
	while (clock_ns() < ns) {
		uint64_t left = ns - clock_ns();

		if (asks && prun_task_cancelled(task)) {
			table->asked++;
			return;
		}
		if (left < ns)
			nap(asks ? (left < 200000 ? left : 200000) : left);
	}
}

static int run(struct prun_task *task)
{
	struct proc *p = prun_task_state(task);
	uint64_t id = prun_task_index(task);
	uint64_t begin = clock_ns();
	int deed, us, asks, rc;

	rc = prun_arg_unpack(task, "[iii]", &deed, &us, &asks);
	if (rc < 0)
		return rc;
	p->last = (uint32_t)id + 1;
	table->before_ns[id] = p->last_end_ns;
	table->begin_ns[id] = begin;
	table->starts[id]++;
	if (deed == NEAR)
		work_until(task, begin + (uint64_t)us * 1000, asks);
	if (deed == STOP_ONCE && prun_task_attempt(task) == 1)
		raise(SIGSTOP);
	rc = prun_ret_int(task, (int64_t)id);
	p->last_end_ns = clock_ns();
	table->end_ns[id] = p->last_end_ns;
	return rc;
}

static const struct prun_func funcs[] = {{.name = "run", .fn = run}};

/* ----------------------------------------------------------------- the caller
 */

static int deed_of(const struct plan *plan, uint64_t id)
{
	if (plan->stops)
		return id % 16 == 5 ? STOP_ONCE : SHORT;
	return id % (BEHIND + 1) == 0 ? NEAR : SHORT;
}

static int source(struct prun_item *item, void *payload)
{
	const struct plan *plan = payload;
	uint64_t id = prun_item_index(item);
	int us;

	if (id == plan->count)
		return 0;
	us = (LIMIT_MS + (int)plan->grace_ms) * 1000 + offset_us +
	     (int)chance_below(&chance, 2 * JITTER_US) - JITTER_US;
	given++;
	return prun_item_pack(item, "[iii]", deed_of(plan, id), us,
			      plan->asks) < 0 ?
		       -ENOMEM :
		       1;
}

static struct proc *proc_of(pid_t pid)
{
	uint32_t n = table->nprocs;

	while (n-- > 0)
		if (table->procs[n].pid == pid)
			return &table->procs[n];
	return NULL;
}

static void check_late(const struct plan *plan, const struct prun_result *r)
{
	uint64_t limit_ns = (LIMIT_MS + plan->grace_ms) * 1000000ull;
	uint64_t id = r->index, now = clock_ns();
	struct proc *p = proc_of(r->worker_pid);

	REQUIRE(r->status == PRUN_ETIMEDOUT, "task %llu: %s",
		(unsigned long long)id, r->message);
	REQUIRE(p && p->blamed++ == 0, "a second task failed of one kill: %s",
		r->message);
	REQUIRE(r->start_ns && r->run_ns >= limit_ns &&
			now - r->start_ns >= limit_ns,
		"task %llu was killed and not late: %s", (unsigned long long)id,
		r->message);
	if (table->starts[id] > plan->retries)
		REQUIRE(p->last == id + 1 &&
				r->start_ns + CLOCK_SLACK_NS >=
					table->before_ns[id] &&
				r->start_ns <=
					table->begin_ns[id] + CLOCK_SLACK_NS,
			"task %llu was taken for another: %s; last %u, claimed "
			"%lld ns after the end before, begun %lld ns later",
			(unsigned long long)id, r->message, p->last,
			(long long)(r->start_ns - table->before_ns[id]),
			(long long)(table->begin_ns[id] - r->start_ns));
	sums.killed++;
	sums.ended += table->end_ns[id] != 0;
	sums.starved += deed_of(plan, id) == SHORT;
}

static void check_result(const struct plan *plan, const struct prun_result *r)
{
	uint64_t id = r->index;
	int64_t value;

	REQUIRE(delivered[id]++ == 0, "task %llu comes twice",
		(unsigned long long)id);
	REQUIRE(table->starts[id] <= r->attempts &&
			r->attempts <= plan->retries + 1,
		"task %llu started %u times", (unsigned long long)id,
		table->starts[id]);
	sums.retried += r->attempts - 1;
	if (r->status < 0)
		check_late(plan, r);
	else
		REQUIRE(prun_result_int(r, &value) == 0 &&
				(uint64_t)value == id && table->end_ns[id],
			"task %llu has not its own value",
			(unsigned long long)id);
	if (deed_of(plan, id) != NEAR)
		return;
	sums.near++;
	offset_us += r->status < 0 ? -STEP_US : STEP_US;
	if (offset_us < -EARLY_US)
		offset_us = -EARLY_US;
	if (offset_us > LATE_US)
		offset_us = LATE_US;
}

static struct prun_pool *open_pool(unsigned kind)
{
	struct prun_options o = PRUN_OPTIONS_INIT;
	struct prun_pool *pool;
	int rc;

	o.workers = WORKERS;
	o.funcs = funcs;
	o.nfuncs = 1;
	o.start_method = kind ? PRUN_START_FORKSERVER : PRUN_START_FORK;
	o.background = kind == 2;
	o.initializer = initializer;
	rc = prun_pool_new(&pool, &o);
	REQUIRE(rc == 0, "no pool: %s", prun_strerror(rc));
	return pool;
}

static void run_job(const struct plan *plan, unsigned kind)
{
	struct prun_pool *pool = open_pool(kind);
	struct prun_call call = PRUN_CALL_INIT;
	const struct prun_result *r;
	struct prun_job *job;
	uint32_t n = 0;
	int rc;

	call.func = "run";
	call.source = source;
	call.source_payload = (void *)(uintptr_t)plan;
	call.chunksize = BEHIND + 1;
	call.buffersize = 16 * WORKERS; /* so that what is learnt is used */
	call.task_timeout_ms = LIMIT_MS;
	call.task_grace_ms = plan->grace_ms;
	call.task_signal = plan->signal;
	call.retries = plan->retries;
	rc = prun_imap_unordered(&job, pool, &call);
	REQUIRE(rc == 0, "no job: %s", prun_strerror(rc));
	while ((rc = prun_job_next(&r, job, -1)) == 1) {
		check_result(plan, r);
		n++;
	}
	REQUIRE(rc == 0 && n == plan->count && n == given,
		"%u results of %u (%s)", n, plan->count, prun_strerror(rc));
	prun_job_free(job);
	REQUIRE(prun_pool_free(pool) == 0, "the pool is not free");
}

/* ------------------------------------------------------- stopped from outside
 */

static void stopper(void)
{
	uint32_t n;
	int pidfd;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (!table->stop) {
		struct proc *p;

		nap(chance_below(&chance, 6000000));
		n = table->nprocs;
		if (n == 0)
			continue;
		n -= 1 + chance_below(&chance, n < WORKERS ? n : WORKERS);
		p = &table->procs[n];
		pidfd = p->pid ? open_process(p->pid, p->born) : -1;
		if (pidfd < 0)
			continue;
		if (send_signal(pidfd, SIGSTOP))
			table->stops++;
		nap(chance_below(&chance, 2 * LIMIT_MS * 1000000));
		send_signal(pidfd, SIGCONT);
		close(pidfd);
	}
	_exit(0);
}

/* --------------------------------------------------------------------- rounds
 */

static void run_round(struct plan plan, unsigned kind, bool disturbed)
{
	uint64_t killed = sums.killed + sums.retried, kills;
	struct holdings before = holdings_now(), now;
	pid_t pid = 0;
	int status;

	watchdog(torture.round + 1);
	memset(table, 0, sizeof(*table));
	memset(delivered, 0, sizeof(delivered));
	given = 0;
	fflush(stdout);
	if (disturbed)
		pid = fork();
	REQUIRE(pid >= 0, "no stopper: %s", strerror(errno));
	if (disturbed && pid == 0)
		stopper();
	run_job(&plan, kind);
	table->stop = 1;
	if (pid)
		REQUIRE(waitpid(pid, &status, 0) == pid && status == 0,
			"the stopper ended with status %x", (unsigned)status);
	require_childless();
	now = holdings_now();
	REQUIRE(now.fds == before.fds, "descriptors are left");
	REQUIRE(now.shared == before.shared, "mappings are left");
	kills = table->nprocs - WORKERS;
	killed = sums.killed + sums.retried - killed;
	/* The last ones need not be replaced. */
	REQUIRE(table->nprocs >= WORKERS && kills + WORKERS >= killed,
		"%llu died, but %llu were replaced", (unsigned long long)killed,
		(unsigned long long)kills);
	if (kills > killed)
		sums.late_kills += kills - killed;
	sums.births += table->nprocs;
	sums.stopped += table->stops;
}

int main(int argc, char **argv)
{
	struct plan plans[] = {
		{.signal = 0},
		{.grace_ms = 2},
		{.grace_ms = 1, .signal = SIGUSR1},
		{.grace_ms = 3, .asks = true},
	};
	uint64_t near, signals = 0, asked = 0;
	unsigned i, n = sizeof(plans) / sizeof(*plans);
	struct plan stops = {.stops = true, .retries = 1};

	torture_begin("stop", argc > 2 ? argv[2] : NULL);
	near = argc > 1 ? strtoull(argv[1], NULL, 0) : 400;
	chance = chance_of(torture.seed, 0);
	table = share_memory(sizeof(*table));
	for (i = 0; sums.near < near; i++) {
		struct plan plan = plans[i % n];
		uint64_t count = near / 12 + 1;

		if (count > TASKS_MAX / (BEHIND + 1))
			count = TASKS_MAX / (BEHIND + 1);
		plan.count = (uint32_t)count * (BEHIND + 1);
		/* In turn on each kind of pool, and disturbed. */
		run_round(plan, i / n % 3, i % 5 == 4);
		signals += table->signals;
		asked += table->asked;
	}
	printf("stop: near-misses %llu, killed %llu (%llu of these had ended, "
	       "%llu short ones had to wait), kills that came too late at "
	       "least %llu, "
	       "signals %llu, asked %llu, births %llu\n",
	       (unsigned long long)sums.near, (unsigned long long)sums.killed,
	       (unsigned long long)sums.ended, (unsigned long long)sums.starved,
	       (unsigned long long)sums.late_kills, (unsigned long long)signals,
	       (unsigned long long)asked, (unsigned long long)sums.births);
	for (i = 0; i < 3; i++) {
		stops.count =
			(uint32_t)(near / 3 < TASKS_MAX ? near / 3 : TASKS_MAX);
		run_round(stops, i, false);
	}
	printf("stop: stopped %llu from outside, and %llu tasks that stopped "
	       "their workers were repeated; all is accounted for\n",
	       (unsigned long long)sums.stopped,
	       (unsigned long long)sums.retried);
	return 0;
}
