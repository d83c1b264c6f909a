/* SPDX-License-Identifier: MIT */

/* prun log: what a journal tells. */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "command.h"
#include "history.h"
#include "journal.h"
#include "json_out.h"
#include "keys.h"
#include "line.h"
#include "message.h"
#include "option_table.h"
#include "output.h"
#include "page.h"
#include "program.h"
#include "quote.h"
#include "journal_file.h"

struct log {
	const struct options *options;
	const char *name;
	int fd;
	struct journal_file in;
	struct keys keys;
	uint64_t items, failed;
	char *command; /* its words, each with a NUL at its end */
	size_t command_size;
	uint64_t runs;
	time_t first, last; /* when the first one began, and the last one */
	bool ended;	    /* the last one has, in order */
	unsigned code;	    /* its exit code then */
	double seconds;	    /* of the runs before the last one */
	double run_seconds; /* of the last one, as far as it is known */
	double item_seconds;
	bool newline;		/* in an item that was printed on a line */
	bool packed;		/* its items are values, not texts */
	bool no_json;		/* one of them that has failed has none */
	struct history history; /* --html */
};

static int file_fail(const struct log *l, const char *text, int code)
{
	message_item(l->name, strlen(l->name), text, strlen(text));
	return code;
}

static int memory_fail(void)
{
	message("out of memory");
	return EXIT_PRUN_FAILED;
}

/* -------------------------------------------------------------------- reading */

/* 0, or an exit code after a message. */
static int journal_open_again(struct log *l)
{
	int rc = journal_file_open(&l->in, l->fd);

	l->keys.seed = l->in.seed;
	if (rc == 0)
		return 0;
	if (rc == 1)
		return file_fail(l, "an empty journal", EXIT_USAGE);
	if (rc == -EINVAL)
		return file_fail(l, "not a journal of prun", EXIT_USAGE);
	return file_fail(l, prun_strerror(rc), EXIT_PRUN_FAILED);
}

static int run_take(struct log *l, const struct record *r)
{
	char *command = l->command;

	l->last = (time_t)(r->key.low / 1000000000u);
	if (l->runs++ == 0)
		l->first = l->last;
	l->ended = false;
	l->seconds += l->run_seconds;
	l->run_seconds = 0;
	/* The last word may have no end, and may be an option whose argument is
	 * missing. */
	command = realloc(command, r->body_size + 2);
	if (!command)
		return -ENOMEM;
	memcpy(command, r->body, r->body_size);
	memset(command + r->body_size, 0, 2);
	l->command = command;
	l->command_size = r->body_size;
	return 0;
}

static int item_take(struct log *l, const struct record *r)
{
	uint32_t *number = journal_item(&l->keys, r, KEY_READ);
	double end = r->start_ms / 1e3 + (double)r->seconds;

	if (!number)
		return -ENOMEM;
	l->items += !(*number & (KEY_DONE | KEY_FAILED));
	l->failed += r->kind == RECORD_FAILED;
	l->failed -= (*number & KEY_FAILED) != 0;
	*number &= ~(uint32_t)(KEY_DONE | KEY_FAILED);
	*number |= r->kind == RECORD_DONE ? KEY_DONE : KEY_FAILED;
	l->item_seconds += (double)r->seconds;
	if (end > l->run_seconds)
		l->run_seconds = end;
	return 0;
}

static int record_take(struct log *l, const struct record *r)
{
	int rc = 0;

	if (l->options->html)
		rc = history_meet(&l->history, r, l->seconds + l->run_seconds);
	if (rc < 0)
		return rc;
	if (r->kind == RECORD_RUN)
		return run_take(l, r);
	if (r->kind == RECORD_DONE || r->kind == RECORD_FAILED)
		return item_take(l, r);
	if (r->kind != RECORD_END)
		return 0;
	l->ended = true;
	l->code = r->number;
	l->run_seconds = (double)r->seconds;
	return 0;
}

/* Give each record to `take`, up to its first error. */
static int each_record(struct log *l,
		       int (*take)(struct log *l, const struct record *r))
{
	struct record r;
	int code = journal_open_again(l);
	int rc = 0;

	while (code == 0 && rc >= 0 &&
	       (rc = journal_file_next(&r, &l->in)) == 1)
		rc = take(l, &r);
	journal_file_close(&l->in);
	if (code == 0 && rc == -ENOMEM)
		return memory_fail();
	if (code == 0 && rc < 0)
		return file_fail(l, prun_strerror(rc), EXIT_PRUN_FAILED);
	return code;
}

/* ------------------------------------------------------------------ what it says */

static void put_time(FILE *f, time_t t)
{
	struct tm tm;
	char text[64] = "?";

	if (localtime_r(&t, &tm))
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	fputs(text, f);
}

