/* SPDX-License-Identifier: MIT */
/*
 * Items that are more than lines. The input is
 *
 *	1 byte	  what is read: its lower three bits, see shapes; 0x08: there
 *		  is a header; 0x10: columns are spread over parameters; 0x20:
 *		  another comma; 0x40: from a file, whose items are counted
 *		  ahead, and not from a pipe
 *	1 byte	  the pieces in which the pipe is filled
 *		  the bytes of standard input
 *
 * CSV, TSV, columns and msgpack give what plain readings of all the bytes give,
 * and fail where these do. A line of JSON that is taken is a value whose text,
 * as --format writes it, is taken for the same value again.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "columns.h"
#include "fuzz.h"
#include "input.h"
#include "item.h"
#include "json_in.h"
#include "json_out.h"

#define CONTENT_MAX 8192
#define COLUMNS_MAX (CONTENT_MAX + 2)

static const enum input_shape shapes[8] = {SHAPE_CSV, SHAPE_JSONL,
					   SHAPE_TSV, SHAPE_COLSEP,
					   SHAPE_CSV, SHAPE_MSGPACK,
					   SHAPE_CSV, SHAPE_JSONL};

static struct {
	struct options options;
	bool spread;
	char comma;
	const unsigned char *data;
	size_t size, sent, piece;
	int fds[2];
	bool counts;
} world;

static void world_new(struct fuzz_input *in)
{
	unsigned kind = (unsigned)fuzz_take(in, 1);

	memset(&world, 0, sizeof(world));
	world.options.delimiter = '\n';
	world.options.shape = shapes[kind & 7];
	world.spread = kind & 0x10;
	world.comma = world.options.shape == SHAPE_TSV ? '\t' :
		      kind & 0x20		       ? ';' :
							 ',';
	if (world.options.shape == SHAPE_COLSEP || world.comma == ';')
		world.options.colsep = world.comma == ';' ? ";" : ",";
	world.options.header = kind & 8 && world.options.shape != SHAPE_JSONL &&
			       world.options.shape != SHAPE_MSGPACK;
	world.piece = 1 + (size_t)fuzz_take(in, 1);
	world.piece *= world.piece;
	world.data = in->data;
	world.size = in->size < CONTENT_MAX ? in->size : CONTENT_MAX;
	world.counts = kind & 0x40;
	if (world.counts) {
		world.fds[0] = memfd_create("records", MFD_CLOEXEC);
		world.fds[1] = -1;
		FUZZ_ASSERT(world.fds[0] >= 0);
		FUZZ_ASSERT(pwrite(world.fds[0], world.data, world.size, 0) ==
			    (ssize_t)world.size);
	} else {
		FUZZ_ASSERT(pipe2(world.fds, O_CLOEXEC) == 0);
	}
	FUZZ_ASSERT(dup2(world.fds[0], STDIN_FILENO) == STDIN_FILENO);
	close(world.fds[0]);
}

/* ------------------------------------------------------------------- the model
 */

struct model {
	size_t at;
	bool failed; /* there is no reading on */
	size_t names;
	/* The record in hand. */
	char text[CONTENT_MAX + 1];
	size_t size, ends[COLUMNS_MAX], count;
};

static int model_byte(const struct model *m, size_t ahead)
{
	return m->at + ahead < world.size ? world.data[m->at + ahead] : -1;
}

static void model_put(struct model *m, int c)
{
	m->text[m->size++] = (char)c;
}

static void model_end(struct model *m)
{
	m->ends[m->count++] = m->size;
}

/* Is there nothing on this line any more? Then how many bytes that takes. */
static bool model_line_ends(const struct model *m, size_t *bytes)
{
	size_t cr = model_byte(m, 0) == '\r';
	int c = model_byte(m, cr);

	*bytes = cr + (c == '\n');
	return c == '\n' || c < 0;
}

