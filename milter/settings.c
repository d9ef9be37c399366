/* The milter's part of the configuration. */
#include "milter/settings.h"

#include "base/net.h"

#define FIELD(f) offsetof(struct milter_settings, f)

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
	  .help = "How long one recipient may wait for the directory before it is answered 451. Postfix "
	          "gives up on a milter after 30 seconds." },
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
