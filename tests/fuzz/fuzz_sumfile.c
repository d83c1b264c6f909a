/* SPDX-License-Identifier: MIT */
/*
 * The parser of a file of digests, against a plain reading of the forms in
 * sumfile.h. The input: a byte, and then
 *
 *	byte odd: lines, each up to an LF (or with bit 1 up to a NUL), of any
 *	          digest or of the one that the bits above say
 *	else:     a byte, and a name, written in a form and read again
 *
 * What both read is the same; what is read lies in the line and may be written
 * to; a name comes back as it was.
 */
#include "fuzz.h"
#include "sumfile.h"

#define DIGITS "0123456789abcdefABCDEF"
#define BLANKS " \t"

static unsigned digests_count(void)
{
	unsigned n = 0;

	while (sumfile_digest_at(n))
		n++;
	return n;
}

/* ------------------------------------------------------- the plain reading */

struct model {
	struct sum_reader reader;
	const struct sum_digest *digest;
	const char *hex;
	char *name; /* as it is written, */
	size_t len;
	bool escaped; /* which may be so */
};

static bool is_meant(const struct model *m, const struct sum_digest *digest)
{
	return !m->reader.only || m->reader.only == digest;
}

/* The text is no shorter than its C string. */
static char *model_tag(struct model *m, char *text, size_t len)
{
	size_t word = strcspn(text, " (");
	char *at = text + word;
	const struct sum_digest *d;

	at += *at == ' ';
	if (*at != '(')
		return NULL;
	FUZZ_ASSERT(word < len);
	for (size_t i = 0; (d = sumfile_digest_at(i)); i++)
		for (int k = 0; is_meant(m, d) && k < 4 && d->tags[k]; k++)
			if (strlen(d->tags[k]) == word &&
			    memcmp(d->tags[k], text, word) == 0) {
				m->digest = d;
				return at + 1;
			}
	return NULL;
}

static bool model_tagged(struct model *m, char *name, size_t len)
{
	char *end = memrchr(name, ')', len), *tail;

	if (!end)
		return false;
	m->name = name;
	m->len = (size_t)(end - name);
	tail = end + 1 + strspn(end + 1, BLANKS);
	if (*tail++ != '=')
		return false;
	tail += strspn(tail, BLANKS);
	m->hex = tail;
	return strlen(tail) == m->digest->digits &&
	       strspn(tail, DIGITS) == m->digest->digits;
}

static bool model_plain(struct model *m, char *text, size_t len)
{
	size_t digits = strspn(text, DIGITS);
	const struct sum_digest *d;

	for (size_t i = 0; !m->digest && (d = sumfile_digest_at(i)); i++)
		if (d->digits == digits && is_meant(m, d))
			m->digest = d;
	m->hex = text;
	if (!m->digest || len < digits + 2 || !strchr(BLANKS, text[digits]) ||
	    !text[digits])
		return false;
	m->name = text + digits + 1;
	m->len = len - digits - 1;
	if (m->len >= 2 && (m->name[0] == ' ' || m->name[0] == '*')) {
		if (m->reader.form == SUM_FORM_BARE)
			return true;
		m->reader.form = SUM_FORM_TYPED;
		m->name++;
		m->len--;
		return true;
	}
	if (m->reader.form == SUM_FORM_TYPED)
		return false;
	m->reader.form = SUM_FORM_BARE;
	return true;
}

/* Whether a name can be written so. */
static bool model_escapes(const char *name, size_t len)
{
	if (memchr(name, '\0', len))
		return false;
	for (; len > 0; name++, len--) {
		if (*name != '\\')
			continue;
		if (len < 2 || !strchr("nr\\", name[1]))
			return false;
		name++;
		len--;
	}
	return true;
}

static enum sum_kind model_parse(struct model *m, char *line, size_t len)
{
	char *text = line, *tagged;
	bool good;

	m->digest = NULL;
	m->escaped = false;
	if (len > 0 && line[0] == '#')
		return SUM_NOTHING;
	if (len > 0 && line[len - 1] == '\r' && !m->reader.zero)
		line[--len] = '\0';
	if (len == 0)
		return SUM_NOTHING;
	text += strspn(text, BLANKS);
	if (*text == '\\' && !m->reader.zero) {
		m->escaped = true;
		text++;
	}
	len -= (size_t)(text - line);
	tagged = model_tag(m, text, len);
	good = tagged ? model_tagged(m, tagged, len - (size_t)(tagged - text)) :
			model_plain(m, text, len);
	if (good && !m->escaped)
		m->len = strnlen(m->name, m->len);
	if (good && m->escaped)
		good = model_escapes(m->name, m->len);
	return good ? SUM_GOOD : SUM_BAD;
}

/* --------------------------------------------------------------- comparing */

/* Each character of the one against how it is written in the other. */
static void same_name(const struct model *m, const struct sum_line *sum)
{
	const char *at = m->name, *end = m->name + m->len;

	for (size_t i = 0; i < sum->name_len; i++) {
		char c = sum->name[i];

		FUZZ_ASSERT(at < end);
		if (m->escaped && *at == '\\') {
			at++;
			c = c == '\n' ? 'n' : c == '\r' ? 'r' : c;
			FUZZ_ASSERT(strchr("nr\\", c));
		}
		FUZZ_ASSERT(*at++ == c);
	}
	FUZZ_ASSERT(at == end);
}

