/* SPDX-License-Identifier: MIT */

/*
 * The C side of the benches of dispatch that go beyond no-ops on two workers:
 *
 *     dispatch_bench BENCH WORKERS TASKS [DURATIONS]
 *
 * measures one of them and prints one line of JSON; run.py says what it is held
 * against. DURATIONS is a file of nanoseconds, one for each task, a line each.
 *
 * A result that is missing or wrong ends the program with status 1.
 */

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "bench.h"

#define WARM_UP_EACH 4 /* tasks of each worker */
#define WARM_UP_NS 2000000
#define TASKS_A_SECOND 1000u /* of `width`, whatever the workers */
#define PAYLOAD ((size_t)64 << 20)
/* What the time of a task may be wrong by, see lib/ticks.h. */
#define CLOCK_SLACK_NS 200000u

struct bench {
	const char *name;
	void (*run)(struct measure *measure);
};

/* Of the one bench that runs. */
static uint32_t workers;
static const char *durations_name;
static uint64_t workers_cpu_ns, limit_ns;

/* -------------------------------------------------------------- functions */

static int noop(struct prun_task *task)
{
	(void)task;
	return 0;
}

static void sleep_ns(uint64_t ns)
{
	struct timespec length = {(time_t)(ns / NS_PER_S),
				  (long)(ns % NS_PER_S)};

	while (nanosleep(&length, &length) < 0 && errno == EINTR)
		;
}

static int nap(struct prun_task *task)
{
	int64_t ns;
	int rc = prun_arg_int(task, &ns);

	if (rc == 0)
		sleep_ns((uint64_t)ns);
	return rc;
}

static int warm(struct prun_task *task)
{
	(void)task;
	sleep_ns(WARM_UP_NS);
	return 0;
}

/* Of 64 MiB; the workers inherit it. */
static unsigned char *payload;

/* Looks at both ends only: to compare it all is no part of the transport. */
static int take(struct prun_task *task)
{
	const void *data;
	size_t size;
	int rc = prun_arg_bin(task, &data, &size);
	const unsigned char *bytes = data;

	if (rc < 0)
		return rc;
	if (size != PAYLOAD || bytes[0] != payload[0] ||
	    memcmp(bytes + size - 4096, payload + size - 4096, 4096) != 0)
		return prun_task_fail(task, PRUN_EFAILED, "other bytes");
	return 0;
}

static int give(struct prun_task *task)
{
	return prun_ret_bin(task, payload, PAYLOAD);
}

static const struct prun_func funcs[] = {
	{.name = "noop", .fn = noop}, {.name = "nap", .fn = nap},
	{.name = "warm", .fn = warm}, {.name = "take", .fn = take},
	{.name = "give", .fn = give}, {.name = NULL},
};

/* Else a sleep takes up to 50 us longer than it is told to. */
static int wake_in_time(void **state, int worker_id, void *initarg,
			char *message, size_t size)
{
	(void)state;
	(void)worker_id;
	(void)initarg;
	(void)message;
	(void)size;
	return prctl(PR_SET_TIMERSLACK, 1) < 0 ? -errno : 0;
}

/* --------------------------------------------------------------- the pool */

static struct prun_options pool_options(void)
{
	struct prun_options options = PRUN_OPTIONS_INIT;

	options.workers = workers;
	options.funcs = funcs;
	return options;
}

static struct prun_pool *sleepers_pool(void)
{
	struct prun_options options = pool_options();
	struct prun_pool *pool;

	options.initializer = wake_in_time;
	need(prun_pool_new(&pool, &options), "prun_pool_new");
	warm_up(pool, "warm", WARM_UP_EACH * workers);
	return pool;
}

struct naps {
	const uint64_t *ns;
	uint64_t count;
	uint64_t next;
};

static int naps_source(struct prun_item *item, void *source_payload)
{
	struct naps *naps = source_payload;
	int rc;

	if (naps->next == naps->count)
		return 0;
	rc = prun_item_int(item, (int64_t)naps->ns[naps->next++]);
	return rc < 0 ? rc : 1;
}

