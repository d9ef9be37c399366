/* Notices of moderation on their way into the queues. */
#include "expander/moderation/notices.h"

#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { DAY = 86400000, MOST_LISTS = 10000 };

struct notice_counts {
	struct map *lists;                /* address → int64_t */
	int64_t day;
};

struct notice_counts *
notice_counts_open(void)
{
	struct notice_counts *c = mem_new(sizeof(*c));

	c->lists = map_open();
	return c;
}

static void
forget_all(struct notice_counts *c)
{
	void *count;

	while ((count = map_remove_oldest(c->lists)) != NULL)
		free(count);
}

void
notice_counts_close(struct notice_counts **counts)
{
	struct notice_counts *c = *counts;

	*counts = NULL;
	if (c == NULL)
		return;
	forget_all(c);
	map_close(&c->lists);
	free(c);
}

bool
notice_counts_take(struct notice_counts *c, const char *list, int64_t most, int64_t now, bool *last)
{
	int64_t *count;

	if (now / DAY != c->day)
		forget_all(c);
	c->day = now / DAY;
	count = map_get(c->lists, list, strlen(list));
	if (count == NULL) {
		if (map_count(c->lists) >= MOST_LISTS)
			free(map_remove_oldest(c->lists));
		count = mem_new(sizeof(*count));
		(void)map_put(c->lists, list, strlen(list), count);
	}
	*last = *count + 1 == most;
	return *count < most && ++*count > 0;
}

static const char *
kind_word(enum notice_kind kind)
{
	static const char *const words[] = { [NOTICE_HELD] = "held", [NOTICE_EXPIRED] = "expired",
		                             [NOTICE_REJECTED] = "rejected" };

	return words[kind];
}

int
notice_store(struct entry *entry, const struct service *s, enum notice_kind kind, const char *reason,
             bool last, struct complaint *why)
{
	const struct envelope *post = &entry->envelope;
	bool to_poster = kind == NOTICE_REJECTED;
	char *owner = list_role_address(post->list, ROLE_OWNER), id[DIGEST_NAME + 1] = "", *key;
	struct envelope e = { .list = post->list, .sender = (char *)"", .inject_sender = (char *)"",
		              .inject_add = (char *)"", .eight_bit = true, .arrived = clock_wall(),
		              .role = (char *)role_word(to_poster ? ROLE_BOUNCES : ROLE_OWNER),
		              .recipient = to_poster ? post->sender : owner,
		              .to = to_poster ? post->sender : NULL, .moderators = !to_poster };
	struct held_notice n = { .kind = kind, .hostname = s->site->hostname, .id = entry->id,
		            .list = post->list,
		            .to = e.recipient, .reason = reason, .now = e.arrived,
		            .arrived = post->arrived, .keep = s->moderation.keep, .last = last };
	struct bytes text = { 0 };
	enum stored result;

	if (entry->queues->ops->message(entry, &n.post, &n.post_length, why) < 0) {
		log_say(LEVEL_ERROR, "moderation", "%s: %s", entry->id, why->text);
		n.post = "";
	}
	held_notice_print(&n, &text);
	e.size = (int64_t)text.length;
	key = mem_format("notice %s of %s", kind_word(kind), entry->id);
	result = queue_put(entry->queues, to_poster ? QUEUE_BOUNCE : QUEUE_PENDING, &e, key, &text, id, why);
	if (result == STORED)
		log_say(LEVEL_INFO, "moderation", "%s: %s is told, as %s", entry->id,
		        to_poster ? "the poster" : owner, id);
	bytes_free(&text);
	free(key);
	free(owner);
	return result == STORED || result == STORED_BEFORE ? 0 : -1;
}
