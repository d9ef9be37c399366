/*
 * Connections to a directory. The hard thing is that no step may take longer than its time, whatever the server does: all requests are sent and
 * waited for apart, and the handshakes of TLS, which libldap does by itself, are bounded by its network time-out.
 */
#include "sources/ldap_conn.h"

#include "base/log.h"
#include "base/mem.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

/* After a server other than the first was used for so long, the first is tried again. */
enum { BACK_TO_FIRST = 60000 };

int
conn_complain(const struct conn *c, int code, struct complaint *why, const char *doing)
{
	char *more = NULL;
	int rc;

	if (code == LDAP_SUCCESS)
		(void)ldap_get_option(c->ld, LDAP_OPT_RESULT_CODE, &code);
	(void)ldap_get_option(c->ld, LDAP_OPT_DIAGNOSTIC_MESSAGE, &more);
	rc = complain(why, "%s: %s: %s%s%s%s", c->uri, doing, ldap_err2string(code),
	              more == NULL || *more == '\0' ? "" : " (", more == NULL ? "" : more,
	              more == NULL || *more == '\0' ? "" : ")");
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

static void
conn_close(struct conn **conn)
{
	if ((*conn)->ld != NULL)
		(void)ldap_unbind_ext((*conn)->ld, NULL, NULL);
	free(*conn);
	*conn = NULL;
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
}

void
server_close(struct server *s)
{
	while (s->idle != NULL) {
		struct conn *c = s->idle;

		s->idle = c->next;
		conn_close(&c);
	}
	(void)pthread_mutex_destroy(&s->lock);
}

/* Options of a new handle. None of them can fail but for TLS. */
static int
set_options(struct conn *c, const struct conn_config *config, struct deadline by,
            struct complaint *why)
{
	int version = LDAP_VERSION3, demand = LDAP_OPT_X_TLS_DEMAND, client = 0;
	struct timeval patience = conn_patience(config, by);

	(void)ldap_set_option(c->ld, LDAP_OPT_PROTOCOL_VERSION, &version);
	(void)ldap_set_option(c->ld, LDAP_OPT_REFERRALS, LDAP_OPT_OFF);
	(void)ldap_set_option(c->ld, LDAP_OPT_RESTART, LDAP_OPT_ON);
	(void)ldap_set_option(c->ld, LDAP_OPT_NETWORK_TIMEOUT, &patience);
	(void)ldap_set_option(c->ld, LDAP_OPT_TIMEOUT, &patience);
	if (strncmp(c->uri, "ldaps:", 6) != 0 && !config->starttls)
		return 0;
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

/* Waits for the one result of a request. The caller frees *message_r. */
static int
wait_result(struct conn *c, int id, struct timeval patience, LDAPMessage **message_r,
            struct complaint *why, const char *doing)
{
	int type = ldap_result(c->ld, id, LDAP_MSG_ALL, &patience, message_r), code;

	if (type == 0) {
		(void)ldap_abandon_ext(c->ld, id, NULL, NULL);
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

/* Whether an entry's attribute holds the value. */
static bool
entry_has(LDAP *ld, LDAPMessage *entry, const char *attribute, const char *value)
{
	struct berval **values = ldap_get_values_len(ld, entry, attribute);
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
	static char control[] = "supportedControl", class[] = "objectClass";
	char *attributes[] = { control, class, NULL };
	LDAPMessage *message = NULL, *entry;
	int id, rc = ldap_search_ext(c->ld, "", LDAP_SCOPE_BASE, "(objectClass=*)", attributes, 0, NULL,
	                             NULL, NULL, 0, &id);

	if (rc != LDAP_SUCCESS)
		return conn_complain(c, rc, why, "rootDSE");
	if (wait_result(c, id, patience, &message, why, "rootDSE") < 0)
		return -1;
	entry = ldap_first_entry(c->ld, message);
	if (entry != NULL) {
		c->can.paged = entry_has(c->ld, entry, "supportedControl", LDAP_CONTROL_PAGEDRESULTS);
		c->can.deref = entry_has(c->ld, entry, "supportedControl", LDAP_CONTROL_X_DEREF);
		c->can.names_missing = entry_has(c->ld, entry, "objectClass", "OpenLDAProotDSE");
	}
	ldap_msgfree(message);
	return 0;
}

static struct conn *
conn_open(const struct conn_config *config, const char *uri, struct deadline by,
          struct complaint *why)
{
	struct deadline own = deadline_earlier(by, deadline_in(config->connect_timeout));
	struct timeval patience = conn_patience(config, own);
	struct conn *c = mem_new(sizeof(*c));
	int rc;

	c->uri = uri;
	rc = ldap_initialize(&c->ld, uri);
	if (rc != LDAP_SUCCESS) {
		(void)complain(why, "%s: %s", uri, ldap_err2string(rc));
		free(c);
		return NULL;
	}
	if (set_options(c, config, own, why) < 0 ||
	    (config->starttls && start_tls(c, patience, why) < 0) ||
	    bind_as_told(c, config, patience, why) < 0 || read_root(c, patience, why) < 0)
		conn_close(&c);
	return c;
}

/* Whether an idle connection is still good: nothing has come on it, not even its end. */
static bool
is_quiet(const struct conn *c)
{
	struct pollfd p = { .events = POLLIN };

	return ldap_get_option(c->ld, LDAP_OPT_DESC, &p.fd) == LDAP_OPT_SUCCESS && p.fd >= 0 &&
	       poll(&p, 1, 0) == 0;
}

/* The youngest idle connection that is good, or NULL. Old and broken ones are closed on the way. */
static struct conn *
take_idle(struct server *s)
{
	struct conn *c;

	for (;;) {
		(void)pthread_mutex_lock(&s->lock);
		c = s->idle;
		if (c != NULL)
			s->idle = c->next;
		(void)pthread_mutex_unlock(&s->lock);
		if (c == NULL ||
		    (clock_ticks() - c->last_used < s->config->idle && is_quiet(c)))
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

	if (c != NULL)
		return c;
	(void)pthread_mutex_lock(&s->lock);
	if (clock_ticks() >= s->first_after)
		s->preferred = 0;
	first = s->preferred;
	(void)pthread_mutex_unlock(&s->lock);
	(void)complain(why, "no time to connect");
	for (size_t i = 0; i < config->uri.count && c == NULL && !deadline_passed(by); i++) {
		size_t which = (first + i) % config->uri.count;

		c = conn_open(config, config->uri.items[which], by, why);
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

void
conn_give(struct server *s, struct conn **conn, bool healthy)
{
	struct conn *c = *conn;

	*conn = NULL;
	if (c == NULL)
		return;
	if (!healthy) {
		conn_close(&c);
		return;
	}
	c->last_used = clock_ticks();
	(void)pthread_mutex_lock(&s->lock);
	c->next = s->idle;
	s->idle = c;
	(void)pthread_mutex_unlock(&s->lock);
}
