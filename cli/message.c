/* SPDX-License-Identifier: MIT */

#include "message.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "signals.h"

#define ITEM_SHOWN_MAX 4096

static bool status_shown;
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
	message_status_erase();
	stderr_write(line, len);
	status_shown = true;
}

void message_status_erase(void)
{
	if (status_shown)
		stderr_write("\r\033[K", 4);
	status_shown = false;
}

void message_status_keep(void)
{
	if (status_shown)
		stderr_write("\n", 1);
	status_shown = false;
}

static size_t control_length(const unsigned char *s, size_t len)
{
	if (s[0] < ' ' || s[0] == 0x7f)
		return 1;
	/* The controls U+0080 to U+009F in UTF-8. */
	if (len > 1 && s[0] == 0xc2 && s[1] >= 0x80 && s[1] <= 0x9f)
		return 2;
	return 0;
}

/* A text from elsewhere must not steer the terminal. */
static void put_text(FILE *f, const char *text, size_t len)
{
	const unsigned char *s = (const unsigned char *)text;

	for (size_t i = 0; i < len;) {
		size_t n = control_length(s + i, len - i);
		bool harmless = n == 0 || s[i] == '\n' || s[i] == '\t';

		putc_unlocked(harmless ? s[i] : '?', f);
		i += n > 0 ? n : 1;
	}
}

static bool holds_control(const unsigned char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (control_length(s + i, len - i))
			return true;
	return false;
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
	bool dollar = false;

	putc_unlocked('\'', f);
	for (size_t i = 0; i < len;) {
		size_t n = control_length(s + i, len - i);

		if ((n > 0) != dollar) {
			fputs(n > 0 ? "'$'" : "''", f);
			dollar = n > 0;
		}
		if (n > 0) {
			for (; n > 0; n--)
				put_escaped(f, s[i++]);
		} else if (s[i] == '\'') {
			fputs("'\\''", f);
			i++;
		} else {
			putc_unlocked(s[i++], f);
		}
	}
	putc_unlocked('\'', f);
}

static void put_item(FILE *f, const void *item, size_t len)
{
	bool cut = len > ITEM_SHOWN_MAX;

	if (cut)
		len = ITEM_SHOWN_MAX;
	if (len == 0 || holds_control(item, len))
		put_quoted(f, item, len);
	else
		fwrite(item, 1, len, f);
	if (cut)
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
		fputs("prun: ", b->file);
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
	char line[64];
	int n = snprintf(line, sizeof(line), "Try 'prun %s%s--help'.\n",
			 topic ? topic : "", topic ? " " : "");

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
