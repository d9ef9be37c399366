/* What the rules make of one posting. */
#include "base/mem.h"
#include "mail/address.h"
#include "mail/mailboxes.h"
#include "policies/posters.h"

#include <stdlib.h>
#include <string.h>

/* ---- whom it is from ---- */

/* Whom a posting is judged by; neither: by nobody. The address is allocated. */
struct claim {
	const char *login;
	char *address;
	bool proven;
};

/* The address that a text is, allocated; or NULL. */
static char *
canonical(const char *text, const char *domain)
{
	char *whole = strchr(text, '@') != NULL || domain == NULL ? mem_text(text)
	                                                          : mem_format("%s@%s", text, domain);
	struct complaint unused;
	char *address = address_canonical(whole, &unused);

	free(whole);
	return address;
}

static char *
address_in_from(const struct facts *f)
{
	struct field from;

	return header_count(f->header, f->header_length, "From", &from) == 1 ? mailboxes_only(&from) : NULL;
}

static char *
sender_of(const struct facts *f)
{
	return f->sender_odd ? NULL : mem_text(f->sender);
}

static struct claim
claim_of(const struct posters_config *c, const struct facts *f, enum moment moment)
{
	struct claim claim = { .login = f->login, .proven = f->login != NULL || f->trusted };

	if (f->login != NULL)
		claim.address = canonical(f->login, c->login_domain);
	else if (!claim.proven && c->by == BY_FROM)
		claim.address = moment == MOMENT_END ? address_in_from(f) : NULL;
	else if (claim.proven || c->by == BY_ENVELOPE)
		claim.address = sender_of(f);
	return claim;
}

/* ---- one rule ---- */

/* The judging of one posting. */
struct judge {
	const struct facts *facts;
	struct claim claim;
	bool peek;                        /* from memory only */
	struct deadline by;
	bool missing;                     /* memory did not know it all */
	bool looked;
	enum found who;                   /* whether the source knows the poster */
	struct person *person;            /* NULL: nobody */
	struct complaint why;             /* of what is unsure */
};

/* A list does not post to itself: nobody is it. */
static bool
is_list(const struct judge *j)
{
	const char *address = j->claim.address;

	return j->claim.login == NULL && address != NULL &&
	       (strcmp(address, j->facts->list->address) == 0 || strcmp(address, j->facts->recipient) == 0);
}

static enum found
who(struct judge *j)
{
	const struct identity id = { j->claim.login, j->claim.address };

	if (j->looked)
		return j->who;
	j->looked = true;
	j->who = FOUND_NO;
	if ((id.login == NULL && id.address == NULL) || is_list(j))
		return FOUND_NO;
	if (j->peek) {
		j->who = source_peek_person(j->facts->source, &id, &j->person);
		j->missing |= j->who == FOUND_UNSURE;
	} else {
		j->who = source_find_person(j->facts->source, &id, j->by, &j->person, &j->why);
	}
	if (j->who == FOUND_NO)           /* an address may be a member all the same */
		j->person = person_new(&id);
	return j->who;
}

static enum found
ask_source(struct judge *j, const struct poster *rule)
{
	const struct facts *f = j->facts;
	enum found found;

	if (who(j) == FOUND_UNSURE)
		return FOUND_UNSURE;
	if (j->person == NULL)
		return FOUND_NO;
	if (!j->peek)
		return source_covers(f->source, f->list, rule, j->person, j->by, &j->why);
	found = source_peek_covers(f->source, f->list, rule, j->person);
	j->missing |= found == FOUND_UNSURE;
	return found;
}

static enum found
has_address(struct judge *j, const struct poster *rule)
{
	enum found found = who(j);

	if (found != FOUND_YES)
		return found;
	for (size_t i = 0; i < j->person->addresses.count; i++)
		if (poster_has_address(rule, j->person->addresses.items[i]))
			return FOUND_YES;
	return FOUND_NO;
}

static enum found
yes(bool condition)
{
	return condition ? FOUND_YES : FOUND_NO;
}

/* Whether this can be said without the source; if so, *found_r. */
static bool
is_plain(const struct judge *j, const struct poster *rule, enum found *found_r)
{
	const char *address = j->claim.address;

	switch (rule->kind) {
	case POSTER_ANYONE:
		*found_r = FOUND_YES;
		return true;
	case POSTER_NOBODY:
		*found_r = FOUND_NO;
		return true;
	case POSTER_LOGIN:
		*found_r = yes(j->facts->login != NULL);
		return true;
	case POSTER_ACCOUNT:
		*found_r = yes(j->facts->login != NULL && strcmp(j->facts->login, rule->value) == 0);
		return true;
	case POSTER_NETWORKS:
		*found_r = yes(j->facts->trusted);
		return true;
	default:
		/* A login that looks like an address is one only if the source says so. */
		*found_r = yes(address != NULL && j->claim.login == NULL && !is_list(j) &&
		               poster_has_address(rule, address));
		return *found_r == FOUND_YES;
	}
}

static enum found
covers(struct judge *j, const struct poster *rule)
{
	enum found found;

	if (is_plain(j, rule, &found))
		return found;
	if (rule->kind == POSTER_KNOWN)
		return who(j);
	return poster_asks_source(rule->kind) ? ask_source(j, rule) : has_address(j, rule);
}

