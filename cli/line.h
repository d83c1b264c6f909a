/* SPDX-License-Identifier: MIT */
#ifndef LINE_H
#define LINE_H

/* A line of text that keeps count of the terminal's columns it takes, and
 * never takes more than there are. */

#include <stddef.h>

struct line {
	char text[1024];
	size_t size;
	size_t columns;
	size_t width; /* the columns there are */
};

/* Add a text of one-column characters, if all of it fits. */
void line_put(struct line *l, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Add an escape code: it takes no column. */
void line_put_code(struct line *l, const char *code);
/* Add a name, harmless, cut to the columns left. */
void line_put_name(struct line *l, const char *name, size_t len);
/* Add a length of time: 0:07, 1:02:03, 5d; before it both other texts. */
void line_put_time(struct line *l, const char *separator, const char *label,
		   double seconds);

#endif
