/* DMARC on the way out. */
#include "expander/treat.h"

#include "base/log.h"
#include "base/mem.h"
#include "mail/address.h"
#include "mail/dmarc.h"
#include "mail/header.h"
#include "mail/tags.h"
#include "policies/from_policy.h"
#include "policies/treatment.h"

#include <stdlib.h>
#include <string.h>

/* ---- what a signature survives ---- */

static size_t
count_fields(const char *header, size_t length, const char *name)
{
	struct field f;
	size_t at = 0, count = 0;

	while (header_next(header, length, &at, &f))
		count += field_is(&f, name);
	return count;
}

static bool
is_removed(const struct envelope *e, const char *name)
{
	return text_list_same(&e->inject_remove, name, strlen(name));
}

/* How often a signature names the field: more often than it stands there is so that none can be added. */
static size_t
count_names(struct slice names, const char *name)
{
	struct slice one;
	size_t count = 0;

	while (tag_word(&names, ':', &one))
		count += text_same_n(one.at, one.length, name);
	return count;
}

/* Whether what happens to the fields of that name is seen by a signature that covers so many of them. */
static bool
is_seen(const struct envelope *e, const char *header, size_t length, const char *name, size_t covered)
{
	size_t there = count_fields(header, length, name);
	size_t added = count_fields(e->inject_add, strlen(e->inject_add), name);

	if (e->inject_each != NULL)
		added += count_fields(e->inject_each, strlen(e->inject_each), name);
	if (is_removed(e, name))
		return there > 0 || added > 0;
	return added > 0 && covered > there;
}

static bool
covers_what_changes(const struct envelope *e, const char *header, size_t length, struct slice names)
{
	struct slice rest = names, one;
	bool seen = false;

	while (!seen && tag_word(&rest, ':', &one)) {
		char *name = mem_copy(one.at, one.length);

		seen = is_seen(e, header, length, name, count_names(names, name));
		free(name);
	}
	return seen;
}

/* Whether one signature is of the author's domain, and covers nothing that changes. */
static bool
is_good(const struct envelope *e, const char *header, size_t length, struct slice signature,
        const char *author, bool strict)
{
	struct slice domain, names;
	struct complaint unused;
	char *canonical = NULL;
	bool good = false;

	if (tag_find(signature, "d", &domain) && tag_find(signature, "h", &names))
		canonical = domain_canonical(domain.at, domain.length, &unused);
	if (canonical != NULL)
		good = dmarc_aligned(canonical, author, strict) &&
		       !covers_what_changes(e, header, length, names);
	free(canonical);
	return good;
}

bool
treat_survives(const struct envelope *e, const char *header, size_t length, const char *author, bool strict)
{
	struct field f;
	size_t at = 0;

	if (envelope_has_texts(e))
		return false;
	while (header_next(header, length, &at, &f))
		if (field_is(&f, "DKIM-Signature") &&
		    is_good(e, header, length, (struct slice){ f.value, f.value_length }, author, strict))
			return true;
	return false;
}

/* ---- a message in a message ---- */

/* What programs sort, show and answer by: as it is in the message, unless the list has its own. */
static const char *const copied[] = { "Date",    "Message-ID", "In-Reply-To", "References",
	                              "Subject", "To",         "Cc",          "Reply-To",
	                              "Sender",  "Auto-Submitted" };

/* But for one that is no text: that is to be seen in the message only. */
static void
copy_field(struct bytes *add, const struct field *f, const char *name)
{
	struct bytes value = { 0 };

	if (field_text(f, &value))
		bytes_format(add, "%s: %s\r\n", name, value.data);
	bytes_free(&value);
}

void
treat_wrap(struct envelope *e, const struct modifiers *steps, const char *header, size_t length)
{
	struct text_list removed = e->inject_remove;
	struct bytes add = { 0 };
	struct field f;
	size_t at = 0;

	bytes_add_text(&add, e->inject_add);
	while (header_next(header, length, &at, &f))
		for (size_t i = 0; i < sizeof(copied) / sizeof(*copied); i++)
			if (field_is(&f, copied[i]) && !is_removed(e, copied[i]))
				copy_field(&add, &f, copied[i]);
	bytes_format(&add, "MIME-Version: 1.0\r\nContent-Type: message/%s\r\n"
	                   "Content-Transfer-Encoding: %s\r\n\r\n",
	             e->utf8 ? "global" : "rfc822", e->eight_bit ? "8bit" : "7bit");
	free(e->inject_add);
	e->inject_add = bytes_take(&add);
	/* What stands in the message stays, but for what is between the milter and us. */
	e->inject_remove = (struct text_list){ 0 };
	for (size_t i = 0; i < removed.count; i++)
		if (strncasecmp(removed.items[i], "Rollcall-", 9) == 0 ||
		    strcmp(removed.items[i], TAGS_FIELD) == 0)
			envelope_leave_out(e, removed.items[i]);
	for (size_t i = 0; steps != NULL && i < steps->count; i++)
		if (steps->all[i].kind == MODIFIER_REMOVE)
			text_list_add_all(&e->inject_remove, &steps->all[i].fields);
	text_list_free(&removed);
}

