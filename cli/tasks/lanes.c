/* SPDX-License-Identifier: MIT */

#include "lanes.h"

#include <endian.h>
#include <string.h>

#include "lanes_sha256_k.h"

typedef uint32_t vector_4 __attribute__((vector_size(16)));
#if LANES_X86
typedef uint32_t vector_8 __attribute__((vector_size(32)));
typedef uint32_t vector_16 __attribute__((vector_size(64)));
#endif

#define ROTATE(x, n) ((x) << (n) | (x) >> (32 - (n)))
#define SWAPPED(x) \
	((ROTATE(x, 8) & 0x00ff00ffu) | (ROTATE(x, 24) & 0xff00ff00u))
#if __BYTE_ORDER == __LITTLE_ENDIAN
#define LITTLE(x) (x)
#define BIG(x) SWAPPED(x)
#else
#define LITTLE(x) SWAPPED(x)
#define BIG(x) (x)
#endif

/* The elements of two vectors by turns, of their lower or their upper half. */
#define LOW(width, x, y) LOW_(width, x, y)
#define LOW_(width, x, y) LOW_##width(x, y)
#define LOW_4(x, y) __builtin_shufflevector(x, y, 0, 4, 1, 5)
#define LOW_8(x, y) __builtin_shufflevector(x, y, 0, 8, 1, 9, 2, 10, 3, 11)
#define LOW_16(x, y) \
	__builtin_shufflevector(x, y, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, \
				21, 6, 22, 7, 23)
#define HIGH(width, x, y) HIGH_(width, x, y)
#define HIGH_(width, x, y) HIGH_##width(x, y)
#define HIGH_4(x, y) __builtin_shufflevector(x, y, 2, 6, 3, 7)
#define HIGH_8(x, y) __builtin_shufflevector(x, y, 4, 12, 5, 13, 6, 14, 7, 15)
#define HIGH_16(x, y) \
	__builtin_shufflevector(x, y, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, \
				13, 29, 14, 30, 15, 31)

#define AVX2 __attribute__((target("avx2")))
#define AVX512 __attribute__((target("avx512f,avx512bw")))

/* -- MD5 -- */

/* Its steps add what they know first, first; GCC would put that in an order of
 * its own, and be a tenth slower. */
#ifndef __clang__
#pragma GCC push_options
#pragma GCC optimize("no-tree-reassoc")
#endif

#define WORDS 4
#define BYTES(x) LITTLE(x)
#define STEPS "lanes_md5.h"

#define KERNEL md5_1
#define TARGET
#define WIDTH 1
#define PARTS 1
#include "lanes_kernel.h"

#define KERNEL md5_4
#define TARGET
#define WIDTH 4
#define PARTS 1
#include "lanes_kernel.h"

#define KERNEL md5_4x2
#define TARGET
#define WIDTH 4
#define PARTS 2
#include "lanes_kernel.h"

#if LANES_X86
#define KERNEL md5_8
#define TARGET AVX2
#define WIDTH 8
#define PARTS 1
#include "lanes_kernel.h"

#define KERNEL md5_8x2
#define TARGET AVX2
#define WIDTH 8
#define PARTS 2
#include "lanes_kernel.h"

#define KERNEL md5_8x3
#define TARGET AVX2
#define WIDTH 8
#define PARTS 3
#include "lanes_kernel.h"

#define KERNEL md5_16
#define TARGET AVX512
#define WIDTH 16
#define PARTS 1
#include "lanes_kernel.h"

#define KERNEL md5_16x2
#define TARGET AVX512
#define WIDTH 16
#define PARTS 2
#include "lanes_kernel.h"
#endif

#undef WORDS
#undef BYTES
#undef STEPS

#ifndef __clang__
#pragma GCC pop_options
#endif

/* -- SHA-1 -- */

#define WORDS 5
#define BYTES(x) BIG(x)
#define STEPS "lanes_sha1.h"

#define KERNEL sha1_1
#define TARGET
#define WIDTH 1
#define PARTS 1
#include "lanes_kernel.h"

#define KERNEL sha1_4
#define TARGET
#define WIDTH 4
#define PARTS 1
#include "lanes_kernel.h"

#if LANES_X86
#define KERNEL sha1_8
#define TARGET AVX2
#define WIDTH 8
#define PARTS 1
#include "lanes_kernel.h"

#define KERNEL sha1_16
#define TARGET AVX512
#define WIDTH 16
#define PARTS 1
#include "lanes_kernel.h"
#endif

#undef WORDS
#undef STEPS

/* -- SHA-224 and SHA-256 -- */

#define WORDS 8
#define STEPS "lanes_sha256.h"

#define KERNEL sha256_1
#define TARGET
#define WIDTH 1
#define PARTS 1
#include "lanes_kernel.h"

