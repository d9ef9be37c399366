/*
 * Where the people of a large group are. The dereference control tells of each member what it is asked
 * for, and every attribute more that it has costs OpenLDAP about a third of what it takes to name the
 * member at all. Classes are asked for because of groups that show no members. So where all people of a
 * large group were seen in one place, the next reading on the connection asks first whether anything in
 * that place is of a class of groups, which an index answers. If nothing is, whoever is there is a
 * person, and classes are not asked for.
 *
 * DNs are compared as they are written. One that is written otherwise is in no place, and its entry is
 * read by itself. Threads: as the connection.
 */
#ifndef SOURCES_LDAP_PLACE_H
#define SOURCES_LDAP_PLACE_H

#include <stdbool.h>
#include <stddef.h>

/* The entry that all are below. Zeroed before the first. */
struct place {
	char *dn;                         /* empty: there is none but the root */
	bool deep;                        /* some are not right below it */
};

/* Makes the place so wide that it holds an entry. */
void place_widen(struct place *, const char *dn, size_t length);

bool place_holds(const struct place *, const char *dn, size_t length);
void place_free(struct place *);

/* What is known of such places, until the connection is closed. */
struct known_place;
void places_close(struct known_place **);

#endif
