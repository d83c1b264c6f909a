/* SPDX-License-Identifier: MIT */
/* What makes columns and values of bytes: each parser on texts, and on all
 * their pieces. */
#include <string.h>
#include <unistd.h>

#include "colsep.h"
#include "columns.h"
#include "csv.h"
#include "fields.h"
#include "json_in.h"
#include "message.h"
#include "suite.h"
#include "tsv.h"
#include "value.h"
#include "values.h"

static struct fields fields;

/* The columns in brackets. */
static const char *shown(void)
{
	static char text[256];
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < fields.count; i++) {
		size_t len;
		const char *s = fields_at(&fields, i, &len);

		used += (size_t)snprintf(text + used, sizeof(text) - used,
					 "[%.*s]", (int)len, s);
	}
	return text;
}

static void assert_split(const char *separator, const char *line,
			 const char *want)
{
	struct colsep c;

	ck_assert_int_eq(colsep_parse(&c, separator), 0);
	fields_clear(&fields);
	ck_assert_int_eq(colsep_split(&c, &fields, line, strlen(line)), 0);
	ck_assert_str_eq(shown(), want);
	colsep_release(&c);
}

START_TEST(separators)
{
	assert_split(",", "a,b,,c", "[a][b][][c]");
	assert_split(",", "", "[]");
	assert_split(",", ",", "[][]");
	assert_split("ab", "xabaabb", "[x][a][b]");
	assert_split("\\t", "a\tb", "[a][b]");
	assert_split("\\054", "a\\054b", "[a\\054b]"); /* of digits \0 alone */
	assert_split("\\054", "a,b", "[a][b]");
	assert_split("\\x2C", "a,b", "[a][b]");
	assert_split("\\|", "a|b", "[a][b]");
	assert_split(" *, *", "a , b,c", "[a][b][c]");
	assert_split("[,;]", "a,b;c", "[a][b][c]");
	assert_split("[\\t ]+", "a \t b", "[a][b]");
	assert_split("(ab)+", "xababy", "[x][y]");
	assert_split("^a", "aab", "[][ab]");
	assert_split("\\x2e+", "a..b,c", "[a][b,c]");
	assert_split("\\s+", "a \tb", "[a][b]");
	assert_split("x$", "axbx", "[axb][]");
}
END_TEST

static const char *csv_of(const char *text)
{
	struct csv csv = {.comma = ','};
	const char *end;
	int rc = CSV_MORE;

	fields_clear(&fields);
	for (; rc == CSV_MORE && text; text = end ? end + 1 : NULL) {
		end = strchr(text, '\n');
		rc = csv_line(&csv, &fields, text,
			      end ? (size_t)(end - text) : strlen(text));
	}
	return rc == CSV_RECORD ? shown() :
	       rc == CSV_BAD	? csv.fault :
				  csv_open_quote;
}

START_TEST(csv_records)
{
	ck_assert_str_eq(csv_of("a,b"), "[a][b]");
	ck_assert_str_eq(csv_of("a,b\r"), "[a][b]");
	ck_assert_str_eq(csv_of("\r"), "[]");
	ck_assert_str_eq(csv_of(",\r"), "[][]");
	ck_assert_str_eq(csv_of("a\rb"), "[a\rb]");
	ck_assert_str_eq(csv_of("a\r\r"), "[a\r]");
	ck_assert_str_eq(csv_of("\"a\""), "[a]");
	ck_assert_str_eq(csv_of("\"a\"\r"), "[a]");
	ck_assert_str_eq(csv_of("\"\",\"\""), "[][]");
	ck_assert_str_eq(csv_of("\"\"\"\""), "[\"]");
	ck_assert_str_eq(csv_of("\"a,b\",c"), "[a,b][c]");
	ck_assert_str_eq(csv_of("\"a\r\n\nb\""), "[a\r\n\nb]");
	ck_assert_str_eq(csv_of("\"a\r"), csv_open_quote);
	ck_assert_str_eq(csv_of("\"a"), csv_open_quote);
	ck_assert_str_eq(csv_of("\"a\"\r\r"), "text behind a closing quote");
	ck_assert_str_eq(csv_of("\"a\"b"), "text behind a closing quote");
	ck_assert_str_eq(csv_of(" \"a\""),
			 "a quote in a column that does not begin with one");
}
END_TEST

static void assert_tsv(const char *line, const char *want)
{
	fields_clear(&fields);
	ck_assert_int_eq(tsv_split(&fields, line, strlen(line)), 0);
	ck_assert_str_eq(shown(), want);
}

