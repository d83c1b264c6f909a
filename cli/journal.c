/* SPDX-License-Identifier: MIT */

#include "journal.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "message.h"
#include "option_table.h"
#include "output.h"
#include "program.h"
#include "prun_msgpack.h"
#include "text.h"
#include "utf8.h"

/* So many items wait at the most, and about so many bytes of failed ones. */
#define ENTRIES_MAX 1024
#define BYTES_MAX ((size_t)1 << 20)
#define TEXT_MAX ((size_t)64 << 10) /* of why one failed */
#define OUT_SIZE ((size_t)64 << 10)
#define NAME_MAX_SIZE ((size_t)1024) /* of an item that is told by name */
/* One is slower than another that is told only if it is by so much: so there
 * are few of them, however the times grow. */
#define SLOWER 1.05f

struct journal_entry {
	struct record_key key; /* without how often it came before */
	uint32_t start_ms;
	float seconds;
	uint64_t out_at; /* where its result ends in the output */
	size_t body, body_size;
	size_t name, name_size; /* of RECORD_MORE, if there is one */
	uint16_t worker;
	uint16_t tries;
	bool failed;
	bool more; /* there is one */
};

static int file_fail(const struct journal *j, const char *text, int code)
{
	message_item(j->name, strlen(j->name), text, strlen(text));
	return code;
}

static int memory_fail(void)
{
	message("out of memory");
	return EXIT_PRUN_FAILED;
}

static void fail(struct journal *j, int error)
{
	if (!j->error)
		j->error = error;
}

static void journal_detach(struct journal *j)
{
	if (j->fd >= 0)
		close(j->fd);
	j->fd = -1;
}

/* --------------------------------------------------------------------- opening */

static int add_word(char **words, size_t *size, const char *a, const char *b,
		    const char *c)
{
	size_t room = strlen(a) + strlen(b) + strlen(c) + 1;
	char *more = realloc(*words, *size + room);

	if (!more)
		return -ENOMEM;
	stpcpy(stpcpy(stpcpy(more + *size, a), b), c);
	*words = more;
	*size += room;
	return 0;
}

char *journal_command(size_t *size, const struct options *o)
{
	const struct option_row *row = NULL;
	char *words = NULL;
	int rc;

	*size = 0;
	rc = add_word(&words, size, o->command_name, "", "");
	/* In the order of the table, and of those that came twice the last. */
	while (rc == 0 && (row = option_next(row, ~0u))) {
		const struct option_given *last = NULL;

		for (size_t i = 0; i < o->ngiven; i++)
			if (o->given[i].row == row)
				last = &o->given[i];
		if (last && option_changes_results(row))
			rc = add_word(&words, size, "--", row->name, "");
		if (last && option_changes_results(row) && last->arg)
			rc = add_word(&words, size, last->arg, "", "");
	}
	if (rc == 0 && o->func)
		rc = add_word(&words, size, o->func, "", "");
	for (size_t i = 0; i < o->nwords && rc == 0; i++)
		rc = add_word(&words, size, o->words[i], "", "");
	if (rc < 0) {
		free(words);
		return NULL;
	}
	return words;
}

static struct flock whole_file(short type)
{
	return (struct flock){.l_type = type, .l_whence = SEEK_SET};
}

int journal_locked_by(int fd)
{
	struct flock lock = whole_file(F_WRLCK);

	if (fcntl(fd, F_GETLK, &lock) < 0 || lock.l_type == F_UNLCK)
		return 0;
	return (int)lock.l_pid;
}

/*
 * A lock of the process, not of the descriptor: that one would be held by
 * workers, and by what a task has left behind, after prun was killed, and it
 * could not be resumed.
 */
static int lock_take(const struct journal *j)
{
	struct flock lock = whole_file(F_WRLCK);
	char text[64];

	if (fcntl(j->fd, F_SETLK, &lock) == 0)
		return 0;
	if (errno != EAGAIN && errno != EACCES)
		return file_fail(j, prun_strerror(-errno), EXIT_USAGE);
	snprintf(text, sizeof(text), "in use by another run (process %d)",
		 journal_locked_by(j->fd));
	return file_fail(j, text, EXIT_USAGE);
}

uint32_t *journal_item(struct keys *k, const struct record *r, uint32_t way)
{
	struct record_key key = r->key;

	if (r->uncounted) {
		int64_t n = keys_count(k, &key, way);

		if (n < 0)
			return NULL;
		key = keys_nth(k, &key, (uint64_t)n);
	}
	return keys_put(k, &key, KEY_THERE);
}

