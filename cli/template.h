/* SPDX-License-Identifier: MIT */
#ifndef TEMPLATE_H
#define TEMPLATE_H

/*
 * The words of a command, with replacement strings in them:
 *
 *	{}     the item             {/}    its last component
 *	{.}    without extension    {//}   what is before that, or "."
 *	{#}    number of the task   {/.}   the last component without extension
 *	{%}    number of the worker
 *	{1}    the first of several items, {2} the second ...; {-1} the last;
 *	       {1.} {1/} {1//} {1/.} as above. Empty when there is none.
 *	{name} the column of that name, where columns have names; {name.} and so
 *	       on as above. A name begins with a letter or '_', or with a byte
 *	       beyond ASCII, and has no others than those, digits, '-', '.' and
 *	       blanks. An item without such a column cannot be expanded.
 *
 * A word with one of the first five is repeated for each item of the task, and
 * those that say which one are replaced in each word they are in. Whatever else
 * is in braces is left as it is. An extension begins with the last dot of the
 * last component; dots at its beginning do not count.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "columns.h"
#include "items.h"

struct template;

/*
 * Parse `count` words, the first `literal` of which have no replacement strings
 * in them. `replace` is written in place of {}, if it is not NULL; `named`:
 * columns have names. When there is no replacement string at all, {} is added
 * as a last word. NULL: no memory.
 */
struct template *template_new(const char *const *words, size_t count,
			      size_t literal, const char *replace, bool named);
void template_free(struct template *t);

/* Is there a replacement string in this word? */
bool template_varies(const struct template *t, size_t word);

/* Arguments of a command, and the memory they are in. */
struct args {
	char *bytes; /* one after the other, each with its NUL */
	size_t size, room;
	size_t count;
	/* count pointers and a NULL; what is before the first is free for one
	 * more. */
	char **argv;
	char **slots;
	size_t nslots;
	/* The name that is in the way after PRUN_EVALUE. */
	const char *missing;
	size_t missing_len;
};

struct substitutes {
	const struct items *items;
	const struct columns *columns; /* for names; NULL without any */
	uint64_t number;
	unsigned worker;
};

/* The words with these values. 0, -ENOMEM, or PRUN_EVALUE: a column is not
 * there. */
int template_expand(struct args *args, const struct template *t,
		    const struct substitutes *values);
void args_release(struct args *args);

/*
 * What a command takes of the memory that exec() has for arguments, at most:
 * without any item, and with one item of `len` bytes more.
 */
size_t template_bound(const struct template *t);
size_t template_bound_item(const struct template *t, size_t len);

#endif
