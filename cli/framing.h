/* SPDX-License-Identifier: MIT */
#ifndef FRAMING_H
#define FRAMING_H

/*
 * How items go to a program of `prun coproc`, and how its answers come back:
 *
 *   lines    an item and an LF, an answer and an LF
 *   null     the same with NUL
 *   jsonl    a JSON value on a line, both ways
 *   msgpack  a msgpack value, both ways
 *
 * On a line several columns have TABs between them, and numbers are text. What
 * would be read as another item, or as other columns, is an item that fails.
 */

#include <stdbool.h>
#include <sys/uio.h>

#include "options.h"
#include "partner.h"
#include "prun_msgpack.h"
#include "walk.h"

struct framing {
	enum program_framing kind;
	bool values; /* JSON answers are kept as values, not as texts */
	char *made;  /* a question that had to be written */
	struct walk walk;
	msgpack_zone zone;
};

/* What the options ask for, said by them or by the shape of the input. */
enum program_framing framing_of(const struct options *o);
const char *framing_name(enum program_framing framing);

/* 0 or -ENOMEM. */
int framing_init(struct framing *f, const struct options *o);
void framing_release(struct framing *f);

/* The task's argument, on its way: borrowed until the next call. 0, or the
 * failure of the task. */
int framing_question(struct iovec question[2], struct framing *f,
		     struct prun_task *task);
/* Whose end it knows: data and room stay as they are. */
void framing_expect(struct answer *a, struct framing *f);
/* The task's result: 0 or its failure. */
int framing_answer(struct framing *f, struct prun_task *task,
		   const struct answer *a);

#endif
