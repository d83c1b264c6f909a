/* SPDX-License-Identifier: MIT */
#include <float.h>
#include <limits.h>
#include <math.h>
#include <string.h>

#include "alloc.h"
#include "suite.h"
#include "value.h"

#define RANDOM_ROUNDS 200000
#define RANDOM_SIZE 48

/* ------------------------------------------------------------------ helpers */

static struct prun_packer *packer_new(void)
{
	struct prun_packer *p = NULL;

	ck_assert_int_eq(prun_packer_new(&p), 0);
	return p;
}

/* In memory of its own, so that the sanitizer sees a read beyond the end. */
static unsigned char *copy_of(const void *data, size_t size)
{
	unsigned char *copy = malloc(size ? size : 1);

	ck_assert_ptr_nonnull(copy);
	if (size)
		memcpy(copy, data, size);
	return copy;
}

static int64_t length_of(const void *data, size_t size)
{
	unsigned char *copy = copy_of(data, size);
	int64_t length = value_length(copy, size);

	ck_assert_int_eq(prun_value_check(copy, size),
			 length == (int64_t)size && size ? 0 : PRUN_EVALUE);
	free(copy);
	return length;
}

#define ck_assert_bytes(p, literal) \
	assert_bytes(p, literal, sizeof(literal) - 1)

static void assert_bytes(const struct prun_packer *p, const char *bytes,
			 size_t size)
{
	size_t have;
	const void *data = prun_packer_data(p, &have);

	ck_assert_uint_eq(have, size);
	ck_assert_mem_eq(data, bytes, size);
}

/* A value is whole at its length, cut at each shorter one, and ends where it
 * does whatever follows. */
static void check_whole(const unsigned char *data, size_t size)
{
	unsigned char *longer = malloc(size + 5);
	size_t cut;

	ck_assert_ptr_nonnull(longer);
	ck_assert_int_eq(length_of(data, size), (int64_t)size);
	for (cut = 0; cut < size; cut++)
		ck_assert_int_eq(length_of(data, cut), PRUN_EVALUE);
	memcpy(longer, data, size);
	memset(longer + size, 0xc1, 5);
	ck_assert_int_eq(length_of(longer, size + 5), (int64_t)size);
	free(longer);
}

static uint64_t random_state;

