/* SPDX-License-Identifier: MIT */
#ifndef ENDING_H
#define ENDING_H

/* How a command or a program has ended, in words. */

#include <stdbool.h>
#include <stddef.h>

#define ENDING_TEXT 128

/* "exited with status 3" when there is no signal, else "was killed by SIGTERM
 * (signal 15)"; its length. */
int ending_text(char text[ENDING_TEXT], int code, int signal);
/* What such a text says, whatever stands behind it; false: it is none, or does
 * not say which signal it was. */
bool ending_read(int *code, int *signal, const char *text, size_t size);

#endif
