/* The parts of the ldap source, as they see each other. For sources/ldap*.c only. */
#ifndef SOURCES_LDAP_SOURCE_H
#define SOURCES_LDAP_SOURCE_H

#include "mail/address.h"
#include "sources/ldap_conn.h"
#include "sources/ldap_presets.h"
#include "sources/source.h"

enum technique { TECHNIQUE_AUTO, TECHNIQUE_DEREF, TECHNIQUE_OR, TECHNIQUE_BASE, TECHNIQUE_MEMBEROF };

extern const char *const ldap_technique_words[];

struct ldap_config {
	struct conn_config conn;
	char *password_file;
	char *base;
	struct text_list url_bases;
	int64_t preset;                   /* index into ldap_presets */
	char *filter;
	struct names names;
	struct wish *wishes;              /* of the names */
	size_t wish_count;
	int64_t technique;
	int64_t or_terms, or_window, window, group_window, page;
	int64_t dangling;                 /* per cent */
};

struct ldap_source {
	struct source source;
	struct ldap_config config;
	struct server server;
};

/* ldap_find.c */
enum found ldap_find(struct ldap_source *, struct conn *, const char *const *addresses,
                     size_t count, struct deadline, struct list **list_r, size_t *which_r,
                     struct complaint *);

/* ldap_each.c */
enum found ldap_each_list(struct ldap_source *, struct conn *, const char *domain, struct deadline,
                          list_fn *, void *arg, struct complaint *);

/* ldap_server.c */
void ldap_each_server(struct ldap_source *, struct deadline, server_fn *, void *arg);

/* ldap_standing.c; and members were read whole over a connection, by that technique. */
void ldap_each_standing(struct ldap_source *, standing_fn *, void *arg);
void standing_read(const struct conn *, enum technique);

/* ldap_people.c */
enum found ldap_each_match(struct ldap_source *, struct conn *, const char *filter, struct deadline,
                           member_fn *, void *arg, struct complaint *);

/* What somebody wants, by attributes of the entry, for wishes_mail(). */
unsigned ldap_preferences(const struct ldap_config *, const struct conn *, LDAPMessage *entry);

/* ldap_walk.c; the complaint where the function has said that it wants no more. */
#define LDAP_STOPPED "stopped"
enum found ldap_walk(struct ldap_source *, struct conn *, const struct list *, enum people,
                     struct deadline, member_fn *, void *arg, struct walk_report *,
                     struct complaint *);

/*
 * ldap_addresses.c. The text of an address attribute's value: without "mailto:" before it, or the
 * "smtp:" of proxyAddresses.
 */
bool ldap_mailbox(const char *value, size_t length, struct address *);

/*
 * Which of several values is a person's address: the one that begins with "SMTP:" in capitals, as
 * Exchange marks it, or else the first that is a mailbox. Zeroed before the first.
 */
struct address_choice {
	struct address address;
	bool found, primary;
	char *refused;                    /* the first value that is no mailbox; NULL: there was none */
	size_t length;
};
void address_choice_offer(struct address_choice *, const char *value, size_t length);
void address_choice_free(struct address_choice *);

/* The text of the first value of an attribute, allocated; NULL where there is none. */
char *ldap_value(const struct conn *, LDAPMessage *entry, const char *attribute);

/* Adds all values of an attribute; and the DNs of whom a group excepts from what its searches find. */
void ldap_values(struct text_list *to, const struct conn *, LDAPMessage *entry, const char *attribute);
void ldap_exceptions(struct text_list *to, const struct conn *, const struct names *, LDAPMessage *entry);

/* The addresses of a group, canonical and once each. */
struct group_addresses {
	struct text_list all;
	char *own;                        /* what the list goes by in the domain; NULL: none is in it */
};
void group_addresses_read(struct group_addresses *, const struct conn *, const struct names *,
                          LDAPMessage *entry, const char *domain);
void group_addresses_free(struct group_addresses *);

/* The address by its name that a group goes by, whatever others it has. Allocated; or NULL. */
char *group_name_address(const struct conn *, const struct names *, LDAPMessage *entry,
                         const char *domain);

/* A list of what its entry says, and the attributes to ask for that, with a NULL behind the last. */
struct list *ldap_list(const struct conn *, const struct names *, LDAPMessage *entry,
                       const char *address);
struct text_list ldap_list_attributes(const struct names *);

/* ldap_posting.c: what a group's entry says of who may post, and the attributes that do. */
void ldap_read_posting(struct list *, const struct conn *, const struct names *, LDAPMessage *entry);
void ldap_posting_attributes(const struct names *, struct text_list *);

/* ldap_person.c */
enum found ldap_find_person(struct ldap_source *, struct conn *, const struct identity *, struct deadline,
                            struct person **person_r, struct complaint *);
enum found ldap_each_address(struct ldap_source *, struct conn *, const char *canonical, struct deadline,
                             member_fn *, void *arg, struct complaint *);

/* ldap_owners.c: the group that is called after the list holds its owners. Allocated; NULL: none does. */
char *ldap_owners_name(const struct names *, const char *address);

/* ldap_covers.c */
enum found ldap_covers(struct ldap_source *, struct conn *, const struct list *, const struct poster *,
                       const struct person *, struct deadline, struct complaint *);

/*
 * ldap_climb.c: whether a person is in one of some groups, of which the DNs are given, or a name that
 * is an address in the domain, or NULL; by the groups that name the person or find it by a search, those
 * that do so with these, and so on. *doubtful_r: it is not, as far as could be judged; members whom
 * something else says may be more.
 */
enum found ldap_climb(struct ldap_source *, struct conn *, const struct person *, const char *domain,
                      const struct text_list *dns, const char *name, struct deadline, bool *doubtful_r,
                      struct complaint *);

/* ldap_state.c: whether a list takes posts, and how large ones, as its entry says. */
void ldap_list_state(struct list *, const struct conn *, const struct names *, LDAPMessage *entry);

#endif
