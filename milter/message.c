/* The content of a message. */
#include "milter/message.h"

#include "base/file.h"
#include "base/log.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { BEGINNING = 32768 };               /* bytes of a body that are kept */

void
message_reset(struct message *m)
{
	struct bytes header = m->header;

	bytes_free(&m->beginning);
	if (m->filed && m->file >= 0)
		(void)close(m->file);
	bytes_clear(&header);
	*m = (struct message){ .header = header };
}

void
message_free(struct message *m)
{
	message_reset(m);
	bytes_free(&m->header);
}

void
message_keep(struct message *m, const struct limits *limits, const char *directory)
{
	if (m->filed)
		return;
	m->filed = true;
	m->file = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	m->lost = m->file < 0;
	m->most = limits->message;
}

void
message_keep_beginning(struct message *m)
{
	m->kept = true;
}

static void
write_down(struct message *m, const void *bytes, size_t length)
{
	struct complaint why;

	if (!m->lost && m->size <= m->most && file_write(m->file, bytes, length, "a message", &why) < 0) {
		log_say(LEVEL_ERROR, "message", "%s", why.text);
		m->lost = true;
	}
}

void
message_complete(struct message *m)
{
	if (!m->filed || m->header_written)
		return;
	m->header_written = true;
	write_down(m, bytes_text(&m->header), m->header.length);
	write_down(m, "\r\n", 2);
}

void
message_header(struct message *m, const struct limits *limits, const char *name, const char *value)
{
	size_t before = m->header.length;

	m->size += (int64_t)(strlen(name) + strlen(value)) + 4;
	if (m->size > limits->header)
		m->header_too_big = true;
	if (m->header_too_big)
		return;
	bytes_format(&m->header, "%s: ", name);
	for (; *value != '\0'; value++) {
		if (*value == '\n' &&
		    (m->header.length == before || m->header.data[m->header.length - 1] != '\r'))
			bytes_add_char(&m->header, '\r');
		bytes_add_char(&m->header, *value);
	}
	bytes_add_text(&m->header, "\r\n");
}

void
message_body(struct message *m, const unsigned char *bytes, size_t length)
{
	const unsigned char *end = bytes + length;

	m->size += (int64_t)length;
	if (m->kept && m->beginning.length < BEGINNING) {
		size_t room = BEGINNING - m->beginning.length;

		bytes_add(&m->beginning, bytes, length < room ? length : room);
	}
	if (m->filed) {
		message_complete(m);      /* of which the header is first */
		write_down(m, bytes, length);
	}
	for (const unsigned char *p = bytes; p < end && !m->bare_newline; p++) {
		if (*p != '\r' && *p != '\n') {
			m->bare_newline = m->after_cr;
			m->after_cr = false;
			/* Most bytes are of this kind: skip to the next that is not. */
			while (p + 1 < end && p[1] != '\r' && p[1] != '\n')
				p++;
			continue;
		}
		m->bare_newline = (*p == '\n') != m->after_cr;
		m->after_cr = *p == '\r';
	}
}

struct verdict
message_fault(const struct message *m, const struct limits *limits)
{
	if (m->header_too_big)
		return verdict_reject(REPLY_HEADER_TOO_BIG, "the header is above the limit");
	if (m->size > limits->message)
		return verdict_reject(REPLY_TOO_BIG, "the message is above the limit");
	if (m->bare_newline || m->after_cr)
		return verdict_reject(REPLY_BARE_NEWLINE, "a CR or LF stands alone");
	if (m->lost)
		return verdict_defer(REPLY_NO_SPACE, "the message could not be written to a file");
	return verdict_pass();
}
