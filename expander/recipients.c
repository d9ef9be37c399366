/* Freezing the recipients of an entry. */
#include "expander/recipients.h"

#include "base/mem.h"
#include "mail/address.h"

#include <string.h>

int
freezing_begin(struct freezing *f, struct entry *entry, struct complaint *why)
{
	*f = (struct freezing){ .entry = entry, .why = why };
	if (entry->queues->ops->freeze_begin(entry, why) < 0)
		return -1;
	f->seen = set_open();
	return 0;
}

bool
freezing_add(struct freezing *f, const char *canonical, const char *spelling)
{
	return !set_add(f->seen, canonical, strlen(canonical)) || freezing_put(f, canonical, spelling);
}

bool
freezing_put(struct freezing *f, const char *canonical, const char *spelling)
{
	f->count++;
	if (f->entry->queues->ops->freeze_add(f->entry, canonical, spelling, f->why) < 0)
		f->failed = true;
	return !f->failed;
}

int
freezing_finish(struct freezing *f, struct complaint *why)
{
	const struct queue_ops *ops = f->entry->queues->ops;

	set_close(&f->seen);
	if (ops->freeze_finish(f->entry, why) < 0)
		return -1;
	return ops->move(&f->entry, QUEUE_OUTBOUND, why);
}

void
freezing_abandon(struct freezing *f)
{
	set_close(&f->seen);
}

enum found
address_is_person(const struct site *site, const char *canonical, struct deadline by,
                  struct complaint *why)
{
	const struct destination *d = site_destination(site, canonical);
	struct target t;
	enum found found;

	if (d == NULL)
		return FOUND_YES;
	found = site_find(d, canonical, by, &t, why);
	if (found == FOUND_YES)
		found = t.role == ROLE_POST ? FOUND_NO : FOUND_YES;
	else if (found == FOUND_NO && d->shared)
		found = FOUND_YES;
	target_drop(&t);
	return found;
}

struct keepers {
	struct freezing *freezing;
	const struct site *site;
	struct deadline by;
	bool unsure;
};

static bool
add_keeper(void *arg, const struct member *m)
{
	struct keepers *o = arg;
	struct complaint *why = o->freezing->why;

	switch (address_is_person(o->site, m->canonical, o->by, why)) {
	case FOUND_NO:
		return true;
	case FOUND_UNSURE:
		o->unsure = true;
		return false;
	case FOUND_YES:
		break;
	}
	return freezing_add(o->freezing, m->canonical, address_to_send(m->canonical, m->spelling));
}

enum found
freezing_add_keepers(struct freezing *f, const struct site *site, struct source *source,
                     const struct list *list, enum people whom, struct deadline by, struct complaint *why)
{
	struct keepers o = { f, site, by, false };
	struct walk_report report;
	struct complaint walk;
	enum found found = source_each_member(source, list, whom, by, add_keeper, &o, &report, &walk);

	/* Where the walk was stopped from here, why is said already. */
	if (found != FOUND_YES && !o.unsure && !f->failed)
		*why = walk;
	return found;
}
