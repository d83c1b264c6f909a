/* SPDX-License-Identifier: MIT */
/*
 * Replacement strings: words and items of any bytes but NUL. The input is a
 * byte with the number of words in its low bits and that of items in its high
 * ones, a text to be written in place of {}, the words, and the items, each up
 * to a NUL.
 *
 * The arguments fill their memory exactly, are as many as words and items give,
 * and take no more than was said before; a word without anything to replace is
 * itself; and {/} and {//} are what the C library takes them for.
 */
#include <libgen.h>

#include "fuzz.h"
#include "template.h"

#define WORDS_MAX 7
#define ITEMS_MAX 7

struct texts {
	char *texts[ITEMS_MAX];
	size_t count;
};

static void take_all(struct texts *t, size_t count, struct fuzz_input *in)
{
	for (t->count = 0; t->count < count; t->count++)
		t->texts[t->count] = fuzz_take_text(in);
}

static void release(struct texts *t)
{
	while (t->count > 0)
		free(t->texts[--t->count]);
}

/* Both an item each and one at a place: the bound does not count them together,
 * since what it says of an item must not depend on the others. */
static bool mixes(const struct texts *words)
{
	for (size_t i = 0; i < words->count; i++)
		for (const char *p = words->texts[i]; (p = strchr(p, '{')); p++)
			if (p[1] == '-' || (p[1] >= '1' && p[1] <= '9'))
				return true;
	return false;
}

static void check_args(const struct args *args)
{
	const char *p = args->bytes;

	for (size_t i = 0; i < args->count; i++) {
		FUZZ_ASSERT(args->argv[i] == p);
		p += strlen(p) + 1;
	}
	FUZZ_ASSERT(p == args->bytes + args->size);
	FUZZ_ASSERT(!args->argv[args->count]);
}

static void check_bound(const struct template *t, const struct items *items,
			const struct args *args)
{
	size_t bound = template_bound(t);

	for (size_t i = 0; i < items->count; i++)
		bound += template_bound_item(t, items->texts[i].len);
	FUZZ_ASSERT(bound >= args->size + (args->count + 1) * sizeof(char *));
}

static void check_all(const struct texts *words, const char *replace,
		      const struct items *items)
{
	struct template *t = template_new((const char *const *)words->texts,
					  words->count, 0,
					  *replace ? replace : NULL, false);
	struct substitutes v = {.items = items, .number = 7, .worker = 9};
	struct args args = {.bytes = NULL};

	FUZZ_ASSERT(t);
	FUZZ_ASSERT(template_expand(&args, t, &v) == 0);
	check_args(&args);
	FUZZ_ASSERT(args.count >= words->count);
	FUZZ_ASSERT(args.count <= (words->count + 1) * items->count);
	if (!mixes(words))
		check_bound(t, items, &args);
	if (!strchr(words->texts[0], '{') && !template_varies(t, 0))
		FUZZ_ASSERT(strcmp(args.argv[0], words->texts[0]) == 0);
	args_release(&args);
	template_free(t);
}

/* The same where columns have names: of the items, the first is {a}. */
static void check_named(const struct texts *words, const struct items *items)
{
	struct template *t = template_new((const char *const *)words->texts,
					  words->count, 0, NULL, true);
	struct column first = {.text = items->count ? items->texts[0].text : "",
			       .len = items->count ? items->texts[0].len : 0,
			       .name = "a",
			       .name_len = 1};
	struct columns columns = {.list = &first, .count = 1};
	struct substitutes v = {.items = items, .columns = &columns};
	struct args args = {.bytes = NULL};
	int rc;

	FUZZ_ASSERT(t);
	rc = template_expand(&args, t, &v);
	if (rc == 0)
		check_args(&args);
	else
		FUZZ_ASSERT(rc == PRUN_EVALUE && args.missing_len > 0 &&
			    memchr(args.missing, '}', args.missing_len) ==
				    NULL);
	args_release(&args);
	template_free(t);
}

static void check_part(const char *word, const struct text *item,
		       const char *wanted)
{
	struct template *t = template_new(&word, 1, 0, NULL, false);
	struct items one = {.texts = (struct text *)(uintptr_t)item,
			    .count = 1};
	struct substitutes v = {.items = &one};
	struct args args = {.bytes = NULL};

	FUZZ_ASSERT(t && template_expand(&args, t, &v) == 0);
	FUZZ_ASSERT(strcmp(args.argv[0], wanted) == 0);
	args_release(&args);
	template_free(t);
}

/* But for two slashes at the beginning, which may mean something there. */
static void check_parts(const struct text *item, const char *text)
{
	char *copy = fuzz_copy(text, item->len + 1);

	if (*text && strncmp(text, "//", 2) != 0) {
		check_part("{/}", item, basename(copy));
		memcpy(copy, text, item->len + 1);
		check_part("{//}", item, dirname(copy));
	}
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = {data, size};
	unsigned counts = (unsigned)fuzz_take(&in, 1);
	char *replace = fuzz_take_text(&in);
	struct texts words, texts;
	struct text copies[ITEMS_MAX];
	struct items items = {.texts = copies};

	take_all(&words, 1 + counts % WORDS_MAX, &in);
	take_all(&texts, 1 + (counts >> 4) % ITEMS_MAX, &in);
	/* Items are not terminated where they come from. */
	for (; items.count < texts.count; items.count++) {
		size_t len = strlen(texts.texts[items.count]);

		copies[items.count] = (struct text){
			fuzz_copy(texts.texts[items.count], len), len};
		check_parts(&copies[items.count], texts.texts[items.count]);
	}
	check_all(&words, replace, &items);
	check_named(&words, &items);
	while (items.count > 0)
		free((char *)(uintptr_t)copies[--items.count].text);
	release(&texts);
	release(&words);
	free(replace);
	return 0;
}
