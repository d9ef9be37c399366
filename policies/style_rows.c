/* Settings of a list's posts: the rows, and what may stand there. */
#include "base/file.h"
#include "base/mem.h"
#include "mail/address.h"
#include "mail/header.h"
#include "mail/leaving.h"
#include "mail/phrase.h"
#include "mail/template.h"
#include "policies/style.h"
#include "policies/treatment.h"
#include "sources/ldap_query.h"

#include <stdlib.h>
#include <string.h>

enum {
	LONGEST_LINE = 900,               /* of a text: it has to go on one of 998 octets */
	LONGEST_TAG = 60,
	LONGEST_TEXT = 8000
};

/* What a pattern gives for a list with a short and harmless address. */
static char *
example(const char *text, size_t length)
{
	char *pattern = mem_copy(text, length), *filled = list_fill_uri(pattern, "list@example.com");

	free(pattern);
	return filled;
}

/* A dot-atom (RFC 5322 section 3.2.3) of at least two parts (RFC 2919 section 2). */
static bool
is_identifier(const char *id)
{
	size_t length = strlen(id);

	return length > 0 && length < 256 && strpbrk(id, " ()<>[]:;@\\,\"") == NULL &&
	       strchr(id, '.') != NULL && strstr(id, "..") == NULL && id[0] != '.' &&
	       id[length - 1] != '.';
}

static int
check_identifier(const char *text, size_t length, struct complaint *why)
{
	char *id = example(text, length);
	bool good = is_identifier(id);

	free(id);
	return good ? 0
	            : complain(why, "\"%.*s\" is no identifier of a list, like staff.lists.example.com",
	                       (int)length, text);
}

static int
check_list_id(const char *text, struct complaint *why)
{
	return field_check_value(text, why) < 0 ? -1 : check_identifier(text, strlen(text), why);
}

static int
check_parents(const char *text, struct complaint *why)
{
	const char *word;
	size_t length;

	if (field_check_value(text, why) < 0)
		return -1;
	if (strcmp(text, "none") == 0)
		return 0;
	while (style_word(&text, &word, &length))
		if (check_identifier(word, length, why) < 0)
			return -1;
	return 0;
}

static int
check_mailbox(const char *text, size_t length, struct complaint *why)
{
	char *filled = example(text, length);
	struct address a;
	int rc = address_parse(&a, filled, strlen(filled), why);

	if (rc == 0)
		address_free(&a);
	free(filled);
	return rc;
}

/* A URI, or an address that is to become one. */
static int
check_uri(const char *word, size_t length, struct complaint *why)
{
	static const char *const schemes[] = { "mailto:", "https://", "http://", NULL };
	char *filled = example(word, length);
	size_t bad = strcspn(filled, "<>\"\\^`{|} "), i = 0;
	int rc;

	while (schemes[i] != NULL && strncasecmp(filled, schemes[i], strlen(schemes[i])) != 0)
		i++;
	if (schemes[i] == NULL)
		rc = check_mailbox(word, length, why);
	else
		rc = filled[bad] == '\0' && filled[strlen(schemes[i])] != '\0' ? 0 : -1;
	free(filled);
	return rc == 0 ? 0
	               : complain(why, "\"%.*s\" is neither an address nor a URI of mailto, https or http",
	                          (int)length, word);
}

/* URIs in the order of preference, or one of the words. */
static int
check_uris(const char *text, const char *const *words, struct complaint *why)
{
	const char *word;
	size_t length;

	if (field_check_value(text, why) < 0)
		return -1;
	for (; *words != NULL; words++)
		if (strcmp(text, *words) == 0)
			return 0;
	if (text[strspn(text, " ")] == '\0')
		return complain(why, "there is nothing; none leaves the field out");
	while (style_word(&text, &word, &length))
		if (check_uri(word, length, why) < 0)
			return -1;
	return 0;
}

static int
check_list_post(const char *text, struct complaint *why)
{
	static const char *const words[] = { "none", "list", "closed", NULL };

	return check_uris(text, words, why);
}

