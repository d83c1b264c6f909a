/* SPDX-License-Identifier: MIT */
/*
 * What twin.py does with multiprocessing.Pool: python_twin FILE. The two
 * print the same lines, so they can be read side by side.
 *
 * Where Python raises, a call here returns a negative code. The functions
 * below return it at once, and main() says what it was.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include <prun.h>

static int gate[2]; /* a pipe; made before the pool, so that workers have it */

/* ------------------------------------------------- what the workers can do */

static int square(struct prun_task *task)
{
	int64_t n;
	int rc = prun_arg_int(task, &n);

	return rc < 0 ? rc : prun_ret_int(task, n * n);
}

/* Of two parameters, as each task of a starmap has. */
static int divide(struct prun_task *task)
{
	int64_t a, b;
	int rc = prun_arg_unpack(task, "II", &a, &b);

	if (rc < 0)
		return rc;
	if (b == 0)
		return prun_task_fail(task, PRUN_EFAILED,
				      "%" PRId64 " divided by 0", a);
	return prun_ret_int(task, a / b);
}

static int is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static int words(struct prun_task *task)
{
	int64_t count = 0;
	const char *s;
	size_t i, len;
	int rc = prun_arg_str(task, &s, &len);

	if (rc < 0)
		return rc;
	for (i = 0; i < len; i++)
		count += !is_blank(s[i]) && (i == 0 || is_blank(s[i - 1]));
	return prun_ret_int(task, count);
}

/* Ends when the parent has written a byte to the pipe. */
static int wait_for_word(struct prun_task *task)
{
	char c;

	if (read(gate[0], &c, 1) != 1)
		return prun_task_fail(task, PRUN_EFAILED, "no word came");
	return prun_ret_str(task, &c, 1);
}

static const struct prun_func funcs[] = {
	{.name = "square", .fn = square},
	{.name = "divide", .fn = divide},
	{.name = "words", .fn = words},
	{.name = "wait_for_word", .fn = wait_for_word},
	{.name = NULL},
};

/* --------------------------------------------------- what the caller does */

/* A list of pairs, as the source of a starmap. */
struct pairs {
	const int (*pairs)[2];
	size_t count;
	size_t next;
};

static int next_pair(struct prun_item *item, void *payload)
{
	struct pairs *p = payload;
	const int *pair;
	int rc;

	if (p->next == p->count)
		return 0;
	pair = p->pairs[p->next++];
	rc = prun_item_pack(item, "[i, i]", pair[0], pair[1]);
	return rc < 0 ? rc : 1;
}

/* print(*values), of the results of a finished map that has succeeded. */
static int print_map(const char *name, struct prun_job *job)
{
	const struct prun_result *result;
	uint64_t i, count = prun_job_finished(job);
	int64_t n = 0;
	int rc;

	printf("%s:", name);
	for (i = 0; i < count; i++) {
		rc = prun_job_at(&result, job, i);
		if (rc == 0)
			rc = prun_result_int(result, &n);
		if (rc < 0)
			return rc;
		printf(" %" PRId64, n);
	}
	printf("\n");
	return 0;
}

static int squares(struct prun_pool *pool)
{
	struct prun_call call = PRUN_CALL_INIT;
	struct prun_range range = {0, 10, 1};
	struct prun_job *job;
	int rc;

	call.func = "square";
	call.source = prun_source_range;
	call.source_payload = &range;
	rc = prun_map(&job, pool, &call);
	if (rc == 0)
		rc = print_map("map", job);
	prun_job_free(job);
	return rc;
}

/* Some quotients; or, Python's way, the first failure among them. */
static int quotients(struct prun_pool *pool, const int (*list)[2], size_t count)
{
	struct prun_call call = PRUN_CALL_INIT;
	struct pairs pairs = {list, count, 0};
	const struct prun_result *result;
	struct prun_job *job;
	int rc;

	call.func = "divide";
	call.source = next_pair;
	call.source_payload = &pairs;
	rc = prun_starmap(&job, pool, &call);
	if (rc == 0 && prun_job_successful(job) == 1) {
		rc = print_map("starmap", job);
	} else if (rc == 0) {
		rc = prun_job_get(&result, job, -1);
		if (result) {
			printf("failed: %s\n", result->message);
			rc = 0;
		}
	}
	prun_job_free(job);
	return rc;
}

