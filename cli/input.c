/* SPDX-License-Identifier: MIT */

#include "input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "message.h"

#define COUNT_BLOCK (64 * 1024)
#define WATCHED_MAX 64
/* So many items are left out at once: some milliseconds. */
#define SKIP_ROW 16384

bool input_uses_stdin(const struct input *in)
{
	for (size_t i = 0; i < in->nfiles; i++)
		if (in->files[i].fd == STDIN_FILENO)
			return true;
	return false;
}

/* That it cannot be opened is the command line's fault, unless prun or the
 * system is out of something. */
static int file_fail(const char *name, int rc)
{
	const char *text = prun_strerror(rc);

	message_item(name, strlen(name), text, strlen(text));
	return rc == -EMFILE || rc == -ENFILE || rc == -ENOMEM ?
		       EXIT_PRUN_FAILED :
		       EXIT_USAGE;
}

static int reader_new(struct input_file *file, const struct options *o)
{
	if (o->shape != SHAPE_MSGPACK)
		return prun_lines_new(&file->lines, file->fd, o->delimiter);
	file->countable = false;
	file->values = values_new(file->fd);
	return file->values ? 0 : -ENOMEM;
}

/* Open one list of items; 0 or an exit code. */
static int list_open(struct input_file *file, const char *name,
		     const struct options *o)
{
	struct stat st;
	int rc;

	file->name = name;
	file->fd = STDIN_FILENO;
	if (strcmp(name, "-") == 0)
		file->name = "standard input";
	else
		file->fd = open(name, O_RDONLY | O_NOCTTY | O_CLOEXEC);
	if (file->fd < 0)
		return file_fail(name, -errno);
	if (fstat(file->fd, &st) < 0)
		return file_fail(file->name, -errno);
	if (S_ISDIR(st.st_mode))
		return file_fail(file->name, -EISDIR);
	file->offset = lseek(file->fd, 0, SEEK_CUR);
	file->countable = S_ISREG(st.st_mode) && file->offset >= 0;
	rc = reader_new(file, o);
	if (rc < 0) {
		file_fail(file->name, rc);
		return EXIT_PRUN_FAILED;
	}
	return 0;
}

int input_open(struct input *in, const struct options *o)
{
	static const char *const standard_input[] = {"-"};
	const char *const *names = o->arg_files;
	size_t count = o->narg_files;
	int rc;

	*in = (struct input){.options = o};
	rc = records_init(&in->records, o);
	if (rc != 0)
		return rc;
	if (count == 0 && !o->has_items) {
		names = standard_input;
		count = 1;
		if (!o->quiet && isatty(STDIN_FILENO))
			message("reading items from the terminal, one a line; "
				"Ctrl-D ends them");
	}
	in->files = calloc(count + 1, sizeof(*in->files));
	if (!in->files) {
		message("out of memory");
		return EXIT_PRUN_FAILED;
	}
	for (size_t i = 0; i < count; i++) {
		rc = list_open(&in->files[in->nfiles++], names[i], o);
		if (rc != 0)
			return rc;
	}
	return 0;
}

int input_watch(struct input *in, const char *name)
{
	struct input_file *files =
		reallocarray(in->files, in->nfiles + 1, sizeof(*in->files));
	struct input_file *file;
	struct stat st;
	bool is_stdin = strcmp(name, "-") == 0;
	const struct options *o = in->options;
	bool count = o->progress != PROGRESS_NONE ||
		     (o->has_workers && o->workers == 0);

	if (!files)
		return -ENOMEM;
	in->files = files;
	file = &files[in->nfiles++];
	*file = (struct input_file){.name = name, .fd = -1};
	/* Only a regular file, as another may change by being opened; and not
	 * thousands of them, or there are no descriptors left. */
	count = count && in->nfiles <= WATCHED_MAX;
	if (is_stdin)
		file->fd = STDIN_FILENO;
	else if (count && stat(name, &st) == 0 && S_ISREG(st.st_mode))
		file->fd = open(name, O_RDONLY | O_NOCTTY | O_CLOEXEC);
	if (file->fd >= 0 && fstat(file->fd, &st) == 0) {
		file->offset = is_stdin ? lseek(file->fd, 0, SEEK_CUR) : 0;
		file->countable = S_ISREG(st.st_mode) && file->offset >= 0;
	}
	return 0;
}

void input_close(struct input *in)
{
	for (size_t i = 0; i < in->nfiles; i++) {
		prun_lines_free(in->files[i].lines);
		values_free(in->files[i].values);
		if (in->files[i].fd > STDIN_FILENO)
			close(in->files[i].fd);
	}
	free(in->files);
	records_release(&in->records);
	*in = (struct input){.options = in->options};
}

void input_spread(struct input *in)
{
	in->records.spread = true;
}

void input_keep_names(struct input *in)
{
	in->records.keep_names = true;
}

const struct fields *input_names(const struct input *in)
{
	return in->records.named ? &in->records.names : NULL;
}

void input_tell_error(const struct input *in)
{
	const struct records *r = &in->records;

	if (r->why[0])
		message_item(r->name, strlen(r->name), r->why, strlen(r->why));
	else
		message("%s: read error: %s", in->files[in->current].name,
			prun_strerror(in->error));
}

/* A line that no item can hold becomes one that fails: nil, and marked. */
static int too_long(struct prun_item *item, struct input *in,
		    struct prun_lines *lines)
{
	struct prun_packer *packer = prun_item_packer(item);
	int rc;

	prun_lines_skip(lines);
	in->records.marked = true;
	rc = prun_pack_nil(packer);
	prun_item_cookie(item, INPUT_TOO_LONG);
	return rc < 0 ? rc : 1;
}

