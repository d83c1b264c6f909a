/* SPDX-License-Identifier: MIT */
/*
 * A model of grant, claim, withdraw and fresh, and of the blame after a death:
 * every interleaving of the atomic steps of a parent and a worker, within
 * small bounds. The steps on the claim word are those of board.h. To show
 * that the model can fail, rules are broken one at a time, and it must find
 * what goes wrong.
 */
#include <string.h>

#include "board.h"
#include "suite.h"

/* Numbers cross 2^32. In the model they are offsets from here. */
#define FIRST 0xfffffffdu
#define TASKS 5u
#define NUMBERS 24u
#define WITHDRAWALS 2

enum rule {
	RULE_NONE,	      /* nothing is broken */
	RULE_PLAIN_GRANT,     /* no fresh range after a withdrawal */
	RULE_FRESH_BLIND,     /* a fresh range while numbers are left */
	RULE_NUMBERS_AGAIN,   /* withdrawn numbers are used again */
	RULE_WITHDRAW_STORE,  /* a withdrawal by a store, not a CAS */
	RULE_CLAIM_STORE,     /* a claim by a store, not a CAS */
	RULE_CLAIM_UNGRANTED, /* a claim that does not look at `end` */
	RULE_SEND_FIRST,      /* the frame is sent before the grant */
	RULE_ENTER_LATE,      /* a lane is entered after the claim */
	RULE_LEAVE_EARLY,     /* a lane is left before the commit */
	RULES
};

enum parent_pc {
	PARENT_IDLE,
	PARENT_GRANT,
	PARENT_FRESH_LOAD,
	PARENT_FRESH_CAS,
	PARENT_SEND,
	PARENT_TAKE_LOAD,
	PARENT_TAKE_CAS
};

enum worker_pc {
	WORKER_IDLE,
	WORKER_LOAD,
	WORKER_CAS,
	WORKER_ENTER, /* RULE_ENTER_LATE alone */
	WORKER_SKIP,
	WORKER_DEAD
};

enum lane_pc { LANE_FREE, LANE_BEGUN, LANE_RUNS, LANE_COMMITTED };

/* Compared and hashed as bytes: set to zero before use. */
struct state {
	uint64_t word;
	uint64_t parent_reg, worker_reg; /* the word as they loaded it */
	uint32_t claimed, committed, withdrawn, flight; /* a bit a number */
	uint8_t parent, worker;	  /* enum parent_pc, worker_pc */
	uint8_t end, fresh, sent; /* of the parent, as offsets */
	uint8_t count, to;	  /* of the grant or withdrawal in hand */
	uint8_t at;		  /* the worker's next number */
	uint8_t lane;		  /* it is claimed into this one */
	uint8_t pending;	  /* tasks, a bit each */
	uint8_t withdrawals;	  /* left */
	uint8_t lanes[2];	  /* enum lane_pc */
	uint8_t lane_number[2];
	uint8_t named[2]; /* on the board: 0, or the number + 1 */
	uint8_t task[NUMBERS];
	uint8_t twice; /* some number was claimed twice */
};

struct model {
	enum rule rule;
	unsigned lanes;
	struct state *states; /* those seen; from `next` on not yet expanded */
	uint32_t *buckets;
	size_t count, capacity, next, nbuckets;
	const char *wrong; /* what the first violation was */
	size_t deaths, ends;
};

/* ----------------------------------------------------------- the visited set */

static uint64_t hash(const struct state *s)
{
	const unsigned char *p = (const unsigned char *)s;
	uint64_t h = 14695981039346656037u;
	size_t i;

	for (i = 0; i < sizeof(*s); i++)
		h = (h ^ p[i]) * 1099511628211u;
	return h ^ h >> 29;
}

static void rehash(struct model *m)
{
	size_t i, at;

	free(m->buckets);
	m->nbuckets = m->nbuckets ? m->nbuckets * 4 : 1024;
	m->buckets = calloc(m->nbuckets, sizeof(*m->buckets));
	ck_assert_ptr_nonnull(m->buckets);
	for (i = 0; i < m->count; i++) {
		at = hash(&m->states[i]) & (m->nbuckets - 1);
		while (m->buckets[at])
			at = (at + 1) & (m->nbuckets - 1);
		m->buckets[at] = (uint32_t)i + 1;
	}
}

