/* SPDX-License-Identifier: MIT */

#include "quote.h"

#include <stdbool.h>
#include <string.h>

static bool is_safe(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || (c && strchr("%+,-./:@_", c));
}

void quote_put(FILE *f, const char *text, size_t len)
{
	size_t safe = 0;

	while (safe < len && is_safe(text[safe]))
		safe++;
	if (safe == len && len > 0) {
		fwrite(text, 1, len, f);
		return;
	}
	putc('\'', f);
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\'')
			fputs("'\\''", f);
		else
			putc(text[i], f);
	}
	putc('\'', f);
}

void quote_words(FILE *f, char *const *words)
{
	for (char *const *word = words; *word; word++) {
		if (word != words)
			putc(' ', f);
		quote_put(f, *word, strlen(*word));
	}
}
