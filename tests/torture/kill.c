/* SPDX-License-Identifier: MIT */
/*
 * Jobs of all kinds while their workers are killed at random instants.
 *
 *	kill [KILLS [SEED [ROUND]]]
 *
 * Runs rounds until so many workers were killed; with ROUND only that one. A
 * round opens a pool (fork, fork server, or that in the background), runs
 * several jobs at once, and ends it in one of several ways. In every second
 * round the fork server is killed too. Meanwhile a process of its own, the
 * killer, sends SIGKILL, SIGSEGV, SIGTERM, or SIGSTOP and after a moment
 * SIGCONT; and some tasks kill themselves in their first or last statement.
 * Memory that all share counts the starts and ends of each task. What must
 * hold:
 *
 *   Each task that was pulled is delivered exactly once (unless its job was
 *   freed unread), and a good one with its own value.
 *
 *   A plain task (no batch, no retries) starts at most once.
 *
 *   It is reported PRUN_EWORKER only with the pid of a worker that was killed,
 *   and with the very signal or exit code; each death has one such task at
 *   most. If it had started, it is the last one that this worker started: one
 *   that has ended is lost only when the worker died between the task's last
 *   statement and the commit of its result. If it had not, the worker died
 *   between the claim and the task's first statement, or it is a fifth strike:
 *   five deaths in a row of workers that were about to start it.
 *
 *   PRUN_ECANCELLED and PRUN_ETIMEDOUT only in jobs that were cancelled or had
 *   a deadline, and of tasks not started, save by force; PRUN_ESERVER only when
 *   the server was killed, of tasks not started; anything else never.
 *
 *   At the end of a round no process, descriptor or mapping is left.
 */
#include <pthread.h>

#include "torture.h"

#define PROCS_MAX 8192
#define TASKS_MAX 32768
#define JOBS_MAX 12
#define JOB_TASKS_MAX 1500
#define WORKERS_MAX 6
#define LANES 4
/* Three failed starts in a row would break the pool. */
#define STARTING_KILLS_MAX 2
#define RESULT_BYTES_MAX 300000
#define ARGUMENT_BYTES_MAX 1500000
#define WARM_ROUNDS 24
/* Not a signal: the process has ended by itself, or with an exit code. */
#define GONE (-1)
#define EXITED 0x100

/* A worker process. */
struct proc {
	_Atomic pid_t pid; /* set last */
	uint64_t born;
	_Atomic uint32_t last; /* the task it started last, + 1; 0: none */
	_Atomic int fate;      /* 0: lives; what it was killed with, or GONE */
	unsigned blamed;       /* results that name it */
};

/* Seen by all. */
static struct table {
	struct proc procs[PROCS_MAX];
	_Atomic uint32_t starts[TASKS_MAX];
	_Atomic uint32_t ends[TASKS_MAX];
	_Atomic uint32_t nprocs;
	_Atomic pid_t server;
	uint64_t server_born;
	_Atomic int server_killed;
	_Atomic int stop; /* said to the killer */
	_Atomic uint64_t kills, stops, suicides, server_kills;
	_Atomic int broken_source; /* a task saw an argument not its own */
} * table;

enum deed { LIVE, FAIL, DIE_FIRST, DIE_LAST, EXIT_LAST };
enum kind {
	MAP,	  /* map_async, read by index */
	MAP_WAIT, /* prun_map with a timeout */
	STARMAP,
	IMAP,
	UNORDERED,
	IMAP_CALLS, /* with callbacks */
	APPLY,	    /* many, with callbacks */
	KINDS
};
enum ending { RUN, CANCEL, FORCE, DEADLINE, FREE };

struct job {
	enum kind kind;
	enum ending ending;
	bool batch, loud; /* loud: large results */
	uint32_t base, count, next;
	uint32_t retries;
	uint32_t usual_us;
	struct chance chance;
	struct prun_job *handle;
	uint32_t when; /* it is cancelled when so many are delivered */
	bool cancelled, done;
	uint32_t delivered; /* by callbacks or by us */
	_Atomic uint32_t called;
	unsigned completions; /* callbacks of a map */
	uint32_t by_force;    /* cancelled though started */
};

