/* SPDX-License-Identifier: MIT */
#ifndef PRUN_H
#define PRUN_H

/*
 * libprun: a pool of worker processes for CPU-bound work.
 *
 * The life of a pool, in numbered steps:
 *
 *   1. Write functions (prun_task_fn) and put them in a table of prun_func.
 *   2. prun_pool_new() forks the workers. They know the table as it is now.
 *   3. Submit jobs: prun_map(), prun_imap(), prun_apply_async() ... Each job
 *      pulls its arguments from a source, one at a time, and gives results.
 *   4. Take the results: prun_job_next(), prun_job_get(), or callbacks.
 *   5. prun_job_free() each job handle you were given.
 *   6. prun_pool_close(), prun_pool_join(), prun_pool_free(); or only
 *      prun_pool_free(), which cancels what is left.
 *
 * Rules that hold for every call:
 *
 *   Errors.     An int result is >= 0 for success and negative for an error:
 *               -errno for the system's errors, PRUN_E* for the library's.
 *               prun_strerror() knows both. Out parameters come first and are
 *               untouched (or set to NULL where the call says so) on error.
 *   Threads.    A pool and its jobs belong to one thread at a time of the
 *               process that made the pool, unless it has a thread of its own
 *               (prun_options.background). prun_pool_wake() alone may be
 *               called from any thread and from a signal handler. The workers
 *               die with the thread that forked them (PR_SET_PDEATHSIG), so
 *               make the pool in a thread that outlives it; those of a fork
 *               server die with the process.
 *   Progress.   Workers hold a window of unstarted work, so they go on while
 *               the caller is elsewhere; work beyond it starts, and callbacks
 *               run, only inside calls that drive the pool: prun_pool_step,
 *               prun_pool_join, prun_job_next, prun_job_wait, prun_job_get,
 *               prun_wait, prun_completed_next, prun_map, prun_starmap,
 *               prun_apply. (Callbacks also in prun_pool_free, and in
 *               prun_job_on_done when it comes late.) No other call blocks,
 *               except that prun_pool_new waits for fork and prun_pool_free
 *               for the death of workers it has killed.
 *   Times.      Timeouts are in milliseconds; negative waits for ever, 0
 *               polls. Times in results are nanoseconds of CLOCK_MONOTONIC.
 *   Fork.       In a forked copy of the caller (and so in a worker, and in a
 *               task of PRUN_START_INLINE) every call on a pool or job of the
 *               parent that does anything gives PRUN_EFORKED; those that only
 *               tell a number or a flag tell what it was at the fork. The
 *               free calls release memory only; no payload_free runs.
 *   Side        The library prints nothing, never exits, installs no signal
 *   effects.    handler, waits for no process that is not its own, and opens
 *               every descriptor close-on-exec. Before it forks it flushes
 *               stdout and stderr.
 *   Values.     Arguments and results are msgpack values, as bytes. Each is
 *               checked once when it enters the caller's process: exactly one
 *               value, counts within the bytes, depth at most 32.
 *   Structs.    Option structs start with a version and are set up with their
 *               _INIT macro; fields are only ever appended. Zero in a field
 *               means the default.
 */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PRUN_VERSION_MAJOR 0
#define PRUN_VERSION_MINOR 1
#define PRUN_VERSION_PATCH 0
#define PRUN_VERSION "0.1.0"

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define PRUN_API __attribute__((visibility("default")))
#define PRUN_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define PRUN_API
#define PRUN_PRINTF(f, a)
#endif

struct prun_pool;
struct prun_job;
struct prun_task;
struct prun_batch;
struct prun_item;
struct prun_packer;

/* The version of the library in use, "0.1.0"; compare with PRUN_VERSION. */
PRUN_API const char *prun_version(void);

/* ------------------------------------------------------------------ errors */

/*
 * One list for codes, names and texts. The codes lie below -4095, where no
 * -errno lies, and never change.
 */
#define PRUN_ERROR_MAP(X) \
	X(PRUN_EINVAL, -5001, "invalid argument") \
	X(PRUN_ENOFUNC, -5002, "no such function") \
	X(PRUN_EDUPFUNC, -5003, "two functions of one name") \
	X(PRUN_ECLOSED, -5004, "the pool is closed") \
	X(PRUN_EOPEN, -5005, "the pool was not closed or terminated") \
	X(PRUN_EDEADLK, -5006, "not allowed inside a callback or a source") \
	X(PRUN_EFORKED, -5007, "the pool belongs to the parent process") \
	X(PRUN_ETIMEDOUT, -5008, "timed out") \
	X(PRUN_EWOKEN, -5009, "woken by prun_pool_wake") \
	X(PRUN_ENOTREADY, -5010, "the job is not finished") \
	X(PRUN_ECANCELLED, -5011, "cancelled") \
	X(PRUN_EWORKER, -5012, "the worker died") \
	X(PRUN_EEXIT, -5013, "the task called exit()") \
	X(PRUN_EINIT, -5014, "the initializer failed") \
	X(PRUN_ESERVER, -5015, "the fork server died") \
	X(PRUN_EFAILED, -5016, "the task failed") \
	X(PRUN_EVALUE, -5017, "not a well-formed msgpack value") \
	X(PRUN_ETYPE, -5018, "the value is of another type") \
	X(PRUN_ETOOBIG, -5019, "larger than the pool's max_payload") \
	X(PRUN_EPLUGIN, -5020, "not a prun plugin") \
	X(PRUN_EVERSION, -5021, "made for another version") \
	X(PRUN_EPROTO, -5022, "the worker broke the protocol")

enum prun_error {
#define PRUN_ERROR_ENUM(name, code, text) name = code,
	PRUN_ERROR_MAP(PRUN_ERROR_ENUM)
#undef PRUN_ERROR_ENUM
		PRUN_EFIRST_ = -5000 /* keeps the last comma legal everywhere */
};

/* The text of a PRUN_E* or -errno code; a static string, never NULL. */
PRUN_API const char *prun_strerror(int code);
/* "PRUN_EWORKER" or "ENOMEM"; "UNKNOWN" for a code of neither kind. */
PRUN_API const char *prun_error_name(int code);

/* -------------------------------------------------- in the worker: functions */