static struct prun_call call_naps(struct naps *naps)
{
	struct prun_call call = PRUN_CALL_INIT;

	call.func = "nap";
	call.source = naps_source;
	call.source_payload = naps;
	call.length = naps->count;
	return call;
}

/* Also: how long the tasks took in truth, in place of how long they should. */
static void take_naps(struct prun_job *job, uint64_t *ns, uint64_t count)
{
	const struct prun_result *result;
	uint64_t taken = 0;

	while ((result = next_result(job))) {
		need_nil(result);
		if (result->index >= count ||
		    result->run_ns + CLOCK_SLACK_NS < ns[result->index])
			die("task %" PRIu64 ": woke early: %" PRIu64
			    " of %" PRIu64,
			    result->index, result->run_ns, ns[result->index]);
		ns[result->index] = result->run_ns;
		taken++;
	}
	need_number(taken, count, "results");
}

static uint64_t *new_numbers(uint64_t count)
{
	uint64_t *numbers = calloc(count, sizeof(*numbers));

	if (!numbers)
		die("no memory");
	return numbers;
}

/* ------------------------------------------------------------------ width */

/* How much of a processor the workers have used so far, together. */
static uint64_t cpu_of_workers(struct prun_pool *pool)
{
	struct prun_worker_stats *stats = calloc(workers, sizeof(*stats));
	uint64_t sum = 0;
	clockid_t clock;
	int i, n;

	if (!stats)
		die("no memory");
	n = prun_pool_worker_stats(pool, stats, sizeof(*stats), workers);
	need(n, "prun_pool_worker_stats");
	need_number((uint64_t)n, workers, "workers");
	for (i = 0; i < n; i++) {
		if (clock_getcpuclockid(stats[i].worker_pid, &clock) != 0)
			die("no clock of worker %d", i);
		sum += clock_ns(clock);
	}
	free(stats);
	return sum;
}

/* From a half to one and a half of the mean, so that they do not end all at
 * once; in no order. */
static uint64_t *spread_naps(uint64_t count, uint64_t mean)
{
	uint64_t *ns = new_numbers(count);

	for (uint64_t i = 0; i < count; i++)
		ns[i] = mean / 2 + (i * 0x9e3779b97f4a7c15u >> 40) * mean /
					   ((uint64_t)1 << 24);
	return ns;
}

static void run_width(struct measure *measure)
{
	uint64_t n = measure->tasks, before;
	uint64_t mean = (uint64_t)workers * NS_PER_S / TASKS_A_SECOND;
	struct naps naps = {spread_naps(n, mean), n, 0};
	struct prun_call call = call_naps(&naps);
	struct prun_pool *pool = sleepers_pool();
	uint64_t *ns = spread_naps(n, mean);
	struct prun_job *job;

	before = cpu_of_workers(pool);
	measure_begin(measure);
	need(prun_map(&job, pool, &call), "prun_map");
	measure_end(measure);
	workers_cpu_ns = cpu_of_workers(pool) - before;
	take_naps(job, ns, n);
	prun_job_free(job);
	need(prun_pool_free(pool), "prun_pool_free");
	free((void *)naps.ns);
	free(ns);
}

/* --------------------------------------------------------------- makespan */

static uint64_t *read_durations(uint64_t count)
{
	FILE *file = durations_name ? fopen(durations_name, "re") : NULL;
	uint64_t *ns = new_numbers(count);

	if (!file)
		die("no file of durations");
	for (uint64_t i = 0; i < count; i++)
		if (fscanf(file, "%" SCNu64, &ns[i]) != 1)
			die("%s: fewer than %" PRIu64 " durations",
			    durations_name, count);
	fclose(file);
	return ns;
}

static uint32_t earliest(const uint64_t *free_at)
{
	uint32_t best = 0;

	for (uint32_t i = 1; i < workers; i++)
		if (free_at[i] < free_at[best])
			best = i;
	return best;
}

/* The end of all tasks, when each is given, in their order and in no time, to
 * the worker that is free first. */
