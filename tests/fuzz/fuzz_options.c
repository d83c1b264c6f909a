/* SPDX-License-Identifier: MIT */
/*
 * The command line of `prun map`. The input is its arguments, each up to a
 * NUL.
 *
 * It is taken without a word, or refused with a message that cannot steer a
 * terminal; the same a second time; what was taken is within its limits, and
 * written out in another way it is taken again as the same.
 */
#include <limits.h>
#include <unistd.h>

#include "fuzz.h"
#include "command.h"
#include "message.h"
#include "options.h"
#include "prun.h"

#define ARGS_MAX 128
#define CPUS 4

/* What was written on stderr, while that is looked at. */
static char said[1 << 20];
static size_t said_size;
static bool listening;

ssize_t __real_write(int fd, const void *data, size_t size);
ssize_t __wrap_write(int fd, const void *data, size_t size);
int __wrap_prun_cpu_count(void);

ssize_t __wrap_write(int fd, const void *data, size_t size)
{
	if (!listening || fd != STDERR_FILENO)
		return __real_write(fd, data, size);
	FUZZ_ASSERT(size < sizeof(said) - said_size);
	memcpy(said + said_size, data, size);
	said_size += size;
	said[said_size] = '\0';
	return (ssize_t)size;
}

int __wrap_prun_cpu_count(void)
{
	return CPUS;
}

static const struct command map = {
	.name = "map",
	.bit = COMMAND_MAP,
	.operands = {.kind = OPERANDS_FUNC, .what = "function"},
};

struct line {
	int argc;
	char *argv[ARGS_MAX + 1];
};

static int parse(struct options *o, struct line *c)
{
	char *before[ARGS_MAX + 1];
	int i, rc;

	memcpy(before, c->argv, sizeof(before));
	said_size = 0;
	said[0] = '\0';
	listening = true;
	rc = options_parse(o, &map, c->argc, c->argv);
	listening = false;
	for (i = 1; i <= c->argc; i++) /* the names in it stay in order */
		FUZZ_ASSERT(c->argv[i] == before[i]);
	return rc;
}

/* Texts of the arguments may be in a message, their controls not. */
static void check_said(void)
{
	static const char begin[] = "prun: ";
	static const char end[] = "\nTry 'prun map --help'.\n";
	size_t i;

	FUZZ_ASSERT(said_size >= sizeof(begin) + sizeof(end));
	FUZZ_ASSERT(memcmp(said, begin, sizeof(begin) - 1) == 0);
	FUZZ_ASSERT(strcmp(said + said_size - strlen(end), end) == 0);
	FUZZ_ASSERT(strlen(said) == said_size);
	for (i = 0; i < said_size; i++) {
		unsigned char byte = (unsigned char)said[i];
		unsigned char after = (unsigned char)said[i + 1];

		FUZZ_ASSERT(byte >= ' ' || byte == '\n' || byte == '\t');
		FUZZ_ASSERT(byte != 0x7f);
		/* U+0080 to U+009F */
		FUZZ_ASSERT(byte != 0xc2 || after < 0x80 || after > 0x9f);
	}
}

/* The argument that a text is, or is the end of; after the last one. */
static int find_argument(const struct line *c, const char *text, int after)
{
	int i;

	for (i = after + 1; i < c->argc; i++)
		if (text >= c->argv[i] &&
		    text <= c->argv[i] + strlen(c->argv[i]))
			return i;
	fuzz_fail(__FILE__, __LINE__, "a text that no argument is");
}

static void check_options(const struct options *o, const struct line *c)
{
	size_t i, stdins = 0;
	int at = 0;

	FUZZ_ASSERT(o->func);
	at = find_argument(c, o->func, 0);
	FUZZ_ASSERT(o->func == c->argv[at]);
	for (i = 0; i < o->nitems; i++) {
		at = find_argument(c, o->items[i], at);
		FUZZ_ASSERT(o->items[i] == c->argv[at]);
	}
	FUZZ_ASSERT(o->has_items || o->nitems == 0);
	for (i = 0, at = 0; i < o->narg_files; i++) {
		/* -aa a: the first one is in the argument of the option. */
		at = find_argument(c, o->arg_files[i], at);
		stdins += strcmp(o->arg_files[i], "-") == 0;
	}
	FUZZ_ASSERT(stdins == (o->stdin_is_arg_file ? 1 : 0));
	FUZZ_ASSERT(o->workers <= PRUN_WORKERS_MAX);
	FUZZ_ASSERT(o->has_workers || o->workers == 0);
	FUZZ_ASSERT(o->chunksize <= PRUN_CHUNKSIZE_MAX);
	FUZZ_ASSERT(o->progress <= PROGRESS_JSON);
}

/* ---------------------------------------------------------------- written anew
 */

struct anew {
	struct line c;
	char texts[16][32];
	unsigned ntexts;
};

static void add(struct anew *a, const char *text)
{
	FUZZ_ASSERT(a->c.argc < ARGS_MAX);
	a->c.argv[a->c.argc++] = (char *)(uintptr_t)text;
	a->c.argv[a->c.argc] = NULL;
}

