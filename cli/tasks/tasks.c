/* SPDX-License-Identifier: MIT */

#include "tasks.h"

#include <string.h>

static const struct task *const families[] = {
	tasks_digest, tasks_checksum, tasks_count, tasks_stat, tasks_basic,
};

const struct task *tasks_at(size_t index)
{
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		for (const struct task *t = families[i]; t->func.name; t++)
			if (index-- == 0)
				return t;
	return NULL;
}

const struct task *tasks_find(const char *name)
{
	const struct task *t;

	for (size_t i = 0; (t = tasks_at(i)); i++)
		if (strcmp(t->func.name, name) == 0)
			return t;
	return NULL;
}
