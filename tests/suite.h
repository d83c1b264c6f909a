/* SPDX-License-Identifier: MIT */
#ifndef SUITE_H
#define SUITE_H

/*
 * What every test program shares. A test program is:
 *
 *     #include "suite.h"
 *
 *     START_TEST(adds) { ... } END_TEST
 *
 *     int main(void)
 *     {
 *             Suite *s = suite_create("thing");
 *             TCase *tc = suite_case(s, "sums");
 *
 *             tcase_add_test(tc, adds);
 *             return suite_main(s);
 *     }
 *
 * suite_case() gives each test the fixtures suite_setup and suite_teardown,
 * which fail it when it leaves a descriptor or a child behind. They run in
 * the process of the test, with CK_FORK=no too. Fixtures that a program adds
 * itself run between them.
 */

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>

#define SUITE_FDS_MAX 1024
/* Generous: valgrind and two cores shared by everybody. */
#define SUITE_TIMEOUT_S 120

/*
 * A descriptor is the same one if it also leads to the same file. A file that
 * has no name any more counts by its number only (INO is 0): without forks,
 * Check opens its own anew between a test's setup and the test, and whether
 * that gets the same inode is up to the other programs at work.
 */
struct suite_fd {
	int fd;
	dev_t dev;
	ino_t ino;
};

struct suite_fds {
	struct suite_fd open[SUITE_FDS_MAX];
	size_t count;
};

/* Static in a header: a test program is one file. */
static struct suite_fds suite_fds_before;

static inline void suite_fds_read(struct suite_fds *fds)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;

	ck_assert_msg(dir != NULL, "/proc/self/fd cannot be read");
	fds->count = 0;
	while ((entry = readdir(dir))) {
		int fd = atoi(entry->d_name);
		struct stat st;

		if (entry->d_name[0] == '.' || fd == dirfd(dir) ||
		    fstat(fd, &st) < 0)
			continue;
		ck_assert_uint_lt(fds->count, SUITE_FDS_MAX);
		fds->open[fds->count++] =
			(struct suite_fd){.fd = fd,
					  .dev = st.st_dev,
					  .ino = st.st_nlink ? st.st_ino : 0};
	}
	closedir(dir);
}

static inline bool suite_fds_have(const struct suite_fds *fds,
				  const struct suite_fd *one)
{
	size_t i;

	for (i = 0; i < fds->count; i++)
		if (fds->open[i].fd == one->fd &&
		    fds->open[i].dev == one->dev &&
		    fds->open[i].ino == one->ino)
			return true;
	return false;
}

/* How many descriptors are open, for a test's own comparisons. */
static inline size_t suite_fd_count(void)
{
	struct suite_fds now;

	suite_fds_read(&now);
	return now.count;
}

static inline void suite_setup(void)
{
	suite_fds_read(&suite_fds_before);
}

static inline void suite_teardown(void)
{
	struct suite_fds now;
	pid_t child;
	size_t i;

	suite_fds_read(&now);
	for (i = 0; i < now.count; i++)
		ck_assert_msg(suite_fds_have(&suite_fds_before, &now.open[i]),
			      "descriptor %d was left open", now.open[i].fd);
	for (i = 0; i < suite_fds_before.count; i++)
		ck_assert_msg(suite_fds_have(&now, &suite_fds_before.open[i]),
			      "descriptor %d was closed",
			      suite_fds_before.open[i].fd);
	/* Check kills what a test leaves behind, so nobody else would see. */
	errno = 0;
	child = waitpid(-1, NULL, WNOHANG);
	ck_assert_msg(child < 0 && errno == ECHILD,
		      "a child was left behind (waitpid gave %ld)",
		      (long)child);
}

static inline TCase *suite_case(Suite *s, const char *name)
{
	TCase *tc = tcase_create(name);

	tcase_add_checked_fixture(tc, suite_setup, suite_teardown);
	tcase_set_timeout(tc, SUITE_TIMEOUT_S);
	suite_add_tcase(s, tc);
	return tc;
}

/* Run and free the suite, print Check's closing lines (CK_VERBOSITY says how
 * much), and give main's exit status. CK_FORK=no runs it in one process. */
static inline int suite_main(Suite *s)
{
	SRunner *runner = srunner_create(s);
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
