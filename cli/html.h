/* SPDX-License-Identifier: MIT */
#ifndef HTML_H
#define HTML_H

/* Pieces of a page, to standard_output. */

#include <stddef.h>
#include <stdint.h>

/* Markup, as it is. Never long, nor with a text from elsewhere. */
void html_put(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A text from elsewhere, harmless: what has a meaning in HTML is escaped,
 * control characters are shown as pictures of themselves, and what is no UTF-8
 * as U+FFFD. */
void html_text(const char *text, size_t len);
/* 1,234,567 */
void html_count(uint64_t n);
/* 12.3 ms, 4.56 s, 3 min 20 s, 2 h 05 min */
void html_seconds(double seconds);

#endif
