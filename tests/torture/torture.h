/* SPDX-License-Identifier: MIT */
#ifndef TORTURE_H
#define TORTURE_H

/*
 * What the torture programs share. They know prun.h alone. Chance is a seed
 * that is printed and may be given again: the same seed makes the same
 * decisions; when the system carries them out is its own business, so a failure
 * that is one of timing comes back now and then, not always.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "prun.h"

/* A round that takes longer hangs. */
#define WATCHDOG_S 120

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

static struct {
	const char *program;
	uint64_t seed;
	uint64_t round;
	char hang[256]; /* what the watchdog says */
} torture;

/* ------------------------------------------------------------------- verdicts
 */

/* The workers die with this process, and so does all else it has started. */
static inline void die(const char *format, ...)
	__attribute__((noreturn, format(printf, 1, 2)));

static inline void die(const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fprintf(stderr, "%s: seed %llu round %llu: ", torture.program,
		(unsigned long long)torture.seed,
		(unsigned long long)torture.round);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	_exit(1);
}

#define REQUIRE(condition, ...) \
	do { \
		if (!(condition)) \
			die(__VA_ARGS__); \
	} while (0)

static inline void on_alarm(int sig)
{
	ssize_t n = write(STDERR_FILENO, torture.hang, strlen(torture.hang));

	(void)sig;
	(void)n;
	_exit(124);
}

/* Every round anew. */
static inline void watchdog(uint64_t round)
{
	torture.round = round;
	snprintf(torture.hang, sizeof(torture.hang),
		 "%s: seed %llu round %llu: hangs (%u s)\n", torture.program,
		 (unsigned long long)torture.seed, (unsigned long long)round,
		 WATCHDOG_S);
	alarm(WATCHDOG_S);
}

static inline uint64_t clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline void torture_begin(const char *program, const char *seed)
{
	struct rlimit no_core = {0, 0};
	struct sigaction sa = {.sa_handler = on_alarm};

	torture.program = program;
	torture.seed = seed ? strtoull(seed, NULL, 0) : clock_ns() % 1000000000;
	sigaction(SIGALRM, &sa, NULL);
	setrlimit(RLIMIT_CORE, &no_core);
	watchdog(0);
	printf("%s: seed %llu\n", program, (unsigned long long)torture.seed);
	fflush(stdout);
}

/* --------------------------------------------------------------------- chance
 */

struct chance {
	uint64_t state;
};

static inline uint64_t chance_next(struct chance *c)
{
	uint64_t x = (c->state += 0x9e3779b97f4a7c15u);

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

/* 0 to n - 1 */
static inline unsigned chance_below(struct chance *c, unsigned n)
{
	return (unsigned)(chance_next(c) % n);
}

static inline bool chance_one_in(struct chance *c, unsigned n)
{
	return chance_below(c, n) == 0;
}

static inline struct chance chance_of(uint64_t seed, uint64_t round)
{
	struct chance c = {seed};

	c.state = chance_next(&c) + round * 0x2545f4914f6cdd1du;
	return c;
}

static inline void spin(uint64_t ns)
{
	uint64_t until = clock_ns() + ns;

	while (clock_ns() < until)
		;
}

static inline void nap(uint64_t ns)
{
	struct timespec t = {(time_t)(ns / 1000000000u),
			     (long)(ns % 1000000000u)};

	while (nanosleep(&t, &t) < 0 && errno == EINTR)
		;
}

/* ------------------------------------------------------------------ processes
 */

struct life {
	char state;    /* R, S, T, Z ...; 0: there is no such process */
	uint64_t born; /* in ticks since the boot: tells two of one pid apart */
};

static inline struct life life_of(pid_t pid)
{
	struct life life = {0, 0};
	char path[64], text[1024], *at;
	ssize_t n;
	int fd, field;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return life;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return life;
	text[n] = '\0';
	at = strrchr(text, ')');
	if (!at)
		return life;
	life.state = at[2];
	for (field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	life.born = at ? strtoull(at + 1, NULL, 10) : 0;
	return life;
}

/* A pidfd of the process that had this pid when it was born then, so that
 * nobody else is ever hit; -1: it is gone. */
static inline int open_process(pid_t pid, uint64_t born)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct life life;

	if (fd < 0)
		return -1;
	life = life_of(pid);
	if (life.state == 0 || life.born != born) {
		close(fd);
		return -1;
	}
	return fd;
}

static inline bool send_signal(int pidfd, int sig)
{
	return syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, 0) == 0;
}

static inline bool is_readable(int fd, int timeout_ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int n;

	do {
		n = poll(&p, 1, timeout_ms);
	} while (n < 0 && errno == EINTR);
	return n > 0;
}

static inline bool still_lives(pid_t pid, uint64_t born)
{
	struct life life = life_of(pid);

	return life.state != 0 && life.state != 'Z' && life.state != 'X' &&
	       life.born == born;
}

/* --------------------------------------------------------------- what is left
 */

struct holdings {
	unsigned fds;
	unsigned maps;	 /* mappings, and of these */
	unsigned shared; /* those that are shared: boards */
};

static inline struct holdings holdings_now(void)
{
	struct holdings h = {0, 0, 0};
	DIR *dir = opendir("/proc/self/fd");
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[1024], perms[8];

	REQUIRE(dir && maps, "/proc/self cannot be read");
	while (readdir(dir))
		h.fds++;
	while (fgets(line, sizeof(line), maps)) {
		h.maps++;
		if (sscanf(line, "%*s %7s", perms) == 1 && perms[3] == 's')
			h.shared++;
	}
	fclose(maps);
	closedir(dir);
	return h;
}

/* Neither a child nor a zombie. */
static inline void require_childless(void)
{
	pid_t child = waitpid(-1, NULL, WNOHANG);

	REQUIRE(child < 0 && errno == ECHILD,
		"a child was left behind (waitpid gave %d)", (int)child);
}

static inline void *share_memory(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	REQUIRE(p != MAP_FAILED, "no memory");
	return p;
}

#endif
