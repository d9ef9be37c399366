/* What every source must do, on the same lists. */
#include "tests/unit/source_contract.h"

#include "tests/unit/unit.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "base/set.h"

#include <pthread.h>

enum { PATIENCE = 10000 };

static const char *what;
static unsigned lacks;                   /* of enum lacking */

struct source *
source_from_text(const char *yaml)
{
	char *text = mem_format("corp:\n%s", yaml);
	struct complaint why;
	struct node *root = config_parse("test", text, strlen(text), &why);
	struct source *s = NULL;

	if (root != NULL)
		s = source_from_config(root->children[0], true, NULL, &why);
	if (s == NULL)
		fail_msg("%s", why.text);
	config_free(&root);
	free(text);
	return s;
}

void
source_refused(const char *kind, const char *settings, const char *want)
{
	char *text = mem_format("corp: { kind: %s, %s }\n", kind, settings);
	struct complaint why;
	struct node *root = config_parse("test", text, strlen(text), &why);

	assert_non_null(root);
	assert_null(source_from_config(root->children[0], true, NULL, &why));
	if (strstr(why.text, want) == NULL)
		fail_msg("%s: %s", settings, why.text);
	config_free(&root);
	free(text);
}

void
in_four_threads(void *(*run)(void *), void *arg)
{
	pthread_t threads[4];

	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, run, arg), 0);
	for (int i = 0; i < 4; i++)
		(void)pthread_join(threads[i], NULL);
}

enum found
ask_source(struct source *s, const char *address, struct complaint *why)
{
	struct list *l = NULL;
	size_t which;
	enum found found = source_find_list(s, &address, 1, deadline_in(60000), &l, &which, why);

	list_drop(&l);
	return found;
}

bool
note_spelling(void *bytes, const struct member *m)
{
	bytes_format(bytes, "%s|", m->spelling);
	return true;
}

static void
check_find(struct source *s, const char *const *addresses, size_t count, enum found want,
           const char *list, size_t index)
{
	struct complaint why = { "" };
	struct list *l = NULL;
	size_t which = 99;
	enum found found = source_find_list(s, addresses, count, deadline_in(PATIENCE), &l, &which, &why);

	if (found != want)
		fail_msg("%s: %s: got %d (%s), want %d", what, addresses[0], found, why.text, want);
	if (want == FOUND_YES) {
		same_text(what, l->address, list);
		same_number(what, (long long)which, (long long)index);
	} else {
		assert_null(l);
	}
	list_drop(&l);
}

static void
check_one(struct source *s, const char *address, enum found want, const char *list)
{
	check_find(s, &address, 1, want, list, 0);
}

static void
finding(struct source *s)
{
	static const char *const owner[] = { "staff-owner@lists.example.com", "staff@lists.example.com" };
	static const char *const exact[] = { "dev-owner@lists.example.com", "dev@lists.example.com" };
	static const char *const none[] = { "a@lists.example.com", "b@lists.example.com" };

	check_one(s, "staff@lists.example.com", FOUND_YES, "staff@lists.example.com");
	if (!(lacks & LACKS_SETTINGS))
		check_one(s, "everybody@lists.example.com", FOUND_YES, "staff@lists.example.com");
	check_one(s, "stuff@lists.example.com", FOUND_NO, NULL);
	check_find(s, owner, 2, FOUND_YES, "staff@lists.example.com", 1);
	check_find(s, exact, 2, FOUND_YES, "dev-owner@lists.example.com", 0);
	check_find(s, none, 2, FOUND_NO, NULL, 0);
	/* A person is no list. */
	check_one(s, "ann@example.com", FOUND_NO, NULL);
	/* Whatever a stranger writes is an address like others, and none of ours. */
	check_one(s, "*@lists.example.com", FOUND_NO, NULL);
	check_one(s, "st*@lists.example.com", FOUND_NO, NULL);
	check_one(s, "\"staff)(mail=*\"@lists.example.com", FOUND_NO, NULL);
	check_one(s, "\"staff\\\\2a\"@lists.example.com", FOUND_NO, NULL);
	check_one(s, "gr\xc3\xb6sse@lists.example.com", FOUND_NO, NULL);
	/* IDN: the directory has the one form, the question comes in the other. */
	check_one(s, "idn@xn--bcher-kva.example", FOUND_YES, "idn@xn--bcher-kva.example");
}

