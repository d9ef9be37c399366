/* Connecting: greeting, TLS, and who we are. */
#include "expander/fanout/smtp_client.h"

#include "base/log.h"
#include "base/mem.h"
#include "expander/fanout/smtp.h"
#include "expander/metrics.h"
#include "expander/access.h"
#include "mail/mime.h"

#include <stdlib.h>
#include <string.h>

static void
take_mechanisms(struct smtp *s, struct slice line)
{
	while (line.length > 0) {
		const char *blank = memchr(line.at, ' ', line.length);
		struct slice word = { line.at, blank == NULL ? line.length : (size_t)(blank - line.at) };
		size_t used = word.length + (blank != NULL);

		s->plain |= slice_is(word, "PLAIN");
		s->login |= slice_is(word, "LOGIN");
		line = (struct slice){ line.at + used, line.length - used };
	}
}

/* One line of the reply to EHLO. */
static void
take_keyword(void *arg, struct slice line)
{
	struct smtp *s = arg;
	struct slice word = { line.at, 0 };

	while (word.length < line.length && line.at[word.length] != ' ')
		word.length++;
	s->pipelining |= slice_is(word, "PIPELINING");
	s->size |= slice_is(word, "SIZE");
	s->eight_bit |= slice_is(word, "8BITMIME");
	s->utf8 |= slice_is(word, "SMTPUTF8");
	s->dsn |= slice_is(word, "DSN");
	s->xverp |= slice_is(word, "XVERP");
	s->etrn |= slice_is(word, "ETRN");
	s->starttls |= slice_is(word, "STARTTLS");
	if (slice_is(word, "AUTH"))
		take_mechanisms(s, (struct slice){ line.at + word.length, line.length - word.length });
}

/* A command, and whether its reply is the one that is wanted. `what` names it; secrets are not said. */
static bool
command(struct smtp *s, const char *what, const char *text, int want, struct complaint *why)
{
	struct bytes line = { 0 };
	struct outgoing out;
	struct answer a;
	enum heard h;

	bytes_format(&line, "%s\r\n", text);
	out = wire_commands(line.data, line.length);
	h = wire_hear_lines(&s->wire, &out, s->reply, &a, want == 250 ? take_keyword : NULL, s);
	bytes_wipe(&line);
	if (h != HEARD)
		(void)complain(why, "%s: %s", what, wire_words(h));
	else if (a.code != want)
		(void)complain(why, "%s: %d %s", what, a.code, a.text);
	return h == HEARD && a.code == want;
}

static bool
greet(struct smtp *s, const char *hostname, struct complaint *why)
{
	char *ehlo = mem_format("EHLO %s", hostname);
	bool good = command(s, "EHLO", ehlo, 250, why);

	free(ehlo);
	return good;
}

static bool
hear_greeting(struct smtp *s, struct complaint *why)
{
	struct outgoing out = wire_commands(NULL, 0);
	struct answer a;
	enum heard h = wire_hear(&s->wire, &out, s->reply, &a);

	if (h != HEARD || a.code != 220)
		(void)complain(why, "greeting: %s", h == HEARD ? a.text : wire_words(h));
	return h == HEARD && a.code == 220;
}

/* What was said before it is forgotten (RFC 3207 section 4.2). */
static bool
secure(struct smtp *s, const struct smtp_config *c, struct complaint *why)
{
	const struct access *a = c->access;
	const int64_t reply = s->reply;

	if (!command(s, "STARTTLS", "STARTTLS", 220, why) ||
	    !wire_secure(&s->wire, a->tls, a->name != NULL ? a->name : c->mta->host, s->reply, why))
		return false;
	*s = (struct smtp){ .wire = s->wire, .reply = reply };
	return greet(s, c->hostname, why);
}

