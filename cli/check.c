/* SPDX-License-Identifier: MIT */

/* prun check: the digests of files against those that SUMFILEs list. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "command.h"
#include "format.h"
#include "message.h"
#include "output.h"
#include "run.h"
#include "sumfile.h"
#include "sums.h"
#include "tasks/file.h"
#include "tasks/tasks.h"
#include "verdict.h"

#define DIGESTS_MAX 64

struct check {
	const struct options *options;
	struct sum_reader reader;
	struct verdict verdict;
	struct sums sums;
	char kind[32]; /* for the verdict */
	struct prun_func funcs[DIGESTS_MAX];
	size_t nfuncs;
};

/* ------------------------------------------------------------ what is said */

/* As md5sum -c does: escaped when there is an LF in it, and only then. */
static void name_put(const struct check *c, const char *name, size_t len)
{
	struct output *out = &standard_output;
	bool escape = !c->options->zero && memchr(name, '\n', len);

	if (escape)
		output_put(out, "\\", 1);
	while (escape && len > 0) {
		size_t n = 0;

		while (n < len && !strchr("\\\n\r", name[n]))
			n++;
		output_put(out, name, n);
		name += n;
		len -= n;
		if (len > 0) {
			output_put(out,
				   *name == '\n' ? "\\n" :
				   *name == '\r' ? "\\r" :
						   "\\\\",
				   2);
			name++;
			len--;
		}
	}
	output_put(out, name, len);
}

static void line_put(const struct check *c, const struct prun_result *result,
		     const char *text)
{
	const char *name;
	size_t len;

	format_item(&name, &len, result->argument, result->argument_size);
	name_put(c, name, len);
	output_put(&standard_output, ": ", 2);
	output_put(&standard_output, text, strlen(text));
	output_put(&standard_output, c->options->zero ? "\0" : "\n", 1);
}

/* ---------------------------------------------------------------- the work */

static int check_ready(void *self, struct input *in)
{
	struct check *c = self;
	const struct options *o = c->options;
	int rc = 0;

	sums_init(&c->sums, &c->verdict, in, &c->reader);
	for (size_t i = 0; rc == 0 && i < c->verdict.nfiles; i++)
		rc = input_watch(in, o->nwords > 0 ? o->words[i] : "-");
	file_options.special = o->special_files;
	if (rc == 0 && !input_uses_stdin(in))
		rc = file_stdin_offer(STDIN_FILENO);
	if (rc < 0) {
		message("cannot start: %s", prun_strerror(rc));
		return EXIT_PRUN_FAILED;
	}
	return 0;
}

static int check_source(struct prun_item *item, void *self)
{
	struct check *c = self;

	return sums_source(item, &c->sums);
}

/* Tell of one that was read; 1 if it is another file than was meant. */
static int compare(struct check *c, const struct prun_result *result,
		   const char *hex, size_t len)
{
	const struct sums_item *wanted = result->cookie;
	struct sums_file *file = &c->verdict.files[wanted->file];
	enum check_report report = c->options->report;

	if (len != wanted->digits || strncasecmp(hex, wanted->hex, len) != 0) {
		file->mismatched++;
		if (report != REPORT_STATUS)
			line_put(c, result, "FAILED");
		return 1;
	}
	file->matched = true;
	if (report == REPORT_ALL || report == REPORT_WARN)
		line_put(c, result, "OK");
	return 0;
}

static int check_result(void *self, const struct prun_result *result,
			struct tally *tally)
{
	struct check *c = self;
	const char *hex;
	size_t len;
	uint64_t size;
	int rc = prun_result_unpack(result, "[s#, u]", &hex, &len, &size);

	if (rc < 0)
		return rc;
	tally->bytes += size;
	sums_reach(&c->sums, result->cookie);
	rc = compare(c, result, hex, len);
	sums_done(&c->sums, result->cookie);
	return rc;
}

static const char *check_reason(void *self)
{
	(void)self;
	return "does not match";
}

