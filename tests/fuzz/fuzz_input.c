/* SPDX-License-Identifier: MIT */
/*
 * The items of `prun map`, and how they are shown. The input is
 *
 *	1 byte	  the delimiter
 *	1 byte	  how long an item may be; from 0x80 on, what is counted ahead
 *	1 byte	  how many operands, how many -a files, whether one is "-"
 *	1 byte	  which of the files are pipes; how wide a line is
 *	2 bytes	  the pieces in which a pipe is filled; where "-" begins
 *		  the operands, each up to a NUL, and the files, in which 0xfe
 *		  and n repeat the byte before n * n times (a delimiter n
 *		  times), or with n = 0 end the file
 *
 * What comes out are the operands, and then what a plain splitting of the
 * files' bytes gives, where that is not too long. Each is quoted in messages so
 * that it can be read back, and is shown in a line that is never too wide; what
 * is shown is UTF-8 without control characters.
 */
#include <fcntl.h>
#include <locale.h>
#include <sys/mman.h>
#include <unistd.h>
#include <wchar.h>

#include "fuzz.h"
#include "input.h"
#include "item.h"
#include "line.h"
#include "message.h"

#define FILES_MAX 3
#define OPERANDS_MAX 3
#define CONTENT_MAX ((size_t)192 << 10)
#define PIECE_MAX ((size_t)16 << 10)
#define PIECES_MAX 32
#define SHOWN_MAX 4096 /* bytes of an item in a message */
#define LOOKED_AT 8    /* items whose looks are looked at */
#define TEXT_MAX 300   /* of such an item, as the text of a message */

struct list {
	unsigned char *data; /* one of contents */
	size_t size;
	size_t sent; /* into the pipe */
	int fd, writer;
	bool piped;
	char name[32];
};

static struct {
	struct options options;
	char *operands[OPERANDS_MAX];
	const char *names[FILES_MAX];
	struct list lists[FILES_MAX];
	size_t nlists;
	size_t limit; /* of an item's value */
	size_t piece;
	size_t width;
	bool counts;
} world;

static unsigned char contents[FILES_MAX][CONTENT_MAX];

/* ------------------------------------------------------------------ the input
 */

/* The bytes of one file. */
static void take_content(struct list *l, struct fuzz_input *in)
{
	uint8_t byte, last = 'x';
	size_t count;

	while (in->size > 0) {
		count = 1;
		byte = (uint8_t)fuzz_take(in, 1);
		if (byte == 0xfe) {
			count = (size_t)fuzz_take(in, 1);
			if (count == 0)
				return;
			byte = last;
			/* Long ones, and not so many. */
			if (byte != (uint8_t)world.options.delimiter)
				count *= count;
		}
		if (count > CONTENT_MAX - l->size)
			return;
		memset(l->data + l->size, byte, count);
		l->size += count;
		last = byte;
	}
}

static void open_list(struct list *l)
{
	int fds[2];

	if (l->piped) {
		FUZZ_ASSERT(pipe2(fds, O_CLOEXEC | O_NONBLOCK) == 0);
		l->fd = fds[0];
		l->writer = fds[1];
	} else {
		l->fd = memfd_create("list", MFD_CLOEXEC);
		FUZZ_ASSERT(l->fd >= 0);
		FUZZ_ASSERT(pwrite(l->fd, l->data, l->size, 0) ==
			    (ssize_t)l->size);
	}
	snprintf(l->name, sizeof(l->name), "/proc/self/fd/%d", l->fd);
}

/* The file is standard input, from `from` on. */
static void make_stdin(struct list *l, size_t from)
{
	strcpy(l->name, "-");
	if (!l->piped) {
		from = l->size ? from % (l->size + 1) : 0;
		FUZZ_ASSERT(lseek(l->fd, (off_t)from, SEEK_SET) == (off_t)from);
		memmove(l->data, l->data + from, l->size - from);
		l->size -= from;
	}
	FUZZ_ASSERT(dup2(l->fd, STDIN_FILENO) == STDIN_FILENO);
}

