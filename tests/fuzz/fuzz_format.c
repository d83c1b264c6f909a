/* SPDX-License-Identifier: MIT */
/*
 * prun_pack() and prun_unpack() with formats and values of any kind, against a
 * plain reading of the formats in prun.h and msgpack-c's packing and reading.
 * The input: a byte, the format up to a NUL, and then
 *
 *	byte odd: the arguments to pack, as the format asks for them
 *	else:     the keys to look up, each up to a NUL, and the value
 *
 * A format is good or bad for both readings; what is packed are the bytes that
 * msgpack-c packs, and unpacks to the same; what is unpacked is what msgpack-c
 * reads; what fails stores nothing, packs nothing, and takes no argument that
 * a good format would not have.
 */
#include <ctype.h>
#include <limits.h>
#include <msgpack.h>

#include "fuzz.h"
#include "fuzz_args.h"
#include "value.h"

#define FORMAT_MAX 200
#define ARGS_MAX (2 * FORMAT_MAX)
#define LONG_TEXT 70000 /* more than 16 bits of length */

/* The arguments, in the order of the format. */
struct args {
	uint64_t slots[ARGS_MAX];
	unsigned count;
	void *owned[ARGS_MAX]; /* to be freed */
	unsigned nowned;
};

static void args_add(struct args *a, const void *slot)
{
	FUZZ_ASSERT(a->count < ARGS_MAX);
	memcpy(&a->slots[a->count++], slot, sizeof(a->slots[0]));
}

static void args_pointer(struct args *a, const void *pointer)
{
	args_add(a, &pointer);
}

static void *args_own(struct args *a, void *memory)
{
	a->owned[a->nowned++] = memory;
	return memory;
}

static void args_free(struct args *a)
{
	while (a->nowned > 0)
		free(a->owned[--a->nowned]);
}

/* White space, ',' and ':' do not count. */
static char next(const char **at)
{
	while (**at &&
	       (isspace((unsigned char)**at) || **at == ',' || **at == ':'))
		++*at;
	return **at;
}

/* --------------------------------------------------------------------- packing
 */

/* The items of a level are counted as they are packed, so the packing goes to
 * a buffer of its own first. */
struct model {
	struct args args;
	struct fuzz_input in;
	const char *at;
	unsigned depth;
	bool bad_value;
	char back[2 * FORMAT_MAX + 1]; /* the format that unpacks it */
};

static void back(struct model *m, const char *text)
{
	FUZZ_ASSERT(strlen(m->back) + strlen(text) < sizeof(m->back));
	strcat(m->back, text);
}

/* Bytes as the input has them: their count, and they; or a long text, or NULL.
 * Terminated, for s without '#'. */
static char *take_bytes(struct model *m, size_t *size)
{
	uint64_t n = fuzz_take(&m->in, 1);
	char *text;

	if (n == 255)
		return NULL;
	if (n == 254)
		n = LONG_TEXT;
	text = args_own(&m->args, calloc((size_t)n + 1, 1));
	FUZZ_ASSERT(text);
	*size = (size_t)n;
	n = n < m->in.size ? n : m->in.size;
	memcpy(text, m->in.data, (size_t)n);
	m->in.data += n;
	m->in.size -= (size_t)n;
	return text;
}

/* Not nothing: msgpack-c would then reckon with a null pointer. */
static void append(msgpack_packer *pk, const void *data, size_t size)
{
	if (size > 0)
		pk->callback(pk->data, data, size);
}

static void pack_bytes(struct model *m, msgpack_packer *pk, char letter,
		       bool optional, bool sized)
{
	size_t size = 0;
	char *text = take_bytes(m, &size);

	args_pointer(&m->args, text);
	if (sized)
		args_add(&m->args, &size);
	if (!text) {
		m->bad_value |= !optional;
		back(m, "n");
		msgpack_pack_nil(pk);
		return;
	}
	if (!sized)
		size = strlen(text);
	back(m, letter == 'V' ? "V#" : "s#");
	if (letter == 's') {
		msgpack_pack_str_with_body(pk, text, size);
	} else if (letter == 'y') {
		msgpack_pack_bin_with_body(pk, text, size);
	} else {
		m->bad_value |= prun_value_check(text, size) < 0;
		append(pk, text, size);
	}
}

