/*
 * How fast can the mail addresses of a group's members be read at all? Three techniques, each with
 * as many requests under way as is worth while, and nothing done with what comes. Prints how long
 * each reading took, in milliseconds, the first one left out.
 *
 * deref: one search with the dereference control; or: filters of 50 names, 4 at a time; base: one
 * search for each entry, 64 at a time. The latter two read the group first.
 */
#include "bench/common.h"

#include <ldap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TERMS = 50, OR_WINDOW = 4, BASE_WINDOW = 64 };

static LDAP *ld;
static const char *group, *people;
static struct text_list members;          /* DNs */
static size_t next_member, addresses;

static void
check(int rc, const char *doing)
{
	if (rc != LDAP_SUCCESS)
		die("%s: %s", doing, ldap_err2string(rc));
}

static void
open_connection(const char *uri)
{
	struct berval nothing = { 0, NULL };
	int version = LDAP_VERSION3;

	check(ldap_initialize(&ld, uri), uri);
	check(ldap_set_option(ld, LDAP_OPT_PROTOCOL_VERSION, &version), uri);
	check(ldap_sasl_bind_s(ld, NULL, LDAP_SASL_SIMPLE, &nothing, NULL, NULL, NULL), uri);
}

static void
take_addresses(LDAPMessage *entry)
{
	struct berval **values = ldap_get_values_len(ld, entry, "mail");

	addresses += (size_t)ldap_count_values_len(values);
	ldap_value_free_len(values);
}

/* ---- one search for all ---- */

static void
count_references(LDAPDerefRes *all)
{
	for (LDAPDerefRes *r = all; r != NULL; r = r->next)
		for (LDAPDerefVal *v = r->attrVals; v != NULL; v = v->next)
			for (size_t i = 0; v->vals != NULL && v->vals[i].bv_val != NULL; i++)
				addresses++;
}

static void
read_deref(void)
{
	static char mail[] = "mail", member[] = "member", nothing[] = LDAP_NO_ATTRS;
	char *wanted[] = { mail, NULL }, *attributes[] = { nothing, NULL };
	LDAPDerefSpec spec[] = { { member, wanted }, { NULL, NULL } };
	LDAPControl control = { (char *)LDAP_CONTROL_X_DEREF, { 0, NULL }, 1 };
	LDAPControl *controls[] = { &control, NULL }, **answers = NULL;
	LDAPDerefRes *all = NULL;
	LDAPMessage *m = NULL;

	check(ldap_create_deref_control_value(ld, spec, &control.ldctl_value), "deref");
	check(ldap_search_ext_s(ld, group, LDAP_SCOPE_BASE, "(objectClass=*)", attributes, 0, controls,
	                        NULL, NULL, 0, &m),
	      group);
	check(ldap_get_entry_controls(ld, ldap_first_entry(ld, m), &answers), group);
	check(ldap_parse_deref_control(ld, answers, &all), group);
	count_references(all);
	ldap_derefresponse_free(all);
	ldap_controls_free(answers);
	ldap_msgfree(m);
	ber_memfree(control.ldctl_value.bv_val);
}

/* ---- many searches ---- */

static void
read_group(void)
{
	static char member[] = "member";
	char *attributes[] = { member, NULL };
	struct berval **values;
	LDAPMessage *m = NULL;

	check(ldap_search_ext_s(ld, group, LDAP_SCOPE_BASE, "(objectClass=*)", attributes, 0, NULL,
	                        NULL, NULL, 0, &m),
	      group);
	values = ldap_get_values_len(ld, ldap_first_entry(ld, m), "member");
	text_list_free(&members);
	for (size_t i = 0; values != NULL && values[i] != NULL; i++)
		text_list_add(&members, values[i]->bv_val, values[i]->bv_len);
	ldap_value_free_len(values);
	ldap_msgfree(m);
	next_member = 0;
}

static void
search(const char *base, int scope, const char *filter)
{
	static char mail[] = "mail";
	char *attributes[] = { mail, NULL };
	int id;

	check(ldap_search_ext(ld, base, scope, filter, attributes, 0, NULL, NULL, NULL, 0, &id), base);
}

static void
send_base(void)
{
	search(members.items[next_member++], LDAP_SCOPE_BASE, "(objectClass=*)");
}

/* By the first part of each DN: uid=u0000001,ou=people,... */
static void
send_or(void)
{
	struct bytes filter = { 0 };

	bytes_add_text(&filter, "(|");
	for (size_t i = 0; i < TERMS && next_member < members.count; i++, next_member++) {
		const char *dn = members.items[next_member];

		bytes_format(&filter, "(%.*s)", (int)strcspn(dn, ","), dn);
	}
	bytes_add_char(&filter, ')');
	search(people, LDAP_SCOPE_ONELEVEL, filter.data);
	bytes_free(&filter);
}

static void
read_many(void (*send)(void), size_t window)
{
	size_t busy = 0;

	read_group();
	while (busy > 0 || next_member < members.count) {
		LDAPMessage *m = NULL;
		int type;

		for (; busy < window && next_member < members.count; busy++)
			send();
		type = ldap_result(ld, LDAP_RES_ANY, LDAP_MSG_ONE, NULL, &m);
		if (type == LDAP_RES_SEARCH_ENTRY)
			take_addresses(m);
		else if (type == LDAP_RES_SEARCH_RESULT)
			busy--;
		else
			die("the directory has ended the connection");
		ldap_msgfree(m);
	}
}

static void
read_once(const char *technique)
{
	addresses = 0;
	if (strcmp(technique, "deref") == 0)
		read_deref();
	else if (strcmp(technique, "or") == 0)
		read_many(send_or, OR_WINDOW);
	else
		read_many(send_base, BASE_WINDOW);
}

int
main(int argc, char **argv)
{
	size_t runs;

	if (argc != 6)
		die("usage: ldap_reader uri group-dn people-dn deref|or|base runs");
	group = argv[2];
	people = argv[3];
	runs = number(argv[5]);
	open_connection(argv[1]);
	read_once(argv[4]);
	(void)printf("{\"ms\": [");
	for (size_t i = 0; i < runs; i++) {
		int64_t began = now_us();

		read_once(argv[4]);
		(void)printf("%s%.3f", i == 0 ? "" : ", ", (double)(now_us() - began) / 1000);
	}
	(void)printf("], \"addresses\": %zu}\n", addresses);
	text_list_free(&members);
	(void)ldap_unbind_ext_s(ld, NULL, NULL);
	return EXIT_SUCCESS;
}
