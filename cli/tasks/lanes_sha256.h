/* SPDX-License-Identifier: MIT */
/*
 * The 64 steps of SHA-224 and SHA-256 (FIPS 180-4, section 6.2.2), for
 * lanes_kernel.h.
 */

#define CH(x, y, z) ((z) ^ ((x) & ((y) ^ (z))))
#define MAJ(x, y, z) (((x) & (y)) | ((z) & ((x) | (y))))
#define BIG0(x) (ROTATE(x, 30) ^ ROTATE(x, 19) ^ ROTATE(x, 10))
#define BIG1(x) (ROTATE(x, 26) ^ ROTATE(x, 21) ^ ROTATE(x, 7))
#define SMALL0(x) (ROTATE(x, 25) ^ ROTATE(x, 14) ^ (x) >> 3)
#define SMALL1(x) (ROTATE(x, 15) ^ ROTATE(x, 13) ^ (x) >> 10)
#define STEP(a, b, c, d, e, f, g, h, t) \
	EACH_PART { \
		if ((t) >= 16) \
			w[(t) & 15][p] += SMALL1(w[((t) + 14) & 15][p]) + \
					  w[((t) + 9) & 15][p] + \
					  SMALL0(w[((t) + 1) & 15][p]); \
		h[p] += BIG1(e[p]) + CH(e[p], f[p], g[p]) + \
			w[(t) & 15][p] + sha256_k[t]; \
		d[p] += h[p]; \
		h[p] += BIG0(a[p]) + MAJ(a[p], b[p], c[p]); \
	}

#define EIGHT(t) \
	STEP(a, b, c, d, e, f, g, h, (t)) \
	STEP(h, a, b, c, d, e, f, g, (t) + 1) \
	STEP(g, h, a, b, c, d, e, f, (t) + 2) \
	STEP(f, g, h, a, b, c, d, e, (t) + 3) \
	STEP(e, f, g, h, a, b, c, d, (t) + 4) \
	STEP(d, e, f, g, h, a, b, c, (t) + 5) \
	STEP(c, d, e, f, g, h, a, b, (t) + 6) \
	STEP(b, c, d, e, f, g, h, a, (t) + 7)

EIGHT(0)
EIGHT(8)
EIGHT(16)
EIGHT(24)
EIGHT(32)
EIGHT(40)
EIGHT(48)
EIGHT(56)

#undef EIGHT
#undef STEP
#undef CH
#undef MAJ
#undef BIG0
#undef BIG1
#undef SMALL0
#undef SMALL1