/*
 * One task: read the argument, compute, give back a result.
 *
 * Runs in a worker process. Returns 0 for success, with the value that was
 * packed with prun_ret_* (nil when nothing was). Returns a negative code for
 * failure, after prun_task_fail() or with the code's own text. A task may
 * print (its stdout is the caller's, flushed after each task), fork and
 * allocate as it likes. exit() in a task is caught and becomes that task's
 * PRUN_EEXIT; its stdin is /dev/null.
 */
typedef int (*prun_task_fn)(struct prun_task *task);

/*
 * Many tasks side by side. Loop on prun_batch_next() whenever a lane is free
 * (at most `lanes` tasks may be unfinished), and finish each, in any order,
 * with prun_batch_done(). Return 0 when prun_batch_next() gave 0 and all are
 * done; a negative code fails those that are not.
 *
 * To declare a batch function promises that a task may be run again: the
 * unfinished tasks of a crashed batch are repeated one by one, so that only
 * the one that crashes is blamed.
 */
typedef int (*prun_batch_fn)(struct prun_batch *batch);

/* A function a worker can run. Zero the fields you do not use. */
struct prun_func {
	const char *name; /* [A-Za-z0-9_.-]+, unique in its table */
	prun_task_fn fn;  /* exactly one of fn and batch is set */
	prun_batch_fn batch;
	unsigned lanes;	  /* with batch: 1 to PRUN_LANES_MAX */
	const void *ctx;  /* for prun_task_ctx() */
	const char *help; /* one line, for lists; may be NULL */
	const void *reserved[2];
};

#define PRUN_LANES_MAX 64

/* A table ends where its `nfuncs` says, or at an entry with a NULL name. */

/* What a function sees of its task. Pointers live until the task is done. */
PRUN_API uint64_t prun_task_index(const struct prun_task *task);
PRUN_API int prun_task_worker_id(const struct prun_task *task);
PRUN_API const void *prun_task_ctx(const struct prun_task *task);
/* 1 once it has run for longer than its call's task_timeout_ms: give back what
 * there is, or fail, before the worker is killed. Cheap. */
PRUN_API int prun_task_cancelled(const struct prun_task *task);
/* Which try of it this is, from 1 (prun_call.retries). */
PRUN_API unsigned prun_task_attempt(const struct prun_task *task);
/* What the initializer stored for this worker; NULL without one. */
PRUN_API void *prun_task_state(const struct prun_task *task);
/* The argument as bytes of msgpack. */
PRUN_API const void *prun_task_arg(const struct prun_task *task, size_t *size);
/* How many parameters it has: those in the array that a starmap's argument is;
 * of any other task its argument is the one parameter. */
PRUN_API unsigned prun_task_params(const struct prun_task *task);
/* The bytes of the i-th parameter, from 0; PRUN_EINVAL when there is none. */
PRUN_API int prun_task_param(const void **data, size_t *size,
			     const struct prun_task *task, unsigned i);

/*
 * Read an argument of one kind, which is the task's one parameter. 0, or
 * PRUN_ETYPE with the task's message set, so that
 *     if ((rc = prun_arg_str(task, &s, &n)) < 0) return rc;
 * says what was wrong. Strings are borrowed and NOT terminated by a NUL. _str and _bin
 * accept both msgpack str and bin.
 */
PRUN_API int prun_arg_str(struct prun_task *task, const char **s, size_t *len);
PRUN_API int prun_arg_bin(struct prun_task *task, const void **p, size_t *len);
PRUN_API int prun_arg_int(struct prun_task *task, int64_t *value);
PRUN_API int prun_arg_double(struct prun_task *task, double *value);
/* Formats as in prun_unpack(); in a starmap, of all parameters one behind the
 * other, such as "s#ii". */
PRUN_API int prun_arg_unpack(struct prun_task *task, const char *format, ...);

/*
 * Give the result: exactly one value. 0, -ENOMEM or PRUN_ETOOBIG. A task that
 * packs several values, or half of one, fails with PRUN_EVALUE.
 */
PRUN_API int prun_ret_str(struct prun_task *task, const char *s, size_t len);
PRUN_API int prun_ret_bin(struct prun_task *task, const void *p, size_t len);
PRUN_API int prun_ret_int(struct prun_task *task, int64_t value);
PRUN_API int prun_ret_double(struct prun_task *task, double value);
/* Formats as in prun_pack(). */
PRUN_API int prun_ret_pack(struct prun_task *task, const char *format, ...);
/* The packer of the result, for values built step by step. Borrowed. */
PRUN_API struct prun_packer *prun_task_packer(struct prun_task *task);

/*
 * Set the failure of this task: a code (negative; anything else is taken as
 * PRUN_EFAILED) and a printf message of any length. Returns the code, so that
 * a function can `return prun_task_fail(task, -ENOENT, "%s: ...", name);`.
 */
PRUN_API int prun_task_fail(struct prun_task *task, int code,
			    const char *format, ...) PRUN_PRINTF(3, 4);

/*
 * The next task of a batch. 1: *task is started and occupies a lane. 0: there
 * is none now, finish what you have and return. PRUN_EINVAL when all lanes
 * are taken.
 */
PRUN_API int prun_batch_next(struct prun_task **task, struct prun_batch *batch);
/* Finish a task of a batch with `status` as prun_task_fn would return it. */
PRUN_API void prun_batch_done(struct prun_task *task, int status);
PRUN_API unsigned prun_batch_lanes(const struct prun_batch *batch);
PRUN_API const void *prun_batch_ctx(const struct prun_batch *batch);
PRUN_API void *prun_batch_state(const struct prun_batch *batch);

/* ------------------------------------------------------------------ plugins */

/*
 * A plugin is a shared object that defines the symbol `prun_plugin`:
 *
 *     static const struct prun_func funcs[] = {{.name = "rot13", .fn = rot13}};
 *     PRUN_PLUGIN(funcs, sizeof(funcs) / sizeof(funcs[0]));
 *
 * It leaves the functions prun_* undefined; the program that loads it
 * provides them.
 */
#define PRUN_PLUGIN_ABI 1