/* A state that can be reached: to be expanded if it is new. */
static void reach(struct model *m, const struct state *s)
{
	size_t at;

	if (m->count * 2 >= m->nbuckets)
		rehash(m);
	at = hash(s) & (m->nbuckets - 1);
	for (; m->buckets[at]; at = (at + 1) & (m->nbuckets - 1))
		if (!memcmp(&m->states[m->buckets[at] - 1], s, sizeof(*s)))
			return;
	if (m->count == m->capacity) {
		m->capacity = m->capacity ? m->capacity * 2 : 1024;
		m->states = realloc(m->states, m->capacity * sizeof(*s));
		ck_assert_ptr_nonnull(m->states);
	}
	m->states[m->count++] = *s;
	m->buckets[at] = (uint32_t)m->count;
}

/* ------------------------------------------------------------- what must hold */

static uint32_t offset(uint32_t number)
{
	return number - FIRST;
}

static uint32_t bit(unsigned i)
{
	return (uint32_t)1 << i;
}

static void wrong(struct model *m, const char *what)
{
	if (!m->wrong)
		m->wrong = what;
}

/* Of each task exactly one: to be given, or in flight under one number. */
static void check_tasks(struct model *m, const struct state *s)
{
	unsigned task, i;

	for (task = 0; task < TASKS; task++) {
		unsigned places = s->pending >> task & 1;

		for (i = 0; i < NUMBERS; i++)
			places += s->flight >> i & 1 && s->task[i] == task;
		if (places != 1)
			wrong(m, "a task is lost, or there twice");
	}
}

static void check_state(struct model *m, const struct state *s)
{
	uint32_t next = offset(word_next(s->word));

	if (s->twice)
		wrong(m, "a number was claimed twice");
	if (s->claimed & s->withdrawn)
		wrong(m, "a number was claimed and withdrawn");
	if (s->claimed & ~s->flight)
		wrong(m, "a number is claimed that was never granted");
	if (s->committed & ~s->claimed)
		wrong(m, "a result of a task that was not claimed");
	if (offset(word_end(s->word)) != s->end)
		wrong(m, "`end` is not where the parent has put it");
	/* What slot_unstarted() takes for an impossible claim. */
	if (s->end - next > (unsigned)__builtin_popcount(s->flight))
		wrong(m, "more is unstarted than is in flight");
	check_tasks(m, s);
}

/* The worker is dead, and the parent at rest: the blame. */
static void check_death(struct model *m, const struct state *s)
{
	uint32_t open = s->flight & ~s->committed;
	uint32_t next = word_next(s->word);
	uint32_t running = 0, in_lanes = 0;
	unsigned i;

	for (i = 0; i < NUMBERS; i++)
		if (open & bit(i) && number_before(FIRST + i, next))
			running |= bit(i);
	for (i = 0; i < m->lanes; i++)
		if (s->named[i] && number_before(FIRST + s->named[i] - 1, next))
			in_lanes |= bit(s->named[i] - 1u);
	if (running != (s->claimed & ~s->committed))
		wrong(m, "the blame is not on what was claimed");
	/* A lane may still name a number that was withdrawn under its hand. */
	if ((in_lanes & open) != running)
		wrong(m, "the lanes do not name what was running");
	if ((unsigned)__builtin_popcount(running) > m->lanes)
		wrong(m, "more to blame than there are lanes");
	m->deaths++;
}

/* Nobody has anything left to do. */
static void check_end(struct model *m, const struct state *s)
{
	if (s->pending)
		wrong(m, "stuck: tasks that cannot be granted");
	if (s->flight & ~s->committed)
		wrong(m, "stuck: granted tasks that nobody runs");
	m->ends++;
}

/* ----------------------------------------------------------------- the parent */