static bool pack_string(struct model *m, msgpack_packer *pk, char letter)
{
	bool optional = *m->at == '?', sized;

	m->at += optional;
	sized = *m->at == '#';
	m->at += sized;
	if (!sized && letter != 's')
		return false;
	pack_bytes(m, pk, letter, optional, sized);
	return true;
}

static void pack_number(struct model *m, msgpack_packer *pk, char letter)
{
	uint64_t bits =
		fuzz_take(&m->in, letter == 'i' || letter == 'b' ? 4 : 8);
	int64_t number = (int64_t)bits;
	double real;

	if (letter == 'i' || letter == 'b')
		number = (int32_t)(uint32_t)bits;
	args_add(&m->args, &number);
	memcpy(&real, &bits, sizeof(real));
	if (letter == 'b' && number)
		msgpack_pack_true(pk);
	else if (letter == 'b')
		msgpack_pack_false(pk);
	else if (letter == 'u')
		msgpack_pack_uint64(pk, bits);
	else if (letter == 'f')
		msgpack_pack_double(pk, real);
	else
		msgpack_pack_int64(pk, number);
	back(m, (char[]){letter == 'i' ? 'I' : letter, '\0'});
}

static bool model_pack(struct model *m, msgpack_packer *pk);

static bool pack_level(struct model *m, msgpack_packer *outer, char open)
{
	msgpack_sbuffer buffer;
	msgpack_packer pk;
	size_t count = 0, kept = strlen(m->back);
	bool good = m->depth < VALUE_DEPTH_MAX, key;

	msgpack_sbuffer_init(&buffer);
	msgpack_packer_init(&pk, &buffer, msgpack_sbuffer_write);
	m->depth++;
	back(m, "[");
	while (good && next(&m->at) != (open == '[' ? ']' : '}')) {
		key = open == '{' && count % 2 == 0;
		good = !(key && strchr("[{", *m->at)) && model_pack(m, &pk);
		count++;
	}
	m->depth--;
	good = good && !(open == '{' && count % 2);
	if (good) {
		m->at++;
		if (open == '[') {
			msgpack_pack_array(outer, count);
			back(m, "]");
		} else {
			msgpack_pack_map(outer, count / 2);
			m->back[kept] = '\0';
			back(m, "{}"); /* any map */
		}
		append(outer, buffer.data, buffer.size);
	}
	msgpack_sbuffer_destroy(&buffer);
	return good;
}

/* One item, packed with what the input gives for it. False: a bad format. */
static bool model_pack(struct model *m, msgpack_packer *pk)
{
	char c = next(&m->at);

	if (c == '\0' || !strchr("nbiIufsyV[{", c))
		return false;
	m->at++;
	switch (c) {
	case 'n':
		msgpack_pack_nil(pk);
		back(m, "n");
		return true;
	case 's':
	case 'y':
	case 'V':
		return pack_string(m, pk, c);
	case '[':
	case '{':
		return pack_level(m, pk, c);
	default:
		pack_number(m, pk, c);
		return true;
	}
}

static int vpack(struct prun_packer *p, const char *format, struct args *a)
{
	uint64_t *slots = fuzz_copy(a->slots, a->count * sizeof(*slots));
	va_list args;
	int rc;

	fuzz_args(&args, slots);
	rc = prun_vpack(p, format, args);
	free(slots);
	return rc;
}

/* ------------------------------------------------------------------- unpacking
 */

/* Where a value is stored, and what should be there; in memory of its own, so
 * that a sanitizer sees when the wrong size is stored. */
struct target {
	char letter;
	void *place, *length; /* length: a size_t of s#, y# and V# */
	bool stored;
	union {
		uint64_t bits;
		double real;
		int number;
		const void *pointer;
	};
	size_t size;
};

struct reading {
	struct args args;
	struct fuzz_input in; /* keys */
	const char *at;
	unsigned depth;
	bool mismatch;
	bool null;	  /* a target is NULL, which is a bad format */
	unsigned null_at; /* that one, counted down */
	struct target targets[ARGS_MAX];
	unsigned ntargets;
};

/* A value as bytes and as msgpack-c reads it; NULL: there is none. */
struct both {
	const uint8_t *data;
	size_t size;
	const msgpack_object *o;
};