struct prun_plugin {
	uint32_t abi;	    /* PRUN_PLUGIN_ABI */
	uint32_t func_size; /* sizeof(struct prun_func) when it was built */
	const struct prun_func *funcs;
	size_t nfuncs;
};

#ifdef __cplusplus
#define PRUN_PLUGIN_LINKAGE_ extern "C"
#else
#define PRUN_PLUGIN_LINKAGE_ extern
#endif
#define PRUN_PLUGIN(table, count) \
	PRUN_PLUGIN_LINKAGE_ PRUN_API const struct prun_plugin prun_plugin; \
	const struct prun_plugin prun_plugin = { \
		PRUN_PLUGIN_ABI, (uint32_t)sizeof(struct prun_func), (table), \
		(count)}

struct prun_plugin_handle;

/*
 * Load a plugin with dlopen (path must hold a '/'). On success *funcs and
 * *nfuncs are its table, valid until prun_plugin_close(); no pool may use it
 * after that. Errors: PRUN_EINVAL, PRUN_EPLUGIN, PRUN_EVERSION, -ENOMEM;
 * when `message` is not NULL it gets a text (malloc'd, yours to free), also
 * dlopen's own.
 */
PRUN_API int prun_plugin_open(struct prun_plugin_handle **plugin,
			      const struct prun_func **funcs, size_t *nfuncs,
			      char **message, const char *path);
PRUN_API void prun_plugin_close(struct prun_plugin_handle *plugin);

/* ------------------------------------------------------------------- values */

/*
 * A packer is a growing buffer of msgpack with a maximum. Make one for the
 * argument of an apply; tasks and items have their own.
 */
PRUN_API int prun_packer_new(struct prun_packer **packer);
PRUN_API void prun_packer_free(struct prun_packer *packer);
/* Forget what was packed; keeps the memory. */
PRUN_API void prun_packer_clear(struct prun_packer *packer);
/* The bytes so far; borrowed until the next call on the packer. */
PRUN_API const void *prun_packer_data(const struct prun_packer *packer,
				      size_t *size);
/* Append raw msgpack bytes. Has the type of msgpack-c's write callback. */
PRUN_API int prun_packer_write(void *packer, const char *data, size_t size);

/* Each 0, -ENOMEM, or PRUN_ETOOBIG; after an error the packer stays failed
 * until it is cleared. */
PRUN_API int prun_pack_nil(struct prun_packer *packer);
PRUN_API int prun_pack_bool(struct prun_packer *packer, int value);
PRUN_API int prun_pack_int(struct prun_packer *packer, int64_t value);
PRUN_API int prun_pack_uint(struct prun_packer *packer, uint64_t value);
PRUN_API int prun_pack_double(struct prun_packer *packer, double value);
PRUN_API int prun_pack_str(struct prun_packer *packer, const char *s,
			   size_t len);
PRUN_API int prun_pack_bin(struct prun_packer *packer, const void *p,
			   size_t len);
PRUN_API int prun_pack_array(struct prun_packer *packer, uint32_t count);
PRUN_API int prun_pack_map(struct prun_packer *packer, uint32_t count);

/*
 * Pack by format, after Jansson's json_pack. White space, ',' and ':' between
 * items are ignored.
 *
 *   n  nil                      b  bool (int)
 *   i  int                      I  int64_t
 *   u  uint64_t                 f  double
 *   s  str (const char *)       s# str (const char *, size_t)
 *   y# bin (const void *, size_t)
 *   s? y? ... a NULL pointer is packed as nil: "s?", "s?#"
 *   V# a packed value as it is (const void *, size_t)
 *   [fmt...] array              {key value ...} map; keys are any of the above
 *
 *     prun_pack(p, "{s:i, s:[s,s]}", "n", 3, "names", "a", "b");
 *
 * Exactly one value. Errors: PRUN_EINVAL for a bad format (nothing is then
 * packed), PRUN_EVALUE for a NULL string or a bad V#, -ENOMEM, PRUN_ETOOBIG.
 */
PRUN_API int prun_pack(struct prun_packer *packer, const char *format, ...);
PRUN_API int prun_vpack(struct prun_packer *packer, const char *format,
			va_list args);

/*
 * Unpack by format, after Jansson's json_unpack; borrows from `data`.
 *
 *   n  nil (no argument)        b  int *
 *   i  int *                    I  int64_t *
 *   u  uint64_t *               f  double * (from float or int)
 *   s# const char **, size_t *  str or bin, not terminated
 *   y# const void **, size_t *  the same
 *   V# const void **, size_t *  any value, as its bytes
 *   *  any value, skipped
 *   [fmt...] array: all elements; [fmt... *] ignores the rest
 *   {s:fmt ...} map: the argument for each s is the key to look up
 *   {s?:fmt ...} a key that may be missing: its targets are left alone
 *
 *     prun_unpack(data, size, NULL, "{s:i, s:[s#,s#]}", "n", &n, "names", ...);
 *
 * The whole is checked before anything is stored. 0; PRUN_EINVAL for a bad
 * format; PRUN_EVALUE for bytes that are not one value; PRUN_ETYPE for
 * another shape, an integer out of range, or a missing key. When `message` is
 * not NULL it gets a text that names the place (malloc'd, yours to free).
 */
PRUN_API int prun_unpack(const void *data, size_t size, char **message,
			 const char *format, ...);
PRUN_API int prun_vunpack(const void *data, size_t size, char **message,
			  const char *format, va_list args);

/* Check bytes without allocating: 0 if they are exactly one value of depth at
 * most 32, else PRUN_EVALUE. */
PRUN_API int prun_value_check(const void *data, size_t size);

/* ------------------------------------------------------------------ sources */

/*
 * Give the next argument. Called when the engine is ready for more, in the
 * thread that drives the pool; may not call into the pool (PRUN_EDEADLK).
 *
 *   1                 one argument was packed into the item
 *   0                 the input has ended; not called again
 *   PRUN_SOURCE_WAIT  nothing yet. Set prun_item_wait_fd(); the source is
 *                     asked again when it is readable, or, without one, at
 *                     the next prun_pool_wake() or call on the pool.
 *   negative          the input failed: no further argument; what was pulled
 *                     is run, then the job ends with this error.
 */
