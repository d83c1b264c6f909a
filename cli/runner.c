/* SPDX-License-Identifier: MIT */

#include "runner.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "environment.h"
#include "gather.h"
#include "group.h"
#include "items.h"
#include "lines.h"
#include "quote.h"
#include "sink.h"
#include "spawn.h"
#include "workers.h"

#define FORMAT "[i,i,i,i,y#,y#,y#,y#]"

/* One of the two streams of a command, while it runs. */
struct stream {
	struct gather gather;
	struct sink sink; /* of OUTPUT_LINES */
	struct lines lines;
	int fd; /* our end of the pipe, or -1 */
	/* The command's end: open here too until the command has ended, so that
	 * the wait is woken by that, not by the end of each stream before. */
	int command_fd;
};

struct runner {
	const struct plan *plan;
	struct spawner spawner;
	struct environment environment;
	struct items items;
	struct columns columns; /* of a record */
	struct args args;
	unsigned slot;
	char *tag;
	size_t tag_len;
	struct stream streams[2]; /* stdout, stderr */
	sigset_t waiting;	  /* the mask while it waits */
	int wanted;		  /* the signal that stopped the command */
};

/* ------------------------------------------------------------------- signals */

static void on_child(int sig)
{
	(void)sig; /* it ends a wait */
}

int runner_late_signal(void)
{
	return group_late_signal();
}

/* Children's signals come while it waits for them, so that none is missed. */
static void signals_prepare(struct runner *r)
{
	sigset_t child;

	group_handle(r->plan->own_group);
	group_catch(SIGCHLD, on_child);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, &r->waiting);
	sigdelset(&r->waiting, SIGCHLD);
}

/* ---------------------------------------------------------------------- life */

static void stream_init(struct stream *s, const struct plan *plan, int fd)
{
	gather_init(&s->gather, plan->spool);
	s->fd = s->command_fd = -1;
	sink_init(&s->sink, fd);
	s->lines = (struct lines){.put = sink_put,
				  .to = &s->sink,
				  .end = plan->end,
				  .whole = true};
}

int runner_start(const struct plan *plan, void **state, int worker_id)
{
	struct runner *r = calloc(1, sizeof(*r));
	int rc;

	*state = r;
	if (!r)
		return -ENOMEM;
	r->plan = plan;
	r->slot = (unsigned)worker_id + 1;
	stream_init(&r->streams[0], plan, plan->output);
	stream_init(&r->streams[1], plan, STDERR_FILENO);
	signals_prepare(r);
	rc = spawner_init(&r->spawner, plan->own_group);
	r->spawner.memory_limit = plan->memory_limit;
	if (rc == 0)
		rc = environment_init(&r->environment, r->slot, workers_count(),
				      true);
	return rc;
}

void runner_end(void *state)
{
	struct runner *r = state;

	gather_release(&r->streams[0].gather);
	gather_release(&r->streams[1].gather);
	args_release(&r->args);
	items_release(&r->items);
	columns_release(&r->columns);
	environment_release(&r->environment);
	spawner_release(&r->spawner);
	free(r->tag);
	free(r);
}

/* ------------------------------------------------------------------- the start */

/* No argument can hold one. */
static bool items_hold_nul(const struct items *items)
{
	for (size_t i = 0; i < items->count; i++)
		if (items->texts[i].len > 0 &&
		    memchr(items->texts[i].text, '\0', items->texts[i].len))
			return true;
	return false;
}

char runner_between(const struct plan *plan)
{
	return plan->records ? '\t' : ' ';
}

static int items_take(struct runner *r, const struct prun_task *task)
{
	size_t size;
	const void *argument = prun_task_arg(task, &size);

	return r->plan->records ? items_unpack_record(&r->items, &r->columns,
						      argument, size) :
				  items_unpack(&r->items, argument, size);
}

static int words_make(struct runner *r, struct prun_task *task)
{
	struct substitutes values = {.items = &r->items,
				     .columns = &r->columns,
				     .number = prun_task_index(task) + 1,
				     .worker = r->slot};
	int rc = template_expand(&r->args, r->plan->template, &values);

	if (rc != PRUN_EVALUE)
		return rc;
	return prun_task_fail(task, rc, "it has no column '%.*s'",
			      (int)r->args.missing_len, r->args.missing);
}