static int
check_list_owner(const char *text, struct complaint *why)
{
	static const char *const words[] = { "none", "owner", NULL };

	return check_uris(text, words, why);
}

static int
check_list_uris(const char *text, struct complaint *why)
{
	static const char *const words[] = { "none", NULL };

	return check_uris(text, words, why);
}

static int
check_one_click(const char *text, struct complaint *why)
{
	static const char scheme[] = "https://";
	const char *host = text + sizeof(scheme) - 1, *hole = strstr(text, LEAVING_HOLE), *path;
	struct bytes example = { 0 };
	int rc;

	if (field_check_value(text, why) < 0)
		return -1;
	if (strcmp(text, "none") == 0)
		return 0;
	path = strncasecmp(text, scheme, strlen(scheme)) == 0 ? strpbrk(host, "/?") : NULL;
	if (path == NULL || path == host || strchr(text, ' ') != NULL)
		return complain(why, "\"%s\" is no URI of https", text);
	if (hole == NULL || hole < path || strstr(hole + 1, LEAVING_HOLE) != NULL)
		return complain(why, "\"%s\" has not " LEAVING_HOLE " once, behind the host", text);
	bytes_format(&example, "%.*sabc%s", (int)(hole - text), text, hole + sizeof(LEAVING_HOLE) - 1);
	rc = check_uri(example.data, example.length, why);
	bytes_free(&example);
	return rc;
}

static int
check_sender(const char *text, struct complaint *why)
{
	static const char *const words[] = { "none", "list", "owner", NULL };

	if (strchr(text, '@') == NULL)
		return setting_check_word(text, words, "none, list, owner, an address", why);
	if (field_check_value(text, why) < 0)
		return -1;
	return check_mailbox(text, strlen(text), why);
}

static int
check_precedence(const char *text, struct complaint *why)
{
	static const char *const words[] = { "none", "list", "bulk", NULL };

	return setting_check_word(text, words, "none, list, bulk", why);
}

static int
check_from(const char *text, struct complaint *why)
{
	static const char *const words[] = { "keep", "rewrite", NULL };

	return setting_check_word(text, words, "keep, rewrite", why);
}

static int
check_archived_at(const char *text, struct complaint *why)
{
	char *uri;
	int rc;

	if (field_check_value(text, why) < 0)
		return -1;
	if (strcmp(text, "none") == 0)
		return 0;
	uri = list_fill_archived(text, "list@example.com", "id@example.com");
	rc = strncasecmp(uri, "https://", 8) == 0 || strncasecmp(uri, "http://", 7) == 0
	             ? check_uri(uri, strlen(uri), why)
	             : complain(why, "\"%s\" is no URI of https or http", text);
	free(uri);
	if (rc == 0 && strstr(text, "{hash}") == NULL && strstr(text, "{message-id}") == NULL)
		rc = complain(why, "\"%s\" is the same for all posts: it lacks {hash} or {message-id}", text);
	return rc;
}

static int
check_verp(const char *text, struct complaint *why)
{
	static const char *const words[] = { "never", "always", "suspects", NULL };
	size_t digits;

	if (strncmp(text, "every ", 6) != 0)
		return setting_check_word(text, words, "never, always, suspects, \"every\" and a number",
		                          why);
	digits = strspn(text + 6, "0123456789");
	if (digits >= 1 && digits <= 6 && text[6 + digits] == '\0' && text[6] != '0')
		return 0;
	return complain(why, "\"%s\": behind \"every\" stands a number from 1 to 999999", text);
}

static int
check_report(const char *text, struct complaint *why)
{
	static const char *const words[] = { "numbers", "members", NULL };

	return setting_check_word(text, words, "numbers, members", why);
}

