/* The site: whole configurations, every kind of mistake in them, and files that are cut off. */
#include "tests/unit/unit.h"

#include "base/mem.h"
#include "expander/settings.h"
#include "milter/settings.h"
#include "policies/admit.h"
#include "policies/site.h"

static const char good[] =
	"hostname: Mail.Example.com\n"
	"state: /tmp\n"
	"errors: Postmaster@example.com\n"
	"networks: [ 127.0.0.0/8, \"2001:db8::/32\" ]\n"
	"log: { to: stderr, level: error }\n"
	"limits: { message: 1M }\n"
	"milter: { listen: \"inet:127.0.0.1:9000\", deadline: 1s }\n"
	"lmtp:\n"
	"  listen: [ \"unix:/tmp/lmtp\", \"inet:[::1]:24\" ]\n"
	"outbound: { mta: [ \"smtp:127.0.0.1:10026\" ], lanes: 2 }\n"
	"sources:\n"
	"  lists: { kind: file, path: tests/fixtures/contract.json }\n"
	"  corp:\n"
	"    kind: ldap\n"
	"    uri: ldap://127.0.0.1\n"
	"    base: dc=example,dc=com\n"
	"    attributes: { member: uniqueMember }\n"
	"destinations:\n"
	"  Lists.Example.com:\n"
	"    sources: [ lists ]\n"
	"    check:\n"
	"      - posters: { allow: [ anyone ] }\n"
	"  b\xc3\xbc" "cher.example: { sources: lists, delimiter: \"\", posts: { precedence: none } }\n";

static struct site *
load(const char *text, struct complaint *why)
{
	char path[] = "/tmp/rollcall-unit-XXXXXX";
	struct milter_settings milter = { 0 };
	struct socketmap_settings socketmap = { 0 };
	struct lmtp_settings lmtp = { 0 };
	struct outbound_settings outbound = { 0 };
	struct moderation_settings moderation = { 0 };
	const struct site_part parts[] = { { "milter", milter_setting_rows, &milter },
		                           { "socketmap", socketmap_setting_rows, &socketmap },
		                           { "lmtp", lmtp_setting_rows, &lmtp },
		                           { "outbound", outbound_setting_rows, &outbound },
		                           { "moderation", moderation_setting_rows, &moderation },
		                           { 0 } };
	int fd = mkstemp(path);
	struct site *s;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	(void)close(fd);
	s = site_load(path, true, parts, why);
	if (s == NULL) {                  /* the name differs from run to run */
		char *at = strstr(why->text, path);

		if (at != NULL)
			memmove(at, at + sizeof(path) - 1, strlen(at + sizeof(path) - 1) + 1);
		assert_null(milter.listen);
		assert_null(socketmap.listen);
		assert_int_equal(lmtp.listen.count, 0);
	}
	setting_free(milter_setting_rows, &milter);
	setting_free(socketmap_setting_rows, &socketmap);
	setting_free(lmtp_setting_rows, &lmtp);
	setting_free(outbound_setting_rows, &outbound);
	setting_free(moderation_setting_rows, &moderation);
	(void)unlink(path);
	return s;
}

static void
a_whole_site(void **state)
{
	struct complaint why;
	struct site *s = load(good, &why);
	struct site *same;

	(void)state;
	if (s == NULL)
		fail_msg("%s", why.text);
	same_text("hostname", s->hostname, "mail.example.com");
	same_text("errors", s->errors, "postmaster@example.com");
	assert_int_equal(s->destination_count, 2);
	same_text("domain", s->destinations[0].domain, "lists.example.com");
	same_text("idn", s->destinations[1].domain, "xn--bcher-kva.example");
	assert_int_equal(s->destinations[0].delimiter, '+');
	assert_int_equal(s->destinations[1].delimiter, '\0');
	same_text("precedence", s->destinations[0].style.texts[STYLE_PRECEDENCE], "list");
	same_text("precedence", s->destinations[1].style.texts[STYLE_PRECEDENCE], "none");
	assert_ptr_equal(site_destination(s, "x@lists.example.com"), &s->destinations[0]);
	assert_null(site_destination(s, "x@example.com"));
	same = site_hold(s);
	site_drop(&s);
	assert_int_equal(same->source_count, 2);
	site_drop(&same);
}

