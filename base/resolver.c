/*
 * The DNS. One thread hears what libunbound has found, for all who wait. The hard thing is who may
 * still be there then: libunbound cannot take a question back for certain, so an answer goes to a
 * `struct lookups` that is counted, and outlives whoever gave up on it.
 */
#include "base/resolver.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/monitor.h"
#include "base/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unbound.h>
#include <unistd.h>

enum {
	CLASS_IN = 1,
	AT_ONCE = 64,                     /* questions of one struct lookups under way */
	MOST = 1000,                      /* of a resolver: libunbound drops what is above */
	SAY_AGAIN = 60000                 /* ms */
};

enum outcome { OUTCOME_FOUND, OUTCOME_NONE, OUTCOME_UNSURE, OUTCOME_LATE, OUTCOME_BUSY, OUTCOMES };

static const char *
outcome_word(size_t i)
{
	static const char *const words[] = { "found", "none", "unsure", "late", "busy" };

	return words[i];
}

static const char *
type_word(size_t i)
{
	return record_word((enum record_type)i);
}

const struct metric resolver_metrics[] = {
	{ .name = "rollcall_dns_answers_total", .kind = METRIC_COUNTER,
	  .labels = { { "type", RECORD_TYPES, type_word }, { "answer", OUTCOMES, outcome_word } },
	  .cells = METRIC_CELLS(RECORD_TYPES * OUTCOMES), .by_daemon = true,
	  .help = "Questions to the DNS: found, none (there is no such record), unsure (no server knows), "
	          "late (not answered in time), busy (too many were under way)." },
	{ .kind = METRIC_END },
};

#define DNS(f) offsetof(struct dns_settings, f)

/* An address, with @port or without. */
static int
check_server(const char *text, struct complaint *why)
{
	char *host = mem_copy(text, strcspn(text, "@"));
	const char *port = strchr(text, '@');
	struct in6_addr unused;
	int64_t number = 53;
	bool good = inet_pton(AF_INET, host, &unused) == 1 || inet_pton(AF_INET6, host, &unused) == 1;

	if (port != NULL)
		good = good && text_number(port + 1, &number) && number > 0 && number < 65536;
	free(host);
	return good ? 0 : complain(why, "\"%s\" is no address, nor one with @port", text);
}

const struct setting dns_settings[] = {
	{ .name = "servers", .kind = KIND_TEXTS, .offset = DNS(servers), .check = check_server,
	  .help = "The name servers to ask, which ask others: addresses, with @port where that is not 53. "
	          "Without them those of the file." },
	{ .name = "file", .kind = KIND_TEXT, .offset = DNS(file), .fallback = "/etc/resolv.conf",
	  .help = "The file that names the servers, resolv.conf(5); its other lines do not count. Read "
	          "before the first question after a start or a reload." },
	{ .name = "timeout", .kind = KIND_TIME, .offset = DNS(timeout), .fallback = "5s", .min = "10ms",
	  .max = "2m", .help = "How long one question may take; then its answer is unsure." },
	{ .name = "together", .kind = KIND_TIME, .offset = DNS(together), .fallback = "10s", .min = "10ms",
	  .max = "10m",
	  .help = "How long all questions about one distribution list may take (posts, order): what is not "
	          "known by then is left as if nothing had been asked." },
	{ .name = "memory", .kind = KIND_SIZE, .offset = DNS(memory), .fallback = "8M", .min = "256k",
	  .max = "1G", .help = "How much of answers is remembered, for as long as they say." },
	{ .kind = KIND_END },
};

/* ---- the resolver ---- */

struct asked {
	struct lookups *lookups;          /* a reference */
	size_t index;
	struct asked *next, **link;       /* of the resolver's */
};

struct resolver {
	struct dns_settings settings;
	struct monitor monitor;           /* over what follows */
	struct ub_ctx *ctx;               /* NULL before the first question */
	_Atomic int64_t said;             /* when it is to be said again that it cannot be asked */
	pthread_t thread;
	int wake;                         /* eventfd: the thread is to end */
	struct asked *asked;              /* under way */
	size_t count;
};

