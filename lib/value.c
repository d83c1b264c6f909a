/* SPDX-License-Identifier: MIT */
#include "value.h"

#include <endian.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/*
 * Every msgpack value is one type byte, then 0, 1, 2 or 4 bytes of a length
 * (big endian), then a body. The length counts bytes, or elements of an
 * array, or pairs of a map. The type bytes 0xc0 to 0xdf are in a table here;
 * the others hold their value or their length themselves:
 *
 *   00-7f integer 0 to 127     a0-bf str of 0 to 31 bytes
 *   80-8f map of 0 to 15       e0-ff integer -32 to -1
 *   90-9f array of 0 to 15
 */

#define FIRST_CAPACITY ((size_t)64)

enum kind {
	KIND_RESERVED = 0, /* 0xc1, never used */
	KIND_NIL,
	KIND_BOOL,
	KIND_INT,
	KIND_UINT,
	KIND_FLOAT,
	KIND_STR,
	KIND_BIN,
	KIND_EXT,
	KIND_ARRAY,
	KIND_MAP
};

struct type {
	uint8_t kind;
	uint8_t length; /* bytes of the length */
	uint8_t fixed;	/* bytes of the body besides those the length counts */
};

static const struct type types[32] = {
	[0x00] = {KIND_NIL, 0, 0},   [0x01] = {KIND_RESERVED, 0, 0},
	[0x02] = {KIND_BOOL, 0, 0},  [0x03] = {KIND_BOOL, 0, 0},
	[0x04] = {KIND_BIN, 1, 0},   [0x05] = {KIND_BIN, 2, 0},
	[0x06] = {KIND_BIN, 4, 0},   [0x07] = {KIND_EXT, 1, 1},
	[0x08] = {KIND_EXT, 2, 1},   [0x09] = {KIND_EXT, 4, 1},
	[0x0a] = {KIND_FLOAT, 0, 4}, [0x0b] = {KIND_FLOAT, 0, 8},
	[0x0c] = {KIND_UINT, 0, 1},  [0x0d] = {KIND_UINT, 0, 2},
	[0x0e] = {KIND_UINT, 0, 4},  [0x0f] = {KIND_UINT, 0, 8},
	[0x10] = {KIND_INT, 0, 1},   [0x11] = {KIND_INT, 0, 2},
	[0x12] = {KIND_INT, 0, 4},   [0x13] = {KIND_INT, 0, 8},
	[0x14] = {KIND_EXT, 0, 2},   [0x15] = {KIND_EXT, 0, 3},
	[0x16] = {KIND_EXT, 0, 5},   [0x17] = {KIND_EXT, 0, 9},
	[0x18] = {KIND_EXT, 0, 17},  [0x19] = {KIND_STR, 1, 0},
	[0x1a] = {KIND_STR, 2, 0},   [0x1b] = {KIND_STR, 4, 0},
	[0x1c] = {KIND_ARRAY, 2, 0}, [0x1d] = {KIND_ARRAY, 4, 0},
	[0x1e] = {KIND_MAP, 2, 0},   [0x1f] = {KIND_MAP, 4, 0},
};

/* The type byte and the length of a value, decoded. */
struct head {
	enum kind kind;
	unsigned size; /* of the head itself */
	uint64_t n;    /* ARRAY: elements, MAP: pairs, else bytes of the body */
};

/* `n` is 1, 2, 4 or 8; inlined with a constant it is one load and a swap. */
static inline uint64_t load_be(const unsigned char *at, unsigned n)
{
	uint16_t b16;
	uint32_t b32;
	uint64_t b64;

	switch (n) {
	case 1:
		return at[0];
	case 2:
		memcpy(&b16, at, sizeof(b16));
		return be16toh(b16);
	case 4:
		memcpy(&b32, at, sizeof(b32));
		return be32toh(b32);
	default:
		memcpy(&b64, at, sizeof(b64));
		return be64toh(b64);
	}
}

static inline void store_be(unsigned char *at, uint64_t value, unsigned n)
{
	uint16_t b16 = htobe16((uint16_t)value);
	uint32_t b32 = htobe32((uint32_t)value);
	uint64_t b64 = htobe64(value);

	switch (n) {
	case 0:
		break;
	case 1:
		at[0] = (unsigned char)value;
		break;
	case 2:
		memcpy(at, &b16, sizeof(b16));
		break;
	case 4:
		memcpy(at, &b32, sizeof(b32));
		break;
	default:
		memcpy(at, &b64, sizeof(b64));
	}
}

static inline struct head head_make(enum kind kind, unsigned size, uint64_t n)
{
	return (struct head){.kind = kind, .size = size, .n = n};
}

