/* PCRE2. */
#define PCRE2_CODE_UNIT_WIDTH 8

#include "base/pattern.h"

#include "base/mem.h"

#include <pcre2.h>
#include <stdint.h>
#include <stdlib.h>

/* Some milliseconds, and a few megabytes. */
enum { STEPS = 100000, DEPTH = 1000, HEAP = 4096 /* kB */, LONGEST = 1000 };

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
