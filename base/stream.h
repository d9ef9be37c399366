/*
 * A connection read by lines or by pieces, with an output buffer. Reads wait for at most `timeout`
 * milliseconds of silence. One thread at a time, except that any thread may end the waiting by
 * shutdown(2) of the descriptor.
 */
#ifndef BASE_STREAM_H
#define BASE_STREAM_H

#include "base/bytes.h"

#include <stdint.h>

struct stream {
	int fd;                           /* owned by whoever opened it */
	int64_t timeout;                  /* milliseconds */
	struct bytes in;
	size_t at;                        /* how much of `in` was used */
	struct bytes out;
};

enum stream_result { STREAM_OK, STREAM_CLOSED, STREAM_TIMEOUT, STREAM_TOO_LONG };

/*
 * The next line up to and including its LF, in place until the next read. STREAM_TOO_LONG when no
 * LF comes within `limit` bytes: nothing is used up then.
 */
enum stream_result stream_line(struct stream *, size_t limit, const char **line, size_t *length);

/* Whatever has come, at least one byte, in place; stream_used() says how much of it was taken. */
enum stream_result stream_some(struct stream *, const char **data, size_t *length);
void stream_used(struct stream *, size_t length);

/* Whether bytes are waiting to be read without touching the socket. */
bool stream_has_input(const struct stream *);

/* Writes `out`, all of it. */
enum stream_result stream_flush(struct stream *);

void stream_free(struct stream *);

#endif