typedef int (*prun_source_fn)(struct prun_item *item, void *payload);

#define PRUN_SOURCE_WAIT 2

PRUN_API struct prun_packer *prun_item_packer(struct prun_item *item);
PRUN_API int prun_item_str(struct prun_item *item, const char *s, size_t len);
PRUN_API int prun_item_bin(struct prun_item *item, const void *p, size_t len);
PRUN_API int prun_item_int(struct prun_item *item, int64_t value);
/* Formats as in prun_pack(). */
PRUN_API int prun_item_pack(struct prun_item *item, const char *format, ...);
/* The index the task will have in its job. */
PRUN_API uint64_t prun_item_index(const struct prun_item *item);
/* Another function than the call's, for this argument. 0 or PRUN_ENOFUNC.
 * A chunk has one function, so it ends where the next argument has another. */
PRUN_API int prun_item_func(struct prun_item *item, const char *func);
/* A pointer of yours that comes back in the result. */
PRUN_API void prun_item_cookie(struct prun_item *item, void *cookie);
/* With PRUN_SOURCE_WAIT: the descriptor to wait for; stays yours. */
PRUN_API void prun_item_wait_fd(struct prun_item *item, int fd);

/* Convenience sources: a function and the payload it wants. */

/* `count` strings, each NUL-terminated, as msgpack str; `next` starts at 0. */
struct prun_strings {
	const char *const *strings;
	size_t count;
	size_t next;
};
PRUN_API int prun_source_strings(struct prun_item *item, void *strings);

/* Packed values, `sizes[i]` bytes each. */
struct prun_values {
	const void *const *values;
	const size_t *sizes;
	size_t count;
	size_t next;
};
PRUN_API int prun_source_values(struct prun_item *item, void *values);

/* The integers start, start + step, ... before stop (after it, step < 0);
 * step 0 means 1. */
struct prun_range {
	int64_t start;
	int64_t stop;
	int64_t step;
};
PRUN_API int prun_source_range(struct prun_item *item, void *range);

/*
 * The lines of a descriptor, as msgpack bin, without their delimiter; a last
 * line without one counts. Lines of any length up to the pool's max_payload.
 * A pipe, socket or terminal with nothing to read does not block the pool.
 * Reads in blocks, so take the descriptor for this source alone. The
 * descriptor stays yours.
 */
struct prun_lines;
PRUN_API int prun_lines_new(struct prun_lines **lines, int fd, char delimiter);
PRUN_API void prun_lines_free(struct prun_lines *lines);
PRUN_API int prun_source_lines(struct prun_item *item, void *lines);
/* After PRUN_ETOOBIG, which comes again each time: go on behind the line that
 * is too long. */
PRUN_API void prun_lines_skip(struct prun_lines *lines);
/* The same without a pool: 1 and a borrowed line, 0 at the end,
 * PRUN_SOURCE_WAIT when reading would block, or now and then while much is
 * skipped, or -errno. */
PRUN_API int prun_lines_next(const char **line, size_t *len,
			     struct prun_lines *lines);

/* --------------------------------------------------------------------- pool */

/* The five tasks that ran longest. */
#define PRUN_SLOWEST 5
struct prun_slow {
	uint64_t job;	/* prun_job_id() */
	uint64_t index; /* in the job */
	uint64_t run_ns;
};

/* What a pool has done so far, and has in hand. Counts tasks. */
struct prun_stats {
	uint32_t workers;
	uint32_t jobs;	 /* unfinished ones */
	uint64_t queued; /* pulled from their sources, not started */
	uint64_t running;
	uint64_t done; /* ended well */
	uint64_t failed;
	uint64_t cancelled;
	uint64_t retried; /* times that a task was run once more */
	uint32_t nslowest;
	struct prun_slow slowest[PRUN_SLOWEST]; /* the slowest one first */
};

/* One worker: its place in the pool, and the process that has it now. */
struct prun_worker_stats {
	int worker_id;
	pid_t worker_pid; /* 0: there is none just now */
	uint64_t started; /* processes that had the place so far */
	/* Of the process there now: */
	uint64_t tasks;	     /* results received from it */
	uint64_t start_ns;   /* from its birth to when the caller heard that
				its initializer had ended */
	uint64_t working_ns; /* since then, on tasks; */
	uint64_t waiting_ns; /* and for tasks */
	uint64_t rss_peak;   /* bytes it had in memory at the most (VmHWM) */
};

/* `stats` is borrowed for the call. */
typedef void (*prun_progress_fn)(struct prun_pool *pool,
				 const struct prun_stats *stats, void *payload);

enum prun_start_method {
	PRUN_START_FORK = 0,   /* the caller forks each worker */
	PRUN_START_INLINE = 1, /* no process: tasks run in the caller, one by
				  one, when it drives the pool. For tests and
				  debuggers; a crash or exit() is yours. */
	/*
	 * A small process, forked when the pool opens, forks the workers. So
	 * replacing one is cheap and safe however large the caller has become
	 * or how many threads it has started since, and the workers are no
	 * children of the caller: its wait() and its SIGCHLD see nothing of
	 * them (one SIGCHLD comes when the pool opens, of a process in between,
	 * which is reaped). A worker knows the caller's memory as it was when the pool
	 * opened, which must be while no other thread holds a lock. Should the
	 * server be killed, the workers die with it, tasks that ran end with
	 * PRUN_EWORKER, and the pool breaks with PRUN_ESERVER.
	 */
	PRUN_START_FORKSERVER = 2
};

/* Runs in each new worker before its first task. Stores what the tasks of
 * this worker get from prun_task_state(). 0, or negative: the start failed,
 * with `message` (size bytes) as its text if filled in. */
typedef int (*prun_initializer_fn)(void **state, int worker_id, void *initarg,
				   char *message, size_t size);
/* Runs in a worker that ends by itself (close, maxtasksperchild, max_rss). */
typedef void (*prun_finalizer_fn)(void *state, int worker_id, void *initarg);

