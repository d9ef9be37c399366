/* What the expander counts. */
#include "expander/metrics.h"

#include "mail/list.h"
#include "mail/reply.h"
#include "mail/stamp.h"
#include "queues/queue.h"

static const char *
role(size_t i)
{
	return role_word((enum role)i);
}

static const char *
stamp_state(size_t i)
{
	return stamp_state_word((enum stamp_state)i);
}

static const char *
entry_result(size_t i)
{
	static const char *const words[] = { "stored", "repeated", "full", "failed" };

	return words[i];
}

static const char *
expansion_result(size_t i)
{
	static const char *const words[] = { "done", "deferred", "expired" };

	return words[i];
}

static const char *
batch_result(size_t i)
{
	static const char *const words[] = { "sent", "refused", "deferred", "doubt" };

	return words[i];
}

static const char *
recipient_result(size_t i)
{
	static const char *const words[] = { "sent", "refused", "deferred" };

	return words[i];
}

static const char *
bounce_result(size_t i)
{
	static const char *const words[] = { "handed over", "kept", "thrown away", "deferred" };

	return words[i];
}

static const char *
moderation_result(size_t i)
{
	static const char *const words[] = { "held", "accepted", "rejected", "discarded", "expired" };

	return words[i];
}

static const char *
receipt_result(size_t i)
{
	return receipt_word((enum receipt_fate)i);
}

static const char *
doubt_result(size_t i)
{
	static const char *const words[] = { "queued", "again" };

	return words[i];
}

const struct metric expander_metrics[] = {
	[LMTP_REPLIES] = {
		.name = "rollcall_lmtp_replies_total", .kind = METRIC_COUNTER,
		.labels = { { "reply", REPLY_COUNT, reply_label } }, .cells = METRIC_CELLS(REPLY_COUNT),
		.help = "Replies to LMTP commands and, for each recipient, to messages." },
	[LMTP_CONNECTIONS] = {
		.name = "rollcall_lmtp_connections_total", .kind = METRIC_COUNTER,
		.cells = METRIC_CELLS(1), .help = "LMTP connections that were accepted." },
	[LMTP_SESSIONS] = {
		.name = "rollcall_lmtp_sessions", .kind = METRIC_GAUGE, .cells = METRIC_CELLS(1),
		.help = "LMTP connections that are open." },
	[STAMPS] = {
		.name = "rollcall_stamps_total", .kind = METRIC_COUNTER,
		.labels = { { "result", STAMP_STATES, stamp_state } }, .cells = METRIC_CELLS(STAMP_STATES),
		.help = "Messages that came over LMTP, by their stamp: valid, none, damaged, foreign (sealed "
		        "with an unknown key), forged, old, or other (of another message)." },
	[ENTRIES] = {
		.name = "rollcall_entries_total", .kind = METRIC_COUNTER,
		.labels = { { "role", ROLE_COUNT, role }, { "result", ENTRY_RESULTS, entry_result } },
		.cells = METRIC_CELLS(ROLE_COUNT * ENTRY_RESULTS),
		.help = "Posts and bounces that came for a list: stored, repeated (known from before), full "
		        "(no room) or failed." },
	[EXPANSIONS] = {
		.name = "rollcall_expansions_total", .kind = METRIC_COUNTER,
		.labels = { { "result", EXPANSION_RESULTS, expansion_result } },
		.cells = METRIC_CELLS(EXPANSION_RESULTS),
		.help = "Readings of the members of a list for a post: done, deferred or expired." },
	[EXPANSION_SECONDS] = {
		.name = "rollcall_expansion_seconds", .kind = METRIC_TIMES, .cells = METRIC_TIME_CELLS,
		.help = "How long it took to read and freeze the members of a list." },
	[EXPANDED] = {
		.name = "rollcall_expanded_recipients_total", .kind = METRIC_COUNTER,
		.cells = METRIC_CELLS(1), .help = "Addresses that posts were to be sent to." },
	[REFUSED] = {
		.name = "rollcall_refused_addresses_total", .kind = METRIC_COUNTER,
		.cells = METRIC_CELLS(1),
		.help = "Values in place of a member's address that are no mailbox, each time they were "
		        "met." },
	[BATCHES] = {
		.name = "rollcall_batches_total", .kind = METRIC_COUNTER,
		.labels = { { "result", BATCH_RESULTS, batch_result } },
		.cells = METRIC_CELLS(BATCH_RESULTS),
		.help = "Transactions with the MTA: sent (to at least one recipient), refused, deferred, or "
		        "doubt (after the end of data came no reply, or a temporary refusal)." },
	[BATCH_SECONDS] = {
		.name = "rollcall_batch_seconds", .kind = METRIC_TIMES, .cells = METRIC_TIME_CELLS,
		.help = "How long a transaction with the MTA took, with the connecting." },
	[RECIPIENTS] = {
		.name = "rollcall_recipients_total", .kind = METRIC_COUNTER,
		.labels = { { "result", RECIPIENT_RESULTS, recipient_result } },
		.cells = METRIC_CELLS(RECIPIENT_RESULTS),
		.help = "What the MTA said to recipients: sent, refused for good, or deferred, which counts "
		        "each time." },
	[POSTS] = {
		.name = "rollcall_posts_total", .kind = METRIC_COUNTER,
		.labels = { { "result", POST_RESULTS, expansion_result } },
		.cells = METRIC_CELLS(POST_RESULTS),
		.help = "Ends of work on an entry in outbound: done, deferred or expired." },
	[BOUNCES] = {
		.name = "rollcall_bounces_total", .kind = METRIC_COUNTER,
		.labels = { { "result", BOUNCE_RESULTS, bounce_result } },
		.cells = METRIC_CELLS(BOUNCE_RESULTS),
		.help = "Ends of work on an entry in bounce: handed over to a person, kept, thrown away or "
		        "deferred." },
	[RECEIPTS] = {
		.name = "rollcall_receipts_total", .kind = METRIC_COUNTER,
		.labels = { { "result", RECEIPT_FATES, receipt_result } },
		.cells = METRIC_CELLS(RECEIPT_FATES),
		.help = "Receipts of batches that the MTA delivered: noted, late (it was known for "
		        "good already), unknown (nobody asked for it) or failed (the MTA is to come "
		        "again)." },
	[DOUBTS] = {
		.name = "rollcall_doubts_total", .kind = METRIC_COUNTER,
		.labels = { { "result", DOUBT_RESULTS, doubt_result } },
		.cells = METRIC_CELLS(DOUBT_RESULTS),
		.help = "Batches that were in doubt: queued, as their receipt told, or sent again." },
	[MODERATIONS] = {
		.name = "rollcall_moderation_total", .kind = METRIC_COUNTER,
		.labels = { { "result", MODERATION_RESULTS, moderation_result } },
		.cells = METRIC_CELLS(MODERATION_RESULTS),
		.help = "Posts that were held, and what became of them: accepted, rejected, discarded or "
		        "expired." },
	[MTA_CONNECTIONS] = {
		.name = "rollcall_mta_connections", .kind = METRIC_GAUGE, .cells = METRIC_CELLS(1),
		.help = "Open connections to the MTA." },
	{ .kind = METRIC_END },
};