/* The good file with one line replaced by others. */
static char *
with(const char *line, const char *instead)
{
	const char *at = strstr(good, line);

	assert_non_null(at);
	return mem_format("%.*s%s%s", (int)(at - good), good, instead, at + strlen(line));
}

static void
mistakes(void **state)
{
	static const struct {
		const char *line, *instead, *want;
	} cases[] = {
		{ "hostname: Mail.Example.com", "hostname: \"a b\"", ":1:11: hostname: \"a b\" is no domain" },
		{ "hostname:", "hostnme:", ":1:1: there is no setting \"hostnme\"; did you mean \"hostname\"?" },
		{ "state: /tmp", "state: tmp", ":2:8: state: \"tmp\" is no absolute path" },
		{ "errors: Postmaster@example.com", "errors: nobody",
		  ":3:9: errors: \"nobody\" is no mailbox address" },
		{ "errors: Postmaster@example.com", "errors: staff@lists.example.com",
		  ":3:9: errors: staff@lists.example.com is in a domain of lists: failures would go to a list" },
		{ "127.0.0.0/8,", "127.0.0.1/8,",
		  ":4:13: networks: \"127.0.0.1/8\" has bits set behind its prefix" },
		{ "level: error", "level: errors",
		  ":5:27: level: \"errors\" is not one of debug, info, warn, error; did you mean \"error\"?" },
		{ "message: 1M", "message: 1X", ":6:20: message: \"1X\" is not a size (512, 10k, 25M, 1G)" },
		{ "inet:127.0.0.1:9000", "127.0.0.1:9000",
		  ":7:19: listen: \"127.0.0.1:9000\" is no address: unix:/path or inet:host:port" },
		{ "deadline: 1s", "deadline: 1m", ":7:52: deadline: 1m is more than 25s" },
		{ "deadline: 1s }", "deadline: 1s }\nsocketmap: { transport: \"a b\" }",
		  ":8:25: transport: \"a b\" is no transport: it has blanks, or what is not ASCII" },
		{ "deadline: 1s }", "deadline: 1s }\nsocketmap: { transport: \"\" }",
		  ":8:25: transport: a transport has 1 to 500 bytes" },
		{ "inet:[::1]:24", "inet:[::1]", ":9:31: listen: \"inet:[::1]\": an IPv6 address is written "
		                                 "inet:[::1]:port" },
		{ "smtp:127.0.0.1:10026", "127.0.0.1:10026",
		  ":10:20: mta: \"127.0.0.1:10026\" is no MTA: smtp:host:port" },
		{ "smtp:127.0.0.1:10026", "smtp:127.0.0.1",
		  ":10:20: mta: \"smtp:127.0.0.1\" is no MTA: smtp:host:port, smtp:[::1]:port" },
		{ "\"smtp:127.0.0.1:10026\"", "\"smtp:a:1 weigth 2\"",
		  ":10:20: mta: \"smtp:a:1 weigth 2\": behind the MTA may stand \"weight\" and a number from 1 to 16" },
		{ "lanes: 2", "rate: 5000", ":10:52: rate: \"5000\" is no rate, like 50000/hour; also day, minute, second" },
		{ "lanes: 2", "urgent: alarm", ":10:54: urgent: \"alarm\" is no mailbox address" },
		{ "lanes: 2", "lanes: 0", ":10:53: lanes: 0 is less than 1" },
		{ "kind: file", "kind: fiel", ":12:18: there is no kind of source \"fiel\"; did you mean \"file\"?" },
		{ "kind: file, path", "path", ":12:10: a source says what it is: kind: ldap" },
		{ "path: tests", "paht: tests", ":12:24: there is no setting \"sources.lists.paht\"; did you mean "
		                                "\"path\"?" },
		{ "    base: dc=example,dc=com\n", "", ":14:5: \"base\" is missing here" },
		{ "base: dc=example,dc=com", "base: example", ":16:11: base: \"example\" is no DN" },
		{ "uri: ldap://127.0.0.1", "uri: [ \"http://x\" ]", ":15:10: \"http://x\" is no LDAP URI" },
		{ "uri: ldap://127.0.0.1", "uri: []", ":15:10: uri needs at least 1 value" },
		{ "uri: ldap://127.0.0.1", "uri: ldaps://x\n    starttls: yes",
		  ":16:15: StartTLS is for ldap:// only, not for ldaps://x" },
		{ "uri: ldap://127.0.0.1", "uri: ldap://127.0.0.1\n    bind: simple",
		  ":16:11: bind: simple needs bind-dn and password-file" },
		{ "uri: ldap://127.0.0.1", "uri: ldap://127.0.0.1\n    filter: mail=*",
		  ":16:13: filter: \"mail=*\" is no filter: (attribute=value)" },
		{ "uri: ldap://127.0.0.1", "uri: ldap://127.0.0.1\n    preset: groupOfName",
		  ":16:13: preset: \"groupOfName\" is not one of groupOfNames, groupOfUniqueNames, posixGroup, "
		  "nisMailAlias, rfc2307bis, groupOfURLs, sendmail, mailGroup, inetMailGroup, qmailGroup, "
		  "iRedMail, zimbra, tmail, activeDirectory, freeIPA; did you mean \"groupOfNames\"?" },
		{ "uri: ldap://127.0.0.1", "uri: ldap://127.0.0.1\n    preset: nisMailAlias",
		  ":16:13: preset: nisMailAlias makes lists of entries that have no address, which needs a "
		  "filter that says of which: filter: \"(objectClass=nisMailAlias)\" for all" },
		{ "member: uniqueMember", "local-part: cn",
		  ":17:31: local-part: to make lists of groups that have no address needs a filter, which "
		  "says of which: filter: \"(objectClass=groupOfNames)\" for all" },
		{ "member: uniqueMember", "owner: a=b", ":17:26: owner: \"a=b\" is no attribute" },
		{ "member: uniqueMember", "people: x", ":17:27: people: \"x\" is no filter: (attribute=value)" },
		{ "uri: ldap://127.0.0.1", "uri: ldap://127.0.0.1\n    cache: { yess: 3s }",
		  ":16:14: there is no setting \"sources.corp.cache.yess\"; did you mean \"yes\"?" },
		{ "member: uniqueMember", "membr: x",
		  ":17:19: there is no setting \"sources.corp.attributes.membr\"; did you mean \"member\"?" },
		{ "member: uniqueMember", "groups: x", ":17:27: groups: \"x\" is no filter: (attribute=value)" },
		{ "Lists.Example.com:", "lists..com:", ":19:3: \"lists..com\" is no domain" },
		{ "sources: [ lists ]", "sources: [ list ]",
		  ":20:14: there is no source \"list\"; did you mean \"lists\"?" },
		{ "sources: [ lists ]", "sources: [ lists, corp, lists ]",
		  ":20:14: the source \"lists\" stands here twice" },
		{ "sources: [ lists ]", "sources: [ lists, cor ]",
		  ":20:14: there is no source \"cor\"; did you mean \"corp\"?" },
		{ "  lists: { kind", "  lists+corp: { kind",
		  ":12:3: the name of a source has no +: that stands between several" },
		{ "    sources: [ lists ]\n", "", ":20:5: \"sources\" is missing here" },
		{ "- posters:", "- poster:", ":22:9: there is no check \"poster\"; did you mean \"posters\"?" },
		{ "[ anyone ]", "[ anybody ]",
		  ":22:27: allow: \"anybody\" is none of anyone, known, authenticated, networks, members, "
		  "owners, moderators, nobody, an address, a domain, list:, dn:, group:, filter:, login:; did "
		  "you mean \"nobody\"?" },
		{ "- posters: { allow: [ anyone ] }", "- moderated: { bypass: [ members, \"group:dev\" ] }",
		  ":22:30: bypass: \"dev\" is no DN" },
		{ "- posters: { allow: [ anyone ] }", "- moderated: { bypass: ann }",
		  ":22:30: bypass: \"ann\" is none of anyone, known, authenticated, networks, members, owners, "
		  "moderators, nobody, an address, a domain, list:, dn:, group:, filter:, login:" },
		{ "[ anyone ]", "[ known, \"list:\" ]", ":22:27: allow: there is nothing behind \"list:\"" },
		{ "[ anyone ]", "[ \"filter:(a=b\" ]",
		  ":22:27: allow: \"(a=b\" is no filter: a parenthesis is open" },
		{ "[ anyone ]", "[ \"group:dev\" ]", ":22:27: allow: \"dev\" is no DN" },
		{ "[ anyone ]", "[ \".b..c\" ]", ":22:27: allow: \"b..c\" is no domain" },
		{ "[ anyone ]", "[ \"a@\" ]", ":22:27: allow: \"\" is no domain" },
		{ "member: uniqueMember", "posting: mailgroup",
		  ":17:28: posting: there is no set of attributes \"mailgroup\"; did you mean \"mailGroup\"?" },
		{ "member: uniqueMember", "allow: dnsender",
		  ":17:26: allow: \"dnsender\" says not how its values are read: \"dnsender address\"" },
		{ "member: uniqueMember", "deny: [ x persn ]",
		  ":17:27: deny: there is no kind of values \"persn\"; did you mean \"person\"?" },
		{ "- posters: { allow: [ anyone ] }", "- posters\n      - posters",
		  ":23:9: the check \"posters\" stands here a second time" },
		{ "- posters: { allow: [ anyone ] }", "- { a: b, c: d }",
		  ":22:9: a check is written \"- name: { settings }\"" },
		{ "{ allow: [ anyone ] }", "{ without_session: rejekt }",
		  ":22:37: without_session: \"rejekt\" is not one of accept, hold, defer, reject; did you mean "
		  "\"reject\"?" },
		{ "- posters: { allow: [ anyone ] }", "- loop: { without_session: defer }",
		  ":22:34: without_session: loop needs no session, and is always asked" },
		{ "{ allow: [ anyone ] }", "{ on_unsure: tag }",
		  ":22:31: on_unsure: what is not known never counts as a yes" },
		{ "{ allow: [ anyone ] }", "{ on_fail: hold, on_unsure: tag }",
		  ":22:46: on_unsure: what is not known never counts as a yes" },
		{ "{ allow: [ anyone ] }", "{ tag: spam }",
		  ":22:25: tag: what fails this check is not tagged; that would be on_fail: tag" },
		{ "{ allow: [ anyone ] }", "{ on_fail: tag, tag: \"a b\" }",
		  ":22:39: tag: \"a b\" is no word of at most 30 small letters, digits and dashes" },
		{ "{ allow: [ anyone ] }", "{ without_session: tag }",
		  ":22:37: without_session: \"tag\" is not one of accept, hold, defer, reject" },
		{ "{ allow: [ anyone ] }", "{ on-fail: reject }",
		  ":22:20: there is no setting \"destinations.Lists.Example.com.posters.on-fail\"; did you mean "
		  "\"on_fail\"?" },
		{ "{ allow: [ anyone ] }", "{ on_unsure: log-only }",
		  ":22:31: on_unsure: what is not known never counts as a yes" },
		{ "{ allow: [ anyone ] }", "{ on_fail: log-only, on_unsure: defer }",
		  ":22:50: on_unsure: a check that only logs a failure refuses nothing" },
		{ "- posters: { allow: [ anyone ] }", "- loop: { on_fail: log-only }",
		  ":22:26: on_fail: what fails loop is always refused" },
		{ "- posters: { allow: [ anyone ] }", "- header-match",
		  ":22:9: \"fields\" is missing here" },
		{ "- posters: { allow: [ anyone ] }", "- header-match: { fields: \"Subject\" }",
		  ":22:33: fields: \"Subject\" is not written \"Name: expression\"" },
		{ "- posters: { allow: [ anyone ] }", "- header-match: { fields: [ \"X: a\", \"X: (b\" ] }",
		  ":22:43: fields: \"(b\" is no regular expression: missing closing parenthesis at its "
		  "character 3" },
		{ "- posters: { allow: [ anyone ] }", "- required-fields: { fields: [ Date, \"X Y\" ] }",
		  ":22:44: fields: \"X Y\" is no name of a field" },
		{ "- posters: { allow: [ anyone ] }", "- required-fields: { fields: [ ] }",
		  ":22:36: fields needs at least 1 value" },
		{ "- posters: { allow: [ anyone ] }", "- content-type: { depth: 5 }",
		  ":22:23: one of allow, deny and deny-names has to say what fails" },
		{ "- posters: { allow: [ anyone ] }", "- content-type: { allow: text }",
		  ":22:32: allow: \"text\" is not written type/subtype, with * for any" },
		{ "- posters: { allow: [ anyone ] }", "- program: { path: checks.d }",
		  ":22:26: path: \"checks.d\" is no absolute path" },
		{ "- posters: { allow: [ anyone ] }", "- program: { path: /nonexistent }",
		  ":22:26: path: cannot open /nonexistent: No such file or directory" },
		{ "- posters: { allow: [ anyone ] }", "- program: { path: /tmp }",
		  ":22:26: path: /tmp can be changed by others" },
		{ "- posters: { allow: [ anyone ] }", "- implicit-dest: { also: nobody }",
		  ":22:32: also: \"nobody\" is no mailbox address" },
		{ "- posters: { allow: [ anyone ] }", "- authenticated: { by: logins }",
		  ":22:30: by: \"logins\" is not one of login, networks, results; did you mean \"login\"?" },
		{ "- posters: { allow: [ anyone ] }", "- authenticated: { by: results }",
		  ":22:24: authenticated: results need \"trust\": the names of the servers that are believed" },
		{ "- posters: { allow: [ anyone ] }", "- authenticated: { trust: mx.example.com }",
		  ":22:24: authenticated: \"trust\" is of no use unless \"by\" has results" },
		{ "    check:\n      - posters: { allow: [ anyone ] }\n", "    check: posters\n",
		  ":21:12: check takes a list, one \"- name: { settings }\" a line" },
		{ "delimiter: \"\"", "delimiter: \"++\"", ":23:48: delimiter: \"++\" is not one of + - = _ # . or empty" },
		{ "  b\xc3\xbc" "cher.example:", "  LISTS.example.com:",
		  ":23:3: the domain LISTS.example.com stands here a second time" },
		{ "precedence: none", "precedence: junk",
		  ":23:73: precedence: \"junk\" is not one of none, list, bulk; did you mean \"bulk\"?" },
		{ "posts: { precedence: none }", "posts: none",
		  ":23:59: destinations.b\xc3\xbc" "cher.example.posts takes settings, \"name: value\"" },
		{ "precedence: none }", "list-help: \"{local}-request@b\xc3\xbc" "cher.example\" }",
		  ":23:72: list-help: only printable ASCII can stand there" },
		{ "precedence: none }", "list-help: \"{local}-request@{domain}\" }",
		  ":23:59: list-help: \"{local}-request@{domain}\" leads nowhere: the role request takes no mail "
		  "yet" },
		{ "posts: {", "lists: { a: { reply-to: lst } }, posts: {",
		  ":23:76: reply-to: \"lst\" is not one of none, poster, list, an address; did you mean \"list\"?" },
		{ "posts: {", "lists: { a@x: { reply-to: list } }, posts: {",
		  ":23:61: a@x is not in xn--bcher-kva.example" },
		{ "posts: {", "lists: { \"a b\": { reply-to: list } }, posts: {",
		  ":23:61: \"a b@xn--bcher-kva.example\" is no mailbox address" },
		{ "posts: { precedence: none }", "posts: { without-filter: \"(a=b\" }",
		  ":23:77: without-filter: \"(a=b\" is no filter: a parenthesis is open" },
		{ "posts: { precedence: none }", "posts: { program: choose }",
		  ":23:70: program: \"choose\" is no absolute path" },
		{ "posts: { precedence: none }", "posts: { program-timeout: 5 }",
		  ":23:78: program-timeout: \"5\" is no time, like 60s" },
		{ "posts: {", "lists: { a: { }, A: { } }, posts: {", ":23:69: the list A stands here a second time" },
		{ "posts: {", "lists: [ a ], posts: {", ":23:59: lists takes a block for each list" },
		/* Who sends. */
		{ "sources:\n", "senders: [ a ]\nsources:\n", ":11:10: senders takes a block for each kind of them" },
		{ "sources:\n", "senders: { a: b }\nsources:\n",
		  ":11:15: senders.a takes settings, \"name: value\"" },
		{ "sources:\n", "senders: { a: { check: [ reject ] } }\nsources:\n",
		  ":11:15: a: this is everybody; one of from, networks, ports and authenticated has to say who" },
		{ "sources:\n", "senders: { a: { from: [ x@y, a b ] } }\nsources:\n",
		  ":11:30: from: \"a b\" is no domain" },
		{ "sources:\n", "senders: { a: { from: \"a b@y\" } }\nsources:\n",
		  ":11:23: from: \"a b@y\" is no mailbox address" },
		{ "sources:\n", "senders: { a: { from: .x..y } }\nsources:\n",
		  ":11:23: from: \"x..y\" is no domain" },
		{ "sources:\n", "senders: { a: { from: [ b\xc3\xbc" "cher.example, BU.example, XN--BCHER-KVA.example ] } }\n"
		  "sources:\n", ":11:53: from: XN--BCHER-KVA.example stands here twice" },
		{ "sources:\n", "senders: { a: { ports: [ 25, 70000 ] } }\nsources:\n",
		  ":11:30: ports: 70000 is no port: 1 to 65535" },
		{ "sources:\n", "senders: { a: { ports: \"a b\" } }\nsources:\n",
		  ":11:24: ports: \"a b\" is neither the number nor the name of a port" },
		{ "sources:\n", "senders: { a: { networks: 10.0.0.1/8 } }\nsources:\n",
		  ":11:27: networks: \"10.0.0.1/8\" has bits set behind its prefix" },
		{ "sources:\n", "senders: { a: { authenticated: maybe } }\nsources:\n",
		  ":11:32: authenticated: \"maybe\" is not one of any, yes, no" },
		{ "sources:\n", "senders: { a: { ports: 25, chekc: [ ] } }\nsources:\n",
		  ":11:28: there is no setting \"senders.a.chekc\"; did you mean \"check\"?" },
		{ "sources:\n", "senders: { a: { ports: 25, check: [ rejekt ] } }\nsources:\n",
		  ":11:37: there is no check \"rejekt\"; did you mean \"reject\"?" },
		{ "sources:\n", "senders: { a: { ports: 25 } }\nsources:\n",
		  ":11:15: a: nothing is asked of them: there is no check here, and no destination names them" },
		{ "sources:\n", "senders: { a: { ports: [ 25, 587 ], check: [ ] }, b: { ports: [ 587, 25 ], check: [ ] } }\n"
		  "sources:\n", ":11:54: b: these are the same as a" },
		{ "precedence: none }", "precedence: none }, senders: [ a ]",
		  ":23:90: senders takes a block for each kind of them" },
		{ "precedence: none }", "precedence: none }, senders: { a: { check: [ ] } }",
		  ":23:92: there are no senders \"a\"" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char *text = with(cases[i].line, cases[i].instead);
		struct complaint why = { "" };
		struct site *s = load(text, &why);

		if (s != NULL)
			fail_msg("\"%s\" was taken", cases[i].instead);
		same_text(cases[i].instead, why.text, cases[i].want);
		free(text);
	}
}

/* Who names the same sources in the same order has the same one. */
static void
several_sources_of_a_destination(void **state)
{
	char *text = with("    sources: [ lists ]\n", "    sources: [ lists, corp ]\n");
	char *whole = mem_format("%s  c.example: { sources: [ lists, corp ] }\n"
	                         "  d.example: { sources: [ corp, lists ] }\n", text);
	struct complaint why;
	struct site *s = load(whole, &why);

	(void)state;
	if (s == NULL)
		fail_msg("%s", why.text);
	assert_int_equal(s->named_count, 2);
	assert_int_equal(s->source_count, 4);
	same_text("first", s->destinations[0].source->name, "lists+corp");
	same_text("one", s->destinations[1].source->name, "lists");
	assert_ptr_equal(s->destinations[2].source, s->destinations[0].source);
	same_text("other order", s->destinations[3].source->name, "corp+lists");
	site_drop(&s);
	free(whole);
	free(text);
}

/* Where people live as well, one of them may hear of failures. */
static void
errors_in_a_shared_domain(void **state)
{
	char *text = with("    sources: [ lists ]\n", "    sources: [ lists ]\n    shared: yes\n");
	char *at = strstr(text, "Postmaster@example.com\n");
	char *whole = mem_format("%.*sbob@lists.example.com%s", (int)(at - text), text,
	                         at + strlen("Postmaster@example.com"));
	struct complaint why;
	struct site *s = load(whole, &why);

	(void)state;
	if (s == NULL)
		fail_msg("%s", why.text);
	same_text("errors", s->errors, "bob@lists.example.com");
	assert_true(s->destinations[0].shared);
	assert_false(s->destinations[1].shared);
	site_drop(&s);
	free(whole);
	free(text);
}

static void
missing_parts(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "hostname: x\n", ":1:1: \"sources\" is missing: a block for each source of lists" },
		{ "sources: []\n", ":1:10: \"sources\" is missing: a block for each source of lists" },
		{ "sources:\n  a: { kind: fail }\n",
		  ":1:1: \"destinations\" is missing: a block for each domain of lists" },
		{ "sources:\n  a: { kind: fail }\ndestinations:\n",
		  ":3:14: \"destinations\" is missing: a block for each domain of lists" },
		{ "sources:\n  a: fail\ndestinations: { x: { sources: a } }\n",
		  ":2:6: a source says what it is: kind: ldap" },
		{ "sources:\n  a: { kind: fail }\ndestinations: { x: a }\n",
		  ":3:20: destinations.x takes settings, \"name: value\"" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct complaint why = { "" };

		assert_null(load(cases[i].text, &why));
		same_text(cases[i].text, why.text, cases[i].want);
	}
}

