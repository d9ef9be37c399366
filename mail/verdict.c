/* Verdicts and their merge. */
#include "mail/verdict.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static struct verdict
make(enum decision decision, enum reply_id reply, const char *reason)
{
	struct verdict v = { .decision = decision, .reply = reply };

	(void)snprintf(v.reason, sizeof(v.reason), "%s", reason);
	return v;
}

struct verdict
verdict_pass(void)
{
	return (struct verdict){ .decision = DECISION_PASS };
}

struct verdict
verdict_reject(enum reply_id reply, const char *reason)
{
	return make(DECISION_REJECT, reply, reason);
}

struct verdict
verdict_defer(enum reply_id reply, const char *reason)
{
	return make(DECISION_DEFER, reply, reason);
}

struct verdict
verdict_because(struct verdict v, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(v.reason, sizeof(v.reason), format, args);
	va_end(args);
	return v;
}

bool
verdict_yields(const struct verdict *v, enum decision worst, unsigned place)
{
	return worst > v->decision || (worst == v->decision && place < v->place);
}

struct verdict
verdict_merge(struct verdict first, struct verdict second)
{
	return verdict_yields(&first, second.decision, second.place) ? second : first;
}

bool
verdict_takes(const struct verdict *v)
{
	return v->decision <= DECISION_HOLD;
}

bool
verdict_goes(enum decision d)
{
	return d <= DECISION_TAG;
}

/* Whether a list with blanks behind its commas has the word. */
static bool
has_tag(const char *tags, const char *one, size_t length)
{
	while (*tags != '\0') {
		size_t n = strcspn(tags, ",");

		if (n == length && memcmp(tags, one, n) == 0)
			return true;
		tags += tags[n] == '\0' ? n : n + 2;
	}
	return false;
}

static bool
add_tag(struct verdict *v, const char *one, size_t length)
{
	size_t used = strlen(v->tags);

	if (has_tag(v->tags, one, length))
		return true;
	if (used + 2 + length >= sizeof(v->tags))
		return false;
	(void)snprintf(v->tags + used, sizeof(v->tags) - used, "%s%.*s", used == 0 ? "" : ", ", (int)length,
	               one);
	return true;
}

bool
verdict_tag(struct verdict *v, const char *word, bool unsure)
{
	char one[TAGS_SIZE];
	int n = snprintf(one, sizeof(one), "%s=%s", word, unsure ? "unsure" : "fail");

	return n < (int)sizeof(one) && add_tag(v, one, (size_t)n);
}

/* Whether the text is one of the reasons already. */
static bool
has_reason(const struct verdict *v, const char *text, size_t length)
{
	const char *at = v->reason;

	while (at != NULL) {
		size_t n = strcspn(at, ";");

		if (n == length && memcmp(at, text, length) == 0)
			return true;
		at = at[n] == '\0' ? NULL : at + n + 2;
	}
	return false;
}

static void
add_reason(struct verdict *v, const char *text, size_t length)
{
	size_t used = strlen(v->reason);

	if (!has_reason(v, text, length))
		(void)snprintf(v->reason + used, sizeof(v->reason) - used, "%s%.*s", used == 0 ? "" : "; ",
		               (int)length, text);
}

void
verdict_also(struct verdict *v, const char *check, const char *reason)
{
	char text[REASON_SIZE];
	int n = snprintf(text, sizeof(text), "%s%s%s", check, *reason == '\0' ? "" : ": ", reason);

	for (char *at = text; *at != '\0'; at++)
		if (*at == ';')                   /* it parts the reasons */
			*at = ',';
	add_reason(v, text, n < (int)sizeof(text) ? (size_t)n : sizeof(text) - 1);
}

/* All reasons for which it is held. */
static struct verdict
join_held(struct verdict before, struct verdict now)
{
	const char *at = now.reason;

	while (*at != '\0') {
		size_t n = strcspn(at, ";");

		add_reason(&before, at, n);
		at += at[n] == '\0' ? n : n + 2;
	}
	return before;
}

struct verdict
verdict_join(struct verdict before, struct verdict now)
{
	bool held = before.decision == DECISION_HOLD && now.decision == DECISION_HOLD;
	struct verdict v = held ? join_held(before, now) : verdict_merge(before, now);

	memcpy(v.tags, before.tags, sizeof(v.tags));
	for (const char *at = now.tags; *at != '\0';) {
		size_t n = strcspn(at, ",");

		(void)add_tag(&v, at, n);
		at += at[n] == '\0' ? n : n + 2;
	}
	return v;
}

const char *
decision_word(enum decision d)
{
	static const char *const words[] = { "pass", "tag", "hold", "defer", "reject" };

	return words[d];
}

/* The worst that those say who are to be told, or all; of the decision given, where one is. */
static struct verdict
worst_of(const struct voice *s, size_t count, bool quiet, enum decision most)
{
	struct verdict worst = verdict_pass();

	for (size_t i = 0; i < count; i++)
		if ((quiet || !s[i].quiet) && !verdict_takes(&s[i].verdict) && s[i].verdict.decision <= most)
			worst = verdict_merge(worst, s[i].verdict);
	return worst;
}

struct verdict
verdict_of_all(enum mixed mixed, const struct voice *s, size_t count, size_t others)
{
	struct verdict told = worst_of(s, count, false, DECISION_REJECT), put_off;
	bool taken = others > 0;

	for (size_t i = 0; i < count; i++)
		taken |= verdict_takes(&s[i].verdict);
	if (!taken && told.decision == DECISION_PASS)
		return worst_of(s, count, true, DECISION_REJECT);
	if (mixed != MIXED_BOUNCE || told.decision == DECISION_PASS)
		return told;
	if (taken)
		return verdict_pass();
	/* Whoever is unsure may take it later; the others are returned then. */
	put_off = worst_of(s, count, false, DECISION_DEFER);
	return put_off.decision == DECISION_PASS ? told : put_off;
}
