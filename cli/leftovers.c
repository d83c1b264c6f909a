/* SPDX-License-Identifier: MIT */

#include "leftovers.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>

/* Call `fn` for each child; false: the list cannot be had. */
static bool children_each(struct leftovers *l,
			  void (*fn)(struct leftovers *l, pid_t pid))
{
	FILE *list = fopen("/proc/thread-self/children", "re");
	pid_t pid;

	if (!list)
		return false;
	while (fscanf(list, "%d", &pid) == 1)
		fn(l, pid);
	fclose(list);
	return true;
}

static void remember(struct leftovers *l, pid_t pid)
{
	pid_t *known = realloc(l->known, (l->count + 1) * sizeof(*known));

	if (!known)
		return;
	l->known = known;
	known[l->count++] = pid;
}

/* A program that starts prun in its own place may leave it children. */
void leftovers_adopt(struct leftovers *l)
{
	*l = (struct leftovers){.known = NULL};
	if (children_each(l, remember))
		prctl(PR_SET_CHILD_SUBREAPER, 1);
}

/* Those of it that are dead become ours in their turn, so it goes on until
 * there are none. */
static size_t killed;

static void kill_new(struct leftovers *l, pid_t pid)
{
	for (size_t i = 0; i < l->count; i++)
		if (l->known[i] == pid)
			return;
	if (kill(pid, SIGKILL) < 0)
		return;
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	killed++;
}

void leftovers_kill(struct leftovers *l)
{
	do {
		killed = 0;
	} while (children_each(l, kill_new) && killed > 0);
}

void leftovers_release(struct leftovers *l)
{
	free(l->known);
	*l = (struct leftovers){.known = NULL};
}