/* splitmix64: the same numbers everywhere and in every run. */
static uint64_t random_next(void)
{
	uint64_t z = random_state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/* ------------------------------------------------------------------ lengths */

/* The format's specification once more, written as plainly as possible and
 * recursively, to compare with. */
static int64_t reference(const unsigned char *p, size_t size, int depth)
{
	static const int fixed[32] = {0, -1, 0,	 0,  -2, -2, -2, -2, -2, -2, 4,
				      8, 1,  2,	 4,  8,	 1,  2,	 4,  8,	 2,  3,
				      5, 9,  17, -2, -2, -2, -3, -3, -3, -3};
	static const int lengths[32] = {0, 0, 0, 0, 1, 2, 4, 1, 2, 4, 0,
					0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
					0, 0, 0, 1, 2, 4, 2, 4, 2, 4};
	uint64_t n = 0, count = 0, at = 1, i;
	int t, container = 0;

	if (size == 0)
		return -1;
	t = p[0];
	if (t < 0x80 || t >= 0xe0)
		return 1;
	if (t < 0xa0) {
		container = 1;
		count = t < 0x90 ? 2 * (uint64_t)(t & 15) : (uint64_t)(t & 15);
	} else if (t < 0xc0) {
		n = (uint64_t)(t & 31);
	} else if (fixed[t - 0xc0] >= 0) {
		n = (uint64_t)fixed[t - 0xc0];
	} else if (fixed[t - 0xc0] == -1) {
		return -1;
	} else {
		int len = lengths[t - 0xc0], k;

		if (size < 1u + (unsigned)len)
			return -1;
		for (k = 0; k < len; k++)
			n = n << 8 | p[at++];
		if (t >= 0xc7 && t <= 0xc9)
			n++;
		container = t >= 0xdc && t <= 0xdf;
		count = t >= 0xde && t <= 0xdf ? 2 * n : n;
	}
	if (!container)
		return n > size - at ? -1 : (int64_t)(at + n);
	if (depth == 32)
		return -1;
	for (i = 0; i < count; i++) {
		int64_t one = reference(p + at, size - at, depth + 1);

		if (one < 0)
			return -1;
		at += (uint64_t)one;
	}
	return (int64_t)at;
}

static void compare(const unsigned char *data, size_t size)
{
	int64_t expected = reference(data, size, 0);

	ck_assert_int_eq(length_of(data, size),
			 expected < 0 ? PRUN_EVALUE : expected);
}

START_TEST(one_byte)
{
	unsigned char b;
	int i;

	ck_assert_int_eq(value_length("", 0), PRUN_EVALUE);
	ck_assert_int_eq(value_length(NULL, 0), PRUN_EVALUE);
	ck_assert_int_eq(prun_value_check(NULL, 0), PRUN_EVALUE);
	for (i = 0; i < 256; i++) {
		bool whole = i <= 0x80 || i == 0x90 || i == 0xa0 || i >= 0xe0 ||
			     i == 0xc0 || i == 0xc2 || i == 0xc3;

		b = (unsigned char)i;
		ck_assert_int_eq(length_of(&b, 1), whole ? 1 : PRUN_EVALUE);
		compare(&b, 1);
	}
}
END_TEST

/* Every type byte with a body of zeros and of small numbers, at every size. */
START_TEST(every_type_byte)
{
	static const unsigned char fills[] = {0, 1, 2, 5, 0x91, 0xff};
	unsigned char data[64];
	size_t f, size;
	int type;

	for (type = 0; type < 256; type++)
		for (f = 0; f < sizeof(fills); f++) {
			memset(data, fills[f], sizeof(data));
			data[0] = (unsigned char)type;
			for (size = 0; size <= sizeof(data); size++)
				compare(data, size);
			/* A length of its own, and zeros for a body. */
			memset(data + 1, 0, sizeof(data) - 1);
			data[1 + f % 4] = (unsigned char)(f + 1);
			for (size = 0; size <= sizeof(data); size++)
				compare(data, size);
		}
}
END_TEST

START_TEST(reserved_byte)
{
	ck_assert_int_eq(length_of("\xc1", 1), PRUN_EVALUE);
	ck_assert_int_eq(length_of("\xc1\0\0\0\0\0", 6), PRUN_EVALUE);
	ck_assert_int_eq(length_of("\x92\x01\xc1", 3), PRUN_EVALUE);
	ck_assert_int_eq(length_of("\x81\xc1\x01", 3), PRUN_EVALUE);
}
END_TEST

/* One value of every type and length format, cut everywhere. */
START_TEST(truncated)
{
	static const struct {
		const char *bytes;
		size_t size;
	} values[] = {
#define V(s) {s, sizeof(s) - 1}
		/* clang-format off */
		V("\x00"), V("\x7f"), V("\xe0"), V("\xff"), V("\xc0"),
		V("\xc2"), V("\xc3"), V("\x80"), V("\x90"), V("\xa0"),
		V("\x81\x01\x02"), V("\x92\x01\x02"), V("\xa3xyz"),
		V("\xc4\x00"), V("\xc4\x02xy"), V("\xc5\x00\x02xy"),
		V("\xc6\x00\x00\x00\x02xy"), V("\xc7\x00t"), V("\xc7\x02txy"),
		V("\xc8\x00\x02txy"), V("\xc9\x00\x00\x00\x02txy"),
		V("\xca\x00\x00\x00\x00"), V("\xcb\0\0\0\0\0\0\0\0"),
		V("\xcc\xff"), V("\xcd\xff\xff"), V("\xce\xff\xff\xff\xff"),
		V("\xcf\1\2\3\4\5\6\7\x08"), V("\xd0\x80"), V("\xd1\x80\x00"),
		V("\xd2\x80\x00\x00\x00"), V("\xd3\x80\0\0\0\0\0\0\0"),
		V("\xd4tx"), V("\xd5txy"), V("\xd6txxxx"), V("\xd7txxxxxxxx"),
		V("\xd8txxxxxxxxxxxxxxxx"), V("\xd9\x02xy"),
		V("\xda\x00\x02xy"), V("\xdb\x00\x00\x00\x02xy"),
		V("\xdc\x00\x00"), V("\xdc\x00\x02\x01\xa1x"),
		V("\xdd\x00\x00\x00\x02\x01\xa1x"), V("\xde\x00\x01\x01\xa1x"),
		V("\xdf\x00\x00\x00\x01\x01\xa1x"),
		V("\x82\xa1x\x93\x01\x91\x80\xc0\xa1y\xd9\x01z"),
	/* clang-format on */
#undef V
	};
	size_t i;

	for (i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		check_whole((const unsigned char *)values[i].bytes,
			    values[i].size);
}
END_TEST

/* Containers nested `depth` times; the innermost holds `inner` or nothing. */
static size_t nested(unsigned char *data, int depth, unsigned char opening,
		     const char *inner)
{
	size_t at = 0;
	int i;

	for (i = 0; i < depth; i++) {
		bool last = i == depth - 1 && !inner;

		data[at++] = last ? opening & 0xf0 : opening;
		if (opening == 0x81 && !last)
			data[at++] = 0x07;
	}
	if (inner)
		data[at++] = (unsigned char)inner[0];
	return at;
}

START_TEST(depth_boundary)
{
	unsigned char data[256];
	size_t size;

	ck_assert_int_eq(VALUE_DEPTH_MAX, 32);
	check_whole(data, nested(data, 32, 0x91, NULL));
	check_whole(data, nested(data, 32, 0x91, "\x05"));
	check_whole(data, nested(data, 32, 0x81, NULL));
	check_whole(data, nested(data, 32, 0x81, "\x05"));
	size = nested(data, 33, 0x91, NULL);
	ck_assert_int_eq(length_of(data, size), PRUN_EVALUE);
	size = nested(data, 33, 0x91, "\x05");
	ck_assert_int_eq(length_of(data, size), PRUN_EVALUE);
	size = nested(data, 33, 0x81, NULL);
	ck_assert_int_eq(length_of(data, size), PRUN_EVALUE);
	/* Depth, not the number of containers: 200 side by side are fine. */
	memset(data, 0x90, sizeof(data));
	memcpy(data, "\xdc\x00\xc8", 3);
	check_whole(data, 203);
}
END_TEST

/* Each would be walked for minutes, or wrap around, if its count were believed
 * before it was compared with the bytes that are left. */
START_TEST(huge_counts)
{
	unsigned char data[64];

	ck_assert_int_eq(length_of("\xdd\xff\xff\xff\xff", 5), PRUN_EVALUE);
	ck_assert_int_eq(length_of("\xdf\xff\xff\xff\xff", 5), PRUN_EVALUE);
	ck_assert_int_eq(length_of("\xdb\xff\xff\xff\xff", 5), PRUN_EVALUE);
	ck_assert_int_eq(length_of("\xc6\xff\xff\xff\xff", 5), PRUN_EVALUE);
	ck_assert_int_eq(length_of("\xc9\xff\xff\xff\xff\0", 6), PRUN_EVALUE);
	/* 2^31 pairs are 0 elements modulo 2^32, 2^31 + 1 are 2. */
	ck_assert_int_eq(length_of("\xdf\x80\x00\x00\x00", 5), PRUN_EVALUE);
	ck_assert_int_eq(length_of("\xdf\x80\x00\x00\x01\1\1", 7), PRUN_EVALUE);
	memset(data, 0, sizeof(data));
	memcpy(data, "\xdd\xff\xff\xff\xff", 5);
	ck_assert_int_eq(length_of(data, sizeof(data)), PRUN_EVALUE);
	data[0] = 0xdf;
	ck_assert_int_eq(length_of(data, sizeof(data)), PRUN_EVALUE);
}
END_TEST

/* A large but honest value takes no stack and no memory. */
START_TEST(large)
{
	size_t size = (size_t)4 << 20;
	unsigned char *data = calloc(1, size + 5);

	ck_assert_ptr_nonnull(data);
	memcpy(data, "\xdd\x00\x40\x00\x00", 5);
	ck_assert_int_eq(value_length(data, size + 5), (int64_t)size + 5);
	ck_assert_int_eq(value_length(data, size + 4), PRUN_EVALUE);
	data[0] = 0xdb;
	ck_assert_int_eq(value_length(data, size + 5), (int64_t)size + 5);
	ck_assert_int_eq(value_length(data, size + 4), PRUN_EVALUE);
	free(data);
}
END_TEST

/* Whatever the bytes are: no crash, the reference's answer, and the readers
 * accept them or do not. */
static void try_bytes(const unsigned char *bytes, size_t size)
{
	unsigned char *data = copy_of(bytes, size);
	int64_t number, expected = reference(data, size, 0), length;
	const char *s;
	const void *p;
	double d;
	size_t n;

	length = value_length(data, size);
	if (length != (expected < 0 ? PRUN_EVALUE : expected))
		ck_abort_msg("length %lld, not %lld", (long long)length,
			     (long long)expected);
	(void)value_kind(data, size);
	if (value_str(data, size, &s, &n) == 0 &&
	    ((const unsigned char *)s < data ||
	     (const unsigned char *)s + n != data + size))
		ck_abort_msg("a string outside its value");
	(void)value_int(data, size, &number);
	(void)value_double(data, size, &d);
	(void)prun_unpack(data, size, NULL, "[I, s#, *]", &number, &s, &n);
	(void)prun_unpack(data, size, NULL, "{s?:I, s?:[f*]}", "a", &number,
			  "b", &d);
	(void)prun_unpack(data, size, NULL, "[V#*]", &p, &n);
	free(data);
}

START_TEST(random_bytes)
{
	unsigned char data[RANDOM_SIZE];
	size_t size, i;
	int round;

	random_state = 20261121;
	for (round = 0; round < RANDOM_ROUNDS; round++) {
		/* Half of them of heads that lead on. */
		static const unsigned char heads[] = {0x81, 0x82, 0x91, 0x92,
						      0x93, 0xa1, 0xc4, 0xca,
						      0xcc, 0xd0, 0xd4, 0xd9,
						      0xdc, 0xdd, 0xde, 0xdf};

		size = random_next() % RANDOM_SIZE;
		for (i = 0; i < size; i++) {
			uint64_t r = random_next();

			data[i] = (unsigned char)r;
			if (round % 2 && r >> 60 < 6)
				data[i] = heads[r % sizeof(heads)];
			else if (round % 2 && r >> 60 < 12)
				data[i] = (unsigned char)(r % 4);
		}
		try_bytes(data, size);
	}
}
END_TEST

/* Valid values with a byte changed, or cut. */
START_TEST(random_damage)
{
	static const char value[] =
		"\x84\xa1\x61\x05\xa1\x62\x92\xcb\x3f\xf0\0\0\0\0\0\0\xc2"
		"\xa1\x63\xd9\x02xy\xa1\x64\x93\x81\x01\x90\xc0\xce\0\0\0\1";
	unsigned char data[sizeof(value) - 1];
	size_t i, size = sizeof(data);
	int byte;

	memcpy(data, value, size);
	check_whole(data, size);
	for (i = 0; i < size; i++)
		for (byte = 0; byte < 256; byte++) {
			memcpy(data, value, size);
			data[i] = (unsigned char)byte;
			try_bytes(data, size);
			try_bytes(data, i);
		}
}
END_TEST

/* ------------------------------------------------------------- round trips */

START_TEST(int_round_trip)
{
	static const int64_t edges[] = {
		0,	    127,	128,	    255,	 256,
		32767,	    32768,	65535,	    65536,	 INT32_MAX,
		2147483648, UINT32_MAX, 4294967296, INT64_MAX,	 -1,
		-32,	    -33,	-127,	    -128,	 -129,
		-32768,	    -32769,	INT32_MIN,  -2147483649, INT64_MIN};
	static const size_t sizes[] = {1, 1, 2, 2, 3, 3, 3, 3, 5, 5, 5, 5, 9,
				       9, 1, 1, 2, 2, 2, 3, 3, 5, 5, 9, 9};
	struct prun_packer *p = packer_new();
	const void *data;
	int64_t value;
	double d;
	size_t i, size;

	for (i = 0; i < sizeof(edges) / sizeof(edges[0]); i++) {
		prun_packer_clear(p);
		ck_assert_int_eq(prun_pack_int(p, edges[i]), 0);
		data = prun_packer_data(p, &size);
		ck_assert_uint_eq(size, sizes[i]);
		check_whole(data, size);
		ck_assert_int_eq(value_int(data, size, &value), 0);
		ck_assert_int_eq(value, edges[i]);
		ck_assert_int_eq(value_double(data, size, &d), 0);
		ck_assert(d == (double)edges[i]);
		ck_assert_str_eq(value_kind(data, size), "an integer");
	}
	prun_packer_free(p);
}
END_TEST

/* Also in the lengths that the packer would not choose. */
START_TEST(int_edges)
{
	int64_t v = 77;
	uint64_t u = 0;
	double d;

	ck_assert_int_eq(
		value_int("\xd3\xff\xff\xff\xff\xff\xff\xff\xff", 9, &v), 0);
	ck_assert_int_eq(v, -1);
	ck_assert_int_eq(value_int("\xd1\x00\x05", 3, &v), 0);
	ck_assert_int_eq(v, 5);
	ck_assert_int_eq(value_int("\xd2\xff\xff\xff\xfe", 5, &v), 0);
	ck_assert_int_eq(v, -2);
	ck_assert_int_eq(
		value_int("\xcf\x7f\xff\xff\xff\xff\xff\xff\xff", 9, &v), 0);
	ck_assert_int_eq(v, INT64_MAX);
	v = 77;
	ck_assert_int_eq(value_int("\xcf\x80\0\0\0\0\0\0\0", 9, &v),
			 PRUN_ETYPE);
	ck_assert_int_eq(value_int("\xcf\xff\xff\xff\xff\xff\xff\xff\xff", 9,
				   &v),
			 PRUN_ETYPE);
	ck_assert_int_eq(value_int("\xcb\x3f\xf0\0\0\0\0\0\0", 9, &v),
			 PRUN_ETYPE);
	ck_assert_int_eq(value_int("\xa1\x31", 2, &v), PRUN_ETYPE);
	ck_assert_int_eq(value_int("\xc3", 1, &v), PRUN_ETYPE);
	ck_assert_int_eq(v, 77);
	ck_assert_int_eq(
		value_double("\xcf\xff\xff\xff\xff\xff\xff\xff\xff", 9, &d), 0);
	ck_assert(d == 18446744073709551616.0);
	ck_assert_int_eq(prun_unpack("\xcf\xff\xff\xff\xff\xff\xff\xff\xff", 9,
				     NULL, "u", &u),
			 0);
	ck_assert_uint_eq(u, UINT64_MAX);
}
END_TEST

START_TEST(uint_and_double_round_trip)
{
	static const double doubles[] = {0.0,	  -0.0,	  1.5,	    DBL_MAX,
					 DBL_MIN, -1e300, INFINITY, -INFINITY};
	struct prun_packer *p = packer_new();
	const void *data;
	uint64_t u = 0;
	double d;
	size_t i, size;

	ck_assert_int_eq(prun_pack_uint(p, UINT64_MAX), 0);
	ck_assert_bytes(p, "\xcf\xff\xff\xff\xff\xff\xff\xff\xff");
	data = prun_packer_data(p, &size);
	ck_assert_int_eq(prun_unpack(data, size, NULL, "u", &u), 0);
	ck_assert_uint_eq(u, UINT64_MAX);
	for (i = 0; i < sizeof(doubles) / sizeof(doubles[0]); i++) {
		prun_packer_clear(p);
		ck_assert_int_eq(prun_pack_double(p, doubles[i]), 0);
		data = prun_packer_data(p, &size);
		ck_assert_int_eq(value_double(data, size, &d), 0);
		ck_assert_mem_eq(&d, &doubles[i], sizeof(d));
	}
	prun_packer_clear(p);
	ck_assert_int_eq(prun_pack_double(p, (double)NAN), 0);
	data = prun_packer_data(p, &size);
	ck_assert_int_eq(value_double(data, size, &d), 0);
	ck_assert(isnan(d));
	/* A float of 32 bits, as others pack it. */
	ck_assert_int_eq(value_double("\xca\x3f\xc0\x00\x00", 5, &d), 0);
	ck_assert(d == 1.5);
	ck_assert_int_eq(value_double("\xa1x", 2, &d), PRUN_ETYPE);
	prun_packer_free(p);
}
END_TEST

START_TEST(str_and_bin_round_trip)
{
	static const size_t sizes[] = {0, 1, 31, 32, 255, 256, 65535, 65536};
	static const size_t str_heads[] = {1, 1, 1, 2, 2, 3, 3, 5};
	static const size_t bin_heads[] = {2, 2, 2, 2, 2, 3, 3, 5};
	struct prun_packer *p = packer_new();
	char *text = malloc(65536);
	const char *s;
	const void *data;
	size_t i, size, len;

	ck_assert_ptr_nonnull(text);
	memset(text, 0xab, 65536);
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		prun_packer_clear(p);
		ck_assert_int_eq(prun_pack_str(p, text, sizes[i]), 0);
		data = prun_packer_data(p, &size);
		ck_assert_uint_eq(size, sizes[i] + str_heads[i]);
		ck_assert_int_eq(length_of(data, size), (int64_t)size);
		ck_assert_int_eq(value_str(data, size, &s, &len), 0);
		ck_assert_uint_eq(len, sizes[i]);
		ck_assert_mem_eq(s, text, len);
		ck_assert_str_eq(value_kind(data, size), "a string");

		prun_packer_clear(p);
		ck_assert_int_eq(prun_pack_bin(p, text, sizes[i]), 0);
		data = prun_packer_data(p, &size);
		ck_assert_uint_eq(size, sizes[i] + bin_heads[i]);
		ck_assert_int_eq(length_of(data, size), (int64_t)size);
		ck_assert_int_eq(value_str(data, size, &s, &len), 0);
		ck_assert_uint_eq(len, sizes[i]);
	}
	prun_packer_clear(p);
	ck_assert_int_eq(prun_pack_bin(p, NULL, 0), 0);
	ck_assert_int_eq(prun_pack_str(p, NULL, 0), 0);
	ck_assert_bytes(p, "\xc4\x00\xa0");
	free(text);
	prun_packer_free(p);
}
END_TEST

START_TEST(heads)
{
	struct prun_packer *p = packer_new();

	ck_assert_int_eq(prun_pack_nil(p), 0);
	ck_assert_int_eq(prun_pack_bool(p, 0), 0);
	ck_assert_int_eq(prun_pack_bool(p, 2), 0);
	ck_assert_int_eq(prun_pack_array(p, 0), 0);
	ck_assert_int_eq(prun_pack_array(p, 15), 0);
	ck_assert_int_eq(prun_pack_array(p, 16), 0);
	ck_assert_int_eq(prun_pack_array(p, 65536), 0);
	ck_assert_int_eq(prun_pack_map(p, 0), 0);
	ck_assert_int_eq(prun_pack_map(p, 15), 0);
	ck_assert_int_eq(prun_pack_map(p, 65535), 0);
	ck_assert_int_eq(prun_pack_map(p, UINT32_MAX), 0);
	ck_assert_bytes(p, "\xc0\xc2\xc3\x90\x9f\xdc\x00\x10"
			   "\xdd\x00\x01\x00\x00\x80\x8f\xde\xff\xff"
			   "\xdf\xff\xff\xff\xff");
	prun_packer_free(p);
}
END_TEST

START_TEST(kinds)
{
	ck_assert_str_eq(value_kind("\xc0", 1), "nil");
	ck_assert_str_eq(value_kind("\xc2", 1), "a boolean");
	ck_assert_str_eq(value_kind("\xff", 1), "an integer");
	ck_assert_str_eq(value_kind("\xca\0\0\0\0", 5), "a float");
	ck_assert_str_eq(value_kind("\xa0", 1), "a string");
	ck_assert_str_eq(value_kind("\xc4\0", 2), "a byte string");
	ck_assert_str_eq(value_kind("\xd4\1\1", 3), "an extension");
	ck_assert_str_eq(value_kind("\x90", 1), "an array");
	ck_assert_str_eq(value_kind("\x80", 1), "a map");
	ck_assert_str_eq(value_kind("\xc1", 1), "no value");
	ck_assert_str_eq(value_kind("", 0), "no value");
}
END_TEST

/* ------------------------------------------------------------------ packers */

START_TEST(packer_maximum)
{
	struct prun_packer p;

	packer_init(&p, 10);
	ck_assert_ptr_null(p.data);
	ck_assert_int_eq(prun_pack_str(&p, "123456789", 9), 0);
	ck_assert_int_eq(prun_pack_nil(&p), PRUN_ETOOBIG);
	ck_assert_uint_eq(p.size, 10);
	/* The error stays until it is cleared. */
	packer_truncate(&p, 9);
	ck_assert_int_eq(prun_pack_int(&p, 1000), PRUN_ETOOBIG);
	ck_assert_int_eq(prun_pack_nil(&p), PRUN_ETOOBIG);
	ck_assert_int_eq(prun_pack(&p, "n"), PRUN_ETOOBIG);
	ck_assert_int_eq(prun_packer_write(&p, "", 0), PRUN_ETOOBIG);
	prun_packer_clear(&p);
	ck_assert_uint_eq(p.size, 0);
	ck_assert_int_eq(prun_pack_int(&p, 1000), 0);
	/* Refused before any memory is taken. */
	alloc_fail_at(0);
	ck_assert_int_eq(packer_reserve(&p, SIZE_MAX), PRUN_ETOOBIG);
	packer_truncate(&p, 0);
	ck_assert_int_eq(packer_reserve(&p, 11), PRUN_ETOOBIG);
	packer_truncate(&p, 0);
	ck_assert_int_eq(packer_reserve(&p, 10), 0);
	/* A maximum below the size. */
	ck_assert_int_eq(prun_pack_str(&p, "123456789", 9), 0);
	p.max = 5;
	ck_assert_int_eq(prun_pack_nil(&p), PRUN_ETOOBIG);
	packer_release(&p);
	ck_assert_ptr_null(p.data);
	ck_assert_uint_eq(p.max, 5);

	packer_init(&p, 0);
	ck_assert_int_eq(prun_pack_nil(&p), PRUN_ETOOBIG);
	packer_release(&p);
}
END_TEST

START_TEST(packer_refuses_what_msgpack_cannot)
{
	struct prun_packer p;
	unsigned long tried;
	int rc[3];

	packer_init(&p, SIZE_MAX);
	alloc_fail_at(0);
	rc[0] = prun_pack_str(&p, "", (size_t)UINT32_MAX + 1);
	rc[1] = prun_pack_nil(&p);
	packer_truncate(&p, 0);
	rc[2] = prun_pack_bin(&p, "", SIZE_MAX);
	tried = alloc_count();
	ck_assert_int_eq(rc[0], PRUN_ETOOBIG);
	ck_assert_int_eq(rc[1], PRUN_ETOOBIG);
	ck_assert_int_eq(rc[2], PRUN_ETOOBIG);
	ck_assert_uint_eq(tried, 0);
	packer_release(&p);
}
END_TEST

START_TEST(packer_growth)
{
	struct prun_packer *p = packer_new();
	unsigned long tried;
	size_t size, i;
	int rc = 0;

	/* Also where the maximum moves along, as it does in a chunk. */
	alloc_fail_at(0);
	for (i = 0; rc == 0 && i < 1000000; i++) {
		p->max = p->size + 10;
		rc = prun_pack_int(p, 5);
	}
	tried = alloc_count();
	ck_assert_int_eq(rc, 0);
	ck_assert_uint_le(tried, 20);
	(void)prun_packer_data(p, &size);
	ck_assert_uint_eq(size, 1000000);
	prun_packer_free(p);
}
END_TEST

START_TEST(packer_truncation)
{
	struct prun_packer p;

	packer_init(&p, 100);
	ck_assert_int_eq(prun_pack(&p, "s", "abc"), 0);
	packer_truncate(&p, 50);
	ck_assert_uint_eq(p.size, 4);
	packer_truncate(&p, 2);
	ck_assert_bytes(&p, "\xa3"
			    "a");
	packer_release(&p);
}
END_TEST

START_TEST(packer_data_is_never_null)
{
	struct prun_packer *p = packer_new();
	size_t size = 7;

	ck_assert_ptr_nonnull(prun_packer_data(p, &size));
	ck_assert_uint_eq(size, 0);
	prun_packer_free(p);
	prun_packer_free(NULL);
}
END_TEST

/* ------------------------------------------------------------------ formats */

START_TEST(pack_formats)
{
	struct prun_packer *p = packer_new();

	ck_assert_int_eq(
		prun_pack(p, "{s:i, s:[s,s]}", "n", 3, "names", "a", "b"), 0);
	ck_assert_bytes(p, "\x82\xa1n\x03\xa5names\x92\xa1"
			   "a\xa1"
			   "b");
	prun_packer_clear(p);
	ck_assert_int_eq(prun_pack(p, "[nbbiIuf]", 0, 1, -1, INT64_MIN,
				   UINT64_MAX, 1.0),
			 0);
	ck_assert_bytes(p, "\x97\xc0\xc2\xc3\xff\xd3\x80\0\0\0\0\0\0\0"
			   "\xcf\xff\xff\xff\xff\xff\xff\xff\xff"
			   "\xcb\x3f\xf0\0\0\0\0\0\0");
	prun_packer_clear(p);
	ck_assert_int_eq(prun_pack(p, " [ s# , y# s? s? s?# y?# V#]\n", "abc",
				   (size_t)2, "xyz", (size_t)1, NULL, "q", NULL,
				   (size_t)5, NULL, (size_t)0, "\x91\x01",
				   (size_t)2),
			 0);
	ck_assert_bytes(p, "\x97\xa2"
			   "ab\xc4\x01x\xc0\xa1q\xc0\xc0\x91\x01");
	prun_packer_clear(p);
	ck_assert_int_eq(prun_pack(p, "[[][{}]{i:{}}]", 1), 0);
	ck_assert_bytes(p, "\x93\x90\x91\x80\x81\x01\x80");
	prun_packer_clear(p);
	/* Behind what is there, and with more than 15 elements. */
	ck_assert_int_eq(prun_pack(p, "i", 1), 0);
	ck_assert_int_eq(prun_pack(p, "[nnnnnnnnnnnnnnnn]"), 0);
	ck_assert_bytes(p, "\x01\xdc\x00\x10\xc0\xc0\xc0\xc0\xc0\xc0\xc0\xc0"
			   "\xc0\xc0\xc0\xc0\xc0\xc0\xc0\xc0");
	prun_packer_free(p);
}
END_TEST

START_TEST(pack_bad_formats)
{
	/* At most two int arguments are taken by any of them. */
	static const char *const bad[] = {
		"",	" ",	"q",	"[",	 "]",	 "{",	    "}",
		"[i",	"i]",	"ii",	"i i",	 "[i}",	 "{i:i]",   "{i}",
		"{i:}", "[[i]", "[i]]", "i#",	 "i?",	 "#",	    "?",
		"[#]",	"[?]",	"*",	"[*]",	 "[i*]", "{[i]:i}", "{{}:i}",
		"{*}",	"y",	"V",	"y?",	 "V?",	 "n#",	    "[i#]",
		"[i,,", ",",	"\x80", "{i:i*}"};
	struct prun_packer *p = packer_new();
	size_t i;

	ck_assert_int_eq(prun_pack(p, "i", 5), 0);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int rc = prun_pack(p, bad[i], 1, 2);

		ck_assert_msg(rc == PRUN_EINVAL, "'%s' gave %d", bad[i], rc);
		ck_assert_bytes(p, "\x05");
	}
	ck_assert_int_eq(prun_pack(p, NULL), PRUN_EINVAL);
	/* A bad format does not break the packer. */
	ck_assert_int_eq(prun_pack(p, "i", 6), 0);
	ck_assert_bytes(p, "\x05\x06");
	prun_packer_free(p);
}
END_TEST