static uint64_t greedy_end(const uint64_t *ns, uint64_t count)
{
	uint64_t *free_at = new_numbers(workers), end = 0;

	for (uint64_t i = 0; i < count; i++) {
		uint64_t *at = &free_at[earliest(free_at)];

		*at += ns[i];
		if (*at > end)
			end = *at;
	}
	free(free_at);
	return end;
}

static void run_makespan(struct measure *measure)
{
	uint64_t n = measure->tasks, *ns = read_durations(n);
	struct naps naps = {ns, n, 0};
	struct prun_call call = call_naps(&naps);
	struct prun_pool *pool = sleepers_pool();
	struct prun_job *job;

	measure_begin(measure);
	need(prun_map(&job, pool, &call), "prun_map");
	measure_end(measure);
	take_naps(job, ns, n);
	limit_ns = greedy_end(ns, n);
	prun_job_free(job);
	need(prun_pool_free(pool), "prun_pool_free");
	free(ns);
}

/* ------------------------------------------------- processes, born and gone */

static void run_respawn(struct measure *measure)
{
	struct prun_options options = pool_options();
	struct prun_range range;
	struct prun_call call = call_over(&range, "noop", measure->tasks);
	const struct prun_result *result;
	struct prun_pool *pool;
	struct prun_job *job;
	uint64_t count = 0;
	pid_t last = 0;

	options.maxtasksperchild = 1;
	need(prun_pool_new(&pool, &options), "prun_pool_new");
	warm_up(pool, "noop", WARM_UP_EACH * workers);
	measure_begin(measure);
	need(prun_map(&job, pool, &call), "prun_map");
	measure_end(measure);
	while ((result = next_result(job))) {
		need_nil(result);
		if (result->worker_pid == last)
			die("worker %d was not replaced", (int)last);
		last = result->worker_pid;
		count++;
	}
	need_number(count, measure->tasks, "results");
	prun_job_free(job);
	need(prun_pool_free(pool), "prun_pool_free");
}

static void open_and_close(enum prun_start_method start_method)
{
	struct prun_options options = pool_options();
	struct prun_pool *pool;

	options.start_method = start_method;
	need(prun_pool_new(&pool, &options), "prun_pool_new");
	need(prun_pool_close(pool), "prun_pool_close");
	need(prun_pool_join(pool, -1), "prun_pool_join");
	need(prun_pool_free(pool), "prun_pool_free");
}

static void open_often(struct measure *measure, enum prun_start_method method)
{
	open_and_close(method);
	measure_begin(measure);
	for (uint64_t i = 0; i < measure->tasks; i++)
		open_and_close(method);
	measure_end(measure);
}

static void run_open_fork(struct measure *measure)
{
	open_often(measure, PRUN_START_FORK);
}

static void run_open_server(struct measure *measure)
{
	open_often(measure, PRUN_START_FORKSERVER);
}

static void fork_one(void)
{
	pid_t pid = fork();

	need_system(pid, "fork");
	if (pid == 0)
		_exit(0);
}

static void wait_one(void)
{
	int status;

	if (wait(&status) < 0 || status != 0)
		die("a child failed");
}

/* As many children as there are workers, and all waited for: a round. */
static void run_children(struct measure *measure)
{
	measure_begin(measure);
	for (uint64_t i = 0; i < measure->tasks; i++) {
		for (uint32_t k = 0; k < workers; k++)
			fork_one();
		for (uint32_t k = 0; k < workers; k++)
			wait_one();
	}
	measure_end(measure);
}

/* ---------------------------------------------------------------- payload */

static void fill_payload(void)
{
	payload = malloc(PAYLOAD);
	if (!payload)
		die("no memory");
	for (size_t i = 0; i < PAYLOAD; i++)
		payload[i] = (unsigned char)(i * 2654435761u >> 24);
}

/* Gives it once. */
static int payload_source(struct prun_item *item, void *source_payload)
{
	int *given = source_payload, rc;

	if ((*given)++)
		return 0;
	rc = prun_item_bin(item, payload, PAYLOAD);
	return rc < 0 ? rc : 1;
}

