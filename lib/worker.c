/* SPDX-License-Identifier: MIT */
#include "worker.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "process.h"
#include "ticks.h"

/* Results wait for company at most this long, and in at most so many bytes. */
#define FLUSH_NS 500000u
#define FLUSH_BYTES 32768u
/* How long an idle worker looks at its board before it sleeps. */
#define AWAIT_NS 20000u
/* A yield that takes longer has let somebody else run: so long, then, it sleeps
 * at once, for the core is wanted. */
#define YIELD_NS 4000u
#define WANTED_NS 10000000u
#define RECEIVE_BYTES ((size_t)64 << 10)
/* To look at how much memory it holds costs some microseconds. */
#define MEASURE_NS 1000000u

_Static_assert(sizeof(struct frame_result) == BOARD_HEAD_SIZE,
	       "the board writes heads of results");

struct worker {
	const struct worker_setup *setup;
	struct board *board;
	int id;
	void *state;
	bool process; /* of its own, not the caller's */
	worker_send_fn send;
	worker_receive_fn receive;
	void *ctx;

	struct frame_reader reader;
	struct frame frame; /* the one in hand */
	uint32_t next;	    /* its next task */
	uint64_t offset;    /* of that one's argument */

	struct prun_task tasks[PRUN_LANES_MAX]; /* by lane */
	struct prun_batch batch;
	uint64_t busy_lanes;
	unsigned lanes; /* of the frame in hand: 1 when it is solo */

	uint64_t committed, sent; /* positions in the stream of results */
	uint32_t window;	  /* tasks granted when results last went out */
	struct ticks ticks;
	uint64_t now_ns, flushed_ns;
	uint64_t measured_ns; /* when its memory was last looked at */
	uint64_t wanted_ns;   /* up to then others want its core */
	bool full;	      /* above max_rss: starts nothing more */
	int error;	      /* sticky */
};

/* -- Results out -- */

static uint32_t granted(const struct worker *w)
{
	uint64_t word =
		atomic_load_explicit(&w->board->word, memory_order_relaxed);

	return word_end(word) - word_next(word);
}

static void worker_send(struct worker *w, struct iovec *iov, int count)
{
	int rc;

	if (w->error)
		return;
	atomic_store_explicit(&w->board->sending, true, memory_order_relaxed);
	rc = w->send(w->ctx, iov, count);
	atomic_store_explicit(&w->board->sending, false, memory_order_relaxed);
	if (rc < 0)
		w->error = rc;
	/* The caller may have been away: that is not the next task's time. */
	w->now_ns = ticks_now(&w->ticks);
}

/* Send what is committed and not sent. */
void worker_flush(struct worker *w)
{
	size_t at = w->sent % BOARD_OUT_SIZE;
	size_t size = (size_t)(w->committed - w->sent);
	size_t head = BOARD_OUT_SIZE - at;
	struct iovec iov[2];

	w->flushed_ns = w->now_ns;
	w->window = granted(w);
	if (!size)
		return;
	if (head > size)
		head = size;
	iov[0] = (struct iovec){w->board->out + at, head};
	iov[1] = (struct iovec){w->board->out, size - head};
	worker_send(w, iov, size > head ? 2 : 1);
	w->sent = w->committed;
}

/* A result that no ring holds goes out at once, past it. */
static void send_past(struct worker *w, struct frame_result *head,
		      const void *data, size_t size)
{
	struct iovec iov[2] = {{head, sizeof(*head)},
			       {(void *)(uintptr_t)data, size}};
	uint64_t end = w->committed + sizeof(*head) + size;

	worker_flush(w);
	if (w->error)
		return; /* what is in the ring is all that is left of it */
	board_reserve(w->board, end);
	worker_send(w, iov, 2);
	w->sent = end;
	w->committed = end;
	board_commit(w->board, end);
}

static void put(struct worker *w, struct frame_result *head, const void *data,
		size_t size)
{
	size_t need = sizeof(*head) + size;
	uint64_t end;

	if (need > BOARD_OUT_SIZE) {
		send_past(w, head, data, size);
		return;
	}
	if (w->committed - w->sent + need > BOARD_OUT_SIZE)
		worker_flush(w);
	if (w->error)
		return;
	end = w->committed + need;
	if (end > BOARD_OUT_SIZE)
		board_reserve(w->board, end - BOARD_OUT_SIZE);
	board_write(w->board, w->committed, head, data, size);
	w->committed = end;
	board_commit(w->board, end);
}

