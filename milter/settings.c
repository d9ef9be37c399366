/* The milter's parts of the configuration. */
#include "milter/settings.h"

#include "base/net.h"

#include <string.h>

#define FIELD(f) offsetof(struct milter_settings, f)
#define MAP(f) offsetof(struct socketmap_settings, f)

static const char *const mixed_words[] = { [MILTER_BY_PROOF] = "by-proof", [MILTER_SPLIT] = "split",
	                                   [MILTER_REFUSE_ALL] = "refuse-all",
	                                   [MILTER_BOUNCE] = "bounce", NULL };

/* One line of what the MTA reads. */
static int
check_transport(const char *text, struct complaint *why)
{
	enum { LONGEST = 500 };

	for (const char *p = text; *p != '\0'; p++)
		if (*p <= ' ' || *p > '~')
			return complain(why, "\"%s\" is no transport: it has blanks, or what is not ASCII",
			                text);
	if (*text == '\0' || strlen(text) > LONGEST)
		return complain(why, "a transport has 1 to %d bytes", LONGEST);
	return 0;
}

const struct setting milter_setting_rows[] = {
	{ .name = "listen", .kind = KIND_TEXT, .offset = FIELD(listen),
	  .fallback = "unix:/run/rollcall/milter.sock", .flags = SETTING_RESTART,
	  .check = endpoint_check,
	  .help = "Where the MTA connects: unix:/path or inet:host:port. A port answers whoever reaches "
	          "it: let a firewall see to it that only the MTA does." },
	{ .name = "group", .kind = KIND_TEXT, .offset = FIELD(group), .flags = SETTING_RESTART,
	  .help = "The group that may use a unix socket, usually that of the MTA. Without it only the "
	          "user the milter runs as, and root." },
	{ .name = "deadline", .kind = KIND_TIME, .offset = FIELD(deadline), .fallback = "2s",
	  .min = "50ms", .max = "25s",
	  .help = "How long one recipient may wait for the directory and for checks before it is answered "
	          "451; and how long DATA may. Postfix gives up on a milter after 30 seconds." },
	{ .name = "content-deadline", .kind = KIND_TIME, .offset = FIELD(content_deadline),
	  .fallback = "10s", .min = "50ms", .max = "4m",
	  .help = "How long the end of a message may wait for checks. Postfix gives up after 5 minutes, "
	          "sendmail after the time R of its filter." },
	{ .name = "mixed", .kind = KIND_WORD, .offset = FIELD(mixed), .fallback = "by-proof",
	  .words = mixed_words,
	  .help = "What becomes of a message that some of its recipients would take and some would not, "
	          "since the end of a message has one reply for all. split: at RCPT, a recipient that is "
	          "checked otherwise than those before is answered 452, so that the client sends it by "
	          "itself. refuse-all: it is refused, and the reply names the lists. bounce: it goes on, "
	          "and the MTA returns what is refused to the sender; to one that is not proven (by SASL "
	          "login or network) nothing is returned, and this is split. by-proof: refuse-all for "
	          "proven senders, split for others." },
	{ .name = "max-waiting", .kind = KIND_NUMBER, .offset = FIELD(max_waiting), .fallback = "50",
	  .min = "1", .max = "10000",
	  .help = "How many recipients may wait for a directory at the same time. Further ones whose "
	          "list is not in memory are answered 451 at once." },
	{ .name = "breaker", .kind = KIND_NUMBER, .offset = FIELD(breaker), .fallback = "5",
	  .min = "1", .max = "1000",
	  .help = "After so many time-outs in a row nobody waits for the directory any more: answers "
	          "come from memory, or are 451, until it answers again." },
	{ .name = "probe", .kind = KIND_TIME, .offset = FIELD(probe), .fallback = "1s",
	  .min = "10ms", .max = "5m",
	  .help = "How often a directory that does not answer is asked again meanwhile." },
	{ .kind = KIND_END },
};

const struct setting socketmap_setting_rows[] = {
	{ .name = "listen", .kind = KIND_TEXT, .offset = MAP(listen), .flags = SETTING_RESTART,
	  .check = endpoint_check,
	  .help = "Where the MTA asks which addresses are lists: unix:/path or inet:host:port. Without it "
	          "nobody can ask." },
	{ .name = "group", .kind = KIND_TEXT, .offset = MAP(group), .flags = SETTING_RESTART,
	  .help = "The group that may use a unix socket, usually that of the MTA. Without it only the "
	          "user the milter runs as, and root." },
	{ .name = "networks", .kind = KIND_TEXTS, .offset = MAP(networks),
	  .fallback = "127.0.0.0/8, ::1", .check = network_check,
	  .help = "Networks that may connect over TCP: those of the MTA. Whoever can connect can learn "
	          "which lists there are." },
	{ .name = "transport", .kind = KIND_TEXT, .offset = MAP(transport),
	  .fallback = "rollcall:unix:rollcall/lmtp.sock", .check = check_transport,
	  .help = "What the map transport answers for a list: how the MTA reaches rollcall-expander." },
	{ .name = "connections", .kind = KIND_NUMBER, .offset = MAP(connections), .fallback = "500",
	  .min = "1", .max = "10000",
	  .help = "Connections at the same time. The one that has been silent longest makes way for a "
	          "further one." },
	{ .name = "timeout", .kind = KIND_TIME, .offset = MAP(timeout), .fallback = "5m",
	  .min = "1s", .max = "1d", .help = "How long a connection may be silent." },
	{ .kind = KIND_END },
};
