/*
 * rollcallctl held, accept, reject: posts that wait for somebody to decide on them. A decision is a record in
 * the entry's progress, which is on disk before it is said to be made; the expander carries it out.
 */
#include "console/moderate.h"

#include "base/daemon.h"
#include "base/file.h"
#include "base/mem.h"
#include "console/daemons.h"
#include "console/listing.h"
#include "mail/held_notice.h"

#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	TRIES = 50, AGAIN = 100,          /* ms between two tries to have an entry that somebody works on */
	SUBJECT_SHOWN = 120, LARGEST_HEADER = 65536
};

/* ---- held ---- */

struct listing {
	const struct site *site;
	const char *list;                 /* or NULL for all */
	struct js *array;                 /* for --json, or NULL */
	size_t count;
};

/* The subject of an entry's message; "" where it cannot be read. */
static void
read_subject(const struct site *s, const char *id, struct bytes *subject)
{
	char *spool = site_spool(s), *path = mem_format("%s/%s/%s/message.eml", spool,
	                                                queue_word(QUEUE_MODERATION), id);
	char *header = mem_new(LARGEST_HEADER);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, header, LARGEST_HEADER);

	if (fd >= 0)
		(void)close(fd);
	if (n > 0)
		held_notice_field(header, (size_t)n, "Subject", SUBJECT_SHOWN, subject);
	free(header);
	free(path);
	free(spool);
}

static void
see(void *arg, const struct entry_summary *sum)
{
	struct listing *l = arg;
	const struct envelope *e = sum->envelope;
	struct bytes subject = { 0 };
	char age[24];

	if (e == NULL || (l->list != NULL && !text_same(e->list, l->list)) ||
	    (sum->tally != NULL && sum->tally->decided != DECIDED_NOT))
		return;
	l->count++;
	read_subject(l->site, sum->id, &subject);
	if (l->array != NULL) {
		struct js *j = js_object();

		js_set_text(j, "id", sum->id);
		js_set_text(j, "list", e->list);
		js_set_text(j, "sender", e->sender);
		js_set_text(j, "identity", e->identity);
		js_set_text(j, "proof", e->proof);
		js_set_text(j, "subject", bytes_text(&subject));
		js_set_text(j, "reason", e->reason);
		js_set_number(j, "arrived", e->arrived);
		js_set_number(j, "size", e->size);
		js_append(l->array, j);
	} else {
		listing_age(clock_wall() - e->arrived, age, sizeof(age));
		ctl_say("%s  %5s  %s  from %s, %lld bytes", sum->id, age, e->list,
		        *e->sender == '\0' ? "<>" : e->sender, (long long)e->size);
		(void)fputc('\n', stdout);
		ctl_say("        %s", subject.length == 0 ? "(no subject)" : bytes_text(&subject));
		(void)fputc('\n', stdout);
		ctl_say("        %s", e->reason == NULL ? "" : e->reason);
		(void)fputc('\n', stdout);
	}
	bytes_free(&subject);
}

static int
list_held(const struct ctl *c, const struct site *s)
{
	struct listing l = { .site = s, .list = c->argc > 0 ? c->argv[0] : NULL,
		             .array = c->json ? js_array() : NULL };
	struct complaint why;

	if (listing_each(s, QUEUE_MODERATION, QUEUE_MODERATION, see, &l, &why) < 0) {
		js_drop(&l.array);
		return ctl_fail(CTL_FAILED, "%s", why.text);
	}
	if (c->json) {
		struct js *j = js_object();

		js_set(j, "held", l.array);
		ctl_print(&j);
	} else if (l.count == 0) {
		(void)printf("no post is held\n");
	}
	return CTL_YES;
}

static int
run_held(const struct ctl *c)
{
	return ctl_on_site(c, c->argc == 1 ? 1 : 0, list_held);
}

/* ---- accept, reject, discard ---- */

static const char *const said[DECIDED_COUNT] = { [DECIDED_ACCEPT] = "accepted", [DECIDED_REJECT] = "rejected",
	                                         [DECIDED_DISCARD] = "discarded",
	                                         [DECIDED_EXPIRE] = "thrown away: its time was over" };

/* What was decided on it before. */
struct before {
	enum decided decided;
	int64_t at;
	char *by;
};

static void
see_before(void *arg, const struct entry_summary *sum)
{
	struct before *b = arg;

	if (sum->tally == NULL)
		return;
	b->decided = sum->tally->decided;
	b->at = sum->tally->decided_at;
	b->by = mem_text(sum->tally->decided_by);
}

