/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "item.h"

#define BLOCK_SIZE ((size_t)64 << 10)
/* A buffer that a long line made grow beyond this is given back. */
#define KEEP_SIZE ((size_t)1 << 20)
/* Skipped at once: some milliseconds. */
#define SKIP_SIZE ((size_t)64 << 20)

struct prun_packer *prun_item_packer(struct prun_item *item)
{
	return item->packer;
}

int prun_item_str(struct prun_item *item, const char *s, size_t len)
{
	return prun_pack_str(item->packer, s, len);
}

int prun_item_bin(struct prun_item *item, const void *p, size_t len)
{
	return prun_pack_bin(item->packer, p, len);
}

int prun_item_int(struct prun_item *item, int64_t value)
{
	return prun_pack_int(item->packer, value);
}

int prun_item_pack(struct prun_item *item, const char *format, ...)
{
	va_list args;
	int rc;

	va_start(args, format);
	rc = prun_vpack(item->packer, format, args);
	va_end(args);
	return rc;
}

uint64_t prun_item_index(const struct prun_item *item)
{
	return item->index;
}

int prun_item_func(struct prun_item *item, const char *func)
{
	int rc = func_lookup(item->funcs, func);

	if (rc < 0)
		return rc;
	item->func = (uint32_t)rc;
	return 0;
}

void prun_item_cookie(struct prun_item *item, void *cookie)
{
	item->cookie = cookie;
}

void prun_item_wait_fd(struct prun_item *item, int fd)
{
	item->wait_fd = fd;
}

int prun_source_strings(struct prun_item *item, void *strings)
{
	struct prun_strings *all = strings;
	const char *s;
	int rc;

	if (all->next >= all->count)
		return 0;
	s = all->strings[all->next];
	if (!s)
		return PRUN_EINVAL;
	rc = prun_item_str(item, s, strlen(s));
	if (rc < 0)
		return rc;
	all->next++;
	return 1;
}

/* Whether they are values the pool checks, as it does for every source. */
int prun_source_values(struct prun_item *item, void *values)
{
	struct prun_values *all = values;
	size_t i = all->next;
	int rc;

	if (i >= all->count)
		return 0;
	if (!all->values[i])
		return PRUN_EINVAL;
	rc = prun_packer_write(item->packer, all->values[i], all->sizes[i]);
	if (rc < 0)
		return rc;
	all->next++;
	return 1;
}

int prun_source_range(struct prun_item *item, void *range)
{
	struct prun_range *r = range;
	int64_t step = r->step ? r->step : 1;
	int rc;

	if (step > 0 ? r->start >= r->stop : r->start <= r->stop)
		return 0;
	rc = prun_item_int(item, r->start);
	if (rc < 0)
		return rc;
	/* What lies beyond the integers lies beyond the stop. */
	if (__builtin_add_overflow(r->start, step, &r->start))
		r->start = r->stop;
	return 1;
}

/*
 * The bytes from start to end are read and not yet given out; those before
 * scanned hold no delimiter, so that a line that arrives in many pieces is
 * searched once.
 */
struct prun_lines {
	char *data;
	size_t start;
	size_t scanned;
	size_t end;
	size_t capacity;
	int fd;
	char delimiter;
	bool regular; /* never blocks for long, and poll says nothing */
	bool ended;
	bool skipping; /* the line at start, to its end */
};

int prun_lines_new(struct prun_lines **lines, int fd, char delimiter)
{
	struct prun_lines *l;
	struct stat st;

	*lines = NULL;
	if (fstat(fd, &st) < 0)
		return -errno;
	l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	l->fd = fd;
	l->delimiter = delimiter;
	l->regular = S_ISREG(st.st_mode);
	*lines = l;
	return 0;
}

void prun_lines_free(struct prun_lines *lines)
{
	if (!lines)
		return;
	free(lines->data);
	free(lines);
}

static int resize(struct prun_lines *l, size_t capacity)
{
	char *data = realloc(l->data, capacity);

	if (!data)
		return -ENOMEM;
	l->data = data;
	l->capacity = capacity;
	return 0;
}

/*
 * Make room to read behind the part of a line that is there, which moves to
 * the front (once: after that it is there). A line of `max` bytes and its
 * delimiter must fit, and more is not taken.
 */
