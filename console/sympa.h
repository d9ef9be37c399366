/* Lists of Sympa, on their way to sources, groups and a configuration. One thread. */
#ifndef CONSOLE_SYMPA_H
#define CONSOLE_SYMPA_H

#include "console/import.h"
#include "mail/sympa_config.h"

/* Who may post, as bits: words of the policy posters. No bit: nobody. */
enum sympa_posters {
	SYMPA_MEMBERS = 1,
	SYMPA_OWNERS = 2,
	SYMPA_MODERATORS = 4,
	SYMPA_KNOWN = 8,
	SYMPA_ANYONE = 31                 /* the others as well */
};

/* A directory, and how it is asked: what is a source here. */
struct sympa_server {
	char *name;                       /* of the source: sympa-1 … */
	char *settings;                   /* its lines of YAML, which no two have in common */
	char *uri;                        /* the first, for people */
	char *base;                       /* below which groups are, and searches but for those in others */
	struct text_list others;
	struct sympa_server *next;
};

struct sympa_search {
	struct sympa_server *server;
	char *file;
	size_t line;
	char *suffix, *scope, *filter;
	struct sympa_search *next;
};

/* A list whose members are those of another list as well. */
struct sympa_include {
	char *address;                    /* canonical */
	size_t line;
	struct sympa_list *list;          /* of these files; or NULL. Known once all are read */
	struct sympa_include *next;
};

struct sympa_list {
	struct imported *list;
	char *send;                       /* the scenario, as it is called there; NULL: none is named */
	enum sympa_posters posters;
	char *file;
	struct sympa_search *searches;    /* its own */
	struct sympa_include *includes;
	const struct sympa_search **all;  /* those of the lists within it as well; known once all are read */
	size_t count;
	const struct sympa_list *reached; /* from this one, while such lists are looked for */
	struct sympa_list *next;
};

struct sympa {
	struct sympa_list *lists, **last;
	struct sympa_server *servers, **last_server;
	size_t count;                     /* of servers */
	struct bytes remarks;             /* lines of comments: what has no counterpart */
};

/* Says what has no counterpart, and keeps it for the comments; see import_note(). */
void sympa_remark(struct import *, size_t line, bool lost, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* A search for members. -1 with a complaint that names the line. */
int sympa_take_query(struct import *, struct sympa_list *, const struct sympa_parameter *,
                     struct complaint *);

/* The same of one in two levels, of which some have no counterpart. */
int sympa_take_two_levels(struct import *, struct sympa_list *, const struct sympa_parameter *,
                          struct complaint *);

/*
 * Adds what a source says of the second level under `attributes`. False: it cannot be said, which is
 * remarked.
 */
bool sympa_second_level(struct import *, const struct sympa_list *, const struct sympa_parameter *,
                        struct bytes *attributes);

/*
 * Once all are read: where the groups of each server lie, and which searches make a list with those
 * within it. They become the list's own: a source that walks a list within a list knows nothing of what
 * other sources have on it. -1 with a complaint that names the line of a search that is none.
 */
int sympa_resolve(struct import *, struct complaint *);

/* The LDAP URL of a search, allocated. */
char *sympa_url(const struct sympa_search *);

/* Adds groups (groupOfURLs) for each server, as LDIF. */
void sympa_print_groups(struct bytes *, const struct sympa *);

/* Adds sources and destinations for rollcall.yaml. */
void sympa_print_config(struct bytes *, const struct sympa *);

/* Adds a text of YAML, in quotes. */
void sympa_quote(struct bytes *, const char *text);

#endif
