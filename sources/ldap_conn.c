/*
 * Connections to a directory. The hard thing is that no step may take longer than its time,
 * whatever the server does: all requests are sent and waited for apart. The handshake of TLS needs
 * more than that: with a network time-out libldap makes the socket non-blocking, and its GnuTLS
 * code then asks again without a pause until the server says something; without one it waits for
 * ever. So the time-out holds until the socket is connected, which libldap tells us, and then a
 * guard shuts the socket when the time is over.
 */
#include "sources/ldap_conn.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/monitor.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* After a server other than the first was used for so long, the first is tried again. */
enum { BACK_TO_FIRST = 60000 };

int
conn_complain(const struct conn *c, int code, struct complaint *why, const char *doing)
{
	char *more = NULL;
	const char *detail;
	int rc;

	if (code == LDAP_SUCCESS && c->stream.fault != NULL)
		return complain(why, "%s: %s: %s", c->uri, doing, c->stream.fault);
	if (code == LDAP_SUCCESS)
		(void)ldap_get_option(c->ld, LDAP_OPT_RESULT_CODE, &code);
	(void)ldap_get_option(c->ld, LDAP_OPT_DIAGNOSTIC_MESSAGE, &more);
	detail = more == NULL ? "" : more;
	/* All that libldap with GnuTLS has to say of a certificate. */
	if (strcmp(detail, "(unknown error code)") == 0)
		detail = "its certificate is not trusted, or is not for that name";
	rc = complain(why, "%s: %s: %s%s%s%s", c->uri, doing, ldap_err2string(code),
	              *detail == '\0' ? "" : " (", detail, *detail == '\0' ? "" : ")");
	ldap_memfree(more);
	return rc;
}

struct timeval
conn_patience(const struct conn_config *config, struct deadline by)
{
	int64_t ms = deadline_left(by);

	if (ms > config->timeout)
		ms = config->timeout;
	return (struct timeval){ .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };
}

void
conn_close(struct conn **conn)
{
	standing_closed(*conn);
	if ((*conn)->ld != NULL)
		(void)ldap_unbind_ext((*conn)->ld, NULL, NULL);
	text_list_free(&(*conn)->can.no_people);
	places_close(&(*conn)->places);
	free(*conn);
	*conn = NULL;
}

static void
close_all(struct conn *c)
{
	while (c != NULL) {
		struct conn *next = c->next;

		conn_close(&c);
		c = next;
	}
}

/* libldap sets up its globals at the first call, which must not be made by two threads at once. */
static void
prepare_library(void)
{
	int level;

	(void)ldap_get_option(NULL, LDAP_OPT_DEBUG_LEVEL, &level);
}

void
server_init(struct server *s, const struct conn_config *config)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	(void)pthread_once(&once, prepare_library);
	*s = (struct server){ .config = config };
	(void)pthread_mutex_init(&s->lock, NULL);
	standings_open(s);
}

void
server_close(struct server *s)
{
	close_all(s->idle);
	standings_close(s);
	(void)pthread_mutex_destroy(&s->lock);
}

/* Waits for the one result of a request. The caller frees *message_r. */
static int
wait_result(struct conn *c, int id, struct timeval patience, LDAPMessage **message_r,
            struct complaint *why, const char *doing)
{
	int type = ldap_result(c->ld, id, LDAP_MSG_ALL, &patience, message_r), code;

	if (type == 0) {
		conn_abandon(c, id);
		return complain(why, "%s: %s: no answer in time", c->uri, doing);
	}
	if (type < 0)
		return conn_complain(c, LDAP_SUCCESS, why, doing);
	if (ldap_parse_result(c->ld, *message_r, &code, NULL, NULL, NULL, NULL, 0) != LDAP_SUCCESS)
		code = LDAP_DECODING_ERROR;
	if (code == LDAP_SUCCESS)
		return 0;
	(void)conn_complain(c, code, why, doing);
	ldap_msgfree(*message_r);
	*message_r = NULL;
	return -1;
}

/* Shuts a socket when the time is over, unless it is told before that all is well. */
struct guard {
	struct monitor monitor;
	pthread_t thread;
	struct deadline by;
	int fd;                           /* -1 while there is none */
	bool done, cut;
};