/*
 * Cut at a byte, a file is refused, or it is a smaller file whose lists are no more open than those
 * of the whole one.
 */
static void
cut_off_at_every_byte(void **state)
{
	size_t refused = 0, taken = 0;

	(void)state;
	for (size_t n = 0; n < sizeof(good) - 1; n++) {
		char *text = mem_copy(good, n);
		struct complaint why = { "" };
		struct site *s = load(text, &why);

		if (s == NULL) {
			refused++;
			assert_true(why.text[0] != '\0');
		} else {
			taken++;
			assert_int_equal(text[n - 1], '\n');
			assert_true(s->destination_count > 0);
		}
		site_drop(&s);
		free(text);
	}
	assert_int_equal(taken, 2);       /* behind the first destination's sources, and behind the whole of it */
	assert_int_equal(refused, sizeof(good) - 1 - taken);
}

static void
every_row_has_help(void **state)
{
	const struct setting *tables[] = { site_settings, destination_settings, limits_settings, stamp_settings,
		                           log_settings, milter_setting_rows, socketmap_setting_rows,
		                           lmtp_setting_rows, outbound_setting_rows, cache_settings, moderation_setting_rows,
		                           action_settings, workers_settings };

	(void)state;
	for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++)
		for (const struct setting *row = tables[i]; row->kind != KIND_END; row++)
			if (row->help == NULL || strlen(row->help) < 10)
				fail_msg("%s has no help", row->name);
	for (size_t i = 0; source_kinds[i] != NULL; i++)
		for (const struct setting *row = source_kinds[i]->settings; row->kind != KIND_END; row++)
			if (row->help == NULL || strlen(row->help) < 10)
				fail_msg("%s.%s has no help", source_kinds[i]->name, row->name);
	for (size_t i = 0; policies[i] != NULL; i++)
		for (const struct setting *row = policies[i]->settings; row->kind != KIND_END; row++)
			if (row->help == NULL || strlen(row->help) < 10)
				fail_msg("%s.%s has no help", policies[i]->name, row->name);
}

