/*
 * The LMTP dialogue: a table of what each command does in each state. An empty cell is "not in this
 * order".
 */
#include "expander/intake/lmtp_session.h"

#include "base/log.h"
#include "base/mem.h"
#include "expander/intake/lmtp_data.h"
#include "expander/metrics.h"
#include "mail/address.h"
#include "mail/receipt.h"
#include "mail/syntax.h"
#include "policies/admit.h"
#include "policies/drain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

enum { LONGEST_COMMAND = 4096, MOST_ERRORS = 20 };

enum state { GREETED, READY, HAVE_SENDER, HAVE_RCPT, STATE_COUNT };

struct session {
	struct work *work;
	struct service *service;
	const char *client;
	atomic_bool *idle;
	struct stream stream;
	enum state state;
	struct mail mail;
	char *lhlo;
	size_t errors;
	bool over;
};

static void
say(struct session *s, enum reply_id id)
{
	const struct reply *r = reply_of(id);

	/* What is no LMTP counts (500 to 504); a recipient that is refused does not. */
	if (r->code / 10 == 50 && ++s->errors > MOST_ERRORS) {
		id = REPLY_TOO_MANY_ERRORS;
		r = reply_of(id);
	}
	metric_add(&expander_metrics[LMTP_REPLIES], id, 0, 0, 1);
	bytes_format(&s->stream.out, "%d %s%s%s\r\n", r->code, r->enhanced,
	             *r->enhanced == '\0' ? "" : " ", r->text);
	if (r->code == 421)
		s->over = true;
}

/* ---- commands ---- */

static void
do_lhlo(struct session *s, struct slice argument)
{
	if (argument.length == 0 || argument.length > 255) {
		say(s, REPLY_BAD_SYNTAX);
		return;
	}
	for (size_t i = 0; i < argument.length; i++)
		if (strchr("()<>;\"\\", argument.at[i]) != NULL || (unsigned char)argument.at[i] <= 0x20) {
			say(s, REPLY_BAD_SYNTAX);
			return;
		}
	free(s->lhlo);
	s->lhlo = mem_copy(argument.at, argument.length);
	mail_reset(&s->mail);
	s->state = READY;
	bytes_format(&s->stream.out,
	             "250-%s\r\n250-PIPELINING\r\n250-ENHANCEDSTATUSCODES\r\n250-8BITMIME\r\n"
	             "250-SMTPUTF8\r\n250-XFORWARD IDENT\r\n250 SIZE %lld\r\n",
	             s->service->site->hostname, (long long)s->service->site->limits.message);
}

static void
do_rset(struct session *s, struct slice argument)
{
	(void)argument;
	mail_reset(&s->mail);
	if (s->state != GREETED)
		s->state = READY;
	say(s, REPLY_OK);
}

static void
do_noop(struct session *s, struct slice argument)
{
	(void)argument;
	say(s, REPLY_OK);
}

/*
 * Postfix' XFORWARD: of whom the message comes that is about to be sent. IDENT is the name it has, or
 * had before a content filter, in the MTA's queue; who may say so is the MTA's business.
 */
static void
do_xforward(struct session *s, struct slice argument)
{
	struct slice key, value;

	while (syntax_parameter(&argument, &key, &value)) {
		if (key.length == 0) {
			say(s, REPLY_BAD_SYNTAX);
			return;
		}
		if (!slice_is(key, "IDENT") || value.length >= sizeof(s->mail.ident))
			continue;
		memcpy(s->mail.ident, value.at, value.length);
		s->mail.ident[value.length] = '\0';
	}
	say(s, REPLY_OK);
}

static void
do_quit(struct session *s, struct slice argument)
{
	(void)argument;
	say(s, REPLY_BYE);
	s->over = true;
}

/* Whether the disk has room for a message of this size and a reserve. */
static bool
has_room(const struct session *s, long long size)
{
	struct statvfs fs;

	if (statvfs(s->service->site->state, &fs) < 0)
		return true;              /* the spool itself will tell */
	return (uint64_t)fs.f_bavail * fs.f_frsize >= (uint64_t)size + (uint64_t)s->service->lmtp.free;
}

