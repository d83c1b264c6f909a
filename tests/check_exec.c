/* SPDX-License-Identifier: MIT */
/* The rooms of `prun exec` that can be had without a process: replacement
 * strings, what fits into a command, what is spilled, and lines. */
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "batch.h"
#include "gather.h"
#include "lines.h"
#include "spool.h"
#include "suite.h"
#include "template.h"

#define WORDS_MAX 8

/* Of workers.c, which starts pools. */
static uint32_t the_workers;

uint32_t workers_count(void)
{
	return the_workers;
}

/* ------------------------------------------------------- replacement strings */

/* The arguments that become of a word and these items, with '|' between. */
static char *expanded(const char *word, const char *replace, size_t count,
		      const char *const *texts)
{
	struct template *t = template_new(&word, 1, 0, replace, false);
	struct items items = {.count = 0};
	struct substitutes v = {.items = &items, .number = 12, .worker = 3};
	struct args args = {.bytes = NULL};
	char *all;

	ck_assert_ptr_nonnull(t);
	items.texts = calloc(count + 1, sizeof(*items.texts));
	items.count = count;
	for (size_t i = 0; i < count; i++)
		items.texts[i] = (struct text){texts[i], strlen(texts[i])};
	ck_assert_int_eq(template_expand(&args, t, &v), 0);
	ck_assert_ptr_null(args.argv[args.count]);
	all = calloc(1, args.size + 1);
	for (size_t i = 0; i < args.count; i++) {
		if (i > 0)
			strcat(all, "|");
		strcat(all, args.argv[i]);
	}
	args_release(&args);
	items_release(&items);
	template_free(t);
	return all;
}

static void expect(const char *word, const char *item, const char *wanted)
{
	char *got = expanded(word, NULL, 1, &item);

	ck_assert_msg(strcmp(got, wanted) == 0, "'%s' of '%s': '%s', not '%s'",
		      word, item, got, wanted);
	free(got);
}

static const struct {
	const char *item, *stem, *base, *directory, *base_stem;
} names[] = {
	{"a", "a", "a", ".", "a"},
	{"a.b", "a", "a.b", ".", "a"},
	{"a.b.c", "a.b", "a.b.c", ".", "a.b"},
	{"d/a.b", "d/a", "a.b", "d", "a"},
	{"d.e/a", "d.e/a", "a", "d.e", "a"},
	{"/a.b", "/a", "a.b", "/", "a"},
	{"/", "/", "/", "/", "/"},
	{"//", "//", "/", "/", "/"},
	{"//a", "//a", "a", "/", "a"},
	{"a//b.c", "a//b", "b.c", "a", "b"},
	{"d/e.f/", "d/e.f/", "e.f", "d", "e"},
	{"a.", "a", "a.", ".", "a"},
	{".a", ".a", ".a", ".", ".a"},
	{"d/.a", "d/.a", ".a", "d", ".a"},
	{".a.b", ".a", ".a.b", ".", ".a"},
	{".", ".", ".", ".", "."},
	{"..", "..", "..", ".", ".."},
	{"a/..", "a/..", "..", "a", ".."},
	{"..a", "..a", "..a", ".", "..a"},
	{"..a.b", "..a", "..a.b", ".", "..a"},
	{"", "", "", ".", ""},
	{"a b\n.c", "a b\n", "a b\n.c", ".", "a b\n"},
};

START_TEST(parts_of_names)
{
	const char *item = names[_i].item;

	expect("{}", item, item);
	expect("{.}", item, names[_i].stem);
	expect("{/}", item, names[_i].base);
	expect("{//}", item, names[_i].directory);
	expect("{/.}", item, names[_i].base_stem);
}
END_TEST

