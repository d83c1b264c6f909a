/* SPDX-License-Identifier: MIT */
/*
 * The parent's side of one worker, without the worker: a slot that has granted
 * ten tasks, of which some were claimed, hears arbitrary bytes by its board
 * and by its socket, against a plain reading of docs/wire.md. The input is
 *
 *	1 byte	  bit 0: the board lies as well; bit 1: it commits halves;
 *		  bit 2: it dies before anybody looks at the last piece
 *	1 byte	  how many tasks were claimed
 *	4 bytes	  the pieces, and which way each comes
 *	8 bytes	  the lies, if there are any
 *		  the stream
 *
 * What is taken are the results up to the first that cannot be, whichever way
 * they came, or up to half a result on the board; and when the worker is buried
 * each task has come back once.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"
#include "slot.h"

#define TASKS 12
#define GAP_FROM 5 /* two tasks of the chunk are with somebody else */
#define GAP_TO 7
#define GRANTED (TASKS - (GAP_TO - GAP_FROM))
#define PAYLOAD_MAX 64
#define FIRST 0xfffffffcu	   /* the numbers go round, */
#define BASE (BOARD_OUT_SIZE - 40) /* and so does the ring */
#define RECORDS_MAX 64
#define NOW_NS (UINT64_C(1) << 40)

/* A result as it was taken, or as it should be. */
struct record {
	uint32_t task;
	int status;
	size_t size;
	size_t end; /* of its frame in the stream */
	unsigned char data[1024];
};

struct records {
	struct record list[RECORDS_MAX];
	size_t count;
	size_t frames[RECORDS_MAX], frame_count; /* their ends */
	size_t received; /* up to here it has come to the parent */
	bool hostile;	 /* after these it said what cannot be */
	size_t bad;	 /* how many came before a value that is none */
};

static struct {
	struct engine engine;
	struct chunk chunk;
	uint8_t states[TASKS];
	uint32_t offsets[TASKS + 1];
	unsigned given[TASKS]; /* how often it came back */
	struct records taken;
	uint64_t estimate;
	uint32_t claims;
} world;

static bool wanted(const struct chunk *c)
{
	(void)c;
	return true;
}

static void withdrawn(void *ctx, struct chunk *c, uint32_t first,
		      uint32_t count)
{
	(void)ctx, (void)c, (void)first, (void)count;
	fuzz_fail(__FILE__, __LINE__, "nothing was given up");
}

static bool done(void *ctx, struct chunk *c, uint32_t first, uint32_t count,
		 const struct engine_result *results,
		 const struct engine_worker *worker)
{
	bool good = true;
	uint32_t i;

	FUZZ_ASSERT(ctx == &world && c == &world.chunk);
	FUZZ_ASSERT(count > 0 && first < TASKS && count <= TASKS - first);
	for (i = 0; i < count; i++) {
		const struct engine_result *r = &results[i];
		struct record *record = &world.taken.list[world.taken.count];

		FUZZ_ASSERT(world.given[first + i]++ == 0);
		FUZZ_ASSERT(r->status <= 0);
		FUZZ_ASSERT(r->start_ns <= NOW_NS + 1000000000);
		if (worker->signal) /* it was running when the worker died */
			continue;
		FUZZ_ASSERT(r->size <= sizeof(record->data));
		record->task = first + i;
		record->status = r->status;
		record->size = (size_t)r->size;
		memcpy(record->data, r->data, record->size);
		world.taken.count++;
		good = good && (r->status < 0 ||
				value_is_whole(r->data, (size_t)r->size));
	}
	return good;
}

static const struct engine_events events = {
	.wanted = wanted,
	.done = done,
	.withdrawn = withdrawn,
};

static struct prun_func funcs[] = {{.name = "none"}};
static const struct engine_config config = {
	.funcs = {.funcs = funcs, .count = 1},
	.max_payload = PAYLOAD_MAX,
};

/* ------------------------------------------------------------------- the model
 */

/* A RESULT that has come whole. False: it cannot be: there is one task at a
 * time. */
