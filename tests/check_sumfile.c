/* SPDX-License-Identifier: MIT */
/* The lines of a file of digests. What md5sum says to them is compared by
 * tests/cli/check.sh. */
#include <string.h>

#include "suite.h"
#include "sumfile.h"

#define MD5 "d41d8cd98f00b204e9800998ecf8427e"
#define SHA1 "da39a3ee5e6b4b0d3255bfef95601890afd80709"

static struct sum_reader reader;
static struct sum_line sum;
static char line[1000];

static void set_up(void)
{
	reader = (struct sum_reader){.only = NULL};
}

static enum sum_kind parse_bytes(const char *text, size_t len)
{
	ck_assert_uint_le(len, sizeof(line));
	memcpy(line, text, len);
	return sumfile_parse(&sum, &reader, line, len);
}

static void good(const char *text, const char *digest, const char *name)
{
	ck_assert_int_eq(parse_bytes(text, strlen(text)), SUM_GOOD);
	ck_assert_str_eq(sum.digest->name, digest);
	ck_assert_uint_eq(sum.name_len, strlen(name));
	ck_assert_mem_eq(sum.name, name, sum.name_len);
}

static void bad(const char *text)
{
	ck_assert_int_eq(parse_bytes(text, strlen(text)), SUM_BAD);
}

static void nothing(const char *text)
{
	ck_assert_int_eq(parse_bytes(text, strlen(text)), SUM_NOTHING);
}

START_TEST(forms)
{
	good(MD5 "  a b", "md5", "a b");
	ck_assert_mem_eq(sum.hex, MD5, 32);
	good(MD5 " *a", "md5", "a");
	good(MD5 "\t  a ", "md5", " a ");
	good(" \t" MD5 "  a", "md5", "a");
	good("D41D8CD98F00B204E9800998ECF8427E  a", "md5", "a");
	good("MD5 (a) = " MD5, "md5", "a");
	ck_assert_mem_eq(sum.hex, MD5, 32);
	good("MD5(a)= " MD5, "md5", "a");
	good(" MD5 (a)\t=" MD5, "md5", "a");
	good("MD5 (a) = b) (c) = " MD5, "md5", "a) = b) (c");
	good("MD5 () = " MD5, "md5", "");
	bad("MD5  (a) = " MD5);
	bad("MD5 a = " MD5);
	bad("MD5 (a = " MD5);
	bad("MD5 (a) " MD5);
	bad("MD5 (a) = " MD5 "0");
	bad("MD5 (a) = " MD5 " ");
	bad("MD5 (a) = " SHA1);
	bad("md5 (a) = " MD5);
	bad("MD5");
	bad("MD5 (");
}
END_TEST

START_TEST(lines_that_say_nothing)
{
	nothing("");
	nothing("\r");
	nothing("#" MD5 "  a");
	bad(" #" MD5 "  a");
	bad(" ");
	bad("\r\r");
	bad("a");
	bad(MD5);
	bad(MD5 " ");
	bad(MD5 "a  a");
	bad(MD5 "x  a");
}
END_TEST

START_TEST(ends_of_lines)
{
	good(MD5 "  a\r", "md5", "a");
	good(MD5 "  a\r\r", "md5", "a\r");
	good("MD5 (a) = " MD5 "\r", "md5", "a");
	reader.zero = true;
	good(MD5 "  a\r", "md5", "a\r");
	good(MD5 "  a\nb", "md5", "a\nb");
	good(MD5 "  a\\n", "md5", "a\\n");
	bad("\\" MD5 "  a");
	bad("MD5 (a) = " MD5 "\r");
	nothing("# a");
	nothing("");
}
END_TEST

START_TEST(escapes)
{
	good(MD5 "  a\\n", "md5", "a\\n");
	good("\\" MD5 "  \\\\\\n\\r\\\\n", "md5", "\\\n\r\\n");
	good("\\MD5 (a\\nb) = " MD5, "md5", "a\nb");
	good(" \\" MD5 "  a", "md5", "a");
	bad("\\" MD5 "  a\\");
	bad("\\" MD5 "  a\\t");
	bad("\\MD5 (a\\) = " MD5);
	bad("\\\\" MD5 "  a");
	ck_assert_int_eq(parse_bytes("\\" MD5 "  a\0b", 38), SUM_BAD);
}
END_TEST

