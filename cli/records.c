/* SPDX-License-Identifier: MIT */

#include "records.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json_in.h"
#include "json_out.h"
#include "message.h"
#include "tsv.h"

/* What a line gives when it is no item: nobody else's code. */
#define NO_ITEM 100

int records_init(struct records *r, const struct options *o)
{
	int rc = 0;

	*r = (struct records){
		.shape = o->shape,
		.header = o->header,
		.csv = {.comma = ','},
	};
	TAILQ_INIT(&r->faults);
	if (o->colsep && o->shape == SHAPE_CSV)
		rc = colsep_parse_byte(&r->csv.comma, o->colsep);
	else if (o->colsep)
		rc = colsep_parse(&r->colsep, o->colsep);
	return rc;
}

void records_release(struct records *r)
{
	struct fault *fault = TAILQ_FIRST(&r->faults), *next;

	for (; fault; fault = next) {
		next = TAILQ_NEXT(fault, link);
		free(fault->text);
		free(fault);
	}
	colsep_release(&r->colsep);
	fields_release(&r->fields);
	fields_release(&r->names);
}

void records_begin(struct records *r, const char *name)
{
	r->name = name;
	r->named = false;
	r->lines = 0;
	r->items = 0;
}

/* -------------------------------------------------------------- what is wrong */

const struct fault *records_fault(const struct records *r, const void *cookie)
{
	const struct fault *fault;

	if (!cookie)
		return NULL;
	/* They are told in about the order in which they came. */
	TAILQ_FOREACH(fault, &r->faults, link)
	if (fault == cookie)
		return fault;
	return NULL;
}

void records_forget(struct records *r, const struct fault *fault)
{
	struct fault *own = (struct fault *)fault;

	TAILQ_REMOVE(&r->faults, own, link);
	free(own->text);
	free(own);
}

/* Where the item in hand is, for people. */
static int place_put(char *text, size_t size, const struct records *r)
{
	if (r->shape == SHAPE_MSGPACK)
		return snprintf(text, size, "value %" PRIu64 ": ",
				r->items + 1);
	if (r->lines == 0) /* an operand */
		return snprintf(text, size, "%s", "");
	if (r->shape == SHAPE_CSV)
		return snprintf(text, size,
				"record %" PRIu64 ", line %" PRIu64 ": ",
				r->items + 1, r->lines);
	return snprintf(text, size, "line %" PRIu64 ": ", r->lines);
}

/* The item in hand is one that fails: nil, and marked. 1, or an error. */
static int item_mark(struct prun_item *item, struct records *r, void *cookie)
{
	struct prun_packer *packer = prun_item_packer(item);
	int rc;

	prun_packer_clear(packer);
	rc = prun_pack_nil(packer);
	r->marked = true;
	prun_item_cookie(item, cookie);
	r->items++;
	return rc < 0 ? rc : 1;
}

static int __attribute__((format(printf, 3, 4)))
item_fail(struct prun_item *item, struct records *r, const char *format, ...)
{
	struct fault *fault = malloc(sizeof(*fault));
	char text[512];
	va_list args;
	int n = place_put(text, sizeof(text), r);

	va_start(args, format);
	vsnprintf(text + n, sizeof(text) - (size_t)n, format, args);
	va_end(args);
	if (!fault)
		return -ENOMEM;
	fault->name = r->name;
	fault->text = strdup(text);
	if (!fault->text) {
		free(fault);
		return -ENOMEM;
	}
	TAILQ_INSERT_TAIL(&r->faults, fault, link);
	return item_mark(item, r, fault);
}

static int input_fail(struct records *r, const char *why)
{
	int n = place_put(r->why, sizeof(r->why), r);

	snprintf(r->why + n, sizeof(r->why) - (size_t)n, "%s", why);
	return PRUN_EVALUE;
}

/* The same for a record that does not end: where it begins. */
static int open_fail(struct records *r, const char *why)
{
	r->lines = r->first_line;
	return input_fail(r, why);
}

/* The end of what packs an item. */
static int item_finish(struct prun_item *item, struct records *r, int rc)
{
	if (rc == PRUN_ETOOBIG)
		return item_mark(item, r, INPUT_TOO_LONG);
	if (rc < 0)
		return rc;
	r->items++;
	return 1;
}

