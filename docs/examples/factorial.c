/* SPDX-License-Identifier: MIT */
/*
 * Two kinds of work, one after the other and then in a pool: the factorial of
 * 300, which is computing alone, and the MD5 of each file that is named on the
 * command line, which reads too. Prints the digests as md5sum does, and for
 * each kind the two times and whether the results are equal.
 *
 * Link with libcrypto.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/evp.h>
#include <prun.h>

#define TEXT_SIZE 1024 /* the factorial of 300 has 615 digits */
#define FACTORIALS 2000

/* 0 and a text, or why there is none. What both ways run. */
typedef int (*compute_fn)(char *text, const char *argument);

/* Exact: a number is `used` limbs of nine digits, the lowest first. */
static int factorial(char *text, const char *argument)
{
	uint32_t limbs[TEXT_SIZE / 9] = {1};
	size_t used = 1, i, length;
	uint64_t carry, n, last = strtoul(argument, NULL, 10);

	for (n = 2; n <= last; n++) {
		carry = 0;
		for (i = 0; i < used || carry; i++) {
			if (i == sizeof(limbs) / sizeof(limbs[0]))
				return -ERANGE;
			carry += limbs[i] * n;
			limbs[i] = (uint32_t)(carry % 1000000000);
			carry /= 1000000000;
		}
		used = i;
	}
	length = (size_t)sprintf(text, "%" PRIu32, limbs[used - 1]);
	for (i = used - 1; i-- > 0; length += 9)
		sprintf(text + length, "%09" PRIu32, limbs[i]);
	return 0;
}

static int digest(unsigned char *md, unsigned *size, FILE *file)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned char block[65536];
	int good;
	size_t n;

	if (!ctx)
		return -ENOMEM;
	good = EVP_DigestInit_ex(ctx, EVP_md5(), NULL);
	while (good && (n = fread(block, 1, sizeof(block), file)) > 0)
		good = EVP_DigestUpdate(ctx, block, n);
	good = good && EVP_DigestFinal_ex(ctx, md, size);
	EVP_MD_CTX_free(ctx);
	if (ferror(file))
		return -EIO; /* a folder, for one, opens but does not read */
	return good ? 0 : PRUN_EFAILED;
}

static int md5(char *text, const char *argument)
{
	unsigned char md[EVP_MAX_MD_SIZE];
	unsigned i, size = 0;
	FILE *file = fopen(argument, "rb");
	int rc;

	if (!file)
		return -errno;
	rc = digest(md, &size, file);
	fclose(file);
	for (i = 0; rc == 0 && i < size; i++)
		sprintf(text + 2 * (size_t)i, "%02x", md[i]);
	return rc;
}

/* A kind of work. Its name is that of the function in the pool's table. */
struct work {
	const char *name;
	compute_fn compute;
	const char *const *arguments;
	size_t count;
	char **texts;  /* of the serial way; */
	int *statuses; /* and of each 0, or why it failed */
};

