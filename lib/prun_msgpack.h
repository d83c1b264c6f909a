/* SPDX-License-Identifier: MIT */
#ifndef PRUN_MSGPACK_H
#define PRUN_MSGPACK_H

/*
 * Adapters between libprun's bytes and msgpack-c's own types, inline, so that
 * msgpack-c's layout never becomes part of libprun's ABI. Link with msgpack-c.
 */

#include <errno.h>
#include <msgpack.h>

#include "prun.h"

/*
 * Decode a value into an object that lives in `zone` (yours: msgpack_zone_init
 * before, msgpack_zone_destroy after). Strings point into the data. The data
 * is checked first, so that a short value cannot claim a large array. 0,
 * PRUN_EVALUE or -ENOMEM.
 */
static inline int prun_value_object(msgpack_object *object, msgpack_zone *zone,
				    const void *data, size_t size)
{
	size_t offset = 0;
	int rc = prun_value_check(data, size);

	if (rc < 0)
		return rc;
	switch (msgpack_unpack((const char *)data, size, &offset, zone,
			       object)) {
	case MSGPACK_UNPACK_SUCCESS:
		return 0;
	case MSGPACK_UNPACK_NOMEM_ERROR:
		return -ENOMEM;
	default:
		return PRUN_EVALUE;
	}
}

/* The argument of a task as an object. */
static inline int prun_arg_object(msgpack_object *object, msgpack_zone *zone,
				  struct prun_task *task)
{
	size_t size;
	const void *data = prun_task_arg(task, &size);

	return prun_value_object(object, zone, data, size);
}

/* The value of a result as an object; its status if it failed. */
static inline int prun_result_object(msgpack_object *object, msgpack_zone *zone,
				     const struct prun_result *result)
{
	if (result->status < 0)
		return result->status;
	return prun_value_object(object, zone, result->value,
				 result->value_size);
}

/* A msgpack_packer that writes the result of a task, an item's argument, or
 * into any prun_packer. */
static inline msgpack_packer prun_msgpack_packer(struct prun_packer *packer)
{
	msgpack_packer pk;

	msgpack_packer_init(&pk, packer, prun_packer_write);
	return pk;
}

static inline msgpack_packer prun_ret_packer(struct prun_task *task)
{
	return prun_msgpack_packer(prun_task_packer(task));
}

#endif
