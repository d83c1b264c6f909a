/* SPDX-License-Identifier: MIT */
#include <endian.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "value.h"

/*
 * prun_pack and prun_unpack: values by format. prun.h specifies the formats.
 * Both walk the format once per pass by recursive descent; brackets nest at
 * most VALUE_DEPTH_MAX deep, as values do, and so does the recursion.
 */

static bool is_separator(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r') || c == ',' || c == ':';
}

/* The first character of the next item; '\0' at the end. */
static char next_item(const char **at)
{
	while (is_separator(**at))
		++*at;
	return **at;
}

/* A modifier stands right behind its letter. */
static bool take(const char **at, char modifier)
{
	if (**at != modifier)
		return false;
	++*at;
	return true;
}

/*
 * The items from here to the bracket that closes this level. A '*' right
 * before the bracket does not count: it stands for the rest. Whether the
 * format is well-formed shows when the items are read.
 */
static size_t count_items(const char *at, bool *rest)
{
	size_t count = 0, level = 0;
	char c;

	*rest = false;
	for (; (c = next_item(&at)) != '\0'; at++) {
		if (c == '#' || c == '?')
			continue;
		if (c == ']' || c == '}') {
			if (level == 0)
				break;
			level--;
			continue;
		}
		if (level == 0) {
			count++;
			*rest = c == '*';
		}
		if (c == '[' || c == '{')
			level++;
	}
	return *rest ? count - 1 : count;
}

struct packing {
	struct prun_packer *packer;
	const char *at;
	unsigned depth;
	va_list args;
};

static int pack_value(struct packing *f);

/* s, y and V, with their '?' and '#'. */
static int pack_bytes(struct packing *f, char letter)
{
	bool optional = take(&f->at, '?');
	bool sized = take(&f->at, '#');
	const char *data;
	size_t size;

	if (!sized && letter != 's')
		return PRUN_EINVAL;
	/* char * and void * may stand for each other here (C11 7.16.1.1). */
	data = va_arg(f->args, const char *);
	size = sized ? va_arg(f->args, size_t) : 0;
	if (!data)
		return optional ? prun_pack_nil(f->packer) : PRUN_EVALUE;
	if (!sized)
		size = strlen(data);
	if (letter == 's')
		return prun_pack_str(f->packer, data, size);
	if (letter == 'y')
		return prun_pack_bin(f->packer, data, size);
	if (prun_value_check(data, size) < 0)
		return PRUN_EVALUE;
	return prun_packer_write(f->packer, data, size);
}

static int pack_scalar(struct packing *f)
{
	char letter = *f->at;

	/* Not past the end of a format that ends too early. */
	if (letter == '\0')
		return PRUN_EINVAL;
	f->at++;
	switch (letter) {
	case 'n':
		return prun_pack_nil(f->packer);
	case 'b':
		return prun_pack_bool(f->packer, va_arg(f->args, int));
	case 'i':
		return prun_pack_int(f->packer, va_arg(f->args, int));
	case 'I':
		return prun_pack_int(f->packer, va_arg(f->args, int64_t));
	case 'u':
		return prun_pack_uint(f->packer, va_arg(f->args, uint64_t));
	case 'f':
		return prun_pack_double(f->packer, va_arg(f->args, double));
	case 's':
	case 'y':
	case 'V':
		return pack_bytes(f, letter);
	default:
		return PRUN_EINVAL;
	}
}

static int pack_array(struct packing *f, size_t count)
{
	size_t i;
	int rc = prun_pack_array(f->packer, (uint32_t)count);

	for (i = 0; rc == 0 && i < count; i++)
		rc = pack_value(f);
	return rc;
}

static int pack_map(struct packing *f, size_t count)
{
	size_t i;
	int rc;

	if (count % 2)
		return PRUN_EINVAL;
	rc = prun_pack_map(f->packer, (uint32_t)(count / 2));
	for (i = 0; rc == 0 && i < count; i += 2) {
		/* A key is a scalar: brackets are no letter. */
		next_item(&f->at);
		rc = pack_scalar(f);
		if (rc == 0)
			rc = pack_value(f);
	}
	return rc;
}