/* False when the head is cut off or its type byte is reserved. */
static inline bool head_read(struct head *h, const unsigned char *p,
			     size_t size)
{
	const struct type *t;
	uint64_t n;

	if (size == 0)
		return false;
	if (p[0] < 0xc0) {
		if (p[0] < 0x80)
			*h = head_make(KIND_INT, 1, 0);
		else if (p[0] < 0x90)
			*h = head_make(KIND_MAP, 1, p[0] & 0x0f);
		else if (p[0] < 0xa0)
			*h = head_make(KIND_ARRAY, 1, p[0] & 0x0f);
		else
			*h = head_make(KIND_STR, 1, p[0] & 0x1f);
		return true;
	}
	if (p[0] >= 0xe0) {
		*h = head_make(KIND_INT, 1, 0);
		return true;
	}
	t = &types[p[0] - 0xc0];
	if (t->kind == KIND_RESERVED || size - 1 < t->length)
		return false;
	n = t->fixed;
	if (t->length)
		n += load_be(p + 1, t->length);
	*h = head_make((enum kind)t->kind, 1u + t->length, n);
	return true;
}

/*
 * The depth of a value is the number of arrays and maps around its innermost
 * place, empty ones included: a scalar has 0, [] has 1, [[]] has 2. `left`
 * holds, for each one that is open, how many elements follow it outside. Each
 * turn of the loop consumes a byte, so the time is linear in the size, and a
 * count that the bytes cannot hold ends it before anything is walked.
 */
static int64_t walk(const unsigned char *p, size_t size)
{
	uint64_t left[VALUE_DEPTH_MAX];
	uint64_t todo = 1;
	unsigned depth = 0;
	size_t at = 0;
	struct head h;

	for (;;) {
		if (!head_read(&h, p + at, size - at))
			return PRUN_EVALUE;
		at += h.size;
		/* n is below 2^32 + 17, so that doubling it is safe. */
		if (h.kind == KIND_MAP)
			h.n *= 2;
		if (h.n > size - at)
			return PRUN_EVALUE;
		todo--;
		if (h.kind < KIND_ARRAY) {
			at += (size_t)h.n;
		} else {
			if (depth == VALUE_DEPTH_MAX)
				return PRUN_EVALUE;
			left[depth++] = todo;
			todo = h.n;
		}
		while (todo == 0) {
			if (depth == 0)
				return (int64_t)at;
			todo = left[--depth];
		}
	}
}

int64_t value_length(const void *data, size_t size)
{
	const unsigned char *p = data;

	if (size == 0)
		return PRUN_EVALUE;
	if (p[0] < 0x80 || p[0] >= 0xe0)
		return 1;
	return walk(p, size);
}

int prun_value_check(const void *data, size_t size)
{
	int64_t length = value_length(data, size);

	return length > 0 && (uint64_t)length == size ? 0 : PRUN_EVALUE;
}

/* The head of a value that fills its bytes; false when it does not, so that
 * what is read from it never lies outside, checked before or not. */
static bool scalar_read(struct head *h, const void *data, size_t size)
{
	return head_read(h, data, size) && h->kind < KIND_ARRAY &&
	       h->n == size - h->size;
}

int value_str(const void *data, size_t size, const char **s, size_t *len)
{
	struct head h;

	if (!scalar_read(&h, data, size) ||
	    (h.kind != KIND_STR && h.kind != KIND_BIN))
		return PRUN_ETYPE;
	*s = (const char *)data + h.size;
	*len = (size_t)h.n;
	return 0;
}

int value_int(const void *data, size_t size, int64_t *value)
{
	const unsigned char *p = data;
	struct head h;
	uint64_t bits;
	unsigned shift;

	if (!scalar_read(&h, p, size) ||
	    (h.kind != KIND_INT && h.kind != KIND_UINT))
		return PRUN_ETYPE;
	if (h.n == 0) {
		/* A fixint: 0 to 127, or 0xe0 to 0xff for -32 to -1. */
		*value = p[0] < 0x80 ? p[0] : (int64_t)p[0] - 256;
		return 0;
	}
	bits = load_be(p + 1, (unsigned)h.n);
	if (h.kind == KIND_UINT) {
		if (bits > INT64_MAX)
			return PRUN_ETYPE;
		*value = (int64_t)bits;
		return 0;
	}
	/* Up and down again: gcc and clang shift signed numbers arithmetically,
	 * which repeats the sign. */
	shift = 64 - 8 * (unsigned)h.n;
	*value = (int64_t)(bits << shift) >> shift;
	return 0;
}

