/* SPDX-License-Identifier: MIT */

/*
 * The C side of the benches: `pool_bench BENCH [TASKS]` measures one of them
 * and prints one line of JSON; bench_pool.py says what it is held against.
 *
 * The making of the pool, one small warm-up and the freeing of the results are
 * not measured. A result that is missing, twice there, out of order or of
 * another value ends the program with status 1.
 */

#include <poll.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "bench.h"

#define WORKERS 2
#define WARM_UP 100
#define TASK_NS 1000000L      /* of one `nap` */
#define CONSUME_EVERY 500     /* results of the imap bench ... */
#define CONSUME_NS 100000000u /* ... and the work after so many */
#define PING_SIZE 32
#define LARGE ((size_t)2 << 30) /* bytes of a large caller */

struct bench {
	const char *name;
	uint64_t tasks;	  /* unless the command line says otherwise */
	const char *func; /* the warm-up's; NULL: the bench has no pool */
	void (*run)(struct prun_pool *pool, struct measure *measure);
	bool respawn; /* one worker, and a new one for each task */
	enum prun_start_method start_method;
};

/* -------------------------------------------------------------- functions */

static int noop(struct prun_task *task)
{
	(void)task;
	return 0;
}

/* Sleeps, so that the cores stay free, and gives back its argument. */
static int nap(struct prun_task *task)
{
	const struct timespec length = {0, TASK_NS};
	int64_t number;
	int rc = prun_arg_int(task, &number);

	if (rc < 0)
		return rc;
	nanosleep(&length, NULL);
	return prun_ret_int(task, number);
}

static const struct prun_func funcs[] = {
	{.name = "noop", .fn = noop},
	{.name = "nap", .fn = nap},
};

/* ---------------------------------------------------------------- benches */

static void run_unordered(struct prun_pool *pool, struct measure *measure)
{
	uint64_t n = measure->tasks, count = 0, sum = 0;
	const struct prun_result *result;
	struct prun_range range;
	struct prun_call call = call_over(&range, "noop", n);
	struct prun_job *job;

	call.chunksize = 1;
	measure_begin(measure);
	need(prun_imap_unordered(&job, pool, &call), "prun_imap_unordered");
	while ((result = next_result(job))) {
		need_nil(result);
		sum += result->index;
		count++;
	}
	measure_end(measure);
	need_number(count, n, "results");
	need_number(sum, n * (n - 1) / 2, "sum of the indices");
	prun_job_free(job);
}

/* All results of a job that gives them in order, up to the end of the time. */
static void take_nils(struct prun_job *job, struct measure *measure)
{
	const struct prun_result *result;
	uint64_t count = 0;

	while ((result = next_result(job))) {
		need_nil(result);
		need_number(result->index, count++, "index");
	}
	measure_end(measure);
	need_number(count, measure->tasks, "results");
	prun_job_free(job);
}

static void run_map(struct prun_pool *pool, struct measure *measure)
{
	struct prun_range range;
	struct prun_call call = call_over(&range, "noop", measure->tasks);
	struct prun_job *job;

	measure_begin(measure);
	need(prun_map(&job, pool, &call), "prun_map");
	take_nils(job, measure);
}

static void run_map_async(struct prun_pool *pool, struct measure *measure)
{
	struct prun_range range;
	struct prun_call call = call_over(&range, "noop", measure->tasks);
	struct prun_job *job;

	measure_begin(measure);
	need(prun_map_async(&job, pool, &call), "prun_map_async");
	need(prun_job_wait(job, -1), "prun_job_wait");
	take_nils(job, measure);
}

static void run_imap_noop(struct prun_pool *pool, struct measure *measure)
{
	struct prun_range range;
	struct prun_call call = call_over(&range, "noop", measure->tasks);
	struct prun_job *job;

	call.chunksize = 1;
	measure_begin(measure);
	need(prun_imap(&job, pool, &call), "prun_imap");
	take_nils(job, measure);
}

