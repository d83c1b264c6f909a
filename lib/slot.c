/* SPDX-License-Identifier: MIT */
#include "slot.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rlimits.h"

#define RECEIVE_BYTES ((size_t)128 << 10)
/* A worker silent for so long is looked at. */
#define CHECK_NS 1000000u
/* And so rarely, when others wait behind a task that runs for long. */
#define CHECK_SLOW_NS 100000000u
/* A worker that has started nothing for so long is not about to. */
#define STILL_NS 50000000u
/* What cannot be is seen so often, at least, before it is believed. */
#define DOUBTS_MAX 8u
/* A worker's clock may be ahead of what was read here before its result was,
 * but not by so much: then it lies. */
#define CLOCK_SLACK_NS 1000000000u
/* Who sends without a byte coming for so long stands still. */
#define STALLED_NS 1000000000u
/* A run that has cost so many workers, before one could start it, has cost
 * enough. */
#define STRIKES_MAX 5u
/* Results handed up in one call. */
#define RANGE_MAX 64u

static void take_runs(struct slot *s, uint32_t to, struct run_queue *back);

/* -- Birth -- */

static struct worker_setup worker_setup(const struct engine_config *config)
{
	struct worker_setup setup = { .funcs = &config->funcs,
				      .initializer = config->initializer,
				      .finalizer = config->finalizer,
				      .initarg = config->initarg,
				      .max_payload = config->max_payload,
				      .limits = config->limits };

	return setup;
}

static void child_main(int fd, void *arg)
{
	const struct slot *s = arg;
	struct worker_setup setup = worker_setup(s->engine->config);

	worker_main(&setup, s->board, s->id, fd);
}

void slot_served(int fd, int memory, int id, void *ctx)
{
	struct worker_setup setup = worker_setup(ctx);
	struct board *board = board_map(memory);

	close(memory);
	if (board)
		worker_main(&setup, board, id, fd);
}

static uint64_t slot_data(const struct slot *s, unsigned kind)
{
	return (uint64_t)(unsigned)s->id << 2 | kind;
}

static void slot_reset(struct slot *s)
{
	frame_reader_reset(&s->in);
	frame_writer_took(&s->out, s->out.end - s->out.start);
	run_queue_init(&s->flight);
	s->outstanding = 0;
	s->bytes = 0;
	s->end = 0;
	s->fresh = 0;
	s->claimed = 0;
	s->given = 0;
	s->last_end_ns = 0;
	s->unsent = 0;
	s->received = 0;
	s->heard = 0;
	s->check_ns = UINT64_MAX;
	s->kill_ns = UINT64_MAX;
	s->overdue_ns = UINT64_MAX;
	s->sending_heard = 0;
	s->sending_ns = 0;
	s->late = NULL;
	s->blocked = false;
	s->shut = false;
	s->told = false;
	s->ready = false;
	s->hostile = NULL;
	s->garbled = false;
	s->init_status = 0;
	s->init_message[0] = '\0';
	s->ready_ns = 0;
	s->done = 0;
	s->given_up = false;
	s->condemned = false;
	s->exited = false;
	s->orphaned = false;
	s->moved_ns = 0;
	s->doubts = 0;
	s->blamed = false;
}

static int start_forked(struct slot *s)
{
	struct poller *poller = &s->engine->poller;
	struct process_end end;
	int rc;

	s->board = board_new();
	if (!s->board)
		return -ENOMEM;
	rc = board_share(s->board, true);
	if (rc == 0)
		rc = process_start(&s->process, child_main, s);
	board_share(s->board, false);
	if (rc < 0)
		return rc;
	rc = poller_add(poller, s->process.pidfd, EPOLLIN,
			slot_data(s, ENGINE_DATA_PIDFD));
	if (rc == 0)
		rc = poller_add(poller, s->process.fd, EPOLLIN,
				slot_data(s, ENGINE_DATA_SOCKET));
	if (rc < 0) {
		process_kill(&s->process, SIGKILL);
		process_reap(&s->process, &end, true);
	}
	return rc;
}

static int start_served(struct slot *s, struct forkserver *server)
{
	int memory = -1, rc;

	s->board = board_new_fd(&memory);
	if (!s->board)
		return -errno;
	/* Other threads may write to what the caller has closed, or fork. */
	memory = process_fd_private(memory);
	if (memory < 0)
		return memory;
	rc = forkserver_spawn(server, &s->process, s->id, memory);
	process_fd_close(&memory);
	return rc;
}

int slot_start(struct slot *s, struct forkserver *server)
{
	int rc;

	slot_reset(s);
	s->born_ns = now_ns();
	rc = server ? start_served(s, server) : start_forked(s);
	if (rc < 0) {
		slot_release(s);
		return rc;
	}
	s->started++;
	s->state = SLOT_STARTING;
	if (s->engine->config->start_timeout_ms)
		s->overdue_ns = s->born_ns +
				s->engine->config->start_timeout_ms * 1000000ull;
	return 0;
}

void slot_born(struct slot *s, pid_t pid, int pidfd)
{
	struct poller *poller = &s->engine->poller;
	uint32_t events = s->blocked ? EPOLLIN | EPOLLOUT : EPOLLIN;

	process_born(&s->process, pid, pidfd);
	/* It is heard from now on, so that who ran a task is always known. */
	if (s->state != SLOT_DOOMED &&
	    poller_add(poller, s->process.fd, events,
		       slot_data(s, ENGINE_DATA_SOCKET)) < 0) {
		s->condemned = true;
		process_kill(&s->process, SIGKILL);
	}
}

