/* What posts look like: settings of three levels, and the fields that they make. */
#include "tests/unit/unit.h"

#include "base/mem.h"
#include "expander/treat.h"
#include "mail/date.h"
#include "mail/trace.h"
#include "policies/treatment.h"

/* A list with settings of its own, one a line. */
static struct list *
make_list(const char *address, const char *settings)
{
	struct list *l = list_new(mem_text(address), NULL, mem_text("k"), NULL);

	while (*settings != '\0') {
		size_t length = strcspn(settings, "\n");

		text_list_add(&l->settings, settings, length);
		settings += length + (settings[length] == '\n');
	}
	return l;
}

static void
values(void **state)
{
	static const struct {
		const char *setting, *want;    /* NULL: it is right */
	} cases[] = {
		{ "list-id: staff.example.com", NULL },
		{ "list-id: {local}.lists.old.example", NULL },
		{ "list-id: staff@example.com", "is no identifier" },
		{ "list-id: staff", "is no identifier" },
		{ "list-id: .a.b", "is no identifier" },
		{ "list-id: a.b.", "is no identifier" },
		{ "list-id: a..b", "is no identifier" },
		{ "list-id: a b.c", "is no identifier" },
		{ "list-id:", "is no identifier" },
		{ "list-id: a.b\r\nBcc: eve@x", "only printable ASCII" },
		{ "parents: none", NULL },
		{ "parents: a.b c.d", NULL },
		{ "parents: a.b c", "\"c\" is no identifier" },
		{ "parents: a.b\x01", "only printable ASCII" },
		{ "list-post: list", NULL },
		{ "list-post: closed", NULL },
		{ "list-post: owner", "neither an address nor a URI" },
		{ "list-help: https://x/{local} help@x", NULL },
		{ "list-help: HTTP://x/?a=b", NULL },
		{ "list-help: ftp://x/", "neither an address nor a URI" },
		{ "list-help: https://", "neither an address nor a URI" },
		{ "list-help: https://x/<y>", "neither an address nor a URI" },
		{ "list-help:", "there is nothing" },
		{ "list-help: \xc3\xa4@x", "only printable ASCII" },
		{ "list-owner: owner", NULL },
		{ "list-owner: nobody", "neither an address nor a URI" },
		{ "list-archive: javascript:alert(1)", "neither an address nor a URI" },
		{ "not-me: yes", NULL },
		{ "not-me: maybe", "is not one of yes, no" },
		{ "preferences: nope", "is not one of yes, no" },
		{ "nested: flatten", NULL },
		{ "nested: hand-over", NULL },
		{ "nested: handover", "did you mean \"hand-over\"?" },
		{ "nested: none", "flatten, hand-over" },
		{ "order: mx", NULL },
		{ "order: domains", "did you mean \"domain\"?" },
		{ "without: a@b {local}-x@example.com", NULL },
		{ "without: none", NULL },
		{ "without:", "there is nothing" },
		{ "without: (a=b)", "is no mailbox address" },
		{ "without-filter: (a=b)", "can only stand in the configuration" },
		{ "program: /bin/true", "can only stand in the configuration" },
		{ "program-may-add: yes", "can only stand in the configuration" },
		{ "program-timeout: 1s", "can only stand in the configuration" },
		{ "archived-at: https://x/{hash}", NULL },
		{ "archived-at: http://x/{local}@{domain}/{message-id}/", NULL },
		{ "archived-at: none", NULL },
		{ "one-click: https://x/{local}/{token}", NULL },
		{ "one-click: HTTPS://x?{token}", NULL },
		{ "one-click: none", NULL },
		{ "one-click: http://x/{token}", "is no URI of https" },
		{ "one-click: mailto:leave+{token}@x", "is no URI of https" },
		{ "one-click: https:///{token}", "is no URI of https" },
		{ "one-click: https://x/{token} https://y/{token}", "is no URI of https" },
		{ "one-click: https://{token}.x/leave", "has not {token} once, behind the host" },
		{ "one-click: https://x/leave", "has not {token} once" },
		{ "one-click: https://x/{token}/{token}", "has not {token} once" },
		{ "one-click: https://x/<{token}>", "neither an address nor a URI" },
		{ "archived-at: https://x/{local}", "lacks {hash} or {message-id}" },
		{ "archived-at: https:///{hash} https://y/{hash}", "neither an address nor a URI" },
		{ "archived-at: mailto:x@y?{hash}", "no URI of https or http" },
		{ "archived-at: {hash}", "no URI of https or http" },
		{ "archived-at: https://x/{hash}\n", "only printable ASCII" },
		{ "verp: never", NULL },
		{ "verp: always", NULL },
		{ "verp: suspects", NULL },
		{ "verp: every 10", NULL },
		{ "verp: every 999999", NULL },
		{ "verp: every 0", "a number from 1 to 999999" },
		{ "verp: every 1000000", "a number from 1 to 999999" },
		{ "verp: every -1", "a number from 1 to 999999" },
		{ "verp: every ten", "a number from 1 to 999999" },
		{ "verp: allways", "did you mean \"always\"?" },
		{ "sender: owner", NULL },
		{ "sender: {local}-x@example.com", NULL },
		{ "sender: ownr", "did you mean \"owner\"?" },
		{ "sender: a@b c@d", "\"b c@d\" is no domain" },
		{ "sender: a@b\n", "only printable ASCII" },
		{ "precedence: bulk", NULL },
		{ "precedence: junk", "is not one of none, list, bulk" },
		{ "reply-to: poster list", NULL },
		{ "Reply-To: a@x", NULL },
		{ "reply-to: list none", "none stands alone" },
		{ "reply-to: poster list poster", "poster stands there twice" },
		{ "reply-to: lst", "did you mean \"list\"?" },
		{ "reply-to: a@", "is no domain" },
		{ "reply-to: ", "there is nothing" },
		{ "subject-tag: [{local}]", NULL },
		{ "subject-tag: [Gr\xc3\xbc\xc3\x9f" "e]", NULL },
		{ "subject-tag:", "there is nothing" },      /* C093 */
		{ "subject-tag: a\r\nBcc: eve@x", "neither control characters" },
		{ "subject-tag: \xe4", "neither control characters" },
		{ "subject-tag: =?utf-8?q?a?=", "neither control characters" },
		{ "subject-tag: 1234567890123456789012345678901234567890123456789012345678901", "longer than 60" },
		{ "footer: -- \nbye\r\n\n", NULL },
		{ "footer: Gr\xc3\xbc\xc3\x9f" "e", NULL },
		{ "footer:", "there is nothing" },
		{ "footer: a\n\xe4", "each line is UTF-8" },
		{ "header: a\x07", "each line is UTF-8" },
		{ "from: rewrite", NULL },
		{ "from: list", "is not one of keep, rewrite" },
		{ "dmarc: none", NULL },
		{ "dmarc: rewrite", NULL },
		{ "dmarc: example.org=wrap rewrite a.example.org=keep", NULL },
		{ "dmarc: rewrit", "did you mean \"rewrite\"?" },
		{ "dmarc: example.org=munge", "is not one of none, keep, rewrite, wrap, domain=rewrite" },
		{ "dmarc: =wrap", "" },
		{ "dmarc: a@b=wrap", "" },
		{ "dmarc: wrap rewrite", "two words hold for all domains" },
		{ "dmarc:", "there is nothing" },
		{ "reply-to : list", NULL },
		{ "reply-to list", "is no setting" },
		{ "", "is no setting" },
		{ "replyto: list", "did you mean \"reply-to\"?" },
		{ "colour: red", "there is no setting \"colour\"" },
		{ "sender: list\nsender: list", "set twice" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct list *l = list_new(mem_text("staff@l.x"), NULL, mem_text("k"), NULL);
		const char *second = strstr(cases[i].setting, "\nsender"), *merged[STYLE_COUNT];
		struct style all = { 0 };
		struct complaint why;
		size_t length = second == NULL ? strlen(cases[i].setting) : (size_t)(second - cases[i].setting);
		int rc;

		text_list_add(&l->settings, cases[i].setting, length);
		if (second != NULL)
			text_list_add(&l->settings, second + 1, strlen(second + 1));
		rc = style_merge(merged, l, NULL, &all, &why);
		if (cases[i].want == NULL && rc < 0)
			fail_msg("%s: %s", cases[i].setting, why.text);
		if (cases[i].want != NULL && (rc == 0 || strstr(why.text, cases[i].want) == NULL))
			fail_msg("%s: got %s, want %s", cases[i].setting, rc == 0 ? "yes" : why.text,
			         cases[i].want);
		if (rc < 0)
			assert_non_null(strstr(why.text, "staff@l.x: its settings in the source: "));
		list_drop(&l);
	}
}

static void
too_long(void **state)
{
	char *text = mem_format("list-help: https://x/%0900d", 1);
	struct list *l = make_list("staff@l.x", text), *line, *lines;
	const char *merged[STYLE_COUNT];
	struct style all = { 0 };
	struct complaint why;

	(void)state;
	assert_int_equal(style_merge(merged, l, NULL, &all, &why), -1);
	assert_non_null(strstr(why.text, "longer than"));
	list_drop(&l);
	free(text);
	text = mem_format("footer: %0901d", 1);
	line = make_list("staff@l.x", text);
	assert_int_equal(style_merge(merged, line, NULL, &all, &why), -1);
	assert_non_null(strstr(why.text, "of 900 octets at most"));
	list_drop(&line);
	free(text);
	text = mem_format("footer: %08001d", 1);
	lines = make_list("staff@l.x", text);
	assert_int_equal(style_merge(merged, lines, NULL, &all, &why), -1);
	assert_non_null(strstr(why.text, "longer than 8000"));
	list_drop(&lines);
	free(text);
}

static void
which_level_counts(void **state)
{
	struct list *l = make_list("staff@l.x", "sender: owner\nprecedence: none");
	struct style own = { 0 }, all = { 0 };
	const char *merged[STYLE_COUNT];
	struct complaint why;

	(void)state;
	own.texts[STYLE_SENDER] = mem_text("list");
	own.texts[STYLE_REPLY_TO] = mem_text("list");
	all.texts[STYLE_REPLY_TO] = mem_text("poster");
	all.texts[STYLE_LIST_HELP] = mem_text("help@x");
	style_complete(&all, "posts", NULL);
	assert_int_equal(style_merge(merged, l, &own, &all, &why), 0);
	same_text("the source's", merged[STYLE_SENDER], "owner");
	same_text("the block's", merged[STYLE_REPLY_TO], "list");
	same_text("the destination's", merged[STYLE_LIST_HELP], "help@x");
	same_text("the default", merged[STYLE_LIST_ID], "{local}.{domain}");
	assert_null(merged[STYLE_PRECEDENCE]);
	assert_null(merged[STYLE_LIST_OWNER]);
	setting_free(style_settings, &own);
	setting_free(style_settings, &all);
	list_drop(&l);
}

static void
fields_that_lead_nowhere(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "{local}-unsubscribe@l.x", "the role unsubscribe takes no mail yet" },
		{ "https://x/ mailto:{local}-REQUEST@{domain}?subject=leave", "the role request takes" },
		{ "{local}-owner@l.x", NULL },
		{ "{local}-unsubscribe@other.x", NULL },
		{ "none", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct style s = { 0 };
		struct complaint why = { "" };
		int rc;

		s.texts[STYLE_LIST_UNSUBSCRIBE] = mem_text(cases[i].text);
		rc = style_check_roles(&s, "l.x", &why);
		if ((rc == 0) != (cases[i].want == NULL) ||
		    (rc < 0 && strstr(why.text, cases[i].want) == NULL))
			fail_msg("%s: got \"%s\"", cases[i].text, why.text);
		setting_free(style_settings, &s);
	}
}

