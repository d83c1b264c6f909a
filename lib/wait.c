/* SPDX-License-Identifier: MIT */
/* Waiting for several jobs, of one pool or of several. */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "loop.h"

/* The pools of the jobs, each once. One alone without a thread is waited for by
 * its own means; others by their descriptors, and those with a thread by one
 * eventfd, the last in `polls`. */
struct pools {
	struct prun_pool **pools;
	size_t count;
	uint64_t *wakes; /* of those with a thread, when it began */
	struct driver_watch *watches;
	struct pollfd *polls;
	int fd; /* the eventfd, or -1 */
};

static int add_pool(struct pools *p, struct prun_pool *pool)
{
	struct prun_pool **pools;
	size_t i;
	int rc;

	for (i = 0; i < p->count; i++)
		if (p->pools[i] == pool)
			return 0;
	pools = realloc(p->pools, (p->count + 1) * sizeof(struct prun_pool *));
	if (!pools)
		return -ENOMEM;
	p->pools = pools;
	pools[p->count++] = pool;
	pool_lock(pool);
	rc = pool_check_drive(pool);
	pool_unlock(pool);
	return rc;
}

static int open_pools(struct pools *p)
{
	size_t i;

	p->wakes = calloc(p->count + 1, sizeof(*p->wakes));
	p->watches = calloc(p->count + 1, sizeof(*p->watches));
	p->polls = calloc(p->count + 1, sizeof(*p->polls));
	if (!p->wakes || !p->watches || !p->polls)
		return -ENOMEM;
	if (p->count > 1 || (p->count == 1 && p->pools[0]->driver)) {
		p->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (p->fd < 0)
			return -errno;
	}
	for (i = 0; i < p->count; i++) {
		struct prun_pool *pool = p->pools[i];

		p->polls[i].fd = -1;
		p->polls[i].events = POLLIN;
		if (!pool->driver) {
			if (p->fd >= 0) {
				pool->engine->poller.foreign = true;
				p->polls[i].fd = pool->engine->poller.epfd;
			}
			continue;
		}
		p->watches[i].fd = p->fd;
		pool_lock(pool);
		p->wakes[i] = pool->driver->wakes;
		if (p->fd >= 0)
			driver_watch(pool->driver, &p->watches[i]);
		pool_unlock(pool);
	}
	p->polls[p->count].fd = p->fd;
	p->polls[p->count].events = POLLIN;
	return 0;
}

static int find_pools(struct pools *p, struct prun_job *const *jobs, size_t n)
{
	size_t i;
	int rc = 0;

	*p = (struct pools){.fd = -1};
	for (i = 0; i < n && rc == 0; i++)
		if (jobs[i] && jobs[i]->pool)
			rc = add_pool(p, jobs[i]->pool);
	return rc < 0 ? rc : open_pools(p);
}

static void leave_pools(struct pools *p)
{
	size_t i;

	for (i = 0; i < p->count && p->watches && p->fd >= 0; i++) {
		if (p->watches[i].fd != p->fd)
			continue;
		pool_lock(p->pools[i]);
		driver_unwatch(p->pools[i]->driver, &p->watches[i]);
		pool_unlock(p->pools[i]);
	}
	if (p->fd >= 0)
		close(p->fd);
	free(p->pools);
	free(p->wakes);
	free(p->watches);
	free(p->polls);
}

/* -- A turn of all of them -- */

/* Of a pool with a thread: whether it was woken. Of another: a turn, which
 * waits until the deadline at most. */
static int turn(const struct pools *p, size_t i, uint64_t deadline_ns)
{
	struct prun_pool *pool = p->pools[i];
	int rc = 0;

	pool_lock(pool);
	if (!pool->driver) {
		pool_enter(pool, true);
		pool_ask_all(pool);
		rc = pool_turn(pool, deadline_ns);
		pool_leave(pool);
	} else if (pool->driver->wakes != p->wakes[i] ||
		   driver_take_wake(pool->driver)) {
		rc = PRUN_EWOKEN;
	}
	pool_unlock(pool);
	return rc;
}