#define KERNEL sha256_4
#define TARGET
#define WIDTH 4
#define PARTS 1
#include "lanes_kernel.h"

#if LANES_X86
#define KERNEL sha256_8
#define TARGET AVX2
#define WIDTH 8
#define PARTS 1
#include "lanes_kernel.h"

#define KERNEL sha256_16
#define TARGET AVX512
#define WIDTH 16
#define PARTS 1
#include "lanes_kernel.h"
#endif

#undef WORDS
#undef BYTES
#undef STEPS

/* -- What the processor has -- */

static bool always(void)
{
	return true;
}

#if LANES_X86
static bool has_avx2(void)
{
	return __builtin_cpu_supports("avx2");
}

static bool has_avx512(void)
{
	return __builtin_cpu_supports("avx512f") &&
	       __builtin_cpu_supports("avx512bw");
}
#endif

static const struct lanes_kernel md5_kernels[] = {
	{1, always, md5_1},
	{4, always, md5_4},
#if LANES_X86
	{8, has_avx2, md5_8},
#endif
	{8, always, md5_4x2},
#if LANES_X86
	{16, has_avx512, md5_16},
	{16, has_avx2, md5_8x2},
	{24, has_avx2, md5_8x3},
	{32, has_avx512, md5_16x2},
#endif
	{.lanes = 0},
};

static const struct lanes_kernel sha1_kernels[] = {
	{1, always, sha1_1},   {4, always, sha1_4},
#if LANES_X86
	{8, has_avx2, sha1_8}, {16, has_avx512, sha1_16},
#endif
	{.lanes = 0},
};

static const struct lanes_kernel sha256_kernels[] = {
	{1, always, sha256_1},
	{4, always, sha256_4},
#if LANES_X86
	{8, has_avx2, sha256_8},
	{16, has_avx512, sha256_16},
#endif
	{.lanes = 0},
};

const struct lanes_digest lanes_md5 = {
	.start = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476},
	.words = 4,
	.size = 16,
	.kernels = md5_kernels,
};

const struct lanes_digest lanes_sha1 = {
	.start = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0},
	.words = 5,
	.size = 20,
	.big_endian = true,
	.kernels = sha1_kernels,
	.instructions = lanes_sha1_instructions,
};

const struct lanes_digest lanes_sha224 = {
	.start = {0xc1059ed8, 0x367cd507, 0x3070dd17, 0xf70e5939, 0xffc00b31,
		  0x68581511, 0x64f98fa7, 0xbefa4fa4},
	.words = 8,
	.size = 28,
	.big_endian = true,
	.kernels = sha256_kernels,
	.instructions = lanes_sha256_instructions,
};

const struct lanes_digest lanes_sha256 = {
	.start = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f,
		  0x9b05688c, 0x1f83d9ab, 0x5be0cd19},
	.words = 8,
	.size = 32,
	.big_endian = true,
	.kernels = sha256_kernels,
	.instructions = lanes_sha256_instructions,
};

static const struct lanes_kernel *kernels_of(const struct lanes_digest *digest)
{
	const struct lanes_kernel *own = digest->instructions;

	return own && own->lanes && own->has() ? own : digest->kernels;
}

const struct lanes_kernel *lanes_pick(const struct lanes_digest *digest,
				      unsigned streams)
{
	const struct lanes_kernel *best = kernels_of(digest), *k;

	for (k = best; k->lanes && best->lanes < streams; k++)
		if (k->lanes > best->lanes && k->has())
			best = k;
	return best;
}

/* Outside x86 there are no kernels with the processor's instructions, and
 * OpenSSL's code has them: ARM's processors of today have some for all but MD5.
 */
bool lanes_pay(const struct lanes_digest *digest)
{
	return LANES_X86 || !digest->instructions;
}

/* -- The end of a message -- */

size_t lanes_pad(const struct lanes_digest *digest, unsigned char *block,
		 size_t rest, uint64_t total)
{
	size_t blocks = rest + 1 + sizeof(total) > LANES_BLOCK ? 2 : 1;
	uint64_t bits = digest->big_endian ? htobe64(total * 8) :
					     htole64(total * 8);

	block[rest] = 0x80;
	memset(block + rest + 1, 0, blocks * LANES_BLOCK - rest - 1);
	memcpy(block + blocks * LANES_BLOCK - sizeof(bits), &bits,
	       sizeof(bits));
	return blocks;
}

void lanes_sum(unsigned char *sum, const struct lanes_digest *digest,
	       const uint32_t *state)
{
	for (unsigned i = 0; i < digest->size / sizeof(uint32_t); i++) {
		uint32_t word = digest->big_endian ? htobe32(state[i]) :
						     htole32(state[i]);

		memcpy(sum + i * sizeof(word), &word, sizeof(word));
	}
}
