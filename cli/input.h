/* SPDX-License-Identifier: MIT */
#ifndef INPUT_H
#define INPUT_H

/*
 * Where the items come from: the operands, then the lines of each -a file, or
 * the lines of standard input when there is neither; or the records that these
 * are read as, see records.h. Never read ahead of what the pool asks for; how
 * many items regular files hold is counted with pread, a slice at a time, for
 * the progress display.
 */

#include "options.h"
#include "prun.h"
#include "records.h"

struct input_file {
	const char *name; /* for messages */
	int fd;
	struct prun_lines *lines;
	struct values *values; /* in place of lines */
	bool countable;	       /* a regular file; ->counted once at its end */
	bool counted;
	bool open_line; /* the bytes counted last are part of an item */
	bool quoted;	/* of CSV: they are within quotes */
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
	struct records records;
	bool begun; /* the records of files[current] */
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

/* Where the item of a result is in the input, from 1 on, however many of those
 * before it were left out. */
uint64_t input_place(const struct prun_result *result);

/* 0, or an exit code after a message. */
int input_open(struct input *in, const struct options *options);
void input_close(struct input *in);

/*
 * For a source that reads lists by itself: this one, of the name of a file or
 * "-", is counted as a list of the input's own would be. 0 or -ENOMEM. The
 * source adds to `given`, and sets `ended`.
 */
int input_watch(struct input *in, const char *name);

/* Does the list of items come on standard input? */
bool input_uses_stdin(const struct input *in);

/* Each item is an array of the parameters of a function; before the first. */
void input_spread(struct input *in);
/* With --header each item is a map of the columns and their names; before the
 * first. */
void input_keep_names(struct input *in);
/* The source of the job; its payload is the struct input. */
int input_source(struct prun_item *item, void *input);
/* The names of the columns of the item that input_source() has packed last; NULL
 * without --header. */
const struct fields *input_names(const struct input *in);
/* Tell why the input failed: in->error. */
void input_tell_error(const struct input *in);

/* Count on in the files for at most `bytes`. */
void input_count(struct input *in, size_t bytes);
/* The number of all items, or INPUT_UNKNOWN. */
uint64_t input_total(const struct input *in);

#endif
