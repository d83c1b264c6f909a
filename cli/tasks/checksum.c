/* SPDX-License-Identifier: MIT */

/* Checksums that are fast and guard against accidents only. */

#include <xxhash.h>
#include <zlib.h>

#include "argument.h"
#include "file.h"
#include "hex.h"
#include "tasks.h"

static int crc32_update(void *state, const void *data, size_t size)
{
	uLong *crc = state;

	*crc = crc32_z(*crc, data, size);
	return 0;
}

static int crc32_task(struct prun_task *task)
{
	unsigned char sum[4];
	uLong crc = 0;
	uint64_t bytes;
	int rc = file_read(&bytes, task, crc32_update, &crc);

	if (rc < 0)
		return rc;
	for (int i = 0; i < 4; i++)
		sum[i] = (unsigned char)(crc >> (24 - 8 * i));
	return hex_return(task, sum, sizeof(sum), bytes);
}

/* Of all kinds of xxHash; the workers have what was set before them. */
static uint64_t seed;

static bool seed_set(const char *text)
{
	return argument_number(&seed, text, 0, UINT64_MAX);
}

static bool seed32_set(const char *text)
{
	return argument_number(&seed, text, 0, UINT32_MAX);
}

static const struct task_argument seed_argument[] = {
	{"seed", "a number below 2^64, in decimal or as 0x...", seed_set},
	{NULL, NULL, NULL},
};

static const struct task_argument seed32_argument[] = {
	{"seed", "a number below 2^32, in decimal or as 0x...", seed32_set},
	{NULL, NULL, NULL},
};

static int xxh32_update(void *state, const void *data, size_t size)
{
	return XXH32_update(state, data, size) == XXH_OK ? 0 : PRUN_EFAILED;
}

static int xxh32_task(struct prun_task *task)
{
	static XXH32_state_t *state;
	XXH32_canonical_t sum;
	uint64_t bytes;
	int rc;

	if (!state && !(state = XXH32_createState()))
		return prun_task_fail(task, PRUN_EFAILED, "Out of memory");
	XXH32_reset(state, (XXH32_hash_t)seed);
	rc = file_read(&bytes, task, xxh32_update, state);
	if (rc < 0)
		return rc;
	XXH32_canonicalFromHash(&sum, XXH32_digest(state));
	return hex_return(task, sum.digest, sizeof(sum.digest), bytes);
}

static int xxh64_update(void *state, const void *data, size_t size)
{
	return XXH64_update(state, data, size) == XXH_OK ? 0 : PRUN_EFAILED;
}

static int xxh64_task(struct prun_task *task)
{
	static XXH64_state_t *state;
	XXH64_canonical_t sum;
	uint64_t bytes;
	int rc;

	if (!state && !(state = XXH64_createState()))
		return prun_task_fail(task, PRUN_EFAILED, "Out of memory");
	XXH64_reset(state, seed);
	rc = file_read(&bytes, task, xxh64_update, state);
	if (rc < 0)
		return rc;
	XXH64_canonicalFromHash(&sum, XXH64_digest(state));
	return hex_return(task, sum.digest, sizeof(sum.digest), bytes);
}

/* XXH3 keeps one kind of state for both of its sizes. */
static XXH3_state_t *xxh3_state;

static int xxh3_update(void *state, const void *data, size_t size)
{
	return XXH3_64bits_update(state, data, size) == XXH_OK ? 0 :
								 PRUN_EFAILED;
}

static int xxh3_task(struct prun_task *task)
{
	XXH64_canonical_t sum;
	uint64_t bytes;
	int rc;

	if (!xxh3_state && !(xxh3_state = XXH3_createState()))
		return prun_task_fail(task, PRUN_EFAILED, "Out of memory");
	XXH3_64bits_reset_withSeed(xxh3_state, seed);
	rc = file_read(&bytes, task, xxh3_update, xxh3_state);
	if (rc < 0)
		return rc;
	XXH64_canonicalFromHash(&sum, XXH3_64bits_digest(xxh3_state));
	return hex_return(task, sum.digest, sizeof(sum.digest), bytes);
}

static int xxh128_update(void *state, const void *data, size_t size)
{
	return XXH3_128bits_update(state, data, size) == XXH_OK ? 0 :
								  PRUN_EFAILED;
}

static int xxh128_task(struct prun_task *task)
{
	XXH128_canonical_t sum;
	uint64_t bytes;
	int rc;

	if (!xxh3_state && !(xxh3_state = XXH3_createState()))
		return prun_task_fail(task, PRUN_EFAILED, "Out of memory");
	XXH3_128bits_reset_withSeed(xxh3_state, seed);
	rc = file_read(&bytes, task, xxh128_update, xxh3_state);
	if (rc < 0)
		return rc;
	XXH128_canonicalFromHash(&sum, XXH3_128bits_digest(xxh3_state));
	return hex_return(task, sum.digest, sizeof(sum.digest), bytes);
}

#define ROW(name_, fn_, tag_, arguments_, help_) \
	{ \
		.func = {.name = name_, .fn = fn_, .help = help_}, \
		.kind = TASK_DIGEST, .opens = true, .tag = tag_, \
		.arguments = arguments_ \
	}

const struct task tasks_checksum[] = {
	ROW("crc32", crc32_task, "CRC32", NULL, "CRC-32 of zlib and gzip"),
	ROW("xxh32", xxh32_task, "XXH32", seed32_argument,
	    "XXH32, as xxhsum -H0; seed=N"),
	ROW("xxh64", xxh64_task, "XXH64", seed_argument,
	    "XXH64, as xxhsum -H1; seed=N"),
	ROW("xxh3", xxh3_task, "XXH3", seed_argument,
	    "XXH3, 64 bits, the digits of xxhsum -H3; seed=N"),
	ROW("xxh128", xxh128_task, "XXH128", seed_argument,
	    "XXH3, 128 bits, as xxhsum -H2; seed=N"),
	{.func = {.name = NULL}},
};
