/* Secrets by OpenSSL. Out of memory, or an OpenSSL without these algorithms, ends the process. */
#include "base/cipher.h"

#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void
must(int ok)
{
	if (ok != 1)
		abort();
}

void
cipher_begin(void)
{
	must(OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL));
}

void
cipher_derive(const unsigned char secret[CIPHER_KEY], const char *purpose, unsigned char key[CIPHER_KEY])
{
	char sha256[] = "SHA256";
	OSSL_PARAM parameters[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, sha256, 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)secret, CIPHER_KEY),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)purpose, strlen(purpose)),
		OSSL_PARAM_construct_end(),
	};
	EVP_KDF_CTX *context;
	EVP_KDF *kdf;

	kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	must(kdf != NULL);
	context = EVP_KDF_CTX_new(kdf);
	must(context != NULL);
	must(EVP_KDF_derive(context, key, CIPHER_KEY, parameters));
	EVP_KDF_CTX_free(context);
	EVP_KDF_free(kdf);
}

void
cipher_random(void *bytes, size_t length)
{
	if (getentropy(bytes, length) < 0)
		abort();                  /* a kernel without random numbers */
}

/* OpenSSL counts in int. */
static int
counted(size_t length)
{
	must(length <= INT_MAX);
	return (int)length;
}

void
cipher_seal(const unsigned char key[CIPHER_KEY], const unsigned char nonce[CIPHER_NONCE], const void *open,
            size_t open_length, const void *plain, size_t length, unsigned char *sealed,
            unsigned char tag[CIPHER_TAG])
{
	EVP_CIPHER_CTX *context;
	int done;

	context = EVP_CIPHER_CTX_new();
	must(context != NULL);
	must(EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), NULL, key, nonce));
	must(EVP_EncryptUpdate(context, NULL, &done, open, counted(open_length)));
	must(EVP_EncryptUpdate(context, sealed, &done, plain, counted(length)));
	must(EVP_EncryptFinal_ex(context, sealed + done, &done));
	must(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, CIPHER_TAG, tag));
	EVP_CIPHER_CTX_free(context);
}

int
cipher_unseal(const unsigned char key[CIPHER_KEY], const unsigned char nonce[CIPHER_NONCE], const void *open,
              size_t open_length, const unsigned char *sealed, size_t length,
              const unsigned char tag[CIPHER_TAG], void *plain)
{
	EVP_CIPHER_CTX *context;
	int done, whole;

	context = EVP_CIPHER_CTX_new();
	must(context != NULL);
	must(EVP_DecryptInit_ex(context, EVP_aes_256_gcm(), NULL, key, nonce));
	must(EVP_DecryptUpdate(context, NULL, &done, open, counted(open_length)));
	must(EVP_DecryptUpdate(context, plain, &done, sealed, counted(length)));
	must(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, CIPHER_TAG, (void *)tag));
	whole = EVP_DecryptFinal_ex(context, (unsigned char *)plain + done, &done);
	EVP_CIPHER_CTX_free(context);
	return whole == 1 ? 0 : -1;
}

void
cipher_mac(const unsigned char key[CIPHER_KEY], const void *bytes, size_t length,
           unsigned char mac[CIPHER_MAC])
{
	must(HMAC(EVP_sha256(), key, CIPHER_KEY, bytes, length, mac, NULL) != NULL);
}

int
cipher_same(const void *a, const void *b, size_t length)
{
	return CRYPTO_memcmp(a, b, length) == 0;
}

void
cipher_forget(void *secret, size_t length)
{
	OPENSSL_cleanse(secret, length);
}
