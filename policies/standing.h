/* What a running daemon knows of the servers of its sources, for whoever asks it. */
#ifndef POLICIES_STANDING_H
#define POLICIES_STANDING_H

#include "base/json.h"
#include "policies/site.h"

/*
 * Adds "sources": of each that has servers to tell of its "source" and "servers": "server", "connections"
 * that are open, "connected_ms" when the last one was made, "technique" and "read_ms" of the last reading
 * of members that was whole, "error" and "failed_ms" of the last that was not, or of the connection.
 * Times are milliseconds since 1970; what there was not yet is not there.
 */
void standing_describe(const struct site *, struct js *answer);

#endif
