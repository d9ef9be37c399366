/* What is known of each server of a source, by those who have asked it. */
#include "base/mem.h"
#include "sources/ldap_source.h"

#include <stdlib.h>

/* Of one server. Under the lock of all. */
struct standing {
	size_t connections;
	int64_t connected, read, failed;  /* wall clock; 0: never */
	const char *technique;            /* of the last reading that was whole; NULL: there was none */
	char *error;                      /* the last, or NULL */
};

void
standings_open(struct server *s)
{
	s->standings = mem_array(s->config->uri.count, sizeof(*s->standings));
}

void
standings_close(struct server *s)
{
	for (size_t i = 0; i < s->config->uri.count; i++)
		free(s->standings[i].error);
	free(s->standings);
}

void
standing_connected(struct conn *c, struct server *s, size_t which)
{
	c->server = s;
	c->which = which;
	(void)pthread_mutex_lock(&s->lock);
	s->standings[which].connections++;
	s->standings[which].connected = clock_wall();
	(void)pthread_mutex_unlock(&s->lock);
}

void
standing_closed(const struct conn *c)
{
	if (c->server == NULL)
		return;
	(void)pthread_mutex_lock(&c->server->lock);
	c->server->standings[c->which].connections--;
	(void)pthread_mutex_unlock(&c->server->lock);
}

void
standing_failed(struct server *s, size_t which, const char *error)
{
	struct standing *own = &s->standings[which];

	(void)pthread_mutex_lock(&s->lock);
	free(own->error);
	own->error = mem_text(error);
	own->failed = clock_wall();
	(void)pthread_mutex_unlock(&s->lock);
}

void
standing_read(const struct conn *c, enum technique technique)
{
	struct standing *own;

	if (c->server == NULL)
		return;
	if (technique == TECHNIQUE_AUTO)
		technique = c->can.entry_dn ? TECHNIQUE_OR : TECHNIQUE_BASE;
	own = &c->server->standings[c->which];
	(void)pthread_mutex_lock(&c->server->lock);
	own->technique = ldap_technique_words[technique];
	own->read = clock_wall();
	(void)pthread_mutex_unlock(&c->server->lock);
}

bool
conn_dereferences(const struct conn *c)
{
	return c->can.deref && !c->can.deref_refused && !c->can.deref_silent;
}

void
ldap_each_standing(struct ldap_source *l, standing_fn *fn, void *arg)
{
	struct server *s = &l->server;

	(void)pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < s->config->uri.count; i++) {
		const struct standing *own = &s->standings[i];
		const struct server_standing r = { s->config->uri.items[i], own->connections, own->connected,
			                           own->technique, own->read, own->error, own->failed };

		fn(arg, &r);
	}
	(void)pthread_mutex_unlock(&s->lock);
}
