/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "alloc.h"
#include "item.h"
#include "suite.h"

/* ------------------------------------------------------------------ helpers */

static struct prun_packer packer;
static struct prun_item item;

/* An item as the pool would hand it over, with room for `max` bytes behind
 * what is there already. */
static struct prun_item *fresh_item(size_t max)
{
	packer_release(&packer);
	packer_init(&packer, max + 3);
	ck_assert_int_eq(prun_packer_write(&packer, "\xc0\xc0\xc0", 3), 0);
	item = (struct prun_item){.packer = &packer, .wait_fd = -1};
	return &item;
}

static void assert_item(const char *bytes, size_t size)
{
	ck_assert_uint_eq(packer.size, size + 3);
	ck_assert_mem_eq(packer.data + 3, bytes, size);
	packer_truncate(&packer, 3);
}

static void release_item(void)
{
	packer_release(&packer);
}

/* An unlinked file with this content, at its start. */
static int file_of(const void *data, size_t size)
{
	FILE *f = tmpfile();
	int fd;

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(data, 1, size, f), size);
	ck_assert_int_eq(fflush(f), 0);
	fd = dup(fileno(f));
	ck_assert_int_ge(fd, 0);
	fclose(f);
	ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static void put(int fd, const char *text)
{
	size_t len = strlen(text);

	ck_assert_int_eq(write(fd, text, len), (ssize_t)len);
}

static struct prun_lines *lines_of(int fd, char delimiter)
{
	struct prun_lines *l = NULL;

	ck_assert_int_eq(prun_lines_new(&l, fd, delimiter), 0);
	return l;
}

static void expect_line(struct prun_lines *l, const char *text, size_t size)
{
	const char *line = NULL;
	size_t len = 0;

	ck_assert_int_eq(prun_lines_next(&line, &len, l), 1);
	ck_assert_uint_eq(len, size);
	ck_assert_mem_eq(line, text, size);
}

#define expect(l, literal) expect_line(l, literal, sizeof(literal) - 1)

/* Anything but a line, and then nothing is stored. */
static void expect_code(struct prun_lines *l, int code)
{
	const char *line = (const char *)1;
	size_t len = 77;

	ck_assert_int_eq(prun_lines_next(&line, &len, l), code);
	ck_assert_ptr_eq(line, (const char *)1);
	ck_assert_uint_eq(len, 77);
}

/* -------------------------------------------------------------------- items */

START_TEST(items)
{
	int cookie;

	fresh_item(1000);
	item.index = 42;
	ck_assert_uint_eq(prun_item_index(&item), 42);
	ck_assert_ptr_eq(prun_item_packer(&item), &packer);
	prun_item_cookie(&item, &cookie);
	ck_assert_ptr_eq(item.cookie, &cookie);
	prun_item_wait_fd(&item, 5);
	ck_assert_int_eq(item.wait_fd, 5);
	ck_assert_int_eq(prun_item_str(&item, "abc", 2), 0);
	assert_item("\xa2"
		    "ab",
		    3);
	ck_assert_int_eq(prun_item_bin(&item, "abc", 2), 0);
	assert_item("\xc4\x02"
		    "ab",
		    4);
	ck_assert_int_eq(prun_item_int(&item, -1), 0);
	assert_item("\xff", 1);
	ck_assert_int_eq(prun_item_pack(&item, "[is]", 1, "a"), 0);
	assert_item("\x92\x01\xa1"
		    "a",
		    4);
	ck_assert_int_eq(prun_item_pack(&item, "[i"), PRUN_EINVAL);
	release_item();
}
END_TEST

START_TEST(strings)
{
	static const char *const texts[] = {"a", "", "bc", NULL};
	struct prun_strings s = {.strings = texts, .count = 3};

	fresh_item(1000);
	ck_assert_int_eq(prun_source_strings(&item, &s), 1);
	assert_item("\xa1"
		    "a",
		    2);
	ck_assert_int_eq(prun_source_strings(&item, &s), 1);
	assert_item("\xa0", 1);
	ck_assert_int_eq(prun_source_strings(&item, &s), 1);
	assert_item("\xa2"
		    "bc",
		    3);
	ck_assert_int_eq(prun_source_strings(&item, &s), 0);
	ck_assert_int_eq(prun_source_strings(&item, &s), 0);
	s = (struct prun_strings){.count = 0};
	ck_assert_int_eq(prun_source_strings(&item, &s), 0);
	s = (struct prun_strings){.strings = texts, .count = 4, .next = 3};
	ck_assert_int_eq(prun_source_strings(&item, &s), PRUN_EINVAL);
	s.next = 2;
	fresh_item(2);
	ck_assert_int_eq(prun_source_strings(&item, &s), PRUN_ETOOBIG);
	release_item();
}
END_TEST

