/* SPDX-License-Identifier: MIT */
#ifndef RLIMITS_H
#define RLIMITS_H

/* What a worker imposes on itself, and how much memory a process holds. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct limits {
	bool pin; /* to one processor, in turn */
	bool ignore_sigint;
	int nice;	       /* added */
	uint64_t memory_limit; /* bytes beyond its size now; 0: none */
	uint64_t max_rss;      /* bytes; 0: none */
};

/* Apply to this process, the worker `id`. 0, or -errno and what it was in
 * `message`. */
int limits_apply(const struct limits *l, int id, char *message, size_t size);
/* Bytes of this process in memory now; 0: not known. */
uint64_t limits_rss(void);
/* The most that a process ever had there; 0: not known. */
uint64_t limits_rss_peak(pid_t pid);

#endif
