/* Who sends, and what that means for each destination. */
#include "policies/senders.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "mail/address.h"
#include "policies/site.h"

#include <stdlib.h>
#include <string.h>

enum authenticated { AUTHENTICATED_ANY, AUTHENTICATED_YES, AUTHENTICATED_NO };

static const char *const authenticated_words[] = { "any", "yes", "no", NULL };

static const char null_sender[] = "<>";

/* As it is written. */
struct senders_values {
	struct text_list from, networks, ports;
	int64_t authenticated;
};

/* What a text of `from` is compared as, allocated; NULL with a complaint. */
static char *
canonical_from(const char *text, struct complaint *why)
{
	char *domain, *below;

	if (strcmp(text, null_sender) == 0)
		return mem_text(text);
	if (strchr(text, '@') != NULL)
		return address_canonical(text, why);
	if (*text != '.')
		return domain_canonical(text, strlen(text), why);
	domain = domain_canonical(text + 1, strlen(text + 1), why);
	below = domain == NULL ? NULL : mem_format(".%s", domain);
	free(domain);
	return below;
}

static int
check_from(const char *text, struct complaint *why)
{
	char *canonical = canonical_from(text, why);

	free(canonical);
	return canonical == NULL ? -1 : 0;
}

/* A number, or what an MTA may call a socket of its own. */
static int
check_port(const char *text, struct complaint *why)
{
	int64_t number;

	if (*text == '\0' || strpbrk(text, " \t,") != NULL)
		return complain(why, "\"%s\" is neither the number nor the name of a port", text);
	if (text_number(text, &number) && (number < 1 || number > 65535))
		return complain(why, "%s is no port: 1 to 65535", text);
	return 0;
}

#define VALUE(f) .offset = offsetof(struct senders_values, f)
#define CHECK(h) { .name = "check", .kind = KIND_PART, .help = (h) }

const struct setting senders_settings[] = {
	{ .name = "from", .kind = KIND_TEXTS, VALUE(from), .check = check_from,
	  .help = "Senders of the envelope: addresses; domains; domains with a dot before them, which "
	          "are those and all below; or <>, the null sender. Whoever posts can write there "
	          "what they like." },
	{ .name = "networks", .kind = KIND_TEXTS, VALUE(networks), .check = network_check,
	  .help = "Networks that the client is in." },
	{ .name = "ports", .kind = KIND_TEXTS, VALUE(ports), .check = check_port,
	  .help = "Ports of the MTA that the client came in by: numbers ({daemon_port}), or names that the "
	          "MTA has given them ({daemon_name})." },
	{ .name = "authenticated", .kind = KIND_WORD, VALUE(authenticated), .fallback = "any",
	  .words = authenticated_words,
	  .help = "Whether the client has a SASL login." },
	CHECK("What is asked about their posts, in the place of what a destination asks."),
	{ .kind = KIND_END },
};

const struct setting sender_checks_settings[] = {
	CHECK("What is asked about their posts to this domain, in the place of everything else."),
	{ .name = "modify", .kind = KIND_PART,
	  .help = "What is changed in their posts, in the place of what the destination changes." },
	{ .kind = KIND_END },
};

/* ---- reading ---- */