struct collected {
	struct set *addresses;
	char via[512];                    /* of the first carl */
	size_t calls, stop_after;
};

static bool
collect(void *arg, const struct member *m)
{
	struct collected *c = arg;
	const struct via *chain[16];
	size_t depth = 0;

	c->calls++;
	if (!set_add(c->addresses, m->canonical, strlen(m->canonical)))
		return c->calls != c->stop_after;
	for (const struct via *v = m->via; v != NULL && depth < 16; v = v->up)
		chain[depth++] = v;
	if (strcmp(m->canonical, "carl@example.com") == 0)
		while (depth-- > 0)
			(void)snprintf(c->via + strlen(c->via), sizeof(c->via) - strlen(c->via), "%s ",
			               chain[depth]->name);
	return c->calls != c->stop_after;
}

static struct list *
must_find(struct source *s, const char *address)
{
	struct complaint why;
	struct list *l = NULL;
	size_t which;

	if (source_find_list(s, &address, 1, deadline_in(PATIENCE), &l, &which, &why) != FOUND_YES)
		fail_msg("%s: %s is not found", what, address);
	return l;
}

/* The people of a list are these, ended by NULL, once each. */
static struct walk_report
check_people(struct source *s, const char *address, enum people whom, const char *const *want)
{
	struct list *l = must_find(s, address);
	struct collected c = { .addresses = set_open() };
	struct walk_report report;
	struct complaint why;
	size_t n = 0;

	if (source_each_member(s, l, whom, deadline_in(PATIENCE), collect, &c, &report, &why) !=
	    FOUND_YES)
		fail_msg("%s: %s: %s", what, address, why.text);
	for (; want[n] != NULL; n++)
		if (!set_has(c.addresses, want[n], strlen(want[n])))
			fail_msg("%s: %s: %s is missing", what, address, want[n]);
	if (set_count(c.addresses) != n)
		fail_msg("%s: %s: got %zu people, want %zu", what, address, set_count(c.addresses), n);
	assert_int_equal(report.members, c.calls);
	if (strcmp(address, "staff@lists.example.com") == 0 && whom == PEOPLE_MEMBERS)
		same_text(what, c.via, "staff@lists.example.com dev@lists.example.com ");
	set_close(&c.addresses);
	list_drop(&l);
	return report;
}

static void
walking(struct source *s)
{
	static const char *const staff[] = { "ann@example.com", "bob@example.com", "carl@example.com",
		                             "guest@partner.example.net", NULL };
	static const char *const diamond[] = { "ann@example.com", "dora@example.com", NULL };
	static const char *const owners[] = { "ann@example.com", NULL };
	static const char *const nobody[] = { NULL };
	struct walk_report r = check_people(s, "staff@lists.example.com", PEOPLE_MEMBERS, staff);

	assert_int_equal(r.groups, 2);    /* the cycle between them costs nothing */
	if (!(lacks & LACKS_SETTINGS))
		(void)check_people(s, "everybody@lists.example.com", PEOPLE_MEMBERS, staff);
	r = check_people(s, "diamond@lists.example.com", PEOPLE_MEMBERS, diamond);
	assert_int_equal(r.groups, 4);
	(void)check_people(s, "staff@lists.example.com", PEOPLE_OWNERS, owners);
	(void)check_people(s, "diamond@lists.example.com", PEOPLE_OWNERS, nobody);
	(void)check_people(s, "staff@lists.example.com", PEOPLE_MODERATORS, nobody);
	(void)check_people(s, "selfish@lists.example.com", PEOPLE_MEMBERS, nobody);
}

