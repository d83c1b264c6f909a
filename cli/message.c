/* SPDX-License-Identifier: MIT */

#include "message.h"

#include "program.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "signals.h"
#include "utf8.h"

#define ITEM_SHOWN_MAX 4096
#define STATUS_SIZE 2048

static bool status_shown, status_taken;
static const char *topic;

/* What cannot be told on stderr cannot be told at all, so errors end it. */
static void stderr_write(const char *text, size_t len)
{
	signals_writing(true);
	while (len > 0) {
		ssize_t n = write(STDERR_FILENO, text, len);

		if (n > 0) {
			text += n;
			len -= (size_t)n;
		} else if (n < 0 && errno == EAGAIN) {
			struct pollfd wait = {.fd = STDERR_FILENO,
					      .events = POLLOUT};

			poll(&wait, 1, -1);
		} else if (n == 0 || errno != EINTR) {
			break;
		}
	}
	signals_writing(false);
}

void message_bytes(const void *data, size_t size)
{
	message_status_erase();
	stderr_write(data, size);
}

void message_status(const char *line, size_t len)
{
	char text[STATUS_SIZE];
	/*
	 * What was there is written over, and only the rest erased, so that
	 * nothing flickers. The cursor goes back to its beginning: when the
	 * terminal becomes narrower and breaks the line, all of it is behind
	 * the cursor still, and can be erased. The terminal may be narrower
	 * already than it is known to be, so it is not to break the line.
	 */
	int n = snprintf(text, sizeof(text), "\r\033[?7l%.*s\033[J\033[?7h\r",
			 (int)len, line);

	if (n > 0 && (size_t)n < sizeof(text))
		stderr_write(text, (size_t)n);
	status_shown = true;
	status_taken = false;
}

void message_status_erase(void)
{
	if (!status_shown)
		return;
	stderr_write("\r\033[J", 4);
	status_shown = false;
	status_taken = true;
}

bool message_status_taken(void)
{
	return status_taken;
}

void message_status_keep(void)
{
	if (status_shown)
		stderr_write("\n", 1);
	status_shown = status_taken = false;
}

/* The bytes of the character at `s`, one where there is none; and whether they
 * may be shown. */
static size_t look_at(const unsigned char *s, size_t len, bool *harmless)
{
	size_t n = utf8_length(s, len);

	*harmless = utf8_harmless(s, len) > 0;
	return n > 0 ? n : 1;
}

/* A text from elsewhere must not steer the terminal. */
static void put_text(FILE *f, const char *text, size_t len)
{
	const unsigned char *s = (const unsigned char *)text;
	bool harmless;

	for (size_t i = 0, n; i < len; i += n) {
		n = look_at(s + i, len - i, &harmless);
		if (harmless || s[i] == '\n' || s[i] == '\t')
			fwrite(s + i, 1, n, f);
		else
			putc_unlocked('?', f);
	}
}

static bool holds_harm(const unsigned char *s, size_t len)
{
	bool harmless = true;

	for (size_t i = 0; i < len && harmless;)
		i += look_at(s + i, len - i, &harmless);
	return !harmless;
}

static void put_escaped(FILE *f, unsigned char c)
{
	static const char letters[] = "abtnvfr"; /* from 7 on */

	if (c >= '\a' && c <= '\r')
		fprintf(f, "\\%c", letters[c - '\a']);
	else
		fprintf(f, "\\%03o", c);
}

/* As ls and md5sum do: 'a'$'\n''b'. */
static void put_quoted(FILE *f, const unsigned char *s, size_t len)
{
	bool dollar = false, harmless;

	putc_unlocked('\'', f);
	for (size_t i = 0, n; i < len; i += n) {
		n = look_at(s + i, len - i, &harmless);
		if (harmless == dollar) {
			fputs(harmless ? "''" : "'$'", f);
			dollar = !harmless;
		}
		if (s[i] == '\'')
			fputs("'\\''", f);
		else if (harmless)
			fwrite(s + i, 1, n, f);
		else
			for (size_t k = 0; k < n; k++)
				put_escaped(f, s[i + k]);
	}
	putc_unlocked('\'', f);
}

/* So much of an item is shown: no half of a character. */
static size_t shown_length(const unsigned char *s, size_t len)
{
	if (len <= ITEM_SHOWN_MAX)
		return len;
	for (size_t i = ITEM_SHOWN_MAX - 3; i < ITEM_SHOWN_MAX; i++)
		if (i + utf8_length(s + i, len - i) > ITEM_SHOWN_MAX)
			return i;
	return ITEM_SHOWN_MAX;
}

static void put_item(FILE *f, const void *item, size_t len)
{
	size_t shown = shown_length(item, len);

	if (len == 0 || holds_harm(item, shown))
		put_quoted(f, item, shown);
	else
		fwrite(item, 1, shown, f);
	if (shown < len)
		fputs("...", f);
}

/* A message is built whole first, so that it goes out in one write. */
struct building {
	FILE *file;
	char *text;
	size_t size;
};

static bool building_begin(struct building *b)
{
	b->text = NULL;
	b->file = open_memstream(&b->text, &b->size);
	if (b->file)
		fprintf(b->file, "%s: ", program_name());
	return b->file;
}

static void building_end(struct building *b)
{
	if (fclose(b->file) == 0) {
		message_status_erase();
		stderr_write(b->text, b->size);
	}
	free(b->text);
}

static void put_format(FILE *f, const char *format, va_list args)
{
	char *text;
	int n = vasprintf(&text, format, args);

	if (n < 0)
		return;
	put_text(f, text, (size_t)n);
	putc_unlocked('\n', f);
	free(text);
}

void message(const char *format, ...)
{
	struct building b;
	va_list args;

	if (!building_begin(&b))
		return;
	va_start(args, format);
	put_format(b.file, format, args);
	va_end(args);
	building_end(&b);
}

void message_topic(const char *name)
{
	topic = name;
}

static void try_help(void)
{
	char line[256];
	int n = snprintf(line, sizeof(line), "Try '%.*s %s%s--help'.\n", 160,
			 program_name(), topic ? topic : "", topic ? " " : "");

	stderr_write(line, (size_t)n);
}

int message_usage(const char *format, ...)
{
	struct building b;
	va_list args;

	if (!building_begin(&b))
		return EXIT_USAGE;
	va_start(args, format);
	put_format(b.file, format, args);
	va_end(args);
	building_end(&b);
	try_help();
	return EXIT_USAGE;
}

void message_item(const void *item, size_t item_len, const char *text,
		  size_t text_len)
{
	struct building b;

	if (!building_begin(&b))
		return;
	put_item(b.file, item, item_len);
	fputs(": ", b.file);
	put_text(b.file, text, text_len);
	putc_unlocked('\n', b.file);
	building_end(&b);
}
