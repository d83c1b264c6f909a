/* SPDX-License-Identifier: MIT */
#ifndef FILE_H
#define FILE_H

/*
 * Reading the file an item names, block by block. What is not a regular file
 * is a failed item and never a hang, unless --special-files asks for it.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "prun.h"

/*
 * Set before the pool is made; the workers are forked with what it says.
 * stdin_taken lies in memory shared with the workers, so that only one of
 * them reads the one standard input.
 */
struct file_options {
	bool special;	/* open what is not a regular file too */
	int stdin_fd;	/* what the item "-" reads; -1: nothing is left to read */
	atomic_flag *stdin_taken;
};

extern struct file_options file_options;

/* Give `fd` to the item "-". 0 or -errno. */
int file_stdin_offer(int fd);

/* 0, or negative: the task has failed with it. */
typedef int (*file_sink)(void *state, const void *data, size_t size);

/* Hand the bytes of the file named by the task's argument to the sink. 0 and
 * *bytes, or the failure of the task. */
int file_read(uint64_t *bytes, struct prun_task *task, file_sink sink,
	      void *state);

/* The task's argument as a path, terminated by a NUL; valid until the next
 * call. 0 or the failure of the task. */
int file_path(const char **path, struct prun_task *task);

/* "regular file", "directory", "fifo" ... */
const char *file_kind(mode_t mode);

#endif
