/* Fields of our own. */
#include "expander/intake/heading.h"

#include "base/mem.h"
#include "mail/phrase.h"
#include "mail/trace.h"

#include <stdlib.h>
#include <string.h>

enum { LONGEST_NAME = 100 };              /* characters of a list's name in List-Id */

/* The field by which milter and expander will talk; one that comes from outside goes no further. */
static const char stamp[] = "Rollcall-Stamp";

static void
add_list_fields(struct bytes *out, const struct target *t)
{
	char *identifier = list_identifier(t->list->address), *mailto = list_mailto(t->list->address);

	bytes_add_text(out, "List-Id: ");
	if (t->list->name != NULL) {
		size_t before = out->length;

		phrase_add(out, t->list->name, LONGEST_NAME);
		if (out->length > before)
			bytes_add_text(out, "\r\n ");
	}
	bytes_format(out, "<%s>\r\nList-Post: <%s>\r\n", identifier, mailto);
	if (t->destination->precedence != NULL)
		bytes_format(out, "Precedence: %s\r\n", t->destination->precedence);
	free(identifier);
	free(mailto);
}

static void
remove_field(struct envelope *e, const char *name)
{
	text_list_add(&e->inject_remove, name, strlen(name));
}

void
heading_compose(struct envelope *e, const struct site *site, const struct target *t, const char *id,
                const char *lhlo)
{
	char *role_address = list_role_address(t->list->address, t->role);
	struct bytes add = { 0 };

	trace_received(&add, lhlo, site->hostname, id, role_address, e->arrived);
	remove_field(e, stamp);
	if (t->role == ROLE_POST) {
		add_list_fields(&add, t);
		remove_field(e, "List-Id");
		remove_field(e, "List-Post");
		if (t->destination->precedence != NULL)
			remove_field(e, "Precedence");
	}
	/* What fails comes to the list's bounce address; a bounce that fails has nowhere to go. */
	if (t->role == ROLE_BOUNCES || *e->sender == '\0')
		e->inject_sender = mem_text("");
	else
		e->inject_sender = list_role_address(t->list->address, ROLE_BOUNCES);
	e->inject_add = bytes_take(&add);
	free(role_address);
}
