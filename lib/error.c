/* SPDX-License-Identifier: MIT */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* strerrorname_np, strerrordesc_np */
#endif

#include <string.h>

#include "prun.h"

/* The kernel promises that no errno is larger. */
#define ERRNO_MAX 4095

static int is_errno(int code)
{
	return code < 0 && code >= -ERRNO_MAX;
}

const char *prun_version(void)
{
	return PRUN_VERSION;
}

const char *prun_strerror(int code)
{
	const char *text = NULL;

	if (is_errno(code)) {
		/* Unlike strerror, never translated and safe in threads. */
		text = strerrordesc_np(-code);
		return text ? text : "unknown error";
	}
	switch (code) {
	case 0:
		return "success";
#define ERROR_TEXT(name, number, words) \
	case name: \
		return words;
		PRUN_ERROR_MAP(ERROR_TEXT)
#undef ERROR_TEXT
	default:
		return "unknown error";
	}
}

const char *prun_error_name(int code)
{
	const char *name = NULL;

	if (is_errno(code)) {
		name = strerrorname_np(-code);
		return name ? name : "UNKNOWN";
	}
	switch (code) {
#define ERROR_NAME(id, number, words) \
	case id: \
		return #id;
		PRUN_ERROR_MAP(ERROR_NAME)
#undef ERROR_NAME
	default:
		return "UNKNOWN";
	}
}
