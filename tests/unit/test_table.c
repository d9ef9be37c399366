/* The source table: LMDB and CDB files as postmap(1) makes them, and damaged ones. */
#include "tests/unit/source_contract.h"
#include "tests/unit/unit.h"

#include "base/bytes.h"
#include "base/mem.h"

#include <cdb.h>
#include <fcntl.h>
#include <lmdb.h>

/* Keys and values by turns. */
static const char *const contract[] = {
	"staff@lists.example.com", "ann@example.com, Bob@example.com,dev@lists.example.com\n\tguest@partner.example.net",
	"owner-staff@lists.example.com", "ann@example.com",
	"dev@lists.example.com", "carl@example.com, ann@example.com, staff@lists.example.com,",
	"dev-owner@lists.example.com", "ann@example.com",
	"diamond@lists.example.com", "left@lists.example.com, right@lists.example.com",
	"left@lists.example.com", "bottom@lists.example.com",
	"right@lists.example.com", "bottom@lists.example.com ann@example.com",
	"bottom@lists.example.com", "dora@example.com",
	"selfish@lists.example.com", "selfish@lists.example.com",
	"idn@xn--bcher-kva.example", "ann@example.com",
	NULL,
};

struct table {
	char *dir, *path;
	bool cdb;
	struct source *source;
};

/* With or without a NUL behind each, as Postfix may have been built. */
static void
write_cdb(const char *path, const char *const *pairs, unsigned nul)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);
	struct cdb_make m;

	assert_true(fd >= 0);
	assert_int_equal(cdb_make_start(&m, fd), 0);
	for (; *pairs != NULL; pairs += 2)
		assert_int_equal(cdb_make_add(&m, pairs[0], (unsigned)strlen(pairs[0]) + nul, pairs[1],
		                              (unsigned)strlen(pairs[1]) + nul), 0);
	assert_int_equal(cdb_make_finish(&m), 0);
	(void)close(fd);
}

static void
write_lmdb(const char *path, const char *const *pairs, size_t nul)
{
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi dbi;

	assert_int_equal(mdb_env_create(&env), 0);
	assert_int_equal(mdb_env_open(env, path, MDB_NOSUBDIR | MDB_NOLOCK, 0644), 0);
	assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
	assert_int_equal(mdb_dbi_open(txn, NULL, 0, &dbi), 0);
	for (; *pairs != NULL; pairs += 2) {
		MDB_val key = { strlen(pairs[0]) + nul, (void *)pairs[0] };
		MDB_val value = { strlen(pairs[1]) + nul, (void *)pairs[1] };

		assert_int_equal(mdb_put(txn, dbi, &key, &value, 0), 0);
	}
	assert_int_equal(mdb_txn_commit(txn), 0);
	mdb_env_close(env);
}

/* Puts a new file in place of the other, as postmap does it for CDB. */
static void
put(const struct table *t, const char *const *pairs, int nul)
{
	char *new = mem_format("%s.new", t->path);

	if (t->cdb)
		write_cdb(new, pairs, (unsigned)nul);
	else
		write_lmdb(new, pairs, (size_t)nul);
	assert_int_equal(rename(new, t->path), 0);
	free(new);
}

static struct table
begin(bool cdb, const char *const *pairs, int nul, const char *settings)
{
	struct table t = { .dir = make_temp_dir(), .cdb = cdb };
	const char *format = cdb ? "cdb" : "lmdb";
	char *yaml;

	t.path = mem_format("%s/lists.%s", t.dir, format);
	put(&t, pairs, nul);
	yaml = mem_format("  kind: table\n  format: %s\n  path: %s\n%s", format, t.path, settings);
	t.source = source_from_text(yaml);
	free(yaml);
	return t;
}

static void
end(struct table *t)
{
	source_close(&t->source);
	remove_temp_dir(t->dir);
	free(t->path);
}

static const char forgetful[] = "  cache: { yes: 0s, no: 0s, patience: 300ms }\n";

static void
both_formats_keep_the_contract(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		struct table t = begin(i / 2, contract, i % 2, i % 2 ? forgetful : "");

		source_contract(t.cdb ? "cdb" : "lmdb", t.source, LACKS_SETTINGS);
		end(&t);
	}
}

static enum found
walk(struct source *s, const char *address, struct bytes *all, struct walk_report *report,
     struct complaint *why)
{
	struct list *l = list_new(mem_text(address), NULL, mem_text(address), NULL);
	enum found found = source_each_member(s, l, PEOPLE_MEMBERS, deadline_in(20000), note_spelling, all, report, why);

	list_drop(&l);
	return found;
}

