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

/* Open one list of items; 0 or an exit code. */
static int list_open(struct input_file *file, const char *name, char delimiter)
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
	rc = prun_lines_new(&file->lines, file->fd, delimiter);
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

	*in = (struct input){.options = o};
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
		struct input_file *file = &in->files[in->nfiles++];
		int rc = list_open(file, names[i], o->delimiter);

		if (rc != 0)
			return rc;
	}
	return 0;
}

void input_close(struct input *in)
{
	for (size_t i = 0; i < in->nfiles; i++) {
		prun_lines_free(in->files[i].lines);
		if (in->files[i].fd > STDIN_FILENO)
			close(in->files[i].fd);
	}
	free(in->files);
	*in = (struct input){.options = in->options};
}

/* A line that no item can hold becomes one that fails: nil, and marked. */
static int too_long(struct prun_item *item, struct prun_lines *lines)
{
	struct prun_packer *packer = prun_item_packer(item);
	int rc;

	prun_lines_skip(lines);
	rc = prun_pack_nil(packer);
	prun_item_cookie(item, INPUT_TOO_LONG);
	return rc < 0 ? rc : 1;
}

static int next_item(struct prun_item *item, struct input *in)
{
	const struct options *o = in->options;
	int rc = 0;

	if (in->next_item < o->nitems) {
		const char *text = o->items[in->next_item];

		rc = prun_item_bin(item, text, strlen(text));
		if (rc < 0)
			return rc;
		in->next_item++;
		in->given++;
		return 1;
	}
	for (; in->current < in->nfiles; in->current++) {
		rc = prun_source_lines(item, in->files[in->current].lines);
		if (rc == PRUN_ETOOBIG)
			rc = too_long(item, in->files[in->current].lines);
		if (rc == 1)
			in->given++;
		if (rc < 0)
			in->error = rc;
		if (rc != 0)
			return rc;
	}
	in->ended = true;
	return 0;
}

/*
 * Whether the item that was packed is left out; then it is packed no more. The
 * others get their place as a cookie, doubled, which INPUT_TOO_LONG is not.
 * What is too long to be read is nil, and cannot be known again.
 */
static bool leave_out(struct prun_item *item, struct input *in)
{
	static const unsigned char nil = 0xc0;
	struct prun_packer *packer = prun_item_packer(item);
	size_t size;
	const void *argument = prun_packer_data(packer, &size);

	if (size == 1 && memcmp(argument, &nil, 1) == 0)
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

/* Count in one block of one file; the bytes it took. */
static size_t file_count_block(struct input_file *file, char delimiter)
{
	static char block[COUNT_BLOCK];
	const char *p = block, *end;
	ssize_t n = pread(file->fd, block, sizeof(block), file->offset);

	if (n < 0) {
		file->countable = false;
		return 0;
	}
	if (n == 0) {
		file->items += file->open_line;
		file->counted = true;
		return 0;
	}
	end = block + n;
	file->offset += n;
	file->open_line = end[-1] != delimiter;
	while ((p = memchr(p, delimiter, (size_t)(end - p)))) {
		file->items++;
		p++;
	}
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
			done += file_count_block(file, in->options->delimiter);
	}
}

uint64_t input_total(const struct input *in)
{
	uint64_t total = in->options->nitems;

	if (in->ended)
		return in->given;
	for (size_t i = 0; i < in->nfiles; i++) {
		if (!in->files[i].counted)
			return INPUT_UNKNOWN;
		total += in->files[i].items;
	}
	return total;
}
