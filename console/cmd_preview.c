/*
 * rollcallctl preview LIST MEMBER FILE: what this member would get of this message, and the envelope
 * it would come in. Made by the code that does it in the expander; nothing is stored or sent.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "console/ctl.h"
#include "expander/fanout/personal.h"
#include "expander/fanout/post.h"
#include "expander/fanout/prepare.h"
#include "expander/treat.h"
#include "mail/address.h"
#include "mail/header.h"
#include "mail/mime.h"
#include "policies/admit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATIENCE = 600000 };

struct preview {
	const struct ctl *ctl;
	const struct site *site;
	bool message_only;
	struct target target;
	struct address member;
	char *to;                         /* the member's address as it is sent to; NULL: no member */
	struct bytes message;             /* as the MTA would hand it over */
	struct verdict verdict;
	struct envelope envelope;
	struct bytes sent;                /* as the MTA would get it back */
};

static bool
is_member(void *arg, const struct member *m)
{
	struct preview *p = arg;

	if (p->to == NULL && strcmp(m->canonical, p->member.canonical) == 0)
		p->to = mem_text(address_to_send(m->canonical, m->spelling));
	return true;
}

/* What the bytes of the whole message tell. */
static void
scan(const struct bytes *message, bool *bare, bool *eight_bit)
{
	for (size_t i = 0; i < message->length; i++) {
		*bare |= message->data[i] == '\r' && message->data[i + 1] != '\n';
		*eight_bit |= (unsigned char)message->data[i] >= 0x80;
	}
}

/* What the checks say that intake asks. */
static struct verdict
judge(const struct preview *p, size_t header)
{
	const struct facts facts = { .sender = p->target.list->address,  /* somebody: not the null sender */
		                     .size = (int64_t)p->message.length,
		                     .header = bytes_text(&p->message), .header_length = header,
		                     .most_hops = p->site->limits.hops };
	const struct terms terms = { .moment = MOMENT_END, .facts = &facts,
		                     .by = deadline_in(PATIENCE) };
	struct subject s = admit_subject(&p->target);

	inquiry_run(p->site->bulkheads, &terms, &s, 1);
	subject_free(&s);
	return s.verdict;
}

/* Whether intake would take it: NULL, or why not. */
static const char *
refused(struct preview *p, bool bare_newline, size_t header)
{
	if (bare_newline)
		return reply_of(REPLY_BARE_NEWLINE)->text;
	if (header > (size_t)p->site->limits.header)
		return reply_of(REPLY_HEADER_TOO_BIG)->text;
	p->verdict = judge(p, header);
	return verdict_goes(p->verdict.decision) ? NULL : p->verdict.reason;
}

/* What is sent. Of members' own fields nobody can say what they are without the keys of the site. */
static int
write_out(struct preview *p, const char *id, struct complaint *why)
{
	const char *list = p->target.list->address;
	struct personal personal = { &p->envelope, list, id, NULL };
	size_t length = p->message.length, body;
	char *after = NULL;

	if (p->envelope.inject_each != NULL && (personal.keys = site_keys(p->site, why)) == NULL)
		return -1;
	personal_rewrite(&personal, p->to, bytes_text(&p->message), length, &p->sent, &body, &after);
	bytes_add(&p->sent, bytes_text(&p->message) + body, length - body);
	if (after != NULL)
		bytes_add_text(&p->sent, after);
	free(after);
	keys_close(&personal.keys);
	return 0;
}

/* As the expander does it: name, heading, then what is around the body. */
static int
compose(struct preview *p, bool eight_bit, size_t header, struct complaint *why)
{
	struct digest *digest = digest_open();
	unsigned char sum[DIGEST_SIZE];
	char id[DIGEST_NAME + 1];

	digest_add(digest, p->message.data, p->message.length);
	digest_end(&digest, sum);
	envelope_name(sum, p->target.list->address, role_word(p->target.role), id);
	p->envelope = (struct envelope){
		.sender = mem_text(p->target.list->address),   /* somebody: only the null sender matters */
		.arrived = clock_wall(),
		.utf8 = !text_is_ascii(bytes_text(&p->message), header),   /* it has come with SMTPUTF8 */
		.eight_bit = eight_bit,
		.tags = p->verdict.tags[0] == '\0' ? NULL : mem_text(p->verdict.tags),
	};
	if (treat_compose(&p->envelope, p->site, &p->target, id, p->site->hostname, bytes_text(&p->message),
	                  header,
	                  &(struct treat_terms){ deadline_in(PATIENCE), resolver_patience(p->site->resolver),
	                                         true },
	                  why) != COMPOSED)
		return -1;
	return write_out(p, id, why);
}

