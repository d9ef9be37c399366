/* Buffered reading and writing of a socket. */
#include "base/stream.h"

#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PIECE = 65536 };

static enum stream_result
wait_for(struct stream *s, short events)
{
	struct pollfd p = { .fd = s->fd, .events = events };
	struct deadline by = deadline_in(s->timeout);
	int n;

	do {
		n = poll(&p, 1, (int)deadline_left(by));
	} while (n < 0 && errno == EINTR);
	if (n == 0)
		return STREAM_TIMEOUT;
	return n < 0 ? STREAM_CLOSED : STREAM_OK;
}

static enum stream_result
fill(struct stream *s)
{
	enum stream_result r;
	ssize_t n;

	if (s->at > 0) {
		bytes_consume(&s->in, s->at);
		s->at = 0;
	}
	for (;;) {
		char *room = bytes_room(&s->in, PIECE);

		n = recv(s->fd, room, PIECE, MSG_DONTWAIT);
		if (n > 0) {
			s->in.length += (size_t)n;
			s->in.data[s->in.length] = '\0';
			return STREAM_OK;
		}
		if (n == 0)
			return STREAM_CLOSED;
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return STREAM_CLOSED;
		r = wait_for(s, POLLIN);
		if (r != STREAM_OK)
			return r;
	}
}

enum stream_result
stream_line(struct stream *s, size_t limit, const char **line, size_t *length)
{
	size_t searched = 0;

	for (;;) {
		size_t have = s->in.length - s->at;
		const char *from = s->in.data + s->at;
		const char *lf = have > searched ? memchr(from + searched, '\n', have - searched) : NULL;
		enum stream_result r;

		if (lf != NULL && (size_t)(lf - from) < limit) {
			*line = from;
			*length = (size_t)(lf - from) + 1;
			s->at += *length;
			return STREAM_OK;
		}
		if (lf != NULL || have >= limit)
			return STREAM_TOO_LONG;
		searched = have;
		r = fill(s);
		if (r != STREAM_OK)
			return r;
	}
}

enum stream_result
stream_some(struct stream *s, const char **data, size_t *length)
{
	enum stream_result r;

	if (s->in.length == s->at) {
		r = fill(s);
		if (r != STREAM_OK)
			return r;
	}
	*data = s->in.data + s->at;
	*length = s->in.length - s->at;
	return STREAM_OK;
}

void
stream_used(struct stream *s, size_t length)
{
	s->at += length;
}

bool
stream_has_input(const struct stream *s)
{
	return s->in.length > s->at;
}

enum stream_result
stream_flush(struct stream *s)
{
	size_t done = 0;
	enum stream_result r = STREAM_OK;

	while (done < s->out.length && r == STREAM_OK) {
		ssize_t n = send(s->fd, s->out.data + done, s->out.length - done,
		                 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n >= 0)
			done += (size_t)n;
		else if (errno == EAGAIN)
			r = wait_for(s, POLLOUT);
		else if (errno != EINTR)
			r = STREAM_CLOSED;
	}
	bytes_clear(&s->out);
	return r;
}

void
stream_free(struct stream *s)
{
	bytes_free(&s->in);
	bytes_free(&s->out);
}
