/*
 * A policy server that speaks Postfix' policy delegation protocol (SMTPD_POLICY_README), such as
 * postgrey, policyd-spf or iRedAPD. Being asked changes what it knows, so it is asked last.
 *
 * A request is lines "name=value" up to an empty one, the answer "action=…" and an empty line.
 * Connections are kept, since some servers start a process for each.
 */
#include "base/bytes.h"
#include "base/mem.h"
#include "base/monitor.h"
#include "base/net.h"
#include "policies/policy.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum {
	IDLE_MOST = 16,                   /* connections that are kept */
	ANSWER_SIZE = 4096
};

/* Connections that wait for the next question. */
struct idle {
	struct monitor monitor;
	int fds[IDLE_MOST];
	size_t count;
};

struct service_config {
	char *server;
	int64_t at, timeout;
	struct endpoint endpoint;
	struct idle *idle;
};

static const char *const moments[] = { "rcpt", "data", "end", NULL };

static const struct setting settings[] = {
	{ .name = "server", .kind = KIND_TEXT, .offset = offsetof(struct service_config, server),
	  .flags = SETTING_REQUIRED, .check = endpoint_check,
	  .help = "Where it listens: unix:/path or inet:host:port." },
	{ .name = "at", .kind = KIND_WORD, .offset = offsetof(struct service_config, at),
	  .fallback = "rcpt", .words = moments,
	  .help = "When it is asked: at RCPT, at DATA, or at the end of the message." },
	{ .name = "timeout", .kind = KIND_TIME, .offset = offsetof(struct service_config, timeout),
	  .fallback = "10s", .min = "10ms", .max = "4m",
	  .help = "How long it may take. milter.deadline and milter.content-deadline hold as well." },
	{ .kind = KIND_END },
};

static int
check(void *config, const struct node *block, struct complaint *why)
{
	struct service_config *c = config;

	(void)block;
	if (endpoint_parse(c->server, &c->endpoint, why) < 0)
		return -1;
	c->idle = mem_new(sizeof(*c->idle));
	monitor_init(&c->idle->monitor);
	return 0;
}

static void
close_config(void *config)
{
	struct service_config *c = config;

	while (c->idle->count > 0)
		(void)close(c->idle->fds[--c->idle->count]);
	monitor_destroy(&c->idle->monitor);
	free(c->idle);
	endpoint_free(&c->endpoint);
}

/* ---- connections ---- */

/* -1: there is none. */
static int
take_idle(struct idle *i)
{
	int fd;

	monitor_enter(&i->monitor);
	fd = i->count == 0 ? -1 : i->fds[--i->count];
	monitor_leave(&i->monitor);
	return fd;
}

static void
keep(struct idle *i, int fd)
{
	monitor_enter(&i->monitor);
	if (i->count < IDLE_MOST) {
		i->fds[i->count++] = fd;
		fd = -1;
	}
	monitor_leave(&i->monitor);
	if (fd >= 0)
		(void)close(fd);
}

/* Waits for that to be possible. -1 with a complaint. */
static int
wait_for(int fd, short events, struct deadline by, struct complaint *why)
{
	switch (net_wait(fd, events, by)) {
	case WAITED_READY:
		return 0;
	case WAITED_CANCELLED:
		return complain(why, "not wanted any more");
	default:
		return complain(why, "no answer in time");
	}
}

/* 1: sent; 0: the connection has ended, as one does that was kept; -1 with a complaint. */
static int
send_all(int fd, const char *data, size_t length, struct deadline by, struct complaint *why)
{
	while (length > 0) {
		ssize_t n = send(fd, data, length, MSG_NOSIGNAL);

		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return 0;
		if (n < 0 && wait_for(fd, POLLOUT, by, why) < 0)
			return -1;
		data += n < 0 ? 0 : n;
		length -= n < 0 ? 0 : (size_t)n;
	}
	return 1;
}

/* Reads up to the empty line. 1: here it is; 0: the connection had ended before; -1 with a complaint. */
static int
read_answer(int fd, char *text, struct deadline by, struct complaint *why)
{
	size_t have = 0;

	for (;;) {
		ssize_t n = recv(fd, text + have, ANSWER_SIZE - 1 - have, 0);
		const char *end;

		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
			return have == 0 ? 0 : complain(why, "the connection ends within the answer");
		have += n < 0 ? 0 : (size_t)n;
		text[have] = '\0';
		if (strlen(text) < have)
			return complain(why, "the answer has a NUL in it");
		end = strstr(text, "\n\n");
		if (end != NULL && end[2] == '\0')
			return 1;
		if (end != NULL || have == ANSWER_SIZE - 1)
			return complain(why, "the answer has no end, or more behind it");
		if (wait_for(fd, POLLIN, by, why) < 0)
			return -1;
	}
}

