/*
 * Programs of the site, in a directory of theirs: all its executables, in the order of their names.
 * Passed over are names that begin with a dot or end with ~, and whatever is no file that somebody
 * may execute. Nobody but root and the user of the daemons may be able to change the directory or a
 * program: what belongs to another, or can be written to by its group or by all, is refused.
 */
#ifndef BASE_PROGRAMS_H
#define BASE_PROGRAMS_H

#include "base/complaint.h"
#include "base/text.h"

/*
 * Their names; the caller frees the list. -1, with nothing to free: there is none, one may be
 * anybody's, or it cannot be known. Any thread.
 */
int programs_list(const char *path, struct text_list *names, struct complaint *);

/* Whether one, by its path, may be run in the same way. -1: it may not, or cannot be. Any thread. */
int programs_check(const char *path, struct complaint *);

/*
 * Says as whom the daemons run, for a process that root started and that is not yet, or never will
 * be, that user: NULL or "": as root. Any thread.
 */
void programs_trust(const char *user);

#endif