/* A column of CSV; false: its quotes are wrong. */
static bool model_csv_column(struct model *m)
{
	bool quoted = model_byte(m, 0) == '"';
	size_t bytes;
	int c;

	if (!quoted) {
		while (!model_line_ends(m, &bytes) &&
		       (c = model_byte(m, 0)) != world.comma) {
			if (c == '"')
				return false;
			model_put(m, c);
			m->at++;
		}
		return true;
	}
	for (m->at++; (c = model_byte(m, 0)) >= 0; m->at++) {
		if (c == '"' && model_byte(m, 1) != '"')
			break;
		m->at += c == '"';
		model_put(m, c);
	}
	if (c < 0)
		return false;
	m->at++;
	return model_line_ends(m, &bytes) || model_byte(m, 0) == world.comma;
}

/* A record of CSV: false: there is none, or no way on. */
static bool model_csv(struct model *m)
{
	size_t bytes;

	while (m->at < world.size && model_line_ends(m, &bytes))
		m->at += bytes;
	if (m->at == world.size)
		return false;
	for (;;) {
		if (!model_csv_column(m)) {
			m->failed = true;
			return false;
		}
		model_end(m);
		if (model_line_ends(m, &bytes))
			break;
		m->at++; /* the comma */
	}
	m->at += bytes;
	return true;
}

static int model_unescape(int c)
{
	return c == 't' ? '\t' : c == 'n' ? '\n' : c == 'r' ? '\r' : c;
}

static bool model_line(struct model *m)
{
	bool tsv = world.options.shape == SHAPE_TSV;
	size_t bytes;
	int c;

	if (m->at == world.size)
		return false;
	for (; (c = model_byte(m, 0)) >= 0 && c != '\n'; m->at++) {
		int next = model_byte(m, 1);

		if (tsv && model_line_ends(m, &bytes))
			continue; /* the CR before it */
		if (c == world.comma) {
			model_end(m);
		} else if (tsv && c == '\\' && next > 0 &&
			   strchr("tnr\\", next)) {
			model_put(m, model_unescape(next));
			m->at++;
		} else {
			model_put(m, c);
		}
	}
	model_end(m);
	m->at += c == '\n';
	return true;
}

static bool model_record(struct model *m)
{
	m->size = m->count = 0;
	return world.options.shape == SHAPE_CSV ? model_csv(m) : model_line(m);
}

static void model_begin(struct model *m)
{
	bool marked = world.options.shape == SHAPE_CSV ||
		      world.options.shape == SHAPE_TSV;

	*m = (struct model){.at = 0};
	if (marked && world.size >= 3 &&
	    memcmp(world.data, "\xef\xbb\xbf", 3) == 0)
		m->at = 3;
	/* A line of nothing but the mark is a line. */
	if (m->at == 3 && m->at == world.size &&
	    world.options.shape == SHAPE_TSV)
		m->names = SIZE_MAX;
}

/* The bytes of a value; 0: there is none. */
static size_t model_value(const unsigned char *p, size_t size)
{
	static const unsigned char number[] = {4, 8, 1, 2, 4, 8, 1, 2, 4, 8};
	uint64_t values = 0, bytes = 0;
	size_t at = 1, digits = 0;
	unsigned c;

	if (size == 0)
		return 0;
	c = p[0];
	if (c == 0xc1)
		return 0;
	if ((c >= 0xc4 && c <= 0xc9) || (c >= 0xd9 && c <= 0xdb))
		digits = (size_t)1 << (c < 0xd9 ? (c - 0xc4) % 3 : c - 0xd9);
	else if (c >= 0xdc && c <= 0xdf)
		digits = c & 1 ? 4 : 2;
	else if (c >= 0xca && c <= 0xd3)
		bytes = number[c - 0xca];
	else if (c >= 0xd4 && c <= 0xd8)
		bytes = 1 + (1u << (c - 0xd4));
	else if (c >= 0xa0 && c <= 0xbf)
		bytes = c & 0x1f;
	else if (c >= 0x80 && c <= 0x9f)
		values = (uint64_t)(c & 0x0f) << (c < 0x90);
	for (uint64_t n = 0; digits > 0; digits--) {
		if (at == size)
			return 0;
		n = n << 8 | p[at++];
		bytes = c < 0xdc ? n + (c >= 0xc7 && c <= 0xc9) : 0;
		values = c < 0xdc ? 0 : n << (c >= 0xde);
	}
	if (bytes > size - at)
		return 0;
	at += (size_t)bytes;
	for (; values > 0; values--) {
		size_t n = model_value(p + at, size - at);

		if (n == 0)
			return 0;
		at += n;
	}
	return at;
}

