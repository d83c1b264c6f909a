/* SPDX-License-Identifier: MIT */
#include "slot.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rlimits.h"

/* -- Birth -- */

static struct worker_setup worker_setup(const struct engine_config *config)
{
	struct worker_setup setup = {.funcs = &config->funcs,
				     .initializer = config->initializer,
				     .finalizer = config->finalizer,
				     .initarg = config->initarg,
				     .max_payload = config->max_payload,
				     .limits = config->limits};

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
		s->overdue_ns =
			s->born_ns +
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

/* -- Bytes out -- */

void slot_retire(struct slot *s)
{
	if (s->state == SLOT_RETIRING || s->state == SLOT_DOOMED)
		return;
	/* Without memory for the frame, end-of-file says the same. */
	(void)frame_put_stop(&s->out);
	s->state = SLOT_RETIRING;
}

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
		/* Who takes in a large frame does not stand still. */
		s->moved_ns = s->engine->now_ns;
	}
	s->unsent = 0;
	want_writable(s, false);
	if (s->state == SLOT_RETIRING && !s->shut) {
		s->shut = true;
		process_shutdown(&s->process);
	}
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
	stats->working_ns =
		atomic_load_explicit(&s->board->work_ns, memory_order_relaxed);
	since = atomic_load_explicit(&s->board->since_ns, memory_order_relaxed);
	if (since && since < now)
		stats->working_ns += now - since;
	/* It is the worker's word, and the two were read one by one. */
	if (stats->working_ns > now - s->ready_ns)
		stats->working_ns = now - s->ready_ns;
	stats->waiting_ns = now - s->ready_ns - stats->working_ns;
}

/* -- Release -- */

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

void slot_free_memory(struct slot *s)
{
	run_queue_free(&s->flight);
	free(s->spare);
	s->spare = NULL;
	frame_reader_release(&s->in);
	frame_writer_release(&s->out);
}
