/* SPDX-License-Identifier: MIT */
#include "task.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void task_init(struct prun_task *t, uint64_t max_payload)
{
	memset(t, 0, sizeof(*t));
	packer_init(&t->ret, (size_t)max_payload);
	packer_init(&t->message, (size_t)max_payload);
}

void task_release(struct prun_task *t)
{
	packer_release(&t->ret);
	packer_release(&t->message);
	free(t->arg_copy);
	t->arg_copy = NULL;
	t->arg_capacity = 0;
}

void task_clear(struct prun_task *t)
{
	if (t->ret.size || t->ret.error)
		packer_truncate(&t->ret, 0);
	if (t->message.size || t->message.error)
		packer_truncate(&t->message, 0);
	t->code = 0;
}

/* The result must be exactly one value. */
static int check_result(struct prun_task *t)
{
	if (t->ret.error)
		return prun_task_fail(t, t->ret.error, "the result: %s",
				      prun_strerror(t->ret.error));
	if (!value_is_whole(t->ret.data, t->ret.size))
		return prun_task_fail(t, PRUN_EVALUE,
				      "the result is not one msgpack value");
	return 0;
}

int task_outcome(struct prun_task *t, int rc, const void **data, size_t *size)
{
	static const unsigned char nil = 0xc0;

	if (rc > 0)
		rc = prun_task_fail(t, PRUN_EFAILED,
				    "the function returned %d, not 0 or less",
				    rc);
	if (rc == 0 && t->ret.size == 0 && !t->ret.error) {
		*data = &nil;
		*size = 1;
		return 0;
	}
	if (rc == 0)
		rc = check_result(t);
	if (rc == 0) {
		*data = t->ret.data;
		*size = t->ret.size;
		return 0;
	}
	if (t->code == 0 || t->message.error || t->message.size == 0) {
		*data = prun_strerror(rc);
		*size = strlen(*data);
		return rc;
	}
	*data = t->message.data;
	*size = t->message.size;
	return rc;
}

uint64_t prun_task_index(const struct prun_task *task)
{
	return task->index;
}

int prun_task_worker_id(const struct prun_task *task)
{
	return task->worker_id;
}

int prun_task_cancelled(const struct prun_task *task)
{
	return task->stop && *task->self &&
	       atomic_load_explicit(task->stop, memory_order_relaxed) ==
		       ((uint64_t)task->number << 1 | 1);
}

unsigned prun_task_attempt(const struct prun_task *task)
{
	return task->attempt;
}

const void *prun_task_ctx(const struct prun_task *task)
{
	return task->func->ctx;
}

void *prun_task_state(const struct prun_task *task)
{
	return task->state;
}

const void *prun_task_arg(const struct prun_task *task, size_t *size)
{
	*size = task->arg_size;
	return task->arg;
}

int task_params(struct prun_task *t)
{
	if (!t->star || value_container(t->arg, VALUE_ARRAY, &t->params) > 0)
		return 0;
	return prun_task_fail(t, PRUN_ETYPE,
			      "the argument is %s, not an array "
			      "of parameters",
			      value_kind(t->arg, t->arg_size));
}

unsigned prun_task_params(const struct prun_task *task)
{
	return task->star ? task->params : 1;
}

int prun_task_param(const void **data, size_t *size,
		    const struct prun_task *task, unsigned i)
{
	const unsigned char *at = task->arg, *end = at + task->arg_size;
	uint32_t count = 1;

	if (i >= prun_task_params(task))
		return PRUN_EINVAL;
	if (task->star)
		at += value_container(at, VALUE_ARRAY, &count);
	while (i-- > 0)
		at += value_length(at, (size_t)(end - at));
	*data = at;
	*size = (size_t)value_length(at, (size_t)(end - at));
	return 0;
}

/* The one parameter of a task that reads only one. */
static int only_param(struct prun_task *task, const void **data, size_t *size)
{
	if (!task->star) {
		*data = task->arg;
		*size = task->arg_size;
		return 0;
	}
	if (task->params != 1)
		return prun_task_fail(task, PRUN_ETYPE,
				      "the task has %u parameters, not one",
				      (unsigned)task->params);
	return prun_task_param(data, size, task, 0);
}

