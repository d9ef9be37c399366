/* The maps: transport and recipient. */
#include "milter/lookup.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "mail/address.h"

#include <stdlib.h>
#include <string.h>

/* What a list is worth in a map; NULL for a map that is none of ours. */
static const char *
value_in(const struct service *s, struct slice map)
{
	if (text_same_n(map.at, map.length, "transport"))
		return s->socketmap.transport;
	if (text_same_n(map.at, map.length, "recipient"))
		return "list";
	return NULL;
}

/* Whether mail to a key is for a list. What is no address never is, and asks nobody. */
static enum found
find(const struct service *s, struct slice key, struct complaint *why)
{
	const struct destination *d;
	struct target t = { 0 };
	struct complaint unused;
	enum answered how;
	struct address a;
	enum found found = FOUND_NO;

	/* Keys that maps are asked for beside addresses: "*", domains, "@domain". */
	if (key.length == 0 || *key.at == '@' || memchr(key.at, '@', key.length) == NULL)
		return FOUND_NO;
	if (address_parse_inner(&a, key.at, key.length, &unused) < 0)
		return FOUND_NO;
	d = site_destination(s->site, a.canonical);
	if (d != NULL)
		found = gates_find(s->gates, NULL, d, a.canonical, &t, &how, why);
	if (found == FOUND_YES && !role_exists(t.role))
		found = FOUND_NO;
	target_drop(&t);
	address_free(&a);
	return found;
}

static void
log_trouble(struct slice question, const char *client, const char *verdict, const char *reason)
{
	char *text = mem_copy(question.at, question.length);
	struct log_line l;

	log_begin(&l, LEVEL_INFO, "socketmap");
	log_text(&l, "question", text);
	log_text(&l, "client", client);
	log_text(&l, "verdict", verdict);
	log_text(&l, "reason", reason);
	log_end(&l);
	free(text);
}

void
lookup_answer(const struct service *s, struct slice question, const char *client, struct bytes *out)
{
	struct complaint why = { "" };
	struct slice map, key;
	const char *value = query_split(question, &map, &key) ? value_in(s, map) : NULL;

	if (value == NULL) {
		log_trouble(question, client, "reject", "there is no such map");
		query_answer(out, QUERY_PERM, "the maps are transport and recipient");
		return;
	}
	switch (find(s, key, &why)) {
	case FOUND_YES:
		query_answer(out, QUERY_OK, value);
		break;
	case FOUND_NO:
		query_answer(out, QUERY_NOTFOUND, "");
		break;
	case FOUND_UNSURE:
		log_trouble(question, client, "defer", why.text);
		query_answer(out, QUERY_TEMP, "the directory does not answer, try again later");
		break;
	}
}
