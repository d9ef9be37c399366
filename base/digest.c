/* SHA-256 by OpenSSL. */
#include "base/digest.h"

#include "base/mem.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <unistd.h>

struct digest {
	EVP_MD_CTX *context;
};

static void
must(int ok)
{
	if (ok != 1)
		abort();                  /* out of memory, or an OpenSSL without SHA-256 */
}

struct digest *
digest_open(void)
{
	struct digest *d = mem_new(sizeof(*d));

	/* At the end of a process libmilter's threads may still be there: nothing is torn down then. */
	must(OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL));
	d->context = EVP_MD_CTX_new();
	must(d->context != NULL);
	must(EVP_DigestInit_ex(d->context, EVP_sha256(), NULL));
	return d;
}

void
digest_add(struct digest *d, const void *bytes, size_t length)
{
	must(EVP_DigestUpdate(d->context, bytes, length));
}

void
digest_end(struct digest **digest, unsigned char out[DIGEST_SIZE])
{
	must(EVP_DigestFinal_ex((*digest)->context, out, NULL));
	digest_close(digest);
}

void
digest_close(struct digest **digest)
{
	if (*digest == NULL)
		return;
	EVP_MD_CTX_free((*digest)->context);
	free(*digest);
	*digest = NULL;
}

void
digest_name(const unsigned char digest[DIGEST_SIZE], char name[DIGEST_NAME + 1])
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";
	unsigned bits = 0, have = 0;
	size_t n = 0;

	for (size_t i = 0; i < 16; i++) {
		bits = bits << 8 | digest[i];
		for (have += 8; have >= 5; have -= 5)
			name[n++] = letters[bits >> (have - 5) & 31];
	}
	name[n++] = letters[bits << (5 - have) & 31];
	name[n] = '\0';
}

void
digest_random(char name[DIGEST_NAME + 1])
{
	unsigned char bits[DIGEST_SIZE];

	if (getentropy(bits, sizeof(bits)) < 0)
		abort();                  /* a kernel without random numbers */
	digest_name(bits, name);
}