/* Results go out when half the window is done, after 500 us, at 32 KiB; the
 * rest when the input is empty. */
static void flush_if_due(struct worker *w)
{
	if (granted(w) * 2 <= w->window ||
	    w->committed - w->sent >= FLUSH_BYTES ||
	    w->now_ns - w->flushed_ns >= FLUSH_NS)
		worker_flush(w);
}

/* -- Tasks in -- */

/* Whether a task of the frame in hand is left, or of the next one. */
static bool in_hand(struct worker *w)
{
	if (w->frame.kind == FRAME_STOP)
		return false; /* for good */
	while (w->frame.kind != FRAME_TASKS ||
	       w->next >= w->frame.tasks.count) {
		int rc = w->error ? 0 : frame_next(&w->frame, &w->reader);

		if (rc < 0)
			w->error = rc;
		if (rc <= 0) {
			w->frame.kind = 0;
			return false;
		}
		if (w->frame.kind == FRAME_STOP)
			return false;
		w->next = 0;
		w->offset = 0;
	}
	return true;
}

static int keep_argument(struct prun_task *t)
{
	if (t->arg_size > t->arg_capacity) {
		unsigned char *copy = realloc(t->arg_copy, t->arg_size);

		if (!copy)
			return -ENOMEM;
		t->arg_copy = copy;
		t->arg_capacity = t->arg_size;
	}
	memcpy(t->arg_copy, t->arg, t->arg_size);
	t->arg = t->arg_copy;
	return 0;
}

/* Claim the next task of the frame in hand into a free lane. NULL: the frame
 * is used up, what was left of it had been withdrawn or, by a worker that is
 * full, will be. */
static struct prun_task *claim(struct worker *w, unsigned lane)
{
	const struct frame_tasks *head = &w->frame.tasks;
	struct prun_task *t = &w->tasks[lane];

	if (w->full)
		w->next = head->count;
	while (w->next < head->count) {
		uint32_t i = w->next++;
		uint32_t size = frame_value_size(&w->frame, i);
		const unsigned char *arg = w->frame.body + w->offset;

		w->offset += size;
		board_enter(w->board, lane, head->first + i, w->now_ns);
		if (!board_claim(w->board, head->first + i)) {
			board_leave(w->board, lane);
			continue;
		}
		t->arg = arg;
		t->arg_size = (size_t)size;
		t->index = head->index + i;
		t->number = head->first + i;
		t->start_ns = w->now_ns;
		t->open = true;
		t->star = (head->flags & FRAME_STAR) != 0;
		t->attempt = (head->flags >> FRAME_ATTEMPT_SHIFT) + 1;
		task_clear(t);
		return t;
	}
	return NULL;
}

/* Above the mark it starts nothing more. The parent sees the flag with the
 * result that follows, takes back what was not started, and replaces it. */
static void look_at_memory(struct worker *w)
{
	uint64_t max = w->setup->limits.max_rss;

	if (!max || w->full || w->now_ns - w->measured_ns < MEASURE_NS)
		return;
	w->measured_ns = w->now_ns;
	if (limits_rss() <= max)
		return;
	w->full = true;
	atomic_store_explicit(&w->board->full, 1, memory_order_release);
}

/* The task is over: its result is committed, then its lane is left. */
static void finish(struct worker *w, struct prun_task *t, int rc)
{
	struct frame_result head;
	const void *data;
	size_t size;

	if (__fpending(stdout))
		fflush(stdout);
	w->now_ns = ticks_now(&w->ticks);
	head.status = task_outcome(t, rc, &data, &size);
	head.tag = frame_tag(FRAME_RESULT, size);
	head.start_ns = t->start_ns;
	head.run_ns = w->now_ns - t->start_ns;
	head.number = t->number;
	t->open = false;
	look_at_memory(w);
	put(w, &head, data, size);
	if (w->error)
		return; /* it is still its task that the worker dies of */
	board_leave(w->board, t->lane);
	if (w->full)
		worker_flush(w);
	else
		flush_if_due(w);
}

/* -- Batches -- */