START_TEST(pack_bad_values)
{
	struct prun_packer *p = packer_new();
	const char *none = NULL;

	ck_assert_int_eq(prun_pack(p, "[is]", 1, none), PRUN_EVALUE);
	ck_assert_int_eq(prun_pack(p, "s#", none, (size_t)0), PRUN_EVALUE);
	ck_assert_int_eq(prun_pack(p, "y#", none, (size_t)1), PRUN_EVALUE);
	ck_assert_int_eq(prun_pack(p, "V#", none, (size_t)1), PRUN_EVALUE);
	ck_assert_int_eq(prun_pack(p, "[iV#]", 1, "\x91", (size_t)1),
			 PRUN_EVALUE);
	ck_assert_int_eq(prun_pack(p, "V#", "\x01\x02", (size_t)2),
			 PRUN_EVALUE);
	ck_assert_int_eq(prun_pack(p, "V#", "", (size_t)0), PRUN_EVALUE);
	ck_assert_uint_eq(p->size, 0);
	ck_assert_int_eq(prun_pack_nil(p), 0);
	/* The packer's own errors stay, and leave nothing half packed. */
	p->max = 5;
	ck_assert_int_eq(prun_pack(p, "[iiiiiiii]", 1, 2, 3, 4, 5, 6, 7, 8),
			 PRUN_ETOOBIG);
	ck_assert_bytes(p, "\xc0");
	ck_assert_int_eq(prun_pack_nil(p), PRUN_ETOOBIG);
	prun_packer_free(p);
}
END_TEST

