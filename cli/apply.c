/* SPDX-License-Identifier: MIT */

/* prun apply: one call of a function, as Python's Pool.apply(). */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "format.h"
#include "function.h"
#include "message.h"
#include "output.h"
#include "run.h"

struct apply {
	const struct options *options;
	struct function function;
	struct format format;
	bool given;
};

static int apply_ready(void *self, struct input *in)
{
	struct apply *a = self;

	int rc = function_ready(&a->function, a->options, in);

	/* That is what there will be. */
	in->given = 1;
	in->ended = true;
	if (rc == 0)
		format_begin(&a->format);
	return rc;
}

/* One ARG is the item that it would be for map; several are parameters. */
static int apply_source(struct prun_item *item, void *self)
{
	struct apply *a = self;
	const struct options *o = a->options;
	struct prun_packer *packer = prun_item_packer(item);
	int rc = 0;

	if (a->given)
		return 0;
	a->given = true;
	if (o->nitems != 1)
		rc = prun_pack_array(packer, (uint32_t)o->nitems);
	for (size_t i = 0; i < o->nitems && rc == 0; i++)
		rc = prun_pack_bin(packer, o->items[i], strlen(o->items[i]));
	return rc < 0 ? rc : 1;
}

static int apply_result(void *self, const struct prun_result *result,
			struct tally *tally)
{
	struct apply *a = self;

	return format_result(&tally->bytes, &a->format, result);
}

static void apply_failed(void *self, const struct prun_result *result,
			 const char *text, size_t len)
{
	struct apply *a = self;

	format_failure(&a->format, result, text, len);
}

/* Under the name of the function where there is no one item. */
static void apply_failure(void *self, const struct prun_result *result,
			  const char *text, size_t len)
{
	struct apply *a = self;
	const struct options *o = a->options;

	if (o->nitems == 1)
		run_tell(o, result, text, len);
	else if (!o->quiet)
		message_item(o->func, strlen(o->func), text, len);
}

static int apply_run(const struct options *o)
{
	struct options no_input = *o;
	struct apply a = {.options = o};
	struct work work = {
		.self = &a,
		.star = o->nitems != 1,
		.ready = apply_ready,
		.source = apply_source,
		.result = apply_result,
		.failed = apply_failed,
		.failure = apply_failure,
	};
	int rc = function_find(&a.function, o);

	/* The ARGs are no items, and there are no others. */
	no_input.nitems = 0;
	no_input.has_items = true;
	if (rc == 0)
		rc = function_format(&a.format, &a.function, o);
	if (rc == 0) {
		work.func = a.function.func;
		rc = run_items(&work, &no_input);
	}
	format_release(&a.format);
	function_release(&a.function);
	return rc;
}

/* clang-format off */
const struct command command_apply = {
	.name = "apply",
	.bit = COMMAND_APPLY,
	.operands = {.kind = OPERANDS_FUNC, .what = "function"},
	.line = "call FUNC once, with all ARGs",
	.usage = {"FUNC [ARG...]", "FUNC ::: ARG..."},
	.run = apply_run,
	.about =
"Call FUNC once, in a worker, and write its result. FUNC is what it is for\n"
"'prun map'. One ARG is given to it as map gives an item; several, or none, as\n"
"parameters. What follows ::: is never an option, and so is what follows --.\n",
	.after =
"The result is written as by 'prun map', see 'prun help map'.\n"
"\n"
"Exit status: 0 all well; 1 the call failed; 2 the command line is wrong, an\n"
"unknown function, a bad plugin; 3 prun itself failed.\n"
"\n"
"Examples:\n"
"  prun apply sha256 image.iso\n"
"  prun apply --timeout 10 ./plugin.so:solve 7 red\n",
};
/* clang-format on */
