/* SPDX-License-Identifier: MIT */

#include "sums.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Read at once without finding an item; some milliseconds. */
#define FRUITLESS_BYTES ((size_t)4 << 20)

void sums_init(struct sums *s, struct verdict *verdict, struct input *input,
	       const struct sum_reader *reader)
{
	*s = (struct sums){.verdict = verdict,
			   .input = input,
			   .reader = *reader,
			   .fd = -1};
}

static void file_close(struct sums *s)
{
	prun_lines_free(s->lines);
	s->lines = NULL;
	if (s->fd > STDIN_FILENO)
		close(s->fd);
	s->fd = -1;
}

void sums_release(struct sums *s)
{
	struct sums_item *item, *next;

	for (item = s->items; item; item = next) {
		next = item->next;
		free(item);
	}
	file_close(s);
	free(s->text);
	*s = (struct sums){.fd = -1};
}

bool sums_ended(const struct sums *s)
{
	return s->file == s->verdict->nfiles;
}

/* ---------------------------------------------------------------- in order */

/* Nothing that was read before is left to be done. */
static void catch_up(struct sums *s)
{
	if (!s->items)
		verdict_reach(s->verdict, s->file, s->line + 1);
}

void sums_reach(struct sums *s, const struct sums_item *item)
{
	verdict_reach(s->verdict, item->file, item->line);
}

void sums_done(struct sums *s, struct sums_item *item)
{
	if (item->next)
		item->next->prev = item->prev;
	if (item->prev)
		item->prev->next = item->next;
	else
		s->items = item->next;
	free(item);
	catch_up(s);
}

/* ------------------------------------------------------------ the SUMFILEs */

static int file_open(struct sums *s)
{
	const struct options *o = s->verdict->options;
	const char *name = o->nwords > 0 ? o->words[s->file] : "-";
	int rc;

	s->is_stdin = strcmp(name, "-") == 0;
	s->fd = s->is_stdin ? STDIN_FILENO :
			      open(name, O_RDONLY | O_NOCTTY | O_CLOEXEC);
	if (s->fd < 0)
		return -errno;
	rc = prun_lines_new(&s->lines, s->fd, o->zero ? '\0' : '\n');
	if (rc < 0)
		file_close(s);
	return rc;
}

static void file_end(struct sums *s, const char *error)
{
	s->verdict->files[s->file].error = error;
	file_close(s);
	s->file++;
	s->line = 0;
	catch_up(s);
}

/* The line that is packed in the item, as text that can be written to. */
static int text_take(struct sums *s, struct prun_item *item, size_t *len)
{
	struct prun_packer *packer = prun_item_packer(item);
	const char *line;
	size_t size;
	const void *data = prun_packer_data(packer, &size);
	int rc = prun_unpack(data, size, NULL, "s#", &line, len);

	if (rc < 0)
		return rc;
	if (*len >= s->text_capacity) {
		free(s->text);
		s->text_capacity = 2 * *len + 256;
		s->text = malloc(s->text_capacity);
	}
	if (!s->text) {
		s->text_capacity = 0;
		return -ENOMEM;
	}
	memcpy(s->text, line, *len);
	prun_packer_clear(packer);
	return 0;
}

/*
 * The next line of the SUMFILE, or SIZE_MAX for the length of one that is too
 * long: 1; 0: it has ended; PRUN_SOURCE_WAIT, or no memory.
 */
static int line_read(struct sums *s, struct prun_item *item, size_t *len)
{
	int rc = s->fd < 0 ? file_open(s) : 0;

	if (rc < 0 && rc != -ENOMEM) {
		file_end(s, prun_strerror(rc));
		return 0;
	}
	if (rc == 0)
		rc = prun_source_lines(item, s->lines);
	if (rc == PRUN_ETOOBIG) {
		prun_packer_clear(prun_item_packer(item));
		prun_lines_skip(s->lines);
		*len = SIZE_MAX;
		s->line++;
		return 1;
	}
	if (rc == 1) {
		s->line++;
		rc = text_take(s, item, len);
		return rc < 0 ? rc : 1;
	}
	if (rc == PRUN_SOURCE_WAIT || rc == -ENOMEM)
		return rc;
	/* md5sum does not say which. */
	file_end(s, rc < 0 ? "read error" : NULL);
	return 0;
}

/* --------------------------------------------------------------- the items */

static enum sum_kind line_parse(struct sums *s, struct sum_line *sum,
				size_t len)
{
	enum sum_kind kind = SUM_BAD;

	if (len != SIZE_MAX)
		kind = sumfile_parse(sum, &s->reader, s->text, len);
	/* It cannot name the file that it stands in. */
	if (kind == SUM_GOOD && s->is_stdin && sum->name_len == 1 &&
	    sum->name[0] == '-')
		kind = SUM_BAD;
	return kind;
}

static int item_pack(struct sums *s, struct prun_item *item,
		     const struct sum_line *sum)
{
	size_t digits = sum->digest->digits;
	struct sums_item *wanted = malloc(sizeof(*wanted) + digits);
	int rc;

	if (!wanted)
		return -ENOMEM;
	*wanted = (struct sums_item){.next = s->items,
				     .file = s->file,
				     .line = s->line,
				     .digits = digits};
	memcpy(wanted->hex, sum->hex, digits);
	if (s->items)
		s->items->prev = wanted;
	s->items = wanted;
	prun_item_cookie(item, wanted);
	rc = prun_item_func(item, sum->digest->name);
	if (rc == 0)
		rc = prun_item_bin(item, sum->name, sum->name_len);
	s->input->given++;
	return rc < 0 ? rc : 1;
}

int sums_source(struct prun_item *item, void *sums)
{
	struct sums *s = sums;
	struct verdict *v = s->verdict;
	size_t fruitless = 0, len = 0;
	struct sum_line sum;
	int rc;

	while (!sums_ended(s)) {
		enum sum_kind kind;

		/* Who asks is to get a word now and then, and a descriptor to
		 * wait for. */
		if (s->fd >= 0 && (fruitless > FRUITLESS_BYTES ||
				   (s->items && verdict_is_full(v)))) {
			prun_item_wait_fd(item, s->fd);
			return PRUN_SOURCE_WAIT;
		}
		rc = line_read(s, item, &len);
		if (rc == 0)
			continue;
		if (rc != 1)
			return rc;
		kind = line_parse(s, &sum, len);
		if (kind == SUM_GOOD) {
			v->files[s->file].proper = true;
			return item_pack(s, item, &sum);
		}
		fruitless += len == SIZE_MAX ? FRUITLESS_BYTES : len + 1;
		if (kind == SUM_BAD) {
			rc = verdict_bad_line(v, s->file, s->line);
			if (rc < 0)
				return rc;
			catch_up(s);
		}
	}
	s->input->ended = true;
	return 0;
}
