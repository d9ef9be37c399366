/* Settings of a list's posts: which of three levels counts. */
#include "policies/style.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

bool
style_word(const char **text, const char **word, size_t *length)
{
	*word = *text + strspn(*text, " ");
	*length = strcspn(*word, " ");
	*text = *word + *length;
	return *length > 0;
}

static const char *const defaults[STYLE_COUNT] = {
	[STYLE_LIST_ID] = "{local}.{domain}", [STYLE_PARENTS] = "none",
	[STYLE_LIST_POST] = "list",           [STYLE_LIST_HELP] = "none",
	[STYLE_LIST_OWNER] = "none",          [STYLE_LIST_SUBSCRIBE] = "none",
	[STYLE_LIST_UNSUBSCRIBE] = "none",    [STYLE_LIST_ARCHIVE] = "none",
	[STYLE_SENDER] = "none",              [STYLE_PRECEDENCE] = "list",
	[STYLE_REPLY_TO] = "none",            [STYLE_SUBJECT_TAG] = "none",
	[STYLE_HEADER] = "none",              [STYLE_FOOTER] = "none",
	[STYLE_FROM] = "keep",                [STYLE_DMARC] = "none",
	[STYLE_REPORT] = "numbers",          [STYLE_VERP] = "never",
	[STYLE_ARCHIVED_AT] = "none",         [STYLE_ONE_CLICK] = "none",
	[STYLE_NOT_ME] = "no",
	[STYLE_WITHOUT] = "none",             [STYLE_WITHOUT_FILTER] = "none",
	[STYLE_NESTED] = "flatten",           [STYLE_PREFERENCES] = "yes",
	[STYLE_ORDER] = "none",               [STYLE_PROGRAM] = "none",
	[STYLE_PROGRAM_MAY_ADD] = "no",       [STYLE_PROGRAM_TIMEOUT] = "60s",
};

unsigned
style_verp(const char *text)
{
	if (strcmp(text, "always") == 0)
		return 1;
	return strncmp(text, "every ", 6) == 0 ? (unsigned)strtoul(text + 6, NULL, 10) : 0;
}

bool
style_suspects(const char *text)
{
	return text != NULL && strcmp(text, "suspects") == 0;
}

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
	const char *words[STYLE_COUNT + 1] = { NULL };
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
		(void)complain(why, "there is no setting \"%s\"%s", name, text_hint(name, words).text);
		free(name);
	}
	return id;
}

/* What whoever may change a list in the directory does not get to say. */
static bool
of_the_site(enum style_id id)
{
	return id == STYLE_WITHOUT_FILTER || id == STYLE_PROGRAM || id == STYLE_PROGRAM_MAY_ADD ||
	       id == STYLE_PROGRAM_TIMEOUT;
}

static int
take_own(const char *merged[STYLE_COUNT], const struct list *l, struct complaint *why)
{
	for (size_t i = 0; i < l->settings.count; i++) {
		const char *value;
		enum style_id id = split(l->settings.items[i], &value, why);

		if (id == STYLE_COUNT)
			return -1;
		if (of_the_site(id))
			return complain(why, "%s can only stand in the configuration",
			                style_settings[id].name);
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
