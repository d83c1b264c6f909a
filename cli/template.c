/* SPDX-License-Identifier: MIT */

#include "template.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_DIGITS 20

enum kind {
	LITERAL,
	ITEM,	/* each one */
	PLACED, /* the one at a place */
	NAMED,	/* the column of that name */
	NUMBER,
	WORKER,
};

enum cut {
	WHOLE,
	STEM,	   /* {.} */
	BASE,	   /* {/} */
	DIRECTORY, /* {//} */
	BASE_STEM, /* {/.} */
};

struct piece {
	enum kind kind;
	enum cut cut;
	long place;	  /* from 1, or from the end: -1 */
	const char *text; /* or the name */
	size_t len;
};

struct word {
	struct piece *pieces;
	size_t count;
};

struct template
{
	size_t count;
	struct word words[];
};

/* ------------------------------------------------------------------ to parse */

/* The place at `s`, or 0 when there is none; its end. */
static long place_parse(const char *s, const char **end)
{
	const char *digits = s + (*s == '-');
	char *after;
	long place;

	*end = s;
	if (*digits < '1' || *digits > '9')
		return 0;
	errno = 0;
	place = strtol(s, &after, 10);
	if (errno)
		return 0;
	*end = after;
	return place;
}

/* What part of it, at `p`: the length up to the end from `s` on, or 0. */
static size_t cut_parse(struct piece *piece, const char *s, const char *p)
{
	static const struct {
		const char *text;
		enum cut cut;
	} cuts[] = {
		{"}", WHOLE},
		{
			".}",
			STEM,
		},
		{"/}", BASE},
		{"//}", DIRECTORY},
		{"/.}", BASE_STEM},
	};

	for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
		size_t len = strlen(cuts[i].text);

		if (strncmp(p, cuts[i].text, len) == 0) {
			piece->cut = cuts[i].cut;
			return (size_t)(p - s) + len;
		}
	}
	return 0;
}

static bool begins_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
	       (unsigned char)c >= 0x80;
}

static bool is_of_name(char c)
{
	return begins_name(c) || (c >= '0' && c <= '9') || c == '-' ||
	       c == '.' || c == ' ';
}

static size_t name_parse(struct piece *piece, const char *s)
{
	const char *p = s + 1;

	if (!begins_name(*p))
		return 0;
	while (is_of_name(*p))
		p++;
	if (p[-1] == '.') /* of {name.} */
		p--;
	piece->kind = NAMED;
	piece->text = s + 1;
	piece->len = (size_t)(p - piece->text);
	return cut_parse(piece, s, p);
}

/* The length of a replacement string at `s`, which begins with '{', or 0. */
static size_t braces_parse(struct piece *piece, const char *s, bool named)
{
	const char *p;
	size_t len;

	if (strncmp(s, "{#}", 3) == 0 || strncmp(s, "{%}", 3) == 0) {
		piece->kind = s[1] == '#' ? NUMBER : WORKER;
		return 3;
	}
	piece->place = place_parse(s + 1, &p);
	piece->kind = piece->place ? PLACED : ITEM;
	len = cut_parse(piece, s, p);
	return len == 0 && named ? name_parse(piece, s) : len;
}

/* The same for all that is replaced. */
static size_t piece_parse(struct piece *piece, const char *s,
			  const char *replace, bool named)
{
	size_t len;

	*piece = (struct piece){.kind = ITEM, .cut = WHOLE};
	if (replace && strncmp(s, replace, strlen(replace)) == 0)
		return strlen(replace);
	if (*s != '{')
		return 0;
	len = braces_parse(piece, s, named);
	/* {} itself is as it is where something else is in its place. */
	return replace && len == 2 ? 0 : len;
}

static int piece_add(struct word *w, const struct piece *piece)
{
	struct piece *pieces =
		realloc(w->pieces, (w->count + 1) * sizeof(*pieces));

	if (!pieces)
		return -ENOMEM;
	w->pieces = pieces;
	pieces[w->count++] = *piece;
	return 0;
}

static int literal_add(struct word *w, const char *text, size_t len)
{
	struct piece piece = {.kind = LITERAL, .text = text, .len = len};

	return len > 0 ? piece_add(w, &piece) : 0;
}

