/* rollcallctl explain FROM LIST: what would become of a post, and why. */
#include "base/mem.h"
#include "console/ctl.h"
#include "mail/address.h"
#include "mail/header.h"
#include "milter/message.h"
#include "milter/settings.h"
#include "policies/admit.h"
#include "policies/drain.h"
#include "policies/stamps.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The post that is asked about, and what came of it so far. */
struct post {
	const struct ctl *ctl;
	const struct site *site;
	const struct milter_settings *milter;
	struct facts facts;
	struct doorway doorway;
	struct target target;
	struct message message;
	bool has_message;
	struct js *answers;
	struct js *stamp;                 /* of the message; NULL: it has none */
	/* The first verdict that is a refusal, or all that hold it. */
	struct verdict verdict;
	char *decided_by;
};

static const char *const moments[] = { [MOMENT_RCPT] = "rcpt", [MOMENT_DATA] = "data",
	                               [MOMENT_END] = "end" };

static void
decide(struct post *p, struct verdict v, const char *by)
{
	bool kept = p->decided_by != NULL && v.decision <= p->verdict.decision;

	if (!verdict_takes(&p->verdict) || v.decision == DECISION_PASS)
		return;
	p->verdict = verdict_join(p->verdict, v);
	if (kept)
		return;
	free(p->decided_by);
	p->decided_by = mem_text(by);
}

/* ---- the message ---- */

static int
read_message(struct post *p, const char *file, struct complaint *why)
{
	const struct limits *limits = &p->site->limits;
	struct bytes mail = { 0 };
	int rc = ctl_message(file, limits->message * 2, &mail, why);
	size_t length, body;

	if (rc == 0) {
		body = length = header_length(bytes_text(&mail), mail.length);
		if (mail.length - body >= 2 && memcmp(mail.data + body, "\r\n", 2) == 0)
			body += 2;        /* message_complete() writes the empty line */
		bytes_add(&p->message.header, bytes_text(&mail), length);
		p->message.header_too_big = (int64_t)length > limits->header;
		message_keep(&p->message, limits, P_tmpdir);
		message_keep_beginning(&p->message);
		message_body(&p->message, (const unsigned char *)bytes_text(&mail) + body,
		             mail.length - body);
		message_complete(&p->message);
		p->message.size = (int64_t)mail.length;
		p->has_message = true;
	}
	bytes_free(&mail);
	return rc;
}

/* ---- asking ---- */

static const char *
answer_word(const struct answer *a)
{
	static const char *const missing[] = { [ANSWER_LATE] = "late", [ANSWER_BUSY] = "busy",
	                                       [ANSWER_CANCELLED] = "not asked" };

	if (a->how != ANSWER_GIVEN)
		return missing[a->how];
	return a->said.decision == DECISION_PASS   ? "pass"
	       : a->said.decision == DECISION_DEFER ? "unsure"
	                                            : "fail";
}

/* What became of it. */
static const char *
outcome_word(const struct answer *a)
{
	if (a->said.decision != DECISION_PASS && a->verdict.decision == DECISION_PASS)
		return "log-only";
	return decision_word(a->verdict.decision);
}

static void
show_answer(const struct post *p, enum moment moment, const struct answer *a)
{
	const char *name = a->link->policy->name;
	struct js *j;

	if (!p->ctl->json) {
		(void)printf("  %-5s %-16s %-7s %-9s %7.1f ms  ", moments[moment], name, answer_word(a),
		             outcome_word(a), (double)a->took / 1000);
		ctl_say("%s%s%s", a->link->origin, a->said.reason[0] == '\0' ? "" : "  ", a->said.reason);
		(void)fputc('\n', stdout);
		return;
	}
	j = js_object();
	js_set_text(j, "moment", moments[moment]);
	js_set_text(j, "check", name);
	js_set_text(j, "answer", answer_word(a));
	js_set_text(j, "outcome", outcome_word(a));
	js_set_number(j, "microseconds", a->took);
	js_set_text(j, "origin", a->link->origin);
	if (a->said.reason[0] != '\0')
		js_set_text(j, "reason", a->said.reason);
	js_append(p->answers, j);
}

static void
ask(struct post *p, enum moment moment, int64_t wait)
{
	const struct terms terms = { .moment = moment, .facts = &p->facts, .by = deadline_in(wait),
		                     .everything = true };
	struct subject s = admit_subject(&p->target);

	if (moment == MOMENT_RCPT)
		(void)admit_rcpt(p->site, &p->target, &terms, &s);
	else
		inquiry_run(p->site->bulkheads, &terms, &s, 1);
	for (size_t i = 0; i < s.answer_count; i++)
		show_answer(p, moment, &s.answers[i]);
	decide(p, s.verdict, admit_decided_by(&s));
	subject_free(&s);
}