/* ---- all rules ---- */

/* What some rules say together. */
struct tally {
	enum found found;
	const struct poster *rule;        /* that says so; NULL for a no */
};

static bool
is_of(const struct poster *rule, enum poster_effect effect, unsigned clause)
{
	return rule->effect == effect && rule->clause == clause && rule->kind != POSTER_UNREADABLE;
}

/* Whether any of them covers the poster; those first that need nobody to be asked. */
static struct tally
any_of(struct judge *j, const struct poster_list *rules, enum poster_effect effect, unsigned clause)
{
	struct tally t = { FOUND_NO, NULL };

	for (size_t i = 0; i < rules->count; i++) {
		const struct poster *rule = &rules->items[i];
		enum found found;

		if (is_of(rule, effect, clause) && is_plain(j, rule, &found) && found == FOUND_YES)
			return (struct tally){ FOUND_YES, rule };
	}
	for (size_t i = 0; i < rules->count && t.found != FOUND_YES; i++) {
		const struct poster *rule = &rules->items[i];
		enum found found = is_of(rule, effect, clause) ? covers(j, rule) : FOUND_NO;

		if (found != FOUND_NO)
			t = (struct tally){ found, rule };
	}
	return t;
}

static bool
has_effect(const struct poster_list *rules, enum poster_effect effect, unsigned clause)
{
	size_t i = 0;

	while (i < rules->count && !is_of(&rules->items[i], effect, clause))
		i++;
	return i < rules->count;
}

/* The rule that nobody understands, or NULL. */
static const struct poster *
unreadable(const struct poster_list *rules)
{
	for (size_t i = 0; i < rules->count; i++)
		if (rules->items[i].kind == POSTER_UNREADABLE && rules->items[i].effect <= POSTER_REQUIRE)
			return &rules->items[i];
	return NULL;
}

/* Whether there is any rule on posting. */
static bool
speaks(const struct poster_list *rules)
{
	for (size_t i = 0; i < rules->count; i++)
		if (rules->items[i].effect <= POSTER_REQUIRE)
			return true;
	return false;
}

/* Names whom it is from, for the log. */
static const char *
name_of(const struct claim *c)
{
	return c->login != NULL ? c->login : c->address != NULL ? c->address : "nobody that is proven";
}

/* Those who allow: the list's own rules, or else those of the configuration. */
static const struct poster_list *
allowing(const struct posters_config *c, const struct list *list)
{
	return has_effect(&list->posters, POSTER_ALLOW, 0) || has_effect(&list->posters, POSTER_ALLOW, 1)
	               ? &list->posters
	               : &c->rules;
}

/* The rules of both, by what denies. `claimed` is the poster, or who says so. */
static struct tally
denied(struct judge *claimed, const struct posters_config *c)
{
	struct tally t = any_of(claimed, &c->rules, POSTER_DENY, 0), own;

	for (unsigned clause = 0; clause < 2 && t.found != FOUND_YES; clause++) {
		own = any_of(claimed, &claimed->facts->list->posters, POSTER_DENY, clause);
		if (own.found != FOUND_NO)
			t = own;
	}
	return t;
}

/* Of each clause that there is, one rule has to allow it. */
static struct tally
allowed(struct judge *j, const struct poster_list *rules)
{
	struct tally all = { FOUND_NO, NULL };

	for (unsigned clause = 0; clause < 2; clause++) {
		struct tally t;

		if (!has_effect(rules, POSTER_ALLOW, clause))
			continue;
		t = any_of(j, rules, POSTER_ALLOW, clause);
		if (t.found == FOUND_NO)
			return t;
		if (all.found != FOUND_UNSURE)
			all = t;
	}
	return all;
}

/* What else has to be: for now a login. */
static const struct poster *
lacking(struct judge *j)
{
	const struct poster_list *rules = &j->facts->list->posters;

	for (size_t i = 0; i < rules->count; i++)
		if (rules->items[i].effect == POSTER_REQUIRE && covers(j, &rules->items[i]) != FOUND_YES)
			return &rules->items[i];
	return NULL;
}

/* Those that may post; with `behind` without what stands before the value. */
static void
add_words(const struct poster_list *rules, bool behind, struct bytes *out)
{
	const char *between = "";

	for (size_t i = 0; i < rules->count; i++) {
		const struct poster *p = &rules->items[i];

		if (p->effect != POSTER_ALLOW)
			continue;
		bytes_format(out, "%s%s", between, behind ? strchr(p->origin, ' ') + 1 : p->origin);
		between = behind ? ", " : "; ";
	}
	if (*between == '\0')
		bytes_add_text(out, "nobody");
}

static struct verdict
refuse(const struct judge *j, const struct poster_list *rules)
{
	const bool own = rules == &j->facts->list->posters;
	struct bytes words = { 0 };
	struct verdict v;

	add_words(rules, false, &words);
	v = verdict_because(verdict_reject(REPLY_MAY_NOT_POST, ""),
	                    "%s is none of those that may post: %s%s%s", name_of(&j->claim),
	                    bytes_text(&words), own ? "; of " : "", own ? j->facts->list->key : "");
	bytes_free(&words);
	return v;
}