/* One parameter of MAIL. REPLY_NONE if there is nothing to say. */
static enum reply_id
take_parameter(struct session *s, struct slice key, struct slice value, long long *size)
{
	if (slice_is(key, "SIZE") && slice_number(value, size)) {
		if (*size > s->service->site->limits.message)
			s->mail.wrong = REPLY_TOO_BIG;
		return REPLY_NONE;
	}
	if (slice_is(key, "BODY") && (slice_is(value, "7BIT") || slice_is(value, "8BITMIME")))
		return REPLY_NONE;
	if (slice_is(key, "SMTPUTF8") && value.length == 0) {
		s->mail.utf8 = true;
		return REPLY_NONE;
	}
	return REPLY_BAD_PARAMETER;
}

static enum reply_id
take_sender(struct session *s, struct slice argument)
{
	struct slice path, rest, key, value;
	struct complaint why;
	struct address a;
	long long size = 0;
	enum reply_id wrong = REPLY_NONE;

	if (!syntax_path(argument, "FROM", &path, &rest))
		return REPLY_BAD_SYNTAX;
	while (wrong == REPLY_NONE && syntax_parameter(&rest, &key, &value))
		wrong = take_parameter(s, key, value, &size);
	if (wrong != REPLY_NONE)
		return wrong;
	/* Nothing of it comes where all that it brings is a receipt. */
	if (s->mail.wrong == REPLY_NONE && !has_room(s, size))
		s->mail.wrong = REPLY_NO_SPACE;
	if (path.length > 0) {
		/*
		 * Whatever the MTA took for a sender will do: to refuse it would make the MTA
		 * write to it.
		 */
		s->mail.sender_canonical = address_parse(&a, path.at, path.length, &why) == 0
		                                   ? mem_text(a.canonical)
		                                   : mem_copy(path.at, path.length);
		address_free(&a);
	}
	s->mail.sender = mem_copy(path.at, path.length);
	return REPLY_NONE;
}

static void
do_mail(struct session *s, struct slice argument)
{
	enum reply_id wrong = take_sender(s, argument);

	if (wrong != REPLY_NONE) {
		mail_reset(&s->mail);
		say(s, wrong);
		return;
	}
	s->state = HAVE_SENDER;
	say(s, REPLY_SENDER_OK);
}

static void
log_refusal(const struct session *s, struct slice path, enum reply_id id, const char *why)
{
	const struct reply *r = reply_of(id);
	char *to = mem_copy(path.at, path.length), code[16];
	struct log_line l;

	(void)snprintf(code, sizeof(code), "%d %s", r->code, r->enhanced);
	log_begin(&l, LEVEL_WARN, "lmtp");
	log_text(&l, "to", to);
	log_text(&l, "from", s->mail.sender);
	log_text(&l, "client", s->client);
	log_text(&l, "reply", code);
	log_text(&l, "reason", why);
	log_end(&l);
	free(to);
}

/*
 * What the address is, and whether it takes any mail now; whether it takes this one is seen when it has
 * come, and with it what the milter has said. REPLY_NONE with the target; else `why` has the cause, if
 * there is more to say.
 */
static enum reply_id
find_target(struct session *s, const char *canonical, struct target *t, struct complaint *why)
{
	const struct destination *d = site_destination(s->service->site, canonical);
	struct deadline by = deadline_in(s->service->lmtp.lookup);
	struct verdict v;

	if (d == NULL)
		return REPLY_NOT_OURS;
	switch (site_find(d, canonical, by, t, why)) {
	case FOUND_NO:
		return REPLY_NO_SUCH_LIST;
	case FOUND_UNSURE:
		return REPLY_UNSURE;
	case FOUND_YES:
		break;
	}
	v = admit_rules(t, s->mail.sender_canonical);
	if (v.reply == REPLY_NONE && drain_is_on(s->service->site))
		v = verdict_defer(REPLY_DRAINING, "draining");
	(void)complain(why, "%s", v.reason);
	return v.reply;
}

/* The domain of receipts, which may be one of lists; or one that is no business of ours otherwise. */
static bool
is_for_receipts(const struct service *s, const char *canonical)
{
	return site_destination(s->site, canonical) == NULL ||
	       strcmp(address_domain(canonical), s->receipts) == 0;
}

