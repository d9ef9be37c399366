/* Questions, and the life of what they belong to. */
#include "policies/question.h"

#include "base/mem.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct inquiry *
inquiry_new(const struct terms *t)
{
	struct inquiry *i = mem_new(sizeof(*i));

	atomic_init(&i->references, 1);
	i->moment = t->moment;
	i->by = t->by;
	i->facts = *t->facts;
	i->cancelled = -1;
	monitor_init(&i->monitor);
	return i;
}

/*
 * Whether the answer to a question will do for this link and list as well. A check that stands twice
 * in one chain is asked twice.
 */
static bool
is_alike(const struct question *q, const struct link *l, const struct subject *s)
{
	if (q->link != l && (q->chain == s->chain || q->link->policy != l->policy ||
	                     strcmp(q->link->settings, l->settings) != 0))
		return false;
	return q->role == s->role &&
	       (!(l->policy->needs & NEED_LIST) || (q->source == s->source && q->stale == s->stale &&
	                                            strcmp(q->list->address, s->list->address) == 0 &&
	                                            strcmp(q->recipient, s->recipient) == 0));
}

size_t
question_for(struct inquiry *i, const struct link *l, const struct subject *s)
{
	size_t at = 0;

	while (at < i->count && !is_alike(&i->questions[at], l, s))
		at++;
	if (at < i->count)
		return at;
	i->questions = mem_resize(i->questions, (i->count + 1) * sizeof(*i->questions));
	i->questions[i->count++] = (struct question){
		.inquiry = i, .link = l, .chain = s->chain, .list = list_hold(s->list),
		.source = s->source, .stale = s->stale,
		.recipient = mem_text(s->recipient), .role = s->role, .open = true,
	};
	return at;
}

void
inquiry_share(struct inquiry *i)
{
	struct facts *f = &i->facts;

	f->client = mem_text(f->client);
	f->login = mem_text(f->login);
	f->sender = mem_text(f->sender);
	f->state = mem_text(f->state);
	f->header = f->header == NULL ? NULL : mem_copy(f->header, f->header_length);
	if (f->filed)
		f->file = fcntl(f->file, F_DUPFD_CLOEXEC, 3);
	f->client_name = mem_text(f->client_name);
	f->helo = mem_text(f->helo);
	f->instance = mem_text(f->instance);
	f->body = NULL;                   /* workers get none */
	f->body_length = 0;
	i->copied = true;
	i->cancelled = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

void
inquiry_drop(struct inquiry *i)
{
	if (atomic_fetch_sub(&i->references, 1) > 1)
		return;
	for (size_t q = 0; q < i->count; q++) {
		list_drop(&i->questions[q].list);
		free(i->questions[q].recipient);
	}
	free(i->questions);
	if (i->copied) {
		free((char *)i->facts.client);
		free((char *)i->facts.login);
		free((char *)i->facts.sender);
		free((char *)i->facts.header);
		free((char *)i->facts.state);
		free((char *)i->facts.client_name);
		free((char *)i->facts.helo);
		free((char *)i->facts.instance);
		if (i->facts.filed && i->facts.file >= 0)
			(void)close(i->facts.file);
	}
	if (i->cancelled >= 0)
		(void)close(i->cancelled);
	monitor_destroy(&i->monitor);
	free(i);
}