static struct worker *batch_worker(struct prun_batch *batch)
{
	return (struct worker *)((char *)batch -
				 offsetof(struct worker, batch));
}

/* More input without waiting, while lanes are busy. */
static bool more_in_hand(struct worker *w)
{
	if (in_hand(w))
		return true;
	if (w->frame.kind == FRAME_STOP || !w->receive)
		return false;
	return w->receive(w->ctx, &w->reader, false) > 0 && in_hand(w);
}

static int batch_next(struct prun_task **task, struct prun_batch *batch)
{
	struct worker *w = batch_worker(batch);
	unsigned lane = 0;
	int rc;

	while (lane < w->lanes && w->busy_lanes >> lane & 1)
		lane++;
	if (lane == w->lanes)
		return w->lanes < batch->func->lanes ? 0 : PRUN_EINVAL;
	while (more_in_hand(w)) {
		struct prun_task *t;

		/* Another function's task, or one that runs alone, waits. */
		if (&w->setup->funcs->funcs[w->frame.tasks.func] != batch->func)
			return 0;
		if (w->busy_lanes &&
		    (w->lanes == 1 || w->frame.tasks.flags & FRAME_SOLO))
			return 0;
		if (w->frame.tasks.flags & FRAME_SOLO)
			w->lanes = 1;
		/* The function may have computed since the last one ended. */
		w->now_ns = ticks_now(&w->ticks);
		t = claim(w, lane);
		if (!t)
			continue;
		t->func = batch->func;
		t->batch = batch;
		w->busy_lanes |= (uint64_t)1 << lane;
		rc = keep_argument(t);
		if (rc == 0)
			rc = task_params(t);
		if (rc < 0) {
			batch->done(t, rc);
			continue;
		}
		*task = t;
		return 1;
	}
	return 0;
}

static void batch_done(struct prun_task *task, int status)
{
	struct worker *w = batch_worker(task->batch);

	w->busy_lanes &= ~((uint64_t)1 << task->lane);
	finish(w, task, status);
}

static void run_batch(struct worker *w, const struct prun_func *func)
{
	uint32_t first = w->frame.tasks.first + w->next;
	struct prun_task *t;
	unsigned lane;
	int rc;

	w->batch.func = func;
	w->lanes = w->frame.tasks.flags & FRAME_SOLO ? 1 : func->lanes;
	rc = func->batch(&w->batch);
	for (lane = 0; lane < PRUN_LANES_MAX; lane++) {
		t = &w->tasks[lane];
		if (!t->open)
			continue;
		batch_done(t, rc < 0 ? rc :
				       prun_task_fail(t, PRUN_EFAILED,
						      "the batch function did "
						      "not finish its task"));
	}
	/* One that takes no task would be called for ever. */
	if (in_hand(w) && w->frame.tasks.first + w->next == first &&
	    (t = claim(w, 0)) != NULL) {
		t->func = func;
		finish(w, t,
		       prun_task_fail(t, rc < 0 ? rc : PRUN_EFAILED,
				      "the batch function took no task"));
	}
}

/* -- The worker -- */

static void run_tasks(struct worker *w)
{
	const struct prun_func *func;
	struct prun_task *t = &w->tasks[0];

	if (w->frame.tasks.func >= w->setup->funcs->count) {
		w->error = PRUN_EPROTO;
		return;
	}
	func = &w->setup->funcs->funcs[w->frame.tasks.func];
	if (func->batch) {
		run_batch(w, func);
		return;
	}
	t->func = func;
	t->batch = NULL;
	while (!w->error && claim(w, 0))
		finish(w, t, task_params(t) < 0 ? PRUN_ETYPE : func->fn(t));
}

/* For the figures of the pool: how long it works, not how long it waits. */
static void begin_work(struct worker *w)
{
	w->now_ns = ticks_now(&w->ticks);
	atomic_store_explicit(&w->board->since_ns, w->now_ns,
			      memory_order_relaxed);
}

static void end_work(struct worker *w)
{
	struct board *b = w->board;
	uint64_t since =
		atomic_load_explicit(&b->since_ns, memory_order_relaxed);
	uint64_t before =
		atomic_load_explicit(&b->work_ns, memory_order_relaxed);

	atomic_store_explicit(&b->since_ns, 0, memory_order_relaxed);
	atomic_store_explicit(&b->work_ns, before + (w->now_ns - since),
			      memory_order_relaxed);
}