/* -------------------------------------------------------------------- columns */

static int name_pack(struct prun_packer *packer, const struct fields *names,
		     size_t i)
{
	size_t len;
	const char *name = fields_at(names, i, &len);

	return json_is_text(name, len) ? prun_pack_str(packer, name, len) :
					 prun_pack_bin(packer, name, len);
}

static int fields_pack(struct prun_packer *packer, const struct records *r)
{
	const struct fields *f = &r->fields;
	bool names = r->header && r->keep_names;
	int rc = 0;

	prun_packer_clear(packer);
	if (names)
		rc = prun_pack_map(packer, (uint32_t)f->count);
	else if (f->count != 1 || r->spread)
		rc = prun_pack_array(packer, (uint32_t)f->count);
	for (size_t i = 0; i < f->count && rc == 0; i++) {
		size_t len;
		const char *s = fields_at(f, i, &len);

		if (names)
			rc = name_pack(packer, &r->names, i);
		if (rc == 0)
			rc = prun_pack_bin(packer, s, len);
	}
	return rc;
}

/* The columns of a record are all there. */
static int fields_take(struct prun_item *item, struct records *r)
{
	if (r->header && !r->named) {
		struct fields names = r->fields;

		r->fields = r->names;
		r->names = names;
		r->named = true;
		return NO_ITEM;
	}
	if (r->header && r->fields.count != r->names.count)
		return item_fail(item, r,
				 "it has %zu column%s, and the header %zu",
				 r->fields.count,
				 r->fields.count == 1 ? "" : "s",
				 r->names.count);
	return item_finish(item, r, fields_pack(prun_item_packer(item), r));
}

static int csv_take(struct prun_item *item, struct records *r, const char *line,
		    size_t len)
{
	int rc;

	if (!r->open && (len == 0 || (len == 1 && *line == '\r')))
		return NO_ITEM;
	if (!r->open) {
		fields_clear(&r->fields);
		r->first_line = r->lines;
	}
	rc = csv_line(&r->csv, &r->fields, line, len);
	r->open = rc == CSV_MORE;
	if (rc == CSV_BAD)
		return input_fail(r, r->csv.fault);
	if (rc == CSV_MORE && r->fields.size > VALUES_MAX)
		return open_fail(r, "it is longer than 256 MiB");
	if (rc == CSV_MORE)
		return NO_ITEM;
	return rc < 0 ? rc : fields_take(item, r);
}

static int columns_take(struct prun_item *item, struct records *r,
			const char *line, size_t len)
{
	int rc;

	fields_clear(&r->fields);
	if (r->shape == SHAPE_TSV)
		rc = tsv_split(&r->fields, line, len);
	else if (r->shape == SHAPE_COLSEP)
		rc = colsep_split(&r->colsep, &r->fields, line, len);
	else
		rc = fields_add(&r->fields, line, len);
	return rc < 0 ? rc : fields_take(item, r);
}

/* --------------------------------------------------------------------- values */

static bool is_blank(const char *line, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (line[i] != ' ' && line[i] != '\t' && line[i] != '\r')
			return false;
	return true;
}

static int json_take(struct prun_item *item, struct records *r,
		     const char *line, size_t len)
{
	struct prun_packer *packer = prun_item_packer(item);
	struct json *json;
	enum json_type kind;
	char why[256];
	int rc = 0;

	if (is_blank(line, len))
		return NO_ITEM;
	rc = json_read(&json, line, len, why, sizeof(why));
	if (rc < 0)
		return item_fail(item, r, "%s", why);
	kind = json_kind(json);
	if (r->spread && kind == JSON_NAMED) {
		json_free(json);
		return item_fail(
			item, r,
			"an object's columns have names, but no order");
	}
	prun_packer_clear(packer);
	if (r->spread && kind == JSON_SCALAR)
		rc = prun_pack_array(packer, 1);
	if (rc == 0)
		rc = json_pack_value(packer, json, true);
	json_free(json);
	return item_finish(item, r, rc);
}

