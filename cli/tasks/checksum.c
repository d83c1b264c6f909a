/* SPDX-License-Identifier: MIT */

/* Checksums that are fast and guard against accidents only. */

#include <xxhash.h>
#include <zlib.h>

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
	XXH32_reset(state, 0);
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
	XXH64_reset(state, 0);
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
	XXH3_64bits_reset(xxh3_state);
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
	XXH3_128bits_reset(xxh3_state);
	rc = file_read(&bytes, task, xxh128_update, xxh3_state);
	if (rc < 0)
		return rc;
	XXH128_canonicalFromHash(&sum, XXH3_128bits_digest(xxh3_state));
	return hex_return(task, sum.digest, sizeof(sum.digest), bytes);
}

#define ROW(name_, fn_, tag_, help_) \
	{ \
		.func = {.name = name_, .fn = fn_, .help = help_}, \
		.kind = TASK_DIGEST, .opens = true, .tag = tag_ \
	}

const struct task tasks_checksum[] = {
	ROW("crc32", crc32_task, "CRC32", "CRC-32 of zlib and gzip"),
	ROW("xxh32", xxh32_task, "XXH32", "XXH32, as xxhsum -H0"),
	ROW("xxh64", xxh64_task, "XXH64", "XXH64, as xxhsum -H1"),
	ROW("xxh3", xxh3_task, "XXH3",
	    "XXH3, 64 bits, the digits of xxhsum -H3"),
	ROW("xxh128", xxh128_task, "XXH128", "XXH3, 128 bits, as xxhsum -H2"),
	{.func = {.name = NULL}},
};
