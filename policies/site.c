/* The site: the common part of the configuration. */
#include "policies/site.h"

#include "base/mem.h"
#include "mail/address.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SITE(f) offsetof(struct site, f)
#define PART(n, h) { .name = (n), .kind = KIND_PART, .help = (h) }

/* Fields that are read as text before they become what the site keeps. */
struct site_texts {
	char *hostname, *state, *user, *errors;
	struct text_list networks;
};

#define TEXTS(f) offsetof(struct site_texts, f)

static int
check_domain(const char *text, struct complaint *why)
{
	char *domain = domain_canonical(text, strlen(text), why);

	free(domain);
	return domain == NULL ? -1 : 0;
}

static int
check_address(const char *text, struct complaint *why)
{
	struct address a;
	int rc = address_parse(&a, text, strlen(text), why);

	address_free(&a);
	return rc;
}

static int
check_path(const char *text, struct complaint *why)
{
	return *text == '/' ? 0 : complain(why, "\"%s\" is no absolute path", text);
}

static int
check_delimiter(const char *text, struct complaint *why)
{
	if (*text == '\0' || (strchr("+-=_#.", *text) != NULL && text[1] == '\0'))
		return 0;
	return complain(why, "\"%s\" is not one of + - = _ # . or empty", text);
}

const struct setting site_settings[] = {
	{ .name = "hostname", .kind = KIND_TEXT, .offset = TEXTS(hostname), .check = check_domain,
	  .help = "The name of this host in greetings, Received fields and reports. Without it the "
	          "system's." },
	{ .name = "state", .kind = KIND_TEXT, .offset = TEXTS(state), .fallback = "/var/lib/rollcall",
	  .flags = SETTING_RESTART, .check = check_path,
	  .help = "The directory for everything that is kept: the spool and the control sockets. On a "
	          "file system of this host." },
	{ .name = "user", .kind = KIND_TEXT, .offset = TEXTS(user), .flags = SETTING_RESTART,
	  .help = "The user to run as, where a daemon is started by root." },
	{ .name = "errors", .kind = KIND_TEXT, .offset = TEXTS(errors), .check = check_address,
	  .help = "The address that gets bounces and reports of lists that name none, and mail to owners "
	          "of lists that have none. It must not be a list, nor in a domain of lists that is not "
	          "shared." },
	{ .name = "networks", .kind = KIND_TEXTS, .offset = TEXTS(networks),
	  .fallback = "127.0.0.0/8, ::1", .check = network_check,
	  .help = "Trusted networks: clients in them count as proven posters, as those with a SASL "
	          "login do." },
	PART("log", "Where the log goes, see below."),
	PART("limits", "What is too big, see below."),
	PART("sources", "Where lists come from: a block for each, under a name of your own."),
	PART("destinations", "The domains of lists: a block for each, under the domain."),
	PART("workers", "How many checks that wait do so at the same time, see below."),
	PART("milter", "Settings of rollcall-milter."),
	PART("socketmap", "Settings of rollcall-milter: how it tells the MTA what is a list."),
	PART("lmtp", "Settings of rollcall-expander: how it takes mail in."),
	PART("outbound", "Settings of rollcall-expander: how it puts mail into the MTA."),
	{ .kind = KIND_END },
};

const struct setting log_settings[] = {
	{ .name = "to", .kind = KIND_TEXT, .offset = SITE(log_to), .fallback = "syslog",
	  .help = "syslog (facility mail), stderr, or file:/path. The file is opened anew at a reload." },
	{ .name = "level", .kind = KIND_WORD, .offset = SITE(log_level), .fallback = "info",
	  .words = log_level_words, .help = "The least level that is logged." },
	{ .kind = KIND_END },
};

const struct setting limits_settings[] = {
	{ .name = "message", .kind = KIND_SIZE, .offset = offsetof(struct limits, message),
	  .fallback = "100M", .min = "1k", .max = "2G",
	  .help = "The largest message. The MTA's own limit should not be above it." },
	{ .name = "header", .kind = KIND_SIZE, .offset = offsetof(struct limits, header),
	  .fallback = "1M", .min = "4k", .max = "16M", .help = "The largest message header." },
	{ .name = "hops", .kind = KIND_NUMBER, .offset = offsetof(struct limits, hops),
	  .fallback = "50", .min = "5", .max = "1000",
	  .help = "A message with more Received fields than this is in a loop." },
	{ .kind = KIND_END },
};

struct destination_values {
	struct text_list sources;
	bool shared;
	char *delimiter;
	int64_t precedence;
};

static const char *const precedence_words[] = { "none", "list", "bulk", NULL };