int value_double(const void *data, size_t size, double *value)
{
	const unsigned char *p = data;
	struct head h;
	uint32_t bits32;
	uint64_t bits64;
	int64_t integer;
	float single;

	if (!scalar_read(&h, p, size))
		return PRUN_ETYPE;
	if (h.kind == KIND_FLOAT && h.n == sizeof(single)) {
		bits32 = (uint32_t)load_be(p + 1, 4);
		memcpy(&single, &bits32, sizeof(single));
		*value = (double)single;
	} else if (h.kind == KIND_FLOAT) {
		bits64 = load_be(p + 1, 8);
		memcpy(value, &bits64, sizeof(*value));
	} else if (h.kind == KIND_UINT && h.n == sizeof(bits64)) {
		*value = (double)load_be(p + 1, 8);
	} else if (value_int(p, size, &integer) == 0) {
		*value = (double)integer;
	} else {
		return PRUN_ETYPE;
	}
	return 0;
}

/* `kind`: the type byte of a small one, then of one with a 16-bit count; the
 * next has 32 bits. */
size_t value_container(const void *data, unsigned kind, uint32_t *count)
{
	const unsigned char *p = data;
	uint16_t b16;
	uint32_t b32;

	if ((p[0] & 0xf0u) == kind >> 8) {
		*count = p[0] & 0x0f;
		return 1;
	}
	if (p[0] == (kind & 0xff)) {
		memcpy(&b16, p + 1, sizeof(b16));
		*count = be16toh(b16);
		return 1 + sizeof(b16);
	}
	if (p[0] == (kind & 0xff) + 1) {
		memcpy(&b32, p + 1, sizeof(b32));
		*count = be32toh(b32);
		return 1 + sizeof(b32);
	}
	return 0;
}

const char *value_kind(const void *data, size_t size)
{
	struct head h;

	if (!head_read(&h, data, size))
		return "no value";
	switch (h.kind) {
	case KIND_NIL:
		return "nil";
	case KIND_BOOL:
		return "a boolean";
	case KIND_INT:
	case KIND_UINT:
		return "an integer";
	case KIND_FLOAT:
		return "a float";
	case KIND_STR:
		return "a string";
	case KIND_BIN:
		return "a byte string";
	case KIND_EXT:
		return "an extension";
	case KIND_ARRAY:
		return "an array";
	case KIND_MAP:
		return "a map";
	case KIND_RESERVED:
		break;
	}
	return "no value";
}

void packer_init(struct prun_packer *p, size_t max)
{
	memset(p, 0, sizeof(*p));
	p->max = max;
}

void packer_release(struct prun_packer *p)
{
	free(p->data);
	packer_init(p, p->max);
}

static int packer_grow(struct prun_packer *p, size_t need)
{
	size_t capacity = p->capacity ? p->capacity : FIRST_CAPACITY;
	unsigned char *data;

	/* Not cut to max: where max moves along with the size, as in a chunk,
	 * the growth would no longer be geometric. */
	while (capacity < need)
		capacity = capacity > SIZE_MAX / 2 ? SIZE_MAX : capacity * 2;
	data = realloc(p->data, capacity);
	if (!data)
		return p->error = -ENOMEM;
	p->data = data;
	p->capacity = capacity;
	return 0;
}

static inline int reserve(struct prun_packer *p, size_t size)
{
	if (p->error)
		return p->error;
	/* The owner may have set max below the size. */
	if (p->size > p->max || size > p->max - p->size)
		return p->error = PRUN_ETOOBIG;
	if (size <= p->capacity - p->size)
		return 0;
	return packer_grow(p, p->size + size);
}

int packer_reserve(struct prun_packer *p, size_t size)
{
	return reserve(p, size);
}

void packer_truncate(struct prun_packer *p, size_t size)
{
	if (size < p->size)
		p->size = size;
	p->error = 0;
}

int prun_packer_new(struct prun_packer **packer)
{
	struct prun_packer *p;

	*packer = NULL;
	p = malloc(sizeof(*p));
	if (!p)
		return -ENOMEM;
	/* What a pool takes is checked when it is submitted. */
	packer_init(p, SIZE_MAX / 2);
	*packer = p;
	return 0;
}

void prun_packer_free(struct prun_packer *packer)
{
	if (!packer)
		return;
	packer_release(packer);
	free(packer);
}

void prun_packer_clear(struct prun_packer *packer)
{
	packer_truncate(packer, packer->base);
}

/* Never NULL: to an apply, NULL would be a nil that nobody packed. */
const void *prun_packer_data(const struct prun_packer *packer, size_t *size)
{
	*size = packer->size - packer->base;
	return packer->data ? (const void *)(packer->data + packer->base) : "";
}

