/* SPDX-License-Identifier: MIT */

#include "framing.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json_in.h"
#include "json_out.h"
#include "text.h"

static char end_of_line[] = "\n", end_of_text[] = "\0";

enum program_framing framing_of(const struct options *o)
{
	if (o->framing != FRAMING_AUTO)
		return o->framing;
	if (o->shape == SHAPE_JSONL)
		return FRAMING_JSONL;
	if (o->shape == SHAPE_MSGPACK)
		return FRAMING_MSGPACK;
	return o->delimiter == '\0' ? FRAMING_NULL : FRAMING_LINES;
}

const char *framing_name(enum program_framing framing)
{
	static const char *const names[] = {
		[FRAMING_AUTO] = "auto",       [FRAMING_LINES] = "lines",
		[FRAMING_NULL] = "null",       [FRAMING_JSONL] = "jsonl",
		[FRAMING_MSGPACK] = "msgpack",
	};

	return names[framing];
}

int framing_init(struct framing *f, const struct options *o)
{
	*f = (struct framing){
		.kind = framing_of(o),
		.values = o->format != FORMAT_TEXT,
	};
	return msgpack_zone_init(&f->zone, 1024) ? 0 : -ENOMEM;
}

void framing_release(struct framing *f)
{
	free(f->made);
	msgpack_zone_destroy(&f->zone);
	*f = (struct framing){.made = NULL};
}

/* -------------------------------------------------------------- items as lines */

static const char *end_text(const struct framing *f)
{
	return f->kind == FRAMING_NULL ? end_of_text : end_of_line;
}

static int holds_end(const struct framing *f, struct prun_task *task)
{
	if (f->kind == FRAMING_NULL)
		return prun_task_fail(task, PRUN_EVALUE,
				      "holds a NUL, where the program would "
				      "take it to end; see --framing");
	return prun_task_fail(task, PRUN_EVALUE,
			      "holds a line feed, where the program would take "
			      "it to end; see --framing");
}

static int line_question(struct iovec question[2], struct framing *f,
			 struct prun_task *task, const char *s, size_t len)
{
	const char *end = end_text(f);

	if (len > 0 && memchr(s, *end, len))
		return holds_end(f, task);
	question[0] = (struct iovec){(char *)(uintptr_t)s, len};
	question[1] = (struct iovec){(char *)(uintptr_t)end, 1};
	return 0;
}

static bool is_string(const msgpack_object *o)
{
	return o->type == MSGPACK_OBJECT_STR || o->type == MSGPACK_OBJECT_BIN;
}

static bool is_nested(const msgpack_object *o)
{
	return o->type == MSGPACK_OBJECT_ARRAY ||
	       o->type == MSGPACK_OBJECT_MAP || o->type == MSGPACK_OBJECT_EXT;
}

/* A column that would look like two, or a value that no column can be. */
static int columns_check(struct prun_task *task, const msgpack_object *columns,
			 uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		const msgpack_object *c = &columns[i];

		if (is_nested(c))
			return prun_task_fail(task, PRUN_EVALUE,
					      "is more than columns, and does "
					      "not fit on a line; see "
					      "--framing");
		if (count > 1 && is_string(c) && c->via.str.size > 0 &&
		    memchr(c->via.str.ptr, '\t', c->via.str.size))
			return prun_task_fail(task, PRUN_EVALUE,
					      "holds a TAB, where the program "
					      "would take a column to end; see "
					      "--framing");
	}
	return 0;
}

static int columns_question(struct iovec question[2], struct framing *f,
			    struct prun_task *task, const msgpack_object *o)
{
	bool is_array = o->type == MSGPACK_OBJECT_ARRAY;
	size_t len = 0;
	int rc = columns_check(task, is_array ? o->via.array.ptr : o,
			       is_array ? o->via.array.size : 1);

	if (rc == 0)
		rc = text_of_value(&f->made, &len, o);
	return rc < 0 ? rc : line_question(question, f, task, f->made, len);
}

/* --------------------------------------------------------------- items as JSON */

static void collect(void *to, const char *text, size_t len)
{
	fwrite(text, 1, len, to);
}

static int json_question(struct iovec question[2], struct framing *f,
			 struct prun_task *task, const msgpack_object *o)
{
	struct json_out out = {.put = collect};
	size_t len;

	if (!json_can_say(o))
		return prun_task_fail(task, PRUN_EVALUE,
				      "there is no JSON for it: a string that "
				      "is not UTF-8, an infinity, a name that "
				      "is no string, or a type of msgpack's "
				      "own");
	out.to = open_memstream(&f->made, &len);
	if (!out.to)
		return -ENOMEM;
	json_put(&out, o);
	if (fclose(out.to) != 0)
		return -ENOMEM;
	question[0] = (struct iovec){f->made, len};
	question[1] = (struct iovec){end_of_line, 1};
	return 0;
}

int framing_question(struct iovec question[2], struct framing *f,
		     struct prun_task *task)
{
	bool is_line = f->kind == FRAMING_LINES || f->kind == FRAMING_NULL;
	size_t size, len;
	const void *arg = prun_task_arg(task, &size);
	const char *s;
	msgpack_object o;
	int rc;

	free(f->made);
	f->made = NULL;
	if (f->kind == FRAMING_MSGPACK) {
		question[0] = (struct iovec){(void *)(uintptr_t)arg, size};
		question[1] = (struct iovec){NULL, 0};
		return 0;
	}
	if (is_line && prun_unpack(arg, size, NULL, "s#", &s, &len) == 0)
		return line_question(question, f, task, s, len);
	rc = prun_value_object(&o, &f->zone, arg, size);
	if (rc == 0 && is_line)
		rc = columns_question(question, f, task, &o);
	else if (rc == 0)
		rc = json_question(question, f, task, &o);
	msgpack_zone_clear(&f->zone);
	return rc;
}

/* ---------------------------------------------------------------------- answers */

static ssize_t line_end(void *self, const char *data, size_t size, bool *ended)
{
	const struct framing *f = self;
	const char *end = memchr(data, *end_text(f), size);

	*ended = end;
	return end ? end + 1 - data : (ssize_t)size;
}

static ssize_t value_end(void *self, const char *data, size_t size, bool *ended)
{
	struct framing *f = self;
	ssize_t n;

	n = walk_on(&f->walk, data, size);
	*ended = n >= 0 && walk_ended(&f->walk);
	return n;
}

void framing_expect(struct answer *a, struct framing *f)
{
	a->end = f->kind == FRAMING_MSGPACK ? value_end : line_end;
	a->self = f;
	walk_begin(&f->walk);
}

static int json_answer(struct framing *f, struct prun_task *task,
		       const char *text, size_t len)
{
	struct json *json;
	char why[256];
	int rc = json_read(&json, text, len, why, sizeof(why));

	if (rc < 0)
		return prun_task_fail(task, PRUN_EVALUE, "the answer is %s",
				      why);
	if (f->values)
		rc = json_pack_value(prun_task_packer(task), json, false);
	else
		rc = prun_ret_str(task, text, len);
	json_free(json);
	return rc;
}

int framing_answer(struct framing *f, struct prun_task *task,
		   const struct answer *a)
{
	if (f->kind == FRAMING_JSONL)
		return json_answer(f, task, a->data, a->size - 1);
	if (f->kind != FRAMING_MSGPACK)
		return prun_ret_bin(task, a->data, a->size - 1);
	if (prun_value_check(a->data, a->size) < 0)
		return prun_task_fail(task, PRUN_EVALUE,
				      "the answer is nested deeper than 32");
	return prun_packer_write(prun_task_packer(task), a->data, a->size);
}