/* The verdict as it follows from the rules. `claimed` may be the same judge. */
static struct verdict
judge(struct judge *j, struct judge *claimed, const struct posters_config *c)
{
	const struct list *list = j->facts->list;
	const struct poster_list *rules = allowing(c, list);
	const struct poster *odd = unreadable(&list->posters);
	struct tally deny, allow;

	if (odd != NULL)
		return verdict_because(verdict_defer(REPLY_LATER, ""), "not understood: %s; of %s",
		                       odd->origin, list->key);
	if (j->facts->stale && speaks(&list->posters))
		return verdict_because(verdict_defer(REPLY_LATER, ""), "what %s says of posters is old",
		                       list->key);
	deny = denied(claimed, c);
	if (deny.found != FOUND_YES && claimed != j) {
		struct tally more = denied(j, c);

		if (more.found != FOUND_NO) {
			deny = more;
			claimed = j;
		}
	}
	if (deny.found == FOUND_YES)
		return verdict_because(verdict_reject(REPLY_MAY_NOT_POST, ""), "%s may not post: %s",
		                       name_of(&claimed->claim), deny.rule->origin);
	odd = lacking(j);
	if (odd != NULL)
		return verdict_because(verdict_reject(REPLY_MAY_NOT_POST, ""), "no login, but %s; of %s",
		                       odd->origin, list->key);
	allow = allowed(j, rules);
	if (allow.found == FOUND_NO)
		return refuse(j, rules);
	if (deny.found == FOUND_UNSURE || allow.found == FOUND_UNSURE)
		return verdict_defer(REPLY_LATER,
		                     deny.found == FOUND_UNSURE ? claimed->why.text : j->why.text);
	return verdict_because(verdict_pass(), "%s may post: %s%s%s", name_of(&j->claim), allow.rule->origin,
	                       rules == &list->posters ? "; of " : "",
	                       rules == &list->posters ? list->key : "");
}

bool
posters_decide(const struct posters_config *c, const struct facts *f, enum moment moment, bool peek,
               struct deadline by, struct verdict *v)
{
	struct judge j = { .facts = f, .claim = claim_of(c, f, moment), .peek = peek, .by = by };
	struct judge said = { .facts = f, .peek = peek, .by = by };
	bool stranger = !j.claim.proven && f->sender != NULL;

	if (stranger)
		said.claim.address = sender_of(f);
	if (!j.claim.proven && c->by == BY_FROM && moment == MOMENT_RCPT)
		*v = verdict_pass();      /* until From is known */
	else
		*v = judge(&j, stranger ? &said : &j, c);
	free(j.claim.address);
	free(said.claim.address);
	person_drop(&j.person);
	person_drop(&said.person);
	return v->decision != DECISION_DEFER || !(j.missing || said.missing);
}

bool
posters_any(const struct posters_config *c, const struct facts *f, bool peek, struct deadline by,
            struct verdict *v)
{
	struct judge j = { .facts = f, .claim = claim_of(c, f, MOMENT_RCPT), .peek = peek, .by = by };
	struct tally t = any_of(&j, &c->rules, POSTER_ALLOW, 0);
	struct bytes words = { 0 };

	add_words(&c->rules, true, &words);
	if (t.found == FOUND_YES)
		*v = verdict_because(verdict_pass(), "%s: %s", name_of(&j.claim), t.rule->origin);
	else if (t.found == FOUND_UNSURE)
		*v = verdict_defer(REPLY_LATER, j.why.text);
	else
		*v = verdict_because(verdict_reject(REPLY_MAY_NOT_POST, ""), "%s is none of %s",
		                     name_of(&j.claim), bytes_text(&words));
	bytes_free(&words);
	free(j.claim.address);
	person_drop(&j.person);
	return v->decision != DECISION_DEFER || !j.missing;
}

void
posters_expect(const void *config, const struct facts *f)
{
	const struct posters_config *c = config;
	struct claim claim = claim_of(c, f, MOMENT_RCPT);
	const struct identity id = { claim.login, claim.address };
	bool wanted = false;

	for (size_t i = 0; i < c->rules.count; i++)
		wanted |= c->rules.items[i].kind >= POSTER_KNOWN;
	if (wanted && (id.login != NULL || id.address != NULL))
		source_expect_person(f->source, &id);
	free(claim.address);
}

void
posters_describe(const void *config, const struct list *list, struct bytes *out)
{
	const struct posters_config *c = config;
	const struct poster_list *rules = allowing(c, list);

	if (unreadable(&list->posters) != NULL) {
		bytes_add_text(out, "nobody, until its entry is mended");
		return;
	}
	for (size_t i = 0; i < rules->count; i++)
		if (rules->items[i].effect == POSTER_ALLOW && rules->items[i].kind == POSTER_ANYONE)
			return;
	add_words(rules, rules == &c->rules, out);
	if (c->by != BY_PROVEN)
		bytes_add_text(out, c->by == BY_FROM ? " (by: from)" : " (by: envelope)");
}