static void *new_place(struct reading *r, size_t size)
{
	void *place = args_own(&r->args, malloc(size));

	FUZZ_ASSERT(place);
	memset(place, 0x5a, size);
	if (r->null_at > 0 && --r->null_at == 0) {
		r->null = true;
		args_pointer(&r->args, NULL);
	} else {
		args_pointer(&r->args, place);
	}
	return place;
}

static struct target *new_target(struct reading *r, char letter, size_t size)
{
	struct target *t = &r->targets[r->ntargets++];

	FUZZ_ASSERT(r->ntargets < ARGS_MAX);
	*t = (struct target){.letter = letter};
	t->place = new_place(r, size);
	if (letter == 's')
		t->length = new_place(r, sizeof(size_t));
	return t;
}

static bool read_string(struct reading *r, char letter, struct both v)
{
	struct target *t;

	if (*r->at != '#')
		return false;
	r->at++;
	t = new_target(r, 's', sizeof(void *));
	if (!v.o)
		return true;
	t->stored = true;
	t->pointer = v.data;
	t->size = v.size;
	if (letter == 'V')
		return true;
	if (v.o->type != MSGPACK_OBJECT_STR && v.o->type != MSGPACK_OBJECT_BIN)
		r->mismatch = true;
	t->size = v.o->via.bin.size;
	t->pointer = v.data + v.size - t->size;
	return true;
}

static void read_double(struct reading *r, struct both v)
{
	struct target *t = new_target(r, 'f', sizeof(double));

	if (!v.o)
		return;
	t->stored = true;
	if (v.o->type == MSGPACK_OBJECT_POSITIVE_INTEGER)
		t->real = (double)v.o->via.u64;
	else if (v.o->type == MSGPACK_OBJECT_NEGATIVE_INTEGER)
		t->real = (double)v.o->via.i64;
	else if (v.o->type == MSGPACK_OBJECT_FLOAT32 ||
		 v.o->type == MSGPACK_OBJECT_FLOAT64)
		t->real = v.o->via.f64;
	else
		r->mismatch = true;
}

static void read_bool(struct reading *r, struct both v)
{
	struct target *t = new_target(r, 'b', sizeof(int));

	if (!v.o)
		return;
	t->stored = true;
	if (v.o->type == MSGPACK_OBJECT_BOOLEAN)
		t->number = v.o->via.boolean;
	else
		r->mismatch = true;
}

static void read_integer(struct reading *r, char letter, struct both v)
{
	struct target *t =
		new_target(r, letter, letter == 'i' ? sizeof(int) : 8);

	if (!v.o)
		return;
	t->stored = true;
	t->bits = v.o->via.u64;
	if (v.o->type == MSGPACK_OBJECT_POSITIVE_INTEGER) {
		r->mismatch |= t->bits > (letter == 'u' ? UINT64_MAX :
					  letter == 'I' ? INT64_MAX :
							  INT_MAX);
	} else if (v.o->type == MSGPACK_OBJECT_NEGATIVE_INTEGER) {
		r->mismatch |= letter == 'u' ||
			       (letter == 'i' && v.o->via.i64 < INT_MIN);
	} else {
		r->mismatch = true;
	}
}

static bool model_read(struct reading *r, struct both v);

static void step(struct both *left, struct both *one, const msgpack_object *o)
{
	int64_t length = value_length(left->data, left->size);

	FUZZ_ASSERT(length > 0);
	*one = (struct both){left->data, (size_t)length, o};
	left->data += length;
	left->size -= (size_t)length;
}

/* Does the '*' here stand for the rest? It does right before the bracket. */
static bool is_rest(const char *at)
{
	if (*at != '*')
		return false;
	at++;
	return next(&at) == ']';
}

static bool read_array(struct reading *r, struct both v)
{
	bool array = v.o && v.o->type == MSGPACK_OBJECT_ARRAY;
	uint32_t count = array ? v.o->via.array.size : 0, i = 0;
	struct both left = v, one = {0};
	uint32_t found;
	bool rest = false;

	r->mismatch |= v.o && !array;
	if (array) {
		size_t head = value_container(v.data, VALUE_ARRAY, &found);

		left.data += head;
		left.size -= head;
	}
	while (next(&r->at) != ']') {
		if (is_rest(r->at)) {
			rest = true;
			r->at++;
			continue;
		}
		one = (struct both){0};
		if (i < count)
			step(&left, &one, &v.o->via.array.ptr[i]);
		i++;
		if (!model_read(r, one))
			return false;
	}
	r->at++;
	if (array && (i > count || (i < count && !rest)))
		r->mismatch = true;
	return true;
}