static struct job jobs[JOBS_MAX];
static unsigned njobs;
static uint8_t delivered[TASKS_MAX];
static unsigned char *pad;
/* In the background callbacks and sources come on other threads. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t pad_mutex = PTHREAD_MUTEX_INITIALIZER;
static uint64_t kills_wanted;

static struct {
	uint64_t tasks, good, failed, lost, ended, unstarted, struck, cancelled,
		orphaned, orphans, retried, births, rounds;
} sums;

/* -------------------------------------------------------------- in the worker
 */

static int initializer(void **state, int id, void *arg, char *text, size_t size)
{
	uint32_t n = atomic_fetch_add(&table->nprocs, 1);
	struct proc *p;

	(void)id;
	(void)text;
	(void)size;
	if (n >= PROCS_MAX)
		return PRUN_EINVAL;
	p = &table->procs[n];
	p->born = life_of(getpid()).born;
	if (arg && table->server == 0) {
		table->server_born = life_of(getppid()).born;
		table->server = getppid();
	}
	p->pid = getpid();
	*state = p;
	return 0;
}

static void finalizer(void *state, int id, void *arg)
{
	struct proc *p = state;
	int lives = 0;

	(void)id;
	(void)arg;
	/* Now and then one is killed here. */
	if (getpid() % 2)
		atomic_compare_exchange_strong(&p->fate, &lives, GONE);
}

static void kill_self(struct proc *p, int deed)
{
	int lives = 0;

	if (!atomic_compare_exchange_strong(
		    &p->fate, &lives, deed == EXIT_LAST ? EXITED | 7 : SIGKILL))
		return; /* somebody else does */
	table->kills++;
	table->suicides++;
	if (deed == EXIT_LAST)
		_exit(7);
	kill(getpid(), SIGKILL);
	for (;;)
		pause();
}

static void fill(unsigned char *p, size_t size, uint32_t id)
{
	size_t i;

	memset(p, (int)(id & 0xff), size);
	for (i = 0; i < size; i += 4096)
		p[i] = (unsigned char)(id >> 8 ^ i >> 12);
}

static bool is_filled(const unsigned char *p, size_t size, uint32_t id)
{
	size_t i;

	for (i = 0; i < size; i++)
		if (p[i] != (i % 4096 ? (unsigned char)id :
					(unsigned char)(id >> 8 ^ i >> 12)))
			return false;
	return true;
}

static int run(struct prun_task *task)
{
	struct proc *p = prun_task_state(task);
	int id, us, size, deed, rc;
	unsigned char *value;
	const void *padding;
	size_t n;

	/* No result may come of an argument that is not understood. */
	if (prun_arg_unpack(task,
			    prun_task_params(task) > 1 ? "iiiiy#" : "[iiiiy#]",
			    &id, &us, &size, &deed, &padding, &n) < 0 ||
	    id < 0 || id >= TASKS_MAX || size > RESULT_BYTES_MAX) {
		table->broken_source = 1;
		return PRUN_EFAILED;
	}
	p->last = (uint32_t)id + 1;
	table->starts[id]++;
	if (deed == DIE_FIRST)
		kill_self(p, deed);
	if (!is_filled(padding, n, (uint32_t)id))
		table->broken_source = 1;
	if (us > 1000)
		nap((uint64_t)us * 1000);
	else
		spin((uint64_t)us * 1000);
	value = malloc((size_t)size + 1);
	if (!value)
		return -ENOMEM;
	fill(value, (size_t)size, (uint32_t)id);
	rc = prun_ret_pack(task, "[iy#]", id, value, (size_t)size);
	free(value);
	if (rc == 0 && deed == FAIL)
		rc = prun_task_fail(task, -EDOM, "as planned");
	table->ends[id]++;
	if (deed == DIE_LAST || deed == EXIT_LAST)
		kill_self(p, deed);
	return rc;
}

/* Takes what it gets into its lanes, and ends the one that came last. */
static int run_batch(struct prun_batch *batch)
{
	struct prun_task *open[LANES + 1];
	unsigned n = 0;
	int rc;

	do {
		while ((rc = prun_batch_next(&open[n], batch)) == 1)
			n++;
		if (rc < 0 && rc != PRUN_EINVAL)
			return rc;
		if (n > 0) {
			n--;
			prun_batch_done(open[n], run(open[n]));
			rc = 1;
		}
	} while (rc != 0 || n > 0);
	return 0;
}

static const struct prun_func funcs[] = {
	{.name = "run", .fn = run},
	{.name = "batch", .batch = run_batch, .lanes = LANES},
};

/* ----------------------------------------------------------------- the killer
 */

