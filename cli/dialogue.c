/* SPDX-License-Identifier: MIT */

#include "dialogue.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "environment.h"
#include "framing.h"
#include "group.h"
#include "message.h"
#include "partner.h"
#include "spawn.h"
#include "workers.h"

/* What is kept of the memory for answers. */
#define KEPT_MAX ((size_t)1 << 20)

/* What is said of a program begins so. */
#define THE_PROGRAM "the program "

struct dialogue {
	const struct dialogue_plan *plan;
	struct spawner spawner;
	struct environment environment;
	char **words; /* argv, with room before it */
	struct partner partner;
	struct framing framing;
	struct answer answer;
};

/* ---------------------------------------------------------------------- life */

static int words_copy(struct dialogue *d)
{
	const struct options *o = d->plan->options;

	d->words = calloc(o->nwords + 2, sizeof(*d->words));
	if (!d->words)
		return -ENOMEM;
	for (size_t i = 0; i < o->nwords; i++)
		d->words[i + 1] = (char *)(uintptr_t)o->words[i];
	return 0;
}

int dialogue_start(const struct dialogue_plan *plan, void **state,
		   int worker_id)
{
	struct dialogue *d = calloc(1, sizeof(*d));
	int rc;

	*state = d;
	if (!d)
		return -ENOMEM;
	d->plan = plan;
	partner_prepare(&d->partner);
	rc = spawner_init(&d->spawner, true);
	d->spawner.memory_limit = plan->options->memory_limit;
	if (rc == 0)
		rc = environment_init(&d->environment, (unsigned)worker_id + 1,
				      workers_count(), false);
	if (rc == 0)
		rc = words_copy(d);
	return rc == 0 ? framing_init(&d->framing, plan->options) : rc;
}

/* What no item is to blame for. */
static void __attribute__((format(printf, 2, 3)))
mishap(const struct dialogue *d, const char *format, ...)
{
	const char *name = d->plan->options->words[0];
	char text[256];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	message_item(name, strlen(name), text, (size_t)n);
	atomic_fetch_add(d->plan->mishaps, 1);
}

static void tell_too_much(const struct dialogue *d, uint64_t bytes)
{
	mishap(d,
	       "wrote %" PRIu64 " byte%s that no item had asked for; an answer "
	       "before that may be wrong",
	       bytes, bytes == 1 ? "" : "s");
}

/* It has ended, with no item in hand. */
static void ended_alone(struct dialogue *d)
{
	char how[ENDING_TEXT];

	partner_how(how, &d->partner);
	if (!partner_ended_well(&d->partner))
		mishap(d, "%s, with no item in hand", how);
}

/* It has ended, or closed a pipe, before it had read any of the item in hand. */
static void deaf_alone(struct dialogue *d)
{
	if (partner_bury(&d->partner))
		ended_alone(d);
	else
		mishap(d, "closed its input or output, with no item in hand");
}

void dialogue_end(void *state)
{
	struct dialogue *d = state;
	const struct options *o = d->plan->options;
	int64_t limit_ms = o->has_kill_after ? (int64_t)o->kill_after_ms : -1;
	bool was_there = d->partner.pid > 0;
	uint64_t written = 0;

	group_task(NULL);
	if (!partner_finish(&d->partner, limit_ms, &written))
		mishap(d,
		       "was killed, as it had not ended %.3g s after its "
		       "last item",
		       (double)limit_ms / 1000);
	else if (was_there)
		ended_alone(d);
	if (written > 0)
		tell_too_much(d, written);
	framing_release(&d->framing);
	environment_release(&d->environment);
	spawner_release(&d->spawner);
	free(d->answer.data);
	free(d->words);
	free(d);
}

/* ---------------------------------------------------------------- the program */

/* There is one that can be asked, afterwards: 0 or -errno. */
static int program_ready(struct dialogue *d)
{
	const struct options *o = d->plan->options;
	struct partner *p = &d->partner;
	struct spawn what = {.path = d->plan->path,
			     .argv = d->words + 1,
			     .envp = d->environment.list};
	size_t unread = partner_unread(p);

	if (unread > 0) {
		tell_too_much(d, unread);
		partner_kill(p);
	}
	if (partner_is_there(p))
		return 0;
	if (p->pid > 0) {
		ended_alone(d);
		partner_kill(p);
	}
	d->words[1] = (char *)(uintptr_t)o->words[0];
	return partner_start(p, &d->spawner, &what);
}