/* The format of `depth` nested brackets. */
static const char *brackets(int depth)
{
	static char text[200];

	memset(text, '[', (size_t)depth);
	memset(text + depth, ']', (size_t)depth);
	text[2 * depth] = '\0';
	return text;
}

START_TEST(format_depth)
{
	struct prun_packer *p = packer_new();
	const void *data;
	size_t size;
	char *message;

	ck_assert_int_eq(prun_pack(p, brackets(33)), PRUN_EINVAL);
	ck_assert_int_eq(prun_pack(p, brackets(32)), 0);
	data = prun_packer_data(p, &size);
	check_whole(data, size);
	ck_assert_int_eq(prun_unpack(data, size, NULL, brackets(32)), 0);
	ck_assert_int_eq(prun_unpack(data, size, NULL, brackets(31)),
			 PRUN_ETYPE);
	ck_assert_int_eq(prun_unpack(data, size, &message, brackets(33)),
			 PRUN_EINVAL);
	ck_assert_ptr_nonnull(strstr(message, "character 33"));
	free(message);
	prun_packer_free(p);
}
END_TEST

START_TEST(unpack_formats)
{
	struct prun_packer *p = packer_new();
	const char *s;
	const void *y, *v, *data;
	size_t sn, yn, vn, size;
	int i = 0, b = 0;
	int64_t big = 0;
	uint64_t u = 0;
	double f = 0, g = 0;

	ck_assert_int_eq(prun_pack(p, "[n b i I u f i s y# [i i] {s:i}]", 1,
				   INT_MIN, INT64_MIN, UINT64_MAX, 0.5, 7,
				   "str", "bin", (size_t)3, 1, 2, "k", 9),
			 0);
	data = prun_packer_data(p, &size);
	ck_assert_int_eq(prun_unpack(data, size, NULL,
				     "[n b i I u f f s# y# V# *]", &b, &i, &big,
				     &u, &f, &g, &s, &sn, &y, &yn, &v, &vn),
			 0);
	ck_assert_int_eq(b, 1);
	ck_assert_int_eq(i, INT_MIN);
	ck_assert_int_eq(big, INT64_MIN);
	ck_assert_uint_eq(u, UINT64_MAX);
	ck_assert(f == 0.5);
	ck_assert(g == 7.0);
	ck_assert_uint_eq(sn, 3);
	ck_assert_mem_eq(s, "str", 3);
	ck_assert_uint_eq(yn, 3);
	ck_assert_mem_eq(y, "bin", 3);
	ck_assert_uint_eq(vn, 3);
	ck_assert_mem_eq(v, "\x92\x01\x02", 3);
	/* str and bin stand for each other; values are borrowed. */
	ck_assert_int_eq(prun_unpack(data, size, NULL,
				     "[*, *, *, *, *, *, *, y#, s#, [i *] {}]",
				     &y, &yn, &s, &sn, &i),
			 0);
	ck_assert_mem_eq(y, "str", 3);
	ck_assert_mem_eq(s, "bin", 3);
	ck_assert_int_eq(i, 1);
	ck_assert((const char *)data < s && s < (const char *)data + size);
	ck_assert_int_eq(prun_unpack(data, size, NULL, "V#", &v, &vn), 0);
	ck_assert_ptr_eq(v, data);
	ck_assert_uint_eq(vn, size);
	ck_assert_int_eq(prun_unpack(data, size, NULL, "*"), 0);
	ck_assert_int_eq(prun_unpack(data, size, NULL, "[*]"), 0);
	prun_packer_free(p);
}
END_TEST