START_TEST(values)
{
	static const void *const bytes[] = {"\x01", "\x91\xc0", NULL};
	static const size_t sizes[] = {1, 2, 1};
	struct prun_values v = {.values = bytes, .sizes = sizes, .count = 2};

	fresh_item(1000);
	ck_assert_int_eq(prun_source_values(&item, &v), 1);
	assert_item("\x01", 1);
	ck_assert_int_eq(prun_source_values(&item, &v), 1);
	assert_item("\x91\xc0", 2);
	ck_assert_int_eq(prun_source_values(&item, &v), 0);
	ck_assert_int_eq(prun_source_values(&item, &v), 0);
	v.count = 3;
	ck_assert_int_eq(prun_source_values(&item, &v), PRUN_EINVAL);
	v.next = 1;
	fresh_item(1);
	ck_assert_int_eq(prun_source_values(&item, &v), PRUN_ETOOBIG);
	release_item();
}
END_TEST

static void expect_range(struct prun_range r, const int64_t *expected,
			 size_t count)
{
	int64_t value;
	size_t i;

	fresh_item(1000);
	for (i = 0; i < count; i++) {
		ck_assert_int_eq(prun_source_range(&item, &r), 1);
		ck_assert_int_eq(
			value_int(packer.data + 3, packer.size - 3, &value), 0);
		ck_assert_int_eq(value, expected[i]);
		packer_truncate(&packer, 3);
	}
	ck_assert_int_eq(prun_source_range(&item, &r), 0);
	ck_assert_int_eq(prun_source_range(&item, &r), 0);
	ck_assert_uint_eq(packer.size, 3);
	release_item();
}

#define RANGE(start, stop, step, ...) \
	do { \
		static const int64_t expected_[] = {__VA_ARGS__}; \
		expect_range((struct prun_range){start, stop, step}, \
			     expected_, \
			     sizeof(expected_) / sizeof(expected_[0])); \
	} while (0)

START_TEST(range)
{
	RANGE(0, 3, 0, 0, 1, 2);
	RANGE(0, 3, 1, 0, 1, 2);
	RANGE(0, 5, 2, 0, 2, 4);
	RANGE(0, 4, 2, 0, 2);
	RANGE(3, 0, -1, 3, 2, 1);
	RANGE(3, -4, -3, 3, 0, -3);
	expect_range((struct prun_range){3, 3, 1}, NULL, 0);
	expect_range((struct prun_range){3, 3, -1}, NULL, 0);
	expect_range((struct prun_range){4, 3, 0}, NULL, 0);
	expect_range((struct prun_range){3, 4, -1}, NULL, 0);
}
END_TEST

START_TEST(range_edges)
{
	RANGE(INT64_MAX - 2, INT64_MAX, 0, INT64_MAX - 2, INT64_MAX - 1);
	RANGE(INT64_MAX - 3, INT64_MAX, 2, INT64_MAX - 3, INT64_MAX - 1);
	RANGE(INT64_MAX - 1, INT64_MAX, INT64_MAX, INT64_MAX - 1);
	RANGE(INT64_MIN, INT64_MAX, INT64_MAX, INT64_MIN, -1, INT64_MAX - 1);
	RANGE(INT64_MIN + 2, INT64_MIN, -1, INT64_MIN + 2, INT64_MIN + 1);
	RANGE(INT64_MIN + 3, INT64_MIN, -2, INT64_MIN + 3, INT64_MIN + 1);
	RANGE(INT64_MAX, INT64_MIN, INT64_MIN, INT64_MAX, -1);
	RANGE(INT64_MIN + 1, INT64_MIN, INT64_MIN, INT64_MIN + 1);
	expect_range((struct prun_range){INT64_MAX, INT64_MAX, 1}, NULL, 0);
}
END_TEST

/* -------------------------------------------------------------------- lines */

START_TEST(lines_of_a_file)
{
	static const char text[] = "one\n\ntwo words\n\n\nlast";
	int fd = file_of(text, sizeof(text) - 1);
	struct prun_lines *l = lines_of(fd, '\n');

	expect(l, "one");
	expect(l, "");
	expect(l, "two words");
	expect(l, "");
	expect(l, "");
	expect(l, "last");
	expect_code(l, 0);
	expect_code(l, 0);
	prun_lines_free(l);
	prun_lines_free(NULL);
	close(fd);
}
END_TEST