struct prun_options {
	uint32_t version;	       /* PRUN_OPTIONS_VERSION */
	uint32_t workers;	       /* 0: prun_cpu_count(); at most
					  PRUN_WORKERS_MAX */
	const struct prun_func *funcs; /* copied; names and ctx are not */
	size_t nfuncs;		       /* 0: up to the entry with NULL name */
	uint64_t maxtasksperchild;     /* 0: no limit. A worker is replaced by a
					  new one after so many tasks, or some
					  fewer when others took work from it;
					  a chunk of exact size is finished */
	uint64_t max_payload;	       /* bytes of one argument or result, up to
					  PRUN_PAYLOAD_MAX; 0: 256 MiB */
	enum prun_start_method start_method;
	prun_initializer_fn initializer;
	prun_finalizer_fn finalizer;
	void *initarg;
	uint32_t grace_ms; /* terminate: from SIGTERM to SIGKILL;
					  0: 1,000 */
	/* Of each worker process, imposed before the initializer; not with
	 * PRUN_START_INLINE. One that cannot impose it on itself (a nice below
	 * 0 without the right) has failed to start. */
	int nice;	       /* added to its nice value */
	int pin;	       /* 1: each is pinned to one of the
					  processors the caller may use, in
					  turn */
	int ignore_sigint;     /* 1: Ctrl-C is the caller's business */
	uint64_t memory_limit; /* bytes of address space beyond what it
					  has at its start (RLIMIT_AS): then
					  its allocations fail; 0: none */
	uint64_t max_rss;      /* bytes in memory: a worker that holds
					  more after a task (what it shares with
					  the caller included; looked at once a
					  millisecond at most) is replaced; 0:
					  none */
	int background;	       /* 1: a thread of its own drives the pool,
					  see Background below; only with
					  PRUN_START_FORKSERVER */
	/* Called inside calls that drive the pool when tasks or jobs have ended
	 * since the last time, at most every progress_ms (0: 100), save when
	 * the last job has ended: then at once. May do what a callback may. */
	prun_progress_fn progress;
	void *progress_payload;
	uint32_t progress_ms;
	uint32_t start_timeout_ms; /* a worker whose initializer takes longer
					  is killed, which is a failed start;
					  0: none */
	int kill_leftovers;	   /* 1: when a worker ends, so do all
					  processes that its tasks have started
					  and left behind, daemons included:
					  killed by the fork server; only with
					  PRUN_START_FORKSERVER. Until then
					  they are children of the worker, which
					  may wait for them (and /proc must be
					  there, with its lists of children) */
};

#define PRUN_OPTIONS_VERSION 1
#define PRUN_WORKERS_MAX 4096
#define PRUN_PAYLOAD_MAX 0xffffffffu
#define PRUN_OPTIONS_INIT \
	{ \
		PRUN_OPTIONS_VERSION, 0, NULL, 0, 0, 0, PRUN_START_FORK, NULL, \
			NULL, NULL, 0, 0, 0, 0, 0, 0, 0, NULL, NULL, 0, 0, 0 \
	}

/*
 * Background. A pool that drives itself: tasks are fed, results collected and
 * callbacks run on a thread of the pool's own while the caller does something
 * else, and all calls on the pool and its jobs may come from any thread (a
 * job's results are read by one thread at a time, for they are borrowed until
 * its next one). A source runs in whichever thread submits, takes results or
 * is the pool's, one at a time and with the pool locked, so it must not wait
 * for a thread that is inside a call of this pool. Callbacks run on the pool's
 * thread, with all signals blocked and the pool unlocked; while one runs, no
 * other does. (A function that prun_job_on_done() is given too late runs in its
 * caller, and what prun_pool_free() cancels calls back in its own.) Waiting for
 * a job ends when its callbacks are through. prun_pool_step() waits for
 * something to happen, prun_pool_fd() gives PRUN_EINVAL, and prun_pool_free()
 * and the calls on handles after it are the business of one thread, as
 * everywhere.
 */

/* The CPUs this process may use: the smaller of its affinity mask and its
 * cgroup's CPU quota (v1 or v2, rounded up); at least 1. */
PRUN_API int prun_cpu_count(void);

/*
 * Start a pool. All workers are forked at once; when one cannot be, the
 * others are killed and reaped and the error is returned. PRUN_EINVAL for an
 * option out of range, PRUN_EDUPFUNC, PRUN_EVERSION, -EAGAIN, -ENOMEM,
 * -EMFILE ... *pool is NULL on error. An initializer runs in the worker and
 * so fails later: three failed starts in a row break the pool, and its jobs
 * end with PRUN_EINIT and the initializer's message.
 */
PRUN_API int prun_pool_new(struct prun_pool **pool,
			   const struct prun_options *options);

/* No more submissions (PRUN_ECLOSED); what was submitted is finished.
 * Idempotent. */
PRUN_API int prun_pool_close(struct prun_pool *pool);

/*
 * Stop now: every unfinished job ends, its unfinished tasks with
 * PRUN_ECANCELLED; it is ready, and its callbacks run, at the next call that
 * drives the pool. Idle workers stop, busy ones get SIGTERM and after
 * grace_ms SIGKILL. Does not wait: prun_pool_join() does. Idempotent.
 */
PRUN_API int prun_pool_terminate(struct prun_pool *pool);

/*
 * Drive the pool until its jobs are finished and its workers are gone.
 * PRUN_EOPEN before close or terminate; PRUN_ETIMEDOUT; PRUN_EWOKEN;
 * PRUN_EDEADLK in a callback. A job that nobody reads (an imap whose results
 * wait for prun_job_next) and that cannot go on is cancelled. Idempotent.
 */
PRUN_API int prun_pool_join(struct prun_pool *pool, int timeout_ms);

/*
 * Cancel what is unfinished (error callbacks of cancelled jobs run), kill and
 * reap the workers, release everything.
 * Job handles stay valid, with what they hold, until prun_job_free(). NULL is
 * allowed. PRUN_EDEADLK in a callback (nothing happens then), else 0.
 */
PRUN_API int prun_pool_free(struct prun_pool *pool);

/*
 * Drive the pool once: feed workers, wait at most timeout_ms for something to
 * happen, collect results, run callbacks. 1 when something happened, 0 on
 * timeout, PRUN_EWOKEN after prun_pool_wake(), PRUN_EDEADLK in a callback.
 */
PRUN_API int prun_pool_step(struct prun_pool *pool, int timeout_ms);