START_TEST(unpack_maps)
{
	static const char map[] = "\x83\xa1"
				  "a\x01\xa1"
				  "b\x92\xa1x\xa1y"
				  "\xc4\x01"
				  "c\x81\x05\x06";
	size_t size = sizeof(map) - 1, n;
	int a = 0, none = 77, c = 77;
	const char *s;
	char *message;

	ck_assert_int_eq(prun_unpack(map, size, NULL, "{s:[*s#], s:i}", "b", &s,
				     &n, "a", &a),
			 0);
	ck_assert_int_eq(a, 1);
	ck_assert_uint_eq(n, 1);
	ck_assert_mem_eq(s, "y", 1);
	/* What is missing leaves its targets alone, however many. */
	s = "untouched";
	ck_assert_int_eq(prun_unpack(map, size, NULL,
				     "{s?:i, s?:{s:[is#]}, s?:i, s:*}", "none",
				     &none, "zip", "k", &none, &s, &n, "a", &a,
				     "c"),
			 0);
	ck_assert_int_eq(none, 77);
	ck_assert_str_eq(s, "untouched");
	ck_assert_int_eq(a, 1);
	/* A key that is there must fit even if it may be missing. */
	ck_assert_int_eq(prun_unpack(map, size, &message, "{s?:i}", "b", &a),
			 PRUN_ETYPE);
	ck_assert_str_eq(message,
			 "value.b: expected an integer, found an array");
	free(message);
	ck_assert_int_eq(prun_unpack(map, size, &message, "{s:{s:i}}", "c", "d",
				     &c),
			 PRUN_ETYPE);
	ck_assert_str_eq(message, "value.c.d: the key is missing");
	free(message);
	ck_assert_int_eq(c, 77);
	ck_assert_int_eq(prun_unpack(map, size, NULL, "{}"), 0);
	ck_assert_int_eq(prun_unpack("\x80", 1, NULL, "{}"), 0);
	/* A key is compared whole, and the first of equal ones counts. */
	ck_assert_int_eq(prun_unpack(map, size, NULL, "{s:i}", "aa", &a),
			 PRUN_ETYPE);
	ck_assert_int_eq(prun_unpack("\x82\xa1k\x01\xa1k\x02", 7, NULL, "{s:i}",
				     "k", &a),
			 0);
	ck_assert_int_eq(a, 1);
}
END_TEST

