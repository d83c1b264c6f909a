/* SPDX-License-Identifier: MIT */

#include "csv.h"

#include <stdbool.h>
#include <string.h>

const char csv_open_quote[] = "a quote that is not closed";

/* The bytes of a run without any that mean something in this state. */
static size_t run_length(const struct csv *csv, const char *s, size_t len)
{
	size_t n = 0;

	if (csv->state == CSV_QUOTED) {
		const char *quote = memchr(s, '"', len);

		return quote ? (size_t)(quote - s) : len;
	}
	while (n < len && s[n] != csv->comma && s[n] != '"')
		n++;
	return n;
}

/* One byte that means something, or begins a column; -ENOMEM, or CSV_BAD. */
static int byte_take(struct csv *csv, struct fields *fields, char c)
{
	bool closed = csv->state == CSV_QUOTE;

	if (c == csv->comma && csv->state != CSV_QUOTED) {
		csv->state = CSV_START;
		return fields_end(fields);
	}
	if (c == '"' && csv->state == CSV_START) {
		csv->state = CSV_QUOTED;
		return 0;
	}
	if (c == '"' && csv->state == CSV_QUOTED) {
		csv->state = CSV_QUOTE;
		return 0;
	}
	if (c == '"' && closed) {
		csv->state = CSV_QUOTED;
		return fields_put(fields, &c, 1);
	}
	if (closed || c == '"') {
		csv->fault = closed ? "text behind a closing quote" :
				      "a quote in a column that does not begin "
				      "with one";
		return CSV_BAD;
	}
	csv->state = CSV_PLAIN;
	return fields_put(fields, &c, 1);
}

int csv_line(struct csv *csv, struct fields *fields, const char *line,
	     size_t len)
{
	size_t at = 0;
	int rc;

	while (at < len) {
		size_t n = 0;

		/* The CR of CR LF. */
		if (at == len - 1 && line[at] == '\r' &&
		    csv->state != CSV_QUOTED)
			break;
		if (csv->state == CSV_QUOTED || csv->state == CSV_PLAIN)
			n = run_length(csv, line + at, len - at);
		/* It may be at the end of a run. */
		if (n > 0 && at + n == len && line[len - 1] == '\r' &&
		    csv->state == CSV_PLAIN)
			n--;
		if (n > 0)
			rc = fields_put(fields, line + at, n);
		else
			rc = byte_take(csv, fields, line[at]);
		if (rc != 0)
			return rc;
		at += n > 0 ? n : 1;
	}
	if (csv->state == CSV_QUOTED) {
		rc = fields_put(fields, "\n", 1);
		return rc < 0 ? rc : CSV_MORE;
	}
	csv->state = CSV_START;
	return fields_end(fields);
}
