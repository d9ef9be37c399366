/* What the milter counts. */
#include "milter/metrics.h"

#include "mail/list.h"
#include "mail/verdict.h"
#include "milter/service.h"

static const char *
decision(size_t i)
{
	return decision_word((enum decision)i);
}

static const char *
role(size_t i)
{
	return i < ROLE_COUNT ? role_word((enum role)i) : "";
}

static const char *
answer(size_t i)
{
	static const char *const words[] = { [ANSWERED_MEMORY] = "memory", [ANSWERED_SOURCE] = "source",
		                             [ANSWERED_STALE] = "stale", [ANSWERED_NOBODY] = "nobody" };

	return words[i];
}

/* One sample for each source. */
static void
each_gate(struct metric_page *p, double (*value)(const struct gate_view *))
{
	struct service *s = service_current();
	struct gate_view view;

	for (size_t i = 0; gates_view(s->gates, i, &view); i++)
		metric_sample_of(p, "source", view.source, value(&view));
	service_drop(&s);
}

static double
waiting(const struct gate_view *view)
{
	return (double)view->waiting;
}

static double
open(const struct gate_view *view)
{
	return view->open;
}

static void
read_waiting(struct metric_page *p)
{
	each_gate(p, waiting);
}

static void
read_breaker(struct metric_page *p)
{
	each_gate(p, open);
}

#define DECISIONS { "verdict", DECISION_COUNT, decision }
#define REPLIES { "reply", REPLY_COUNT, reply_label }

const struct metric milter_metrics[] = {
	[MILTER_RECIPIENTS] = {
		.name = "rollcall_milter_recipients_total", .kind = METRIC_COUNTER,
		.labels = { DECISIONS, REPLIES, { "role", ROLE_COUNT + 1, role } },
		.cells = METRIC_CELLS(DECISION_COUNT * REPLY_COUNT * (ROLE_COUNT + 1)),
		.help = "Recipients in domains of lists, by what was answered." },
	[MILTER_RECIPIENT_SECONDS] = {
		.name = "rollcall_milter_recipient_seconds", .kind = METRIC_TIMES,
		.cells = METRIC_TIME_CELLS,
		.help = "How long it took to answer for a recipient in a domain of lists." },
	[MILTER_MESSAGES] = {
		.name = "rollcall_milter_messages_total", .kind = METRIC_COUNTER,
		.labels = { DECISIONS, REPLIES },
		.cells = METRIC_CELLS(DECISION_COUNT * REPLY_COUNT),
		.help = "Messages to lists that came to their end, by what was answered." },
	[MILTER_LOOKUPS] = {
		.name = "rollcall_milter_lookups_total", .kind = METRIC_COUNTER,
		.labels = { { "answer", ANSWERED_NOBODY + 1, answer } },
		.cells = METRIC_CELLS(ANSWERED_NOBODY + 1),
		.help = "Lookups of lists, by where the answer came from: memory, source, stale (memory "
		        "beyond its time, since the source did not answer), nobody." },
	[MILTER_WAITING] = {
		.name = "rollcall_milter_waiting", .kind = METRIC_GAUGE, .read = read_waiting,
		.help = "Recipients that wait for a source at this moment." },
	[MILTER_BREAKER] = {
		.name = "rollcall_milter_breaker_open", .kind = METRIC_GAUGE, .read = read_breaker,
		.help = "1 while a source is not asked, since it did not answer several times." },
	[MILTER_SESSIONS] = {
		.name = "rollcall_milter_sessions", .kind = METRIC_GAUGE, .cells = METRIC_CELLS(1),
		.help = "SMTP sessions that the MTA has open with the milter." },
	{ .kind = METRIC_END },
};