static void check_failure(void *self, const struct prun_result *result,
			  const char *text, size_t len)
{
	struct check *c = self;
	struct sums_item *wanted = result->cookie;

	sums_reach(&c->sums, wanted);
	if (!c->options->ignore_missing || result->status != -ENOENT) {
		c->verdict.files[wanted->file].unread++;
		run_tell(c->options, result, text, len);
		if (c->options->report != REPORT_STATUS)
			line_put(c, result, "FAILED open or read");
	}
	sums_done(&c->sums, wanted);
}

static int check_end(void *self, const struct tally *tally, int code)
{
	struct check *c = self;

	if (!sums_ended(&c->sums) || tally->unrun + tally->not_run > 0)
		return code;
	verdict_reach(&c->verdict, c->verdict.nfiles, 0);
	output_flush(&standard_output);
	if (code == EXIT_HALTED) /* by the last of them */
		return code;
	return verdict_is_good(&c->verdict) ? EXIT_ALL_WELL : EXIT_ITEM_FAILED;
}

/* --------------------------------------------------------- the sub-command */

static void funcs_fill(struct check *c)
{
	const struct task *task;

	for (size_t i = 0; (task = tasks_at(i)); i++)
		if (task->kind == TASK_DIGEST && c->nfuncs < DIGESTS_MAX)
			c->funcs[c->nfuncs++] = task->func;
}

static int algorithm_find(struct check *c)
{
	const char *name = c->options->algorithm;

	c->reader.zero = c->options->zero;
	if (!name)
		return 0;
	c->reader.only = sumfile_digest(name);
	if (!c->reader.only)
		return message_usage("--algorithm: '%s' is not a digest; "
				     "'prun funcs' lists them",
				     name);
	snprintf(c->kind, sizeof(c->kind), "%s ", c->reader.only->tags[0]);
	return 0;
}

static int check_all(struct check *c)
{
	const struct options *o = c->options;
	struct options run = *o;
	struct work work = {
		.self = c,
		.func = c->funcs[0],
		.funcs = c->funcs,
		.nfuncs = c->nfuncs,
		.ready = check_ready,
		.source = check_source,
		.result = check_result,
		.reason = check_reason,
		.failure = check_failure,
		.end = check_end,
	};

	/* The input has no items, and reads no list: the source does. */
	run.has_items = true;
	return run_items(&work, &run);
}

static int check_run(const struct options *o)
{
	struct check c = {.options = o, .sums = {.fd = -1}};
	int rc = algorithm_find(&c);

	if (rc != 0)
		return rc;
	funcs_fill(&c);
	if (verdict_init(&c.verdict, o, c.kind) < 0) {
		message("out of memory");
		return EXIT_PRUN_FAILED;
	}
	rc = check_all(&c);
	sums_release(&c.sums);
	verdict_release(&c.verdict);
	return rc;
}

/* clang-format off */
const struct command command_check = {
	.name = "check",
	.bit = COMMAND_CHECK,
	.operands = {.kind = OPERANDS_WORDS},
	.line = "check files against lists of digests, as md5sum -c",
	.usage = {"[SUMFILE...]"},
	.run = check_run,
	.about =
"Check each file that the SUMFILEs list, in parallel, and write in their order\n"
"'NAME: OK' or 'NAME: FAILED'. A SUMFILE '-', and no SUMFILE, is standard input.\n"
"Lines are those of md5sum, sha256sum and so on, of BSD's md5 -r and md5, and of\n"
"OpenSSL:\n"
"\n"
"  HEX  NAME    HEX *NAME    HEX NAME    MD5 (NAME) = HEX    MD5(NAME)= HEX\n"
"\n"
"Digests may be mixed. Without a tag, 32 digits are md5, 40 sha1, 56 sha224, 64\n"
"sha256, 96 sha384, 128 sha512, 8 crc32 and 16 xxh64; --algorithm says otherwise.\n",
	.after =
"Exit status: 0 if each SUMFILE has a file that matches, and none that does not\n"
"or cannot be read; 1 if not; 2 the command line is wrong; 3 prun itself failed;\n"
"4 stopped by --halt.\n"
"\n"
"Examples:\n"
"  prun check SHA256SUMS\n"
"  prun check --quiet --ignore-missing -a blake2b512 *.b2\n"
"  prun map xxh128 *.iso > sums && prun check -a xxh128 sums\n",
};
/* clang-format on */