static int wrong_type(struct prun_task *task, const void *data, size_t size,
		      const char *wanted)
{
	return prun_task_fail(task, PRUN_ETYPE, "the argument is %s, not %s",
			      value_kind(data, size), wanted);
}

int prun_arg_str(struct prun_task *task, const char **s, size_t *len)
{
	const void *data = NULL;
	size_t size = 0;
	int rc = only_param(task, &data, &size);

	if (rc == 0 && value_str(data, size, s, len) < 0)
		rc = wrong_type(task, data, size, "a string");
	return rc;
}

int prun_arg_bin(struct prun_task *task, const void **p, size_t *len)
{
	const char *s;
	int rc = prun_arg_str(task, &s, len);

	if (rc == 0)
		*p = s;
	return rc;
}

int prun_arg_int(struct prun_task *task, int64_t *value)
{
	const void *data = NULL;
	size_t size = 0;
	int rc = only_param(task, &data, &size);

	if (rc == 0 && value_int(data, size, value) < 0)
		rc = wrong_type(task, data, size, "an integer of 64 bits");
	return rc;
}

int prun_arg_double(struct prun_task *task, double *value)
{
	const void *data = NULL;
	size_t size = 0;
	int rc = only_param(task, &data, &size);

	if (rc == 0 && value_double(data, size, value) < 0)
		rc = wrong_type(task, data, size, "a number");
	return rc;
}

/* Several parameters are what an array of them holds. */
static char *in_brackets(const char *format)
{
	size_t size = strlen(format) + 3;
	char *whole = malloc(size);

	if (whole)
		snprintf(whole, size, "[%s]", format);
	return whole;
}

int prun_arg_unpack(struct prun_task *task, const char *format, ...)
{
	char *whole = task->star && format ? in_brackets(format) : NULL;
	char *message = NULL;
	va_list args;
	int rc;

	if (task->star && format && !whole)
		return -ENOMEM;
	va_start(args, format);
	rc = prun_vunpack(task->arg, task->arg_size, &message,
			  whole ? whole : format, args);
	va_end(args);
	free(whole);
	if (rc < 0)
		prun_task_fail(task, rc, "the argument: %s",
			       message ? message : prun_strerror(rc));
	free(message);
	return rc;
}

int prun_ret_str(struct prun_task *task, const char *s, size_t len)
{
	return prun_pack_str(&task->ret, s, len);
}

int prun_ret_bin(struct prun_task *task, const void *p, size_t len)
{
	return prun_pack_bin(&task->ret, p, len);
}

int prun_ret_int(struct prun_task *task, int64_t value)
{
	return prun_pack_int(&task->ret, value);
}

int prun_ret_double(struct prun_task *task, double value)
{
	return prun_pack_double(&task->ret, value);
}

int prun_ret_pack(struct prun_task *task, const char *format, ...)
{
	va_list args;
	int rc;

	va_start(args, format);
	rc = prun_vpack(&task->ret, format, args);
	va_end(args);
	return rc;
}

struct prun_packer *prun_task_packer(struct prun_task *task)
{
	return &task->ret;
}

/* When there is no memory for the text, the code's own text takes its place. */
int prun_task_fail(struct prun_task *task, int code, const char *format, ...)
{
	struct prun_packer *m = &task->message;
	va_list args;
	int len;

	if (code >= 0)
		code = PRUN_EFAILED;
	task->code = code;
	packer_truncate(m, 0);
	va_start(args, format);
	len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (len < 0 || packer_reserve(m, (size_t)len + 1) < 0)
		return code;
	va_start(args, format);
	vsnprintf((char *)m->data, (size_t)len + 1, format, args);
	va_end(args);
	m->size = (size_t)len;
	return code;
}

int prun_batch_next(struct prun_task **task, struct prun_batch *batch)
{
	return batch->next(task, batch);
}

void prun_batch_done(struct prun_task *task, int status)
{
	if (task->open && task->batch)
		task->batch->done(task, status);
}

unsigned prun_batch_lanes(const struct prun_batch *batch)
{
	return batch->func->lanes;
}

const void *prun_batch_ctx(const struct prun_batch *batch)
{
	return batch->func->ctx;
}

void *prun_batch_state(const struct prun_batch *batch)
{
	return batch->state;
}