static int
check_reply_to(const char *text, struct complaint *why)
{
	static const char *const words[] = { "none", "poster", "list", NULL };
	const char *at = text, *word;
	size_t length, count = 0, posters = 0;

	if (field_check_value(text, why) < 0)
		return -1;
	while (style_word(&at, &word, &length)) {
		char *one = mem_copy(word, length);
		int rc = memchr(word, '@', length) != NULL
		             ? check_mailbox(word, length, why)
		             : setting_check_word(one, words, "none, poster, list, an address", why);

		if (rc == 0 && strcmp(one, "none") == 0 && strcmp(text, one) != 0)
			rc = complain(why, "none stands alone");
		if (rc == 0 && strcmp(one, "poster") == 0 && posters++ > 0)
			rc = complain(why, "poster stands there twice");
		free(one);
		if (rc < 0)
			return -1;
		count++;
	}
	return count > 0 ? 0 : complain(why, "there is nothing; none leaves the poster's");
}

static int
check_subject_tag(const char *text, struct complaint *why)
{
	if (text[strspn(text, " ")] == '\0')
		return complain(why, "there is nothing; none leaves the subject as it is");
	if (strlen(text) > LONGEST_TAG)
		return complain(why, "longer than %d octets", LONGEST_TAG);
	if (!phrase_is_plain(text) || strstr(text, "=?") != NULL)
		return complain(why, "neither control characters nor =? can stand there");
	return 0;
}

/* Lines of text, the last of which need not end. */
static int
check_text(const char *text, struct complaint *why)
{
	if (*text == '\0')
		return complain(why, "there is nothing; none leaves it out");
	if (strlen(text) > LONGEST_TEXT)
		return complain(why, "longer than %d octets", LONGEST_TEXT);
	if (template_check(text, why) < 0)
		return -1;
	while (*text != '\0') {
		size_t length = strcspn(text, "\r\n");
		char *line = mem_copy(text, length);
		bool plain = length <= LONGEST_LINE && phrase_is_plain(line);

		free(line);
		if (!plain)
			return complain(why, "each line is UTF-8 of %d octets at most, without control "
			                     "characters", LONGEST_LINE);
		text += length + strspn(text + length, "\r\n");
	}
	return 0;
}

static int
check_yes(const char *text, struct complaint *why)
{
	static const char *const words[] = { "yes", "no", NULL };

	return setting_check_word(text, words, "yes, no", why);
}

static int
check_order(const char *text, struct complaint *why)
{
	static const char *const words[] = { "none", "domain", "mx", NULL };

	return setting_check_word(text, words, "none, domain, mx", why);
}

static int
check_nested(const char *text, struct complaint *why)
{
	static const char *const words[] = { "flatten", "hand-over", NULL };

	return setting_check_word(text, words, "flatten, hand-over", why);
}

/* Addresses, of lists or people. */
static int
check_without(const char *text, struct complaint *why)
{
	const char *word;
	size_t length;

	if (strcmp(text, "none") == 0)
		return 0;
	if (text[strspn(text, " ")] == '\0')
		return complain(why, "there is nothing; none leaves nobody out");
	while (style_word(&text, &word, &length))
		if (check_mailbox(word, length, why) < 0)
			return -1;
	return 0;
}

static int
check_without_filter(const char *text, struct complaint *why)
{
	return strcmp(text, "none") == 0 ? 0 : query_check_filter(text, why);
}

static int
check_program(const char *text, struct complaint *why)
{
	return strcmp(text, "none") == 0 ? 0 : file_check_path(text, why);
}

static int
check_program_timeout(const char *text, struct complaint *why)
{
	int64_t unused;

	if (setting_parse_time(text, &unused) == 0 && unused > 0)
		return 0;
	return complain(why, "\"%s\" is no time, like 60s", text);
}

#define STYLE(id) .kind = KIND_TEXT, .offset = offsetof(struct style, texts[id])

