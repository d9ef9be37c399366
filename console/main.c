/* rollcallctl: the operator's tool. */
#include "base/daemon.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/version.h"
#include "console/ctl.h"
#include "expander/settings.h"
#include "mail/address.h"
#include "milter/settings.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATIENCE = 60000 };                /* ms for a source */

static const struct command *const commands[] = {
	&command_lookup,
	&command_members,
	&command_lists,
	&command_compare,
	&command_preview,
	&command_explain,
	&command_queue,
	&command_retry,
	&command_pace,
	&command_release,
	&command_discard,
	&command_storm,
	&command_hold,
	&command_stop,
	&command_trace,
	&command_drain,
	&command_resume,
	&command_metrics,
	&command_key,
	&command_import,
	&command_source,
	&command_preferences,
	&command_unsubscribe,
	&command_held,
	&command_accept,
	&command_reject,
	&command_reload,
	&command_config,
	NULL,
};

/* Formats a text without control characters. */
static void
print_clean(FILE *to, const char *format, va_list args)
{
	struct bytes clean = { 0 };
	char *made;

	if (vasprintf(&made, format, args) < 0)
		return;
	bytes_add_printable(&clean, made, "");
	(void)fputs(bytes_text(&clean), to);
	bytes_free(&clean);
	free(made);
}

void
ctl_say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_clean(stdout, format, args);
	va_end(args);
}

int
ctl_fail(int status, const char *format, ...)
{
	va_list args;

	(void)fputs("rollcallctl: ", stderr);
	va_start(args, format);
	print_clean(stderr, format, args);
	va_end(args);
	(void)fputc('\n', stderr);
	return status;
}

int
ctl_file(const char *file, int64_t limit, struct bytes *into, struct complaint *why)
{
	int rc = file_read(AT_FDCWD, file, (size_t)limit, into, why);

	if (rc == 0)
		return complain(why, "there is no file %s", file);
	return rc < 0 ? -1 : 0;
}

int
ctl_message(const char *file, int64_t limit, struct bytes *mail, struct complaint *why)
{
	struct bytes text = { 0 };
	int rc = ctl_file(file, limit, &text, why);

	for (size_t i = 0; rc == 0 && i < text.length; i++) {
		if (text.data[i] == '\n' && (i == 0 || text.data[i - 1] != '\r'))
			bytes_add_char(mail, '\r');
		bytes_add_char(mail, text.data[i]);
	}
	if (rc == 0 && text.length > 0 && text.data[text.length - 1] != '\n')
		bytes_add_text(mail, "\r\n");
	bytes_free(&text);
	return rc;
}

void
ctl_print(struct js **j)
{
	struct bytes text = { 0 };

	js_print(*j, true, &text);
	(void)printf("%s\n", bytes_text(&text));
	bytes_free(&text);
	js_drop(j);
}

struct js *
ctl_via(const struct via *via)
{
	struct js *names = via == NULL ? js_array() : ctl_via(via->up);

	if (via != NULL)
		js_append(names, js_string(via->name));
	return names;
}

void
ctl_say_via(const struct js *names)
{
	for (size_t i = 0; i < js_count(names); i++)
		ctl_say("%s%s", i == 0 ? "" : " > ", js_string_at(names, i));
}

bool
ctl_option(struct ctl *c, const char *option)
{
	for (int i = 0; i < c->argc; i++) {
		if (strcmp(c->argv[i], option) != 0)
			continue;
		for (c->argc--; i < c->argc; i++)
			c->argv[i] = c->argv[i + 1];
		return true;
	}
	return false;
}

const char *
ctl_value(struct ctl *c, const char *option)
{
	for (int i = 0; i < c->argc; i++) {
		int words = i + 1 < c->argc ? 2 : 1;
		const char *value = words == 2 ? c->argv[i + 1] : "";

		if (strcmp(c->argv[i], option) != 0)
			continue;
		for (c->argc -= words; i < c->argc; i++)
			c->argv[i] = c->argv[i + words];
		return value;
	}
	return NULL;
}

static struct site *
load(const struct ctl *c, struct milter_settings *milter, struct outbound_settings *outbound)
{
	struct socketmap_settings socketmap = { 0 };
	struct lmtp_settings lmtp = { 0 };
	struct moderation_settings moderation = { 0 };
	const struct site_part parts[] = { { "milter", milter_setting_rows, milter },
		                           { "socketmap", socketmap_setting_rows, &socketmap },
		                           { "lmtp", lmtp_setting_rows, &lmtp },
		                           { "outbound", outbound_setting_rows, outbound },
		                           { "moderation", moderation_setting_rows, &moderation },
		                           { 0 } };
	struct complaint why;
	struct site *s = site_load(c->config_file, true, parts, &why);

	if (s == NULL)
		(void)ctl_fail(CTL_CONFIG, "%s", why.text);
	setting_free(socketmap_setting_rows, &socketmap);
	setting_free(lmtp_setting_rows, &lmtp);
	setting_free(moderation_setting_rows, &moderation);
	return s;
}

struct site *
ctl_site_with(const struct ctl *c, struct milter_settings *milter)
{
	struct outbound_settings outbound = { 0 };
	struct site *s = load(c, milter, &outbound);

	setting_free(outbound_setting_rows, &outbound);
	return s;
}

struct site *
ctl_site_outbound(const struct ctl *c, struct outbound_settings *outbound)
{
	struct milter_settings milter = { 0 };
	struct site *s = load(c, &milter, outbound);

	setting_free(milter_setting_rows, &milter);
	return s;
}

struct site *
ctl_site(const struct ctl *c)
{
	struct milter_settings milter = { 0 };
	struct site *s = ctl_site_with(c, &milter);

	setting_free(milter_setting_rows, &milter);
	return s;
}

