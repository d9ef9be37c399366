/* No posts that lack a field that people need: a subject, as a rule. */
#include "mail/encoded.h"
#include "mail/header.h"
#include "policies/policy.h"

#include <string.h>

struct required_fields_config {
	struct text_list fields;
};

static int
check_name(const char *name, struct complaint *why)
{
	return field_check_name(name, strlen(name), why);
}

static const struct setting settings[] = {
	{ .name = "fields", .kind = KIND_TEXTS, .offset = offsetof(struct required_fields_config, fields),
	  .fallback = "Subject", .min = "1", .check = check_name,
	  .help = "The names of the fields that a post must have." },
	{ .kind = KIND_END },
};

/* Whether there is such a field with more in it than blanks. */
static bool
says_something(const struct facts *f, const char *name)
{
	struct bytes value = { 0 }, read = { 0 };
	struct field field;
	bool says = false;
	size_t at = 0;

	while (!says && header_next(f->header, f->header_length, &at, &field)) {
		if (!field_is(&field, name))
			continue;
		bytes_clear(&value);
		bytes_clear(&read);
		field_unfold(&field, &value);
		encoded_read(&read, bytes_text(&value), value.length);
		says = strspn(bytes_text(&read), " \t") < read.length;
	}
	bytes_free(&value);
	bytes_free(&read);
	return says;
}

static struct verdict
at_end(const void *config, const struct facts *f, struct deadline by)
{
	const struct required_fields_config *c = config;

	(void)by;                         /* cannot block */
	for (size_t i = 0; i < c->fields.count; i++)
		if (!says_something(f, c->fields.items[i]))
			return verdict_because(verdict_reject(REPLY_LACKS_FIELD, ""), "no %s",
			                       c->fields.items[i]);
	return verdict_pass();
}

const struct policy policy_required_fields = {
	.name = "required-fields",
	.summary = "The post must have a subject, or other fields.",
	.settings = settings,
	.config_size = sizeof(struct required_fields_config),
	.at = { [MOMENT_END] = at_end },
};