START_TEST(tsv_lines)
{
	assert_tsv("", "[]");
	assert_tsv("a\tb\r", "[a][b]");
	assert_tsv("\t", "[][]");
	assert_tsv("a\\tb\\n\\r\\\\", "[a\tb\n\r\\]");
	assert_tsv("\\", "[\\]");
	assert_tsv("a\\\tb", "[a\\][b]");
	assert_tsv("\\q\\\\t", "[\\q\\t]");
	assert_tsv("\\\\\\t", "[\\\t]");
	ck_assert_str_eq(tsv_escape('\t'), "\\t");
	ck_assert_ptr_null(tsv_escape('a'));
}
END_TEST

START_TEST(names)
{
	fields_clear(&fields);
	ck_assert_int_eq(fields_add(&fields, "", 0), 0);
	ck_assert_int_eq(fields_add(&fields, "ab", 2), 0);
	ck_assert_uint_eq(fields_find(&fields, "ab", 2), 1);
	ck_assert_uint_eq(fields_find(&fields, "", 0), 0);
	ck_assert_uint_eq(fields_find(&fields, "a", 1), FIELDS_NONE);
}
END_TEST

/* What a JSON text is in msgpack. */
static void assert_json(const char *text, const char *want, size_t size)
{
	struct prun_packer packer;
	struct json *json;
	char why[64];

	packer_init(&packer, 4096);
	ck_assert_int_eq(json_read(&json, text, strlen(text), why, sizeof(why)),
			 0);
	ck_assert_int_eq(json_pack_value(&packer, json, true), 0);
	json_free(json);
	ck_assert_uint_eq(packer.size, size);
	ck_assert_mem_eq(packer.data, want, size);
	packer_release(&packer);
}

START_TEST(json_values)
{
	struct json *json = NULL;
	char why[64];

	assert_json("\"a\"", "\xc4\x01\x61", 3);
	assert_json("[\"a\",{}]", "\x92\xa1\x61\x80", 4);
	assert_json("[\"\\u0000\"]", "\x91\xa1\x00", 3);
	assert_json(" -32768 ", "\xd1\x80\x00", 3);
	ck_assert_int_eq(json_read(&json, "[1,]", 4, why, sizeof(why)),
			 PRUN_EVALUE);
	ck_assert_int_eq(strncmp(why, "not JSON: ", 10), 0);
	ck_assert_int_eq(json_read(&json, "", 0, why, sizeof(why)),
			 PRUN_EVALUE);
	ck_assert_int_eq(json_read(&json, "\"\xed\xa0\x80\"", 5, why,
				   sizeof(why)),
			 PRUN_EVALUE);
}
END_TEST

/* One value of each kind of head. */
static const unsigned char stream[] =
	"\xc0\x7f\xe0\xc3\xcc\x01\xcd\x01\x02\xce\x01\x02\x03\x04"
	"\xcf\x01\x02\x03\x04\x05\x06\x07\x08\xd0\x81\xd1\x81\x01"
	"\xd2\x81\x01\x01\x01\xd3\x81\x01\x01\x01\x01\x01\x01\x01"
	"\xca\x01\x02\x03\x04\xcb\x01\x02\x03\x04\x05\x06\x07\x08"
	"\xa2hi\xd9\x01x\xda\x00\x01x\xdb\x00\x00\x00\x01x"
	"\xc4\x01x\xc5\x00\x01x\xc6\x00\x00\x00\x01x"
	"\xc7\x01\x05x\xc8\x00\x01\x05x\xc9\x00\x00\x00\x01\x05x"
	"\xd4\x05"
	"1\xd5\x05"
	"12\xd6\x05"
	"1234\xd7\x05"
	"12345678\xd8\x05"
	"1234567890123456"
	"\x92\x01\xa1x\xdc\x00\x01\x01\xdd\x00\x00\x00\x01\x01\x90"
	"\x81\x01\xa1x\xde\x00\x01\x01\x02\xdf\x00\x00\x00\x01\x01\x02\x80"
	"\x91\x91\x81\xa1x\x92\x01\x02";
#define STREAM_SIZE (sizeof(stream) - 1)
#define STREAM_VALUES 38

/* The stream with a pause behind `cut` bytes, and its end behind `size`. */
static int read_stream(size_t cut, size_t size, size_t *count)
{
	struct values *v;
	const char *value;
	size_t len, at = 0;
	int fds[2], rc;

	ck_assert_int_eq(pipe(fds), 0);
	v = values_new(fds[0]);
	ck_assert_ptr_nonnull(v);
	ck_assert_int_eq(write(fds[1], stream, cut), (ssize_t)cut);
	for (*count = 0; (rc = values_next(&value, &len, v)) > 0;) {
		if (rc == PRUN_SOURCE_WAIT) {
			ck_assert_int_eq(write(fds[1], stream + cut,
					       size - cut),
					 (ssize_t)(size - cut));
			close(fds[1]);
			continue;
		}
		ck_assert_int_eq(prun_value_check(value, len), 0);
		ck_assert_mem_eq(value, stream + at, len);
		at += len;
		++*count;
	}
	values_free(v);
	close(fds[0]);
	return rc;
}