static int arguments_make(struct runner *r, struct prun_task *task)
{
	int rc = items_take(r, task);

	if (rc < 0)
		return rc;
	if (items_hold_nul(&r->items))
		return prun_task_fail(task, -EINVAL,
				      "holds a NUL byte, which no argument "
				      "can hold");
	free(r->tag);
	r->tag = r->plan->tag ? items_join(&r->items, runner_between(r->plan),
					   &r->tag_len) :
				NULL;
	if (r->plan->tag && !r->tag)
		return -ENOMEM;
	environment_set(&r->environment, prun_task_index(task) + 1,
			prun_task_attempt(task));
	return words_make(r, task);
}

static void stream_start(const struct runner *r, struct stream *s,
			 uint32_t owner)
{
	gather_start(&s->gather, owner);
	s->sink.error = 0;
	s->lines.tag = r->tag;
	s->lines.tag_len = r->tag_len;
	s->lines.within = false;
}

static void end_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void stream_close(struct stream *s)
{
	end_close(&s->fd);
	end_close(&s->command_fd);
}

static int pipes_open(struct runner *r)
{
	for (int i = 0; i < 2; i++) {
		int ends[2];

		if (pipe2(ends, O_CLOEXEC) < 0)
			return -errno;
		r->streams[i].fd = ends[0];
		r->streams[i].command_fd = ends[1];
	}
	return 0;
}

static int command_start(struct runner *r, pid_t *pid)
{
	bool straight = r->plan->kind == OUTPUT_STRAIGHT;
	struct spawn what = {.argv = r->args.argv,
			     .envp = r->environment.list,
			     .fds = {r->plan->input, -1, -1}};
	char path[PATH_MAX];
	int rc = 0;

	what.path = r->plan->path;
	if (!*what.path) {
		what.path = path;
		rc = spawn_find(path, r->args.argv[0]);
	}
	if (rc < 0)
		return rc;
	if (straight)
		what.fds[STDOUT_FILENO] = r->plan->output;
	else
		rc = pipes_open(r);
	for (int i = 0; i < 2 && !straight; i++)
		what.fds[i + 1] = r->streams[i].command_fd;
	*pid = rc < 0 ? rc : spawn(&r->spawner, &what);
	for (int i = 0; i < 2 && *pid < 0; i++)
		stream_close(&r->streams[i]);
	return *pid < 0 ? *pid : 0;
}

/* --------------------------------------------------------------------- the run */

/* All there is up to `size` goes out. */
static void lines_out(struct runner *r, struct stream *s, size_t size)
{
	struct gather *g = &s->gather;

	spool_lock(r->plan->spool);
	lines_put_blocks(&s->lines, g->spool, g->blocks, g->nblocks);
	lines_put(&s->lines, g->data, size);
	if (s->fd < 0)
		lines_end(&s->lines);
	sink_flush(&s->sink);
	spool_unlock(r->plan->spool);
	gather_drop(g, size);
	/* As if there were no prun between the command and the reader. */
	if (s->sink.error)
		stream_close(s);
}

static int64_t stream_read(struct runner *r, struct stream *s)
{
	struct gather *g = &s->gather;
	int64_t n = gather_read(g, s->fd);
	const char *last;

	if (n <= 0) {
		stream_close(s);
		return 0;
	}
	if (r->plan->kind == OUTPUT_LINES) {
		last = memrchr(g->data + g->size - n, r->plan->end, (size_t)n);
		if (last)
			lines_out(r, s, (size_t)(last + 1 - g->data));
	}
	return n;
}

/* What was written before the command ended. What its children write later is
 * not waited for: they may be there for ever. */
static void stream_drain(struct runner *r, struct stream *s)
{
	int left = 0;

	if (s->fd >= 0)
		ioctl(s->fd, FIONREAD, &left);
	while (s->fd >= 0 && left > 0)
		left -= (int)stream_read(r, s);
	stream_close(s);
	if (r->plan->kind == OUTPUT_LINES &&
	    (s->gather.nblocks > 0 || s->gather.size > 0))
		lines_out(r, s, s->gather.size);
}

/* One that wants the terminal, which it cannot have, would wait for ever. */
static void command_stopped(struct runner *r, pid_t pid, int sig)
{
	if (!r->plan->own_group || (sig != SIGTTIN && sig != SIGTTOU))
		return;
	r->wanted = sig;
	kill(-pid, SIGKILL);
}

