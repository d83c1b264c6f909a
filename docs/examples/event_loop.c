/* SPDX-License-Identifier: MIT */
/*
 * A pool inside the event loop of another library, here libevent: the loop
 * watches prun_pool_fd() beside whatever else the program has, and calls
 * prun_pool_step(), which does not block, when there is something to do.
 *
 * The program's own event is a timer. At each tick it hands in some more
 * tasks, which count the prime numbers of a stretch of 1,000. The loop ends
 * when the last result has come.
 *
 * Link with libevent_core.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include <event2/event.h>
#include <prun.h>

#define END 200000
#define STRETCH 1000
#define TASKS_PER_TICK 20

static const struct timeval interval = {0, 5000};

struct program {
	struct event_base *base;
	struct event *timer;
	struct prun_pool *pool;
	struct prun_packer *packer;
	int64_t from;	/* where the next task begins */
	int64_t primes; /* so far */
	int open;	/* tasks without an answer */
	int ticks;
	int status; /* 0, or the first error */
};

static int is_prime(int64_t n)
{
	int64_t i;

	for (i = 2; i * i <= n; i++)
		if (n % i == 0)
			return 0;
	return n > 1;
}

static int count_primes(struct prun_task *task)
{
	int64_t n, begin, end, count = 0;
	int rc = prun_arg_unpack(task, "[I, I]", &begin, &end);

	if (rc < 0)
		return rc;
	for (n = begin; n < end; n++)
		count += is_prime(n);
	return prun_ret_int(task, count);
}

static void stop(struct program *program, int status)
{
	if (program->status == 0)
		program->status = status;
	event_base_loopbreak(program->base);
}

/* Both callbacks: a failed task has no integer, but a status. */
static int answer(struct prun_job *job, const struct prun_result *result,
		  void *payload)
{
	struct program *program = payload;
	int64_t count;
	int rc = prun_result_int(result, &count);

	(void)job;
	program->open--;
	if (rc == 0)
		program->primes += count;
	if (rc < 0 || (program->open == 0 && program->from == END))
		stop(program, rc);
	return rc;
}

static int submit(struct program *program)
{
	struct prun_call call = PRUN_CALL_INIT;
	int64_t end = program->from + STRETCH;
	int rc;

	prun_packer_clear(program->packer);
	rc = prun_pack(program->packer, "[I, I]", program->from, end);
	if (rc < 0)
		return rc;
	call.func = "count_primes";
	call.argument = prun_packer_data(program->packer, &call.argument_size);
	call.callback = answer;
	call.error_callback = answer;
	call.payload = program;
	rc = prun_apply_async(NULL, program->pool, &call);
	if (rc == 0) {
		program->from = end;
		program->open++;
	}
	return rc;
}

static void step(struct program *program)
{
	int rc = prun_pool_step(program->pool, 0);

	if (rc < 0)
		stop(program, rc);
}

static void on_pool(evutil_socket_t fd, short what, void *payload)
{
	(void)fd;
	(void)what;
	step(payload);
}

static void on_tick(evutil_socket_t none, short what, void *payload)
{
	struct program *program = payload;
	int i, rc = 0;

	(void)none;
	(void)what;
	program->ticks++;
	for (i = 0; rc == 0 && i < TASKS_PER_TICK && program->from < END; i++)
		rc = submit(program);
	if (program->from == END)
		event_del(program->timer);
	if (rc < 0)
		stop(program, rc);
	else
		step(program); /* once after submitting */
}

static int run(struct program *program)
{
	struct event *readable;
	int rc = -ENOMEM;

	readable = event_new(program->base, prun_pool_fd(program->pool),
			     EV_READ | EV_PERSIST, on_pool, program);
	program->timer =
		event_new(program->base, -1, EV_PERSIST, on_tick, program);
	if (readable && program->timer && event_add(readable, NULL) == 0 &&
	    event_add(program->timer, &interval) == 0)
		/* 0: stop() has ended it; it knows no other good end */
		rc = event_base_dispatch(program->base) == 0 ? 0 : -EIO;
	if (program->timer)
		event_free(program->timer);
	if (readable) /* before the pool, whose descriptor it watches */
		event_free(readable);
	return rc;
}

int main(void)
{
	struct prun_func funcs[] = {
		{.name = "count_primes", .fn = count_primes}};
	struct prun_options options = PRUN_OPTIONS_INIT;
	struct program program = {0};
	int rc;

	options.funcs = funcs;
	options.nfuncs = 1;
	/* The pool first: its workers then have nothing of the loop's. */
	rc = prun_pool_new(&program.pool, &options);
	if (rc == 0)
		rc = prun_packer_new(&program.packer);
	if (rc == 0) {
		program.base = event_base_new();
		rc = program.base ? run(&program) : -ENOMEM;
	}
	if (rc == 0)
		rc = program.status;
	if (rc < 0)
		fprintf(stderr, "event_loop: %s\n", prun_strerror(rc));
	else
		printf("%" PRId64 " prime numbers below %d, in %d ticks\n",
		       program.primes, END, program.ticks);
	prun_pool_free(program.pool);
	prun_packer_free(program.packer);
	if (program.base)
		event_base_free(program.base);
	return rc < 0;
}