const struct setting style_settings[STYLE_COUNT + 1] = {
	[STYLE_LIST_ID] = { .name = "list-id", STYLE(STYLE_LIST_ID), .check = check_list_id,
	  .help = "The identifier in List-Id (RFC 2919), to which the list's name is added. {local} and "
	          "{domain} are the parts of the list's address, here and below." },
	[STYLE_PARENTS] = { .name = "parents", STYLE(STYLE_PARENTS), .check = check_parents,
	  .help = "Identifiers of lists elsewhere that have this one as a member, with blanks between: posts "
	          "that come from them keep their List-Id and List-Post (RFC 2919 section 7)." },
	[STYLE_LIST_POST] = { .name = "list-post", STYLE(STYLE_LIST_POST), .check = check_list_post,
	  .help = "How to post (RFC 2369): list, for the list's address; closed, which says that members "
	          "cannot; one or several addresses or URIs with blanks between, in the order of "
	          "preference; or none, for no such field." },
	[STYLE_LIST_HELP] = { .name = "list-help", STYLE(STYLE_LIST_HELP), .check = check_list_uris,
	  .help = "Where there is help: addresses or URIs, or none." },
	[STYLE_LIST_OWNER] = { .name = "list-owner", STYLE(STYLE_LIST_OWNER), .check = check_list_owner,
	  .help = "Who looks after the list: owner, for the address of its owners; addresses or URIs; or "
	          "none." },
	[STYLE_LIST_SUBSCRIBE] = { .name = "list-subscribe", STYLE(STYLE_LIST_SUBSCRIBE),
	  .check = check_list_uris, .help = "How to become a member: addresses or URIs, or none." },
	[STYLE_LIST_UNSUBSCRIBE] = { .name = "list-unsubscribe", STYLE(STYLE_LIST_UNSUBSCRIBE),
	  .check = check_list_uris, .help = "How to leave the list: addresses or URIs, or none." },
	[STYLE_LIST_ARCHIVE] = { .name = "list-archive", STYLE(STYLE_LIST_ARCHIVE), .check = check_list_uris,
	  .help = "Where the archive is: addresses or URIs; or none, which leaves that of another list." },
	[STYLE_ONE_CLICK] = { .name = "one-click", STYLE(STYLE_ONE_CLICK), .check = check_one_click,
	  .help = "Where the site's web server has rollcallctl unsubscribe answer, for members who leave by "
	          "one click (RFC 8058): a URI of https with {token}, like "
	          "https://lists.example.com/leave/{token}. Each member has a copy of its own, by a "
	          "transaction of its own, and of list-unsubscribe only addresses stand beside it. Nothing "
	          "where preferences is no; or none." },
	[STYLE_SENDER] = { .name = "sender", STYLE(STYLE_SENDER), .check = check_sender,
	  .help = "The Sender field of posts: list or owner, for those addresses, or another address; or "
	          "none, which leaves the poster's." },
	[STYLE_PRECEDENCE] = { .name = "precedence", STYLE(STYLE_PRECEDENCE), .check = check_precedence,
	  .help = "The Precedence field of posts: list or bulk, which keeps old responders from "
	          "answering, or none, which leaves the poster's." },
	[STYLE_REPLY_TO] = { .name = "reply-to", STYLE(STYLE_REPLY_TO), .check = check_reply_to,
	  .help = "Where answers go: poster (the poster's own Reply-To or From), list, an address, or "
	          "several of these with blanks between, in the order in which they are to stand; or none, "
	          "which leaves the poster's." },
	[STYLE_SUBJECT_TAG] = { .name = "subject-tag", STYLE(STYLE_SUBJECT_TAG), .check = check_subject_tag,
	  .help = "What is put before the subject of posts that have it nowhere yet, \"[{local}]\"; or none. "
	          "Signatures of the poster (DKIM) usually do not survive it." },
	[STYLE_HEADER] = { .name = "header", STYLE(STYLE_HEADER), .check = check_text,
	  .help = "A text above the body of posts, or none. {post.subject}, {post.from} and "
	          "{post.message-id} are the post's. With {member.address}, {member.local} or "
	          "{member.domain} in it each member has a copy of its own, by a transaction of its own. "
	          "What is signed or encrypted is left alone." },
	[STYLE_FOOTER] = { .name = "footer", STYLE(STYLE_FOOTER), .check = check_text,
	  .help = "A text below it, in the same way." },
	[STYLE_FROM] = { .name = "from", STYLE(STYLE_FROM), .check = check_from,
	  .help = "The From field of posts: keep, or rewrite, which puts the list there under the poster's "
	          "name, and the poster where answers go: for posters whose domain forbids by DMARC what "
	          "the list does to their mail." },
	[STYLE_DMARC] = { .name = "dmarc", STYLE(STYLE_DMARC), .check = treatment_check,
	  .help = "What becomes of posts whose author's domain forbids by DMARC that they go out as the list "
	          "makes them: keep; rewrite, as by from; wrap, which puts them whole into a message of the "
	          "list; domain=rewrite and the like for single domains; or none, which asks nobody." },
	[STYLE_REPORT] = { .name = "report", STYLE(STYLE_REPORT), .check = check_report,
	  .help = "What a report on a post that the MTA did not take for everybody says to those who "
	          "look after the list: numbers, how many, and by which codes; or members, who they are, "
	          "and the replies." },
	[STYLE_VERP] = { .name = "verp", STYLE(STYLE_VERP), .check = check_verp,
	  .help = "Which posts are sent with a reverse-path of its own for each member, so that whatever "
	          "comes back says whose it was: never; always; \"every 10\", about one of ten; or suspects, "
	          "all of them for members of whom a report said lately that they could not be reached. It "
	          "costs a transaction for each member, unless the MTA has XVERP (outbound.xverp)." },
	[STYLE_ARCHIVED_AT] = { .name = "archived-at", STYLE(STYLE_ARCHIVED_AT), .check = check_archived_at,
	  .help = "Where this very post is in an archive (RFC 5064): a URI of https or http with {hash}, the "
	          "base32 of the SHA-1 of its Message-ID without <>, as Mailman 3 has it; or {message-id}; "
	          "or none." },
	[STYLE_NOT_ME] = { .name = "not-me", STYLE(STYLE_NOT_ME), .check = check_yes,
	  .help = "Whether posters get no copy of their own posts: yes or no." },
	[STYLE_WITHOUT] = { .name = "without", STYLE(STYLE_WITHOUT), .check = check_without,
	  .help = "Who gets no posts though they are members: the members of other lists, and people; "
	          "addresses with blanks between, or none." },
	[STYLE_WITHOUT_FILTER] = { .name = "without-filter", STYLE(STYLE_WITHOUT_FILTER),
	  .check = check_without_filter,
	  .help = "The same for people who match a filter in the list's LDAP source, or none. Only in this "
	          "file." },
	[STYLE_NESTED] = { .name = "nested", STYLE(STYLE_NESTED), .check = check_nested,
	  .help = "What becomes of members that are lists themselves: flatten, their members get the post as "
	          "members of this list; or hand-over, they get it as a post of their own, where they take "
	          "it from whoever posted." },
	[STYLE_PREFERENCES] = { .name = "preferences", STYLE(STYLE_PREFERENCES), .check = check_yes,
	  .help = "Whether it counts what members want, by their entries (no-mail, digest and not-mine of "
	          "attributes) or by rollcallctl preferences: yes or no." },
	[STYLE_ORDER] = { .name = "order", STYLE(STYLE_ORDER), .check = check_order,
	  .help = "In which order posts are handed to the MTA: domain, the recipients of a domain one behind "
	          "the other, beside those of its subdomains; mx, the domains of a mail exchanger one "
	          "behind the other; or none, as the source names them." },
	[STYLE_PROGRAM] = { .name = "program", STYLE(STYLE_PROGRAM), .check = check_program,
	  .help = "A program that gets the addresses that are left, and prints those that are to get the "
	          "post, in the order in which they are to; or none. Only in this file." },
	[STYLE_PROGRAM_MAY_ADD] = { .name = "program-may-add", STYLE(STYLE_PROGRAM_MAY_ADD),
	  .check = check_yes,
	  .help = "Whether it may name addresses that it did not get: yes or no. Only in this file." },
	[STYLE_PROGRAM_TIMEOUT] = { .name = "program-timeout", STYLE(STYLE_PROGRAM_TIMEOUT),
	  .check = check_program_timeout,
	  .help = "How long it may take; then it is killed and the post waits. Only in this file." },
	[STYLE_COUNT] = { .kind = KIND_END },
};