static int pack_value(struct packing *f)
{
	char c = next_item(&f->at);
	size_t count;
	bool rest;
	int rc;

	if (c != '[' && c != '{')
		return pack_scalar(f);
	f->at++;
	if (f->depth == VALUE_DEPTH_MAX)
		return PRUN_EINVAL;
	count = count_items(f->at, &rest);
	if (rest || count > UINT32_MAX)
		return PRUN_EINVAL;
	f->depth++;
	rc = c == '[' ? pack_array(f, count) : pack_map(f, count);
	f->depth--;
	if (rc < 0)
		return rc;
	if (next_item(&f->at) != (c == '[' ? ']' : '}'))
		return PRUN_EINVAL;
	f->at++;
	return 0;
}

int prun_vpack(struct prun_packer *packer, const char *format, va_list args)
{
	struct packing f = {.packer = packer, .at = format};
	size_t before = packer->size;
	int error, rc;

	if (packer->error)
		return packer->error;
	if (!format)
		return PRUN_EINVAL;
	va_copy(f.args, args);
	rc = pack_value(&f);
	va_end(f.args);
	if (rc == 0 && next_item(&f.at) != '\0')
		rc = PRUN_EINVAL;
	if (rc < 0) {
		/* An error of the packer itself stays, as the contract says. */
		error = packer->error;
		packer_truncate(packer, before);
		packer->error = error;
	}
	return rc;
}

int prun_pack(struct prun_packer *packer, const char *format, ...)
{
	va_list args;
	int rc;

	va_start(args, format);
	rc = prun_vpack(packer, format, args);
	va_end(args);
	return rc;
}

/*
 * Unpacking makes three passes over the format: the first without a value,
 * which finds what is wrong with the format whatever the value is; the second
 * compares the value with it; the third stores. A value of NULL means that
 * there is none, as behind a key that may be missing.
 */
struct unpacking {
	const char *format;
	const char *at;
	char **message;
	unsigned depth;
	bool store;
	va_list args;
};

/* Where the value being read is, from the inside out; NULL: outermost. */
struct place {
	const struct place *up;
	const char *key; /* NULL: an element of an array */
	size_t index;
};

/* A value as its bytes; data NULL: none. */
struct span {
	const unsigned char *data;
	size_t size;
};

static int unpack_value(struct unpacking *u, struct span v,
			const struct place *place);

/* Messages are built in a packer as in any growing buffer; its error is
 * looked at in the end. */
static void print(struct prun_packer *text, const char *format, ...)
	PRUN_PRINTF(2, 3);
static void vprint(struct prun_packer *text, const char *format, va_list args)
	PRUN_PRINTF(2, 0);

static void vprint(struct prun_packer *text, const char *format, va_list args)
{
	va_list again;
	int len;

	va_copy(again, args);
	len = vsnprintf(NULL, 0, format, again);
	va_end(again);
	if (len < 0 || packer_reserve(text, (size_t)len + 1) < 0)
		return;
	vsnprintf((char *)text->data + text->size, (size_t)len + 1, format,
		  args);
	text->size += (size_t)len;
}

static void print(struct prun_packer *text, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vprint(text, format, args);
	va_end(args);
}

static void print_place(struct prun_packer *text, const struct place *place)
{
	if (!place) {
		print(text, "value");
		return;
	}
	print_place(text, place->up);
	if (place->key)
		print(text, ".%s", place->key);
	else
		print(text, "[%zu]", place->index);
}

/* Hand the text over, or nothing when there was no memory for it. */
static void give_message(struct unpacking *u, struct prun_packer *text)
{
	if (text->error)
		packer_release(text);
	*u->message = (char *)text->data;
}

static int wrong_format(struct unpacking *u, const char *why)
{
	struct prun_packer text;

	if (!u->message)
		return PRUN_EINVAL;
	packer_init(&text, INT_MAX);
	print(&text, "format \"%s\", character %zu: %s", u->format,
	      (size_t)(u->at - u->format) + 1, why);
	give_message(u, &text);
	return PRUN_EINVAL;
}

static int wrong_value(struct unpacking *u, const struct place *place,
		       const char *format, ...) PRUN_PRINTF(3, 4);

static int wrong_value(struct unpacking *u, const struct place *place,
		       const char *format, ...)
{
	struct prun_packer text;
	va_list args;

	if (!u->message)
		return PRUN_ETYPE;
	packer_init(&text, INT_MAX);
	print_place(&text, place);
	print(&text, ": ");
	va_start(args, format);
	vprint(&text, format, args);
	va_end(args);
	give_message(u, &text);
	return PRUN_ETYPE;
}

static int wrong_kind(struct unpacking *u, const struct place *place,
		      const char *wanted, struct span v)
{
	return wrong_value(u, place, "expected %s, found %s", wanted,
			   value_kind(v.data, v.size));
}