static void put_command(FILE *f, const struct log *l)
{
	fputs(program_name(), f);
	for (size_t i = 0; i < l->command_size;
	     i += strlen(l->command + i) + 1) {
		putc(' ', f);
		quote_put(f, l->command + i, strlen(l->command + i));
	}
}

static void put_state(FILE *f, const struct log *l)
{
	int pid = journal_locked_by(l->fd);

	if (pid != 0)
		fprintf(f, "goes on (process %d)", pid);
	else if (l->ended)
		fprintf(f, "ended with exit status %u", l->code);
	else
		fputs("was cut short", f);
}

static void put_summary(FILE *f, const struct log *l)
{
	fputs("command: ", f);
	put_command(f, l);
	putc('\n', f);
	fprintf(f, "items:   %" PRIu64 "\n", l->items);
	fprintf(f, "done:    %" PRIu64 "\n", l->items - l->failed);
	fprintf(f, "failed:  %" PRIu64 "\n", l->failed);
	fprintf(f, "runs:    %" PRIu64 ", the %s of ", l->runs,
		l->runs == 1 ? "one" : "first");
	put_time(f, l->first);
	if (l->runs > 1) {
		fputs(", the last of ", f);
		put_time(f, l->last);
	}
	fputs("; it ", f);
	put_state(f, l);
	putc('\n', f);
	fprintf(f, "time:    %.3f s, of all items %.3f s\n",
		l->seconds + l->run_seconds, l->item_seconds);
}

static int summary(struct log *l)
{
	size_t size;
	char *text;
	FILE *f = open_memstream(&text, &size);
	int code;

	if (!f)
		return memory_fail();
	put_summary(f, l);
	if (fclose(f) != 0)
		return memory_fail();
	output_put(&standard_output, text, size);
	code = output_end(&standard_output);
	free(text);
	return code;
}

/* Whether an option of the command says that its items are records or values:
 * they stand in front, each with its argument behind it. */
static bool has_values(const struct log *l)
{
	static const char *const shapes[] = {"colsep", "csv", "tsv", "jsonl",
					     "msgpack"};
	const char *word = l->command, *end = word + l->command_size;

	if (strcmp(word, "starmap") == 0)
		return true;
	for (word += strlen(word) + 1; word < end; word += strlen(word) + 1) {
		const struct option_row *row = NULL;

		if (strncmp(word, "--", 2) != 0)
			return false;
		for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
			if (strcmp(word + 2, shapes[i]) == 0)
				return true;
		while ((row = option_next(row, ~0u)))
			if (strcmp(word + 2, row->name) == 0)
				break;
		if (!row)
			return false;
		if (row->argument == required_argument)
			word += strlen(word) + 1;
	}
	return false;
}

static void json_piece(void *to, const char *text, size_t len)
{
	output_put(to, text, len);
}

static void item_end(const struct log *l)
{
	output_put(&standard_output, l->options->zero ? "\0" : "\n", 1);
}

/* As a line for --jsonl. */
static int value_put(struct log *l, const void *item, size_t size)
{
	struct json_out json = {json_piece, &standard_output};
	msgpack_object o;
	msgpack_zone zone;
	int rc;

	if (!msgpack_zone_init(&zone, 1024))
		return -ENOMEM;
	rc = prun_value_object(&o, &zone, item, size);
	if (rc == 0 && json_can_say(&o)) {
		json_put(&json, &o);
		item_end(l);
	} else {
		l->no_json = true;
	}
	msgpack_zone_destroy(&zone);
	return rc == -ENOMEM ? rc : 0;
}

/* Each of those whose last record is a failure, once. */
static int failed_put(struct log *l, const struct record *r)
{
	const void *item;
	const char *text;
	size_t size, text_size;
	uint32_t *number;

	if (r->kind != RECORD_DONE && r->kind != RECORD_FAILED)
		return 0;
	number = journal_item(&l->keys, r, KEY_AGAIN);
	if (!number)
		return -ENOMEM;
	if ((*number & (KEY_FAILED | KEY_TOLD)) != KEY_FAILED ||
	    !record_failure(&item, &size, &text, &text_size, r))
		return 0;
	*number |= KEY_TOLD;
	if (l->packed)
		return value_put(l, item, size);
	l->newline |= !l->options->zero && memchr(item, '\n', size);
	output_put(&standard_output, item, size);
	item_end(l);
	return 0;
}

static int failed(struct log *l)
{
	int code, rc;

	l->packed = l->command && has_values(l);
	code = each_record(l, failed_put);
	rc = output_end(&standard_output);
	if (rc != 0)
		return rc;
	if (l->newline && code == 0) {
		message("items with a newline in them look like several; "
			"--zero keeps them apart");
		code = EXIT_ITEM_FAILED;
	}
	if (l->no_json && code == 0) {
		message("there is no JSON for some items, which are left out");
		code = EXIT_ITEM_FAILED;
	}
	return code;
}

