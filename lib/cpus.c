/* SPDX-License-Identifier: MIT */
#include "cpus.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "prun.h"

#define PATH_SIZE 4096

/* A small file's first line; false: there is none. */
static bool read_line(const char *path, char *line, size_t size)
{
	FILE *f = fopen(path, "re");
	bool ok;

	if (!f)
		return false;
	ok = fgets(line, (int)size, f) != NULL;
	fclose(f);
	return ok;
}

static int rounded_up(long long quota, long long period)
{
	long long cpus;

	if (quota <= 0 || period <= 0)
		return 0;
	cpus = quota / period + (quota % period != 0);
	return cpus > INT_MAX ? INT_MAX : (int)cpus;
}

/* One group of version 2: "max 100000" or "150000 100000". */
static int quota_v2(const char *dir)
{
	char path[PATH_SIZE + 32], line[128];
	long long quota, period;

	snprintf(path, sizeof(path), "%s/cpu.max", dir);
	if (!read_line(path, line, sizeof(line)) ||
	    sscanf(line, "%lld %lld", &quota, &period) != 2)
		return 0;
	return rounded_up(quota, period);
}

static int quota_v1(const char *dir)
{
	char path[PATH_SIZE + 32], line[128];
	long long quota;

	snprintf(path, sizeof(path), "%s/cpu.cfs_quota_us", dir);
	if (!read_line(path, line, sizeof(line)))
		return 0;
	quota = atoll(line); /* -1: no limit */
	snprintf(path, sizeof(path), "%s/cpu.cfs_period_us", dir);
	if (!read_line(path, line, sizeof(line)))
		return 0;
	return rounded_up(quota, atoll(line));
}

/* The smallest quota of a group and those above it. */
static int smallest_quota(const char *mount, const char *group,
			  int (*quota)(const char *dir))
{
	size_t top = strlen(mount);
	char dir[PATH_SIZE];
	int least = 0, one;
	char *slash;

	if (snprintf(dir, sizeof(dir), "%s%s", mount, group) >=
	    (int)sizeof(dir))
		return 0;
	for (;;) {
		one = quota(dir);
		if (one && (!least || one < least))
			least = one;
		slash = strrchr(dir + top, '/');
		if (!slash)
			return least;
		*slash = '\0';
	}
}

/* A controller list like "cpu,cpuacct" holds "cpu". */
static bool lists_cpu(const char *list)
{
	size_t len;

	for (; *list; list += len + (list[len] == ',')) {
		len = strcspn(list, ",");
		if (len == 3 && memcmp(list, "cpu", 3) == 0)
			return true;
	}
	return false;
}

int cpus_quota(const char *root)
{
	char path[PATH_SIZE], line[PATH_SIZE], mount[PATH_SIZE];
	int least = 0, one;
	FILE *f;

	snprintf(path, sizeof(path), "%s/proc/self/cgroup", root);
	f = fopen(path, "re");
	if (!f)
		return 0;
	/* Lines of "id:controllers:/path"; version 2 has no controllers. */
	while (fgets(line, sizeof(line), f)) {
		char *list = strchr(line, ':');
		char *group = list ? strchr(list + 1, ':') : NULL;

		if (!group)
			continue;
		*group++ = '\0';
		group[strcspn(group, "\n")] = '\0';
		one = 0;
		if (list[1] == '\0') {
			snprintf(mount, sizeof(mount), "%s/sys/fs/cgroup",
				 root);
			one = smallest_quota(mount, group, quota_v2);
		} else if (lists_cpu(list + 1)) {
			snprintf(mount, sizeof(mount), "%s/sys/fs/cgroup/cpu",
				 root);
			one = smallest_quota(mount, group, quota_v1);
		}
		if (one && (!least || one < least))
			least = one;
	}
	fclose(f);
	return least;
}

/* The CPUs in the affinity mask, however many the machine has. */
static int affinity(void)
{
	size_t ncpus = 1024;
	cpu_set_t *set;
	int count = 0;

	do {
		size_t size = CPU_ALLOC_SIZE(ncpus);

		set = CPU_ALLOC(ncpus);
		if (!set)
			break;
		if (sched_getaffinity(0, size, set) == 0)
			count = CPU_COUNT_S(size, set);
		else if (errno != EINVAL)
			ncpus = SIZE_MAX / 4;
		CPU_FREE(set);
		ncpus *= 2;
	} while (count == 0 && ncpus <= (1u << 20));
	if (count == 0)
		count = (int)sysconf(_SC_NPROCESSORS_ONLN);
	return count;
}

int prun_cpu_count(void)
{
	int cpus = affinity();
	int quota = cpus_quota("");

	if (quota && quota < cpus)
		cpus = quota;
	return cpus > 0 ? cpus : 1;
}
