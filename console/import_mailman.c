/*
 * Mailman 3, as its REST API answers: lists/LIST/config (or lists), and lists/LIST/roster/member and
 * roster/owner (or members). In any order, several in one file as an array.
 */
#include "console/import.h"

#include "base/json.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* Files that were read: members may come before their list. */
struct page {
	char *file;
	struct js *json;
	struct page *next;
};

/* A collection comes in pages, which say how many there are in all. */
struct collection {
	char *name;
	int64_t seen, total;
};

struct mailman {
	struct page *pages, **last;
	struct map *by_id;                /* "staff.lists.example.com" → struct imported, borrowed */
	struct map *collections;          /* by name → struct collection */
};

static int
read_pages(struct import *im, const char *text, size_t length, struct complaint *why)
{
	struct mailman *m = im->own;
	struct js *j = js_parse(text, length, why);
	struct page *p;

	if (j == NULL)
		return complain_within(why, "%s", im->file);
	if (m == NULL) {
		im->own = m = mem_new(sizeof(*m));
		*m = (struct mailman){ .last = &m->pages, .by_id = map_open(),
			               .collections = map_open() };
	}
	p = mem_new(sizeof(*p));
	*p = (struct page){ mem_text(im->file), j, NULL };
	*m->last = p;
	m->last = &p->next;
	return 0;
}

/* ---- lists ---- */

/* What it says of answers and of the subject. */
static void
take_posts(struct import *im, struct imported *l, const struct js *j)
{
	const char *reply = js_text(j, "reply_goes_to_list"), *prefix = js_text(j, "subject_prefix");
	size_t length = prefix == NULL ? 0 : strlen(prefix);
	char *tag;

	while (length > 0 && prefix[length - 1] == ' ')
		length--;
	if (length > 0) {
		tag = mem_copy(prefix, length);
		import_setting(l, "subject-tag", tag);
		free(tag);
	}
	if (reply == NULL || strcmp(reply, "no_munging") == 0)
		return;
	if (strcmp(reply, "point_to_list") == 0)
		import_setting(l, "reply-to", "list");
	else if (strncmp(reply, "explicit_header", 15) == 0 && js_text(j, "reply_to_address") != NULL)
		import_setting(l, "reply-to", js_text(j, "reply_to_address"));
	else
		import_note(im, 0, false, "%s: reply_goes_to_list: %s has no counterpart", l->address, reply);
}

/* What belongs elsewhere. */
static void
note_others(struct import *im, const struct imported *l, const struct js *j)
{
	const char *action = js_text(j, "default_nonmember_action");
	const char *dmarc = js_text(j, "dmarc_mitigate_action");
	int64_t kilobytes = js_number(j, "max_message_size", 0);

	if (kilobytes > 0)
		import_note(im, 0, false, "%s: max_message_size: %lldk: see \"max-size\"", l->address,
		            (long long)kilobytes);
	if (action != NULL)
		import_note(im, 0, false, "%s: default_nonmember_action: %s: see \"posters\"", l->address,
		            action);
	if (dmarc != NULL && strcmp(dmarc, "no_mitigation") != 0)
		import_note(im, 0, false, "%s: dmarc_mitigate_action: %s: see \"from: rewrite\" under posts",
		            l->address, dmarc);
	if (js_flag(j, "anonymous_list", false))
		import_note(im, 0, false, "%s: anonymous_list has no counterpart", l->address);
}

static int
take_list(struct import *im, const struct js *j, struct complaint *why)
{
	struct mailman *m = im->own;
	const char *given = js_text(j, "list_id");
	struct imported *l = import_list(im, 0, js_text(j, "fqdn_listname"), why);
	char *id;

	if (l == NULL)
		return -1;
	l->known = true;
	id = mem_text(given == NULL ? l->address : given);
	if (given == NULL)
		*strrchr(id, '@') = '.';
	(void)map_put(m->by_id, id, strlen(id), l);
	free(id);
	import_set(&l->name, js_text(j, "display_name"));
	if (js_get(j, "reply_goes_to_list") != NULL && l->settings.count == 0) {
		take_posts(im, l, j);
		note_others(im, l, j);
	}
	return 0;
}

/* ---- members ---- */

