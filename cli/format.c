/* SPDX-License-Identifier: MIT */

#include "format.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

int format_init(struct format *f, struct output *out, const struct options *o,
		const struct task *task)
{
	f->out = out;
	f->kind = task ? task->kind : TASK_VALUE;
	f->bsd_tag = task && o->bsd_tag ? task->tag : NULL;
	f->tag = o->tag;
	f->zero = o->zero;
	f->reports = o->format != FORMAT_TEXT;
	f->zone_made = msgpack_zone_init(&f->zone, 4096);
	if (!f->zone_made)
		return -ENOMEM;
	return f->reports ? report_init(&f->report, out, o) : 0;
}

void format_begin(struct format *f)
{
	if (f->reports)
		report_begin(&f->report);
}

void format_release(struct format *f)
{
	if (f->zone_made)
		msgpack_zone_destroy(&f->zone);
	f->zone_made = false;
	report_release(&f->report);
}

void format_item(const char **item, size_t *len, const void *argument,
		 size_t argument_size)
{
	static char *made;

	free(made);
	made = NULL;
	if (prun_unpack(argument, argument_size, NULL, "s#", item, len) == 0)
		return;
	if (text_of_bytes(&made, len, argument, argument_size) < 0)
		*len = 0;
	*item = made ? made : "";
}

static void put(struct format *f, const char *s, size_t len)
{
	output_put(f->out, s, len);
}

static void put_end(struct format *f)
{
	put(f, f->zero ? "\0" : "\n", 1);
}

static void put_item_tag(struct format *f, const struct prun_result *result)
{
	const char *item;
	size_t len;

	if (!f->tag)
		return;
	format_item(&item, &len, result->argument, result->argument_size);
	put(f, item, len);
	put(f, "\t", 1);
}

/* One record; with --tag each of its lines gets the item. */
static void put_text(struct format *f, const struct prun_result *result,
		     const char *s, size_t len)
{
	const char *newline;

	while (f->tag && !f->zero && (newline = memchr(s, '\n', len))) {
		size_t n = (size_t)(newline + 1 - s);

		put_item_tag(f, result);
		put(f, s, n);
		s += n;
		len -= n;
	}
	put_item_tag(f, result);
	put(f, s, len);
	put_end(f);
}

/* ------------------------------------------------------- lines with a name */

static bool is_escaped(char c)
{
	return c == '\\' || c == '\n' || c == '\r';
}

static bool name_needs_escape(const char *name, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (is_escaped(name[i]))
			return true;
	return false;
}

static void put_name(struct format *f, const char *name, size_t len,
		     bool escape)
{
	const char *end = name + len;

	while (escape && name < end) {
		size_t n = 0;

		while (name + n < end && !is_escaped(name[n]))
			n++;
		put(f, name, n);
		name += n;
		if (name < end) {
			put(f,
			    *name == '\n' ? "\\n" :
			    *name == '\r' ? "\\r" :
					    "\\\\",
			    2);
			name++;
		}
	}
	put(f, name, (size_t)(end - name));
}

static int put_named(struct format *f, const struct prun_result *result,
		     uint64_t *bytes)
{
	const char *text, *name;
	size_t text_len, name_len;
	uint64_t size;
	bool escape;
	int rc;

	rc = prun_result_unpack(result, "[s#, u]", &text, &text_len, &size);
	if (rc < 0)
		return rc;
	*bytes += size;
	put_item_tag(f, result);
	format_item(&name, &name_len, result->argument, result->argument_size);
	escape = !f->zero && name_needs_escape(name, name_len);
	if (escape)
		put(f, "\\", 1);
	if (f->bsd_tag) {
		put(f, f->bsd_tag, strlen(f->bsd_tag));
		put(f, " (", 2);
		put_name(f, name, name_len, escape);
		put(f, ") = ", 4);
		put(f, text, text_len);
	} else {
		put(f, text, text_len);
		put(f, "  ", f->kind == TASK_DIGEST ? 2 : 1);
		put_name(f, name, name_len, escape);
	}
	put_end(f);
	return 0;
}

static int put_value(struct format *f, const struct prun_result *result)
{
	msgpack_object o;
	const char *s;
	char *text = NULL;
	size_t len;
	int rc;

	if (prun_result_str(result, &s, &len) == 0) {
		put_text(f, result, s, len);
		return 0;
	}
	if (prun_result_unpack(result, "n") == 0)
		return 0;
	rc = prun_result_object(&o, &f->zone, result);
	if (rc == 0)
		rc = text_of_value(&text, &len, &o);
	if (rc == 0)
		put_text(f, result, text, len);
	free(text);
	msgpack_zone_clear(&f->zone);
	return rc;
}

/* Of a function that reads files the text is the result. */
static int put_report(struct format *f, const struct prun_result *result,
		      uint64_t *bytes)
{
	const char *text = NULL;
	size_t len = 0;
	uint64_t size = 0;
	int rc = 0;

	if (f->kind != TASK_VALUE)
		rc = prun_result_unpack(result, "[s#, u]", &text, &len, &size);
	if (rc < 0)
		return rc;
	*bytes += size;
	report_result(&f->report, result, text, len);
	return 0;
}

int format_result(uint64_t *bytes, struct format *f,
		  const struct prun_result *result)
{
	if (f->reports)
		return put_report(f, result, bytes);
	return f->kind == TASK_VALUE ? put_value(f, result) :
				       put_named(f, result, bytes);
}

void format_failure(struct format *f, const struct prun_result *result,
		    const char *text, size_t len)
{
	if (f->reports)
		report_failure(&f->report, result, text, len);
}