/* Of a record there is in the file. 0 or -ENOMEM. */
static int record_take(struct journal *j, const struct record *r)
{
	uint32_t *number;

	if (r->kind != RECORD_DONE && r->kind != RECORD_FAILED)
		return 0;
	number = journal_item(&j->keys, r, KEY_READ);
	if (!number)
		return -ENOMEM;
	*number &= ~(uint32_t)(KEY_DONE | KEY_FAILED);
	*number |= r->kind == RECORD_DONE ? KEY_DONE : KEY_FAILED;
	return 0;
}

/* "of another command: map --zero echo" */
static int command_fail(const struct journal *j, const struct record *r)
{
	const char *words = r->body;
	size_t len = r->body_size;
	char *text = malloc(len + strlen(program_name()) + 64), *p;

	if (!text)
		return memory_fail();
	p = stpcpy(stpcpy(text, "the journal of another command: "),
		   program_name());
	for (size_t i = 0; i < len; i++)
		if (i == 0 || !words[i - 1])
			p = stpncpy(stpcpy(p, " "), words + i, len - i);
	*p = '\0'; /* the last word may have no end */
	file_fail(j, text, EXIT_USAGE);
	free(text);
	return EXIT_USAGE;
}

/* All records. Each run there was must have been of the same command. */
static int records_take(struct journal *j, struct journal_file *in)
{
	size_t size, runs = 0;
	char *command = journal_command(&size, j->options);
	struct record r;
	int rc = command ? 0 : -ENOMEM, code = 0;

	while (rc == 0 && code == 0 && (rc = journal_file_next(&r, in)) == 1) {
		rc = record_take(j, &r);
		if (r.kind != RECORD_RUN)
			continue;
		runs++;
		if (r.body_size != size || memcmp(r.body, command, size) != 0)
			code = command_fail(j, &r);
	}
	free(command);
	if (code != 0)
		return code;
	if (rc == -ENOMEM)
		return memory_fail();
	if (rc < 0)
		return file_fail(j, prun_strerror(rc), EXIT_PRUN_FAILED);
	if (runs == 0 && in->good > JOURNAL_HEAD_SIZE)
		return file_fail(j, "damaged: it does not say of which command",
				 EXIT_USAGE);
	if (in->damage > 0)
		message("%s: %" PRIu64 " bytes from byte %" PRIu64
			" on are damaged; the items they told of are run again",
			j->name, in->damage, in->damage_at);
	return 0;
}

/* What is there: its seed and its records. What was cut at its end is cut off,
 * for it would be damage between others. */
static int content_take(struct journal *j)
{
	const struct options *o = j->options;
	struct journal_file in;
	int rc = journal_file_open(&in, j->fd);
	int code = 0;

	j->keys.seed = in.seed;
	j->empty = rc == 1;
	if (rc == -EINVAL)
		code = file_fail(j, "not a journal of prun", EXIT_USAGE);
	else if (rc < 0)
		code = file_fail(j, prun_strerror(rc), EXIT_PRUN_FAILED);
	else if (rc == 0 && !o->resume && !o->retry_failed)
		code = file_fail(j,
				 "the journal of a run before; --resume goes "
				 "on with it",
				 EXIT_USAGE);
	else if (rc == 0)
		code = records_take(j, &in);
	journal_file_close(&in);
	if (code == 0 && !o->dry_run && (rc == 1 || in.torn > 0) &&
	    ftruncate(j->fd, (off_t)in.good) < 0)
		code = file_fail(j, prun_strerror(-errno), EXIT_PRUN_FAILED);
	return code;
}

/* 0, or an exit code after a message. Without a descriptor there is nothing to
 * go on with, and nothing is to be written. */
static int file_open(struct journal *j)
{
	const struct options *o = j->options;
	int flags = o->dry_run ? O_RDONLY : O_RDWR | O_APPEND;
	struct stat st;

	if (!o->dry_run && !o->retry_failed)
		flags |= O_CREAT;
	j->fd = open(j->name, flags | O_NOCTTY | O_NONBLOCK | O_CLOEXEC, 0666);
	if (j->fd < 0 && errno == ENOENT && o->dry_run && !o->retry_failed)
		return 0;
	if (j->fd < 0 || fstat(j->fd, &st) < 0)
		return file_fail(j, prun_strerror(-errno), EXIT_USAGE);
	if (!S_ISREG(st.st_mode))
		return file_fail(j, "not a regular file", EXIT_USAGE);
	return o->dry_run ? 0 : lock_take(j);
}

static int buffers_make(struct journal *j)
{
	j->entries = calloc(ENTRIES_MAX, sizeof(*j->entries));
	j->out = malloc(OUT_SIZE);
	return j->entries && j->out ? 0 : memory_fail();
}

