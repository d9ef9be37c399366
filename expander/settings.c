/* The expander's parts of the configuration. */
#include "expander/settings.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/net.h"
#include "mail/address.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_WEIGHT = 16 };

#define LMTP(f) offsetof(struct lmtp_settings, f)
#define OUT(f) offsetof(struct outbound_settings, f)

/* What stands behind the blank: "weight 3". */
static int
parse_weight(const char *text, int64_t *weight)
{
	static const char word[] = "weight ";

	*weight = 1;
	if (*text == '\0')
		return 0;
	text += strspn(text, " ");
	return strncmp(text, word, sizeof(word) - 1) == 0 && text_number(text + sizeof(word) - 1, weight) &&
	                       *weight >= 1 && *weight <= MOST_WEIGHT
	               ? 0
	               : -1;
}

int
mta_parse(const char *text, struct mta *m, struct complaint *why)
{
	size_t length = strcspn(text, " ");
	char *inet;
	int rc;

	if (strncmp(text, "smtp:", 5) != 0)
		return complain(why, "\"%s\" is no MTA: smtp:host:port", text);
	if (parse_weight(text + length, &m->weight) < 0)
		return complain(why, "\"%s\": behind the MTA may stand \"weight\" and a number from 1 to %d",
		                text, (int)MOST_WEIGHT);
	inet = mem_format("inet:%.*s", (int)length - 5, text + 5);
	rc = endpoint_parse(inet, &m->at, why);
	free(inet);
	if (rc < 0)
		return complain(why, "\"%s\" is no MTA: smtp:host:port, smtp:[::1]:port", text);
	m->name = mem_format("%s port %s", m->at.host, m->at.port);
	return 0;
}

void
mta_free(struct mta *m)
{
	endpoint_free(&m->at);
	free(m->name);
	m->name = NULL;
}

static int
check_mta(const char *text, struct complaint *why)
{
	struct mta m;
	int rc = mta_parse(text, &m, why);

	if (rc == 0)
		mta_free(&m);
	return rc;
}

/* The first item is a path, the others are what they are. */
static int
check_recall(const char *text, struct complaint *why)
{
	return *text == '\0' ? complain(why, "an empty word") : 0;
}

static const char *const tls_words[] = { "none", "opportunistic", "required", NULL };

const struct setting lmtp_setting_rows[] = {
	{ .name = "listen", .kind = KIND_TEXTS, .offset = LMTP(listen),
	  .fallback = "unix:/run/rollcall/lmtp.sock", .flags = SETTING_RESTART, .min = "1",
	  .check = endpoint_check,
	  .help = "Where the MTA delivers: unix:/path or inet:host:port, one or several." },
	{ .name = "group", .kind = KIND_TEXT, .offset = LMTP(group), .flags = SETTING_RESTART,
	  .help = "The group that may use the unix sockets, usually that of the MTA. Without it only the "
	          "user the expander runs as, and root." },
	{ .name = "networks", .kind = KIND_TEXTS, .offset = LMTP(networks),
	  .fallback = "127.0.0.0/8, ::1", .check = network_check,
	  .help = "Networks that may connect over TCP: those of the MTA. Whoever can connect can write "
	          "to every list." },
	{ .name = "sessions", .kind = KIND_NUMBER, .offset = LMTP(sessions), .fallback = "200",
	  .min = "1", .max = "10000", .help = "Connections at the same time." },
	{ .name = "recipients", .kind = KIND_NUMBER, .offset = LMTP(recipients), .fallback = "1000",
	  .min = "100", .max = "100000", .help = "Recipients of one message." },
	{ .name = "timeout", .kind = KIND_TIME, .offset = LMTP(timeout), .fallback = "5m",
	  .min = "1s", .max = "1h", .help = "How long a client may be silent." },
	{ .name = "lookup", .kind = KIND_TIME, .offset = LMTP(lookup), .fallback = "10s",
	  .min = "50ms", .max = "5m",
	  .help = "How long one recipient may wait for the directory before it is answered 451." },
	{ .name = "dmarc-wait", .kind = KIND_TIME, .offset = LMTP(dmarc_wait), .fallback = "1h",
	  .max = "5d",
	  .help = "How long after the MTA took it a post is answered 451 while the DNS does not say what its "
	          "author's domain forbids (posts, dmarc). Then it is treated as if it did." },
	{ .name = "free", .kind = KIND_SIZE, .offset = LMTP(free), .fallback = "10M",
	  .max = "1G",
	  .help = "Where the disk has less room than this, besides the message, it is answered 452." },
	{ .kind = KIND_END },
};