static bool model_result(struct records *m, const struct frame_result *head,
			 const uint8_t *body, size_t size)
{
	uint32_t k = head->number - FIRST;
	struct record *r = &m->list[m->count];

	if (k >= GRANTED || k >= world.claims || k != m->count ||
	    head->status > 0)
		return false;
	r->task = k < GAP_FROM ? k : k + (GAP_TO - GAP_FROM);
	r->status = head->status;
	r->size = size;
	r->end = m->frames[m->frame_count - 1];
	memcpy(r->data, body, size);
	if (m->bad > m->count && r->status == 0 &&
	    prun_value_check(body, size) < 0)
		m->bad = m->count + 1;
	m->count++;
	return true;
}

/* Results and starts up to what cannot be; anything else that is whole, or
 * cannot become a frame, is that. */
static void model(struct records *m, const uint8_t *data, size_t size)
{
	bool told = false, fine = true;
	struct frame_result head;
	size_t at = 0;

	m->count = m->frame_count = m->received = 0;
	m->bad = SIZE_MAX;
	while (fine && size - at >= 8) {
		uint64_t tag, body;

		memcpy(&tag, data + at, sizeof(tag));
		body = tag & 0xffffffffffffffu;
		fine = body <= engine_result_max(&config);
		if (!fine ||
		    (tag >> 56 == FRAME_TASKS && size - at < 32 + body))
			break;
		fine = tag >> 56 == FRAME_READY || tag >> 56 == FRAME_RESULT;
		if (!fine || size - at < sizeof(head) + body)
			break;
		memcpy(&head, data + at, sizeof(head));
		at += sizeof(head) + (size_t)body;
		m->frames[m->frame_count++] = at;
		if (tag >> 56 == FRAME_READY) {
			fine = !told && head.status <= 0;
			told = true;
		} else {
			fine = model_result(m, &head, data + at - body,
					    (size_t)body);
		}
	}
	m->hostile = !fine || m->bad != SIZE_MAX;
}

/* The end of the frame that byte at - 1 is in. */
static size_t frame_end(const struct records *m, size_t at, size_t size)
{
	size_t i;

	for (i = 0; i < m->frame_count; i++)
		if (m->frames[i] >= at)
			return m->frames[i];
	return size;
}

/* The parent has read the board, which is committed up to there. Half a result
 * is the end: what is behind it does not come. */
static void model_harvest(struct records *m, size_t at)
{
	if (at <= m->received)
		return;
	m->received = at;
	if (frame_end(m, at, SIZE_MAX) == at)
		return;
	while (m->count > 0 && m->list[m->count - 1].end > at)
		m->count--;
	m->hostile = true;
}

/* Nothing is awaited any more, so the board is not looked at. */
static bool model_idle(const struct records *m)
{
	return m->count == GRANTED && m->list[GRANTED - 1].end <= m->received;
}

/* When it is buried with several tasks claimed: one can be running. */
static void model_bury(struct records *m, size_t at)
{
	model_harvest(m, at);
	m->hostile = m->hostile || world.claims > m->count + 1;
}

static void check_taken(const struct records *m, bool hostile)
{
	const struct records *t = &world.taken;
	size_t i;

	/* Those behind a bad value may come with it, in one call. */
	FUZZ_ASSERT(t->count <= m->count);
	FUZZ_ASSERT(t->count >= (m->bad < m->count ? m->bad : m->count));
	for (i = 0; i < t->count; i++) {
		const struct record *a = &t->list[i], *b = &m->list[i];

		FUZZ_ASSERT(a->task == b->task && a->status == b->status);
		FUZZ_ASSERT(a->size == b->size);
		FUZZ_ASSERT(memcmp(a->data, b->data, a->size) == 0);
	}
	FUZZ_ASSERT(hostile == m->hostile);
}

/* -------------------------------------------------------------------- the slot
 */

static void give(struct slot *s, uint32_t at, uint32_t count)
{
	struct run *r = run_new(&world.engine, &world.chunk, at, count, false);

	FUZZ_ASSERT(r && slot_give(s, r) == 0);
}