/* What a post of this header gets, behind our Received field, and which fields it loses. */
static void
check_each(const char *address, const char *settings, const char *header, const char *want,
           const char *removed, const char *each)
{
	struct site site = { .hostname = (char *)"mail.x" };
	struct list *l = make_list(address, settings);
	struct target t = { .list = l, .role = ROLE_POST };
	struct envelope e = { .sender = mem_text("ann@x"), .arrived = 1795262400000 };
	struct bytes names = { 0 };
	struct style all = { 0 };
	struct complaint why;

	style_complete(&all, "posts", NULL);
	if (style_merge(t.style, l, NULL, &all, &why) < 0)
		fail_msg("%s: %s", settings, why.text);
	heading_compose(&e, &site, &t, "abc", "mx.x", header, strlen(header));
	same_text(settings, strstr(e.inject_add, "+0000\r\n") + 7, want);
	for (size_t i = 0; i < e.inject_remove.count; i++)
		bytes_format(&names, "%s%s", i == 0 ? "" : " ", e.inject_remove.items[i]);
	if (removed != NULL)
		same_text(settings, bytes_text(&names), removed);
	same_text(settings, e.inject_each, each);
	bytes_free(&names);
	envelope_free(&e);
	setting_free(style_settings, &all);
	list_drop(&l);
}

