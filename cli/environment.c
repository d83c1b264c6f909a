/* SPDX-License-Identifier: MIT */

#include "environment.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const ours[] = {
	"PRUN_SEQ=", "PRUN_SLOT=", "PRUN_JOBS=", "PRUN_ATTEMPT="};

#define OURS (sizeof(ours) / sizeof(ours[0]))

/* prun may have been started by another one. */
static bool is_ours(const char *entry)
{
	for (size_t i = 0; i < OURS; i++)
		if (strncmp(entry, ours[i], strlen(ours[i])) == 0)
			return true;
	return false;
}

static size_t count_all(void)
{
	size_t count = 0;

	while (environ && environ[count])
		count++;
	return count;
}

int environment_init(struct environment *e, unsigned slot, uint32_t jobs,
		     bool per_task)
{
	size_t n = 0;

	e->list = calloc(count_all() + OURS + 1, sizeof(*e->list));
	if (!e->list)
		return -ENOMEM;
	snprintf(e->slot, sizeof(e->slot), "PRUN_SLOT=%u", slot);
	snprintf(e->jobs, sizeof(e->jobs), "PRUN_JOBS=%" PRIu32, jobs);
	e->list[n++] = e->slot;
	e->list[n++] = e->jobs;
	if (per_task) {
		e->list[n++] = e->seq;
		e->list[n++] = e->attempt;
	}
	for (char **entry = environ; entry && *entry; entry++)
		if (!is_ours(*entry))
			e->list[n++] = *entry;
	return 0;
}

void environment_release(struct environment *e)
{
	free(e->list);
	e->list = NULL;
}

void environment_set(struct environment *e, uint64_t seq, unsigned attempt)
{
	snprintf(e->seq, sizeof(e->seq), "PRUN_SEQ=%" PRIu64, seq);
	snprintf(e->attempt, sizeof(e->attempt), "PRUN_ATTEMPT=%u", attempt);
}

size_t environment_bound(void)
{
	size_t size =
		sizeof(char *) + OURS * (ENVIRONMENT_TEXT + sizeof(char *));

	for (char **entry = environ; entry && *entry; entry++)
		size += strlen(*entry) + 1 + sizeof(char *);
	return size;
}