static void
members_of_every_kind(void **state)
{
	static const char *const pairs[] = {
		"a@l.x", "\"odd, one\"@x ,\"esc\\\"aped, too\"@x\tann,|/bin/sh, /var/mail/x \"|/bin/sh -c\" "
		         ":include:/x b@x \\@x ,,, \"open",
		"empty@l.x", "", NULL,
	};
	static const struct {
		const char *settings, *want;
		size_t refused;
	} cases[] = {
		{ "", "\"odd, one\"@x|\"esc\\\"aped, too\"@x|b@x|", 7 },
		{ "  origin: example.com\n", "\"odd, one\"@x|\"esc\\\"aped, too\"@x|ann@example.com|b@x|", 6 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct table t = begin(true, pairs, 0, cases[i].settings);
		struct bytes all = { 0 };
		struct walk_report report;
		struct complaint why;

		assert_int_equal(walk(t.source, "a@l.x", &all, &report, &why), FOUND_YES);
		same_text(cases[i].settings, bytes_text(&all), cases[i].want);
		assert_int_equal(report.refused, cases[i].refused);
		bytes_clear(&all);
		assert_int_equal(walk(t.source, "empty@l.x", &all, &report, &why), FOUND_YES);
		same_text("empty", bytes_text(&all), "");
		bytes_free(&all);
		end(&t);
	}
}

static bool
note_list(void *arg, const struct list *l, const struct text_list *also)
{
	bytes_format(arg, "%s|", l->address);
	return also->count == 0;
}

/* Only keys that are looked for are lists; the same key twice is one. */
static void
which_keys_are_lists(void **state)
{
	static const char *const pairs[] = { "b@l.x", "x@x", "A@l.x", "x@x", "@l.x", "x@x", "l.x", "x@x",
		                             "a@l.y", "x@x", "b@l.x", "y@x", "\"o d\"@l.x", "x@x",
		                             "", "x", NULL };

	(void)state;
	for (int nul = 0; nul < 2; nul++) {
		struct table t = begin(true, pairs, nul, forgetful);
		struct bytes all = { 0 };
		struct complaint why;

		assert_int_equal(source_each_list(t.source, "l.x", deadline_in(20000), note_list, &all, &why),
		                 FOUND_YES);
		same_text("lists", bytes_text(&all), "b@l.x|\"o d\"@l.x|");
		bytes_free(&all);
		end(&t);
	}
}

static void
a_file_that_is_replaced_counts_at_once(void **state)
{
	static const char *const two[] = { "b@l.x", "bob@x", NULL };

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct table t = begin(i, contract, 1, forgetful);
		struct complaint why;

		assert_int_equal(ask_source(t.source, "staff@lists.example.com", &why), FOUND_YES);
		put(&t, two, 1);
		assert_int_equal(ask_source(t.source, "staff@lists.example.com", &why), FOUND_NO);
		assert_int_equal(ask_source(t.source, "b@l.x", &why), FOUND_YES);
		end(&t);
	}
}

static enum found
list(struct source *s, struct complaint *why)
{
	struct bytes all = { 0 };
	enum found found = source_each_list(s, "lists.example.com", deadline_in(20000), note_list, &all, why);

	bytes_free(&all);
	return found;
}

static void
files_that_are_wrong(void **state)
{
	static const char junk[] = "neither the one nor the other, but text of more than a few bytes\n";

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct table t = begin(i, contract, 1, forgetful);
		struct complaint why;
		struct walk_report report;
		struct bytes all = { 0 };

		assert_int_equal(unlink(t.path), 0);
		assert_int_equal(list(t.source, &why), FOUND_UNSURE);
		assert_non_null(strstr(why.text, "corp: cannot open "));
		assert_int_equal(ask_source(t.source, "staff@lists.example.com", &why), FOUND_UNSURE);
		assert_non_null(strstr(why.text, "corp: cannot open "));
		assert_int_equal(walk(t.source, "staff@lists.example.com", &all, &report, &why), FOUND_UNSURE);
		write_file(t.path, "");
		assert_int_equal(list(t.source, &why), FOUND_UNSURE);
		assert_int_equal(ask_source(t.source, "staff@lists.example.com", &why), FOUND_UNSURE);
		assert_non_null(strstr(why.text, "cannot read "));
		write_file(t.path, junk);
		assert_int_equal(list(t.source, &why), FOUND_UNSURE);
		assert_non_null(strstr(why.text, "cannot read "));
		assert_int_equal(ask_source(t.source, "staff@lists.example.com", &why), FOUND_UNSURE);
		assert_non_null(strstr(why.text, "cannot read "));
		put(&t, contract, 1);
		assert_int_equal(ask_source(t.source, "staff@lists.example.com", &why), FOUND_YES);
		end(&t);
	}
}

