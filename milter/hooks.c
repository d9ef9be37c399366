/*
 * libmilter's callbacks: fetch the session, copy the arguments in, ask, map the answer. Message
 * state ends in eom and abort, connection state in close; each may come when there is nothing to
 * end.
 */
#include "milter/hooks.h"

#include "base/clock.h"
#include "base/daemon.h"
#include "base/log.h"
#include "mail/reply.h"
#include "mail/stamp.h"
#include "milter/session.h"

#include <libmilter/mfapi.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static struct pacemaker *pacemaker;

/* Stands in the context between negotiation and connection: replies may be left out. */
static char no_replies_mark;

/* NULL where no connection was announced: whoever talks to us is no MTA. */
static struct session *
session_of(SMFICTX *ctx)
{
	void *s = smfi_getpriv(ctx);

	return s == &no_replies_mark ? NULL : s;
}

static const char *
queue_id(SMFICTX *ctx)
{
	static char name[] = "i";

	return smfi_getsymval(ctx, name);
}

/* A macro that is set; NULL for one that is missing or empty. */
static const char *
macro(SMFICTX *ctx, char *name)
{
	const char *value = smfi_getsymval(ctx, name);

	return value == NULL || *value == '\0' ? NULL : value;
}

/* The answer of a callback that decides nothing. */
static sfsistat
go_on(SMFICTX *ctx)
{
	const struct session *s = session_of(ctx);

	if (s == NULL)
		return SMFIS_TEMPFAIL;
	return session_no_replies(s) ? SMFIS_NOREPLY : SMFIS_CONTINUE;
}

/* A text for smfi_setreply(): one line of printable ASCII, with no format in it. */
static void
add_plain(char *text, size_t size, const char *more)
{
	size_t length = strlen(text);

	for (; *more != '\0' && length + 1 < size; more++)
		text[length++] = *more < ' ' || *more > '~' || *more == '%' ? '?' : *more;
	text[length] = '\0';
}

/* `names`: of the lists that refuse, or what the one that does says to it, or "". */
static sfsistat
answer(SMFICTX *ctx, struct verdict v, const char *names)
{
	const struct reply *r = reply_of(v.reply);
	char code[4], enhanced[12], text[480] = "";

	if (v.decision == DECISION_PASS)
		return SMFIS_CONTINUE;
	(void)snprintf(code, sizeof(code), "%d", r->code);
	(void)snprintf(enhanced, sizeof(enhanced), "%s", r->enhanced);
	add_plain(text, sizeof(text), r->text);
	if (*names != '\0') {
		add_plain(text, sizeof(text), ": ");
		add_plain(text, sizeof(text), names);
	}
	(void)smfi_setreply(ctx, code, enhanced, text);
	return v.decision == DECISION_DEFER ? SMFIS_TEMPFAIL : SMFIS_REJECT;
}

/* The macros we read, and for the other stages one that costs nothing. */
static void
ask_for_macros(SMFICTX *ctx)
{
	static char id[] = "i", port[] = "{daemon_port} {daemon_name}";
	static char login[] = "i {auth_authen} {mail_addr} {tls_version}", recipient[] = "i {rcpt_addr}";

	(void)smfi_setsymlist(ctx, SMFIM_CONNECT, port);
	(void)smfi_setsymlist(ctx, SMFIM_ENVFROM, login);
	(void)smfi_setsymlist(ctx, SMFIM_ENVRCPT, recipient);
	(void)smfi_setsymlist(ctx, SMFIM_DATA, id);
	(void)smfi_setsymlist(ctx, SMFIM_EOH, id);
	(void)smfi_setsymlist(ctx, SMFIM_EOM, id);
}

/*
 * libmilter asks for another connection again and again without a pause when no descriptor is left for
 * it, and says nothing. So it never comes to that: what comes meanwhile is sent away, for the MTA to
 * answer 451, and those who are here have what they need to be answered.
 */
static bool
is_full(void)
{
	enum { SAID_AGAIN = 10000 };      /* ms */
	static _Atomic int64_t again;
	bool full = daemon_files_low();

	if (full && clock_again(&again, SAID_AGAIN))
		log_say(LEVEL_ERROR, "milter", "file descriptors run out: no more sessions are taken");
	return full;
}

/* A step of each session is saved where no check wants to know. */
static bool
hears_helo(void)
{
	struct service *s = service_current();
	bool wanted = site_needs(s->site, NEED_HELO);

	service_drop(&s);
	return wanted;
}

static const unsigned long changes = SMFIF_ADDHDRS | SMFIF_CHGHDRS;

static sfsistat
on_negotiate(SMFICTX *ctx, unsigned long actions, unsigned long steps, unsigned long f2,
             unsigned long f3, unsigned long *use_actions, unsigned long *use_steps,
             unsigned long *pf2, unsigned long *pf3)
{
	const unsigned long unasked = SMFIP_NOUNKNOWN | (hears_helo() ? 0 : SMFIP_NOHELO);
	const unsigned long unanswered = SMFIP_NR_CONN | SMFIP_NR_HELO | SMFIP_NR_MAIL |
	                                 SMFIP_NR_HDR | SMFIP_NR_EOH | SMFIP_NR_BODY;

	(void)f2, (void)f3;
	if (is_full())
		return SMFIS_REJECT;
	*use_actions = actions & changes; /* the stamp, and nothing else of the message */
	*use_steps = steps & unasked;
	if ((steps & unanswered) == unanswered) {
		*use_steps |= unanswered;
		(void)smfi_setpriv(ctx, &no_replies_mark);
	}
	*pf2 = *pf3 = 0;
	ask_for_macros(ctx);
	return SMFIS_CONTINUE;
}