static int
compare_texts(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Says for a list of values what it asks for, whatever their order. Sorts it. */
static void
tell(struct bytes *told, const char *name, struct text_list *texts)
{
	if (texts->count > 0)
		qsort(texts->items, texts->count, sizeof(char *), compare_texts);
	bytes_format(told, "%s", name);
	for (size_t i = 0; i < texts->count; i++)
		bytes_format(told, " %s", texts->items[i]);
	bytes_add_text(told, "\n");
}

/* Copies values in the form that they are compared in; none stands twice. */
static int
take_texts(struct text_list *to, const struct text_list *from, bool addresses, const struct node *block,
           const char *setting, struct complaint *why)
{
	const struct node *n = node_child(block, setting);

	for (size_t i = 0; i < from->count; i++) {
		const struct node *at = n->kind == NODE_LIST ? n->children[i] : n;
		char *text = addresses ? canonical_from(from->items[i], why) : mem_text(from->items[i]);
		bool twice = text_list_has(to, text);

		if (!twice)
			text_list_add(to, text, strlen(text));
		free(text);
		if (twice)
			return node_complain(at, why, "%s: %s stands here twice", setting, from->items[i]);
	}
	return 0;
}

static int
take_values(struct senders *s, const struct senders_values *v, const struct node *block,
            struct complaint *why)
{
	struct bytes told = { 0 };
	struct text_list networks = { 0 };
	int rc = -1;

	s->authenticated = v->authenticated;
	if (take_texts(&s->from, &v->from, true, block, "from", why) < 0 ||
	    take_texts(&s->ports, &v->ports, false, block, "ports", why) < 0 ||
	    take_texts(&networks, &v->networks, false, block, "networks", why) < 0)
		goto out;
	if (networks.count > 0) {
		s->networks = networks_open();
		if (networks_add_all(s->networks, &networks, why) < 0)
			goto out;
	}
	if (s->from.count + s->ports.count + networks.count == 0 &&
	    s->authenticated == AUTHENTICATED_ANY) {
		(void)node_complain(block, why, "%s: this is everybody; one of from, networks, ports and "
		                    "authenticated has to say who", s->name);
		goto out;
	}
	tell(&told, "from", &s->from);
	tell(&told, "ports", &s->ports);
	tell(&told, "networks", &networks);
	bytes_format(&told, "authenticated %s", authenticated_words[s->authenticated]);
	s->told = bytes_take(&told);
	rc = 0;
out:
	text_list_free(&networks);
	return rc;
}

static int
read_one(struct senders *all, size_t which, const struct node *block, unsigned *place,
         struct effective_list *effective, struct complaint *why)
{
	struct senders *s = &all[which];
	struct senders_values v = { 0 };
	char *path = mem_format("senders.%s", block->key);
	const struct node *check = node_child(block, "check");
	int rc = setting_read(senders_settings, &v, block, path, effective, why);

	s->name = mem_text(block->key);
	if (rc == 0) {
		rc = take_values(s, &v, block, why);
		setting_free(senders_settings, &v);
	}
	for (size_t i = 0; rc == 0 && i < which; i++)
		if (strcmp(all[i].told, s->told) == 0)
			rc = node_complain(block, why, "%s: these are the same as %s", s->name,
			                   all[i].name);
	if (rc == 0 && check != NULL) {
		s->chain = chain_open(check, path, place, effective, why);
		rc = s->chain == NULL ? -1 : 0;
	}
	free(path);
	return rc;
}

int
senders_read(const struct node *root, struct senders **senders, size_t *count, unsigned *place,
             struct effective_list *effective, struct complaint *why)
{
	const struct node *n = node_child(root, "senders");

	if (n == NULL)
		return 0;
	if (n->kind != NODE_MAP)
		return node_complain(n, why, "senders takes a block for each kind of them");
	*senders = mem_array(n->count, sizeof(**senders));
	while (*count < n->count) {
		size_t which = (*count)++;

		if (read_one(*senders, which, n->children[which], place, effective, why) < 0)
			return -1;
	}
	return 0;
}

void
senders_free(struct senders *senders, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct senders *s = &senders[i];

		free(s->name);
		free(s->told);
		text_list_free(&s->from);
		text_list_free(&s->ports);
		networks_close(&s->networks);
		chain_close(&s->chain);
	}
	free(senders);
}

/* ---- what they mean for a destination ---- */

/* Each block there is for senders that the site knows. */
static int
check_names(const struct node *blocks, const struct senders *senders, size_t count, struct complaint *why)
{
	const char **names = mem_array(count + 1, sizeof(*names));
	int rc = 0;

	for (size_t i = 0; i < count; i++)
		names[i] = senders[i].name;
	for (size_t b = 0; rc == 0 && b < blocks->count; b++) {
		const struct node *block = blocks->children[b];
		size_t i = 0;

		while (i < count && strcmp(names[i], block->key) != 0)
			i++;
		if (i == count)
			rc = node_complain_key(block, why, "there are no senders \"%s\"%s", block->key,
			                       text_hint(block->key, names).text);
	}
	free(names);
	return rc;
}