static int poll_all(struct pools *p, uint64_t deadline_ns)
{
	uint64_t now = now_ns(), ms, count;
	int timeout = -1;

	if (deadline_ns != UINT64_MAX) {
		ms = deadline_ns > now ?
			     (deadline_ns - now + 999999) / 1000000 :
			     0;
		timeout = ms > INT_MAX ? INT_MAX : (int)ms;
	}
	if (poll(p->polls, p->count + 1, timeout) < 0 && errno != EINTR)
		return -errno;
	while (read(p->fd, &count, sizeof(count)) > 0)
		;
	return 0;
}

/* Serve them, and wait for one of them if nothing happened. */
static int turn_all(struct pools *p, uint64_t deadline_ns)
{
	bool happened = false;
	size_t i;
	int rc;

	if (p->fd < 0)
		return p->count ? turn(p, 0, deadline_ns) : 0;
	for (i = 0; i < p->count; i++) {
		rc = turn(p, i, 0);
		if (rc < 0)
			return rc;
		happened |= rc > 0;
	}
	return happened ? 0 : poll_all(p, deadline_ns);
}

/* -- What is waited for -- */

struct wish {
	struct prun_job **jobs;
	size_t n;
	enum prun_wait_mode mode;
	size_t first; /* all before it are finished */
};

enum { OPEN, STUCK, FINISHED, FAILED };

static int look_at(const struct prun_job *job)
{
	const struct prun_pool *pool = job->pool;
	int is = OPEN;

	pool_lock(pool);
	if (!pool || job_is_over(job))
		is = job->failed > job->cancelled ||
				     (job->error &&
				      job->error != PRUN_ECANCELLED) ?
			     FAILED :
			     FINISHED;
	else if (job_stuck(job))
		is = STUCK;
	pool_unlock(pool);
	return is;
}

/* 1: it is fulfilled; 0: not yet; PRUN_ENOTREADY: only the caller can. */
static int look(struct wish *w)
{
	bool open = false;
	size_t i;
	int is;

	for (i = w->first; i < w->n; i++) {
		is = w->jobs[i] ? look_at(w->jobs[i]) : FINISHED;
		if (is >= FINISHED && i == w->first)
			w->first++;
		if (is == FAILED && w->mode == PRUN_WAIT_FAILURE)
			return 1;
		if (is >= FINISHED && w->jobs[i] && w->mode == PRUN_WAIT_FIRST)
			return 1;
		if (is == OPEN && w->mode == PRUN_WAIT_ALL)
			return 0;
		open |= is == OPEN;
	}
	if (w->first == w->n)
		return 1;
	return open ? 0 : PRUN_ENOTREADY;
}

static int fulfil(struct wish *w, int timeout_ms)
{
	uint64_t deadline_ns = pool_deadline(timeout_ms);
	struct pools pools;
	int rc = find_pools(&pools, w->jobs, w->n);

	if (rc < 0) {
		leave_pools(&pools);
		return rc;
	}
	while (rc == 0 && (rc = look(w)) == 0) {
		rc = turn_all(&pools, deadline_ns);
		if (rc < 0 || (rc = look(w)) != 0)
			break;
		if (deadline_ns != UINT64_MAX && now_ns() >= deadline_ns)
			rc = PRUN_ETIMEDOUT;
	}
	leave_pools(&pools);
	return rc < 0 ? rc : 0;
}

static int compare_places(const void *a, const void *b)
{
	const struct prun_job *x = *(struct prun_job *const *)a;
	const struct prun_job *y = *(struct prun_job *const *)b;

	return (x > y) - (x < y);
}

/* Those that are not NULL, each once, to `to`; returns how many. */
static size_t copy_distinct(struct prun_job **to, struct prun_job *const *jobs,
			    size_t n)
{
	size_t count = 0, kept = 0, i;

	for (i = 0; i < n; i++)
		if (jobs[i])
			to[count++] = jobs[i];
	qsort(to, count, sizeof(struct prun_job *), compare_places);
	for (i = 0; i < count; i++)
		if (i == 0 || to[i] != to[i - 1])
			to[kept++] = to[i];
	return kept;
}

