/* SPDX-License-Identifier: MIT */

#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <paths.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "message.h"
#include "prun.h"

/* As a shell and xargs have them. */
enum {
	EXIT_CANNOT_RUN = 126,
	EXIT_NOT_FOUND = 127,
};

/* Of the child before its exec, which calls nothing deep. */
#define STACK_SIZE ((size_t)64 << 10)

/* ------------------------------------------------------------------ the start */

int spawner_init(struct spawner *s, bool own_group)
{
	*s = (struct spawner){.parent = getpid(), .own_group = own_group};
	for (int sig = 1; sig < NSIG; sig++) {
		struct sigaction sa;

		if (sigaction(sig, NULL, &sa) == 0 && sa.sa_handler != SIG_DFL)
			s->signals[s->nsignals++] = sig;
	}
	s->stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	if (s->stack == MAP_FAILED) {
		s->stack = NULL;
		return -ENOMEM;
	}
	return 0;
}

void spawner_release(struct spawner *s)
{
	if (s->stack)
		munmap(s->stack, STACK_SIZE);
	s->stack = NULL;
}

/* What the child finds in the memory that it shares with its parent. */
struct birth {
	const struct spawner *spawner;
	const struct spawn *spawn;
	int error;
};

static int descriptors_set(const struct spawn *what)
{
	for (int fd = 0; fd < 3; fd++)
		if (what->fds[fd] >= 0 && dup2(what->fds[fd], fd) < 0)
			return -errno;
	return 0;
}

/* Not above what there is already. Its own, whosever the memory is. */
static int memory_set(const struct spawner *s)
{
	struct rlimit space;

	if (s->memory_limit == 0)
		return 0;
	if (getrlimit(RLIMIT_AS, &space) < 0)
		return -errno;
	if (space.rlim_max > s->memory_limit)
		space.rlim_max = s->memory_limit;
	if (space.rlim_cur > space.rlim_max)
		space.rlim_cur = space.rlim_max;
	return setrlimit(RLIMIT_AS, &space) < 0 ? -errno : 0;
}

static void signals_reset(const struct spawner *s)
{
	struct sigaction sa = {.sa_handler = SIG_DFL};
	sigset_t none;

	for (size_t i = 0; i < s->nsignals; i++)
		sigaction(s->signals[i], &sa, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/*
 * In the child, whose memory is its parent's and who is not to touch it. The
 * parent sleeps until the exec, unless it is killed: then the child may be
 * somebody else's already. It returns, for to leave by _exit() would be the
 * same.
 */
static int child_run(void *arg)
{
	struct birth *b = arg;
	const struct spawn *what = b->spawn;
	int rc;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != b->spawner->parent)
		return 127;
	if (b->spawner->own_group)
		setpgid(0, 0);
	rc = descriptors_set(what);
	if (rc == 0)
		rc = memory_set(b->spawner);
	if (rc == 0) {
		signals_reset(b->spawner);
		execve(what->path, what->argv, what->envp);
		rc = -errno;
	}
	if (rc == -ENOEXEC) {
		static char shell[] = _PATH_BSHELL;

		what->argv[-1] = shell;
		what->argv[0] = (char *)(uintptr_t)what->path;
		execve(_PATH_BSHELL, what->argv - 1, what->envp);
		rc = -errno;
	}
	b->error = rc;
	return 127;
}

pid_t spawn(struct spawner *s, const struct spawn *what)
{
	struct birth birth = {.spawner = s, .spawn = what};
	sigset_t all, before;
	pid_t pid;

	/* A handler must not run in the child: its memory is ours. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	pid = clone(child_run, s->stack + STACK_SIZE,
		    CLONE_VM | CLONE_VFORK | SIGCHLD, &birth);
	if (pid < 0)
		birth.error = -errno;
	sigprocmask(SIG_SETMASK, &before, NULL);
	while (pid > 0 && birth.error && waitpid(pid, NULL, 0) < 0 &&
	       errno == EINTR)
		;
	return birth.error ? birth.error : pid;
}

/* ---------------------------------------------------------------- the search */

/* 0, or why it cannot be run. */
static int file_check(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode) ||
	    faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0)
		return -EACCES;
	return 0;
}

int spawn_find(char path[PATH_MAX], const char *name)
{
	const char *at = getenv("PATH");
	int found = -ENOENT;

	if (strlen(name) >= PATH_MAX)
		return -ENAMETOOLONG;
	if (strchr(name, '/')) {
		memcpy(path, name, strlen(name) + 1);
		return file_check(path);
	}
	if (!*name)
		return -ENOENT;
	if (!at)
		at = "/bin:/usr/bin";
	for (;;) {
		size_t len = strcspn(at, ":");
		int n = snprintf(path, PATH_MAX, "%.*s%s%s", (int)len, at,
				 len > 0 ? "/" : "", name);
		int rc = n < PATH_MAX ? file_check(path) : -ENAMETOOLONG;

		if (rc == 0)
			return 0;
		/* As execvp(): what cannot be run is told of if nothing else
		 * is found. A directory of that name is nothing. */
		if (rc == -EACCES)
			found = rc;
		if (!at[len])
			return found;
		at += len + 1;
	}
}

/* A command with its arguments in one word is what GNU parallel takes, and what
 * a shell's quotes make by mistake. */
const char *spawn_hint(const char *name, int error)
{
	return error == -ENOENT && strpbrk(name, " \t\n|<>;&") ?
		       "; a command is one word, and its arguments others "
		       "(see --shell)" :
		       "";
}

int spawn_find_or_tell(char path[PATH_MAX], const char *name)
{
	int rc = spawn_find(path, name);

	if (rc == 0)
		return 0;
	message("%s: %s%s", name, prun_strerror(rc), spawn_hint(name, rc));
	return rc == -ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN;
}