struct question {
	enum record_type type;
	char *name;
	bool done;
	struct dns_answer answer;
};

struct lookups {
	struct resolver *resolver;
	atomic_int references;            /* whoever opened it, and one for each that is under way */
	int ready;                        /* eventfd: all are answered */
	pthread_mutex_t mutex;            /* over what follows */
	bool over;                        /* nobody wants answers any more */
	struct question *questions;
	size_t count, sent, answered;
};

struct resolver *
resolver_open(const struct dns_settings *settings)
{
	struct resolver *r = mem_new(sizeof(*r));

	r->settings = *settings;
	r->settings.servers = (struct text_list){ 0 };
	for (size_t i = 0; i < settings->servers.count; i++)
		text_list_add(&r->settings.servers, settings->servers.items[i],
		              strlen(settings->servers.items[i]));
	r->settings.file = mem_text(settings->file);
	monitor_init(&r->monitor);
	return r;
}

static int
set_servers(struct resolver *r, struct complaint *why)
{
	const struct dns_settings *s = &r->settings;
	int rc = 0;

	if (s->servers.count == 0) {
		rc = ub_ctx_resolvconf(r->ctx, s->file);
		return rc == 0 ? 0 : complain(why, "%s: %s", s->file, ub_strerror(rc));
	}
	for (size_t i = 0; i < s->servers.count && rc == 0; i++)
		rc = ub_ctx_set_fwd(r->ctx, s->servers.items[i]);
	return rc == 0 ? 0 : complain(why, "the name servers: %s", ub_strerror(rc));
}

static int
set_option(struct resolver *r, const char *name, const char *value, struct complaint *why)
{
	int rc = ub_ctx_set_option(r->ctx, name, value);

	return rc == 0 ? 0 : complain(why, "%s %s: %s", name, value, ub_strerror(rc));
}

/* As a library it has no log but standard error, and nobody to tell anything. */
static int
set_up(struct resolver *r, struct complaint *why)
{
	char *half = mem_format("%lld", (long long)r->settings.memory / 2);
	int rc = -1;

	if (ub_ctx_debugout(r->ctx, NULL) == 0 && set_servers(r, why) == 0 &&
	    set_option(r, "msg-cache-size:", half, why) == 0 &&
	    set_option(r, "rrset-cache-size:", half, why) == 0 &&
	    /* The names of private addresses are known inside. */
	    set_option(r, "unblock-lan-zones:", "yes", why) == 0 &&
	    /* A server that was away is asked again soon. */
	    set_option(r, "infra-host-ttl:", "30", why) == 0 &&
	    set_option(r, "infra-cache-max-rtt:", "2000", why) == 0 &&
	    set_option(r, "infra-keep-probing:", "yes", why) == 0 && ub_ctx_async(r->ctx, 1) == 0)
		rc = 0;
	free(half);
	return rc;
}

static void *
hear(void *arg)
{
	struct resolver *r = arg;
	struct pollfd p[] = { { .fd = ub_fd(r->ctx), .events = POLLIN },
		              { .fd = r->wake, .events = POLLIN } };

	while (poll(p, 2, -1) >= 0 || errno == EINTR) {
		if (p[1].revents != 0)
			break;
		if (p[0].revents != 0)
			(void)ub_process(r->ctx);
	}
	return NULL;
}