/* The same where members have no fields of their own. */
static void
check_heading(const char *address, const char *settings, const char *header, const char *want,
              const char *removed)
{
	check_each(address, settings, header, want, removed, NULL);
}

#define LOST "Rollcall-Stamp List-Id List-Post"
#define LOST_OF_A_LIST " List-Help List-Owner List-Subscribe List-Unsubscribe List-Unsubscribe-Post"
#define FEW "list-post: none\nprecedence: none\n"
#define ID "List-Id: <staff.l.x>\r\n"

static void
list_fields(void **state)
{
	(void)state;
	check_heading("staff@l.x", "", "", ID "List-Post: <mailto:staff@l.x>\r\nPrecedence: list\r\n",
	              LOST " Precedence");
	check_heading("staff@l.x", FEW "list-id: {local}.old.x", "", "List-Id: <staff.old.x>\r\n", LOST);
	check_heading("staff@l.x", "list-post: closed\nprecedence: none", "", ID "List-Post: NO\r\n", LOST);
	check_heading("staff@l.x", "list-post: https://x/{local} post@x\nprecedence: none", "",
	              ID "List-Post: <https://x/staff>,\r\n <mailto:post@x>\r\n", LOST);
	check_heading("staff@l.x",
	              FEW "list-help: https://x/?l={local}&d={domain}\nlist-owner: owner\n"
	                  "list-subscribe: in@x\nlist-unsubscribe: mailto:out@x?subject={local}\n"
	                  "list-archive: https://x/a",
	              "",
	              ID "List-Help: <https://x/?l=staff&d=l.x>\r\n"
	                 "List-Owner: <mailto:staff-owner@l.x>\r\nList-Subscribe: <mailto:in@x>\r\n"
	                 "List-Unsubscribe: <mailto:out@x?subject=staff>\r\n"
	                 "List-Archive: <https://x/a>\r\n",
	              LOST " List-Help List-Owner List-Subscribe List-Unsubscribe List-Archive "
	              "List-Unsubscribe-Post");
	check_heading("staff@l.x", FEW, "list-post: <x>\r\n", ID, LOST LOST_OF_A_LIST);
	check_heading("staff@l.x", FEW, "List-Unsubscribe: <x>\r\n\r\nList-Id: x\r\n", ID, LOST);
	check_heading("\"a&b\"@l.x", FEW "list-help: https://x/{local}", "",
	              "List-Id: <%22a&b%22.l.x>\r\nList-Help: <https://x/%22a%26b%22>\r\n", NULL);
}

