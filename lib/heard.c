/* SPDX-License-Identifier: MIT */
/* What a worker says, by its socket and on its board, and what of that cannot
 * be. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "slot_private.h"

#define RECEIVE_BYTES ((size_t)128 << 10)
/* A worker is looked at so rarely when others wait behind a task that runs for
 * long. */
#define CHECK_SLOW_NS 100000000u
/* What cannot be is seen so often, at least, before it is believed. */
#define DOUBTS_MAX 8u
/* Results handed up in one call. */
#define RANGE_MAX 64u

/* Hostile, and what comes from it cannot be understood any more. */
static void slot_garbled(struct slot *s, const char *what)
{
	s->garbled = true;
	slot_hostile(s, what);
}

/* -- Results -- */

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
	struct engine_worker who = {s->id, s->process.pid, 0, -1};
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
	run_free(s->engine, r);
}

/* The first task in flight that has no result. */
uint32_t slot_first_left(const struct slot *s)
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
	return r == s->flight.first && number == slot_first_left(s) &&
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
	struct range g = {.slot = s};
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
	/* The next bytes may be long in coming. */
	frame_reader_trim(&s->in);
	if (rc < 0)
		slot_garbled(s, "a frame that is none");
	/* Silent again from now on. */
	s->check_ns = s->outstanding ? s->engine->now_ns + CHECK_NS :
				       UINT64_MAX;
}

/* -- The socket -- */

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
	struct range g = {.slot = s};
	struct frame f = {.kind = FRAME_RESULT};

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

/* -- The board -- */

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
 * is committed can be had. */
static bool board_can_be(struct slot *s)
{
	uint32_t unstarted = slot_unstarted(s);

	/* More than that has come of a result on its way past the ring. */
	return !s->hostile && board_committed(s->board) <= s->received &&
	       in_lanes(s, s->outstanding - unstarted);
}

/* What the ring does not hold any more is in the socket, to which a round of
 * events may not have come yet: there are more workers than it takes. Bytes
 * that are known already do not count. */
static void hear_more(struct slot *s)
{
	uint64_t before = s->received;

	while (!s->garbled && s->received == before && receive_once(s) > 0)
		take_frames(s);
}

/* What a worker writes just now may be seen half, so what cannot be is believed
 * when it is seen again and again, and there is no more to be heard. */
static bool check_board(struct slot *s)
{
	uint64_t word = board_word(s->board);

	if (board_can_be(s)) {
		s->doubts = 0;
		return true;
	}
	hear_more(s);
	if (s->hostile || !s->outstanding)
		return false;
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
	if (check_board(s) && board_running(s->board, 0, &number, &start_ns) &&
	    start_ns + CHECK_NS < now)
		s->check_ns = s->outstanding > 1 ? now + CHECK_SLOW_NS :
						   UINT64_MAX;
}

/* The socket to its last byte, then the board. */
void slot_take_last_words(struct slot *s)
{
	if (s->state == SLOT_DOOMED)
		return;
	while (!s->garbled && receive_once(s) > 0)
		take_frames(s);
	if (!s->garbled)
		harvest(s);
}
