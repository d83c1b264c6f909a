/* SPDX-License-Identifier: MIT */

/* A plugin for the tests of the command line: functions that do what no
 * function should, and one that the test holds by two pipes. */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "prun.h"

/* The test's ends of its pipes, which prun and its workers inherit. */
#define STARTED_FD 7
#define GATE_FD 8

static void fault(const char *name);

/* What happens when the plugin is loaded. */
__attribute__((constructor)) static void loaded(void)
{
	const char *name = getenv("FAULT_LOADING");

	if (name)
		fault(name);
}

static void close_all(void)
{
	for (int fd = 0; fd < 1024; fd++)
		close(fd);
}

static void print(void)
{
	printf("printed");
	fflush(stdout);
	fprintf(stderr, " twice\n");
}

static void crash(void)
{
	/* The handler of a sanitizer would tell of it at length. */
	signal(SIGSEGV, SIG_DFL);
	raise(SIGSEGV);
}

static void overrun(void)
{
	static const char data[4096];
	struct rlimit limit = {1024, 1024};
	FILE *f = tmpfile();

	setrlimit(RLIMIT_FSIZE, &limit);
	if (f && fwrite(data, 1, sizeof(data), f) > 0)
		fflush(f);
}

static void fault(const char *name)
{
	if (strcmp(name, "segv") == 0)
		crash();
	else if (strcmp(name, "abort") == 0)
		abort();
	else if (strcmp(name, "kill") == 0)
		kill(getpid(), SIGKILL);
	else if (strcmp(name, "overrun") == 0)
		overrun();
	else if (strcmp(name, "exit0") == 0)
		exit(0);
	else if (strcmp(name, "exit3") == 0)
		exit(3);
	else if (strcmp(name, "_exit0") == 0)
		_exit(0);
	else if (strcmp(name, "_exit3") == 0)
		_exit(3);
	else if (strcmp(name, "print") == 0)
		print();
	else if (strcmp(name, "hang") == 0)
		for (;;)
			pause();
	else if (strcmp(name, "close1") == 0)
		close(STDOUT_FILENO);
	else if (strcmp(name, "closeall") == 0)
		close_all();
}

/* Do as the item says, and return it if that is possible still. */
static int misbehave(struct prun_task *task)
{
	const char *s;
	char name[16];
	size_t len;
	int rc = prun_arg_str(task, &s, &len);

	if (rc < 0)
		return rc;
	snprintf(name, sizeof(name), "%.*s", (int)len, s);
	fault(name);
	return prun_ret_str(task, s, len);
}

/* Tell the test who runs what, then wait until it lets one through. */
static int gate(struct prun_task *task)
{
	const char *s;
	char text[64];
	size_t len;
	int n, rc = prun_arg_str(task, &s, &len);

	if (rc < 0)
		return rc;
	n = snprintf(text, sizeof(text), "%d %.*s\n", (int)getpid(), (int)len,
		     s);
	if (write(STARTED_FD, text, (size_t)n) != n ||
	    read(GATE_FD, text, 1) != 1)
		return -errno;
	return prun_ret_str(task, s, len);
}

static const struct prun_func funcs[] = {
	{.name = "misbehave", .fn = misbehave},
	{.name = "gate", .fn = gate},
};

PRUN_PLUGIN(funcs, sizeof(funcs) / sizeof(funcs[0]));
