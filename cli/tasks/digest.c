/* SPDX-License-Identifier: MIT */

/*
 * The cryptographic digests, one row each: by OpenSSL's EVP, and several files
 * side by side where that is faster.
 */

#include <openssl/evp.h>

#include "argument.h"
#include "file.h"
#include "hex.h"
#include "multi.h"
#include "tasks.h"

/*
 * One algorithm and one context a worker, made at its first file: the parent
 * never calls OpenSSL, so none of its tables is in the parent's memory.
 */
static EVP_MD_CTX *context;
static EVP_MD *algorithm;
static const char *algorithm_name;

static int algorithm_use(struct prun_task *task, const char *name)
{
	if (algorithm_name == name)
		return 0;
	EVP_MD_free(algorithm);
	algorithm_name = NULL;
	algorithm = EVP_MD_fetch(NULL, name, NULL);
	if (!algorithm)
		return prun_task_fail(task, PRUN_EFAILED,
				      "This system's OpenSSL has no %s", name);
	algorithm_name = name;
	return 0;
}

/* Bits of a digest that may have any length; 0: not told. */
static uint64_t length;

static bool length_set(const char *text)
{
	return argument_number(&length, text, 8,
			       (uint64_t)8 * EVP_MAX_MD_SIZE) &&
	       length % 8 == 0;
}

static const struct task_argument length_argument[] = {
	{"length", "a number of bits, 8, 16, 24 ... 512", length_set},
	{NULL, NULL, NULL},
};

static int update(void *state, const void *data, size_t size)
{
	return EVP_DigestUpdate(state, data, size) ? 0 : PRUN_EFAILED;
}

/* Read and add up what the task names, in the context. 0 or its failure. */
static int digest_read(uint64_t *bytes, struct prun_task *task)
{
	int rc = algorithm_use(task, prun_task_ctx(task));

	if (rc < 0)
		return rc;
	if (!context && !(context = EVP_MD_CTX_new()))
		return prun_task_fail(task, PRUN_EFAILED, "Out of memory");
	if (!EVP_DigestInit_ex2(context, algorithm, NULL))
		return prun_task_fail(task, PRUN_EFAILED,
				      "This system's OpenSSL refuses %s",
				      algorithm_name);
	return file_read(bytes, task, update, context);
}

/* One whose length is free; `usual` of its bits unless told otherwise. */
static int digest_free(struct prun_task *task, uint64_t usual)
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	size_t size = (length ? length : usual) / 8;
	uint64_t bytes = 0;
	int rc = digest_read(&bytes, task);

	if (rc < 0)
		return rc;
	if (!EVP_DigestFinalXOF(context, sum, size))
		return prun_task_fail(task, PRUN_EFAILED, "OpenSSL failed");
	return hex_return(task, sum, size, bytes);
}

/* As many bits as leave nothing of their strength out. */
static int shake128(struct prun_task *task)
{
	return digest_free(task, 256);
}

static int shake256(struct prun_task *task)
{
	return digest_free(task, 512);
}

static int digest(struct prun_task *task)
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	unsigned size = 0;
	uint64_t bytes = 0;
	int rc = digest_read(&bytes, task);

	if (rc < 0)
		return rc;
	if (!EVP_DigestFinal_ex(context, sum, &size))
		return prun_task_fail(task, PRUN_EFAILED, "OpenSSL failed");
	return hex_return(task, sum, size, bytes);
}

/* A task at a time, for what `lanes` would not make faster here. */
static int digest_each(struct prun_batch *batch)
{
	struct prun_task *task;

	while (prun_batch_next(&task, batch) > 0)
		prun_batch_done(task, digest(task));
	return 0;
}

/* What is read from may make the others wait: a FIFO. */
static int digest_multi(struct prun_batch *batch,
			const struct lanes_digest *lanes)
{
	return file_options.special || !lanes_pay(lanes) ?
		       digest_each(batch) :
		       multi_digest(batch, lanes);
}

static int digest_md5(struct prun_batch *batch)
{
	return digest_multi(batch, &lanes_md5);
}

static int digest_sha1(struct prun_batch *batch)
{
	return digest_multi(batch, &lanes_sha1);
}

static int digest_sha224(struct prun_batch *batch)
{
	return digest_multi(batch, &lanes_sha224);
}

static int digest_sha256(struct prun_batch *batch)
{
	return digest_multi(batch, &lanes_sha256);
}

#define BATCH(name_, batch_, evp, tag_, help_) \
	{ \
		.func = {.name = name_, \
			 .batch = batch_, \
			 .lanes = LANES_MAX, \
			 .ctx = evp, \
			 .help = help_}, \
		.kind = TASK_DIGEST, .opens = true, .tag = tag_ \
	}
#define ROW(name_, evp, tag_, help_) \
	{ \
		.func = {.name = name_, \
			 .fn = digest, \
			 .ctx = evp, \
			 .help = help_}, \
		.kind = TASK_DIGEST, .opens = true, .tag = tag_ \
	}

#define FREE(name_, fn_, evp, tag_, help_) \
	{ \
		.func = {.name = name_, .fn = fn_, .ctx = evp, .help = help_}, \
		.kind = TASK_DIGEST, .opens = true, .tag = tag_, \
		.arguments = length_argument \
	}

/* The tags are those of md5sum, sha256sum, b2sum and cksum, or else of the
 * BSD program. */
const struct task tasks_digest[] = {
	BATCH("md5", digest_md5, "MD5", "MD5", "MD5, as md5sum prints it"),
	BATCH("sha1", digest_sha1, "SHA1", "SHA1",
	      "SHA-1, as sha1sum prints it"),
	BATCH("sha224", digest_sha224, "SHA2-224", "SHA224",
	      "SHA-2, 224 bits, as sha224sum"),
	BATCH("sha256", digest_sha256, "SHA2-256", "SHA256",
	      "SHA-2, 256 bits, as sha256sum"),
	ROW("sha384", "SHA2-384", "SHA384", "SHA-2, 384 bits, as sha384sum"),
	ROW("sha512", "SHA2-512", "SHA512", "SHA-2, 512 bits, as sha512sum"),
	ROW("sha512-256", "SHA2-512/256", "SHA512-256",
	    "SHA-2, 512/256: another start value, cut to 256 bits"),
	ROW("sha3-224", "SHA3-224", "SHA3-224", "SHA-3, 224 bits"),
	ROW("sha3-256", "SHA3-256", "SHA3-256", "SHA-3, 256 bits"),
	ROW("sha3-384", "SHA3-384", "SHA3-384", "SHA-3, 384 bits"),
	ROW("sha3-512", "SHA3-512", "SHA3-512", "SHA-3, 512 bits"),
	FREE("shake128", shake128, "SHAKE128", "SHAKE128",
	     "SHAKE128, 256 bits; length=BITS"),
	FREE("shake256", shake256, "SHAKE256", "SHAKE256",
	     "SHAKE256, 512 bits; length=BITS"),
	ROW("blake2b512", "BLAKE2B-512", "BLAKE2b",
	    "BLAKE2b, 512 bits, as b2sum prints it"),
	ROW("blake2s256", "BLAKE2S-256", "BLAKE2s", "BLAKE2s, 256 bits"),
	ROW("ripemd160", "RIPEMD-160", "RMD160", "RIPEMD-160"),
	ROW("sm3", "SM3", "SM3", "SM3, 256 bits, as cksum -a sm3"),
	{.func = {.name = NULL}},
};