int
ctl_on_site(const struct ctl *c, int words, int (*run)(const struct ctl *, const struct site *))
{
	struct site *s;
	int status;

	if (c->argc != words)
		return CTL_USAGE;
	s = ctl_site(c);
	if (s == NULL)
		return CTL_CONFIG;
	status = run(c, s);
	site_drop(&s);
	return status;
}

char *
ctl_list(const struct site *s, const char *text, int *status)
{
	const struct destination *d;
	struct target t = { 0 };
	struct complaint why;
	struct address a;
	enum found found = FOUND_NO;
	char *own = NULL;

	if (address_parse(&a, text, strlen(text), &why) < 0) {
		*status = ctl_fail(CTL_USAGE, "%s", why.text);
		return NULL;
	}
	d = site_destination(s, a.canonical);
	if (d != NULL)
		found = site_find(d, a.canonical, deadline_in(PATIENCE), &t, &why);
	if (found == FOUND_UNSURE)
		*status = ctl_fail(CTL_UNSURE, "%s: %s", text, why.text);
	else if (found == FOUND_NO || t.role != ROLE_POST)
		*status = ctl_fail(CTL_NO, "%s: no list has this address", text);
	else
		own = mem_text(t.list->address);
	target_drop(&t);
	address_free(&a);
	return own;
}

static int
usage(FILE *to)
{
	(void)fprintf(to, "usage: rollcallctl [-c file] [--json] command\n\n");
	for (size_t i = 0; commands[i] != NULL; i++) {
		(void)fprintf(to, "  %-11s %-18s", commands[i]->name, commands[i]->arguments);
		if (strlen(commands[i]->arguments) > 18)
			(void)fprintf(to, "\n%32s", "");
		(void)fprintf(to, " %s\n", commands[i]->help);
	}
	(void)fprintf(to, "\nrollcallctl(8) has the details and the exit statuses.\n");
	return CTL_USAGE;
}

static void
usage_of(const struct command *command, FILE *to)
{
	(void)fprintf(to, "usage: rollcallctl [-c file] [--json] %s%s%s\n", command->name,
	              *command->arguments == '\0' ? "" : " ", command->arguments);
}

static bool
is_help(const char *word)
{
	return strcmp(word, "help") == 0 || strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

/* NULL where there is none, which is said. */
static const struct command *
find_command(const char *name)
{
	const char *names[sizeof(commands) / sizeof(*commands)], *nearest;
	size_t i;

	for (i = 0; commands[i] != NULL; i++) {
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
		names[i] = commands[i]->name;
	}
	names[i] = NULL;
	nearest = text_nearest(name, names);
	if (nearest != NULL)
		(void)ctl_fail(CTL_USAGE, "there is no command \"%s\"; did you mean \"%s\"?", name, nearest);
	else
		(void)ctl_fail(CTL_USAGE, "there is no command \"%s\": rollcallctl help names all", name);
	return NULL;
}

/* "help", or that of a command. */
static int
help(const struct ctl *c)
{
	const struct command *command;

	if (c->argc < 2) {
		(void)usage(stdout);
		return CTL_YES;
	}
	command = find_command(c->argv[1]);
	if (command == NULL)
		return CTL_USAGE;
	usage_of(command, stdout);
	(void)printf("%s; see rollcallctl(8)\n", command->help);
	return CTL_YES;
}

/* An option that the command has not, among words that it could make nothing of; or NULL. */
static const char *
strange_option(const struct command *command, const struct ctl *c)
{
	for (int i = 0; i < c->argc; i++) {
		const char *at = strstr(command->arguments, c->argv[i]);
		size_t length = strlen(c->argv[i]);

		if (strncmp(c->argv[i], "--", 2) == 0 && (at == NULL || strchr(" ]", at[length]) == NULL))
			return c->argv[i];
	}
	return NULL;
}

static int
run(struct ctl *c)
{
	const struct command *command = find_command(c->argv[0]);
	const char *strange;
	int status;

	if (command == NULL)
		return CTL_USAGE;
	if (c->argc == 2 && (strcmp(c->argv[1], "--help") == 0 || strcmp(c->argv[1], "-h") == 0)) {
		c->argv[1] = c->argv[0];
		return help(c);
	}
	c->argc--;
	c->argv++;
	status = command->run(c);
	if (status != CTL_USAGE)
		return status;
	strange = strange_option(command, c);
	if (strange != NULL)
		(void)ctl_fail(status, "%s has no option %s", command->name, strange);
	usage_of(command, stderr);
	return status;
}

/* "-c file" anywhere before the command. */
static bool
take_config(struct ctl *c)
{
	if (c->argc < 2 || strcmp(c->argv[0], "-c") != 0)
		return false;
	c->config_file = c->argv[1];
	c->argc -= 2;
	c->argv += 2;
	return true;
}

int
main(int argc, char **argv)
{
	struct ctl c = { .config_file = ROLLCALL_CONFIG, .argc = argc - 1, .argv = argv + 1 };
	struct complaint why;

	(void)signal(SIGPIPE, SIG_IGN);
	(void)log_open("rollcallctl", "stderr", LEVEL_ERROR, &why);
	c.json = ctl_option(&c, "--json");
	while (take_config(&c))
		;
	if (c.argc == 0)
		return usage(stderr);
	if (is_help(c.argv[0]))
		return help(&c);
	if (strcmp(c.argv[0], "-V") == 0 || strcmp(c.argv[0], "--version") == 0) {
		(void)printf("rollcallctl %s\n", ROLLCALL_VERSION);
		return EXIT_SUCCESS;
	}
	return run(&c);
}
