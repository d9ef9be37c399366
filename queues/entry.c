/* envelope.json */
#include "queues/entry.h"

#include "base/json.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

void
envelope_name(const unsigned char message[DIGEST_SIZE], const char *list, const char *role,
              char id[DIGEST_NAME + 1])
{
	struct digest *all = digest_open();
	unsigned char sum[DIGEST_SIZE];

	digest_add(all, message, DIGEST_SIZE);
	digest_add(all, list, strlen(list) + 1);
	digest_add(all, role, strlen(role) + 1);
	digest_end(&all, sum);
	digest_name(sum, id);
}

void
envelope_free(struct envelope *e)
{
	free(e->list);
	free(e->role);
	free(e->recipient);
	free(e->sender);
	free(e->queue_id);
	free(e->message_id);
	free(e->report_of);
	free(e->through);
	free(e->stamp);
	free(e->client);
	free(e->identity);
	free(e->proof);
	free(e->verdict);
	free(e->reason);
	free(e->tags);
	free(e->to);
	free(e->inject_sender);
	free(e->inject_add);
	free(e->inject_before_body);
	free(e->inject_after_body);
	free(e->inject_above);
	free(e->inject_below);
	free(e->inject_each);
	text_list_free(&e->before);
	text_list_free(&e->behind);
	text_list_free(&e->inject_remove);
	*e = (struct envelope){ 0 };
}

void
envelope_leave_out(struct envelope *e, const char *field)
{
	text_list_add_once(&e->inject_remove, field);
}

bool
envelope_is_personal(const struct envelope *e)
{
	return e->inject_above != NULL || e->inject_below != NULL || e->inject_each != NULL;
}

bool
envelope_has_texts(const struct envelope *e)
{
	return e->inject_before_body != NULL || e->inject_after_body != NULL || e->inject_above != NULL ||
	       e->inject_below != NULL;
}

static struct js *
array_of(const struct text_list *texts)
{
	struct js *array = js_array();

	for (size_t i = 0; i < texts->count; i++)
		js_append(array, js_string(texts->items[i]));
	return array;
}

void
envelope_print(const struct envelope *e, struct bytes *out)
{
	struct js *j = js_object(), *inject = js_object();
	bool framed = e->inject_before_body != NULL || e->inject_after_body != NULL;
	int64_t version = e->inject_each != NULL                 ? 5
	                  : e->through != NULL                   ? 4
	                  : envelope_is_personal(e) || e->shadow ? 3
	                  : framed                               ? 2
	                                                         : 1;

	js_set_number(j, "version", version);
	js_set_text(j, "list", e->list);
	js_set_text(j, "role", e->role);
	js_set_text(j, "recipient", e->recipient);
	js_set_text(j, "sender", e->sender);
	js_set_number(j, "arrived", e->arrived);
	js_set_text(j, "queue_id", e->queue_id);
	js_set_text(j, "message_id", e->message_id);
	js_set_number(j, "size", e->size);
	js_set_flag(j, "utf8", e->utf8);
	js_set_flag(j, "eight_bit", e->eight_bit);
	js_set_text(j, "stamp", e->stamp);
	js_set_text(j, "client", e->client);
	js_set_text(j, "identity", e->identity);
	js_set_text(j, "proof", e->proof);
	js_set_text(j, "verdict", e->verdict);
	js_set_text(j, "reason", e->reason);
	js_set_text(j, "tags", e->tags);
	js_set_text(j, "to", e->to);
	if (e->moderators)
		js_set_flag(j, "moderators", true);
	if (e->disclose)
		js_set_flag(j, "disclose", true);
	js_set_text(j, "report_of", e->report_of);
	js_set_text(j, "through", e->through);
	if (e->shadow)
		js_set_flag(j, "shadow", true);
	if (e->before.count > 0)
		js_set(j, "before", array_of(&e->before));
	if (e->behind.count > 0)
		js_set(j, "behind", array_of(&e->behind));
	js_set_text(inject, "sender", e->inject_sender);
	js_set_text(inject, "add", e->inject_add);
	if (e->inject_verp)
		js_set_flag(inject, "verp", true);
	if (e->inject_suspects)
		js_set_flag(inject, "verp_suspects", true);
	js_set(inject, "remove", array_of(&e->inject_remove));
	js_set_text(inject, "before_body", e->inject_before_body);
	js_set_text(inject, "after_body", e->inject_after_body);
	js_set_text(inject, "above", e->inject_above);
	js_set_text(inject, "below", e->inject_below);
	js_set_text(inject, "each", e->inject_each);
	js_set(j, "inject", inject);
	js_print(j, true, out);
	bytes_add_char(out, '\n');
	js_drop(&j);
}

