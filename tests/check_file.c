/* SPDX-License-Identifier: MIT */
/* Files by their names, alone and in a row, and what takes the name of one
 * just before it is opened. */
#include "file.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "suite.h"

int __real_openat(int at, const char *path, int flags, ...);
int __wrap_openat(int at, const char *path, int flags, ...);
/* The same of a fortified build. */
int __wrap___openat_2(int at, const char *path, int flags);

/* Called once, when the kind of a file has been looked at and before it is
 * opened. */
static void (*before_open)(void);
static int opened_in_folder;

static char dir[32];
static struct file_folder folder = {.fd = -1};
static struct file_folder *in_row; /* or NULL */
static struct prun_pool *pool;
static struct prun_job *job;
static const struct prun_result *answer;

int __wrap___openat_2(int at, const char *path, int flags)
{
	void (*change)(void) = before_open;

	before_open = NULL;
	if (change)
		change();
	opened_in_folder += at != AT_FDCWD;
	return __real_openat(at, path, flags);
}

int __wrap_openat(int at, const char *path, int flags, ...)
{
	return __wrap___openat_2(at, path, flags);
}

/* What a file holds. */
static int contents(struct prun_task *task)
{
	char data[64];
	struct file f;
	ssize_t n;
	int rc = file_open(&f, task, in_row);

	if (rc < 0)
		return rc;
	n = file_next(&f, data, sizeof(data));
	if (n >= 0)
		rc = prun_ret_str(task, data, (size_t)n);
	file_close(&f);
	return n < 0 ? (int)n : rc;
}

static void setup(void)
{
	static const struct prun_func funcs[] = {
		{.name = "contents", .fn = contents}, {.name = NULL}};
	struct prun_options options = {
		.version = PRUN_OPTIONS_VERSION,
		.funcs = funcs,
		.start_method = PRUN_START_INLINE,
	};

	before_open = NULL;
	opened_in_folder = 0;
	in_row = NULL;
	snprintf(dir, sizeof(dir), "/tmp/check_file.XXXXXX");
	ck_assert_ptr_ne(mkdtemp(dir), NULL);
	ck_assert_int_eq(chdir(dir), 0);
	ck_assert_int_eq(prun_pool_new(&pool, &options), 0);
}

static void teardown(void)
{
	char command[64];

	prun_job_free(job);
	job = NULL;
	file_folder_leave(&folder);
	ck_assert_int_eq(prun_pool_free(pool), 0);
	ck_assert_int_eq(chdir("/"), 0);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	ck_assert_int_eq(system(command), 0); /* NOLINT(cert-env33-c) */
}

static void put(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	ck_assert_ptr_ne(file, NULL);
	ck_assert_int_ge(fputs(text, file), 0);
	ck_assert_int_eq(fclose(file), 0);
}

static int ask(const char *path)
{
	struct prun_packer *p;
	struct prun_call call = {.version = PRUN_CALL_VERSION,
				 .func = "contents"};

	ck_assert_int_eq(prun_packer_new(&p), 0);
	ck_assert_int_eq(prun_pack_bin(p, path, strlen(path)), 0);
	call.argument = prun_packer_data(p, &call.argument_size);
	prun_job_free(job);
	job = NULL;
	ck_assert_int_eq(prun_apply(&job, pool, &call), 0);
	prun_packer_free(p);
	return prun_job_get(&answer, job, 0);
}

static void holds(const char *path, const char *text)
{
	const char *data;
	size_t size;

	ck_assert_msg(ask(path) == 0, "%s: %s", path, answer->message);
	ck_assert_int_eq(prun_result_str(answer, &data, &size), 0);
	ck_assert_uint_eq(size, strlen(text));
	ck_assert_mem_eq(data, text, size);
}

static void fails(const char *path, int error, const char *message)
{
	ck_assert_int_eq(ask(path), error);
	ck_assert_str_eq(answer->message, message);
}

/* ------------------------------------------------- another file of that name */

static int kept = -1; /* the writer of a FIFO */

static void to_fifo(void)
{
	ck_assert_int_eq(unlink("name"), 0);
	ck_assert_int_eq(mkfifo("name", 0600), 0);
}

static void to_fifo_with_writer(void)
{
	to_fifo();
	kept = open("name", O_RDWR | O_CLOEXEC);
	ck_assert_int_ge(kept, 0);
}

static void to_fifo_with_more(void)
{
	to_fifo_with_writer();
	ck_assert_int_eq(write(kept, "four, and more", 14), 14);
}

static void to_device(void)
{
	ck_assert_int_eq(unlink("name"), 0);
	ck_assert_int_eq(symlink("/dev/zero", "name"), 0);
}

