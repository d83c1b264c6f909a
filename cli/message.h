/* SPDX-License-Identifier: MIT */
#ifndef MESSAGE_H
#define MESSAGE_H

/*
 * Everything prun itself writes on stderr: messages, each in one write, and
 * the one status line that is erased before them and before results.
 */

#include <stdbool.h>
#include <stddef.h>

/* Exit codes; see `prun help map`. */
enum {
	EXIT_ALL_WELL = 0,
	EXIT_ITEM_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_PRUN_FAILED = 3,
	EXIT_HALTED = 4,
};

/* "prun: ..." and a newline. */
void message(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same, then where to read on: "Try 'prun TOPIC --help'.". Returns
 * EXIT_USAGE. */
int message_usage(const char *format, ...)
	__attribute__((format(printf, 1, 2)));
/* That TOPIC: the sub-command this is about; NULL, and at first, is prun's own
 * help. */
void message_topic(const char *topic);

/* "prun: ITEM: TEXT"; the item is quoted as a shell would read it when it
 * holds control characters or bytes that are no UTF-8, and cut when it is very
 * long. */
void message_item(const void *item, size_t item_len, const char *text,
		  size_t text_len);

/* What somebody else has to say there, as it is. */
void message_bytes(const void *data, size_t size);

/* Show `line` in place of the status line that is there. */
void message_status(const char *line, size_t len);
/* Take the status line away, as messages do; whether that has happened since it
 * was shown. */
void message_status_erase(void);
bool message_status_taken(void);
/* Leave it there for good. */
void message_status_keep(void);

#endif