/* With arrays and maps whose counts take 2 and 4 bytes. */
START_TEST(unpack_long_containers)
{
	int a = 0, b = 0;

	ck_assert_int_eq(prun_unpack("\xdc\x00\x02\x01\x02", 5, NULL, "[ii]",
				     &a, &b),
			 0);
	ck_assert_int_eq(a * 10 + b, 12);
	ck_assert_int_eq(prun_unpack("\xdd\x00\x00\x00\x02\x03\x04", 7, NULL,
				     "[ii]", &a, &b),
			 0);
	ck_assert_int_eq(a * 10 + b, 34);
	ck_assert_int_eq(prun_unpack("\xde\x00\x01\xa1k\x05", 6, NULL, "{s:i}",
				     "k", &a),
			 0);
	ck_assert_int_eq(a, 5);
	ck_assert_int_eq(prun_unpack("\xdf\x00\x00\x00\x01\xa1k\x06", 8, NULL,
				     "{s:i}", "k", &a),
			 0);
	ck_assert_int_eq(a, 6);
}
END_TEST

static void expect_unpack(const char *bytes, size_t size, const char *format,
			  int code, const char *text)
{
	/* Large and aligned enough for any target. */
	uint64_t a = 77, b = 77;
	char *message = (char *)1;
	unsigned char *data = copy_of(bytes, size);
	int rc = prun_unpack(data, size, &message, format, &a, &b);

	free(data);
	ck_assert_msg(rc == code, "'%s' gave %d", format, rc);
	if (text)
		ck_assert_str_eq(message, text);
	else
		ck_assert_ptr_null(message);
	free(message);
	/* The whole is checked before anything is stored. */
	if (rc < 0) {
		ck_assert_uint_eq(a, 77);
		ck_assert_uint_eq(b, 77);
	}
	ck_assert_int_eq(prun_unpack(bytes, size, NULL, format, &a, &b), code);
}