static void to_directory(void)
{
	ck_assert_int_eq(unlink("name"), 0);
	ck_assert_int_eq(mkdir("name", 0700), 0);
}

static void to_longer(void)
{
	ck_assert_int_eq(unlink("name"), 0);
	put("name", "a longer one");
}

#define NO_FILE(kind) "Is a " kind ", not a regular file (see --special-files)"

static const struct {
	void (*change)(void);
	int error;
	const char *message;
} changes[] = {
	{to_fifo, -EINVAL, NO_FILE("fifo")},
	{to_fifo_with_writer, -EINVAL, NO_FILE("fifo")},
	{to_fifo_with_more, -EINVAL, NO_FILE("fifo")},
	{to_device, -EINVAL, NO_FILE("character device")},
	{to_directory, -EISDIR, "Is a directory"},
};

START_TEST(another_kind_is_seen)
{
	put("name", "four");
	before_open = changes[_i].change;
	fails("name", changes[_i].error, changes[_i].message);
	ck_assert_ptr_eq(before_open, NULL);
	if (kept >= 0)
		close(kept);
	kept = -1;
}
END_TEST

START_TEST(another_file_is_read)
{
	put("name", "four");
	before_open = to_longer;
	holds("name", "a longer one");
	put("name", "");
	before_open = to_fifo;
	fails("name", -EINVAL, NO_FILE("fifo"));
}
END_TEST

/* --------------------------------------------------------------- in a row */

START_TEST(a_row_looks_its_directory_up_once)
{
	char path[64];

	in_row = &folder;
	ck_assert_int_eq(mkdir("a", 0700), 0);
	put("a/1", "one");
	put("a/2", "two");
	put("a/3", "three");
	ck_assert_int_eq(mkdir("b", 0700), 0);
	put("b/3", "of b");
	put("4", "four");
	holds("a/1", "one");
	ck_assert_int_eq(opened_in_folder, 0);
	holds("a/2", "two");
	holds("a/3", "three");
	ck_assert_int_eq(opened_in_folder, 2);
	/* Of other directories, and of none. */
	holds("b/3", "of b");
	holds("4", "four");
	snprintf(path, sizeof(path), "%s/4", dir);
	holds(path, "four");
	holds("./4", "four");
	holds("a//3", "three");
	holds("a/../4", "four");
	ck_assert_int_eq(opened_in_folder, 2);
	holds("a/../4", "four");
	ck_assert_int_eq(opened_in_folder, 3);
}
END_TEST

START_TEST(a_row_after_a_change_sees_it)
{
	in_row = &folder;
	ck_assert_int_eq(mkdir("a", 0700), 0);
	put("a/1", "old");
	holds("a/1", "old");
	holds("a/1", "old");
	ck_assert_int_eq(opened_in_folder, 1);
	ck_assert_int_eq(rename("a", "b"), 0);
	ck_assert_int_eq(mkdir("a", 0700), 0);
	put("a/1", "new");
	file_folder_leave(&folder);
	holds("a/1", "new");
	holds("a/1", "new");
	ck_assert_int_eq(opened_in_folder, 2);
}
END_TEST

START_TEST(a_row_fails_as_each_alone)
{
	in_row = &folder;
	ck_assert_int_eq(mkdir("a", 0700), 0);
	put("a/1", "one");
	for (int i = 0; i < 3; i++) {
		fails("no/1", -ENOENT, "No such file or directory");
		fails("a/1/2", -ENOTDIR, "Not a directory");
	}
	for (int i = 0; i < 3; i++)
		fails("no/1", -ENOENT, "No such file or directory");
	for (int i = 0; i < 3; i++)
		fails("a/1/2", -ENOTDIR, "Not a directory");
	for (int i = 0; i < 3; i++)
		fails("a/", -EISDIR, "Is a directory");
	for (int i = 0; i < 3; i++)
		fails("/", -EISDIR, "Is a directory");
	for (int i = 0; i < 3; i++)
		fails("a/2", -ENOENT, "No such file or directory");
	for (int i = 0; i < 3; i++)
		fails("a/..", -EISDIR, "Is a directory");
	holds("a/1", "one");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("file");
	TCase *tc = suite_case(s, "files");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, another_kind_is_seen, 0,
			    sizeof(changes) / sizeof(changes[0]));
	tcase_add_test(tc, another_file_is_read);
	tcase_add_test(tc, a_row_looks_its_directory_up_once);
	tcase_add_test(tc, a_row_after_a_change_sees_it);
	tcase_add_test(tc, a_row_fails_as_each_alone);
	return suite_main(s);
}
