/* The milter's parts of the configuration. */
#ifndef MILTER_SETTINGS_H
#define MILTER_SETTINGS_H

#include "base/setting.h"

#include <stdint.h>

struct milter_settings {
	char *listen;
	char *group;
	int64_t deadline;                 /* ms that a RCPT waits for the directory */
	int64_t max_waiting;              /* RCPTs that may wait at the same time */
	int64_t breaker;                  /* time-outs in a row until nobody waits any more */
	int64_t probe;                    /* ms between questions to a directory that does not answer */
};

struct socketmap_settings {
	char *listen;                     /* NULL: there is none */
	char *group;
	struct text_list networks;
	char *transport;                  /* what the map "transport" says of a list */
	int64_t connections;
	int64_t timeout;                  /* ms */
};

extern const struct setting milter_setting_rows[], socketmap_setting_rows[];

#endif