/* What md5sum makes of them: a name ends there, and so does a line. */
START_TEST(nuls)
{
	ck_assert_int_eq(parse_bytes(MD5 "  a\0b", 37), SUM_GOOD);
	ck_assert_uint_eq(sum.name_len, 1);
	ck_assert_int_eq(parse_bytes("MD5 (a\0b) = " MD5 "\0c", 46), SUM_GOOD);
	ck_assert_uint_eq(sum.name_len, 1);
	ck_assert_int_eq(parse_bytes("\0" MD5 "  a", 36), SUM_BAD);
	ck_assert_int_eq(parse_bytes("\0", 1), SUM_BAD);
}
END_TEST

/* Whichever comes first holds; a line with a tag is neither. */
START_TEST(one_blank_or_two)
{
	good("MD5 (a) = " MD5, "md5", "a");
	good(MD5 " a", "md5", "a");
	good(MD5 "  a", "md5", " a");
	good(MD5 " *a", "md5", "*a");
	set_up();
	good(MD5 "  a", "md5", "a");
	bad(MD5 " a");
	bad(MD5 "  ");
	good(MD5 " *a", "md5", "a");
	set_up();
	/* A name of one character, whichever it is. */
	good(MD5 "  ", "md5", " ");
	good(MD5 "  a", "md5", " a");
}
END_TEST

/* The digests by their number of digits, and all of them by their tags. */
START_TEST(which_digest)
{
	static const char *const by_digits[] = {
		"crc32",  "xxh64",  "md5",    "sha1",
		"sha224", "sha256", "sha384", "sha512",
	};
	static const char zeros[] =
		"0000000000000000000000000000000000000000000000000000000000000"
		"0000000000000000000000000000000000000000000000000000000000000"
		"000000";
	const struct sum_digest *d;
	char text[300];
	size_t n = 0, i, k;

	for (i = 0; i <= 128; i++) {
		snprintf(text, sizeof(text), "%.*s  a", (int)i, zeros);
		if (n < 8 && i == sumfile_digest(by_digits[n])->digits)
			good(text, by_digits[n++], "a");
		else
			bad(text);
	}
	ck_assert_uint_eq(n, 8);
	for (i = 0; (d = sumfile_digest_at(i)); i++) {
		ck_assert_ptr_eq(sumfile_digest(d->name), d);
		for (k = 0; k < 4 && d->tags[k]; k++) {
			snprintf(text, sizeof(text), "%s(a)= %.*s", d->tags[k],
				 (int)d->digits, zeros);
			reader.only = NULL;
			good(text, d->name, "a");
			reader.only = d;
			good(text, d->name, "a");
		}
		snprintf(text, sizeof(text), "%.*s  a", (int)d->digits, zeros);
		good(text, d->name, "a");
		bad(d->digits == 32 ? SHA1 "  a" : MD5 "  a");
		bad(d->digits == 32 ? "SHA1 (a) = " SHA1 : "MD5 (a) = " MD5);
	}
	ck_assert_uint_eq(i, 20);
	ck_assert_ptr_null(sumfile_digest("wc"));
	ck_assert_ptr_null(sumfile_digest(""));
}
END_TEST

/* What OpenSSL and FreeBSD call them. */
START_TEST(other_tags)
{
	good("SHA2-256(a)= e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495"
	     "991b7852b855",
	     "sha256", "a");
	good("SHA2-512/256(a)= c672b8d1ef56ed28ab87c3622c5114069bdd3ad7b8f97374"
	     "98d0c01ecef0967a",
	     "sha512-256", "a");
	good("RIPEMD-160(a)= 9c1185a5c5e9fc54612808977ee8f548b2258d31",
	     "ripemd160", "a");
	bad("BLAKE2b-256 (a) = 0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787"
	    "faab45cdf12fe3a8");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("sumfile");
	TCase *tc = suite_case(s, "lines");

	tcase_add_checked_fixture(tc, set_up, NULL);
	tcase_add_test(tc, forms);
	tcase_add_test(tc, lines_that_say_nothing);
	tcase_add_test(tc, ends_of_lines);
	tcase_add_test(tc, escapes);
	tcase_add_test(tc, nuls);
	tcase_add_test(tc, one_blank_or_two);
	tcase_add_test(tc, which_digest);
	tcase_add_test(tc, other_tags);
	return suite_main(s);
}