void slot_unborn(struct slot *s, struct run_queue *back)
{
	take_runs(s, s->flight.first ? s->flight.first->number : 0, back);
	slot_release(s);
}

/* -- Grants -- */

static void slot_hostile(struct slot *s, const char *what)
{
	if (s->hostile || !slot_alive(s) || s->state == SLOT_DOOMED)
		return;
	s->hostile = what;
	s->condemned = true;
	process_kill(&s->process, SIGKILL);
}

/* Nor can what comes from it be understood any more. */
static void slot_garbled(struct slot *s, const char *what)
{
	s->garbled = true;
	slot_hostile(s, what);
}

uint32_t slot_unstarted(struct slot *s)
{
	uint64_t word = board_word(s->board);
	uint32_t unstarted = s->end - word_next(word);

	if (word_end(word) != s->end || unstarted > s->outstanding) {
		slot_hostile(s, "an impossible claim");
		return 0;
	}
	return unstarted;
}

bool slot_stands_still(struct slot *s)
{
	uint32_t next = word_next(board_word(s->board));

	if (s->moved_ns == 0 || next != s->last_next) {
		s->last_next = next;
		s->moved_ns = s->engine->now_ns;
	}
	return s->moved_ns + STILL_NS < s->engine->now_ns;
}

bool slot_grantable(struct slot *s)
{
	return s->end == s->fresh || slot_unstarted(s) == 0;
}

int slot_give(struct slot *s, struct run *r)
{
	struct chunk *c = r->chunk;
	uint64_t bytes = run_bytes(r);
	struct frame_tasks head = { .chunk = c->id,
				    .index = c->index + r->at,
				    .func = c->func,
				    .first = s->fresh,
				    .count = r->count,
				    .flags = (r->solo ? FRAME_SOLO : 0) |
					     (c->star ? FRAME_STAR : 0) |
					     (uint32_t)c->attempt
						     << FRAME_ATTEMPT_SHIFT };
	int rc = frame_put_tasks(&s->out, head, c->offsets + r->at,
				 c->args.data);

	if (rc < 0)
		return rc;
	/* The frame leaves after the grant: it is only queued here. */
	if (s->end == s->fresh)
		board_grant(s->board, r->count);
	else if (!board_grant_fresh(s->board, s->fresh, r->count))
		slot_hostile(s, "an impossible claim");
	r->number = s->fresh;
	r->left = r->count;
	s->fresh += r->count;
	s->end = s->fresh;
	s->given += r->count;
	s->outstanding += r->count;
	s->unsent += r->count;
	s->bytes += bytes;
	run_mark(r, TASK_SENT);
	run_queue_push(&s->flight, r);
	if (s->check_ns == UINT64_MAX)
		s->check_ns = s->engine->now_ns + CHECK_NS;
	/* Started now at the earliest. */
	if (c->limits &&
	    s->engine->now_ns + c->limits->timeout_ns < s->overdue_ns)
		s->overdue_ns = s->engine->now_ns + c->limits->timeout_ns;
	return 0;
}

/* Take the runs from number `to` on out of flight, cutting the one across. */
static void take_runs(struct slot *s, uint32_t to, struct run_queue *back)
{
	struct run **at = &s->flight.first;
	struct run *r, *next;

	while ((r = *at) != NULL && number_before(r->number, to)) {
		uint32_t before = to - r->number;

		if (before < r->count) {
			/* slot_take has seen to it that there is a node. */
			r->left -= r->count - before;
			next = r->next;
			next->chunk = r->chunk;
			next->at = r->at + before;
			next->number = to;
			next->count = r->count - before;
			next->left = next->count;
			next->solo = r->solo;
			r->count = before;
		}
		at = &r->next;
	}
	s->flight.last = at;
	*at = NULL;
	for (; r; r = next) {
		next = r->next;
		s->outstanding -= r->count;
		s->given -= r->count;
		s->bytes -= run_bytes(r);
		run_mark(r, TASK_QUEUED);
		run_queue_push(back, r);
	}
}

/* Put an empty node behind the run that `to` cuts, so that the withdrawal
 * cannot fail for memory after it was done. */
static bool prepare_cut(struct slot *s, uint32_t to)
{
	struct run *r, *node;

	for (r = s->flight.first; r; r = r->next) {
		if (!number_before(r->number, to) ||
		    to - r->number >= r->count)
			continue;
		node = run_new(r->chunk, 0, 0, false);
		if (!node)
			return false;
		node->number = r->number + r->count;
		node->left = 0;
		node->next = r->next;
		r->next = node;
		if (!node->next)
			s->flight.last = &node->next;
		return true;
	}
	return true;
}

static void drop_empty_runs(struct slot *s)
{
	struct run **at = &s->flight.first;
	struct run *r;

	while ((r = *at) != NULL) {
		if (r->left > 0) {
			at = &r->next;
			continue;
		}
		*at = r->next;
		free(r);
	}
	s->flight.last = at;
}

enum slot_taken slot_take(struct slot *s, uint32_t to, struct run_queue *back)
{
	if (!number_before(to, s->end))
		return SLOT_STARTED;
	if (!prepare_cut(s, to))
		return SLOT_NO_MEMORY;
	if (!board_withdraw(s->board, to)) {
		drop_empty_runs(s);
		return SLOT_STARTED;
	}
	s->end = to;
	take_runs(s, to, back);
	drop_empty_runs(s);
	return SLOT_TAKEN;
}