static int on_nil(struct prun_job *job, const struct prun_result *result,
		  void *payload)
{
	uint64_t *done = payload;

	(void)job;
	need_nil(result);
	++*done;
	return 0;
}

static int on_error(struct prun_job *job, const struct prun_result *result,
		    void *payload)
{
	(void)job;
	(void)payload;
	need_ok(result);
	return 0;
}

static void pack_number(struct prun_call *call, struct prun_packer *packer,
			uint64_t number)
{
	prun_packer_clear(packer);
	need(prun_pack_uint(packer, number), "prun_pack_uint");
	call->argument = prun_packer_data(packer, &call->argument_size);
}

static void run_apply_async(struct prun_pool *pool, struct measure *measure)
{
	uint64_t n = measure->tasks, done = 0;
	struct prun_call call = PRUN_CALL_INIT;
	struct prun_packer *packer;

	need(prun_packer_new(&packer), "prun_packer_new");
	call.func = "noop";
	call.callback = on_nil;
	call.error_callback = on_error;
	call.payload = &done;
	measure_begin(measure);
	for (uint64_t i = 0; i < n; i++) {
		pack_number(&call, packer, i);
		need(prun_apply_async(NULL, pool, &call), "prun_apply_async");
	}
	while (done < n)
		need(prun_pool_step(pool, -1), "prun_pool_step");
	measure_end(measure);
	prun_packer_free(packer);
	need(prun_pool_close(pool), "prun_pool_close");
	need(prun_pool_join(pool, -1), "prun_pool_join");
	need_number(done, n, "callbacks");
}

static void consume(void)
{
	uint64_t end = now_ns() + CONSUME_NS;

	while (now_ns() < end)
		;
}

static void run_imap(struct prun_pool *pool, struct measure *measure)
{
	uint64_t count = 0;
	const struct prun_result *result;
	struct prun_range range;
	struct prun_call call = call_over(&range, "nap", measure->tasks);
	struct prun_job *job;
	int64_t number;

	measure_begin(measure);
	need(prun_imap(&job, pool, &call), "prun_imap");
	while ((result = next_result(job))) {
		need_ok(result);
		need(prun_result_int(result, &number), "prun_result_int");
		need_number((uint64_t)number, count++, "result");
		if (count % CONSUME_EVERY == 0)
			consume();
	}
	measure_end(measure);
	need_number(count, measure->tasks, "results");
	prun_job_free(job);
}

/* ------------------------------------------------------------ round trips */