int worker_run(struct worker *w)
{
	begin_work(w);
	while (!w->error && in_hand(w))
		run_tasks(w);
	end_work(w);
	if (w->error)
		return w->error;
	return w->frame.kind == FRAME_STOP;
}

struct frame_reader *worker_reader(struct worker *w)
{
	return &w->reader;
}

struct worker *worker_new(const struct worker_setup *setup, struct board *board,
			  int id, worker_send_fn send,
			  worker_receive_fn receive, void *ctx)
{
	struct worker *w = calloc(1, sizeof(*w));
	unsigned lane;

	if (!w)
		return NULL;
	w->setup = setup;
	w->board = board;
	w->id = id;
	w->send = send;
	w->receive = receive;
	w->ctx = ctx;
	w->batch.next = batch_next;
	w->batch.done = batch_done;
	/* The parent's word is trusted; sizes were checked where they arose. */
	frame_reader_init(&w->reader, SIZE_MAX / 4);
	for (lane = 0; lane < PRUN_LANES_MAX; lane++) {
		task_init(&w->tasks[lane], setup->max_payload);
		w->tasks[lane].lane = lane;
		w->tasks[lane].worker_id = id;
	}
	return w;
}

void worker_free(struct worker *w)
{
	unsigned lane;

	if (!w)
		return;
	for (lane = 0; lane < PRUN_LANES_MAX; lane++)
		task_release(&w->tasks[lane]);
	frame_reader_release(&w->reader);
	free(w);
}

int worker_ready(struct worker *w)
{
	char message[512] = "";
	struct frame_result head = {0};
	unsigned lane;
	int rc = 0;

	rc = w->process ? limits_apply(&w->setup->limits, w->id, message,
				       sizeof(message)) :
			  0;
	if (rc == 0 && w->setup->initializer)
		rc = w->setup->initializer(&w->state, w->id, w->setup->initarg,
					   message, sizeof(message));
	message[sizeof(message) - 1] = '\0';
	if (rc > 0)
		rc = PRUN_EFAILED;
	if (rc < 0 && !message[0])
		snprintf(message, sizeof(message), "%s", prun_strerror(rc));
	w->batch.state = w->state;
	for (lane = 0; lane < PRUN_LANES_MAX; lane++)
		w->tasks[lane].state = w->state;
	head.status = rc;
	head.tag = frame_tag(FRAME_READY, strlen(message));
	w->now_ns = ticks_now(&w->ticks);
	put(w, &head, message, strlen(message));
	worker_flush(w);
	return rc;
}

void worker_finish(struct worker *w)
{
	if (w->setup->finalizer)
		w->setup->finalizer(w->state, w->id, w->setup->initarg);
	if (__fpending(stdout))
		fflush(stdout);
	worker_flush(w);
}

/* -- Over a socket -- */

struct connection {
	int fd;
	pid_t pid;
	struct worker *worker;
};

