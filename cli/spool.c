/* SPDX-License-Identifier: MIT */

#include "spool.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* 256 GiB of output that waits. */
#define BLOCKS ((uint32_t)1 << 20)

/* Shared by all processes, and only touched as far as there are blocks. */
struct map {
	pthread_mutex_t mutex;
	_Atomic uint32_t high;	/* no block from here on was ever used */
	_Atomic uint32_t start; /* none below is free, most likely */
	_Atomic uint32_t owners[BLOCKS];
};

struct spool {
	int fd; /* or -errno */
	struct map *map;
};

/* ---------------------------------------------------------------- life */

/* Without a name from the start, or at least from soon on. */
static int file_open(const char *directory)
{
	char name[PATH_MAX];
	int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR))
		return fd < 0 ? -errno : fd;
	if (snprintf(name, sizeof(name), "%s/prunXXXXXX", directory) >=
	    (int)sizeof(name))
		return -ENAMETOOLONG;
	fd = mkostemp(name, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	unlink(name);
	return fd;
}

/* A process that dies with it leaves it usable. */
static int mutex_init(pthread_mutex_t *mutex)
{
	pthread_mutexattr_t attr;
	int rc = pthread_mutexattr_init(&attr);

	if (rc != 0)
		return -rc;
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	rc = pthread_mutex_init(mutex, &attr);
	pthread_mutexattr_destroy(&attr);
	return -rc;
}

int spool_new(struct spool **out)
{
	const char *directory = getenv("TMPDIR");
	struct spool *s = calloc(1, sizeof(*s));
	int rc;

	*out = NULL;
	if (!s)
		return -ENOMEM;
	s->map = mmap(NULL, sizeof(*s->map), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (s->map == MAP_FAILED) {
		free(s);
		return -ENOMEM;
	}
	rc = mutex_init(&s->map->mutex);
	s->fd = file_open(directory && *directory ? directory : "/tmp");
	if (rc < 0) {
		spool_free(s);
		return rc;
	}
	*out = s;
	return 0;
}

void spool_free(struct spool *s)
{
	if (!s)
		return;
	if (s->fd >= 0)
		close(s->fd);
	munmap(s->map, sizeof(*s->map));
	free(s);
}

void spool_lock(struct spool *s)
{
	if (pthread_mutex_lock(&s->map->mutex) == EOWNERDEAD)
		pthread_mutex_consistent(&s->map->mutex);
}

void spool_unlock(struct spool *s)
{
	pthread_mutex_unlock(&s->map->mutex);
}

/* --------------------------------------------------------------- blocks */

static void raise_to(_Atomic uint32_t *at, uint32_t value)
{
	uint32_t now = atomic_load(at);

	while (now < value && !atomic_compare_exchange_weak(at, &now, value))
		;
}

static void lower_to(_Atomic uint32_t *at, uint32_t value)
{
	uint32_t now = atomic_load(at);

	while (now > value && !atomic_compare_exchange_weak(at, &now, value))
		;
}

static bool block_claim(struct map *m, uint32_t i, uint32_t owner)
{
	uint32_t none = 0;

	if (!atomic_compare_exchange_strong(&m->owners[i], &none, owner))
		return false;
	raise_to(&m->high, i + 1);
	return true;
}

/* The first free one, so that the file is as long as it has to be. */
static int64_t block_take(struct map *m, uint32_t owner)
{
	uint32_t start = atomic_load(&m->start), i;

	for (i = start; i < BLOCKS; i++) {
		if (!block_claim(m, i, owner))
			continue;
		/* Not when one was freed meanwhile. */
		atomic_compare_exchange_strong(&m->start, &start, i + 1);
		return i;
	}
	/* One that was freed at the very moment may have been passed over. */
	for (i = 0; i < BLOCKS; i++)
		if (block_claim(m, i, owner))
			return i;
	return -EFBIG;
}

static int write_at(int fd, const char *data, size_t size, off_t at)
{
	while (size > 0) {
		ssize_t n = pwrite(fd, data, size, at);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			data += n;
			size -= (size_t)n;
			at += n;
		}
	}
	return 0;
}

static off_t place(uint32_t block)
{
	return (off_t)block * (off_t)SPOOL_BLOCK;
}

int64_t spool_put(struct spool *s, uint32_t owner, const void *data)
{
	int64_t block = s->fd < 0 ? s->fd : block_take(s->map, owner);
	int rc;

	if (block < 0)
		return block;
	rc = write_at(s->fd, data, SPOOL_BLOCK, place((uint32_t)block));
	if (rc < 0) {
		spool_drop(s, (uint32_t)block);
		return rc;
	}
	return block;
}

int spool_get(const struct spool *s, void *data, uint32_t block)
{
	size_t done = 0;

	while (done < SPOOL_BLOCK) {
		ssize_t n = pread(s->fd, (char *)data + done,
				  SPOOL_BLOCK - done,
				  place(block) + (off_t)done);

		if (n == 0)
			return -EIO; /* somebody has cut it off */
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			done += (size_t)n;
	}
	return 0;
}

/* The block is free for others last of all. */
void spool_drop(struct spool *s, uint32_t block)
{
	if (block >= BLOCKS)
		return; /* what a worker says is not believed */
	fallocate(s->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		  place(block), (off_t)SPOOL_BLOCK);
	atomic_store(&s->map->owners[block], 0);
	lower_to(&s->map->start, block);
}

void spool_drop_all(struct spool *s, uint32_t owner)
{
	uint32_t high = atomic_load(&s->map->high);

	for (uint32_t i = 0; i < high; i++)
		if (atomic_load(&s->map->owners[i]) == owner)
			spool_drop(s, i);
}
