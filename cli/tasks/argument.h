/* SPDX-License-Identifier: MIT */
#ifndef ARGUMENT_H
#define ARGUMENT_H

/* The values of functions' arguments. */

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* A number in decimal digits or, behind 0x, in hexadecimal ones. */
static inline bool argument_number(uint64_t *value, const char *text,
				   uint64_t least, uint64_t most)
{
	bool hex = strncmp(text, "0x", 2) == 0;
	const char *digits = hex ? text + 2 : text;
	unsigned long long n;

	if (!*digits || digits[strspn(digits, hex ? "0123456789abcdefABCDEF" :
						    "0123456789")])
		return false;
	errno = 0;
	n = strtoull(digits, NULL, hex ? 16 : 10);
	if (errno != 0 || n < least || n > most)
		return false;
	*value = n;
	return true;
}

#endif
