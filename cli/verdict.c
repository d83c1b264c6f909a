/* SPDX-License-Identifier: MIT */

#include "verdict.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"
#include "output.h"

#define BAD_FULL 1024

int verdict_init(struct verdict *v, const struct options *o, const char *kind)
{
	*v = (struct verdict){.options = o, .kind = kind};
	v->nfiles = o->nwords > 0 ? o->nwords : 1;
	v->files = calloc(v->nfiles, sizeof(*v->files));
	if (!v->files)
		return -ENOMEM;
	for (size_t i = 0; i < v->nfiles; i++) {
		const char *name = o->nwords > 0 ? o->words[i] : "-";

		if (strcmp(name, "-") == 0)
			name = "standard input";
		v->files[i].name = name;
	}
	return 0;
}

void verdict_release(struct verdict *v)
{
	free(v->files);
	free(v->bad);
	*v = (struct verdict){.options = v->options};
}

/* -------------------------------------------------------- lines to warn of */

static struct bad_lines *bad_at(const struct verdict *v, size_t i)
{
	return &v->bad[(v->bad_first + i) % v->bad_capacity];
}

static int bad_grow(struct verdict *v)
{
	size_t capacity = v->bad_capacity ? 2 * v->bad_capacity : 16;
	struct bad_lines *bad = calloc(capacity, sizeof(*bad));

	if (!bad)
		return -ENOMEM;
	for (size_t i = 0; i < v->bad_count; i++)
		bad[i] = *bad_at(v, i);
	free(v->bad);
	v->bad = bad;
	v->bad_first = 0;
	v->bad_capacity = capacity;
	return 0;
}

int verdict_bad_line(struct verdict *v, size_t file, uint64_t line)
{
	struct bad_lines *last;

	v->files[file].bad++;
	if (v->options->report != REPORT_WARN)
		return 0;
	last = v->bad_count > 0 ? bad_at(v, v->bad_count - 1) : NULL;
	if (last && last->file == file && last->last + 1 == line) {
		last->last = line;
		return 0;
	}
	if (v->bad_count == v->bad_capacity && bad_grow(v) < 0)
		return -ENOMEM;
	*bad_at(v, v->bad_count++) = (struct bad_lines){file, line, line};
	return 0;
}

bool verdict_is_full(const struct verdict *v)
{
	return v->bad_count >= BAD_FULL;
}

/* ------------------------------------------------------------ what is said */

static void say(const char *file, const char *text)
{
	if (standard_output.shares_terminal)
		output_flush(&standard_output);
	message_item(file, strlen(file), text, strlen(text));
}

static void count_say(uint64_t count, const char *one, const char *many)
{
	if (count == 0)
		return;
	if (standard_output.shares_terminal)
		output_flush(&standard_output);
	message("WARNING: %" PRIu64 " %s", count, count == 1 ? one : many);
}

/* The bad lines before this one of this SUMFILE. */
static void bad_lines_say(struct verdict *v, size_t file, uint64_t line)
{
	char text[96];

	while (v->bad_count > 0) {
		struct bad_lines *bad = bad_at(v, 0);

		for (; bad->first <= bad->last; bad->first++) {
			if (bad->file > file ||
			    (bad->file == file && bad->first >= line))
				return;
			snprintf(text, sizeof(text),
				 "%" PRIu64
				 ": improperly formatted %schecksum line",
				 bad->first, v->kind);
			say(v->files[bad->file].name, text);
		}
		v->bad_first = (v->bad_first + 1) % v->bad_capacity;
		v->bad_count--;
	}
}

static void counts_say(const struct verdict *v, const struct sums_file *f)
{
	if (!f->proper) {
		say(f->name, "no properly formatted checksum lines found");
		return;
	}
	if (v->options->report == REPORT_STATUS)
		return;
	count_say(f->bad, "line is improperly formatted",
		  "lines are improperly formatted");
	count_say(f->unread, "listed file could not be read",
		  "listed files could not be read");
	count_say(f->mismatched, "computed checksum did NOT match",
		  "computed checksums did NOT match");
	if (v->options->ignore_missing && !f->matched)
		say(f->name, "no file was verified");
}

static void file_end(struct verdict *v, const struct sums_file *f)
{
	if (f->error)
		say(f->name, f->error);
	else
		counts_say(v, f);
	if (f->error || !f->matched || f->mismatched > 0 || f->unread > 0 ||
	    (v->options->strict && f->bad > 0))
		v->failed = true;
}

void verdict_reach(struct verdict *v, size_t file, uint64_t line)
{
	for (; v->reached < file; v->reached++) {
		bad_lines_say(v, v->reached, UINT64_MAX);
		file_end(v, &v->files[v->reached]);
	}
	bad_lines_say(v, file, line);
}

bool verdict_is_good(const struct verdict *v)
{
	return v->reached == v->nfiles && !v->failed;
}