static int count_words(struct prun_pool *pool, const char *name)
{
	struct prun_call call = PRUN_CALL_INIT;
	const struct prun_result *result;
	struct prun_lines *lines = NULL;
	struct prun_job *job = NULL;
	int64_t n, count = 0, sum = 0, most = 0;
	int rc, fd = open(name, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	rc = prun_lines_new(&lines, fd, '\n');
	call.func = "words";
	call.source = prun_source_lines;
	call.source_payload = lines;
	if (rc == 0)
		rc = prun_imap_unordered(&job, pool, &call);
	while (rc >= 0 && (rc = prun_job_next(&result, job, -1)) == 1) {
		rc = prun_result_int(result, &n);
		if (rc < 0)
			break;
		count++;
		sum += n;
		most = n > most ? n : most;
	}
	if (rc == 0)
		printf("imap_unordered: %" PRId64 " lines, %" PRId64
		       " words, %" PRId64 " at the most\n",
		       count, sum, most);
	prun_job_free(job); /* before the source that it may still read */
	prun_lines_free(lines);
	close(fd);
	return rc;
}

static int print_value(struct prun_job *job, const struct prun_result *result,
		       void *payload)
{
	int64_t n;
	int rc = prun_result_int(result, &n);

	(void)job;
	(void)payload;
	if (rc == 0)
		printf("callback: %" PRId64 "\n", n);
	return rc;
}

static int print_error(struct prun_job *job, const struct prun_result *result,
		       void *payload)
{
	(void)job;
	(void)payload;
	printf("error_callback: %s\n", result->message);
	return 0;
}

/* Submit a / b, with or without callbacks. */
static int divide_async(struct prun_job **job, struct prun_pool *pool, int a,
			int b, int with_callbacks)
{
	struct prun_call call = PRUN_CALL_INIT;
	struct prun_packer *packer;
	int rc;

	*job = NULL;
	rc = prun_packer_new(&packer);
	if (rc < 0)
		return rc;
	rc = prun_pack(packer, "[i, i]", a, b);
	call.func = "divide";
	call.argument = prun_packer_data(packer, &call.argument_size);
	call.star = 1; /* the array is the two parameters of divide */
	if (with_callbacks) {
		call.callback = print_value;
		call.error_callback = print_error;
	}
	if (rc == 0)
		rc = prun_apply_async(job, pool, &call);
	prun_packer_free(packer);
	return rc;
}

static int callbacks(struct prun_pool *pool, int b)
{
	struct prun_job *job;
	int rc = divide_async(&job, pool, 42, b, 1);

	if (rc == 0)
		rc = prun_job_wait(job, -1);
	if (rc == 0)
		printf("successful: %s\n",
		       prun_job_successful(job) == 1 ? "True" : "False");
	prun_job_free(job);
	return rc;
}

static int get_with_timeout(struct prun_pool *pool)
{
	struct prun_call call = PRUN_CALL_INIT;
	const struct prun_result *result;
	struct prun_job *job;
	const char *s;
	size_t len;
	int rc;

	call.func = "wait_for_word"; /* the argument is nil */
	rc = prun_apply_async(&job, pool, &call);
	if (rc == 0)
		rc = prun_job_get(&result, job, 50);
	if (rc == PRUN_ETIMEDOUT) {
		printf("get: timed out, ready: %s\n",
		       prun_job_ready(job) == 1 ? "True" : "False");
		rc = write(gate[1], "!", 1) == 1 ? 0 : -errno;
	}
	if (rc == 0)
		rc = prun_job_get(&result, job, 60000);
	if (rc == 0)
		rc = prun_result_str(result, &s, &len);
	if (rc == 0)
		printf("get: %.*s\n", (int)len, s);
	prun_job_free(job);
	return rc;
}

static int get_a_failure(struct prun_pool *pool)
{
	const struct prun_result *result = NULL;
	struct prun_job *job;
	int rc = divide_async(&job, pool, 5, 0, 0);

	if (rc == 0)
		rc = prun_job_get(&result, job, -1);
	if (result && rc == PRUN_EFAILED) {
		printf("get failed: %s\n", result->message);
		rc = 0;
	}
	prun_job_free(job);
	return rc;
}

static int squares_in_order(struct prun_pool *pool)
{
	struct prun_call call = PRUN_CALL_INIT;
	struct prun_range range = {3, 0, -1};
	const struct prun_result *result;
	struct prun_job *job;
	int64_t n;
	int rc;

	call.func = "square";
	call.source = prun_source_range;
	call.source_payload = &range;
	rc = prun_imap(&job, pool, &call);
	if (rc == 0)
		printf("imap:");
	while (rc >= 0 && (rc = prun_job_next(&result, job, -1)) == 1) {
		rc = prun_result_int(result, &n);
		if (rc < 0)
			break;
		printf(" %" PRId64, n);
	}
	if (rc == 0)
		printf("\n");
	prun_job_free(job);
	return rc;
}

static int close_and_join(struct prun_pool *pool)
{
	struct prun_call call = PRUN_CALL_INIT;
	struct prun_job *job;
	int rc = prun_pool_close(pool);

	if (rc == 0)
		rc = prun_pool_join(pool, -1);
	if (rc < 0)
		return rc;
	call.func = "square";
	rc = prun_apply(&job, pool, &call);
	if (rc == PRUN_ECLOSED)
		printf("apply: %s\n", prun_strerror(rc));
	prun_job_free(job);
	return rc == PRUN_ECLOSED ? 0 : rc;
}

int main(int argc, char **argv)
{
	static const int whole[][2] = {{60, 3}, {60, 4}, {60, 5}};
	static const int broken[][2] = {{1, 1}, {2, 0}, {3, 1}};
	struct prun_options options = PRUN_OPTIONS_INIT;
	struct prun_pool *pool;
	int rc;

	if (argc != 2) {
		fprintf(stderr, "usage: python_twin FILE\n");
		return 2;
	}
	if (pipe(gate) < 0) {
		perror("python_twin: pipe");
		return 1;
	}
	options.funcs = funcs;
	options.workers = 2;
	rc = prun_pool_new(&pool, &options);
	if (rc == 0)
		rc = squares(pool);
	if (rc == 0)
		rc = quotients(pool, whole, 3);
	if (rc == 0)
		rc = count_words(pool, argv[1]);
	if (rc == 0)
		rc = callbacks(pool, 7);
	if (rc == 0)
		rc = callbacks(pool, 0);
	if (rc == 0)
		rc = get_with_timeout(pool);
	if (rc == 0)
		rc = quotients(pool, broken, 3);
	if (rc == 0)
		rc = get_a_failure(pool);
	if (rc == 0)
		rc = squares_in_order(pool);
	if (rc == 0)
		rc = close_and_join(pool);
	if (rc < 0)
		fprintf(stderr, "python_twin: %s\n", prun_strerror(rc));
	prun_pool_free(pool);
	close(gate[0]);
	close(gate[1]);
	return rc < 0;
}