/* ---- who may post, and what every list asks ---- */

static struct verdict
judge(const struct site *s, const struct destination *d, enum role role, const char *sender,
      const char *login, bool trusted, bool session)
{
	struct list *l = list_new(mem_text("staff@lists.example.com"), NULL, mem_text("k"), NULL);
	const struct target t = { .destination = d, .list = l, .role = role, .recipient = l->address };
	const struct facts f = { .session = session, .client = "192.0.2.1", .trusted = trusted,
		                 .login = login, .sender = sender };
	const struct terms terms = { .moment = MOMENT_RCPT, .facts = &f, .by = deadline_in(1000) };
	struct subject asked;
	struct verdict v = admit_rcpt(s, &t, &terms, &asked);

	assert_true((v.decision == DECISION_PASS) == (admit_decided_by(&asked) == NULL));
	subject_free(&asked);
	list_drop(&l);
	return v;
}

static void
who_may_post(void **state)
{
	struct complaint why;
	struct site *s = load(good, &why);
	const struct destination *open = &s->destinations[0], *closed = &s->destinations[1];
	static const struct {
		const char *what;
		bool open;
		enum role role;
		const char *sender, *login;
		bool trusted, session;
		enum reply_id want;
	} cases[] = {
		{ "a stranger to an open list", true, ROLE_POST, "eve@x", NULL, false, true, REPLY_NONE },
		{ "a stranger to a closed list", false, ROLE_POST, "eve@x", NULL, false, true,
		  REPLY_MAY_NOT_POST },
		{ "with a login", false, ROLE_POST, "eve@x", "eve", false, true, REPLY_NONE },
		{ "from a trusted network", false, ROLE_POST, "eve@x", NULL, true, true, REPLY_NONE },
		{ "behind the MTA", false, ROLE_POST, "eve@x", NULL, false, false, REPLY_NONE },
		{ "the null sender", true, ROLE_POST, NULL, "ann", true, true, REPLY_NO_REPORTS },
		{ "a bounce", false, ROLE_BOUNCES, NULL, NULL, false, true, REPLY_NONE },
		{ "no bounce", false, ROLE_BOUNCES, "eve@x", "eve", true, true, REPLY_ONLY_REPORTS },
		{ "to the owner", false, ROLE_OWNER, "eve@x", NULL, false, true, REPLY_NONE },
		{ "a report to the owner", false, ROLE_OWNER, NULL, NULL, false, true, REPLY_NONE },
		{ "a role that is not there", true, ROLE_REQUEST, "eve@x", "eve", true, true,
		  REPLY_NO_SUCH_ROLE },
		{ "another", true, ROLE_SUBSCRIBE, "eve@x", "eve", true, true, REPLY_NO_SUCH_ROLE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		same_number(cases[i].what,
		            judge(s, cases[i].open ? open : closed, cases[i].role, cases[i].sender,
		                  cases[i].login, cases[i].trusted, cases[i].session).reply,
		            cases[i].want);
	site_drop(&s);
}

/* What the policies say that are always asked at the end. */
static struct verdict
judge_header(const struct site *s, enum role role, const char *header, size_t length)
{
	struct list *l = list_new(mem_text("staff@lists.example.com"), NULL, mem_text("k"), NULL);
	const struct target t = { .destination = &s->destinations[0], .list = l, .role = role,
		                  .recipient = l->address };
	const struct facts f = { .sender = "eve@x", .header = header, .header_length = length,
		                 .most_hops = s->limits.hops };
	const struct terms terms = { .moment = MOMENT_END, .facts = &f, .by = deadline_in(1000) };
	struct subject asked = admit_subject(&t);

	inquiry_run(s->bulkheads, &terms, &asked, 1);
	subject_free(&asked);
	list_drop(&l);
	return asked.verdict;
}

static void
what_a_header_tells(void **state)
{
	static const char reply[] = "Auto-Submitted: auto-replied\r\n";
	static const char loop[] = "List-Post: <mailto:staff@lists.example.com>\r\n";
	struct complaint why;
	struct site *s = load(good, &why);
	struct bytes hops = { 0 };

	(void)state;
	for (int i = 0; i < 51; i++)
		bytes_add_text(&hops, "Received: by x\r\n");
	assert_int_equal(judge_header(s, ROLE_POST, "Subject: x\r\n", 12).reply, REPLY_NONE);
	assert_int_equal(judge_header(s, ROLE_POST, reply, sizeof(reply) - 1).reply, REPLY_AUTOMATIC);
	assert_int_equal(judge_header(s, ROLE_POST, loop, sizeof(loop) - 1).reply, REPLY_LOOP);
	assert_int_equal(judge_header(s, ROLE_POST, hops.data, hops.length).reply, REPLY_LOOP);
	assert_int_equal(judge_header(s, ROLE_POST, hops.data, hops.length - 16).reply, REPLY_NONE);
	/* People are told of people's absence. */
	assert_int_equal(judge_header(s, ROLE_OWNER, reply, sizeof(reply) - 1).reply, REPLY_NONE);
	assert_int_equal(judge_header(s, ROLE_OWNER, loop, sizeof(loop) - 1).reply, REPLY_NONE);
	assert_int_equal(judge_header(s, ROLE_OWNER, hops.data, hops.length).reply, REPLY_LOOP);
	bytes_free(&hops);
	site_drop(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_site),       cmocka_unit_test(mistakes),
		cmocka_unit_test(several_sources_of_a_destination),
		cmocka_unit_test(errors_in_a_shared_domain),
		cmocka_unit_test(missing_parts),      cmocka_unit_test(cut_off_at_every_byte),
		cmocka_unit_test(every_row_has_help), cmocka_unit_test(who_may_post),
		cmocka_unit_test(what_a_header_tells),
	};

	return RUN(tests);
}