int journal_open(struct journal *j, const struct options *o)
{
	int rc;

	*j = (struct journal){.options = o, .name = o->journal, .fd = -1};
	if (!o->journal || (o->dry_run && !o->resume && !o->retry_failed))
		return 0;
	rc = file_open(j);
	if (rc == 0 && j->fd >= 0)
		rc = content_take(j);
	if (rc == 0 && j->fd >= 0 && !o->dry_run)
		rc = buffers_make(j);
	/* The first run leaves nothing out, and needs no table. */
	j->choosing = o->retry_failed || (o->resume && !j->empty);
	/* It is read, and that is all. */
	if (o->dry_run)
		journal_detach(j);
	return rc;
}

void journal_close(struct journal *j)
{
	journal_detach(j);
	free(j->entries);
	free(j->bytes);
	free(j->out);
	keys_release(&j->keys);
	*j = (struct journal){.fd = -1};
}

/* ------------------------------------------------------------------- its bytes */

static void write_all(struct journal *j, const void *data, size_t size)
{
	const char *p = data;

	while (size > 0 && !j->error) {
		ssize_t n = write(j->fd, p, size);

		if (n >= 0) {
			p += n;
			size -= (size_t)n;
		} else if (errno != EINTR) {
			fail(j, -errno);
		}
	}
}

static void out_flush(struct journal *j)
{
	write_all(j, j->out, j->out_used);
	j->out_used = 0;
}

static void out_put(struct journal *j, const void *data, size_t size)
{
	if (size > OUT_SIZE - j->out_used)
		out_flush(j);
	if (size > OUT_SIZE) {
		write_all(j, data, size);
		return;
	}
	memcpy(j->out + j->out_used, data, size);
	j->out_used += size;
}

static void record_put(struct journal *j, const struct record *r)
{
	unsigned char head[RECORD_BODY_HEAD];
	size_t size = record_encode(head, r, j->keys.seed);

	out_put(j, head, size);
	if (r->body_size > 0)
		out_put(j, r->body, r->body_size);
}

int journal_begin(struct journal *j)
{
	unsigned char head[JOURNAL_HEAD_SIZE];
	struct record r = {.kind = RECORD_RUN};
	struct timespec now;
	char *command;

	j->start_ns = clock_ns();
	if (j->fd < 0)
		return 0;
	if (j->empty) {
		if (getrandom(&j->keys.seed, sizeof(j->keys.seed), 0) < 0)
			return file_fail(j, prun_strerror(-errno),
					 EXIT_PRUN_FAILED);
		journal_file_head(head, j->keys.seed);
		out_put(j, head, sizeof(head));
	}
	command = journal_command(&r.body_size, j->options);
	if (!command)
		return memory_fail();
	clock_gettime(CLOCK_REALTIME, &now);
	r.key.low = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
	r.body = command;
	record_put(j, &r);
	out_flush(j);
	free(command);
	if (j->error)
		return file_fail(j, prun_strerror(j->error), EXIT_PRUN_FAILED);
	return 0;
}

/* ---------------------------------------------------------------- in and out */

/* The bytes of an item: of a string those in it, behind 1, 2 or 4 bytes of
 * their number. It is a well-formed value. */
static void item_bytes(const void **item, size_t *len, const struct journal *j,
		       const void *argument, size_t size)
{
	const unsigned char *p = argument;
	size_t head = 0;

	if (j->packed)
		head = 0;
	else if (p[0] >> 5 == 0x5) /* fixstr */
		head = 1;
	else if (p[0] >= 0xc4 && p[0] <= 0xc6) /* bin 8, 16, 32 */
		head = 1 + ((size_t)1 << (p[0] - 0xc4));
	else if (p[0] >= 0xd9 && p[0] <= 0xdb) /* str 8, 16, 32 */
		head = 1 + ((size_t)1 << (p[0] - 0xd9));
	*item = p + head;
	*len = size - head;
}

static bool is_skipped(const struct journal *j, const struct record_key *key,
		       uint64_t n)
{
	struct record_key nth = keys_nth(&j->keys, key, n);
	const uint32_t *number = keys_find(&j->keys, &nth);

	if (j->options->retry_failed)
		return !number || !(*number & KEY_FAILED);
	return number && (*number & KEY_DONE);
}

bool journal_skip(struct journal *j, const void *argument, size_t size)
{
	struct record_key key;
	const void *item;
	size_t len;
	int64_t n;

	item_bytes(&item, &len, j, argument, size);
	key = keys_of(j->keys.seed, item, len);
	n = keys_count(&j->keys, &key, KEY_COME);
	if (n < 0)
		fail(j, -ENOMEM);
	return n >= 0 && is_skipped(j, &key, (uint64_t)n);
}

