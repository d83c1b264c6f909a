/* SPDX-License-Identifier: MIT */

#include "sumfile.h"

#include <stdint.h>
#include <string.h>

/* Where several have as many digits, the first is what such a line means. */
static const struct sum_digest digests[] = {
	{"md5", 32, {"MD5"}},
	{"sha1", 40, {"SHA1"}},
	{"sha224", 56, {"SHA224", "SHA2-224"}},
	{"sha256", 64, {"SHA256", "SHA2-256"}},
	{"sha384", 96, {"SHA384", "SHA2-384"}},
	{"sha512", 128, {"SHA512", "SHA2-512"}},
	{"crc32", 8, {"CRC32"}},
	{"xxh64", 16, {"XXH64"}},
	{"sha512-256", 64, {"SHA512-256", "SHA2-512/256", "SHA512t256"}},
	{"sha3-224", 56, {"SHA3-224"}},
	{"sha3-256", 64, {"SHA3-256"}},
	{"sha3-384", 96, {"SHA3-384"}},
	{"sha3-512", 128, {"SHA3-512"}},
	{"blake2b512", 128, {"BLAKE2b", "BLAKE2B-512"}},
	{"blake2s256", 64, {"BLAKE2s", "BLAKE2S-256"}},
	{"ripemd160", 40, {"RMD160", "RIPEMD-160", "RIPEMD160"}},
	{"sm3", 64, {"SM3"}},
	{"xxh32", 8, {"XXH32"}},
	{"xxh3", 16, {"XXH3"}},
	{"xxh128", 32, {"XXH128"}},
};

const struct sum_digest *sumfile_digest_at(size_t index)
{
	return index < sizeof(digests) / sizeof(digests[0]) ? &digests[index] :
							      NULL;
}

const struct sum_digest *sumfile_digest(const char *name)
{
	const struct sum_digest *d;

	for (size_t i = 0; (d = sumfile_digest_at(i)); i++)
		if (strcmp(d->name, name) == 0)
			return d;
	return NULL;
}

/* ------------------------------------------------------------ what is left */

/* The rest of a line. Behind its end are NULs. */
struct rest {
	char *at;
	size_t len;
};

static char rest_char(const struct rest *r, size_t i)
{
	return i < r->len ? r->at[i] : '\0';
}

