/* Reports on addresses of members that are none. */
#include "expander/fanout/refused.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "expander/fanout/report.h"
#include "mail/notice.h"

#include <stdlib.h>
#include <time.h>

enum { DAY_SIZE = 16 };

static void
print_day(int64_t wall, char day[DAY_SIZE])
{
	time_t seconds = (time_t)(wall / 1000);
	struct tm tm;

	if (gmtime_r(&seconds, &tm) == NULL || strftime(day, DAY_SIZE, "%Y-%m-%d", &tm) == 0)
		day[0] = '\0';
}

/* Where reports name no members these are not named either: many a value tells who is meant. */
static void
add_number(const struct entry *e, const struct walk_report *r, struct bytes *out)
{
	bytes_format(out, "%zu member%s of the list %s get%s no posts, since what stands for\r\n"
	                  "their address is no mailbox.\r\n\r\n", r->refused, text_s((int64_t)r->refused),
	             e->envelope.list, r->refused == 1 ? "s" : "");
	bytes_format(out, "Whoever runs the mail system sees them by: rollcallctl members %s\r\n",
	             e->envelope.list);
}

static void
add_values(const struct entry *e, const struct walk_report *r, struct bytes *out)
{
	bytes_format(out, "These members of the list %s get no posts, since what stands for their\r\n"
	                  "address is no mailbox:\r\n\r\n", e->envelope.list);
	for (size_t i = 0; i < r->refused && i < REFUSED_KEPT; i++)
		bytes_format(out, "    %s\r\n        in %s\r\n", r->kept[i].value, r->kept[i].group);
	if (r->refused > REFUSED_KEPT)
		bytes_format(out, "\r\nand %zu more.\r\n", r->refused - REFUSED_KEPT);
}

static void
print(const struct entry *e, const struct walk_report *r, const struct notice *n, struct bytes *out)
{
	notice_head(n, out);
	if (e->envelope.disclose)
		add_values(e, r, out);
	else
		add_number(e, r, out);
	bytes_add_text(out, "\r\nThe other members get them. This is said once a day, as long as it is so\r\n"
	                    "and there are posts.\r\n");
}

int
report_refused(struct entry *entry, const struct site *site, const struct walk_report *r,
               struct complaint *why)
{
	char *to = list_role_address(entry->envelope.list, ROLE_OWNER), day[DAY_SIZE], *key, *message_id,
	     *subject, id[DIGEST_NAME + 1] = "";
	struct envelope report = { .list = entry->envelope.list, .role = (char *)role_word(ROLE_BOUNCES),
		                   .recipient = to, .sender = (char *)"", .report_of = entry->id,
		                   .inject_sender = (char *)"", .inject_add = (char *)"",
		                   .eight_bit = true, .arrived = clock_wall() };
	struct bytes text = { 0 };
	int rc;

	print_day(report.arrived, day);
	key = mem_format("refused addresses of %s on %s", entry->envelope.list, day);
	message_id = mem_format("refused.%s.%s", entry->id, day);
	subject = mem_format("Members of %s without a valid address", entry->envelope.list);
	print(entry, r, &(struct notice){ site->hostname, message_id, to, subject, report.arrived,
	                                  "text/plain; charset=utf-8" }, &text);
	report.size = (int64_t)text.length;
	rc = report_store(entry->queues, &text, &report, key, id, why);
	if (rc == 0)
		log_say(LEVEL_INFO, "report",
		        "%s: %zu addresses of members of %s that are none, reported as %s", entry->id,
		        r->refused, entry->envelope.list, id);
	bytes_free(&text);
	free(subject);
	free(message_id);
	free(key);
	free(to);
	return rc < 0 ? -1 : 0;
}
