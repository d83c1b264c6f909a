/* SPDX-License-Identifier: MIT */
#ifndef COLSEP_H
#define COLSEP_H

/*
 * What divides columns (-C): an extended regular expression of POSIX, in which
 * \t, \n, \r, \f, \v, \a, \0, \NNN and \xHH are characters too, as in the
 * expressions that GNU parallel takes. One that says nothing but its own
 * characters is looked for as they are.
 */

#include <regex.h>
#include <stdbool.h>

#include "fields.h"

struct colsep {
	char *literal; /* NULL: it is the expression */
	size_t literal_len;
	bool has_regex;
	regex_t regex;
	char *line; /* a copy with a NUL behind it, for the expression */
	size_t room;
};

/* 0, or an exit code after a message. */
int colsep_parse(struct colsep *c, const char *text);
/* The same for one that must be a single byte. */
int colsep_parse_byte(char *byte, const char *text);
/* Also of one that is all zero. */
void colsep_release(struct colsep *c);

/* A line as columns: 0 or -ENOMEM. Empty ones count. */
int colsep_split(struct colsep *c, struct fields *fields, const char *line,
		 size_t len);

#endif