/* Step into an array or a map: the span of what it holds. */
static bool open_container(struct span *v, uint32_t *count, unsigned kind)
{
	size_t head = value_container(v->data, kind, count);

	v->data += head;
	v->size -= head;
	return head > 0;
}

/* Cut the first value off the values of a container. */
static struct span take_value(struct span *values)
{
	int64_t length = value_length(values->data, values->size);
	struct span v = {values->data, length > 0 ? (size_t)length : 0};

	values->data += v.size;
	values->size -= v.size;
	return v;
}

static bool is_integer(struct span v)
{
	unsigned char type = v.data[0];

	return type < 0x80 || type >= 0xe0 || (type >= 0xcc && type <= 0xd3);
}

/* An unsigned number may be one that value_int() has no room for. */
static bool read_uint(struct span v, uint64_t *value)
{
	int64_t number;
	uint64_t bits;

	if (value_int(v.data, v.size, &number) == 0) {
		*value = (uint64_t)number;
		return number >= 0;
	}
	memcpy(&bits, v.data + 1, sizeof(bits));
	*value = be64toh(bits);
	return true;
}

static int unpack_integer(struct unpacking *u, char letter, void *target,
			  struct span v, const struct place *place)
{
	uint64_t whole = 0;
	int64_t number = 0;

	if (!is_integer(v))
		return wrong_kind(u, place, "an integer", v);
	if (letter == 'u') {
		if (!read_uint(v, &whole))
			return wrong_value(
				u, place, "a negative integer is out of range");
		if (u->store)
			*(uint64_t *)target = whole;
		return 0;
	}
	if (value_int(v.data, v.size, &number) < 0)
		return wrong_value(u, place,
				   "the integer is out of range: above 2^63-1");
	if (letter == 'I') {
		if (u->store)
			*(int64_t *)target = number;
		return 0;
	}
	if (number < INT_MIN || number > INT_MAX)
		return wrong_value(u, place, "%lld is out of range of an int",
				   (long long)number);
	if (u->store)
		*(int *)target = (int)number;
	return 0;
}

static int unpack_bool(struct unpacking *u, int *target, struct span v,
		       const struct place *place)
{
	if (v.data[0] != 0xc2 && v.data[0] != 0xc3)
		return wrong_kind(u, place, "a boolean", v);
	if (u->store)
		*target = v.data[0] == 0xc3;
	return 0;
}

static int unpack_double(struct unpacking *u, double *target, struct span v,
			 const struct place *place)
{
	double number;

	if (value_double(v.data, v.size, &number) < 0)
		return wrong_kind(u, place, "a number", v);
	if (u->store)
		*target = number;
	return 0;
}

/* n, b, i, I, u and f: one target, or none. */
static int unpack_scalar(struct unpacking *u, struct span v,
			 const struct place *place)
{
	char letter = *u->at;
	void *target = NULL;

	if (letter == '\0' || !strchr("nbiIuf", letter))
		return wrong_format(u, letter ? "not an item" : "ends early");
	/* All pointers to objects are alike where this library runs. */
	if (letter != 'n') {
		target = va_arg(u->args, void *);
		if (!target)
			return wrong_format(u, "its target is NULL");
	}
	u->at++;
	if (!v.data)
		return 0;
	switch (letter) {
	case 'n':
		return v.data[0] == 0xc0 ? 0 : wrong_kind(u, place, "nil", v);
	case 'b':
		return unpack_bool(u, target, v, place);
	case 'f':
		return unpack_double(u, target, v, place);
	default:
		return unpack_integer(u, letter, target, v, place);
	}
}

/* s#, y# and V#: two targets. */
static int unpack_bytes(struct unpacking *u, struct span v,
			const struct place *place)
{
	char letter = *u->at;
	const char *s = (const char *)v.data;
	const void **target;
	size_t *size, len = v.size;

	if (u->at[1] != '#')
		return wrong_format(u, "needs a '#'");
	target = va_arg(u->args, const void **);
	size = va_arg(u->args, size_t *);
	if (!target || !size)
		return wrong_format(u, "its target is NULL");
	u->at += 2;
	if (!v.data)
		return 0;
	if (letter != 'V' && value_str(v.data, v.size, &s, &len) < 0)
		return wrong_kind(u, place, "a string", v);
	if (u->store) {
		/* It may be a const char **, so it is set as bytes. */
		memcpy(target, &s, sizeof(s));
		*size = len;
	}
	return 0;
}