static bool
take_apart(void *arg, const char *canonical)
{
	(void)set_add(arg, canonical, strlen(canonical));
	return strcmp(canonical, "left@lists.example.com") != 0;
}

/* Lists within one are set apart, or else are walked; the list itself is never asked about. */
static void
apart(struct source *s, const char *address, const char *const *lists, const char *const *members)
{
	struct collected c = { .addresses = set_open() };
	struct set *met = set_open();
	const struct occasion occasion = { .sender = "", .apart = take_apart, .apart_arg = met };
	struct list *l = must_find(s, address);
	struct walk_report report;
	struct complaint why;
	size_t n = 0;

	if (source_each_recipient(s, l, &occasion, deadline_in(PATIENCE), collect, &c, &report, &why) !=
	    FOUND_YES)
		fail_msg("%s: %s: %s", what, address, why.text);
	for (; lists[n] != NULL; n++)
		if (!set_has(met, lists[n], strlen(lists[n])))
			fail_msg("%s: %s: %s is not met", what, address, lists[n]);
	assert_int_equal(set_count(met), n);
	for (n = 0; members[n] != NULL; n++)
		if (!set_has(c.addresses, members[n], strlen(members[n])))
			fail_msg("%s: %s: %s is missing", what, address, members[n]);
	assert_int_equal(set_count(c.addresses), n);
	set_close(&met);
	set_close(&c.addresses);
	list_drop(&l);
}

static void
lists_apart(struct source *s)
{
	static const char *const dev[] = { "dev@lists.example.com", NULL };
	static const char *const staff[] = { "ann@example.com", "bob@example.com",
		                             "guest@partner.example.net", NULL };
	static const char *const sides[] = { "left@lists.example.com", "right@lists.example.com",
		                             "bottom@lists.example.com", NULL };
	static const char *const nothing[] = { NULL };

	apart(s, "staff@lists.example.com", dev, staff);
	apart(s, "diamond@lists.example.com", sides, nothing);
	apart(s, "selfish@lists.example.com", nothing, nothing);
}

static void
ending_early(struct source *s)
{
	struct list *l = must_find(s, "staff@lists.example.com");
	struct list *gone = list_new(mem_text("gone@lists.example.com"), NULL,
	                             mem_text("cn=gone,ou=groups,dc=example,dc=com"), NULL);
	struct collected c = { .addresses = set_open(), .stop_after = 2 };
	struct walk_report report;
	struct complaint why;

	/* Told to stop it does, and what was walked is no answer. */
	assert_int_equal(source_each_member(s, l, PEOPLE_MEMBERS, deadline_in(PATIENCE), collect, &c,
	                                    &report, &why), FOUND_UNSURE);
	assert_int_equal(c.calls, 2);
	assert_int_equal(source_each_member(s, gone, PEOPLE_MEMBERS, deadline_in(PATIENCE), collect, &c,
	                                    &report, &why), FOUND_NO);
	assert_int_equal(source_each_member(s, gone, PEOPLE_OWNERS, deadline_in(PATIENCE), collect, &c,
	                                    &report, &why), FOUND_NO);
	assert_int_equal(c.calls, 2);
	set_close(&c.addresses);
	list_drop(&l);
	list_drop(&gone);
}

static void
what_a_list_says_of_itself(struct source *s)
{
	struct list *l = must_find(s, lacks & LACKS_SETTINGS ? "staff@lists.example.com" : "everybody@lists.example.com");

	same_text(what, l->address, "staff@lists.example.com");
	same_text(what, l->name, lacks & LACKS_SETTINGS ? NULL : "All of us");
	same_text(what, l->errors, lacks & LACKS_SETTINGS ? NULL : "errors@example.com");
	assert_int_equal(l->settings.count, lacks & (LACKS_SETTINGS | LACKS_STYLE) ? 0 : 1);
	if (l->settings.count > 0)
		same_text(what, l->settings.items[0], "reply-to: list");
	list_drop(&l);
	l = must_find(s, "diamond@lists.example.com");
	assert_null(l->name);
	assert_null(l->errors);
	assert_int_equal(l->settings.count, 0);
	list_drop(&l);
}