static struct both look_up(struct both v, const char *key)
{
	struct both left = v, k, one = {0};
	uint32_t count, i;
	size_t head;

	if (!v.o || v.o->type != MSGPACK_OBJECT_MAP)
		return one;
	head = value_container(v.data, VALUE_MAP, &count);
	left.data += head;
	left.size -= head;
	for (i = 0; i < count; i++) {
		const msgpack_object *o = &v.o->via.map.ptr[i].key;

		step(&left, &k, o);
		step(&left, &one, &v.o->via.map.ptr[i].val);
		if ((o->type == MSGPACK_OBJECT_STR ||
		     o->type == MSGPACK_OBJECT_BIN) &&
		    o->via.str.size == strlen(key) &&
		    /* msgpack-c has NULL for an empty string */
		    (!*key || memcmp(o->via.str.ptr, key, strlen(key)) == 0))
			return one;
	}
	return (struct both){0};
}

static bool read_map(struct reading *r, struct both v)
{
	struct both one;
	char *key;

	r->mismatch |= v.o && v.o->type != MSGPACK_OBJECT_MAP;
	while (next(&r->at) != '}') {
		bool optional;

		if (*r->at != 's')
			return false;
		r->at++;
		optional = *r->at == '?';
		r->at += optional;
		key = args_own(&r->args, fuzz_take_text(&r->in));
		args_pointer(&r->args, key);
		one = look_up(v, key);
		r->mismatch |= v.o && !one.o && !optional;
		if (!model_read(r, one))
			return false;
	}
	r->at++;
	return true;
}

static bool read_level(struct reading *r, char open, struct both v)
{
	bool good;

	if (r->depth == VALUE_DEPTH_MAX)
		return false;
	r->depth++;
	good = open == '[' ? read_array(r, v) : read_map(r, v);
	r->depth--;
	return good;
}

/* One item. False: a bad format; which it is before it is a mismatch. */
static bool model_read(struct reading *r, struct both v)
{
	char c = next(&r->at);

	if (r->null || c == '\0' || !strchr("nbiIufsyV*[{", c))
		return false;
	r->at++;
	switch (c) {
	case '*':
		return true;
	case 'n':
		r->mismatch |= v.o && v.o->type != MSGPACK_OBJECT_NIL;
		return true;
	case 's':
	case 'y':
	case 'V':
		return read_string(r, c, v);
	case '[':
	case '{':
		return read_level(r, c, v);
	case 'f':
		read_double(r, v);
		return true;
	case 'b':
		read_bool(r, v);
		return true;
	default:
		read_integer(r, c, v);
		return true;
	}
}

static void check_untouched(const void *place, size_t size)
{
	const uint8_t *at = place;

	while (size-- > 0)
		FUZZ_ASSERT(*at++ == 0x5a);
}

static void check_target(const struct target *t, bool stored)
{
	size_t size = t->letter == 'i' || t->letter == 'b' ? sizeof(int) : 8;
	double real;

	if (!stored || !t->stored) {
		check_untouched(t->place, size);
		if (t->length)
			check_untouched(t->length, sizeof(size_t));
		return;
	}
	if (t->letter == 'f') {
		memcpy(&real, t->place, sizeof(real));
		FUZZ_ASSERT(real == t->real || real != real);
		FUZZ_ASSERT((real != real) == (t->real != t->real));
		return;
	}
	if (t->letter == 'i' || t->letter == 'b')
		FUZZ_ASSERT(*(int *)t->place == (int)t->bits);
	else
		FUZZ_ASSERT(memcmp(t->place, &t->bits, 8) == 0);
	if (t->length)
		FUZZ_ASSERT(*(size_t *)t->length == t->size);
}

/* What the model says of one unpacking. */
static int model_unpack(struct reading *r, const char *format,
			const uint8_t *data, size_t size,
			const msgpack_object *o)
{
	struct both v = {data, size, o};

	r->at = format;
	if (!model_read(r, v) || r->null || next(&r->at) != '\0')
		return PRUN_EINVAL;
	if (!o)
		return PRUN_EVALUE;
	return r->mismatch ? PRUN_ETYPE : 0;
}