static void *
watch(void *arg)
{
	struct guard *g = arg;

	monitor_enter(&g->monitor);
	while (!g->done && monitor_wait_until(&g->monitor, g->by))
		;
	if (!g->done && g->fd >= 0) {
		g->cut = true;
		(void)shutdown(g->fd, SHUT_RDWR);
	}
	monitor_leave(&g->monitor);
	return NULL;
}

static int
guard_begin(struct guard *g, struct deadline by, struct complaint *why)
{
	*g = (struct guard){ .by = by, .fd = -1 };
	monitor_init(&g->monitor);
	if (pthread_create(&g->thread, NULL, watch, g) == 0)
		return 0;
	monitor_destroy(&g->monitor);
	return complain(why, "cannot start a thread");
}

/* True if it had to cut the connection. */
static bool
guard_end(struct guard *g)
{
	monitor_enter(&g->monitor);
	g->done = true;
	monitor_wake(&g->monitor);
	monitor_leave(&g->monitor);
	(void)pthread_join(g->thread, NULL);
	monitor_destroy(&g->monitor);
	return g->cut;
}

/* libldap has connected the socket, and has not begun with TLS. */
static int
on_connected(LDAP *ld, Sockbuf *sb, LDAPURLDesc *server, struct sockaddr *address,
             struct ldap_conncb *context)
{
	struct conn *c = context->lc_arg;
	struct timeval step = { c->config->timeout / 1000, c->config->timeout % 1000 * 1000 };
	ber_socket_t fd = -1;

	(void)server, (void)address;
	if (!stream_open(&c->stream, sb))
		return -1;
	if (ber_sockbuf_ctrl(sb, LBER_SB_OPT_GET_FD, &fd) != 1)
		return 0;
	/* It blocks, but not for longer than one step of the dialogue may take. */
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &step, sizeof(step));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &step, sizeof(step));
	(void)ldap_set_option(ld, LDAP_OPT_NETWORK_TIMEOUT, NULL);
	if (c->guard != NULL) {
		monitor_enter(&c->guard->monitor);
		c->guard->fd = fd;
		monitor_leave(&c->guard->monitor);
	}
	return 0;
}

static void
on_closed(LDAP *ld, Sockbuf *sb, struct ldap_conncb *context)
{
	(void)ld, (void)sb, (void)context;
}

static void
set_options(struct conn *c, struct deadline by)
{
	int version = LDAP_VERSION3;
	struct timeval patience = conn_patience(c->config, by);

	c->opened = (struct ldap_conncb){ .lc_add = on_connected, .lc_del = on_closed, .lc_arg = c };
	(void)ldap_set_option(c->ld, LDAP_OPT_CONNECT_CB, &c->opened);
	(void)ldap_set_option(c->ld, LDAP_OPT_PROTOCOL_VERSION, &version);
	(void)ldap_set_option(c->ld, LDAP_OPT_REFERRALS, LDAP_OPT_OFF);
	(void)ldap_set_option(c->ld, LDAP_OPT_RESTART, LDAP_OPT_ON);
	(void)ldap_set_option(c->ld, LDAP_OPT_NETWORK_TIMEOUT, &patience);
	(void)ldap_set_option(c->ld, LDAP_OPT_TIMEOUT, &patience);
}

static int
set_tls_options(struct conn *c, const struct conn_config *config, struct complaint *why)
{
	int demand = LDAP_OPT_X_TLS_DEMAND, client = 0;

	if (ldap_set_option(c->ld, LDAP_OPT_X_TLS_REQUIRE_CERT, &demand) != LDAP_OPT_SUCCESS)
		return complain(why, "%s: TLS is not available", c->uri);
	if (config->ca_file != NULL &&
	    ldap_set_option(c->ld, LDAP_OPT_X_TLS_CACERTFILE, config->ca_file) != LDAP_OPT_SUCCESS)
		return complain(why, "%s: cannot use %s", c->uri, config->ca_file);
	if (ldap_set_option(c->ld, LDAP_OPT_X_TLS_NEWCTX, &client) != LDAP_OPT_SUCCESS)
		return complain(why, "%s: cannot prepare TLS (is %s readable?)", c->uri,
		                config->ca_file == NULL ? "the system's CA file" : config->ca_file);
	return 0;
}

