/* SPDX-License-Identifier: MIT */

/*
 * SHA-1 and SHA-256 with the instructions that x86 has for them, in GCC's and
 * clang's names of Intel's "SHA Extensions". Each takes four steps of SHA-1, or
 * two of SHA-256, on one stream, and waits for the one before; so several
 * streams by turns are up to twice as fast as one.
 */

#include "lanes.h"

#if LANES_X86

#include <cpuid.h>
#include <immintrin.h>

#include "lanes_sha256_k.h"

#define PARTS_MAX 4

/* A kernel is one of these with a number of streams that is known when it is
 * compiled, so that all of it is in registers. */
#define KERNEL_OF __attribute__((target("sha,sse4.1"), always_inline)) inline
#define TARGET __attribute__((target("sha,sse4.1")))
#define EACH_PART _Pragma("GCC unroll 4") for (unsigned p = 0; p < parts; p++)
#define FOUR _Pragma("GCC unroll 4") for (unsigned i = 0; i < 4; i++)

KERNEL_OF static __m128i load(const void *from)
{
	return _mm_loadu_si128(from);
}

/* -- SHA-1 -- */

/* Four steps, and before them the four words of the message they need: words
 * 4t to 4t + 3. `f` says which function and constant. */
#define SHA1_FOUR(t, f) \
	EACH_PART \
	{ \
		if ((t) >= 4) \
			w[(t)&3][p] = _mm_sha1msg2_epu32( \
				_mm_xor_si128(_mm_sha1msg1_epu32( \
						      w[(t)&3][p], \
						      w[((t) + 1) & 3][p]), \
					      w[((t) + 2) & 3][p]), \
				w[((t) + 3) & 3][p]); \
		e[p] = (t) == 0 ? _mm_add_epi32(e[p], w[0][p]) : \
				  _mm_sha1nexte_epu32(before[p], w[(t)&3][p]); \
		before[p] = abcd[p]; \
		abcd[p] = _mm_sha1rnds4_epu32(abcd[p], e[p], f); \
	}
#define SHA1_TWENTY(f) \
	SHA1_FOUR(5 * (f), f) \
	SHA1_FOUR(5 * (f) + 1, f) \
	SHA1_FOUR(5 * (f) + 2, f) \
	SHA1_FOUR(5 * (f) + 3, f) \
	SHA1_FOUR(5 * (f) + 4, f)

/* The words a, b, c and d are in one vector, the first in front; e is in the
 * first place of another. */
KERNEL_OF static void sha1_run(unsigned parts, uint32_t *const *state,
			       const unsigned char *const *data, size_t blocks)
{
	const __m128i order =
		_mm_set_epi64x(0x0001020304050607, 0x08090a0b0c0d0e0f);
	__m128i s[PARTS_MAX], s_e[PARTS_MAX], w[4][PARTS_MAX];

	EACH_PART
	{
		s[p] = _mm_shuffle_epi32(load(state[p]), 0x1b);
		s_e[p] = _mm_set_epi32((int)state[p][4], 0, 0, 0);
	}
	for (size_t at = 0; at < blocks * LANES_BLOCK; at += LANES_BLOCK) {
		__m128i abcd[PARTS_MAX], e[PARTS_MAX], before[PARTS_MAX];

		EACH_PART
		{
			abcd[p] = s[p];
			e[p] = s_e[p];
			before[p] = s[p];
			FOUR w[i][p] = _mm_shuffle_epi8(
				load(data[p] + at + (size_t)16 * i), order);
		}
		SHA1_TWENTY(0)
		SHA1_TWENTY(1)
		SHA1_TWENTY(2)
		SHA1_TWENTY(3)
		EACH_PART
		{
			s_e[p] = _mm_sha1nexte_epu32(before[p], s_e[p]);
			s[p] = _mm_add_epi32(s[p], abcd[p]);
		}
	}
	EACH_PART
	{
		_mm_storeu_si128((__m128i *)(void *)state[p],
				 _mm_shuffle_epi32(s[p], 0x1b));
		state[p][4] = (uint32_t)_mm_extract_epi32(s_e[p], 3);
	}
}

/* -- SHA-224 and SHA-256 -- */

