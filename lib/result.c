/* SPDX-License-Identifier: MIT */
/* What a caller does with a result: read its value, or keep a copy. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "prun.h"
#include "value.h"

int prun_result_str(const struct prun_result *result, const char **s,
		    size_t *len)
{
	if (result->status < 0)
		return result->status;
	return value_str(result->value, result->value_size, s, len);
}

int prun_result_int(const struct prun_result *result, int64_t *value)
{
	if (result->status < 0)
		return result->status;
	return value_int(result->value, result->value_size, value);
}

int prun_result_double(const struct prun_result *result, double *value)
{
	if (result->status < 0)
		return result->status;
	return value_double(result->value, result->value_size, value);
}

int prun_result_unpack(const struct prun_result *result, const char *format,
		       ...)
{
	va_list args;
	int rc;

	if (result->status < 0)
		return result->status;
	va_start(args, format);
	rc = prun_vunpack(result->value, result->value_size, NULL, format,
			  args);
	va_end(args);
	return rc;
}

/* One block: the struct, then its argument, value and message. */
int prun_result_take(struct prun_result **copy,
		     const struct prun_result *result)
{
	size_t message = result->message ? result->message_size + 1 : 0;
	struct prun_result *r = malloc(sizeof(*r) + result->argument_size +
				       result->value_size + message);
	unsigned char *at;

	if (!r)
		return -ENOMEM;
	at = (unsigned char *)(r + 1);
	*r = *result;
	memcpy(at, result->argument, result->argument_size);
	r->argument = at;
	at += result->argument_size;
	if (result->value) {
		memcpy(at, result->value, result->value_size);
		r->value = at;
	}
	at += result->value_size;
	if (result->message) {
		memcpy(at, result->message, message);
		r->message = (const char *)at;
	}
	*copy = r;
	return 0;
}

void prun_result_free(struct prun_result *copy)
{
	free(copy);
}