static int count_finished(struct prun_job *const *jobs, size_t n)
{
	struct prun_job **distinct =
		malloc((n + 1) * sizeof(struct prun_job *));
	size_t i;
	int count = 0;

	if (!distinct)
		return -ENOMEM;
	n = copy_distinct(distinct, jobs, n);
	for (i = 0; i < n; i++)
		count += look_at(distinct[i]) >= FINISHED;
	free(distinct);
	return count;
}

/* A job is there until all calls on it are over, though a callback frees it. */
static void pin(struct prun_job *job)
{
	const struct prun_pool *pool = job ? job->pool : NULL;

	pool_lock(pool);
	if (job)
		pool_pin(job);
	pool_unlock(pool);
}

/* False: it is gone. */
static bool unpin(struct prun_job *job)
{
	struct prun_pool *pool = job ? job->pool : NULL;
	bool there = true;

	pool_lock(pool);
	if (pool)
		there = pool_unpin(pool, job);
	else if (job)
		job->pins--;
	pool_unlock(pool);
	return there;
}

int prun_wait(struct prun_job *const *jobs, size_t n, enum prun_wait_mode mode,
	      int timeout_ms)
{
	struct wish wish = {(struct prun_job **)(uintptr_t)jobs, n, mode, 0};
	int rc;

	size_t i;

	if ((unsigned)mode > PRUN_WAIT_FAILURE)
		return PRUN_EINVAL;
	for (i = 0; i < n; i++)
		pin(jobs[i]);
	rc = fulfil(&wish, timeout_ms);
	if (rc == 0)
		rc = count_finished(jobs, n);
	for (i = 0; i < n; i++)
		unpin(jobs[i]);
	return rc;
}

/* -- As they finish -- */

/* Of the jobs, those before `given` were given, those before `finished` are
 * finished and sorted. */
struct prun_completed {
	size_t n, given, finished;
	struct prun_job *jobs[];
};

int prun_as_completed(struct prun_completed **completed,
		      struct prun_job *const *jobs, size_t n)
{
	struct prun_completed *c =
		calloc(1, sizeof(*c) + n * sizeof(struct prun_job *));

	*completed = c;
	if (!c)
		return -ENOMEM;
	c->n = copy_distinct(c->jobs, jobs, n);
	return 0;
}

void prun_completed_free(struct prun_completed *completed)
{
	free(completed);
}

static int compare(const void *a, const void *b)
{
	const struct prun_job *x = *(struct prun_job *const *)a;
	const struct prun_job *y = *(struct prun_job *const *)b;

	if (!x || !y || x->pool != y->pool)
		return (x ? x->pool : NULL) < (y ? y->pool : NULL) ? -1 : 1;
	return (x->completed_at > y->completed_at) -
	       (x->completed_at < y->completed_at);
}

/* Those that have finished meanwhile, in the order they did, to the front;
 * with them those that are gone. */
static void gather_finished(struct prun_completed *c)
{
	size_t i;

	for (i = c->finished; i < c->n; i++) {
		struct prun_job *job = c->jobs[i];

		if (job && look_at(job) < FINISHED)
			continue;
		c->jobs[i] = c->jobs[c->finished];
		c->jobs[c->finished++] = job;
	}
	qsort(c->jobs + c->given, c->finished - c->given,
	      sizeof(struct prun_job *), compare);
}

/* Wait for one of those that are left, and gather. */
static int await_one(struct prun_completed *c, int timeout_ms)
{
	struct wish wish = {c->jobs + c->given, c->n - c->given,
			    PRUN_WAIT_FIRST, 0};
	size_t i;
	int rc;

	for (i = c->given; i < c->n; i++)
		pin(c->jobs[i]);
	rc = fulfil(&wish, timeout_ms);
	for (i = c->given; i < c->n; i++)
		if (!unpin(c->jobs[i]))
			c->jobs[i] = NULL; /* a callback has freed it */
	if (rc == 0)
		gather_finished(c);
	return rc;
}

int prun_completed_next(struct prun_job **job, struct prun_completed *c,
			int timeout_ms)
{
	int rc;

	while (c->given < c->n) {
		if (c->given == c->finished) {
			rc = await_one(c, timeout_ms);
			if (rc < 0)
				return rc;
			continue;
		}
		*job = c->jobs[c->given++];
		if (*job)
			return 1;
	}
	return 0;
}
