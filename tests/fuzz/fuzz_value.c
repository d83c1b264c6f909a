/* SPDX-License-Identifier: MIT */
/*
 * Values: bytes that are checked and walked, against msgpack-c's own reading
 * of them. The input is the bytes.
 *
 * Ours accepts what msgpack-c accepts, save what is nested deeper than
 * VALUE_DEPTH_MAX; the sizes are the same, and so is what is in them.
 */
#include <msgpack.h>

#include "fuzz.h"
#include "value.h"

/* The empty ones included, as value.c counts. */
static unsigned depth_of(const msgpack_object *o)
{
	unsigned deepest = 0, depth;
	uint32_t i;

	if (o->type == MSGPACK_OBJECT_ARRAY) {
		for (i = 0; i < o->via.array.size; i++) {
			depth = depth_of(&o->via.array.ptr[i]);
			deepest = depth > deepest ? depth : deepest;
		}
		return deepest + 1;
	}
	if (o->type == MSGPACK_OBJECT_MAP) {
		for (i = 0; i < o->via.map.size; i++) {
			depth = depth_of(&o->via.map.ptr[i].key);
			deepest = depth > deepest ? depth : deepest;
			depth = depth_of(&o->via.map.ptr[i].val);
			deepest = depth > deepest ? depth : deepest;
		}
		return deepest + 1;
	}
	return 0;
}

static const char *kind_of(const msgpack_object *o)
{
	static const char *const kinds[] = {
		[MSGPACK_OBJECT_NIL] = "nil",
		[MSGPACK_OBJECT_BOOLEAN] = "a boolean",
		[MSGPACK_OBJECT_POSITIVE_INTEGER] = "an integer",
		[MSGPACK_OBJECT_NEGATIVE_INTEGER] = "an integer",
		[MSGPACK_OBJECT_FLOAT32] = "a float",
		[MSGPACK_OBJECT_FLOAT64] = "a float",
		[MSGPACK_OBJECT_STR] = "a string",
		[MSGPACK_OBJECT_ARRAY] = "an array",
		[MSGPACK_OBJECT_MAP] = "a map",
		[MSGPACK_OBJECT_BIN] = "a byte string",
		[MSGPACK_OBJECT_EXT] = "an extension",
	};

	return kinds[o->type];
}

static void check_int(const uint8_t *data, size_t size, const msgpack_object *o)
{
	int64_t value = 0;
	int rc = value_int(data, size, &value);

	if (o->type == MSGPACK_OBJECT_NEGATIVE_INTEGER) {
		FUZZ_ASSERT(rc == 0 && value == o->via.i64);
	} else if (o->type == MSGPACK_OBJECT_POSITIVE_INTEGER &&
		   o->via.u64 <= INT64_MAX) {
		FUZZ_ASSERT(rc == 0 && (uint64_t)value == o->via.u64);
	} else {
		FUZZ_ASSERT(rc == PRUN_ETYPE);
	}
}

static void check_double(const uint8_t *data, size_t size,
			 const msgpack_object *o)
{
	double value = 0, wanted = o->via.f64;
	int rc = value_double(data, size, &value);

	switch (o->type) {
	case MSGPACK_OBJECT_POSITIVE_INTEGER:
		wanted = (double)o->via.u64;
		break;
	case MSGPACK_OBJECT_NEGATIVE_INTEGER:
		wanted = (double)o->via.i64;
		break;
	case MSGPACK_OBJECT_FLOAT32:
	case MSGPACK_OBJECT_FLOAT64:
		break;
	default:
		FUZZ_ASSERT(rc == PRUN_ETYPE);
		return;
	}
	FUZZ_ASSERT(rc == 0);
	/* Bytes, for a NaN is not equal to itself. Of one with 32 bits the
	 * conversion may set a bit. */
	FUZZ_ASSERT(wanted != wanted ?
			    value != value :
			    memcmp(&value, &wanted, sizeof(value)) == 0);
}

static void check_str(const uint8_t *data, size_t size, const msgpack_object *o)
{
	const char *s = NULL;
	size_t len = 0;
	int rc = value_str(data, size, &s, &len);

	/* str and bin lie in the same place of the union. */
	if (o->type != MSGPACK_OBJECT_STR && o->type != MSGPACK_OBJECT_BIN) {
		FUZZ_ASSERT(rc == PRUN_ETYPE);
		return;
	}
	FUZZ_ASSERT(rc == 0 && len == o->via.str.size);
	FUZZ_ASSERT(s + len == (const char *)data + size);
	FUZZ_ASSERT(len == 0 || memcmp(s, o->via.str.ptr, len) == 0);
}

static void check_value(const uint8_t *data, size_t size,
			const msgpack_object *o);

