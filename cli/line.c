/* SPDX-License-Identifier: MIT */

#include "line.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "utf8.h"

/* What is further away is as far. */
#define SECONDS_MAX 1e15

/* Add a text of one-column characters, if all of it fits. */
void line_put(struct line *l, const char *format, ...)
{
	size_t room = sizeof(l->text) - l->size;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(l->text + l->size, room, format, args);
	va_end(args);
	if (n < 0 || (size_t)n >= room || l->columns + (size_t)n > l->width)
		return;
	l->size += (size_t)n;
	l->columns += (size_t)n;
}

void line_put_code(struct line *l, const char *code)
{
	size_t n = strlen(code);

	if (l->size + n < sizeof(l->text)) {
		memcpy(l->text + l->size, code, n);
		l->size += n;
	}
}

/* Add a name, harmless, cut to the columns left. Characters that may be wide
 * (from U+1100 on) count as two: too short is better than a second line. */
void line_put_name(struct line *l, const char *name, size_t len)
{
	const unsigned char *s = (const unsigned char *)name;

	while (len > 0) {
		size_t n = utf8_harmless(s, len);
		size_t columns =
			n >= 3 && !(s[0] == 0xe0 ||
				    (n == 3 && s[0] == 0xe1 && s[1] < 0x84)) ?
				2 :
				1;
		size_t taken = n > 0 ? n : 1;

		if (l->columns + columns > l->width ||
		    l->size + taken >= sizeof(l->text))
			return;
		memcpy(l->text + l->size, n > 0 ? (const char *)s : "?", taken);
		l->size += taken;
		l->columns += columns;
		s += taken;
		len -= taken;
	}
}

void line_put_time(struct line *l, const char *separator, const char *label,
		   double seconds)
{
	/* --total may be any number. */
	uint64_t s = seconds < SECONDS_MAX ? (uint64_t)(seconds + 0.5) :
					     (uint64_t)SECONDS_MAX;

	if (s >= 360000)
		line_put(l, "%s%s%" PRIu64 "d", separator, label, s / 86400);
	else if (s >= 3600)
		line_put(l, "%s%s%" PRIu64 ":%02u:%02u", separator, label,
			 s / 3600, (unsigned)(s / 60 % 60), (unsigned)(s % 60));
	else
		line_put(l, "%s%s%u:%02u", separator, label, (unsigned)(s / 60),
			 (unsigned)(s % 60));
}
