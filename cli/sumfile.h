/* SPDX-License-Identifier: MIT */
#ifndef SUMFILE_H
#define SUMFILE_H

/*
 * The lines of a file of digests, as md5sum -c reads them. A digest is found
 * in one of these forms, of which blanks may stand before:
 *
 *   HEX  NAME           as md5sum writes it
 *   HEX *NAME           the same, "binary"
 *   HEX NAME            as BSD's md5 -r
 *   MD5 (NAME) = HEX    as BSD's md5 and md5sum --tag
 *   MD5(NAME)= HEX      as OpenSSL
 *
 * HEX may have letters of both cases, and the line end with CR. An empty line
 * and one that begins with '#' say nothing. A backslash before the rest says
 * that in NAME \\, \n and \r stand for a backslash, LF and CR, and that no
 * other one is there. NAME ends at a NUL.
 *
 * The form with one blank is good only in a run whose first line without a tag
 * has it, and then for all of them: or else one who writes names that begin
 * with a blank could have another file checked.
 */

#include <stdbool.h>
#include <stddef.h>

struct sum_digest {
	const char *name; /* of prun's function */
	unsigned digits;  /* of HEX */
	/* The first is prun's, md5sum's or BSD's, the others OpenSSL's or
	 * another program's; up to a NULL. */
	const char *tags[4];
};

enum sum_form {
	SUM_FORM_UNKNOWN = 0, /* no line without a tag so far */
	SUM_FORM_TYPED,	      /* two characters before NAME */
	SUM_FORM_BARE,	      /* one */
};

/* All zero at first. */
struct sum_reader {
	const struct sum_digest *only; /* NULL: any digest */
	bool zero; /* lines end with NUL: no CR is dropped, no name escaped */
	enum sum_form form;
};

struct sum_line {
	const struct sum_digest *digest;
	const char *hex;  /* digest->digits of them, in the line */
	const char *name; /* in the line too */
	size_t name_len;
};

enum sum_kind {
	SUM_NOTHING, /* a comment, or empty */
	SUM_BAD,
	SUM_GOOD,
};

/*
 * Without a tag, and without `only`, the number of digits tells the digest;
 * where several have it the first of the table is meant.
 *
 * The line is without its LF or NUL. It is written to: NAME becomes what was
 * meant by it.
 */
enum sum_kind sumfile_parse(struct sum_line *sum, struct sum_reader *reader,
			    char *line, size_t len);

/* By the name of its function; NULL when there is none. */
const struct sum_digest *sumfile_digest(const char *name);
/* All of them; NULL beyond the last. */
const struct sum_digest *sumfile_digest_at(size_t index);

#endif