/* Copies a text; -1 where it is required and missing. */
static int
take_text(const struct js *j, const char *key, bool required, char **text, struct complaint *why)
{
	*text = mem_text(js_text(j, key));
	return required && *text == NULL ? complain(why, "\"%s\" is missing", key) : 0;
}

static int
take_texts(const struct js *j, const char *key, struct text_list *texts, struct complaint *why)
{
	const struct js *array = js_get(j, key);

	for (size_t i = 0; i < js_count(array); i++) {
		const char *text = js_string_at(array, i);

		if (text == NULL)
			return complain(why, "%s[%zu] is no text", key, i);
		text_list_add(texts, text, strlen(text));
	}
	return 0;
}

static int
take_inject(const struct js *j, struct envelope *e, struct complaint *why)
{
	const struct js *inject = js_get(j, "inject");

	if (take_text(inject, "sender", true, &e->inject_sender, why) < 0 ||
	    take_text(inject, "add", true, &e->inject_add, why) < 0 ||
	    take_texts(inject, "remove", &e->inject_remove, why) < 0 ||
	    take_text(inject, "before_body", false, &e->inject_before_body, why) < 0 ||
	    take_text(inject, "after_body", false, &e->inject_after_body, why) < 0 ||
	    take_text(inject, "above", false, &e->inject_above, why) < 0 ||
	    take_text(inject, "below", false, &e->inject_below, why) < 0 ||
	    take_text(inject, "each", false, &e->inject_each, why) < 0)
		return complain_within(why, "inject");
	e->inject_verp = js_flag(inject, "verp", false);
	e->inject_suspects = js_flag(inject, "verp_suspects", false);
	return 0;
}

int
envelope_parse(const char *text, size_t length, struct envelope *e, struct complaint *why)
{
	struct js *j = js_parse(text, length, why);
	int64_t version = js_number(j, "version", 0);
	int rc = -1;

	*e = (struct envelope){ 0 };
	if (j == NULL)
		return -1;
	if (version < 1 || version > ENVELOPE_VERSION) {
		(void)complain(why, "version %lld is not known to this program", (long long)version);
		goto out;
	}
	e->arrived = js_number(j, "arrived", 0);
	e->size = js_number(j, "size", 0);
	e->utf8 = js_flag(j, "utf8", false);
	e->eight_bit = js_flag(j, "eight_bit", false);
	e->moderators = js_flag(j, "moderators", false);
	e->shadow = js_flag(j, "shadow", false);
	e->disclose = js_flag(j, "disclose", false);
	if (take_text(j, "list", true, &e->list, why) < 0 ||
	    take_text(j, "role", true, &e->role, why) < 0 ||
	    take_text(j, "recipient", true, &e->recipient, why) < 0 ||
	    take_text(j, "sender", true, &e->sender, why) < 0 ||
	    take_text(j, "queue_id", false, &e->queue_id, why) < 0 ||
	    take_text(j, "message_id", false, &e->message_id, why) < 0 ||
	    take_text(j, "stamp", false, &e->stamp, why) < 0 ||
	    take_text(j, "client", false, &e->client, why) < 0 ||
	    take_text(j, "identity", false, &e->identity, why) < 0 ||
	    take_text(j, "proof", false, &e->proof, why) < 0 ||
	    take_text(j, "verdict", false, &e->verdict, why) < 0 ||
	    take_text(j, "reason", false, &e->reason, why) < 0 ||
	    take_text(j, "tags", false, &e->tags, why) < 0 ||
	    take_text(j, "to", false, &e->to, why) < 0 ||
	    take_text(j, "report_of", false, &e->report_of, why) < 0 ||
	    take_text(j, "through", false, &e->through, why) < 0 ||
	    take_texts(j, "before", &e->before, why) < 0 ||
	    take_texts(j, "behind", &e->behind, why) < 0 || take_inject(j, e, why) < 0)
		goto out;
	rc = 0;
out:
	if (rc < 0)
		envelope_free(e);
	js_drop(&j);
	return rc;
}