/* Inside. Starts it at the first question. -1 with a complaint: it cannot be asked. */
static int
begin(struct resolver *r, struct complaint *why)
{
	if (r->ctx != NULL)
		return 0;
	r->ctx = ub_ctx_create();
	(void)complain(why, "the resolver cannot be set up");
	if (r->ctx != NULL && set_up(r, why) == 0) {
		r->wake = eventfd(0, EFD_CLOEXEC);
		if (r->wake >= 0 && pthread_create(&r->thread, NULL, hear, r) == 0)
			return 0;
		(void)complain_errno(why, "the resolver's thread");
		if (r->wake >= 0)
			(void)close(r->wake);
	}
	if (clock_again(&r->said, SAY_AGAIN))
		log_say(LEVEL_ERROR, "dns", "%s", why->text);
	if (r->ctx != NULL)
		ub_ctx_delete(r->ctx);
	r->ctx = NULL;
	return -1;
}

static void drop(struct lookups *);

void
resolver_close(struct resolver **resolver)
{
	struct resolver *r = *resolver;
	uint64_t one = 1;

	*resolver = NULL;
	if (r == NULL)
		return;
	if (r->ctx != NULL) {
		(void)!write(r->wake, &one, sizeof(one));
		(void)pthread_join(r->thread, NULL);
		ub_ctx_delete(r->ctx);    /* without a word about what is under way */
		(void)close(r->wake);
	}
	while (r->asked != NULL) {
		struct asked *a = r->asked;

		r->asked = a->next;
		drop(a->lookups);
		free(a);
	}
	text_list_free(&r->settings.servers);
	free(r->settings.file);
	monitor_destroy(&r->monitor);
	free(r);
}

struct deadline
resolver_patience(const struct resolver *r)
{
	return deadline_in(r->settings.timeout);
}

struct deadline
resolver_patience_together(const struct resolver *r)
{
	return deadline_in(r->settings.together);
}

static void
read_result(enum record_type type, const struct ub_result *result, struct dns_answer *a)
{
	if (result->bogus || (result->rcode != 0 && result->rcode != 3)) {
		dns_answer_unsure(a, result->bogus ? "its signature is wrong"
		                                   : "the name server does not know");
		return;
	}
	if (!result->havedata)
		return;
	for (size_t i = 0; result->data[i] != NULL; i++)
		if (dns_answer_add(a, type, result->data[i], (size_t)result->len[i]) < 0)
			return;
}

/* ---- lookups ---- */

static void
count_answer(enum record_type type, enum outcome outcome)
{
	metric_add(&resolver_metrics[0], (size_t)type, (size_t)outcome, 0, 1);
}

static void
drop(struct lookups *l)
{
	if (atomic_fetch_sub(&l->references, 1) > 1)
		return;
	for (size_t i = 0; i < l->count; i++) {
		free(l->questions[i].name);
		dns_answer_free(&l->questions[i].answer);
	}
	free(l->questions);
	(void)close(l->ready);
	(void)pthread_mutex_destroy(&l->mutex);
	free(l);
}

/* Under the lookups' mutex. */
static void
settle(struct lookups *l, struct question *q, enum outcome outcome)
{
	uint64_t one = 1;

	q->done = true;
	count_answer(q->type, outcome);
	if (++l->answered == l->count)
		(void)!write(l->ready, &one, sizeof(one));
}

static void send_more(struct lookups *);

/* On the resolver's thread. */
static void
answered(void *arg, int error, struct ub_result *result)
{
	struct asked *a = arg;
	struct lookups *l = a->lookups;
	struct resolver *r = l->resolver;
	struct question *q;

	monitor_enter(&r->monitor);
	*a->link = a->next;
	if (a->next != NULL)
		a->next->link = a->link;
	r->count--;
	monitor_leave(&r->monitor);
	(void)pthread_mutex_lock(&l->mutex);
	q = &l->questions[a->index];
	if (!l->over) {
		if (error != 0)
			dns_answer_unsure(&q->answer, ub_strerror(error));
		else
			read_result(q->type, result, &q->answer);
		settle(l, q, q->answer.found == RESOLVED_UNSURE ? OUTCOME_UNSURE
		             : q->answer.found == RESOLVED     ? OUTCOME_FOUND
		                                               : OUTCOME_NONE);
		send_more(l);
	}
	(void)pthread_mutex_unlock(&l->mutex);
	ub_resolve_free(result);
	drop(l);
	free(a);
}

