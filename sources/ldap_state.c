/*
 * What entries say of whether they take mail, and lists of how large it may be. A word that says
 * more than one thing, or a size that is none, is never taken for a yes.
 */
#include "base/log.h"
#include "base/mem.h"
#include "sources/ldap_walk.h"

#include <stdlib.h>

/* The worst that words of some attributes mean; *word_r is that one, allocated. */
static enum list_state
entry_state(const struct conn *c, LDAPMessage *entry, const struct text_list *attributes,
            const struct text_list *states, char **word_r)
{
	enum list_state worst = LIST_OPEN;

	for (size_t a = 0; a < attributes->count; a++) {
		struct berval **values = conn_values(c, entry, attributes->items[a]);

		for (size_t i = 0; values != NULL && values[i] != NULL; i++) {
			enum list_state state = names_state(states, values[i]->bv_val, values[i]->bv_len);

			if (state <= worst)
				continue;
			worst = state;
			free(*word_r);
			*word_r = mem_format("%s is %s", attributes->items[a], values[i]->bv_val);
		}
		ldap_value_free_len(values);
	}
	return worst;
}

static void
take_size(struct list *list, const struct conn *c, LDAPMessage *entry, const char *attribute)
{
	struct berval **values = conn_values(c, entry, attribute);

	for (size_t i = 0; values != NULL && values[i] != NULL; i++) {
		int64_t size;

		if (!text_number(values[i]->bv_val, &size) || size < 0) {
			if (list->state == LIST_OPEN) {
				list->state = LIST_PAUSED;
				list->state_reason = mem_format("%s is %s, which is no size", attribute,
				                                values[i]->bv_val);
			}
		} else if (size > 0 && (list->max_size == 0 || size < list->max_size)) {
			list->max_size = size;
		}
	}
	ldap_value_free_len(values);
}

void
ldap_list_state(struct list *list, const struct conn *c, const struct names *n, LDAPMessage *entry)
{
	list->state = entry_state(c, entry, &n->state, &n->states, &list->state_reason);
	take_size(list, c, entry, n->size);
}

enum list_state
walk_group_state(struct walk *w, LDAPMessage *entry, const struct via *via)
{
	const struct names *n = &w->config->names;
	enum list_state state = LIST_OPEN;
	char *word = NULL;

	/* Of the list itself it counted when the post came. */
	if (via->up != NULL)
		state = entry_state(w->conn, entry, &n->state, &n->states, &word);
	if (state == LIST_PAUSED)
		(void)complain(w->why, "%s within %s takes no mail now: %s", via->name, via->up->name, word);
	else if (state == LIST_CLOSED)
		log_say(LEVEL_WARN, "closed", "%s within %s is left out: %s", via->name, via->up->name,
		        word);
	free(word);
	return state;
}
