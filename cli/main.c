/* SPDX-License-Identifier: MIT */

/* prun: find the sub-command, and read its command line. */

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "help.h"
#include "message.h"
#include "options.h"
#include "output.h"
#include "program.h"
#include "prun.h"
#include "tasks/tasks.h"

/*
 * A standard descriptor that is closed would be given to the next file that
 * is opened, and results would be written into it. So it is opened here, the
 * wrong way round: to use it fails with EBADF, as if it were still closed.
 */
static void descriptors_occupy(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			open("/dev/null",
			     fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

static int command_start(const struct command *command, int argc, char **argv)
{
	struct options o;
	int rc = options_parse(&o, command, argc, argv);

	if (rc == OPTIONS_HELP)
		rc = help_show(command);
	else if (rc == OPTIONS_RUN)
		rc = command->run(&o);
	options_release(&o);
	return rc;
}

static int version_show(void)
{
	char text[64];

	snprintf(text, sizeof(text), "prun %s\n", prun_version());
	return output_text(&standard_output, text);
}

static int no_command(const char *word)
{
	if (word[0] == '-' && word[1])
		return message_usage("'%s' stands before the command, and "
				     "options come after it",
				     word);
	if (tasks_find(word))
		return message_usage("unknown command '%s'; did you mean "
				     "'%s map %s'?",
				     word, program_name(), word);
	return message_usage("unknown command '%s'", word);
}

int main(int argc, char **argv)
{
	const struct command *command;
	bool help, version;

	descriptors_occupy();
	program_set_name(argv[0]);
	if (argc < 2)
		return message_usage("no command given");
	command = command_find(argv[1]);
	if (command)
		return command_start(command, argc - 1, argv + 1);
	help = strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0;
	version = strcmp(argv[1], "--version") == 0;
	if (!help && !version)
		return no_command(argv[1]);
	if (argc > 2)
		return message_usage("'%s' is one argument too many", argv[2]);
	return help ? help_show(NULL) : version_show();
}