static void need_payload(const struct prun_result *result)
{
	const char *data;
	size_t size;

	need(prun_result_str(result, &data, &size), "the result");
	need_number(size, PAYLOAD, "bytes");
	if (memcmp(data, payload, PAYLOAD) != 0)
		die("the result has other bytes");
}

/* One to the worker, or one from it; its time is added to the others'. */
static void carry(struct prun_pool *pool, struct measure *measure,
		  struct prun_call call,
		  void (*check)(const struct prun_result *))
{
	const struct prun_result *result;
	struct prun_job *job;
	uint64_t ns = measure->ns;

	measure_begin(measure);
	need(prun_imap(&job, pool, &call), "prun_imap");
	result = next_result(job);
	measure_end(measure);
	measure->ns += ns;
	if (!result)
		die("no result");
	check(result);
	prun_job_free(job);
}

static struct prun_pool *payload_pool(void)
{
	struct prun_options options = pool_options();
	struct prun_pool *pool;

	fill_payload();
	need(prun_pool_new(&pool, &options), "prun_pool_new");
	warm_up(pool, "noop", WARM_UP_EACH);
	return pool;
}

static void run_argument(struct measure *measure)
{
	struct prun_pool *pool = payload_pool();
	struct prun_call call = PRUN_CALL_INIT;
	int given;

	call.func = "take";
	call.source = payload_source;
	call.source_payload = &given;
	for (uint64_t i = 0; i < measure->tasks; i++) {
		given = 0;
		carry(pool, measure, call, need_nil);
	}
	need(prun_pool_free(pool), "prun_pool_free");
	free(payload);
}

static void run_result(struct measure *measure)
{
	struct prun_pool *pool = payload_pool();
	struct prun_range range;

	for (uint64_t i = 0; i < measure->tasks; i++)
		carry(pool, measure, call_over(&range, "give", 1),
		      need_payload);
	need(prun_pool_free(pool), "prun_pool_free");
	free(payload);
}

/* Into memory that is as new as a receiver's. */
static void run_memcpy(struct measure *measure)
{
	uint64_t ns;
	void *copy;

	fill_payload();
	for (uint64_t i = 0; i < measure->tasks; i++) {
		ns = measure->ns;
		measure_begin(measure);
		copy = mmap(NULL, PAYLOAD, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (copy == MAP_FAILED)
			die("mmap: %s", strerror(errno));
		memcpy(copy, payload, PAYLOAD);
		measure_end(measure);
		measure->ns += ns;
		if (memcmp(copy, payload, PAYLOAD) != 0)
			die("the copy differs");
		munmap(copy, PAYLOAD);
	}
	free(payload);
}

/* ------------------------------------------------------------------- main */

static const struct bench benches[] = {
	{"width", run_width},
	{"makespan", run_makespan},
	{"respawn", run_respawn},
	{"open_fork", run_open_fork},
	{"open_server", run_open_server},
	{"children", run_children},
	{"argument", run_argument},
	{"result", run_result},
	{"memcpy", run_memcpy},
};

static const struct bench *bench_find(const char *name)
{
	for (size_t i = 0; i < sizeof(benches) / sizeof(benches[0]); i++) {
		if (strcmp(benches[i].name, name) == 0)
			return &benches[i];
	}
	die("no bench of the name %s", name);
}

int main(int argc, char **argv)
{
	struct measure measure = {0};
	const struct bench *bench;

	if (argc < 4 || argc > 5)
		die("usage: dispatch_bench BENCH WORKERS TASKS [DURATIONS]");
	bench = bench_find(argv[1]);
	workers = (uint32_t)read_count(argv[2]);
	measure.tasks = read_count(argv[3]);
	durations_name = argv[4];
	bench->run(&measure);
	printf("{\"seconds\": %.9f, \"cpu_seconds\": %.9f, \"tasks\": %" PRIu64
	       ", \"workers_cpu_seconds\": %.9f, \"limit_seconds\": %.9f}\n",
	       (double)measure.ns / 1e9, (double)measure.cpu_ns / 1e9,
	       measure.tasks, (double)workers_cpu_ns / 1e9,
	       (double)limit_ns / 1e9);
	return 0;
}
