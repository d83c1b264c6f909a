/* SPDX-License-Identifier: MIT */
#include "slab.h"

#include <stdint.h>
#include <sys/mman.h>

#define HUGE_PAGE ((size_t)2 << 20)
#define SLAB_SIZE (2 * HUGE_PAGE)
#define LARGEST (HUGE_PAGE / 8)
#define ALIGNMENT 16u

struct slab {
	struct slab *next;
	size_t used;
};

/* Where the first piece of a slab begins. */
#define FIRST ((sizeof(struct slab) + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1))

/* A mapping that begins at a huge page's boundary: more is mapped, and what
 * lies around it given back. */
static struct slab *slab_map(void)
{
	size_t size = SLAB_SIZE + HUGE_PAGE;
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t before;

	if (p == MAP_FAILED)
		return NULL;
	before = (HUGE_PAGE - (uintptr_t)p % HUGE_PAGE) % HUGE_PAGE;
	if (before)
		munmap(p, before);
	munmap(p + before + SLAB_SIZE, HUGE_PAGE - before);
	/* Without huge pages it works as well, a little slower. */
	(void)madvise(p + before, SLAB_SIZE, MADV_HUGEPAGE);
	return (struct slab *)(p + before);
}

void *slab_take(struct slab **slabs, size_t size)
{
	struct slab *s = *slabs;
	void *p;

	size = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
	if (size > LARGEST)
		return NULL;
	if (!s || SLAB_SIZE - s->used < size) {
		s = slab_map();
		if (!s)
			return NULL;
		s->next = *slabs;
		s->used = FIRST;
		*slabs = s;
	}
	p = (char *)s + s->used;
	s->used += size;
	return p;
}

void slab_release(struct slab **slabs)
{
	struct slab *s, *next;

	for (s = *slabs; s; s = next) {
		next = s->next;
		munmap(s, SLAB_SIZE);
	}
	*slabs = NULL;
}

void slab_clear(struct slab **slabs)
{
	if (!*slabs)
		return;
	slab_release(&(*slabs)->next);
	(*slabs)->used = FIRST;
}
