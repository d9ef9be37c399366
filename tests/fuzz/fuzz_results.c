/* What others say that they found out: Authentication-Results, lists of tags, records of DMARC. */
#include "tests/fuzz/fuzz.h"

#include "base/mem.h"
#include "mail/dmarc.h"
#include "mail/results.h"
#include "mail/tags.h"

/* What was understood, written down anew, is understood in the same way. */
static void
check_results(const char *text)
{
	struct results rs, again;
	struct bytes b = { 0 };

	if (!results_parse(&rs, text))
		return;
	MUST(*rs.server != '\0');
	bytes_add_text(&b, "server");
	for (size_t i = 0; i < rs.count; i++) {
		bytes_format(&b, "; %s=%s", rs.all[i].method, rs.all[i].result);
		for (size_t p = 0; p < rs.all[i].count; p++) {
			bytes_format(&b, " %s=\"", rs.all[i].properties[p].name);
			for (const char *c = rs.all[i].properties[p].value; *c != '\0'; c++)
				bytes_format(&b, "\\%c", *c);
			bytes_add_char(&b, '"');
		}
	}
	MUST(results_parse(&again, bytes_text(&b)) && again.count == rs.count);
	for (size_t i = 0; i < rs.count; i++) {
		MUST(strcmp(again.all[i].method, rs.all[i].method) == 0);
		MUST(again.all[i].count == rs.all[i].count);
		for (size_t p = 0; p < rs.all[i].count; p++)
			MUST(same_texts(result_property(&again.all[i], rs.all[i].properties[p].name),
			                rs.all[i].properties[p].value));
	}
	results_free(&rs);
	results_free(&again);
	bytes_free(&b);
}

/* Names and values lie in the text, and hold no semicolon. */
static void
check_tags(const char *text, size_t length)
{
	struct slice rest = { text, length }, name, value;
	struct dmarc d;

	while (tag_next(&rest, &name, &value)) {
		MUST(name.at >= text && value.at + value.length <= text + length);
		MUST(memchr(name.at, ';', name.length) == NULL && memchr(value.at, ';', value.length) == NULL);
	}
	if (dmarc_parse(text, length, &d))
		MUST(memmem(text, length, "DMARC1", 6) != NULL);
}

static void
check_author(const char *text, size_t length)
{
	struct complaint why;
	char *domain = dmarc_author(text, length, &why);

	if (domain != NULL)
		MUST(*domain != '\0' && dmarc_aligned(domain, domain, true) &&
		     dmarc_aligned(domain, dmarc_organisation(domain), false));
	free(domain);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = mem_copy((const char *)data, size);

	check_results(text);
	check_tags((const char *)data, size);
	check_author((const char *)data, size);
	free(text);
	return 0;
}
