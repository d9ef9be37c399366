/* Counting the answers of policies. */
#include "policies/metrics.h"

enum { POLICY_MOST = 32 };                /* rows of the registry */

enum { ANSWERS, SECONDS };

/* What an answer came to. */
enum outcome {
	OUTCOME_PASS,
	OUTCOME_REJECT,
	OUTCOME_DEFER,
	OUTCOME_HOLD,
	OUTCOME_TAG,
	OUTCOME_LOG_ONLY,
	OUTCOME_UNSURE,
	OUTCOME_LATE,
	OUTCOME_BUSY,
	OUTCOME_CANCELLED,
	OUTCOME_COUNT
};

static const char *
policy_word(size_t i)
{
	for (size_t n = 0; n <= i; n++)
		if (policies[n] == NULL)
			return "";
	return policies[i]->name;
}

static const char *
outcome_word(size_t i)
{
	static const char *const words[] = {
		[OUTCOME_PASS] = "pass",         [OUTCOME_REJECT] = "reject",
		[OUTCOME_DEFER] = "defer",       [OUTCOME_LOG_ONLY] = "log-only",
		[OUTCOME_HOLD] = "hold",         [OUTCOME_UNSURE] = "unsure",
		[OUTCOME_TAG] = "tag",           [OUTCOME_LATE] = "late",
		[OUTCOME_BUSY] = "busy",         [OUTCOME_CANCELLED] = "cancelled",
	};

	return words[i];
}

const struct metric policy_metrics[] = {
	[ANSWERS] = {
		.name = "rollcall_policy_answers_total", .kind = METRIC_COUNTER,
		.labels = { { "check", POLICY_MOST, policy_word },
		            { "answer", OUTCOME_COUNT, outcome_word } },
		.cells = METRIC_CELLS(POLICY_MOST * OUTCOME_COUNT), .by_daemon = true,
		.help = "Answers of checks: pass; reject, defer, hold, tag and log-only, which are what "
		        "became of a failure; unsure; late, at the deadline; busy, without a free worker; "
		        "cancelled, when it could change nothing any more." },
	[SECONDS] = {
		.name = "rollcall_policy_seconds", .kind = METRIC_TIMES,
		.labels = { { "check", POLICY_MOST, policy_word } },
		.cells = METRIC_TIMES_OF(POLICY_MOST), .by_daemon = true,
		.help = "How long checks took to answer." },
	{ .kind = METRIC_END },
};

static enum outcome
outcome_of(enum answer_kind how, enum decision said, enum decision verdict)
{
	static const enum outcome missing[] = { [ANSWER_LATE] = OUTCOME_LATE, [ANSWER_BUSY] = OUTCOME_BUSY,
		                                [ANSWER_CANCELLED] = OUTCOME_CANCELLED };

	if (how != ANSWER_GIVEN)
		return missing[how];
	if (said == DECISION_PASS)
		return OUTCOME_PASS;
	if (said == DECISION_DEFER)
		return OUTCOME_UNSURE;
	return verdict == DECISION_REJECT  ? OUTCOME_REJECT
	       : verdict == DECISION_DEFER ? OUTCOME_DEFER
	       : verdict == DECISION_HOLD  ? OUTCOME_HOLD
	       : verdict == DECISION_TAG   ? OUTCOME_TAG
	                                   : OUTCOME_LOG_ONLY;
}

void
policy_count(const struct policy *policy, enum answer_kind how, enum decision said, enum decision verdict,
             int64_t microseconds)
{
	size_t i = 0;

	while (policies[i] != policy)
		i++;
	metric_add(&policy_metrics[ANSWERS], i, outcome_of(how, said, verdict), 0, 1);
	if (how == ANSWER_GIVEN)
		metric_time_of(&policy_metrics[SECONDS], i, microseconds);
}