/* ---------------------------------------------------------------------- the page */

static int history_take(struct log *l, const struct record *r)
{
	uint32_t *number, state = 0;

	if (r->kind == RECORD_DONE || r->kind == RECORD_FAILED) {
		number = journal_item(&l->keys, r, KEY_AGAIN);
		if (!number)
			return -ENOMEM;
		state = *number & (KEY_FAILED | KEY_TOLD);
		if (r->kind == RECORD_DONE)
			state = 0;
		else
			*number |= KEY_TOLD;
	}
	return history_add(&l->history, r, state == KEY_FAILED,
			   state == (KEY_FAILED | KEY_TOLD));
}

/* A text that one of those above makes; NULL: no memory. */
static char *text_of(void (*put)(FILE *f, const struct log *l),
		     const struct log *l)
{
	size_t size;
	char *text = NULL;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return NULL;
	put(f, l);
	if (fclose(f) == 0)
		return text;
	free(text);
	return NULL;
}

static void put_first(FILE *f, const struct log *l)
{
	put_time(f, l->first);
}

static void put_last(FILE *f, const struct log *l)
{
	put_time(f, l->last);
}

static void put_title(FILE *f, const struct log *l)
{
	fprintf(f, "%s %s", program_name(),
		l->command_size > 0 ? l->command : "");
}

static int page_put(const struct log *l)
{
	void (*const puts[])(FILE * f, const struct log *l) = {
		put_command, put_title, put_first, put_last, put_state,
	};
	char *texts[5];
	bool whole = true;

	for (size_t i = 0; i < 5; i++)
		whole &= (texts[i] = text_of(puts[i], l)) != NULL;
	if (whole) {
		struct page_summary s = {
			.command = texts[0],
			.command_size = strlen(texts[0]),
			.title = texts[1],
			.first = texts[2],
			.last = texts[3],
			.state = texts[4],
			.items = l->items,
			.failed = l->failed,
			.runs = l->runs,
			.seconds = l->seconds + l->run_seconds,
			.item_seconds = l->item_seconds,
		};

		page_write(&s, &l->history);
	}
	for (size_t i = 0; i < 5; i++)
		free(texts[i]);
	return whole ? output_end(&standard_output) : memory_fail();
}

static int page(struct log *l)
{
	int code = 0;

	if (history_measure(&l->history, l->seconds + l->run_seconds) < 0)
		return memory_fail();
	code = each_record(l, history_take);
	if (code != 0)
		return code;
	history_end(&l->history);
	return page_put(l);
}

static int show(struct log *l)
{
	int code = each_record(l, record_take), rc;

	if (code != 0)
		return code;
	if (l->in.damage > 0) {
		message("%s: %" PRIu64 " bytes from byte %" PRIu64
			" on are damaged; what they told of is missing",
			l->name, l->in.damage, l->in.damage_at);
		code = EXIT_ITEM_FAILED;
	}
	rc = l->options->failed ? failed(l) :
	     l->options->html	? page(l) :
				  summary(l);
	return rc != 0 ? rc : code;
}

static int log_run(const struct options *o)
{
	struct log l = {.options = o, .name = o->words[0]};
	struct stat st;
	int rc;

	if (o->html && o->failed)
		return message_usage("--html and --failed exclude each other");
	output_init(&standard_output);
	l.fd = open(l.name, O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (l.fd < 0 || fstat(l.fd, &st) < 0)
		rc = file_fail(&l, prun_strerror(-errno), EXIT_USAGE);
	else if (!S_ISREG(st.st_mode))
		rc = file_fail(&l, "not a regular file", EXIT_USAGE);
	else
		rc = show(&l);
	if (l.fd >= 0)
		close(l.fd);
	keys_release(&l.keys);
	history_release(&l.history);
	free(l.command);
	return rc;
}

/* clang-format off */
const struct command command_log = {
	.name = "log",
	.bit = COMMAND_LOG,
	.operands = {.kind = OPERANDS_WORDS, .what = "journal", .most = 1},
	.line = "show what a journal tells of a run",
	.usage = {"JOURNAL"},
	.run = log_run,
	.about =
"Show what JOURNAL, which 'prun map --journal JOURNAL' has written, tells: the\n"
"command, how many items there were, how they have fared in the end, how many\n"
"runs there were, and the time that they and their items took; with --html as a\n"
"page with pictures of when which worker was busy.\n",
	.after =
"Of a run with columns or values the items are lines for --jsonl.\n"
"\n"
"Exit status: 0 all well; 1 a part of the journal is damaged; 2 it cannot be\n"
"opened, or is no journal; 3 prun itself failed.\n"
"\n"
"Examples:\n"
"  prun log run.journal\n"
"  prun log --html run.journal > run.html\n"
"  prun log --failed run.journal | prun map ./plugin.so:solve\n",
};
/* clang-format on */