const struct setting destination_settings[] = {
	{ .name = "sources", .kind = KIND_TEXTS, .offset = offsetof(struct destination_values, sources),
	  .flags = SETTING_REQUIRED, .min = "1", .max = "1",
	  .help = "The name of the source that the domain's lists come from." },
	{ .name = "shared", .kind = KIND_FLAG,
	  .offset = offsetof(struct destination_values, shared), .fallback = "no",
	  .help = "Whether the domain has other addresses as well, of people: what is no list there is "
	          "none of rollcall's business. The MTA learns by the socketmap what is one." },
	{ .name = "delimiter", .kind = KIND_TEXT,
	  .offset = offsetof(struct destination_values, delimiter), .fallback = "+",
	  .check = check_delimiter,
	  .help = "What stands between the name of a list and a detail that is ignored; one character, "
	          "or none." },
	{ .name = "precedence", .kind = KIND_WORD,
	  .offset = offsetof(struct destination_values, precedence), .fallback = "list",
	  .words = precedence_words,
	  .help = "The Precedence field of posts: list or bulk, which keeps old responders from "
	          "answering, or none, which leaves the poster's." },
	PART("check", "What is asked about a posting, in order; see rollcall-policies below."),
	{ .kind = KIND_END },
};

static int
read_log(struct site *s, const struct node *root, struct complaint *why)
{
	return setting_read(log_settings, s, node_child(root, "log"), "log", &s->effective, why);
}

/* The setting at fault, or the file. */
static const struct node *
place(const struct node *root, const char *key)
{
	const struct node *n = node_child(root, key);

	return n == NULL ? root : n;
}

static void
take_hostname(struct site *s, const struct site_texts *t)
{
	struct complaint unused;
	char name[256] = "";

	if (t->hostname != NULL) {
		s->hostname = domain_canonical(t->hostname, strlen(t->hostname), &unused);
		return;
	}
	(void)gethostname(name, sizeof(name) - 1);
	s->hostname = mem_text(*name == '\0' ? "localhost" : name);
}

/* From texts, which the rows have checked, to what is kept. */
static int
take_texts(struct site *s, const struct site_texts *t, struct complaint *why)
{
	struct address a;

	take_hostname(s, t);
	s->state = mem_text(t->state);
	s->user = mem_text(t->user);
	s->networks = networks_open();
	if (networks_add_all(s->networks, &t->networks, why) < 0)
		return -1;
	if (t->errors == NULL)
		return 0;
	if (address_parse(&a, t->errors, strlen(t->errors), why) < 0)
		return -1;
	s->errors = mem_text(a.canonical);
	address_free(&a);
	return 0;
}

static int
read_top(struct site *s, const struct node *root, struct complaint *why)
{
	struct site_texts t = { 0 };
	int rc = setting_read(site_settings, &t, root, "", &s->effective, why);

	if (rc < 0)
		return -1;
	rc = take_texts(s, &t, why);
	setting_free(site_settings, &t);
	return rc;
}

static int
read_sources(struct site *s, const struct node *root, bool strict, struct complaint *why)
{
	const struct node *n = node_child(root, "sources");

	if (n == NULL || n->kind != NODE_MAP || n->count == 0)
		return node_complain(n == NULL ? root : n, why,
		                     "\"sources\" is missing: a block for each source of lists");
	s->sources = mem_array(n->count, sizeof(*s->sources));
	for (size_t i = 0; i < n->count; i++) {
		struct source *source = source_from_config(n->children[i], strict, &s->effective, why);

		if (source == NULL)
			return -1;
		s->sources[s->source_count++] = source;
	}
	return 0;
}

static struct source *
find_source(const struct site *s, const struct node *block, const struct destination_values *v,
            struct complaint *why)
{
	enum { MOST = 64 };
	const char *words[MOST + 1] = { NULL }, *near;

	for (size_t i = 0; i < s->source_count; i++) {
		if (strcmp(s->sources[i]->name, v->sources.items[0]) == 0)
			return s->sources[i];
		if (i < MOST)
			words[i] = s->sources[i]->name;
	}
	near = text_nearest(v->sources.items[0], words);
	(void)node_complain(place(block, "sources"), why, "there is no source \"%s\"%s%s%s",
	                    v->sources.items[0], near == NULL ? "" : "; did you mean \"",
	                    near == NULL ? "" : near, near == NULL ? "" : "\"?");
	return NULL;
}