/* Not beyond the end. */
static void rest_skip(struct rest *r, size_t count)
{
	if (count > r->len)
		count = r->len;
	r->at += count;
	r->len -= count;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static void rest_skip_blanks(struct rest *r)
{
	while (is_blank(rest_char(r, 0)))
		rest_skip(r, 1);
}

/* Not isxdigit(), which asks the locale. */
static size_t rest_digits(const struct rest *r)
{
	static const char digits[] = "0123456789abcdefABCDEF";
	size_t n = 0;

	while (rest_char(r, n) && strchr(digits, rest_char(r, n)))
		n++;
	return n;
}

/* -------------------------------------------------------------------- NAME */

/* In place; the new length, or SIZE_MAX for what no name is written as. */
static size_t unescape(char *name, size_t len)
{
	char *to = name;

	for (const char *s = name, *end = name + len; s < end; s++) {
		if (*s == '\0')
			return SIZE_MAX;
		if (*s == '\\') {
			if (++s == end)
				return SIZE_MAX;
			if (*s == 'n')
				*to++ = '\n';
			else if (*s == 'r')
				*to++ = '\r';
			else if (*s == '\\')
				*to++ = '\\';
			else
				return SIZE_MAX;
		} else {
			*to++ = *s;
		}
	}
	return (size_t)(to - name);
}

static enum sum_kind name_take(struct sum_line *sum, char *name, size_t len,
			       bool escaped)
{
	len = escaped ? unescape(name, len) : strnlen(name, len);
	if (len == SIZE_MAX)
		return SUM_BAD;
	sum->name = name;
	sum->name_len = len;
	return SUM_GOOD;
}

/* ----------------------------------------------------------- the two forms */

static bool is_meant(const struct sum_reader *reader,
		     const struct sum_digest *digest)
{
	return !reader->only || reader->only == digest;
}

/* TAG, a blank or none, and the parenthesis; 0 if this is not it. */
static size_t tag_length(const struct rest *r, const char *tag)
{
	size_t len = strlen(tag);

	if (len > r->len || memcmp(r->at, tag, len) != 0)
		return 0;
	if (rest_char(r, len) == ' ')
		len++;
	return rest_char(r, len) == '(' ? len + 1 : 0;
}

/* Skip the tag: the digest it names; NULL: there is none. */
static const struct sum_digest *tag_take(struct rest *r,
					 const struct sum_reader *reader)
{
	const struct sum_digest *d;
	size_t len;

	for (size_t i = 0; (d = sumfile_digest_at(i)); i++) {
		for (size_t k = 0; is_meant(reader, d) && d->tags[k]; k++) {
			len = tag_length(r, d->tags[k]);
			rest_skip(r, len);
			if (len > 0)
				return d;
		}
	}
	return NULL;
}

/* NAME) = HEX: the name may hold anything, so its last parenthesis ends it. */
static enum sum_kind tagged_parse(struct sum_line *sum, struct rest r,
				  bool escaped)
{
	struct rest name = r;

	for (name.len = r.len; name.len > 0; name.len--)
		if (r.at[name.len - 1] == ')')
			break;
	if (name.len == 0)
		return SUM_BAD;
	rest_skip(&r, name.len);
	name.len--;
	rest_skip_blanks(&r);
	if (rest_char(&r, 0) != '=')
		return SUM_BAD;
	rest_skip(&r, 1);
	rest_skip_blanks(&r);
	if (rest_digits(&r) != sum->digest->digits ||
	    rest_char(&r, sum->digest->digits) != '\0')
		return SUM_BAD;
	sum->hex = r.at;
	return name_take(sum, name.at, name.len, escaped);
}

static const struct sum_digest *
digest_of_digits(const struct sum_reader *reader, size_t digits)
{
	const struct sum_digest *d;

	for (size_t i = 0; (d = sumfile_digest_at(i)); i++)
		if (is_meant(reader, d) && d->digits == digits)
			return d;
	return NULL;
}

/* HEX, a blank, and NAME or another character and NAME. */
static enum sum_kind plain_parse(struct sum_line *sum,
				 struct sum_reader *reader, struct rest r,
				 bool escaped)
{
	size_t digits = rest_digits(&r);
	char type;

	sum->digest = digest_of_digits(reader, digits);
	sum->hex = r.at;
	if (!sum->digest || !is_blank(rest_char(&r, digits)))
		return SUM_BAD;
	rest_skip(&r, digits + 1);
	if (r.len == 0)
		return SUM_BAD;
	type = r.at[0];
	if (r.len == 1 || (type != ' ' && type != '*')) {
		if (reader->form == SUM_FORM_TYPED)
			return SUM_BAD;
		reader->form = SUM_FORM_BARE;
	} else if (reader->form != SUM_FORM_BARE) {
		reader->form = SUM_FORM_TYPED;
		rest_skip(&r, 1);
	}
	return name_take(sum, r.at, r.len, escaped);
}

enum sum_kind sumfile_parse(struct sum_line *sum, struct sum_reader *reader,
			    char *line, size_t len)
{
	struct rest r = {line, len};
	bool escaped = false;

	if (rest_char(&r, 0) == '#')
		return SUM_NOTHING;
	if (!reader->zero && len > 0 && line[len - 1] == '\r')
		r.len--;
	if (r.len == 0)
		return SUM_NOTHING;
	rest_skip_blanks(&r);
	if (!reader->zero && rest_char(&r, 0) == '\\') {
		rest_skip(&r, 1);
		escaped = true;
	}
	sum->digest = tag_take(&r, reader);
	return sum->digest ? tagged_parse(sum, r, escaped) :
			     plain_parse(sum, reader, r, escaped);
}
