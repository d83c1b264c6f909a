/* SPDX-License-Identifier: MIT */

#include "halt.h"

#include <string.h>

#include "message.h"
#include "number.h"

/* As many must have fared so before they are a part of those that have ended:
 * the first one would be all of them. */
#define SAMPLE_MIN 3

/* The place of the word that `text` begins with, which `end` follows. */
static int word_find(const char *const *words, int count, const char **text,
		     char end)
{
	for (int i = 0; i < count; i++) {
		size_t len = strlen(words[i]);

		if (strncmp(*text, words[i], len) == 0 && (*text)[len] == end) {
			*text += len + 1;
			return i;
		}
	}
	return -1;
}

/* N or N%. */
static int limit_parse(struct halt *h, const char *option, const char *text)
{
	size_t len = strspn(text, "0123456789");
	char number[24];

	h->percent = text[len] == '%' && !text[len + 1];
	if (!h->percent)
		return number_parse(&h->limit, option, text, 1, UINT64_MAX);
	if (len >= sizeof(number))
		len = sizeof(number) - 1;
	memcpy(number, text, len);
	number[len] = '\0';
	return number_parse(&h->limit, option, number, 1, 100);
}

int halt_parse(struct halt *h, const char *option, const char *text)
{
	static const char *const whens[] = {"soon", "now"};
	static const char *const whats[] = {"fail", "success", "done"};
	const char *rest = text;
	int when, what;

	*h = (struct halt){.when = HALT_NEVER};
	if (strcmp(text, "never") == 0)
		return 0;
	when = word_find(whens, 2, &rest, ',');
	what = when < 0 ? -1 : word_find(whats, 3, &rest, '=');
	if (what < 0)
		return message_usage("--%s: '%s' is not WHEN,WHAT=N or "
				     "WHEN,WHAT=N%%, with WHEN now or soon and "
				     "WHAT fail, success or done",
				     option, text);
	h->when = when == 0 ? HALT_SOON : HALT_NOW;
	h->what = (enum halt_what)what;
	return limit_parse(h, option, rest);
}

bool halt_due(const struct halt *h, const struct tally *tally, uint64_t total)
{
	uint64_t ended = tally->done + tally->failed;
	uint64_t n = h->what == HALT_FAIL    ? tally->failed :
		     h->what == HALT_SUCCESS ? tally->done :
					       ended;

	if (h->when == HALT_NEVER || n == 0)
		return false;
	if (!h->percent)
		return n >= h->limit;
	if (total == HALT_TOTAL_UNKNOWN) {
		if (n < SAMPLE_MIN || h->what == HALT_DONE)
			return false;
		total = ended;
	}
	return (double)n * 100.0 >= (double)h->limit * (double)total;
}
