/* SHA-256 by OpenSSL. */
#include "base/digest.h"

#include "base/base32.h"
#include "base/cipher.h"
#include "base/mem.h"

#include <openssl/evp.h>
#include <stdlib.h>

enum { DIGEST_BITS = 128 };               /* in a name */

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
	base32_write(digest, DIGEST_BITS / 8, name);
}

void
digest_of(const void *bytes, size_t length, char name[DIGEST_NAME + 1])
{
	struct digest *d = digest_open();
	unsigned char sum[DIGEST_SIZE];

	digest_add(d, bytes, length);
	digest_end(&d, sum);
	digest_name(sum, name);
}

void
digest_old_name(const void *bytes, size_t length, char name[DIGEST_OLD_NAME + 1])
{
	enum { SIZE = 20 };
	unsigned char sum[SIZE];

	must(EVP_Digest(bytes, length, sum, NULL, EVP_sha1(), NULL));
	base32_write(sum, sizeof(sum), name);
	for (; *name != '\0'; name++)
		if (*name >= 'a')
			*name = (char)(*name - 'a' + 'A');
}

void
digest_random(char name[DIGEST_NAME + 1])
{
	unsigned char bits[DIGEST_SIZE];

	cipher_random(bits, sizeof(bits));
	digest_name(bits, name);
}