/* ---- what is to be done ---- */

/* The list's fields, and then the site's steps. */
static enum composed
compose(struct envelope *e, const struct site *site, const struct target *t, const char *id,
        const char *lhlo, const char *header, size_t length, struct deadline by, struct complaint *why)
{
	heading_clear(e);
	heading_compose(e, site, t, id, lhlo, header, length);
	return modify_heading(e, t, header, length, by, why);
}

/* Composes anew, as the treatment says. */
static enum composed
compose_again(struct envelope *e, const struct site *site, const struct target *t, const char *id,
              const char *lhlo, const char *header, size_t length, enum treatment how, struct deadline by,
              struct complaint *why)
{
	struct target as = *t;
	enum composed composed;

	as.style[STYLE_FROM] = "rewrite";
	if (how == TREATMENT_WRAP)        /* around the body there is the message then */
		as.style[STYLE_HEADER] = as.style[STYLE_FOOTER] = NULL;
	composed = compose(e, site, &as, id, lhlo, header, length, by, why);
	if (composed == COMPOSED && how == TREATMENT_WRAP)
		treat_wrap(e, target_modifiers(t), header, length);
	return composed;
}

static void
log_treatment(const char *id, const struct target *t, const char *author, const char *wish,
              enum treatment how)
{
	struct log_line l;

	log_begin(&l, LEVEL_INFO, "dmarc");
	log_text(&l, "id", id);
	log_text(&l, "list", t->list->address);
	log_text(&l, "author", author);
	log_text(&l, "wish", wish);
	log_text(&l, "treatment", treatment_word(how));
	log_end(&l);
}

/* Whether the author's domain forbids the post as it would go out, by its wish or since nobody knows. */
static enum found
find_wish(const struct envelope *e, const struct site *site, const char *header, size_t length,
          const char *author, struct deadline by, const char **wish, struct complaint *why)
{
	struct from_policy p;
	enum found found;

	/* However the domain wants signatures aligned: this one will do. */
	if (treat_survives(e, header, length, author, true))
		return FOUND_NO;
	found = from_policy_find(site->resolver, author, by, &p, why);
	if (found == FOUND_YES &&
	    (p.wish == DMARC_NONE || treat_survives(e, header, length, author, p.strict)))
		return FOUND_NO;
	*wish = found == FOUND_YES ? dmarc_word(p.wish) : "unknown";
	return found;
}

/*
 * The domain of the author whom members will see: a step may have put another in the place of whoever
 * wrote. NULL where there is none to be sure of, and where From is the list's: that is nobody else's
 * business.
 */
static char *
find_author(const struct envelope *e, const struct target *t, const char *header, size_t length)
{
	bool ours = is_removed(e, "From");
	struct complaint unused;
	char *author = ours ? dmarc_author(e->inject_add, strlen(e->inject_add), &unused)
	                    : dmarc_author(header, length, &unused);

	if (ours && author != NULL && strcmp(author, address_domain(t->list->address)) == 0) {
		free(author);
		author = NULL;
	}
	return author;
}

enum composed
treat_compose(struct envelope *e, const struct site *site, const struct target *t, const char *id,
              const char *lhlo, const char *header, size_t length, const struct treat_terms *terms,
              struct complaint *why)
{
	enum composed composed = compose(e, site, t, id, lhlo, header, length, terms->steps, why);
	enum treatment how = TREATMENT_KEEP;
	enum found found = FOUND_NO;
	const char *wish = NULL;
	char *author = NULL;

	if (composed == COMPOSED && t->role == ROLE_POST && t->style[STYLE_DMARC] != NULL)
		author = find_author(e, t, header, length);
	if (author != NULL)
		how = treatment_of(t->style[STYLE_DMARC], author);
	if (how != TREATMENT_KEEP)
		found = find_wish(e, site, header, length, author, terms->dns, &wish, why);
	if (found == FOUND_UNSURE && !terms->insist)
		composed = COMPOSED_LATER;
	else if (found != FOUND_NO)
		composed = compose_again(e, site, t, id, lhlo, header, length, how, terms->steps, why);
	if (found != FOUND_NO && composed == COMPOSED)
		log_treatment(id, t, author, wish, how);
	free(author);
	return composed;
}