/* RFC 4616; "LOGIN" was never written down, but older servers know nothing else. */
static bool
log_in(struct smtp *s, const struct access *a, struct complaint *why)
{
	struct bytes secret = { 0 }, text = { 0 };
	bool good = false;

	if (s->plain) {
		bytes_add_char(&secret, '\0');
		bytes_add_text(&secret, a->user);
		bytes_add_char(&secret, '\0');
		bytes_add_text(&secret, a->password);
		bytes_add_text(&text, "AUTH PLAIN ");
		mime_base64(&text, secret.data, secret.length);
		good = command(s, "AUTH PLAIN", text.data, 235, why);
	} else if (s->login && command(s, "AUTH LOGIN", "AUTH LOGIN", 334, why)) {
		mime_base64(&text, a->user, strlen(a->user));
		good = command(s, "AUTH LOGIN", text.data, 334, why);
		bytes_clear(&text);
		mime_base64(&text, a->password, strlen(a->password));
		good = good && command(s, "AUTH LOGIN", text.data, 235, why);
	} else if (!s->login) {
		(void)complain(why, "AUTH: it offers neither PLAIN nor LOGIN, and outbound.auth-user is set");
	}
	bytes_wipe(&secret);
	bytes_wipe(&text);
	return good;
}

/* All that comes before the first transaction. *failed: TLS was offered, and did not come about. */
static bool
introduce(struct smtp *s, const struct smtp_config *c, bool in_the_clear, bool *failed, struct complaint *why)
{
	const struct access *a = c->access;

	if (!hear_greeting(s, why) || !greet(s, c->hostname, why))
		return false;
	if (a->mode != TLS_NEVER && s->starttls && !in_the_clear) {
		if (!secure(s, c, why)) {
			*failed = true;
			return false;
		}
	} else if (a->mode == TLS_REQUIRED) {
		(void)complain(why, "it offers no STARTTLS, which outbound.tls requires");
		return false;
	}
	return a->user == NULL || log_in(s, a, why);
}

static struct smtp *
open_one(const struct smtp_config *c, bool in_the_clear, bool *failed, struct complaint *why)
{
	struct smtp *s;
	int fd = net_connect(c->mta, deadline_in(c->connect), why);

	if (fd < 0)
		return NULL;
	s = mem_new(sizeof(*s));
	metric_count(&expander_metrics[MTA_CONNECTIONS], 1);
	s->wire.fd = fd;
	s->wire.abandon = c->abandon;
	s->reply = c->reply;
	if (!introduce(s, c, in_the_clear, failed, why)) {
		(void)complain_within(why, "the MTA at %s port %s", c->mta->host, c->mta->port);
		s->broken = true;
		smtp_close(&s);
	}
	return s;
}

struct smtp *
smtp_open(const struct smtp_config *c, struct complaint *why)
{
	bool failed = false;
	struct smtp *s = open_one(c, false, &failed, why);

	if (s != NULL || !failed || c->access->mode != TLS_OPPORTUNISTIC)
		return s;
	log_say(LEVEL_WARN, "tls", "%s: trying without", why->text);
	return open_one(c, true, &failed, why);
}

bool
smtp_has_utf8(const struct smtp *s)
{
	return s->utf8;
}

bool
smtp_has_xverp(const struct smtp *s)
{
	return s->xverp;
}

void
smtp_close(struct smtp **smtp)
{
	struct smtp *s = *smtp;

	*smtp = NULL;
	if (s == NULL)
		return;
	wire_close(&s->wire, s->broken ? NULL : "QUIT\r\n");
	metric_count(&expander_metrics[MTA_CONNECTIONS], -1);
	free(s);
}

int
smtp_hurry(const struct smtp_config *c, const char *domain, struct complaint *why)
{
	struct smtp *s = smtp_open(c, why);
	struct bytes text = { 0 };
	struct outgoing out;
	struct answer a;
	enum heard h = HEARD;

	if (s == NULL)
		return -1;
	if (s->etrn) {
		bytes_format(&text, "ETRN %s\r\n", domain);
		out = wire_commands(text.data, text.length);
		h = wire_hear(&s->wire, &out, s->reply, &a);
		bytes_free(&text);
	}
	if (h == HEARD && s->etrn && a.code == 421)
		h = HEARD_END;
	s->broken = h != HEARD;
	smtp_close(&s);
	return h == HEARD ? 0 : complain(why, "ETRN: %s", wire_words(h));
}
