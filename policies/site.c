/* The site: the common part of the configuration. */
#include "policies/site.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/programs.h"
#include "mail/address.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SITE(f) offsetof(struct site, f)
#define PART(n, h) { .name = (n), .kind = KIND_PART, .help = (h) }

/* Fields that are read as text before they become what the site keeps. */
struct site_texts {
	char *hostname, *state, *keys, *user, *errors;
	struct text_list networks;
};

#define TEXTS(f) offsetof(struct site_texts, f)

const struct setting site_settings[] = {
	{ .name = "hostname", .kind = KIND_TEXT, .offset = TEXTS(hostname), .check = domain_check,
	  .help = "The name of this host in greetings, Received fields and reports. Without it the "
	          "system's." },
	{ .name = "state", .kind = KIND_TEXT, .offset = TEXTS(state), .fallback = "/var/lib/rollcall",
	  .flags = SETTING_RESTART, .check = file_check_path,
	  .help = "The directory for everything that is kept: the spool and the control sockets. On a "
	          "file system of this host." },
	{ .name = "keys", .kind = KIND_TEXT, .offset = TEXTS(keys), .check = file_check_path,
	  .help = "The directory of the keys by which rollcall knows what it has made itself, see "
	          "rollcallctl key. Without it the directory keys below state. Several hosts need the "
	          "same ones." },
	{ .name = "user", .kind = KIND_TEXT, .offset = TEXTS(user), .flags = SETTING_RESTART,
	  .help = "The user to run as, where a daemon is started by root." },
	{ .name = "errors", .kind = KIND_TEXT, .offset = TEXTS(errors), .check = address_check,
	  .help = "The address that gets bounces and reports of lists that name none, and mail to owners "
	          "of lists that have none. It must not be a list, nor in a domain of lists that is not "
	          "shared." },
	{ .name = "networks", .kind = KIND_TEXTS, .offset = TEXTS(networks),
	  .fallback = "127.0.0.0/8, ::1", .check = network_check,
	  .help = "Trusted networks: clients in them count as proven posters, as those with a SASL "
	          "login do." },
	PART("log", "Where the log goes, see below."),
	PART("limits", "What is too big, see below."),
	PART("stamp", "What the milter tells the expander, and when it is believed, see below."),
	PART("sources", "Where lists come from: a block for each, under a name of your own."),
	PART("senders", "Kinds of senders, of whom other things are asked: a block for each, under a name "
	     "of your own. The first that holds counts."),
	PART("destinations", "The domains of lists: a block for each, under the domain."),
	PART("workers", "How many checks that wait do so at the same time, see below."),
	PART("dns", "How names are looked up, see below."),
	PART("milter", "Settings of rollcall-milter."),
	PART("socketmap", "Settings of rollcall-milter: how it tells the MTA what is a list."),
	PART("lmtp", "Settings of rollcall-expander: how it takes mail in."),
	PART("outbound", "Settings of rollcall-expander: how it puts mail into the MTA."),
	PART("moderation", "Settings of rollcall-expander: what becomes of posts that are held."),
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

static const char *const match_words[] = { [STAMP_BY_QUEUE_ID] = "queue-id",
	                                   [STAMP_BY_DIGEST] = "digest", NULL };

const struct setting stamp_settings[] = {
	{ .name = "lifetime", .kind = KIND_TIME, .offset = offsetof(struct stamp_rules, lifetime),
	  .fallback = "7d", .min = "1m", .max = "365d",
	  .help = "How old a stamp may be: longer than the MTA keeps a message in its queue." },
	{ .name = "match", .kind = KIND_WORD, .offset = offsetof(struct stamp_rules, match),
	  .fallback = "queue-id", .words = match_words,
	  .help = "How a stamp is known to be of a message: queue-id, by the MTA's name for it and its "
	          "sender; digest, by From, Date, Message-ID and Subject alone, for sites where a content "
	          "filter behind the milter puts mail into the queue again, under another name, and does "
	          "not pass the first one on by XFORWARD." },
	{ .kind = KIND_END },
};

static int
read_log(struct site *s, const struct node *root, struct complaint *why)
{
	return setting_read(log_settings, s, node_child(root, "log"), "log", &s->effective, why);
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

	take_hostname(s, t);
	s->state = mem_text(t->state);
	s->keys = t->keys != NULL ? mem_text(t->keys) : mem_format("%s/keys", t->state);
	s->user = mem_text(t->user);
	programs_trust(s->user);
	s->networks = networks_open();
	if (networks_add_all(s->networks, &t->networks, why) < 0)
		return -1;
	if (t->errors == NULL)
		return 0;
	s->errors = address_canonical(t->errors, why);
	return s->errors == NULL ? -1 : 0;
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
		struct source *source;

		if (strchr(n->children[i]->key, '+') != NULL)
			return node_complain_key(n->children[i], why,
			                         "the name of a source has no +: that stands "
			                         "between several");
		source = source_from_config(n->children[i], strict, &s->effective, why);
		if (source == NULL)
			return -1;
		s->sources[s->source_count++] = source;
		s->named_count = s->source_count;
	}
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
read_dns(struct site *s, const struct node *root, struct complaint *why)
{
	struct dns_settings d = { 0 };

	if (setting_read(dns_settings, &d, node_child(root, "dns"), "dns", &s->effective, why) < 0)
		return -1;
	s->resolver = resolver_open(&d);
	setting_free(dns_settings, &d);
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
	    setting_read(stamp_settings, &s->stamp, node_child(root, "stamp"), "stamp", &s->effective,
	                 why) == 0 &&
	    read_workers(s, root, why) == 0 && read_dns(s, root, why) == 0 &&
	    read_sources(s, root, strict, why) == 0 &&
	    destinations_read(s, root, why) == 0)
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
	resolver_close(&s->resolver);
	destinations_free(s);
	for (size_t i = s->source_count; i-- > 0;)          /* unions before what they unite */
		source_close(&s->sources[i]);
	free(s->sources);
	networks_close(&s->networks);
	effective_list_free(&s->effective);
	setting_free(log_settings, s);
	free(s->file);
	free(s->hostname);
	free(s->state);
	free(s->keys);
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

static bool
has_need(const struct chain *c, enum need need)
{
	size_t i = 0;

	while (i < c->count && !(c->links[i].policy->needs & need))
		i++;
	return i < c->count;
}

bool
site_needs(const struct site *s, enum need need)
{
	for (size_t i = 0; i < s->destination_count; i++) {
		const struct destination *d = &s->destinations[i];

		if (has_need(d->chain, need))
			return true;
		for (size_t r = 0; r < d->rule_count; r++)
			if (has_need(d->rules[r].chain, need))
				return true;
	}
	return false;
}

const char *
site_effective(const struct site *s, const char *path)
{
	const struct effective *e = find_effective(&s->effective, path);

	return e == NULL ? NULL : e->value;
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

struct keys *
site_keys(const struct site *s, struct complaint *why)
{
	return keys_open(s->keys, s->user, why);
}
