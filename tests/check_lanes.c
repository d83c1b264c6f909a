/* SPDX-License-Identifier: MIT */
/* Every kernel that this processor can run, against OpenSSL. */
#include <openssl/evp.h>
#include <stdint.h>
#include <string.h>

#include "lanes.h"
#include "suite.h"

#define MESSAGE_MAX (64 * 1024 + 1)
#define MIXES 400

struct algorithm {
	const char *evp;
	const struct lanes_digest *digest;
};

static const struct algorithm algorithms[] = {
	{"MD5", &lanes_md5},
	{"SHA1", &lanes_sha1},
	{"SHA2-224", &lanes_sha224},
	{"SHA2-256", &lanes_sha256},
};

#define ALGORITHMS ((int)(sizeof(algorithms) / sizeof(algorithms[0])))

struct stream {
	size_t length, at, total; /* total: with the padding */
	uint32_t state[LANES_WORDS];
	unsigned char message[MESSAGE_MAX + 2 * LANES_BLOCK];
};

static struct stream streams[LANES_MAX];
static EVP_MD *reference;
static uint64_t seed;

/* xorshift64*, of S. Vigna: what fails is run again with the same numbers. */
static uint64_t next_random(void)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return seed * 0x2545f4914f6cdd1du;
}

static void stream_start(struct stream *s, const struct lanes_digest *digest,
			 size_t length)
{
	size_t rest = length % LANES_BLOCK;

	for (size_t i = 0; i < length; i++)
		s->message[i] = (unsigned char)(next_random() >> 56);
	s->length = length;
	s->at = 0;
	s->total = length - rest +
		   LANES_BLOCK * lanes_pad(digest, s->message + length - rest,
					   rest, length);
	memcpy(s->state, digest->start, sizeof(s->state));
}

static void stream_check(const struct stream *s,
			 const struct lanes_digest *digest)
{
	unsigned char sum[LANES_WORDS * sizeof(uint32_t)];
	unsigned char wanted[EVP_MAX_MD_SIZE];
	unsigned size;

	ck_assert_uint_eq(s->at, s->total);
	lanes_sum(sum, digest, s->state);
	ck_assert_int_eq(EVP_Digest(s->message, s->length, wanted, &size,
				    reference, NULL),
			 1);
	ck_assert_uint_eq(size, digest->size);
	if (memcmp(sum, wanted, size) != 0)
		ck_abort_msg("a message of %zu bytes", s->length);
}

/* All streams to their ends, as many blocks at a time as all of them have;
 * one that has ended stays in its lane, with another's bytes. */
static void run(const struct lanes_kernel *kernel)
{
	uint32_t idle[LANES_WORDS], *state[LANES_MAX];
	const unsigned char *data[LANES_MAX];

	for (;;) {
		const unsigned char *some = NULL;
		size_t least = SIZE_MAX;

		for (unsigned i = 0; i < kernel->lanes; i++) {
			const struct stream *s = &streams[i];

			if (s->at == s->total)
				continue;
			some = s->message + s->at;
			if (s->total - s->at < least)
				least = s->total - s->at;
		}
		if (!some)
			return;
		for (unsigned i = 0; i < kernel->lanes; i++) {
			struct stream *s = &streams[i];
			bool ended = s->at == s->total;

			state[i] = ended ? idle : s->state;
			data[i] = ended ? some : s->message + s->at;
			if (!ended)
				s->at += least;
		}
		memset(idle, 0, sizeof(idle));
		kernel->run(state, data, least / LANES_BLOCK);
	}
}

static void check_mix(const struct lanes_digest *digest,
		      const struct lanes_kernel *kernel,
		      size_t (*length)(unsigned lane))
{
	for (unsigned i = 0; i < kernel->lanes; i++)
		stream_start(&streams[i], digest, length(i));
	run(kernel);
	for (unsigned i = 0; i < kernel->lanes; i++)
		stream_check(&streams[i], digest);
}

static size_t first_length;

static size_t length_in_turn(unsigned lane)
{
	return first_length + lane;
}

static size_t length_at_random(unsigned lane)
{
	(void)lane;
	switch (next_random() % 8) {
	case 0:
		return MESSAGE_MAX - next_random() % 3;
	case 1:
		return next_random() % MESSAGE_MAX;
	default:
		return next_random() % 301;
	}
}

static void reference_setup(void)
{
	reference = NULL;
	seed = 0x9e3779b97f4a7c15u;
}

static void reference_teardown(void)
{
	EVP_MD_free(reference);
}

/* What every kernel of algorithm `i` that can run here is put through. */
static void each_kernel(int i, void (*check)(const struct lanes_digest *,
					     const struct lanes_kernel *))
{
	const struct lanes_digest *digest = algorithms[i].digest;
	unsigned count = 0;

	reference = EVP_MD_fetch(NULL, algorithms[i].evp, NULL);
	ck_assert_ptr_nonnull(reference);
	for (const struct lanes_kernel *k = digest->kernels; k->lanes; k++)
		if (k->has()) {
			check(digest, k);
			count++;
		}
	ck_assert_uint_gt(count, 1);
	for (const struct lanes_kernel *k = digest->instructions; k && k->lanes;
	     k++)
		if (k->has())
			check(digest, k);
}

static void check_lengths(const struct lanes_digest *digest,
			  const struct lanes_kernel *kernel)
{
	for (first_length = 0; first_length <= 300;
	     first_length += kernel->lanes)
		check_mix(digest, kernel, length_in_turn);
}

START_TEST(every_length)
{
	each_kernel(_i, check_lengths);
}
END_TEST

static void check_random(const struct lanes_digest *digest,
			 const struct lanes_kernel *kernel)
{
	for (int mix = 0; mix < MIXES / (int)kernel->lanes; mix++)
		check_mix(digest, kernel, length_at_random);
}

START_TEST(random_mixes)
{
	each_kernel(_i, check_random);
}
END_TEST

/* Every number of streams gets a kernel with room for them, if there is one,
 * and one alone gets a single stream. */
START_TEST(picks)
{
	const struct lanes_digest *digest = algorithms[_i].digest;
	unsigned most = lanes_pick(digest, LANES_MAX)->lanes;

	ck_assert_uint_le(most, LANES_MAX);
	ck_assert_uint_ge(most, 2);
	ck_assert_uint_eq(lanes_pick(digest, 1)->lanes, 1);
	for (unsigned i = 1; i <= LANES_MAX; i++) {
		const struct lanes_kernel *k = lanes_pick(digest, i);

		ck_assert(k->has());
		ck_assert_uint_ge(k->lanes, i < most ? i : most);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("lanes");
	TCase *tc = suite_case(s, "kernels");

	tcase_add_checked_fixture(tc, reference_setup, reference_teardown);
	tcase_add_loop_test(tc, every_length, 0, ALGORITHMS);
	tcase_add_loop_test(tc, random_mixes, 0, ALGORITHMS);
	tcase_add_loop_test(tc, picks, 0, ALGORITHMS);
	return suite_main(s);
}