START_TEST(unpack_messages)
{
	expect_unpack("\x05", 1, "I", 0, NULL);
	expect_unpack("\xc0", 1, "I", PRUN_ETYPE,
		      "value: expected an integer, found nil");
	expect_unpack("\x92\x01\xa1x", 4, "[II]", PRUN_ETYPE,
		      "value[1]: expected an integer, found a string");
	expect_unpack("\x92\x01\x91\xc3", 4, "[I[u]]", PRUN_ETYPE,
		      "value[1][0]: expected an integer, found a boolean");
	expect_unpack("\x92\x01\x02", 3, "[I]", PRUN_ETYPE,
		      "value: expected 1 elements, found 2");
	expect_unpack("\x91\x01", 2, "[II]", PRUN_ETYPE,
		      "value: expected 2 elements, found 1");
	expect_unpack("\x91\x01", 2, "[II*]", PRUN_ETYPE,
		      "value: expected at least 2 elements, found 1");
	expect_unpack("\x92\x01\x02", 3, "[I**]", 0, NULL);
	expect_unpack("\x91\x01", 2, "[I*]", 0, NULL);
	expect_unpack("\xce\x80\x00\x00\x00", 5, "i", PRUN_ETYPE,
		      "value: 2147483648 is out of range of an int");
	expect_unpack("\xcf\xff\xff\xff\xff\xff\xff\xff\xff", 9, "I",
		      PRUN_ETYPE,
		      "value: the integer is out of range: above 2^63-1");
	expect_unpack("\xff", 1, "u", PRUN_ETYPE,
		      "value: a negative integer is out of range");
	expect_unpack("\xa1x", 2, "f", PRUN_ETYPE,
		      "value: expected a number, found a string");
	expect_unpack("\x01", 1, "b", PRUN_ETYPE,
		      "value: expected a boolean, found an integer");
	expect_unpack("\x01", 1, "n", PRUN_ETYPE,
		      "value: expected nil, found an integer");
	expect_unpack("\xd4\1\1", 3, "s#", PRUN_ETYPE,
		      "value: expected a string, found an extension");
	expect_unpack("\x90", 1, "{}", PRUN_ETYPE,
		      "value: expected a map, found an array");
	expect_unpack("\x80", 1, "[]", PRUN_ETYPE,
		      "value: expected an array, found a map");
	expect_unpack("\xcb\x3f\xf0\0\0\0\0\0\0", 9, "I", PRUN_ETYPE,
		      "value: expected an integer, found a float");
}
END_TEST

START_TEST(unpack_bad_bytes)
{
	const char *text = "value: not a well-formed msgpack value";

	expect_unpack("", 0, "*", PRUN_EVALUE, text);
	expect_unpack("\xc1", 1, "*", PRUN_EVALUE, text);
	expect_unpack("\x01\x02", 2, "I", PRUN_EVALUE, text);
	expect_unpack("\x92\x01", 2, "[I*]", PRUN_EVALUE, text);
	expect_unpack("\xdd\xff\xff\xff\xff", 5, "[*]", PRUN_EVALUE, text);
	ck_assert_int_eq(prun_unpack(NULL, 0, NULL, "*"), PRUN_EVALUE);
}
END_TEST

