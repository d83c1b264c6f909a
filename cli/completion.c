/* SPDX-License-Identifier: MIT */

/*
 * prun completion: what bash, zsh and fish complete, written from the tables
 * of sub-commands and options. Each script is whole: when it completes it asks
 * prun for nothing but the functions.
 */

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "message.h"
#include "option_table.h"
#include "output.h"

/* ------------------------------------------------ what an argument may be */

/* Those of few words; FILE is a file's name by its metavar. */
static const struct {
	const char *option, *words;
} choices[] = {
	{"algorithm", "md5 sha1 sha224 sha256 sha384 sha512"},
	{"chunksize", "auto"},
	{"format", "text jsonl tsv msgpack"},
	{"framing", "auto lines null jsonl msgpack"},
	{"halt", "never soon,fail=1 now,fail=1 soon,success=1 now,success=1"},
	{"progress", "auto bar line json none"},
	{"start-method", "fork forkserver inline"},
};

/* NULL: any. */
static const char *choices_of(const struct option_row *row)
{
	for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++)
		if (strcmp(choices[i].option, row->name) == 0)
			return choices[i].words;
	return NULL;
}

static bool takes_file(const struct option_row *row)
{
	return row->metavar && strcmp(row->metavar, "FILE") == 0;
}

static bool takes_function(const struct command *c)
{
	return c->operands.kind == OPERANDS_FUNC;
}

/* Whose words are neither a command nor a function: what they are. */
static const char *words_of(const struct command *c)
{
	if (c->bit == COMMAND_HELP)
		return "commands";
	if (c->bit == COMMAND_COMPLETION)
		return "shells";
	return "files";
}

/* Text within single quotes; `also` are characters that get a backslash. */
static void put_quoted(FILE *f, const char *text, const char *quote,
		       const char *also)
{
	for (; *text; text++) {
		if (*text == '\'') {
			fputs(quote, f);
			continue;
		}
		if (strchr(also, *text))
			putc('\\', f);
		putc(*text, f);
	}
}

/* ---------------------------------------------------------------------- bash */

static void put_bash_options(FILE *f, const struct command *c)
{
	const struct option_row *row = NULL;

	fprintf(f, "\t%s)\n\t\toptions='", c->name);
	while ((row = option_next(row, c->bit))) {
		fprintf(f, "--%s ", row->name);
		if (row->letter)
			fprintf(f, "-%c ", row->letter);
	}
	fputs("'\n\t\twith=' ", f); /* those that take the next word */
	while ((row = option_next(row, c->bit))) {
		if (row->argument != required_argument)
			continue;
		fprintf(f, "--%s ", row->name);
		if (row->letter)
			fprintf(f, "-%c ", row->letter);
	}
	fprintf(f, "'\n\t\tkind=%s ;;\n",
		takes_function(c)		     ? "function" :
		c->operands.kind == OPERANDS_COMMAND ? "command" :
						       words_of(c));
}

/* The words of an option's argument. */
static void put_bash_arguments(FILE *f, const struct command *c)
{
	const struct option_row *row = NULL;

	while ((row = option_next(row, c->bit))) {
		if (!choices_of(row) && !takes_file(row))
			continue;
		fprintf(f, "\t%s,--%s", c->name, row->name);
		if (row->letter && row->argument == required_argument)
			fprintf(f, "|%s,-%c", c->name, row->letter);
		if (takes_file(row))
			fputs(") COMPREPLY=($(compgen -f -- \"$cur\")); return ;;"
			      "\n",
			      f);
		else
			fprintf(f,
				") COMPREPLY=($(compgen -W '%s' -- \"$cur\")); "
				"return ;;\n",
				choices_of(row));
	}
}

static void put_names(FILE *f)
{
	const struct command *c;

	for (size_t i = 0; (c = command_at(i)); i++)
		fprintf(f, "%s ", c->name);
}