uint32_t slot_run_start(const struct slot *s, uint32_t number)
{
	const struct run *r;

	for (r = s->flight.first; r; r = r->next)
		if (number - r->number < r->count)
			return r->number;
	return number;
}

/* The end of the run that holds a number. */
static uint32_t run_end(const struct slot *s, uint32_t number)
{
	const struct run *r;

	for (r = s->flight.first; r; r = r->next)
		if (number - r->number < r->count)
			return r->number + r->count;
	return number;
}

uint32_t slot_cut(const struct slot *s, uint32_t to,
		  const struct prun_job *given_up)
{
	const struct run *r;

	for (r = s->flight.first; r; r = r->next) {
		if (to - r->number >= r->count)
			continue;
		if (r->chunk->exact && to != r->number &&
		    r->chunk->job != given_up)
			return r->number + r->count;
		break;
	}
	return to;
}

/* The tasks of other jobs go back to the engine with the rest; it knows whose
 * each is. */
void slot_take_all(struct slot *s, const struct prun_job *job, bool split,
		   struct run_queue *back)
{
	enum slot_taken taken;
	uint32_t to;

	if (!slot_holds(s, job))
		return;
	/* That one has started meanwhile ends: they are finitely many. Without
	 * memory to cut the run across, the runs behind it must do. */
	do {
		to = s->end - slot_unstarted(s);
		if (!split)
			to = slot_cut(s, to, job);
		taken = slot_take(s, to, back);
		if (taken == SLOT_NO_MEMORY)
			taken = slot_take(s, run_end(s, to), back);
	} while (taken == SLOT_STARTED && number_before(to, s->end) &&
		 !s->hostile);
}

void slot_retire(struct slot *s)
{
	if (s->state == SLOT_RETIRING || s->state == SLOT_DOOMED)
		return;
	/* Without memory for the frame, end-of-file says the same. */
	(void)frame_put_stop(&s->out);
	s->state = SLOT_RETIRING;
}

void slot_doom(struct slot *s, int signal, struct run_queue *back)
{
	if (s->state != SLOT_DOOMED) {
		take_runs(s, s->flight.first ? s->flight.first->number : 0,
			  back);
		s->outstanding = 0;
		s->bytes = 0;
		s->state = SLOT_DOOMED;
		frame_writer_took(&s->out, s->out.end - s->out.start);
		process_shutdown(&s->process);
		s->check_ns = UINT64_MAX;
		poller_remove(&s->engine->poller, s->process.fd);
	}
	process_kill(&s->process, signal);
}

/* -- Bytes out -- */

static void want_writable(struct slot *s, bool blocked)
{
	if (s->blocked == blocked)
		return;
	s->blocked = blocked;
	poller_change(&s->engine->poller, s->process.fd,
		      blocked ? EPOLLIN | EPOLLOUT : EPOLLIN,
		      slot_data(s, ENGINE_DATA_SOCKET));
}

void slot_send(struct slot *s)
{
	struct frame_writer *w = &s->out;

	while (w->start < w->end) {
		ssize_t n = send(s->process.fd, w->data + w->start,
				 w->end - w->start, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			want_writable(s, true);
			return;
		}
		if (n < 0) {
			/* It is dying: its pidfd will say so. */
			frame_writer_took(w, w->end - w->start);
			break;
		}
		frame_writer_took(w, (size_t)n);
	}
	s->unsent = 0;
	want_writable(s, false);
	if (s->state == SLOT_RETIRING && !s->shut) {
		s->shut = true;
		process_shutdown(&s->process);
	}
}

/* -- Results in -- */

/* Results on their way up, of consecutive tasks of one chunk. */
struct range {
	struct slot *slot;
	struct chunk *chunk;
	uint32_t first, count;
	struct engine_result results[RANGE_MAX];
};

/* What a result adds to the time of its worker: the tasks of a batch overlap,
 * and together they take no longer than from the first start to the last end.
 */
static uint64_t time_added(struct slot *s, const struct engine_result *r)
{
	uint64_t end = r->start_ns + r->run_ns, since = r->start_ns;

	if (since < s->last_end_ns)
		since = s->last_end_ns;
	if (end <= since)
		return 0;
	s->last_end_ns = end;
	return end - since;
}

static void estimate(struct slot *s, const struct range *g, uint32_t count)
{
	uint64_t *e = &s->estimates[g->chunk->func];
	uint64_t sum = 0, mean;
	uint32_t i;

	if (count == 0)
		return;
	for (i = 0; i < count; i++)
		sum += time_added(s, &g->results[i]);
	mean = sum / count;
	*e = *e ? (*e * 7 + mean) / 8 : mean;
	if (*e == 0)
		*e = 1;
}

static void range_flush(struct range *g)
{
	struct slot *s = g->slot;
	const struct engine *e = s->engine;
	struct engine_worker who = { s->id, s->process.pid, 0, -1 };
	uint32_t count = g->count;

	if (!count)
		return;
	estimate(s, g, count);
	g->count = 0;
	if (!e->events->done(e->ctx, g->chunk, g->first, count, g->results,
			     &who)) {
		s->blamed = true;
		slot_garbled(s, "a value that is no msgpack");
	}
}

