/* The configuration in force. */
#include "milter/service.h"

#include "base/mem.h"

#include <pthread.h>
#include <stdlib.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct service *current;

/* From texts, which the rows have checked, to what is used. */
static int
prepare(struct service *s, struct complaint *why)
{
	s->networks = networks_open();
	if (networks_add_all(s->networks, &s->socketmap.networks, why) < 0)
		return -1;
	s->gates = gates_open(s->site, &s->settings);
	return 0;
}

struct service *
service_load(const char *file, bool strict, struct complaint *why)
{
	struct service *s = mem_new(sizeof(*s));
	const struct site_part parts[] = { { "milter", milter_setting_rows, &s->settings },
		                           { "socketmap", socketmap_setting_rows, &s->socketmap },
		                           { 0 } };

	atomic_init(&s->references, 1);
	s->site = site_load(file, strict, parts, why);
	if (s->site == NULL) {
		free(s);
		return NULL;
	}
	if (prepare(s, why) < 0)
		service_drop(&s);
	return s;
}

int
service_prepare(struct service *s, struct complaint *why)
{
	s->keys = site_keys(s->site, why);
	return s->keys == NULL ? -1 : 0;
}

void
service_install(struct service *s)
{
	struct service *old;

	(void)pthread_mutex_lock(&lock);
	old = current;
	current = s;
	(void)pthread_mutex_unlock(&lock);
	service_drop(&old);
}

struct service *
service_current(void)
{
	struct service *s;

	(void)pthread_mutex_lock(&lock);
	s = current;
	(void)atomic_fetch_add(&s->references, 1);
	(void)pthread_mutex_unlock(&lock);
	return s;
}

void
service_drop(struct service **service)
{
	struct service *s = *service;

	*service = NULL;
	if (s == NULL || atomic_fetch_sub(&s->references, 1) > 1)
		return;
	gates_close(&s->gates);
	keys_close(&s->keys);
	site_drop(&s->site);
	networks_close(&s->networks);
	setting_free(milter_setting_rows, &s->settings);
	setting_free(socketmap_setting_rows, &s->socketmap);
	free(s);
}