/* --------------------------------------------------------------------- the run
 */

/* What the source waits for comes, or the end. */
static void feed(void)
{
	size_t size = world.size - world.sent;

	size = size < world.piece ? size : world.piece;
	if (size == 0) {
		FUZZ_ASSERT(world.fds[1] >= 0);
		close(world.fds[1]);
		world.fds[1] = -1;
		return;
	}
	FUZZ_ASSERT(write(world.fds[1], world.data + world.sent, size) ==
		    (ssize_t)size);
	world.sent += size;
}

/* The next item, as the pool would ask for it. */
static int next(struct prun_item *got, struct prun_packer *packer,
		struct input *in)
{
	int rc;

	do {
		packer_truncate(packer, 0);
		*got = (struct prun_item){.packer = packer, .wait_fd = -1};
		rc = input_source(got, in);
		if (rc == PRUN_SOURCE_WAIT)
			feed();
	} while (rc == PRUN_SOURCE_WAIT);
	FUZZ_ASSERT(rc == 0 || rc == 1 || rc == PRUN_EVALUE);
	if (rc == 1)
		FUZZ_ASSERT(value_is_whole(packer->data, packer->size));
	return rc;
}

/* One that is wrong is nil, and told of once. */
static void take_fault(struct input *in, const struct prun_item *got)
{
	const struct fault *fault = records_fault(&in->records, got->cookie);

	FUZZ_ASSERT(fault && fault->name && fault->text[0]);
	FUZZ_ASSERT(got->packer->size == 1);
	records_forget(&in->records, fault);
}

static void check_fields(const struct prun_item *got, const struct model *m)
{
	struct columns c = {.list = NULL};
	unsigned char first = got->packer->data[0];

	/* One column is no array. */
	FUZZ_ASSERT((first == 0xc4 || first == 0xc5 || first == 0xc6) ==
		    (m->count == 1 && !world.spread));
	FUZZ_ASSERT(columns_read(&c, got->packer->data, got->packer->size,
				 NULL) == 0);
	FUZZ_ASSERT(c.count == m->count);
	for (size_t i = 0, at = 0; i < c.count; at = m->ends[i++]) {
		const struct column *column = columns_at(&c, (long)i + 1);

		FUZZ_ASSERT(column->len == m->ends[i] - at);
		FUZZ_ASSERT(memcmp(column->text, m->text + at, column->len) ==
			    0);
	}
	columns_release(&c);
}

static void read_fields(struct input *in, struct prun_packer *packer)
{
	static struct model m;
	struct prun_item got;
	bool empty_first;
	int rc;

	model_begin(&m);
	empty_first = m.names == SIZE_MAX;
	m.names = 0;
	if (world.options.header) {
		if (!empty_first)
			model_record(&m);
		m.names = empty_first ? 1 : m.count;
		empty_first = false;
	}
	for (;;) {
		bool more = !m.failed && (empty_first || model_record(&m));

		if (empty_first)
			model_end(&m);
		empty_first = false;
		rc = next(&got, packer, in);
		FUZZ_ASSERT(rc == (m.failed ? PRUN_EVALUE : more));
		FUZZ_ASSERT((rc < 0) == (in->records.why[0] != '\0'));
		if (rc != 1)
			return;
		if (world.options.header && m.count != m.names) {
			take_fault(in, &got);
			continue;
		}
		FUZZ_ASSERT(!got.cookie);
		check_fields(&got, &m);
	}
}

static void collect(void *to, const char *text, size_t len)
{
	FUZZ_ASSERT(fields_put(to, text, len) == 0);
}

