/* SPDX-License-Identifier: MIT */
#ifndef NUMBER_H
#define NUMBER_H

/* Numbers on the command line, read strictly: digits and nothing else. Each
 * returns 0, or EXIT_USAGE after a message that names the option, which is
 * given without its dashes. */

#include <stdint.h>

int number_parse(uint64_t *value, const char *option, const char *text,
		 uint64_t min, uint64_t max);

/* N, N%, +N or -N workers, of the CPUs this process may use; 0 stays 0. */
int number_workers(uint32_t *workers, const char *option, const char *text);

/* One character, or an escape as xargs -d knows them. */
int number_delimiter(char *delimiter, const char *option, const char *text);

#endif
