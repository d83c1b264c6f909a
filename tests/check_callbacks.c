/* SPDX-License-Identifier: MIT */
/*
 * Callbacks, payload_free, batch functions, and what a caller does with a
 * job: get, wait, cancel, free. Each test runs once on each start method.
 */
#include "pool_suite.h"

#define METHODS 2

/* What the callbacks of one job saw. */
struct heard {
	struct prun_pool *pool;
	struct prun_range range;
	unsigned good, bad, freed;
	uint64_t next_index;
	const struct prun_job *job;
	int status;
	int answer;	  /* returned by the callbacks */
	bool null_result; /* of the last one */
	bool in_order;
};

static void hear(struct heard *h, struct prun_job *job,
		 const struct prun_result *r)
{
	ck_assert_uint_eq(h->freed, 0);
	h->job = job;
	h->null_result = !r;
	if (!r)
		return;
	h->status = r->status;
	h->in_order = h->in_order && r->index == h->next_index;
	h->next_index = r->index + 1;
}

static int on_good(struct prun_job *job, const struct prun_result *r,
		   void *payload)
{
	struct heard *h = payload;

	hear(h, job, r);
	ck_assert(!r || r->status == 0);
	h->good++;
	return h->answer;
}

static int on_bad(struct prun_job *job, const struct prun_result *r,
		  void *payload)
{
	struct heard *h = payload;

	hear(h, job, r);
	ck_assert(!r || r->status < 0);
	h->bad++;
	return h->answer;
}

static void count_free(void *payload)
{
	struct heard *h = payload;

	h->freed++;
}

static void heard_init(struct heard *h, struct prun_pool *pool, int count)
{
	memset(h, 0, sizeof(*h));
	h->pool = pool;
	h->range = (struct prun_range){0, count, 1};
	h->in_order = true;
}

static struct prun_call heard_call(const char *func, struct heard *h)
{
	struct prun_call c = range_call(func, &h->range);

	c.callback = on_good;
	c.error_callback = on_bad;
	c.payload = h;
	c.payload_free = count_free;
	return c;
}

static struct prun_call heard_apply(const char *func, struct heard *h,
				    struct prun_packer *p, int64_t n)
{
	struct prun_call c = heard_call(func, h);

	c.source = NULL;
	set_argument(&c, p, n);
	return c;
}

/* ----------------------------------------------------------------- callbacks */

START_TEST(apply_calls_the_right_one_once)
{
	struct prun_pool *pool = open_pool(_i, 2);
	struct prun_packer *p = new_packer();
	struct heard h;
	int n;

	for (n = 0; n < 4; n++) {
		struct prun_call c;
		struct prun_job *job;

		heard_init(&h, pool, 0);
		c = heard_apply("picky", &h, p, n);
		if (n < 2) {
			ck_assert_int_eq(prun_apply(&job, pool, &c), 0);
		} else {
			ck_assert_int_eq(prun_apply_async(&job, pool, &c), 0);
			ck_assert_uint_eq(h.good + h.bad, 0);
			ck_assert_int_eq(prun_job_wait(job, -1), 0);
		}
		ck_assert_uint_eq(h.good, n % 2 ? 0 : 1);
		ck_assert_uint_eq(h.bad, n % 2 ? 1 : 0);
		ck_assert_int_eq(h.status, n % 2 ? -EDOM : 0);
		ck_assert_ptr_eq(h.job, job);
		ck_assert_uint_eq(h.freed, 1);
		prun_job_free(job);
	}
	prun_packer_free(p);
	finish_pool(pool);
}
END_TEST

START_TEST(map_calls_once_after_the_last)
{
	static const struct {
		const char *func;
		int count;
	} cases[] = {{"square", 100}, {"picky", 100}, {"square", 0}};
	struct prun_pool *pool = open_pool(_i, 2);
	struct heard h;
	size_t i;

	for (i = 0; i < 3; i++) {
		struct prun_call c;
		struct prun_job *job;

		heard_init(&h, pool, cases[i].count);
		c = heard_call(cases[i].func, &h);
		ck_assert_int_eq(prun_map_async(&job, pool, &c), 0);
		ck_assert_uint_eq(h.good + h.bad, 0);
		ck_assert_int_eq(prun_job_wait(job, -1), 0);
		ck_assert_uint_eq(h.good, i == 1 ? 0 : 1);
		ck_assert_uint_eq(h.bad, i == 1 ? 1 : 0);
		ck_assert(h.null_result == (i != 1));
		if (i == 1)
			ck_assert_uint_eq(h.next_index, 2); /* the lowest: 1 */
		ck_assert_uint_eq(prun_job_finished(job),
				  (uint64_t)cases[i].count);
		prun_job_free(job);
		ck_assert_uint_eq(h.freed, 1);
	}
	finish_pool(pool);
}
END_TEST

