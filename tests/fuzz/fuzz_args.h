/* SPDX-License-Identifier: MIT */
#ifndef FUZZ_ARGS_H
#define FUZZ_ARGS_H

/*
 * A va_list of arguments that are only known when the program runs: all of
 * them in one array, as a caller leaves those on the stack for which it had no
 * register. In memory of exactly their size, so that a sanitizer sees one that
 * is read too many. The layouts are those of the processors' ABIs.
 */

#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__) && defined(__LP64__)
#define FUZZ_ARGS 1
static inline void fuzz_args(va_list *args, void *slots)
{
	(*args)->gp_offset = 6 * 8;	     /* no integer register is left, */
	(*args)->fp_offset = 6 * 8 + 8 * 16; /* nor one for doubles */
	(*args)->overflow_arg_area = slots;
	(*args)->reg_save_area = NULL;
}
#elif defined(__aarch64__) && defined(__LP64__)
#define FUZZ_ARGS 1
static inline void fuzz_args(va_list *args, void *slots)
{
	args->__stack = slots;
	args->__gr_top = NULL;
	args->__vr_top = NULL;
	args->__gr_offs = 0;
	args->__vr_offs = 0;
}
#elif defined(__riscv) && __riscv_xlen == 64
#define FUZZ_ARGS 1
static inline void fuzz_args(va_list *args, void *slots)
{
	memcpy(args, &slots, sizeof(slots));
}
#else
#define FUZZ_ARGS 0 /* prun_pack and prun_unpack are not fuzzed here */
static inline void fuzz_args(va_list *args, void *slots)
{
	(void)args;
	(void)slots;
}
#endif

#endif
