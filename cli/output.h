/* SPDX-License-Identifier: MIT */
#ifndef OUTPUT_H
#define OUTPUT_H

/*
 * Standard output: a buffer, and every write checked. The first error stays;
 * what comes after it is dropped.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OUTPUT_BUFFER (64 * 1024)

struct output {
	int fd;
	size_t used;
	int error;     /* 0 or -errno of the first write that failed */
	uint64_t gone; /* bytes that were written */
	bool written;
	bool shares_terminal; /* with stderr: order and erasing matter */
	bool in_line;	      /* what was written does not end with a newline */
	char buffer[OUTPUT_BUFFER];
};

/* The one there is, outside of all structs for its buffer. */
extern struct output standard_output;

void output_init(struct output *out);
/* The same for a descriptor of another file, which is closed at its end. */
void output_of(struct output *out, int fd);
/* How many bytes were put, those that are out and those that wait. */
static inline uint64_t output_place(const struct output *out)
{
	return out->gone + out->used;
}

/* Keep standard output to this alone: for everybody else it is standard error
 * from now on. 0 or -errno. */
int output_move(struct output *out);
/* Each returns out->error. */
int output_put(struct output *out, const void *data, size_t size);
int output_flush(struct output *out);
/* Flush, and close stdout to learn of what the system had put off. */
int output_close(struct output *out);
/* The same, and the exit code after a message. */
int output_end(struct output *out);
/* All of these for a text for the user, in which the program has the name that
 * it has here. */
int output_text(struct output *out, const char *text);
/* Tell of out->error; the exit code. EPIPE ends prun as SIGPIPE would. */
int output_fail(const struct output *out);

#endif
