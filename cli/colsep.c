/* SPDX-License-Identifier: MIT */

#include "colsep.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"

/* ------------------------------------------------------------------ the text */

static unsigned digits_value(const char **text, unsigned base, size_t most)
{
	static const char digits[] = "0123456789abcdef";
	unsigned value = 0;

	for (size_t i = 0; i < most; i++) {
		char c = **text >= 'A' && **text <= 'F' ?
				 (char)(**text - 'A' + 'a') :
				 **text;
		const char *digit = c ? strchr(digits, c) : NULL;

		if (!digit || (unsigned)(digit - digits) >= base)
			break;
		value = value * base + (unsigned)(digit - digits);
		++*text;
	}
	return value;
}

static bool is_special(char c)
{
	return c && strchr(".[]()*+?{}|^$\\", c);
}

/* The character that an escape stands for, behind its backslash; -1: it is no
 * escape of a character, but the expression's own. */
static int escape_read(const char **text)
{
	static const char letters[] = "tnrfva";
	static const char values[] = "\t\n\r\f\v\a";
	const char *letter = **text ? strchr(letters, **text) : NULL;

	if (letter) {
		++*text;
		return values[letter - letters];
	}
	/* \1 to \9 are references to groups. */
	if (**text == '0')
		return (int)(digits_value(text, 8, 3) & 0xff);
	if (**text == 'x') {
		++*text;
		return (int)digits_value(text, 16, 2);
	}
	return -1;
}

/*
 * Put the expression without the escapes of characters into `regex`, and, while
 * it is nothing but characters, these into `literal`. Both have room for all of
 * the text, with a backslash before each. Whether it is.
 */
static bool escapes_resolve(char *regex, char *literal, size_t *literal_len,
			    const char *text)
{
	bool plain = true;
	size_t n = 0;

	while (*text) {
		char c = *text++;
		int value = c == '\\' ? escape_read(&text) : -1;

		if (c != '\\') {
			plain &= !is_special(c);
			*regex++ = c;
		} else if (value >= 0) {
			c = (char)value;
			if (is_special(c))
				*regex++ = '\\';
			*regex++ = c;
		} else {
			/* What it escapes, if anything. */
			*regex++ = c;
			c = *text;
			plain &= is_special(c);
			if (c)
				*regex++ = *text++;
		}
		literal[n++] = c;
	}
	*regex = '\0';
	*literal_len = n;
	return plain;
}

/* -------------------------------------------------------------------- to make */

static int regex_make(struct colsep *c, const char *regex, const char *text)
{
	char why[128];
	int rc = regcomp(&c->regex, regex, REG_EXTENDED);

	if (rc != 0) {
		regerror(rc, &c->regex, why, sizeof(why));
		return message_usage("--colsep: '%s': %s", text, why);
	}
	c->has_regex = true;
	if (regexec(&c->regex, "", 0, NULL, 0) == 0)
		return message_usage("--colsep: '%s' matches the empty text",
				     text);
	return 0;
}

int colsep_parse(struct colsep *c, const char *text)
{
	char *regex = malloc(2 * strlen(text) + 1);
	int rc = 0;

	*c = (struct colsep){.literal = calloc(1, strlen(text) + 1)};
	if (!regex || !c->literal) {
		message("out of memory");
		rc = EXIT_PRUN_FAILED;
	} else if (!*text) {
		rc = message_usage("--colsep: it is empty");
	} else if (!escapes_resolve(regex, c->literal, &c->literal_len, text)) {
		bool has_nul = memchr(c->literal, '\0', c->literal_len);

		free(c->literal);
		c->literal = NULL;
		rc = has_nul ? message_usage("--colsep: '%s': NUL cannot be in "
					     "an expression",
					     text) :
			       regex_make(c, regex, text);
	}
	free(regex);
	return rc;
}

int colsep_parse_byte(char *byte, const char *text)
{
	struct colsep c;
	int rc = colsep_parse(&c, text);

	if (rc == 0 && c.literal && c.literal_len == 1 &&
	    !strchr("\"\r\n", c.literal[0])) /* nor a NUL */
		*byte = c.literal[0];
	else if (rc == 0)
		rc = message_usage("--colsep: '%s': with --csv it is one "
				   "character that is no quote, CR, LF or NUL",
				   text);
	colsep_release(&c);
	return rc;
}

void colsep_release(struct colsep *c)
{
	free(c->literal);
	free(c->line);
	if (c->has_regex)
		regfree(&c->regex);
	*c = (struct colsep){.literal = NULL};
}

/* ------------------------------------------------------------------- to split */

/* Where the next separator is from `at` on, and behind which byte it ends;
 * false: nowhere. One that is empty there, such as 'x*', is none. */
static bool separator_find(const struct colsep *c, const char *line, size_t len,
			   size_t at, size_t *start, size_t *end)
{
	regmatch_t match = {.rm_so = (regoff_t)at, .rm_eo = (regoff_t)len};

	if (c->literal) {
		const char *found =
			memmem(line + at, len - at, c->literal, c->literal_len);

		*start = found ? (size_t)(found - line) : len;
		*end = *start + c->literal_len;
		return found;
	}
	if (regexec(&c->regex, line, 1, &match,
		    REG_STARTEND | (at > 0 ? REG_NOTBOL : 0)) != 0)
		return false;
	*start = (size_t)match.rm_so;
	*end = (size_t)match.rm_eo;
	return *end > *start;
}

/* The lengths given, regexec() needs no NUL; but the word of POSIX is that it
 * is given a string, and sanitizers take it by that. */
static int line_copy(struct colsep *c, const char *line, size_t len)
{
	if (len >= c->room) {
		size_t room = len + len / 2 + 64;
		char *copy = realloc(c->line, room);

		if (!copy)
			return -ENOMEM;
		c->line = copy;
		c->room = room;
	}
	memcpy(c->line, line, len);
	c->line[len] = '\0';
	return 0;
}

int colsep_split(struct colsep *c, struct fields *fields, const char *line,
		 size_t len)
{
	size_t at = 0, start, end;
	int rc = 0;

	if (!c->literal) {
		rc = line_copy(c, line, len);
		line = c->line;
	}
	while (rc == 0 && separator_find(c, line, len, at, &start, &end)) {
		rc = fields_add(fields, line + at, start - at);
		at = end;
	}
	return rc < 0 ? rc : fields_add(fields, line + at, len - at);
}