/* The run in flight that holds a number; NULL: none does. */
static struct run **find_run(struct slot *s, uint32_t number)
{
	struct run **at = &s->flight.first;

	while (*at && number - (*at)->number >= (*at)->count)
		at = &(*at)->next;
	return *at ? at : NULL;
}

static void remove_run(struct slot *s, struct run **at)
{
	struct run *r = *at;

	*at = r->next;
	if (!*at)
		s->flight.last = at;
	free(r);
}

static bool is_batch(const struct slot *s, const struct run *r)
{
	return s->engine->config->funcs.funcs[r->chunk->func].batch != NULL;
}

/* The first task in flight that has no result. */
static uint32_t first_left(const struct slot *s)
{
	const struct run *r = s->flight.first;
	uint32_t i = 0;

	if (!is_batch(s, r)) /* results come in turn */
		return r->number + (r->count - r->left);
	while (i + 1 < r->count && r->chunk->states[r->at + i] != TASK_SENT)
		i++;
	return r->number + i;
}

static bool is_claimed(struct slot *s, uint32_t number)
{
	uint32_t first = s->flight.first->number, next;

	if (number_before(number, s->claimed))
		return true;
	/* What a board says that has lied is nothing to go by. */
	if (s->hostile)
		return false;
	next = word_next(board_word(s->board));
	if (next - first > s->end - first)
		return false;
	s->claimed = next;
	return number_before(number, next);
}

/* Whether a result of a task in flight can come now: a worker has one task of a
 * plain function at a time. */
static bool in_turn(struct slot *s, const struct run *r, uint32_t number)
{
	if (is_batch(s, r))
		return is_claimed(s, number);
	return r == s->flight.first && number == first_left(s) &&
	       (s->hostile || is_claimed(s, number));
}

/* One result: it must be of a task that this process holds, has claimed and
 * has not given back. */
static void take_result(struct slot *s, const struct frame *f, struct range *g)
{
	const struct frame_result *head = &f->result;
	struct run **at = find_run(s, head->number);
	struct engine_result *result;
	struct chunk *c;
	uint32_t i;

	if (!at || !in_turn(s, *at, head->number)) {
		slot_garbled(s, "a result of a task it does not hold");
		return;
	}
	c = (*at)->chunk;
	i = (*at)->at + (head->number - (*at)->number);
	if (c->states[i] != TASK_SENT || head->status > 0) {
		slot_garbled(s, "a second result of one task");
		return;
	}
	if (g->count == RANGE_MAX || g->chunk != c || g->first + g->count != i)
		range_flush(g);
	if (s->garbled)
		return;
	if (g->count == 0) {
		g->chunk = c;
		g->first = i;
	}
	c->states[i] = TASK_DONE;
	result = &g->results[g->count++];
	result->status = head->status;
	result->data = f->body;
	result->size = f->size;
	result->start_ns = head->start_ns;
	result->run_ns = head->run_ns;
	if (head->start_ns > s->engine->now_ns + CLOCK_SLACK_NS ||
	    head->run_ns > s->engine->now_ns + CLOCK_SLACK_NS - s->born_ns) {
		result->start_ns = s->engine->now_ns;
		result->run_ns = 0;
	}
	s->exited |= head->status == PRUN_EEXIT;
	s->outstanding--;
	s->done++;
	s->bytes -= chunk_argument_size(c, i);
	if (--(*at)->left == 0)
		remove_run(s, at);
}

static void take_ready(struct slot *s, const struct frame *f)
{
	size_t size = f->size < sizeof(s->init_message) - 1 ?
			      (size_t)f->size :
			      sizeof(s->init_message) - 1;

	if (s->told) {
		slot_garbled(s, "a second start");
		return;
	}
	if (f->result.status > 0) {
		slot_garbled(s, "a start that is none");
		return;
	}
	s->told = true;
	s->init_status = f->result.status;
	memcpy(s->init_message, f->body, size);
	s->init_message[size] = '\0';
	if (s->init_status < 0)
		return;
	s->ready = true;
	s->ready_ns = s->engine->now_ns;
	if (s->state == SLOT_STARTING)
		s->state = SLOT_READY;
	if (s->engine->config->start_timeout_ms)
		s->overdue_ns = s->ready_ns; /* look at the tasks from now on */
}

/* Turn the bytes received into results. */
static void take_frames(struct slot *s)
{
	struct range g = { .slot = s };
	struct frame f;
	int rc = 0;

	while (!s->garbled && (rc = frame_next(&f, &s->in)) > 0) {
		if (f.kind == FRAME_RESULT)
			take_result(s, &f, &g);
		else if (f.kind == FRAME_READY)
			take_ready(s, &f);
		else
			slot_garbled(s, "a frame that only the parent sends");
	}
	range_flush(&g);
	if (rc < 0)
		slot_garbled(s, "a frame that is none");
	/* Silent again from now on. */
	s->check_ns = s->outstanding ? s->engine->now_ns + CHECK_NS :
				       UINT64_MAX;
}

static void harvest(struct slot *s);

/* What goes over the socket was committed before, or, when it is too large for
 * the ring, announced by valid_from. Anything else was not sent by the worker's
 * own code, and what that has committed is still to be had from the ring. */
static bool said_too_much(const struct slot *s)
{
	return s->heard > board_committed(s->board) &&
	       s->heard > board_valid_from(s->board);
}

