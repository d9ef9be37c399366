/*
 * Waiting for what a directory says: no longer than somebody waits for it. What is given up is abandoned
 * (RFC 4511 section 4.11), so that the connection can be used on, and the server can stop working.
 */
#include "base/net.h"
#include "sources/ldap_conn.h"

#include <poll.h>

/* Whether something was read that libldap has not heard yet. */
static bool
has_read(const struct conn *c)
{
	Sockbuf *sb = NULL;

	return ldap_get_option(c->ld, LDAP_OPT_SOCKBUF, &sb) == LDAP_OPT_SUCCESS && sb != NULL &&
	       ber_sockbuf_ctrl(sb, LBER_SB_OPT_DATA_READY, NULL) == 1;
}

/* -1: it has none any more. */
static int
socket_of(const struct conn *c)
{
	int fd;

	return ldap_get_option(c->ld, LDAP_OPT_DESC, &fd) == LDAP_OPT_SUCCESS ? fd : -1;
}

static bool
may_hear(const struct conn *c, struct deadline by)
{
	return has_read(c) || net_wait(socket_of(c), POLLIN, by) == WAITED_READY;
}

int
conn_result(struct conn *c, int id, int all, struct deadline by, LDAPMessage **message_r)
{
	struct deadline own = deadline_earlier(by, deadline_in(c->config->timeout));
	struct timeval at_once = { 0 };
	int64_t began = clock_ticks();
	int type;

	do
		type = ldap_result(c->ld, id, all, &at_once, message_r);
	while (type == 0 && may_hear(c, own));
	if (type != 0) {
		c->silent = 0;
		return type;
	}
	*message_r = NULL;
	c->silent += clock_ticks() - began;
	c->given_up = true;
	if (id != LDAP_RES_ANY)
		conn_abandon(c, id);
	return 0;
}

void
conn_abandon(struct conn *c, int id)
{
	(void)ldap_abandon_ext(c->ld, id, NULL, NULL);
}

bool
conn_is_quiet(struct conn *c)
{
	enum { MOST = 100 };
	struct timeval at_once = { 0 };
	LDAPMessage *message = NULL;

	for (int i = 0; socket_of(c) >= 0 && may_hear(c, deadline_in(0)); i++)
		if (!c->given_up || i == MOST ||
		    ldap_result(c->ld, LDAP_RES_ANY, LDAP_MSG_ONE, &at_once, &message) != 0) {
			ldap_msgfree(message);
			return false;
		}
	return socket_of(c) >= 0;
}

int
conn_search(struct conn *c, const char *base, int scope, const char *filter, char **attributes, int most,
            struct deadline by, LDAPMessage **message_r)
{
	struct timeval patience = conn_patience(c->config, by);
	int id, type, code, rc = ldap_search_ext(c->ld, base, scope, filter, attributes, 0, NULL, NULL,
	                                         &patience, most, &id);

	*message_r = NULL;
	if (rc != LDAP_SUCCESS)
		return rc;
	type = conn_result(c, id, LDAP_MSG_ALL, by, message_r);
	if (type == 0)
		return LDAP_TIMEOUT;
	if (type < 0)
		return LDAP_SERVER_DOWN;
	rc = ldap_parse_result(c->ld, *message_r, &code, NULL, NULL, NULL, NULL, 0);
	return rc == LDAP_SUCCESS ? code : rc;
}

bool
conn_wait(struct conn *c, int id, struct deadline by, LDAPMessage **message_r, struct complaint *why,
          const char *doing)
{
	int type = conn_result(c, id, LDAP_MSG_ALL, by, message_r), code = LDAP_SUCCESS;

	if (type == 0) {
		(void)complain(why, "%s: %s: no answer in time", c->uri, doing);
		return false;
	}
	if (type > 0 &&
	    ldap_parse_result(c->ld, *message_r, &code, NULL, NULL, NULL, NULL, 0) != LDAP_SUCCESS)
		code = LDAP_DECODING_ERROR;
	if (type > 0 && (code == LDAP_SUCCESS || code == LDAP_NO_SUCH_OBJECT)) {
		LDAPMessage *r = ldap_first_reference(c->ld, *message_r);

		while (r != NULL && !conn_refers(c, r, by))
			r = ldap_next_reference(c->ld, r);
		if (r == NULL)
			return true;
		(void)complain(why, "%s: %s: the server refers to another", c->uri, doing);
	} else {
		(void)conn_complain(c, code, why, doing);
	}
	if (type > 0)
		ldap_msgfree(*message_r);
	*message_r = NULL;
	return false;
}
