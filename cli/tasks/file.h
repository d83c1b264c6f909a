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
 * stdin_reader lies in memory shared with the workers, so that only one of
 * them reads the one standard input: the item that does, from 1, or 0. When its
 * worker dies of another one's fault it comes again, and begins anew where that
 * can be.
 */
struct file_options {
	bool special; /* open what is not a regular file too */
	int stdin_fd; /* what the item "-" reads; -1: nothing is left to read */
	off_t stdin_start; /* where it began; -1: it cannot go back */
	_Atomic uint64_t *stdin_reader;
};

extern struct file_options file_options;

/* Give `fd` to the item "-". 0 or -errno. */
int file_stdin_offer(int fd);

struct file {
	int fd;
	bool is_stdin;
	bool may_wait; /* may have nothing to read for now */
	bool ended;
	uint64_t size;	/* of a regular file when it was opened */
	uint64_t bytes; /* read */
};

/* Open what the task's argument names. 0 or the failure of the task. */
int file_open(struct file *f, struct prun_task *task);
void file_close(struct file *f);
/* Read on: how many bytes, 0 at the end, or -errno. */
ssize_t file_next(struct file *f, void *data, size_t size);
/* Whether file_next() would not wait for others to write. */
bool file_ready(const struct file *f);

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