/* With one column that is called so. */
static void expect_named(const char *word, const char *name, const char *wanted)
{
	struct template *t = template_new(&word, 1, 0, NULL, true);
	struct column column = {.text = "d/a.b",
				.len = 5,
				.name = name,
				.name_len = strlen(name)};
	struct columns columns = {.list = &column, .count = 1};
	struct text text = {column.text, column.len};
	struct items items = {.texts = &text, .count = 1};
	struct substitutes v = {.items = &items, .columns = &columns};
	struct args args = {.bytes = NULL};
	int rc;

	ck_assert_ptr_nonnull(t);
	rc = template_expand(&args, t, &v);
	if (!wanted) {
		ck_assert_int_eq(rc, PRUN_EVALUE);
		ck_assert_mem_eq(args.missing, word + 1, args.missing_len);
	} else {
		ck_assert_int_eq(rc, 0);
		ck_assert_str_eq(args.argv[0], wanted);
	}
	args_release(&args);
	template_free(t);
}

START_TEST(columns_by_name)
{
	expect_named("{n}", "n", "d/a.b");
	expect_named("<{n.}{n/}{n//}{n/.}>", "n", "<d/aa.bda>");
	expect_named("{a b-c.d_9}", "a b-c.d_9", "d/a.b");
	expect_named("{\xc3\xa4}", "\xc3\xa4", "d/a.b");
	expect_named("{n..}", "n.", "d/a");
	expect_named("{}{1}{#}", "n", "d/a.bd/a.b0");
	/* No names, so left as they are. */
	expect_named("{9n}", "9n", "{9n}");
	expect_named("{$n}", "n", "{$n}");
	expect_named("{n", "n", "{n");
	expect_named("{n/x}", "n", "{n/x}");
	/* Names that no column has. */
	expect_named("{m}", "n", NULL);
	expect_named("{nn}", "n", NULL);
	expect_named("{N.}", "n", NULL);
}
END_TEST

START_TEST(texts_around_them)
{
	expect("", "a", "|a"); /* {} is added */
	expect("x", "a", "x|a");
	expect("x{}y{}z", "a", "xayaz");
	expect("{#}-{%}", "a", "12-3");
	expect("{#}{}", "a", "12a");
	expect("{{}}", "a", "{a}");
	expect("{}}", "a", "a}");
	expect("{ {x} {0} {-0} {--1} {1", "a", "{ {x} {0} {-0} {--1} {1|a");
	expect("{/x}{///}{..}{#", "a", "{/x}{///}{..}{#|a");
	expect("{99999999999999999999}", "a", "{99999999999999999999}|a");
	expect("{} is not {}", "{}", "{} is not {}");
}
END_TEST

