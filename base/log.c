/* The log. The hard thing is that its values come from strangers. */
#include "base/log.h"

#include "base/clock.h"
#include "base/mem.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

const char *const log_level_words[] = { "debug", "info", "warn", "error", NULL };

enum { STAMP = 40 };

static const int priorities[] = { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERR };

/* Written under the lock, which writers of lines take as well: lines are few and short. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char *name;
static int out = STDERR_FILENO;
static bool to_syslog;
static atomic_int least = LEVEL_INFO;

int
log_open(const char *program, const char *to, enum log_level from, struct complaint *why)
{
	int fd = STDERR_FILENO;
	bool syslogging = strcmp(to, "syslog") == 0;

	if (strncmp(to, "file:", 5) == 0) {
		fd = open(to + 5, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
		if (fd < 0)
			return complain_errno(why, "cannot open the log %s", to + 5);
	} else if (!syslogging && strcmp(to, "stderr") != 0) {
		return complain(why, "\"%s\" is no place for a log: syslog, stderr or file:/path",
		                to);
	}
	(void)pthread_mutex_lock(&lock);
	if (out > STDERR_FILENO)
		(void)close(out);
	out = fd;
	free(name);
	name = mem_text(program);
	if (to_syslog)
		closelog();
	to_syslog = syslogging;
	if (syslogging)
		openlog(name, LOG_PID | LOG_NDELAY, LOG_MAIL);
	(void)pthread_mutex_unlock(&lock);
	atomic_store(&least, (int)from);
	return 0;
}

int
log_give(uid_t user, gid_t group, struct complaint *why)
{
	int rc;

	(void)pthread_mutex_lock(&lock);
	rc = out > STDERR_FILENO ? fchown(out, user, group) : 0;
	(void)pthread_mutex_unlock(&lock);
	return rc == 0 ? 0 : complain_errno(why, "cannot give the log to its user");
}

/* 2026-11-22T02:00:02.123Z */
static void
print_time(char stamp[STAMP])
{
	int64_t ms = clock_wall();
	time_t now = (time_t)(ms / 1000);
	struct tm tm;
	size_t used;

	(void)gmtime_r(&now, &tm);
	used = strftime(stamp, STAMP, "%Y-%m-%dT%H:%M:%S", &tm);
	(void)snprintf(stamp + used, STAMP - used, ".%03dZ", (int)(ms % 1000));
}

static void
emit(enum log_level level, const struct bytes *text)
{
	struct bytes line = { 0 };
	char stamp[STAMP];
	ssize_t unused;

	print_time(stamp);
	(void)pthread_mutex_lock(&lock);
	if (to_syslog) {
		syslog(priorities[level], "%s", bytes_text(text));
	} else {
		bytes_format(&line, "%s %s[%d]: %s: %s\n", stamp, name == NULL ? "rollcall" : name,
		             (int)getpid(), log_level_words[level], bytes_text(text));
		unused = write(out, line.data, line.length);   /* nowhere to say that it failed */
		(void)unused;
	}
	(void)pthread_mutex_unlock(&lock);
	bytes_free(&line);
}

void
log_begin(struct log_line *l, enum log_level level, const char *event)
{
	l->level = level;
	l->text = (struct bytes){ 0 };
	bytes_add_text(&l->text, event);
}

void
log_text(struct log_line *l, const char *key, const char *value)
{
	bool plain;

	if (value == NULL)
		return;
	plain = *value != '\0' && strpbrk(value, " \"=\\\t\r\n") == NULL;
	bytes_format(&l->text, plain ? " %s=" : " %s=\"", key);
	bytes_add_printable(&l->text, value, "\"\\");
	if (!plain)
		bytes_add_char(&l->text, '"');
}

void
log_number(struct log_line *l, const char *key, int64_t value)
{
	bytes_format(&l->text, " %s=%lld", key, (long long)value);
}

void
log_ms(struct log_line *l, const char *key, int64_t microseconds)
{
	bytes_format(&l->text, " %s=%lld.%lld", key, (long long)(microseconds / 1000),
	             (long long)(microseconds % 1000 / 100));
}

void
log_end(struct log_line *l)
{
	if ((int)l->level >= atomic_load(&least))
		emit(l->level, &l->text);
	bytes_free(&l->text);
}

void
log_say(enum log_level level, const char *event, const char *format, ...)
{
	struct bytes text = { 0 };
	va_list args;
	char *made = NULL;

	if ((int)level < atomic_load(&least))
		return;
	va_start(args, format);
	if (vasprintf(&made, format, args) < 0)
		made = NULL;
	va_end(args);
	bytes_format(&text, "%s: ", event);
	bytes_add_printable(&text, made == NULL ? format : made, "");
	emit(level, &text);
	free(made);
	bytes_free(&text);
}

void
log_fatal(const char *program, const char *words)
{
	bool elsewhere;

	(void)pthread_mutex_lock(&lock);
	elsewhere = to_syslog || out > STDERR_FILENO;
	(void)pthread_mutex_unlock(&lock);
	if (elsewhere)
		log_say(LEVEL_ERROR, "fatal", "%s", words);
	(void)fprintf(stderr, "%s: %s\n", program, words);
}

void
log_last_words(const char *words)
{
	char stamp[STAMP], line[256];
	ssize_t unused;
	int n;

	print_time(stamp);
	n = snprintf(line, sizeof(line), "%s %s[%d]: error: fatal: %s\n", stamp,
	             name == NULL ? "rollcall" : name, (int)getpid(), words);
	unused = write(STDERR_FILENO, line, (size_t)n);
	(void)unused;                     /* nowhere to say that it failed */
	if (to_syslog) {
		syslog(LOG_ERR, "fatal: %s", words);
	} else if (out > STDERR_FILENO) {
		unused = write(out, line, (size_t)n);
		(void)unused;
	}
}
