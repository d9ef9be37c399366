/* Lists: what an address could mean, role addresses, identifiers, verdicts. */
#include "tests/unit/unit.h"

#include "mail/list.h"
#include "mail/reply.h"
#include "mail/verdict.h"

static void
candidates(void **state)
{
	static const struct {
		const char *given;
		char delimiter;
		const char *want;              /* address/role, in order */
	} cases[] = {
		{ "staff@l.x", '+', "staff@l.x/post" },
		{ "staff-owner@l.x", '+', "staff-owner@l.x/post staff@l.x/owner" },
		{ "staff+tag@l.x", '+', "staff+tag@l.x/post staff@l.x/post" },
		{ "staff-bounces+ann=x.org@l.x", '+',
		  "staff-bounces+ann=x.org@l.x/post staff-bounces@l.x/post staff@l.x/bounces" },
		{ "staff-bounces+ann=x.org@l.x", '-',
		  "staff-bounces+ann=x.org@l.x/post staff@l.x/bounces staff@l.x/post" },
		{ "staff-bounces+x-bounces+y=z@l.x", '\0',
		  "staff-bounces+x-bounces+y=z@l.x/post staff@l.x/bounces" },
		{ "a+b-bounces+token@l.x", '+', "a+b-bounces+token@l.x/post a+b@l.x/bounces a@l.x/post" },
		{ "a-owner+b-bounces+c-bounces@l.x", '+',
		  "a-owner+b-bounces+c-bounces@l.x/post a-owner+b-bounces+c@l.x/bounces a-owner+b@l.x/bounces "
		  "a-owner@l.x/post a@l.x/owner" },
		{ "-bounces+token@l.x", '\0', "-bounces+token@l.x/post" },
		{ "\"a b-bounces+token\"@l.x", '\0', "\"a b-bounces+token\"@l.x/post \"a b\"@l.x/bounces" },
		{ "a+b-owner@l.x", '+', "a+b-owner@l.x/post a+b@l.x/owner a@l.x/post" },
		{ "a-owner+b-request@l.x", '+',
		  "a-owner+b-request@l.x/post a-owner+b@l.x/request a-owner@l.x/post a@l.x/owner" },
		{ "a-b-request@l.x", '+', "a-b-request@l.x/post a-b@l.x/request" },
		{ "-owner@l.x", '+', "-owner@l.x/post" },
		{ "+tag@l.x", '+', "+tag@l.x/post" },
		{ "staff+tag@l.x", '\0', "staff+tag@l.x/post" },
		{ "staff-unsubscribe@l.x", '+', "staff-unsubscribe@l.x/post staff@l.x/unsubscribe" },
		{ "\"a b-owner\"@l.x", '+', "\"a b-owner\"@l.x/post \"a b\"@l.x/owner" },
		{ "\"a b+c d\"@l.x", '+', "\"a b+c d\"@l.x/post \"a b\"@l.x/post" },
		{ "\"ab+c d\"@l.x", '+', "\"ab+c d\"@l.x/post ab@l.x/post" },
		{ "a=b@l.x", '=', "a=b@l.x/post a@l.x/post" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct candidate c[CANDIDATES];
		size_t count = list_candidates(cases[i].given, cases[i].delimiter, c);
		char got[512] = "";

		for (size_t k = 0; k < count; k++)
			(void)snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%s/%s",
			               k == 0 ? "" : " ", c[k].address, role_word(c[k].role));
		same_text(cases[i].given, got, cases[i].want);
		candidates_free(c, count);
	}
}

static void
role_words(void **state)
{
	(void)state;
	for (enum role r = ROLE_POST; r < ROLE_COUNT; r++)
		assert_int_equal(role_of_word(role_word(r)), r);
	assert_int_equal(role_of_word("what"), ROLE_COUNT);
}