/*
 * A descriptor that is readable when prun_pool_step(pool, 0) has something to
 * do: for a foreign poll or epoll loop. It stays the pool's. Call step once
 * after submitting and whenever it is readable.
 */
PRUN_API int prun_pool_fd(struct prun_pool *pool);

/* Make the call that drives the pool, or the next one, return PRUN_EWOKEN,
 * and ask waiting sources again; prun_map(), prun_starmap() and prun_apply()
 * only do the latter. Any thread; async-signal-safe. */
PRUN_API int prun_pool_wake(struct prun_pool *pool);

/* 0, or the error that broke the pool; *message (may be NULL) is its text,
 * borrowed. */
PRUN_API int prun_pool_error(struct prun_pool *pool, const char **message);

PRUN_API int prun_pool_workers(const struct prun_pool *pool);

/* The figures, as they are now, those of jobs that were freed included. A task
 * that has ended counts as queued until its result is collected. The size says
 * which version of the struct the caller knows: prun_pool_stats(pool, &stats,
 * sizeof(stats)). 0, PRUN_EVERSION for a size it does not know, PRUN_EDEADLK in
 * a source, PRUN_EFORKED. */
PRUN_API int prun_pool_stats(struct prun_pool *pool, struct prun_stats *stats,
			     size_t size);
/* Those of the first `count` workers; returns how many workers there are, or
 * an error as prun_pool_stats() does. Reads a file of /proc for each. */
PRUN_API int prun_pool_worker_stats(struct prun_pool *pool,
				    struct prun_worker_stats *stats,
				    size_t size, uint32_t count);

/* A task that runs now, for progress displays. Borrowed for the call. */
struct prun_running {
	struct prun_job *job; /* NULL for a job whose handle was freed */
	uint64_t index;
	const void *argument;
	size_t argument_size;
	uint64_t start_ns;
	int worker_id;
	pid_t worker_pid; /* 0: the fork server has not told it yet */
};
typedef void (*prun_running_fn)(const struct prun_running *running,
				void *payload);
/* Call fn for each running task, in background with the pool locked; returns
 * how many. */
PRUN_API int prun_pool_running(struct prun_pool *pool, prun_running_fn fn,
			       void *payload);

/* --------------------------------------------------------------------- jobs */

enum prun_order {
	PRUN_ORDER_MAP = 0,	  /* all results are kept, at their index */
	PRUN_ORDER_IMAP = 1,	  /* a stream, in the order of the input */
	PRUN_ORDER_UNORDERED = 2, /* a stream, in the order of completion */
	PRUN_ORDER_APPLY = 3	  /* one task; the argument is in the call */
};

/*
 * The outcome of one task. Belongs to the library; borrowed until the next
 * prun_job_next(), _at() or _get() on the job or prun_job_free(), in a callback
 * until it returns. prun_result_take() makes one yours.
 */
struct prun_result {
	uint64_t index;	     /* in the job, from 0, in input order */
	void *cookie;	     /* of the item */
	int status;	     /* 0, or why it failed */
	const char *message; /* failed: text, never NULL; else NULL */
	size_t message_size; /* without its NUL */
	const void *value;   /* status 0: one msgpack value; else NULL */
	size_t value_size;
	const void *argument; /* as packed by the source */
	size_t argument_size;
	int worker_id;	   /* -1: never started, or cut short by a cancel
				  with force or the job's deadline */
	pid_t worker_pid;  /* 0: never started, or not known, since the fork
				  server was killed */
	int worker_signal; /* PRUN_EWORKER: the signal, or 0 */
	int worker_exit;   /* PRUN_EWORKER: the exit code, or -1: killed by
				  a signal, or unknown */
	uint64_t start_ns; /* CLOCK_MONOTONIC at its start; 0: never */
	uint64_t run_ns;   /* from its start to its end; beyond a second it is
			       rounded down, by less than a millionth */
	uint32_t attempts; /* how often it was tried, one that was cut short
				  not counted */
};

/*
 * A callback. Runs inside a call that drives the pool. May submit, cancel and
 * prun_job_free() (the job itself too); calls that drive the pool give
 * PRUN_EDEADLK. A non-zero return is kept (the first of a job) as
 * prun_job_callback_error() and stops nothing.
 */
typedef int (*prun_callback_fn)(struct prun_job *job,
				const struct prun_result *result,
				void *payload);