START_TEST(several_items)
{
	static const char *const items[] = {"a/1.x", "b/2.y", "c"};
	static const struct {
		const char *word, *wanted;
	} cases[] = {
		{"-{}", "-a/1.x|-b/2.y|-c"},
		{"{/.}", "1|2|c"},
		{"{1}", "a/1.x"},
		{"{3}{2}", "cb/2.y"},
		{"{4}", ""},
		{"{-1}", "c"},
		{"{-3/}", "1.x"},
		{"{-4}", ""},
		{"{1.}{1/}{1//}{1/.}", "a/11.xa1"},
		{"{}{1}", "a/1.xa/1.x|b/2.ya/1.x|ca/1.x"},
		{"{#}", "12"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *got = expanded(cases[i].word, NULL, 3, items);

		ck_assert_str_eq(got, cases[i].wanted);
		free(got);
	}
}
END_TEST

START_TEST(another_text_for_the_item)
{
	static const char *const item[] = {"a.b"};
	static const struct {
		const char *word, *replace, *wanted;
	} cases[] = {
		{"{}", ",,", "{}|a.b"},	 {",,", ",,", "a.b"},
		{"x,,,", ",,", "xa.b,"}, {"{.},,", ",,", "aa.b"},
		{"{{}}", "{{}}", "a.b"}, {"{}", "{}", "a.b"},
		{"{.}", "{.}", "a.b"},	 {"aXb", "X", "aa.bb"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *got = expanded(cases[i].word, cases[i].replace, 1, item);

		ck_assert_str_eq(got, cases[i].wanted);
		free(got);
	}
}
END_TEST

/* Those of a shell's text are not looked at. */
START_TEST(literal_words)
{
	static const char *const words[] = {"sh", "-c", "{}", "sh"};
	struct template *t = template_new(words, 4, 4, NULL, false);
	struct text item = {"a", 1};
	struct items items = {.texts = &item, .count = 1};
	struct substitutes v = {.items = &items};
	struct args args = {.bytes = NULL};

	ck_assert(!template_varies(t, 0));
	ck_assert_int_eq(template_expand(&args, t, &v), 0);
	ck_assert_uint_eq(args.count, 5);
	ck_assert_str_eq(args.argv[2], "{}");
	ck_assert_str_eq(args.argv[4], "a");
	args_release(&args);
	template_free(t);
}
END_TEST

/* -------------------------------------------------------------- the arguments */

/* What was said to fit is never less than what it takes. */
START_TEST(bounds_hold)
{
	static const char *const words[] = {"cmd", "-{}-{.}", "{1}{2//}x{#}",
					    "{%}", "literal"};
	struct template *t = template_new(words, 5, 0, NULL, false);
	char text[100];
	struct text texts[20];
	struct items items = {.texts = texts};
	struct args args = {.bytes = NULL};

	memset(text, 'a', sizeof(text));
	for (size_t n = 1; n <= 20; n++) {
		size_t bound = template_bound(t);

		items.count = n;
		for (size_t i = 0; i < n; i++) {
			texts[i] = (struct text){text, i * 5};
			bound += template_bound_item(t, i * 5);
		}
		ck_assert_int_eq(template_expand(&args, t,
						 &(struct substitutes){
							 .items = &items,
							 .number = UINT64_MAX,
							 .worker = UINT_MAX}),
				 0);
		ck_assert_uint_ge(bound, args.size + (args.count + 1) *
							     sizeof(char *));
	}
	args_release(&args);
	template_free(t);
}
END_TEST

/* As the kernel has it: a quarter of the stack within limits, less a little. */
START_TEST(the_room_of_exec)
{
	static const struct {
		rlim_t stack;
		size_t room;
	} cases[] = {
		{RLIM_INFINITY, 6 << 20}, {64 << 20, 6 << 20},
		{8 << 20, 2 << 20},	  {4 << 20, 1 << 20},
		{256 << 10, 128 << 10},
	};
	struct rlimit before, now;

	getrlimit(RLIMIT_STACK, &before);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		now = before;
		now.rlim_cur = cases[i].stack;
		if (setrlimit(RLIMIT_STACK, &now) < 0)
			continue; /* above what is allowed */
		ck_assert_uint_eq(batch_exec_room(), cases[i].room - 4096);
	}
	setrlimit(RLIMIT_STACK, &before);
}
END_TEST

/* ------------------------------------------------------------------- the spool */

static char the_block[SPOOL_BLOCK];

static struct spool *new_spool(void)
{
	struct spool *s;

	ck_assert_int_eq(spool_new(&s), 0);
	return s;
}

static int64_t put(struct spool *s, uint32_t owner, char c)
{
	memset(the_block, c, sizeof(the_block));
	return spool_put(s, owner, the_block);
}

static void expect_block(const struct spool *s, int64_t block, char c)
{
	memset(the_block, 0, sizeof(the_block));
	ck_assert_int_eq(spool_get(s, the_block, (uint32_t)block), 0);
	ck_assert_int_eq(the_block[0], c);
	ck_assert_int_eq(the_block[sizeof(the_block) - 1], c);
}

START_TEST(blocks_are_used_again)
{
	struct spool *s = new_spool();

	ck_assert_int_eq(put(s, 1, 'a'), 0);
	ck_assert_int_eq(put(s, 2, 'b'), 1);
	ck_assert_int_eq(put(s, 1, 'c'), 2);
	expect_block(s, 0, 'a');
	spool_drop(s, 0);
	expect_block(s, 1, 'b');
	ck_assert_int_eq(put(s, 3, 'd'), 0);
	spool_drop_all(s, 1);
	ck_assert_int_eq(put(s, 3, 'e'), 2);
	ck_assert_int_eq(put(s, 3, 'f'), 3);
	expect_block(s, 0, 'd');
	expect_block(s, 1, 'b');
	expect_block(s, 2, 'e');
	spool_drop(s, UINT32_MAX); /* a liar's */
	spool_free(s);
}
END_TEST

/* A place on the disk is given back with the block. */
START_TEST(blocks_take_no_place_when_dropped)
{
	struct spool *s = new_spool();

	for (int i = 0; i < 4; i++)
		put(s, 1, 'a');
	spool_drop_all(s, 1);
	/* A hole reads as zeros. */
	expect_block(s, 2, '\0');
	spool_free(s);
}
END_TEST

/* Several processes put blocks at the same time, and none twice. */
START_TEST(blocks_of_several_processes)
{
	struct spool *s = new_spool();
	int status;

	for (uint32_t owner = 1; owner <= 4; owner++) {
		if (fork() != 0)
			continue;
		for (int i = 0; i < 50; i++) {
			int64_t block = put(s, owner, (char)('0' + owner));

			if (block < 0)
				_exit(1);
			if (i % 3 == 0)
				spool_drop(s, (uint32_t)block);
		}
		_exit(0);
	}
	for (int i = 0; i < 4; i++) {
		ck_assert_int_gt(wait(&status), 0);
		ck_assert_int_eq(status, 0);
	}
	/* 4 times 33 are in use, and the next one that is free is found. */
	for (uint32_t owner = 1; owner <= 4; owner++)
		spool_drop_all(s, owner);
	ck_assert_int_eq(put(s, 9, 'x'), 0);
	spool_free(s);
}
END_TEST

/* Whoever dies with the lock lets the next one in. */
START_TEST(a_lock_survives_its_holder)
{
	struct spool *s = new_spool();
	pid_t pid = fork();

	if (pid == 0) {
		spool_lock(s);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	for (int i = 0; i < 2; i++) {
		spool_lock(s);
		spool_unlock(s);
	}
	spool_free(s);
}
END_TEST

/* ------------------------------------------------------------ what is gathered */

/* Write `size` bytes that can be told apart into a pipe, from a child. */
static int written(size_t size)
{
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	if (fork() == 0) {
		FILE *f = fdopen(fds[1], "w");

		close(fds[0]);
		for (size_t i = 0; i < size; i++)
			putc((int)(i * 7 % 251), f);
		fclose(f);
		_exit(0);
	}
	close(fds[1]);
	return fds[0];
}

struct seen {
	size_t size;
	bool wrong;
};

static int see(void *to, const void *data, size_t size)
{
	struct seen *seen = to;
	const unsigned char *p = data;

	for (size_t i = 0; i < size; i++)
		seen->wrong |= p[i] != (seen->size + i) * 7 % 251;
	seen->size += size;
	return 0;
}

static const size_t sizes[] = {
	0,
	1,
	4096,
	4097,
	SPOOL_BLOCK - 1,
	SPOOL_BLOCK,
	SPOOL_BLOCK + 1,
	5 * SPOOL_BLOCK,
	5 * SPOOL_BLOCK + 77,
};

START_TEST(all_is_gathered)
{
	struct spool *spool = new_spool();
	int fd = written(sizes[_i]);
	struct seen seen = {0, false};
	struct lines lines = {.put = see, .to = &seen};
	struct gather g;

	gather_init(&g, spool);
	gather_start(&g, 1);
	while (gather_read(&g, fd) > 0)
		ck_assert_uint_le(g.room, SPOOL_BLOCK);
	ck_assert_int_eq(g.error, 0);
	lines_put_blocks(&lines, spool, g.blocks, g.nblocks);
	lines_put(&lines, g.data, g.size);
	ck_assert_int_eq(lines.error, 0);
	ck_assert_uint_eq(seen.size, sizes[_i]);
	ck_assert(!seen.wrong);
	gather_drop(&g, g.size);
	ck_assert_uint_eq(g.nblocks, 0);
	ck_assert_int_eq(put(spool, 1, 'x'), 0);
	gather_release(&g);
	close(fd);
	wait(NULL);
	spool_free(spool);
}
END_TEST

/* Without a place for the blocks all of it is given up. */
START_TEST(no_place_to_gather)
{
	struct spool *spool;
	struct gather g;
	int fd;

	setenv("TMPDIR", "/none", 1);
	spool = new_spool();
	unsetenv("TMPDIR");
	fd = written(SPOOL_BLOCK + 1);
	gather_init(&g, spool);
	gather_start(&g, 1);
	while (gather_read(&g, fd) > 0)
		;
	ck_assert_int_eq(g.error, -ENOENT);
	ck_assert_uint_eq(g.size, 0);
	gather_start(&g, 1);
	ck_assert_int_eq(g.error, 0);
	gather_release(&g);
	close(fd);
	wait(NULL);
	spool_free(spool);
}
END_TEST

/* ----------------------------------------------------------------------- lines */

static int append(void *to, const void *data, size_t size)
{
	strncat(to, data, size);
	return 0;
}

/* However it is cut, the lines are the same. */
START_TEST(lines_with_tags)
{
	static const char text[] = "ab\n\ncd\ne";
	char got[100];

	for (size_t cut = 0; cut < strlen(text); cut++) {
		struct lines l = {.put = append,
				  .to = got,
				  .end = '\n',
				  .whole = true,
				  .tag = "T",
				  .tag_len = 1};

		got[0] = '\0';
		lines_put(&l, text, cut);
		lines_put(&l, text + cut, strlen(text) - cut);
		lines_end(&l);
		ck_assert_str_eq(got, "T\tab\nT\t\nT\tcd\nT\te\n");
	}
}
END_TEST

START_TEST(lines_without_tags)
{
	char got[100] = "";
	struct lines l = {.put = append, .to = got, .end = '\n'};

	lines_put(&l, "a\nb", 3);
	lines_end(&l);
	ck_assert_str_eq(got, "a\nb");
	l.whole = true;
	lines_put(&l, "c", 1);
	lines_end(&l);
	ck_assert_str_eq(got, "a\nbc\n");
	lines_put(&l, "d\n", 2);
	lines_end(&l);
	ck_assert_str_eq(got, "a\nbc\nd\n");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("exec");
	TCase *tc = suite_case(s, "template");

	tcase_add_loop_test(tc, parts_of_names, 0,
			    sizeof(names) / sizeof(names[0]));
	tcase_add_test(tc, columns_by_name);
	tcase_add_test(tc, texts_around_them);
	tcase_add_test(tc, several_items);
	tcase_add_test(tc, another_text_for_the_item);
	tcase_add_test(tc, literal_words);
	tc = suite_case(s, "limits");
	tcase_add_test(tc, bounds_hold);
	tcase_add_test(tc, the_room_of_exec);
	tc = suite_case(s, "spool");
	tcase_add_test(tc, blocks_are_used_again);
	tcase_add_test(tc, blocks_take_no_place_when_dropped);
	tcase_add_test(tc, blocks_of_several_processes);
	tcase_add_test(tc, a_lock_survives_its_holder);
	tc = suite_case(s, "gather");
	tcase_add_loop_test(tc, all_is_gathered, 0,
			    sizeof(sizes) / sizeof(sizes[0]));
	tcase_add_test(tc, no_place_to_gather);
	tc = suite_case(s, "lines");
	tcase_add_test(tc, lines_with_tags);
	tcase_add_test(tc, lines_without_tags);
	return suite_main(s);
}
