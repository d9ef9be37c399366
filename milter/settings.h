/* The milter's parts of the configuration. */
#ifndef MILTER_SETTINGS_H
#define MILTER_SETTINGS_H

#include "base/setting.h"

#include <stdint.h>

/* What becomes of a message that some of its recipients would take, and some would not. */
enum milter_mixed { MILTER_BY_PROOF, MILTER_SPLIT, MILTER_REFUSE_ALL, MILTER_BOUNCE };

struct milter_settings {
	char *listen;
	char *group;
	int64_t deadline;                 /* ms that a RCPT waits for directory and checks; DATA as well */
	int64_t content_deadline;         /* ms that the end of a message waits for checks */
	int64_t mixed;                    /* enum milter_mixed */
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
