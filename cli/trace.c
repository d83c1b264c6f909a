/* SPDX-License-Identifier: MIT */

#include "trace.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cell.h"
#include "clock.h"
#include "format.h"
#include "message.h"
#include "program.h"
#include "utf8.h"

/* A row beyond those of the workers, for what belongs to none. */
#define OWN_ROW (PRUN_WORKERS_MAX * TRACE_ROWS_MAX + 1)
#define NAME_SIZE 96 /* of an item, as the name of its bar */

/* ------------------------------------------------------------------- its bytes */

static void put(const struct trace *t, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Never long: whatever is of any length goes by the room for JSON. */
static void put(const struct trace *t, const char *format, ...)
{
	char text[256];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	output_put(t->out, text, (size_t)n);
}

static void json_piece(void *to, const char *text, size_t len)
{
	output_put(to, text, len);
}

static struct json_out json_of(const struct trace *t)
{
	return (struct json_out){json_piece, t->out};
}

static void event_begin(struct trace *t, char kind, int row)
{
	put(t, "%s{\"ph\":\"%c\",\"pid\":%d,\"tid\":%d",
	    t->begun ? ",\n" : "[\n", kind, t->pid, row);
	t->begun = true;
}

/* In microseconds. */
static void put_time(const struct trace *t, const char *name, uint64_t ns)
{
	put(t, ",\"%s\":%" PRIu64 ".%03u", name, ns / 1000,
	    (unsigned)(ns % 1000));
}

static uint64_t since_start(const struct trace *t, uint64_t ns)
{
	return ns > t->start_ns ? ns - t->start_ns : 0;
}

/* A text from elsewhere: its beginning, with U+FFFD for what is no UTF-8. */
static void put_text(const struct trace *t, const char *name, const char *s,
		     size_t len)
{
	static const char unknown[] = {'\xef', '\xbf', '\xbd'};
	static const char more[] = {'.', '.', '.'};
	const unsigned char *p = (const unsigned char *)s;
	struct json_out json = json_of(t);
	char text[NAME_SIZE + 8];
	size_t size = 0;

	while (len > 0 && size < NAME_SIZE) {
		size_t n = utf8_length(p, len);

		if (n > 0)
			memcpy(text + size, p, n);
		else
			memcpy(text + size, unknown, sizeof(unknown));
		size += n > 0 ? n : sizeof(unknown);
		p += n > 0 ? n : 1;
		len -= n > 0 ? n : 1;
	}
	if (len > 0) {
		memcpy(text + size, more, sizeof(more));
		size += sizeof(more);
	}
	put(t, "\"%s\":", name);
	json_put_string(&json, text, size);
}

/* ------------------------------------------------------------------- its rows */

static void row_name(struct trace *t, int row, int place, const char *name)
{
	event_begin(t, 'M', row);
	put(t, ",\"name\":\"thread_name\",\"args\":{\"name\":\"%s\"}}", name);
	event_begin(t, 'M', row);
	put(t, ",\"name\":\"thread_sort_index\",\"args\":{\"sort_index\":%d}}",
	    place);
}

static int own_row(struct trace *t)
{
	if (!t->own_row)
		row_name(t, OWN_ROW, 0, "prun");
	t->own_row = true;
	return OWN_ROW;
}

/* Room for a worker of this number. */
static struct trace_worker *worker_at(struct trace *t, int id)
{
	struct trace_worker *workers;

	if (id >= t->nworkers) {
		workers = realloc(t->workers,
				  ((size_t)id + 1) * sizeof(*workers));
		if (!workers)
			return NULL;
		t->workers = workers;
		for (; t->nworkers <= id; t->nworkers++)
			workers[t->nworkers] = (struct trace_worker){.pid = 0};
	}
	return &t->workers[id];
}

/* Row 0 of each worker is its PRUN_SLOT; lanes lie behind those of all. */
static int row_of(struct trace *t, struct trace_worker *w, int id, int lane)
{
	int row = id + 1 + lane * PRUN_WORKERS_MAX;
	char name[64];

	for (; w->named <= lane; w->named++) {
		int n = snprintf(name, sizeof(name), "worker %d", id);

		if (w->named > 0)
			snprintf(name + n, sizeof(name) - (size_t)n,
				 ", lane %d", w->named + 1);
		row_name(t, id + 1 + w->named * PRUN_WORKERS_MAX,
			 id * TRACE_ROWS_MAX + w->named + 1, name);
	}
	return row;
}

/* ----------------------------------------------------------------- its events */

static void instant_begin(struct trace *t, int row, uint64_t ns)
{
	event_begin(t, 'i', row);
	put_time(t, "ts", since_start(t, ns));
	put(t, ",\"s\":\"t\"");
}

static void put_args(struct trace *t, const struct prun_result *result,
		     bool failed, const char *text, size_t len)
{
	const char *status = result->status < 0 ?
				     prun_error_name(result->status) :
			     failed ? prun_error_name(PRUN_EFAILED) :
				      "ok";
	struct json_out json = json_of(t);
	struct cell item = {NULL, result->argument, result->argument_size};
	struct cell error = {failed ? text : NULL, NULL, len};

	put(t, ",\"args\":{\"index\":%" PRIu64 ",", result->index + 1);
	cell_put(&json, &t->zone, "item", item);
	put(t, ",\"status\":\"%s\",\"attempt\":%" PRIu32, status,
	    result->attempts > 0 ? result->attempts : 1);
	if (result->worker_id >= 0)
		put(t, ",\"worker\":%d,\"pid\":%d", result->worker_id,
		    (int)result->worker_pid);
	put(t, ",");
	cell_put(&json, &t->zone, "error", error);
	put(t, "}}");
}

/* What the task tells of its process. */
static void tell_process(struct trace *t, struct trace_worker *w, int row,
			 const struct prun_result *result)
{
	if (result->start_ns < w->start_ns)
		return;
	w->start_ns = result->start_ns;
	if (result->worker_pid == 0 || result->worker_pid == w->pid)
		return;
	w->pid = result->worker_pid;
	instant_begin(t, row, result->start_ns);
	put(t, ",\"name\":\"process %d\"}", (int)w->pid);
}

static void tell_death(struct trace *t, int row,
		       const struct prun_result *result)
{
	if (result->status != PRUN_EWORKER)
		return;
	instant_begin(t, row, result->start_ns + result->run_ns);
	put(t,
	    ",\"name\":\"worker died\",\"args\":{\"pid\":%d,\"signal\":%d,"
	    "\"exit\":%d}}",
	    (int)result->worker_pid, result->worker_signal,
	    result->worker_exit);
}

static void put_bar(struct trace *t, int row, const struct prun_result *result,
		    bool failed, const char *text, size_t len)
{
	const char *item;
	size_t item_len;

	event_begin(t, 'X', row);
	put_time(t, "ts", since_start(t, result->start_ns));
	put_time(t, "dur", result->run_ns);
	put(t, ",\"cat\":\"%s\"", failed ? "failed" : "done");
	format_item(&item, &item_len, result->argument, result->argument_size);
	put(t, ",");
	put_text(t, "name", item, item_len);
	put_args(t, result, failed, text, len);
}

/* The row for a task that ran; -1: there is no memory for it. */
static int row_take(struct trace *t, const struct prun_result *result)
{
	int id = result->worker_id, lane = 0;
	struct trace_worker *w = worker_at(t, id);

	if (w && t->lanes)
		lane = trace_rows_take(&w->rows, result->start_ns,
				       result->start_ns + result->run_ns);
	if (!w || lane < 0) {
		if (!t->out->error)
			t->out->error = -ENOMEM;
		return -1;
	}
	tell_process(t, w, row_of(t, w, id, 0), result);
	return row_of(t, w, id, lane);
}

void trace_note(struct trace *t, const struct prun_result *result, bool failed,
		const char *text, size_t len)
{
	bool ran = result->worker_id >= 0 && result->start_ns > 0;
	int row;

	if (!t->out || t->out->error)
		return;
	if (!ran) {
		instant_begin(t, own_row(t), clock_ns());
		put(t, ",\"name\":\"not run\"");
		put_args(t, result, failed, text, len);
		return;
	}
	row = row_take(t, result);
	if (row < 0)
		return;
	if (result->attempts > 1) {
		instant_begin(t, row, result->start_ns);
		put(t, ",\"name\":\"try %" PRIu32 "\"}", result->attempts);
	}
	put_bar(t, row, result, failed, text, len);
	tell_death(t, row, result);
}

void trace_tell_end(struct trace *t, const char *how, const struct tally *tally)
{
	if (!t->out)
		return;
	event_begin(t, 'i', own_row(t));
	put_time(t, "ts", since_start(t, clock_ns()));
	put(t,
	    ",\"s\":\"g\",\"name\":\"%s\",\"args\":{\"done\":%" PRIu64
	    ",\"failed\":%" PRIu64 ",\"not run\":%" PRIu64 "}}",
	    how, tally->done, tally->failed, tally->unrun + tally->not_run);
}

/* ------------------------------------------------------------------------ life */

static int fail(const struct options *o, int error, int code)
{
	const char *text = prun_strerror(error);

	message_item(o->trace, strlen(o->trace), text, strlen(text));
	return code;
}

static void put_process(struct trace *t)
{
	const struct options *o = t->options;
	const char *what = o->func ? o->func : o->nwords > 0 ? o->words[0] : "";
	char name[NAME_SIZE + 1];

	snprintf(name, sizeof(name), "%s %s%s%s", program_name(),
		 o->command_name, *what ? " " : "", what);
	event_begin(t, 'M', OWN_ROW);
	put(t, ",\"name\":\"process_name\",\"args\":{");
	put_text(t, "name", name, strlen(name));
	put(t, "}}");
}

int trace_open(struct trace *t, const struct options *o, bool lanes)
{
	int fd;

	*t = (struct trace){.options = o, .lanes = lanes, .pid = getpid()};
	if (!o->trace || o->dry_run)
		return 0;
	fd = open(o->trace, O_WRONLY | O_CREAT | O_TRUNC | O_NOCTTY | O_CLOEXEC,
		  0666);
	if (fd < 0)
		return fail(o, -errno, EXIT_USAGE);
	t->zone_made = msgpack_zone_init(&t->zone, 4096);
	t->out = malloc(sizeof(*t->out));
	if (!t->out || !t->zone_made) {
		close(fd);
		free(t->out);
		t->out = NULL;
		trace_close(t, 0);
		return fail(o, -ENOMEM, EXIT_PRUN_FAILED);
	}
	output_of(t->out, fd);
	t->start_ns = clock_ns();
	put_process(t);
	return 0;
}

void trace_flush(struct trace *t)
{
	if (t->out)
		output_flush(t->out);
}

int trace_error(const struct trace *t)
{
	return t->out ? t->out->error : 0;
}

static int file_close(struct trace *t, int code)
{
	const char *name = t->options->trace;
	int error;

	output_put(t->out, "\n]\n", 3);
	error = output_close(t->out);
	free(t->out);
	t->out = NULL;
	if (!error)
		return code;
	if (error == -ENOMEM)
		message("out of memory");
	else
		message("%s: write error: %s", name, prun_strerror(error));
	return EXIT_PRUN_FAILED;
}

int trace_close(struct trace *t, int code)
{
	if (t->out)
		code = file_close(t, code);
	if (t->zone_made)
		msgpack_zone_destroy(&t->zone);
	for (int i = 0; i < t->nworkers; i++)
		trace_rows_release(&t->workers[i].rows);
	free(t->workers);
	t->workers = NULL;
	t->nworkers = 0;
	t->zone_made = false;
	return code;
}