static int choose_signal(struct chance *c)
{
	static const int signals[] = {SIGKILL, SIGKILL, SIGKILL, SIGSEGV,
				      SIGTERM, SIGSTOP, SIGABRT};

	return signals[chance_below(c, sizeof(signals) / sizeof(*signals))];
}

/* Stopped for a moment; sometimes it dies of it. */
static void stop_one(struct chance *c, struct proc *p, int pidfd)
{
	int lives = 0;

	send_signal(pidfd, SIGSTOP);
	table->stops++;
	nap(chance_below(c, 3000000));
	if (chance_one_in(c, 2) &&
	    atomic_compare_exchange_strong(&p->fate, &lives, SIGKILL)) {
		if (send_signal(pidfd, SIGKILL))
			table->kills++;
	}
	send_signal(pidfd, SIGCONT);
}

static void kill_one(struct chance *c, struct proc *p)
{
	int sig = choose_signal(c), lives = 0;
	int pidfd = open_process(p->pid, p->born);

	if (pidfd < 0) {
		atomic_compare_exchange_strong(&p->fate, &lives, GONE);
		return;
	}
	if (sig == SIGSTOP) {
		stop_one(c, p, pidfd);
	} else if (atomic_compare_exchange_strong(&p->fate, &lives, sig)) {
		if (send_signal(pidfd, sig))
			table->kills++;
	}
	close(pidfd);
}

static void kill_server(void)
{
	int pidfd = open_process(table->server, table->server_born);

	if (pidfd < 0)
		return;
	table->server_killed = 1;
	if (send_signal(pidfd, SIGKILL))
		table->server_kills++;
	close(pidfd);
}

/* One of those born last. */
static struct proc *choose_proc(struct chance *c, unsigned *starting)
{
	uint32_t n = table->nprocs, back;
	struct proc *p;

	if (n > PROCS_MAX)
		n = PROCS_MAX;
	if (n == 0)
		return NULL;
	back = chance_below(c, 2 * WORKERS_MAX);
	p = &table->procs[back < n ? n - 1 - back : 0];
	if (p->pid == 0 || p->fate != 0)
		return NULL;
	if (p->last == 0 && ++*starting > STARTING_KILLS_MAX)
		return NULL;
	return p;
}

static void killer(struct chance c, bool server)
{
	unsigned gap_us = 200u << chance_below(&c, 5), starting = 0;
	uint64_t server_ns = clock_ns() + chance_below(&c, 60000000);
	struct proc *p;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (!table->stop) {
		uint64_t pause_ns = chance_below(&c, gap_us * 1000);

		if (chance_one_in(&c, 4))
			spin(pause_ns / 8);
		else
			nap(pause_ns);
		p = choose_proc(&c, &starting);
		if (p && table->kills < kills_wanted)
			kill_one(&c, p);
		if (server && table->server && clock_ns() > server_ns) {
			kill_server();
			server = false;
		}
	}
	_exit(0);
}

static pid_t start_killer(struct chance c, bool server)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	REQUIRE(pid >= 0, "no killer: %s", strerror(errno));
	if (pid == 0)
		killer(c, server);
	return pid;
}

static void stop_killer(pid_t pid)
{
	int status;

	table->stop = 1;
	REQUIRE(waitpid(pid, &status, 0) == pid && status == 0,
		"the killer ended with status %x", (unsigned)status);
}

/* -------------------------------------------------------------------- results
 */

/* The latest one of this pid that was killed. */
static struct proc *proc_of(pid_t pid)
{
	uint32_t n = table->nprocs;

	while (n-- > 0)
		if (table->procs[n].pid == pid)
			return &table->procs[n];
	return NULL;
}

static bool is_exact(const struct job *j)
{
	return !j->batch && j->retries == 0;
}

/* Somebody has ended it: nothing is tried again. */
static bool is_ended(const struct job *j)
{
	return j->cancelled || j->ending == DEADLINE || table->server_killed;
}