/* The grant is made: the numbers belong to the lowest pending tasks. */
static void granted(const struct model *m, struct state *s)
{
	uint8_t before = s->end;
	unsigned i, task;

	for (i = 0; i < s->count; i++) {
		task = (unsigned)__builtin_ctz(s->pending);
		s->pending &= (uint8_t)~bit(task);
		s->task[s->fresh + i] = (uint8_t)task;
		s->flight |= bit(s->fresh + i);
	}
	s->fresh = (uint8_t)(s->fresh + s->count);
	s->end = s->fresh;
	if (m->rule == RULE_PLAIN_GRANT)
		s->end = (uint8_t)(before + s->count);
	s->parent = m->rule == RULE_SEND_FIRST ? PARENT_IDLE : PARENT_SEND;
}

static void parent_grant(struct model *m, struct state s)
{
	s.word = word_granted(s.word, s.count);
	granted(m, &s);
	reach(m, &s);
}

static void parent_fresh(struct model *m, struct state s)
{
	uint32_t first = FIRST + s.fresh;

	if (s.parent == PARENT_FRESH_CAS && s.word == s.parent_reg) {
		s.word = word_make(first, first + s.count);
		granted(m, &s);
	} else { /* a load, or a CAS that failed, which loads too */
		s.parent_reg = s.word;
		s.parent = PARENT_FRESH_CAS;
		if (word_next(s.word) != word_end(s.word) &&
		    m->rule != RULE_FRESH_BLIND)
			s.parent = PARENT_IDLE;
	}
	if (s.parent != PARENT_FRESH_CAS)
		s.parent_reg = 0;
	if (s.parent == PARENT_IDLE)
		s.count = 0;
	reach(m, &s);
}

static void parent_take(struct model *m, struct state s)
{
	uint32_t to = FIRST + s.to;
	unsigned i;

	if (s.parent == PARENT_TAKE_CAS &&
	    (s.word == s.parent_reg || m->rule == RULE_WITHDRAW_STORE)) {
		s.word = word_withdrawn(s.parent_reg, to);
		for (i = s.to; i < s.end; i++) {
			s.withdrawn |= bit(i);
			s.flight &= ~bit(i);
			s.pending |= (uint8_t)bit(s.task[i]);
		}
		s.end = s.to;
		if (m->rule == RULE_NUMBERS_AGAIN)
			s.fresh = s.end;
		s.parent = PARENT_IDLE;
	} else {
		s.parent_reg = s.word;
		s.parent = word_withdrawable(s.word, to) ? PARENT_TAKE_CAS :
							   PARENT_IDLE;
	}
	if (s.parent == PARENT_IDLE) {
		s.parent_reg = 0;
		s.to = 0;
	}
	reach(m, &s);
}

static void parent_send(struct model *m, struct state s)
{
	bool first = m->rule == RULE_SEND_FIRST;

	s.sent = (uint8_t)(s.fresh + (first ? s.count : 0));
	s.parent = PARENT_IDLE;
	if (first)
		s.parent = PARENT_GRANT;
	else
		s.count = 0;
	reach(m, &s);
}

/* At rest it grants two tasks or all, or takes back from anywhere on. */
static void parent_begin(struct model *m, struct state s)
{
	unsigned pending = (unsigned)__builtin_popcount(s.pending);
	struct state then;
	unsigned count, to;

	for (count = 2; pending > 0 && s.worker != WORKER_DEAD; count = 5) {
		then = s;
		then.count = (uint8_t)(count < pending ? count : pending);
		ck_assert(s.fresh + then.count <= (int)NUMBERS);
		then.parent = PARENT_FRESH_LOAD;
		if (s.end == s.fresh || m->rule == RULE_PLAIN_GRANT)
			then.parent = m->rule == RULE_SEND_FIRST ? PARENT_SEND :
								   PARENT_GRANT;
		reach(m, &then);
		if (count >= pending)
			break;
	}
	for (to = 0; to < s.end && s.withdrawals; to++) {
		if (!(s.flight & bit(to)))
			continue;
		then = s;
		then.withdrawals--;
		then.to = (uint8_t)to;
		then.parent = PARENT_TAKE_LOAD;
		reach(m, &then);
	}
}

