/* SPDX-License-Identifier: MIT */
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "func.h"
#include "prun.h"

#define SYMBOL "prun_plugin"

struct prun_plugin_handle {
	void *library;
};

/* Gives `code` and, where it is wanted and there is memory, a text. */
static int fail(char **message, int code, const char *format, ...)
	PRUN_PRINTF(3, 4);

static int fail(char **message, int code, const char *format, ...)
{
	va_list args;
	int len;

	if (!message)
		return code;
	va_start(args, format);
	len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (len < 0)
		return code;
	*message = malloc((size_t)len + 1);
	if (!*message)
		return code;
	va_start(args, format);
	vsnprintf(*message, (size_t)len + 1, format, args);
	va_end(args);
	return code;
}

static int check_plugin(const struct prun_plugin *p, size_t *nfuncs,
			char **message, const char *path)
{
	struct func_table table;
	int rc;

	/* The rest of the struct may be read only when these are right. */
	if (p->abi != PRUN_PLUGIN_ABI)
		return fail(message, PRUN_EVERSION,
			    "%s: made for plugin ABI %lu, not %d", path,
			    (unsigned long)p->abi, PRUN_PLUGIN_ABI);
	if (p->func_size != sizeof(struct prun_func))
		return fail(message, PRUN_EVERSION,
			    "%s: its functions have %lu bytes, not %zu", path,
			    (unsigned long)p->func_size,
			    sizeof(struct prun_func));
	if (!p->funcs)
		return fail(message, PRUN_EPLUGIN,
			    "%s: it has no table of functions", path);
	rc = func_table_init(&table, p->funcs, p->nfuncs);
	if (rc == -ENOMEM)
		return fail(message, rc, "%s: %s", path, prun_strerror(rc));
	if (rc < 0)
		return fail(message, PRUN_EPLUGIN,
			    "%s: its table of functions: %s", path,
			    prun_strerror(rc));
	*nfuncs = table.count;
	func_table_release(&table);
	return 0;
}

/* dlerror() forgets its text, and may be NULL if somebody else asked first. */
static const char *loader_error(void)
{
	const char *text = dlerror();

	return text ? text : "cannot be loaded";
}

int prun_plugin_open(struct prun_plugin_handle **plugin,
		     const struct prun_func **funcs, size_t *nfuncs,
		     char **message, const char *path)
{
	const struct prun_plugin *description;
	struct prun_plugin_handle *h;
	size_t count = 0;
	int rc;

	*plugin = NULL;
	if (message)
		*message = NULL;
	/* Without a slash dlopen would search the system's directories. */
	if (!path || !strchr(path, '/'))
		return fail(message, PRUN_EINVAL,
			    "%s: a plugin's path needs "
			    "a '/'",
			    path ? path : "(null)");
	h = calloc(1, sizeof(*h));
	if (!h)
		return fail(message, -ENOMEM, "%s: %s", path,
			    prun_strerror(-ENOMEM));
	h->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!h->library) {
		rc = fail(message, PRUN_EPLUGIN, "%s", loader_error());
		goto out;
	}
	description = dlsym(h->library, SYMBOL);
	if (!description) {
		rc = fail(message, PRUN_EPLUGIN, "%s", loader_error());
		goto out;
	}
	rc = check_plugin(description, &count, message, path);
	if (rc < 0)
		goto out;
	*plugin = h;
	*funcs = description->funcs;
	*nfuncs = count;
	return 0;
out:
	prun_plugin_close(h);
	return rc;
}

void prun_plugin_close(struct prun_plugin_handle *plugin)
{
	if (!plugin)
		return;
	if (plugin->library)
		dlclose(plugin->library);
	free(plugin);
}
