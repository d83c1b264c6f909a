/* SPDX-License-Identifier: MIT */
#ifndef INPUT_H
#define INPUT_H

/*
 * Where the items come from: the operands, then the lines of each -a file, or
 * the lines of standard input when there is neither. Never read ahead of what
 * the pool asks for; how many items regular files hold is counted with pread,
 * a slice at a time, for the progress display.
 */

#include "options.h"
#include "prun.h"

struct input_file {
	const char *name; /* for messages */
	int fd;
	struct prun_lines *lines;
	bool countable; /* a regular file; ->counted once at its end */
	bool counted;
	bool open_line; /* the last byte counted was no delimiter */
	int64_t offset; /* where counting goes on */
	uint64_t items; /* counted so far */
};

struct input {
	const struct options *options;
	size_t next_item;
	struct input_file *files;
	size_t nfiles;
	size_t current; /* the file being read */
	uint64_t given; /* items so far */
	bool ended;
	int error; /* of reading files[current] */
	/* Asked of each argument, by its bytes: is it to be left out? NULL: none
	 * is. */
	bool (*skip)(void *skip_payload, const void *argument, size_t size);
	/* Many were left out without a word: have the source called again. */
	void (*pause)(void *skip_payload);
	void *skip_payload;
	uint64_t skipped;
};

#define INPUT_UNKNOWN UINT64_MAX

/* The cookie of an item that is longer than the pool takes. */
#define INPUT_TOO_LONG ((void *)1)

/* Where the item of a result is in the input, from 1 on, however many of those
 * before it were left out. */
uint64_t input_place(const struct prun_result *result);

/* 0, or an exit code after a message. */
int input_open(struct input *in, const struct options *options);
void input_close(struct input *in);

/* Does the list of items come on standard input? */
bool input_uses_stdin(const struct input *in);

/* The source of the job; its payload is the struct input. */
int input_source(struct prun_item *item, void *input);

/* Count on in the files for at most `bytes`. */
void input_count(struct input *in, size_t bytes);
/* The number of all items, or INPUT_UNKNOWN. */
uint64_t input_total(const struct input *in);

#endif
