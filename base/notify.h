/*
 * What systemd is told of a daemon whose unit has Type=notify. Where nobody asked for it, which is
 * wherever NOTIFY_SOCKET is not set, all of it is nothing. Any thread.
 */
#ifndef BASE_NOTIFY_H
#define BASE_NOTIFY_H

#include <stdint.h>

/* It works; again after a reload. */
void notify_ready(void);
void notify_reloading(void);
void notify_stopping(void);

/* The watchdog: how often to say that the daemon lives, in ms; 0: never, since nobody waits for it. */
int64_t notify_every(void);
void notify_alive(void);

#endif
