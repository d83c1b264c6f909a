/* SPDX-License-Identifier: MIT */

#include "json_in.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define DEPTH_MAX 32

struct json; /* is a json_t, which only this file knows */

static const json_t *inside(const struct json *json)
{
	return (const json_t *)json;
}

/* Are there more than so many in each other? Looks no deeper than that. */
static bool is_too_deep(const json_t *value, int depth)
{
	const char *name;
	json_t *element;
	size_t i;

	if (depth > DEPTH_MAX)
		return json_is_array(value) || json_is_object(value);
	json_array_foreach(value, i,
			   element) if (is_too_deep(element,
						    depth + 1)) return true;
	json_object_foreach((json_t *)value, name,
			    element) if (is_too_deep(element,
						     depth + 1)) return true;
	return false;
}

int json_read(struct json **json, const char *text, size_t len, char *why,
	      size_t size)
{
	json_error_t error;
	json_t *value = json_loadb(text, len,
				   JSON_DECODE_ANY | JSON_REJECT_DUPLICATES |
					   JSON_ALLOW_NUL,
				   &error);

	if (!value) {
		/* Its texts quote the input, which may hold anything. */
		snprintf(why, size, "not JSON: %s", error.text);
		return PRUN_EVALUE;
	}
	if (is_too_deep(value, 1)) {
		json_decref(value);
		snprintf(why, size, "nested deeper than %d", DEPTH_MAX);
		return PRUN_EVALUE;
	}
	*json = (struct json *)value;
	return 0;
}

void json_free(struct json *json)
{
	json_decref((json_t *)json);
}

enum json_type json_kind(const struct json *json)
{
	return json_is_array(inside(json))  ? JSON_COLUMNS :
	       json_is_object(inside(json)) ? JSON_NAMED :
					      JSON_SCALAR;
}

static int pack(struct prun_packer *packer, const json_t *value)
{
	const char *name;
	json_t *element;
	size_t i, len;
	int rc;

	switch (json_typeof(value)) {
	case JSON_OBJECT:
		rc = prun_pack_map(packer, (uint32_t)json_object_size(value));
		json_object_keylen_foreach((json_t *)value, name, len, element)
		{
			if (rc == 0)
				rc = prun_pack_str(packer, name, len);
			if (rc == 0)
				rc = pack(packer, element);
		}
		return rc;
	case JSON_ARRAY:
		rc = prun_pack_array(packer, (uint32_t)json_array_size(value));
		json_array_foreach(value, i, element) if (rc == 0)
			rc = pack(packer, element);
		return rc;
	case JSON_STRING:
		return prun_pack_str(packer, json_string_value(value),
				     json_string_length(value));
	case JSON_INTEGER:
		return prun_pack_int(packer, json_integer_value(value));
	case JSON_REAL:
		return prun_pack_double(packer, json_real_value(value));
	case JSON_TRUE:
	case JSON_FALSE:
		return prun_pack_bool(packer, json_is_true(value));
	default:
		return prun_pack_nil(packer);
	}
}

int json_pack_value(struct prun_packer *packer, const struct json *json,
		    bool bin)
{
	const json_t *value = inside(json);

	if (bin && json_is_string(value))
		return prun_pack_bin(packer, json_string_value(value),
				     json_string_length(value));
	return pack(packer, value);
}
