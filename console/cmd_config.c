/*
 * rollcallctl config: checks the configuration, prints what holds, and makes the options part of
 * the manual.
 */
#include "console/ctl.h"
#include "expander/settings.h"
#include "milter/settings.h"

#include <stdio.h>
#include <string.h>

static void
print_effective(const struct ctl *c, const struct site *s)
{
	struct js *j, *array;
	size_t widest = 0;

	for (size_t i = 0; i < s->effective.count; i++) {
		size_t n = strlen(s->effective.items[i].path) + strlen(s->effective.items[i].value) + 2;

		if (n > widest && n < 72)
			widest = n;
	}
	array = js_array();
	for (size_t i = 0; i < s->effective.count; i++) {
		const struct effective *e = &s->effective.items[i];

		if (!c->json) {
			int used = printf("%s: %s", e->path, e->value);

			(void)printf("%*s  # %s\n", used < (int)widest ? (int)widest - used : 0, "",
			             e->origin);
			continue;
		}
		j = js_object();
		js_set_text(j, "setting", e->path);
		js_set_text(j, "value", e->value);
		js_set_text(j, "origin", e->origin);
		js_append(array, j);
	}
	if (c->json)
		ctl_print(&array);
	js_drop(&array);
}

/* ---- the options part of rollcall.yaml(5), in mdoc ---- */

static const char *
kind_word(const struct setting *row)
{
	switch (row->kind) {
	case KIND_TEXTS:
		return "list";
	case KIND_NUMBER:
		return "number";
	case KIND_SIZE:
		return "size";
	case KIND_TIME:
		return "time";
	case KIND_PERCENT:
		return "share";
	case KIND_FLAG:
		return "yes | no";
	case KIND_PART:
		return "block";
	default:
		return "text";
	}
}

static void
print_row(const struct setting *row)
{
	(void)printf(".It Ic %s : Ar ", row->name);
	if (row->kind == KIND_WORD)
		for (size_t i = 0; row->words[i] != NULL; i++)
			(void)printf("%s%s", i == 0 ? "" : " | ", row->words[i]);
	else
		(void)fputs(kind_word(row), stdout);
	(void)printf("\n%s\n", row->help);
	if (row->flags & SETTING_REQUIRED)
		(void)puts("Must be there.");
	else if (row->fallback != NULL && *row->fallback != '\0')
		(void)printf("Default: %s.\n", row->fallback);
	if (row->min != NULL && row->kind != KIND_TEXTS)
		(void)printf("At least %s.\n", row->min);
	if (row->max != NULL && row->kind != KIND_TEXTS)
		(void)printf("At most %s.\n", row->max);
	if (row->flags & SETTING_RESTART)
		(void)puts("A change takes effect at the next start.");
}

static void
print_rows(const char *title, const char *about, const struct setting *rows)
{
	(void)printf(".Ss %s\n%s\n.Bl -tag -width Ds\n", title, about);
	for (; rows->kind != KIND_END; rows++)
		print_row(rows);
	(void)puts(".El");
}

/* The rows of each part, in the order of the manual. */
static void
print_manual(void)
{
	print_rows("The whole site", "At the top of the file.", site_settings);
	print_rows("log", "Where the log goes.", log_settings);
	print_rows("limits", "What is too big. Milter and expander keep to the same.", limits_settings);
	print_rows("stamp", "By what the expander knows that the milter has judged a message.",
	           stamp_settings);
	for (size_t i = 0; source_kinds[i] != NULL; i++) {
		(void)printf(".Ss A source of kind %s\n%s\n.Bl -tag -width Ds\n", source_kinds[i]->name,
		             source_kinds[i]->summary);
		for (const struct setting *row = source_kinds[i]->settings; row->kind != KIND_END; row++)
			print_row(row);
		(void)puts(".El");
		if (source_kinds[i]->attributes != NULL)
			print_rows("attributes of a source of kind ldap",
			           "Each overrides the name that the preset has for the thing.",
			           source_kinds[i]->attributes);
	}
	print_rows("cache of a source", "What is remembered of lookups.", cache_settings);
	print_rows("A block in senders",
	           "Who sends: all of it must hold, and of each setting one value.", senders_settings);
	print_rows("A destination", "A domain of lists.", destination_settings);
	print_rows("A block in senders of a destination",
	           "Under the name that the senders have in\n.Ic senders\nat the top.",
	           sender_checks_settings);
	print_rows("posts of a destination, and a list in lists",
	           "What posts look like to members, and who gets them. What the list has in its source\n"
	           "goes first, then what stands in its block, then what stands in\n.Ic posts .",
	           style_settings);
	print_rows("The step remove of modify", "Fields that posts go without.", modifier_remove_settings);
	print_rows("The step add of modify", "A field more.", modifier_add_settings);
	print_rows("The step rewrite of modify", "Fields whose values change.", modifier_rewrite_settings);
	print_rows("Every check", "Beside its own settings.", action_settings);
	for (size_t i = 0; policies[i] != NULL; i++) {
		(void)printf(".Ss The check %s\n%s\n.Bl -tag -width Ds\n", policies[i]->name,
		             policies[i]->summary);
		for (const struct setting *row = policies[i]->settings; row->kind != KIND_END; row++)
			print_row(row);
		(void)puts(".El");
	}
	print_rows("workers",
	           "Checks that wait for something have workers of their own, so that one that hangs keeps "
	           "only those busy.",
	           workers_settings);
	print_rows("dns", "How names are looked up. Nothing is unless something asks for it.", dns_settings);
	print_rows("milter", "Settings of\n.Xr rollcall-milter 8 .", milter_setting_rows);
	print_rows("socketmap",
	           "Settings of\n.Xr rollcall-milter 8 :\nhow it tells the MTA which addresses are lists.",
	           socketmap_setting_rows);
	print_rows("lmtp", "Settings of\n.Xr rollcall-expander 8 :\nhow it takes mail in.",
	           lmtp_setting_rows);
	print_rows("outbound",
	           "Settings of\n.Xr rollcall-expander 8 :\nhow it puts mail into the MTA.",
	           outbound_setting_rows);
	print_rows("moderation",
	           "Settings of\n.Xr rollcall-expander 8 :\nwhat becomes of posts that are held.",
	           moderation_setting_rows);
}

static void
print_ok(const struct ctl *c)
{
	struct js *j;

	if (!c->json) {
		(void)printf("%s: ok\n", c->config_file);
		return;
	}
	j = js_object();
	js_set_text(j, "file", c->config_file);
	js_set_flag(j, "ok", true);
	ctl_print(&j);
}

static int
run(const struct ctl *given)
{
	struct ctl c = *given;
	bool check = ctl_option(&c, "--check"), print = ctl_option(&c, "--print");
	bool manual = ctl_option(&c, "--manual");
	struct site *s;

	if (c.argc != 0 || check + print + manual != 1)
		return CTL_USAGE;
	if (manual) {
		print_manual();
		return CTL_YES;
	}
	s = ctl_site(&c);
	if (s == NULL)
		return CTL_CONFIG;
	if (print)
		print_effective(&c, s);
	else
		print_ok(&c);
	site_drop(&s);
	return CTL_YES;
}

const struct command command_config = {
	"config", "--check | --print", "checks the configuration, or prints what holds", run,
};
