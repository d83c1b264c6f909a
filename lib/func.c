/* SPDX-License-Identifier: MIT */
#include "func.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Keeps every index an int and the number of buckets within 32 bits. */
#define COUNT_MAX ((size_t)INT_MAX / 2)

/* FNV-1a. */
static uint32_t hash(const char *name)
{
	uint32_t h = 2166136261u;

	for (; *name; name++)
		h = (h ^ (unsigned char)*name) * 16777619u;
	return h;
}

/* Not isalnum(): what a name may be does not depend on the locale. */
static bool good_name(const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789_.-";

	return name[0] && name[strspn(name, letters)] == '\0';
}

static bool good_func(const struct prun_func *f)
{
	if (!good_name(f->name) || !f->fn == !f->batch)
		return false;
	if (f->batch)
		return f->lanes >= 1 && f->lanes <= PRUN_LANES_MAX;
	return f->lanes == 0;
}

/* The table ends at nfuncs or at a NULL name, whichever comes first. */
static size_t count_funcs(const struct prun_func *funcs, size_t nfuncs)
{
	size_t n = 0;

	if (!funcs)
		return 0;
	while ((nfuncs == 0 || n < nfuncs) && funcs[n].name)
		n++;
	return n;
}

/* The bucket that holds the name, or the empty one where it belongs. There
 * are more buckets than functions, so the search ends. */
static uint32_t *find_bucket(const struct func_table *t, const char *name)
{
	uint32_t at = hash(name);

	for (;; at++) {
		uint32_t *bucket = &t->buckets[at & (t->nbuckets - 1)];

		if (*bucket == 0 ||
		    strcmp(t->funcs[*bucket - 1].name, name) == 0)
			return bucket;
	}
}

static int fill_table(struct func_table *t, const struct prun_func *funcs)
{
	uint32_t i;

	for (i = 0; i < t->count; i++) {
		uint32_t *bucket;

		if (!good_func(&funcs[i]))
			return PRUN_EINVAL;
		bucket = find_bucket(t, funcs[i].name);
		if (*bucket)
			return PRUN_EDUPFUNC;
		t->funcs[i] = funcs[i];
		*bucket = i + 1;
	}
	return 0;
}

int func_table_init(struct func_table *t, const struct prun_func *funcs,
		    size_t nfuncs)
{
	size_t count = count_funcs(funcs, nfuncs);
	int rc;

	memset(t, 0, sizeof(*t));
	if (count == 0 || count > COUNT_MAX)
		return PRUN_EINVAL;
	t->count = (uint32_t)count;
	t->nbuckets = 2;
	while (t->nbuckets < 2 * t->count)
		t->nbuckets *= 2;
	t->funcs = calloc(t->count, sizeof(*t->funcs));
	t->buckets = calloc(t->nbuckets, sizeof(*t->buckets));
	rc = t->funcs && t->buckets ? fill_table(t, funcs) : -ENOMEM;
	if (rc < 0)
		func_table_release(t);
	return rc;
}

void func_table_release(struct func_table *t)
{
	free(t->funcs);
	free(t->buckets);
	memset(t, 0, sizeof(*t));
}

int func_lookup(const struct func_table *t, const char *name)
{
	uint32_t bucket;

	if (!name || t->count == 0)
		return PRUN_ENOFUNC;
	bucket = *find_bucket(t, name);
	return bucket ? (int)(bucket - 1) : PRUN_ENOFUNC;
}