static int socket_send(void *ctx, struct iovec *iov, int count)
{
	const struct connection *c = ctx;
	struct msghdr m = {.msg_iov = iov, .msg_iovlen = (size_t)count};

	while (m.msg_iovlen > 0) {
		ssize_t n = sendmsg(c->fd, &m, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		while (m.msg_iovlen > 0 && (size_t)n >= m.msg_iov->iov_len) {
			n -= (ssize_t)m.msg_iov->iov_len;
			m.msg_iov++;
			m.msg_iovlen--;
		}
		if (m.msg_iovlen > 0) {
			m.msg_iov->iov_base = (char *)m.msg_iov->iov_base + n;
			m.msg_iov->iov_len -= (size_t)n;
		}
	}
	return 0;
}

static int socket_receive(void *ctx, struct frame_reader *reader, bool block)
{
	const struct connection *c = ctx;
	size_t min = frame_reader_missing(reader);
	size_t room;
	unsigned char *at;
	ssize_t n;

	at = frame_reader_space(
		reader, min > RECEIVE_BYTES ? min : RECEIVE_BYTES / 2, &room);
	if (!at)
		return -ENOMEM;
	do {
		n = recv(c->fd, at, room, block ? 0 : MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	if (n == 0)
		return -EPIPE;
	frame_reader_fed(reader, (size_t)n);
	return 1;
}

/*
 * exit() in a task, before the caller's own exit handlers run: the task that
 * called it fails, and this process leaves without running them. A process
 * that a task forked has another pid and exits as it likes.
 */
static void on_exit_called(int code, void *arg)
{
	struct connection *c = arg;
	struct worker *w = c->worker;
	uint64_t busy = w->busy_lanes;
	struct prun_task *t = &w->tasks[busy ? __builtin_ctzll(busy) : 0];

	if (getpid() != c->pid)
		return;
	if (__fpending(stdout))
		fflush(stdout);
	/* With several lanes busy nobody knows which of them it was: the
	 * parent runs them one by one. */
	if (t->open && !(busy & (busy - 1)))
		finish(w, t,
		       prun_task_fail(t, PRUN_EEXIT, "the task called exit(%d)",
				      code));
	worker_flush(w);
	_exit(code);
}

/*
 * The next task often comes at once, and where the core is idle to sleep and be
 * woken costs both sides more than to look at the board for a moment. Where
 * somebody else wants the core, a yield costs more than the sleep it saves.
 */
static void await_grant(struct worker *w)
{
	uint64_t before = ticks_now(&w->ticks), now = before;
	uint64_t until = before + AWAIT_NS;

	if (now < w->wanted_ns)
		return;
	while (granted(w) == 0 && now < until) {
		sched_yield();
		before = now;
		now = ticks_now(&w->ticks);
		if (now - before > YIELD_NS) {
			w->wanted_ns = now + WANTED_NS;
			return;
		}
	}
}

/* A child of a task has no business here: should it come back from the task's
 * function, it ends where it would claim or commit in the worker's stead. It
 * may ask whether the task was cancelled, and is told that it was not. */
static int own_board(struct worker *w)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	unsigned char *self = mmap(NULL, page, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned lane;

	if (self == MAP_FAILED || madvise(self, page, MADV_WIPEONFORK) < 0 ||
	    board_share(w->board, false) < 0)
		return -1;
	*self = 1;
	for (lane = 0; lane < PRUN_LANES_MAX; lane++) {
		w->tasks[lane].stop = &w->board->lanes[lane].stop;
		w->tasks[lane].self = self;
	}
	return 0;
}

/* There is no memory for a frame, and so none ever for its first task, which
 * is too large alone or in bad company: it fails, and the rest of the frame
 * goes elsewhere. */
static void refuse(struct worker *w)
{
	struct prun_task *t = &w->tasks[0];

	if (frame_peek_tasks(&w->frame.tasks, &w->reader)) {
		w->frame.kind = FRAME_TASKS;
		w->frame.sizes = NULL;
		board_enter(w->board, 0, w->frame.tasks.first, w->now_ns);
		if (!board_claim(w->board, w->frame.tasks.first))
			return;
		t->number = w->frame.tasks.first;
		t->start_ns = w->now_ns;
		t->open = true;
		task_clear(t);
		finish(w, t,
		       prun_task_fail(t, -ENOMEM,
				      "the worker has no "
				      "memory for the argument"));
		worker_flush(w);
	}
}

void worker_main(const struct worker_setup *setup, struct board *board, int id,
		 int fd)
{
	struct connection c = {.fd = fd, .pid = getpid()};
	struct worker *w =
		worker_new(setup, board, id, socket_send, socket_receive, &c);
	pid_t parent = getppid();
	int rc;

	if (!w)
		_exit(127);
	c.worker = w;
	if (own_board(w) < 0)
		_exit(127);
	w->process = true;
	on_exit(on_exit_called, &c);
	rc = worker_ready(w);
	if (rc < 0)
		_exit(1);
	process_follow_parent(parent);
	do {
		rc = worker_run(w);
		if (rc != 0)
			break;
		/* With granted tasks still to come the results can wait, the
		 * parent sees them on the board. */
		if (granted(w) == 0) {
			worker_flush(w);
			await_grant(w);
		}
		rc = socket_receive(&c, &w->reader, true);
		if (rc == -ENOMEM)
			refuse(w);
	} while (rc > 0);
	if (rc > 0)
		worker_finish(w);
	else
		worker_flush(w);
	_exit(rc == PRUN_EPROTO || rc == -ENOMEM ? 127 : 0);
}
