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

extern const struct command command_lookup, command_members, command_lists, command_preview,
	command_explain, command_queue, command_retry, command_held,
	command_accept, command_reject, command_release, command_discard, command_drain,
	command_resume, command_metrics, command_key, command_reload, command_config;

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

/* Runs what needs the configuration and just so many words; the status of that, or why it was not run. */
int ctl_on_site(const struct ctl *, int words, int (*)(const struct ctl *, const struct site *));

/*
 * Prints what may come from elsewhere: directories and servers do not get to talk to the operator's
 * terminal. Line ends are the caller's business.
 */
void ctl_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Says what went wrong on standard error and returns the status. */
int ctl_fail(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Prints an object for --json and drops it. */
void ctl_print(struct js **);

#endif
