/* Reverse-paths of members and original recipients: whatever a bounce is addressed to. */
#include "tests/fuzz/fuzz.h"

#include "base/mem.h"
#include "mail/address.h"
#include "mail/list.h"
#include "mail/verp.h"
#include "mail/xtext.h"

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

/* What we make ourselves of a list and a line is true, whatever they are, unless it is too long. */
static void
check_ours(const char *list, uint32_t line)
{
	char *bounces = list_role_address(list, ROLE_BOUNCES);
	char *address = verp_address(keys, bounces, list, "uegaozwghqbigaj7r63fjuqkki", line);
	struct complaint why;
	struct address a;
	struct verp v;

	if (address != NULL && address_parse(&a, address, strlen(address), &why) == 0) {
		verp_read(keys, a.canonical, list, &v);
		MUST(v.form == VERP_TRUE && v.line == line && memcmp(v.post, "uegaozwg", VERP_POST) == 0);
		verp_free(&v);
		address_free(&a);
	}
	free(address);
	free(bounces);
}

static void
check_orcpt(const char *address)
{
	struct bytes out = { 0 };

	xtext_add_orcpt(&out, address, strlen(address));
	MUST(out.length <= 507 && (out.length == 0 || strchr(bytes_text(&out), ';') != NULL));
	for (size_t i = 1; i < out.length; i++)
		MUST(out.data[i] > ' ' && out.data[i] < 0x7f);
	bytes_free(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct food f = { data, size };
	uint32_t line = eat(&f) | (uint32_t)eat(&f) << 16;
	char *text = mem_copy((const char *)f.at, f.left);
	struct candidate c[CANDIDATES];
	struct complaint why;
	struct address a;
	struct verp v;
	size_t count;

	if (keys == NULL)
		open_keys();
	check_orcpt(text);
	if (address_parse(&a, text, strlen(text), &why) == 0) {
		count = list_candidates(a.canonical, '+', c);
		for (size_t i = 0; i < count; i++) {
			verp_read(keys, a.canonical, c[i].address, &v);
			MUST(v.form != VERP_TRUE);      /* nobody guesses one */
			MUST((v.form == VERP_HINT) == (v.member != NULL));
			MUST(v.form == VERP_NONE || c[i].role == ROLE_BOUNCES || *a.canonical == '"' ||
			     strstr(a.canonical, "-bounces+") != NULL);
			verp_free(&v);
		}
		candidates_free(c, count);
		check_ours(a.canonical, line);
		address_free(&a);
	}
	free(text);
	return 0;
}
