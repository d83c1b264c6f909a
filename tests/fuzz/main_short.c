/* SPDX-License-Identifier: MIT */
/*
 * The short run of a target, which needs no fuzzer: every file of a folder as
 * it is, then mutations of them, the same ones for the same seed.
 *
 *     fuzz_value FOLDER [MUTATIONS [SEED]]      the run
 *     fuzz_value FILE...                        these inputs alone
 *
 * What fails is left in the file fuzz-failed.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"

#define INPUT_MAX ((size_t)1 << 16)
#define FILES_MAX 1024
#define STACKED_MAX 6

struct file {
	unsigned char *data;
	size_t size;
};

static struct file files[FILES_MAX];
static size_t nfiles;

/* The input in hand, for the handler. */
static unsigned char *current;
static size_t current_size;

static void keep_failed(int sig)
{
	static const char text[] = "the input is in fuzz-failed\n";
	int fd = open("fuzz-failed", O_WRONLY | O_CREAT | O_TRUNC, 0666);

	if (fd >= 0 && write(fd, current, current_size) >= 0)
		(void)!write(STDERR_FILENO, text, sizeof(text) - 1);
	signal(sig, SIG_DFL);
	raise(sig);
}

static void run(const unsigned char *data, size_t size)
{
	current = fuzz_copy(data, size);
	current_size = size;
	LLVMFuzzerTestOneInput(current, size);
	free(current);
}

static void file_read(const char *name)
{
	struct file *f = &files[nfiles];
	FILE *in = fopen(name, "rb");

	if (!in) {
		perror(name);
		exit(2);
	}
	FUZZ_ASSERT(nfiles < FILES_MAX);
	f->data = malloc(INPUT_MAX);
	FUZZ_ASSERT(f->data);
	f->size = fread(f->data, 1, INPUT_MAX, in);
	fclose(in);
	nfiles++;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void folder_read(const char *folder)
{
	struct dirent **entries;
	char name[4096];
	int n = scandir(folder, &entries, NULL, by_name);

	for (int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "%s/%s", folder,
			 entries[i]->d_name);
		if (entries[i]->d_name[0] != '.')
			file_read(name);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
}

/* Put `size` bytes in place of `cut` ones. */
static void put_in_place(struct file *f, size_t at, size_t cut,
			 const void *data, size_t size)
{
	if (f->size - cut + size > INPUT_MAX)
		return;
	memmove(f->data + at + size, f->data + at + cut, f->size - at - cut);
	memcpy(f->data + at, data, size);
	f->size = f->size - cut + size;
}

/* A piece of another input, somewhere in this one. */
static void cross(struct file *f, uint64_t *seed)
{
	const struct file *other = &files[fuzz_random(seed) % nfiles];
	size_t from = (size_t)(fuzz_random(seed) % (other->size + 1));
	size_t size = (size_t)(fuzz_random(seed) % (other->size - from + 1));
	size_t at = (size_t)(fuzz_random(seed) % (f->size + 1));

	put_in_place(f, at, 0, other->data + from, size);
}

static void mutate_once(struct file *f, uint64_t *seed)
{
	static const unsigned char edges[] = {0x00, 0x01, 0x7f, 0x80,
					      0xff, '\n', ' ',	0xc1};
	uint64_t chance = fuzz_random(seed);
	size_t at = (size_t)(fuzz_random(seed) % (f->size + 1));
	unsigned char byte = (unsigned char)(chance >> 16);
	size_t left = f->size - at;

	if (chance & 0x100)
		byte = edges[byte % sizeof(edges)];
	switch (chance % 7) {
	case 0:
		put_in_place(f, at, 0, &byte, 1);
		break;
	case 1:
		put_in_place(f, at, left ? 1 + (byte % left) % 8 % left : 0, "",
			     0);
		break;
	case 2:
		if (left)
			f->data[at] ^= (unsigned char)(1u << byte % 8);
		break;
	case 3:
		cross(f, seed);
		break;
	case 4:
		if (left)
			f->data[at] =
				(unsigned char)(f->data[at] + byte % 5 - 2);
		break;
	default:
		if (left)
			f->data[at] = byte;
	}
}

static void run_mutations(uint64_t count, uint64_t seed)
{
	struct file f = {malloc(INPUT_MAX), 0};

	FUZZ_ASSERT(f.data && nfiles > 0);
	for (; count > 0; count--) {
		const struct file *from = &files[fuzz_random(&seed) % nfiles];
		uint64_t stacked = 1 + fuzz_random(&seed) % STACKED_MAX;

		memcpy(f.data, from->data, from->size);
		f.size = from->size;
		while (stacked-- > 0)
			mutate_once(&f, &seed);
		run(f.data, f.size);
	}
	free(f.data);
}

int main(int argc, char **argv)
{
	uint64_t mutations = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
	uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 10) : 1;
	const char *name = strrchr(argv[0], '/');
	struct stat st;
	bool folder;

	if (argc < 2 || stat(argv[1], &st) < 0) {
		fprintf(stderr, "usage: %s FOLDER [MUTATIONS [SEED]]\n",
			argv[0]);
		return 2;
	}
	signal(SIGABRT, keep_failed);
	signal(SIGSEGV, keep_failed);
	signal(SIGFPE, keep_failed);
	folder = S_ISDIR(st.st_mode);
	if (folder)
		folder_read(argv[1]);
	for (int i = 1; i < argc && !folder; i++)
		file_read(argv[i]);
	for (size_t i = 0; i < nfiles; i++)
		run(files[i].data, files[i].size);
	if (folder)
		run_mutations(mutations, seed);
	printf("%s: %zu inputs, %llu mutations of them (seed %llu)\n",
	       name ? name + 1 : argv[0], nfiles,
	       folder ? (unsigned long long)mutations : 0,
	       (unsigned long long)seed);
	for (size_t i = 0; i < nfiles; i++)
		free(files[i].data);
	return 0;
}
