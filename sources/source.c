/* Calls through the table of operations, with the answers of those that are missing. */
#include "sources/source.h"

#include "base/log.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
occasion_describe(const struct occasion *o, struct text_list *environment)
{
	text_list_take(environment, mem_format("ROLLCALL_SENDER=%s", o->sender));
	text_list_take(environment, mem_format("ROLLCALL_SIZE=%lld", (long long)o->size));
	if (o->queue_id != NULL)
		text_list_take(environment, mem_format("ROLLCALL_QUEUE_ID=%s", o->queue_id));
	if (o->message_id != NULL)
		text_list_take(environment, mem_format("ROLLCALL_MESSAGE_ID=%s", o->message_id));
}

enum found
source_find_list(struct source *s, const char *const *addresses, size_t count, struct deadline by,
                 struct list **list_r, size_t *which_r, struct complaint *why)
{
	*list_r = NULL;
	return s->ops->find_list(s, addresses, count, by, list_r, which_r, why);
}

enum found
source_find_fresh(struct source *s, const char *const *addresses, size_t count, struct deadline by,
                  struct list **list_r, size_t *which_r, struct complaint *why)
{
	if (s->ops->find_fresh == NULL)
		return source_find_list(s, addresses, count, by, list_r, which_r, why);
	*list_r = NULL;
	return s->ops->find_fresh(s, addresses, count, by, list_r, which_r, why);
}

enum found
source_peek_list(struct source *s, const char *const *addresses, size_t count, bool stale,
                 struct list **list_r, size_t *which_r)
{
	*list_r = NULL;
	if (s->ops->peek_list == NULL)
		return FOUND_UNSURE;
	return s->ops->peek_list(s, addresses, count, stale, list_r, which_r);
}

enum found
source_each_member(struct source *s, const struct list *list, enum people whom, struct deadline by,
                   member_fn *fn, void *arg, struct walk_report *report, struct complaint *why)
{
	return source_each_member_told(s, list, whom, by, fn, arg, NULL, NULL, report, why);
}

enum found
source_each_member_told(struct source *s, const struct list *list, enum people whom, struct deadline by,
                        member_fn *fn, void *arg, omission_fn *omitted, void *omitted_arg,
                        struct walk_report *report, struct complaint *why)
{
	*report = (struct walk_report){ .omitted = omitted, .omitted_arg = omitted_arg };
	if (whom == PEOPLE_MODERATORS && !s->ops->moderators) {
		report->groups = 1;
		return FOUND_YES;
	}
	return s->ops->each_member(s, list, whom, by, fn, arg, report, why);
}

const char *const omission_words[OMITTED_COUNT] = {
	[OMITTED_DANGLING] = "does not exist",
	[OMITTED_WITHOUT_ADDRESS] = "has no address",
	[OMITTED_REFUSED] = "the address is no mailbox",
	[OMITTED_CLOSED] = "gets no mail (disabled)",
};

void
walk_omit(struct walk_report *r, enum omission reason, const char *what, size_t length, const struct via *via)
{
	size_t *const counts[] = { [OMITTED_DANGLING] = &r->dangling,
		                   [OMITTED_WITHOUT_ADDRESS] = &r->without_address,
		                   [OMITTED_REFUSED] = &r->refused,
		                   [OMITTED_CLOSED] = &r->closed };
	char *text;

	++*counts[reason];
	if (r->omitted == NULL)
		return;
	text = mem_copy(what, length);
	r->omitted(r->omitted_arg, reason, text, via);
	free(text);
}

bool
walk_apart(struct walk_report *r, const char *canonical)
{
	bool apart = r->apart != NULL && r->apart(r->apart_arg, canonical);

	r->apart_count += apart;
	return apart;
}

static void
keep_text(char kept[REFUSED_SHOWN], const char *value, size_t length)
{
	char *text = mem_copy(value, length < REFUSED_SHOWN ? length : REFUSED_SHOWN - 1);
	struct bytes printable = { 0 };

	bytes_add_printable(&printable, text, "");
	(void)snprintf(kept, REFUSED_SHOWN, "%s", bytes_text(&printable));
	bytes_free(&printable);
	free(text);
}

