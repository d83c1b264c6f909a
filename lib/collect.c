/* SPDX-License-Identifier: MIT */
/* Results in, from the engine, and out, in the job's order. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job.h"

/* How short a limit that is learnt may become. */
#define PACE_LEAST_NS 1e6

void job_unlink_chunk(struct prun_job *job, struct chunk *c)
{
	if (c->prev)
		c->prev->next = c->next;
	else
		job->first = c->next;
	if (c->next)
		c->next->prev = c->prev;
	else
		job->last = c->prev;
	if (!job_is_apply(job) && job->cursor == c) {
		job->cursor = c->next;
		job->cursor_at = 0;
	}
	chunk_unref(job->cache, c);
}

/* -- Results in -- */

/* False: there was no memory for it, and it is kept as that failure. */
static bool keep_result(struct chunk *c, uint32_t i,
			const struct engine_result *r)
{
	struct chunk_result *kept = chunk_result(c, i);

	kept->start_ns = r->start_ns;
	kept->run = chunk_run_pack(r->run_ns);
	if (r->status < 0)
		return chunk_keep_failure(c, i, r->status, r->data,
					  (size_t)r->size);
	return chunk_keep_value(c, i, r->data, (size_t)r->size);
}

static bool well_formed(const struct engine_result *r)
{
	return r->status < 0 || value_is_whole(r->data, (size_t)r->size);
}

static void account(struct prun_job *job, struct chunk *c, uint32_t count)
{
	job->finished += count;
	c->left -= count;
	if (job->discard && c->left == 0)
		job_unlink_chunk(job, c);
}

/* What the worker sent, or what is to be said of it, in `text`. False: it sent
 * no value. */
static bool checked(const struct engine_result **r, struct engine_result *bad,
		    char *text, size_t size, pid_t pid)
{
	if (well_formed(*r))
		return true;
	snprintf(text, size,
		 "the worker (pid %d) sent a value that is no "
		 "msgpack",
		 (int)pid);
	*bad = **r;
	bad->status = PRUN_EPROTO;
	bad->data = text;
	bad->size = strlen(text);
	*r = bad;
	return false;
}

/* When a tenth more of them has come the median may have changed. */
static void pace_note(struct job_terms *t, uint64_t run_ns)
{
	struct job_pace *p = t->pace;
	double limit_ns;

	median_add(&p->median, run_ns);
	if (p->median.count < p->due_count)
		return;
	p->due_count += 1 + p->median.count / 10;
	limit_ns = (double)median_value(&p->median) * p->percent / 100.0;
	if (limit_ns < PACE_LEAST_NS)
		limit_ns = PACE_LEAST_NS;
	if (limit_ns > (double)p->most_ns)
		limit_ns = (double)p->most_ns;
	p->changed |= t->limits.timeout_ns != (uint64_t)limit_ns;
	t->limits.timeout_ns = (uint64_t)limit_ns;
}

/* A task has its result. */
static void take_result(struct prun_job *job, struct chunk *c, uint32_t i,
			const struct engine_result *r)
{
	if (r->status < 0)
		job->failed++;
	else if (job->terms && job->terms->pace)
		pace_note(job->terms, r->run_ns);
	if (job->discard)
		return;
	c->states[i] = TASK_DONE;
	if (!keep_result(c, i, r) && r->status == 0)
		job->failed++;
	if (!job_is_apply(job))
		job->bytes += chunk_result(c, i)->size;
	if (job->order == PRUN_ORDER_UNORDERED)
		job->ready[(job->ready_first + job->ready_count++) &
			   (job->ready_capacity - 1)] = (struct job_ref){c, i};
}

bool job_done(struct prun_job *job, struct chunk *c, uint32_t first,
	      uint32_t count, const struct engine_result *results,
	      const struct engine_worker *worker)
{
	struct chunk_who who = {worker->id, worker->pid,
				(int16_t)worker->exit_code,
				(uint8_t)worker->signal};
	uint32_t of_i;
	struct chunk *of = chunk_retry_of(c, &of_i);
	struct engine_result bad;
	bool all_formed = true;
	char text[96];
	uint32_t i, again = 0;

	if (of) { /* its result is that of the task it was made for */
		first = of_i;
		chunk_unref(job->cache, c);
		c = of;
	}
	if (!job->discard)
		chunk_set_who(c, first, count, &who);
	for (i = 0; i < count; i++) {
		const struct engine_result *r = &results[i];

		all_formed &=
			checked(&r, &bad, text, sizeof(text), worker->pid);
		if (r->status < 0 && job_try_again(job, c, first + i, r))
			again++;
		else
			take_result(job, c, first + i, r);
	}
	account(job, c, count - again);
	return all_formed;
}

void job_withdrawn(struct prun_job *job, struct chunk *c, uint32_t first,
		   uint32_t count)
{
	static const struct engine_worker nobody = {-1, 0, 0, -1};
	struct engine_result r = {.status = job->withdrawn_status};
	uint32_t i;

	r.data = job->withdrawn_text;
	r.size = strlen(job->withdrawn_text);
	for (i = 0; i < count; i++)
		job_done(job, c, first + i, 1, &r, &nobody);
	if (r.status == PRUN_ECANCELLED)
		job->cancelled += count;
}

