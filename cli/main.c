/* SPDX-License-Identifier: MIT */

/* prun: the sub-commands. */

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "function.h"
#include "help.h"
#include "message.h"
#include "options.h"
#include "output.h"
#include "run.h"

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

static int text_print(const char *text)
{
	static struct output out;

	output_init(&out);
	return output_text(&out, text);
}

static int too_many(const char *topic, const char *argument)
{
	return message_usage(topic, "'%s' is one argument too many", argument);
}

static int command_map(int argc, char **argv)
{
	struct options o;
	int rc = options_parse(&o, argc, argv);

	if (rc == OPTIONS_HELP)
		rc = text_print(help_text("map"));
	else if (rc == OPTIONS_RUN)
		rc = run_map(&o);
	options_release(&o);
	return rc;
}

static int command_funcs(int argc, char **argv)
{
	const char *argument = argc > 1 ? argv[1] : NULL;

	if (argument && strcmp(argument, "--") == 0) {
		argument = argc > 2 ? argv[2] : NULL;
		argc--;
	} else if (argument && strcmp(argument, "--help") == 0 && argc == 2) {
		return text_print(help_text("funcs"));
	} else if (argument && argument[0] == '-') {
		return message_usage("funcs", "unrecognized option '%s'",
				     argument);
	}
	if (argc > 2)
		return too_many("funcs", argv[argc - 1]);
	return function_list(argument);
}

static int command_help(int argc, char **argv)
{
	const char *text = help_text(argc > 1 ? argv[1] : NULL);

	if (!text)
		return message_usage(NULL, "there is no help on '%s'", argv[1]);
	if (argc > 2)
		return too_many(NULL, argv[2]);
	return text_print(text);
}

static int command_version(int argc, char **argv)
{
	char text[64];

	if (argc > 1)
		return too_many(NULL, argv[1]);
	snprintf(text, sizeof(text), "prun %s\n", prun_version());
	return text_print(text);
}

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} commands[] = {
	{"map", command_map},	{"funcs", command_funcs},
	{"help", command_help}, {"--help", command_help},
	{"-h", command_help},	{"--version", command_version},
};

int main(int argc, char **argv)
{
	descriptors_occupy();
	if (argc < 2)
		return message_usage(NULL, "no command given");
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	return message_usage(NULL, "unknown command '%s'", argv[1]);
}
