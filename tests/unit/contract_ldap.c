/*
 * The contract of sources on a real directory that holds tests/fixtures/contract.ldif; the
 * whole-system tests start one and run this: contract_ldap FILE [WORD …], where FILE is the
 * source's block of YAML, and the words say what it lacks. Other servers have the same lists.
 */
#include "tests/unit/source_contract.h"
#include "tests/unit/unit.h"

#include "base/bytes.h"
#include "base/file.h"
#include "base/log.h"

#include <fcntl.h>
#include <string.h>

static const char *file;
static unsigned lacks = KNOWS_PEOPLE;

static void
ldap_keeps_the_contract(void **state)
{
	struct bytes yaml = { 0 };
	struct complaint why;
	struct source *s;

	(void)state;
	assert_int_equal(file_read(AT_FDCWD, file, 65536, &yaml, &why), 1);
	s = source_from_text(yaml.data);
	source_contract(file, s, lacks);
	source_close(&s);
	bytes_free(&yaml);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(ldap_keeps_the_contract) };

	if (argc < 2)
		return 64;
	file = argv[1];
	for (int i = 2; i < argc; i++) {
		if (strcmp(argv[i], "style") == 0)
			lacks |= LACKS_STYLE;
		else if (strcmp(argv[i], "people") == 0)
			lacks &= ~(unsigned)KNOWS_PEOPLE;
		else if (strcmp(argv[i], "members") == 0)
			lacks |= LACKS_MEMBERS;
		else
			return 64;
	}
	return RUN(tests);
}
