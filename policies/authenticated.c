/*
 * The poster must have proven who that is: to the MTA, by where the client is, or to a server that the
 * site trusts and that wrote down what it found (RFC 8601). Anybody can write such a field, so that only
 * those count that stand where nobody but the trusted server puts them: its latest ones, on top.
 */
#include "base/mem.h"
#include "mail/address.h"
#include "mail/dmarc.h"
#include "mail/header.h"
#include "mail/results.h"
#include "policies/policy.h"

#include <stdlib.h>
#include <string.h>

enum { BY_LOGIN, BY_NETWORKS, BY_RESULTS, BY_COUNT };

static const char *const words[] = { "login", "networks", "results", NULL };
static const char *const alignments[] = { "relaxed", "strict", NULL };

struct authenticated_config {
	struct text_list by, trust;
	int64_t fields;
	bool relayed;
	int64_t strict;
};

#define CONFIG(f) offsetof(struct authenticated_config, f)

static int
check_by(const char *text, struct complaint *why)
{
	return setting_check_word(text, words, "login, networks, results", why);
}

static const struct setting settings[] = {
	{ .name = "by", .kind = KIND_TEXTS, .offset = CONFIG(by), .fallback = "login, networks", .min = "1",
	  .check = check_by,
	  .help = "What proves it: login (a SASL login); networks (the client is in the site's networks); "
	          "results (what a trusted server says of DKIM or DMARC)." },
	{ .name = "trust", .kind = KIND_TEXTS, .offset = CONFIG(trust),
	  .help = "With results: the names (authserv-id) by which trusted servers sign their "
	          "Authentication-Results fields." },
	{ .name = "fields", .kind = KIND_NUMBER, .offset = CONFIG(fields), .fallback = "1", .min = "1",
	  .max = "10",
	  .help = "How many such fields the trusted servers put on each message: the uppermost ones "
	          "count, and no others." },
	{ .name = "relayed", .kind = KIND_FLAG, .offset = CONFIG(relayed), .fallback = "no",
	  .help = "Whether the trusted server is another MTA, which passes mail on to this one: its fields "
	          "stand around its Received field, and count from clients in the site's networks." },
	{ .name = "alignment", .kind = KIND_WORD, .offset = CONFIG(strict), .fallback = "relaxed",
	  .words = alignments,
	  .help = "Whether a DKIM signature must be of From's very domain, or of any domain of the same "
	          "organisation." },
	{ .kind = KIND_END },
};

static bool
accepts(const struct authenticated_config *c, size_t what)
{
	return text_list_has(&c->by, words[what]);
}

static int
check(void *config, const struct node *at, struct complaint *why)
{
	const struct authenticated_config *c = config;

	if (accepts(c, BY_RESULTS) && c->trust.count == 0)
		return node_complain(at, why, "authenticated: results need \"trust\": the names of the "
		                              "servers that are believed");
	if (!accepts(c, BY_RESULTS) && c->trust.count > 0)
		return node_complain(at, why,
		                     "authenticated: \"trust\" is of no use unless \"by\" has results");
	return 0;
}

/* ---- what a trusted server says ---- */

/* Whether a property names a domain that the author's is proven by. */
static bool
is_of(const char *value, const char *author, bool strict)
{
	struct complaint unused;
	char *domain = value == NULL ? NULL : domain_canonical(value, strlen(value), &unused);
	bool aligned = domain != NULL && dmarc_aligned(domain, author, strict);

	free(domain);
	return aligned;
}

static bool
proves(const struct authenticated_config *c, const struct results *rs, const char *author)
{
	for (size_t i = 0; i < rs->count; i++) {
		const struct result *r = &rs->all[i];

		if (strcmp(r->result, "pass") != 0)
			continue;
		if (strcmp(r->method, "dkim") == 0 &&
		    is_of(result_property(r, "header.d"), author, c->strict != 0))
			return true;
		if (strcmp(r->method, "dmarc") == 0 && is_of(result_property(r, "header.from"), author, true))
			return true;
	}
	return false;
}

/* Whether the field is one that counts; then it has been read. */
static bool
is_trusted(const struct authenticated_config *c, const struct field *f, struct results *rs)
{
	struct bytes value = { 0 };
	bool trusted = false;

	field_unfold(f, &value);
	if (results_parse(rs, bytes_text(&value))) {
		trusted = text_list_same(&c->trust, rs->server, strlen(rs->server));
		if (!trusted)
			results_free(rs);
	}
	bytes_free(&value);
	return trusted;
}

/* Reads the fields above what others wrote: whoever had the message before put theirs below. */
static struct verdict
ask_results(const struct authenticated_config *c, const struct facts *f, const char *author)
{
	size_t at = 0, hops = c->relayed ? 1 : 0;
	int64_t seen = 0;
	struct field field;

	while (seen < c->fields && header_next(f->header, f->header_length, &at, &field)) {
		struct results rs;
		bool proven;

		if (field_is(&field, "Received") && hops-- == 0)
			break;
		if (!field_is(&field, "Authentication-Results") || !is_trusted(c, &field, &rs))
			continue;
		proven = proves(c, &rs, author);
		results_free(&rs);
		if (proven)
			return verdict_pass();
		seen++;
	}
	return verdict_because(verdict_reject(REPLY_NEED_PROOF, ""), "%s %s",
	                       seen > 0 ? "no DKIM or DMARC pass proves mail of"
	                                : "no field of a trusted server is about mail of", author);
}

static struct verdict
at_any(const void *config, const struct facts *f, struct deadline by)
{
	const struct authenticated_config *c = config;
	struct complaint why;
	struct verdict v;
	char *author;

	(void)by;                         /* cannot block */
	if ((f->login != NULL && accepts(c, BY_LOGIN)) || (f->trusted && accepts(c, BY_NETWORKS)))
		return verdict_pass();
	if (!accepts(c, BY_RESULTS))
		return verdict_reject(REPLY_NEED_PROOF, "nothing proves who the poster is");
	if (c->relayed && !f->trusted)
		return verdict_reject(REPLY_NEED_PROOF, "the client is no relay of the site's");
	author = dmarc_author(f->header, f->header_length, &why);
	if (author == NULL)
		return verdict_reject(REPLY_NEED_PROOF, why.text);
	v = ask_results(c, f, author);
	free(author);
	return v;
}

/* Fields are there at the end only. */
static bool
asks(const void *config, enum moment moment)
{
	return (moment == MOMENT_END) == accepts(config, BY_RESULTS);
}

const struct policy policy_authenticated = {
	.name = "authenticated",
	.summary = "The poster must have proven who that is.",
	.needs = NEED_SESSION,
	.settings = settings,
	.config_size = sizeof(struct authenticated_config),
	.check = check,
	.asks = asks,
	.at = { [MOMENT_RCPT] = at_any, [MOMENT_END] = at_any },
};
