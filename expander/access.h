/* How the MTAs are spoken to: TLS, and who we are. */
#ifndef EXPANDER_ACCESS_H
#define EXPANDER_ACCESS_H

#include "base/tls.h"
#include "expander/settings.h"

enum tls_mode { TLS_NEVER, TLS_OPPORTUNISTIC, TLS_REQUIRED };   /* as outbound.tls */

struct access {
	enum tls_mode mode;
	struct tls_client *tls;           /* NULL: never */
	const char *name;                 /* in their certificates; NULL: that of the host. Borrowed */
	const char *user;                 /* NULL: no AUTH. Borrowed */
	char *password;
};

/* Borrows from the settings. -1 with a complaint; access_close() in any case. */
int access_open(struct access *, const struct outbound_settings *, struct complaint *);
void access_close(struct access *);

#endif
