/* libopendkim: fed with the message, then with keys. */
#include "mail/signatures.h"

#include "base/mem.h"
#include "mail/address.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include <opendkim/dkim.h>

/* Each costs a question and a computation, and anybody can add them (RFC 6376 section 8.4). */
enum { MOST = 10, PIECE = 65536 };

struct signature {
	DKIM_SIGINFO *info;
	char *domain, *key_name;
	char *key;                        /* NULL: there is none */
};

struct signatures {
	DKIM *dkim;
	struct signature all[MOST];
	size_t count;
};

static DKIM_LIB *library;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* In the place of a question to the DNS. */
static DKIM_CBSTAT
look_up(DKIM *dkim, DKIM_SIGINFO *info, unsigned char *text, size_t size)
{
	const struct signatures *s = dkim_get_user_context(dkim);

	for (size_t i = 0; i < s->count; i++) {
		const struct signature *one = &s->all[i];

		if (one->info != info || one->key == NULL || strlen(one->key) >= size)
			continue;
		memcpy(text, one->key, strlen(one->key) + 1);
		return DKIM_CBSTAT_CONTINUE;
	}
	return DKIM_CBSTAT_NOTFOUND;
}

static void
open_library(void)
{
	unsigned flags = DKIM_LIBFLAGS_DELAYSIGPROC;

	library = dkim_init(NULL, NULL);
	if (library == NULL)
		return;
	(void)dkim_options(library, DKIM_OP_SETOPT, DKIM_OPTS_FLAGS, &flags, sizeof(flags));
	(void)dkim_set_key_lookup(library, look_up);
}

/* Feeds the file to the library. 1: done; 0: it is no message; -1 with a complaint. */
static int
feed(DKIM *dkim, int file, struct complaint *why)
{
	unsigned char piece[PIECE];
	off_t at = 0;

	for (;;) {
		ssize_t n = pread(file, piece, sizeof(piece), at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return complain_errno(why, "the message cannot be read");
		if (n == 0)
			return dkim_chunk(dkim, NULL, 0) == DKIM_STAT_OK;
		if (dkim_chunk(dkim, piece, (size_t)n) != DKIM_STAT_OK)
			return 0;
		at += n;
	}
}

/* One of the beginning of the body (l=) says nothing about what somebody put behind that. */
static bool
is_partial(DKIM_SIGINFO *info)
{
	unsigned char l[] = "l";

	return dkim_sig_gettagvalue(info, false, l) != NULL;
}

static void
take_signatures(struct signatures *s)
{
	DKIM_SIGINFO **infos;
	struct complaint unused;
	int count;

	if (dkim_getsiglist(s->dkim, &infos, &count) != DKIM_STAT_OK)
		return;
	for (int i = 0; i < count && s->count < MOST; i++) {
		const char *domain = (const char *)dkim_sig_getdomain(infos[i]);
		const char *selector = (const char *)dkim_sig_getselector(infos[i]);
		char *canonical = domain == NULL ? NULL : domain_canonical(domain, strlen(domain), &unused);

		if (canonical != NULL && selector != NULL &&
		    !(dkim_sig_getflags(infos[i]) & DKIM_SIGFLAG_IGNORE) && !is_partial(infos[i]))
			s->all[s->count++] = (struct signature){
				infos[i], mem_text(canonical),
				mem_format("%s._domainkey.%s", selector, canonical), NULL };
		free(canonical);
	}
}

struct signatures *
signatures_read(int file, struct complaint *why)
{
	struct signatures *s = mem_new(sizeof(*s));
	DKIM_STAT status;
	int fed = -1;

	(void)pthread_once(&once, open_library);
	if (library != NULL)
		s->dkim = dkim_verify(library, (const unsigned char *)"message", NULL, &status);
	if (s->dkim == NULL) {
		(void)complain(why, "signatures cannot be verified here");
	} else {
		(void)dkim_set_user_context(s->dkim, s);
		fed = feed(s->dkim, file, why);
	}
	if (fed > 0)
		take_signatures(s);
	if (fed < 0)
		signatures_close(&s);
	return s;
}

void
signatures_close(struct signatures **signatures)
{
	struct signatures *s = *signatures;

	*signatures = NULL;
	if (s == NULL)
		return;
	if (s->dkim != NULL)
		(void)dkim_free(s->dkim);
	for (size_t i = 0; i < s->count; i++) {
		free(s->all[i].domain);
		free(s->all[i].key_name);
		free(s->all[i].key);
	}
	free(s);
}

size_t
signatures_count(const struct signatures *s)
{
	return s->count;
}

const char *
signatures_key_name(const struct signatures *s, size_t i)
{
	return s->all[i].key_name;
}

void
signatures_give_key(struct signatures *s, size_t i, const char *text)
{
	free(s->all[i].key);
	s->all[i].key = mem_text(text);
}

void
signatures_verify(struct signatures *s)
{
	(void)dkim_eom(s->dkim, NULL);
}

const char *
signatures_domain(const struct signatures *s, size_t i)
{
	return s->all[i].domain;
}

bool
signatures_hold(const struct signatures *s, size_t i)
{
	DKIM_SIGINFO *info = s->all[i].info;

	return (dkim_sig_getflags(info) & DKIM_SIGFLAG_PASSED) && dkim_sig_getbh(info) == DKIM_SIGBH_MATCH;
}