/* Not waited for before handlers of signals know that it is gone. */
static bool command_ended(struct runner *r, pid_t pid)
{
	siginfo_t info = {.si_pid = 0};

	if (waitid(P_PID, (id_t)pid, &info,
		   WEXITED | WSTOPPED | WNOHANG | WNOWAIT) < 0 ||
	    info.si_pid == 0)
		return false;
	if (info.si_code == CLD_STOPPED)
		command_stopped(r, pid, info.si_status);
	return info.si_code != CLD_STOPPED;
}

static int command_wait(struct runner *r, pid_t pid)
{
	int status = 0;

	do {
		struct pollfd polls[2] = {
			{.fd = r->streams[0].fd, .events = POLLIN},
			{.fd = r->streams[1].fd, .events = POLLIN},
		};
		int n = ppoll(polls, 2, NULL, &r->waiting);

		for (int i = 0; i < 2; i++)
			if (n > 0 && polls[i].revents)
				stream_read(r, &r->streams[i]);
	} while (!command_ended(r, pid));
	group_forget();
	waitpid(pid, &status, 0);
	stream_drain(r, &r->streams[0]);
	stream_drain(r, &r->streams[1]);
	/* What it has left behind is ours by now. */
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	return status;
}

/* ------------------------------------------------------------------ the result */

static int outcome_give(struct runner *r, struct prun_task *task, int status)
{
	const struct gather *out = &r->streams[0].gather,
			    *err = &r->streams[1].gather;
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	int sig = WIFSIGNALED(status) ? WTERMSIG(status) : 0;

	return prun_ret_pack(task, FORMAT, code, r->wanted ? r->wanted : sig,
			     out->error ? out->error : err->error,
			     r->streams[0].sink.error,
			     out->blocks ? (void *)out->blocks : "",
			     out->nblocks * sizeof(*out->blocks),
			     out->data ? out->data : "", out->size,
			     err->blocks ? (void *)err->blocks : "",
			     err->nblocks * sizeof(*err->blocks),
			     err->data ? err->data : "", err->size);
}

/*
 * A command that has failed is a task that fails while it can be tried again,
 * since the pool tries those, or if it was late. Otherwise it is a result: what
 * it has written is to be seen.
 */
static int failure_give(struct runner *r, struct prun_task *task, int status)
{
	if (prun_task_cancelled(task))
		return prun_task_fail(task, PRUN_ETIMEDOUT,
				      "took too long, and was asked to end");
	if (prun_task_attempt(task) <= r->plan->retries)
		return prun_task_fail(task, PRUN_EFAILED, "failed");
	return outcome_give(r, task, status);
}

int runner_task(struct prun_task *task)
{
	struct runner *r = prun_task_state(task);
	uint32_t owner = runner_owner(prun_task_index(task));
	int rc = arguments_make(r, task);
	int status;
	pid_t pid;

	if (rc < 0)
		return rc;
	/* What the try before has left there, whatever its end was. */
	if (prun_task_attempt(task) > 1)
		spool_drop_all(r->plan->spool, owner);
	r->wanted = 0;
	stream_start(r, &r->streams[0], owner);
	stream_start(r, &r->streams[1], owner);
	rc = command_start(r, &pid);
	if (rc < 0)
		return prun_task_fail(task, rc, "cannot run '%s': %s%s",
				      r->args.argv[0], prun_strerror(rc),
				      spawn_hint(r->args.argv[0], rc));
	group_task(task);
	if (r->plan->own_group)
		group_set(pid);
	group_look();
	status = command_wait(r, pid);
	return status == 0 ? outcome_give(r, task, status) :
			     failure_give(r, task, status);
}

int runner_dry_task(struct prun_task *task)
{
	struct runner *r = prun_task_state(task);
	int rc = arguments_make(r, task);
	char *text;
	size_t size;
	FILE *f;

	if (rc < 0)
		return rc;
	f = open_memstream(&text, &size);
	if (!f)
		return -ENOMEM;
	quote_words(f, r->args.argv);
	rc = fclose(f) == 0 ? prun_ret_str(task, text, size) : -ENOMEM;
	free(text);
	return rc;
}

uint32_t runner_owner(uint64_t index)
{
	return (uint32_t)(index % UINT32_MAX) + 1;
}

int runner_outcome(struct outcome *o, const struct prun_result *result)
{
	struct written *out = &o->streams[0], *err = &o->streams[1];

	return prun_result_unpack(result, FORMAT, &o->code, &o->signal,
				  &o->error, &o->output_error, &out->blocks,
				  &out->blocks_size, &out->rest,
				  &out->rest_size, &err->blocks,
				  &err->blocks_size, &err->rest,
				  &err->rest_size);
}
