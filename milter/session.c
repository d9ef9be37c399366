/* One SMTP session as the milter sees it: its life, and what it is told. */
#include "milter/state.h"

#include "base/log.h"
#include "base/mem.h"
#include "mail/stamp.h"
#include "mail/syntax.h"
#include "milter/metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct session *
session_new(struct pacemaker *pacemaker, const struct sockaddr *address, bool no_replies)
{
	struct session *s = mem_new(sizeof(*s));

	s->service = service_current();
	s->pacemaker = pacemaker;
	s->no_replies = no_replies;
	metric_count(&milter_metrics[MILTER_SESSIONS], 1);
	s->trusted = networks_have(s->service->site->networks, address);
	net_peer(address, s->client, sizeof(s->client));
	return s;
}

void
session_free(struct session **session)
{
	struct session *s = *session;

	*session = NULL;
	if (s == NULL)
		return;
	metric_count(&milter_metrics[MILTER_SESSIONS], -1);
	session_reset(s);
	mem_drop(&s->client_name);
	mem_drop(&s->helo);
	session_set_doorway(s, NULL, NULL);
	bytes_free(&s->later);
	bytes_free(&s->names);
	message_free(&s->message);
	service_drop(&s->service);
	free(s);
}

bool
session_no_replies(const struct session *s)
{
	return s->no_replies;
}

void
session_set_local(struct session *s)
{
	s->local = true;
}

/* RFC 5321 section 4.4 has "[192.0.2.1]" for a client without a name; Postfix also says "unknown". */
void
session_set_name(struct session *s, const char *name)
{
	bool known = name != NULL && *name != '[' && strcmp(name, "unknown") != 0;

	mem_drop(&s->client_name);
	s->client_name = known ? mem_text(name) : NULL;
}

void
session_set_helo(struct session *s, const char *helo)
{
	mem_drop(&s->helo);
	s->helo = mem_text(helo);
}

void
session_set_doorway(struct session *s, const char *port, const char *name)
{
	mem_drop((char **)&s->doorway.port);
	mem_drop((char **)&s->doorway.name);
	s->doorway = (struct doorway){ mem_text(port), mem_text(name) };
}

void
session_set_encrypted(struct session *s, bool encrypted)
{
	s->encrypted = encrypted;
}

void
session_reset(struct session *s)
{
	mem_drop(&s->sender);
	s->sender_odd = false;
	mem_drop(&s->login);
	for (size_t i = 0; i < s->list_count; i++)
		target_drop(&s->lists[i]);
	free(s->lists);
	free(s->outcomes);
	s->lists = NULL;
	s->outcomes = NULL;
	s->list_count = s->list_room = s->stamp_size = s->others = s->unknown = 0;
	s->refused = verdict_pass();
	s->announced = 0;
	s->stamps = 0;
	s->past_data = s->prepared = s->drain_known = false;
	bytes_clear(&s->later);
	bytes_clear(&s->names);
	message_reset(&s->message);
}

bool
session_parse_said(const char *path, struct address *a)
{
	struct slice text = syntax_unbracket(path);
	struct complaint unused;

	return address_parse(a, text.at, text.length, &unused) == 0;
}

bool
session_parse_resolved(const char *resolved, struct address *a)
{
	struct complaint unused;

	return resolved != NULL && address_parse_inner(a, resolved, strlen(resolved), &unused) == 0;
}

static void
name_instance(struct session *s)
{
	static _Atomic unsigned long count;

	(void)snprintf(s->instance, sizeof(s->instance), "%llx.%lx.%lx", (unsigned long long)clock_wall(),
	               (unsigned long)getpid(), ++count);
}

void
session_mail(struct session *s, const char *path, const char *resolved, char *const *parameters,
             const char *login)
{
	struct slice sender = syntax_unbracket(path);
	struct address a = { 0 };

	session_reset(s);
	name_instance(s);
	if (sender.length > 0) {
		s->sender_odd = !session_parse_said(path, &a) && !session_parse_resolved(resolved, &a);
		s->sender = s->sender_odd ? mem_copy(sender.at, sender.length) : mem_text(a.canonical);
	}
	address_free(&a);
	s->login = mem_text(login);
	for (; parameters != NULL && *parameters != NULL; parameters++) {
		long long size;
		struct slice value = { *parameters + 5, strlen(*parameters) };

		if (strncasecmp(*parameters, "SIZE=", 5) != 0)
			continue;
		value.length -= 5;
		if (slice_number(value, &size))
			s->announced = size;
	}
}

