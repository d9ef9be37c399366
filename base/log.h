/*
 * The log: one line per event, `event key=value key="value with spaces"`, to syslog (facility
 * mail), to standard error or to a file. Values may be anything a client sent: what is not
 * printable is escaped here, and a value cannot look like two fields. Any thread may log; a line is
 * one write.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/bytes.h"
#include "base/complaint.h"

#include <stdint.h>
#include <sys/types.h>

enum log_level { LEVEL_DEBUG, LEVEL_INFO, LEVEL_WARN, LEVEL_ERROR };

/* The words of the levels in configuration, NULL at the end. */
extern const char *const log_level_words[];

/*
 * Opens the log of this process: `to` is "syslog", "stderr" or "file:/path". Until then lines go
 * to standard error. May be called again, with the same or another place: the old one stays where
 * the new one cannot be opened.
 */
int log_open(const char *program, const char *to, enum log_level from, struct complaint *why);

/*
 * Makes this user the owner of a log file, so that it can be opened again after root is given up.
 */
int log_give(uid_t, gid_t, struct complaint *why);

/* A line of fields. Zero or more log_...() calls between begin and end, from one thread. */
struct log_line {
	enum log_level level;
	struct bytes text;
};

void log_begin(struct log_line *, enum log_level, const char *event);
void log_text(struct log_line *, const char *key, const char *value);   /* nothing for NULL */
void log_number(struct log_line *, const char *key, int64_t value);
void log_ms(struct log_line *, const char *key, int64_t microseconds);  /* as 12.3 */
void log_end(struct log_line *);

/* A line of words, `event: words`. */
void log_say(enum log_level, const char *event, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The last words of a program: to the log, and to standard error where that is another place. */
void log_fatal(const char *program, const char *words);

/*
 * What a process says that cannot go on, not even allocate: to its log, and to stderr. Takes no lock.
 */
void log_last_words(const char *words);

#endif