static void parent_step(struct model *m, const struct state *s)
{
	switch ((enum parent_pc)s->parent) {
	case PARENT_IDLE:
		parent_begin(m, *s);
		break;
	case PARENT_GRANT:
		parent_grant(m, *s);
		break;
	case PARENT_FRESH_LOAD:
	case PARENT_FRESH_CAS:
		parent_fresh(m, *s);
		break;
	case PARENT_SEND:
		parent_send(m, *s);
		break;
	case PARENT_TAKE_LOAD:
	case PARENT_TAKE_CAS:
		parent_take(m, *s);
		break;
	}
}

/* ----------------------------------------------------------------- the worker */

static void worker_load(struct model *m, struct state s)
{
	uint32_t number = FIRST + s.at;
	bool claimable = word_claimable(s.word, number);

	if (m->rule == RULE_CLAIM_UNGRANTED)
		claimable = word_next(s.word) == number;
	s.worker_reg = claimable ? s.word : 0;
	s.worker = claimable ? WORKER_CAS : WORKER_SKIP;
	reach(m, &s);
}

static void worker_cas(struct model *m, struct state s)
{
	if (s.word != s.worker_reg && m->rule != RULE_CLAIM_STORE) {
		worker_load(m, s); /* a CAS that fails loads */
		return;
	}
	s.word = word_claimed(s.worker_reg);
	s.worker_reg = 0;
	if (s.claimed & bit(s.at))
		s.twice = 1;
	s.claimed |= bit(s.at);
	s.lanes[s.lane] = LANE_RUNS;
	s.lane_number[s.lane] = s.at;
	s.worker = WORKER_IDLE;
	if (m->rule == RULE_ENTER_LATE)
		s.worker = WORKER_ENTER;
	else
		s.at++;
	reach(m, &s);
}

static void worker_enter(struct model *m, struct state s)
{
	s.named[s.lane] = (uint8_t)(s.at + 1);
	s.at++;
	s.worker = WORKER_IDLE;
	reach(m, &s);
}

static void worker_skip(struct model *m, struct state s)
{
	s.named[s.lane] = 0;
	s.lanes[s.lane] = LANE_FREE;
	s.at++;
	s.worker = WORKER_IDLE;
	reach(m, &s);
}

/* One of two steps each: the commit and the leaving of the lane. */
static void worker_finish(struct model *m, struct state s, unsigned lane)
{
	bool commit = s.lanes[lane] == LANE_RUNS;

	if (m->rule == RULE_LEAVE_EARLY)
		commit = !commit;
	if (commit)
		s.committed |= bit(s.lane_number[lane]);
	else
		s.named[lane] = 0;
	s.lanes[lane]++;
	if (s.lanes[lane] > LANE_COMMITTED) {
		s.lanes[lane] = LANE_FREE;
		s.lane_number[lane] = 0;
	}
	reach(m, &s);
}

static void worker_begin(struct model *m, const struct state *s)
{
	struct state then;
	unsigned lane;

	for (lane = 0; lane < m->lanes; lane++) {
		if (s->lanes[lane] != LANE_COMMITTED)
			continue;
		worker_finish(m, *s, lane);
		return; /* the two steps follow each other */
	}
	for (lane = 0; lane < m->lanes; lane++)
		if (s->lanes[lane] == LANE_RUNS)
			worker_finish(m, *s, lane);
	for (lane = 0; lane < m->lanes; lane++)
		if (s->lanes[lane] == LANE_FREE)
			break;
	if (s->at == s->sent || lane == m->lanes)
		return;
	then = *s;
	then.lane = (uint8_t)lane;
	then.lanes[lane] = LANE_BEGUN;
	if (m->rule != RULE_ENTER_LATE)
		then.named[lane] = (uint8_t)(s->at + 1);
	then.worker = WORKER_LOAD;
	reach(m, &then);
}