/* The MTA tells that a batch is in its queue; it delivers nothing there, and reports nothing. */
static enum reply_id
take_receipt(const struct session *s, const struct receipt *r)
{
	struct queues *q = s->work->queues;
	struct complaint why = { "" };
	enum receipt_fate fate = queue_receipt(q, r->entry, r->batch, r->token, &why);
	struct log_line l;

	metric_add(&expander_metrics[RECEIPTS], fate, 0, 0, 1);
	log_begin(&l, fate == RECEIPT_FAILED    ? LEVEL_ERROR
	              : fate == RECEIPT_UNKNOWN ? LEVEL_WARN
	                                        : LEVEL_DEBUG, "receipt");
	log_text(&l, "id", r->entry);
	log_number(&l, "batch", r->batch);
	log_text(&l, "client", s->client);
	log_text(&l, "state", receipt_word(fate));
	log_text(&l, "reason", why.text[0] == '\0' ? NULL : why.text);
	log_end(&l);
	return fate == RECEIPT_FAILED ? REPLY_LOCAL_ERROR : REPLY_RECEIPT;
}

static void
do_rcpt(struct session *s, struct slice argument)
{
	struct complaint why = { "" };
	struct slice path, rest;
	struct receipt receipt;
	struct target t = { 0 };
	struct address a = { 0 };
	enum reply_id reply = REPLY_NONE;

	if (!syntax_path(argument, "TO", &path, &rest)) {
		say(s, REPLY_BAD_SYNTAX);
		return;
	}
	if (rest.length > 0)
		reply = REPLY_BAD_PARAMETER;
	else if (address_parse_inner(&a, path.at, path.length, &why) < 0)
		reply = REPLY_BAD_RCPT;           /* sendmail quotes no more than its client did */
	else if (receipt_parse(a.canonical, &receipt) && is_for_receipts(s->service, a.canonical))
		reply = take_receipt(s, &receipt);
	else if (s->mail.count >= (size_t)s->service->lmtp.recipients)
		reply = REPLY_TOO_MANY_RCPTS;
	else
		reply = s->mail.wrong == REPLY_NONE ? find_target(s, a.canonical, &t, &why) : s->mail.wrong;
	if (reply == REPLY_NONE) {
		mail_add(&s->mail, &t, a.spelling, strlen(a.spelling));
		s->state = HAVE_RCPT;
		say(s, REPLY_RCPT_OK);
	} else {
		if (reply != REPLY_RECEIPT)
			log_refusal(s, path, reply, why.text);
		say(s, reply);
	}
	target_drop(&t);
	address_free(&a);
}

/* RFC 2033 section 4.2: one reply for each accepted RCPT, in their order. */
static void
say_results(struct session *s)
{
	for (size_t i = 0; i < s->mail.count; i++) {
		const struct recipient *to = &s->mail.recipients[i];
		const struct reply *r = reply_of(to->reply);

		metric_add(&expander_metrics[LMTP_REPLIES], to->reply, 0, 0, 1);
		bytes_format(&s->stream.out, "%d %s %s%s%s\r\n", r->code, r->enhanced, r->text,
		             to->reply == REPLY_ACCEPTED ? " " : "",
		             to->reply == REPLY_ACCEPTED ? to->id : "");
	}
}

static void
do_data(struct session *s, struct slice argument)
{
	enum stream_result result;

	if (argument.length > 0) {
		say(s, REPLY_BAD_SYNTAX);
		return;
	}
	say(s, REPLY_GO_AHEAD);
	if (stream_flush(&s->stream) != STREAM_OK) {
		s->over = true;
		return;
	}
	result = mail_receive(&s->mail, &s->stream, s->work->queues, s->service, s->lhlo);
	if (result == STREAM_OK) {
		say_results(s);
	} else {
		log_say(LEVEL_WARN, "lmtp", "%s: the connection %s within a message; nothing is stored",
		        s->client, result == STREAM_TIMEOUT ? "fell silent" : "ended");
		if (result == STREAM_TIMEOUT)
			say(s, REPLY_TOO_SLOW);
		s->over = true;
	}
	mail_reset(&s->mail);
	s->state = READY;
}

static void
do_data_too_early(struct session *s, struct slice argument)
{
	(void)argument;
	say(s, REPLY_NO_RCPTS);
}

typedef void act(struct session *, struct slice argument);

