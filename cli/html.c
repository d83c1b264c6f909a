/* SPDX-License-Identifier: MIT */

#include "html.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "output.h"
#include "utf8.h"

static void put(const char *text, size_t len)
{
	output_put(&standard_output, text, len);
}

void html_put(const char *format, ...)
{
	char text[1024];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	put(text, (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1);
}

/* What stands for an ASCII character; NULL: itself. */
static const char *entity(unsigned char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	case 0x7f:
		return "&#x2421;";
	default:
		return NULL;
	}
}

void html_text(const char *text, size_t len)
{
	const unsigned char *s = (const unsigned char *)text;

	while (len > 0) {
		size_t n = utf8_harmless(s, len);
		const char *instead = entity(*s);

		if (instead)
			html_put("%s", instead);
		else if (*s < ' ')
			html_put("&#x24%02x;", *s);
		else if (n > 0)
			put((const char *)s, n);
		else
			html_put("&#xfffd;");
		n = n > 0 ? n : utf8_length(s, len);
		s += n > 0 ? n : 1;
		len -= n > 0 ? n : 1;
	}
}

void html_count(uint64_t n)
{
	char digits[32];
	int len = snprintf(digits, sizeof(digits), "%" PRIu64, n);

	for (int i = 0; i < len; i++) {
		if (i > 0 && (len - i) % 3 == 0)
			put(",", 1);
		put(digits + i, 1);
	}
}

void html_seconds(double s)
{
	uint64_t whole = s > 0 && s < 1e15 ? (uint64_t)(s + 0.5) :
					     (uint64_t)1e15;

	if (!(s > 0))
		html_put("0 s");
	else if (s < 0.0009995)
		html_put("%.3g &micro;s", s * 1e6);
	else if (s < 0.9995)
		html_put("%.3g ms", s * 1e3);
	else if (s < 59.95)
		html_put("%.3g s", s);
	else if (whole < 3600)
		html_put("%d min %02d s", (int)(whole / 60), (int)(whole % 60));
	else
		html_put("%" PRIu64 " h %02d min", whole / 3600,
			 (int)(whole / 60 % 60));
}
