/* SPDX-License-Identifier: MIT */
/*
 * A name from elsewhere as prun shows it. The input is
 *
 *	1 byte	  how wide a line is: 0 to 127 columns, or, from 0x80 on, up to
 *		  more than a line can hold
 *	1 byte	  with how many letters the name begins: none, or, from 0xf0 on,
 *		  up to more than a message shows
 *		  the name
 *
 * In a message, of which it is the text too without the letters, it can be read
 * back from its quotes; in a line it is no wider than the line, nor less than
 * there is room for; and what is shown is UTF-8 without control characters.
 */
#include <locale.h>
#include <unistd.h>
#include <wchar.h>

#include "fuzz.h"
#include "line.h"
#include "message.h"

#define SHOWN_MAX 4096 /* bytes of an item in a message */
#define LONGEST ((size_t)128 << 10)

/* What was written on stderr, while that is looked at: in one write. */
static unsigned char said[8 * LONGEST];
static size_t said_size;
static bool listening;

ssize_t __real_write(int fd, const void *data, size_t size);
ssize_t __wrap_write(int fd, const void *data, size_t size);

ssize_t __wrap_write(int fd, const void *data, size_t size)
{
	if (!listening || fd != STDERR_FILENO)
		return __real_write(fd, data, size);
	FUZZ_ASSERT(said_size == 0 && size <= sizeof(said));
	memcpy(said, data, size);
	said_size = size;
	return (ssize_t)size;
}

/* The character there, by the arithmetic of UTF-8: its bytes; 0: none. */
static size_t decode(const unsigned char *s, size_t left, uint32_t *c)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t n = s[0] < 0x80		 ? 1 :
		   (s[0] & 0xe0) == 0xc0 ? 2 :
		   (s[0] & 0xf0) == 0xe0 ? 3 :
		   (s[0] & 0xf8) == 0xf0 ? 4 :
					   0;
	size_t i;

	if (n == 0 || n > left)
		return 0;
	*c = n == 1 ? s[0] : s[0] & (0x7fu >> n);
	for (i = 1; i < n; i++) {
		if (s[i] >> 6 != 2)
			return 0;
		*c = *c << 6 | (s[i] & 0x3f);
	}
	if (*c < least[n] || *c > 0x10ffff || *c >> 11 == 0xd800 >> 11)
		return 0;
	return n;
}

static bool is_control(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0);
}

/* One that may be seen as it is, and its bytes; or how many stand for what is
 * not to be seen. */
static bool visible(const unsigned char *s, size_t left, size_t *n)
{
	uint32_t c;

	*n = decode(s, left, &c);
	if (*n > 0)
		return !is_control(c);
	*n = 1;
	return false;
}

static bool all_visible(const unsigned char *s, size_t size)
{
	size_t i, n;

	for (i = 0; i < size; i += n)
		if (!visible(s + i, size - i, &n))
			return false;
	return true;
}

/* An octal number or a letter behind a backslash. */
static unsigned char read_escape(const unsigned char **s)
{
	static const char letters[] = "abtnvfr";
	const char *found = strchr(letters, **s);
	unsigned char byte;

	if (found && **s) {
		++*s;
		return (unsigned char)('\a' + (found - letters));
	}
	FUZZ_ASSERT((*s)[0] >= '0' && (*s)[0] <= '3');
	byte = (unsigned char)(((*s)[0] - '0') << 6 | ((*s)[1] - '0') << 3 |
			       ((*s)[2] - '0'));
	*s += 3;
	return byte;
}

/* As a shell reads 'a'$'\n''b', it is these bytes: what follows. */
static const unsigned char *read_quoted(const unsigned char *s,
					const unsigned char *item, size_t len)
{
	bool dollar = false;
	size_t i = 0;

	FUZZ_ASSERT(*s++ == '\'');
	for (;;) {
		if (*s == '\'') {
			s++;
			if (s[0] == '\\' && s[1] == '\'' && s[2] == '\'') {
				FUZZ_ASSERT(i < len && item[i++] == '\'');
				s += 3;
				dollar = false;
				continue;
			}
			dollar = *s == '$';
			s += dollar;
			if (*s != '\'')
				break;
			s++;
		} else if (dollar && *s == '\\') {
			s++;
			FUZZ_ASSERT(i < len && item[i++] == read_escape(&s));
		} else {
			FUZZ_ASSERT(i < len && item[i++] == *s++);
		}
	}
	FUZZ_ASSERT(i == len);
	return s;
}