START_TEST(lines_with_a_last_delimiter)
{
	int fd = file_of("a\nb\n", 4);
	struct prun_lines *l = lines_of(fd, '\n');

	expect(l, "a");
	expect(l, "b");
	expect_code(l, 0);
	prun_lines_free(l);
	close(fd);
	fd = file_of("", 0);
	l = lines_of(fd, '\n');
	expect_code(l, 0);
	prun_lines_free(l);
	close(fd);
	fd = file_of("\n", 1);
	l = lines_of(fd, '\n');
	expect(l, "");
	expect_code(l, 0);
	prun_lines_free(l);
	close(fd);
}
END_TEST

START_TEST(lines_by_nul_and_others)
{
	static const char text[] = "a\nb\0\0c\r\0d";
	int fd = file_of(text, sizeof(text) - 1);
	struct prun_lines *l = lines_of(fd, '\0');

	expect(l, "a\nb");
	expect(l, "");
	expect(l, "c\r");
	expect(l, "d");
	expect_code(l, 0);
	prun_lines_free(l);
	close(fd);
	/* A delimiter that is a negative char. */
	fd = file_of("x\xffy\n\xff", 5);
	l = lines_of(fd, '\xff');
	expect(l, "x");
	expect(l, "y\n");
	expect_code(l, 0);
	prun_lines_free(l);
	close(fd);
}
END_TEST

START_TEST(lines_of_a_pipe)
{
	struct prun_lines *l;
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	l = lines_of(fds[0], '\n');
	expect_code(l, PRUN_SOURCE_WAIT);
	put(fds[1], "par");
	expect_code(l, PRUN_SOURCE_WAIT);
	expect_code(l, PRUN_SOURCE_WAIT);
	put(fds[1], "tial\nnext\nand");
	expect(l, "partial");
	expect(l, "next");
	expect_code(l, PRUN_SOURCE_WAIT);
	put(fds[1], "\n");
	expect(l, "and");
	expect_code(l, PRUN_SOURCE_WAIT);
	put(fds[1], "\n");
	expect(l, "");
	put(fds[1], "end");
	expect_code(l, PRUN_SOURCE_WAIT);
	close(fds[1]);
	expect(l, "end");
	expect_code(l, 0);
	/* The descriptor is the caller's, and as it was. */
	ck_assert_int_eq(fcntl(fds[0], F_GETFL) & O_NONBLOCK, 0);
	prun_lines_free(l);
	close(fds[0]);
}
END_TEST

START_TEST(lines_of_a_nonblocking_pipe)
{
	struct prun_lines *l;
	int fds[2];

	ck_assert_int_eq(pipe2(fds, O_NONBLOCK), 0);
	l = lines_of(fds[0], '\n');
	expect_code(l, PRUN_SOURCE_WAIT);
	put(fds[1], "a\nb");
	expect(l, "a");
	expect_code(l, PRUN_SOURCE_WAIT);
	ck_assert_int_ne(fcntl(fds[0], F_GETFL) & O_NONBLOCK, 0);
	close(fds[1]);
	expect(l, "b");
	expect_code(l, 0);
	prun_lines_free(l);
	close(fds[0]);
}
END_TEST

START_TEST(lines_byte_by_byte)
{
	static const char text[] = "first\n\nsecond\nthird";
	struct prun_lines *l;
	size_t i, lines = 0, at = 0;
	const char *line;
	size_t len;
	int fds[2], rc;

	ck_assert_int_eq(pipe(fds), 0);
	l = lines_of(fds[0], '\n');
	for (i = 0; i < sizeof(text) - 1; i++) {
		ck_assert_int_eq(write(fds[1], text + i, 1), 1);
		rc = prun_lines_next(&line, &len, l);
		if (text[i] != '\n') {
			ck_assert_int_eq(rc, PRUN_SOURCE_WAIT);
			continue;
		}
		ck_assert_int_eq(rc, 1);
		ck_assert_uint_eq(len, i - at);
		ck_assert_mem_eq(line, text + at, len);
		at = i + 1;
		lines++;
	}
	ck_assert_uint_eq(lines, 3);
	close(fds[1]);
	expect(l, "third");
	expect_code(l, 0);
	prun_lines_free(l);
	close(fds[0]);
}
END_TEST