static void worker_step(struct model *m, const struct state *s)
{
	struct state dead = *s;

	switch ((enum worker_pc)s->worker) {
	case WORKER_IDLE:
		worker_begin(m, s);
		break;
	case WORKER_LOAD:
		worker_load(m, *s);
		break;
	case WORKER_CAS:
		worker_cas(m, *s);
		break;
	case WORKER_ENTER:
		worker_enter(m, *s);
		break;
	case WORKER_SKIP:
		worker_skip(m, *s);
		break;
	case WORKER_DEAD:
		return;
	}
	dead.worker = WORKER_DEAD;
	dead.worker_reg = 0;
	reach(m, &dead);
}

/* ---------------------------------------------------------------- the explorer */

/* No step of the worker is left, but to die; nor one of the parent that must
 * come, though it might withdraw. */
static bool at_rest(const struct model *m, const struct state *s)
{
	unsigned lane;

	for (lane = 0; lane < m->lanes; lane++)
		if (s->lanes[lane] != LANE_FREE)
			return false;
	if (s->worker != WORKER_IDLE || s->at != s->sent ||
	    s->parent != PARENT_IDLE)
		return false;
	return !s->pending ||
	       (s->end != s->fresh && word_next(s->word) != word_end(s->word));
}

static void explore(struct model *m, enum rule rule, unsigned lanes)
{
	struct state s;

	memset(m, 0, sizeof(*m));
	m->rule = rule;
	m->lanes = lanes;
	memset(&s, 0, sizeof(s));
	s.word = word_make(FIRST, FIRST);
	s.pending = (uint8_t)(bit(TASKS) - 1);
	s.withdrawals = WITHDRAWALS;
	reach(m, &s);
	while (m->next < m->count && !m->wrong) {
		s = m->states[m->next++];
		check_state(m, &s);
		if (s.worker == WORKER_DEAD && s.parent == PARENT_IDLE)
			check_death(m, &s);
		if (at_rest(m, &s))
			check_end(m, &s);
		parent_step(m, &s);
		worker_step(m, &s);
	}
	free(m->states);
	free(m->buckets);
}

START_TEST(all_interleavings)
{
	unsigned lanes = (unsigned)_i;
	struct model m;

	explore(&m, RULE_NONE, lanes);
	ck_assert_msg(!m.wrong, "%s", m.wrong);
	ck_assert_uint_gt(m.deaths, 1000);
	ck_assert_uint_gt(m.ends, 10);
	printf("model: %u lane(s): %zu states, %zu deaths, %zu ends\n", lanes,
	       m.count, m.deaths, m.ends);
}
END_TEST

/* What goes wrong first when a rule is broken. */
static const char *const expected[RULES] = {
	[RULE_PLAIN_GRANT] = "a number was claimed and withdrawn",
	[RULE_FRESH_BLIND] = "the blame is not on what was claimed",
	[RULE_NUMBERS_AGAIN] = "a number was claimed and withdrawn",
	[RULE_WITHDRAW_STORE] = "a number was claimed and withdrawn",
	[RULE_CLAIM_STORE] = "`end` is not where the parent has put it",
	[RULE_CLAIM_UNGRANTED] = "a number was claimed and withdrawn",
	[RULE_SEND_FIRST] = "stuck: tasks that cannot be granted",
	[RULE_ENTER_LATE] = "the lanes do not name what was running",
	[RULE_LEAVE_EARLY] = "the lanes do not name what was running",
};

START_TEST(a_broken_rule_is_found)
{
	struct model m;

	explore(&m, (enum rule)_i, 1);
	ck_assert_msg(m.wrong, "no violation in %zu states", m.count);
	printf("model: broken rule %d: after %zu states: %s\n", _i, m.next,
	       m.wrong);
	ck_assert_str_eq(m.wrong, expected[_i]);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("model");
	TCase *tc = suite_case(s, "model");

	tcase_add_loop_test(tc, all_interleavings, 1, 3);
	tcase_add_loop_test(tc, a_broken_rule_is_found, RULE_NONE + 1, RULES);
	return suite_main(s);
}
