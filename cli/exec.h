/* SPDX-License-Identifier: MIT */
#ifndef EXEC_H
#define EXEC_H

/* What exec.c, which runs commands, and exec_results.c, which shows what they
 * have come to, have in common. */

#include "batch.h"
#include "columns.h"
#include "items.h"
#include "joblog.h"
#include "report.h"
#include "run.h"
#include "runner.h"

struct exec {
	const struct options *options;
	struct template *template;
	struct plan plan;
	struct batch batch;
	struct report report;
	struct items items; /* of the result in hand */
	struct columns columns;
	char *name; /* them as one text */
	size_t name_len;
	char why[256]; /* the command has failed */
};

/* As the functions of struct work. */
int exec_result(void *self, const struct prun_result *result,
		struct tally *tally);
const char *exec_reason(void *self);
void exec_failure(void *self, const struct prun_result *result,
		  const char *text, size_t len);
void exec_failed(void *self, const struct prun_result *result, const char *text,
		 size_t len);
void exec_describe(void *self, const struct prun_result *result,
		   struct joblog_task *task);

#endif
