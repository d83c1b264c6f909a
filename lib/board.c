/* SPDX-License-Identifier: MIT */
#include "board.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct board *board_new(void)
{
	void *p = mmap(NULL, sizeof(struct board), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	if (board_share(p, false) < 0) {
		munmap(p, sizeof(struct board));
		return NULL;
	}
	return p; /* all zero: nothing granted, nothing running */
}

struct board *board_map(int fd)
{
	void *p = mmap(NULL, sizeof(struct board), PROT_READ | PROT_WRITE,
		       MAP_SHARED, fd, 0);

	return p == MAP_FAILED ? NULL : p;
}

/* Sealed, lest whoever holds a copy of the descriptor cuts it off under the
 * parent's feet. */
struct board *board_new_fd(int *out)
{
	int fd = memfd_create("prun-board", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct board *b = NULL;
	int saved;

	if (fd < 0)
		return NULL;
	if (ftruncate(fd, sizeof(struct board)) == 0 &&
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) ==
		    0)
		b = board_map(fd);
	if (b && board_share(b, false) < 0) {
		board_free(b);
		b = NULL;
	}
	if (!b) {
		saved = errno;
		close(fd);
		errno = saved;
		return NULL;
	}
	*out = fd;
	return b;
}

void board_free(struct board *b)
{
	if (b)
		munmap(b, sizeof(*b));
}

int board_share(struct board *b, bool share)
{
	return madvise(b, sizeof(*b), share ? MADV_DOFORK : MADV_DONTFORK);
}

uint64_t board_word(const struct board *b)
{
	return atomic_load_explicit(&b->word, memory_order_acquire);
}

void board_grant(struct board *b, uint32_t count)
{
	/* A carry out of `end` leaves the word: numbers are modulo 2^32. */
	atomic_fetch_add_explicit(&b->word, (uint64_t)count << 32,
				  memory_order_acq_rel);
}

bool board_grant_fresh(struct board *b, uint32_t first, uint32_t count)
{
	uint64_t word = board_word(b);

	while (word_next(word) == word_end(word))
		if (atomic_compare_exchange_weak_explicit(
			    &b->word, &word, word_make(first, first + count),
			    memory_order_acq_rel, memory_order_acquire))
			return true;
	return false;
}

bool board_withdraw(struct board *b, uint32_t to)
{
	uint64_t word = board_word(b);

	while (word_withdrawable(word, to))
		if (atomic_compare_exchange_weak_explicit(
			    &b->word, &word, word_withdrawn(word, to),
			    memory_order_acq_rel, memory_order_acquire))
			return true;
	return false;
}

bool board_running(const struct board *b, unsigned lane, uint32_t *number,
		   uint64_t *start_ns)
{
	const struct board_lane *l = &b->lanes[lane];
	uint64_t state = atomic_load_explicit(&l->state, memory_order_acquire);

	if (!(state & 1))
		return false;
	*number = (uint32_t)(state >> 1);
	*start_ns = atomic_load_explicit(&l->start_ns, memory_order_relaxed);
	return number_before(*number, word_next(board_word(b)));
}

bool board_ask_stop(struct board *b, unsigned lane, uint32_t number)
{
	uint64_t state = (uint64_t)number << 1 | 1;

	return atomic_exchange_explicit(&b->lanes[lane].stop, state,
					memory_order_relaxed) != state;
}

uint64_t board_committed(const struct board *b)
{
	return atomic_load_explicit(&b->committed, memory_order_acquire);
}

uint64_t board_valid_from(const struct board *b)
{
	return atomic_load_explicit(&b->valid_from, memory_order_acquire);
}

int64_t board_harvest(const struct board *b, uint64_t from, void *to)
{
	uint64_t committed = board_committed(b);
	uint64_t size = committed - from;
	size_t at = from % BOARD_OUT_SIZE;
	size_t head = BOARD_OUT_SIZE - at;

	if (committed <= from)
		return 0;
	if (atomic_load_explicit(&b->valid_from, memory_order_relaxed) > from)
		return 0;
	if (size > BOARD_OUT_SIZE)
		return -1;
	if (head > size)
		head = (size_t)size;
	memcpy(to, b->out + at, head);
	memcpy((char *)to + head, b->out, (size_t)size - head);

	/* The worker may have begun to overwrite what was just copied; it
	 * says so in valid_from before it does. */
	atomic_thread_fence(memory_order_acquire);
	if (atomic_load_explicit(&b->valid_from, memory_order_relaxed) > from)
		return 0;
	return (int64_t)size;
}

void board_write_wrapped(struct board *b, uint64_t position, const void *data,
			 size_t size)
{
	size_t at = position % BOARD_OUT_SIZE;
	size_t head = BOARD_OUT_SIZE - at;

	if (head > size)
		head = size;
	memcpy(b->out + at, data, head);
	memcpy(b->out, (const char *)data + head, size - head);
}
