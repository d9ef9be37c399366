/*
 * The configuration of a list of Sympa: what is read is names and clean values, with lines that go up;
 * and written down again it is the same.
 */
#include "tests/fuzz/fuzz.h"

#include "base/mem.h"
#include "mail/sympa_config.h"

struct taken {
	struct bytes text;
	size_t line;
};

static int
take(void *arg, const struct sympa_parameter *p, struct complaint *why)
{
	struct taken *t = arg;

	(void)why;
	MUST(p->count > 0);
	MUST(p->count == 1 || *p->lines[0].value == '\0');
	for (size_t i = 0; i < p->count; i++) {
		const struct sympa_line *l = &p->lines[i];
		size_t length = strlen(l->value);

		MUST(l->number > t->line);
		t->line = l->number;
		MUST(*l->name != '\0' && *l->name != '#' && strpbrk(l->name, " \t\r\n") == NULL);
		MUST(strpbrk(l->value, "\t\r\n") == NULL && *l->value != ' ');
		MUST(length == 0 || l->value[length - 1] != ' ');
		bytes_format(&t->text, "%s %s\n", l->name, l->value);
		MUST(i == 0 || sympa_value(p, l->name) != NULL);
	}
	bytes_add_char(&t->text, '\n');
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct taken first = { .line = 0 }, second = { .line = 0 };
	struct complaint why;

	if (sympa_config_read("f", (const char *)data, size, take, &first, &why) == 0) {
		MUST(sympa_config_read("f", bytes_text(&first.text), first.text.length, take, &second,
		                       &why) == 0);
		MUST(same_texts(bytes_text(&first.text), bytes_text(&second.text)));
	} else {
		MUST(strncmp(why.text, "f:", 2) == 0);
	}
	bytes_free(&first.text);
	bytes_free(&second.text);
	return 0;
}