static void world_new(struct slot *s)
{
	memset(&world, 0, sizeof(world));
	world.engine.config = &config;
	world.engine.events = &events;
	world.engine.ctx = &world;
	world.engine.poller = (struct poller)POLLER_INIT;
	world.engine.now_ns = NOW_NS;
	world.chunk.count = TASKS;
	world.chunk.states = world.states;
	world.chunk.offsets = world.offsets;
	memset(s, 0, sizeof(*s));
	s->engine = &world.engine;
	s->state = SLOT_READY;
	s->process = (struct process)PROCESS_INIT;
	s->process.pid = 1; /* of nobody: a signal needs a pidfd */
	s->board = board_new();
	FUZZ_ASSERT(s->board);
	s->estimates = &world.estimate;
	s->check_ns = s->kill_ns = s->overdue_ns = UINT64_MAX;
	s->end = s->fresh = s->claimed = FIRST;
	s->received = s->heard = BASE;
	run_queue_init(&s->flight);
	frame_reader_init(&s->in, engine_result_max(&config));
	s->board->word = word_make(FIRST, FIRST);
	s->board->committed = s->board->valid_from = BASE;
	world.chunk.args = (unsigned char *)world.states; /* all are "" */
	give(s, 0, GAP_FROM);
	give(s, GAP_TO, TASKS - GAP_TO);
}

/* As a worker does: to the board, and, by and by, to the socket. The socket
 * carries pieces of any size; the board has whole frames, if it has no halves.
 */
static size_t say(struct slot *s, int fd, const struct fuzz_input *in,
		  uint64_t pieces, unsigned flags, struct records *m)
{
	size_t at = 0, sent = 0, to = 0, next;
	uint64_t left = pieces;

	while (at < in->size) {
		at += 1 + (size_t)(left & 0x7f);
		at = at < in->size ? at : in->size;
		next = flags & 2 ? at : frame_end(m, at, in->size);
		board_write_wrapped(s->board, BASE + to, in->data + to,
				    next - to);
		board_commit(s->board, s->board->committed + (next - to));
		to = next;
		if (flags & 4 && at == in->size)
			break;
		if (left & 0x80) {
			FUZZ_ASSERT(send(fd, in->data + sent, at - sent, 0) ==
				    (ssize_t)(at - sent));
			sent = at;
			m->received = at > m->received ? at : m->received;
			slot_receive(s);
		} else {
			if (!model_idle(m))
				model_harvest(m, to);
			s->doubts = 0;
			slot_check(s);
		}
		left = left >> 8 ? left >> 8 : pieces;
	}
	return to;
}

/* What has not started, and was not blamed: taken back. */
static void count_back(struct run_queue *back)
{
	struct run *r;
	uint32_t i;

	while ((r = run_queue_pop(back)) != NULL) {
		for (i = r->at; i < r->at + r->count; i++)
			if (world.states[i] == TASK_QUEUED)
				world.given[i]++;
		free(r);
	}
}

static void lie(struct slot *s, struct fuzz_input *in)
{
	s->board->word ^= fuzz_take(in, 2) | fuzz_take(in, 2) << 32;
	s->board->committed += fuzz_take(in, 2);
	s->board->valid_from += fuzz_take(in, 2);
}

/* Says what the input says, to the end of the worker. */
static void play(struct slot *s, struct fuzz_input *in, unsigned flags,
		 uint64_t pieces)
{
	static const struct process_end end = {true, 9, -1};
	static struct records m;
	struct run_queue back;
	bool hostile;
	int fds[2];

	FUZZ_ASSERT(process_socketpair(fds, SOCK_STREAM) == 0);
	s->process.fd = fds[0];
	if (in->size > BOARD_OUT_SIZE / 2) /* what a worker has not yet sent */
		in->size = BOARD_OUT_SIZE / 2;
	model(&m, in->data, in->size);
	model_bury(&m, say(s, fds[1], in, pieces | 1, flags, &m));
	process_fd_close(&fds[1]);
	run_queue_init(&back);
	slot_bury(s, &end, &back);
	hostile = s->hostile;
	if (!(flags & 1))
		check_taken(&m, hostile);
	count_back(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = {data, size};
	unsigned flags = (unsigned)fuzz_take(&in, 1);
	uint32_t claims = (uint32_t)fuzz_take(&in, 1) % (GRANTED + 1), i;
	uint64_t pieces = fuzz_take(&in, 4);
	struct slot s;

	world_new(&s);
	for (i = 0; i < claims; i++)
		FUZZ_ASSERT(board_claim(s.board, FIRST + i));
	world.claims = claims;
	if (flags & 1)
		lie(&s, &in);
	play(&s, &in, flags, pieces);
	for (i = 0; i < TASKS; i++)
		FUZZ_ASSERT(world.given[i] == (i < GAP_FROM || i >= GAP_TO));
	slot_free_memory(&s);
	run_free_unused(&world.engine);
	return 0;
}
