/* Who gets a post by each of its lists. */
#include "expander/fanout/chosen.h"

#include "base/mem.h"
#include "base/monitor.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

enum {
	KEPT = 600000,                    /* ms: whoever tries again later than that reads again */
	MOST = 500000,                    /* addresses of all, … */
	EACH = 1000                       /* … where a list counts as so many at least */
};

struct chosen {
	char *post, *list;
	struct set *addresses;            /* NULL: somebody is to tell */
	int64_t told;                     /* ticks */
	size_t references;                /* that of the memory included */
	struct chosen *next;              /* in the memory, the youngest first */
};

static struct monitor monitor;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct chosen *memory;             /* under the monitor, as are all fields but those that stay */

static void
prepare(void)
{
	monitor_init(&monitor);
}

/* ---- inside the monitor ---- */

static void
release(struct chosen *c)
{
	if (--c->references > 0)
		return;
	set_close(&c->addresses);
	free(c->post);
	free(c->list);
	free(c);
}

static void
forget(struct chosen **at)
{
	struct chosen *c = *at;

	*at = c->next;
	release(c);
}

/* Those that are old, and the oldest of too many. Who is still to tell stays. */
static void
forget_old(void)
{
	size_t count = 0;
	int64_t now = clock_ticks();

	for (struct chosen **at = &memory; *at != NULL;) {
		struct chosen *c = *at;

		count += EACH + (c->addresses == NULL ? 0 : set_count(c->addresses));
		if (c->addresses != NULL && (now - c->told > KEPT || count > MOST))
			forget(at);
		else
			at = &c->next;
	}
}

static struct chosen *
find(const char *post, const char *list)
{
	struct chosen *c = memory;

	while (c != NULL && (strcmp(c->list, list) != 0 || strcmp(c->post, post) != 0))
		c = c->next;
	return c;
}

static struct chosen *
add(const char *post, const char *list)
{
	struct chosen *c = mem_new(sizeof(*c));

	*c = (struct chosen){ .post = mem_text(post), .list = mem_text(list), .references = 2,
		              .next = memory };
	memory = c;
	return c;
}

/* ---- for everybody ---- */

struct chosen *
chosen_begin(const char *post, const char *list)
{
	struct chosen *c = NULL;

	(void)pthread_once(&once, prepare);
	monitor_enter(&monitor);
	forget_old();
	if (find(post, list) == NULL)
		c = add(post, list);
	monitor_leave(&monitor);
	return c;
}

struct chosen *
chosen_take(const char *post, const char *list, struct deadline by)
{
	struct chosen *c;
	bool time_left = true;

	(void)pthread_once(&once, prepare);
	monitor_enter(&monitor);
	forget_old();
	while ((c = find(post, list)) != NULL && c->addresses == NULL && time_left)
		time_left = monitor_wait_until(&monitor, by);
	if (c == NULL)
		c = add(post, list);
	else if (c->addresses == NULL)
		c = NULL;
	else
		c->references++;
	monitor_leave(&monitor);
	return c;
}

const struct set *
chosen_addresses(const struct chosen *c)
{
	return c->addresses;
}

void
chosen_tell(struct chosen *c, struct set **addresses)
{
	monitor_enter(&monitor);
	c->addresses = *addresses;
	c->told = clock_ticks();
	*addresses = NULL;
	monitor_wake(&monitor);
	monitor_leave(&monitor);
}

void
chosen_drop(struct chosen **chosen)
{
	struct chosen *c = *chosen, **at = &memory;

	*chosen = NULL;
	if (c == NULL)
		return;
	monitor_enter(&monitor);
	while (*at != NULL && *at != c)
		at = &(*at)->next;
	if (c->addresses == NULL && *at == c) {
		forget(at);
		monitor_wake(&monitor);
	}
	release(c);
	monitor_leave(&monitor);
}