static int
take_destination(struct site *s, struct destination *d, const struct node *block,
                 const struct destination_values *v, struct complaint *why)
{
	d->source = find_source(s, block, v, why);
	if (d->source == NULL)
		return -1;
	d->shared = v->shared;
	d->delimiter = *v->delimiter;
	if (v->precedence > 0)
		d->precedence = mem_text(precedence_words[v->precedence]);
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

		(void)node_complain(block, why, "%s", what.text);
		goto out;
	}
	for (size_t i = 0; i + 1 < s->destination_count; i++)
		if (strcmp(s->destinations[i].domain, d->domain) == 0) {
			(void)node_complain(block, why, "the domain %s stands here a second time",
			                    block->key);
			goto out;
		}
	if (setting_read(destination_settings, &v, block, path, &s->effective, why) < 0)
		goto out;
	if (take_destination(s, d, block, &v, why) == 0) {
		d->chain = chain_open(node_child(block, "check"), path, links, &s->effective, why);
		rc = d->chain == NULL ? -1 : 0;
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

static int
read_destinations(struct site *s, const struct node *root, struct complaint *why)
{
	const struct node *n = node_child(root, "destinations");
	unsigned links = 0;

	if (n == NULL || n->kind != NODE_MAP || n->count == 0)
		return node_complain(n == NULL ? root : n, why,
		                     "\"destinations\" is missing: a block for each domain of lists");
	s->destinations = mem_array(n->count, sizeof(*s->destinations));
	for (size_t i = 0; i < n->count; i++)
		if (read_destination(s, n->children[i], &links, why) < 0)
			return -1;
	if (s->errors != NULL && holds_lists_only(s, s->errors))
		return node_complain(place(root, "errors"), why,
		                     "errors: %s is in a domain of lists: failures would go to a list",
		                     s->errors);
	return 0;
}

static int
read_workers(struct site *s, const struct node *root, struct complaint *why)
{
	struct workers w = { 0 };

	if (setting_read(workers_settings, &w, node_child(root, "workers"), "workers", &s->effective,
	                 why) < 0)
		return -1;
	s->bulkheads = bulkheads_open(&w);
	return 0;
}

static int
read_parts(struct site *s, const struct node *root, const struct site_part *parts,
           struct complaint *why)
{
	size_t done = 0;
	int rc = 0;

	for (; parts[done].name != NULL && rc == 0; done++)
		rc = setting_read(parts[done].settings, parts[done].values,
		                  node_child(root, parts[done].name), parts[done].name, &s->effective,
		                  why);
	if (rc < 0)                       /* the last one has freed itself */
		while (done-- > 1)
			setting_free(parts[done - 1].settings, parts[done - 1].values);
	return rc;
}

struct site *
site_load(const char *file, bool strict, const struct site_part *parts, struct complaint *why)
{
	struct site *s = mem_new(sizeof(*s));
	struct node *root;
	int rc = -1;

	atomic_init(&s->references, 1);
	s->file = mem_text(file);
	root = config_load(s->file, why);
	if (root != NULL && read_top(s, root, why) == 0 && read_log(s, root, why) == 0 &&
	    setting_read(limits_settings, &s->limits, node_child(root, "limits"), "limits",
	                 &s->effective, why) == 0 &&
	    read_workers(s, root, why) == 0 && read_sources(s, root, strict, why) == 0 &&
	    read_destinations(s, root, why) == 0)
		rc = read_parts(s, root, parts, why);
	config_free(&root);
	if (rc < 0)
		site_drop(&s);
	return s;
}

struct site *
site_hold(struct site *s)
{
	(void)atomic_fetch_add(&s->references, 1);
	return s;
}

void
site_drop(struct site **site)
{
	struct site *s = *site;

	*site = NULL;
	if (s == NULL || atomic_fetch_sub(&s->references, 1) > 1)
		return;
	bulkheads_close(&s->bulkheads);   /* first: no policy runs any more */
	for (size_t i = 0; i < s->destination_count; i++) {
		free(s->destinations[i].domain);
		free(s->destinations[i].precedence);
		chain_close(&s->destinations[i].chain);
	}
	free(s->destinations);
	for (size_t i = 0; i < s->source_count; i++)
		source_close(&s->sources[i]);
	free(s->sources);
	networks_close(&s->networks);
	effective_list_free(&s->effective);
	setting_free(log_settings, s);
	free(s->file);
	free(s->hostname);
	free(s->state);
	free(s->user);
	free(s->errors);
	free(s);
}

static const struct effective *
find_effective(const struct effective_list *list, const char *path)
{
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->items[i].path, path) == 0)
			return &list->items[i];
	return NULL;
}

/* Those of one list that have another value in the other; or, where `missing`, are not there. */
static void
note_differences(const struct effective_list *these, const struct effective_list *others, bool missing)
{
	for (size_t i = 0; i < these->count; i++) {
		const struct effective *e = &these->items[i], *other = find_effective(others, e->path);

		if (e->restart && (other == NULL || (!missing && strcmp(e->value, other->value) != 0)))
			log_say(LEVEL_WARN, "reload", "%s takes effect at the next start only", e->path);
	}
}

int
site_reload(const char *program, const struct site *old, const struct site *new,
            struct complaint *why)
{
	if (new == NULL ||
	    log_open(program, new->log_to, (enum log_level)new->log_level, why) < 0) {
		log_say(LEVEL_ERROR, "reload", "%s; the old configuration stays in force", why->text);
		return -1;
	}
	note_differences(&new->effective, &old->effective, false);
	note_differences(&old->effective, &new->effective, true);
	return 0;
}

char *
site_spool(const struct site *s)
{
	return mem_format("%s/spool", s->state);
}

char *
site_control(const struct site *s, const char *program)
{
	return mem_format("%s/%s.control", s->state, program);
}
