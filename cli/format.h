/* SPDX-License-Identifier: MIT */
#ifndef FORMAT_H
#define FORMAT_H

/*
 * Results as lines, or as what report.h says:
 *
 *   digests           HEX  NAME       or, with --bsd-tag, MD5 (NAME) = HEX
 *   wc, stat          TEXT NAME
 *   other values      a string raw, a number or a bool as text, nil not at
 *                     all, an array of those joined by TAB, the rest as
 *                     msgpack-c prints it
 *
 * A line ends with LF, and a name in it is escaped as md5sum does: when it
 * holds a backslash, LF or CR, these become \\, \n and \r, and the line gets
 * one backslash before it. With --zero it ends with NUL, and nothing is
 * escaped.
 */

#include <stdint.h>

#include "options.h"
#include "output.h"
#include "prun_msgpack.h"
#include "report.h"
#include "tasks/tasks.h"

struct format {
	struct output *out;
	enum task_kind kind;
	const char *bsd_tag; /* NULL: not asked for */
	bool tag;
	bool zero;
	bool zone_made;
	msgpack_zone zone; /* reused from result to result */
	bool reports;
	struct report report;
};

/* `task` is NULL for a function of a plugin. 0 or -ENOMEM. */
int format_init(struct format *f, struct output *out, const struct options *o,
		const struct task *task);
/* Also of one that is all zero. */
void format_release(struct format *f);
/* What comes before the first result. */
void format_begin(struct format *f);

/* Write a successful result and add the bytes its task has read to *bytes.
 * 0 or an error that is not the output's own. */
int format_result(uint64_t *bytes, struct format *f,
		  const struct prun_result *result);

/* The same for one that has failed and was told of: only a report has it. */
void format_failure(struct format *f, const struct prun_result *result,
		    const char *text, size_t len);

/* The item of a result or a running task, as text, borrowed until the next call:
 * columns with TABs between them, and of other values what text.h says. */
void format_item(const char **item, size_t *len, const void *argument,
		 size_t argument_size);

#endif
