/* SPDX-License-Identifier: MIT */

#include "report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cell.h"
#include "tsv.h"

/* What is told of an item. */
struct record {
	const struct prun_result *result;
	int status;
	struct cell value, error;
	int code, signal; /* of a command; below 0: null */
};

int report_init(struct report *r, struct output *out, const struct options *o)
{
	*r = (struct report){
		.out = out,
		.format = o->format,
		.zero = o->zero,
	};
	r->zone_made = msgpack_zone_init(&r->zone, 4096);
	if (!r->zone_made)
		return -ENOMEM;
	return prun_packer_new(&r->packer);
}

void report_release(struct report *r)
{
	if (r->zone_made)
		msgpack_zone_destroy(&r->zone);
	prun_packer_free(r->packer);
	r->zone_made = false;
	r->packer = NULL;
}

static void put(const struct report *r, const char *text)
{
	output_put(r->out, text, strlen(text));
}

static void put_end(const struct report *r)
{
	output_put(r->out, r->zero ? "\0" : "\n", 1);
}

void report_begin(struct report *r)
{
	if (r->format != FORMAT_TSV)
		return;
	put(r, "index\titem\tstatus\tms\tworker\tresult\terror");
	if (r->commands)
		put(r, "\texit\tsignal");
	put_end(r);
}

/* ---------------------------------------------------------------- what is told */

static struct cell item_cell(const struct prun_result *result)
{
	return (struct cell){.value = result->argument,
			     .size = result->argument_size};
}

static const char *status_name(const struct record *record)
{
	return record->status < 0 ? prun_error_name(record->status) : "ok";
}

/* A number, or what stands for null. */
static void put_number_or(const struct report *r, int number, const char *null)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", number);
	put(r, number >= 0 ? text : null);
}

/* Whole microseconds, so that the digits are those of what was measured. */
static void ms_text(char *text, size_t size, const struct prun_result *result)
{
	uint64_t us = result->run_ns / 1000;

	snprintf(text, size, "%" PRIu64 ".%03u", us / 1000,
		 (unsigned)(us % 1000));
}

/* --------------------------------------------------------------------- as text */

static void put_json_piece(void *to, const char *text, size_t len)
{
	output_put(to, text, len);
}

static void put_member(struct report *r, const char *name, struct cell c)
{
	struct json_out json = {put_json_piece, r->out};

	put(r, ",");
	cell_put(&json, &r->zone, name, c);
}

static void put_jsonl(struct report *r, const struct record *record)
{
	const struct prun_result *result = record->result;
	char text[128], ms[32], worker[16] = "null";

	ms_text(ms, sizeof(ms), result);
	if (result->worker_id >= 0)
		snprintf(worker, sizeof(worker), "%d", result->worker_id);
	snprintf(text, sizeof(text), "{\"index\":%" PRIu64, result->index + 1);
	put(r, text);
	put_member(r, "item", item_cell(result));
	snprintf(text, sizeof(text),
		 ",\"status\":\"%s\",\"ms\":%s,\"worker\":%s",
		 status_name(record), ms, worker);
	put(r, text);
	put_member(r, "result", record->value);
	put_member(r, "error", record->error);
	if (r->commands) {
		put(r, ",\"exit\":");
		put_number_or(r, record->code, "null");
		put(r, ",\"signal\":");
		put_number_or(r, record->signal, "null");
	}
	put(r, "}");
	put_end(r);
}

static void put_escaped(void *to, const char *s, size_t len)
{
	const char *end = s + len;

	while (s < end) {
		size_t n = 0;

		while (s + n < end && !tsv_escape(s[n]))
			n++;
		output_put(to, s, n);
		s += n;
		if (s < end)
			output_put(to, tsv_escape(*s++), 2);
	}
}

static void put_field(struct report *r, struct cell c)
{
	struct json_out json = {put_escaped, r->out};
	msgpack_object o;

	cell_open(&c);
	if (c.text) {
		put_escaped(r->out, c.text, c.size);
	} else if (c.value && cell_decode(&o, &r->zone, &c)) {
		json_put(&json, &o);
	} else if (c.value) {
		put(r, "msgpack_b64:");
		cell_put_base64(&json, c.value, c.size);
	}
}