/* An operand is as long as an item may be, at the most. */
static void take_operands(struct fuzz_input *in, size_t count)
{
	struct options *o = &world.options;

	for (o->nitems = 0; o->nitems < count; o->nitems++) {
		char *text = fuzz_take_text(in);

		if (strlen(text) > world.limit - 5)
			text[world.limit - 5] = '\0';
		world.operands[o->nitems] = text;
	}
	o->items = (const char **)world.operands;
	o->has_items = count > 0;
}

static void world_new(struct fuzz_input *in)
{
	unsigned delimiter = (unsigned)fuzz_take(in, 1);
	unsigned limit = (unsigned)fuzz_take(in, 1);
	unsigned counts = (unsigned)fuzz_take(in, 1);
	unsigned kinds = (unsigned)fuzz_take(in, 1);
	size_t pieces = (size_t)fuzz_take(in, 2), i;

	memset(&world, 0, sizeof(world));
	world.options.delimiter = (char)delimiter;
	world.limit = 8 + ((size_t)(limit & 0x7f) << (limit & 7));
	world.counts = limit & 0x80;
	world.piece = 1 + pieces % PIECE_MAX;
	world.width = kinds >> 3; /* narrow, or more than a line can hold */
	if (world.width > 16)
		world.width *= 34;
	take_operands(in, counts & 3);
	world.nlists = counts >> 2 & 3;
	world.options.narg_files = world.nlists;
	world.options.arg_files = world.names;
	if (world.nlists == 0 && !world.options.has_items)
		world.nlists = 1; /* standard input, without a word */
	for (i = 0; i < world.nlists; i++) {
		struct list *l = &world.lists[i];

		l->data = contents[i];
		l->fd = l->writer = -1;
		l->piped = kinds >> i & 1;
		take_content(l, in);
		open_list(l);
		world.names[i] = l->name;
		if (world.options.narg_files == 0 || (i == 0 && counts & 0x10))
			make_stdin(l, pieces);
	}
	world.options.stdin_is_arg_file = counts & 0x10;
}

static void world_free(void)
{
	size_t i;

	for (i = 0; i < world.options.nitems; i++)
		free(world.operands[i]);
	for (i = 0; i < world.nlists; i++) {
		close(world.lists[i].fd);
		if (world.lists[i].writer >= 0)
			close(world.lists[i].writer);
	}
}

/* ------------------------------------------------------------------ the model
 */

struct model {
	size_t operand, list, at;
};

/* The next item; false: there is none. */
static bool model_next(struct model *m, const unsigned char **item, size_t *len)
{
	unsigned char delimiter = (unsigned char)world.options.delimiter;
	const struct list *l;
	size_t end;

	if (m->operand < world.options.nitems) {
		const char *text = world.operands[m->operand++];

		*item = (const unsigned char *)text;
		*len = strlen(text);
		return true;
	}
	while (m->list < world.nlists && m->at == world.lists[m->list].size) {
		m->list++;
		m->at = 0;
	}
	if (m->list == world.nlists)
		return false;
	l = &world.lists[m->list];
	for (end = m->at; end < l->size && l->data[end] != delimiter; end++)
		;
	*item = l->data + m->at;
	*len = end - m->at;
	m->at = end < l->size ? end + 1 : end;
	return true;
}

static uint64_t model_count(void)
{
	struct model m = {0};
	const unsigned char *item;
	uint64_t n = 0;
	size_t len;

	while (model_next(&m, &item, &len))
		n++;
	return n;
}

/* ------------------------------------------------------------------- its looks
 */

/* What was written on stderr, while that is looked at: in one write. */
static unsigned char said[8 * SHOWN_MAX];
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

