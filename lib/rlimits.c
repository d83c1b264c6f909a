/* SPDX-License-Identifier: MIT */
#include "rlimits.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* A file of /proc as text: its length, or -1. */
static ssize_t read_file(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -1;
	n = read(fd, text, size - 1);
	close(fd);
	if (n >= 0)
		text[n] = '\0';
	return n;
}

/* proc(5), statm: size and resident, in pages. */
static bool read_statm(uint64_t *size, uint64_t *resident)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	char text[128], *end;

	if (read_file("/proc/self/statm", text, sizeof(text)) <= 0)
		return false;
	*size = strtoull(text, &end, 10) * page;
	*resident = strtoull(end, NULL, 10) * page;
	return true;
}

uint64_t limits_rss(void)
{
	uint64_t size, resident;

	return read_statm(&size, &resident) ? resident : 0;
}

/* proc(5), status: VmHWM, in kB. */
uint64_t limits_rss_peak(pid_t pid)
{
	char path[64], text[4096];
	const char *at;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	if (pid <= 0 || read_file(path, text, sizeof(text)) <= 0)
		return 0;
	at = strstr(text, "\nVmHWM:");
	return at ? strtoull(at + 7, NULL, 10) * 1024 : 0;
}

/* Of the processors it may use, the one whose turn it is. */
static int pin(int id)
{
	cpu_set_t may, one;
	size_t cpu;
	int n;

	if (sched_getaffinity(0, sizeof(may), &may) < 0)
		return -errno;
	n = id % CPU_COUNT(&may);
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &may) && n-- == 0)
			break;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	return sched_setaffinity(0, sizeof(one), &one) < 0 ? -errno : 0;
}

/* -1 is a legal answer of nice(). */
static int be_nice(int by)
{
	errno = 0;
	return nice(by) == -1 && errno ? -errno : 0;
}

static int limit_memory(uint64_t beyond)
{
	struct rlimit limit;
	uint64_t size, resident;

	if (!read_statm(&size, &resident) || getrlimit(RLIMIT_AS, &limit) < 0)
		return -errno;
	if (beyond < RLIM_INFINITY - size && limit.rlim_cur > size + beyond)
		limit.rlim_cur = size + beyond;
	if (limit.rlim_max > limit.rlim_cur)
		limit.rlim_max = limit.rlim_cur;
	return setrlimit(RLIMIT_AS, &limit) < 0 ? -errno : 0;
}

static int failed(int rc, const char *what, char *message, size_t size)
{
	snprintf(message, size, "%s: %s", what, strerrordesc_np(-rc));
	return rc;
}

int limits_apply(const struct limits *l, int id, char *message, size_t size)
{
	static const struct sigaction ignore = {.sa_handler = SIG_IGN};
	int rc = 0;

	if (l->ignore_sigint)
		sigaction(SIGINT, &ignore, NULL);
	if (l->pin && (rc = pin(id)) < 0)
		return failed(rc, "pinning to a processor", message, size);
	if (l->nice && (rc = be_nice(l->nice)) < 0)
		return failed(rc, "nice", message, size);
	if (l->memory_limit && (rc = limit_memory(l->memory_limit)) < 0)
		return failed(rc, "the memory limit", message, size);
	return 0;
}
