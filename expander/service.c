/* The configuration in force. */
#include "expander/service.h"

#include "base/mem.h"
#include "mail/address.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct service *current;

static int
take_mtas(struct service *s, struct complaint *why)
{
	s->mtas = mem_array(s->outbound.mta.count, sizeof(*s->mtas));
	for (size_t i = 0; i < s->outbound.mta.count; i++) {
		if (mta_parse(s->outbound.mta.items[i], &s->mtas[i], why) < 0)
			return -1;
		s->mta_count++;
		s->weight += s->mtas[i].weight;
		for (size_t k = 0; k < i; k++)
			if (strcmp(s->mtas[k].name, s->mtas[i].name) == 0)
				return complain(why, "outbound.mta: %s stands there twice",
				                s->outbound.mta.items[i]);
	}
	return 0;
}

static int
take_rates(struct service *s, struct complaint *why)
{
	for (enum rate_of i = 0; i < RATE_COUNT; i++)
		if (s->outbound.rates[i] != NULL && rate_parse(s->outbound.rates[i], &s->rates[i], why) < 0)
			return -1;
	return 0;
}

/* From texts, which the rows have checked, to what is used. */
static int
prepare(struct service *s, struct complaint *why)
{
	s->networks = networks_open();
	if (networks_add_all(s->networks, &s->lmtp.networks, why) < 0)
		return -1;
	s->receipts = s->outbound.receipts == NULL
	                      ? mem_format("%s.rollcall.invalid", s->site->hostname)
	                      : domain_canonical(s->outbound.receipts, strlen(s->outbound.receipts), why);
	s->keys = site_keys(s->site, why);
	if (s->keys == NULL || s->receipts == NULL || take_rates(s, why) < 0 ||
	    access_open(&s->access, &s->outbound, why) < 0)
		return -1;
	return take_mtas(s, why);
}

struct service *
service_load(const char *file, bool strict, struct complaint *why)
{
	struct service *s = mem_new(sizeof(*s));
	const struct site_part parts[] = { { "lmtp", lmtp_setting_rows, &s->lmtp },
		                           { "outbound", outbound_setting_rows, &s->outbound },
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
	site_drop(&s->site);
	setting_free(lmtp_setting_rows, &s->lmtp);
	setting_free(outbound_setting_rows, &s->outbound);
	networks_close(&s->networks);
	for (size_t i = 0; i < s->mta_count; i++)
		mta_free(&s->mtas[i]);
	free(s->mtas);
	access_close(&s->access);
	free(s->receipts);
	keys_close(&s->keys);
	free(s);
}