static void check_message(const unsigned char *item, size_t len)
{
	size_t shown = shown_length(item, len);
	size_t text = len < TEXT_MAX ? len : TEXT_MAX;
	const unsigned char *s = said + 6;

	said_size = 0;
	listening = true;
	message_item(item, len, (const char *)item, text);
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
	check_text(s + 2, item, text);
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
static void check_line(const char *name)
{
	const unsigned char *s = (const unsigned char *)name;
	struct line l = {.width = world.width};
	size_t left = strlen(name), at = 0, n;

	line_put_name(&l, name);
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

static void check_looks(const unsigned char *item, size_t len)
{
	char *name = malloc(len + 1);

	FUZZ_ASSERT(name);
	memcpy(name, item, len);
	name[len] = '\0';
	check_line(name);
	check_message(item, len);
	free(name);
}

/* -------------------------------------------------------------------- the run
 */

/* What the source waits for comes, or the end. */
static void feed(int fd, const struct input *in)
{
	struct list *l = &world.lists[in->current];
	size_t size = l->size - l->sent, piece;
	ssize_t n;

	FUZZ_ASSERT(in->current < in->nfiles && l->piped);
	FUZZ_ASSERT(fd == in->files[in->current].fd && l->writer >= 0);
	if (size == 0) {
		close(l->writer);
		l->writer = -1;
		return;
	}
	/* In not too many. */
	piece = l->size / PIECES_MAX + world.piece;
	size = size < piece ? size : piece;
	n = write(l->writer, l->data + l->sent, size);
	if (n > 0) /* it may have waited in the middle of what it skips */
		l->sent += (size_t)n;
}

/* An item that is too long for the pool is nil, and marked. */
static void check_item(const struct prun_item *got, const unsigned char *item,
		       size_t len)
{
	const struct prun_packer *p = got->packer;
	size_t head = len < 256 ? 2 : len < 65536 ? 3 : 5, size;
	const char *s;

	FUZZ_ASSERT(value_is_whole(p->data, p->size));
	if (head + len > world.limit) {
		FUZZ_ASSERT(got->cookie == INPUT_TOO_LONG);
		FUZZ_ASSERT(p->size == 1 && p->data[0] == 0xc0);
		return;
	}
	FUZZ_ASSERT(!got->cookie);
	FUZZ_ASSERT(value_str(p->data, p->size, &s, &size) == 0);
	FUZZ_ASSERT(size == len && memcmp(s, item, len) == 0);
}

static void check_total(struct input *in, uint64_t count)
{
	if (world.counts)
		input_count(in, world.piece);
	FUZZ_ASSERT(input_total(in) == count ||
		    input_total(in) == INPUT_UNKNOWN);
}

/* Before anything is read the files are counted, if they can be. */
static void check_counted(struct input *in, uint64_t count)
{
	bool piped = false;
	size_t i;

	for (i = 0; i < world.nlists; i++)
		piped |= world.lists[i].piped;
	input_count(in, SIZE_MAX);
	FUZZ_ASSERT(input_total(in) == (piped ? INPUT_UNKNOWN : count));
}

static void read_items(struct input *in, uint64_t count)
{
	uint64_t n = 0;
	struct prun_packer packer;
	struct model m = {0};
	const unsigned char *item;
	size_t len;
	int rc;

	packer_init(&packer, world.limit);
	for (;;) {
		struct prun_item got = {
			.packer = &packer, .index = n, .wait_fd = -1};

		packer_truncate(&packer, 0);
		rc = input_source(&got, in);
		if (rc == PRUN_SOURCE_WAIT) {
			feed(got.wait_fd, in);
			continue;
		}
		FUZZ_ASSERT(rc == model_next(&m, &item, &len));
		if (rc == 0)
			break;
		check_item(&got, item, len);
		check_total(in, count);
		if (n++ < LOOKED_AT)
			check_looks(item, len);
	}
	FUZZ_ASSERT(n == count && in->ended && input_total(in) == count);
	packer_release(&packer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *locale;
	struct fuzz_input rest = {data, size};
	struct input in;
	uint64_t count;

	if (!locale)
		locale = setlocale(LC_CTYPE, "C.UTF-8");
	world_new(&rest);
	FUZZ_ASSERT(input_open(&in, &world.options) == 0);
	FUZZ_ASSERT(in.nfiles == world.nlists);
	count = model_count();
	if (world.counts)
		check_counted(&in, count);
	read_items(&in, count);
	input_close(&in);
	world_free();
	return 0;
}