struct prun_call {
	uint32_t version;      /* PRUN_CALL_VERSION */
	enum prun_order order; /* set by prun_map() ... themselves */
	const char *func;      /* a name in the pool's table */
	prun_source_fn source; /* not for apply */
	void *source_payload;
	uint64_t length;      /* tasks the source will give, if known: chunks
				  then shrink toward the end; 0: unknown. A
				  hint, never a limit */
	const void *argument; /* apply: one packed value, copied; NULL: nil */
	size_t argument_size;
	uint32_t chunksize;   /* tasks that travel as one frame; exactly so
				  when given (the last may be shorter, and
				  those whose arguments would pass
				  PRUN_PAYLOAD_MAX bytes together), 0: adapted
				  to the measured task time */
	uint32_t buffersize;  /* streams: tasks submitted and not delivered
				  at the most; 0: 65,536 */
	uint64_t bufferbytes; /* streams: bytes of their arguments and
				  results, with some 40 of bookkeeping a task,
				  above which no more are pulled, but to fill
				  a chunk of exact size; 0: 4 MiB */
	/*
	 * apply: one of the two is called once with the result.
	 * map: callback(job, NULL) once when all succeeded, otherwise
	 * error_callback(job, the failed result of lowest index, or NULL when
	 * the source failed), after the last task.
	 * Streams: with a callback, results are handed to the two instead of
	 * prun_job_next(), in the stream's order; both must then be set.
	 */
	prun_callback_fn callback;
	prun_callback_fn error_callback;
	void *payload;
	/* Called exactly once when the job no longer needs payload and
	 * source_payload: after its last callback, as one of them, or before a
	 * failed submit returns. May be NULL. */
	void (*payload_free)(void *payload);
	/* Each argument (also that of an apply) is an array, whose elements are
	 * the parameters of the task; one that is no array is its task's
	 * PRUN_ETYPE. Set by prun_starmap() itself. */
	int star;
	/* prun_map(), prun_starmap(), prun_apply(): how long they wait, in
	 * milliseconds; 0: for ever. PRUN_ETIMEDOUT then, and the job goes on:
	 * *job is its handle (with a deadline_ms, too, prun_job_ready() tells
	 * the two apart). */
	uint32_t timeout_ms;
	/*
	 * How long one task may run, in milliseconds from its start; 0: for
	 * ever. Then it is asked to stop: prun_task_cancelled() says so, and
	 * task_signal is sent to its worker, if one is given. One that is still
	 * running task_grace_ms later is killed with its worker, which is
	 * replaced, and ends with PRUN_ETIMEDOUT; what it gives back before
	 * that counts. A kill never hits the task after the one that was late;
	 * the signal may, when the late one ends just then.
	 * Seen to in calls that drive the pool; not with PRUN_START_INLINE.
	 */
	uint32_t task_timeout_ms;
	uint32_t task_grace_ms;
	int task_signal;
	/* How long the job may take in all, from its submission; 0: for ever.
	 * Then what is left of it is cancelled, by force, with PRUN_ETIMEDOUT. */
	uint32_t deadline_ms;
	/* How often a task that failed is tried once more, at most
	 * PRUN_RETRIES_MAX times; of which failures (0: those of
	 * PRUN_RETRY_LOST and _TIMEOUT); and after how many milliseconds, twice
	 * as many from time to time, a minute at the most. */
	uint32_t retries;
	uint32_t retry_on; /* PRUN_RETRY_*, together */
	uint32_t retry_delay_ms;
	/* A limit that is learnt: so many per cent of the median of the job's
	 * tasks that have succeeded, at least a millisecond, once there are
	 * three of them; never more than task_timeout_ms, if that is given.
	 * 0: none. The rest is as for task_timeout_ms. */
	uint32_t task_timeout_percent;
};

#define PRUN_RETRIES_MAX 200
#define PRUN_RETRY_LOST 1u /* its worker died, or sent nonsense */
#define PRUN_RETRY_TIMEOUT \
	2u		    /* it was killed for being late, or failed with
				 PRUN_ETIMEDOUT itself */
#define PRUN_RETRY_ERROR 4u /* any other failure of the task's own */

#define PRUN_CALL_VERSION 1
#define PRUN_CHUNKSIZE_MAX 1048576
#define PRUN_CALL_INIT \
	{ \
		PRUN_CALL_VERSION, PRUN_ORDER_MAP, NULL, NULL, NULL, 0, NULL, \
			0, 0, 0, 0, NULL, NULL, NULL, NULL, 0, 0, 0, 0, 0, 0, \
			0, 0, 0, 0 \
	}

/*
 * Submit a job. *job is the handle, yours to prun_job_free(). With a NULL
 * `job` there is none, and the job is released when it ends; its results go
 * to the callbacks or nowhere. Copies *call; func, argument need not outlive
 * the call, source_payload and payload do. Pulls what the workers have room
 * for and does not block.
 *
 * Errors: PRUN_ENOFUNC, PRUN_ECLOSED, PRUN_EINVAL (an unknown order, no
 * source or one for an apply, a chunksize above PRUN_CHUNKSIZE_MAX or
 * buffersize, one callback of two, retries, retry_on or task_signal out of
 * range), PRUN_EVALUE and
 * PRUN_ETOOBIG (argument), PRUN_EVERSION, PRUN_EDEADLK (in a source),
 * PRUN_EFORKED, -ENOMEM, or the pool's own error when it is broken. No
 * callback runs then, payload_free does.
 */
PRUN_API int prun_pool_submit(struct prun_job **job, struct prun_pool *pool,
			      const struct prun_call *call);

/* Thin wrappers that set call->order: */
/* Submit and wait until all tasks are done. 0 also when tasks failed: look at
 * prun_job_successful() or the results. An error of the submission, of the
 * source or of the pool is returned, with *job set if there is a job (NULL when
 * a callback has freed it). With a NULL `job` it is freed at the end. */
PRUN_API int prun_map(struct prun_job **job, struct prun_pool *pool,
		      const struct prun_call *call);
PRUN_API int prun_map_async(struct prun_job **job, struct prun_pool *pool,
			    const struct prun_call *call);
/* The same with call->star set. */
PRUN_API int prun_starmap(struct prun_job **job, struct prun_pool *pool,
			  const struct prun_call *call);
PRUN_API int prun_starmap_async(struct prun_job **job, struct prun_pool *pool,
				const struct prun_call *call);
PRUN_API int prun_imap(struct prun_job **job, struct prun_pool *pool,
		       const struct prun_call *call);
PRUN_API int prun_imap_unordered(struct prun_job **job, struct prun_pool *pool,
				 const struct prun_call *call);
PRUN_API int prun_apply(struct prun_job **job, struct prun_pool *pool,
			const struct prun_call *call);
PRUN_API int prun_apply_async(struct prun_job **job, struct prun_pool *pool,
			      const struct prun_call *call);

/* The chunk multiprocessing.Pool.map would use: n / (4 x workers), rounded
 * up; at least 1. Ours (chunksize 0) adapts instead. */
PRUN_API uint32_t prun_chunksize_default(uint64_t n, uint32_t workers);

/*
 * The next result, in the job's order. 1 and *result; 0 at the end
 * (repeatable); PRUN_ETIMEDOUT (nothing is lost); PRUN_EWOKEN; PRUN_EDEADLK;
 * PRUN_EINVAL for a job that gives its results to callbacks, or that one of
 * them has freed meanwhile. A task's failure is a result with its status. When
 * the source failed, its error comes once all results have been taken, in place
 * of the end; so does the pool's, when it broke, PRUN_ECANCELLED for a job that
 * was cancelled, and PRUN_ETIMEDOUT for one whose deadline has passed
 * (prun_job_error() tells that from a timeout of this call). Drives the pool;
 * blocks at most timeout_ms.
 */
PRUN_API int prun_job_next(const struct prun_result **result,
			   struct prun_job *job, int timeout_ms);

/* Map and apply, finished: the result at an index, without waiting or taking
 * it. PRUN_ENOTREADY before the end, PRUN_EINVAL beyond it or for a stream. */