/* PRUN_EWORKER: the one task that this death has cost. */
static void check_lost(const struct job *j, const struct prun_result *r,
		       uint32_t id)
{
	struct proc *p = proc_of(r->worker_pid);
	uint32_t starts = table->starts[id];
	int fate;

	if (r->worker_pid == 0 && table->server_killed) {
		/* Its server had not told of it. */
		sums.lost++;
		return;
	}
	REQUIRE(p, "task %u: of unknown pid %d: %s", id, (int)r->worker_pid,
		r->message);
	fate = p->fate;
	if (!table->server_killed || r->worker_signal || r->worker_exit >= 0) {
		REQUIRE(fate > 0, "task %u: pid %d was not killed: %s", id,
			(int)r->worker_pid, r->message);
		REQUIRE(fate & EXITED ? r->worker_exit == (fate & 0xff) :
					r->worker_signal == fate,
			"task %u: killed with %x, but: %s", id, (unsigned)fate,
			r->message);
	}
	REQUIRE(p->blamed++ == 0, "two tasks failed of one death: %s",
		r->message);
	REQUIRE(r->attempts == j->retries + 1 || is_ended(j),
		"task %u: %u attempts", id, r->attempts);
	sums.lost++;
	if (!is_exact(j))
		return;
	if (starts > 0)
		REQUIRE(p->last == id + 1,
			"task %u is lost, but its worker had started %u: %s",
			id, p->last - 1, r->message);
	if (starts > 0 && table->ends[id] > 0)
		sums.ended++;
	if (starts == 0 && r->start_ns)
		sums.unstarted++;
	if (starts == 0 && !r->start_ns)
		sums.struck++;
}

static void check_value(const struct job *j, const struct prun_result *r,
			uint32_t id)
{
	const void *value;
	size_t size;
	int got;

	REQUIRE(prun_result_unpack(r, "[iy#]", &got, &value, &size) == 0 &&
			(uint32_t)got == id && is_filled(value, size, id),
		"task %u has not its own value", id);
	REQUIRE(table->ends[id] > 0, "task %u is good, and never ended", id);
	if (is_exact(j))
		REQUIRE(table->starts[id] == 1 && table->ends[id] == 1,
			"task %u started %u times", id, table->starts[id]);
	sums.good++;
}

/* What was never started, or by force. */
static void check_withdrawn(struct job *j, const struct prun_result *r,
			    uint32_t id)
{
	uint32_t starts = table->starts[id];
	bool force = j->ending == FORCE || j->ending == DEADLINE;

	if (r->status == PRUN_ESERVER) {
		REQUIRE(table->server_killed, "task %u: %s", id, r->message);
		sums.orphaned++;
		force = false;
	} else {
		REQUIRE(r->status == (j->ending == DEADLINE ? PRUN_ETIMEDOUT :
							      PRUN_ECANCELLED),
			"task %u: status %d: %s", id, r->status, r->message);
		REQUIRE(j->ending == DEADLINE || j->cancelled,
			"task %u was not cancelled, but: %s", id, r->message);
		sums.cancelled++;
	}
	if (!is_exact(j) || starts == 0)
		return;
	j->by_force++;
	REQUIRE(force && j->by_force <= WORKERS_MAX,
		"task %u had started, but: %s", id, r->message);
}

static void check_result(struct job *j, const struct prun_result *r,
			 uint32_t id)
{
	pthread_mutex_lock(&mutex);
	REQUIRE(id - j->base < j->count, "no task %u", id);
	REQUIRE(delivered[id]++ == 0, "task %u comes twice", id);
	REQUIRE(r->attempts <= j->retries + 1, "task %u: %u attempts", id,
		r->attempts);
	sums.tasks++;
	sums.failed += r->status < 0;
	if (r->attempts > 1)
		sums.retried += r->attempts - 1;
	if (r->status == 0)
		check_value(j, r, id);
	else if (r->status == -EDOM)
		REQUIRE(table->ends[id] > 0, "task %u has not failed", id);
	else if (r->status == PRUN_EWORKER)
		check_lost(j, r, id);
	else
		check_withdrawn(j, r, id);
	j->delivered++;
	pthread_mutex_unlock(&mutex);
}

/* ----------------------------------------------------------------- submission
 */

static void pack(struct job *j, struct prun_packer *p, uint32_t id)
{
	struct chance *c = &j->chance;
	unsigned us = chance_below(c, j->usual_us + 1), deed = LIVE;
	unsigned size = chance_below(c, 40), padding = chance_below(c, 100);

	if (chance_one_in(c, 100))
		us = chance_below(c, 3000);
	if (j->loud)
		size = chance_below(c, RESULT_BYTES_MAX);
	if (chance_one_in(c, j->loud ? 10 : 500))
		padding = chance_below(c, j->loud ? ARGUMENT_BYTES_MAX : 9999);
	if (chance_one_in(c, 20))
		deed = FAIL;
	else if (chance_one_in(c, 1000))
		deed = DIE_FIRST + chance_below(c, 3);
	pthread_mutex_lock(&pad_mutex);
	fill(pad, padding, id);
	REQUIRE(prun_pack(p, "[iiiiy#]", (int)id, (int)us, (int)size, (int)deed,
			  pad, (size_t)padding) == 0,
		"packing failed");
	pthread_mutex_unlock(&pad_mutex);
}

