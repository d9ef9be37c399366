/* The site: the domains of lists. */
#include "policies/site.h"

#include "base/mem.h"
#include "mail/address.h"

#include <stdlib.h>
#include <string.h>

static int
check_delimiter(const char *text, struct complaint *why)
{
	if (*text == '\0' || (strchr("+-=_#.", *text) != NULL && text[1] == '\0'))
		return 0;
	return complain(why, "\"%s\" is not one of + - = _ # . or empty", text);
}

/* always, never, or from so many recipients: that number, and 0 for never; -1 where it is none of these. */
static int64_t
parse_proof(const char *text)
{
	char *end;
	long long from;

	if (strcmp(text, "always") == 0 || strcmp(text, "never") == 0)
		return *text == 'a';
	if (strncmp(text, "from ", 5) != 0 || text[5] < '1' || text[5] > '9')
		return -1;
	from = strtoll(text + 5, &end, 10);
	return *end == '\0' && from <= UINT32_MAX ? from : -1;
}

static int
check_proof(const char *text, struct complaint *why)
{
	if (parse_proof(text) >= 0)
		return 0;
	return complain(why, "\"%s\" is not one of always, never, or from and a number of recipients", text);
}

#define PART(n, h) { .name = (n), .kind = KIND_PART, .help = (h) }

struct destination_values {
	struct text_list sources;
	bool shared, shadow;
	char *delimiter;
	char *proof;
};

const struct setting destination_settings[] = {
	{ .name = "sources", .kind = KIND_TEXTS, .offset = offsetof(struct destination_values, sources),
	  .flags = SETTING_REQUIRED, .min = "1", .max = "64",
	  .help = "The names of the sources that the domain's lists come from. A list that several know "
	          "has the members and owners of all." },
	{ .name = "shared", .kind = KIND_FLAG,
	  .offset = offsetof(struct destination_values, shared), .fallback = "no",
	  .help = "Whether the domain has other addresses as well, of people: what is no list there is "
	          "none of rollcall's business. The MTA learns by the socketmap what is one." },
	{ .name = "shadow", .kind = KIND_FLAG,
	  .offset = offsetof(struct destination_values, shadow), .fallback = "no",
	  .help = "Whether posts are taken and their members read, and nobody is sent anything: to see "
	          "beside another program what rollcall would do. It holds for what is taken from now on; "
	          "what was taken before keeps what held then." },
	{ .name = "delimiter", .kind = KIND_TEXT,
	  .offset = offsetof(struct destination_values, delimiter), .fallback = "+",
	  .check = check_delimiter,
	  .help = "What stands between the name of a list and a detail that is ignored; one character, "
	          "or none." },
	{ .name = "proof", .kind = KIND_TEXT, .offset = offsetof(struct destination_values, proof),
	  .fallback = "from 100", .check = check_proof,
	  .help = "Which posts are proof against being sent twice when the MTA or the expander dies: always, "
	          "from and the least number of recipients, or never. They ask the MTA for receipts, which "
	          "it must bring back to the expander (outbound.receipts), and which cost it some time." },
	PART("posts", "What posts look like to members, and who gets them, see below."),
	PART("lists", "Lists that differ in that: a block for each, under its address or what stands before "
	     "the @ of it, with the same settings."),
	PART("check", "What is asked about a posting, in order; see rollcall-policies below."),
	PART("modify", "What is changed in posts, step by step, see below. Nothing, unless it says so."),
	PART("senders", "What is asked about those of some senders: a block for each, under the name that it "
	     "has at the top."),
	{ .kind = KIND_END },
};

struct source *
site_source(const struct site *s, const struct node *at, const char *name, struct complaint *why)
{
	enum { MOST = 64 };
	const char *words[MOST + 1] = { NULL };

	for (size_t i = 0; i < s->named_count; i++) {
		if (strcmp(s->sources[i]->name, name) == 0)
			return s->sources[i];
		if (i < MOST)
			words[i] = s->sources[i]->name;
	}
	(void)node_complain(at, why, "there is no source \"%s\"%s", name, text_hint(name, words).text);
	return NULL;
}

/* Several as one, which is one for all destinations that name the same. Takes over the new one. */
static struct source *
add_union(struct site *s, struct source *united)
{
	for (size_t i = s->named_count; i < s->source_count; i++)
		if (strcmp(s->sources[i]->name, united->name) == 0) {
			source_close(&united);
			return s->sources[i];
		}
	s->sources = mem_resize(s->sources, (s->source_count + 1) * sizeof(*s->sources));
	s->sources[s->source_count++] = united;
	return united;
}