static int
take_member(struct import *im, const struct js *j, struct complaint *why)
{
	struct mailman *m = im->own;
	const char *id = js_text(j, "list_id"), *role = js_text(j, "role"), *email = js_text(j, "email");
	const char *mode = js_text(j, "delivery_mode"), *status = js_text(j, "delivery_status");
	struct imported *l = id == NULL ? NULL : map_peek(m->by_id, id, strlen(id));

	if (l == NULL)
		return complain(why, "%s: %s is in %s, of which there is no list here", im->file, email,
		                id == NULL ? "nothing" : id);
	if (role == NULL)
		return complain(why, "%s: %s has no role in %s", im->file, email, id);
	if (strcmp(role, "owner") == 0)
		import_owner(im, l, 0, email);
	else if (strcmp(role, "member") != 0)
		import_note(im, 0, false, "%s: %s: the role %s has no counterpart", l->address, email, role);
	else if (status != NULL && strcmp(status, "enabled") != 0)
		import_note(im, 0, false, "%s: %s gets no posts (%s), and is left out", l->address, email,
		            status);
	else
		import_member(im, l, 0, email);
	if (strcmp(role, "member") == 0 && mode != NULL && strcmp(mode, "regular") != 0)
		import_note(im, 0, false, "%s: %s: %s has no counterpart: gets each post", l->address, email,
		            mode);
	return 0;
}

/* ---- pages ---- */

/* What a page is of: the members of one list with one role, or all. */
static char *
collection_name(const struct js *entries)
{
	const struct js *first = js_at(entries, 0);
	const char *id = js_text(first, "list_id"), *role = js_text(first, "role");

	if (js_text(first, "email") == NULL)
		return mem_text("lists");
	for (size_t i = 1; i < js_count(entries); i++) {
		const char *other = js_text(js_at(entries, i), "list_id");

		if (id != NULL && (other == NULL || strcmp(id, other) != 0))
			return mem_text("members");
	}
	return mem_format("%s of %s", role == NULL ? "members" : role, id == NULL ? "nothing" : id);
}

static void
count_page(struct mailman *m, const struct js *page, const struct js *entries)
{
	char *name = collection_name(entries);
	struct collection *c = map_peek(m->collections, name, strlen(name));

	if (c == NULL) {
		c = mem_new(sizeof(*c));
		c->name = mem_text(name);
		(void)map_put(m->collections, name, strlen(name), c);
	}
	c->seen += (int64_t)js_count(entries);
	c->total = js_number(page, "total_size", c->seen);
	free(name);
}

/* One thing, or those of a page or an array, one level of each inside the other. */
static int
take_each(struct import *im, const struct js *j, bool members, int depth, struct complaint *why)
{
	const struct js *entries = js_get(j, "entries");
	const struct js *array = js_is_array(j) ? j : entries;
	int rc = 0;

	if (array != NULL && depth > 0) {
		if (members && entries != NULL && js_count(entries) > 0)
			count_page(im->own, j, entries);
		for (size_t i = 0; i < js_count(array) && rc == 0; i++)
			rc = take_each(im, js_at(array, i), members, depth - 1, why);
		return rc;
	}
	if (js_text(j, "fqdn_listname") != NULL)
		return members ? 0 : take_list(im, j, why);
	if (js_text(j, "email") != NULL)
		return members ? take_member(im, j, why) : 0;
	if (js_is_object(j) && js_number(j, "total_size", 1) == 0)
		return 0;
	return complain(why, "%s: something is neither a list (fqdn_listname) nor a member (email)",
	                im->file);
}

static void
check_collection(void *arg, void *value)
{
	const struct collection **incomplete = arg, *one = value;

	if (one->seen != one->total)
		*incomplete = one;
}

static int
take_all(struct import *im, bool members, struct complaint *why)
{
	struct mailman *m = im->own;
	int rc = 0;

	for (const struct page *p = m->pages; p != NULL && rc == 0; p = p->next) {
		im->file = p->file;
		rc = take_each(im, p->json, members, 2, why);
	}
	return rc;
}

static void
close_mailman(struct mailman *m)
{
	struct collection *c;

	while (m->pages != NULL) {
		struct page *p = m->pages;

		m->pages = p->next;
		free(p->file);
		js_drop(&p->json);
		free(p);
	}
	while ((c = map_remove_oldest(m->collections)) != NULL) {
		free(c->name);
		free(c);
	}
	map_close(&m->collections);
	map_close(&m->by_id);
	free(m);
}

static int
end(struct import *im, struct complaint *why)
{
	struct mailman *m = im->own;
	const struct collection *incomplete = NULL;
	int rc;

	if (m == NULL)
		return 0;
	rc = take_all(im, false, why) < 0 || take_all(im, true, why) < 0 ? -1 : 0;
	map_each(m->collections, check_collection, &incomplete);
	if (rc == 0 && incomplete != NULL)
		rc = complain(why, "%s: %lld of %lld are here: give all pages", incomplete->name,
		              (long long)incomplete->seen, (long long)incomplete->total);
	close_mailman(m);
	im->own = NULL;
	return rc;
}

const struct import_kind import_mailman = {
	"mailman", "Mailman 3: JSON of its REST API: lists, config, members, rosters", read_pages, end,
};
