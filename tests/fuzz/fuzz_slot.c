/* SPDX-License-Identifier: MIT */
/*
 * The parent's side of one worker, without the worker: a slot that has granted
 * ten tasks, of which some were claimed, hears arbitrary bytes by its board
 * and by its socket, against a plain reading of docs/wire.md. The input is
 *
 *	1 byte	  odd: the board lies as well
 *	1 byte	  how many tasks were claimed
 *	4 bytes	  the pieces, and which way each comes
 *	8 bytes	  the lies, if there are any
 *		  the stream
 *
 * What is taken are the results up to the first that cannot be, whichever way
 * they came; and when the worker is buried each task has come back once.
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
#define FIRST 0xfffffffcu /* the numbers go round, */
#define BASE (BOARD_OUT_SIZE - 40) /* and so does the ring */
#define RECORDS_MAX 64
#define NOW_NS (UINT64_C(1) << 40)

/* A result as it was taken, or as it should be. */
struct record {
	uint32_t task;
	int status;
	size_t size;
	unsigned char data[1024];
};

struct records {
	struct record list[RECORDS_MAX];
	size_t count;
	bool hostile; /* after these it said what cannot be */
	size_t bad;   /* how many came before a value that is none */
};

static struct {
	struct engine engine;
	struct chunk chunk;
	uint8_t states[TASKS];
	uint64_t offsets[TASKS + 1];
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
	.wanted = wanted, .done = done, .withdrawn = withdrawn,
};

static struct prun_func funcs[] = {{.name = "none"}};
static const struct engine_config config = {
	.funcs = {.funcs = funcs, .count = 1},
	.max_payload = PAYLOAD_MAX,
};

/* ------------------------------------------------------------------- the model
 */

/* A RESULT that has come whole. False: it cannot be. */
static bool model_result(struct records *m, const struct frame_result *head,
			 const uint8_t *body, size_t size, bool *had)
{
	uint32_t k = head->number - FIRST;
	struct record *r = &m->list[m->count];

	if (k >= GRANTED || k >= world.claims || had[k] || head->status > 0)
		return false;
	had[k] = true;
	r->task = k < GAP_FROM ? k : k + (GAP_TO - GAP_FROM);
	r->status = head->status;
	r->size = size;
	memcpy(r->data, body, size);
	if (m->bad > m->count && r->status == 0 &&
	    prun_value_check(body, size) < 0)
		m->bad = m->count + 1;
	m->count++;
	return true;
}

/* Results and starts up to what cannot be; anything else that is whole, or
 * cannot become a frame, is that. */
static void model(struct records *m, const uint8_t *at, size_t left)
{
	bool had[GRANTED] = {false}, told = false, fine = true;
	struct frame_result head;

	m->bad = SIZE_MAX;
	while (fine && left >= 8) {
		uint64_t tag, size;

		memcpy(&tag, at, sizeof(tag));
		size = tag & 0xffffffffffffffu;
		fine = size <= engine_result_max(&config);
		if (!fine || (tag >> 56 == FRAME_TASKS && left < 40 + size))
			break;
		fine = tag >> 56 == FRAME_READY || tag >> 56 == FRAME_RESULT;
		if (!fine || left < sizeof(head) + size)
			break;
		memcpy(&head, at, sizeof(head));
		if (tag >> 56 == FRAME_READY) {
			fine = !told && head.status <= 0;
			told = true;
		} else {
			fine = model_result(m, &head, at + sizeof(head),
					    (size_t)size, had);
		}
		at += sizeof(head) + size;
		left -= sizeof(head) + (size_t)size;
	}
	m->hostile = !fine || m->bad != SIZE_MAX;
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
	struct run *r = run_new(&world.chunk, at, count, false);

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
	world.chunk.args.data = (unsigned char *)world.states; /* all are "" */
	give(s, 0, GAP_FROM);
	give(s, GAP_TO, TASKS - GAP_TO);
}

/* As a worker does: to the board, and, by and by, to the socket. */
static void say(struct slot *s, int fd, const uint8_t *data, size_t size,
		uint64_t pieces)
{
	uint64_t left = pieces;
	size_t at = 0, sent = 0, piece;

	while (at < size) {
		piece = 1 + (size_t)(left & 0x7f);
		piece = piece < size - at ? piece : size - at;
		board_write_wrapped(s->board, BASE + at, data + at, piece);
		at += piece;
		board_commit(s->board, s->board->committed + piece);
		if (left & 0x80) {
			FUZZ_ASSERT(send(fd, data + sent, at - sent, 0) ==
				    (ssize_t)(at - sent));
			sent = at;
			slot_receive(s);
		} else {
			s->doubts = 0;
			slot_check(s);
		}
		left = left >> 8 ? left >> 8 : pieces;
	}
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct process_end end = {true, 9, -1};
	struct fuzz_input in = {data, size};
	bool lies = fuzz_take(&in, 1) % 2, hostile;
	uint32_t claims = (uint32_t)fuzz_take(&in, 1) % (GRANTED + 1), i;
	uint64_t pieces = fuzz_take(&in, 4);
	static struct records m;
	struct run_queue back;
	struct slot s;
	int fds[2];

	world_new(&s);
	FUZZ_ASSERT(process_socketpair(fds, SOCK_STREAM) == 0);
	s.process.fd = fds[0];
	for (i = 0; i < claims; i++)
		FUZZ_ASSERT(board_claim(s.board, FIRST + i));
	world.claims = claims;
	if (lies)
		lie(&s, &in);
	if (in.size > BOARD_OUT_SIZE / 2) /* what a worker has not yet sent */
		in.size = BOARD_OUT_SIZE / 2;
	m.count = 0;
	model(&m, in.data, in.size);
	say(&s, fds[1], in.data, in.size, pieces | 1);
	process_fd_close(&fds[1]);
	run_queue_init(&back);
	slot_bury(&s, &end, &back);
	hostile = s.hostile;
	if (!lies)
		check_taken(&m, hostile);
	count_back(&back);
	for (i = 0; i < TASKS; i++)
		FUZZ_ASSERT(world.given[i] == (i < GAP_FROM || i >= GAP_TO));
	frame_reader_release(&s.in);
	frame_writer_release(&s.out);
	return 0;
}