/* One operand. */
static int operand_source(struct prun_item *item, struct input *in, bool plain)
{
	const char *text = in->options->items[in->next_item];
	int rc;

	if (!plain)
		rc = records_from_text(item, &in->records, text);
	else
		rc = prun_item_bin(item, text, strlen(text));
	if (rc < 0)
		return rc;
	in->next_item++;
	return plain || rc == 1;
}

static int file_source(struct prun_item *item, struct input *in, bool plain)
{
	struct input_file *file = &in->files[in->current];
	int rc;

	if (plain) {
		rc = prun_source_lines(item, file->lines);
		return rc == PRUN_ETOOBIG ? too_long(item, in, file->lines) :
					    rc;
	}
	if (!in->begun)
		records_begin(&in->records, file->name);
	in->begun = true;
	return file->values ?
		       records_from_values(item, &in->records, file->values) :
		       records_from_lines(item, &in->records, file->lines);
}

static int next_item(struct prun_item *item, struct input *in)
{
	const struct records *r = &in->records;
	bool plain = r->shape == SHAPE_LINES && !r->spread;
	int rc = 0;

	in->records.marked = false;
	while (rc == 0 && in->next_item < in->options->nitems)
		rc = operand_source(item, in, plain);
	while (rc == 0 && in->current < in->nfiles) {
		rc = file_source(item, in, plain);
		if (rc == 0) {
			in->current++;
			in->begun = false;
		}
	}
	if (rc == 0)
		in->ended = true;
	else if (rc == 1)
		in->given++;
	else if (rc < 0)
		in->error = rc;
	return rc;
}

/*
 * Whether the item that was packed is left out; then it is packed no more. The
 * others get their place as a cookie, doubled, which neither INPUT_TOO_LONG nor
 * a fault's place is. What is marked so was never read, or is wrong in itself.
 */
static bool leave_out(struct prun_item *item, struct input *in)
{
	struct prun_packer *packer = prun_item_packer(item);
	size_t size;
	const void *argument = prun_packer_data(packer, &size);

	if (in->records.marked)
		return false;
	if (in->skip(in->skip_payload, argument, size)) {
		prun_packer_clear(packer);
		in->skipped++;
		return true;
	}
	prun_item_cookie(item, (void *)(uintptr_t)(in->given * 2));
	return false;
}

uint64_t input_place(const struct prun_result *result)
{
	uint64_t cookie = (uint64_t)(uintptr_t)result->cookie;

	return cookie > 1 ? cookie / 2 : result->index + 1;
}

int input_source(struct prun_item *item, void *input)
{
	struct input *in = input;
	int rc = next_item(item, in);

	for (int n = 1; rc == 1 && in->skip && leave_out(item, in); n++) {
		if (n == SKIP_ROW) {
			in->pause(in->skip_payload);
			return PRUN_SOURCE_WAIT;
		}
		rc = next_item(item, in);
	}
	return rc;
}

/* ------------------------------------------------------------------- counting */

/* Whether a byte makes a line more than an empty one, which is no record. */
static bool is_content(char c, enum input_shape shape)
{
	return c != '\r' && (shape == SHAPE_CSV || (c != ' ' && c != '\t'));
}

/* The same for lines that need not be items. */
static void count_records(struct input_file *file, const char *block, size_t n,
			  const struct options *o)
{
	for (const char *p = block; p < block + n; p++) {
		/* A doubled quote ends them and begins them again. */
		if (*p == '"' && o->shape == SHAPE_CSV)
			file->quoted = !file->quoted;
		if (*p != o->delimiter || file->quoted) {
			file->open_line |= is_content(*p, o->shape);
		} else {
			file->items += file->open_line;
			file->open_line = false;
		}
	}
}

static void count_lines(struct input_file *file, const char *block, size_t n,
			char delimiter)
{
	const char *p = block, *end = block + n;

	file->open_line = end[-1] != delimiter;
	while ((p = memchr(p, delimiter, (size_t)(end - p)))) {
		file->items++;
		p++;
	}
}

/* Count in one block of one file; the bytes it took. */
static size_t file_count_block(struct input_file *file, const struct options *o)
{
	static char block[COUNT_BLOCK];
	ssize_t n = pread(file->fd, block, sizeof(block), file->offset);

	if (n < 0) {
		file->countable = false;
		return 0;
	}
	if (n == 0) {
		file->items += file->open_line;
		if (o->header && file->items > 0)
			file->items--;
		file->counted = true;
		return 0;
	}
	file->offset += n;
	if (o->shape == SHAPE_CSV || o->shape == SHAPE_JSONL)
		count_records(file, block, (size_t)n, o);
	else
		count_lines(file, block, (size_t)n, o->delimiter);
	return (size_t)n;
}

void input_count(struct input *in, size_t bytes)
{
	size_t done = 0;

	for (size_t i = 0; i < in->nfiles; i++) {
		struct input_file *file = &in->files[i];

		/* One that cannot be counted makes the others useless. */
		if (!file->countable || in->ended)
			return;
	}
	for (size_t i = 0; i < in->nfiles; i++) {
		struct input_file *file = &in->files[i];

		while (file->countable && !file->counted && done < bytes)
			done += file_count_block(file, in->options);
	}
}

uint64_t input_total(const struct input *in)
{
	uint64_t total = in->options->nitems;

	if (in->options->header && total > 0)
		total--;
	if (in->ended)
		return in->given;
	for (size_t i = 0; i < in->nfiles; i++) {
		if (!in->files[i].counted)
			return INPUT_UNKNOWN;
		total += in->files[i].items;
	}
	return total;
}