/* The whole answer; -1 with a complaint. A kept connection may have ended: then over a new one. */
static int
exchange(const struct service_config *c, const struct bytes *request, char *answer, struct deadline by,
         struct complaint *why)
{
	for (;;) {
		int fd = take_idle(c->idle), done;
		bool kept = fd >= 0;

		if (!kept && (fd = net_connect(&c->endpoint, by, why)) < 0)
			return -1;
		done = send_all(fd, request->data, request->length, by, why);
		if (done > 0)
			done = read_answer(fd, answer, by, why);
		if (done > 0)
			keep(c->idle, fd);
		else
			(void)close(fd);
		if (done != 0)
			return done;
		if (!kept)
			return complain(why, "it ends the connection without an answer");
	}
}

/* ---- what is said ---- */

static int
add(struct bytes *out, const char *name, const char *value)
{
	if (value != NULL && strpbrk(value, "\r\n") != NULL)
		return -1;
	bytes_format(out, "%s=%s\n", name, value == NULL ? "" : value);
	return 0;
}

/* -1: a value cannot be said. */
static int
add_request(struct bytes *out, const struct facts *f, int64_t at)
{
	static const char *const states[] = { "RCPT", "DATA", "END-OF-MESSAGE" };
	char recipients[24], size[24];
	const char *host = f->client_name == NULL ? "unknown" : f->client_name;

	(void)snprintf(recipients, sizeof(recipients), "%zu", at == MOMENT_RCPT ? 0 : f->recipients);
	(void)snprintf(size, sizeof(size), "%lld", (long long)(at == MOMENT_END ? f->size : f->announced));
	if (add(out, "request", "smtpd_access_policy") < 0 || add(out, "protocol_state", states[at]) < 0 ||
	    add(out, "protocol_name", "ESMTP") < 0 || add(out, "helo_name", f->helo) < 0 ||
	    add(out, "sender", f->sender) < 0 || add(out, "recipient", f->recipient) < 0 ||
	    add(out, "recipient_count", recipients) < 0 || add(out, "client_address", f->client) < 0 ||
	    add(out, "client_name", host) < 0 || add(out, "reverse_client_name", host) < 0 ||
	    add(out, "instance", f->instance) < 0 || add(out, "size", size) < 0 ||
	    add(out, "sasl_username", f->login) < 0 ||
	    add(out, "encryption_protocol", f->encrypted ? "TLS" : NULL) < 0)
		return -1;
	bytes_add_text(out, "\n");
	return 0;
}

/* ---- what is answered ---- */

/* access(5). What would change the message or its way is nothing a policy can promise. */
static struct verdict
judge(const char *action, size_t word)
{
	static const char *const fine[] = { "DUNNO", "OK", "PERMIT", "INFO", "WARN", "PREPEND",
		                            "DEFER_IF_REJECT" };
	static const char *const unsure[] = { "DEFER", "DEFER_IF_PERMIT" };
	const struct verdict later = verdict_because(verdict_defer(REPLY_LATER, ""), "%s", action);
	bool number = word == 3 && strspn(action, "0123456789") == 3;

	for (size_t i = 0; i < sizeof(fine) / sizeof(*fine); i++)
		if (word == strlen(fine[i]) && strncasecmp(action, fine[i], word) == 0)
			return verdict_pass();
	for (size_t i = 0; i < sizeof(unsure) / sizeof(*unsure); i++)
		if (word == strlen(unsure[i]) && strncasecmp(action, unsure[i], word) == 0)
			return later;
	if ((word == 6 && strncasecmp(action, "REJECT", 6) == 0) || (number && *action == '5'))
		return verdict_because(verdict_reject(REPLY_PROGRAM, ""), "%s", action);
	if (number && *action == '4')
		return later;
	return verdict_because(later, "this action cannot be taken here: %s", action);
}

static struct verdict
read_action(char *answer)
{
	for (char *line = answer, *end; *line != '\n'; line = end + 1) {
		end = strchr(line, '\n');
		*end = '\0';
		if (strncasecmp(line, "action=", 7) == 0)
			return judge(line + 7, strcspn(line + 7, " \t"));
	}
	return verdict_defer(REPLY_LATER, "the answer has no action");
}

static struct verdict
at_any(const void *config, const struct facts *f, struct deadline by)
{
	const struct service_config *c = config;
	struct verdict v = verdict_defer(REPLY_LATER, "");
	struct bytes request = { 0 };
	char answer[ANSWER_SIZE];
	struct complaint why;

	by = deadline_earlier(by, deadline_in(c->timeout));
	if (add_request(&request, f, c->at) < 0)
		v = verdict_because(v, "a line break in what it would be told");
	else if (exchange(c, &request, answer, by, &why) < 0)
		v = verdict_because(v, "%s: %s", c->server, why.text);
	else
		v = read_action(answer);
	bytes_free(&request);
	return v;
}

static bool
asks(const void *config, enum moment moment)
{
	return ((const struct service_config *)config)->at == (int64_t)moment;
}

const struct policy policy_service = {
	.name = "policy-service",
	.summary = "A server that speaks Postfix' policy protocol must be content with the post.",
	.needs = NEED_SESSION | NEED_LIST | NEED_HELO,
	.resource = RESOURCE_SERVICE,
	.repeats = true,
	.last = true,
	.settings = settings,
	.config_size = sizeof(struct service_config),
	.check = check,
	.close = close_config,
	.asks = asks,
	.at = { at_any, at_any, at_any },
};