/* -- Results out -- */

static void show(struct prun_result *r, const struct chunk *c, uint32_t i)
{
	const struct chunk_result *from = chunk_result(c, i);
	const struct chunk_who *who = chunk_get_who(c, i);
	bool failed = c->states[i] == TASK_FAILED;
	size_t size;
	const unsigned char *value = chunk_value(c, i, &size);

	r->index = c->index + i;
	r->cookie = chunk_cookie(c, i);
	r->status = failed ? chunk_status(c, i) : 0;
	r->message = failed ? (const char *)value : NULL;
	r->message_size = failed ? size : 0;
	r->value = failed ? NULL : value;
	r->value_size = failed ? 0 : size;
	r->argument = chunk_argument(c, i, &r->argument_size);
	r->worker_id = who->worker_id;
	r->worker_pid = who->worker_pid;
	r->worker_signal = who->signal;
	r->worker_exit = who->exit_code;
	r->start_ns = from->start_ns;
	r->run_ns = chunk_run_ns(from);
	r->attempts = chunk_tries(c, i) + (who->worker_id >= 0);
}

static bool is_finished(uint8_t state)
{
	return state == TASK_DONE || state == TASK_FAILED;
}

/* Which task is next in the job's order: false when it is not finished. */
static bool next_ready(struct prun_job *job, struct chunk **c, uint32_t *i)
{
	struct job_ref *ref;

	if (job->order == PRUN_ORDER_UNORDERED) {
		if (job->ready_count == 0)
			return false;
		ref = &job->ready[job->ready_first++ &
				  (job->ready_capacity - 1)];
		job->ready_count--;
		*c = ref->chunk;
		*i = ref->i;
		return true;
	}
	if (job->cursor && job->cursor_at == job->cursor->count) {
		if (!job->cursor->next)
			return false;
		job->cursor = job->cursor->next;
		job->cursor_at = 0;
	}
	if (!job->cursor || !is_finished(job->cursor->states[job->cursor_at]))
		return false;
	*c = job->cursor;
	*i = job->cursor_at++;
	return true;
}

bool job_take(struct prun_job *job)
{
	struct chunk *c;
	uint32_t i;

	if (job_is_apply(job)) {
		if (job->discard || job->delivered || !job_all_done(job))
			return false;
		job->delivered = 1;
		show(job->result, job->first, 0);
		return true;
	}
	if (job->discard || !next_ready(job, &c, &i))
		return false;
	show(job->result, c, i);
	job->delivered++;
	if (!job_is_stream(job))
		return true; /* kept until the job is freed */
	c->states[i] = TASK_TAKEN;
	job->bytes -= chunk_argument_size(c, i) + chunk_result(c, i)->size +
		      CHUNK_TASK_OVERHEAD;
	if (job->borrowed != c) {
		if (job->borrowed)
			chunk_unref(job->cache, job->borrowed);
		chunk_ref(c);
		job->borrowed = c;
	}
	if (++c->taken == c->count) {
		job->bytes -= CHUNK_OVERHEAD;
		job_unlink_chunk(job, c);
	}
	return true;
}

/* The chunks of a finished map by their number. Without memory for it the
 * list does, slowly. */
static struct chunk *chunk_of(struct prun_job *job, uint64_t index)
{
	uint64_t low = 0, high, n = 0;
	struct chunk *c;

	if (job_is_apply(job))
		return job->first;
	high = job->chunks;
	if (!job->index && job->completed && job->chunks > 8) {
		job->index = calloc(job->chunks, sizeof(struct chunk *));
		for (c = job->first; job->index && c; c = c->next)
			job->index[n++] = c;
	}
	if (!job->index) {
		for (c = job->first; c; c = c->next)
			if (index - c->index < c->count)
				break;
		return c;
	}
	while (low + 1 < high) {
		uint64_t middle = low + (high - low) / 2;

		if (job->index[middle]->index <= index)
			low = middle;
		else
			high = middle;
	}
	return job->index[low];
}

bool job_look(struct prun_result *result, struct prun_job *job, uint64_t index)
{
	struct chunk *c;

	if (index >= job->pulled || job->discard)
		return false;
	c = chunk_of(job, index);
	show(result, c, (uint32_t)(index - c->index));
	return true;
}

bool job_look_failed(struct prun_result *result, const struct prun_job *job)
{
	struct chunk *c;
	uint32_t i;

	if (job->failed == 0)
		return false;
	for (c = job->first; c; c = c->next)
		for (i = 0; i < c->count; i++)
			if (c->states[i] == TASK_FAILED) {
				show(result, c, i);
				return true;
			}
	return false;
}

void job_discard(struct prun_job *job)
{
	struct chunk *c, *next;

	job->discard = true;
	if (!job_is_apply(job)) {
		if (job->borrowed && !job->in_callback) {
			chunk_unref(job->cache, job->borrowed);
			job->borrowed = NULL;
		}
		job->ready_count = 0;
		job->bytes = 0;
	}
	for (c = job->first; c; c = next) {
		next = c->next;
		if (c->left == 0 && !job->in_callback)
			job_unlink_chunk(job, c);
	}
}