static void put_bash(FILE *f)
{
	const struct command *c;

	fputs("# What bash completes for prun; `prun completion bash` wrote it.\n"
	      "_prun() {\n"
	      "\tlocal cur=${COMP_WORDS[COMP_CWORD]} "
	      "prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
	      "\tlocal options='' with=' ' kind='' operands=0 i word\n"
	      "\tCOMPREPLY=()\n"
	      "\tif [ \"$COMP_CWORD\" = 1 ]; then\n"
	      "\t\tCOMPREPLY=($(compgen -W '",
	      f);
	put_names(f);
	fputs("--help --version' -- \"$cur\"))\n"
	      "\t\treturn\n"
	      "\tfi\n"
	      "\t# An argument that is joined by = is a word of its own.\n"
	      "\t[ \"$prev\" = = ] && prev=${COMP_WORDS[COMP_CWORD - 2]}\n"
	      "\t[ \"$cur\" = = ] && cur=''\n"
	      "\tcase ${COMP_WORDS[1]} in\n",
	      f);
	for (size_t i = 0; (c = command_at(i)); i++)
		put_bash_options(f, c);
	fputs("\t*) return ;;\n"
	      "\tesac\n"
	      "\tfor ((i = 2; i < COMP_CWORD; i++)); do\n"
	      "\t\tword=${COMP_WORDS[i]}\n"
	      "\t\tcase $word in\n"
	      "\t\t=) i=$((i + 1)) ;;\n"
	      "\t\t-*) [[ $with = *\" $word \"* && ${COMP_WORDS[i + 1]} != = ]] "
	      "&& i=$((i + 1)) ;;\n"
	      "\t\t*) operands=$((operands + 1)) ;;\n"
	      "\t\tesac\n"
	      "\t\t# What follows the command is its own.\n"
	      "\t\t[ $kind = command ] && [ $operands -gt 0 ] && return\n"
	      "\tdone\n"
	      "\tcase ${COMP_WORDS[1]},$prev in\n",
	      f);
	for (size_t i = 0; (c = command_at(i)); i++)
		put_bash_arguments(f, c);
	fputs("\tesac\n"
	      "\t[[ $with = *\" $prev \"* ]] && return\n"
	      "\tif [[ $cur = -* ]]; then\n"
	      "\t\tCOMPREPLY=($(compgen -W \"$options\" -- \"$cur\"))\n"
	      "\t\treturn\n"
	      "\tfi\n"
	      "\tcase $kind,$operands in\n"
	      "\tfunction,0) COMPREPLY=($(compgen -W \"$(\"${COMP_WORDS[0]}\" "
	      "funcs 2>/dev/null | cut -d ' ' -f 1)\" -- \"$cur\")) ;;\n"
	      "\tcommand,0) COMPREPLY=($(compgen -c -- \"$cur\")) ;;\n"
	      "\tcommands,0) COMPREPLY=($(compgen -W '",
	      f);
	put_names(f);
	fputs("' -- \"$cur\")) ;;\n"
	      "\tshells,0) COMPREPLY=($(compgen -W 'bash zsh fish' -- \"$cur\")) "
	      ";;\n"
	      "\tesac\n"
	      "}\n"
	      "# Where it has nothing to say bash completes the names of files.\n"
	      "complete -o bashdefault -o default -F _prun prun\n",
	      f);
}

/* ----------------------------------------------------------------------- zsh */

static void put_zsh_argument(FILE *f, const struct option_row *row)
{
	if (row->argument == no_argument)
		return;
	fprintf(f, "%s:%s:", row->argument == optional_argument ? ":" : "",
		row->metavar);
	if (takes_file(row))
		fputs("_files", f);
	else if (choices_of(row))
		fprintf(f, "(%s)", choices_of(row));
}

static void put_zsh_option(FILE *f, const struct option_row *row)
{
	const char *joined = row->argument == required_argument ? "=" :
			     row->argument == optional_argument ? "=-" :
								  "";

	if (row->letter)
		fprintf(f, "\t\t\t'*-%c%s[", row->letter,
			row->argument == no_argument	   ? "" :
			row->argument == optional_argument ? "-" :
							     "+");
	if (row->letter) {
		put_quoted(f, row->help, "'\\''", "[]:\\");
		putc(']', f);
		put_zsh_argument(f, row);
		fputs("' \\\n", f);
	}
	fprintf(f, "\t\t\t'*--%s%s[", row->name, joined);
	put_quoted(f, row->help, "'\\''", "[]:\\");
	putc(']', f);
	put_zsh_argument(f, row);
	fputs("' \\\n", f);
}

static void put_zsh_command(FILE *f, const struct command *c)
{
	const struct option_row *row = NULL;

	fprintf(f, "\t%s)\n\t\t_arguments -s \\\n", c->name);
	while ((row = option_next(row, c->bit)))
		put_zsh_option(f, row);
	if (takes_function(c))
		fputs("\t\t\t'1:function:_prun_functions' "
		      "'*:item:_files' ;;\n",
		      f);
	else if (c->operands.kind == OPERANDS_COMMAND)
		fputs("\t\t\t'(-)1:command:_command_names -e' "
		      "'*::argument:_normal' ;;\n",
		      f);
	else if (c->bit == COMMAND_HELP)
		fputs("\t\t\t'1:command:_prun_commands' ;;\n", f);
	else if (c->bit == COMMAND_COMPLETION)
		fputs("\t\t\t'1:shell:(bash zsh fish)' ;;\n", f);
	else
		fputs("\t\t\t'*:file:_files' ;;\n", f);
}

