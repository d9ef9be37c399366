/* Messages of our own. */
#include "mail/notice.h"

#include "mail/date.h"

void
notice_head(const struct notice *n, struct bytes *out)
{
	char date[DATE_SIZE];

	date_format(n->now, date);
	bytes_format(out, "Date: %s\r\n", date);
	bytes_format(out, "From: Mailing lists at %s <MAILER-DAEMON@%s>\r\n", n->hostname, n->hostname);
	bytes_format(out, "To: <%s>\r\n", n->to);
	bytes_format(out, "Subject: %s\r\n", n->subject);
	bytes_format(out, "Message-ID: <%s@%s>\r\n", n->id, n->hostname);
	bytes_add_text(out, "Auto-Submitted: auto-generated\r\n"
	                    "MIME-Version: 1.0\r\n");
	bytes_format(out, "Content-Type: %s\r\nContent-Transfer-Encoding: 8bit\r\n\r\n", n->type);
}

void
notice_add_line(struct bytes *out, const char *text, size_t length)
{
	for (size_t i = 0; i < length && text[i] != '\0'; i++)
		bytes_add_char(out, (unsigned char)text[i] < 0x20 || text[i] == 0x7f ? ' ' : text[i]);
}