static int source(struct prun_item *item, void *payload)
{
	struct job *j = payload;
	uint32_t id = j->base + j->next;

	if (j->next == j->count)
		return 0;
	REQUIRE(prun_item_index(item) == j->next, "the source is out of step");
	pack(j, prun_item_packer(item), id);
	j->next++;
	return 1;
}

static int on_result(struct prun_job *handle, const struct prun_result *r,
		     void *payload)
{
	struct job *j = payload;

	(void)handle;
	check_result(j, r, j->base + (uint32_t)r->index);
	j->called++;
	return 0;
}

/* Of a map, once. */
static int on_map(struct prun_job *handle, const struct prun_result *r,
		  void *payload)
{
	struct job *j = payload;

	(void)handle;
	(void)r;
	j->completions++;
	return 0;
}

struct one {
	struct job *job;
	uint32_t id;
};

static int on_apply(struct prun_job *handle, const struct prun_result *r,
		    void *payload)
{
	struct one *one = payload;

	(void)handle;
	check_result(one->job, r, one->id);
	one->job->called++;
	return 0;
}

/* False: the pool is broken, as its server was killed. */
static bool submitted(int rc)
{
	if (rc == PRUN_ESERVER && table->server_killed)
		return false;
	REQUIRE(rc == 0 || rc == PRUN_ETIMEDOUT, "submission: %s",
		prun_strerror(rc));
	return true;
}

static struct prun_call call_of(const struct job *j)
{
	struct prun_call call = PRUN_CALL_INIT;

	call.func = j->batch ? "batch" : "run";
	call.retries = j->retries;
	call.deadline_ms = j->ending == DEADLINE ? 1 + j->when % 20 : 0;
	return call;
}

static void submit_applies(struct prun_pool *pool, struct job *j)
{
	struct prun_call call = call_of(j);
	struct prun_packer *packer;
	struct one *one;
	int rc = 0;

	REQUIRE(prun_packer_new(&packer) == 0, "no memory");
	call.callback = call.error_callback = on_apply;
	call.payload_free = free;
	while (j->next < j->count && submitted(rc)) {
		one = malloc(sizeof(*one));
		REQUIRE(one, "no memory");
		*one = (struct one){j, j->base + j->next};
		prun_packer_clear(packer);
		pack(j, packer, one->id);
		call.payload = one;
		call.argument = prun_packer_data(packer, &call.argument_size);
		rc = prun_apply_async(NULL, pool, &call);
		if (rc == 0)
			j->next++;
	}
	j->count = j->next;
	prun_packer_free(packer);
}

static void submit(struct prun_pool *pool, struct job *j)
{
	struct prun_call call = call_of(j);
	struct chance *c = &j->chance;
	int rc;

	if (j->kind == APPLY) {
		submit_applies(pool, j);
		return;
	}
	call.source = source;
	call.source_payload = j;
	call.payload = j;
	if (chance_one_in(c, 2))
		call.length = j->count;
	if (chance_one_in(c, 2))
		call.chunksize = 1 + chance_below(c, 60);
	if (chance_one_in(c, 4))
		call.buffersize = 60 + chance_below(c, 500);
	if (j->kind == MAP || j->kind == MAP_WAIT || j->kind == STARMAP)
		call.callback = call.error_callback = on_map;
	if (j->kind == IMAP_CALLS)
		call.callback = call.error_callback = on_result;
	call.timeout_ms = 1 + chance_below(c, 20);
	if (j->kind == MAP)
		rc = prun_map_async(&j->handle, pool, &call);
	else if (j->kind == MAP_WAIT)
		rc = prun_map(&j->handle, pool, &call);
	else if (j->kind == STARMAP)
		rc = prun_starmap_async(&j->handle, pool, &call);
	else if (j->kind == UNORDERED)
		rc = prun_imap_unordered(&j->handle, pool, &call);
	else
		rc = prun_imap(&j->handle, pool, &call);
	if (!submitted(rc) && !j->handle)
		j->done = true;
}

