/* SPDX-License-Identifier: MIT */

#include "multi.h"

#include <errno.h>
#include <string.h>

#include "file.h"
#include "hex.h"

/* Read at a time. All lanes together stay in the second cache of a core. */
#define LANE_BYTES ((size_t)16 << 10)

struct lane {
	struct prun_task *task; /* NULL: free */
	struct file file;
	uint32_t state[LANES_WORDS];
	size_t at, have; /* bytes of the buffer: behind the blocks done; read */
	bool held;	 /* its file is not open yet */
	bool padded;	 /* what it has is the end */
	unsigned char buffer[LANE_BYTES + 2 * LANES_BLOCK];
};

/* Of one worker, which has one batch at a time. */
static struct lane lanes[LANES_MAX];
static struct file_folder folder = {.fd = -1};

static bool lane_is_open(const struct lane *l)
{
	return l->task && !l->held;
}

static bool lane_is_held(const struct lane *l)
{
	return l->held;
}

static bool lanes_any(bool (*is)(const struct lane *l))
{
	for (const struct lane *l = lanes; l < lanes + LANES_MAX; l++)
		if (is(l))
			return true;
	return false;
}

static size_t lane_blocks(const struct lane *l)
{
	return (l->have - l->at) / LANES_BLOCK;
}

static void lane_fail(struct lane *l, int status)
{
	file_close(&l->file);
	prun_batch_done(l->task, status);
	l->task = NULL;
}

static void lane_finish(struct lane *l, const struct lanes_digest *digest)
{
	unsigned char sum[LANES_WORDS * sizeof(uint32_t)];

	file_close(&l->file);
	lanes_sum(sum, digest, l->state);
	prun_batch_done(l->task,
			hex_return(l->task, sum, digest->size, l->file.bytes));
	l->task = NULL;
}

/* Give each free lane a task, whose file is to be opened. */
static void lanes_take(unsigned most, struct prun_batch *batch)
{
	for (struct lane *l = lanes; l < lanes + most; l++) {
		if (l->task)
			continue;
		l->held = prun_batch_next(&l->task, batch) > 0;
		if (!l->held) {
			l->task = NULL;
			return;
		}
	}
}

static int lane_open(struct lane *l, const struct lanes_digest *digest)
{
	int rc = file_open(&l->file, l->task, &folder);

	if (rc < 0)
		return rc;
	memcpy(l->state, digest->start, sizeof(l->state));
	l->at = l->have = 0;
	l->padded = l->held = false;
	return 0;
}

/*
 * Too few descriptors for all lanes do not fail a file that one lane alone
 * could read: it is tried again when others have closed theirs.
 */
static bool lane_must_wait(int status)
{
	return (status == -EMFILE || status == -ENFILE) &&
	       (folder.fd >= 0 || lanes_any(lane_is_open));
}

/* Open the files of the tasks taken. True: some failed, and their lanes are
 * free again. */
static bool lanes_open(unsigned most, const struct lanes_digest *digest)
{
	bool freed = false;

	for (struct lane *l = lanes; l < lanes + most; l++) {
		int rc = l->held ? lane_open(l, digest) : 0;

		if (lane_must_wait(rc))
			break;
		if (rc == 0)
			continue;
		prun_batch_done(l->task, rc);
		l->task = NULL;
		l->held = false;
		freed = true;
	}
	file_folder_leave(&folder);
	return freed;
}

static void lanes_start(unsigned most, struct prun_batch *batch,
			const struct lanes_digest *digest)
{
	do {
		lanes_take(most, batch);
	} while (lanes_open(most, digest));
}

/* At least a block, behind what is left of the last one; without `wait` as much
 * of it as can be had now. 0 or the failure. */
static int lane_fill(struct lane *l, const struct lanes_digest *digest,
		     bool wait)
{
	size_t rest = l->have - l->at;

	memmove(l->buffer, l->buffer + l->at, rest);
	l->at = 0;
	l->have = rest;
	while (!l->padded && (l->file.ended || l->have < LANES_BLOCK)) {
		unsigned char *end = l->buffer + l->have;
		ssize_t n;

		if (!wait && !l->file.ended && !file_ready(&l->file))
			return 0;
		n = file_next(&l->file, end, LANE_BYTES - l->have);
		if (n < 0)
			return (int)n;
		l->have += (size_t)n;
		if (n > 0)
			continue;
		rest = l->have % LANES_BLOCK;
		l->have -= rest;
		l->have += LANES_BLOCK * lanes_pad(digest, l->buffer + l->have,
						   rest, l->file.bytes);
		l->padded = true;
	}
	return 0;
}

/*
 * The lanes that have blocks, after reading. One that would wait for input
 * does so only when it is the only one.
 */
static unsigned lanes_collect(struct lane *ready[LANES_MAX],
			      const struct lanes_digest *digest)
{
	struct lane *waits = NULL;
	unsigned count = 0;
	int rc;

	for (struct lane *l = lanes; l < lanes + LANES_MAX; l++) {
		if (!lane_is_open(l))
			continue;
		rc = lane_blocks(l) == 0 ? lane_fill(l, digest, false) : 0;
		if (rc < 0)
			lane_fail(l, rc);
		else if (lane_blocks(l) > 0)
			ready[count++] = l;
		else
			waits = l;
	}
	if (count > 0 || !waits)
		return count;
	rc = lane_fill(waits, digest, true);
	if (rc < 0)
		lane_fail(waits, rc);
	else
		ready[count++] = waits;
	return count;
}

/* Take all of them on by as many blocks as each of them has. */
static void lanes_step(struct lane *const ready[], unsigned count,
		       const struct lanes_digest *digest)
{
	const struct lanes_kernel *kernel = lanes_pick(digest, count);
	uint32_t idle_state[LANES_WORDS] = {0}, *state[LANES_MAX];
	const unsigned char *data[LANES_MAX];
	size_t blocks = SIZE_MAX;

	for (unsigned i = 0; i < count; i++) {
		if (lane_blocks(ready[i]) < blocks)
			blocks = lane_blocks(ready[i]);
		state[i] = ready[i]->state;
		data[i] = ready[i]->buffer + ready[i]->at;
	}
	/* The lanes left over digest the first one's bytes for nobody. */
	for (unsigned i = count; i < kernel->lanes; i++) {
		state[i] = idle_state;
		data[i] = data[0];
	}
	kernel->run(state, data, blocks);
	for (unsigned i = 0; i < count; i++) {
		ready[i]->at += blocks * LANES_BLOCK;
		if (ready[i]->padded && ready[i]->at == ready[i]->have)
			lane_finish(ready[i], digest);
	}
}

int multi_digest(struct prun_batch *batch, const struct lanes_digest *digest)
{
	unsigned most = lanes_pick(digest, LANES_MAX)->lanes;
	struct lane *ready[LANES_MAX];
	unsigned count;

	do {
		lanes_start(most, batch, digest);
		count = lanes_collect(ready, digest);
		if (count > 0)
			lanes_step(ready, count, digest);
	} while (count > 0 || lanes_any(lane_is_held));
	return 0;
}
