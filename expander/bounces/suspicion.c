/* Suspicion. */
#include "expander/bounces/suspicion.h"

#include "base/log.h"
#include "mail/address.h"
#include "mail/returned.h"
#include "mail/verp.h"
#include "policies/suspects.h"

#include <string.h>

struct suspicion {
	const struct entry *entry;
	const struct service *service;
};

static void
raise_one(void *arg, const char *member)
{
	const struct suspicion *s = arg;
	const char *list = s->entry->envelope.list;
	struct log_line l;

	if (!suspects_add(s->service->site->state, list, member, s->service->outbound.suspect))
		return;
	log_begin(&l, LEVEL_INFO, "suspect");
	log_text(&l, "id", s->entry->id);
	log_text(&l, "list", list);
	log_text(&l, "member", member);
	log_end(&l);
}

/* By the address that it came to, which may be a proof or a hint. */
static bool
raise_by_address(struct suspicion *s)
{
	const struct entry *e = s->entry;
	struct complaint unused;
	struct address a;
	struct verp v;
	bool said;

	if (address_parse_inner(&a, e->envelope.recipient, strlen(e->envelope.recipient), &unused) < 0)
		return false;
	verp_read(s->service->keys, a.canonical, e->envelope.list, &v);
	address_free(&a);
	if (v.form == VERP_TRUE)
		(void)e->queues->ops->member(e->queues, v.post, e->envelope.list, v.line, &v.member, &unused);
	said = v.form == VERP_TRUE || v.form == VERP_HINT;
	if (said && v.member != NULL)
		raise_one(s, v.member);
	verp_free(&v);
	return said;
}

void
suspicion_raise(struct entry *e, const struct service *service, const struct list *list)
{
	const struct destination *d = site_destination(service->site, e->envelope.list);
	struct suspicion s = { e, service };
	const char *style[STYLE_COUNT], *message;
	struct complaint unused;
	size_t length;

	if (d == NULL || list == NULL || destination_style(d, list, style, &unused) < 0 ||
	    !style_suspects(style[STYLE_VERP]) || e->envelope.report_of != NULL || e->envelope.to != NULL)
		return;
	if (!raise_by_address(&s) && e->queues->ops->message(e, &message, &length, &unused) == 0)
		returned_each(message, length, raise_one, &s);
}
