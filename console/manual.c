/* Parts of the manual, in mdoc, from the rows. */
#include "console/manual.h"

#include "expander/settings.h"
#include "milter/settings.h"
#include "policies/bulkhead.h"
#include "policies/policy.h"
#include "policies/site.h"

#include <stdio.h>

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

/* Expressions have backslashes. */
static void
print_default(const char *text)
{
	(void)fputs("Default: ", stdout);
	for (; *text != '\0'; text++)
		(void)(*text == '\\' ? fputs("\\e", stdout) : fputc(*text, stdout));
	(void)puts(".");
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
		print_default(row->fallback);
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

void
manual_settings(void)
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
	print_rows("The step alias of modify", "Addresses as a source has them.", modifier_alias_settings);
	print_rows("The step subject-tag of modify", "A tag before the subject.", modifier_tag_settings);
	print_rows("The step reply-to of modify", "Where answers go.", modifier_reply_settings);
	print_rows("The step program of modify", "A program of the site's.", modifier_program_settings);
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

/* ---- checks ---- */

static void
print_moments(const struct policy *p)
{
	static const char *const words[] = { [MOMENT_RCPT] = "at RCPT", [MOMENT_DATA] = "at DATA",
	                                     [MOMENT_END] = "at the end of a message" };
	const char *last = p->asks == NULL ? " and " : " or ";
	size_t left = 0;

	for (enum moment m = MOMENT_RCPT; m < MOMENT_COUNT; m++)
		left += p->at[m] != NULL;
	(void)fputs("Asked ", stdout);
	for (enum moment m = MOMENT_RCPT; m < MOMENT_COUNT; m++)
		if (p->at[m] != NULL) {
			left--;
			(void)printf("%s%s", words[m], left > 1 ? ", " : left == 1 ? last : "");
		}
	(void)puts(p->asks == NULL ? "." : ", as its settings say.");
}

/* The setting of how many may wait for the same; NULL where it does not wait. */
static const char *
workers_of(enum resource resource)
{
	for (const struct setting *row = workers_settings; row->kind != KIND_END; row++)
		if (row->offset == offsetof(struct workers, most) + resource * sizeof(int64_t))
			return row->name;
	return NULL;
}

static void
print_character(const struct policy *p)
{
	const char *workers = workers_of(p->resource);
	bool past = (p->needs & (NEED_SESSION | NEED_ENVELOPE)) == 0;

	print_moments(p);
	if (p->always)
		(void)puts("Also where it is not named, with these defaults.");
	if (p->last)
		(void)puts("Only when all others have passed.");
	if (p->every_role)
		(void)puts("Also of mail to the roles of a list.");
	if (p->repeats)
		(void)puts("May stand several times.");
	if (!past)
		(void)puts("Cannot be asked about mail that came past the milter.");
	if (p->holds)
		(void)printf("What fails%s is held where nothing else is said.\n",
		             past ? "" : ", and such mail,");
	if (workers != NULL)
		(void)printf("It may have to wait; how many do at once says\n.Ic workers.%s .\n", workers);
}

void
manual_checks(void)
{
	print_rows("Every check", "Beside its own settings:", action_settings);
	for (size_t i = 0; policies[i] != NULL; i++) {
		const struct setting *row = policies[i]->settings;

		(void)printf(".Ss %s\n%s\n", policies[i]->name, policies[i]->summary);
		print_character(policies[i]);
		if (row->kind == KIND_END)
			continue;
		(void)puts(".Bl -tag -width Ds");
		for (; row->kind != KIND_END; row++)
			print_row(row);
		(void)puts(".El");
	}
}