/* The function of both kinds: its ctx says which. */
static int run(struct prun_task *task)
{
	const struct work *work = prun_task_ctx(task);
	char text[TEXT_SIZE], *argument;
	const char *s;
	size_t len;
	int rc = prun_arg_str(task, &s, &len);

	if (rc < 0)
		return rc;
	argument = strndup(s, len); /* it has no NUL at its end */
	if (!argument)
		return -ENOMEM;
	rc = work->compute(text, argument);
	free(argument);
	return rc < 0 ? rc : prun_ret_str(task, text, strlen(text));
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int serial(struct work *work)
{
	char text[TEXT_SIZE];
	size_t i;
	int rc;

	for (i = 0; i < work->count; i++) {
		rc = work->statuses[i] =
			work->compute(text, work->arguments[i]);
		if (rc == 0 && !(work->texts[i] = strdup(text)))
			return -ENOMEM;
	}
	return 0;
}

/* The same by a map. *equal counts the results that the serial way had too. */
static int pooled(size_t *equal, const struct work *work,
		  struct prun_pool *pool)
{
	struct prun_strings strings = {work->arguments, work->count, 0};
	struct prun_call call = PRUN_CALL_INIT;
	const struct prun_result *result;
	struct prun_job *job;
	const char *s;
	size_t i, len;
	int rc, status;

	call.func = work->name;
	call.source = prun_source_strings;
	call.source_payload = &strings;
	call.length = work->count;
	rc = prun_map(&job, pool, &call);
	*equal = 0;
	for (i = 0; rc == 0 && i < work->count; i++) {
		rc = prun_job_at(&result, job, i);
		if (rc < 0)
			break;
		status = prun_result_str(result, &s, &len);
		if (status < 0)
			*equal += status == work->statuses[i];
		else if (work->texts[i])
			*equal += strlen(work->texts[i]) == len &&
				  memcmp(work->texts[i], s, len) == 0;
	}
	prun_job_free(job);
	return rc;
}

/* Both ways. 1 when all is equal, 0 when it is not, or an error. */
static int compare(struct work *work, struct prun_pool *pool)
{
	double begin, middle, end;
	size_t equal = 0;
	int rc;

	begin = now();
	rc = serial(work);
	middle = now();
	if (rc == 0)
		rc = pooled(&equal, work, pool);
	end = now();
	if (rc < 0)
		return rc;
	printf("%s: %zu tasks, serial %8.6f s, pool %8.6f s, %zu equal\n",
	       work->name, work->count, middle - begin, end - middle, equal);
	return equal == work->count;
}

/* As md5sum prints them. 0, or 1 when a file was not read. */
static int print_digests(const struct work *work)
{
	int failed = 0;
	size_t i;

	for (i = 0; i < work->count; i++) {
		if (work->texts[i]) {
			printf("%s  %s\n", work->texts[i], work->arguments[i]);
		} else {
			failed = 1;
			fprintf(stderr, "factorial: %s: %s\n",
				work->arguments[i],
				prun_strerror(work->statuses[i]));
		}
	}
	return failed;
}

static int work_init(struct work *work, const char *name, compute_fn compute,
		     const char *const *arguments, size_t count)
{
	work->name = name;
	work->compute = compute;
	work->arguments = arguments;
	work->count = count;
	work->texts = calloc(count + 1, sizeof(*work->texts));
	work->statuses = calloc(count + 1, sizeof(*work->statuses));
	return work->texts && work->statuses ? 0 : -ENOMEM;
}

static void work_clear(struct work *work)
{
	size_t i;

	for (i = 0; work->texts && i < work->count; i++)
		free(work->texts[i]);
	free(work->texts);
	free(work->statuses);
}

int main(int argc, char **argv)
{
	static const char *numbers[FACTORIALS];
	struct work works[2] = {{0}};
	struct prun_func funcs[] = {
		{.name = "factorial", .fn = run, .ctx = &works[0]},
		{.name = "md5", .fn = run, .ctx = &works[1]},
	};
	struct prun_options options = PRUN_OPTIONS_INIT;
	struct prun_pool *pool = NULL;
	int rc, failed = 0;
	size_t i;

	for (i = 0; i < FACTORIALS; i++)
		numbers[i] = "300";
	rc = work_init(&works[0], "factorial", factorial, numbers, FACTORIALS);
	if (rc == 0)
		rc = work_init(&works[1], "md5", md5,
			       (const char *const *)argv + 1, (size_t)argc - 1);
	options.funcs = funcs;
	options.nfuncs = 2;
	if (rc ==
	    0) /* works are filled in: the workers know them as they are */
		rc = prun_pool_new(&pool, &options);
	for (i = 0; rc >= 0 && i < 2; i++) {
		rc = compare(&works[i], pool);
		failed |= rc == 0;
	}
	if (rc < 0) {
		fprintf(stderr, "factorial: %s\n", prun_strerror(rc));
	} else {
		if (works[0].texts[0])
			printf("300! = %s\n", works[0].texts[0]);
		failed |= print_digests(&works[1]);
	}
	prun_pool_free(pool);
	work_clear(&works[0]);
	work_clear(&works[1]);
	return rc < 0 || failed;
}
