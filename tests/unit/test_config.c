/* The configuration tree: what is taken, what is refused and how it is said. */
#include "tests/unit/unit.h"

#include "base/config.h"
#include "base/mem.h"

static void
check_refused(const char *what, const char *text, const char *want)
{
	struct complaint why;
	struct node *root = config_parse("r.yaml", text, strlen(text), &why);

	if (root != NULL)
		fail_msg("%s: was taken", what);
	same_text(what, why.text, want);
}

static void
refused(void **state)
{
	(void)state;
	check_refused("nothing", "", "r.yaml: the file is empty");
	check_refused("only blanks", "\n\n", "r.yaml: the file is empty");
	check_refused("cut in a line", "a: 1\nb: 2",
	              "r.yaml: the last line has no end: is the file cut off?");
	check_refused("a list at the top", "- a\n",
	              "r.yaml:1:1: settings are written \"name: value\"");
	check_refused("twice", "a: 1\nb: 2\na: 3\n",
	              "r.yaml:3:1: \"a\" stands here a second time, first in line 1");
	check_refused("twice, a block", "a:\n  b: 2\na: 3\n",
	              "r.yaml:3:1: \"a\" stands here a second time, first in line 1");
	check_refused("anchor", "a: &x 1\n",
	              "r.yaml:1:4: anchors (&name) are not part of this configuration");
	check_refused("alias", "a: &x 1\nb: *x\n",
	              "r.yaml:1:4: anchors (&name) are not part of this configuration");
	check_refused("alias alone", "b: *x\n",
	              "r.yaml:1:4: aliases (*name) are not part of this configuration");
	check_refused("tag", "a: !!int 1\n",
	              "r.yaml:1:4: tags (!name) are not part of this configuration");
	check_refused("second document", "a: 1\n---\nb: 2\n", "r.yaml:2:1: a second document begins here");
	check_refused("odd key", "[a, b]: 1\n", "r.yaml:1:1: a key must be a plain word");
	check_refused("NUL in a value", "a: \"x\\0\"\n", "r.yaml:1:4: a text holds a NUL");
	check_refused("NUL in a key", "\"a\\0\": 1\n", "r.yaml:1:1: a text holds a NUL");
	check_refused("tab", "a:\n\tb: 1\n",
	              "r.yaml:2:1: found character that cannot start any token");
	check_refused("open bracket", "a: [ 1, 2\n",
	              "r.yaml:2:1: did not find expected ',' or ']'");
	check_refused("not UTF-8", "a: \xff\n", "r.yaml: byte 3: invalid leading UTF-8 octet");
}

static void
nested_too_deeply(void **state)
{
	struct complaint why;
	char text[512] = "a: ";

	(void)state;
	for (int i = 0; i < 100; i++)
		(void)strcat(text, "[");
	for (int i = 0; i < 100; i++)
		(void)strcat(text, "]");
	(void)strcat(text, "\n");
	assert_null(config_parse("r.yaml", text, strlen(text), &why));
	same_text("deep", why.text, "r.yaml:1:20: nested too deeply");
}

static void
a_tree(void **state)
{
	static const char text[] = "hostname: mail # a comment\nsources:\n  corp:\n    uri: [ a, \"b c\" ]\n"
	                           "    empty:\n";
	struct complaint why;
	struct node *root = config_parse("r.yaml", text, sizeof(text) - 1, &why);
	const struct node *corp, *uri;

	(void)state;
	assert_non_null(root);
	same_text("text", node_child(root, "hostname")->text, "mail");
	corp = node_child(node_child(root, "sources"), "corp");
	uri = node_child(corp, "uri");
	assert_int_equal(uri->kind, NODE_LIST);
	same_text("second", uri->children[1]->text, "b c");
	assert_int_equal(uri->children[1]->line, 4);
	assert_int_equal(uri->children[1]->column, 15);
	same_text("empty", node_child(corp, "empty")->text, "");
	assert_null(node_child(corp, "nothing"));
	assert_null(node_child(NULL, "nothing"));
	config_free(&root);
	assert_null(root);
}

static void
a_missing_file(void **state)
{
	struct complaint why;

	(void)state;
	assert_null(config_load("/nonexistent/r.yaml", &why));
	same_text("missing", why.text, "there is no file /nonexistent/r.yaml");
	assert_null(config_load("/", &why));
	same_text("directory", why.text, "/ is a directory");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refused),
		cmocka_unit_test(nested_too_deeply),
		cmocka_unit_test(a_tree),
		cmocka_unit_test(a_missing_file),
	};

	return RUN(tests);
}
