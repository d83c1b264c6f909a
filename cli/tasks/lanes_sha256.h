/* SPDX-License-Identifier: MIT */
/*
 * The 64 steps of SHA-224 and SHA-256 (FIPS 180-4, section 6.2.2), for
 * lanes_kernel.h; the constants are those of its section 4.2.2.
 */

#define CH(x, y, z) ((z) ^ ((x) & ((y) ^ (z))))
#define MAJ(x, y, z) (((x) & (y)) | ((z) & ((x) | (y))))
#define BIG0(x) (ROTATE(x, 30) ^ ROTATE(x, 19) ^ ROTATE(x, 10))
#define BIG1(x) (ROTATE(x, 26) ^ ROTATE(x, 21) ^ ROTATE(x, 7))
#define SMALL0(x) (ROTATE(x, 25) ^ ROTATE(x, 14) ^ (x) >> 3)
#define SMALL1(x) (ROTATE(x, 15) ^ ROTATE(x, 13) ^ (x) >> 10)
#define STEP(a, b, c, d, e, f, g, h, t, k) \
	EACH_PART { \
		if ((t) >= 16) \
			w[(t) & 15][p] += SMALL1(w[((t) + 14) & 15][p]) + \
					  w[((t) + 9) & 15][p] + \
					  SMALL0(w[((t) + 1) & 15][p]); \
		h[p] += BIG1(e[p]) + CH(e[p], f[p], g[p]) + \
			w[(t) & 15][p] + (k); \
		d[p] += h[p]; \
		h[p] += BIG0(a[p]) + MAJ(a[p], b[p], c[p]); \
	}

STEP(a, b, c, d, e, f, g, h, 0, 0x428a2f98)
STEP(h, a, b, c, d, e, f, g, 1, 0x71374491)
STEP(g, h, a, b, c, d, e, f, 2, 0xb5c0fbcf)
STEP(f, g, h, a, b, c, d, e, 3, 0xe9b5dba5)
STEP(e, f, g, h, a, b, c, d, 4, 0x3956c25b)
STEP(d, e, f, g, h, a, b, c, 5, 0x59f111f1)
STEP(c, d, e, f, g, h, a, b, 6, 0x923f82a4)
STEP(b, c, d, e, f, g, h, a, 7, 0xab1c5ed5)
STEP(a, b, c, d, e, f, g, h, 8, 0xd807aa98)
STEP(h, a, b, c, d, e, f, g, 9, 0x12835b01)
STEP(g, h, a, b, c, d, e, f, 10, 0x243185be)
STEP(f, g, h, a, b, c, d, e, 11, 0x550c7dc3)
STEP(e, f, g, h, a, b, c, d, 12, 0x72be5d74)
STEP(d, e, f, g, h, a, b, c, 13, 0x80deb1fe)
STEP(c, d, e, f, g, h, a, b, 14, 0x9bdc06a7)
STEP(b, c, d, e, f, g, h, a, 15, 0xc19bf174)
STEP(a, b, c, d, e, f, g, h, 16, 0xe49b69c1)
STEP(h, a, b, c, d, e, f, g, 17, 0xefbe4786)
STEP(g, h, a, b, c, d, e, f, 18, 0x0fc19dc6)
STEP(f, g, h, a, b, c, d, e, 19, 0x240ca1cc)
STEP(e, f, g, h, a, b, c, d, 20, 0x2de92c6f)
STEP(d, e, f, g, h, a, b, c, 21, 0x4a7484aa)
STEP(c, d, e, f, g, h, a, b, 22, 0x5cb0a9dc)
STEP(b, c, d, e, f, g, h, a, 23, 0x76f988da)
STEP(a, b, c, d, e, f, g, h, 24, 0x983e5152)
STEP(h, a, b, c, d, e, f, g, 25, 0xa831c66d)
STEP(g, h, a, b, c, d, e, f, 26, 0xb00327c8)
STEP(f, g, h, a, b, c, d, e, 27, 0xbf597fc7)
STEP(e, f, g, h, a, b, c, d, 28, 0xc6e00bf3)
STEP(d, e, f, g, h, a, b, c, 29, 0xd5a79147)
STEP(c, d, e, f, g, h, a, b, 30, 0x06ca6351)
STEP(b, c, d, e, f, g, h, a, 31, 0x14292967)
STEP(a, b, c, d, e, f, g, h, 32, 0x27b70a85)
STEP(h, a, b, c, d, e, f, g, 33, 0x2e1b2138)
STEP(g, h, a, b, c, d, e, f, 34, 0x4d2c6dfc)
STEP(f, g, h, a, b, c, d, e, 35, 0x53380d13)
STEP(e, f, g, h, a, b, c, d, 36, 0x650a7354)
STEP(d, e, f, g, h, a, b, c, 37, 0x766a0abb)
STEP(c, d, e, f, g, h, a, b, 38, 0x81c2c92e)
STEP(b, c, d, e, f, g, h, a, 39, 0x92722c85)
STEP(a, b, c, d, e, f, g, h, 40, 0xa2bfe8a1)
STEP(h, a, b, c, d, e, f, g, 41, 0xa81a664b)
STEP(g, h, a, b, c, d, e, f, 42, 0xc24b8b70)
STEP(f, g, h, a, b, c, d, e, 43, 0xc76c51a3)
STEP(e, f, g, h, a, b, c, d, 44, 0xd192e819)
STEP(d, e, f, g, h, a, b, c, 45, 0xd6990624)
STEP(c, d, e, f, g, h, a, b, 46, 0xf40e3585)
STEP(b, c, d, e, f, g, h, a, 47, 0x106aa070)
STEP(a, b, c, d, e, f, g, h, 48, 0x19a4c116)
STEP(h, a, b, c, d, e, f, g, 49, 0x1e376c08)
STEP(g, h, a, b, c, d, e, f, 50, 0x2748774c)
STEP(f, g, h, a, b, c, d, e, 51, 0x34b0bcb5)
STEP(e, f, g, h, a, b, c, d, 52, 0x391c0cb3)
STEP(d, e, f, g, h, a, b, c, 53, 0x4ed8aa4a)
STEP(c, d, e, f, g, h, a, b, 54, 0x5b9cca4f)
STEP(b, c, d, e, f, g, h, a, 55, 0x682e6ff3)
STEP(a, b, c, d, e, f, g, h, 56, 0x748f82ee)
STEP(h, a, b, c, d, e, f, g, 57, 0x78a5636f)
STEP(g, h, a, b, c, d, e, f, 58, 0x84c87814)
STEP(f, g, h, a, b, c, d, e, 59, 0x8cc70208)
STEP(e, f, g, h, a, b, c, d, 60, 0x90befffa)
STEP(d, e, f, g, h, a, b, c, 61, 0xa4506ceb)
STEP(c, d, e, f, g, h, a, b, 62, 0xbef9a3f7)
STEP(b, c, d, e, f, g, h, a, 63, 0xc67178f2)

#undef STEP
#undef CH
#undef MAJ
#undef BIG0
#undef BIG1
#undef SMALL0
#undef SMALL1
