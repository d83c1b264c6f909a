/* SPDX-License-Identifier: MIT */
#ifndef JOURNAL_H
#define JOURNAL_H

/*
 * --journal: which items of a run have ended, and how, so that another run can
 * go on with the rest. The bytes of the file are in journal_file.h.
 *
 * An item is known by its bytes and by how often the same ones came before it,
 * whatever its place in the input is. A record goes out behind the result it is
 * of, so a run that is killed in between repeats that item, and loses none.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keys.h"
#include "options.h"
#include "prun.h"
#include "journal_file.h"
#include "tally.h"

struct journal_entry;

/* So many items that ran for longest are told by name. */
#define JOURNAL_SLOWEST 20

struct journal {
	const struct options *options;
	const char *name;
	int fd; /* -1: there is none */
	uint64_t start_ns;
	struct keys keys;
	bool batches;  /* an array is of several items; run.h */
	bool packed;   /* items are values; kept as they are packed */
	bool empty;    /* there was nothing in the file */
	bool choosing; /* some items are not to be run */
	int error;     /* why it is not kept any more; -errno */
	/* Items whose records wait for their results to be out. */
	struct journal_entry *entries;
	size_t nentries;
	unsigned char *bytes; /* the bodies of their records */
	size_t bytes_used, bytes_room;
	float slowest[JOURNAL_SLOWEST]; /* seconds of those told so far */
	size_t nslowest;
	float slow;	    /* one is among them that took longer */
	unsigned char *out; /* what is written next */
	size_t out_used;
};

/*
 * What is written of a command to tell it from others: its words, each with a
 * NUL at its end. They are the sub-command, the options that change its
 * results, and what it runs. malloc'd; NULL: no memory.
 */
char *journal_command(size_t *size, const struct options *o);

/* Open, lock and read it, if the options ask for one. 0, or an exit code after
 * a message. */
int journal_open(struct journal *j, const struct options *o);
/* A run begins. 0, or an exit code after a message. */
int journal_begin(struct journal *j);
/* Whether an item that has come, the argument of a task, is not to be run. */
bool journal_skip(struct journal *j, const void *argument, size_t size);
/* A task has ended, and what it has given is in standard_output. */
void journal_note(struct journal *j, const struct prun_result *result,
		  bool failed, const char *text, size_t len);
/* Flush standard_output, and write the records of what is out. */
void journal_flush(struct journal *j);
/* The same at the end of the run, of which `code` is the exit code. What it is
 * instead, after a message. */
int journal_end(struct journal *j, const struct tally *tally, int code);
void journal_close(struct journal *j);

/*
 * Where the number of the item is that a record tells of, which is added if it
 * is not there; NULL: no memory. Nothing is left out of the first run, and its
 * records hold the key of the bytes alone: the table that tells equal items
 * apart is made when they are read, counted in this way. Those of other runs
 * hold the item's own key.
 */
uint32_t *journal_item(struct keys *k, const struct record *r, uint32_t way);

/* The process that has a journal locked; 0: none. */
int journal_locked_by(int fd);

#endif