static void put_zsh(FILE *f)
{
	const struct command *c;

	fputs("#compdef prun\n"
	      "# What zsh completes for prun; `prun completion zsh` wrote it.\n"
	      "_prun_functions() {\n"
	      "\tlocal -a functions\n"
	      "\tfunctions=(${${(f)\"$(_call_program functions prun funcs "
	      "2>/dev/null)\"}%% *})\n"
	      "\t_alternative 'functions:function:compadd -a functions' "
	      "'files:plugin:_files'\n"
	      "}\n"
	      "_prun_commands() {\n"
	      "\tlocal -a commands\n"
	      "\tcommands=(\n",
	      f);
	for (size_t i = 0; (c = command_at(i)); i++) {
		fprintf(f, "\t\t'%s:", c->name);
		put_quoted(f, c->line, "'\\''", ":\\");
		fputs("'\n", f);
	}
	fputs("\t)\n"
	      "\t_describe command commands\n"
	      "}\n"
	      "_prun() {\n"
	      "\tif ((CURRENT == 2)); then\n"
	      "\t\t_prun_commands\n"
	      "\t\treturn\n"
	      "\tfi\n"
	      "\tshift words\n"
	      "\t((CURRENT--))\n"
	      "\tcase $words[1] in\n",
	      f);
	for (size_t i = 0; (c = command_at(i)); i++)
		put_zsh_command(f, c);
	fputs("\tesac\n"
	      "}\n"
	      "# Sourced, it is to be told of; loaded by compinit, it runs.\n"
	      "if [ \"$funcstack[1]\" = _prun ]; then\n"
	      "\t_prun \"$@\"\n"
	      "else\n"
	      "\tcompdef _prun prun\n"
	      "fi\n",
	      f);
}

/* ---------------------------------------------------------------------- fish */

static void put_fish_option(FILE *f, const struct command *c,
			    const struct option_row *row)
{
	fprintf(f, "complete -c prun -n '__fish_seen_subcommand_from %s' -l %s",
		c->name, row->name);
	if (row->letter)
		fprintf(f, " -s %c", row->letter);
	if (row->argument == required_argument)
		fputs(takes_file(row) ? " -r -F" : " -x", f);
	if (choices_of(row))
		fprintf(f, " -a '%s'", choices_of(row));
	fputs(" -d '", f);
	put_quoted(f, row->help, "\\'", "\\");
	fputs("'\n", f);
}

static void put_fish_operands(FILE *f, const struct command *c)
{
	const char *words = NULL;

	if (takes_function(c))
		words = "(prun funcs 2>/dev/null | string replace -r ' +' \\t)";
	else if (c->operands.kind == OPERANDS_COMMAND)
		words = "(__fish_complete_subcommand)";
	else if (c->bit == COMMAND_COMPLETION)
		words = "bash zsh fish";
	if (words)
		fprintf(f,
			"complete -c prun -n '__fish_seen_subcommand_from %s' "
			"%s-a '",
			c->name, c->bit == COMMAND_COMPLETION ? "-f " : "");
	if (words) {
		put_quoted(f, words, "\\'", "");
		fputs("'\n", f);
	}
}

static void put_fish(FILE *f)
{
	const struct option_row *row;
	const struct command *c;

	fputs("# What fish completes for prun; `prun completion fish` wrote it.\n"
	      "complete -c prun -n __fish_use_subcommand -f\n"
	      "complete -c prun -n __fish_use_subcommand -l version\n",
	      f);
	for (size_t i = 0; (c = command_at(i)); i++) {
		fprintf(f,
			"complete -c prun -n __fish_use_subcommand -a %s -d '",
			c->name);
		put_quoted(f, c->line, "\\'", "\\");
		fputs("'\n", f);
		put_fish_operands(f, c);
		for (row = NULL; (row = option_next(row, c->bit));)
			put_fish_option(f, c, row);
	}
	fputs("complete -c prun -n '__fish_seen_subcommand_from help' -f -a '",
	      f);
	put_names(f);
	fputs("'\n", f);
}

/* ------------------------------------------------------------- the sub-command */

static int completion_run(const struct options *o)
{
	static const struct {
		const char *shell;
		void (*put)(FILE *f);
	} shells[] = {{"bash", put_bash}, {"zsh", put_zsh}, {"fish", put_fish}};
	void (*put)(FILE * f) = NULL;
	size_t size;
	char *text;
	FILE *f;
	int rc;

	for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++)
		if (strcmp(o->words[0], shells[i].shell) == 0)
			put = shells[i].put;
	if (!put)
		return message_usage("'%s' is not bash, zsh or fish",
				     o->words[0]);
	f = open_memstream(&text, &size);
	if (f)
		put(f);
	if (!f || fclose(f) != 0) {
		message("out of memory");
		return EXIT_PRUN_FAILED;
	}
	rc = output_text(&standard_output, text);
	free(text);
	return rc;
}

/* clang-format off */
const struct command command_completion = {
	.name = "completion",
	.bit = COMMAND_COMPLETION,
	.operands = {.kind = OPERANDS_WORDS, .what = "shell", .most = 1},
	.line = "write what bash, zsh or fish is to complete",
	.usage = {"bash|zsh|fish"},
	.run = completion_run,
	.about =
"Write a script that tells a shell how to complete prun's command lines. The\n"
"installed prun has its scripts where the shells look for them.\n",
	.after =
"Examples:\n"
"  source <(prun completion bash)\n"
"  prun completion fish > ~/.config/fish/completions/prun.fish\n",
};
/* clang-format on */