/* The source that stands for all that are named. */
static struct source *
find_sources(struct site *s, const struct node *at, const struct text_list *names, struct complaint *why)
{
	struct source **all = mem_array(names->count, sizeof(struct source *)), *one = NULL;
	size_t count = 0;

	for (; count < names->count; count++) {
		const char *name = names->items[count];

		all[count] = site_source(s, at, name, why);
		if (all[count] == NULL)
			goto out;
		for (size_t i = 0; i < count; i++)
			if (all[i] == all[count]) {
				(void)node_complain(at, why, "the source \"%s\" stands here twice", name);
				goto out;
			}
	}
	one = count == 1 ? all[0] : add_union(s, source_unite(all, count));
out:
	free(all);
	return one;
}

static int
take_destination(struct site *s, struct destination *d, const struct node *block,
                 const struct destination_values *v, struct complaint *why)
{
	d->source = find_sources(s, node_child_or(block, "sources"), &v->sources, why);
	if (d->source == NULL)
		return -1;
	d->shared = v->shared;
	d->delimiter = *v->delimiter;
	d->proof = parse_proof(v->proof);
	d->shadow = v->shadow;
	return 0;
}

/* The rows of one block of settings of posts. */
static int
read_style(struct site *s, const struct destination *d, const struct setting *rows, struct style *style,
           const struct node *block, const char *path, struct complaint *why)
{
	struct complaint what;

	if (setting_read(rows, style, block, path, &s->effective, why) < 0)
		return -1;
	if (block == NULL || style_check_roles(style, d->domain, &what) == 0)
		return 0;
	return node_complain(block, why, "%s", what.text);
}

/* The address of a list that is named by it, or by its local part. NULL with a complaint. */
static char *
named_list(const struct destination *d, const struct node *block, struct complaint *why)
{
	char *text = strchr(block->key, '@') != NULL ? mem_text(block->key)
	                                             : mem_format("%s@%s", block->key, d->domain);
	char *canonical = NULL;
	struct complaint what;
	struct address a;

	if (address_parse(&a, text, strlen(text), &what) < 0) {
		(void)node_complain_key(block, why, "%s", what.text);
	} else {
		if (strcmp(address_domain(a.canonical), d->domain) == 0)
			canonical = mem_text(a.canonical);
		else
			(void)node_complain_key(block, why, "%s is not in %s", block->key, d->domain);
		address_free(&a);
	}
	free(text);
	return canonical;
}

static const struct style *
style_of_list(const struct destination *d, const char *address)
{
	for (size_t i = 0; i < d->list_count; i++)
		if (strcmp(d->lists[i].address, address) == 0)
			return &d->lists[i].style;
	return NULL;
}

/* The rows of a list's block: those of its posts, and what else may stand there. Allocated. */
static struct setting *
list_rows(void)
{
	static const struct setting modify = PART("modify", "What is changed in its posts.");
	struct setting *rows = mem_array(STYLE_COUNT + 2, sizeof(*rows));

	memcpy(rows, style_settings, STYLE_COUNT * sizeof(*rows));
	rows[STYLE_COUNT] = modify;
	rows[STYLE_COUNT + 1].kind = KIND_END;
	return rows;
}

static int
read_list(struct site *s, struct destination *d, const struct node *block, const char *path,
          struct complaint *why)
{
	char *address = named_list(d, block, why), *own;
	struct list_block *l;
	struct setting *rows;
	int rc;

	if (address == NULL)
		return -1;
	if (style_of_list(d, address) != NULL) {
		free(address);
		return node_complain_key(block, why, "the list %s stands here a second time", block->key);
	}
	l = &d->lists[d->list_count++];
	l->address = address;
	own = mem_format("%s.lists.%s", path, block->key);
	rows = list_rows();
	rc = read_style(s, d, rows, &l->style, block, own, why);
	if (rc == 0)
		rc = modifiers_read(s, block, own, &l->modifiers, why);
	free(rows);
	free(own);
	return rc;
}

static int
read_styles(struct site *s, struct destination *d, const struct node *block, const char *path,
            struct complaint *why)
{
	const struct node *lists = node_child(block, "lists");
	char *posts = mem_format("%s.posts", path);
	int rc = read_style(s, d, style_settings, &d->style, node_child(block, "posts"), posts, why);