static act *const on[STATE_COUNT][VERB_COUNT] = {
	[GREETED] = { [VERB_LHLO] = do_lhlo, [VERB_RSET] = do_rset, [VERB_NOOP] = do_noop,
	              [VERB_QUIT] = do_quit },
	[READY] = { [VERB_LHLO] = do_lhlo, [VERB_MAIL] = do_mail, [VERB_XFORWARD] = do_xforward,
	            [VERB_RSET] = do_rset, [VERB_NOOP] = do_noop, [VERB_QUIT] = do_quit },
	[HAVE_SENDER] = { [VERB_LHLO] = do_lhlo, [VERB_RCPT] = do_rcpt, [VERB_DATA] = do_data_too_early,
	                  [VERB_RSET] = do_rset, [VERB_NOOP] = do_noop, [VERB_QUIT] = do_quit },
	[HAVE_RCPT] = { [VERB_LHLO] = do_lhlo, [VERB_RCPT] = do_rcpt, [VERB_DATA] = do_data,
	                [VERB_RSET] = do_rset, [VERB_NOOP] = do_noop, [VERB_QUIT] = do_quit },
};

/* ---- the dialogue ---- */

/* A line without its end; false when it cannot be a command. */
static bool
check_line(struct session *s, const char *line, size_t *length)
{
	if (*length < 2 || line[*length - 2] != '\r') {
		say(s, REPLY_BARE_LF_COMMAND);
		return false;
	}
	*length -= 2;
	if (memchr(line, '\r', *length) != NULL || memchr(line, '\0', *length) != NULL) {
		say(s, REPLY_BAD_SYNTAX);
		return false;
	}
	return true;
}

static void
run_command(struct session *s, const char *line, size_t length)
{
	struct slice argument;
	enum verb verb;

	if (!check_line(s, line, &length))
		return;
	verb = syntax_verb(line, length, &argument);
	if (verb == VERB_OTHER)
		say(s, REPLY_BAD_COMMAND);
	else if (on[s->state][verb] == NULL)
		say(s, REPLY_BAD_SEQUENCE);
	else
		on[s->state][verb](s, argument);
}

/* Uses up a line that is too long to be a command. */
static enum stream_result
skip_line(struct session *s)
{
	const char *data, *lf = NULL;
	size_t length;
	enum stream_result r = STREAM_OK;

	while (lf == NULL && r == STREAM_OK) {
		r = stream_some(&s->stream, &data, &length);
		if (r != STREAM_OK)
			break;
		lf = memchr(data, '\n', length);
		stream_used(&s->stream, lf == NULL ? length : (size_t)(lf - data) + 1);
	}
	say(s, REPLY_LINE_TOO_LONG);
	return r;
}

/* One command, and the replies when the client has sent no more yet (RFC 2920). */
static void
step_dialogue(struct session *s)
{
	const char *line;
	size_t length;
	enum stream_result r;

	if (!stream_has_input(&s->stream) && stream_flush(&s->stream) != STREAM_OK) {
		s->over = true;
		return;
	}
	atomic_store(s->idle, s->state <= READY);
	if (s->state <= READY && work_stopping(s->work)) {
		say(s, REPLY_SHUTDOWN);
		return;
	}
	r = stream_line(&s->stream, LONGEST_COMMAND, &line, &length);
	atomic_store(s->idle, false);
	if (r == STREAM_TOO_LONG)
		r = skip_line(s);
	else if (r == STREAM_OK)
		run_command(s, line, length);
	if (r == STREAM_TIMEOUT)
		say(s, REPLY_TOO_SLOW);
	else if (r == STREAM_CLOSED && s->state <= READY && work_stopping(s->work))
		say(s, REPLY_SHUTDOWN);   /* the server closed the reading side */
	if (r != STREAM_OK)
		s->over = true;
}

void
lmtp_session(struct work *w, int fd, const char *client, atomic_bool *idle)
{
	struct session s = { .work = w, .service = service_current(), .client = client, .idle = idle };
	const struct reply *hello = reply_of(REPLY_GREETING);

	s.stream = (struct stream){ .fd = fd, .timeout = s.service->lmtp.timeout };
	bytes_format(&s.stream.out, "%d %s %s\r\n", hello->code, s.service->site->hostname, hello->text);
	while (!s.over)
		step_dialogue(&s);
	(void)stream_flush(&s.stream);
	mail_reset(&s.mail);
	free(s.lhlo);
	stream_free(&s.stream);
	service_drop(&s.service);
}