START_TEST(values_cut)
{
	size_t count, whole = 0;

	for (size_t cut = 0; cut <= STREAM_SIZE; cut++) {
		ck_assert_int_eq(read_stream(cut, STREAM_SIZE, &count), 0);
		ck_assert_uint_eq(count, STREAM_VALUES);
	}
	/* An end within a value is told, and one behind it is none. */
	for (size_t size = 0; size <= STREAM_SIZE; size++) {
		int rc = read_stream(0, size, &count);

		ck_assert(rc == 0 || rc == PRUN_EVALUE);
		whole += rc == 0;
	}
	ck_assert_uint_eq(whole, STREAM_VALUES + 1);
}
END_TEST

static void assert_column(const struct column *c, const char *text)
{
	ck_assert_ptr_nonnull(c);
	ck_assert_uint_eq(c->len, strlen(text));
	ck_assert_mem_eq(c->text, text, c->len);
}

START_TEST(columns_of_items)
{
	struct columns c = {.list = NULL};
	struct prun_packer *p;
	const void *data;
	size_t size;

	fields_clear(&fields);
	fields_add(&fields, "one", 3);
	fields_add(&fields, "two", 3);
	ck_assert_int_eq(prun_packer_new(&p), 0);
	ck_assert_int_eq(prun_pack(p, "[y#, i, n]", "a", (size_t)1, -5), 0);
	data = prun_packer_data(p, &size);
	ck_assert_int_eq(columns_read(&c, data, size, &fields), 0);
	assert_column(columns_at(&c, 1), "a");
	assert_column(columns_at(&c, 2), "-5");
	assert_column(columns_at(&c, 3), "");
	assert_column(columns_at(&c, -1), "");
	assert_column(columns_at(&c, -3), "a");
	ck_assert_ptr_null(columns_at(&c, 0));
	ck_assert_ptr_null(columns_at(&c, 4));
	ck_assert_ptr_null(columns_at(&c, -4));
	assert_column(columns_named(&c, "two", 3), "-5");
	ck_assert_ptr_null(columns_named(&c, "tw", 2));

	prun_packer_clear(p);
	ck_assert_int_eq(prun_pack(p, "{s:i, s:s}", "n", 7, "m", "x"), 0);
	data = prun_packer_data(p, &size);
	ck_assert_int_eq(columns_read(&c, data, size, NULL), 0);
	assert_column(columns_named(&c, "m", 1), "x");
	assert_column(columns_at(&c, 1), "7");

	/* A nested value is its JSON, but for one that has none. */
	prun_packer_clear(p);
	ck_assert_int_eq(prun_pack(p, "[[i, s], {s:n}, [y#]]", 1, "a b", "k",
				   "\xff", (size_t)1),
			 0);
	data = prun_packer_data(p, &size);
	ck_assert_int_eq(columns_read(&c, data, size, NULL), 0);
	assert_column(columns_at(&c, 1), "[1,\"a b\"]");
	assert_column(columns_at(&c, 2), "{\"k\":null}");
	assert_column(columns_at(&c, 3), "\xff");

	prun_packer_clear(p);
	ck_assert_int_eq(prun_pack_bin(p, "whole", 5), 0);
	data = prun_packer_data(p, &size);
	ck_assert_int_eq(columns_read(&c, data, size, &fields), 0);
	assert_column(columns_at(&c, 1), "whole");
	assert_column(columns_named(&c, "one", 3), "whole");
	ck_assert_ptr_null(columns_named(&c, "", 0));
	ck_assert_uint_eq(c.count, 1);
	ck_assert_int_eq(columns_read(&c, data, size - 1, NULL), PRUN_EVALUE);
	columns_release(&c);
	prun_packer_free(p);
}
END_TEST

static void teardown(void)
{
	fields_release(&fields);
}

int main(void)
{
	Suite *s = suite_create("columns");
	TCase *tc = suite_case(s, "texts");

	tcase_add_checked_fixture(tc, NULL, teardown);
	tcase_add_test(tc, separators);
	tcase_add_test(tc, csv_records);
	tcase_add_test(tc, tsv_lines);
	tcase_add_test(tc, names);
	tcase_add_test(tc, json_values);
	tcase_add_test(tc, values_cut);
	tcase_add_test(tc, columns_of_items);
	return suite_main(s);
}
