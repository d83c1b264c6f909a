/* SPDX-License-Identifier: MIT */
#ifndef SPAWN_H
#define SPAWN_H

/* To start a command in a worker. */

#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* What all commands of a worker have in common. */
struct spawner {
	pid_t parent;
	bool own_group;	       /* each in a process group of its own */
	uint64_t memory_limit; /* of the address space, bytes; 0: none */
	/* Those that are not as by default here. */
	int signals[NSIG];
	size_t nsignals;
	char *stack;
};

/* When all handlers of this process are set. 0 or -ENOMEM. */
int spawner_init(struct spawner *s, bool own_group);
void spawner_release(struct spawner *s);

struct spawn {
	const char *path;
	/* argv[-1] is there too, and may be written. */
	char **argv;
	char *const *envp;
	int fds[3]; /* its standard descriptors; -1: those of this process */
};

/*
 * Start it: its pid, or -errno, of exec() too. It is killed when this process
 * dies. Like execvp(), a file that is no program is run by a shell.
 */
pid_t spawn(struct spawner *s, const struct spawn *what);

/* Where the command is, as execvp() would find it: 0 and its path, or -errno:
 * -ENOENT, or why that which is there cannot be run. */
int spawn_find(char path[PATH_MAX], const char *name);
/* The same, and what is wrong is told. 0 or the exit code. */
int spawn_find_or_tell(char path[PATH_MAX], const char *name);
/* What is to follow the text of such an error: advice, or nothing. */
const char *spawn_hint(const char *name, int error);

#endif
