/* SPDX-License-Identifier: MIT */

/* The cryptographic digests, one row each, by OpenSSL's EVP. */

#include <openssl/evp.h>

#include "file.h"
#include "hex.h"
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

static int update(void *state, const void *data, size_t size)
{
	return EVP_DigestUpdate(state, data, size) ? 0 : PRUN_EFAILED;
}

static int digest(struct prun_task *task)
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	unsigned size = 0;
	uint64_t bytes;
	int rc = algorithm_use(task, prun_task_ctx(task));

	if (rc < 0)
		return rc;
	if (!context && !(context = EVP_MD_CTX_new()))
		return prun_task_fail(task, PRUN_EFAILED, "Out of memory");
	if (!EVP_DigestInit_ex2(context, algorithm, NULL))
		return prun_task_fail(task, PRUN_EFAILED,
				      "This system's OpenSSL refuses %s",
				      algorithm_name);
	rc = file_read(&bytes, task, update, context);
	if (rc < 0)
		return rc;
	if (!EVP_DigestFinal_ex(context, sum, &size))
		return prun_task_fail(task, PRUN_EFAILED, "OpenSSL failed");
	return hex_return(task, sum, size, bytes);
}

#define ROW(name_, evp, tag_, help_) \
	{.func = {.name = name_, .fn = digest, .ctx = evp, .help = help_}, \
	 .kind = TASK_DIGEST, .opens = true, .tag = tag_}

/* The tags are those of md5sum, sha256sum, b2sum and cksum, or else of the
 * BSD program. */
const struct task tasks_digest[] = {
	ROW("md5", "MD5", "MD5", "MD5, as md5sum prints it"),
	ROW("sha1", "SHA1", "SHA1", "SHA-1, as sha1sum prints it"),
	ROW("sha224", "SHA2-224", "SHA224", "SHA-2, 224 bits, as sha224sum"),
	ROW("sha256", "SHA2-256", "SHA256", "SHA-2, 256 bits, as sha256sum"),
	ROW("sha384", "SHA2-384", "SHA384", "SHA-2, 384 bits, as sha384sum"),
	ROW("sha512", "SHA2-512", "SHA512", "SHA-2, 512 bits, as sha512sum"),
	ROW("sha512-256", "SHA2-512/256", "SHA512-256",
	    "SHA-2, 512/256: another start value, cut to 256 bits"),
	ROW("sha3-224", "SHA3-224", "SHA3-224", "SHA-3, 224 bits"),
	ROW("sha3-256", "SHA3-256", "SHA3-256", "SHA-3, 256 bits"),
	ROW("sha3-384", "SHA3-384", "SHA3-384", "SHA-3, 384 bits"),
	ROW("sha3-512", "SHA3-512", "SHA3-512", "SHA-3, 512 bits"),
	ROW("blake2b512", "BLAKE2B-512", "BLAKE2b",
	    "BLAKE2b, 512 bits, as b2sum prints it"),
	ROW("blake2s256", "BLAKE2S-256", "BLAKE2s", "BLAKE2s, 256 bits"),
	ROW("ripemd160", "RIPEMD-160", "RMD160", "RIPEMD-160"),
	ROW("sm3", "SM3", "SM3", "SM3, 256 bits, as cksum -a sm3"),
	{.func = {.name = NULL}},
};