/*
 * The key of the item that has ended. Of those with the same bytes it is the
 * first one that was run and has not ended: which of them it is in truth makes
 * no difference.
 */
static struct record_key key_of_ended(struct journal *j,
				      const struct record_key *key)
{
	uint64_t come;
	int64_t n;

	if (!j->choosing)
		return *key;
	come = keys_counted(&j->keys, key, KEY_COME);
	do
		n = keys_count(&j->keys, key, KEY_ENDED);
	while (n >= 0 && (uint64_t)n + 1 < come &&
	       is_skipped(j, key, (uint64_t)n));
	if (n < 0)
		fail(j, -ENOMEM);
	return keys_nth(&j->keys, key, n < 0 ? 0 : (uint64_t)n);
}

static void entry_write(struct journal *j, const struct journal_entry *e)
{
	struct record r = {
		.kind = e->failed ? RECORD_FAILED : RECORD_DONE,
		.uncounted = !j->choosing,
		.key = key_of_ended(j, &e->key),
		.number = e->worker,
		.start_ms = e->start_ms,
		.seconds = e->seconds,
		.body = j->bytes + e->body,
		.body_size = e->body_size,
	};

	if (e->more) {
		struct record more = {
			.kind = RECORD_MORE,
			.uncounted = r.uncounted,
			.key = r.key,
			.number = e->tries,
			.body = j->bytes + e->name,
			.body_size = e->name_size,
		};

		record_put(j, &more);
	}
	record_put(j, &r);
}

void journal_flush(struct journal *j)
{
	size_t n = j->nentries;

	output_flush(&standard_output);
	if (j->fd < 0 || n == 0 || j->error)
		return;
	/* Results that could not be written are to come once more. */
	while (n > 0 && j->entries[n - 1].out_at > standard_output.gone)
		n--;
	for (size_t i = 0; i < n; i++)
		entry_write(j, &j->entries[i]);
	out_flush(j);
	j->nentries = 0;
	j->bytes_used = 0;
}

/* Room for so many bytes more; NULL: no memory. */
static unsigned char *bytes_take(struct journal *j, size_t size)
{
	size_t need = j->bytes_used + size;
	unsigned char *p;

	if (need > j->bytes_room) {
		p = realloc(j->bytes, need * 2);
		if (!p)
			return NULL;
		j->bytes = p;
		j->bytes_room = need * 2;
	}
	p = j->bytes + j->bytes_used;
	j->bytes_used = need;
	return p;
}

/* The body of one that failed. */
static int body_add(struct journal *j, struct journal_entry *e,
		    const void *item, size_t item_len, const char *text,
		    size_t len)
{
	uint32_t size = htole32((uint32_t)item_len);
	unsigned char *p;

	if (len > TEXT_MAX)
		len = TEXT_MAX;
	e->body = j->bytes_used;
	e->body_size = sizeof(size) + item_len + len;
	p = bytes_take(j, e->body_size);
	if (!p)
		return -ENOMEM;
	p = mempcpy(p, &size, sizeof(size));
	p = mempcpy(p, item, item_len);
	if (len > 0)
		memcpy(p, text, len);
	return 0;
}

/* What else is to be told of one: see RECORD_MORE. */
static int more_add(struct journal *j, struct journal_entry *e,
		    const char *name, size_t size)
{
	unsigned char *p;

	size = utf8_cut(name, size, NAME_MAX_SIZE);
	e->more = true;
	e->name = j->bytes_used;
	e->name_size = size;
	p = bytes_take(j, size > 0 ? size : 1);
	if (!p)
		return -ENOMEM;
	if (size > 0)
		memcpy(p, name, size);
	return 0;
}

/* Whether it is one of the slowest that were told of so far. */
static bool is_slow(struct journal *j, float seconds)
{
	size_t least = 0;

	if (j->nslowest < JOURNAL_SLOWEST) {
		j->slowest[j->nslowest++] = seconds;
		return true;
	}
	if (seconds <= j->slow)
		return false;
	for (size_t i = 1; i < j->nslowest; i++)
		if (j->slowest[i] < j->slowest[least])
			least = i;
	if (seconds > j->slowest[least])
		j->slowest[least] = seconds;
	for (size_t i = 0; i < j->nslowest; i++)
		if (j->slowest[i] < j->slowest[least])
			least = i;
	j->slow = j->slowest[least] * SLOWER;
	return true;
}

