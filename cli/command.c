/* SPDX-License-Identifier: MIT */

#include "command.h"

#include <string.h>

static const struct command *const commands[] = {
#define COMMAND_ROW(NAME, name) [COMMAND_PLACE_##NAME] = &command_##name,
	COMMANDS(COMMAND_ROW)
#undef COMMAND_ROW
};

const struct command *command_at(size_t index)
{
	return index < sizeof(commands) / sizeof(commands[0]) ?
		       commands[index] :
		       NULL;
}

const struct command *command_find(const char *name)
{
	const struct command *c;

	for (size_t i = 0; (c = command_at(i)); i++)
		if (strcmp(c->name, name) == 0)
			return c;
	return NULL;
}
