/* SPDX-License-Identifier: MIT */
#ifndef REPORT_H
#define REPORT_H

/*
 * Items and how they fared, a record each, for --format:
 *
 *   index    from 1 on, in the order of the input
 *   item     as it was given to the function; null where there was none: a
 *            line that is too long, a record that is wrong in itself
 *   status   "ok", or the name of an error: ENOENT, PRUN_EWORKER ...
 *   ms       for how long it ran, in milliseconds
 *   worker   the number of its worker; null: it never had one
 *   result   null for one that failed
 *   error    its text; null for one that did well
 *
 * Those of commands also have
 *
 *   exit     the status it has ended with; null: by a signal, or it never began
 *   signal   the number of the signal that has ended it; or null
 *
 * jsonl    An object a line; what has another name there, and why, says cell.h.
 * tsv      A line of the names, then a line each; a string as it is, with \t,
 *          \n, \r and \\ for TAB, LF, CR and backslash; null as nothing; any
 *          other value as JSON, or, where there is none, msgpack_b64: and its
 *          msgpack in base64.
 * msgpack  Maps, one behind the other; item and result as they are.
 */

#include "options.h"
#include "output.h"
#include "prun_msgpack.h"

struct report {
	struct output *out;
	enum output_format format;
	bool zero;
	bool commands; /* set by who has some, before the first record */
	bool zone_made;
	msgpack_zone zone;
	struct prun_packer *packer;
};

/* 0 or -ENOMEM; also a report that will not be used. */
int report_init(struct report *r, struct output *out, const struct options *o);
/* Also of one that is all zero. */
void report_release(struct report *r);

/* What comes before all records. */
void report_begin(struct report *r);
/* One that did well. `text` is the result in place of the task's own, if it is
 * not NULL. */
void report_result(struct report *r, const struct prun_result *result,
		   const char *text, size_t len);
/* How a command has ended. */
struct report_end {
	int status; /* 0, or an error that stands for its failure */
	int code;   /* -1: by a signal */
	int signal; /* or 0 */
	const char *output;
	size_t output_size;
	const char *error; /* why it has failed */
	size_t error_size;
};
void report_command(struct report *r, const struct prun_result *result,
		    const struct report_end *end);
/* One that has failed, with the text of why. */
void report_failure(struct report *r, const struct prun_result *result,
		    const char *error, size_t len);

#endif
