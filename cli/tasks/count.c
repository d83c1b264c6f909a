/* SPDX-License-Identifier: MIT */

/* Functions that count what is in a text. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "file.h"
#include "tasks.h"

struct counts {
	uint64_t lines;
	uint64_t words;
	bool in_word;
};

/*
 * The rules of POSIX in the C locale: a word is a run of bytes that are not
 * white space, whether they are printable or not.
 */
static inline bool is_space(unsigned char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static int count(void *state, const void *data, size_t size)
{
	struct counts *c = state;
	const unsigned char *p = data;
	uint64_t lines = 0, words = 0;
	bool in_word = c->in_word;

	/* Without branches: words and gaps are too short to predict. */
	for (size_t i = 0; i < size; i++) {
		bool inside = !is_space(p[i]);

		lines += p[i] == '\n';
		words += inside & !in_word;
		in_word = inside;
	}
	c->lines += lines;
	c->words += words;
	c->in_word = in_word;
	return 0;
}

/* What is wanted alone: NULL for all three. */
static const char *wanted;

static bool wanted_set(const char *text)
{
	static const char *const words[] = {"lines", "words", "bytes"};

	for (size_t i = 0; i < 3; i++) {
		if (strcmp(words[i], text) == 0) {
			wanted = words[i];
			return true;
		}
	}
	return false;
}

static const struct task_argument wanted_argument[] = {
	{"count", "lines, words or bytes", wanted_set},
	{NULL, NULL, NULL},
};

static int counts_text(char *text, size_t size, const struct counts *c,
		       uint64_t bytes)
{
	if (!wanted)
		return snprintf(text, size, "%" PRIu64 " %" PRIu64 " %" PRIu64,
				c->lines, c->words, bytes);
	return snprintf(text, size, "%" PRIu64,
			*wanted == 'l' ? c->lines :
			*wanted == 'w' ? c->words :
					 bytes);
}

static int wc(struct prun_task *task)
{
	struct counts c = {0, 0, false};
	uint64_t bytes;
	char text[64];
	int n, rc;

	rc = file_read(&bytes, task, count, &c);
	if (rc < 0)
		return rc;
	n = counts_text(text, sizeof(text), &c, bytes);
	return prun_ret_pack(task, "[s#, u]", text, (size_t)n, bytes);
}

const struct task tasks_count[] = {
	{.func = {.name = "wc",
		  .fn = wc,
		  .help = "lines, words and bytes, as LC_ALL=C wc counts; "
			  "count=lines ..."},
	 .kind = TASK_FILE,
	 .opens = true,
	 .arguments = wanted_argument},
	{.func = {.name = NULL}},
};
