/* TLS. */
#include "base/tls.h"

#include "base/mem.h"

#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>

struct tls_client {
	SSL_CTX *ctx;
};

struct tls {
	SSL *ssl;
};

/* What OpenSSL says of its last failure. */
static int
complain_tls(struct complaint *why, const char *what)
{
	unsigned long e = ERR_get_error();
	const char *reason = e == 0 ? NULL : ERR_reason_error_string(e);

	ERR_clear_error();
	return complain(why, "%s: %s", what, reason != NULL ? reason : "connection lost");
}

struct tls_client *
tls_client_open(bool verify, const char *ca, struct complaint *why)
{
	struct tls_client *c = mem_new(sizeof(*c));
	int rc = 1;

	ERR_clear_error();
	c->ctx = SSL_CTX_new(TLS_client_method());
	if (c->ctx == NULL) {
		(void)complain_tls(why, "TLS");
		tls_client_close(&c);
		return NULL;
	}
	(void)SSL_CTX_set_min_proto_version(c->ctx, TLS1_2_VERSION);
	(void)SSL_CTX_set_mode(c->ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	(void)SSL_CTX_set_options(c->ctx, SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_verify(c->ctx, verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
	if (verify)
		rc = ca == NULL ? SSL_CTX_set_default_verify_paths(c->ctx)
		                : SSL_CTX_load_verify_file(c->ctx, ca);
	if (rc != 1) {
		(void)complain_tls(why, ca == NULL ? "the system's certificates" : ca);
		tls_client_close(&c);
	}
	return c;
}

void
tls_client_close(struct tls_client **client)
{
	if (*client != NULL)
		SSL_CTX_free((*client)->ctx);
	free(*client);
	*client = NULL;
}

struct tls *
tls_begin(const struct tls_client *c, int fd, const char *name, struct complaint *why)
{
	struct tls *t = mem_new(sizeof(*t));
	bool address;

	ERR_clear_error();
	t->ssl = SSL_new(c->ctx);
	address = t->ssl != NULL && X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(t->ssl), name) == 1;
	if (t->ssl == NULL || SSL_set_fd(t->ssl, fd) != 1 ||
	    (!address && (SSL_set1_host(t->ssl, name) != 1 || SSL_set_tlsext_host_name(t->ssl, name) != 1))) {
		(void)complain_tls(why, "TLS");
		tls_end(&t, false);
	}
	return t;
}

enum tls_step
tls_handshake(struct tls *t, struct complaint *why)
{
	int rc, error;
	long verified;

	ERR_clear_error();
	rc = SSL_connect(t->ssl);
	if (rc == 1)
		return TLS_DONE;
	error = SSL_get_error(t->ssl, rc);
	if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
		return error == SSL_ERROR_WANT_READ ? TLS_WANTS_READ : TLS_WANTS_WRITE;
	verified = SSL_get_verify_result(t->ssl);
	if (verified != X509_V_OK)
		(void)complain(why, "TLS: certificate: %s", X509_verify_cert_error_string(verified));
	else
		(void)complain_tls(why, "TLS");
	ERR_clear_error();
	return TLS_FAILED;
}

/* From OpenSSL's answer to that of a socket. */
static ssize_t
as_socket(const struct tls *t, int n)
{
	int error;

	if (n > 0)
		return n;
	error = SSL_get_error(t->ssl, n);
	ERR_clear_error();
	if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
		errno = EAGAIN;
		return -1;
	}
	errno = ECONNRESET;
	return error == SSL_ERROR_ZERO_RETURN ? 0 : -1;
}

ssize_t
tls_read(struct tls *t, void *bytes, size_t length)
{
	ERR_clear_error();
	return as_socket(t, SSL_read(t->ssl, bytes, length > INT_MAX ? INT_MAX : (int)length));
}

ssize_t
tls_write(struct tls *t, const void *bytes, size_t length)
{
	ERR_clear_error();
	return as_socket(t, SSL_write(t->ssl, bytes, length > INT_MAX ? INT_MAX : (int)length));
}

void
tls_end(struct tls **tls, bool kindly)
{
	struct tls *t = *tls;

	*tls = NULL;
	if (t == NULL)
		return;
	if (kindly)
		(void)SSL_shutdown(t->ssl);
	ERR_clear_error();
	SSL_free(t->ssl);
	free(t);
}