static void put_tsv(struct report *r, const struct record *record)
{
	const struct prun_result *result = record->result;
	char text[64], ms[32], worker[16] = "";

	ms_text(ms, sizeof(ms), result);
	if (result->worker_id >= 0)
		snprintf(worker, sizeof(worker), "%d", result->worker_id);
	snprintf(text, sizeof(text), "%" PRIu64 "\t", result->index + 1);
	put(r, text);
	put_field(r, item_cell(result));
	snprintf(text, sizeof(text), "\t%s\t%s\t%s\t", status_name(record), ms,
		 worker);
	put(r, text);
	put_field(r, record->value);
	put(r, "\t");
	put_field(r, record->error);
	if (r->commands) {
		put(r, "\t");
		put_number_or(r, record->code, "");
		put(r, "\t");
		put_number_or(r, record->signal, "");
	}
	put_end(r);
}

/* ------------------------------------------------------------------ as msgpack */

/* What is packed so far goes out: what follows may be of any size. */
static void packed_put(struct report *r)
{
	size_t size;
	const void *data = prun_packer_data(r->packer, &size);

	output_put(r->out, data, size);
	prun_packer_clear(r->packer);
}

static void pack_cell(struct report *r, const char *name, struct cell c)
{
	struct prun_packer *p = r->packer;

	prun_pack_str(p, name, strlen(name));
	if (c.text && json_is_text(c.text, c.size))
		prun_pack_str(p, c.text, c.size);
	else if (c.text)
		prun_pack_bin(p, c.text, c.size);
	else if (!c.value)
		prun_pack_nil(p);
	packed_put(r);
	if (c.value)
		output_put(r->out, c.value, c.size);
}

static void pack_number_or_nil(struct report *r, const char *name, int number)
{
	prun_pack_str(r->packer, name, strlen(name));
	if (number >= 0)
		prun_pack_int(r->packer, number);
	else
		prun_pack_nil(r->packer);
}

static void put_msgpack(struct report *r, const struct record *record)
{
	const struct prun_result *result = record->result;
	struct prun_packer *p = r->packer;
	const char *status = status_name(record);
	uint64_t us = result->run_ns / 1000;

	prun_pack_map(p, r->commands ? 9 : 7);
	prun_pack_str(p, "index", 5);
	prun_pack_uint(p, result->index + 1);
	pack_cell(r, "item", item_cell(result));
	pack_cell(r, "status", (struct cell){status, NULL, strlen(status)});
	prun_pack_str(p, "ms", 2);
	prun_pack_double(p, (double)us / 1000);
	pack_number_or_nil(r, "worker", result->worker_id);
	pack_cell(r, "result", record->value);
	pack_cell(r, "error", record->error);
	if (r->commands) {
		pack_number_or_nil(r, "exit", record->code);
		pack_number_or_nil(r, "signal", record->signal);
		packed_put(r);
	}
}

/* ------------------------------------------------------------------- the record */

static void report_put(struct report *r, const struct record *record)
{
	if (r->format == FORMAT_JSONL)
		put_jsonl(r, record);
	else if (r->format == FORMAT_TSV)
		put_tsv(r, record);
	else
		put_msgpack(r, record);
}

void report_result(struct report *r, const struct prun_result *result,
		   const char *text, size_t len)
{
	struct record record = {
		.result = result,
		.status = result->status,
		.value = {NULL, result->value, result->value_size},
		.code = -1,
		.signal = -1,
	};

	if (text)
		record.value = (struct cell){text, NULL, len};
	report_put(r, &record);
}

void report_command(struct report *r, const struct prun_result *result,
		    const struct report_end *end)
{
	struct record record = {
		.result = result,
		.status = end->status,
		.value = {end->output, NULL, end->output_size},
		.error = {end->error, NULL, end->error_size},
		.code = end->code,
		.signal = end->signal > 0 ? end->signal : -1,
	};

	report_put(r, &record);
}

void report_failure(struct report *r, const struct prun_result *result,
		    const char *error, size_t len)
{
	struct record record = {
		.result = result,
		.status = result->status,
		.error = {error, NULL, len},
		.code = -1,
		.signal = -1,
	};

	report_put(r, &record);
}
