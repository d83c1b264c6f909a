/* SPDX-License-Identifier: MIT */

/* What a name stands for, without opening it. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

#include "file.h"
#include "tasks.h"

static int stat_task(struct prun_task *task)
{
	const char *path = "";
	struct stat st;
	char text[64];
	int n, rc;

	rc = file_path(&path, task);
	if (rc < 0)
		return rc;
	if (lstat(path, &st) < 0)
		return -errno;
	n = snprintf(text, sizeof(text), "%" PRIdMAX " %s",
		     (intmax_t)st.st_size, file_kind(st.st_mode));
	return prun_ret_pack(task, "[s#, u]", text, (size_t)n, (uint64_t)0);
}

const struct task tasks_stat[] = {
	{.func = {.name = "stat",
		  .fn = stat_task,
		  .help = "size and kind; symbolic links are not followed"},
	 .kind = TASK_FILE},
	{.func = {.name = NULL}},
};
