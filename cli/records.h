/* SPDX-License-Identifier: MIT */
#ifndef RECORDS_H
#define RECORDS_H

/*
 * Items that are more than lines: how the options want them read, and what is
 * packed for each.
 *
 *   -C, --csv, --tsv   a record's columns; one is the item, as a bin, and
 *                      several are an array of bins
 *   --jsonl            a string is the item, as a bin; all else is the value
 *                      that it is in msgpack
 *   --msgpack          the value
 *
 * Where columns are to be spread over a function's parameters each item is an
 * array, whatever it holds; where they are to keep the names of a header, each
 * is a map of them.
 *
 * A record that is wrong in itself is an item that fails, with a text of what
 * is wrong. Where nobody can say where the next one begins, the input fails.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "colsep.h"
#include "csv.h"
#include "fields.h"
#include "options.h"
#include "prun.h"
#include "values.h"

/* What is wrong with a record. */
struct fault {
	TAILQ_ENTRY(fault) link;
	const char *name; /* of its input */
	char *text;
};

struct records {
	enum input_shape shape;
	bool header; /* the first record of each input names the columns */
	bool spread;
	bool keep_names;
	struct colsep colsep;
	struct csv csv;
	struct fields fields; /* of the record in hand */
	struct fields names;  /* of the columns, if there is a header */
	bool named;	      /* names are those of the input in hand */
	bool marked;	      /* the item in hand was too long, or is a fault */
	bool open;	      /* the record goes on in the next line */
	const char *name;     /* of the input in hand */
	uint64_t lines;	      /* of it so far */
	uint64_t first_line;  /* of the record in hand */
	uint64_t items;
	char why[256]; /* the input failed */
	TAILQ_HEAD(faults, fault) faults;
};

/* The cookie of an item that is longer than the pool takes. */
#define INPUT_TOO_LONG ((void *)1)

/* 0, or an exit code after a message. */
int records_init(struct records *r, const struct options *o);
void records_release(struct records *r);

/* Another input begins. The name is borrowed. */
void records_begin(struct records *r, const char *name);

/* Each as a source. PRUN_EVALUE: the input failed, see r->why. */
int records_from_lines(struct prun_item *item, struct records *r,
		       struct prun_lines *lines);
int records_from_values(struct prun_item *item, struct records *r,
			struct values *values);
/* A text that is a record, or, the first one, the names of columns: 1;
 * 0: it was no item; negative. */
int records_from_text(struct prun_item *item, struct records *r,
		      const char *text);

/* What was wrong with the item of this cookie; NULL: nothing. */
const struct fault *records_fault(const struct records *r, const void *cookie);
void records_forget(struct records *r, const struct fault *fault);

#endif