/* What the caller has borrowed stays, though callbacks are shown others. */
START_TEST(a_borrowed_result_stays)
{
	struct prun_pool *pool = open_pool(_i, 2);
	const struct prun_result *r;
	struct prun_call c;
	struct prun_job *job;
	struct heard h;

	heard_init(&h, pool, 4);
	c = heard_call("picky", &h);
	c.chunksize = 1;
	ck_assert_int_eq(prun_map_async(&job, pool, &c), 0);
	ck_assert_int_eq(prun_job_next(&r, job, -1), 1);
	while (!prun_job_ready(job))
		ck_assert_int_ge(prun_pool_step(pool, 100), 0);
	ck_assert_uint_eq(h.bad, 1);
	ck_assert_uint_eq(h.next_index, 2); /* shown was 1 */
	ck_assert_uint_eq(r->index, 0);
	ck_assert_int_eq(r->status, 0);
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

static int source_broken(struct prun_item *item, void *payload)
{
	(void)payload;
	prun_item_int(item, 1);
	return prun_item_index(item) < 3 ? 1 : -EXDEV;
}

START_TEST(a_failing_source_calls_error_callback)
{
	struct prun_pool *pool = open_pool(_i, 2);
	struct prun_call c;
	struct prun_job *job;
	struct heard h;

	heard_init(&h, pool, 0);
	c = heard_call("square", &h);
	c.source = source_broken;
	ck_assert_int_eq(prun_map_async(&job, pool, &c), 0);
	prun_job_wait(job, -1);
	ck_assert_uint_eq(h.good, 0);
	ck_assert_uint_eq(h.bad, 1);
	ck_assert(h.null_result);
	ck_assert_int_eq(prun_job_error(job), -EXDEV);
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

START_TEST(streams_call_for_each_in_order)
{
	struct prun_pool *pool = open_pool(_i, 3);
	const struct prun_result *r;
	int k;

	for (k = 0; k < 4; k++) {
		struct prun_job *job;
		struct prun_call c;
		struct heard h;

		heard_init(&h, pool, 500);
		c = heard_call("picky", &h);
		c.buffersize = k & 1 ? 3 : 0;
		ck_assert_int_eq((k & 2 ? prun_imap :
					  prun_imap_unordered)(&job, pool, &c),
				 0);
		ck_assert_int_eq(prun_job_next(&r, job, -1), PRUN_EINVAL);
		ck_assert_int_eq(prun_job_wait(job, -1), 0);
		ck_assert_uint_eq(h.good, 250);
		ck_assert_uint_eq(h.bad, 250);
		if (k & 2)
			ck_assert(h.in_order);
		ck_assert_uint_eq(h.freed, 1);
		prun_job_free(job);
	}
	finish_pool(pool);
}
END_TEST

START_TEST(the_first_answer_is_kept)
{
	struct prun_pool *pool = open_pool(_i, 2);
	struct prun_job *job;
	struct prun_call c;
	struct heard h;

	heard_init(&h, pool, 100);
	h.answer = 42;
	c = heard_call("square", &h);
	ck_assert_int_eq(prun_imap(&job, pool, &c), 0);
	ck_assert_int_eq(prun_job_wait(job, -1), 0);
	ck_assert_uint_eq(h.good, 100);
	ck_assert_int_eq(prun_job_callback_error(job), 42);
	ck_assert_int_eq(prun_job_error(job), 0);
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

/* Submits the next apply, and frees its own handle, five times. */
static struct prun_job *chained[6];

static int on_chain(struct prun_job *job, const struct prun_result *r,
		    void *payload)
{
	struct heard *h = payload;
	struct prun_range range = {0, 1, 1};
	struct prun_call c = range_call("square", &range);
	const struct prun_result *other;
	struct prun_job *unused;

	ck_assert_int_eq(int_of(r), h->good * h->good);
	ck_assert_ptr_eq(job, chained[h->good]);
	ck_assert_int_eq(prun_pool_step(h->pool, 0), PRUN_EDEADLK);
	ck_assert_int_eq(prun_pool_join(h->pool, 0), PRUN_EDEADLK);
	ck_assert_int_eq(prun_pool_free(h->pool), PRUN_EDEADLK);
	ck_assert_int_eq(prun_job_next(&other, job, 0), PRUN_EDEADLK);
	ck_assert_int_eq(prun_job_wait(chained[5], 0), PRUN_EDEADLK);
	ck_assert_int_eq(prun_job_get(&other, chained[5], 0), PRUN_EDEADLK);
	ck_assert_int_eq(prun_map(&unused, h->pool, &c), PRUN_EDEADLK);
	ck_assert_ptr_null(unused);
	ck_assert_int_eq(prun_apply(&unused, h->pool, &c), PRUN_EDEADLK);
	h->good++;
	if (h->good < 5) {
		struct prun_packer *p = new_packer();

		c = heard_apply("square", h, p, h->good);
		c.callback = on_chain;
		c.payload_free = NULL;
		ck_assert_int_eq(
			prun_apply_async(&chained[h->good], h->pool, &c), 0);
		prun_packer_free(p);
	} else {
		ck_assert_int_eq(prun_job_cancel(chained[5], 0), 1);
		prun_job_free(chained[5]);
	}
	prun_job_free(job);
	/* The result is valid until the callback returns. */
	ck_assert_int_ge(int_of(r), 0);
	return 0;
}

static int source_never(struct prun_item *item, void *payload)
{
	(void)item;
	(void)payload;
	return PRUN_SOURCE_WAIT;
}

START_TEST(what_callbacks_may_do)
{
	struct prun_pool *pool = open_pool(_i, 2);
	struct prun_packer *p = new_packer();
	struct prun_call c = call_of("square", source_never, NULL);
	struct heard h;

	ck_assert_int_eq(prun_map_async(&chained[5], pool, &c), 0);
	heard_init(&h, pool, 0);
	c = heard_apply("square", &h, p, 0);
	c.callback = on_chain;
	c.payload_free = NULL;
	ck_assert_int_eq(prun_apply_async(&chained[0], pool, &c), 0);
	while (h.good < 5)
		ck_assert_int_ge(prun_pool_step(pool, -1), 0);
	finish_pool(pool);
	ck_assert_uint_eq(h.good, 5);
	ck_assert_uint_eq(h.bad, 0);
	prun_packer_free(p);
}
END_TEST

static int on_third_free(struct prun_job *job, const struct prun_result *r,
			 void *payload)
{
	struct heard *h = payload;

	hear(h, job, r);
	if (++h->good == 3)
		prun_job_free(job);
	ck_assert_int_eq(int_of(r), (int64_t)r->index * (int64_t)r->index);
	return 0;
}

static int on_third_cancel(struct prun_job *job, const struct prun_result *r,
			   void *payload)
{
	struct heard *h = payload;

	hear(h, job, r);
	if (++h->good == 3)
		prun_job_cancel(job, 0);
	return 0;
}

START_TEST(a_stream_freed_in_its_callback_goes_on)
{
	struct prun_pool *pool = open_pool(_i, 2);
	struct prun_job *job;
	struct prun_call c;
	struct heard h;

	heard_init(&h, pool, 200);
	c = heard_call("square", &h);
	c.callback = on_third_free;
	c.buffersize = 10;
	ck_assert_int_eq(prun_imap(&job, pool, &c), 0);
	finish_pool(pool);
	ck_assert_uint_eq(h.good, 200);
	ck_assert(h.in_order);
	ck_assert_uint_eq(h.freed, 1);
}
END_TEST

START_TEST(a_stream_cancelled_in_its_callback_ends)
{
	struct prun_pool *pool = open_pool(_i, 2);
	struct prun_job *job;
	struct prun_call c;
	struct heard h;

	heard_init(&h, pool, 100000);
	c = heard_call("square", &h);
	c.callback = on_third_cancel;
	c.buffersize = 10;
	ck_assert_int_eq(prun_imap(&job, pool, &c), 0);
	ck_assert_int_eq(prun_job_wait(job, -1), 0);
	ck_assert_uint_ge(h.good, 3);
	ck_assert_uint_le(h.good + h.bad, 3 + 10);
	ck_assert_uint_eq(h.good + h.bad, prun_job_submitted(job));
	ck_assert_int_eq(prun_job_error(job), PRUN_ECANCELLED);
	ck_assert_uint_eq(h.freed, 1);
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

START_TEST(a_job_without_handle)
{
	struct prun_pool *pool = open_pool(_i, 2);
	struct prun_call c;
	struct heard h[3];

	heard_init(&h[0], pool, 100);
	c = heard_call("square", &h[0]);
	ck_assert_int_eq(prun_map_async(NULL, pool, &c), 0);
	heard_init(&h[1], pool, 100);
	c = heard_call("square", &h[1]);
	ck_assert_int_eq(prun_imap_unordered(NULL, pool, &c), 0);
	/* Without callbacks its results go nowhere, endless as it may be. */
	heard_init(&h[2], pool, 5000);
	c = heard_call("square", &h[2]);
	c.callback = NULL;
	c.error_callback = NULL;
	c.buffersize = 5;
	ck_assert_int_eq(prun_imap(NULL, pool, &c), 0);
	finish_pool(pool);
	ck_assert_uint_eq(h[0].good, 1);
	ck_assert_uint_eq(h[1].good, 100);
	ck_assert_uint_eq(h[0].freed, 1);
	ck_assert_uint_eq(h[1].freed, 1);
	ck_assert_uint_eq(h[2].freed, 1);
	ck_assert_uint_eq(seen->started, 5200);
}
END_TEST

/* -------------------------------------------------------------- payload_free */

static int always_failing_submit(struct prun_pool *pool, struct heard *h, int k)
{
	struct prun_call c = heard_call("square", h);
	static const unsigned char bad = 0xc1;
	struct prun_job *job = (struct prun_job *)&bad;
	int rc;

	switch (k) {
	case 0:
		c.func = "unheard_of";
		break;
	case 1:
		c.version = 77;
		break;
	case 2:
		c.chunksize = PRUN_CHUNKSIZE_MAX + 1;
		break;
	case 3:
		c.source = NULL;
		break;
	case 4:
		c.error_callback = NULL;
		break;
	case 5:
		c.chunksize = 9;
		c.buffersize = 8;
		break;
	case 6:
		c.func = NULL;
		break;
	default:
		c.source = NULL;
		c.argument = &bad;
		c.argument_size = 1;
		rc = prun_apply_async(&job, pool, &c);
		ck_assert_ptr_null(job);
		return rc;
	}
	rc = prun_imap(&job, pool, &c);
	ck_assert_ptr_null(job);
	return rc;
}

START_TEST(payload_free_after_a_failed_submit)
{
	static const int errors[] = {PRUN_ENOFUNC, PRUN_EVERSION, PRUN_EINVAL,
				     PRUN_EINVAL,  PRUN_EINVAL,	  PRUN_EINVAL,
				     PRUN_EINVAL,  PRUN_EVALUE};
	struct prun_pool *pool = open_pool(_i, 1);
	struct prun_job *job;
	struct prun_call c;
	struct heard h;
	int k;

	for (k = 0; k < 8; k++) {
		heard_init(&h, pool, 10);
		ck_assert_int_eq(always_failing_submit(pool, &h, k), errors[k]);
		ck_assert_uint_eq(h.freed, 1);
	}
	heard_init(&h, pool, 10);
	c = heard_call("square", &h);
	c.order = (enum prun_order)4;
	ck_assert_int_eq(prun_pool_submit(&job, pool, &c), PRUN_EINVAL);
	ck_assert_uint_eq(h.freed, 1);
	assert_works(pool);
	ck_assert_int_eq(prun_pool_close(pool), 0);
	heard_init(&h, pool, 10);
	c = heard_call("square", &h);
	ck_assert_int_eq(prun_map(&job, pool, &c), PRUN_ECLOSED);
	ck_assert_ptr_null(job);
	ck_assert_uint_eq(h.freed, 1);
	ck_assert_uint_eq(h.good + h.bad, 0);
	finish_pool(pool);
}
END_TEST

/* The ways a job ends; each frees its payload once and never again. */
static void end_somehow(struct prun_pool *pool, struct prun_job *job, int k)
{
	int i;

	switch (k) {
	case 0:
		break;
	case 1:
		prun_job_cancel(job, 0);
		prun_job_cancel(job, 0);
		break;
	case 2:
		prun_job_free(job);
		return;
	case 3:
		for (i = 0; i < 3; i++)
			next_of(job);
		prun_job_free(job);
		return;
	case 4:
		prun_pool_terminate(pool);
		break;
	case 5:
		for (i = 0; i < 40; i++)
			next_of(job);
		assert_end(job, 0);
		break;
	default:
		prun_pool_free(pool);
		prun_job_free(job);
		return;
	}
	ck_assert_int_eq(prun_pool_close(pool), 0);
	ck_assert_int_eq(prun_pool_join(pool, -1), 0);
	prun_job_free(job);
}

START_TEST(payload_free_is_called_once)
{
	int k, verb;

	for (k = 0; k < 7; k++)
		for (verb = 0; verb < 2; verb++) {
			struct prun_pool *pool = open_pool(_i, 2);
			struct prun_job *job;
			struct prun_call c;
			struct heard h;

			heard_init(&h, pool, 40);
			c = heard_call("square", &h);
			c.callback = NULL;
			c.error_callback = NULL;
			ck_assert_int_eq((verb ? prun_imap : prun_map_async)(
						 &job, pool, &c),
					 0);
			ck_assert_uint_eq(h.freed, 0);
			end_somehow(pool, job, k);
			if (k < 6)
				prun_pool_free(pool);
			ck_assert_msg(h.freed == 1, "case %d.%d: %u times", k,
				      verb, h.freed);
		}
}
END_TEST

/* --------------------------------------------------------------------- batch */

START_TEST(batch_results_equal_the_serial)
{
	static const uint32_t chunks[] = {0, 1, 3, 20};
	struct prun_pool *pool = open_pool(_i, 2);
	int i, k;

	for (k = 0; k < 8; k++) {
		struct prun_range range = {0, 100, 1};
		struct prun_call c = range_call("lanes", &range);
		const struct prun_result *r;
		struct prun_job *job;

		c.chunksize = chunks[k / 2];
		ck_assert_int_eq((k % 2 ? prun_imap : prun_map_async)(&job,
								      pool, &c),
				 0);
		for (i = 0; i < 100; i++) {
			r = next_of(job);
			ck_assert_uint_eq(r->index, (uint64_t)i);
			if (i == 13) {
				ck_assert_int_eq(r->status, -EDOM);
				ck_assert_str_eq(r->message, "unlucky");
				continue;
			}
			ck_assert_int_eq(int_of(r), i * i);
		}
		assert_end(job, 0);
		prun_job_free(job);
	}
	ck_assert_uint_eq(seen->most_running, BATCH_LANES);
	ck_assert_uint_eq(seen->started, 800);
	finish_pool(pool);
}
END_TEST

/* A lane that is free gets the next task, while the others are busy. The
 * function finishes the youngest: the first three wait to the end. */
START_TEST(batch_lanes_are_refilled)
{
	static const uint64_t finished[] = {3, 4, 5, 6, 7, 8, 9, 2, 1, 0};
	struct prun_pool *pool = open_pool(_i, 1);
	struct prun_range range = {0, 10, 1};
	struct prun_call c = range_call("lanes", &range);
	struct prun_job *job;
	uint32_t i;

	c.chunksize = 10;
	ck_assert_int_eq(prun_imap_unordered(&job, pool, &c), 0);
	for (i = 0; i < 10; i++) {
		ck_assert_uint_eq(next_of(job)->index, finished[i]);
		ck_assert_uint_eq(seen->order[i], i);
	}
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

/* Takes two tasks at a time; odd ones are left unfinished, and by what it
 * returns they fail. */
static int batch_lazy(struct prun_batch *batch)
{
	const int *rc = prun_batch_ctx(batch);
	struct prun_task *task;
	int64_t n;

	while (prun_batch_next(&task, batch) == 1) {
		if (prun_arg_int(task, &n) < 0 || n % 2 == 0) {
			prun_ret_int(task, prun_batch_lanes(batch));
			prun_batch_done(task, 0);
			prun_batch_done(task, -EIO); /* is no longer heard */
			continue;
		}
		return *rc;
	}
	return 0;
}

static int batch_idle(struct prun_batch *batch)
{
	(void)batch;
	return 0;
}

START_TEST(batch_tasks_left_unfinished_fail)
{
	static const int rcs[] = {0, -ENOSPC};
	static const struct prun_func funcs[] = {
		{.name = "zero",
		 .batch = batch_lazy,
		 .lanes = 2,
		 .ctx = &rcs[0]},
		{.name = "nospc",
		 .batch = batch_lazy,
		 .lanes = 2,
		 .ctx = &rcs[1]},
		{.name = "idle", .batch = batch_idle, .lanes = 2},
	};
	static const int expect[] = {PRUN_EFAILED, -ENOSPC, PRUN_EFAILED};
	struct prun_options o = options_for(_i, 1);
	struct prun_pool *pool;
	int i, k;

	o.funcs = funcs;
	o.nfuncs = 3;
	pool = open_with(&o);
	for (k = 0; k < 3; k++) {
		struct prun_range range = {0, 20, 1};
		struct prun_call c = range_call(funcs[k].name, &range);
		const struct prun_result *r;
		struct prun_job *job;

		ck_assert_int_eq(prun_map(&job, pool, &c), 0);
		for (i = 0; i < 20; i++) {
			r = next_of(job);
			if (k < 2 && i % 2 == 0)
				ck_assert_int_eq(int_of(r), 2);
			else
				ck_assert_int_eq(r->status, expect[k]);
		}
		prun_job_free(job);
	}
	finish_pool(pool);
}
END_TEST

/* -------------------------------------------------------------- handles */

START_TEST(before_and_after_the_end)
{
	struct prun_pool *pool = open_pool(_i, 2);
	struct prun_range range = {0, 3, 1};
	struct prun_call c = range_call("square", &range);
	const struct prun_result *r = NULL;
	struct prun_job *map, *stream;

	ck_assert_int_eq(prun_map_async(&map, pool, &c), 0);
	ck_assert_int_eq(prun_job_ready(map), 0);
	ck_assert_int_eq(prun_job_successful(map), PRUN_ENOTREADY);
	ck_assert_int_eq(prun_job_at(&r, map, 0), PRUN_ENOTREADY);
	ck_assert_ptr_null(r);
	ck_assert_int_eq(prun_job_get(&r, map, -1), 0);
	ck_assert_int_eq(int_of(r), 0);
	ck_assert_int_eq(prun_job_ready(map), 1);
	ck_assert_int_eq(prun_job_successful(map), 1);
	ck_assert_int_eq(prun_job_wait(map, -1), 0);
	ck_assert_int_eq(prun_job_at(&r, map, 2), 0);
	ck_assert_int_eq(int_of(r), 4);
	ck_assert_int_eq(prun_job_at(&r, map, 3), PRUN_EINVAL);
	/* Looking does not take: next gives all of them, to the end. */
	ck_assert_int_eq(int_of(next_of(map)), 0);
	ck_assert_int_eq(int_of(next_of(map)), 1);
	ck_assert_int_eq(int_of(next_of(map)), 4);
	assert_end(map, 0);
	ck_assert_int_eq(prun_job_at(&r, map, 1), 0);
	ck_assert_int_eq(int_of(r), 1);
	prun_job_free(map);

	range = (struct prun_range){0, 3, 1};
	ck_assert_int_eq(prun_imap(&stream, pool, &c), 0);
	ck_assert_int_eq(prun_job_get(&r, stream, -1), PRUN_EINVAL);
	ck_assert_int_eq(prun_job_wait(stream, -1), 0);
	ck_assert_int_eq(prun_job_at(&r, stream, 0), PRUN_EINVAL);
	ck_assert_int_eq(int_of(next_of(stream)), 0);
	prun_job_free(stream);
	prun_job_free(NULL);
	finish_pool(pool);
}
END_TEST

START_TEST(a_taken_result_is_the_callers)
{
	struct prun_pool *pool = open_pool(_i, 1);
	struct prun_range range = {0, 40, 1};
	struct prun_call c = range_call("picky", &range);
	struct prun_result *copies[40];
	struct prun_job *job;
	int64_t n;
	int i;

	ck_assert_int_eq(prun_imap(&job, pool, &c), 0);
	for (i = 0; i < 40; i++)
		ck_assert_int_eq(prun_result_take(&copies[i], next_of(job)), 0);
	prun_job_free(job);
	finish_pool(pool);
	for (i = 0; i < 40; i++) {
		ck_assert_uint_eq(copies[i]->index, (uint64_t)i);
		ck_assert_int_eq(prun_unpack(copies[i]->argument,
					     copies[i]->argument_size, NULL,
					     "I", &n),
				 0);
		ck_assert_int_eq(n, i);
		if (i % 2) {
			ck_assert_int_eq(copies[i]->status, -EDOM);
			ck_assert_uint_eq(strlen(copies[i]->message),
					  copies[i]->message_size);
			ck_assert_int_eq(atoi(copies[i]->message), i);
		} else {
			ck_assert_int_eq(int_of(copies[i]), i);
		}
		prun_result_free(copies[i]);
	}
	prun_result_free(NULL);
}
END_TEST

/* Whatever had not begun is cancelled, all else is delivered. */
START_TEST(cancelling)
{
	struct prun_pool *pool = open_pool(_i, 2);
	int k, verb;

	for (k = 0; k < 20; k++) {
		struct prun_range range = {0, 100000, 1};
		struct prun_call c = range_call("square", &range);
		uint64_t i, count, cancelled = 0;
		const struct prun_result *r;
		struct prun_job *job;

		verb = k % 2;
		ck_assert_int_eq(
			(verb ? prun_imap : prun_map_async)(&job, pool, &c), 0);
		for (i = 0; i < (uint64_t)k && verb; i++)
			next_of(job);
		ck_assert_int_eq(prun_job_cancel(job, 0), 1);
		ck_assert_int_eq(prun_job_cancel(job, 0), 0);
		ck_assert_int_eq(prun_job_wait(job, -1), 0);
		count = prun_job_submitted(job);
		ck_assert_uint_lt(count, 100000);
		ck_assert_uint_eq(prun_job_finished(job), count);
		for (; i < count; i++) {
			r = next_of(job);
			ck_assert_uint_eq(r->index, i);
			if (r->status < 0) {
				ck_assert_int_eq(r->status, PRUN_ECANCELLED);
				ck_assert_int_eq(r->worker_id, -1);
				ck_assert_int_eq(r->worker_pid, 0);
				ck_assert_uint_eq(r->start_ns, 0);
				cancelled++;
			} else {
				ck_assert_int_eq(int_of(r), (int64_t)(i * i));
			}
		}
		assert_end(job, PRUN_ECANCELLED);
		ck_assert_uint_eq(seen->started + cancelled, count);
		ck_assert_int_eq(prun_job_error(job), PRUN_ECANCELLED);
		ck_assert_int_eq(prun_job_successful(job), 0);
		prun_job_free(job);
		seen->started = 0;
	}
	assert_works(pool);
	finish_pool(pool);
}
END_TEST

START_TEST(cancelling_what_is_done_changes_nothing)
{
	struct prun_pool *pool = open_pool(_i, 2);
	struct prun_range range = {0, 5, 1};
	struct prun_call c = range_call("square", &range);
	struct prun_job *job;

	ck_assert_int_eq(prun_map(&job, pool, &c), 0);
	ck_assert_int_eq(prun_job_cancel(job, 0), 0);
	ck_assert_int_eq(prun_job_successful(job), 1);
	ck_assert_int_eq(prun_job_error(job), 0);
	prun_job_free(job);
	finish_pool(pool);
}
END_TEST

START_TEST(freeing_a_half_read_stream)
{
	struct prun_pool *pool = open_pool(_i, 2);
	int i, k;

	for (k = 0; k < 20; k++) {
		struct prun_range range = {0, INT64_MAX, 1};
		struct prun_call c = range_call("quiet", &range);
		struct prun_job *job;

		ck_assert_int_eq((k % 2 ? prun_imap :
					  prun_imap_unordered)(&job, pool, &c),
				 0);
		for (i = 0; i < k * 10; i++)
			next_of(job);
		prun_job_free(job);
		if (k % 3 == 0)
			assert_works(pool);
	}
	assert_works(pool);
	finish_pool(pool);
}
END_TEST

START_TEST(handles_outlive_the_pool)
{
	struct prun_pool *pool = open_pool(_i, 2);
	struct prun_range ranges[3] = {
		{0, 50, 1}, {0, 50, 1}, {0, INT64_MAX, 1}};
	struct prun_call c = range_call("square", &ranges[0]);
	const struct prun_result *r;
	struct prun_job *jobs[3];
	uint64_t i;
	int rc;

	ck_assert_int_eq(prun_map(&jobs[0], pool, &c), 0);
	c.source_payload = &ranges[1];
	ck_assert_int_eq(prun_imap(&jobs[1], pool, &c), 0);
	ck_assert_int_eq(prun_job_wait(jobs[1], -1), 0);
	c.source_payload = &ranges[2];
	c.func = "quiet";
	ck_assert_int_eq(prun_imap(&jobs[2], pool, &c), 0);
	next_of(jobs[2]);
	ck_assert_int_eq(prun_pool_free(pool), 0);
	for (i = 0; i < 50; i++) {
		ck_assert_int_eq(prun_job_at(&r, jobs[0], i), 0);
		ck_assert_int_eq(int_of(r), (int64_t)(i * i));
		ck_assert_int_eq(int_of(next_of(jobs[1])), (int64_t)(i * i));
	}
	ck_assert_int_eq(prun_job_get(&r, jobs[0], -1), 0);
	assert_end(jobs[1], 0);
	for (i = 1; (rc = prun_job_next(&r, jobs[2], -1)) == 1; i++) {
		ck_assert_uint_eq(r->index, i);
		ck_assert(r->status == 0 || r->status == PRUN_ECANCELLED);
	}
	ck_assert_int_eq(rc, PRUN_ECANCELLED);
	ck_assert_uint_eq(i, prun_job_submitted(jobs[2]));
	for (i = 0; i < 3; i++) {
		ck_assert_int_eq(prun_job_wait(jobs[i], -1), 0);
		ck_assert_int_eq(prun_job_cancel(jobs[i], 0), 0);
		ck_assert_int_eq(prun_job_ready(jobs[i]), 1);
		prun_job_free(jobs[i]);
	}
}
END_TEST

static void callbacks_case(Suite *s)
{
	TCase *tc = pool_case(s, "callbacks");

	tcase_add_loop_test(tc, apply_calls_the_right_one_once, 0, METHODS);
	tcase_add_loop_test(tc, map_calls_once_after_the_last, 0, METHODS);
	tcase_add_loop_test(tc, a_borrowed_result_stays, 0, METHODS);
	tcase_add_loop_test(tc, a_failing_source_calls_error_callback, 0,
			    METHODS);
	tcase_add_loop_test(tc, streams_call_for_each_in_order, 0, METHODS);
	tcase_add_loop_test(tc, the_first_answer_is_kept, 0, METHODS);
	tcase_add_loop_test(tc, what_callbacks_may_do, 0, METHODS);
	tcase_add_loop_test(tc, a_stream_freed_in_its_callback_goes_on, 0,
			    METHODS);
	tcase_add_loop_test(tc, a_stream_cancelled_in_its_callback_ends, 0,
			    METHODS);
	tcase_add_loop_test(tc, a_job_without_handle, 0, METHODS);
	tcase_add_loop_test(tc, payload_free_after_a_failed_submit, 0, METHODS);
	tcase_add_loop_test(tc, payload_free_is_called_once, 0, METHODS);
}

int main(void)
{
	Suite *s = suite_create("callbacks");
	TCase *tc;

	callbacks_case(s);
	tc = pool_case(s, "batch");
	tcase_add_loop_test(tc, batch_results_equal_the_serial, 0, METHODS);
	tcase_add_loop_test(tc, batch_lanes_are_refilled, 0, METHODS);
	tcase_add_loop_test(tc, batch_tasks_left_unfinished_fail, 0, METHODS);
	tc = pool_case(s, "handles");
	tcase_add_loop_test(tc, before_and_after_the_end, 0, METHODS);
	tcase_add_loop_test(tc, a_taken_result_is_the_callers, 0, METHODS);
	tcase_add_loop_test(tc, cancelling, 0, METHODS);
	tcase_add_loop_test(tc, cancelling_what_is_done_changes_nothing, 0,
			    METHODS);
	tcase_add_loop_test(tc, freeing_a_half_read_stream, 0, METHODS);
	tcase_add_loop_test(tc, handles_outlive_the_pool, 0, METHODS);
	return suite_main(s);
}