static int word_parse(struct word *w, const char *text, const char *replace,
		      bool named)
{
	const char *begin = text;
	struct piece piece;
	size_t len;
	int rc = 0;

	while (*text && rc == 0) {
		len = piece_parse(&piece, text, replace, named);
		if (len == 0) {
			text++;
			continue;
		}
		rc = literal_add(w, begin, (size_t)(text - begin));
		if (rc == 0)
			rc = piece_add(w, &piece);
		text += len;
		begin = text;
	}
	return rc == 0 ? literal_add(w, begin, (size_t)(text - begin)) : rc;
}

bool template_varies(const struct template *t, size_t word)
{
	const struct word *w = &t->words[word];

	for (size_t i = 0; i < w->count; i++)
		if (w->pieces[i].kind != LITERAL)
			return true;
	return false;
}

struct template *template_new(const char *const *words, size_t count,
			      size_t literal, const char *replace, bool named)
{
	struct template *t =
		calloc(1, sizeof(*t) + (count + 1) * sizeof(t->words[0]));
	struct piece item = {.kind = ITEM, .cut = WHOLE};
	bool varies = false;
	int rc = 0;

	if (!t)
		return NULL;
	t->count = count;
	for (size_t i = 0; i < count && rc == 0; i++) {
		rc = i < literal ?
			     literal_add(&t->words[i], words[i],
					 strlen(words[i])) :
			     word_parse(&t->words[i], words[i], replace, named);
		varies |= template_varies(t, i);
	}
	if (rc == 0 && !varies)
		rc = piece_add(&t->words[t->count++], &item);
	if (rc < 0) {
		template_free(t);
		return NULL;
	}
	return t;
}

void template_free(struct template *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->count; i++)
		free(t->words[i].pieces);
	free(t);
}

/* -------------------------------------------------------------- parts of names */

static size_t last_slash(struct text s)
{
	while (s.len > 0 && s.text[s.len - 1] != '/')
		s.len--;
	return s.len;
}

static struct text without_slashes(struct text s)
{
	while (s.len > 1 && s.text[s.len - 1] == '/')
		s.len--;
	return s;
}

static struct text base_of(struct text s)
{
	size_t slash;

	s = without_slashes(s);
	slash = last_slash(s);
	if (slash < s.len) {
		s.text += slash;
		s.len -= slash;
	}
	return s;
}

static struct text directory_of(struct text s)
{
	size_t slash;

	s = without_slashes(s);
	slash = last_slash(s);
	if (slash == 0)
		return (struct text){".", 1};
	s.len = slash;
	return without_slashes(s);
}

static struct text stem_of(struct text s)
{
	size_t first = last_slash(s);

	while (first < s.len && s.text[first] == '.')
		first++;
	for (size_t i = s.len; i > first; i--)
		if (s.text[i - 1] == '.')
			return (struct text){s.text, i - 1};
	return s;
}

static struct text cut_text(struct text s, enum cut cut)
{
	switch (cut) {
	case STEM:
		return stem_of(s);
	case BASE:
		return base_of(s);
	case DIRECTORY:
		return directory_of(s);
	case BASE_STEM:
		return stem_of(base_of(s));
	case WHOLE:
		break;
	}
	return s;
}

/* ----------------------------------------------------------------- to expand */

static int put(struct args *args, const char *text, size_t len)
{
	if (len > args->room - args->size) {
		size_t room = (args->size + len) * 2 + 256;
		char *bytes = realloc(args->bytes, room);

		if (!bytes)
			return -ENOMEM;
		args->bytes = bytes;
		args->room = room;
	}
	if (len > 0)
		memcpy(args->bytes + args->size, text, len);
	args->size += len;
	return 0;
}

static int put_cut(struct args *args, struct text s, enum cut cut)
{
	s = cut_text(s, cut);
	return put(args, s.text, s.len);
}

static int put_number(struct args *args, uint64_t number)
{
	char digits[NUMBER_DIGITS + 1];
	int n = snprintf(digits, sizeof(digits), "%" PRIu64, number);

	return put(args, digits, (size_t)n);
}