struct listed {
	struct source *source;
	struct set *addresses;
	size_t calls, stop_after;
};

/* Whatever is said to be a list is found by each of the addresses it is said to have. */
static bool
note_list(void *arg, const struct list *list, const struct text_list *also)
{
	struct listed *l = arg;
	struct list *found = must_find(l->source, list->address);

	same_text(what, found->key, list->key);
	same_text(what, found->name, list->name);
	same_text(what, found->errors, list->errors);
	assert_true(set_add(l->addresses, list->address, strlen(list->address)));
	list_drop(&found);
	for (size_t i = 0; i < also->count; i++) {
		found = must_find(l->source, also->items[i]);
		same_text(what, found->address, list->address);
		list_drop(&found);
	}
	if (strncmp(list->address, "staff@", 6) == 0) {
		assert_int_equal(also->count, lacks & LACKS_SETTINGS ? 0 : 1);
		if (also->count > 0)
			assert_memory_equal(also->items[0], "everybody@", 10);
	} else {
		assert_int_equal(also->count, 0);
	}
	return ++l->calls != l->stop_after;
}

static void
listing(struct source *s)
{
	static const char *const all[] = { "staff", "dev", "dev-owner", "diamond",
		                           "left",  "right", "bottom", "selfish" };
	struct listed l = { .source = s, .addresses = set_open() };
	struct complaint why;

	assert_int_equal(source_each_list(s, "lists.example.com", deadline_in(PATIENCE), note_list, &l,
	                                  &why), FOUND_YES);
	assert_int_equal(set_count(l.addresses), l.calls);
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		char *address = mem_format("%s@lists.example.com", all[i]);

		if (!set_has(l.addresses, address, strlen(address)))
			fail_msg("%s: %s is not listed", what, address);
		free(address);
	}
	set_close(&l.addresses);
	l = (struct listed){ .source = s, .addresses = set_open() };
	assert_int_equal(source_each_list(s, "xn--bcher-kva.example", deadline_in(PATIENCE), note_list, &l,
	                                  &why), FOUND_YES);
	assert_true(set_has(l.addresses, "idn@xn--bcher-kva.example", 25));
	set_close(&l.addresses);
	l = (struct listed){ .source = s, .addresses = set_open(), .stop_after = 2 };
	assert_int_equal(source_each_list(s, "lists.example.com", deadline_in(PATIENCE), note_list, &l,
	                                  &why), FOUND_UNSURE);
	assert_int_equal(l.calls, 2);
	set_close(&l.addresses);
}

/* ---- people ---- */

static struct person *
check_person(struct source *s, const char *login, const char *address, enum found want)
{
	const struct identity id = { login, address };
	struct complaint why = { "" };
	struct person *p = NULL;
	enum found found = source_find_person(s, &id, deadline_in(PATIENCE), &p, &why);

	if (found != want)
		fail_msg("%s: %s: got %d (%s), want %d", what, login == NULL ? address : login, found,
		         why.text, want);
	assert_true((found == FOUND_YES) == (p != NULL));
	return p;
}

/* Whether somebody with the address is covered by a rule of a list. */
static void
check_rule(struct source *s, const char *list, enum poster_kind kind, const char *value,
           const char *address, enum found want)
{
	const struct identity id = { NULL, address };
	const struct poster rule = { POSTER_ALLOW, kind, 0, (char *)value, (char *)"test" };
	struct complaint why = { "" };
	struct list *l = must_find(s, list);
	struct person *p = NULL;
	enum found found = source_find_person(s, &id, deadline_in(PATIENCE), &p, &why);

	if (found == FOUND_NO)
		p = person_new(&id);
	if (found != FOUND_UNSURE)
		found = source_covers(s, l, &rule, p, deadline_in(PATIENCE), &why);
	if (found != want)
		fail_msg("%s: %s, rule %d of %s: got %d (%s), want %d", what, address, kind, list, found,
		         why.text, want);
	person_drop(&p);
	list_drop(&l);
}

