/*
 * Settings: rows that say for one part of the configuration what may stand there, what it means,
 * and what holds where nothing stands. The rows parse and check the values, print the effective
 * configuration and make the manual page.
 */
#ifndef BASE_SETTING_H
#define BASE_SETTING_H

#include "base/complaint.h"
#include "base/config.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>

/* The kind of a setting and the type of its field. */
enum setting_kind {
	KIND_END,                         /* closes a table of rows */
	KIND_TEXT,                        /* char *, owned; NULL where there is none */
	KIND_TEXTS,                       /* struct text_list; one value may stand without brackets */
	KIND_NUMBER,                      /* int64_t */
	KIND_SIZE,                        /* int64_t, bytes: 512, 10k, 25M, 1G */
	KIND_TIME,                        /* int64_t, milliseconds: 250ms, 5s, 2m, 1h, 5d */
	KIND_PERCENT,                     /* int64_t, 0 to 100: 25% */
	KIND_FLAG,                        /* bool: yes, no */
	KIND_WORD,                        /* int64_t, index into `words` */
	KIND_PART                         /* nothing: a map or list that other code reads */
};

enum setting_flags {
	SETTING_REQUIRED = 1,
	SETTING_RESTART = 2,              /* a change takes effect at the next start only */
	SETTING_SECRET = 4                /* never printed */
};

struct setting {
	const char *name;
	enum setting_kind kind;
	size_t offset;                    /* of the field in the struct that holds the values */
	const char *fallback;             /* as text, several with ", " between; NULL: none */
	const char *min, *max;            /* as text; NULL: no bound. Of KIND_TEXTS: how many */
	/*
	 * Whether one text of a KIND_TEXT or KIND_TEXTS is right; complains without its place. May
	 * be NULL.
	 */
	int (*check)(const char *text, struct complaint *);
	const char *const *words;         /* of a KIND_WORD, ended by NULL */
	unsigned flags;
	const char *help;                 /* a sentence or two for the manual */
};

/* What holds, and where it comes from, for `rollcallctl config --print`. */
struct effective {
	char *path;                       /* lmtp.listen */
	char *value;
	char *origin;                     /* rollcall.yaml:12, or "default" */
	bool restart;                     /* its row is SETTING_RESTART */
};
struct effective_list {
	struct effective *items;
	size_t count;
};
void effective_list_free(struct effective_list *);

/*
 * Reads a map into the struct at `object`, which must be zeroed. `map` may be NULL: all fallbacks.
 * `path` is the name of the part ("" for the top). What holds is added to `effective` unless that
 * is NULL. On failure the object is as setting_free() leaves it.
 */
int setting_read(const struct setting *rows, void *object, const struct node *map,
                 const char *path, struct effective_list *effective, struct complaint *);

/*
 * Gives a field that holds nothing a value as if `text` were its row's fallback, and says where it
 * comes from; nothing for a NULL text. Only for KIND_TEXT and KIND_TEXTS.
 */
void setting_complete(const struct setting *row, void *object, const char *text, const char *path,
                      const char *origin, struct effective_list *);

/* Frees what the fields own. */
void setting_free(const struct setting *rows, void *object);

/* Reads one value as a row of this kind would. */
int setting_parse_time(const char *text, int64_t *milliseconds);
int setting_parse_size(const char *text, int64_t *bytes);

/* For checks of rows: the text is one of these words (ended by NULL). `names` are they, in a complaint. */
int setting_check_word(const char *text, const char *const *words, const char *names, struct complaint *);

#endif
