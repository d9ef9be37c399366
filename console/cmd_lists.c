/*
 * rollcallctl lists: which groups are lists, and who could write to them. What is found goes to a
 * file without a name first and is shown when it is whole: half of the lists would look like all of
 * them. In memory are the addresses alone, since a list whose address is another's as well is none.
 */
#include "base/bytes.h"
#include "base/set.h"
#include "console/ctl.h"
#include "policies/admit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATIENCE = 600000 };

#define CLIENT "192.0.2.1"
#define SENDER "anyone@invalid"
#define SESSION .session = true, .client = CLIENT, .encrypted = true, .sender = SENDER

/* Clients of which the policies are asked, the most welcome last. */
static const struct {
	const char *word;
	struct facts facts;
} posters[] = {
	{ "anyone", { SESSION } },
	{ "networks", { SESSION, .trusted = true } },
	{ "authenticated", { SESSION, .login = "anyone" } },
	{ "lmtp", { .sender = SENDER } },
};
enum { ANYONE, LMTP = 3, POSTERS };

struct report {
	const struct ctl *ctl;
	const struct site *site;
	const struct destination *destination;
	FILE *to;
	bool exposed;
	struct set *addresses;
	size_t lists, twice;
	size_t open, owned;               /* that take mail from anyone, also for their owners only */
	size_t unasked;                   /* that take it over LMTP */
};

/* As one of the senders of a rule; NULL: as somebody whom no block is about by name. */
static enum decision
may_post(const struct report *r, const struct list *list, enum role role, size_t poster,
         const struct rule *rule)
{
	static const struct doorway unknown = { 0 };
	struct target t = { .destination = r->destination, .list = (struct list *)list, .role = role,
		            .recipient = list->address, .rule = rule };
	const struct terms terms = { .moment = MOMENT_RCPT, .facts = &posters[poster].facts,
		                     .by = deadline_in(PATIENCE) };
	struct subject asked;
	struct verdict v;
	const struct link *unused;

	if (rule == NULL)
		target_dispatch(&t, terms.facts, &unknown);
	v = admit_rcpt(r->site, &t, &terms, &asked);
	subject_free(&asked);
	if (v.decision == DECISION_PASS && !terms.facts->session)
		v = chain_lacking(target_chain(&t), role, facts_lacking(terms.facts), &unused);
	return verdict_goes(v.decision) ? DECISION_PASS : v.decision;
}

/* Whether such a client can be one of the senders of a rule. */
static bool
can_be(const struct rule *rule, size_t poster)
{
	return rule == NULL || senders_may_be(rule->who, posters[poster].facts.login != NULL);
}

/* Whether a mail to that role is taken from anybody, whatever they have to say they are. */
static bool
is_open(const struct report *r, const struct list *list, enum role role)
{
	const struct destination *d = r->destination;

	if (may_post(r, list, role, ANYONE, NULL) == DECISION_PASS)
		return true;
	for (size_t i = 0; i < d->rule_count; i++)
		if (senders_are_anyone(d->rules[i].who) &&
		    may_post(r, list, role, ANYONE, &d->rules[i]) == DECISION_PASS)
			return true;
	return false;
}

/* Adds the clients that may post: "networks,authenticated", "nobody". */
static void
add_clients(struct bytes *out, const struct report *r, const struct list *list, const struct rule *rule)
{
	const char *between = "";

	for (size_t i = ANYONE; i < LMTP; i++) {
		enum decision d = can_be(rule, i) ? may_post(r, list, ROLE_POST, i, rule) : DECISION_REJECT;

		if (d == DECISION_REJECT)
			continue;
		bytes_format(out, "%s%s%s", between, posters[i].word, d == DECISION_DEFER ? "?" : "");
		between = ",";
	}
	if (*between == '\0')
		bytes_add_text(out, "nobody");
}

/*
 * Adds who may post by SMTP: "anyone"; or whom posters lets in, in its words; or else which clients.
 * Of the senders of a rule behind their name.
 */
