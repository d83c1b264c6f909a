/* SPDX-License-Identifier: MIT */
#ifndef HEX_H
#define HEX_H

#include <stddef.h>
#include <stdint.h>

#include "prun.h"

/* Give the result of a digest, [hex, bytes read]; 0 or an error. */
static inline int hex_return(struct prun_task *task, const unsigned char *sum,
			     size_t size, uint64_t bytes)
{
	static const char digits[] = "0123456789abcdef";
	char hex[2 * 64];

	for (size_t i = 0; i < size && i < sizeof(hex) / 2; i++) {
		hex[2 * i] = digits[sum[i] >> 4];
		hex[2 * i + 1] = digits[sum[i] & 15];
	}
	return prun_ret_pack(task, "[s#, u]", hex, 2 * size, bytes);
}

#endif