const struct setting outbound_setting_rows[] = {
	{ .name = "mta", .kind = KIND_TEXTS, .offset = OUT(mta), .fallback = "smtp:127.0.0.1:10026",
	  .min = "1", .max = "32", .check = check_mta,
	  .help = "Where posts are put back into the MTA, smtp:host:port: a port without the list milter. "
	          "Of several each has as many lanes as lanes says, times its weight (\"smtp:host:port "
	          "weight 2\"), and batches go to whichever is free; one that is away is left alone for "
	          "a while." },
	{ .name = "tls", .kind = KIND_WORD, .offset = OUT(tls), .fallback = "none", .words = tls_words,
	  .help = "STARTTLS towards the MTA: none; opportunistic, where it is offered, whatever the "
	          "certificate; or required: it must be offered, the certificate must be good by tls-ca, and "
	          "name the host, or posts wait." },
	{ .name = "tls-ca", .kind = KIND_TEXT, .offset = OUT(tls_ca), .check = file_check_path,
	  .help = "A file of certificates (PEM) that the MTA's must be signed by, or be. Without it those "
	          "that the system trusts." },
	{ .name = "tls-name", .kind = KIND_TEXT, .offset = OUT(tls_name), .check = domain_check,
	  .help = "The name that must stand in the certificate, where it is not the host in mta." },
	{ .name = "auth-user", .kind = KIND_TEXT, .offset = OUT(auth_user),
	  .help = "The login (AUTH, RFC 4954) for the MTA, where it wants one. Only where tls is required." },
	{ .name = "auth-password-file", .kind = KIND_TEXT, .offset = OUT(auth_password_file),
	  .check = file_check_path,
	  .help = "A file with its password in the first line, which only the user that the expander runs "
	          "as, and its group, may read. Read at the start and at a reload." },
	{ .name = "lanes", .kind = KIND_NUMBER, .offset = OUT(lanes), .fallback = "4",
	  .min = "1", .max = "100", .flags = SETTING_RESTART,
	  .help = "Connections to each MTA at the same time." },
	{ .name = "rate", .kind = KIND_TEXT, .offset = OUT(rates[RATE_ALL]), .check = rate_check,
	  .help = "How many recipients posts go to at most, \"50000/hour\", also day, minute, second: in no "
	          "hour are there more, and a hundredth of it or so goes at once. Small and urgent posts "
	          "count, but do not wait. Without it there is no limit." },
	{ .name = "mta-rate", .kind = KIND_TEXT, .offset = OUT(rates[RATE_MTA]), .check = rate_check,
	  .help = "The same for each MTA." },
	{ .name = "lane-rate", .kind = KIND_TEXT, .offset = OUT(rates[RATE_LANE]), .check = rate_check,
	  .help = "The same for each lane." },
	{ .name = "list-rate", .kind = KIND_TEXT, .offset = OUT(rates[RATE_LIST]), .check = rate_check,
	  .help = "The same for the posts of each list." },
	{ .name = "domain-rate", .kind = KIND_TEXT, .offset = OUT(rates[RATE_DOMAIN]), .check = rate_check,
	  .help = "The same for the posts of the lists of each domain." },
	{ .name = "hold", .kind = KIND_TIME, .offset = OUT(hold), .fallback = "0s", .max = "1h",
	  .help = "How long after a post the next one begins: a burst of them is spread. Small and urgent "
	          "ones do not wait." },
	{ .name = "small", .kind = KIND_NUMBER, .offset = OUT(small), .fallback = "100", .max = "100000",
	  .help = "A post to so many recipients or fewer is small." },
	{ .name = "urgent", .kind = KIND_TEXTS, .offset = OUT(urgent), .check = address_check,
	  .help = "Lists whose posts are urgent, by their addresses: like small ones they go before others "
	          "and wait for no rate." },
	{ .name = "adapt", .kind = KIND_FLAG, .offset = OUT(adapt), .fallback = "yes",
	  .help = "Whether fan-outs of more than 16 batches make room for other mail: with smaller batches, "
	          "as the MTA's receipts come, or fewer lanes where they do not; and whether there are fewer "
	          "where the MTA puts batches off." },
	{ .name = "queue", .kind = KIND_TEXT, .offset = OUT(queue), .check = file_check_path,
	  .help = "The queue directory of the MTA, where it is on this host and may be read: while more than "
	          "queue-most messages are in it (with Postfix: in incoming and active), posts wait, but for "
	          "small and urgent ones." },
	{ .name = "queue-most", .kind = KIND_NUMBER, .offset = OUT(queue_most), .fallback = "5000",
	  .min = "1", .max = "10000000", .help = "See queue." },
	{ .name = "recall", .kind = KIND_TEXTS, .offset = OUT(recall), .check = check_recall,
	  .help = "The program, and its first words, by which rollcallctl stop takes back what the MTA "
	          "still has in its queue: [ /usr/sbin/rollcall-recall, postfix ]. It is run without a "
	          "shell, by whoever runs rollcallctl, with list or remove and the MTA's queue ids." },
	{ .name = "mail-log", .kind = KIND_TEXT, .offset = OUT(mail_log), .check = file_check_path,
	  .help = "The log of the MTA, where it is a file of this host: rollcallctl trace shows what it says "
	          "of a member." },
	{ .name = "batch", .kind = KIND_NUMBER, .offset = OUT(batch), .fallback = "1000",
	  .min = "1", .max = "50000",
	  .help = "Recipients of one transaction at most. What the MTA takes is found out; Postfix takes "
	          "1000 unless told otherwise." },
	{ .name = "workers", .kind = KIND_NUMBER, .offset = OUT(workers), .fallback = "4",
	  .min = "1", .max = "100", .flags = SETTING_RESTART,
	  .help = "Posts whose members are read at the same time." },
	{ .name = "connect", .kind = KIND_TIME, .offset = OUT(connect), .fallback = "10s",
	  .min = "100ms", .max = "5m", .help = "How long connecting to the MTA may take." },
	{ .name = "reply", .kind = KIND_TIME, .offset = OUT(reply), .fallback = "5m",
	  .min = "1s", .max = "1h",
	  .help = "How long the MTA may take to reply (RFC 5321 section 4.5.3.2); twice as long to the "
	          "end of a message." },
	{ .name = "idle", .kind = KIND_TIME, .offset = OUT(idle), .fallback = "10s",
	  .min = "0s", .max = "4m",
	  .help = "After this time an unused connection to the MTA is closed." },
	{ .name = "expand", .kind = KIND_TIME, .offset = OUT(expand), .fallback = "10m",
	  .min = "1s", .max = "6h", .help = "How long reading the members of one list may take." },
	{ .name = "retry-first", .kind = KIND_TIME, .offset = OUT(retry.first), .fallback = "5s",
	  .min = "100ms", .max = "1h",
	  .help = "The delay after a first failure; it doubles with each further one …" },
	{ .name = "retry-most", .kind = KIND_TIME, .offset = OUT(retry.most), .fallback = "15m",
	  .min = "100ms", .max = "1d", .help = "… up to this." },
	{ .name = "expire", .kind = KIND_TIME, .offset = OUT(retry.expire), .fallback = "5d",
	  .min = "1s", .max = "30d",
	  .help = "After this time, and three tries at least, a post that could not be sent is given up and "
	          "reported. Between two tries a quarter of an hour counts at most, or retry-most: a clock "
	          "that jumps, or a machine that is off, makes no post older." },
	{ .name = "distrust", .kind = KIND_TIME, .offset = OUT(distrust), .fallback = "1h",
	  .min = "0s", .max = "30d",
	  .help = "How long the MTA must have refused everybody by a policy (5.7.x), or the sender, before "
	          "it is believed: until then the post is tried again, and the log says so." },
	{ .name = "receipts", .kind = KIND_TEXT, .offset = OUT(receipts), .check = domain_check,
	  .help = "The domain of receipt recipients, which the MTA delivers to the LMTP server of this "
	          "host, and takes from nobody else. Without it .rollcall.invalid behind the host's name." },
	{ .name = "xverp", .kind = KIND_FLAG, .offset = OUT(xverp), .fallback = "yes",
	  .help = "Whether the MTA makes the reverse-paths of posts with verp, where it offers that (XVERP): "
	          "much cheaper than a transaction for each member, but what comes back is a hint that "
	          "anybody could have forged." },
	{ .name = "suspect", .kind = KIND_TIME, .offset = OUT(suspect), .fallback = "30d", .min = "1s",
	  .max = "365d",
	  .help = "How long a member is suspect after the last report which said that it could not be "
	          "reached (posts, verp: suspects)." },
	{ .name = "settle", .kind = KIND_TIME, .offset = OUT(settle), .fallback = "60s",
	  .min = "100ms", .max = "1d",
	  .help = "How long the MTA must have been answering without delivering the receipt of a batch "
	          "before that counts as never queued, and is sent again." },
	{ .name = "keep", .kind = KIND_TIME, .offset = OUT(keep), .fallback = "7d",
	  .min = "1h", .max = "365d",
	  .help = "How long posts that are done are remembered, without their text, so that one which "
	          "the MTA sends again is not sent twice: longer than the MTA keeps trying." },
	{ .name = "keep-bounces", .kind = KIND_TIME, .offset = OUT(keep_bounces), .fallback = "30d",
	  .min = "1h", .max = "365d",
	  .help = "How long bounces are kept that nobody is named for." },
	{ .name = "rescan", .kind = KIND_TIME, .offset = OUT(rescan), .fallback = "5s",
	  .min = "100ms", .max = "10m", .flags = SETTING_RESTART,
	  .help = "How often the spool is searched for entries that other programs put there." },
	{ .kind = KIND_END },
};

const struct setting moderation_setting_rows[] = {
	{ .name = "keep", .kind = KIND_TIME, .offset = offsetof(struct moderation_settings, keep),
	  .fallback = "14d", .min = "1s", .max = "365d",
	  .help = "How long a post that is held waits for somebody to decide on it before it is thrown away, "
	          "and the list's owners are told." },
	{ .name = "notices", .kind = KIND_NUMBER, .offset = offsetof(struct moderation_settings, notices),
	  .fallback = "20", .min = "0", .max = "10000",
	  .help = "How many notices of posts that are held the owners of one list get a day; 0 for none at "
	          "all." },
	{ .kind = KIND_END },
};
