/*
 * Lists from a JSON file:
 *
 *	{ "lists": [
 *		{ "address": "dev@lists.example.com",
 *		  "alternates": [ "developers@lists.example.com" ],
 *		  "name": "Development",
 *		  "members": [ "ann@example.com", "qa@lists.example.com" ],
 *		  "owners": [ "ann@example.com" ],
 *		  "errors": "postmaster@example.com",
 *		  "settings": [ "reply-to: list" ] } ] }
 *
 * A member that is the address of a list of the same file is that list: it is walked in its place.
 * The file is looked at before every answer and read again when it has changed; one that cannot be
 * read or is wrong makes every answer unsure, since nobody knows what it should have said. It is
 * kept packed: a string of members costs its length.
 */
#include "base/bytes.h"
#include "base/file.h"
#include "base/json.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/set.h"
#include "mail/address.h"
#include "sources/source.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { LARGEST_FILE = 1 << 30, DEEPEST = 500 };

struct file_config {
	char *path;
};

/* Strings one behind the other, each with its NUL. */
struct group {
	struct list *list;
	struct text_list alternates;
	struct bytes members, owners;
};

/* What one reading of the file said. Shared by walks that are under way. */
struct reading {
	atomic_int references;
	struct group *groups;
	size_t count;
	struct map *by_address;           /* canonical → struct group */
};

struct file_source {
	struct source source;
	struct file_config config;
	pthread_mutex_t lock;             /* over what follows */
	struct reading *reading;
	struct stat read_as;              /* of the file when it was read */
	struct complaint failed;          /* why there is no reading */
};

static const struct setting settings[] = {
	SOURCE_SETTINGS,
	{ .name = "path", .kind = KIND_TEXT, .offset = offsetof(struct file_config, path),
	  .flags = SETTING_REQUIRED,
	  .help = "The JSON file. It is read again whenever it changes; put a new one in its place by "
	          "rename." },
	{ .kind = KIND_END },
};

static void
reading_drop(struct reading **reading)
{
	struct reading *r = *reading;

	*reading = NULL;
	if (r == NULL || atomic_fetch_sub(&r->references, 1) > 1)
		return;
	for (size_t i = 0; i < r->count; i++) {
		list_drop(&r->groups[i].list);
		text_list_free(&r->groups[i].alternates);
		bytes_free(&r->groups[i].members);
		bytes_free(&r->groups[i].owners);
	}
	free(r->groups);
	map_close(&r->by_address);
	free(r);
}

/* The canonical form of the address under a key, or NULL with a complaint. */
static char *
canonical_at(const struct js *j, const char *key, struct complaint *why)
{
	const char *text = js_text(j, key);
	struct address a;
	char *canonical;

	if (text == NULL) {
		(void)complain(why, "\"%s\" is no text", key);
		return NULL;
	}
	if (address_parse(&a, text, strlen(text), why) < 0) {
		(void)complain_within(why, "\"%s\"", key);
		return NULL;
	}
	canonical = mem_text(a.canonical);
	address_free(&a);
	return canonical;
}

static int
pack(const struct js *j, const char *key, struct bytes *into, struct complaint *why)
{
	const struct js *array = js_get(j, key);

	if (array == NULL)
		return 0;
	if (!js_is_array(array))
		return complain(why, "\"%s\" is no list", key);
	for (size_t i = 0; i < js_count(array); i++) {
		const char *text = js_string_at(array, i);

		if (text == NULL)
			return complain(why, "%s[%zu] is no text", key, i);
		bytes_add(into, text, strlen(text) + 1);
	}
	return 0;
}

static int
add_alternates(const struct js *j, struct group *g, struct complaint *why)
{
	struct bytes packed = { 0 };
	int rc = pack(j, "alternates", &packed, why);

	for (size_t at = 0; rc == 0 && at < packed.length; at += strlen(packed.data + at) + 1) {
		struct address a;

		rc = address_parse(&a, packed.data + at, strlen(packed.data + at), why);
		if (rc < 0)
			break;
		text_list_add(&g->alternates, a.canonical, strlen(a.canonical));
		address_free(&a);
	}
	bytes_free(&packed);
	return rc;
}

static int
add_settings(const struct js *j, struct list *list, struct complaint *why)
{
	struct bytes packed = { 0 };
	int rc = pack(j, "settings", &packed, why);

	for (size_t at = 0; rc == 0 && at < packed.length; at += strlen(packed.data + at) + 1)
		text_list_add(&list->settings, packed.data + at, strlen(packed.data + at));
	bytes_free(&packed);
	return rc;
}

