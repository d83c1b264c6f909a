/* SPDX-License-Identifier: MIT */
/*
 * A target under AFL++, in persistent mode and with the input in shared
 * memory. Compiled by afl-clang-fast, which knows the names in capitals.
 */
#include <limits.h>
#include <sys/types.h>
#include <unistd.h>

#include "fuzz.h"

/* What they expand to is not ours. */
#pragma clang diagnostic ignored "-Wsign-conversion"
#pragma clang diagnostic ignored "-Wshorten-64-to-32"

__AFL_FUZZ_INIT();

int main(void)
{
	unsigned char *input;

	__AFL_INIT();
	input = __AFL_FUZZ_TESTCASE_BUF; /* after the init, as its manual says */
	while (__AFL_LOOP(100000)) {
		size_t size = __AFL_FUZZ_TESTCASE_LEN;
		/* A copy, for that buffer has room behind the input's end. */
		unsigned char *copy = fuzz_copy(input, size);

		LLVMFuzzerTestOneInput(copy, size);
		free(copy);
	}
	return 0;
}
