/* What the expander counts. */
#ifndef EXPANDER_METRICS_H
#define EXPANDER_METRICS_H

#include "base/metric.h"

enum expander_metric {
	LMTP_REPLIES,                     /* by reply */
	LMTP_CONNECTIONS,
	LMTP_SESSIONS,
	STAMPS,                           /* by enum stamp_state */
	ENTRIES,                          /* by role and enum entry_result */
	EXPANSIONS,                       /* by enum expansion_result */
	EXPANSION_SECONDS,
	EXPANDED,
	REFUSED,
	BATCHES,                          /* by enum batch_result */
	BATCH_SECONDS,
	RECIPIENTS,                       /* by enum recipient_result */
	POSTS,                            /* by enum post_result */
	BOUNCES,                          /* by enum bounce_result */
	RECEIPTS,                         /* by enum receipt_fate */
	DOUBTS,                           /* by enum doubt_result */
	MODERATIONS,                      /* by enum moderation_result */
	MTA_CONNECTIONS
};

enum entry_result { ENTRY_STORED, ENTRY_REPEATED, ENTRY_FULL, ENTRY_FAILED, ENTRY_RESULTS };
enum expansion_result { EXPANDED_WHOLE, EXPANSION_LATER, EXPANSION_EXPIRED, EXPANSION_RESULTS };
enum batch_result { BATCH_SENT, BATCH_REFUSED, BATCH_LATER, BATCH_DOUBT, BATCH_RESULTS };
enum recipient_result { RECIPIENT_SENT, RECIPIENT_REFUSED, RECIPIENT_LATER, RECIPIENT_RESULTS };
enum post_result { POST_DONE, POST_LATER, POST_EXPIRED, POST_RESULTS };
enum doubt_result { DOUBT_QUEUED, DOUBT_AGAIN, DOUBT_RESULTS };
enum bounce_result { BOUNCE_HANDED, BOUNCE_KEPT, BOUNCE_DROPPED, BOUNCE_LATER, BOUNCE_RESULTS };

enum moderation_result { MODERATION_HELD, MODERATION_ACCEPTED, MODERATION_REJECTED, MODERATION_DISCARDED,
	                 MODERATION_EXPIRED, MODERATION_RESULTS };

extern const struct metric expander_metrics[];

#endif
