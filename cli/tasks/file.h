/* SPDX-License-Identifier: MIT */
#ifndef FILE_H
#define FILE_H

/*
 * Reading the file an item names, block by block. What is not a regular file
 * is a failed item and never a hang, unless --special-files asks for it.
 */

#include <limits.h>
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
	bool special; /* open what is not a regular file too */
	int stdin_fd; /* what the item "-" reads; -1: nothing is left to read */
	atomic_flag *stdin_taken;
};

extern struct file_options file_options;

/* Give `fd` to the item "-". 0 or -errno. */
int file_stdin_offer(int fd);

struct file {
	struct prun_task *task;
	int fd;
	bool is_stdin;
	bool checked;  /* is the file whose kind was looked at */
	bool may_wait; /* may have nothing to read for now */
	bool ended;
	uint64_t size;	/* of a regular file before it was opened */
	uint64_t bytes; /* read */
};

/*
 * The directory of files that are opened in a row, so that its path is looked
 * up once for all of them; {.fd = -1} at first. Their tasks must have been
 * there before the row, which ends with file_folder_leave(): a task that was
 * given after a directory had been renamed must not see the old one.
 */
struct file_folder {
	int fd;
	size_t size; /* of the name; 0: none */
	char name[PATH_MAX];
};

/* Open what the task's argument names; `folder` may be NULL. 0 or the failure
 * of the task. */
int file_open(struct file *f, struct prun_task *task,
	      struct file_folder *folder);
void file_folder_leave(struct file_folder *folder);
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
