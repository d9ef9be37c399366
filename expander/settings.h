/* The expander's parts of the configuration. */
#ifndef EXPANDER_SETTINGS_H
#define EXPANDER_SETTINGS_H

#include "base/net.h"
#include "base/setting.h"
#include "queues/schedule.h"

#include <stdint.h>

struct lmtp_settings {
	struct text_list listen;
	char *group;
	struct text_list networks;
	int64_t sessions, recipients;
	int64_t timeout, lookup;          /* ms */
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
	int64_t settle;                   /* ms */
	int64_t keep, keep_bounces;       /* ms */
	int64_t rescan;                   /* ms */
};

struct moderation_settings {
	int64_t keep;                     /* ms */
	int64_t notices;
};

/* Where an MTA is: smtp:host:port. */
int mta_parse(const char *text, struct endpoint *, struct complaint *);

extern const struct setting lmtp_setting_rows[], outbound_setting_rows[], moderation_setting_rows[];

#endif