/* Cut off the first of the values there are. */
static void check_first(const uint8_t **at, size_t *left,
			const msgpack_object *o)
{
	int64_t length = value_length(*at, *left);

	FUZZ_ASSERT(length > 0 && (uint64_t)length <= *left);
	check_value(*at, (size_t)length, o);
	*at += length;
	*left -= (size_t)length;
}

static void check_elements(const uint8_t *data, size_t size,
			   const msgpack_object *o)
{
	uint32_t count = 0, i;
	size_t head = value_container(data, VALUE_ARRAY, &count);

	if (o->type == MSGPACK_OBJECT_ARRAY) {
		FUZZ_ASSERT(head > 0 && count == o->via.array.size);
		data += head;
		size -= head;
		for (i = 0; i < count; i++)
			check_first(&data, &size, &o->via.array.ptr[i]);
		FUZZ_ASSERT(size == 0);
		return;
	}
	FUZZ_ASSERT(head == 0);
	head = value_container(data, VALUE_MAP, &count);
	if (o->type != MSGPACK_OBJECT_MAP) {
		FUZZ_ASSERT(head == 0);
		return;
	}
	FUZZ_ASSERT(head > 0 && count == o->via.map.size);
	data += head;
	size -= head;
	for (i = 0; i < count; i++) {
		check_first(&data, &size, &o->via.map.ptr[i].key);
		check_first(&data, &size, &o->via.map.ptr[i].val);
	}
	FUZZ_ASSERT(size == 0);
}

/* A value that was accepted, and all in it, says what msgpack-c says. */
static void check_value(const uint8_t *data, size_t size,
			const msgpack_object *o)
{
	FUZZ_ASSERT(prun_value_check(data, size) == 0);
	FUZZ_ASSERT(value_is_whole(data, size));
	FUZZ_ASSERT(strcmp(value_kind(data, size), kind_of(o)) == 0);
	check_int(data, size, o);
	check_double(data, size, o);
	check_str(data, size, o);
	check_elements(data, size, o);
}

/*
 * Whether a head may promise more elements than there are bytes, for which
 * msgpack-c takes the memory before it has seen one. Too careful: such bytes
 * may also be in a string.
 */
static bool may_be_huge(const uint8_t *data, size_t size)
{
	size_t i;

	for (i = 0; i + 3 <= size; i++) {
		uint64_t count = (uint64_t)data[i + 1] << 8 | data[i + 2];

		if ((data[i] == 0xdd || data[i] == 0xdf) && i + 5 <= size)
			count = count << 16 | (uint64_t)data[i + 3] << 8 |
				data[i + 4];
		else if (data[i] != 0xdc && data[i] != 0xde)
			continue;
		if (count > size)
			return true;
	}
	return false;
}

/* Of one value at the front, wherever it ends. */
static void check_front(const uint8_t *data, size_t size, size_t length)
{
	uint8_t *cut = fuzz_copy(data, length - 1);
	uint8_t *longer = malloc(length + 5);

	FUZZ_ASSERT(longer);
	FUZZ_ASSERT(length <= size);
	FUZZ_ASSERT(value_length(cut, length - 1) == PRUN_EVALUE);
	memcpy(longer, data, length);
	memset(longer + length, 0xc1, 5);
	FUZZ_ASSERT(value_length(longer, length + 5) == (int64_t)length);
	FUZZ_ASSERT(prun_value_check(longer, length + 5) == PRUN_EVALUE);
	FUZZ_ASSERT(!value_is_whole(longer, length + 5));
	free(longer);
	free(cut);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int64_t length = value_length(data, size);
	bool whole = prun_value_check(data, size) == 0;
	msgpack_unpacked theirs;
	msgpack_unpack_return rc;
	size_t at = 0;

	FUZZ_ASSERT(whole == (length > 0 && (uint64_t)length == size));
	FUZZ_ASSERT(whole == value_is_whole(data, size));
	if (length <= 0) {
		FUZZ_ASSERT(length == PRUN_EVALUE);
		if (may_be_huge(data, size))
			return 0;
	}
	msgpack_unpacked_init(&theirs);
	rc = msgpack_unpack_next(&theirs, (const char *)data, size, &at);
	if (length > 0) {
		FUZZ_ASSERT(rc == MSGPACK_UNPACK_SUCCESS ||
			    rc == MSGPACK_UNPACK_EXTRA_BYTES);
		FUZZ_ASSERT(at == (uint64_t)length);
		FUZZ_ASSERT(depth_of(&theirs.data) <= VALUE_DEPTH_MAX);
		check_front(data, size, (size_t)length);
		check_value(data, (size_t)length, &theirs.data);
	} else if (rc == MSGPACK_UNPACK_SUCCESS ||
		   rc == MSGPACK_UNPACK_EXTRA_BYTES) {
		FUZZ_ASSERT(depth_of(&theirs.data) > VALUE_DEPTH_MAX);
	}
	msgpack_unpacked_destroy(&theirs);
	return 0;
}
