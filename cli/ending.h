/* SPDX-License-Identifier: MIT */
#ifndef ENDING_H
#define ENDING_H

/* How a command or a program has ended, in words. */

#include <stddef.h>

#define ENDING_TEXT 128

/* "exited with status 3" when there is no signal, else "was killed by SIGTERM
 * (signal 15)"; its length. */
int ending_text(char text[ENDING_TEXT], int code, int signal);

#endif