static int check_unpack(struct reading *r, const char *format,
			const uint8_t *data, size_t size)
{
	bool valid = prun_value_check(data, size) == 0;
	msgpack_unpacked theirs;
	char *message = NULL;
	uint64_t *slots;
	va_list args;
	size_t at = 0;
	unsigned i;
	int rc;

	msgpack_unpacked_init(&theirs);
	if (valid)
		FUZZ_ASSERT(msgpack_unpack_next(&theirs, (const char *)data,
						size,
						&at) == MSGPACK_UNPACK_SUCCESS);
	rc = model_unpack(r, format, data, size, valid ? &theirs.data : NULL);
	slots = fuzz_copy(r->args.slots, r->args.count * sizeof(*slots));
	fuzz_args(&args, slots);
	FUZZ_ASSERT(prun_vunpack(data, size, &message, format, args) == rc);
	FUZZ_ASSERT((rc < 0) == (message != NULL));
	for (i = 0; i < r->ntargets; i++)
		check_target(&r->targets[i], rc == 0);
	free(message);
	/* The message is all that is different without one. */
	FUZZ_ASSERT(prun_vunpack(data, size, NULL, format, args) == rc);
	free(slots);
	msgpack_unpacked_destroy(&theirs);
	return rc;
}

/* ----------------------------------------------------------------- both of them
 */

static void try_unpack(struct fuzz_input in, const char *format, unsigned null)
{
	struct reading r = {.in = in, .null_at = null};
	struct reading *again = calloc(1, sizeof(*again));
	uint8_t *value;

	/* How much of the input is keys, a first reading shows. */
	FUZZ_ASSERT(again);
	*again = r;
	(void)model_unpack(&r, format, NULL, 0, NULL);
	value = fuzz_copy(r.in.data, r.in.size);
	check_unpack(again, format, value, r.in.size);
	free(value);
	args_free(&r.args);
	args_free(&again->args);
	free(again);
}

static void try_pack(struct fuzz_input in, const char *format)
{
	struct model m = {.in = in, .at = format};
	struct prun_packer *p;
	msgpack_sbuffer buffer;
	msgpack_packer pk;
	const void *packed;
	size_t size;
	bool good;
	int rc;

	msgpack_sbuffer_init(&buffer);
	msgpack_packer_init(&pk, &buffer, msgpack_sbuffer_write);
	good = model_pack(&m, &pk) && next(&m.at) == '\0';
	FUZZ_ASSERT(prun_packer_new(&p) == 0 && prun_pack_int(p, 42) == 0);
	rc = vpack(p, format, &m.args);
	packed = prun_packer_data(p, &size);
	FUZZ_ASSERT(*(const uint8_t *)packed == 42 && p->error == 0);
	if (!good || m.bad_value) {
		FUZZ_ASSERT(size == 1);
		FUZZ_ASSERT((rc == PRUN_EINVAL && !good) ||
			    (rc == PRUN_EVALUE && m.bad_value));
	} else if (rc == 0) {
		struct reading r = {.at = NULL};
		const uint8_t *value = (const uint8_t *)packed + 1;

		FUZZ_ASSERT(size - 1 == buffer.size);
		FUZZ_ASSERT(memcmp(value, buffer.data, buffer.size) == 0);
		/* What V# puts in may make it too deep. */
		if (prun_value_check(value, size - 1) == 0)
			FUZZ_ASSERT(check_unpack(&r, m.back, value, size - 1) ==
				    0);
		args_free(&r.args);
	} else {
		fuzz_fail(__FILE__, __LINE__, "good, and not packed");
	}
	prun_packer_free(p);
	msgpack_sbuffer_destroy(&buffer);
	args_free(&m.args);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = {data, size};
	unsigned mode = (unsigned)fuzz_take(&in, 1);
	char *format = fuzz_take_text(&in);

	if (!FUZZ_ARGS || strlen(format) > FORMAT_MAX) {
		free(format);
		return 0;
	}
	if (mode % 2)
		try_pack(in, format);
	else
		try_unpack(in, format, mode / 2);
	free(format);
	return 0;
}