/* Under the lookups' mutex. -1 with why it was not sent. */
static int
send_one(struct lookups *l, size_t index, struct complaint *why)
{
	struct resolver *r = l->resolver;
	const struct question *q = &l->questions[index];
	struct asked *a = mem_new(sizeof(*a));
	sigset_t all, before;
	int rc = -1;

	*a = (struct asked){ .lookups = l, .index = index };
	/* The threads that the first question starts take no signals. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_BLOCK, &all, &before);
	monitor_enter(&r->monitor);
	if (r->count >= MOST)
		(void)complain(why, "too many questions are under way");
	else
		rc = begin(r, why);
	if (rc == 0) {
		/* Heard of only once the monitor is left. */
		rc = ub_resolve_async(r->ctx, q->name, record_number(q->type), CLASS_IN, a, answered, NULL);
		if (rc != 0)
			rc = complain(why, "%s", ub_strerror(rc));
	}
	if (rc == 0) {
		(void)atomic_fetch_add(&l->references, 1);
		a->next = r->asked;
		a->link = &r->asked;
		if (a->next != NULL)
			a->next->link = &a->next;
		r->asked = a;
		r->count++;
	}
	monitor_leave(&r->monitor);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc < 0)
		free(a);
	return rc;
}

/* Under the lookups' mutex: as many as may be under way. */
static void
send_more(struct lookups *l)
{
	struct complaint why;

	while (l->sent < l->count && l->sent - l->answered < AT_ONCE) {
		struct question *q = &l->questions[l->sent];

		if (send_one(l, l->sent++, &why) < 0) {
			dns_answer_unsure(&q->answer, why.text);
			settle(l, q, OUTCOME_BUSY);
		}
	}
}

struct lookups *
lookups_open(struct resolver *r)
{
	struct lookups *l = mem_new(sizeof(*l));

	l->resolver = r;
	atomic_init(&l->references, 1);
	(void)pthread_mutex_init(&l->mutex, NULL);
	l->ready = eventfd(0, EFD_CLOEXEC);
	return l;
}

size_t
lookups_add(struct lookups *l, enum record_type type, const char *name)
{
	size_t i;
	uint64_t unused;

	(void)pthread_mutex_lock(&l->mutex);
	i = l->count++;
	l->questions = mem_resize(l->questions, l->count * sizeof(*l->questions));
	l->questions[i] = (struct question){ .type = type, .name = mem_text(name) };
	if (l->answered == i && i > 0)    /* it said already that it is ready */
		(void)!read(l->ready, &unused, sizeof(unused));
	send_more(l);
	(void)pthread_mutex_unlock(&l->mutex);
	return i;
}

/* Nobody waits any more: what is missing is unsure. True: nothing is. */
static bool
finish(struct lookups *l)
{
	bool all;

	(void)pthread_mutex_lock(&l->mutex);
	all = l->answered == l->count;
	l->over = true;
	for (size_t i = 0; i < l->count; i++)
		if (!l->questions[i].done) {
			dns_answer_unsure(&l->questions[i].answer, "no answer came in time");
			count_answer(l->questions[i].type, OUTCOME_LATE);
			l->questions[i].done = true;
		}
	(void)pthread_mutex_unlock(&l->mutex);
	return all;
}

bool
lookups_wait(struct lookups *l, struct deadline by)
{
	if (l->count > 0 && l->ready >= 0)
		(void)net_wait(l->ready, POLLIN, by);
	return finish(l);
}

const struct dns_answer *
lookups_answer(const struct lookups *l, size_t i)
{
	return &l->questions[i].answer;
}

void
lookups_close(struct lookups **lookups)
{
	struct lookups *l = *lookups;

	*lookups = NULL;
	if (l == NULL)
		return;
	(void)finish(l);
	drop(l);
}

