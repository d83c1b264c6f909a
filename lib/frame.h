/* SPDX-License-Identifier: MIT */
#ifndef FRAME_H
#define FRAME_H

/*
 * Frames: what parent and worker say to each other, as bytes. Knows no
 * descriptor and decodes no value. Both sides are one machine and one program
 * image, so numbers are in native byte order.
 *
 * Every frame starts with a tag: its kind in the top byte, and in the rest
 * the size of what follows the head.
 *
 *	TASKS, RESULT, READY, heads of 32 bytes
 *	 0  u64 tag                     0  u64 tag
 *	 8  u64 index of first task     8  u64 start_ns
 *	16  u32 function               16  u64 run_ns
 *	20  u32 first number           24  u32 number
 *	24  u32 count                  28  i32 status
 *	28  u32 flags                  32  the value, or the text of a failure
 *	32  count x u32 sizes
 *	    count values               STOP: the tag alone
 *
 * Values are opaque; with the sizes in front, any run of tasks can be cut out
 * of a chunk without decoding one.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum frame_kind {
	FRAME_TASKS = 1,  /* parent to worker */
	FRAME_STOP = 2,	  /* parent to worker: finish, and leave */
	FRAME_READY = 3,  /* worker to parent: the initializer's outcome */
	FRAME_RESULT = 4, /* worker to parent */
};

/* This task runs alone in its batch function, to keep the blame exact. */
#define FRAME_SOLO 1u
/* Each argument is an array of parameters. */
#define FRAME_STAR 2u
/* The top byte of the flags: how often these tasks were tried before. */
#define FRAME_ATTEMPT_SHIFT 24

struct frame_tasks {
	uint64_t tag;
	uint64_t index;
	uint32_t func;
	uint32_t first;
	uint32_t count;
	uint32_t flags;
};

struct frame_result {
	uint64_t tag;
	uint64_t start_ns;
	uint64_t run_ns;
	uint32_t number;
	int32_t status;
};

#define FRAME_TAG_SIZE sizeof(uint64_t)
#define FRAME_HEAD_MAX sizeof(struct frame_tasks)

static inline uint64_t frame_tag(enum frame_kind kind, uint64_t size)
{
	return (uint64_t)kind << 56 | size;
}

/* A frame as it lies in a reader; valid until the next feed. */
struct frame {
	enum frame_kind kind;
	union {
		struct frame_tasks tasks;
		struct frame_result result;
	};
	const unsigned char *sizes; /* TASKS: count x u32, unaligned */
	const unsigned char *body;  /* TASKS: the values */
	uint64_t size;		    /* of the body */
};

/* The size of the i-th value of a TASKS frame. */
uint32_t frame_value_size(const struct frame *f, uint32_t i);

/*
 * A reader: feed bytes, ask for the next frame. Incomplete is 0, "none yet";
 * an error is sticky. A frame's size is checked against `max` before memory
 * is taken for it.
 */
struct frame_reader {
	unsigned char *data;
	size_t start, end, capacity;
	size_t least; /* of capacity */
	uint64_t max;
	uint64_t skip; /* of what comes next, bytes that are dropped */
	int error;
};

void frame_reader_init(struct frame_reader *r, uint64_t max);
/* Take a first buffer of 128 KiB now, and keep it: asking for room for 64 KiB
 * behind a frame begun that is no larger cannot fail then. 0 or -ENOMEM. */
int frame_reader_reserve(struct frame_reader *r);
void frame_reader_release(struct frame_reader *r);
/* Give back what a large frame took, unless there is more to be read. Bodies that
 * were lent are gone then. */
void frame_reader_trim(struct frame_reader *r);
/* Forget all bytes and the error. */
void frame_reader_reset(struct frame_reader *r);
/* Room to read into, at least `min` bytes; *room says how much. NULL: -ENOMEM.
 * Frames given before are no longer valid. */
unsigned char *frame_reader_space(struct frame_reader *r, size_t min,
				  size_t *room);
/* `size` bytes were put there. */
void frame_reader_fed(struct frame_reader *r, size_t size);
/* 1 and a frame, 0: none yet, PRUN_EPROTO or PRUN_ETOOBIG. */
int frame_next(struct frame *f, struct frame_reader *r);
/* Whether a frame was begun and has not come whole. */
bool frame_reader_holds(const struct frame_reader *r);
/* There is no memory for the frame begun: drop it, what is here of it and what
 * is to come. False: it is no result, or less than its head has come. */
bool frame_reader_skip(struct frame_result *head, struct frame_reader *r);
/* The head of a TASKS frame that has not come whole; false: it is none, or too
 * little of it has. */
bool frame_peek_tasks(struct frame_tasks *head, const struct frame_reader *r);
/* How many bytes are missing for the frame begun: a hint for reading. */
size_t frame_reader_missing(const struct frame_reader *r);

/*
 * Bytes on their way out. Grows as needed; sending takes from the front.
 */
struct frame_writer {
	unsigned char *data;
	size_t start, end, capacity;
};

void frame_writer_release(struct frame_writer *w);
/* Room for `size` more bytes at the end, or NULL. */
unsigned char *frame_writer_space(struct frame_writer *w, size_t size);
void frame_writer_took(struct frame_writer *w, size_t size);

/*
 * Put a TASKS frame: a run of head.count tasks cut out of a chunk. `offsets`
 * are those of their values in `data`, and behind them the end of the last.
 * 0 or -ENOMEM.
 */
int frame_put_tasks(struct frame_writer *w, struct frame_tasks head,
		    const uint32_t *offsets, const void *data);
int frame_put_stop(struct frame_writer *w);

#endif