static int compare_ns(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static uint64_t *new_times(uint64_t count)
{
	uint64_t *times = calloc(count, sizeof(*times));

	if (!times)
		die("no memory");
	return times;
}

/* Takes the times of the single tasks, and frees them. */
static void set_percentiles(struct measure *measure, uint64_t *times)
{
	qsort(times, measure->tasks, sizeof(*times), compare_ns);
	measure->median_ns = times[measure->tasks / 2];
	measure->p99_ns = times[measure->tasks * 99 / 100];
	free(times);
}

static void run_roundtrip(struct prun_pool *pool, struct measure *measure)
{
	uint64_t *times = new_times(measure->tasks);
	const struct prun_result *result;
	struct prun_call call = PRUN_CALL_INIT;
	struct prun_packer *packer;
	struct prun_job *job;

	need(prun_packer_new(&packer), "prun_packer_new");
	call.func = "noop";
	measure_begin(measure);
	for (uint64_t i = 0; i < measure->tasks; i++) {
		uint64_t before = now_ns();

		pack_number(&call, packer, i);
		need(prun_apply(&job, pool, &call), "prun_apply");
		need(prun_job_get(&result, job, -1), "prun_job_get");
		need_nil(result);
		prun_job_free(job);
		times[i] = now_ns() - before;
	}
	measure_end(measure);
	prun_packer_free(packer);
	set_percentiles(measure, times);
}

/* 1 for a whole message, 0 for the end. */
static int ping_receive(int fd, char *message)
{
	struct pollfd pollfd = {.fd = fd, .events = POLLIN};
	ssize_t got;

	if (poll(&pollfd, 1, -1) != 1)
		die("poll: %s", strerror(errno));
	got = recv(fd, message, PING_SIZE, 0);
	if (got != 0 && got != PING_SIZE)
		die("recv: %s", got < 0 ? strerror(errno) : "cut short");
	return got != 0;
}

static void ping_send(int fd, const char *message)
{
	if (send(fd, message, PING_SIZE, MSG_NOSIGNAL) != PING_SIZE)
		die("send: %s", strerror(errno));
}

static void __attribute__((noreturn)) ping_child(int fd)
{
	char message[PING_SIZE];

	while (ping_receive(fd, message))
		ping_send(fd, message);
	_exit(0);
}

static void ping(int fd, uint64_t number)
{
	char message[PING_SIZE] = "", echo[PING_SIZE];

	memcpy(message, &number, sizeof(number));
	ping_send(fd, message);
	if (!ping_receive(fd, echo) || memcmp(message, echo, PING_SIZE) != 0)
		die("ping %" PRIu64 ": wrong echo", number);
}

/* What the kernel asks for a round trip: nothing but a socketpair and poll. */
static void run_pingpong(struct prun_pool *pool, struct measure *measure)
{
	uint64_t *times = new_times(measure->tasks);
	pid_t pid;
	int fds[2], status;

	(void)pool;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		die("socketpair: %s", strerror(errno));
	pid = fork();
	if (pid < 0)
		die("fork: %s", strerror(errno));
	if (pid == 0) {
		close(fds[0]);
		ping_child(fds[1]);
	}
	close(fds[1]);
	for (uint64_t i = 0; i < WARM_UP; i++)
		ping(fds[0], i);
	measure_begin(measure);
	for (uint64_t i = 0; i < measure->tasks; i++) {
		uint64_t before = now_ns();

		ping(fds[0], i);
		times[i] = now_ns() - before;
	}
	measure_end(measure);
	close(fds[0]);
	if (waitpid(pid, &status, 0) != pid || status != 0)
		die("the child of the ping-pong failed");
	set_percentiles(measure, times);
}

/* ---------------------------------------------------------------- respawn */

/* How many processes have been the pool's one worker so far. */
static uint64_t processes_so_far(struct prun_pool *pool)
{
	struct prun_worker_stats stats;

	need(prun_pool_worker_stats(pool, &stats, sizeof(stats), 1),
	     "prun_pool_worker_stats");
	return stats.started;
}

/*
 * One task more than is asked for: from the first result to the last, so many
 * workers have left and so many have been started, one after the other.
 */
static void run_respawn(struct prun_pool *pool, struct measure *measure)
{
	uint64_t n = measure->tasks, count = 0;
	uint64_t before = processes_so_far(pool);
	const struct prun_result *result;
	struct prun_range range;
	struct prun_call call = call_over(&range, "noop", n + 1);
	struct prun_job *job;
	pid_t last = 0;

	call.chunksize = 1;
	need(prun_imap(&job, pool, &call), "prun_imap");
	while ((result = next_result(job))) {
		if (count == 0)
			measure_begin(measure);
		measure_end(measure);
		need_nil(result);
		need_number(result->index, count++, "index");
		if (result->worker_pid == last)
			die("worker %d was not replaced", (int)last);
		last = result->worker_pid;
	}
	need_number(count, n + 1, "results");
	if (processes_so_far(pool) < before + n)
		die("fewer than %" PRIu64 " workers were started", n);
	prun_job_free(job);
}

static size_t resident_size(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	unsigned long pages;

	if (!file || fscanf(file, "%*u %lu", &pages) != 1)
		die("no /proc/self/statm");
	fclose(file);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/*
 * Become large, in pages of the smallest size, as many small allocations are:
 * to copy their tables is what makes a fork dear.
 */
static char *grow(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *memory = mmap(NULL, LARGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		die("mmap: %s", strerror(errno));
	(void)madvise(memory, LARGE, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < LARGE; i += page)
		memory[i] = 1;
	if (resident_size() < LARGE)
		die("the caller did not become large");
	return memory;
}

/* The caller grows when the pool is open already, as callers do: a fork server
 * that was forked before has none of it. */
static void run_respawn_large(struct prun_pool *pool, struct measure *measure)
{
	char *memory = grow();

	run_respawn(pool, measure);
	if (resident_size() < LARGE)
		die("the caller did not stay large");
	munmap(memory, LARGE);
}

/* ------------------------------------------------------------------- main */

static const struct bench benches[] = {
	{"unordered", 500000, "noop", run_unordered, false, PRUN_START_FORK},
	{"map", 1000000, "noop", run_map, false, PRUN_START_FORK},
	{"map_async", 20000, "noop", run_map_async, false, PRUN_START_FORK},
	{"apply_async", 20000, "noop", run_apply_async, false, PRUN_START_FORK},
	{"imap_noop", 20000, "noop", run_imap_noop, false, PRUN_START_FORK},
	{"roundtrip", 20000, "noop", run_roundtrip, false, PRUN_START_FORK},
	{"pingpong", 20000, NULL, run_pingpong, false, PRUN_START_FORK},
	{"imap", 2000, "nap", run_imap, false, PRUN_START_FORK},
	{"respawn_fork", 1000, "noop", run_respawn, true, PRUN_START_FORK},
	{"respawn_server", 1000, "noop", run_respawn, true,
	 PRUN_START_FORKSERVER},
	{"respawn_fork_large", 15, "noop", run_respawn_large, true,
	 PRUN_START_FORK},
	{"respawn_server_large", 500, "noop", run_respawn_large, true,
	 PRUN_START_FORKSERVER},
};

static const struct bench *bench_find(const char *name)
{
	for (size_t i = 0; i < sizeof(benches) / sizeof(benches[0]); i++) {
		if (strcmp(benches[i].name, name) == 0)
			return &benches[i];
	}
	die("no bench of the name %s", name);
}

static struct prun_pool *warm_pool(const struct bench *bench)
{
	struct prun_options options = PRUN_OPTIONS_INIT;
	struct prun_pool *pool;

	options.workers = bench->respawn ? 1 : WORKERS;
	options.maxtasksperchild = bench->respawn ? 1 : 0;
	options.start_method = bench->start_method;
	options.funcs = funcs;
	options.nfuncs = sizeof(funcs) / sizeof(funcs[0]);
	need(prun_pool_new(&pool, &options), "prun_pool_new");
	warm_up(pool, bench->func, WARM_UP);
	return pool;
}

int main(int argc, char **argv)
{
	struct measure measure = {0};
	struct prun_pool *pool = NULL;
	const struct bench *bench;

	if (argc < 2 || argc > 3)
		die("usage: pool_bench BENCH [TASKS]");
	bench = bench_find(argv[1]);
	measure.tasks = argc > 2 ? read_count(argv[2]) : bench->tasks;
	if (bench->func)
		pool = warm_pool(bench);
	bench->run(pool, &measure);
	need(prun_pool_free(pool), "prun_pool_free");
	printf("{\"seconds\": %.9f, \"cpu_seconds\": %.9f, \"tasks\": %" PRIu64,
	       (double)measure.ns / 1e9, (double)measure.cpu_ns / 1e9,
	       measure.tasks);
	if (measure.median_ns)
		printf(", \"median_ns\": %" PRIu64 ", \"p99_ns\": %" PRIu64,
		       measure.median_ns, measure.p99_ns);
	printf("}\n");
	return 0;
}
