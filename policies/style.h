/*
 * What the posts of a list look like to its members, and which of these get them. For each setting
 * counts what the list has itself in its source, then its block in the configuration, then its
 * destination's.
 */
#ifndef POLICIES_STYLE_H
#define POLICIES_STYLE_H

#include "base/setting.h"
#include "mail/list.h"

enum style_id {
	STYLE_LIST_ID,
	STYLE_PARENTS,
	STYLE_LIST_POST,
	STYLE_LIST_HELP,
	STYLE_LIST_OWNER,
	STYLE_LIST_SUBSCRIBE,
	STYLE_LIST_UNSUBSCRIBE,
	STYLE_LIST_ARCHIVE,
	STYLE_ONE_CLICK,
	STYLE_SENDER,
	STYLE_PRECEDENCE,
	STYLE_REPLY_TO,
	STYLE_SUBJECT_TAG,
	STYLE_HEADER,
	STYLE_FOOTER,
	STYLE_FROM,
	STYLE_DMARC,
	STYLE_REPORT,
	STYLE_VERP,
	STYLE_ARCHIVED_AT,
	/* Who gets them, and in which order. */
	STYLE_NOT_ME,
	STYLE_WITHOUT,
	STYLE_WITHOUT_FILTER,
	STYLE_NESTED,
	STYLE_PREFERENCES,
	STYLE_ORDER,
	STYLE_PROGRAM,
	STYLE_PROGRAM_MAY_ADD,
	STYLE_PROGRAM_TIMEOUT,
	STYLE_COUNT
};

/* One level of settings. Owned; NULL where nothing is said. */
struct style {
	char *texts[STYLE_COUNT];
};

/* The rows, in the order of the words above. All are texts, and none has a fallback. */
extern const struct setting style_settings[STYLE_COUNT + 1];

/* Puts the defaults where the site wrote nothing. */
void style_complete(struct style *, const char *path, struct effective_list *);

/*
 * What holds for a list. The texts are borrowed from the arguments, and "none" is NULL. `own` may be
 * NULL. -1 with a complaint: what the source has is no setting.
 */
int style_merge(const char *merged[STYLE_COUNT], const struct list *, const struct style *own,
                const struct style *all, struct complaint *);

/*
 * Whether a field would name an address of the list for a role that takes no mail: a button that
 * members press in vain.
 */
int style_check_roles(const struct style *, const char *domain, struct complaint *);

/* What `verp` says, which was checked: of how many posts one is sent so; 0: none. */
unsigned style_verp(const char *text);

/* Whether it says that those of members under suspicion are, policies/suspects.h; of a NULL it does not. */
bool style_suspects(const char *text);

/* The next of the words of a text, which have blanks between. False at the end. */
bool style_word(const char **text, const char **word, size_t *length);

#endif
