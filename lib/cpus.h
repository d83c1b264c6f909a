/* SPDX-License-Identifier: MIT */
#ifndef CPUS_H
#define CPUS_H

/* How many CPUs this process may use: see prun_cpu_count(). */

/* The CPUs that a cgroup's quota allows, rounded up; 0: no limit. `root` is
 * where /proc and /sys are found, "" for the real ones. */
int cpus_quota(const char *root);

#endif