PRUN_API int prun_job_at(const struct prun_result **result,
			 struct prun_job *job, uint64_t index);

/* Apply: wait, then the result. Map: wait, then the failed result of lowest
 * index if there is one, else result 0 (NULL for an empty map). Returns the
 * status of that result; PRUN_ETIMEDOUT and PRUN_EWOKEN leave *result NULL. */
PRUN_API int prun_job_get(const struct prun_result **result,
			  struct prun_job *job, int timeout_ms);

/* Drive the pool until the job is finished. 0, PRUN_ETIMEDOUT, PRUN_EWOKEN,
 * PRUN_EDEADLK, PRUN_EINVAL when a callback has freed it. A stream is finished
 * when its tasks are; one that waits for prun_job_next() to make room gives
 * PRUN_ENOTREADY instead of hanging. */
PRUN_API int prun_job_wait(struct prun_job *job, int timeout_ms);
/* 1 when all tasks of the job are done, failed or cancelled. */
PRUN_API int prun_job_ready(const struct prun_job *job);
/* 1 when ready and no task nor the source failed; PRUN_ENOTREADY before. */
PRUN_API int prun_job_successful(const struct prun_job *job);
/* Tasks pulled from the source so far, and finished so far. */
PRUN_API uint64_t prun_job_submitted(const struct prun_job *job);
PRUN_API uint64_t prun_job_finished(const struct prun_job *job);
/* 0, or the error of the source, the pool, PRUN_ECANCELLED, or PRUN_ETIMEDOUT:
 * the deadline. */
PRUN_API int prun_job_error(const struct prun_job *job);
/* The first non-zero return of its callbacks. */
PRUN_API int prun_job_callback_error(const struct prun_job *job);

/*
 * Cancel what has not started: those tasks end with PRUN_ECANCELLED, no more
 * are pulled; what runs is finished. With `force` what runs is killed with its
 * worker, which is replaced, and ends with PRUN_ECANCELLED too, a moment later;
 * nothing of another job is lost. Returns 1 if that changed anything, else 0.
 */
PRUN_API int prun_job_cancel(struct prun_job *job, int force);
/* Cancel all jobs so; returns how many that changed. */
PRUN_API int prun_pool_cancel_pending(struct prun_pool *pool);

enum prun_job_state {
	PRUN_JOB_PENDING = 0, /* no task of it has started */
	PRUN_JOB_RUNNING = 1,
	PRUN_JOB_DONE = 2,     /* finished, and prun_job_successful() */
	PRUN_JOB_FAILED = 3,   /* finished; a task or the source failed */
	PRUN_JOB_CANCELLED = 4 /* finished; it or a task of it was cancelled */
};

/* What it is now, or a negative error. Looks at every worker's board. */
PRUN_API int prun_job_state(struct prun_job *job);
/* Its number in the pool, from 1 in the order of submission. */
PRUN_API uint64_t prun_job_id(const struct prun_job *job);

/*
 * Call fn when the job is finished, after its own callbacks and behind those
 * that were added before; at once, inside this call, when it is finished
 * already. fn may do what a callback may, and look at the results with
 * prun_job_at(). 0, PRUN_EINVAL (no fn), -ENOMEM or PRUN_EFORKED. A job that
 * is freed before its end without callbacks of its own is cancelled, and then
 * calls fn, which finds no handle and no results any more.
 */
typedef void (*prun_done_fn)(struct prun_job *job, void *payload);
PRUN_API int prun_job_on_done(struct prun_job *job, prun_done_fn fn,
			      void *payload);

enum prun_wait_mode {
	PRUN_WAIT_ALL = 0,    /* until all are finished; */
	PRUN_WAIT_FIRST = 1,  /* or one is; */
	PRUN_WAIT_FAILURE = 2 /* or one is and has failed, or all are */
};

/*
 * Wait for several jobs, of one pool or of several, and drive their pools. A
 * job that is named twice counts once; NULL is skipped; one that was only
 * cancelled has not failed. Returns how many are finished; PRUN_ETIMEDOUT,
 * PRUN_EWOKEN (by prun_pool_wake of any of the pools), PRUN_EDEADLK,
 * PRUN_EFORKED, -ENOMEM, -EMFILE, PRUN_EINVAL for an unknown mode;
 * PRUN_ENOTREADY when it cannot become true before somebody takes the results
 * of a stream.
 */
PRUN_API int prun_wait(struct prun_job *const *jobs, size_t n,
		       enum prun_wait_mode mode, int timeout_ms);

/*
 * The jobs as they finish, each once, those that are finished already first;
 * of one pool in the order of their completion. prun_completed_next() gives 1
 * and *job; 0 when all were given; else what prun_wait gives. A job may be
 * freed when it was given, not before. The list is copied. -ENOMEM.
 */
struct prun_completed;
PRUN_API int prun_as_completed(struct prun_completed **completed,
			       struct prun_job *const *jobs, size_t n);
PRUN_API int prun_completed_next(struct prun_job **job,
				 struct prun_completed *completed,
				 int timeout_ms);
/* NULL is allowed. The jobs are left alone. */
PRUN_API void prun_completed_free(struct prun_completed *completed);

/* Release the handle, and with it the results. An unfinished job without
 * callbacks is cancelled first; one with callbacks goes on without handle.
 * NULL is allowed. */
PRUN_API void prun_job_free(struct prun_job *job);

/* Read a result's value; 0, PRUN_ETYPE, or its status if it failed. */
PRUN_API int prun_result_str(const struct prun_result *result, const char **s,
			     size_t *len);
PRUN_API int prun_result_int(const struct prun_result *result, int64_t *value);
PRUN_API int prun_result_double(const struct prun_result *result,
				double *value);
PRUN_API int prun_result_unpack(const struct prun_result *result,
				const char *format, ...);
/* A copy of a borrowed result, with all it points to; -ENOMEM. */
PRUN_API int prun_result_take(struct prun_result **copy,
			      const struct prun_result *result);
/* Frees a copy. NULL is allowed. */
PRUN_API void prun_result_free(struct prun_result *copy);

#ifdef __cplusplus
}
#endif

#endif