/* Found whatever the value is, and before it is looked at. */
START_TEST(unpack_bad_formats)
{
	static const struct {
		const char *format;
		int at;
	} bad[] = {{"", 1},	{"q", 1},      {"[I", 3},    {"I]", 2},
		   {"II", 2},	{"[", 2},      {"[I}", 3},   {"{I:I}", 2},
		   {"s", 1},	{"y", 1},      {"V", 1},     {"s?#", 1},
		   {"I#", 2},	{"#", 1},      {"[*I#]", 4}, {"[I}*]", 3},
		   {"{*}", 2},	{"]", 1},      {"{", 2},     {"[*", 3},
		   {"[*#]", 3}, {" I , q", 6}, {"[[I]", 5}};
	uint64_t a = 77, b = 77;
	char place[32];
	char *message;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int rc =
			prun_unpack("\xc1", 1, &message, bad[i].format, &a, &b);

		ck_assert_msg(rc == PRUN_EINVAL, "'%s' gave %d", bad[i].format,
			      rc);
		snprintf(place, sizeof(place), ", character %d: ", bad[i].at);
		ck_assert_msg(strstr(message, place) != NULL,
			      "'%s' is not in '%s'", place, message);
		free(message);
	}
	ck_assert_int_eq(prun_unpack("\x01", 1, &message, "{s}", "k"),
			 PRUN_EINVAL);
	ck_assert_str_eq(message, "format \"{s}\", character 3: not an item");
	free(message);
	ck_assert_int_eq(prun_unpack("\x01", 1, &message, NULL), PRUN_EINVAL);
	ck_assert_ptr_null(message);
	ck_assert_uint_eq(a, 77);
}
END_TEST

START_TEST(unpack_null_targets)
{
	int64_t *none = NULL, value = 77;
	const char *s = "untouched";
	size_t n;

	ck_assert_int_eq(prun_unpack("\x92\x01\x02", 3, NULL, "[II]", &value,
				     none),
			 PRUN_EINVAL);
	ck_assert_int_eq(prun_unpack("\xa1x", 2, NULL, "s#", &s, NULL),
			 PRUN_EINVAL);
	ck_assert_int_eq(prun_unpack("\xa1x", 2, NULL, "s#", NULL, &n),
			 PRUN_EINVAL);
	ck_assert_int_eq(prun_unpack("\x80", 1, NULL, "{s?:I}", NULL, &value),
			 PRUN_EINVAL);
	ck_assert_int_eq(value, 77);
	ck_assert_str_eq(s, "untouched");
}
END_TEST

/* ------------------------------------------------------------- allocations */

static int pack_much(void)
{
	struct prun_packer *p;
	int i, rc = prun_packer_new(&p);

	for (i = 0; rc == 0 && i < 100; i++)
		rc = prun_pack(p, "{s:[I,f,s]}", "key", (int64_t)i, 1.0, "v");
	/* It stays failed, and what is there is whole values. */
	if (rc < 0 && p && prun_pack_nil(p) != rc)
		rc = 1;
	if (p && p->size % 18)
		rc = 1;
	prun_packer_free(p);
	return rc;
}

START_TEST(allocation_failure_pack)
{
	unsigned long n;

	for (n = 1;; n++) {
		bool failed;
		int rc;

		alloc_fail_at(n);
		rc = pack_much();
		failed = alloc_failed();
		alloc_fail_at(0);
		if (!failed && rc == 0)
			break;
		ck_assert_int_eq(rc, failed ? -ENOMEM : 0);
	}
	ck_assert_uint_gt(n, 2);
}
END_TEST

/* Without memory there is no message, but the code is the same. */
START_TEST(allocation_failure_message)
{
	unsigned long n;

	for (n = 1;; n++) {
		char *message;
		bool failed;
		int64_t v;
		int rc[3];

		alloc_fail_at(n);
		rc[0] = prun_unpack("\xc0", 1, &message, "{s:I}",
				    "a key that is so long that the "
				    "text of the message does not fit at first",
				    &v);
		failed = alloc_failed();
		alloc_fail_at(0);
		ck_assert_int_eq(rc[0], PRUN_ETYPE);
		ck_assert(failed == !message);
		free(message);

		alloc_fail_at(n);
		rc[1] = prun_unpack("\xc1", 1, &message, "n");
		rc[2] = message ? 0 : 1;
		alloc_fail_at(0);
		ck_assert_int_eq(rc[1], PRUN_EVALUE);
		ck_assert(rc[2] == (n <= 1));
		free(message);
		if (!failed)
			break;
	}
	ck_assert_uint_gt(n, 1);
}
END_TEST

static void add_length_tests(Suite *s)
{
	TCase *tc = suite_case(s, "length");

	tcase_add_test(tc, one_byte);
	tcase_add_test(tc, every_type_byte);
	tcase_add_test(tc, reserved_byte);
	tcase_add_test(tc, truncated);
	tcase_add_test(tc, depth_boundary);
	tcase_add_test(tc, huge_counts);
	tcase_add_test(tc, large);
	tcase_add_test(tc, random_bytes);
	tcase_add_test(tc, random_damage);
}

static void add_packer_tests(Suite *s)
{
	TCase *tc = suite_case(s, "packer");

	tcase_add_test(tc, int_round_trip);
	tcase_add_test(tc, int_edges);
	tcase_add_test(tc, uint_and_double_round_trip);
	tcase_add_test(tc, str_and_bin_round_trip);
	tcase_add_test(tc, heads);
	tcase_add_test(tc, kinds);
	tcase_add_test(tc, packer_maximum);
	tcase_add_test(tc, packer_refuses_what_msgpack_cannot);
	tcase_add_test(tc, packer_growth);
	tcase_add_test(tc, packer_truncation);
	tcase_add_test(tc, packer_data_is_never_null);
	tcase_add_test(tc, allocation_failure_pack);
}

static void add_format_tests(Suite *s)
{
	TCase *tc = suite_case(s, "format");

	tcase_add_test(tc, pack_formats);
	tcase_add_test(tc, pack_bad_formats);
	tcase_add_test(tc, pack_bad_values);
	tcase_add_test(tc, format_depth);
	tcase_add_test(tc, unpack_formats);
	tcase_add_test(tc, unpack_maps);
	tcase_add_test(tc, unpack_long_containers);
	tcase_add_test(tc, unpack_messages);
	tcase_add_test(tc, unpack_bad_bytes);
	tcase_add_test(tc, unpack_bad_formats);
	tcase_add_test(tc, unpack_null_targets);
	tcase_add_test(tc, allocation_failure_message);
}

int main(void)
{
	Suite *s = suite_create("value");

	add_length_tests(s);
	add_packer_tests(s);
	add_format_tests(s);
	return suite_main(s);
}
