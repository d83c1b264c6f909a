/* SPDX-License-Identifier: MIT */

#include "number.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
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

int number_signed(int64_t *value, const char *option, const char *text,
		  int64_t min, int64_t max)
{
	bool minus = text[0] == '-';
	uint64_t v;
	int64_t n;

	if (!digits_parse(&v, text + minus, text + strlen(text)))
		return message_usage("--%s: '%s' is not a number", option,
				     text);
	n = v > INT64_MAX ? INT64_MAX : (int64_t)v;
	n = minus ? -n : n;
	if (n < min)
		return message_usage("--%s: '%s' is less than %" PRId64, option,
				     text, min);
	if (n > max)
		return message_usage("--%s: '%s' is more than %" PRId64, option,
				     text, max);
	*value = n;
	return 0;
}

/* What is left of `text` behind digits with or without a fraction; NULL: there
 * are none. */
static const char *decimal_skip(const char *text)
{
	static const char digits[] = "0123456789";
	size_t whole = strspn(text, digits), fraction;

	if (text[whole] != '.')
		return whole > 0 ? text + whole : NULL;
	fraction = strspn(text + whole + 1, digits);
	return whole + fraction > 0 ? text + whole + 1 + fraction : NULL;
}

int number_duration(uint64_t *ms, const char *option, const char *text,
		    uint64_t min_ms, uint64_t max_ms)
{
	static const struct {
		const char *name;
		double ms;
	} units[] = {{"", 1e3},	 {"ms", 1},   {"s", 1e3},
		     {"m", 6e4}, {"h", 36e5}, {"d", 864e5}};
	const char *unit = decimal_skip(text);
	double value = 0;

	for (size_t i = 0; unit && i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(unit, units[i].name) != 0)
			continue;
		value = strtod(text, NULL) * units[i].ms;
		if (value < (double)min_ms)
			return message_usage("--%s: '%s' is too short", option,
					     text);
		if (value > (double)max_ms)
			return message_usage("--%s: '%s' is too long", option,
					     text);
		*ms = (uint64_t)value;
		*ms += (double)*ms < value;
		return 0;
	}
	return message_usage("--%s: '%s' is not a length of time, such as 10, "
			     "1.5m or 250ms",
			     option, text);
}

/* 1024 to the power of the letter's place, 1000 with a B behind it; 0: no such
 * unit. */
static uint64_t size_unit(const char *unit)
{
	static const char letters[] = "KMGTP";
	const char *letter = strchr(letters, *unit);
	uint64_t base = 1024, value = 1;

	if (!*unit)
		return 1;
	if (!letter)
		return 0;
	if (strcmp(unit + 1, "B") == 0)
		base = 1000;
	else if (unit[1] && strcmp(unit + 1, "iB") != 0)
		return 0;
	for (; letter >= letters; letter--)
		value *= base;
	return value;
}

int number_size(uint64_t *bytes, const char *option, const char *text)
{
	const char *end = text + strspn(text, "0123456789");
	uint64_t unit = size_unit(end);
	uint64_t v;

	if (unit == 0 || !digits_parse(&v, text, end))
		return message_usage("--%s: '%s' is not a size, such as 4096, "
				     "500M or 2GiB",
				     option, text);
	if (v == 0)
		return message_usage("--%s: '%s' is less than 1", option, text);
	if (v == UINT64_MAX || __builtin_mul_overflow(v, unit, bytes))
		return message_usage("--%s: '%s' is too large", option, text);
	return 0;
}

int number_word(unsigned *place, const char *option, const char *text,
		const char *const *words, unsigned count)
{
	char list[256];
	size_t size = 0;

	for (unsigned i = 0; i < count; i++) {
		if (strcmp(text, words[i]) == 0) {
			*place = i;
			return 0;
		}
		if (size < sizeof(list))
			size += (size_t)snprintf(list + size,
						 sizeof(list) - size, "%s%s",
						 i == 0		? "" :
						 i == count - 1 ? " or " :
								  ", ",
						 words[i]);
	}
	return message_usage("--%s: '%s' is not %s", option, text, list);
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
