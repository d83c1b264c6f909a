/* SPDX-License-Identifier: MIT */

#include "group.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>

static struct {
	volatile sig_atomic_t group; /* or 0 */
	volatile sig_atomic_t asked; /* it was, to end, for this task */
	struct prun_task *volatile task;
} running;

/* The terminal stops and continues prun and its workers, but not what they run,
 * which is in groups of its own. */
static void on_stop(int sig)
{
	int before = errno;

	if (running.group)
		kill(-(pid_t)running.group, sig);
	raise(SIGSTOP);
	errno = before;
}

static void on_continue(int sig)
{
	int before = errno;

	if (running.group)
		kill(-(pid_t)running.group, sig);
	errno = before;
}

/* It may come for a task that has just ended. */
static void on_late(int sig)
{
	int before = errno;

	(void)sig;
	if (running.group && running.task && !running.asked &&
	    prun_task_cancelled(running.task)) {
		running.asked = 1;
		kill(-(pid_t)running.group, SIGTERM);
	}
	errno = before;
}

int group_late_signal(void)
{
	return SIGRTMIN;
}

static void handle(int sig, void (*handler)(int))
{
	struct sigaction sa = {.sa_handler = handler, .sa_flags = SA_RESTART};

	sigfillset(&sa.sa_mask);
	sigaction(sig, &sa, NULL);
}

void group_catch(int sig, void (*handler)(int))
{
	struct sigaction before;

	if (sigaction(sig, NULL, &before) == 0 && before.sa_handler != SIG_IGN)
		handle(sig, handler);
}

void group_handle(bool own)
{
	/* What the system does not let it write is an error, to be told. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	/* From prun to its workers: whoever ignored it meant another. */
	handle(group_late_signal(), on_late);
	if (own) {
		group_catch(SIGTSTP, on_stop);
		group_catch(SIGCONT, on_continue);
	}
}

void group_set(pid_t group)
{
	running.asked = 0;
	running.group = group;
}

void group_forget(void)
{
	running.group = 0;
}

void group_task(struct prun_task *task)
{
	running.task = task;
	running.asked = 0;
}

void group_look(void)
{
	if (running.task && prun_task_cancelled(running.task))
		raise(group_late_signal());
}