static void add_number(struct anew *a, const char *option, uint64_t number)
{
	char *text = a->texts[a->ntexts++];

	snprintf(text, sizeof(a->texts[0]), "%llu", (unsigned long long)number);
	add(a, option);
	add(a, text);
}

static void add_flags(struct anew *a, const struct options *o)
{
	if (o->unordered)
		add(a, "--unordered");
	if (o->zero)
		add(a, "-z");
	if (o->tag)
		add(a, "--tag");
	if (o->bsd_tag)
		add(a, "--bsd-tag");
	if (o->quiet)
		add(a, "--quiet");
	if (o->special_files)
		add(a, "--special-files");
}

static void add_settings(struct anew *a, const struct options *o)
{
	static const char *const progress[] = {"--progress=none", "-p", "-pbar",
					       "--progress=line",
					       "--progress=json"};
	char *delimiter = a->texts[a->ntexts++];
	size_t i;

	snprintf(delimiter, sizeof(a->texts[0]), "-d\\x%02x",
		 (unsigned)(unsigned char)o->delimiter);
	add(a, delimiter);
	add(a, progress[o->progress]);
	if (o->has_workers)
		add_number(a, "-P", o->workers);
	if (o->chunksize)
		add_number(a, "-c", o->chunksize);
	if (o->maxtasks)
		add_number(a, "--maxtasksperchild", o->maxtasks);
	if (o->total)
		add_number(a, "--total", o->total);
	for (i = 0; i < o->narg_files; i++) {
		add(a, "--arg-file");
		add(a, o->arg_files[i]);
	}
}

/* The function and its items, of which nothing is an option. */
static void add_operands(struct anew *a, const struct options *o)
{
	size_t i;

	if (o->has_items && o->nitems == 0) {
		add(a, o->func);
		add(a, ":::");
		return;
	}
	add(a, "--");
	add(a, o->func);
	for (i = 0; i < o->nitems; i++)
		add(a, o->items[i]);
}

static void check_same(const struct options *a, const struct options *b)
{
	size_t i;

	FUZZ_ASSERT(strcmp(a->func, b->func) == 0);
	FUZZ_ASSERT(a->nitems == b->nitems && a->has_items == b->has_items);
	for (i = 0; i < a->nitems; i++)
		FUZZ_ASSERT(a->items[i] == b->items[i]);
	FUZZ_ASSERT(a->narg_files == b->narg_files);
	for (i = 0; i < a->narg_files; i++)
		FUZZ_ASSERT(a->arg_files[i] == b->arg_files[i]);
	FUZZ_ASSERT(a->stdin_is_arg_file == b->stdin_is_arg_file);
	FUZZ_ASSERT(a->delimiter == b->delimiter);
	FUZZ_ASSERT(a->has_workers == b->has_workers);
	FUZZ_ASSERT(a->workers == b->workers && a->chunksize == b->chunksize);
	FUZZ_ASSERT(a->maxtasks == b->maxtasks && a->total == b->total);
	FUZZ_ASSERT(a->progress == b->progress);
	FUZZ_ASSERT(a->unordered == b->unordered && a->zero == b->zero);
	FUZZ_ASSERT(a->tag == b->tag && a->bsd_tag == b->bsd_tag);
	FUZZ_ASSERT(a->quiet == b->quiet);
	FUZZ_ASSERT(a->special_files == b->special_files);
}

static void check_anew(const struct options *o)
{
	struct anew a = {0};
	struct options again;

	add(&a, "map");
	add_flags(&a, o);
	add_settings(&a, o);
	add_operands(&a, o);
	FUZZ_ASSERT(parse(&again, &a.c) == OPTIONS_RUN);
	FUZZ_ASSERT(said_size == 0);
	check_same(o, &again);
	options_release(&again);
}

/* A second time the same is said, whatever the first one left behind. */
static void check_twice(struct line *c, int rc)
{
	struct options o;
	char *before = fuzz_copy(said, said_size + 1);

	FUZZ_ASSERT(parse(&o, c) == rc);
	FUZZ_ASSERT(strcmp(said, before) == 0);
	options_release(&o);
	free(before);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = {data, size};
	struct line c = {0};
	struct options o;
	char *texts[ARGS_MAX];
	int rc, n = 0;

	texts[n] = fuzz_copy("map", 4);
	c.argv[n] = texts[n];
	/* Fewer than there is room for: written anew they may be more. */
	for (n = 1; n < ARGS_MAX / 4 && in.size > 0; n++)
		c.argv[n] = texts[n] = fuzz_take_text(&in);
	c.argc = n;
	rc = parse(&o, &c);
	if (rc == EXIT_USAGE) {
		check_said();
	} else {
		FUZZ_ASSERT(rc == OPTIONS_RUN || rc == OPTIONS_HELP);
		FUZZ_ASSERT(said_size == 0);
	}
	check_twice(&c, rc);
	if (rc == OPTIONS_RUN) {
		check_options(&o, &c);
		check_anew(&o);
	}
	options_release(&o);
	while (n > 0)
		free(texts[--n]);
	return 0;
}