/* Four steps, and the words 4t to 4t + 3. */
#define SHA256_FOUR(t) \
	EACH_PART \
	{ \
		__m128i k; \
\
		if ((t) >= 4) \
			w[(t)&3][p] = _mm_sha256msg2_epu32( \
				_mm_add_epi32( \
					_mm_sha256msg1_epu32( \
						w[(t)&3][p], \
						w[((t) + 1) & 3][p]), \
					_mm_alignr_epi8(w[((t) + 3) & 3][p], \
							w[((t) + 2) & 3][p], \
							4)), \
				w[((t) + 3) & 3][p]); \
		k = _mm_add_epi32(w[(t)&3][p], \
				  load(&sha256_k[(size_t)4 * (t)])); \
		y[p] = _mm_sha256rnds2_epu32(y[p], x[p], k); \
		x[p] = _mm_sha256rnds2_epu32(x[p], y[p], \
					     _mm_shuffle_epi32(k, 0x0e)); \
	}
#define SHA256_SIXTEEN(t) \
	SHA256_FOUR(t) \
	SHA256_FOUR((t) + 1) \
	SHA256_FOUR((t) + 2) \
	SHA256_FOUR((t) + 3)

/* The words a, b, e and f are in one vector, c, d, g and h in the other. */
KERNEL_OF static void sha256_run(unsigned parts, uint32_t *const *state,
				 const unsigned char *const *data,
				 size_t blocks)
{
	const __m128i order =
		_mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
	__m128i s_x[PARTS_MAX], s_y[PARTS_MAX], w[4][PARTS_MAX];

	EACH_PART
	{
		__m128i low = _mm_shuffle_epi32(load(state[p]), 0xb1);
		__m128i high = _mm_shuffle_epi32(load(state[p] + 4), 0x1b);

		s_x[p] = _mm_alignr_epi8(low, high, 8);
		s_y[p] = _mm_blend_epi16(high, low, 0xf0);
	}
	for (size_t at = 0; at < blocks * LANES_BLOCK; at += LANES_BLOCK) {
		__m128i x[PARTS_MAX], y[PARTS_MAX];

		EACH_PART
		{
			x[p] = s_x[p];
			y[p] = s_y[p];
			FOUR w[i][p] = _mm_shuffle_epi8(
				load(data[p] + at + (size_t)16 * i), order);
		}
		SHA256_SIXTEEN(0)
		SHA256_SIXTEEN(4)
		SHA256_SIXTEEN(8)
		SHA256_SIXTEEN(12)
		EACH_PART
		{
			s_x[p] = _mm_add_epi32(s_x[p], x[p]);
			s_y[p] = _mm_add_epi32(s_y[p], y[p]);
		}
	}
	EACH_PART
	{
		__m128i low = _mm_shuffle_epi32(s_x[p], 0x1b);
		__m128i high = _mm_shuffle_epi32(s_y[p], 0xb1);

		_mm_storeu_si128((__m128i *)(void *)state[p],
				 _mm_blend_epi16(low, high, 0xf0));
		_mm_storeu_si128((__m128i *)(void *)(state[p] + 4),
				 _mm_alignr_epi8(high, low, 8));
	}
}

/* -- The kernels -- */

#define KERNEL(name, run, parts) \
	TARGET static void name(uint32_t *const *state, \
				const unsigned char *const *data, \
				size_t blocks) \
	{ \
		run(parts, state, data, blocks); \
	}

KERNEL(sha1_1, sha1_run, 1)
KERNEL(sha1_2, sha1_run, 2)
KERNEL(sha1_4, sha1_run, 4)
KERNEL(sha256_1, sha256_run, 1)
KERNEL(sha256_2, sha256_run, 2)

static bool cpu_has_sha(void)
{
	unsigned a, b, c, d;

	return __builtin_cpu_supports("sse4.1") &&
	       __get_cpuid_count(7, 0, &a, &b, &c, &d) && b & bit_SHA;
}

/* To ask the processor is slow on virtual machines. */
static bool has_sha(void)
{
	static signed char known;

	if (!known)
		known = cpu_has_sha() ? 1 : -1;
	return known > 0;
}

const struct lanes_kernel lanes_sha1_instructions[] = {
	{1, has_sha, sha1_1},
	{2, has_sha, sha1_2},
	{4, has_sha, sha1_4},
	{.lanes = 0},
};

const struct lanes_kernel lanes_sha256_instructions[] = {
	{1, has_sha, sha256_1},
	{2, has_sha, sha256_2},
	{.lanes = 0},
};

#else

const struct lanes_kernel lanes_sha1_instructions[] = {{.lanes = 0}};
const struct lanes_kernel lanes_sha256_instructions[] = {{.lanes = 0}};

#endif
