/* The expander's parts of the configuration. */
#ifndef EXPANDER_SETTINGS_H
#define EXPANDER_SETTINGS_H

#include "base/net.h"
#include "base/setting.h"
#include "expander/pace.h"
#include "queues/schedule.h"

#include <stdint.h>

struct lmtp_settings {
	struct text_list listen;
	char *group;
	struct text_list networks;
	int64_t sessions, recipients;
	int64_t timeout, lookup;          /* ms */
	int64_t dmarc_wait;
	int64_t free;                     /* bytes */
};

struct outbound_settings {
	struct text_list mta;
	int64_t lanes, batch, workers;
	int64_t connect, reply, idle;     /* ms */
	int64_t expand;                   /* ms */
	struct schedule retry;
	int64_t distrust;                 /* ms */
	char *receipts;
	bool xverp;
	int64_t suspect;                  /* ms */
	int64_t settle;                   /* ms */
	int64_t keep, keep_bounces;       /* ms */
	int64_t rescan;                   /* ms */
	char *rates[5];                   /* enum rate_of */
	int64_t hold;                     /* ms */
	int64_t small;
	struct text_list urgent;
	bool adapt;
	char *queue;
	int64_t queue_most;
	char *mail_log;
	struct text_list recall;          /* a program and its words */
	int64_t tls;                      /* as in struct access */
	char *tls_ca, *tls_name;
	char *auth_user, *auth_password_file;
};

struct moderation_settings {
	int64_t keep;                     /* ms */
	int64_t notices;
};

enum rate_of { RATE_ALL, RATE_MTA, RATE_LANE, RATE_LIST, RATE_DOMAIN, RATE_COUNT };

/* An MTA that posts are put into. */
struct mta {
	struct endpoint at;
	char *name;                       /* "host port 25", in logs and in the progress of entries */
	int64_t weight;
};

/* smtp:host:port, and perhaps "weight" and a number. */
int mta_parse(const char *text, struct mta *, struct complaint *);
void mta_free(struct mta *);

extern const struct setting lmtp_setting_rows[], outbound_setting_rows[], moderation_setting_rows[];

#endif