static void
add_posters(struct bytes *out, const struct report *r, const struct list *list, const struct rule *rule)
{
	const struct target t = { .destination = r->destination, .rule = rule };
	struct bytes words = { 0 };

	if (rule != NULL)
		bytes_format(out, " %s:", rule->who->name);
	if (can_be(rule, ANYONE) && may_post(r, list, ROLE_POST, ANYONE, rule) == DECISION_PASS) {
		bytes_add_text(out, posters[ANYONE].word);
		return;
	}
	chain_describe(target_chain(&t), list, &words);
	if (words.length == 0)
		add_clients(&words, r, list, rule);
	bytes_add(out, words.data, words.length);
	bytes_free(&words);
}

/* An answer to each kind of client, for programs. */
static struct js *
clients_to_json(const struct report *r, const struct list *list, const struct rule *rule)
{
	struct js *from = js_object();

	for (size_t i = ANYONE; i < (rule == NULL ? POSTERS : LMTP); i++)
		if (can_be(rule, i))
			js_set_text(from, posters[i].word,
			            decision_word(may_post(r, list, ROLE_POST, i, rule)));
	return from;
}

static void
print_line(const struct report *r, const struct list *list, const struct text_list *also,
           bool twice)
{
	struct bytes line = { 0 }, who = { 0 }, clean = { 0 };

	bytes_format(&line, "%-40s ", list->address);
	if (r->exposed) {
		add_posters(&who, r, list, NULL);
		for (size_t i = 0; i < r->destination->rule_count; i++)
			add_posters(&who, r, list, &r->destination->rules[i]);
		bytes_format(&line, "%-22s ", bytes_text(&who));
	}
	bytes_format(&line, "%s: %s", r->destination->source->name, list->key);
	for (size_t i = 0; i < also->count; i++)
		bytes_format(&line, "%s%s", i == 0 ? " also " : ",", also->items[i]);
	if (twice)
		bytes_add_text(&line, " TWICE: the address is that of several lists, and answered 451");
	bytes_add_printable(&clean, bytes_text(&line), "");
	(void)fprintf(r->to, "%s\n", bytes_text(&clean));
	bytes_free(&line);
	bytes_free(&who);
	bytes_free(&clean);
}

static void
print_object(const struct report *r, const struct list *list, const struct text_list *also,
             bool twice)
{
	struct js *j = js_object(), *array = js_array(), *senders;
	struct bytes text = { 0 };

	for (size_t i = 0; i < also->count; i++)
		js_append(array, js_string(also->items[i]));
	js_set_text(j, "address", list->address);
	js_set(j, "also", array);
	js_set_text(j, "name", list->name);
	js_set_text(j, "domain", r->destination->domain);
	js_set_text(j, "source", r->destination->source->name);
	js_set_text(j, "key", list->key);
	js_set_flag(j, "twice", twice);
	if (r->exposed) {
		struct bytes who = { 0 };

		add_posters(&who, r, list, NULL);
		js_set_text(j, "posters", bytes_text(&who));
		bytes_free(&who);
		js_set(j, "from", clients_to_json(r, list, NULL));
		senders = js_object();
		for (size_t i = 0; i < r->destination->rule_count; i++)
			js_set(senders, r->destination->rules[i].who->name,
			       clients_to_json(r, list, &r->destination->rules[i]));
		js_set(j, "senders", senders);
	}
	js_print(j, false, &text);
	(void)fprintf(r->to, "%s%s", r->lists == 0 ? "\n" : ",\n", bytes_text(&text));
	bytes_free(&text);
	js_drop(&j);
}

static bool
take(void *arg, const struct list *list, const struct text_list *also)
{
	struct report *r = arg;
	bool twice = !set_add(r->addresses, list->address, strlen(list->address));

	for (size_t i = 0; i < also->count; i++)
		twice |= !set_add(r->addresses, also->items[i], strlen(also->items[i]));
	if (r->ctl->json)
		print_object(r, list, also, twice);
	else
		print_line(r, list, also, twice);
	r->lists++;
	r->twice += twice;
	r->open += is_open(r, list, ROLE_POST);
	r->owned += is_open(r, list, ROLE_OWNER);
	r->unasked += may_post(r, list, ROLE_POST, LMTP, NULL) == DECISION_PASS;
	return !ferror(r->to);
}

