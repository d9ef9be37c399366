/* Every reply that rollcall gives, in one place. */
#include "mail/reply.h"

#include <stdio.h>

static const struct reply replies[REPLY_COUNT] = {
	[REPLY_NONE] = { 0, "", "" },
	[REPLY_GREETING] = { 220, "", "LMTP rollcall" },
	[REPLY_BYE] = { 221, "2.0.0", "bye" },
	[REPLY_OK] = { 250, "2.0.0", "ok" },
	[REPLY_SENDER_OK] = { 250, "2.1.0", "sender ok" },
	[REPLY_RCPT_OK] = { 250, "2.1.5", "recipient ok" },
	[REPLY_GO_AHEAD] = { 354, "", "end with <CR><LF>.<CR><LF>" },
	[REPLY_ACCEPTED] = { 250, "2.0.0", "taken for the list as" },
	[REPLY_DROPPED] = { 250, "2.0.0", "taken, and not sent to the list" },
	[REPLY_UNSURE] = { 451, "4.4.3", "the directory does not answer, try again later" },
	[REPLY_BUSY] = { 451, "4.3.2", "too busy, try again later" },
	[REPLY_SHUTDOWN] = { 421, "4.3.2", "closing, try again later" },
	[REPLY_DRAINING] = { 451, "4.3.2", "no mail for lists is taken now, try again later" },
	[REPLY_NO_SPACE] = { 452, "4.3.1", "no room to store the message, try again later" },
	[REPLY_LOCAL_ERROR] = { 451, "4.3.0", "local error, try again later" },
	[REPLY_TOO_MANY_RCPTS] = { 452, "4.5.3", "too many recipients" },
	[REPLY_TOO_SLOW] = { 421, "4.4.2", "waited too long" },
	[REPLY_BAD_COMMAND] = { 500, "5.5.1", "unknown command" },
	[REPLY_LINE_TOO_LONG] = { 500, "5.5.2", "line too long" },
	[REPLY_BARE_LF_COMMAND] = { 500, "5.5.2", "lines end in <CR><LF>" },
	[REPLY_BAD_SYNTAX] = { 501, "5.5.4", "syntax error" },
	[REPLY_BAD_PARAMETER] = { 555, "5.5.4", "unknown or malformed parameter" },
	[REPLY_BAD_SEQUENCE] = { 503, "5.5.1", "not in this order" },
	[REPLY_BAD_RCPT] = { 501, "5.1.3", "malformed recipient address" },
	[REPLY_NOT_OURS] = { 550, "5.1.2", "no lists in this domain" },
	[REPLY_NO_SUCH_LIST] = { 550, "5.1.1", "no such list" },
	[REPLY_NO_SUCH_ROLE] = { 550, "5.1.1", "the list has no such address" },
	[REPLY_RECEIPT] = { 550, "5.1.1", "noted; nothing is delivered to this address" },
	[REPLY_LIST_PAUSED] = { 450, "4.2.1", "the list takes no posts now, try again later" },
	[REPLY_LIST_CLOSED] = { 550, "5.2.1", "the list is closed" },
	[REPLY_MAY_NOT_POST] = { 550, "5.7.1", "you may not post to this list" },
	[REPLY_ONLY_REPORTS] = { 550, "5.7.1", "this address takes delivery reports only" },
	[REPLY_NO_REPORTS] = { 550, "5.7.1", "the list takes no mail with an empty sender" },
	[REPLY_AUTOMATIC] = { 550, "5.7.1", "the list takes no automatic replies" },
	[REPLY_LOOP] = { 554, "5.4.6", "this message has been through the list already" },
	[REPLY_TOO_BIG] = { 552, "5.3.4", "the message is too big" },
	[REPLY_HEADER_TOO_BIG] = { 552, "5.3.4", "the message header is too big" },
	[REPLY_BARE_NEWLINE] = { 554, "5.6.0", "the message holds a CR or LF alone" },
	[REPLY_NO_RCPTS] = { 503, "5.5.1", "no valid recipients" },
	[REPLY_TOO_MANY_ERRORS] = { 421, "4.7.0", "too many errors" },
	[REPLY_SPLIT] = { 452, "4.5.3", "send this recipient by itself" },
	[REPLY_LATER] = { 451, "4.7.1", "the message cannot be checked now, try again later" },
	[REPLY_UNCHECKED] = { 550, "5.7.1", "the message could not be checked" },
	[REPLY_TOO_MANY_TO] = { 550, "5.5.3", "too many recipients for a message to this list" },
	[REPLY_NOT_NAMED] = { 550, "5.7.1", "the list is named neither in To nor in Cc" },
	[REPLY_HEADER_MATCH] = { 550, "5.7.1", "the list takes no messages with such a header" },
	[REPLY_LACKS_FIELD] = { 550, "5.7.1", "the message lacks a subject, or another field it needs" },
	[REPLY_NEED_TLS] = { 550, "5.7.10", "the list takes mail over encrypted connections only" },
	[REPLY_RATE] = { 550, "5.7.1", "too many posts; wait before you post again" },
	[REPLY_PROGRAM] = { 550, "5.7.1", "the list does not take this message" },
	[REPLY_CONTENT] = { 550, "5.7.1", "the list does not take such attachments or content types" },
	[REPLY_UNSIGNED] = { 550, "5.7.20", "the message has no valid DKIM signature" },
	[REPLY_NOT_THE_AUTHORS] = { 550, "5.7.22", "no valid DKIM signature is of From's domain" },
	[REPLY_DMARC] = { 550, "5.7.26", "From's domain forbids messages that are not proven to be its own" },
	[REPLY_NO_NAME] = { 550, "5.7.25", "your address has no name that leads back to it" },
	[REPLY_NEED_PROOF] = { 550, "5.7.1", "authenticate to post to this list" },
};

const struct reply *
reply_of(enum reply_id id)
{
	return &replies[id];
}

const char *
reply_label(size_t id)
{
	static _Thread_local char text[16];
	const struct reply *r = &replies[id];

	if (r->code == 0)
		return "";
	(void)snprintf(text, sizeof(text), "%d%s%s", r->code, *r->enhanced == '\0' ? "" : " ",
	               r->enhanced);
	return text;
}
