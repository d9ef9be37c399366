/*
 * The milter as configured at one moment. A reload makes another; a session keeps the one it began
 * with until it ends.
 */
#ifndef MILTER_SERVICE_H
#define MILTER_SERVICE_H

#include "milter/ask.h"

struct service {
	atomic_int references;
	struct site *site;
	struct milter_settings settings;
	struct socketmap_settings socketmap;
	struct networks *networks;        /* that may connect to the socketmap */
	struct gates *gates;
	struct keys *keys;                /* see service_prepare() */
};

/* NULL with a complaint. With `strict`, a source that cannot be opened is an error, too. */
struct service *service_load(const char *file, bool strict, struct complaint *);

/* What only the user it runs as can do: opens the keys. */
int service_prepare(struct service *, struct complaint *);

/* Makes it the one that service_current() gives a reference to; takes over the caller's. */
void service_install(struct service *);
struct service *service_current(void);
void service_drop(struct service **);

#endif
