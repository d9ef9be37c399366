/* Leaving by one click: tokens and forms, as whoever finds the web server sends them. */
#include "tests/fuzz/fuzz.h"

#include "base/mem.h"
#include "mail/form.h"
#include "mail/leaving.h"

#include <unistd.h>

static struct keys *keys;

static void
open_keys(void)
{
	char *directory = mem_format("/tmp/rollcall-fuzz-keys.%d", (int)getpid()), *command;
	struct complaint why;

	keys = keys_open(directory, NULL, &why);
	MUST(keys != NULL);
	command = mem_format("rm -r %s", directory);
	MUST(system(command) == 0);
	free(command);
	free(directory);
}

/* Nobody guesses one; one of ours is good, whatever it is made of, unless it is too long or another letter. */
static void
check_tokens(struct slice text)
{
	char *list = NULL, *member = NULL, *token;

	MUST(!leaving_read(keys, text.at, text.length, &list, &member) && list == NULL && member == NULL);
	if (text.length == 0 || text.length > 200 || memchr(text.at, '\n', text.length) != NULL ||
	    memchr(text.at, '\0', text.length) != NULL)
		return;
	member = mem_copy(text.at, text.length);
	token = leaving_token(keys, "staff@l.x", member);
	free(member);
	MUST(leaving_read(keys, token, strlen(token), &list, &member));
	MUST(strcmp(list, "staff@l.x") == 0 && strlen(member) == text.length &&
	     memcmp(member, text.at, text.length) == 0);
	free(list);
	free(member);
	MUST(!leaving_read(keys, token, strlen(token) - 1, &list, &member));
	token[strlen(token) / 2] ^= 1;
	MUST(!leaving_read(keys, token, strlen(token), &list, &member));
	free(token);
}

/* The type is the first line, the body the rest: of a length, and without an end. */
static void
check_forms(struct food *f)
{
	struct slice line = eat_until(f, '\n');
	char *type = mem_copy(line.at, line.length), *body = mem_copy((const char *)f->at, f->left);
	size_t size = f->left;

	if (form_says(type, body, size, "List-Unsubscribe", "One-Click")) {
		MUST(size >= strlen("One-Click"));
		MUST(!form_says("text/plain", body, size, "List-Unsubscribe", "One-Click"));
	}
	free(type);
	free(body);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct food f = { data, size };

	if (keys == NULL)
		open_keys();
	check_tokens((struct slice){ (const char *)data, size });
	check_forms(&f);
	return 0;
}
