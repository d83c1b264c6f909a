/* SPDX-License-Identifier: MIT */
#ifndef LANES_H
#define LANES_H

/*
 * Digests of many streams side by side. The steps of one digest wait for each
 * other, so a single stream leaves most of a processor idle; a vector holds a
 * stream in each of its elements, and takes all of them a step on at once.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__) || defined(__i386__)
#define LANES_X86 1
#else
#define LANES_X86 0
#endif

#define LANES_BLOCK ((size_t)64) /* bytes of a block, of all of them */
#define LANES_WORDS 8		 /* of a state, at most */
#define LANES_MAX 32		 /* streams side by side, at most */

/* Take `lanes` streams on by as many blocks each. */
typedef void (*lanes_run)(uint32_t *const *state,
			  const unsigned char *const *data, size_t blocks);

struct lanes_kernel {
	unsigned lanes;
	bool (*has)(void); /* whether this processor has what it needs */
	lanes_run run;
};

struct lanes_digest {
	uint32_t start[LANES_WORDS];
	unsigned words; /* of the state, */
	unsigned size;	/* and bytes of the sum */
	bool big_endian;
	const struct lanes_kernel *kernels; /* by lanes; the last has 0 */
	/* Those with the processor's own instructions for this digest, which
	 * are taken instead of the others where it has them; or NULL. */
	const struct lanes_kernel *instructions;
};

extern const struct lanes_digest lanes_md5;
extern const struct lanes_digest lanes_sha1;
extern const struct lanes_digest lanes_sha224;
extern const struct lanes_digest lanes_sha256;

/* SHA-1, and SHA-224 and SHA-256, with the processor's instructions. */
extern const struct lanes_kernel lanes_sha1_instructions[];
extern const struct lanes_kernel lanes_sha256_instructions[];

/* Whether lanes of it are faster here than OpenSSL, a stream at a time. */
bool lanes_pay(const struct lanes_digest *digest);

/* The smallest kernel with at least so many lanes, or else the largest. */
const struct lanes_kernel *lanes_pick(const struct lanes_digest *digest,
				      unsigned streams);

/*
 * Append what ends a message of `total` bytes, whose last block has `rest`
 * bytes at `block`: a block or two. The number of blocks.
 */
size_t lanes_pad(const struct lanes_digest *digest, unsigned char *block,
		 size_t rest, uint64_t total);
/* The sum, digest->size bytes, from the state behind the last block. */
void lanes_sum(unsigned char *sum, const struct lanes_digest *digest,
	       const uint32_t *state);

#endif
