/* SPDX-License-Identifier: MIT */
#ifndef QUOTE_H
#define QUOTE_H

/* A text as a word of a shell's command line. */

#include <stddef.h>
#include <stdio.h>

/* As it is if that is safe, else in single quotes. */
void quote_put(FILE *f, const char *text, size_t len);
/* Words up to a NULL, with blanks between them. */
void quote_words(FILE *f, char *const *words);

#endif