/* ----------------------------------------------------------------- collection
 */

static void finish_job(struct job *j)
{
	uint64_t pulled = prun_job_submitted(j->handle);
	bool map = j->kind == MAP || j->kind == MAP_WAIT || j->kind == STARMAP;

	REQUIRE(pulled == j->next, "%llu pulled, %u given",
		(unsigned long long)pulled, j->next);
	REQUIRE(is_ended(j) || pulled == j->count,
		"only %llu of %u were pulled", (unsigned long long)pulled,
		j->count);
	REQUIRE(j->delivered == pulled, "%u of %llu were delivered",
		j->delivered, (unsigned long long)pulled);
	REQUIRE(prun_job_finished(j->handle) == pulled, "not finished");
	REQUIRE(!map || j->completions == 1, "%u completions", j->completions);
	prun_job_free(j->handle);
	j->handle = NULL;
	j->done = true;
}

static void collect_map(struct job *j, int timeout_ms)
{
	const struct prun_result *r;
	uint64_t i, n;
	int rc = prun_job_wait(j->handle, timeout_ms);

	if (rc == PRUN_ETIMEDOUT)
		return;
	REQUIRE(rc == 0, "wait: %s", prun_strerror(rc));
	n = prun_job_submitted(j->handle);
	for (i = 0; i < n; i++) {
		REQUIRE(prun_job_at(&r, j->handle, i) == 0 && r->index == i,
			"no result at %llu", (unsigned long long)i);
		check_result(j, r, j->base + (uint32_t)i);
	}
	finish_job(j);
}

static void collect_stream(struct job *j, int timeout_ms)
{
	unsigned most = 1 + chance_below(&j->chance, 200);
	const struct prun_result *r;
	int rc = 1;

	while (most-- > 0 && rc == 1) {
		rc = prun_job_next(&r, j->handle, timeout_ms);
		if (rc != 1)
			break;
		REQUIRE(j->kind == UNORDERED || r->index == j->delivered,
			"result %llu in place of %u",
			(unsigned long long)r->index, j->delivered);
		check_result(j, r, j->base + (uint32_t)r->index);
	}
	/* This call has timed out, or, in the same word, the job has. */
	if (rc == 1 ||
	    (rc == PRUN_ETIMEDOUT &&
	     (j->ending != DEADLINE || prun_job_error(j->handle) == 0 ||
	      !prun_job_ready(j->handle) || j->delivered < j->next)))
		return;
	REQUIRE(rc == 0 || (rc == PRUN_ECANCELLED && j->cancelled) ||
			rc == PRUN_ETIMEDOUT ||
			(rc == PRUN_ESERVER && table->server_killed),
		"the stream ended with %s", prun_strerror(rc));
	finish_job(j);
}

static void collect_calls(struct prun_pool *pool, struct job *j, int timeout_ms)
{
	int rc;

	if (j->kind == APPLY) {
		rc = prun_pool_step(pool, timeout_ms);
		REQUIRE(rc >= 0 || rc == PRUN_ESERVER, "step: %s",
			prun_strerror(rc));
		if (j->called == j->count)
			j->done = true;
		return;
	}
	rc = prun_job_wait(j->handle, timeout_ms);
	REQUIRE(rc == 0 || rc == PRUN_ETIMEDOUT, "wait: %s", prun_strerror(rc));
	if (rc == 0)
		finish_job(j);
}

/* Its time has come. */
static void end_early(struct job *j)
{
	if (j->cancelled || j->done || j->kind == APPLY || !j->handle ||
	    (j->ending != CANCEL && j->ending != FORCE && j->ending != FREE) ||
	    prun_job_finished(j->handle) < j->when)
		return;
	j->cancelled = true;
	if (j->ending == FREE) {
		/* One with callbacks goes on without handle, and with this. */
		if (j->kind != IMAP && j->kind != UNORDERED)
			return;
		prun_job_free(j->handle);
		j->handle = NULL;
		j->done = true;
		return;
	}
	prun_job_cancel(j->handle, j->ending == FORCE);
}

static void collect(struct prun_pool *pool, struct job *j, int timeout_ms)
{
	end_early(j);
	if (j->done)
		return;
	if (j->kind == APPLY || j->kind == IMAP_CALLS)
		collect_calls(pool, j, timeout_ms);
	else if (j->kind == IMAP || j->kind == UNORDERED)
		collect_stream(j, timeout_ms);
	else
		collect_map(j, timeout_ms);
}

