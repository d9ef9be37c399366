/* One SMTP session as the milter sees it. */
#include "milter/session.h"

#include "base/log.h"
#include "base/mem.h"
#include "mail/address.h"
#include "mail/syntax.h"
#include "milter/metrics.h"
#include "policies/admit.h"
#include "policies/drain.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct session {
	struct service *service;
	struct pacemaker *pacemaker;
	bool no_replies;
	bool trusted;
	bool local;
	char client[INET6_ADDRSTRLEN];

	/* The message. */
	char *sender;                     /* canonical, or as given where no mailbox; NULL: <> */
	char *login;
	int64_t announced;                /* SIZE=, or 0 */
	struct target *lists;             /* accepted recipients that are lists */
	size_t list_count;
	size_t others;                    /* recipients that are none of our business */
	size_t unknown;                   /* of a local message, that are no lists */
	struct verdict refused;           /* of a local message, merged: what RCPT could not say */
	struct bytes header;
	int64_t size;                     /* header and body so far */
	bool header_too_big;
	bool bare_newline;
	bool after_cr;                    /* the last byte of the body so far was a CR */
};

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
	bytes_free(&s->header);
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

void
session_reset(struct session *s)
{
	mem_drop(&s->sender);
	mem_drop(&s->login);
	for (size_t i = 0; i < s->list_count; i++)
		target_drop(&s->lists[i]);
	free(s->lists);
	s->lists = NULL;
	s->list_count = s->others = s->unknown = 0;
	s->refused = verdict_pass();
	s->announced = s->size = 0;
	s->header_too_big = s->bare_newline = s->after_cr = false;
	bytes_clear(&s->header);
}

static bool
parse_said(const char *path, struct address *a)
{
	struct slice text = syntax_unbracket(path);
	struct complaint unused;

	return address_parse(a, text.at, text.length, &unused) == 0;
}

static bool
parse_resolved(const char *resolved, struct address *a)
{
	struct complaint unused;

	return resolved != NULL && address_parse_inner(a, resolved, strlen(resolved), &unused) == 0;
}

