/* Stamps (mail/stamp.h) and the site's keys: how one becomes the value of a field, and is read again. */
#ifndef POLICIES_STAMPS_H
#define POLICIES_STAMPS_H

#include "base/keys.h"
#include "mail/stamp.h"

/* Adds the field's value. False, and nothing is added, where it would be longer than a field may be. */
bool stamps_seal(struct keys *, const struct stamp *, struct bytes *value);

/*
 * STAMP_VALID with the stamp, which is the caller's to free: we have made it, for whatever message. Else
 * STAMP_DAMAGED, STAMP_FOREIGN or STAMP_FORGED, and it is empty. May read the directory of keys.
 */
enum stamp_state stamps_open(struct keys *, const struct field *, struct stamp *);

#endif
