/* SPDX-License-Identifier: MIT */
#include <ftw.h>
#include <limits.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "cpus.h"
#include "prun.h"
#include "suite.h"

#define V2 "/sys/fs/cgroup"
#define V1 "/sys/fs/cgroup/cpu"

static char root[64];

static int remove_one(const char *path, const struct stat *st, int type,
		      struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void make_root(void)
{
	strcpy(root, "/tmp/check_cpus.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(root));
}

static void remove_root(void)
{
	ck_assert_int_eq(nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

/* A file below the root, with the directories above it. */
static void put(const char *path, const char *text)
{
	char whole[PATH_MAX];
	size_t i;
	FILE *f;

	snprintf(whole, sizeof(whole), "%s%s", root, path);
	for (i = strlen(root) + 1; whole[i]; i++) {
		if (whole[i] != '/')
			continue;
		whole[i] = '\0';
		ck_assert(mkdir(whole, 0700) == 0 || errno == EEXIST);
		whole[i] = '/';
	}
	f = fopen(whole, "w");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	ck_assert_int_eq(fclose(f), 0);
}

static void put_group(const char *lines)
{
	put("/proc/self/cgroup", lines);
}

static void put_v1(const char *dir, const char *quota, const char *period)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/cpu.cfs_quota_us", dir);
	put(path, quota);
	snprintf(path, sizeof(path), "%s/cpu.cfs_period_us", dir);
	put(path, period);
}

static void expect(int cpus)
{
	ck_assert_int_eq(cpus_quota(root), cpus);
}

START_TEST(nothing_there)
{
	expect(0);
	put_group("0::/\n");
	expect(0);
	put_group("");
	expect(0);
	put_group("garbage\n:\n0\n7:cpu\n\n0::\n");
	expect(0);
}
END_TEST

START_TEST(v2)
{
	static const struct {
		const char *text;
		int cpus;
	} cases[] = {
		{"max 100000\n", 0},
		{"max\n", 0},
		{"100000 100000\n", 1},
		{"100001 100000\n", 2},
		{"150000 100000\n", 2},
		{"200000 100000\n", 2},
		{"1000 100000\n", 1},
		{"800000 50000\n", 16},
		{"0 100000\n", 0},
		{"-1 100000\n", 0},
		{"100000 0\n", 0},
		{"100000\n", 0},
		{"", 0},
		{"9223372036854775807 1\n", INT_MAX},
		{"9223372036854775807 9223372036854775806\n", 2},
	};
	size_t i;

	put_group("0::/app\n");
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		put(V2 "/app/cpu.max", cases[i].text);
		expect(cases[i].cpus);
	}
}
END_TEST

START_TEST(v2_nested)
{
	put_group("0::/a/b/c\n");
	put(V2 "/a/b/c/cpu.max", "max 100000\n");
	expect(0);
	put(V2 "/a/cpu.max", "300000 100000\n");
	expect(3);
	put(V2 "/a/b/cpu.max", "500000 100000\n");
	expect(3);
	put(V2 "/a/b/c/cpu.max", "200000 100000\n");
	expect(2);
	/* In a container, the mount itself is the group. */
	put(V2 "/cpu.max", "100000 100000\n");
	expect(1);
	put_group("0::/\n");
	expect(1);
	put_group("0::/a/sibling\n");
	put(V2 "/cpu.max", "max 100000\n");
	expect(3);
}
END_TEST

START_TEST(v1)
{
	static const struct {
		const char *quota, *period;
		int cpus;
	} cases[] = {
		{"-1\n", "100000\n", 0},     {"100000\n", "100000\n", 1},
		{"250000\n", "100000\n", 3}, {"50000\n", "100000\n", 1},
		{"0\n", "100000\n", 0},	     {"100000\n", "0\n", 0},
		{"\n", "100000\n", 0},
	};
	size_t i;

	put_group("12:memory:/m\n5:cpu,cpuacct:/app\n1:name=systemd:/s\n");
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		put_v1(V1 "/app", cases[i].quota, cases[i].period);
		expect(cases[i].cpus);
	}
	put_v1(V1 "/m", "100000", "100000");
	put_v1(V1 "/s", "100000", "100000");
	expect(0);
}
END_TEST

START_TEST(v1_nested_and_lists)
{
	put_v1(V1 "/a/b", "400000\n", "100000\n");
	put_v1(V1 "/a", "200000\n", "100000\n");
	put_v1(V1, "-1\n", "100000\n");
	put_group("5:cpu:/a/b\n");
	expect(2);
	put_group("5:cpuacct,cpu:/a/b\n");
	expect(2);
	put_group("5:cpu,cpuacct:/a/b");
	expect(2);
	/* Others whose names begin or end like it. */
	put_group("5:cpuset,cpuacct:/a/b\n6:xcpu:/a/b\n7:cp:/a/b\n");
	expect(0);
	put_v1(V1, "100000\n", "100000\n");
	put_group("5:cpu:/a/b\n");
	expect(1);
}
END_TEST

START_TEST(v1_half)
{
	put_group("5:cpu:/a\n");
	put(V1 "/a/cpu.cfs_quota_us", "200000\n");
	expect(0);
	put_group("5:cpu:/b\n");
	put(V1 "/b/cpu.cfs_period_us", "100000\n");
	expect(0);
}
END_TEST

START_TEST(hybrid)
{
	put_group("5:cpu,cpuacct:/a\n0::/b\n");
	put_v1(V1 "/a", "300000\n", "100000\n");
	expect(3);
	put(V2 "/b/cpu.max", "200000 100000\n");
	expect(2);
	put(V2 "/b/cpu.max", "400000 100000\n");
	expect(3);
	put_group("0::/b\n5:cpu,cpuacct:/a\n");
	expect(3);
	put_v1(V1 "/a", "-1\n", "100000\n");
	expect(4);
}
END_TEST

START_TEST(long_paths)
{
	static char line[9000];
	size_t i;

	strcpy(line, "0::");
	for (i = 3; i < 4200; i++)
		line[i] = i % 100 == 3 ? '/' : 'x';
	strcpy(line + i, "\n");
	put_group(line);
	expect(0);
	/* Shorter than a line may be; the whole path is too long. */
	strcpy(line + 4085, "\n");
	put_group(line);
	expect(0);
	/* Colons of its own belong to the path. */
	put_group("0::/a:b\n");
	put(V2 "/a:b/cpu.max", "700000 100000\n");
	expect(7);
}
END_TEST

START_TEST(the_real_count)
{
	int quota = cpus_quota("");
	cpu_set_t old, one;
	size_t cpu;
	int cpus;

	ck_assert_int_eq(sched_getaffinity(0, sizeof(old), &old), 0);
	cpus = CPU_COUNT(&old);
	if (quota && quota < cpus)
		cpus = quota;
	ck_assert_int_eq(prun_cpu_count(), cpus);
	for (cpu = 0; !CPU_ISSET(cpu, &old); cpu++)
		;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	ck_assert_int_eq(sched_setaffinity(0, sizeof(one), &one), 0);
	ck_assert_int_eq(prun_cpu_count(), 1);
	ck_assert_int_eq(sched_setaffinity(0, sizeof(old), &old), 0);
	ck_assert_int_eq(prun_cpu_count(), cpus);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("cpus");
	TCase *tc = suite_case(s, "quota");

	tcase_add_checked_fixture(tc, make_root, remove_root);
	tcase_add_test(tc, nothing_there);
	tcase_add_test(tc, v2);
	tcase_add_test(tc, v2_nested);
	tcase_add_test(tc, v1);
	tcase_add_test(tc, v1_nested_and_lists);
	tcase_add_test(tc, v1_half);
	tcase_add_test(tc, hybrid);
	tcase_add_test(tc, long_paths);
	tc = suite_case(s, "count");
	tcase_add_test(tc, the_real_count);
	return suite_main(s);
}