/* So much of an item is shown: whole characters. */
static size_t shown_length(const unsigned char *item, size_t len)
{
	size_t i, n;

	for (i = 0; i < len; i += n) {
		(void)visible(item + i, len - i, &n);
		if (i + n > SHOWN_MAX)
			return i;
	}
	return len;
}

/* The text, with ? for what is not to be seen, to the end. */
static void check_text(const unsigned char *s, const unsigned char *text,
		       size_t size)
{
	size_t i, n;

	for (i = 0; i < size; i += n) {
		if (visible(text + i, size - i, &n) || text[i] == '\n' ||
		    text[i] == '\t') {
			FUZZ_ASSERT(memcmp(s, text + i, n) == 0);
			s += n;
		} else {
			FUZZ_ASSERT(*s++ == '?');
		}
	}
	FUZZ_ASSERT(s == said + said_size - 1 && *s == '\n');
}

static void check_message(const unsigned char *item, size_t len,
			  const unsigned char *text, size_t size)
{
	size_t shown = shown_length(item, len);
	const unsigned char *s = said + 6;

	said_size = 0;
	listening = true;
	message_item(item, len, (const char *)text, size);
	listening = false;
	FUZZ_ASSERT(said_size > 6 && memcmp(said, "prun: ", 6) == 0);
	if (len > 0 && all_visible(item, shown)) {
		FUZZ_ASSERT(memcmp(s, item, shown) == 0);
		s += shown;
	} else {
		s = read_quoted(s, item, shown);
	}
	FUZZ_ASSERT(all_visible(said, (size_t)(s - said)));
	if (shown < len) {
		FUZZ_ASSERT(memcmp(s, "...", 3) == 0);
		s += 3;
	}
	FUZZ_ASSERT(memcmp(s, ": ", 2) == 0);
	check_text(s + 2, text, size);
}

/* The columns a terminal takes for what is visible, as the C library has it. */
static size_t columns_of(const unsigned char *s, size_t size)
{
	size_t columns = 0, i, n;
	uint32_t c;
	int width;

	for (i = 0; i < size; i += n) {
		n = decode(s + i, size - i, &c);
		width = wcwidth((wchar_t)c);
		columns += width < 0 ? 1 : (size_t)width;
	}
	return columns;
}

/* What of the name is there, and that it is no less than there is room for. */
static void check_line(const char *name, size_t width)
{
	const unsigned char *s = (const unsigned char *)name;
	struct line l = {.width = width};
	size_t left = strlen(name), at = 0, n;

	line_put_name(&l, name, strlen(name));
	FUZZ_ASSERT(l.size <= sizeof(l.text) && l.columns <= l.width);
	FUZZ_ASSERT(all_visible((unsigned char *)l.text, l.size));
	FUZZ_ASSERT(columns_of((unsigned char *)l.text, l.size) <= l.columns);
	while (at < l.size) {
		FUZZ_ASSERT(left > 0);
		if (visible(s, left, &n)) {
			FUZZ_ASSERT(memcmp(l.text + at, s, n) == 0);
			at += n;
		} else {
			n = 1; /* each byte of it */
			FUZZ_ASSERT(l.text[at++] == '?');
		}
		s += n;
		left -= n;
	}
	FUZZ_ASSERT(left == 0 || l.columns + 2 > l.width ||
		    l.size + 4 >= sizeof(l.text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *locale;
	struct fuzz_input in = {data, size};
	size_t width = (size_t)fuzz_take(&in, 1);
	size_t more = (size_t)fuzz_take(&in, 1);
	char *name;

	if (!locale)
		locale = setlocale(LC_CTYPE, "C.UTF-8");
	if (width >= 0x80)
		width = (width - 0x80) * 10;
	more = more < 0xf0 ? 0 : (more - 0xf0) * 320;
	if (in.size > LONGEST - more - 1)
		return 0;
	size = more + in.size;
	name = malloc(size + 1);
	FUZZ_ASSERT(name);
	memset(name, 'x', more);
	if (in.size)
		memcpy(name + more, in.data, in.size);
	name[size] = '\0';
	check_line(name, width);
	check_message((unsigned char *)name, size, in.data, in.size);
	free(name);
	return 0;
}