static bool is_array(unsigned char first)
{
	return (first >= 0x90 && first <= 0x9f) || first == 0xdc ||
	       first == 0xdd;
}

static bool is_map(unsigned char first)
{
	return (first >= 0x80 && first <= 0x8f) || first == 0xde ||
	       first == 0xdf;
}

static int value_take(struct prun_item *item, struct records *r,
		      const char *value, size_t size)
{
	struct prun_packer *packer = prun_item_packer(item);
	unsigned char first = (unsigned char)value[0];
	int rc = 0;

	if (prun_value_check(value, size) < 0)
		return item_fail(item, r, "nested deeper than 32");
	if (r->spread && is_map(first))
		return item_fail(item, r,
				 "a map's columns have names, but no order");
	if (r->spread && !is_array(first))
		rc = prun_pack_array(packer, 1);
	if (rc == 0)
		rc = prun_packer_write(packer, value, size);
	return item_finish(item, r, rc);
}

/* --------------------------------------------------------------------- sources */

/* 1, NO_ITEM, or an error. The line may lie in the item's packer. */
static int line_take(struct prun_item *item, struct records *r,
		     const char *line, size_t len)
{
	bool is_text = r->shape != SHAPE_LINES && r->shape != SHAPE_COLSEP;

	/* The mark with which some programs begin a file in UTF-8. */
	if (is_text && r->lines == 1 && len >= 3 &&
	    memcmp(line, "\xef\xbb\xbf", 3) == 0) {
		line += 3;
		len -= 3;
	}
	if (r->shape == SHAPE_JSONL)
		return json_take(item, r, line, len);
	if (r->shape == SHAPE_CSV)
		return csv_take(item, r, line, len);
	return columns_take(item, r, line, len);
}

int records_from_lines(struct prun_item *item, struct records *r,
		       struct prun_lines *lines)
{
	struct prun_packer *packer = prun_item_packer(item);
	const char *line;
	size_t len, size;
	int rc;

	for (;;) {
		const void *data;

		rc = prun_source_lines(item, lines);
		if (rc == PRUN_ETOOBIG && !r->open) {
			prun_lines_skip(lines);
			r->lines++;
			return item_mark(item, r, INPUT_TOO_LONG);
		}
		if (rc == PRUN_ETOOBIG)
			return open_fail(r, "it is longer than 256 MiB");
		if (rc == 0 && r->open)
			return open_fail(r, csv_open_quote);
		if (rc != 1)
			return rc;
		r->lines++;
		data = prun_packer_data(packer, &size);
		rc = prun_unpack(data, size, NULL, "s#", &line, &len);
		if (rc == 0)
			rc = line_take(item, r, line, len);
		if (rc != NO_ITEM)
			return rc;
		prun_packer_clear(packer);
	}
}

int records_from_values(struct prun_item *item, struct records *r,
			struct values *values)
{
	const char *value;
	size_t size;
	int rc = values_next(&value, &size, values);

	if (rc == PRUN_SOURCE_WAIT)
		prun_item_wait_fd(item, values->fd);
	if (rc == PRUN_EVALUE)
		return input_fail(r, "not msgpack, or cut short");
	if (rc == PRUN_ETOOBIG)
		return item_mark(item, r, INPUT_TOO_LONG);
	return rc == 1 ? value_take(item, r, value, size) : rc;
}

int records_from_text(struct prun_item *item, struct records *r,
		      const char *text)
{
	size_t len = strlen(text);
	const char *line = text;
	int rc = NO_ITEM;

	r->name = text;
	/* In CSV it may be several lines. */
	while (rc == NO_ITEM && line) {
		const char *end =
			r->shape == SHAPE_CSV ? memchr(line, '\n', len) : NULL;
		size_t n = end ? (size_t)(end - line) : len;

		rc = line_take(item, r, line, n);
		len -= end ? n + 1 : n;
		line = end ? end + 1 : NULL;
	}
	if (rc == NO_ITEM && r->open)
		return input_fail(r, csv_open_quote);
	if (rc == 1 && line && len > 0)
		return input_fail(r, "it is more than one record");
	return rc == NO_ITEM ? 0 : rc;
}