/* Cut off at any byte: what is behind all that a lookup needs may be missing, and nothing else. */
static void
cdb_files_that_are_cut_off(void **state)
{
	static const char *const pairs[] = { "a@l.x", "ann@x, bob@x", NULL };
	struct table t = begin(true, pairs, 0, forgetful);
	struct complaint why;
	struct walk_report report;
	long length, unsure = 0;
	FILE *f = fopen(t.path, "r");

	(void)state;
	assert_non_null(f);
	assert_int_equal(fseek(f, 0, SEEK_END), 0);
	length = ftell(f);
	(void)fclose(f);
	for (long at = length - 1; at >= 0; at--) {
		struct bytes all = { 0 };

		assert_int_equal(truncate(t.path, at), 0);
		/* All keys stand before the last value. */
		assert_true(list(t.source, &why) == FOUND_UNSURE || at > 2048);
		if (walk(t.source, "a@l.x", &all, &report, &why) != FOUND_UNSURE)
			same_text("cut off", bytes_text(&all), "ann@x|bob@x|");
		else
			unsure++;
		bytes_free(&all);
	}
	assert_true(unsure > length - 16);
	end(&t);
}

/* A length that the file does not have is not asked of memory. */
static void
cdb_files_that_lie(void **state)
{
	static const char *const pairs[] = { "a@l.x", "ann@x", NULL };
	static const unsigned char huge[] = { 0xff, 0xff, 0xff, 0xff };
	struct table t = begin(true, pairs, 0, forgetful);
	int fd = open(t.path, O_WRONLY);
	struct complaint why;

	(void)state;
	assert_true(fd >= 0);
	/* Behind the table of tables: the length of the key, that of the value. */
	assert_int_equal(pwrite(fd, huge, sizeof(huge), 2048 + 4), sizeof(huge));
	(void)close(fd);
	assert_int_equal(ask_source(t.source, "a@l.x", &why), FOUND_UNSURE);
	assert_non_null(strstr(why.text, "cannot read "));
	assert_int_equal(list(t.source, &why), FOUND_UNSURE);
	assert_non_null(strstr(why.text, "cannot read "));
	end(&t);
}

/* While somebody writes, and has not ended. */
static void
lmdb_files_that_are_written(void **state)
{
	struct table t = begin(false, contract, 1, forgetful);
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct complaint why;
	int fd = open(t.path, O_RDWR);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_OFD_SETLK, &whole), 0);
	assert_int_equal(ask_source(t.source, "staff@lists.example.com", &why), FOUND_UNSURE);
	assert_non_null(strstr(why.text, "somebody has been writing to "));
	assert_int_equal(source_each_list(t.source, "lists.example.com", deadline_in(100), note_list, NULL, &why),
	                 FOUND_UNSURE);
	assert_non_null(strstr(why.text, "somebody has been writing to "));
	(void)close(fd);
	assert_int_equal(ask_source(t.source, "staff@lists.example.com", &why), FOUND_YES);
	end(&t);
}

static void
settings_that_are_wrong(void **state)
{
	static const struct {
		const char *yaml, *want;
	} cases[] = {
		{ "format: hash, path: /x", "format: \"hash\" is not one of lmdb, cdb" },
		{ "format: cdb, path: lists.cdb", "\"lists.cdb\" is no absolute path" },
		{ "format: cdb, path: /x, origin: \"@x\"", "origin: " },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		source_refused("table", cases[i].yaml, cases[i].want);
}

static void *
walk_often(void *arg)
{
	for (int i = 0; i < 50; i++) {
		struct bytes all = { 0 };
		struct walk_report report;
		struct complaint why;

		if (walk(arg, "diamond@lists.example.com", &all, &report, &why) != FOUND_YES)
			fail_msg("%s", why.text);
		same_text("diamond", bytes_text(&all), "ann@example.com|dora@example.com|");
		bytes_free(&all);
	}
	return NULL;
}

static void
several_may_walk_at_once(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct table t = begin(i, contract, 1, "");

		in_four_threads(walk_often, t.source);
		end(&t);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_formats_keep_the_contract),
		cmocka_unit_test(members_of_every_kind),
		cmocka_unit_test(which_keys_are_lists),
		cmocka_unit_test(a_file_that_is_replaced_counts_at_once),
		cmocka_unit_test(files_that_are_wrong),
		cmocka_unit_test(cdb_files_that_are_cut_off),
		cmocka_unit_test(cdb_files_that_lie),
		cmocka_unit_test(lmdb_files_that_are_written),
		cmocka_unit_test(settings_that_are_wrong),
		cmocka_unit_test(several_may_walk_at_once),
	};

	return RUN(tests);
}
