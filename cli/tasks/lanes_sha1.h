/* SPDX-License-Identifier: MIT */
/*
 * The 80 steps of SHA-1 (FIPS 180-4, section 6.1.2), for lanes_kernel.h; the
 * message schedule is made in place, as its section 6.1.3 has it.
 */

#define F(x, y, z) ((z) ^ ((x) & ((y) ^ (z))))
#define G(x, y, z) ((x) ^ (y) ^ (z))
#define H(x, y, z) (((x) & (y)) | ((z) & ((x) | (y))))
#define NEXT(t) \
	EACH_PART w[(t) & 15][p] = ROTATE(w[((t) + 13) & 15][p] ^ \
					  w[((t) + 8) & 15][p] ^ \
					  w[((t) + 2) & 15][p] ^ \
					  w[(t) & 15][p], 1);
#define STEP(f, a, b, c, d, e, t, k) \
	EACH_PART { \
		e[p] += ROTATE(a[p], 5) + f(b[p], c[p], d[p]) + \
			w[(t) & 15][p] + (k); \
		b[p] = ROTATE(b[p], 30); \
	}
#define FIVE(f, t, k) \
	MAYBE_NEXT(t) STEP(f, a, b, c, d, e, t, k) \
	MAYBE_NEXT(t + 1) STEP(f, e, a, b, c, d, t + 1, k) \
	MAYBE_NEXT(t + 2) STEP(f, d, e, a, b, c, t + 2, k) \
	MAYBE_NEXT(t + 3) STEP(f, c, d, e, a, b, t + 3, k) \
	MAYBE_NEXT(t + 4) STEP(f, b, c, d, e, a, t + 4, k)
#define MAYBE_NEXT(t) \
	if ((t) >= 16) { \
		NEXT(t) \
	}

FIVE(F, 0, 0x5a827999)
FIVE(F, 5, 0x5a827999)
FIVE(F, 10, 0x5a827999)
FIVE(F, 15, 0x5a827999)
FIVE(G, 20, 0x6ed9eba1)
FIVE(G, 25, 0x6ed9eba1)
FIVE(G, 30, 0x6ed9eba1)
FIVE(G, 35, 0x6ed9eba1)
FIVE(H, 40, 0x8f1bbcdc)
FIVE(H, 45, 0x8f1bbcdc)
FIVE(H, 50, 0x8f1bbcdc)
FIVE(H, 55, 0x8f1bbcdc)
FIVE(G, 60, 0xca62c1d6)
FIVE(G, 65, 0xca62c1d6)
FIVE(G, 70, 0xca62c1d6)
FIVE(G, 75, 0xca62c1d6)

#undef MAYBE_NEXT
#undef FIVE
#undef STEP
#undef NEXT
#undef F
#undef G
#undef H
