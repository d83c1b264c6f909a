/* SPDX-License-Identifier: MIT */
#ifndef NUMBER_H
#define NUMBER_H

/* Numbers and the like on the command line, read strictly. Each
 * returns 0, or EXIT_USAGE after a message that names the option, which is
 * given without its dashes. */

#include <stdint.h>

int number_parse(uint64_t *value, const char *option, const char *text,
		 uint64_t min, uint64_t max);

/* The same with a sign before it, if it is below 0. */
int number_signed(int64_t *value, const char *option, const char *text,
		  int64_t min, int64_t max);

/* A length of time in milliseconds: 10, 1.5s, 250ms, 2m, 1h, 1d; seconds
 * without a unit, and rounded up. */
int number_duration(uint64_t *ms, const char *option, const char *text,
		    uint64_t min_ms, uint64_t max_ms);

/* A size in bytes: 4096, 10K, 2GiB (K and KiB are 1024), 3MB (KB is 1000). */
int number_size(uint64_t *bytes, const char *option, const char *text);

/* One of `count` words: its place among them. */
int number_word(unsigned *place, const char *option, const char *text,
		const char *const *words, unsigned count);

/* N, N%, +N or -N workers, of the CPUs this process may use; 0 stays 0. */
int number_workers(uint32_t *workers, const char *option, const char *text);

/* One character, or an escape as xargs -d knows them. */
int number_delimiter(char *delimiter, const char *option, const char *text);

#endif
