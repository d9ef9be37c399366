/* What a daemon does at its start, whatever it is for. */
#ifndef BASE_DAEMON_H
#define BASE_DAEMON_H

#include "base/complaint.h"

#include <stdbool.h>
#include <stdint.h>

/* The exit status for a wrong configuration: to start again would not help (sysexits.h). */
enum { DAEMON_CONFIG = 78 };

/*
 * Ignores SIGPIPE, and blocks SIGTERM, SIGINT, SIGHUP and SIGUSR1 in this thread and those it will
 * start, so that they can be waited for. Sets the umask to 077. Begins with OpenSSL, see
 * cipher_begin().
 */
void daemon_begin(void);

/* Raises the limit of open files to what the system allows. */
void daemon_open_files(void);

/*
 * Whether hardly any file descriptor is left: some dozens, of a limit as it should be. Cheap, from any
 * thread.
 */
bool daemon_files_low(void);

/*
 * Becomes the user with all its groups and gives up root; a log file is given to it first. Nothing
 * for NULL or "", or if it is this user already.
 */
int daemon_become(const char *user, struct complaint *);

/*
 * The next of the signals that daemon_begin() blocked; 0 when none came for so many ms. With 0 it
 * waits for ever.
 */
int daemon_signal(int64_t milliseconds);

#endif