static int unpack_array(struct unpacking *u, struct span v,
			const struct place *place)
{
	struct place here = {.up = place};
	uint32_t found;
	size_t count;
	bool rest;
	int rc;

	count = count_items(u->at, &rest);
	if (v.data) {
		if (!open_container(&v, &found, VALUE_ARRAY))
			return wrong_kind(u, place, "an array", v);
		if (found < count || (found > count && !rest))
			return wrong_value(u, place,
					   "expected %s%zu elements, found %lu",
					   rest ? "at least " : "", count,
					   (unsigned long)found);
	}
	for (; here.index < count; here.index++) {
		struct span element = {NULL, 0};

		if (v.data)
			element = take_value(&v);
		rc = unpack_value(u, element, &here);
		if (rc < 0)
			return rc;
	}
	if (rest) {
		next_item(&u->at);
		u->at++;
	}
	if (next_item(&u->at) != ']')
		return wrong_format(u, "expected ']'");
	u->at++;
	return 0;
}

/* The value of the first such key in a map's `count` pairs; none: NULL. */
static struct span find_key(struct span pairs, uint32_t count, const char *key)
{
	size_t len = strlen(key);

	for (; count > 0; count--) {
		struct span k = take_value(&pairs);
		struct span v = take_value(&pairs);
		const char *s;
		size_t n;

		if (value_str(k.data, k.size, &s, &n) == 0 && n == len &&
		    memcmp(s, key, len) == 0)
			return v;
	}
	return (struct span){NULL, 0};
}

static int unpack_map(struct unpacking *u, struct span v,
		      const struct place *place)
{
	struct place here = {.up = place};
	uint32_t count = 0;
	int rc;

	if (v.data && !open_container(&v, &count, VALUE_MAP))
		return wrong_kind(u, place, "a map", v);
	while (next_item(&u->at) != '}') {
		struct span found = {NULL, 0};
		bool optional;

		if (*u->at != 's')
			return wrong_format(u, "expected 's' for a key or '}'");
		here.key = va_arg(u->args, const char *);
		if (!here.key)
			return wrong_format(u, "its key is NULL");
		u->at++;
		optional = take(&u->at, '?');
		if (v.data) {
			found = find_key(v, count, here.key);
			if (!found.data && !optional)
				return wrong_value(u, &here,
						   "the key is missing");
		}
		rc = unpack_value(u, found, &here);
		if (rc < 0)
			return rc;
	}
	u->at++;
	return 0;
}

static int unpack_value(struct unpacking *u, struct span v,
			const struct place *place)
{
	char c = next_item(&u->at);
	int rc;

	switch (c) {
	case '[':
	case '{':
		if (u->depth == VALUE_DEPTH_MAX)
			return wrong_format(u, "nested too deep");
		u->at++;
		u->depth++;
		rc = c == '[' ? unpack_array(u, v, place) :
				unpack_map(u, v, place);
		u->depth--;
		return rc;
	case '*':
		u->at++;
		return 0;
	case 's':
	case 'y':
	case 'V':
		return unpack_bytes(u, v, place);
	default:
		return unpack_scalar(u, v, place);
	}
}

static int unpack_pass(struct unpacking *u, struct span v, va_list args)
{
	int rc;

	u->at = u->format;
	va_copy(u->args, args);
	rc = unpack_value(u, v, NULL);
	va_end(u->args);
	if (rc == 0 && next_item(&u->at) != '\0')
		rc = wrong_format(u, "more than one value");
	return rc;
}

int prun_vunpack(const void *data, size_t size, char **message,
		 const char *format, va_list args)
{
	struct unpacking u = {.format = format, .message = message};
	struct span none = {NULL, 0}, whole = {data, size};
	int rc;

	if (message)
		*message = NULL;
	if (!format)
		return PRUN_EINVAL;
	rc = unpack_pass(&u, none, args);
	if (rc < 0)
		return rc;
	if (prun_value_check(data, size) < 0) {
		(void)wrong_value(&u, NULL, "%s", prun_strerror(PRUN_EVALUE));
		return PRUN_EVALUE;
	}
	rc = unpack_pass(&u, whole, args);
	if (rc < 0)
		return rc;
	u.store = true;
	return unpack_pass(&u, whole, args);
}

int prun_unpack(const void *data, size_t size, char **message,
		const char *format, ...)
{
	va_list args;
	int rc;

	va_start(args, format);
	rc = prun_vunpack(data, size, message, format, args);
	va_end(args);
	return rc;
}
