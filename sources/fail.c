/*
 * The source that answers what it is told to: the stand-in for one that cannot be opened, and a way
 * to see how a site behaves when its directory is down.
 */
#include "base/mem.h"
#include "mail/address.h"
#include "sources/source.h"

#include <stdlib.h>
#include <string.h>

static const char *const answers[] = { "unsure", "no", "yes", NULL };
static const enum found found_of[] = { FOUND_UNSURE, FOUND_NO, FOUND_YES };

struct fail_config {
	int64_t answer;
	struct text_list members;
	char *reason;
};

struct fail {
	struct source source;
	struct fail_config config;
};

static const struct setting settings[] = {
	SOURCE_SETTINGS,
	{ .name = "answer", .kind = KIND_WORD, .offset = offsetof(struct fail_config, answer),
	  .fallback = "unsure", .words = answers,
	  .help = "What is answered to every question: unsure, no, yes." },
	{ .name = "members", .kind = KIND_TEXTS, .offset = offsetof(struct fail_config, members),
	  .help = "The members of every list, where the answer is yes." },
	{ .name = "reason", .kind = KIND_TEXT, .offset = offsetof(struct fail_config, reason),
	  .fallback = "told to be unsure", .help = "What the log says of it." },
	{ .kind = KIND_END },
};

static enum found
answer(const struct fail *f, struct complaint *why)
{
	if (found_of[f->config.answer] == FOUND_UNSURE)
		(void)complain(why, "%s: %s", f->source.name, f->config.reason);
	return found_of[f->config.answer];
}

static enum found
find_list(struct source *s, const char *const *addresses, size_t count, struct deadline by,
          struct list **list_r, size_t *which_r, struct complaint *why)
{
	const struct fail *f = (const struct fail *)s;
	enum found found = answer(f, why);

	(void)by;
	if (found == FOUND_YES) {
		*which_r = count - 1;     /* the plainest reading: staff+tag@ is staff@ */
		*list_r = list_new(mem_text(addresses[count - 1]), NULL, mem_text(""), NULL);
	}
	return found;
}

static enum found
each_member(struct source *s, const struct list *list, enum people whom, struct deadline by,
            member_fn *fn, void *arg, struct walk_report *report, struct complaint *why)
{
	const struct fail *f = (const struct fail *)s;
	const struct via via = { NULL, list->address };
	enum found found = answer(f, why);

	(void)whom, (void)by;
	report->groups = 1;
	for (size_t i = 0; found == FOUND_YES && i < f->config.members.count; i++) {
		struct address a;
		struct member m = { .via = &via };
		const char *text = f->config.members.items[i];

		if (address_parse(&a, text, strlen(text), why) < 0) {
			source_refuse(report, &via, text, strlen(text), "mailbox address");
			continue;
		}
		m.canonical = a.canonical;
		m.spelling = a.spelling;
		report->members++;
		if (!fn(arg, &m)) {
			(void)complain(why, "stopped");
			found = FOUND_UNSURE;
		}
		address_free(&a);
	}
	return found;
}

static enum found
each_list(struct source *s, const char *domain, struct deadline by, list_fn *fn, void *arg,
          struct complaint *why)
{
	enum found found = answer((const struct fail *)s, why);

	(void)by, (void)fn, (void)arg;
	if (found == FOUND_UNSURE)
		return FOUND_UNSURE;
	if (found == FOUND_NO)            /* there is none, and that is all of them */
		return FOUND_YES;
	(void)complain(why, "%s: every address in %s is a list", s->name, domain);
	return FOUND_UNSURE;
}

static enum found
find_person(struct source *s, const struct identity *id, struct deadline by, struct person **person_r,
            struct complaint *why)
{
	enum found found = answer((const struct fail *)s, why);

	(void)by;
	if (found == FOUND_YES)
		*person_r = person_new(id);
	return found;
}

static void
close_source(struct source *s)
{
	struct fail *f = (struct fail *)s;

	setting_free(settings, &f->config);
	free(f);
}

static const struct source_ops ops = {
	.kind = "fail",
	.find_list = find_list,
	.each_member = each_member,
	.each_list = each_list,
	.find_person = find_person,
	.close = close_source,
};

static struct source *
open_source(const char *name, void *config, struct complaint *why)
{
	struct fail *f = mem_new(sizeof(*f));

	(void)why;
	f->source = (struct source){ &ops, mem_text(name) };
	f->config = *(struct fail_config *)config;
	free(config);
	return &f->source;
}

struct source *
fail_open(const char *name, const char *reason)
{
	struct fail_config *config = mem_new(sizeof(*config));
	struct complaint unused;

	config->reason = mem_text(reason);
	return open_source(name, config, &unused);
}

const struct source_kind source_fail = {
	.name = "fail",
	.summary = "Answers every question with what it is told to.",
	.settings = settings,
	.config_size = sizeof(struct fail_config),
	.open = open_source,
};
