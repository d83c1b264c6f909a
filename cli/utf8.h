/* SPDX-License-Identifier: MIT */
#ifndef UTF8_H
#define UTF8_H

/* Characters of text that comes from elsewhere. */

#include <stddef.h>

/*
 * The bytes of the UTF-8 character at `s`, of `len` bytes that are there; 0 for
 * a byte that begins none: no long form of a shorter one, no half of a pair of
 * UTF-16, and nothing beyond U+10FFFF.
 */
static inline size_t utf8_length(const unsigned char *s, size_t len)
{
	unsigned char least = 0x80, most = 0xbf; /* of the second byte */
	size_t n = s[0] < 0xc2 ? 0 :
		   s[0] < 0xe0 ? 2 :
		   s[0] < 0xf0 ? 3 :
		   s[0] < 0xf5 ? 4 :
				 0;

	if (s[0] < 0x80)
		return 1;
	if (n > len)
		return 0;
	if (s[0] == 0xe0)
		least = 0xa0;
	else if (s[0] == 0xed)
		most = 0x9f;
	else if (s[0] == 0xf0)
		least = 0x90;
	else if (s[0] == 0xf4)
		most = 0x8f;
	if (n == 0 || s[1] < least || s[1] > most)
		return 0;
	for (size_t i = 2; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

/* The same for one that steers no terminal: 0 for U+0000 to U+001F and U+007F
 * to U+009F too. */
static inline size_t utf8_harmless(const unsigned char *s, size_t len)
{
	if (s[0] < ' ' || s[0] == 0x7f)
		return 0;
	if (len > 1 && s[0] == 0xc2 && s[1] < 0xa0)
		return 0;
	return utf8_length(s, len);
}

/* How much of a text to take that may have `most` bytes: no half of a
 * character at its end. */
static inline size_t utf8_cut(const char *s, size_t len, size_t most)
{
	size_t n = most;

	if (len <= most)
		return len;
	while (n > 0 && most - n < 3 && ((unsigned char)s[n] & 0xc0) == 0x80)
		n--;
	return n;
}

#endif