/* The parameters of MAIL that the post itself asks for. */
static const char *
parameters(const struct preview *p)
{
	bool utf8 = address_needs_utf8(p->to) || address_needs_utf8(p->envelope.inject_sender) ||
	            p->envelope.utf8;

	if (p->envelope.eight_bit)
		return utf8 ? " BODY=8BITMIME SMTPUTF8" : " BODY=8BITMIME";
	return utf8 ? " SMTPUTF8" : "";
}

/* The bytes as they are, but not to a terminal: mail does not get to talk to that. */
static void
print_message(const struct bytes *sent)
{
	if (!isatty(STDOUT_FILENO)) {
		(void)fwrite(sent->data, 1, sent->length, stdout);
		return;
	}
	for (size_t at = 0; at < sent->length;) {
		const char *line = sent->data + at, *end = memchr(line, '\r', sent->length - at);
		size_t length = end == NULL ? sent->length - at : (size_t)(end - line);
		char *text = mem_copy(line, length);

		ctl_say("%s", text);
		(void)fputc('\n', stdout);
		free(text);
		at += length + 2;
	}
}

static void
print(const struct preview *p, const char *mail)
{
	struct bytes encoded = { 0 };
	struct js *j;

	if (!p->ctl->json) {
		if (!p->message_only) {
			ctl_say("MAIL FROM:<%s>%s", p->envelope.inject_sender, mail);
			(void)fputc('\n', stdout);
			ctl_say("RCPT TO:<%s>", p->to);
			if (p->envelope.inject_verp)
				(void)fputs("\n(a reverse-path of the member's own)", stdout);
			(void)fputs("\n\n", stdout);
		}
		print_message(&p->sent);
		return;
	}
	j = js_object();
	js_set_text(j, "list", p->target.list->address);
	js_set_text(j, "sender", p->envelope.inject_sender);
	js_set_text(j, "recipient", p->to);
	js_set_flag(j, "verp", p->envelope.inject_verp);
	js_set_text(j, "parameters", *mail == '\0' ? mail : mail + 1);
	mime_base64(&encoded, p->sent.data, p->sent.length);
	js_set_text(j, "message_base64", bytes_text(&encoded));
	ctl_print(&j);
	bytes_free(&encoded);
}

static int
show(struct preview *p)
{
	size_t header = header_length(bytes_text(&p->message), p->message.length);
	bool bare = false, eight_bit = false;
	struct complaint failed;
	const char *why;

	scan(&p->message, &bare, &eight_bit);
	why = refused(p, bare, header);
	if (why != NULL)
		return ctl_fail(CTL_NO, "%s: %s would not get it: %s", p->ctl->argv[2],
		                p->target.list->address, why);
	if (compose(p, eight_bit, header, &failed) < 0)
		return ctl_fail(CTL_UNSURE, "%s: %s would not get it now: %s", p->ctl->argv[2],
		                p->target.list->address, failed.text);
	print(p, parameters(p));
	return CTL_YES;
}

/* Why a post does not go to this address. */
static int
leave_out(const struct preview *p, const struct roster *r)
{
	uint32_t number;

	if (roster_find_member(r, p->member.canonical, &number))
		return ctl_fail(CTL_NO, "%s gets no post of %s: %s", p->ctl->argv[1],
		                p->target.list->address, out_word((enum out)r->people[number].out));
	if (r->apart.count > 0)
		return ctl_fail(CTL_NO, "%s is no member of %s, but perhaps of a list within it, which has a "
		                "post of its own", p->ctl->argv[1], p->target.list->address);
	return ctl_fail(CTL_NO, "%s is no member of %s", p->ctl->argv[1], p->target.list->address);
}