/* ---- for those that judge ---- */

enum mixed
session_mixed(const struct session *s)
{
	bool proven = s->trusted || s->login != NULL;

	if (s->stamp_size > STAMP_MOST)   /* only by a stamp can the expander refuse it for some */
		return MIXED_REFUSE_ALL;
	if (s->local)                     /* the MTA has it already */
		return MIXED_BOUNCE;
	switch (s->service->settings.mixed) {
	case MILTER_REFUSE_ALL:
		return MIXED_REFUSE_ALL;
	case MILTER_BOUNCE:
		return proven ? MIXED_BOUNCE : MIXED_SPLIT;
	case MILTER_SPLIT:
		return MIXED_SPLIT;
	default:
		return proven ? MIXED_REFUSE_ALL : MIXED_SPLIT;
	}
}

struct facts
session_facts(const struct session *s)
{
	const struct message *m = &s->message;

	return (struct facts){ .session = true, .client = s->client, .client_name = s->client_name,
		               .helo = s->helo, .instance = s->instance, .trusted = s->trusted,
		               .encrypted = s->encrypted, .login = s->login, .sender = s->sender,
		               .sender_odd = s->sender_odd,
		               .announced = s->announced,
		               .recipients = s->list_count + s->others + s->unknown,
		               .header = bytes_text(&m->header), .header_length = m->header.length,
		               .size = m->size,
		               .body = m->kept ? bytes_text(&m->beginning) : NULL,
		               .body_length = m->beginning.length, .filed = m->filed, .file = m->file,
		               .most_hops = s->service->site->limits.hops,
		               .state = s->service->site->state,
		               .resolver = s->service->site->resolver };
}

void
session_wait(void *pacemaker, bool begins)
{
	if (begins)
		pacemaker_begin(pacemaker);
	else
		pacemaker_end(pacemaker);
}

void
session_log(const struct session *s, const char *event, const char *queue_id, const char *recipient,
            const struct target *t, struct verdict v, const struct subject *asked, const char *rule,
            int64_t began)
{
	const struct reply *r = reply_of(v.reply);
	struct log_line l;
	struct bytes answers = { 0 };
	char reply[16] = "";

	log_begin(&l, LEVEL_INFO, event);
	log_text(&l, "queue", queue_id == NULL ? "-" : queue_id);
	log_text(&l, "to", recipient);
	if (t != NULL && t->list != NULL) {
		log_text(&l, "list", t->list->address);
		log_text(&l, "role", role_word(t->role));
		log_text(&l, "senders", target_senders(t));
	}
	log_text(&l, "from", s->sender == NULL ? "<>" : s->sender);
	log_text(&l, "client", s->client);
	log_text(&l, "login", s->login);
	log_text(&l, "verdict", decision_word(v.decision));
	if (v.decision != DECISION_PASS) {
		(void)snprintf(reply, sizeof(reply), "%d %s", r->code, r->enhanced);
		log_text(&l, "reply", v.reply == REPLY_NONE ? NULL : reply);
		log_text(&l, "by", rule != NULL ? rule : admit_decided_by(asked));
		log_text(&l, "reason", v.reason);
	}
	if (asked != NULL && asked->answer_count > 0) {
		subject_describe(asked, &answers);
		log_text(&l, "asked", bytes_text(&answers));
		bytes_free(&answers);
	}
	if (began != 0)
		log_ms(&l, "ms", clock_ticks_us() - began);
	log_end(&l);
}

bool
session_has_lists(const struct session *s)
{
	return s->list_count > 0 || s->unknown > 0 || s->refused.decision != DECISION_PASS;
}

bool
session_wants_content(const struct session *s)
{
	return session_has_lists(s) || s->service->site->stamp.match == STAMP_BY_DIGEST;
}

void
session_header(struct session *s, const char *name, const char *value)
{
	session_prepare(s);
	if (text_same(name, STAMP_FIELD)) {
		s->stamps++;
		return;
	}
	message_header(&s->message, &s->service->site->limits, name, value);
}

void
session_body(struct session *s, const unsigned char *bytes, size_t length)
{
	session_prepare(s);
	message_body(&s->message, bytes, length);
}
