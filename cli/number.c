/* SPDX-License-Identifier: MIT */

#include "number.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"
#include "prun.h"

/* The digits from `text` to `end`; what does not fit becomes UINT64_MAX. */
static bool digits_parse(uint64_t *value, const char *text, const char *end)
{
	uint64_t v = 0;

	if (text == end)
		return false;
	for (; text < end; text++) {
		if (*text < '0' || *text > '9')
			return false;
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*text - '0'), &v))
			v = UINT64_MAX;
	}
	*value = v;
	return true;
}

int number_parse(uint64_t *value, const char *option, const char *text,
		 uint64_t min, uint64_t max)
{
	uint64_t v;

	if (!digits_parse(&v, text, text + strlen(text)))
		return message_usage("--%s: '%s' is not a number", option,
				     text);
	if (v < min)
		return message_usage("--%s: '%s' is less than %" PRIu64, option,
				     text, min);
	if (v > max)
		return message_usage("--%s: '%s' is more than %" PRIu64, option,
				     text, max);
	*value = v;
	return 0;
}

int number_workers(uint32_t *workers, const char *option, const char *text)
{
	uint64_t cpus = (uint64_t)prun_cpu_count();
	size_t len = strlen(text);
	bool percent = len > 0 && text[len - 1] == '%';
	bool sign = text[0] == '+' || text[0] == '-';
	uint64_t v;

	if ((sign && percent) ||
	    !digits_parse(&v, text + sign, text + len - percent))
		return message_usage("--%s: '%s' is not a number, nor N%%, +N "
				     "or -N",
				     option, text);
	if (percent)
		v = __builtin_mul_overflow(v, cpus, &v) ? UINT64_MAX : v / 100;
	else if (text[0] == '+')
		v = v > PRUN_WORKERS_MAX ? v : cpus + v;
	else if (text[0] == '-')
		v = v >= cpus ? 1 : cpus - v;
	if (percent && v == 0)
		v = 1;
	if (v > PRUN_WORKERS_MAX)
		return message_usage("--%s: '%s' is more than %d", option, text,
				     PRUN_WORKERS_MAX);
	*workers = (uint32_t)v;
	return 0;
}

/* \NNN in octal or \xHH: the value, or -1. */
static int escape_code(const char *digits, int base)
{
	char *end;
	long v;

	/* strtol alone would take signs and white space. */
	if (!strchr(base == 8 ? "01234567" : "0123456789abcdefABCDEF",
		    *digits) ||
	    !*digits)
		return -1;
	if (base == 16 && (digits[1] == 'x' || digits[1] == 'X'))
		return -1;
	errno = 0;
	v = strtol(digits, &end, base);
	return errno || *end || v > 255 ? -1 : (int)v;
}

static int escape_parse(const char *s)
{
	static const char letters[] = "abfnrtv\\";
	static const char values[] = "\a\b\f\n\r\t\v\\";
	const char *letter;

	if (*s >= '0' && *s <= '7')
		return escape_code(s, 8);
	if (*s == 'x')
		return escape_code(s + 1, 16);
	letter = *s && !s[1] ? strchr(letters, *s) : NULL;
	return letter ? values[letter - letters] : -1;
}

int number_delimiter(char *delimiter, const char *option, const char *text)
{
	int c = -1;

	if (text[0] && !text[1])
		c = (unsigned char)text[0];
	else if (text[0] == '\\')
		c = escape_parse(text + 1);
	if (c < 0)
		return message_usage("--%s: '%s' is not one character or an "
				     "escape like \\t or \\x1f",
				     option, text);
	*delimiter = (char)c;
	return 0;
}