static void
archives(void **state)
{
	static const struct {
		const char *setting, *header, *want;
	} cases[] = {
		{ "https://x/{local}/{hash}/", "Message-ID: <1@example.com>\r\n", "https://x/staff/OVMMYPHT3QATOXJE67AQOCV3AHGZPGKW/" },
		{ "https://x/{message-id}", "Message-ID:\r\n <a/b?c%@example.com>\r\n", "https://x/a%2Fb%3Fc%25%40example.com" },
		{ "https://x/{message-id}", "Message-ID: <{hash}>\r\n", "https://x/%7Bhash%7D" },
		{ "https://x/{hash}", "", NULL },
		{ "https://x/{hash}", "Message-ID:\r\n", NULL },
		{ "https://x/{hash}", "Message-ID: <>\r\n", NULL },
		{ "https://x/{hash}", "Message-ID: 1@example.com\r\n", NULL },
		{ "https://x/{hash}", "Message-ID: <1@x> <2@x>\r\n", NULL },
		{ "none", "Message-ID: <1@example.com>\r\n", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char *settings = mem_format(FEW "archived-at: %s", cases[i].setting);
		char *want = cases[i].want == NULL
		                     ? mem_text(ID) : mem_format(ID "Archived-At:\r\n <%s>\r\n", cases[i].want);

		check_heading("staff@l.x", settings, cases[i].header, want, LOST);
		free(settings);
		free(want);
	}
}

/* A URI that would not fit on a line is none. */
static void
archives_of_long_names(void **state)
{
	char *header = mem_new(1200);

	(void)state;
	(void)snprintf(header, 1200, "Message-ID: <%0*d>\r\n", 900, 1);
	check_heading("staff@l.x", FEW "archived-at: https://x/{message-id}", header, ID, LOST);
	free(header);
}

/* About one of ten, and always the same ones. */
static void
chosen_posts(void **state)
{
	struct site site = { .hostname = (char *)"mail.x" };
	size_t chosen = 0, again = 0;

	(void)state;
	for (unsigned i = 0; i < 2000; i++) {
		struct list *l = list_new(mem_text("staff@l.x"), NULL, NULL, NULL);
		struct target t = { .list = l, .role = ROLE_POST };
		char id[DIGEST_NAME + 1], number[16];
		unsigned char sum[DIGEST_SIZE];
		struct digest *d = digest_open();

		(void)snprintf(number, sizeof(number), "%u", i / 2);
		digest_add(d, number, strlen(number));
		digest_end(&d, sum);
		digest_name(sum, id);
		t.style[STYLE_LIST_ID] = "staff.l.x";
		t.style[STYLE_FROM] = "keep";
		t.style[STYLE_VERP] = "every 10";
		for (int nobody = 0; nobody < 2; nobody++) {
			struct envelope e = { .sender = mem_text(nobody == 1 ? "" : "ann@x") };

			heading_compose(&e, &site, &t, id, "mx.x", "", 0);
			if (nobody == 1)
				assert_false(e.inject_verp);
			else if (e.inject_verp)
				*(i % 2 == 0 ? &chosen : &again) += 1;
			envelope_free(&e);
		}
		list_drop(&l);
	}
	assert_in_range(chosen, 60, 150);
	same_number("asked again", (long long)again, (long long)chosen);
}

static void
lists_that_have_lists(void **state)
{
	static const char parent[] = "List-Id: All of us\r\n <ALL.partner.example>\r\n"
				     "List-Post: <mailto:all@partner.example>\r\n";

	(void)state;
	check_heading("staff@l.x", FEW "parents: some.x all.partner.example", parent, "",
	              "Rollcall-Stamp" LOST_OF_A_LIST);
	check_heading("staff@l.x", FEW "parents: some.x partner.example", parent, ID, LOST LOST_OF_A_LIST);
	check_heading("staff@l.x", FEW "parents: all.partner.example", "Subject: x\r\n", ID, LOST);
	check_heading("staff@l.x", FEW "parents: all.partner.example", "List-Id: all.partner.example\r\n", "",
	              NULL);
}

static void
senders(void **state)
{
	(void)state;
	check_heading("staff@l.x", FEW "sender: list", "Sender: eve@x\r\n", ID "Sender: <staff@l.x>\r\n",
	              LOST " Sender");
	check_heading("staff@l.x", FEW "sender: owner", "", ID "Sender: <staff-owner@l.x>\r\n", LOST " Sender");
	check_heading("staff@l.x", FEW "sender: {local}-x@y", "", ID "Sender: <staff-x@y>\r\n", LOST " Sender");
	check_heading("\"a b\"@l.x", FEW "sender: {local}-x@y", "",
	              "List-Id: <%22a%20b%22.l.x>\r\nSender: <\"a b-x\"@y>\r\n", NULL);
}

static void
replies(void **state)
{
	char *address = mem_format("%0100d@l.x", 1), *want = mem_format("List-Id: <%0100d.l.x>\r\n", 1);

	(void)state;
	check_heading("staff@l.x", FEW "reply-to: list", "Reply-To: eve@x\r\nFrom: ann@x\r\n",
	              ID "Reply-To: <staff@l.x>\r\n", LOST " Reply-To");
	check_heading("staff@l.x", FEW "reply-to: help@x", "From: ann@x\r\n", ID "Reply-To: <help@x>\r\n",
	              LOST " Reply-To");
	check_heading("staff@l.x", FEW "reply-to: poster", "From: Ann\r\n <ann@x>\r\n",
	              ID "Reply-To: Ann\r\n <ann@x>\r\n", LOST " Reply-To");
	check_heading("staff@l.x", FEW "reply-to: poster list", "From: ann@x\r\nReply-To: a@x,\r\n\tb@x \r\n",
	              ID "Reply-To: a@x,\r\n\tb@x,\r\n <staff@l.x>\r\n", LOST " Reply-To");
	check_heading("staff@l.x", FEW "reply-to: list poster", "From: ann@x\r\n",
	              ID "Reply-To: <staff@l.x>,\r\n ann@x\r\n", LOST " Reply-To");
	/* Nobody comes twice; what only looks alike is somebody else. */
	check_heading("staff@l.x", FEW "reply-to: poster list", "Reply-To: The staff <Staff@l.x>\r\n",
	              ID "Reply-To: The staff <Staff@l.x>\r\n", LOST " Reply-To");
	check_heading("staff@l.x", FEW "reply-to: poster list", "Reply-To: all-staff@l.x, staff@l.xy\r\n",
	              ID "Reply-To: all-staff@l.x, staff@l.xy,\r\n <staff@l.x>\r\n", LOST " Reply-To");
	/* Nothing that could be put beside others: the poster's stays. */
	check_heading("staff@l.x", FEW "reply-to: poster list", "From: \xe9mile@x\r\n", ID, LOST);
	check_heading("staff@l.x", FEW "reply-to: list poster", "Reply-To: \r\n", ID, LOST);
	check_heading("staff@l.x", FEW "reply-to: poster list", "Subject: x\r\n", ID, LOST);
	/* An address that would be too long is none. */
	check_heading(address, FEW "reply-to: {local}{local}{local}@x", "", want, LOST);
	check_heading(address, FEW "sender: {local}{local}{local}@x", "", want, LOST);
	free(want);
	free(address);
}

static void
subjects(void **state)
{
	(void)state;
	check_heading("staff@l.x", FEW "subject-tag: [{local}]", "Subject: x\r\n",
	              ID "Subject: [staff] x\r\n", LOST " Subject");
	check_heading("staff@l.x", FEW "subject-tag: [{local}]", "Subject: Re: [Staff] x\r\n", ID, LOST);
}

/* What a text in the configuration becomes: filled in, with the line end that it may lack. */
static void
footers(void **state)
{
	struct site site = { .hostname = (char *)"mail.x" };
	struct list *l = list_new(mem_text("staff@l.x"), NULL, mem_text("k"), NULL);
	struct target t = { .list = l, .role = ROLE_POST, .style = { [STYLE_LIST_ID] = "{local}.{domain}",
	                    [STYLE_FROM] = "keep", [STYLE_HEADER] = "To {local}\r\n",
	                    [STYLE_FOOTER] = "a\nb" } };
	struct envelope e = { .sender = mem_text("ann@x"), .arrived = 1795262400000 };

	(void)state;
	heading_compose(&e, &site, &t, "abc", "mx.x", "Subject: x\r\n", 12);
	same_text("before", e.inject_before_body, "To staff\r\n\r\n");
	same_text("after", e.inject_after_body, "\r\na\r\nb\r\n");
	envelope_free(&e);
	e = (struct envelope){ .sender = mem_text("ann@x"), .arrived = 1795262400000 };
	heading_compose(&e, &site, &t, "abc", "mx.x", "Content-Type: text/html\r\n", 25);
	assert_non_null(strstr(e.inject_add, "boundary=\"=_rollcall_abc\""));
	assert_true(text_list_has(&e.inject_remove, "Content-Type"));
	envelope_free(&e);
	e = (struct envelope){ .sender = mem_text("ann@x"), .arrived = 1795262400000 };
	heading_compose(&e, &site, &t, "abc", "mx.x", "Content-Type: multipart/signed\r\n", 32);
	assert_null(e.inject_before_body);
	assert_null(e.inject_after_body);
	envelope_free(&e);
	/* What is for each member is taken back as well. */
	t.style[STYLE_FOOTER] = "For {member.local}";
	e = (struct envelope){ .sender = mem_text("ann@x"), .arrived = 1795262400000 };
	heading_compose(&e, &site, &t, "abc", "mx.x", "Subject: x\r\n", 12);
	assert_true(envelope_is_personal(&e));
	heading_clear(&e);
	assert_false(envelope_is_personal(&e));
	envelope_free(&e);
	list_drop(&l);
}

static void
rewritten_from(void **state)
{
#define STAFF(name) "From: " name "\r\n <staff@l.x>\r\n"
#define GONE LOST " From"
	(void)state;
	check_heading("staff@l.x", FEW "from: rewrite", "From: Ann B. <ann@x>\r\n",
	              ID STAFF("\"Ann B. via staff\"") "Author: Ann B. <ann@x>\r\nReply-To: Ann B. <ann@x>\r\n",
	              GONE " Reply-To");
	/* Answers go where the poster, or the list, wants them. */
	check_heading("staff@l.x", FEW "from: rewrite", "From: ann@x\r\nReply-To: b@x\r\n",
	              ID STAFF("\"ann@x via staff\"") "Author: ann@x\r\nReply-To: b@x\r\n", GONE " Reply-To");
	check_heading("staff@l.x", FEW "from: rewrite\nreply-to: list", "From: ann@x\r\n",
	              ID STAFF("\"ann@x via staff\"") "Author: ann@x\r\nReply-To: <staff@l.x>\r\n",
	              GONE " Reply-To");
	check_heading("staff@l.x", FEW "from: rewrite\nreply-to: list poster", "From: ann@x\r\n",
	              ID STAFF("\"ann@x via staff\"") "Author: ann@x\r\nReply-To: <staff@l.x>,\r\n ann@x\r\n",
	              GONE " Reply-To");
	check_heading("staff@l.x", FEW "from: rewrite", "From: =?iso-8859-1?q?J=F6rg?=\r\n <j@x>\r\n",
	              ID STAFF("=?utf-8?Q?J=C3=B6rg_via_staff?=") "Author: =?iso-8859-1?q?J=F6rg?=\r\n <j@x>\r\n"
	              "Reply-To: =?iso-8859-1?q?J=F6rg?=\r\n <j@x>\r\n", GONE " Reply-To");
	check_heading("staff@l.x", FEW "from: rewrite", "Author: a@x\r\nFrom: b@x\r\n",
	              ID STAFF("\"b@x via staff\"") "Reply-To: b@x\r\n", GONE " Reply-To");
	/* One who calls himself somebody else, or breaks lines, gets no further. */
	check_heading("staff@l.x", FEW "from: rewrite", "From: =?utf-8?q?a=0D=0ABcc=3A_eve=22?= <a@x>\r\n",
	              ID STAFF("\"a Bcc: eve\\\" via staff\"")
	              "Author: =?utf-8?q?a=0D=0ABcc=3A_eve=22?= <a@x>\r\n"
	              "Reply-To: =?utf-8?q?a=0D=0ABcc=3A_eve=22?= <a@x>\r\n", GONE " Reply-To");
	check_heading("staff@l.x", FEW "from: rewrite", "From: \"Staff\" <Staff@l.x>\r\n", ID, LOST);
	check_heading("staff@l.x", FEW "from: rewrite", "From: \xe9 <a@x>\r\n", ID, LOST);
	check_heading("staff@l.x", FEW "from: rewrite", "From: nobody:;\r\n", ID, LOST);
	check_heading("staff@l.x", FEW "from: rewrite", "Subject: x\r\n", ID, LOST);
	check_heading("staff@l.x", FEW "from: keep", "From: ann@x\r\n", ID, LOST);
}

/* ---- DMARC ---- */

static void
treatments(void **state)
{
	static const struct {
		const char *setting, *domain, *want;
	} cases[] = {
		{ "rewrite", "example.org", "rewrite" },
		{ "rewrite example.org=wrap", "example.org", "wrap" },
		{ "example.org=wrap rewrite", "a.example.org", "wrap" },
		{ "rewrite example.org=wrap", "badexample.org", "rewrite" },
		{ "rewrite example.org=wrap", "org", "rewrite" },
		{ "a.example.org=keep example.org=wrap rewrite", "b.a.example.org", "keep" },
		{ "example.org=wrap", "example.net", "keep" },
		{ NULL, "example.net", "keep" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		same_text(cases[i].domain, treatment_word(treatment_of(cases[i].setting, cases[i].domain)),
		          cases[i].want);
}

#define SIGNED(more) "DKIM-Signature: v=1; d=mail.example.org;" more "; b=x\r\n" \
                     "From: ann@example.org\r\nSubject: x\r\n"

/* Which signatures survive what happens to the header. */
static void
surviving(void **state)
{
	static const struct {
		const char *header, *add, *remove, *before;
		bool strict, want;
	} cases[] = {
		{ SIGNED(" h=From : Subject"), "List-Id: <a>\r\n", "List-Id", NULL, false, true },
		{ SIGNED(" h=From:\r\n\tSubject"), "", NULL, NULL, true, false },
		{ SIGNED(" h=from:subject"), "Subject: y\r\n", "Subject", NULL, false, false },
		{ SIGNED(" h=from"), "Subject: y\r\n", "Subject", NULL, false, true },
		{ SIGNED(" h=from"), "", NULL, "text", false, false },
		/* One that may not be added: it is named once more than it is there. */
		{ SIGNED(" h=from:list-id"), "List-Id: <a>\r\n", NULL, NULL, false, false },
		{ SIGNED(" h=from:list-id"), "List-Id: <a>\r\n", "List-Id", NULL, false, false },
		{ SIGNED(" h=from:list-id"), "", "List-Id", NULL, false, true },
		{ SIGNED(" h=from:subject"), "Subject: y\r\n", NULL, NULL, false, true },
		{ SIGNED(" h=from:subject:subject"), "Subject: y\r\n", NULL, NULL, false, false },
		/* What is no signature of the author's. */
		{ SIGNED(" x=y"), "", NULL, NULL, false, false },
		{ "DKIM-Signature: d=example.net; h=from\r\n", "", NULL, NULL, false, false },
		{ "DKIM-Signature: d=a b; h=from\r\n", "", NULL, NULL, false, false },
		{ "DKIM-Signature: h=from\r\n", "", NULL, NULL, false, false },
		{ "X: d=example.org; h=from\r\n", "", NULL, NULL, false, false },
		{ "DKIM-Signature: d=example.net; h=from\r\nDKIM-Signature: d=Example.org; h=from\r\n", "", NULL,
		  NULL, true, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct envelope e = { .inject_add = mem_text(cases[i].add),
			              .inject_before_body = mem_text(cases[i].before) };

		if (cases[i].remove != NULL)
			text_list_add(&e.inject_remove, cases[i].remove, strlen(cases[i].remove));
		same_number(cases[i].header, treat_survives(&e, cases[i].header, strlen(cases[i].header),
		                                            "example.org", cases[i].strict),
		            cases[i].want);
		envelope_free(&e);
	}
}

/* Texts of each member's own are not part of the header that is composed, and change the body all the same. */
static void
surviving_personal(void **state)
{
	static const char header[] = SIGNED(" h=from");
	struct envelope e = { .inject_add = mem_text("") };

	(void)state;
	assert_true(treat_survives(&e, header, sizeof(header) - 1, "example.org", false));
	e.inject_below = mem_text("For {member.local}\n");
	assert_false(treat_survives(&e, header, sizeof(header) - 1, "example.org", false));
	envelope_free(&e);
}

/* A message in another one: fields of the list's take the place of the poster's, and all is in the inner. */
static void
wrapped(void **state)
{
	static const char header[] = "From: ann@x\r\nTo: b@x\r\nSubject: a\r\n b\r\nReply-To: c@x\r\nX: y\r\n"
				    "Cc: \xe9@x\r\n";
	struct envelope e = { .inject_add = mem_text("From: <l@x>\r\nReply-To: d@x\r\n"), .eight_bit = true };

	(void)state;
	text_list_add(&e.inject_remove, "Reply-To", 8);
	text_list_add(&e.inject_remove, "Rollcall-Stamp", 14);
	text_list_add(&e.inject_remove, "X-Rollcall-Tag", 14);
	treat_wrap(&e, NULL, header, sizeof(header) - 1);
	same_text("outer", e.inject_add,
	          "From: <l@x>\r\nReply-To: d@x\r\nTo: b@x\r\nSubject: a\r\n b\r\nMIME-Version: 1.0\r\n"
	          "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\n");
	same_number("removed", (long long)e.inject_remove.count, 2);
	same_text("removed", e.inject_remove.items[0], "Rollcall-Stamp");
	same_text("removed", e.inject_remove.items[1], "X-Rollcall-Tag");
	e.utf8 = true, e.eight_bit = false;
	treat_wrap(&e, NULL, header, sizeof(header) - 1);
	assert_non_null(strstr(e.inject_add, "message/global\r\nContent-Transfer-Encoding: 7bit"));
	envelope_free(&e);
}

static void
dates(void **state)
{
	static const struct {
		const char *text;
		int64_t want;
	} cases[] = {
		{ "Thu, 01 Jan 1970 00:00:01 +0000", 1000 },
		{ " Sat, 21 Nov 2026 23:30:00 +0130 (CET)", 1795298400000 },
		{ "21 Nov 2026 21:00:00 -0100", 1795298400000 },
		{ "Sat, 21 Nov 2026 22:00:00 GMT", 1795298400000 },
		{ "Sat, 21 Nov 2026 22:00:00 CET", -1 },
		{ "Sat, 21 ovD 2026 22:00:00 +0000", -1 },
		{ "Sat, 21 Nov 26 22:00:00 +0000", -1 },
		{ "Sat, 21 Nov 2026", -1 },
		{ "", -1 },
	};
	static const char received[] = "Received: from x; y by z (a; b);\r\n Thu, 1 Jan 1970 00:00:02 +0000 (UTC)\r\n"
				       "Received: by w; Thu, 1 Jan 1970 00:00:01 +0000\r\n";

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		same_number(cases[i].text, date_parse(cases[i].text), cases[i].want);
	same_number("received", trace_taken(received, sizeof(received) - 1), 2000);
	same_number("no date", trace_taken("Received: by z\r\n", 16), -1);
	same_number("nothing", trace_taken("", 0), -1);
}

/* One URI of https, and addresses only behind it; nothing where leaving is not heeded. */
static void
ways_out(void **state)
{
	static const char click[] = FEW "one-click: https://x/{local}/{token}\n", post[] =
		"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n";
	char *each = mem_format("List-Unsubscribe:\r\n <https://x/staff/{token}>%s", post);
	char *both = mem_format("List-Unsubscribe:\r\n <https://x/staff/{token}>,\r\n <mailto:out@x>,\r\n"
	                        " <mailto:staff-out@y>%s", post);
	char *settings = mem_format("%slist-unsubscribe: http://x/y out@x https://z mailto:{local}-out@y", click);
	char *heeded = mem_format("%spreferences: no", click);

	(void)state;
	check_each("staff@l.x", click, "", ID, LOST " List-Unsubscribe List-Unsubscribe-Post", each);
	check_each("staff@l.x", settings, "", ID, LOST " List-Unsubscribe List-Unsubscribe-Post", both);
	check_each("staff@l.x", heeded, "", ID, LOST, NULL);
	free(heeded);
	free(settings);
	free(both);
	free(each);
}

/* C094: in a file a tag may be blanks. */
static void
tags_of_blanks(void **state)
{
	struct complaint why;

	(void)state;
	assert_int_equal(style_settings[STYLE_SUBJECT_TAG].check("  ", &why), -1);
	same_text("complaint", why.text, "there is nothing; none leaves the subject as it is");
}

/* Whether the post of this name is sent with members' own reverse-paths. */
static bool
is_chosen(const char *verp, const char *sender, const char *id)
{
	struct site site = { .hostname = (char *)"mail.x" };
	struct list *l = make_list("staff@l.x", verp);
	struct target t = { .list = l, .role = ROLE_POST };
	struct envelope e = { .sender = mem_text(sender) };
	struct style all = { 0 };
	struct complaint why;
	bool chosen;

	style_complete(&all, "posts", NULL);
	assert_int_equal(style_merge(t.style, l, NULL, &all, &why), 0);
	heading_compose(&e, &site, &t, id, "mx.x", "", 0);
	chosen = e.inject_verp;
	assert_int_equal(e.inject_suspects, strcmp(verp, "verp: suspects") == 0 && *sender != '\0');
	envelope_free(&e);
	setting_free(style_settings, &all);
	list_drop(&l);
	return chosen;
}

/* C195: of many posts one in so many, and of one post always the same is said. */
static void
every_so_many(void **state)
{
	enum { POSTS = 2000 };
	size_t chosen[3] = { 0 };

	(void)state;
	for (int i = 0; i < POSTS; i++) {
		char id[DIGEST_NAME + 1];
		bool is;

		digest_of(&i, sizeof(i), id);
		is = is_chosen("verp: every 10", "ann@x", id);
		assert_int_equal(is, is_chosen("verp: every 10", "eve@y", id));
		chosen[0] += is;
		chosen[1] += is_chosen("verp: every 1", "ann@x", id);
		chosen[2] += is_chosen("verp: never", "ann@x", id) + is_chosen("verp: suspects", "ann@x", id) +
		             is_chosen("verp: always", "", id);
	}
	if (chosen[0] < POSTS / 10 * 3 / 4 || chosen[0] > POSTS / 10 * 5 / 4)
		fail_msg("%zu of %d", chosen[0], POSTS);
	assert_int_equal(chosen[1], POSTS);
	assert_int_equal(chosen[2], 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values),
		cmocka_unit_test(too_long),
		cmocka_unit_test(which_level_counts),
		cmocka_unit_test(fields_that_lead_nowhere),
		cmocka_unit_test(ways_out),
		cmocka_unit_test(tags_of_blanks),
		cmocka_unit_test(every_so_many),
		cmocka_unit_test(list_fields),
		cmocka_unit_test(archives),
		cmocka_unit_test(archives_of_long_names),
		cmocka_unit_test(chosen_posts),
		cmocka_unit_test(lists_that_have_lists),
		cmocka_unit_test(senders),
		cmocka_unit_test(replies),
		cmocka_unit_test(subjects),
		cmocka_unit_test(footers),
		cmocka_unit_test(rewritten_from),
		cmocka_unit_test(treatments),
		cmocka_unit_test(surviving),
		cmocka_unit_test(surviving_personal),
		cmocka_unit_test(wrapped),
		cmocka_unit_test(dates),
	};

	return RUN(tests);
}
