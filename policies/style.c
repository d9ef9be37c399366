/* What posts look like: the rows, what may stand there, and which of three levels counts. */
#include "policies/style.h"

#include "base/mem.h"
#include "mail/address.h"
#include "mail/phrase.h"
#include "mail/template.h"

#include <stdlib.h>
#include <string.h>

enum {
	LONGEST = 900,                    /* of a value: it has to go on a line of 998 octets */
	LONGEST_TAG = 60,
	LONGEST_TEXT = 8000
};

bool
style_word(const char **text, const char **word, size_t *length)
{
	*word = *text + strspn(*text, " ");
	*length = strcspn(*word, " ");
	*text = *word + *length;
	return *length > 0;
}

/* Text that can stand in a field: it ends no line, and hides nothing. */
static int
check_plain(const char *text, struct complaint *why)
{
	if (strlen(text) > LONGEST)
		return complain(why, "longer than %d octets", LONGEST);
	for (const char *c = text; *c != '\0'; c++)
		if ((unsigned char)*c < 0x20 || (unsigned char)*c >= 0x7f)
			return complain(why, "only printable ASCII can stand there");
	return 0;
}

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
	return check_plain(text, why) < 0 ? -1 : check_identifier(text, strlen(text), why);
}

static int
check_parents(const char *text, struct complaint *why)
{
	const char *word;
	size_t length;

	if (check_plain(text, why) < 0)
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

	if (check_plain(text, why) < 0)
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
check_archived_at(const char *text, struct complaint *why)
{
	char *uri;
	int rc;

	if (check_plain(text, why) < 0)
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

/* One of a few words; else something for the complaint. */
static int
check_word(const char *text, const char *const *words, const char *names, struct complaint *why)
{
	const char *near = text_nearest(text, words);

	for (; *words != NULL; words++)
		if (strcmp(text, *words) == 0)
			return 0;
	return complain(why, "\"%s\" is not one of %s%s%s%s", text, names,
	                near == NULL ? "" : "; did you mean \"", near == NULL ? "" : near,
	                near == NULL ? "" : "\"?");
}

static int
check_sender(const char *text, struct complaint *why)
{
	static const char *const words[] = { "none", "list", "owner", NULL };

	if (strchr(text, '@') == NULL)
		return check_word(text, words, "none, list, owner, an address", why);
	if (check_plain(text, why) < 0)
		return -1;
	return check_mailbox(text, strlen(text), why);
}

static int
check_precedence(const char *text, struct complaint *why)
{
	static const char *const words[] = { "none", "list", "bulk", NULL };

	return check_word(text, words, "none, list, bulk", why);
}

static int
check_from(const char *text, struct complaint *why)
{
	static const char *const words[] = { "keep", "rewrite", NULL };

	return check_word(text, words, "keep, rewrite", why);
}

unsigned
style_verp(const char *text)
{
	if (strcmp(text, "always") == 0)
		return 1;
	return strncmp(text, "every ", 6) == 0 ? (unsigned)strtoul(text + 6, NULL, 10) : 0;
}

static int
check_verp(const char *text, struct complaint *why)
{
	static const char *const words[] = { "never", "always", NULL };
	size_t digits;

	if (strncmp(text, "every ", 6) != 0)
		return check_word(text, words, "never, always, \"every\" and a number", why);
	digits = strspn(text + 6, "0123456789");
	if (digits >= 1 && digits <= 6 && text[6 + digits] == '\0' && text[6] != '0')
		return 0;
	return complain(why, "\"%s\": behind \"every\" stands a number from 1 to 999999", text);
}

static int
check_reply_to(const char *text, struct complaint *why)
{
	static const char *const words[] = { "none", "poster", "list", NULL };
	const char *at = text, *word;
	size_t length, count = 0, posters = 0;

	if (check_plain(text, why) < 0)
		return -1;
	while (style_word(&at, &word, &length)) {
		char *one = mem_copy(word, length);
		int rc = memchr(word, '@', length) != NULL
		             ? check_mailbox(word, length, why)
		             : check_word(one, words, "none, poster, list, an address", why);

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
	if (*text == '\0')
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
		bool plain = length <= LONGEST && phrase_is_plain(line);

		free(line);
		if (!plain)
			return complain(why, "each line is UTF-8 of %d octets at most, without control "
			                     "characters", LONGEST);
		text += length + strspn(text + length, "\r\n");
	}
	return 0;
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
	[STYLE_VERP] = { .name = "verp", STYLE(STYLE_VERP), .check = check_verp,
	  .help = "Which posts are sent with a reverse-path of its own for each member, so that whatever "
	          "comes back says whose it was: never; always; or \"every 10\", about one of ten. It "
	          "costs a transaction for each member, unless the MTA has XVERP (outbound.xverp)." },
	[STYLE_ARCHIVED_AT] = { .name = "archived-at", STYLE(STYLE_ARCHIVED_AT), .check = check_archived_at,
	  .help = "Where this very post is in an archive (RFC 5064): a URI of https or http with {hash}, the "
	          "base32 of the SHA-1 of its Message-ID without <>, as Mailman 3 has it; or {message-id}; "
	          "or none." },
	[STYLE_COUNT] = { .kind = KIND_END },
};

static const char *const defaults[STYLE_COUNT] = {
	[STYLE_LIST_ID] = "{local}.{domain}", [STYLE_PARENTS] = "none",
	[STYLE_LIST_POST] = "list",           [STYLE_LIST_HELP] = "none",
	[STYLE_LIST_OWNER] = "none",          [STYLE_LIST_SUBSCRIBE] = "none",
	[STYLE_LIST_UNSUBSCRIBE] = "none",    [STYLE_LIST_ARCHIVE] = "none",
	[STYLE_SENDER] = "none",              [STYLE_PRECEDENCE] = "list",
	[STYLE_REPLY_TO] = "none",            [STYLE_SUBJECT_TAG] = "none",
	[STYLE_HEADER] = "none",              [STYLE_FOOTER] = "none",
	[STYLE_FROM] = "keep",                [STYLE_VERP] = "never",
	[STYLE_ARCHIVED_AT] = "none",
};

void
style_complete(struct style *s, const char *path, struct effective_list *effective)
{
	for (enum style_id i = 0; i < STYLE_COUNT; i++)
		setting_complete(&style_settings[i], s, defaults[i], path, "default", effective);
}

/* The setting of a "name: value", and its value; STYLE_COUNT with a complaint. */
static enum style_id
split(const char *text, const char **value, struct complaint *why)
{
	const char *words[STYLE_COUNT + 1] = { NULL }, *near;
	size_t length = strcspn(text, ": ");
	enum style_id id = 0;
	char *name;

	*value = text + length + strspn(text + length, " ");
	if (**value != ':') {
		(void)complain(why, "\"%s\" is no setting, \"name: value\"", text);
		return STYLE_COUNT;
	}
	*value += 1 + strspn(*value + 1, " ");
	for (enum style_id i = 0; i < STYLE_COUNT; i++)
		words[i] = style_settings[i].name;
	while (id < STYLE_COUNT && !text_same_n(text, length, words[id]))
		id++;
	if (id == STYLE_COUNT) {
		name = mem_copy(text, length);
		near = text_nearest(name, words);
		(void)complain(why, "there is no setting \"%s\"%s%s%s", name,
		               near == NULL ? "" : "; did you mean \"", near == NULL ? "" : near,
		               near == NULL ? "" : "\"?");
		free(name);
	}
	return id;
}

static int
take_own(const char *merged[STYLE_COUNT], const struct list *l, struct complaint *why)
{
	for (size_t i = 0; i < l->settings.count; i++) {
		const char *value;
		enum style_id id = split(l->settings.items[i], &value, why);

		if (id == STYLE_COUNT)
			return -1;
		if (merged[id] != NULL)
			return complain(why, "%s is set twice", style_settings[id].name);
		if (style_settings[id].check(value, why) < 0)
			return complain_within(why, "%s", style_settings[id].name);
		merged[id] = value;
	}
	return 0;
}

int
style_merge(const char *merged[STYLE_COUNT], const struct list *l, const struct style *own,
            const struct style *all, struct complaint *why)
{
	for (enum style_id i = 0; i < STYLE_COUNT; i++)
		merged[i] = NULL;
	if (take_own(merged, l, why) < 0)
		return complain_within(why, "%s: its settings in the source", l->address);
	for (enum style_id i = 0; i < STYLE_COUNT; i++) {
		if (merged[i] == NULL && own != NULL)
			merged[i] = own->texts[i];
		if (merged[i] == NULL)
			merged[i] = all->texts[i];
		if (merged[i] != NULL && strcmp(merged[i], "none") == 0)
			merged[i] = NULL;
	}
	return 0;
}

int
style_check_roles(const struct style *s, const char *domain, struct complaint *why)
{
	char *list = mem_format("list@%s", domain);
	int rc = 0;

	for (enum role r = 0; r < ROLE_COUNT && rc == 0; r++) {
		char *address = list_role_address(list, r);

		for (enum style_id i = STYLE_LIST_POST; i <= STYLE_LIST_ARCHIVE && rc == 0; i++) {
			char *uris = s->texts[i] == NULL || role_exists(r)
			                 ? NULL
			                 : list_fill_uri(s->texts[i], list);

			if (uris != NULL && strcasestr(uris, address) != NULL)
				rc = complain(why, "%s: \"%s\" leads nowhere: the role %s takes no mail yet",
				              style_settings[i].name, s->texts[i], role_word(r));
			free(uris);
		}
		free(address);
	}
	free(list);
	return rc;
}