static int
read_group(const struct js *j, struct group *g, struct complaint *why)
{
	static const char *const keys[] = { "address", "alternates", "name", "members",
		                            "owners",  "errors",     "settings", NULL };
	const char *unknown, *name = js_text(j, "name");
	char *address, *errors = NULL;

	if (!js_is_object(j))
		return complain(why, "is no object");
	unknown = js_unknown_key(j, keys);
	if (unknown != NULL)
		return complain(why, "there is no key \"%s\" here", unknown);
	address = canonical_at(j, "address", why);
	if (address == NULL)
		return -1;
	if (js_get(j, "errors") != NULL) {
		errors = canonical_at(j, "errors", why);
		if (errors == NULL) {
			free(address);
			return -1;
		}
	}
	g->list = list_new(address, mem_text(name), mem_text(address), errors);
	if (add_settings(j, g->list, why) < 0)
		return -1;
	if (add_alternates(j, g, why) < 0 || pack(j, "members", &g->members, why) < 0)
		return -1;
	return pack(j, "owners", &g->owners, why);
}

static int
index_address(struct reading *r, struct group *g, const char *address, struct complaint *why)
{
	if (map_put(r->by_address, address, strlen(address), g) != NULL)
		return complain(why, "two lists have the address %s", address);
	return 0;
}

/* The reading of a parsed file; NULL with a complaint. */
static struct reading *
read_lists(const struct js *root, struct complaint *why)
{
	const struct js *lists = js_get(root, "lists");
	struct reading *r = mem_new(sizeof(*r));
	int rc = 0;

	atomic_init(&r->references, 1);
	r->by_address = map_open();
	if (!js_is_array(lists))
		rc = complain(why, "there is no list \"lists\"");
	else
		r->groups = mem_array(js_count(lists), sizeof(*r->groups));
	for (size_t i = 0; rc == 0 && i < js_count(lists); i++) {
		struct group *g = &r->groups[r->count++];

		rc = read_group(js_at(lists, i), g, why);
		if (rc == 0)
			rc = index_address(r, g, g->list->address, why);
		for (size_t k = 0; rc == 0 && k < g->alternates.count; k++)
			rc = index_address(r, g, g->alternates.items[k], why);
		if (rc < 0)
			(void)complain_within(why, "lists[%zu]", i);
	}
	if (rc < 0)
		reading_drop(&r);
	return r;
}

static struct reading *
read_file(const char *path, struct complaint *why)
{
	struct bytes text = { 0 };
	struct reading *r = NULL;
	struct js *root;
	int rc = file_read(AT_FDCWD, path, LARGEST_FILE, &text, why);

	if (rc == 0)
		(void)complain(why, "there is no file %s", path);
	if (rc == 1) {
		root = js_parse(text.data, text.length, why);
		bytes_free(&text);        /* before the packed form is made */
		if (root != NULL)
			r = read_lists(root, why);
		if (r == NULL)
			(void)complain_within(why, "%s", path);
		js_drop(&root);
	}
	bytes_free(&text);
	return r;
}

static bool
same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* A reference to what the file says now, or NULL. */
static struct reading *
current(struct file_source *f, struct complaint *why)
{
	struct reading *r = NULL;
	struct stat now;

	(void)pthread_mutex_lock(&f->lock);
	if (stat(f->config.path, &now) < 0) {
		(void)complain_errno(why, "cannot look at %s", f->config.path);
		goto out;
	}
	if (!same_file(&now, &f->read_as)) {
		reading_drop(&f->reading);
		f->reading = read_file(f->config.path, &f->failed);
		f->read_as = now;
	}
	r = f->reading;
	if (r != NULL)
		(void)atomic_fetch_add(&r->references, 1);
	else
		*why = f->failed;
out:
	(void)pthread_mutex_unlock(&f->lock);
	return r;
}

static enum found
find_list(struct source *s, const char *const *addresses, size_t count, struct deadline by,
          struct list **list_r, size_t *which_r, struct complaint *why)
{
	struct reading *r = current((struct file_source *)s, why);
	enum found found = FOUND_NO;

	(void)by;
	if (r == NULL)
		return FOUND_UNSURE;
	for (size_t i = 0; i < count && found == FOUND_NO; i++) {
		const struct group *g = map_peek(r->by_address, addresses[i], strlen(addresses[i]));

		if (g == NULL)
			continue;
		*list_r = list_hold(g->list);
		*which_r = i;
		found = FOUND_YES;
	}
	reading_drop(&r);
	return found;
}

struct walk {
	struct reading *reading;
	struct set *visited;
	member_fn *fn;
	void *arg;
	struct walk_report *report;
	struct complaint *why;            /* when it stops */
	size_t depth;
};