static void try_line(struct sum_reader *reader, struct model *m,
		     const void *data, size_t len)
{
	char *line = fuzz_copy(data, len), *copy = malloc(len + 1);
	struct sum_line sum = {.digest = NULL};
	enum sum_kind kind, wanted;

	FUZZ_ASSERT(copy);
	if (len)
		memcpy(copy, data, len);
	copy[len] = '\0';
	wanted = model_parse(m, copy, len);
	kind = sumfile_parse(&sum, reader, line, len);
	FUZZ_ASSERT(kind == wanted);
	FUZZ_ASSERT(reader->form == m->reader.form);
	if (kind == SUM_GOOD) {
		FUZZ_ASSERT(sum.digest == m->digest);
		FUZZ_ASSERT(memcmp(sum.hex, m->hex, sum.digest->digits) == 0);
		FUZZ_ASSERT(sum.name >= line &&
			    sum.name + sum.name_len <= line + len);
		FUZZ_ASSERT(!memchr(sum.name, '\0', sum.name_len));
		same_name(m, &sum);
	}
	free(copy);
	free(line);
}

static void try_lines(struct fuzz_input in, unsigned mode)
{
	struct sum_reader reader = {.zero = mode & 1};
	struct model m = {.hex = NULL};
	unsigned only = (mode >> 1) % (2 * digests_count());

	if (only < digests_count())
		reader.only = sumfile_digest_at(only);
	m.reader = reader;
	for (;;) {
		const uint8_t *end = NULL;
		size_t len;

		if (in.size > 0)
			end = memchr(in.data, reader.zero ? '\0' : '\n',
				     in.size);
		len = end ? (size_t)(end - in.data) : in.size;
		try_line(&reader, &m, in.data, len);
		if (!end)
			return;
		in.data += len + 1;
		in.size -= len + 1;
	}
}

/* -------------------------------------------------- written and read again */

/* As md5sum writes it; `to` has room for twice the name. */
static size_t escape(char *to, const char *name, size_t len)
{
	char *at = to;

	for (; len > 0; name++, len--) {
		if (strchr("\\\n\r", *name) && *name) {
			*at++ = '\\';
			*at++ = *name == '\n' ? 'n' :
				*name == '\r' ? 'r' :
						'\\';
		} else {
			*at++ = *name;
		}
	}
	return (size_t)(at - to);
}

static size_t write_line(char *line, const struct sum_digest *d, unsigned form,
			 const char *name, size_t len)
{
	static const char hex[] =
		"0123456789abcdef0123456789ABCDEF0123456789abcdef0123456789ABCD"
		"EF0123456789abcdef0123456789ABCDEF0123456789abcdef0123456789AB"
		"CDEF";
	static const char *const separators[] = {"  ", " *", " "};
	int digits = (int)d->digits;
	size_t at = 0;

	if (form < 3) {
		at += (size_t)sprintf(line, "%.*s%s", digits, hex,
				      separators[form]);
		memcpy(line + at, name, len);
		return at + len;
	}
	at += (size_t)sprintf(line, "%s%s(", d->tags[0], form == 3 ? " " : "");
	memcpy(line + at, name, len);
	at += len;
	return at + (size_t)sprintf(line + at, ")%s= %.*s",
				    form == 3 ? " " : "", digits, hex);
}

static void try_form(const struct sum_digest *d, unsigned form, bool zero,
		     const char *name, size_t len)
{
	char *escaped = malloc(2 * len + 1), *line = malloc(2 * len + 200),
	     *end;
	bool needed = !zero &&
		      (memchr(name, '\\', len) || memchr(name, '\n', len) ||
		       memchr(name, '\r', len));
	struct sum_reader reader = {.only = d, .zero = zero};
	struct sum_line sum;
	size_t size;

	FUZZ_ASSERT(escaped && line);
	end = line;
	if (needed)
		*end++ = '\\';
	size = escape(escaped, name, len);
	end += write_line(end, d, form, needed ? escaped : name,
			  needed ? size : len);
	FUZZ_ASSERT(sumfile_parse(&sum, &reader, line, (size_t)(end - line)) ==
		    SUM_GOOD);
	FUZZ_ASSERT(sum.digest == d && sum.name_len == len);
	FUZZ_ASSERT(memcmp(sum.name, name, len) == 0);
	free(escaped);
	free(line);
}

static void try_name(struct fuzz_input in, unsigned mode)
{
	const struct sum_digest *d = sumfile_digest_at(mode % digests_count());
	unsigned form = (unsigned)fuzz_take(&in, 1);
	char *name = fuzz_take_text(&in);
	size_t len = strlen(name);
	bool zero = form & 1;

	form = form / 2 % 5;
	/* With one blank before it this is another name. */
	if (form == 2 && len > 1 && (*name == ' ' || *name == '*'))
		form = 0;
	if (len == 0)
		form = 3;
	try_form(d, form, zero, name, len);
	free(name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = {data, size};
	unsigned mode = (unsigned)fuzz_take(&in, 1);

	if (mode % 2)
		try_lines(in, mode / 2);
	else
		try_name(in, mode / 2);
	return 0;
}