/* The same of an item whose bytes are a value: as text, if there is one. */
static int value_add(struct journal *j, struct journal_entry *e,
		     const void *value, size_t size)
{
	char *name = NULL;
	size_t name_size = 0;
	int rc;

	if (text_of_bytes(&name, &name_size, value, size) < 0)
		name_size = 0;
	rc = more_add(j, e, name ? name : "", name_size);
	free(name);
	return rc;
}

/* `is_value`: the bytes of the item are no text. */
static int bodies_add(struct journal *j, struct journal_entry *e,
		      const void *item, size_t item_len, bool is_value,
		      const char *text, size_t len)
{
	bool slow = is_slow(j, e->seconds);
	int rc = 0;

	if (is_value && (slow || e->failed))
		rc = value_add(j, e, item, item_len);
	else if (slow && !e->failed)
		rc = more_add(j, e, item, item_len);
	else if (e->tries > 1)
		rc = more_add(j, e, "", 0);
	if (rc == 0 && e->failed)
		rc = body_add(j, e, item, item_len, text, len);
	return rc;
}

static void item_note(struct journal *j, const struct journal_entry *how,
		      const void *item, size_t item_len, bool is_value,
		      const char *text, size_t len)
{
	struct journal_entry *e = &j->entries[j->nentries];
	int rc;

	*e = *how;
	e->key = keys_of(j->keys.seed, item, item_len);
	rc = bodies_add(j, e, item, item_len, is_value, text, len);
	if (rc < 0) {
		fail(j, rc);
		return;
	}
	j->nentries++;
	if (j->nentries == ENTRIES_MAX || j->bytes_used >= BYTES_MAX)
		journal_flush(j);
}

/* Several items of one task, which are strings. */
static int batch_note(struct journal *j, const struct journal_entry *how,
		      const struct prun_result *result, const char *text,
		      size_t len)
{
	msgpack_zone zone;
	msgpack_object o;
	int rc;

	if (!msgpack_zone_init(&zone, 512))
		return -ENOMEM;
	rc = prun_value_object(&o, &zone, result->argument,
			       result->argument_size);
	for (uint32_t i = 0; rc == 0 && i < o.via.array.size; i++) {
		const msgpack_object *item = &o.via.array.ptr[i];

		item_note(j, how, item->via.bin.ptr, item->via.bin.size, false,
			  text, len);
	}
	msgpack_zone_destroy(&zone);
	return rc;
}

/* Of msgpack: fixarray, array 16, array 32. */
static bool is_array(const void *value)
{
	unsigned char first = *(const unsigned char *)value;

	return first >> 4 == 0x9 || first == 0xdc || first == 0xdd;
}

/* Seven weeks at the most. */
static uint32_t ms_of(uint64_t ns)
{
	return ns / 1000000u < UINT32_MAX ? (uint32_t)(ns / 1000000u) :
					    UINT32_MAX;
}

void journal_note(struct journal *j, const struct prun_result *result,
		  bool failed, const char *text, size_t len)
{
	struct journal_entry how = {
		.seconds = (float)result->run_ns / 1e9f,
		.out_at = output_place(&standard_output),
		.worker = (uint16_t)result->worker_id,
		.tries = (uint16_t)result->attempts,
		.failed = failed,
	};
	const void *item;
	size_t size;

	if (j->fd < 0 || j->error)
		return;
	if (result->start_ns > j->start_ns)
		how.start_ms = ms_of(result->start_ns - j->start_ns);
	if (j->batches && is_array(result->argument)) {
		int rc = batch_note(j, &how, result, text, len);

		if (rc < 0)
			fail(j, rc);
		return;
	}
	item_bytes(&item, &size, j, result->argument, result->argument_size);
	item_note(j, &how, item, size, size == result->argument_size, text,
		  len);
}

/* ----------------------------------------------------------------- at the end */

int journal_end(struct journal *j, const struct tally *tally, int code)
{
	struct record r = {
		.kind = RECORD_END,
		.number = (uint16_t)code,
		.key = {tally->done, tally->failed},
		.seconds = (float)(clock_ns() - j->start_ns) / 1e9f,
	};

	if (j->fd < 0)
		return code;
	journal_flush(j);
	if (!standard_output.error) {
		record_put(j, &r);
		out_flush(j);
	}
	if (close(j->fd) < 0)
		fail(j, -errno);
	j->fd = -1;
	if (!j->error)
		return code;
	if (j->error == -ENOMEM)
		return memory_fail();
	message("%s: write error: %s", j->name, prun_strerror(j->error));
	return EXIT_PRUN_FAILED;
}
