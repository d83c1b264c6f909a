/* SPDX-License-Identifier: MIT */
#ifndef CSV_H
#define CSV_H

/*
 * The records of CSV, as RFC 4180 has them, a line at a time. A column may
 * stand in double quotes, and must if it holds the comma, a quote, or the end
 * of a line; a quote within is two. Lines end with CR LF or LF. White space
 * belongs to its column.
 */

#include "fields.h"

enum csv_status {
	CSV_RECORD = 0, /* the line has ended the record */
	CSV_MORE = 1,	/* the line ends within quotes */
	CSV_BAD = 2,	/* csv->fault says what is wrong */
			/* negative: -ENOMEM */
};

struct csv {
	char comma;
	enum {
		CSV_START, /* of a column */
		CSV_PLAIN,
		CSV_QUOTED,
		CSV_QUOTE, /* behind a quote that may be the closing one */
	} state;
	const char *fault;
};

/* A line without its LF, behind those of the same record before. An empty line
 * is a record of one empty column. */
int csv_line(struct csv *csv, struct fields *fields, const char *line,
	     size_t len);
/* The fault of an input that ends behind CSV_MORE. */
extern const char csv_open_quote[];

#endif