/* By what the milter said of it before, if it has come that far. */
static void
show_stamp(struct post *p)
{
	struct complaint why;
	struct keys *k = site_keys(p->site, &why);
	struct bytes text = { 0 };
	enum stamp_state state;
	struct stamp stamp;
	struct field f;

	if (k == NULL) {
		(void)ctl_fail(CTL_FAILED, "%s", why.text);
		return;
	}
	if (header_find(bytes_text(&p->message.header), p->message.header.length, STAMP_FIELD, &f)) {
		state = stamps_open(k, &f, &stamp);
		if (state == STAMP_VALID)
			stamp_print(&stamp, &text);
		p->stamp = state == STAMP_VALID ? js_parse(text.data, text.length, &why)
		                                : js_string(stamp_state_word(state));
		if (!p->ctl->json) {
			ctl_say("  stamp %s", state == STAMP_VALID ? text.data : stamp_state_word(state));
			(void)fputc('\n', stdout);
		}
		stamp_free(&stamp);
		bytes_free(&text);
	}
	keys_close(&k);
}

/* What cannot be asked of a message that came past the milter. */
static void
show_lacking(struct post *p)
{
	const struct link *link;
	struct verdict v = chain_lacking(target_chain(&p->target), p->target.role,
	                                 facts_lacking(&p->facts), &link);

	if (!p->facts.session && link != NULL)
		decide(p, v, link->policy->name);
}

static void
ask_all(struct post *p)
{
	if (p->has_message)
		show_stamp(p);
	if (p->facts.announced > p->site->limits.message)
		decide(p, verdict_reject(REPLY_TOO_BIG, "SIZE= is above the limit"), "size");
	ask(p, MOMENT_RCPT, p->milter->deadline);
	if (drain_is_on(p->site))
		decide(p, verdict_defer(REPLY_DRAINING, "draining"), "drain");
	ask(p, MOMENT_DATA, p->milter->deadline);
	if (!p->has_message) {
		show_lacking(p);
		return;
	}
	decide(p, message_fault(&p->message, &p->site->limits), "content");
	p->facts.header = bytes_text(&p->message.header);
	p->facts.header_length = p->message.header.length;
	p->facts.size = p->message.size;
	p->facts.body = bytes_text(&p->message.beginning);
	p->facts.body_length = p->message.beginning.length;
	p->facts.filed = p->message.filed;
	p->facts.file = p->message.file;
	ask(p, MOMENT_END, p->milter->content_deadline);
	show_lacking(p);
}

/* ---- the outcome ---- */

static void
show_outcome(struct post *p)
{
	const struct verdict *v = &p->verdict;
	const struct reply *r = reply_of(verdict_takes(v) ? REPLY_OK : v->reply);
	struct js *j;

	if (!p->ctl->json) {
		(void)printf("verdict: %s", decision_word(v->decision));
		if (p->decided_by != NULL)
			ctl_say(", by %s: %s", p->decided_by, v->reason);
		if (v->tags[0] != '\0')
			(void)printf("\nit goes on with: %s: %s", TAGS_FIELD, v->tags);
		(void)printf("\nreply: %d %s %s\n", r->code, r->enhanced, r->text);
		return;
	}
	j = js_object();
	js_set_text(j, "from", p->facts.sender == NULL ? "" : p->facts.sender);
	js_set_text(j, "client", p->facts.client);
	js_set_text(j, "login", p->facts.login);
	js_set_text(j, "senders", p->target.list == NULL ? NULL : target_senders(&p->target));
	if (p->target.list != NULL) {
		js_set_text(j, "list", p->target.list->address);
		js_set_text(j, "role", role_word(p->target.role));
		js_set_text(j, "source", p->target.destination->source->name);
		js_set_text(j, "key", p->target.list->key);
	}
	js_set(j, "answers", js_hold(p->answers));
	if (p->stamp != NULL)
		js_set(j, "stamp", js_hold(p->stamp));
	js_set_text(j, "verdict", decision_word(v->decision));
	js_set_text(j, "by", p->decided_by);
	if (v->reason[0] != '\0')
		js_set_text(j, "reason", v->reason);
	if (v->tags[0] != '\0')
		js_set_text(j, "tags", v->tags);
	js_set_number(j, "code", r->code);
	js_set_text(j, "enhanced", r->enhanced);
	js_set_text(j, "text", r->text);
	ctl_print(&j);
}

