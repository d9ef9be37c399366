/* The history of a recipient. */
#include "console/history.h"

#include "queues/queue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct history
history_new(void)
{
	return (struct history){ .events = js_array(), .log = js_array() };
}

void
history_free(struct history *h)
{
	js_drop(&h->events);
	js_drop(&h->log);
	text_list_free(&h->ids);
}

static bool
is_in(const struct record *r, size_t line)
{
	if (r->lines == NULL)
		return line >= r->first && line - r->first < r->count;
	for (size_t i = 0; i < r->count; i++)
		if (r->lines[i] == line)
			return true;
	return false;
}

static struct js *
add(struct history *h, const char *event, const struct record *r)
{
	struct js *e = js_object();

	js_set_text(e, "event", event);
	if (r->at != 0)
		js_set_number(e, "at", r->at);
	if (r->batch != 0)
		js_set_number(e, "batch", r->batch);
	if (r->code > 0)
		js_set_number(e, "code", r->code);
	js_set_text(e, "mta", r->mta);
	js_set_text(e, "queue_id", r->id);
	js_set_text(e, "text", r->text);
	js_append(h->events, js_hold(e));
	return e;
}

static const char *
result_words(const struct record *r)
{
	if (r->code / 100 == 2)
		return "in the MTA's queue";
	return r->code / 100 == 5 ? "refused" : "put off";
}

static void
visit(void *arg, const struct record *r)
{
	struct history *h = arg;
	struct js *e = NULL;

	switch (r->kind) {
	case RECORD_INTENT:
		if (!is_in(r, h->line))
			break;
		h->batch = r->batch;
		e = add(h, "sending", r);
		break;
	case RECORD_LINE:
		if (r->line != h->line)
			break;
		h->batch = 0;             /* what becomes of the others is nothing to him */
		e = add(h, r->code / 100 == 5 ? "refused" : "put off", r);
		break;
	case RECORD_RESULT:
		if (h->batch == 0 || r->batch != h->batch)
			break;
		h->batch = 0;
		e = add(h, result_words(r), r);
		if (r->id != NULL && r->code / 100 == 2)
			text_list_add(&h->ids, r->id, strlen(r->id));
		break;
	case RECORD_RECALL:
		if (is_in(r, h->line))
			e = add(h, "taken back from the MTA's queue", r);
		break;
	case RECORD_DEFER:
		if (r->until == 0 && r->text == NULL)
			break;
		e = add(h, "the post waits", r);
		if (r->until != 0)
			js_set_number(e, "until", r->until);
		break;
	case RECORD_DECIDED:
		e = add(h, "somebody decided on the post", r);
		break;
	case RECORD_BEGIN:
	case RECORD_DAMAGE:
		break;
	}
	js_drop(&e);
}

int
history_read(struct history *h, const char *spool, const char *id, size_t line, struct complaint *why)
{
	const struct spool_config config = { .path = (char *)spool, .read_only = true };
	struct queues *queues = spool_open(&config, why);
	int rc = -1;

	h->line = line;
	if (queues != NULL)
		rc = spool_history(queues, id, visit, h, why);
	queues_close(&queues);
	return rc < 0 ? -1 : 0;
}

/* Whether a line speaks of the address: between brackets, as MTAs write it. */
static bool
has_address(const char *line, const char *address)
{
	size_t length = strlen(address);

	for (const char *at = line; (at = strcasestr(at, address)) != NULL; at++)
		if (at > line && at[-1] == '<' && at[length] == '>')
			return true;
	return false;
}

int
history_search(struct history *h, const char *file, const char *address, struct complaint *why)
{
	FILE *f = fopen(file, "re");
	char *line = NULL;
	size_t size = 0;

	if (f == NULL)
		return complain_errno(why, "cannot read %s", file);
	while (getline(&line, &size, f) > 0) {
		bool named = false;

		for (size_t i = 0; i < h->ids.count && !named; i++)
			named = strstr(line, h->ids.items[i]) != NULL;
		line[strcspn(line, "\n")] = '\0';
		if (named && has_address(line, address))
			js_append(h->log, js_string(line));
	}
	free(line);
	(void)fclose(f);
	return 0;
}
