/* Which attributes a walk asks for, of which kind of entry. */
#include "base/mem.h"
#include "sources/ldap_walk.h"

#include <stdlib.h>
#include <string.h>

/* Adds an attribute to those to ask for, unless it is NULL or among them. */
static void
ask_for(char ***attributes, const char *name)
{
	size_t count = 0;

	while (*attributes != NULL && (*attributes)[count] != NULL)
		if (name == NULL || text_same((*attributes)[count++], name))
			return;
	if (name == NULL)
		return;
	*attributes = mem_resize(*attributes, (count + 2) * sizeof(**attributes));
	(*attributes)[count] = (char *)name;
	(*attributes)[count + 1] = NULL;
}

static void
ask_for_all(char ***attributes, const struct text_list *names)
{
	for (size_t i = 0; i < names->count; i++)
		ask_for(attributes, names->items[i]);
}

/* What people may have said themselves of their mail. */
static void
ask_for_wishes(char ***attributes, const struct walk *w)
{
	for (size_t i = 0; i < w->config->wish_count; i++)
		ask_for(attributes, w->config->wishes[i].attribute);
}

/* What only groups have. */
static void
ask_for_signs(char ***attributes, const struct names *n)
{
	ask_for(attributes, n->member);
	ask_for_all(attributes, &n->member_also);
	ask_for(attributes, n->member_login);
	ask_for(attributes, n->member_name);
	ask_for_all(attributes, &n->member_url);
	ask_for(attributes, n->member_filter);
}

struct text_list
ldap_list_attributes(const struct names *n)
{
	const struct text_list *several[] = { &n->address, &n->state };
	const char *others[] = { n->local_part, n->alternate_flag, n->name, n->errors, n->settings, n->size,
		                 n->tag, n->refusal };
	struct text_list attributes = { 0 };

	for (size_t k = 0; k < sizeof(several) / sizeof(*several); k++)
		text_list_add_all(&attributes, several[k]);
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (others[i] != NULL)
			text_list_add(&attributes, others[i], strlen(others[i]));
	ldap_posting_attributes(n, &attributes);
	/* libldap's arrays end in NULL. */
	attributes.items = mem_resize(attributes.items, (attributes.count + 1) * sizeof(char *));
	attributes.items[attributes.count] = NULL;
	return attributes;
}

void
walk_choose_attributes(struct walk *w)
{
	const struct names *n = &w->config->names;
	char ***const groups[] = { &w->group_attributes, &w->member_attributes };

	ask_for_signs(&w->group_signs, n);
	for (size_t i = 0; i < sizeof(groups) / sizeof(*groups); i++) {
		ask_for_all(groups[i], &n->member_address);
		ask_for_signs(groups[i], n);
		ask_for(groups[i], n->member_filter_base);
		ask_for(groups[i], n->member_except);
		ask_for(groups[i], n->primary_group);
		ask_for(groups[i], n->hidden);
		ask_for_all(groups[i], &n->state);
		ask_for(groups[i], n->classes);
		if (n->address.count > 0)
			ask_for(groups[i], n->address.items[0]);
		if (w->report->apart != NULL) {
			ask_for_all(groups[i], &n->address);
			ask_for(groups[i], n->alternate_flag);
			ask_for(groups[i], n->local_part);
		}
	}
	ask_for_all(&w->member_attributes, &n->mail);
	ask_for(&w->member_attributes, n->primary_member);
	ask_for(&w->member_attributes, n->local_part);
	/*
	 * In this order: OpenLDAP's overlay takes what it has found of the last attribute of an
	 * entry for its answer about the next value, where both are `member`.
	 */
	ask_for_all(&w->deref_attributes, &n->mail);
	ask_for_signs(&w->deref_attributes, n);
	ask_for_wishes(&w->deref_attributes, w);
	ask_for(&w->deref_attributes, n->classes);
	ask_for_signs(&w->placed_attributes, n);
	ask_for_wishes(&w->placed_attributes, w);
	ask_for_all(&w->placed_attributes, &n->mail);
	ask_for_all(&w->person_attributes, &n->mail);
	ask_for(&w->person_attributes, n->login);
	ask_for(&w->person_attributes, n->every_mail.count > 0 ? n->classes : NULL);
	ask_for_all(&w->list_attributes, &n->address);
	ask_for(&w->list_attributes, n->local_part);
	ask_for_wishes(&w->member_attributes, w);
	ask_for_wishes(&w->person_attributes, w);
	ask_for(&w->list_attributes, n->alternate_flag);
}

void
walk_free_attributes(struct walk *w)
{
	free(w->member_attributes);
	free(w->group_attributes);
	free(w->group_signs);
	free(w->deref_attributes);
	free(w->placed_attributes);
	free(w->person_attributes);
	free(w->list_attributes);
}
