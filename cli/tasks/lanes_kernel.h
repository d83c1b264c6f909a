/* SPDX-License-Identifier: MIT */
/*
 * One kernel: the blocks of LANES streams side by side, a stream in each
 * element of a vector. Included once for each kernel, after
 *
 *	KERNEL   its name
 *	TARGET   its attributes, or nothing
 *	WIDTH    elements of a vector: 1, 4, 8 or 16
 *	PARTS    vectors side by side: the steps of a digest wait for each
 *		 other, and several chains of them keep the processor busy
 *
 * and, for all kernels of a digest,
 *
 *	WORDS    words of its state: 4, 5 or 8
 *	BYTES(x) a word of the message from one of memory
 *	STEPS    the file with its steps, on a, b, c ... and w
 *
 * The vectors are those of GCC and clang, so that one source serves every
 * processor; the loops over parts and words unroll into registers.
 */

#define LANES (WIDTH * PARTS)
#define EACH_PART \
	_Pragma("GCC unroll 4") for (size_t p = 0; p < PARTS; p++)
#define UNROLL _Pragma("GCC unroll 16")

/*
 * A square of words is transposed by log2(WIDTH) turns; each weaves row i and
 * row i + WIDTH / 2, element by element, into two rows of `to`.
 */
#define TURN(to, from) \
	UNROLL for (size_t i = 0; i < WIDTH / 2; i++) { \
		(to)[2 * i] = LOW(WIDTH, (from)[i], (from)[i + WIDTH / 2]); \
		(to)[2 * i + 1] = \
			HIGH(WIDTH, (from)[i], (from)[i + WIDTH / 2]); \
	}
#if WIDTH == 1
#define VECTOR uint32_t
#define TRANSPOSE(x, y)
#elif WIDTH == 4
#define VECTOR vector_4
#define TRANSPOSE(x, y) TURN(y, x) TURN(x, y)
#elif WIDTH == 8
#define VECTOR vector_8
#define TRANSPOSE(x, y) \
	TURN(y, x) TURN(x, y) TURN(y, x) \
	UNROLL for (size_t i = 0; i < WIDTH; i++) (x)[i] = (y)[i];
#else
#define VECTOR vector_16
#define TRANSPOSE(x, y) TURN(y, x) TURN(x, y) TURN(y, x) TURN(x, y)
#endif

#define LOAD(name, k) EACH_PART name[p] = s[k][p];
#define ADD(name, k) EACH_PART s[k][p] += name[p];
#if WORDS == 4
#define STATE VECTOR a[PARTS], b[PARTS], c[PARTS], d[PARTS]
#define ALL(what) what(a, 0) what(b, 1) what(c, 2) what(d, 3)
#elif WORDS == 5
#define STATE VECTOR a[PARTS], b[PARTS], c[PARTS], d[PARTS], e[PARTS]
#define ALL(what) what(a, 0) what(b, 1) what(c, 2) what(d, 3) what(e, 4)
#else
#define STATE \
	VECTOR a[PARTS], b[PARTS], c[PARTS], d[PARTS], e[PARTS], f[PARTS], \
		g[PARTS], h[PARTS]
#define ALL(what) \
	what(a, 0) what(b, 1) what(c, 2) what(d, 3) \
	what(e, 4) what(f, 5) what(g, 6) what(h, 7)
#endif

TARGET static void KERNEL(uint32_t *const *state,
			  const unsigned char *const *data, size_t blocks)
{
	VECTOR s[WORDS][PARTS], w[16][PARTS], row[WIDTH];
#if WIDTH > 1
	VECTOR woven[WIDTH];
#endif
	uint32_t word[LANES];

	for (int k = 0; k < WORDS; k++) {
		for (int i = 0; i < LANES; i++)
			word[i] = state[i][k];
		memcpy(s[k], word, sizeof(word));
	}
	for (size_t at = 0; at < blocks * 64; at += 64) {
		STATE;

		EACH_PART UNROLL for (size_t k = 0; k < 16; k += WIDTH) {
			const unsigned char *const *from = data + p * WIDTH;

			UNROLL for (size_t i = 0; i < WIDTH; i++)
				memcpy(&row[i], from[i] + at + k * 4,
				       sizeof(VECTOR));
			TRANSPOSE(row, woven)
			UNROLL for (size_t i = 0; i < WIDTH; i++)
				w[k + i][p] = BYTES(row[i]);
		}
		ALL(LOAD)
#include STEPS
		ALL(ADD)
	}
	for (int k = 0; k < WORDS; k++) {
		memcpy(word, s[k], sizeof(word));
		for (int i = 0; i < LANES; i++)
			state[i][k] = word[i];
	}
}

#undef LANES
#undef EACH_PART
#undef UNROLL
#undef TURN
#undef VECTOR
#undef TRANSPOSE
#undef LOAD
#undef ADD
#undef STATE
#undef ALL
#undef KERNEL
#undef TARGET
#undef WIDTH
#undef PARTS