static int
start_tls(struct conn *c, struct timeval patience, struct complaint *why)
{
	LDAPMessage *message = NULL;
	int id, rc = ldap_start_tls(c->ld, NULL, NULL, &id);

	if (rc != LDAP_SUCCESS)
		return conn_complain(c, rc, why, "StartTLS");
	if (wait_result(c, id, patience, &message, why, "StartTLS") < 0)
		return -1;
	ldap_msgfree(message);
	rc = ldap_install_tls(c->ld);
	return rc == LDAP_SUCCESS ? 0 : conn_complain(c, rc, why, "StartTLS");
}

static int
bind_as_told(struct conn *c, const struct conn_config *config, struct timeval patience,
             struct complaint *why)
{
	struct berval secret = { 0, (char *)"" };
	LDAPMessage *message = NULL;
	const char *mechanism = LDAP_SASL_SIMPLE;
	int id, rc;

	if (config->bind == BIND_EXTERNAL)
		mechanism = "EXTERNAL";
	else if (config->bind == BIND_SIMPLE)
		secret = (struct berval){ strlen(config->password), config->password };
	/* An anonymous bind as well, so that a server that is not there is seen here. */
	rc = ldap_sasl_bind(c->ld, config->bind == BIND_SIMPLE ? config->bind_dn : NULL, mechanism,
	                    &secret, NULL, NULL, &id);
	if (rc != LDAP_SUCCESS)
		return conn_complain(c, rc, why, "bind");
	if (wait_result(c, id, patience, &message, why, "bind") < 0)
		return -1;
	ldap_msgfree(message);
	return 0;
}

struct berval **
conn_values(const struct conn *c, LDAPMessage *entry, const char *attribute)
{
	BerElement *ber = NULL;
	char *name;
	bool there = false;

	if (attribute == NULL)
		return NULL;
	name = ldap_first_attribute(c->ld, entry, &ber);
	while (name != NULL) {
		there = text_same(name, attribute);
		ldap_memfree(name);
		name = there ? NULL : ldap_next_attribute(c->ld, entry, ber);
	}
	ber_free(ber, 0);
	return there ? ldap_get_values_len(c->ld, entry, attribute) : NULL;
}

bool
conn_has(const struct conn *c, LDAPMessage *entry, const char *attribute, const char *value)
{
	struct berval **values = conn_values(c, entry, attribute);
	bool has = false;

	for (size_t i = 0; values != NULL && values[i] != NULL && !has; i++)
		has = text_same_n(values[i]->bv_val, values[i]->bv_len, value);
	ldap_value_free_len(values);
	return has;
}

/* Reads from the rootDSE what the server says it can do. */
static int
read_root(struct conn *c, struct timeval patience, struct complaint *why)
{
	static char control[] = "supportedControl";
	char *attributes[] = { control, NULL };
	LDAPMessage *message = NULL, *entry;
	int id, rc = ldap_search_ext(c->ld, "", LDAP_SCOPE_BASE, "(objectClass=*)", attributes, 0, NULL,
	                             NULL, NULL, 0, &id);

	if (rc != LDAP_SUCCESS)
		return conn_complain(c, rc, why, "rootDSE");
	if (wait_result(c, id, patience, &message, why, "rootDSE") < 0)
		return -1;
	entry = ldap_first_entry(c->ld, message);
	if (entry != NULL) {
		c->can.paged = conn_has(c, entry, "supportedControl", LDAP_CONTROL_PAGEDRESULTS);
		c->can.deref = conn_has(c, entry, "supportedControl", LDAP_CONTROL_X_DEREF);
	}
	ldap_msgfree(message);
	return 0;
}

/* Connects, by whatever is sent first, and binds. */
static int
connect_and_bind(struct conn *c, struct timeval patience, struct complaint *why)
{
	if (c->config->starttls && start_tls(c, patience, why) < 0)
		return -1;
	return bind_as_told(c, c->config, patience, why);
}