static void
people(struct source *s)
{
	enum found unknown = lacks & KNOWS_PEOPLE ? FOUND_NO : FOUND_YES;
	struct person *p = check_person(s, NULL, "bob@example.com", FOUND_YES);

	assert_true(text_list_has(&p->addresses, "bob@example.com"));
	assert_int_equal(p->key != NULL, (lacks & KNOWS_PEOPLE) != 0);
	person_drop(&p);
	p = check_person(s, NULL, "nobody@example.com", unknown);
	person_drop(&p);
	p = check_person(s, NULL, "staff@lists.example.com", unknown);       /* a list is no person */
	person_drop(&p);
	p = check_person(s, NULL, "*@example.com", unknown);
	person_drop(&p);
	p = check_person(s, "*", NULL, unknown);
	person_drop(&p);
	p = check_person(s, "ann)(uid=*", NULL, unknown);
	person_drop(&p);
	p = check_person(s, "ann", NULL, FOUND_YES);
	assert_int_equal(p->addresses.count > 0, (lacks & KNOWS_PEOPLE) != 0);
	person_drop(&p);
}

static void
rules(struct source *s)
{
	static const struct {
		const char *list, *address;
		enum found member, owner;
	} cases[] = {
		{ "staff@lists.example.com", "ann@example.com", FOUND_YES, FOUND_YES },
		{ "staff@lists.example.com", "bob@example.com", FOUND_YES, FOUND_NO },
		{ "staff@lists.example.com", "carl@example.com", FOUND_YES, FOUND_NO },
		{ "staff@lists.example.com", "guest@partner.example.net", FOUND_YES, FOUND_NO },
		{ "staff@lists.example.com", "dora@example.com", FOUND_NO, FOUND_NO },
		{ "staff@lists.example.com", "nobody@example.com", FOUND_NO, FOUND_NO },
		{ "staff@lists.example.com", "*@example.com", FOUND_NO, FOUND_NO },
		{ "staff@lists.example.com", "\"a)(member=*\"@example.com", FOUND_NO, FOUND_NO },
		{ "diamond@lists.example.com", "dora@example.com", FOUND_YES, FOUND_NO },
		{ "diamond@lists.example.com", "ann@example.com", FOUND_YES, FOUND_NO },
		{ "diamond@lists.example.com", "bob@example.com", FOUND_NO, FOUND_NO },
		{ "selfish@lists.example.com", "ann@example.com", FOUND_NO, FOUND_NO },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		check_rule(s, cases[i].list, POSTER_MEMBERS, NULL, cases[i].address, cases[i].member);
		check_rule(s, cases[i].list, POSTER_OWNERS, NULL, cases[i].address, cases[i].owner);
		check_rule(s, cases[i].list, POSTER_MODERATORS, NULL, cases[i].address, FOUND_NO);
		check_rule(s, "selfish@lists.example.com", POSTER_LIST, cases[i].list, cases[i].address,
		           cases[i].member);
	}
	if (lacks & KNOWS_PEOPLE)         /* by the cycle; a union walks it otherwise */
		check_rule(s, "dev@lists.example.com", POSTER_MEMBERS, NULL, "bob@example.com", FOUND_YES);
	check_rule(s, "staff@lists.example.com", POSTER_LIST, "gone@lists.example.com", "ann@example.com",
	           FOUND_UNSURE);
}

void
source_contract(const char *name, struct source *s, unsigned without)
{
	what = name;
	lacks = without;
	finding(s);
	what_a_list_says_of_itself(s);
	walking(s);
	lists_apart(s);
	ending_early(s);
	listing(s);
	people(s);
	for (size_t i = 0; i < 2 && !(lacks & LACKS_MEMBERS); i++)
		rules(s);                 /* the second time from memory where there is one */
	finding(s);                       /* again, from memory where there is one */
}