static int put_placed(struct args *args, const struct piece *piece,
		      const struct items *items)
{
	size_t from_end = piece->place < 0 ? (size_t)-piece->place : 0;
	size_t i = from_end == 0	    ? (size_t)piece->place - 1 :
		   from_end <= items->count ? items->count - from_end :
					      items->count;

	return i < items->count ? put_cut(args, items->texts[i], piece->cut) :
				  0;
}

static int put_named(struct args *args, const struct piece *piece,
		     const struct columns *columns)
{
	const struct column *column =
		columns ? columns_named(columns, piece->text, piece->len) :
			  NULL;

	if (column)
		return put_cut(args, (struct text){column->text, column->len},
			       piece->cut);
	args->missing = piece->text;
	args->missing_len = piece->len;
	return PRUN_EVALUE;
}

/* One argument, with this one as the item of {} . */
static int put_word(struct args *args, const struct word *w,
		    const struct substitutes *v, size_t item)
{
	int rc = 0;

	for (size_t i = 0; i < w->count && rc == 0; i++) {
		const struct piece *p = &w->pieces[i];

		switch (p->kind) {
		case LITERAL:
			rc = put(args, p->text, p->len);
			break;
		case ITEM:
			rc = put_cut(args, v->items->texts[item], p->cut);
			break;
		case PLACED:
			rc = put_placed(args, p, v->items);
			break;
		case NAMED:
			rc = put_named(args, p, v->columns);
			break;
		case NUMBER:
			rc = put_number(args, v->number);
			break;
		case WORKER:
			rc = put_number(args, v->worker);
			break;
		}
	}
	args->count++;
	return rc == 0 ? put(args, "", 1) : rc;
}

static bool word_repeats(const struct word *w)
{
	for (size_t i = 0; i < w->count; i++)
		if (w->pieces[i].kind == ITEM)
			return true;
	return false;
}

/* The pointers, once the bytes have come to rest. */
static int point(struct args *args)
{
	char *p = args->bytes;

	if (args->nslots < args->count + 2) {
		size_t n = (args->count + 2) * 2;
		char **slots = realloc(args->slots, n * sizeof(*slots));

		if (!slots)
			return -ENOMEM;
		args->slots = slots;
		args->nslots = n;
	}
	args->argv = args->slots + 1;
	for (size_t i = 0; i < args->count; i++) {
		args->argv[i] = p;
		p += strlen(p) + 1;
	}
	args->argv[args->count] = NULL;
	return 0;
}

int template_expand(struct args *args, const struct template *t,
		    const struct substitutes *v)
{
	int rc = 0;

	args->size = 0;
	args->count = 0;
	for (size_t i = 0; i < t->count && rc == 0; i++) {
		const struct word *w = &t->words[i];
		size_t times = word_repeats(w) ? v->items->count : 1;

		for (size_t k = 0; k < times && rc == 0; k++)
			rc = put_word(args, w, v, k);
	}
	return rc == 0 ? point(args) : rc;
}

void args_release(struct args *args)
{
	free(args->bytes);
	free(args->slots);
	*args = (struct args){.bytes = NULL};
}

/* --------------------------------------------------------------- how much it is */

static size_t literal_size(const struct word *w)
{
	size_t size = 0;

	for (size_t i = 0; i < w->count; i++) {
		const struct piece *p = &w->pieces[i];

		if (p->kind == LITERAL)
			size += p->len;
		else if (p->kind == NUMBER || p->kind == WORKER)
			size += NUMBER_DIGITS;
	}
	return size + 1 + sizeof(char *);
}

size_t template_bound(const struct template *t)
{
	size_t size = sizeof(char *);

	for (size_t i = 0; i < t->count; i++)
		if (!word_repeats(&t->words[i]))
			size += literal_size(&t->words[i]);
	return size;
}

/* No part of an item is longer than the item, but for a "." of an empty one. */
size_t template_bound_item(const struct template *t, size_t len)
{
	size_t size = 0;

	for (size_t i = 0; i < t->count; i++) {
		const struct word *w = &t->words[i];

		if (word_repeats(w))
			size += literal_size(w);
		for (size_t k = 0; k < w->count; k++)
			if (w->pieces[k].kind == ITEM ||
			    w->pieces[k].kind == PLACED)
				size += len + 1;
	}
	return size;
}