/* A member who gets posts of the list, from nobody in particular, as the expander finds that out. */
static int
find_recipient(struct preview *p)
{
	const struct occasion occasion = { .sender = "", .size = (int64_t)p->message.length };
	const struct text_list before = { 0 };
	const struct preparing all = { p->site, &occasion, &before, deadline_in(PATIENCE), NULL, false };
	const struct target *t = &p->target;
	struct walk_report report;
	struct complaint why;
	struct roster r;
	uint32_t number;
	int status = CTL_YES;

	roster_open(&r);
	if (prepare_members(&all, t->destination, t->list, t->list->address, &r, &report, &why) != FOUND_YES)
		status = ctl_fail(CTL_UNSURE, "%s: not all members could be read: %s", t->list->address,
		                  why.text);
	else if (roster_find_member(&r, p->member.canonical, &number) && r.people[number].out == OUT_NOT)
		p->to = mem_text(roster_spelling(&r, number));
	else
		status = leave_out(p, &r);
	roster_close(&r);
	return status == CTL_YES ? show(p) : status;
}

/* One of those who look after a list. */
static int
find_owner(struct preview *p)
{
	struct walk_report report;
	struct complaint why;
	enum found found = source_each_member(p->target.destination->source, p->target.list, PEOPLE_OWNERS,
	                                      deadline_in(PATIENCE), is_member, p, &report, &why);

	if (found != FOUND_YES)
		return ctl_fail(CTL_UNSURE, "%s: not all owners could be read: %s",
		                p->target.list->address, why.text);
	if (p->to == NULL)
		return ctl_fail(CTL_NO, "%s is no owner of %s", p->ctl->argv[1], p->target.list->address);
	return show(p);
}

static int
find_list(struct preview *p, const char *text)
{
	const struct destination *d;
	struct complaint why;
	struct address a;
	enum found found = FOUND_NO;

	if (address_parse(&a, text, strlen(text), &why) < 0)
		return ctl_fail(CTL_USAGE, "%s", why.text);
	d = site_destination(p->site, a.canonical);
	if (d != NULL)
		found = site_find(d, a.canonical, deadline_in(PATIENCE), &p->target, &why);
	address_free(&a);
	if (found == FOUND_UNSURE)
		return ctl_fail(CTL_UNSURE, "%s: %s", text, why.text);
	if (found == FOUND_NO || (p->target.role != ROLE_POST && p->target.role != ROLE_OWNER))
		return ctl_fail(CTL_NO, "%s: no list has this address", text);
	return p->target.role == ROLE_OWNER ? find_owner(p) : find_recipient(p);
}

static int
preview(const struct ctl *c, const struct site *s, bool message_only)
{
	struct preview p = { .ctl = c, .site = s, .message_only = message_only };
	struct complaint why;
	int status;

	if (address_parse(&p.member, c->argv[1], strlen(c->argv[1]), &why) < 0)
		return ctl_fail(CTL_USAGE, "%s", why.text);
	if (ctl_message(c->argv[2], s->limits.message, &p.message, &why) < 0)
		status = ctl_fail(CTL_FAILED, "%s", why.text);
	else
		status = find_list(&p, c->argv[0]);
	target_drop(&p.target);
	address_free(&p.member);
	envelope_free(&p.envelope);
	bytes_free(&p.message);
	bytes_free(&p.sent);
	free(p.to);
	return status;
}

static int
preview_all(const struct ctl *c, const struct site *s)
{
	return preview(c, s, false);
}

static int
preview_message(const struct ctl *c, const struct site *s)
{
	return preview(c, s, true);
}

static int
run(const struct ctl *given)
{
	struct ctl c = *given;
	bool message_only = ctl_option(&c, "--message");

	return ctl_on_site(&c, 3, message_only ? preview_message : preview_all);
}

const struct command command_preview = {
	"preview", "[--message] LIST MEMBER FILE", "what a member would get of a message", run,
};