static char *pattern(size_t size)
{
	char *text = malloc(size);
	size_t i;

	ck_assert_ptr_nonnull(text);
	for (i = 0; i < size; i++)
		text[i] = (char)('a' + (i * 7 + i / 1000) % 26);
	return text;
}

/* Lines longer than the block, around its size, and short ones behind. */
START_TEST(long_lines)
{
	static const size_t sizes[] = {(size_t)1 << 20, 0,     1,    65535,
				       65536,		65537, 3,    131072,
				       (size_t)3 << 20, 5,     65534};
	size_t n = sizeof(sizes) / sizeof(sizes[0]), i, total = 0;
	char *text = pattern((size_t)8 << 20);
	struct prun_lines *l;
	int fd;

	for (i = 0; i < n; i++) {
		total += sizes[i];
		text[total++] = '\n';
	}
	fd = file_of(text, total - 1);
	l = lines_of(fd, '\n');
	for (i = 0, total = 0; i < n; i++) {
		expect_line(l, text + total, sizes[i]);
		total += sizes[i] + 1;
	}
	expect_code(l, 0);
	prun_lines_free(l);
	close(fd);
	free(text);
}
END_TEST

/* A line of 1 MiB that comes through a pipe a little at a time. */
START_TEST(long_line_of_a_pipe)
{
	size_t size = (size_t)1 << 20, at = 0, step = 4093;
	char *text = pattern(size);
	struct prun_lines *l;
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	l = lines_of(fds[0], '\n');
	put(fds[1], "before\n");
	expect(l, "before");
	while (at < size) {
		size_t n = size - at < step ? size - at : step;

		ck_assert_int_eq(write(fds[1], text + at, n), (ssize_t)n);
		expect_code(l, PRUN_SOURCE_WAIT);
		at += n;
	}
	put(fds[1], "\nafter\n");
	expect_line(l, text, size);
	expect(l, "after");
	close(fds[1]);
	expect_code(l, 0);
	prun_lines_free(l);
	close(fds[0]);
	free(text);
}
END_TEST

START_TEST(many_short_lines)
{
	size_t size = 0, i, len, wrong = 0, n = 200000;
	char *text = malloc(n * 8);
	struct prun_lines *l;
	const char *line;
	char number[16];
	int fd;

	ck_assert_ptr_nonnull(text);
	for (i = 0; i < n; i++)
		size += (size_t)sprintf(text + size, "%zu\n", i);
	fd = file_of(text, size);
	l = lines_of(fd, '\n');
	/* Each of Check's assertions is a system call or two: not in here. */
	for (i = 0; i < n; i++) {
		int digits = snprintf(number, sizeof(number), "%zu", i);

		if (prun_lines_next(&line, &len, l) != 1 ||
		    len != (size_t)digits || memcmp(line, number, len) != 0)
			wrong++;
	}
	ck_assert_uint_eq(wrong, 0);
	expect_code(l, 0);
	prun_lines_free(l);
	close(fd);
	free(text);
}
END_TEST