int prun_packer_write(void *packer, const char *data, size_t size)
{
	struct prun_packer *p = packer;
	int rc = reserve(p, size);

	if (rc < 0 || size == 0)
		return rc;
	memcpy(p->data + p->size, data, size);
	p->size += size;
	return 0;
}

/*
 * A type byte, a number of `n` bytes and room for `body` more, all or
 * nothing. Gives where the body goes, or NULL with the packer's error set.
 */
static inline unsigned char *put(struct prun_packer *p, unsigned type,
				 uint64_t value, unsigned n, size_t body)
{
	unsigned char *at;

	if (reserve(p, 1 + n + body) < 0)
		return NULL;
	at = p->data + p->size;
	at[0] = (unsigned char)type;
	store_be(at + 1, value, n);
	p->size += 1 + n + body;
	return at + 1 + n;
}

static inline int put_head(struct prun_packer *p, unsigned type, uint64_t value,
			   unsigned n)
{
	return put(p, type, value, n, 0) ? 0 : p->error;
}

int prun_pack_nil(struct prun_packer *packer)
{
	return put_head(packer, 0xc0, 0, 0);
}

int prun_pack_bool(struct prun_packer *packer, int value)
{
	return put_head(packer, value ? 0xc3 : 0xc2, 0, 0);
}

int prun_pack_uint(struct prun_packer *packer, uint64_t value)
{
	if (value < 0x80)
		return put_head(packer, (unsigned)value, 0, 0);
	if (value <= UINT8_MAX)
		return put_head(packer, 0xcc, value, 1);
	if (value <= UINT16_MAX)
		return put_head(packer, 0xcd, value, 2);
	if (value <= UINT32_MAX)
		return put_head(packer, 0xce, value, 4);
	return put_head(packer, 0xcf, value, 8);
}

int prun_pack_int(struct prun_packer *packer, int64_t value)
{
	if (value >= 0)
		return prun_pack_uint(packer, (uint64_t)value);
	if (value >= -32)
		return put_head(packer, (unsigned char)value, 0, 0);
	if (value >= INT8_MIN)
		return put_head(packer, 0xd0, (uint64_t)value, 1);
	if (value >= INT16_MIN)
		return put_head(packer, 0xd1, (uint64_t)value, 2);
	if (value >= INT32_MIN)
		return put_head(packer, 0xd2, (uint64_t)value, 4);
	return put_head(packer, 0xd3, (uint64_t)value, 8);
}

int prun_pack_double(struct prun_packer *packer, double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	return put_head(packer, 0xcb, bits, 8);
}

/* A body that msgpack has no length for fails like one that is too big for
 * the packer. The second comparison matters where size_t has 32 bits. */
static bool body_too_big(struct prun_packer *p, size_t len)
{
	if (len <= UINT32_MAX && len <= PTRDIFF_MAX)
		return false;
	if (!p->error)
		p->error = PRUN_ETOOBIG;
	return true;
}

static inline int put_body(struct prun_packer *p, unsigned char *at,
			   const void *body, size_t len)
{
	if (!at)
		return p->error;
	if (len)
		memcpy(at, body, len);
	return 0;
}

int prun_pack_str(struct prun_packer *packer, const char *s, size_t len)
{
	unsigned char *at;

	if (body_too_big(packer, len))
		return packer->error;
	if (len < 32)
		at = put(packer, 0xa0 | (unsigned)len, 0, 0, len);
	else if (len <= UINT8_MAX)
		at = put(packer, 0xd9, len, 1, len);
	else if (len <= UINT16_MAX)
		at = put(packer, 0xda, len, 2, len);
	else
		at = put(packer, 0xdb, len, 4, len);
	return put_body(packer, at, s, len);
}

int prun_pack_bin(struct prun_packer *packer, const void *p, size_t len)
{
	unsigned char *at;

	if (body_too_big(packer, len))
		return packer->error;
	if (len <= UINT8_MAX)
		at = put(packer, 0xc4, len, 1, len);
	else if (len <= UINT16_MAX)
		at = put(packer, 0xc5, len, 2, len);
	else
		at = put(packer, 0xc6, len, 4, len);
	return put_body(packer, at, p, len);
}

int prun_pack_array(struct prun_packer *packer, uint32_t count)
{
	if (count < 16)
		return put_head(packer, 0x90 | count, 0, 0);
	if (count <= UINT16_MAX)
		return put_head(packer, 0xdc, count, 2);
	return put_head(packer, 0xdd, count, 4);
}

int prun_pack_map(struct prun_packer *packer, uint32_t count)
{
	if (count < 16)
		return put_head(packer, 0x80 | count, 0, 0);
	if (count <= UINT16_MAX)
		return put_head(packer, 0xde, count, 2);
	return put_head(packer, 0xdf, count, 4);
}