void
source_refuse(struct walk_report *report, const struct via *via, const char *value, size_t length,
              const char *what)
{
	struct refused_value one, *r = report->refused < REFUSED_KEPT ? &report->kept[report->refused] : &one;

	keep_text(r->group, via->name, strlen(via->name));
	keep_text(r->value, value, length);
	log_say(r == &one ? LEVEL_DEBUG : LEVEL_WARN, "refused", "%s: \"%s\" is no %s", r->group, r->value,
	        what);
	walk_omit(report, OMITTED_REFUSED, value, length, via);
}

void
source_refuse_too(struct walk_report *report, const struct walk_report *inner)
{
	for (size_t i = 0; i < inner->refused && i < REFUSED_KEPT; i++)
		if (report->refused + i < REFUSED_KEPT)
			report->kept[report->refused + i] = inner->kept[i];
	report->refused += inner->refused;
}

enum found
source_cannot_list(struct source *s, const char *reason, struct complaint *why)
{
	(void)complain(why, "%s: this source of the kind %s cannot say which lists there are: %s", s->name,
	               s->ops->kind, reason);
	return FOUND_UNSURE;
}

enum found
source_each_list(struct source *s, const char *domain, struct deadline by, list_fn *fn, void *arg,
                 struct complaint *why)
{
	return s->ops->each_list(s, domain, by, fn, arg, why);
}

enum found
source_each_recipient(struct source *s, const struct list *list, const struct occasion *occasion,
                      struct deadline by, member_fn *fn, void *arg, struct walk_report *report,
                      struct complaint *why)
{
	*report = (struct walk_report){ .apart = occasion->apart, .apart_arg = occasion->apart_arg };
	if (s->ops->each_recipient == NULL)
		return s->ops->each_member(s, list, PEOPLE_MEMBERS, by, fn, arg, report, why);
	return s->ops->each_recipient(s, list, occasion, by, fn, arg, report, why);
}

enum found
source_each_address(struct source *s, const char *canonical, struct deadline by, member_fn *fn, void *arg,
                    struct complaint *why)
{
	return s->ops->each_address == NULL ? FOUND_NO
	                                    : s->ops->each_address(s, canonical, by, fn, arg, why);
}

enum found
source_each_match(struct source *s, const char *filter, struct deadline by, member_fn *fn, void *arg,
                  struct complaint *why)
{
	if (s->ops->each_match != NULL)
		return s->ops->each_match(s, filter, by, fn, arg, why);
	(void)complain(why, "%s: a source of the kind %s has no filters", s->name, s->ops->kind);
	return FOUND_UNSURE;
}

enum found
source_probe(struct source *s, struct deadline by, struct complaint *why)
{
	static const char *const nobody[] = { "rollcall-probe@invalid" };
	struct list *list = NULL;
	size_t which;
	enum found found;

	if (s->ops->probe != NULL)
		return s->ops->probe(s, by, why);
	found = source_find_list(s, nobody, 1, by, &list, &which, why);
	list_drop(&list);
	return found;
}

void
source_each_standing(struct source *s, standing_fn *fn, void *arg)
{
	if (s->ops->each_standing != NULL)
		s->ops->each_standing(s, fn, arg);
}

void
source_each_server(struct source *s, struct deadline by, server_fn *fn, void *arg)
{
	int64_t began = clock_ticks_us();
	struct complaint why;
	struct server_report r = { .kind = s->ops->kind, .name = s->name };

	if (s->ops->each_server != NULL) {
		s->ops->each_server(s, by, fn, arg);
		return;
	}
	if (source_probe(s, by, &why) == FOUND_UNSURE)
		r.error = why.text;
	r.round_trip = clock_ticks_us() - began;
	fn(arg, &r);
}

void
source_close(struct source **source)
{
	struct source *s = *source;

	*source = NULL;
	if (s == NULL)
		return;
	mem_drop(&s->name);
	s->ops->close(s);                 /* frees the struct */
}