/* It waits for nobody's decision: because there was one, or was none to make. */
static int
say_before(struct queues *q, const char *id)
{
	struct before b = { 0 };
	char age[24];

	(void)q->ops->look(q, id, see_before, &b);
	if (b.decided == DECIDED_NOT)
		return ctl_fail(CTL_NO, "no entry \"%s\" is held", id);
	listing_age(clock_wall() - b.at, age, sizeof(age));
	(void)ctl_fail(CTL_NO, "%s was %s already%s%s, %s ago", id, said[b.decided],
	               b.by == NULL ? "" : " by ", b.by == NULL ? "" : b.by, age);
	free(b.by);
	return CTL_NO;
}

/* 1 with the entry, 0: nobody is to decide on it any more; -1 with a complaint. */
static int
take(struct queues *q, const char *id, struct entry **entry, struct complaint *why)
{
	int rc = -1;

	for (int i = 0; rc < 0 && i < TRIES; i++) {
		if (i > 0)
			(void)usleep(AGAIN * 1000);       /* the expander has it for a moment */
		rc = q->ops->take(q, QUEUE_MODERATION, id, entry, why);
	}
	if (rc != 1 || (*entry)->decided == DECIDED_NOT)
		return rc;
	q->ops->release(entry, 0);
	return 0;
}

static struct queues *
open_spool(const struct site *s, struct complaint *why)
{
	struct spool_config config = { .path = site_spool(s) };
	struct queues *q = daemon_become(s->user, why) < 0 ? NULL : spool_open(&config, why);

	free(config.path);
	return q;
}

/* Who decides, as the system knows him before he becomes the daemon's user. */
static const char *
operator_name(void)
{
	const char *sudo = getenv("SUDO_USER");
	const struct passwd *pw = getpwuid(getuid());

	return sudo != NULL ? sudo : pw == NULL ? NULL : pw->pw_name;
}

/* An expander that does not run carries it out when it starts. */
static void
tell_expander(const struct site *s, const char *id)
{
	char *request = mem_format("retry %s", id);
	struct js *answer = NULL;
	struct complaint why;

	(void)daemon_ask(s, "expander", request, &answer, &why);
	js_drop(&answer);
	free(request);
}

int
moderate(const struct ctl *c, const struct site *s, enum decided decided, const char *reason)
{
	const char *id = c->argv[0];
	char *by = mem_text(operator_name());
	const struct record r = { .kind = RECORD_DECIDED, .decided = decided, .at = clock_wall(), .id = by,
		                  .text = reason };
	struct complaint why;
	struct entry *entry = NULL;
	struct queues *q = open_spool(s, &why);
	int rc = q == NULL ? -1 : take(q, id, &entry, &why), status = CTL_YES;

	if (rc == 1) {
		rc = q->ops->note(entry, &r, true, &why) < 0 ? -1 : 1;
		q->ops->release(&entry, 0);
	}
	if (rc < 0)
		status = ctl_fail(CTL_FAILED, "%s", why.text);
	else if (rc == 0)
		status = say_before(q, id);
	queues_close(&q);
	free(by);
	if (status != CTL_YES)
		return status;
	tell_expander(s, id);
	if (c->json) {
		struct js *j = js_object();

		js_set_text(j, "id", id);
		js_set_text(j, "decided", decided_word(decided));
		ctl_print(&j);
	} else {
		ctl_say("%s is %s", id, said[decided]);
		(void)fputc('\n', stdout);
	}
	return CTL_YES;
}

static int
accept_post(const struct ctl *c, const struct site *s)
{
	return moderate(c, s, DECIDED_ACCEPT, NULL);
}

static int
run_accept(const struct ctl *c)
{
	return ctl_on_site(c, 1, accept_post);
}

/* What the poster is told, from the command line. */
static const char *told;

static int
reject_post(const struct ctl *c, const struct site *s)
{
	return moderate(c, s, DECIDED_REJECT, told);
}

static int
run_reject(const struct ctl *c)
{
	struct ctl rest = *c;

	told = ctl_value(&rest, "--reason");
	return told != NULL && *told == '\0' ? CTL_USAGE : ctl_on_site(&rest, 1, reject_post);
}

const struct command command_held = { "held", "[LIST]", "posts that wait for somebody to decide", run_held };
const struct command command_accept = { "accept", "ID", "lets a post go that is held", run_accept };
const struct command command_reject = {
	"reject", "ID [--reason TEXT]", "does not, and tells the poster, if proven", run_reject,
};