/* Hands out one member, or walks the list it names. False when told to stop. */
static bool walk_group(struct walk *, const struct group *, const struct bytes *packed,
                       const struct via *up);

static bool
walk_member(struct walk *w, const char *text, const struct via *via)
{
	struct complaint unused;
	struct address a;
	const struct group *nested;
	bool more = true;

	if (address_parse(&a, text, strlen(text), &unused) < 0) {
		source_refuse(w->report, via, text, strlen(text), "mailbox address");
		return true;
	}
	nested = map_peek(w->reading->by_address, a.canonical, strlen(a.canonical));
	if (nested != NULL && (set_has(w->visited, nested->list->address, strlen(nested->list->address)) ||
	                       !walk_apart(w->report, nested->list->address))) {
		more = walk_group(w, nested, &nested->members, via);
	} else if (nested == NULL) {
		w->report->members++;
		more = w->fn(w->arg, &(struct member){ a.canonical, a.spelling, via, 0 });
		if (!more)
			(void)complain(w->why, "stopped");
	}
	address_free(&a);
	return more;
}

static bool
walk_group(struct walk *w, const struct group *g, const struct bytes *packed, const struct via *up)
{
	const struct via via = { up, g->list->address };
	bool more = true;

	if (!set_add(w->visited, via.name, strlen(via.name)))
		return true;
	if (w->depth == DEEPEST) {
		(void)complain(w->why, "%s: lists within lists, more than %d deep", via.name, DEEPEST);
		return false;
	}
	w->depth++;
	w->report->groups++;
	for (size_t at = 0; more && at < packed->length; at += strlen(packed->data + at) + 1)
		more = walk_member(w, packed->data + at, &via);
	w->depth--;
	return more;
}

static enum found
each_member(struct source *s, const struct list *list, enum people whom, struct deadline by,
            member_fn *fn, void *arg, struct walk_report *report, struct complaint *why)
{
	struct walk w = { current((struct file_source *)s, why), set_open(), fn, arg, report, why, 0 };
	const struct group *g = NULL;
	enum found found = FOUND_UNSURE;

	(void)by;
	if (w.reading != NULL) {
		g = map_peek(w.reading->by_address, list->key, strlen(list->key));
		if (g == NULL)
			found = FOUND_NO;
		else if (walk_group(&w, g, whom == PEOPLE_MEMBERS ? &g->members : &g->owners, NULL))
			found = FOUND_YES;
	}
	set_close(&w.visited);
	reading_drop(&w.reading);
	return found;
}

/* Adds the alternates in a domain. Whether the group has any address in it. */
static bool
is_in(const struct group *g, const char *domain, struct text_list *also)
{
	for (size_t i = 0; i < g->alternates.count; i++) {
		const char *address = g->alternates.items[i];

		if (strcmp(address_domain(address), domain) == 0)
			text_list_add(also, address, strlen(address));
	}
	return also->count > 0 || strcmp(address_domain(g->list->address), domain) == 0;
}

static enum found
each_list(struct source *s, const char *domain, struct deadline by, list_fn *fn, void *arg,
          struct complaint *why)
{
	struct reading *r = current((struct file_source *)s, why);
	bool more = r != NULL;

	(void)by;
	for (size_t i = 0; more && i < r->count; i++) {
		struct text_list also = { 0 };

		if (is_in(&r->groups[i], domain, &also)) {
			more = fn(arg, r->groups[i].list, &also);
			if (!more)
				(void)complain(why, "stopped");
		}
		text_list_free(&also);
	}
	reading_drop(&r);
	return more ? FOUND_YES : FOUND_UNSURE;
}

static void
close_source(struct source *s)
{
	struct file_source *f = (struct file_source *)s;

	reading_drop(&f->reading);
	setting_free(settings, &f->config);
	(void)pthread_mutex_destroy(&f->lock);
	free(f);
}

static const struct source_ops ops = {
	.kind = "file",
	.find_list = find_list,
	.each_member = each_member,
	.each_list = each_list,
	.close = close_source,
};

static struct source *
open_source(const char *name, void *config, struct complaint *why)
{
	struct file_source *f = mem_new(sizeof(*f));

	(void)why;                        /* a file that is missing may come later */
	f->source = (struct source){ &ops, mem_text(name) };
	f->config = *(struct file_config *)config;
	free(config);
	(void)pthread_mutex_init(&f->lock, NULL);
	return &f->source;
}

const struct source_kind source_file = {
	.name = "file",
	.summary = "Lists in a JSON file.",
	.settings = settings,
	.config_size = sizeof(struct file_config),
	.open = open_source,
};
