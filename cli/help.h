/* SPDX-License-Identifier: MIT */
#ifndef HELP_H
#define HELP_H

/* What `prun help` says. */

/* The text on a topic, NULL for prun as a whole; NULL when there is none. */
const char *help_text(const char *topic);

#endif
