/* SPDX-License-Identifier: MIT */

#include "dry_run.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "framing.h"
#include "json_out.h"
#include "program.h"
#include "quote.h"

/* A parameter of a task, if it is a string. */
static bool parameter_text(const char **s, size_t *len,
			   const struct prun_task *task, unsigned i)
{
	const void *data;
	size_t size;

	return prun_task_param(&data, &size, task, i) == 0 &&
	       prun_unpack(data, size, NULL, "s#", s, len) == 0;
}

static bool all_are_texts(const struct prun_task *task)
{
	const char *s;
	size_t len;

	for (unsigned i = 0; i < prun_task_params(task); i++)
		if (!parameter_text(&s, &len, task, i))
			return false;
	return true;
}

/* A call with strings. */
static void put_apply(FILE *f, struct prun_task *task, const char *name)
{
	unsigned count = prun_task_params(task);
	bool options_ended = false;

	fprintf(f, "%s apply ", program_name());
	quote_put(f, name, strlen(name));
	for (unsigned i = 0; i < count; i++) {
		const char *s = "";
		size_t len = 0;

		parameter_text(&s, &len, task, i);
		if (len > 0 && (s[0] == '-' || s[0] == ':') && !options_ended) {
			fputs(" --", f);
			options_ended = true;
		}
		putc(' ', f);
		quote_put(f, s, len);
	}
}

static void json_collect(void *to, const char *text, size_t len)
{
	fwrite(text, 1, len, to);
}

/* The argument as JSON, malloc'd. */
static int make_json(char **json, size_t *len, struct prun_task *task)
{
	struct json_out out = {.put = json_collect};
	size_t size;
	const void *data = prun_task_arg(task, &size);
	msgpack_object o;
	msgpack_zone zone;
	int rc;

	if (!msgpack_zone_init(&zone, 1024))
		return -ENOMEM;
	rc = prun_value_object(&o, &zone, data, size);
	if (rc == 0 && !json_can_say(&o))
		rc = prun_task_fail(task, PRUN_EVALUE,
				    "there is no JSON for this item");
	out.to = rc == 0 ? open_memstream(json, len) : NULL;
	if (out.to) {
		json_put(&out, &o);
		rc = fclose(out.to) == 0 ? 0 : -ENOMEM;
	} else if (rc == 0) {
		rc = -ENOMEM;
	}
	msgpack_zone_destroy(&zone);
	return rc;
}

static int put_json(FILE *f, struct prun_task *task)
{
	char *json = NULL;
	size_t len = 0;
	int rc = make_json(&json, &len, task);

	if (rc == 0)
		quote_put(f, json, len);
	free(json);
	return rc;
}

/* A call with other values: an item of --jsonl. */
static int put_map(FILE *f, struct prun_task *task, const char *name)
{
	size_t size, param_size;
	const void *data = prun_task_arg(task, &size), *param = NULL;

	/* With map the argument is the one parameter. */
	prun_task_param(&param, &param_size, task, 0);
	fprintf(f, "%s %s --jsonl ", program_name(),
		param == data ? "map" : "starmap");
	quote_put(f, name, strlen(name));
	fputs(" ::: ", f);
	return put_json(f, task);
}

/* With another framing than what the item's shape would choose it is said. */
static int put_coproc(FILE *f, struct prun_task *task, const struct options *o)
{
	bool text = all_are_texts(task);
	enum program_framing framing = framing_of(o);
	const char *s = "";
	size_t len = 0;

	fprintf(f, "%s coproc ", program_name());
	if (!text)
		fputs("--jsonl ", f);
	if (framing != (text ? FRAMING_LINES : FRAMING_JSONL))
		fprintf(f, "--framing=%s ", framing_name(framing));
	if (o->words[0][0] == '-')
		fputs("-- ", f);
	for (size_t i = 0; i < o->nwords; i++) {
		quote_put(f, o->words[i], strlen(o->words[i]));
		putc(' ', f);
	}
	fputs("::: ", f);
	if (!text)
		return put_json(f, task);
	parameter_text(&s, &len, task, 0);
	quote_put(f, s, len);
	return 0;
}

static int put_func(FILE *f, struct prun_task *task)
{
	const char *name = prun_task_ctx(task);

	if (!all_are_texts(task))
		return put_map(f, task, name);
	put_apply(f, task, name);
	return 0;
}

static int put_program(FILE *f, struct prun_task *task)
{
	return put_coproc(f, task, prun_task_ctx(task));
}

static int dry_run(struct prun_task *task,
		   int (*put)(FILE *f, struct prun_task *task))
{
	char *text;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	int rc;

	if (!f)
		return -ENOMEM;
	rc = put(f, task);
	if (fclose(f) != 0)
		rc = -ENOMEM;
	if (rc == 0)
		rc = prun_ret_str(task, text, size);
	free(text);
	return rc;
}

static int dry_run_of_func(struct prun_task *task)
{
	return dry_run(task, put_func);
}

static int dry_run_of_program(struct prun_task *task)
{
	return dry_run(task, put_program);
}

struct prun_func dry_run_func(const char *name)
{
	return (struct prun_func){
		.name = "dry-run", .fn = dry_run_of_func, .ctx = name};
}

struct prun_func dry_run_program(const struct options *o)
{
	return (struct prun_func){
		.name = "dry-run", .fn = dry_run_of_program, .ctx = o};
}
