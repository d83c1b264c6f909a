/* SPDX-License-Identifier: MIT */
/*
 * The items of `prun map`. The input is
 *
 *	1 byte	  the delimiter
 *	1 byte	  how long an item may be; from 0x80 on, what is counted ahead
 *	1 byte	  how many operands, how many -a files, whether one is "-"
 *	1 byte	  which of the files are pipes
 *	2 bytes	  the pieces in which a pipe is filled; where "-" begins
 *		  the operands, each up to a NUL, and the files, in which 0xfe
 *		  and n repeat the byte before n * n times (a delimiter n
 *		  times), or with n = 0 end the file
 *
 * What comes out are the operands, and then what a plain splitting of the
 * files' bytes gives, where that is not too long; and as many as were counted.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "input.h"
#include "item.h"

#define FILES_MAX 3
#define OPERANDS_MAX 3
#define CONTENT_MAX ((size_t)192 << 10)
#define PIECE_MAX ((size_t)16 << 10)
#define PIECES_MAX 32

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
		n++;
	}
	FUZZ_ASSERT(n == count && in->ended && input_total(in) == count);
	packer_release(&packer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input rest = {data, size};
	struct input in;
	uint64_t count;

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
