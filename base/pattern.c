/* PCRE2. */
#define PCRE2_CODE_UNIT_WIDTH 8

#include "base/pattern.h"

#include "base/mem.h"
#include "base/text.h"

#include <pcre2.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Some milliseconds, and a few megabytes. */
enum {
	STEPS = 100000,
	DEPTH = 1000,
	HEAP = 4096,                      /* kB */
	LONGEST = 1000,
	LONGEST_RESULT = 65536,
	MOST_MATCHES = 100
};

struct pattern {
	pcre2_code *code;
	pcre2_match_context *limits;
};

struct pattern *
pattern_open(const char *text, struct complaint *why)
{
	const uint32_t options = PCRE2_CASELESS | PCRE2_UTF | PCRE2_MATCH_INVALID_UTF |
	                         PCRE2_NEVER_BACKSLASH_C;
	pcre2_compile_context *context = pcre2_compile_context_create(NULL);
	struct pattern *p = mem_new(sizeof(*p));
	PCRE2_UCHAR words[128];
	PCRE2_SIZE at;
	int error;

	if (context == NULL)
		abort();
	(void)pcre2_set_max_pattern_length(context, LONGEST);
	p->code = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, options, &error, &at, context);
	pcre2_compile_context_free(context);
	if (p->code == NULL) {
		(void)pcre2_get_error_message(error, words, sizeof(words));
		(void)complain(why, "\"%s\" is no regular expression: %s at its character %zu", text,
		               (const char *)words, (size_t)at + 1);
		pattern_close(&p);
		return NULL;
	}
	p->limits = pcre2_match_context_create(NULL);
	if (p->limits == NULL)
		abort();
	(void)pcre2_set_match_limit(p->limits, STEPS);
	(void)pcre2_set_depth_limit(p->limits, DEPTH);
	(void)pcre2_set_heap_limit(p->limits, HEAP);
	return p;
}

void
pattern_close(struct pattern **pattern)
{
	struct pattern *p = *pattern;

	*pattern = NULL;
	if (p == NULL)
		return;
	pcre2_code_free(p->code);
	pcre2_match_context_free(p->limits);
	free(p);
}

enum matched
pattern_matches(const struct pattern *p, const char *text, size_t length)
{
	pcre2_match_data *data = pcre2_match_data_create(1, NULL);
	int rc;

	if (data == NULL)
		abort();
	rc = pcre2_match(p->code, (PCRE2_SPTR)text, length, 0, 0, data, p->limits);
	pcre2_match_data_free(data);
	if (rc == PCRE2_ERROR_NOMATCH)
		return MATCHED_NO;
	return rc >= 0 ? MATCHED_YES : MATCHED_UNSURE;
}

/* The number behind a dollar, and behind that; -1 where there is none. */
static int
group_at(const char **text)
{
	int n = 0;

	if (**text < '0' || **text > '9')
		return -1;
	for (int digits = 0; digits < 2 && **text >= '0' && **text <= '9'; digits++)
		n = n * 10 + *(*text)++ - '0';
	return n;
}

int
pattern_check_replacement(const struct pattern *p, const char *with, struct complaint *why)
{
	uint32_t groups = 0;

	(void)pcre2_pattern_info(p->code, PCRE2_INFO_CAPTURECOUNT, &groups);
	while ((with = strchr(with, '$')) != NULL) {
		int n;

		if (*++with == '$') {
			with++;
			continue;
		}
		n = group_at(&with);
		if (n < 0)
			return complain(why, "behind a dollar stands a number, or another dollar");
		if ((uint32_t)n > groups)
			return complain(why, "$%d: the expression has %u group%s", n, (unsigned)groups,
			                text_s(groups));
	}
	return 0;
}

/* Adds the replacement of one match. */
static void
expand(struct bytes *out, const char *text, const PCRE2_SIZE *at, int groups, const char *with)
{
	while (*with != '\0') {
		size_t plain = strcspn(with, "$");
		int n;

		bytes_add(out, with, plain);
		with += plain;
		if (*with == '\0')
			break;
		if (*++with == '$') {
			bytes_add_char(out, *with++);
			continue;
		}
		n = group_at(&with);
		if (n >= 0 && n < groups) {
			const PCRE2_SIZE *ends = at + (size_t)n * 2;

			if (ends[0] != PCRE2_UNSET && ends[1] >= ends[0])
				bytes_add(out, text + ends[0], ends[1] - ends[0]);
		}
	}
}

/* Behind an empty match stands a whole character that it does not take. */
static size_t
pass_character(struct bytes *out, const char *text, size_t length, size_t at)
{
	do
		bytes_add_char(out, text[at++]);
	while (at < length && ((unsigned char)text[at] & 0xc0) == 0x80);
	return at;
}

enum matched
pattern_replace(const struct pattern *p, const char *text, size_t length, const char *with,
                struct bytes *out)
{
	pcre2_match_data *data = pcre2_match_data_create_from_pattern(p->code, NULL);
	struct bytes new = { 0 };
	enum matched matched = MATCHED_NO;
	size_t from = 0;
	int rc = 0, count = 0;

	if (data == NULL)
		abort();
	while (from <= length && new.length <= LONGEST_RESULT && count <= MOST_MATCHES) {
		const PCRE2_SIZE *at = pcre2_get_ovector_pointer(data);

		rc = pcre2_match(p->code, (PCRE2_SPTR)text, length, from, 0, data, p->limits);
		if (rc < 0 || at[0] < from || at[1] < at[0])
			break;
		matched = MATCHED_YES;
		count++;
		bytes_add(&new, text + from, at[0] - from);
		expand(&new, text, at, rc, with);
		from = at[1];
		if (at[1] == at[0] && from < length)
			from = pass_character(&new, text, length, from);
		else if (at[1] == at[0])
			break;
	}
	pcre2_match_data_free(data);
	if ((rc < 0 && rc != PCRE2_ERROR_NOMATCH) || new.length > LONGEST_RESULT || count > MOST_MATCHES)
		matched = MATCHED_UNSURE;
	else if (matched == MATCHED_YES && from < length)
		bytes_add(&new, text + from, length - from);
	if (matched == MATCHED_YES)
		bytes_add(out, new.data, new.length);
	bytes_free(&new);
	return matched;
}
