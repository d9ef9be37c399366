/*
 * What the measuring programs share: a connection that waits, lists of addresses, a message to
 * send, time. Whatever goes wrong ends the program, since a figure that something went wrong under
 * is none.
 */
#ifndef BENCH_COMMON_H
#define BENCH_COMMON_H

#include "base/bytes.h"
#include "base/text.h"

#include <stddef.h>
#include <stdint.h>

_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A whole number from the command line. */
size_t number(const char *text);

/*
 * Microseconds of the wall clock: what several programs, and the lines of a log, can be compared
 * by.
 */
int64_t now_us(void);

/* A connection, blocking. Endpoints are written "unix:/path" or "inet:host:port". */
struct line_reader {
	int fd;
	struct bytes in;
	size_t at;                        /* of `in`: what was read */
};

void reader_open(struct line_reader *, int fd);
void reader_connect(struct line_reader *, const char *endpoint);
void reader_close(struct line_reader *);

/* The next line without its end, valid until the next call; NULL at the end. */
const char *reader_line(struct line_reader *, size_t *length);

/* Whether a whole line is here already. */
bool reader_has_line(const struct line_reader *);

/* The code of the next reply; `text`, if not NULL, becomes its last line. */
int reader_reply(struct line_reader *, struct bytes *text);

/* False when the connection is gone; send_all() ends the program then. */
bool try_send(int fd, const char *from, size_t length);
void send_all(int fd, const char *from, size_t length);

/* A socket that listens, for anybody. */
int listen_at(const char *endpoint);

/* The lines of a file. */
void read_lines(const char *file, struct text_list *);

/* A message of about `size` bytes, with CRLF and the final dot; no two are the same. */
void message_print(struct bytes *, const char *from, const char *to, size_t size, uint64_t number);

#endif