static void
names_made_from_the_address(void **state)
{
	static const struct {
		const char *list, *identifier, *mailto;
	} cases[] = {
		{ "staff@l.x", "staff.l.x", "mailto:staff@l.x" },
		{ "a+b@l.x", "a+b.l.x", "mailto:a+b@l.x" },
		{ "gr\xc3\xb6sse@l.x", "gr%C3%B6sse.l.x", "mailto:gr%C3%B6sse@l.x" },
		{ "a?b&c@l.x", "a?b&c.l.x", "mailto:a%3Fb%26c@l.x" },
		{ "\"a b\"@l.x", "%22a%20b%22.l.x", "mailto:%22a%20b%22@l.x" },
		{ "50%@l.x", "50%25.l.x", "mailto:50%25@l.x" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char *identifier = list_identifier(cases[i].list), *mailto = list_mailto(cases[i].list);

		same_text(cases[i].list, identifier, cases[i].identifier);
		same_text(cases[i].list, mailto, cases[i].mailto);
		free(identifier);
		free(mailto);
	}
}

static void
patterns(void **state)
{
	static const struct {
		const char *list, *pattern, *uri, *identifier, *address;
	} cases[] = {
		{ "staff@l.x", "{local}-x@{domain}", "staff-x@l.x", "staff-x@l.x", "staff-x@l.x" },
		{ "a?b@l.x", "{local}@x", "a%3Fb@x", "a?b@x", "a?b@x" },
		{ "\"a b\"@l.x", "{local}-x@y", "%22a%20b%22-x@y", "%22a%20b%22-x@y", "\"a b-x\"@y" },
		{ "\"a@b\"@l.x", "{local}@{domain}", "%22a%40b%22@l.x", "%22a%40b%22@l.x", "\"a@b\"@l.x" },
		{ "staff@l.x", "{loca}{local}", "{loca}staff", "{loca}staff", NULL },
		{ "staff@l.x", "", "", "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char *uri = list_fill_uri(cases[i].pattern, cases[i].list);
		char *identifier = list_fill_identifier(cases[i].pattern, cases[i].list);
		char *address = list_fill_address(cases[i].pattern, cases[i].list);

		same_text(cases[i].list, uri, cases[i].uri);
		same_text(cases[i].list, identifier, cases[i].identifier);
		same_text(cases[i].list, address, cases[i].address);
		free(uri);
		free(identifier);
		free(address);
	}
}

static void
role_addresses(void **state)
{
	char *owner = list_role_address("staff@l.x", ROLE_OWNER);
	char *post = list_role_address("staff@l.x", ROLE_POST);

	(void)state;
	same_text("owner", owner, "staff-owner@l.x");
	same_text("post", post, "staff@l.x");
	free(owner);
	free(post);
}

static void
lists_are_counted(void **state)
{
	struct list *l = list_new(strdup("a@l.x"), NULL, strdup("cn=a"), NULL), *same = list_hold(l);

	(void)state;
	list_drop(&l);
	assert_null(l);
	same_text("still there", same->address, "a@l.x");
	list_drop(&same);
	list_drop(&same);
}

static void
every_merge(void **state)
{
	const struct verdict all[] = {
		verdict_pass(),
		verdict_defer(REPLY_UNSURE, "one"),
		verdict_defer(REPLY_BUSY, "two"),
		verdict_reject(REPLY_NO_SUCH_LIST, "three"),
		verdict_reject(REPLY_MAY_NOT_POST, "four"),
	};
	const size_t n = sizeof(all) / sizeof(*all);

	(void)state;
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < n; k++) {
			struct verdict v = verdict_merge(all[i], all[k]);
			struct verdict want = all[k].decision > all[i].decision ? all[k] : all[i];

			assert_int_equal(v.decision, want.decision);
			assert_int_equal(v.reply, want.reply);
			for (size_t m = 0; m < n; m++)         /* associative */
				assert_int_equal(verdict_merge(v, all[m]).reply,
				                 verdict_merge(all[i], verdict_merge(all[k], all[m])).reply);
		}
}

static void
every_reply_is_whole(void **state)
{
	(void)state;
	for (enum reply_id i = REPLY_GREETING; i < REPLY_COUNT; i++) {
		const struct reply *r = reply_of(i);

		assert_in_range(r->code, 220, 559);
		assert_true(r->text[0] != '\0');
		assert_true(*r->enhanced == '\0' || *r->enhanced == '0' + r->code / 100);
		assert_null(strpbrk(r->text, "%\r\n"));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(candidates),        cmocka_unit_test(role_words),
		cmocka_unit_test(names_made_from_the_address),
		cmocka_unit_test(patterns),
		cmocka_unit_test(role_addresses),    cmocka_unit_test(lists_are_counted),
		cmocka_unit_test(every_merge),       cmocka_unit_test(every_reply_is_whole),
	};

	return RUN(tests);
}