static sfsistat
on_connect(SMFICTX *ctx, char *host, _SOCK_ADDR *address)
{
	static char port_name[] = "{daemon_port}", daemon[] = "{daemon_name}";
	bool no_replies = smfi_getpriv(ctx) == &no_replies_mark;
	struct session *s = session_new(pacemaker, address, no_replies), *before = session_of(ctx);
	const char *port = macro(ctx, port_name);

	session_set_name(s, host);
	session_set_doorway(s, port, macro(ctx, daemon));
	if (port != NULL && strcmp(port, "0") == 0)   /* Postfix' non_smtpd_milters */
		session_set_local(s);
	(void)smfi_setpriv(ctx, s);
	session_free(&before);            /* of whoever announces a connection twice */
	return go_on(ctx);
}

static sfsistat
on_helo(SMFICTX *ctx, char *helo)
{
	struct session *s = session_of(ctx);

	if (s != NULL)
		session_set_helo(s, helo);
	return go_on(ctx);
}

static sfsistat
on_mail(SMFICTX *ctx, char **argv)
{
	static char login[] = "{auth_authen}", address[] = "{mail_addr}", tls[] = "{tls_version}";
	struct session *s = session_of(ctx);

	if (s != NULL) {
		session_set_encrypted(s, macro(ctx, tls) != NULL);
		session_mail(s, argv[0], macro(ctx, address), argv + 1, macro(ctx, login));
	}
	return go_on(ctx);
}

static sfsistat
on_rcpt(SMFICTX *ctx, char **argv)
{
	static char address[] = "{rcpt_addr}";
	struct session *s = session_of(ctx);
	struct verdict v;

	if (s == NULL)
		return SMFIS_TEMPFAIL;
	v = session_rcpt(s, argv[0], macro(ctx, address), queue_id(ctx));
	return answer(ctx, v, v.decision == DECISION_REJECT ? session_names(s) : "");
}

static sfsistat
on_data(SMFICTX *ctx)
{
	struct session *s = session_of(ctx);
	struct verdict v;

	if (s == NULL)
		return SMFIS_TEMPFAIL;
	if (!session_wants_content(s))    /* mail for nobody of ours needs no further step */
		return SMFIS_ACCEPT;
	v = session_data(s, queue_id(ctx));
	return answer(ctx, v, session_names(s));
}

static sfsistat
on_header(SMFICTX *ctx, char *name, char *value)
{
	struct session *s = session_of(ctx);

	if (s != NULL)
		session_header(s, name, value);
	return go_on(ctx);
}

static sfsistat
on_eoh(SMFICTX *ctx)
{
	return go_on(ctx);
}

static sfsistat
on_body(SMFICTX *ctx, unsigned char *bytes, size_t length)
{
	struct session *s = session_of(ctx);

	if (s != NULL)
		session_body(s, bytes, length);
	return go_on(ctx);
}

/*
 * Takes off stamps that came with the message, from the last on, whatever the MTA's numbers do
 * meanwhile; and puts ours first. False where the MTA does not let us.
 */
static bool
put_stamp(SMFICTX *ctx, struct session *s)
{
	static char name[] = STAMP_FIELD;
	struct bytes value = { 0 };
	bool done = true;

	for (size_t i = session_stamps(s); i > 0; i--)
		done = smfi_chgheader(ctx, name, (int)i, NULL) == MI_SUCCESS && done;
	if (session_stamp(s, queue_id(ctx), &value))
		done = smfi_insheader(ctx, 0, name, value.data) == MI_SUCCESS && done;
	bytes_free(&value);
	return done;
}

static sfsistat
on_eom(SMFICTX *ctx)
{
	struct session *s = session_of(ctx);
	struct verdict v;
	sfsistat status;

	if (s == NULL)
		return SMFIS_TEMPFAIL;
	v = session_end(s, queue_id(ctx));
	if (v.decision == DECISION_PASS && !put_stamp(ctx, s)) {
		log_say(LEVEL_ERROR, "milter", "the MTA takes no header fields from us");
		v = verdict_defer(REPLY_LOCAL_ERROR, "");
	}
	status = answer(ctx, v, session_names(s));
	session_reset(s);
	return status;
}

static sfsistat
on_abort(SMFICTX *ctx)
{
	struct session *s = session_of(ctx);

	if (s != NULL)
		session_reset(s);
	return SMFIS_CONTINUE;
}

static sfsistat
on_close(SMFICTX *ctx)
{
	struct session *s = session_of(ctx);

	(void)smfi_setpriv(ctx, NULL);
	session_free(&s);
	return SMFIS_CONTINUE;
}

int
hooks_register(const char *connection)
{
	static char name[] = "rollcall";
	struct smfiDesc description = {
		.xxfi_name = name,
		.xxfi_version = SMFI_VERSION,
		.xxfi_flags = changes,
		.xxfi_connect = on_connect,
		.xxfi_helo = on_helo,
		.xxfi_envfrom = on_mail,
		.xxfi_envrcpt = on_rcpt,
		.xxfi_header = on_header,
		.xxfi_eoh = on_eoh,
		.xxfi_body = on_body,
		.xxfi_eom = on_eom,
		.xxfi_abort = on_abort,
		.xxfi_close = on_close,
		.xxfi_data = on_data,
		.xxfi_negotiate = on_negotiate,
	};

	return smfi_setconn((char *)connection) == MI_SUCCESS &&
	                       smfi_register(description) == MI_SUCCESS
	               ? 0
	               : -1;
}

void
hooks_use(struct pacemaker *p)
{
	pacemaker = p;
}