static int make_room(struct prun_lines *l, size_t max)
{
	size_t part = l->end - l->start;
	size_t capacity;

	if (l->start > 0) {
		memmove(l->data, l->data + l->start, part);
		l->scanned -= l->start;
		l->start = 0;
		l->end = part;
	}
	/* To shrink may fail too; then the buffer stays as it is. */
	if (part == 0 && l->capacity > KEEP_SIZE)
		(void)resize(l, BLOCK_SIZE);
	if (part < l->capacity)
		return 0;
	capacity = l->capacity ? l->capacity * 2 : BLOCK_SIZE;
	if (capacity > BLOCK_SIZE && capacity - 1 > max)
		capacity = max + 1;
	return resize(l, capacity);
}

/* 1 when a read returns at once, be it with an error or the end; 0 when it
 * would block, or an error. */
static int readable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int n;

	do
		n = poll(&p, 1, 0);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

/* Read a block. 1, 0 at the end, PRUN_SOURCE_WAIT or an error. */
static int fill(struct prun_lines *l, size_t max)
{
	ssize_t n;
	int rc = 1;

	/* The descriptor is the caller's and perhaps another process's too, so
	 * it is asked first rather than made non-blocking. */
	if (!l->regular)
		rc = readable(l->fd);
	if (rc <= 0)
		return rc < 0 ? rc : PRUN_SOURCE_WAIT;
	rc = make_room(l, max);
	if (rc < 0)
		return rc;
	do
		n = read(l->fd, l->data + l->end, l->capacity - l->end);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? PRUN_SOURCE_WAIT : -errno;
	l->end += (size_t)n;
	return n > 0;
}

/* Drop what is left of a line to skip. 1 when its end was found, or as
 * fill(). A line of a device may have no end, and whoever asks is to get a
 * word in between. */
static int skip_rest(struct prun_lines *l, size_t max)
{
	size_t skipped = 0;
	char *found;
	int rc;

	while (l->skipping) {
		if (!l->regular && skipped > SKIP_SIZE)
			return PRUN_SOURCE_WAIT;
		found = l->start < l->end ?
				memchr(l->data + l->start, l->delimiter,
				       l->end - l->start) :
				NULL;
		skipped += l->end - l->start;
		l->start = found ? (size_t)(found - l->data) + 1 : l->end;
		l->scanned = l->start;
		l->skipping = !found;
		if (found)
			break;
		rc = l->ended ? 0 : fill(l, max);
		if (rc == 0)
			l->ended = true;
		if (rc != 1)
			return rc;
	}
	return 1;
}

void prun_lines_skip(struct prun_lines *lines)
{
	lines->skipping = true;
}

/* As prun_lines_next(), for lines of at most `max` bytes. A longer one gives
 * PRUN_ETOOBIG, again each time. */
static int next_line(const char **line, size_t *len, struct prun_lines *l,
		     size_t max)
{
	size_t size, skip = 1;
	char *found = NULL;
	int rc = l->skipping ? skip_rest(l, max) : 1;

	if (rc != 1)
		return rc;
	for (;;) {
		if (l->scanned < l->end)
			found = memchr(l->data + l->scanned, l->delimiter,
				       l->end - l->scanned);
		if (found)
			break;
		l->scanned = l->end;
		if (l->end - l->start > max)
			return PRUN_ETOOBIG;
		rc = l->ended ? 0 : fill(l, max);
		if (rc == 0) {
			l->ended = true;
			if (l->start == l->end)
				return 0;
			found = l->data + l->end;
			skip = 0;
			break;
		}
		if (rc != 1)
			return rc;
	}
	size = (size_t)(found - (l->data + l->start));
	if (size > max)
		return PRUN_ETOOBIG;
	*line = l->data + l->start;
	*len = size;
	l->start += size + skip;
	l->scanned = l->start;
	return 1;
}

int prun_lines_next(const char **line, size_t *len, struct prun_lines *lines)
{
	return next_line(line, len, lines, SIZE_MAX / 2);
}

int prun_source_lines(struct prun_item *item, void *lines)
{
	struct prun_lines *l = lines;
	struct prun_packer *p = item->packer;
	size_t before = p->size;
	size_t max = p->max > before ? p->max - before : 0;
	const char *line;
	size_t len;
	int rc;

	/* A line that msgpack cannot pack need not be read to its end. */
	if (max > UINT32_MAX)
		max = UINT32_MAX;
	rc = next_line(&line, &len, l, max);
	if (rc == PRUN_SOURCE_WAIT)
		prun_item_wait_fd(item, l->fd);
	if (rc != 1)
		return rc;
	rc = prun_pack_bin(p, line, len);
	if (rc == 0)
		return 1;
	/* The line was not given out, so it is the next one still, and the item
	 * as good as before. */
	packer_truncate(p, before);
	l->start = (size_t)(line - l->data);
	l->scanned = l->start;
	return rc;
}
