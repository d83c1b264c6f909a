/* SPDX-License-Identifier: MIT */

#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_BLOCK (128 * 1024)

struct file_options file_options = {.stdin_fd = -1};

const char *file_kind(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return "regular file";
	case S_IFDIR:
		return "directory";
	case S_IFLNK:
		return "symbolic link";
	case S_IFIFO:
		return "fifo";
	case S_IFSOCK:
		return "socket";
	case S_IFCHR:
		return "character device";
	case S_IFBLK:
		return "block device";
	default:
		return "file of unknown kind";
	}
}

int file_stdin_offer(int fd)
{
	void *shared;
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);

	if (copy < 0)
		return -errno;
	shared = mmap(NULL, sizeof(atomic_flag), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED) {
		int rc = -errno;

		close(copy);
		return rc;
	}
	file_options.stdin_taken = shared;
	file_options.stdin_fd = copy;
	return 0;
}

int file_path(const char **path, struct prun_task *task)
{
	static char name[PATH_MAX];
	const void *item;
	size_t size;
	int rc = prun_arg_bin(task, &item, &size);

	if (rc < 0)
		return rc;
	/* The system would open the file named by what is before the NUL. */
	if (memchr(item, '\0', size))
		return prun_task_fail(task, -EINVAL,
				      "A file name cannot hold a NUL byte");
	if (size >= sizeof(name))
		return -ENAMETOOLONG;
	memcpy(name, item, size);
	name[size] = '\0';
	*path = name;
	return 0;
}

/* 0 if a file of this kind may be read. */
static int mode_check(struct prun_task *task, mode_t mode)
{
	if (S_ISREG(mode))
		return 0;
	if (S_ISDIR(mode))
		return -EISDIR;
	if (file_options.special)
		return 0;
	return prun_task_fail(task, -EINVAL,
			      "Is a %s, not a regular file (see "
			      "--special-files)",
			      file_kind(mode));
}

static int stdin_take(struct prun_task *task)
{
	if (file_options.stdin_fd < 0)
		return prun_task_fail(task, -EBADF,
				      "Standard input holds the items (use "
				      "./- for a file of that name)");
	if (atomic_flag_test_and_set(file_options.stdin_taken))
		return prun_task_fail(task, -EBADF,
				      "Standard input is read only once");
	return file_options.stdin_fd;
}

void file_folder_leave(struct file_folder *folder)
{
	if (folder->fd >= 0)
		close(folder->fd);
	folder->fd = -1;
	folder->size = 0;
}

/*
 * What to look the path up in, and *path from there: the second file of a
 * directory opens it. Whatever is wrong with a directory the whole path says.
 */
static int folder_enter(struct file_folder *folder, const char **path)
{
	const char *slash = strrchr(*path, '/');
	size_t size = slash ? (size_t)(slash - *path) : 0;

	if (size == 0 || slash[1] == '\0')
		return AT_FDCWD;
	if (folder->size != size || memcmp(folder->name, *path, size) != 0) {
		file_folder_leave(folder);
		memcpy(folder->name, *path, size);
		folder->name[size] = '\0';
		folder->size = size;
		return AT_FDCWD;
	}
	if (folder->fd < 0)
		folder->fd =
			open(folder->name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (folder->fd < 0)
		return AT_FDCWD;
	*path = slash + 1;
	return folder->fd;
}

/*
 * A descriptor, or the failure of the task. The kind is looked at before the
 * open, because to open a device can have effects.
 */
static int path_open(struct prun_task *task, int at, const char *path,
		     struct stat *st)
{
	int flags = O_RDONLY | O_NOCTTY | O_CLOEXEC;
	int fd, rc;

	if (fstatat(at, path, st, 0) < 0)
		return -errno;
	rc = mode_check(task, st->st_mode);
	if (rc < 0)
		return rc;
	if (!file_options.special)
		flags |= O_NONBLOCK;
	do {
		fd = openat(at, path, flags);
	} while (fd < 0 && errno == EINTR);
	return fd < 0 ? -errno : fd;
}

/* In a worker the system's names for it lead to /dev/null. */
static bool names_stdin(const char *path)
{
	return strcmp(path, "-") == 0 || strcmp(path, "/dev/stdin") == 0 ||
	       strcmp(path, "/dev/fd/0") == 0 ||
	       strcmp(path, "/proc/self/fd/0") == 0;
}

int file_open(struct file *f, struct prun_task *task,
	      struct file_folder *folder)
{
	const char *path = "";
	struct stat st;
	int rc = file_path(&path, task);
	int at = AT_FDCWD;

	if (rc < 0)
		return rc;
	*f = (struct file){.task = task, .is_stdin = names_stdin(path)};
	if (folder && !f->is_stdin)
		at = folder_enter(folder, &path);
	f->fd = f->is_stdin ? stdin_take(task) : path_open(task, at, path, &st);
	if (f->fd < 0)
		return f->fd;
	f->checked = f->is_stdin;
	f->may_wait = f->is_stdin || file_options.special;
	if (!f->is_stdin && S_ISREG(st.st_mode))
		f->size = (uint64_t)st.st_size;
	return 0;
}

void file_close(struct file *f)
{
	if (!f->is_stdin)
		close(f->fd);
	f->fd = -1;
}

static int wait_for_input(const struct file *f, int timeout_ms)
{
	struct pollfd wait = {.fd = f->fd, .events = POLLIN};

	return poll(&wait, 1, timeout_ms);
}

bool file_ready(const struct file *f)
{
	return !f->may_wait || wait_for_input(f, 0) != 0;
}

/*
 * The name may have been given to another file between the look at its kind
 * and the open. One that gave in a single read all the bytes it had at that
 * look is taken for the same; any other is looked at once more.
 */
static int file_check(struct file *f, ssize_t n, size_t asked)
{
	struct stat st;

	if (f->checked || (n > 0 && (size_t)n < asked && f->bytes == f->size))
		return 0;
	f->checked = true;
	return fstat(f->fd, &st) < 0 ? -errno : mode_check(f->task, st.st_mode);
}

/*
 * Standard input may have been left non-blocking by somebody, and what is
 * special may have nothing yet; a file that is neither has to give its bytes
 * or fail. One that gave less than was asked for, and now all that it had when
 * it was opened, is at its end; those of /proc have no size and are asked.
 */
ssize_t file_next(struct file *f, void *data, size_t size)
{
	int error = 0, rc;
	ssize_t n;

	if (f->ended)
		return 0;
	while ((n = read(f->fd, data, size)) < 0) {
		error = errno;
		if (error == EAGAIN && f->may_wait)
			wait_for_input(f, -1);
		else if (error != EINTR)
			break;
	}
	if (n > 0)
		f->bytes += (uint64_t)n;
	rc = file_check(f, n, size);
	if (rc < 0 || n < 0)
		return rc < 0 ? rc : -error;
	f->ended = n == 0 || ((size_t)n < size && f->bytes == f->size);
	return n;
}

int file_read(uint64_t *bytes, struct prun_task *task, file_sink sink,
	      void *state)
{
	static char block[FILE_BLOCK];
	struct file f;
	ssize_t n;
	int rc = file_open(&f, task, NULL);

	if (rc < 0)
		return rc;
	while (rc == 0 && (n = file_next(&f, block, sizeof(block))) != 0)
		rc = n < 0 ? (int)n : sink(state, block, (size_t)n);
	*bytes = f.bytes;
	file_close(&f);
	return rc;
}
