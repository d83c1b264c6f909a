/* SPDX-License-Identifier: MIT */

#include "signals.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <unistd.h>

static const int caught[] = {SIGINT, SIGTERM, SIGHUP};

static volatile sig_atomic_t count;
static volatile sig_atomic_t seen;
static volatile sig_atomic_t first;
static volatile sig_atomic_t in_write;
static volatile sig_atomic_t status_wanted;
static _Atomic(struct prun_pool *) to_wake;

static void on_signal(int sig)
{
	struct prun_pool *pool = atomic_load(&to_wake);

	/* Nobody looks, or will. */
	if (count > seen || (count > 0 && in_write))
		signals_end_by(sig);
	if (count == 0)
		first = sig;
	if (count < 2)
		count = count + 1;
	if (pool)
		prun_pool_wake(pool);
}

static void on_status_wanted(int sig)
{
	struct prun_pool *pool = atomic_load(&to_wake);

	(void)sig;
	status_wanted = 1;
	if (pool)
		prun_pool_wake(pool);
}

static void catch (int sig, void (*handler)(int))
{
	struct sigaction sa = {.sa_handler = handler, .sa_flags = SA_RESTART};
	struct sigaction before;

	sigemptyset(&sa.sa_mask);
	if (sigaction(sig, NULL, &before) == 0 && before.sa_handler != SIG_IGN)
		sigaction(sig, &sa, NULL);
}

void signals_catch(struct prun_pool *pool)
{
	atomic_store(&to_wake, pool);
	for (size_t i = 0; i < sizeof(caught) / sizeof(caught[0]); i++)
		catch (caught[i], on_signal);
	catch (SIGUSR1, on_status_wanted);
}

bool signals_status_wanted(void)
{
	if (!status_wanted)
		return false;
	status_wanted = 0;
	return true;
}

void signals_forget_pool(void)
{
	atomic_store(&to_wake, NULL);
}

int signals_count(void)
{
	seen = count;
	return seen;
}

void signals_writing(bool writing)
{
	in_write = writing;
}

void signals_raise(void)
{
	if (count > 0)
		signals_end_by(first);
}

void signals_end_by(int sig)
{
	struct sigaction sa = {.sa_handler = SIG_DFL};
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	sigaction(sig, &sa, NULL);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	raise(sig);
	/* Process 1 of a container does not die of its own signals. */
	_exit(128 + sig);
}

void signals_ignore(void)
{
	struct sigaction sa = {.sa_handler = SIG_IGN};

	for (size_t i = 0; i < sizeof(caught) / sizeof(caught[0]); i++)
		sigaction(caught[i], &sa, NULL);
	sigaction(SIGUSR1, &sa, NULL);
}
