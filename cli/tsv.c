/* SPDX-License-Identifier: MIT */

#include "tsv.h"

#include <string.h>

const char *tsv_escape(char c)
{
	switch (c) {
	case '\t':
		return "\\t";
	case '\n':
		return "\\n";
	case '\r':
		return "\\r";
	case '\\':
		return "\\\\";
	default:
		return NULL;
	}
}

/* What the byte behind a backslash stands for; NUL: nothing. */
static char unescape(char c)
{
	switch (c) {
	case 't':
		return '\t';
	case 'n':
		return '\n';
	case 'r':
		return '\r';
	case '\\':
		return '\\';
	default:
		return '\0';
	}
}

static int column_take(struct fields *fields, const char *s, size_t len)
{
	const char *end = s + len;
	int rc = 0;

	while (rc == 0 && s < end) {
		const char *backslash = memchr(s, '\\', (size_t)(end - s));
		size_t plain = (size_t)((backslash ? backslash : end) - s);
		char c = backslash && backslash + 1 < end ?
				 unescape(backslash[1]) :
				 '\0';

		/* One that escapes nothing belongs to what is plain. */
		if (backslash && !c)
			plain++;
		rc = fields_put(fields, s, plain);
		s += plain;
		if (rc == 0 && c) {
			rc = fields_put(fields, &c, 1);
			s += 2;
		}
	}
	return rc < 0 ? rc : fields_end(fields);
}

int tsv_split(struct fields *fields, const char *line, size_t len)
{
	const char *end, *tab;
	int rc = 0;

	if (len > 0 && line[len - 1] == '\r')
		len--;
	end = line + len;
	while (rc == 0 && (tab = memchr(line, '\t', (size_t)(end - line)))) {
		rc = column_take(fields, line, (size_t)(tab - line));
		line = tab + 1;
	}
	return rc < 0 ? rc : column_take(fields, line, (size_t)(end - line));
}