	if (rc == 0)
		style_complete(&d->style, posts, &s->effective);
	free(posts);
	if (rc < 0 || lists == NULL)
		return rc;
	if (lists->kind != NODE_MAP)
		return node_complain(lists, why, "lists takes a block for each list");
	d->lists = mem_array(lists->count, sizeof(*d->lists));
	for (size_t i = 0; i < lists->count; i++)
		if (read_list(s, d, lists->children[i], path, why) < 0)
			return -1;
	return 0;
}

static int
read_destination(struct site *s, const struct node *block, unsigned *links, struct complaint *why)
{
	struct destination *d = &s->destinations[s->destination_count++];
	struct destination_values v = { 0 };
	char *path = mem_format("destinations.%s", block->key);
	int rc = -1;

	d->domain = domain_canonical(block->key, strlen(block->key), why);
	if (d->domain == NULL) {
		struct complaint what = *why;

		(void)node_complain_key(block, why, "%s", what.text);
		goto out;
	}
	for (size_t i = 0; i + 1 < s->destination_count; i++)
		if (strcmp(s->destinations[i].domain, d->domain) == 0) {
			(void)node_complain_key(block, why, "the domain %s stands here a second time",
			                        block->key);
			goto out;
		}
	if (setting_read(destination_settings, &v, block, path, &s->effective, why) < 0)
		goto out;
	if (take_destination(s, d, block, &v, why) == 0 && read_styles(s, d, block, path, why) == 0) {
		d->chain = chain_open(node_child(block, "check"), path, links, &s->effective, why);
		rc = d->chain == NULL ||
		                     modifiers_read(s, block, path, &d->modifiers, why) < 0
		             ? -1
		             : rules_read(s, block, path, &d->rules, &d->rule_count, links, why);
	}
	setting_free(destination_settings, &v);
out:
	free(path);
	return rc;
}

/* Where everything is a list, or nothing at all. */
static bool
holds_lists_only(const struct site *s, const char *canonical)
{
	const struct destination *d = site_destination(s, canonical);

	return d != NULL && !d->shared;
}

/* Senders that no destination has anything to say about. */
static int
check_senders(const struct site *s, const struct node *root, struct complaint *why)
{
	for (size_t i = 0; i < s->sender_count; i++) {
		bool used = s->senders[i].chain != NULL;

		for (size_t d = 0; d < s->destination_count; d++)
			for (size_t r = 0; r < s->destinations[d].rule_count; r++)
				used |= s->destinations[d].rules[r].who == &s->senders[i];
		if (!used)
			return node_complain(node_child(root, "senders")->children[i], why,
			                     "%s: nothing is asked of them: there is no check here, and no "
			                     "destination names them", s->senders[i].name);
	}
	return 0;
}

int
destinations_read(struct site *s, const struct node *root, struct complaint *why)
{
	const struct node *n = node_child(root, "destinations");
	unsigned links = 0;

	if (n == NULL || n->kind != NODE_MAP || n->count == 0)
		return node_complain(n == NULL ? root : n, why,
		                     "\"destinations\" is missing: a block for each domain of lists");
	if (senders_read(root, &s->senders, &s->sender_count, &links, &s->effective, why) < 0)
		return -1;
	s->destinations = mem_array(n->count, sizeof(*s->destinations));
	for (size_t i = 0; i < n->count; i++)
		if (read_destination(s, n->children[i], &links, why) < 0)
			return -1;
	if (check_senders(s, root, why) < 0)
		return -1;
	if (s->errors != NULL && holds_lists_only(s, s->errors))
		return node_complain(node_child_or(root, "errors"), why,
		                     "errors: %s is in a domain of lists: failures would go to a list",
		                     s->errors);
	return 0;
}

void
destinations_free(struct site *s)
{
	for (size_t i = 0; i < s->destination_count; i++) {
		struct destination *d = &s->destinations[i];

		free(d->domain);
		setting_free(style_settings, &d->style);
		for (size_t k = 0; k < d->list_count; k++) {
			free(d->lists[k].address);
			setting_free(style_settings, &d->lists[k].style);
			modifiers_close(&d->lists[k].modifiers);
		}
		free(d->lists);
		chain_close(&d->chain);
		rules_free(d->rules, d->rule_count);
		modifiers_close(&d->modifiers);
	}
	free(s->destinations);
	senders_free(s->senders, s->sender_count);
}

int
destination_style(const struct destination *d, const struct list *l, const char *style[STYLE_COUNT],
                  struct complaint *why)
{
	return style_merge(style, l, style_of_list(d, l->address), &d->style, why);
}
