/* Rules that hold for every list. */
#include "policies/admit.h"

#include "base/mem.h"
#include "mail/automatic.h"
#include "mail/trace.h"

#include <stdlib.h>

struct verdict
admit_rcpt(const struct target *t, const struct facts *f, struct deadline by,
           const char **decided_by)
{
	*decided_by = "role";
	if (!role_exists(t->role))
		return verdict_reject(REPLY_NO_SUCH_ROLE, "there is nobody behind this role");
	if (t->role == ROLE_BOUNCES && f->sender != NULL)
		return verdict_reject(REPLY_ONLY_REPORTS, "not from the null sender");
	if (t->role == ROLE_POST && f->sender == NULL)
		return verdict_reject(REPLY_NO_REPORTS, "from the null sender");
	*decided_by = NULL;
	if (t->role != ROLE_POST)
		return verdict_pass();
	return chain_at_rcpt(t->destination->chain, f, by, decided_by);
}

struct verdict
admit_header(const struct site *s, const struct target *t, const char *header, size_t length)
{
	char *address = list_role_address(t->list->address, t->role);
	struct verdict v = verdict_pass();

	if (trace_hops(header, length) > (size_t)s->limits.hops)
		v = verdict_reject(REPLY_LOOP, "too many Received fields");
	else if (trace_passed(header, length, address))
		v = verdict_reject(REPLY_LOOP, "has been through the list");
	else if (t->role == ROLE_POST && automatic_reply(header, length) != NULL)
		v = verdict_reject(REPLY_AUTOMATIC, automatic_reply(header, length));
	free(address);
	return v;
}