/* --------------------------------------------------------------------- rounds
 */

static void plan_job(struct job *j, struct chance *c, uint32_t base)
{
	memset(j, 0, sizeof(*j));
	j->chance = (struct chance){chance_next(c)};
	j->kind = chance_below(c, KINDS);
	j->base = base;
	j->count = 1 + chance_below(c, JOB_TASKS_MAX);
	j->usual_us = chance_one_in(c, 3) ? 300 : 20;
	j->loud = chance_one_in(c, 5);
	if (j->loud)
		j->count = 1 + j->count % 60;
	if (j->kind == APPLY)
		j->count = 1 + j->count % 200;
	j->batch = j->kind != STARMAP && chance_one_in(c, 4);
	j->retries = chance_one_in(c, 5) ? 1 + chance_below(c, 2) : 0;
	if (chance_one_in(c, 3))
		j->ending = 1 + chance_below(c, 4);
	/* An apply has no handle here, and each one its own deadline. */
	if (j->kind == APPLY && j->ending != DEADLINE)
		j->ending = RUN;
	j->when = chance_below(c, j->count + 1);
}

static struct prun_pool *open_pool(struct chance *c, bool serve, bool *served)
{
	struct prun_options o = PRUN_OPTIONS_INIT;
	struct prun_pool *pool;
	unsigned kind = serve ? 1 + chance_below(c, 2) : chance_below(c, 3);
	int rc;

	o.workers = 1 + chance_below(c, WORKERS_MAX);
	o.funcs = funcs;
	o.nfuncs = 2;
	o.start_method = kind ? PRUN_START_FORKSERVER : PRUN_START_FORK;
	o.background = kind == 2;
	o.initializer = initializer;
	o.finalizer = finalizer;
	o.initarg = kind ? (void *)1 : NULL;
	o.grace_ms = 1 + chance_below(c, 20);
	if (chance_one_in(c, 3))
		o.maxtasksperchild = 1 + chance_below(c, 200);
	*served = kind != 0;
	rc = prun_pool_new(&pool, &o);
	if (rc == PRUN_ESERVER && table->server_killed)
		return NULL;
	REQUIRE(rc == 0, "no pool: %s", prun_strerror(rc));
	return pool;
}

static void run_jobs(struct prun_pool *pool, struct chance *c)
{
	unsigned unfinished = 0, first, i;

	for (i = 0; i < njobs; i++)
		submit(pool, &jobs[i]);
	do {
		first = chance_below(c, njobs);
		unfinished = 0;
		for (i = 0; i < njobs; i++) {
			struct job *j = &jobs[(first + i) % njobs];

			if (j->done)
				continue;
			unfinished++;
			collect(pool, j, (int)chance_below(c, 4));
		}
		/* The caller is elsewhere for a while. */
		if (chance_one_in(c, 20))
			nap(chance_below(c, 3000000));
	} while (unfinished > 0);
}

static void end_pool(struct prun_pool *pool, struct chance *c)
{
	unsigned how = chance_below(c, 3);
	int rc;

	if (how == 1)
		prun_pool_terminate(pool);
	if (how == 2)
		prun_pool_close(pool);
	if (how) {
		rc = prun_pool_join(pool, -1);
		REQUIRE(rc == 0 || (rc == PRUN_ESERVER && table->server_killed),
			"join: %s", prun_strerror(rc));
	}
	REQUIRE(prun_pool_free(pool) == 0, "the pool is not free");
}

static void check_processes(void)
{
	uint32_t n = table->nprocs, i;

	REQUIRE(n <= PROCS_MAX, "too many births: %u", n);
	for (i = 0; i < n; i++)
		REQUIRE(!still_lives(table->procs[i].pid, table->procs[i].born),
			"worker %d lives", (int)table->procs[i].pid);
	REQUIRE(!table->server ||
			!still_lives(table->server, table->server_born),
		"the fork server lives");
	sums.births += n;
}

/*
 * Whom a killed server had forked and could not tell of any more is known to
 * nobody, and comes to whom the system gives orphans to: to us. It must have
 * died with the server.
 */
static void reap_orphans(void)
{
	siginfo_t info;

	while (table->server_killed && waitid(P_ALL, 0, &info, WEXITED) == 0)
		sums.orphans++;
	require_childless();
}

