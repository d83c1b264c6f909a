/* SPDX-License-Identifier: MIT */
#ifndef TSV_H
#define TSV_H

/*
 * Lines of columns with TABs between them. In a column a TAB, LF, CR or
 * backslash is written \t, \n, \r or \\; a backslash before anything else is
 * itself. A line may end with CR LF.
 */

#include "fields.h"

/* A line, without its LF, as columns: 0 or -ENOMEM. */
int tsv_split(struct fields *fields, const char *line, size_t len);

/* The two bytes that a byte is written as; NULL: it is written as it is. */
const char *tsv_escape(char c);

#endif
