/* SPDX-License-Identifier: MIT */

#include "program.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

static const char *name = "prun";

void program_set_name(const char *argv0)
{
	const char *slash = argv0 ? strrchr(argv0, '/') : NULL;

	if (slash)
		argv0 = slash + 1;
	if (argv0 && *argv0)
		name = argv0;
}

const char *program_name(void)
{
	return name;
}

static bool in_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* Whether a word ends where `at` points: what follows a dot would belong to a
 * file's name. */
static bool word_ends(const char *at)
{
	return !in_word(*at) && !(*at == '.' && in_word(at[1]));
}

const char *program_find(const char *text, size_t *len)
{
	static const char word[] = "prun";
	const char *at = text;

	*len = sizeof(word) - 1;
	while ((at = strstr(at, word))) {
		if ((at == text || (!in_word(at[-1]) && at[-1] != '/')) &&
		    word_ends(at + *len))
			return at;
		at += *len;
	}
	return NULL;
}