/* `n` bytes came by the socket; those that the board gave already are
 * dropped. */
static void heard(struct slot *s, unsigned char *at, size_t n)
{
	uint64_t known = s->received - s->heard;

	s->heard += n;
	if (said_too_much(s)) {
		harvest(s);
		slot_garbled(s, "more than it has committed");
		return;
	}
	if (known >= n)
		return;
	if (known > 0)
		memmove(at, at + known, n - (size_t)known);
	frame_reader_fed(&s->in, n - (size_t)known);
	s->received = s->heard;
}

/* There is no memory for the result that comes: its task fails, and the worker
 * is none the worse for it. */
static bool refuse_result(struct slot *s)
{
	static const char text[] = "no memory to receive the result";
	struct range g = { .slot = s };
	struct frame f = { .kind = FRAME_RESULT };

	if (!frame_reader_skip(&f.result, &s->in))
		return false;
	f.result.status = -ENOMEM;
	f.body = (const unsigned char *)text;
	f.size = sizeof(text) - 1;
	take_result(s, &f, &g);
	range_flush(&g);
	return !s->garbled;
}

/* One read: its bytes, 0 at end of file or on an error, -EAGAIN for nothing
 * yet. */
static ssize_t receive_once(struct slot *s)
{
	size_t min = frame_reader_missing(&s->in), room;
	unsigned char *at;
	ssize_t n;

	if (min < RECEIVE_BYTES / 2)
		min = RECEIVE_BYTES / 2;
	if (min > s->in.max) /* a lying head; frame_next says so */
		min = RECEIVE_BYTES / 2;
	at = frame_reader_space(&s->in, min, &room);
	if (!at && refuse_result(s))
		at = frame_reader_space(&s->in, RECEIVE_BYTES / 2, &room);
	if (!at) {
		slot_garbled(s, "a text there is no memory for");
		return -EAGAIN;
	}
	do {
		n = recv(s->process.fd, at, room, MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n < 0 && errno == EAGAIN ? -EAGAIN : 0;
	heard(s, at, (size_t)n);
	return s->garbled ? -EAGAIN : n;
}

void slot_receive(struct slot *s)
{
	ssize_t n;

	if (s->state == SLOT_DOOMED || s->hostile)
		return;
	n = receive_once(s);
	if (n > 0)
		take_frames(s);
	/* At end of file the pidfd tells the rest. A dead peer's socket stays
	 * readable and must not keep the loop busy. */
	if (n == 0)
		poller_remove(&s->engine->poller, s->process.fd);
}

/* What its positions cannot be: behind what has come, or ahead of any result
 * that is being sent. Each is read before the one that it must not be above,
 * for they only grow. */
static bool impossible_positions(const struct slot *s)
{
	uint64_t committed = board_committed(s->board);
	uint64_t valid_from = board_valid_from(s->board);

	if (s->received > committed && s->received > valid_from)
		return true;
	committed = board_committed(s->board);
	return valid_from > committed &&
	       valid_from - committed > s->in.max + BOARD_HEAD_SIZE;
}

static void harvest(struct slot *s)
{
	size_t room;
	unsigned char *at;
	int64_t n;

	if (impossible_positions(s)) {
		slot_garbled(s, "impossible positions");
		return;
	}
	if (board_committed(s->board) == s->received)
		return;
	at = frame_reader_space(&s->in, BOARD_OUT_SIZE, &room);
	if (!at)
		return; /* the socket carries the same bytes */
	n = board_harvest(s->board, s->received, at);
	if (n < 0) {
		slot_garbled(s, "more results than its board holds");
		return;
	}
	frame_reader_fed(&s->in, (size_t)n);
	s->received += (uint64_t)n;
	take_frames(s);
	if (n > 0 && frame_reader_holds(&s->in))
		slot_garbled(s, "half a result");
}

/* Whether so many of its tasks are in lanes; those of a plain function are in
 * the first only. */
static bool in_lanes(struct slot *s, uint32_t count)
{
	const struct func_table *t = &s->engine->config->funcs;
	uint64_t start_ns;
	uint32_t number;
	struct run **at;
	unsigned lane;

	for (lane = 0; lane < PRUN_LANES_MAX && count > 0; lane++) {
		if (!board_running(s->board, lane, &number, &start_ns))
			continue;
		at = find_run(s, number);
		if (at && (lane == 0 || t->funcs[(*at)->chunk->func].batch))
			count--;
	}
	return count == 0;
}

/* A task that is claimed is in a lane until its result is committed, and what
 * is committed can be had. What a worker writes just now may be seen half, so
 * this is believed when it is seen again and again and nothing moves. */
static bool check_board(struct slot *s)
{
	uint64_t word = board_word(s->board);
	uint32_t unstarted = slot_unstarted(s);

	if (s->hostile)
		return false;
	/* More than that has come of a result on its way past the ring. */
	if (board_committed(s->board) <= s->received &&
	    in_lanes(s, s->outstanding - unstarted)) {
		s->doubts = 0;
		return true;
	}
	if (word != s->doubted_word || s->received != s->doubted_at)
		s->doubts = 0;
	s->doubted_word = word;
	s->doubted_at = s->received;
	if (++s->doubts == DOUBTS_MAX)
		slot_hostile(s, "an impossible claim");
	return false;
}

void slot_check(struct slot *s)
{
	uint64_t now = s->engine->now_ns;
	uint64_t start_ns;
	uint32_t number;

	s->check_ns = UINT64_MAX;
	if (s->state == SLOT_DOOMED || s->hostile || !s->outstanding)
		return;
	if (s->process.pid == 0) { /* not born yet, as far as is known */
		s->check_ns = now + CHECK_NS;
		return;
	}
	harvest(s);
	if (!s->outstanding || s->hostile)
		return;
	s->check_ns = now + CHECK_NS;
	/* A worker sends at the end of a task that took long, so while one
	 * runs that long already, nothing can be waiting on the board. */
	if (check_board(s) &&
	    board_running(s->board, 0, &number, &start_ns) &&
	    start_ns + CHECK_NS < now)
		s->check_ns = s->outstanding > 1 ? now + CHECK_SLOW_NS :
						   UINT64_MAX;
}

/* -- Tasks that are late -- */

/* When the initializer is to have ended; UINT64_MAX: it has, or may take its
 * time. Before its birth is known it is the server that does. */
static uint64_t start_due(const struct slot *s)
{
	uint64_t limit_ns = s->engine->config->start_timeout_ms * 1000000ull;

	if (s->ready || !limit_ns)
		return UINT64_MAX;
	return (s->process.pid ? s->born_ns : s->engine->now_ns) + limit_ns;
}

static void start_is_late(struct slot *s)
{
	uint32_t limit_ms = s->engine->config->start_timeout_ms;

	s->init_status = PRUN_EINIT;
	snprintf(s->init_message, sizeof(s->init_message),
		 "the initializer did not end within %u ms", limit_ms);
	s->condemned = true;
	process_kill(&s->process, SIGKILL);
}

/* The limits of the task in a lane, and when it is to be done with; NULL: it
 * has none. */
static const struct chunk_limits *lane_limits(struct slot *s, unsigned lane, uint32_t *number,
					      uint64_t *due_ns)
{
	const struct chunk *c;
	const struct run *r;
	uint64_t start_ns;

	if (!board_running(s->board, lane, number, &start_ns))
		return NULL;
	for (r = s->flight.first; r; r = r->next)
		if (*number - r->number < r->count)
			break;
	if (!r)
		return NULL;
	c = r->chunk;
	if (!c->limits || c->states[r->at + (*number - r->number)] != TASK_SENT)
		return NULL;
	/* A start in the future is a lie, and not to be waited for. */
	if (start_ns > s->engine->now_ns + CLOCK_SLACK_NS) {
		slot_hostile(s, "a start that is to come");
		return NULL;
	}
	*due_ns = start_ns + c->limits->timeout_ns;
	return c->limits;
}

/* Whether it is sending, and bytes come: then it runs no task, for one has
 * ended and the next has not begun. */
static bool is_sending(struct slot *s)
{
	if (!atomic_load_explicit(&s->board->sending, memory_order_relaxed))
		return false;
	if (s->sending_heard != s->heard) {
		s->sending_heard = s->heard;
		s->sending_ns = s->engine->now_ns;
	}
	return s->engine->now_ns < s->sending_ns + STALLED_NS;
}

/* Everything else is taken back before the signal, so that it cannot hit the
 * next task. A task that ends just now has its result on the board, and is not
 * failed. */
static void kill_late(struct slot *s, unsigned lane, uint32_t late,
		      const struct chunk_limits *limits, struct run_queue *back)
{
	uint64_t start_ns;
	uint32_t number;

	slot_take_all(s, NULL, true, back);
	if (slot_unstarted(s) > 0 || s->hostile ||
	    !board_running(s->board, lane, &number, &start_ns) ||
	    number != late)
		return;
	s->late = limits;
	s->late_number = late;
	s->condemned = true;
	process_kill(&s->process, SIGKILL);
}

/* When the next one in a lane is due. */
static uint64_t check_lanes(struct slot *s, struct run_queue *back)
{
	uint64_t now = s->engine->now_ns, next = UINT64_MAX, due_ns;
	const struct chunk_limits *limits;
	uint32_t number;
	unsigned lane;

	for (lane = 0; lane < PRUN_LANES_MAX && !s->late; lane++) {
		limits = lane_limits(s, lane, &number, &due_ns);
		if (!limits)
			continue;
		if (due_ns <= now && board_ask_stop(s->board, lane, number) &&
		    limits->signal)
			process_kill(&s->process, limits->signal);
		if (due_ns <= now)
			due_ns += limits->grace_ns;
		if (due_ns <= now)
			kill_late(s, lane, number, limits, back);
		else if (due_ns < next)
			next = due_ns;
	}
	return next;
}

void slot_check_late(struct slot *s, struct run_queue *back)
{
	uint64_t now = s->engine->now_ns, next = start_due(s), due_ns;
	const struct run *r;

	s->overdue_ns = UINT64_MAX;
	if (s->state == SLOT_DOOMED || s->hostile || s->late)
		return;
	if (next <= now) {
		start_is_late(s);
		return;
	}
	if (!is_sending(s)) {
		due_ns = check_lanes(s, back);
		if (due_ns < next)
			next = due_ns;
	}
	for (r = s->flight.first; r; r = r->next)
		if (r->chunk->limits && now + r->chunk->limits->timeout_ns < next)
			next = now + r->chunk->limits->timeout_ns;
	s->overdue_ns = next;
}

/* -- Cancelling what runs -- */

bool slot_holds(const struct slot *s, const struct prun_job *job)
{
	const struct run *r;

	for (r = s->flight.first; r; r = r->next)
		if (!job || r->chunk->job == job)
			return true;
	return false;
}

/* In which tasks of the job it is just now. */
bool slot_runs(const struct slot *s, const struct prun_job *job)
{
	uint64_t start_ns;
	uint32_t number;
	unsigned lane;
	struct run *r;

	for (lane = 0; lane < PRUN_LANES_MAX; lane++) {
		if (!board_running(s->board, lane, &number, &start_ns))
			continue;
		for (r = s->flight.first; r; r = r->next)
			if (number - r->number < r->count &&
			    r->chunk->job == job &&
			    r->chunk->states[r->at + (number - r->number)] ==
				    TASK_SENT)
				return true;
	}
	return false;
}

bool slot_give_up(struct slot *s, const struct prun_job *job)
{
	if (s->state == SLOT_DOOMED || s->hostile || !slot_runs(s, job))
		return false;
	s->given_up = true;
	s->condemned = true;
	process_kill(&s->process, SIGKILL);
	return true;
}

/* -- Figures -- */

void slot_stats(const struct slot *s, struct prun_worker_stats *stats)
{
	uint64_t now = now_ns(), since;

	memset(stats, 0, sizeof(*stats));
	stats->worker_id = s->id;
	stats->started = s->started;
	if (!slot_alive(s))
		return;
	stats->worker_pid = s->process.pid;
	stats->tasks = s->done;
	stats->rss_peak = limits_rss_peak(s->process.pid);
	if (!s->ready_ns)
		return;
	stats->start_ns = s->ready_ns - s->born_ns;
	stats->working_ns = atomic_load_explicit(&s->board->work_ns,
						 memory_order_relaxed);
	since = atomic_load_explicit(&s->board->since_ns,
				     memory_order_relaxed);
	if (since && since < now)
		stats->working_ns += now - since;
	/* It is the worker's word, and the two were read one by one. */
	if (stats->working_ns > now - s->ready_ns)
		stats->working_ns = now - s->ready_ns;
	stats->waiting_ns = now - s->ready_ns - stats->working_ns;
}

/* -- Death -- */

static void describe_late(char *text, size_t size, const struct slot *s,
			  pid_t pid, uint64_t run_ns)
{
	snprintf(text, size, "the task had %.1f ms, and was killed with its "
		 "worker (pid %d) after %.1f ms",
		 (double)s->late->timeout_ns / 1e6, (int)pid,
		 (double)run_ns / 1e6);
}

/* A task that has no time was not started. */
static void describe(char *text, size_t size, const struct slot *s, pid_t pid,
		     const struct process_end *end, uint64_t run_ns)
{
	char when[64] = "before it could start the task";
	const char *name;

	if (run_ns)
		snprintf(when, sizeof(when), "after %.1f ms",
			 (double)run_ns / 1e6);
	if (s->hostile) {
		snprintf(text, size, "the worker (pid %d) sent %s, %s",
			 (int)pid, s->hostile, when);
	} else if (s->orphaned) {
		snprintf(text, size, "the worker (pid %d) died with the fork "
			 "server, %s", (int)pid, when);
	} else if (!end->known) {
		snprintf(text, size, "the worker (pid %d) died %s; how is not "
			 "known, its status was taken by another wait()",
			 (int)pid, when);
	} else if (end->signal) {
		name = sigabbrev_np(end->signal);
		snprintf(text, size, "the worker (pid %d) was killed by %s%s "
			 "(signal %d) %s", (int)pid, name ? "SIG" : "a ",
			 name ? name : "real-time signal", end->signal, when);
	} else {
		snprintf(text, size, "the worker (pid %d) exited with code %d "
			 "%s", (int)pid, end->code, when);
	}
}

/* When the task in a lane began; 0: it is in no lane. */
static uint64_t started_ns(const struct slot *s, uint32_t number)
{
	uint64_t start_ns;
	uint32_t in_lane;
	unsigned lane;

	for (lane = 0; lane < PRUN_LANES_MAX; lane++)
		if (board_running(s->board, lane, &in_lane, &start_ns) &&
		    in_lane == number)
			return start_ns < s->engine->now_ns ?
				       start_ns : s->engine->now_ns;
	return 0;
}

static bool is_late(const struct slot *s, const struct run *r, uint32_t i)
{
	return s->late && r->number + i == s->late_number;
}

static void fail_task(struct slot *s, struct run *r, uint32_t i, pid_t pid,
		      const struct process_end *end)
{
	const struct engine *e = s->engine;
	struct engine_worker who = { s->id, pid, end->signal, end->code };
	uint64_t start_ns = started_ns(s, r->number + i);
	struct engine_result result;
	char text[256];

	result.start_ns = start_ns;
	result.run_ns = start_ns ? e->now_ns - start_ns : 0;
	if (is_late(s, r, i)) {
		result.status = PRUN_ETIMEDOUT;
		describe_late(text, sizeof(text), s, pid, result.run_ns);
	} else {
		result.status = s->hostile ? PRUN_EPROTO : PRUN_EWORKER;
		describe(text, sizeof(text), s, pid, end, result.run_ns);
	}
	result.data = text;
	result.size = strlen(text);
	r->chunk->states[r->at + i] = TASK_DONE;
	e->events->done(e->ctx, r->chunk, r->at + i, 1, &result, &who);
}

static bool wanted(const struct slot *s, const struct run *r)
{
	return s->engine->events->wanted(r->chunk);
}

static void give_up_task(struct slot *s, const struct run *r, uint32_t i)
{
	const struct engine *e = s->engine;

	r->chunk->states[r->at + i] = TASK_DONE;
	e->events->withdrawn(e->ctx, r->chunk, r->at + i, 1);
}

/* The claim that counts after a death: up to where tasks were started. What the
 * board says is believed where it is possible, for none may be started twice;
 * else that a worker of a plain function was where its lane says, or at the
 * first task without a result. */
static uint32_t last_claim(const struct slot *s)
{
	uint32_t first = first_left(s);
	uint32_t next = word_next(board_word(s->board));
	uint64_t lane = atomic_load_explicit(&s->board->lanes[0].state,
					     memory_order_acquire);

	/* It has told results up to there. */
	if (next - first > s->end - first ||
	    number_before(next, s->claimed))
		next = s->claimed;
	if (next - first > s->end - first)
		next = first;
	if (!s->hostile || s->blamed || next != first)
		return next;
	if (!is_batch(s, s->flight.first) && lane & 1 &&
	    (uint32_t)(lane >> 1) - first < s->end - first)
		return (uint32_t)(lane >> 1) + 1;
	return first + 1;
}

/* Claimed and without a result. */
static uint32_t count_running(const struct run_queue *flight, uint32_t next)
{
	const struct run *r;
	uint32_t running = 0, i;

	for (r = flight->first; r; r = r->next)
		for (i = 0; i < r->count; i++)
			running += r->chunk->states[r->at + i] == TASK_SENT &&
				   number_before(r->number + i, next);
	return running;
}

/* Whether it is known what it died of, which is not what it had yet to
 * start. */
static bool explained(const struct slot *s)
{
	return s->late || s->given_up || s->exited || s->blamed;
}

/*
 * Claimed and without a result: it was running. One such task is to blame;
 * several can only be the lanes of a batch, which are run again one by one.
 */
static void blame(struct slot *s, struct run_queue *flight, pid_t pid,
		  const struct process_end *end, struct run_queue *back)
{
	uint32_t next = last_claim(s);
	uint32_t running = count_running(flight, next), i;
	struct run *r = flight->first, *solo;
	bool again;

	if (running > 1 && !is_batch(s, r) && !s->hostile)
		s->hostile = "an impossible claim";
	/* It died with nothing started, though it had something to start. */
	if (r && running == 0 && r->left == r->count && s->ready &&
	    !explained(s) && ++r->strikes >= STRIKES_MAX) {
		next = r->number + 1;
		r->strikes = STRIKES_MAX - 2; /* the rest may be as bad */
	}
	while ((r = flight->first) != NULL) {
		flight->first = r->next;
		again = (running > 1 || s->given_up || s->late) && is_batch(s, r);
		for (i = 0; i < r->count &&
			    number_before(r->number + i, next); i++) {
			if (r->chunk->states[r->at + i] != TASK_SENT)
				continue;
			if (s->given_up && !wanted(s, r)) {
				give_up_task(s, r, i);
				continue;
			}
			solo = again && !is_late(s, r, i) ? 
				run_new(r->chunk, r->at + i, 1, true) : NULL;
			if (solo) {
				run_mark(solo, TASK_QUEUED);
				run_queue_push(back, solo);
				s->engine->retried++;
			} else {
				fail_task(s, r, i, pid, end);
			}
		}
		if (i == r->count) {
			free(r);
			continue;
		}
		r->at += i;
		r->count -= i;
		r->left = r->count;
		run_mark(r, TASK_QUEUED);
		run_queue_push(back, r);
	}
}

/* The socket to its last byte, then the board. */
static void take_last_words(struct slot *s)
{
	if (s->state == SLOT_DOOMED)
		return;
	while (!s->garbled && receive_once(s) > 0)
		take_frames(s);
	if (!s->garbled)
		harvest(s);
}

void slot_bury(struct slot *s, const struct process_end *end,
	       struct run_queue *back)
{
	struct run_queue flight;
	pid_t pid = s->process.pid;

	take_last_words(s);
	flight = s->flight;
	if (flight.first)
		blame(s, &flight, pid, end, back);
	if (!s->ready && s->init_status == 0 && s->state != SLOT_DOOMED) {
		s->init_status = PRUN_EINIT;
		describe(s->init_message, sizeof(s->init_message), s, pid, end,
			 s->engine->now_ns - s->born_ns);
	}
	slot_release(s);
}

void slot_release(struct slot *s)
{
	if (s->process.fd < 0 && !s->board)
		return;
	/* Closing does not take them out of the poller while a sibling, forked
	 * a moment ago, still holds copies; their events would be taken for
	 * those of the next worker here. */
	poller_remove(&s->engine->poller, s->process.fd);
	poller_remove(&s->engine->poller, s->process.pidfd);
	process_release(&s->process);
	s->process = (struct process)PROCESS_INIT;
	board_free(s->board);
	s->board = NULL;
	s->state = SLOT_EMPTY;
	s->check_ns = UINT64_MAX;
	s->kill_ns = UINT64_MAX;
	s->overdue_ns = UINT64_MAX;
	run_queue_init(&s->flight);
	s->outstanding = 0;
}