/* It can be asked no more. */
static int program_lost(struct dialogue *d, struct prun_task *task)
{
	bool half = d->answer.size > 0;
	char how[ENDING_TEXT];

	if (!partner_bury(&d->partner))
		return prun_task_fail(task, PRUN_EFAILED,
				      "the program closed its %s",
				      half ? "output in the middle of its "
					     "answer" :
					     "input or output");
	if (prun_task_cancelled(task))
		return prun_task_fail(task, PRUN_ETIMEDOUT,
				      "took too long, and the program was "
				      "asked to end");
	partner_how(how, &d->partner);
	return prun_task_fail(task, PRUN_EFAILED, THE_PROGRAM "%s%s", how,
			      half ? " in the middle of its answer" : "");
}

/* Nobody knows what its next bytes would mean. */
static int program_dismissed(struct dialogue *d, struct prun_task *task,
			     enum partner_word word)
{
	partner_kill(&d->partner);
	switch (word) {
	case PARTNER_TALKS:
		return prun_task_fail(task, PRUN_EFAILED,
				      "the program wrote more than one answer");
	case PARTNER_HASTY:
		return prun_task_fail(task, PRUN_EFAILED,
				      "the program answered before it had read "
				      "all of the item; an answer before that "
				      "may be wrong");
	case PARTNER_NONSENSE:
		return prun_task_fail(task, PRUN_EFAILED,
				      "the program's answer is not msgpack");
	case PARTNER_TOO_LONG:
		return PRUN_ETOOBIG;
	default:
		return prun_task_fail(task, -ENOMEM,
				      "there is no memory for the answer");
	}
}

/*
 * Ask. A program that has ended before it read any of the question had done its
 * work, and so another one is asked, once.
 */
static int ask(struct dialogue *d, struct prun_task *task,
	       enum partner_word *word, const struct iovec question[2])
{
	struct partner *p = &d->partner;
	bool fresh;
	int rc;

	do {
		struct iovec copy[2] = {question[0], question[1]};

		rc = program_ready(d);
		if (rc < 0)
			return prun_task_fail(task, rc, "cannot run '%s': %s",
					      d->plan->options->words[0],
					      prun_strerror(rc));
		group_look();
		fresh = p->said == 0;
		framing_expect(&d->answer, &d->framing);
		*word = partner_ask(p, copy, &d->answer);
		p->asked |= prun_task_cancelled(task);
		if (*word == PARTNER_DEAF && !fresh)
			deaf_alone(d);
	} while (*word == PARTNER_DEAF && !fresh);
	return 0;
}

static void memory_trim(struct answer *a)
{
	if (a->room <= KEPT_MAX)
		return;
	free(a->data);
	a->data = NULL;
	a->room = 0;
}

int dialogue_task(struct prun_task *task)
{
	struct dialogue *d = prun_task_state(task);
	struct iovec question[2];
	enum partner_word word = PARTNER_LOST;
	int rc = framing_question(question, &d->framing, task);

	if (rc < 0)
		return rc;
	group_task(task);
	rc = ask(d, task, &word, question);
	if (rc == 0 && word == PARTNER_ANSWERED)
		rc = framing_answer(&d->framing, task, &d->answer);
	else if (rc == 0 && (word == PARTNER_DEAF || word == PARTNER_LOST))
		rc = program_lost(d, task);
	else if (rc == 0)
		rc = program_dismissed(d, task, word);
	if (rc == PRUN_ETOOBIG)
		rc = prun_task_fail(task, rc,
				    "the program's answer is longer than 256 "
				    "MiB");
	memory_trim(&d->answer);
	return rc;
}

bool dialogue_ending(int *code, int *signal, const struct prun_result *result)
{
	size_t before = strlen(THE_PROGRAM);

	return result->status == PRUN_EFAILED &&
	       result->message_size > before &&
	       memcmp(result->message, THE_PROGRAM, before) == 0 &&
	       ending_read(code, signal, result->message + before,
			   result->message_size - before);
}
