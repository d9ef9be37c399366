/* rollcallctl: the commands, one file each, and what they share. */
#ifndef CONSOLE_CTL_H
#define CONSOLE_CTL_H

#include "base/complaint.h"
#include "base/json.h"
#include "policies/site.h"

#include <stdbool.h>

/* Exit statuses, for scripts (sysexits.h where it has one). */
enum {
	CTL_YES = 0,
	CTL_NO = 1,                       /* there is no such thing */
	CTL_USAGE = 64,
	CTL_FAILED = 70,
	CTL_UNSURE = 75,                  /* not now: the directory does not answer */
	CTL_CONFIG = 78
};

struct ctl {
	const char *config_file;
	bool json;
	/* Of the command: words behind its name, and the options it knows. */
	int argc;
	char **argv;
};

struct command {
	const char *name;
	const char *arguments;            /* for the usage */
	const char *help;
	int (*run)(const struct ctl *);
};

extern const struct command command_lookup;
extern const struct command command_members;
extern const struct command command_lists;
extern const struct command command_preview;
extern const struct command command_compare;
extern const struct command command_explain;
extern const struct command command_queue;
extern const struct command command_retry;
extern const struct command command_release;
extern const struct command command_discard;
extern const struct command command_storm;
extern const struct command command_hold;
extern const struct command command_stop;
extern const struct command command_trace;
extern const struct command command_drain;
extern const struct command command_resume;
extern const struct command command_metrics;
extern const struct command command_pace;
extern const struct command command_key;
extern const struct command command_import;
extern const struct command command_source;
extern const struct command command_preferences;
extern const struct command command_unsubscribe;
extern const struct command command_held;
extern const struct command command_accept;
extern const struct command command_reject;
extern const struct command command_reload;
extern const struct command command_config;

/* Whether the option is among the words; takes it out. */
bool ctl_option(struct ctl *, const char *option);

/*
 * The value of an option that takes one, and the option taken out; NULL where it is not there, ""
 * where its value is missing.
 */
const char *ctl_value(struct ctl *, const char *option);

/* The configuration, all parts of it checked; NULL when it is wrong, which is said. */
struct site *ctl_site(const struct ctl *);

/* The same, and what the milter is told; that is the caller's to free, also after a failure. */
struct milter_settings;
struct site *ctl_site_with(const struct ctl *, struct milter_settings *);

/* The same, and what the expander is told of the MTA; that is the caller's to free, also after a failure. */
struct outbound_settings;
struct site *ctl_site_outbound(const struct ctl *, struct outbound_settings *);

/* Runs what needs the configuration and just so many words; the status of that, or why it was not run. */
int ctl_on_site(const struct ctl *, int words, int (*)(const struct ctl *, const struct site *));

/* The own address of the list that has this one, allocated; NULL with the status of what was said. */
char *ctl_list(const struct site *, const char *text, int *status);

/*
 * Prints what may come from elsewhere: directories and servers do not get to talk to the operator's
 * terminal. Line ends are the caller's business.
 */
void ctl_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Says what went wrong on standard error and returns the status. */
int ctl_fail(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Reads a file that was named on the command line, of at most `limit` bytes. -1 with a complaint. */
int ctl_file(const char *file, int64_t limit, struct bytes *into, struct complaint *);

/*
 * Adds a file of at most `limit` bytes as SMTP would carry it: each line, the last one too, ends in
 * CRLF. -1 with a complaint.
 */
int ctl_message(const char *file, int64_t limit, struct bytes *mail, struct complaint *);

/* Prints an object for --json and drops it. */
void ctl_print(struct js **);

/* The names of groups on the way to a member, the list's own first, as an array. */
struct js *ctl_via(const struct via *);

/* Prints such an array: "all-staff > engineering". */
void ctl_say_via(const struct js *);

#endif