void
session_mail(struct session *s, const char *path, const char *resolved, char *const *parameters,
             const char *login)
{
	struct slice sender = syntax_unbracket(path);
	struct address a = { 0 };

	session_reset(s);
	if (sender.length > 0)
		s->sender = parse_said(path, &a) || parse_resolved(resolved, &a)
		                    ? mem_text(a.canonical)
		                    : mem_copy(sender.at, sender.length);
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

/* One line of the log for one decision. */
static void
log_decision(const struct session *s, const char *event, const char *queue_id, const char *recipient,
             const struct target *t, struct verdict v, const char *decided_by, int64_t began)
{
	const struct reply *r = reply_of(v.reply);
	struct log_line l;
	char reply[16] = "";

	log_begin(&l, LEVEL_INFO, event);
	log_text(&l, "queue", queue_id == NULL ? "-" : queue_id);
	log_text(&l, "to", recipient);
	if (t != NULL && t->list != NULL) {
		log_text(&l, "list", t->list->address);
		log_text(&l, "role", role_word(t->role));
	}
	log_text(&l, "from", s->sender == NULL ? "<>" : s->sender);
	log_text(&l, "client", s->client);
	log_text(&l, "login", s->login);
	log_text(&l, "verdict", decision_word(v.decision));
	if (v.reply != REPLY_NONE) {
		(void)snprintf(reply, sizeof(reply), "%d %s", r->code, r->enhanced);
		log_text(&l, "reply", reply);
		log_text(&l, "by", decided_by);
		log_text(&l, "reason", v.reason);
	}
	if (began != 0)
		log_ms(&l, "ms", clock_ticks_us() - began);
	log_end(&l);
}

static void
count_recipient(struct verdict v, const struct target *t, int64_t began)
{
	metric_add(&milter_metrics[MILTER_RECIPIENTS], v.decision, v.reply,
	           t->list == NULL ? ROLE_COUNT : t->role, 1);
	metric_time(&milter_metrics[MILTER_RECIPIENT_SECONDS], clock_ticks_us() - began);
}

/*
 * A recipient in one of our domains: what it is, and whether this message may go there. A pass
 * without a list is for an address of others in a shared domain.
 */
static struct verdict
judge(struct session *s, const struct destination *d, const char *canonical, struct target *t,
      const char **decided_by, struct complaint *why)
{
	struct facts facts = { .session = true, .client = s->client, .trusted = s->trusted,
		               .login = s->login, .sender = s->sender };
	struct deadline by = deadline_in(s->service->settings.deadline);
	enum answered how;
	enum found found = gates_find(s->service->gates, s->pacemaker, d, canonical, t, &how, why);
	struct verdict v;

	metric_add(&milter_metrics[MILTER_LOOKUPS], how, 0, 0, 1);
	*decided_by = "source";
	switch (found) {
	case FOUND_NO:
		return d->shared ? verdict_pass()
		                 : verdict_reject(REPLY_NO_SUCH_LIST, "no list has this address");
	case FOUND_UNSURE:
		return verdict_defer(REPLY_UNSURE, why->text);
	case FOUND_YES:
		break;
	}
	facts.list = t->list;
	facts.role = t->role;
	if (s->announced > s->service->site->limits.message) {
		*decided_by = "size";
		return verdict_reject(REPLY_TOO_BIG, "SIZE= is above the limit");
	}
	v = admit_rcpt(t, &facts, by, decided_by);
	if (v.decision == DECISION_PASS && drain_is_on(s->service->site)) {
		*decided_by = "drain";
		v = verdict_defer(REPLY_DRAINING, "draining");
	}
	return v;
}

static void
keep_list(struct session *s, struct target *t)
{
	s->lists = mem_resize(s->lists, (s->list_count + 1) * sizeof(*s->lists));
	s->lists[s->list_count++] = *t;
	*t = (struct target){ 0 };
}

/* What cannot be said at RCPT is kept for the end. */
static struct verdict
put_aside(struct session *s, struct verdict v)
{
	v.reason = "";
	if (v.reply == REPLY_NO_SUCH_LIST)
		s->unknown++;
	else
		s->refused = verdict_merge(s->refused, v);
	return verdict_pass();
}

/* A recipient in none of our domains; or one that nobody can say that of. */
static struct verdict
pass_by(struct session *s, const char *path, bool parsed, const char *queue_id)
{
	struct verdict v = verdict_pass();

	if (!parsed && site_is_named(s->service->site, path)) {
		v = verdict_reject(REPLY_BAD_RCPT, "no address, and it names a domain of lists");
		log_decision(s, "rcpt", queue_id, path, NULL, v, "syntax", 0);
		count_recipient(v, &(struct target){ 0 }, clock_ticks_us());
	} else {
		s->others++;
	}
	return v;
}

/* One reading of a recipient. False where it is no list, and in no domain that has lists only. */
static bool
read_recipient(struct session *s, const struct address *a, const char *queue_id, struct verdict *v)
{
	const struct destination *d = site_destination(s->service->site, a->canonical);
	int64_t began = clock_ticks_us();
	struct target t = { 0 };
	struct complaint why = { "" };
	const char *decided_by = NULL;
	bool decided;

	if (d == NULL)
		return false;
	*v = judge(s, d, a->canonical, &t, &decided_by, &why);
	decided = v->decision != DECISION_PASS || t.list != NULL;
	if (decided)
		count_recipient(*v, &t, began);
	if (v->decision != DECISION_PASS)
		log_decision(s, "rcpt", queue_id, a->canonical, &t, *v, decided_by, began);
	else if (decided)
		keep_list(s, &t);
	v->reason = "";                   /* it may have been our complaint */
	target_drop(&t);
	return decided;
}

struct verdict
session_rcpt(struct session *s, const char *path, const char *resolved, const char *queue_id)
{
	struct address said = { 0 }, taken = { 0 };
	bool is_address = parse_said(path, &said), decided;
	struct verdict v = verdict_pass();

	decided = is_address && read_recipient(s, &said, queue_id, &v);
	if (!decided && parse_resolved(resolved, &taken)) {
		if (!is_address || strcmp(said.canonical, taken.canonical) != 0)
			decided = read_recipient(s, &taken, queue_id, &v);
		is_address = true;
	}
	if (!decided)
		v = pass_by(s, path, is_address, queue_id);
	if (v.decision != DECISION_PASS && s->local)
		v = put_aside(s, v);
	address_free(&said);
	address_free(&taken);
	return v;
}

bool
session_has_lists(const struct session *s)
{
	return s->list_count > 0 || s->unknown > 0 || s->refused.decision != DECISION_PASS;
}

void
session_header(struct session *s, const char *name, const char *value)
{
	size_t before = s->header.length;

	s->size += (int64_t)(strlen(name) + strlen(value)) + 4;
	if (s->size > s->service->site->limits.header)
		s->header_too_big = true;
	if (s->header_too_big)
		return;
	bytes_format(&s->header, "%s: ", name);
	for (; *value != '\0'; value++) {
		if (*value == '\n' &&
		    (s->header.length == before || s->header.data[s->header.length - 1] != '\r'))
			bytes_add_char(&s->header, '\r');
		bytes_add_char(&s->header, *value);
	}
	bytes_add_text(&s->header, "\r\n");
}

void
session_body(struct session *s, const unsigned char *bytes, size_t length)
{
	const unsigned char *end = bytes + length;

	s->size += (int64_t)length;
	for (const unsigned char *p = bytes; p < end && !s->bare_newline; p++) {
		if (*p != '\r' && *p != '\n') {
			s->bare_newline = s->after_cr;
			s->after_cr = false;
			/* Most bytes are of this kind: skip to the next that is not. */
			while (p + 1 < end && p[1] != '\r' && p[1] != '\n')
				p++;
			continue;
		}
		s->bare_newline = (*p == '\n') != s->after_cr;
		s->after_cr = *p == '\r';
	}
}

/* What one list thinks of the content. */
static struct verdict
judge_content(const struct session *s, const struct target *t)
{
	if (s->header_too_big)
		return verdict_reject(REPLY_HEADER_TOO_BIG, "the header is above the limit");
	if (s->size > s->service->site->limits.message)
		return verdict_reject(REPLY_TOO_BIG, "the message is above the limit");
	if (s->bare_newline || s->after_cr)
		return verdict_reject(REPLY_BARE_NEWLINE, "a CR or LF stands alone");
	return admit_header(s->service->site, t, bytes_text(&s->header), s->header.length);
}

/*
 * Whether the expander would have to refuse this in its turn, when the MTA can only return it;
 * what else is wrong with content it drops.
 */
static bool
would_return(struct verdict v)
{
	return v.decision == DECISION_REJECT && v.reply != REPLY_AUTOMATIC && v.reply != REPLY_LOOP;
}

struct verdict
session_end(struct session *s, const char *queue_id)
{
	struct verdict all = verdict_pass();
	bool every = s->others == 0, proven = s->trusted || s->login != NULL, returned = false;

	if (s->refused.decision != DECISION_PASS)
		return s->refused;
	if (s->unknown > 0)
		all = verdict_reject(REPLY_NO_SUCH_LIST, "");
	for (size_t i = 0; i < s->list_count; i++) {
		struct verdict v = judge_content(s, &s->lists[i]);

		every &= v.decision != DECISION_PASS;
		returned |= would_return(v);
		all = verdict_merge(all, v);
		log_decision(s, "end", queue_id, NULL, &s->lists[i], v, "content", 0);
	}
	/*
	 * One refusal would be for all of them: where one may have it, it goes on, and is not
	 * expanded for the others.
	 */
	if (!every && (!returned || proven))
		all = verdict_pass();
	metric_add(&milter_metrics[MILTER_MESSAGES], all.decision, all.reply, 0, 1);
	return all;
}
