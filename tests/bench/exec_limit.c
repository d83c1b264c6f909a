/* SPDX-License-Identifier: MIT */

/*
 * What the kernel asks for commands one after the other:
 *
 *     exec_limit WORKERS ITEMS PATH
 *
 * has WORKERS processes start PATH with the number of an item as its argument,
 * by vfork() and exec, and wait for it. No list is read, no output taken, and
 * no command found; `prun exec` cannot be faster.
 */

#include <sys/wait.h>

#include "bench.h"

extern char **environ;

/* Its status; what the child does before its exec is nothing. */
static int run_command(const char *path, uint64_t item)
{
	char number[24];
	char *argv[] = {(char *)(uintptr_t)path, number, NULL};
	int status;
	pid_t pid;

	snprintf(number, sizeof(number), "%" PRIu64, item);
	pid = vfork();
	if (pid == 0) {
		execve(path, argv, environ);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		die("%s: %s", path, strerror(errno));
	return status;
}

static void work(const char *path, uint64_t first, uint64_t end)
{
	for (uint64_t item = first; item < end; item++)
		if (run_command(path, item) != 0)
			die("%s has failed", path);
}

int main(int argc, char **argv)
{
	uint64_t workers = argc == 4 ? strtoull(argv[1], NULL, 10) : 0;
	uint64_t items = argc == 4 ? strtoull(argv[2], NULL, 10) : 0;
	int status;

	if (!workers || !items)
		die("usage: exec_limit WORKERS ITEMS PATH");
	for (uint64_t i = 0; i < workers; i++) {
		pid_t pid = fork();

		if (pid < 0)
			die("fork: %s", strerror(errno));
		if (pid == 0) {
			work(argv[3], items * i / workers,
			     items * (i + 1) / workers);
			_exit(0);
		}
	}
	for (uint64_t i = 0; i < workers; i++)
		if (wait(&status) < 0 || status != 0)
			die("a worker has failed");
	return 0;
}
