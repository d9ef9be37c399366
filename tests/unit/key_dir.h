/* Keys for the tests of a program: cmocka_run_group_tests(tests, begin_keys, end_keys). */
#ifndef TESTS_UNIT_KEY_DIR_H
#define TESTS_UNIT_KEY_DIR_H

#include "tests/unit/unit.h"

#include "base/keys.h"
#include "base/mem.h"

static inline int
begin_keys(void **state)
{
	char *dir = mem_text(make_temp_dir()), *path = mem_format("%s/keys", dir);
	struct complaint why;

	*state = keys_open(path, NULL, &why);
	free(path);
	remove_temp_dir(dir);             /* what was read is enough */
	free(dir);
	return *state == NULL ? -1 : 0;
}

static inline int
end_keys(void **state)
{
	struct keys *k = *state;

	keys_close(&k);
	return 0;
}

#endif
