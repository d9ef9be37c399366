/* The client's address must have a name that leads back to it. */
#include "base/mem.h"
#include "base/resolver.h"
#include "policies/policy.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_NAMES = 10 };                 /* of an address that are looked at */

struct rdns_config {
	bool confirmed, networks;
};

static const struct setting settings[] = {
	{ .name = "confirmed", .kind = KIND_FLAG, .offset = offsetof(struct rdns_config, confirmed),
	  .fallback = "yes",
	  .help = "Whether the name must have the client's address: anybody can give theirs any name." },
	{ .name = "networks", .kind = KIND_FLAG, .offset = offsetof(struct rdns_config, networks),
	  .fallback = "yes",
	  .help = "Whether clients in the site's networks, and programs on the MTA's host, need none." },
	{ .kind = KIND_END },
};

static struct verdict
unsure(const char *name, const struct dns_answer *a)
{
	return verdict_because(verdict_defer(REPLY_LATER, ""), "%s: %s", name, a->why);
}

/* An address of the client's family, as bytes; 0 for what is none. */
static size_t
read_address(const char *text, unsigned char bytes[16])
{
	return inet_pton(AF_INET, text, bytes) == 1 ? 4 : inet_pton(AF_INET6, text, bytes) == 1 ? 16 : 0;
}

static bool
has_address(const struct dns_answer *a, const char *client)
{
	unsigned char want[16], have[16];
	size_t length = read_address(client, want);

	for (size_t i = 0; i < a->count; i++)
		if (read_address(a->records[i].text, have) == length && memcmp(want, have, length) == 0)
			return true;
	return false;
}

/* Whether one of the names leads back. All are asked about together. */
static struct verdict
confirm(const struct dns_answer *names, const struct facts *f, struct deadline by)
{
	enum record_type type = strchr(f->client, ':') == NULL ? RECORD_A : RECORD_AAAA;
	size_t count = names->count < MOST_NAMES ? names->count : MOST_NAMES;
	struct verdict v = verdict_because(verdict_reject(REPLY_NO_NAME, ""), "%s has not the address %s",
	                                   names->records[0].text, f->client);
	struct lookups *l = lookups_open(f->resolver);

	for (size_t i = 0; i < count; i++)
		(void)lookups_add(l, type, names->records[i].text);
	(void)lookups_wait(l, by);
	for (size_t i = 0; i < count; i++) {
		const struct dns_answer *a = lookups_answer(l, i);

		if (a->found == RESOLVED && has_address(a, f->client)) {
			v = verdict_pass();
			break;
		}
		if (a->found == RESOLVED_UNSURE)
			v = unsure(names->records[i].text, a);
	}
	lookups_close(&l);
	return v;
}

static struct verdict
ask(const struct rdns_config *c, const char *name, const struct facts *f, struct deadline by)
{
	struct lookups *l = lookups_open(f->resolver);
	const struct dns_answer *a;
	struct verdict v = verdict_pass();

	by = deadline_earlier(by, resolver_patience(f->resolver));
	(void)lookups_add(l, RECORD_PTR, name);
	(void)lookups_wait(l, by);
	a = lookups_answer(l, 0);
	if (a->found == RESOLVED_UNSURE)
		v = unsure(name, a);
	else if (a->found == RESOLVED_NONE)
		v = verdict_because(verdict_reject(REPLY_NO_NAME, ""), "%s has no name", f->client);
	else if (c->confirmed)
		v = confirm(a, f, by);
	lookups_close(&l);
	return v;
}

static struct verdict
at_rcpt(const void *config, const struct facts *f, struct deadline by)
{
	const struct rdns_config *c = config;
	struct verdict v;
	char *name;

	/* The MTA knows a name when it has confirmed it; why it knows none it does not say. */
	if (f->client_name != NULL || f->login != NULL || (c->networks && f->trusted))
		return verdict_pass();
	if (f->resolver == NULL)
		return verdict_defer(REPLY_LATER, "the DNS cannot be asked");
	name = f->client == NULL ? NULL : dns_reverse(f->client);
	if (name == NULL)
		return verdict_reject(REPLY_NO_NAME, "the client has no address");
	v = ask(c, name, f, by);
	free(name);
	return v;
}

const struct policy policy_rdns = {
	.name = "rdns",
	.summary = "The client's address must have a name that leads back to it.",
	.needs = NEED_SESSION,
	.resource = RESOURCE_DNS,
	.settings = settings,
	.config_size = sizeof(struct rdns_config),
	.at = { [MOMENT_RCPT] = at_rcpt },
};