START_TEST(lines_errors)
{
	struct prun_lines *l = (struct prun_lines *)1;
	int fd, fds[2];

	ck_assert_int_eq(prun_lines_new(&l, -1, '\n'), -EBADF);
	ck_assert_ptr_null(l);
	fd = open("/", O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	l = lines_of(fd, '\n');
	expect_code(l, -EISDIR);
	expect_code(l, -EISDIR);
	prun_lines_free(l);
	close(fd);
	/* The end for writing. */
	ck_assert_int_eq(pipe(fds), 0);
	l = lines_of(fds[1], '\n');
	close(fds[0]);
	expect_code(l, -EBADF);
	prun_lines_free(l);
	close(fds[1]);
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	l = lines_of(fd, '\n');
	expect_code(l, 0);
	prun_lines_free(l);
	close(fd);
}
END_TEST

#define ALARMS 20

static volatile sig_atomic_t alarms;

/* Stops by itself: under valgrind a read may never get through otherwise. */
static void on_alarm(int signal)
{
	static const struct itimerval never;

	(void)signal;
	if (++alarms == ALARMS)
		setitimer(ITIMER_REAL, &never, NULL);
}

/* Signals without SA_RESTART are no errors. */
START_TEST(lines_interrupted)
{
	static const struct itimerval often = {{0, 1000}, {0, 1000}};
	struct sigaction action = {.sa_handler = on_alarm};
	size_t size = (size_t)1 << 22;
	char *text = calloc(1, size);
	struct prun_lines *l;
	int fd, fds[2];

	ck_assert_ptr_nonnull(text);
	fd = file_of(text, size);
	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(sigaction(SIGALRM, &action, NULL), 0);
	ck_assert_int_eq(setitimer(ITIMER_REAL, &often, NULL), 0);
	l = lines_of(fd, '\n');
	expect_line(l, text, size);
	prun_lines_free(l);
	l = lines_of(fds[0], '\n');
	while (alarms < ALARMS)
		expect_code(l, PRUN_SOURCE_WAIT);
	prun_lines_free(l);
	close(fds[0]);
	close(fds[1]);
	close(fd);
	free(text);
}
END_TEST

/* ---------------------------------------------------------- source of lines */

START_TEST(source_of_lines)
{
	struct prun_lines *l;
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	l = lines_of(fds[0], '\n');
	fresh_item(1000);
	ck_assert_int_eq(prun_source_lines(&item, l), PRUN_SOURCE_WAIT);
	ck_assert_int_eq(item.wait_fd, fds[0]);
	put(fds[1], "a\n\nb");
	fresh_item(1000);
	ck_assert_int_eq(prun_source_lines(&item, l), 1);
	ck_assert_int_eq(item.wait_fd, -1);
	assert_item("\xc4\x01"
		    "a",
		    3);
	ck_assert_int_eq(prun_source_lines(&item, l), 1);
	assert_item("\xc4\x00", 2);
	ck_assert_int_eq(prun_source_lines(&item, l), PRUN_SOURCE_WAIT);
	close(fds[1]);
	ck_assert_int_eq(prun_source_lines(&item, l), 1);
	assert_item("\xc4\x01"
		    "b",
		    3);
	ck_assert_int_eq(prun_source_lines(&item, l), 0);
	ck_assert_int_eq(prun_source_lines(&item, l), 0);
	ck_assert_uint_eq(packer.size, 3);
	prun_lines_free(l);
	close(fds[0]);
	release_item();
}
END_TEST

/* The code for a line of `len` bytes where `max` are allowed; pack is bin. */
static int limited(size_t len, size_t max, int newline)
{
	char *text = pattern(len + 1);
	struct prun_lines *l;
	int fd, rc;

	text[len] = '\n';
	fd = file_of(text, len + (newline ? 1 : 0));
	l = lines_of(fd, '\n');
	fresh_item(max);
	rc = prun_source_lines(&item, l);
	if (rc == PRUN_ETOOBIG) {
		packer_truncate(&packer, 3);
		ck_assert_int_eq(prun_source_lines(&item, l), PRUN_ETOOBIG);
	}
	prun_lines_free(l);
	close(fd);
	free(text);
	release_item();
	return rc;
}

START_TEST(limit)
{
	int newline;

	for (newline = 0; newline < 2; newline++) {
		ck_assert_int_eq(limited(10, 12, newline), 1);
		ck_assert_int_eq(limited(10, 11, newline), PRUN_ETOOBIG);
		ck_assert_int_eq(limited(10, 10, newline), PRUN_ETOOBIG);
		ck_assert_int_eq(limited(10, 9, newline), PRUN_ETOOBIG);
		ck_assert_int_eq(limited(1, 0, newline), PRUN_ETOOBIG);
		ck_assert_int_eq(limited(65536, 65541, newline), 1);
		ck_assert_int_eq(limited(65537, 65541, newline), PRUN_ETOOBIG);
		ck_assert_int_eq(limited(300000, 300005, newline), 1);
		ck_assert_int_eq(limited(300000, 300004, newline),
				 PRUN_ETOOBIG);
		ck_assert_int_eq(limited(900000, 70000, newline), PRUN_ETOOBIG);
	}
}
END_TEST

/* An endless line takes no more memory than the limit. */
START_TEST(limit_of_an_endless_line)
{
	int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	struct prun_lines *l = lines_of(fd, '\n');

	fresh_item((size_t)1 << 20);
	ck_assert_int_eq(prun_source_lines(&item, l), PRUN_ETOOBIG);
	ck_assert_uint_eq(packer.size, 3);
	prun_lines_free(l);
	close(fd);
	release_item();
}
END_TEST

/* A pool's item whose packer is full already. */
START_TEST(limit_below_the_size)
{
	int fd = file_of("\n", 1);
	struct prun_lines *l = lines_of(fd, '\n');

	fresh_item(1000);
	packer.max = 1;
	ck_assert_int_eq(prun_source_lines(&item, l), PRUN_ETOOBIG);
	prun_lines_free(l);
	close(fd);
	release_item();
}
END_TEST

/* ------------------------------------------------------------- allocations */

/* All lines of a file of two; a read that failed for want of memory is
 * repeated once, since nothing was lost. */
static int read_two(int fd, int *lines, int *repeated)
{
	struct prun_lines *l;
	const char *line;
	size_t len;
	int rc;

	*lines = 0;
	*repeated = 0;
	rc = prun_lines_new(&l, fd, '\n');
	if (rc < 0)
		return l ? 1 : rc;
	while ((rc = prun_lines_next(&line, &len, l)) != 0) {
		if (rc == 1 && len == 200000)
			++*lines;
		else if (rc == -ENOMEM && !*repeated)
			*repeated = 1;
		else
			break;
	}
	prun_lines_free(l);
	return rc;
}

START_TEST(allocation_failure_lines)
{
	char *text = pattern(400001);
	unsigned long n;
	bool failed = true;
	int fd;

	text[200000] = '\n';
	fd = file_of(text, 400001);
	for (n = 1; failed; n++) {
		int rc, lines, repeated;

		ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
		alloc_fail_at(n);
		rc = read_two(fd, &lines, &repeated);
		failed = alloc_failed();
		alloc_fail_at(0);
		ck_assert_int_eq(rc, n == 1 ? -ENOMEM : 0);
		ck_assert_int_eq(lines, n == 1 ? 0 : 2);
		ck_assert_int_eq(repeated, n > 1 && failed);
	}
	/* The struct, the block and two growths at least. */
	ck_assert_uint_gt(n, 4);
	close(fd);
	free(text);
}
END_TEST

/* A packer that cannot grow: an error, and nothing was packed. */
START_TEST(allocation_failure_items)
{
	static const char *const texts[] = {"abc"};
	struct prun_strings s = {.strings = texts, .count = 1};
	struct prun_range r = {.stop = 5};
	struct prun_packer p;
	struct prun_item it = {.packer = &p, .wait_fd = -1};
	int rc[4];

	packer_init(&p, 100);
	alloc_fail_at(1);
	rc[0] = prun_source_strings(&it, &s);
	packer_truncate(&p, 0);
	alloc_fail_at(1);
	rc[1] = prun_source_range(&it, &r);
	alloc_fail_at(0);
	rc[2] = prun_source_range(&it, &r);
	packer_truncate(&p, 0);
	rc[3] = prun_source_range(&it, &r);
	ck_assert_int_eq(rc[0], -ENOMEM);
	ck_assert_int_eq(rc[1], -ENOMEM);
	ck_assert_int_eq(rc[2], -ENOMEM);
	ck_assert_int_eq(rc[3], 1);
	ck_assert_uint_eq(p.size, 1);
	ck_assert_int_eq(p.data[0], 0);
	packer_truncate(&p, 0);
	ck_assert_int_eq(prun_source_strings(&it, &s), 1);
	packer_release(&p);
}
END_TEST

static void add_lines_tests(TCase *tc)
{
	tcase_add_test(tc, lines_of_a_file);
	tcase_add_test(tc, lines_with_a_last_delimiter);
	tcase_add_test(tc, lines_by_nul_and_others);
	tcase_add_test(tc, lines_of_a_pipe);
	tcase_add_test(tc, lines_of_a_nonblocking_pipe);
	tcase_add_test(tc, lines_byte_by_byte);
	tcase_add_test(tc, long_lines);
	tcase_add_test(tc, long_line_of_a_pipe);
	tcase_add_test(tc, many_short_lines);
	tcase_add_test(tc, lines_errors);
	tcase_add_test(tc, lines_interrupted);
	tcase_add_test(tc, source_of_lines);
	tcase_add_test(tc, limit);
	tcase_add_test(tc, limit_of_an_endless_line);
	tcase_add_test(tc, limit_below_the_size);
	tcase_add_test(tc, allocation_failure_lines);
}

int main(void)
{
	Suite *s = suite_create("source");
	TCase *tc = suite_case(s, "items");

	tcase_add_test(tc, items);
	tcase_add_test(tc, strings);
	tcase_add_test(tc, values);
	tcase_add_test(tc, range);
	tcase_add_test(tc, range_edges);
	tcase_add_test(tc, allocation_failure_items);
	add_lines_tests(suite_case(s, "lines"));
	return suite_main(s);
}