/* The ways that lead to lists, for people. */
static void
print_ways(const struct report *r)
{
	(void)fprintf(r->to, "SMTP: %zu can be written to by anyone, of %zu the owners\n", r->open,
	              r->owned);
	(void)fprintf(r->to, "LMTP: %zu can be written to by whoever may connect to %s", r->unasked,
	              site_effective(r->site, "lmtp.listen"));
	(void)fprintf(r->to, "; over TCP from %s\n", site_effective(r->site, "lmtp.networks"));
	(void)fputs("aliases: those of the MTA that lead to a list are asked nothing\n"
	            "sendmail(1): asked nothing on a host whose Postfix has no non_smtpd_milters\n", r->to);
}

static void
print_end(const struct report *r)
{
	struct js *ways = js_object();
	struct bytes text = { 0 };

	if (!r->ctl->json) {
		(void)fprintf(r->to, "%zu list%s\n", r->lists, text_s((int64_t)r->lists));
		if (r->twice > 0)
			(void)fprintf(r->to, "%zu %s an address that is another's as well\n", r->twice,
			              r->twice == 1 ? "has" : "have");
		if (r->exposed)
			print_ways(r);
	} else {
		js_set_text(ways, "milter", site_effective(r->site, "milter.listen"));
		js_set_text(ways, "socketmap", site_effective(r->site, "socketmap.listen"));
		js_set_text(ways, "lmtp", site_effective(r->site, "lmtp.listen"));
		js_set_text(ways, "lmtp_networks", site_effective(r->site, "lmtp.networks"));
		js_print(ways, false, &text);
		(void)fprintf(r->to, "\n], \"count\": %zu, \"twice\": %zu", r->lists, r->twice);
		if (r->exposed)
			(void)fprintf(r->to, ", \"anyone\": %zu, \"owners\": %zu, \"ways\": %s",
			              r->open, r->owned, bytes_text(&text));
		(void)fputs("}\n", r->to);
	}
	bytes_free(&text);
	js_drop(&ways);
}

static int
show(FILE *from)
{
	char buffer[65536];
	size_t n;

	rewind(from);
	while ((n = fread(buffer, 1, sizeof(buffer), from)) > 0)
		(void)fwrite(buffer, 1, n, stdout);
	if (ferror(from) || fflush(stdout) != 0 || ferror(stdout))
		return ctl_fail(CTL_FAILED, "cannot write the lists down");
	return CTL_YES;
}

static int
report_lists(struct report *r)
{
	struct complaint why;

	if (r->ctl->json)
		(void)fputs("{\"lists\": [", r->to);
	for (size_t i = 0; i < r->site->destination_count; i++) {
		r->destination = &r->site->destinations[i];
		if (source_each_list(r->destination->source, r->destination->domain, deadline_in(PATIENCE),
		                     take, r, &why) != FOUND_YES) {
			if (ferror(r->to))
				break;
			return ctl_fail(CTL_UNSURE, "%s: not all lists could be read: %s",
			                r->destination->domain, why.text);
		}
	}
	print_end(r);
	if (fflush(r->to) != 0 || ferror(r->to))
		return ctl_fail(CTL_FAILED, "cannot write to a temporary file");
	return show(r->to);
}

static int
list_all(const struct ctl *c, const struct site *s, bool exposed)
{
	struct report r = { .ctl = c, .site = s, .exposed = exposed, .to = tmpfile() };
	int status;

	if (r.to == NULL)
		return ctl_fail(CTL_FAILED, "cannot make a temporary file");
	r.addresses = set_open();
	status = report_lists(&r);
	set_close(&r.addresses);
	(void)fclose(r.to);
	return status;
}

static int
list_plainly(const struct ctl *c, const struct site *s)
{
	return list_all(c, s, false);
}

static int
list_exposed(const struct ctl *c, const struct site *s)
{
	return list_all(c, s, true);
}

static int
run(const struct ctl *given)
{
	struct ctl c = *given;
	bool exposed = ctl_option(&c, "--exposed");

	return ctl_on_site(&c, 0, exposed ? list_exposed : list_plainly);
}

const struct command command_lists = {
	"lists", "[--exposed]", "which groups are lists, and who could write to them", run,
};