static int
connect_with_tls(struct conn *c, struct deadline by, struct complaint *why)
{
	struct guard guard;
	int rc;

	if (set_tls_options(c, c->config, why) < 0 || guard_begin(&guard, by, why) < 0)
		return -1;
	c->guard = &guard;
	rc = connect_and_bind(c, conn_patience(c->config, by), why);
	c->guard = NULL;
	if (guard_end(&guard))
		rc = complain(why, "%s: TLS: no answer in time", c->uri);
	return rc;
}

struct conn *
conn_open(const struct conn_config *config, const char *uri, struct deadline by,
          struct complaint *why)
{
	struct deadline own = deadline_earlier(by, deadline_in(config->connect_timeout));
	struct timeval patience = conn_patience(config, own);
	struct conn *c = mem_new(sizeof(*c));
	bool tls = config->starttls || strncasecmp(uri, "ldaps:", 6) == 0;
	int rc;

	c->config = config;
	c->uri = uri;
	rc = ldap_initialize(&c->ld, uri);
	if (rc != LDAP_SUCCESS) {
		(void)complain(why, "%s: %s", uri, ldap_err2string(rc));
		free(c);
		return NULL;
	}
	set_options(c, own);
	if ((tls ? connect_with_tls(c, own, why) : connect_and_bind(c, patience, why)) < 0 ||
	    read_root(c, patience, why) < 0)
		conn_close(&c);
	return c;
}

/* Takes out those that were not used for their time. The youngest comes first. Under the lock. */
static struct conn *
cut_old(struct server *s)
{
	struct conn **c = &s->idle, *old;
	int64_t now = clock_ticks();

	while (*c != NULL && now - (*c)->last_used < s->config->idle)
		c = &(*c)->next;
	old = *c;
	*c = NULL;
	return old;
}

/* The youngest idle connection that is good, or NULL. Old and broken ones are closed on the way. */
static struct conn *
take_idle(struct server *s)
{
	struct conn *c, *old;

	for (;;) {
		(void)pthread_mutex_lock(&s->lock);
		old = cut_old(s);
		c = s->idle;
		if (c != NULL)
			s->idle = c->next;
		(void)pthread_mutex_unlock(&s->lock);
		close_all(old);
		if (c == NULL || conn_is_quiet(c))
			return c;
		conn_close(&c);
	}
}

struct conn *
conn_take(struct server *s, struct deadline by, struct complaint *why)
{
	const struct conn_config *config = s->config;
	struct conn *c = take_idle(s);
	size_t first;

	if (c != NULL) {
		c->given_up = false;
		return c;
	}
	(void)pthread_mutex_lock(&s->lock);
	if (clock_ticks() >= s->first_after)
		s->preferred = 0;
	first = s->preferred;
	(void)pthread_mutex_unlock(&s->lock);
	(void)complain(why, "no time to connect");
	for (size_t i = 0; i < config->uri.count && c == NULL && !deadline_passed(by); i++) {
		size_t which = (first + i) % config->uri.count;

		c = conn_open(config, config->uri.items[which], by, why);
		if (c == NULL)
			standing_failed(s, which, why->text);
		else
			standing_connected(c, s, which);
		if (c == NULL && config->uri.count > 1)
			log_say(LEVEL_WARN, "ldap", "%s", why->text);
		if (c != NULL && which != first) {
			(void)pthread_mutex_lock(&s->lock);
			s->preferred = which;
			s->first_after = clock_ticks() + BACK_TO_FIRST;
			(void)pthread_mutex_unlock(&s->lock);
		}
	}
	return c;
}

/* Whether a connection that was not waited for is taken for one that works. */
static bool
is_patient(const struct conn *c)
{
	return c->given_up && c->stream.fault == NULL && c->silent < c->config->timeout &&
	       c->silent < c->config->connect_timeout;
}

void
conn_give(struct server *s, struct conn **conn, bool healthy)
{
	struct conn *c = *conn, *old;

	*conn = NULL;
	if (c == NULL)
		return;
	if (!healthy && !is_patient(c)) {
		conn_close(&c);
		return;
	}
	(void)pthread_mutex_lock(&s->lock);
	c->last_used = clock_ticks();
	c->next = s->idle;
	s->idle = c;
	old = cut_old(s);                 /* what a burst has left behind */
	(void)pthread_mutex_unlock(&s->lock);
	close_all(old);
}