static void
show_list(const struct post *p)
{
	const struct target *t = &p->target;

	if (p->ctl->json)
		return;
	ctl_say("%s: %s of the list %s, %s", t->recipient, role_word(t->role), t->list->address,
	        t->list->key);
	(void)fputc('\n', stdout);
	if (t->rule != NULL)
		ctl_say("senders: %s", target_senders(t));
	else if (t->destination->rule_count > 0)
		ctl_say("senders: others");
	if (t->destination->rule_count > 0)
		(void)fputc('\n', stdout);
}

/* Finds the list and asks. False where the address is in no domain of lists. */
static bool
judge(struct post *p, const char *canonical)
{
	const struct destination *d = site_destination(p->site, canonical);
	struct complaint why = { "" };
	enum found found;

	if (d == NULL)
		return false;
	found = site_find(d, canonical, deadline_in(p->milter->deadline), &p->target, &why);
	if (found == FOUND_NO && d->shared)
		return false;
	if (found == FOUND_YES) {
		target_dispatch(&p->target, &p->facts, &p->doorway);
		show_list(p);
		ask_all(p);
	} else if (found == FOUND_NO) {
		decide(p, verdict_reject(REPLY_NO_SUCH_LIST, "no list has this address"), "source");
	} else {
		decide(p, verdict_defer(REPLY_UNSURE, why.text), "source");
	}
	show_outcome(p);
	return true;
}

/* ---- the words of the command ---- */

static int
take_client(struct facts *f, const struct site *s, const char *text, struct complaint *why)
{
	unsigned char unused[16];

	if (text == NULL)
		return 0;
	if (inet_pton(AF_INET6, text, unused) != 1 && inet_pton(AF_INET, text, unused) != 1)
		return complain(why, "--client: \"%s\" is no IP address", text);
	f->client = text;
	f->trusted = networks_have_text(s->networks, text);
	return 0;
}

static int
explain(struct post *p, const char *from, const char *to, const char *client, const char *file)
{
	struct address sender = { 0 }, recipient = { 0 };
	struct complaint why;
	int status = CTL_USAGE;

	if ((*from != '\0' && strcmp(from, "<>") != 0 &&
	     address_parse(&sender, from, strlen(from), &why) < 0) ||
	    address_parse(&recipient, to, strlen(to), &why) < 0 ||
	    take_client(&p->facts, p->site, client, &why) < 0 ||
	    (file != NULL && read_message(p, file, &why) < 0)) {
		(void)ctl_fail(status, "%s", why.text);
	} else {
		static const int statuses[] = { [DECISION_PASS] = CTL_YES, [DECISION_TAG] = CTL_YES,
			                        [DECISION_HOLD] = CTL_YES,
			                        [DECISION_DEFER] = CTL_UNSURE, [DECISION_REJECT] = CTL_NO };

		p->facts.sender = sender.canonical;
		p->facts.announced = p->message.size;
		p->facts.state = p->site->state;
		p->facts.most_hops = p->site->limits.hops;
		status = judge(p, recipient.canonical)
		                 ? statuses[p->verdict.decision]
		                 : ctl_fail(CTL_NO, "%s: no list; it is none of rollcall's business",
		                            recipient.canonical);
	}
	address_free(&sender);
	address_free(&recipient);
	return status;
}

static int
run(const struct ctl *given)
{
	struct ctl c = *given;
	const char *login = ctl_value(&c, "--auth"), *client = ctl_value(&c, "--client");
	const char *port = ctl_value(&c, "--port");
	struct post p = { .ctl = &c, .verdict = verdict_pass(), .doorway = { port, port } };
	struct milter_settings milter = { 0 };
	struct site *s;
	int status;

	p.facts = (struct facts){ .session = !ctl_option(&c, "--past-milter"), .client = "203.0.113.0",
		                  .recipients = 1, .login = login, .encrypted = ctl_option(&c, "--tls") };
	if (c.argc < 2 || c.argc > 3 || (login != NULL && *login == '\0') ||
	    (port != NULL && *port == '\0'))
		return CTL_USAGE;
	s = ctl_site_with(&c, &milter);
	if (s == NULL)
		return CTL_CONFIG;
	p.site = s;
	p.facts.resolver = s->resolver;
	p.milter = &milter;
	p.answers = js_array();
	status = explain(&p, c.argv[0], c.argv[1], client, c.argc == 3 ? c.argv[2] : NULL);
	js_drop(&p.answers);
	js_drop(&p.stamp);
	target_drop(&p.target);
	message_free(&p.message);
	free(p.decided_by);
	site_drop(&s);
	setting_free(milter_setting_rows, &milter);
	return status;
}

const struct command command_explain = {
	"explain", "[--auth LOGIN] [--client ADDRESS] [--port PORT] [--tls] [--past-milter] FROM LIST [FILE]",
	"what would become of a post, and why", run,
};
