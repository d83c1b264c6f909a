/* SPDX-License-Identifier: MIT */
#ifndef PROGRAM_H
#define PROGRAM_H

/* What this program is called: other packages have a prun, too, and so it can
 * be installed under another name, and speaks of itself by that. */

#include <stddef.h>

/* By its argv[0]; "prun" until that is known. */
void program_set_name(const char *argv0);
const char *program_name(void);
/* Where the next word of a text is that is "prun"; not within a longer word,
 * nor in a file's name, as in prun.h. *len is its length; NULL: there is none. */
const char *program_find(const char *text, size_t *len);

#endif