/* The checks of a destination for some senders; there must be some. NULL with a complaint. */
static struct chain *
read_checks(const struct node *block, const char *path, unsigned *place, struct effective_list *effective,
            struct complaint *why)
{
	char nothing = 0;                 /* the rows have no fields */
	const struct node *check;
	char *own = mem_format("%s.senders.%s", path, block->key);
	struct chain *chain = NULL;

	if (setting_read(sender_checks_settings, &nothing, block, own, effective, why) == 0) {
		check = node_child(block, "check");
		if (check == NULL)
			(void)node_complain(block, why, "\"check\" is missing here");
		else
			chain = chain_open(check, own, place, effective, why);
	}
	free(own);
	return chain;
}

int
rules_read(struct site *s, const struct node *block, const char *path, struct rule **rules,
           size_t *rule_count, unsigned *place, struct complaint *why)
{
	const struct node *blocks = node_child(block, "senders");
	const struct senders *senders = s->senders;
	size_t count = s->sender_count;

	if (blocks != NULL && blocks->kind != NODE_MAP)
		return node_complain(blocks, why, "senders takes a block for each kind of them");
	if (blocks != NULL && check_names(blocks, senders, count, why) < 0)
		return -1;
	*rules = mem_array(count, sizeof(**rules));
	for (size_t i = 0; i < count; i++) {
		const struct node *own = blocks == NULL ? NULL : node_child(blocks, senders[i].name);
		struct rule r = { .who = &senders[i], .chain = senders[i].chain, .own = own != NULL };

		if (own != NULL)
			r.chain = read_checks(own, path, place, &s->effective, why);
		if (own != NULL && r.chain == NULL)
			return -1;
		if (r.chain != NULL)
			(*rules)[(*rule_count)++] = r;
		if (own != NULL && modifiers_read(s, own, path, &(*rules)[*rule_count - 1].modifiers,
		                                  why) < 0)
			return -1;
	}
	return 0;
}

void
rules_free(struct rule *rules, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (rules[i].own)
			chain_close(&rules[i].chain);
		modifiers_close(&rules[i].modifiers);
	}
	free(rules);
}

/* ---- who it is ---- */

/* Whether a domain is one, or below it where a dot stands before it. */
static bool
is_in_domain(const char *domain, const char *in)
{
	return *in == '.' ? domain_within(domain, in + 1) : strcmp(domain, in) == 0;
}

static bool
is_from(const struct text_list *from, const char *sender)
{
	const char *at;

	if (from->count == 0)
		return true;
	if (sender == NULL)
		return text_list_has(from, null_sender);
	if (text_list_has(from, sender))
		return true;
	at = strrchr(sender, '@');        /* what is no address has no domain */
	for (size_t i = 0; at != NULL && i < from->count; i++)
		if (is_in_domain(at + 1, from->items[i]))
			return true;
	return false;
}

static bool
is_by(const struct text_list *ports, const struct doorway *d)
{
	return ports->count == 0 || (d->port != NULL && text_list_has(ports, d->port)) ||
	       (d->name != NULL && text_list_has(ports, d->name));
}

bool
senders_may_be(const struct senders *s, bool authenticated)
{
	return s->authenticated == AUTHENTICATED_ANY ||
	       (s->authenticated == AUTHENTICATED_YES) == authenticated;
}

bool
senders_are_anyone(const struct senders *s)
{
	return s->networks == NULL && s->authenticated != AUTHENTICATED_YES;
}

static bool
holds(const struct senders *s, const struct facts *f, const struct doorway *d)
{
	return senders_may_be(s, f->login != NULL) && is_from(&s->from, f->sender) &&
	       is_by(&s->ports, d) &&
	       (s->networks == NULL || networks_have_text(s->networks, f->client));
}

const struct rule *
rules_find(const struct rule *rules, size_t count, const struct facts *f, const struct doorway *d)
{
	for (size_t i = 0; f->session && i < count; i++)
		if (holds(rules[i].who, f, d))
			return &rules[i];
	return NULL;
}