/* Also of tasks that nobody has heard of again. */
static void check_starts(void)
{
	uint32_t i, id;

	for (i = 0; i < njobs; i++)
		for (id = jobs[i].base; id < jobs[i].base + jobs[i].count; id++)
			REQUIRE(!is_exact(&jobs[i]) || table->starts[id] <= 1,
				"task %u started %u times", id,
				table->starts[id]);
	REQUIRE(!table->broken_source, "a task saw not its own argument");
}

static void forget_round(void)
{
	uint64_t kills = table->kills, stops = table->stops;
	uint64_t suicides = table->suicides, servers = table->server_kills;

	memset(table, 0, sizeof(*table));
	memset(delivered, 0, sizeof(delivered));
	table->kills = kills;
	table->stops = stops;
	table->suicides = suicides;
	table->server_kills = servers;
}

static void run_round(uint64_t round)
{
	struct chance c = chance_of(torture.seed, round);
	struct chance killers = {chance_next(&c)};
	bool serve = round % 2 == 0, served;
	struct prun_pool *pool;
	uint32_t base = 0;
	unsigned i;
	pid_t pid;

	watchdog(round);
	forget_round();
	njobs = 2 + chance_below(&c, JOBS_MAX - 1);
	for (i = 0; i < njobs; i++) {
		plan_job(&jobs[i], &c, base);
		base += jobs[i].count;
	}
	pid = start_killer(killers, serve);
	pool = open_pool(&c, serve, &served);
	if (pool)
		run_jobs(pool, &c);
	if (chance_one_in(&c, 2)) {
		stop_killer(pid);
		pid = 0;
	}
	if (pool)
		end_pool(pool, &c);
	if (pid)
		stop_killer(pid);
	check_starts();
	reap_orphans();
	check_processes();
	sums.rounds++;
}

/* What malloc and the threads have mapped is settled after some rounds. */
static void check_holdings(struct holdings *before, uint64_t round)
{
	struct holdings now = holdings_now();

	REQUIRE(now.fds == before->fds, "%u descriptors, %u before", now.fds,
		before->fds);
	REQUIRE(now.shared == before->shared, "%u shared mappings, %u before",
		now.shared, before->shared);
	if (round <= WARM_ROUNDS)
		before->maps = now.maps;
	REQUIRE(SANITIZED || now.maps <= before->maps, "%u mappings, %u before",
		now.maps, before->maps);
}

static void print_sums(void)
{
	printf("kill: kills %llu (%llu suicides), stops %llu, servers %llu, "
	       "rounds %llu, births %llu, orphans of a killed server %llu\n",
	       (unsigned long long)table->kills,
	       (unsigned long long)table->suicides,
	       (unsigned long long)table->stops,
	       (unsigned long long)table->server_kills,
	       (unsigned long long)sums.rounds, (unsigned long long)sums.births,
	       (unsigned long long)sums.orphans);
	printf("kill: tasks %llu, good %llu, lost %llu (%llu of these had "
	       "ended, %llu had not begun, %llu by the fifth strike), "
	       "retried %llu, cancelled %llu, left by a server %llu\n",
	       (unsigned long long)sums.tasks, (unsigned long long)sums.good,
	       (unsigned long long)sums.lost, (unsigned long long)sums.ended,
	       (unsigned long long)sums.unstarted,
	       (unsigned long long)sums.struck,
	       (unsigned long long)sums.retried,
	       (unsigned long long)sums.cancelled,
	       (unsigned long long)sums.orphaned);
}

int main(int argc, char **argv)
{
	struct holdings before;
	uint64_t round;

	torture_begin("kill", argc > 2 ? argv[2] : NULL);
	kills_wanted = argc > 1 ? strtoull(argv[1], NULL, 0) : 400;
	/* Orphans of a server come here, and are seen. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	table = share_memory(sizeof(*table));
	pad = malloc(ARGUMENT_BYTES_MAX);
	REQUIRE(pad, "no memory");
	if (argc > 3) {
		run_round(strtoull(argv[3], NULL, 0));
		print_sums();
		return 0;
	}
	before = holdings_now();
	for (round = 1; table->kills < kills_wanted; round++) {
		run_round(round);
		check_holdings(&before, round);
	}
	REQUIRE(sums.lost <= table->kills + 6 * table->server_kills,
		"more is lost than was killed");
	free(pad);
	print_sums();
	printf("kill: all is accounted for\n");
	return 0;
}