/* The value's text is taken for the same value. */
static void check_json(const struct prun_packer *packer)
{
	struct fields text = {.text = NULL};
	struct json_out out = {collect, &text};
	struct prun_packer again;
	struct json *json;
	msgpack_object o;
	msgpack_zone zone;
	char why[64];

	FUZZ_ASSERT(msgpack_zone_init(&zone, 1024));
	FUZZ_ASSERT(prun_value_object(&o, &zone, packer->data, packer->size) ==
		    0);
	FUZZ_ASSERT(json_can_say(&o));
	json_put(&out, &o);
	msgpack_zone_destroy(&zone);
	FUZZ_ASSERT(json_read(&json, text.text, text.size, why, sizeof(why)) ==
		    0);
	packer_init(&again, 1 << 20);
	FUZZ_ASSERT(json_pack_value(&again, json, true) == 0);
	json_free(json);
	/* A string that is spread is a bin inside, and read again a str. */
	if (!world.spread) {
		FUZZ_ASSERT(again.size == packer->size);
		FUZZ_ASSERT(memcmp(again.data, packer->data, again.size) == 0);
	}
	packer_release(&again);
	fields_release(&text);
}

/* How many lines hold more than white space. */
static size_t count_json(void)
{
	size_t n = 0;
	bool content = false;

	for (size_t i = 0; i < world.size; i++) {
		unsigned char c = world.data[i];

		n += c == '\n' && content;
		content = c != '\n' &&
			  (content || (c != ' ' && c != '\t' && c != '\r'));
	}
	return n + content;
}

static void read_json(struct input *in, struct prun_packer *packer)
{
	bool marked = world.size >= 3 &&
		      memcmp(world.data, "\xef\xbb\xbf", 3) == 0;
	size_t count = 0;
	struct prun_item got;

	while (next(&got, packer, in) == 1) {
		count++;
		if (got.cookie)
			take_fault(in, &got);
		else
			check_json(packer);
	}
	FUZZ_ASSERT(in->ended);
	/* The line of the mark may be blank without it. */
	FUZZ_ASSERT(count == count_json() ||
		    (marked && count + 1 == count_json()));
}

static void read_values(struct input *in, struct prun_packer *packer)
{
	struct prun_item got;
	size_t at = 0, len;
	int rc;

	while ((rc = next(&got, packer, in)) == 1) {
		const unsigned char *value = world.data + at;
		size_t head = 0;

		len = model_value(value, world.size - at);
		FUZZ_ASSERT(len > 0);
		at += len;
		if (got.cookie) {
			FUZZ_ASSERT(prun_value_check(value, len) < 0 ||
				    world.spread);
			take_fault(in, &got);
			continue;
		}
		if (world.spread && packer->size == len + 1)
			head = 1;
		FUZZ_ASSERT(packer->size == len + head);
		FUZZ_ASSERT(memcmp(packer->data + head, value, len) == 0);
	}
	FUZZ_ASSERT((rc == 0) == (at == world.size));
	FUZZ_ASSERT(model_value(world.data + at, world.size - at) == 0);
}

/* As many items as were counted, where no line is one for having two CR or the
 * mark alone. */
static void check_total(const struct input *in, uint64_t total)
{
	if (!in->ended || total == INPUT_UNKNOWN ||
	    memmem(world.data, world.size, "\r\r", 2) ||
	    memmem(world.data, world.size, "\xef\xbb\xbf", 3))
		return;
	FUZZ_ASSERT(total == in->given);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input rest = {data, size};
	struct prun_packer packer;
	struct input in;
	uint64_t total;

	world_new(&rest);
	packer_init(&packer, 1 << 20);
	FUZZ_ASSERT(input_open(&in, &world.options) == 0);
	if (world.spread)
		input_spread(&in);
	input_count(&in, SIZE_MAX);
	total = input_total(&in);
	FUZZ_ASSERT((total != INPUT_UNKNOWN) ==
		    (world.counts && world.options.shape != SHAPE_MSGPACK));
	if (world.options.shape == SHAPE_JSONL)
		read_json(&in, &packer);
	else if (world.options.shape == SHAPE_MSGPACK)
		read_values(&in, &packer);
	else
		read_fields(&in, &packer);
	FUZZ_ASSERT(TAILQ_EMPTY(&in.records.faults));
	check_total(&in, total);
	input_close(&in);
	packer_release(&packer);
	if (world.fds[1] >= 0)
		close(world.fds[1]);
	return 0;
}
