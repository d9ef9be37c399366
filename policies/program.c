/*
 * Programs of the site's: every executable of a directory, in the order of their names, until one of
 * them is not content. Each has the message on its standard input and the facts in its environment.
 */
#include "base/child.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/programs.h"
#include "policies/policy.h"

#include <stdlib.h>
#include <string.h>

struct program_config {
	char *path;
	int64_t timeout, memory, output;
};

static const struct setting settings[] = {
	{ .name = "path", .kind = KIND_TEXT, .offset = offsetof(struct program_config, path),
	  .flags = SETTING_REQUIRED, .check = file_check_path,
	  .help = "The directory. All its executables are run, in the order of their names, but those "
	          "whose name begins with a dot or ends with ~. Nobody but root and the user of the "
	          "daemons may be able to change it or them." },
	{ .name = "timeout", .kind = KIND_TIME, .offset = offsetof(struct program_config, timeout),
	  .fallback = "5s", .min = "10ms", .max = "4m",
	  .help = "How long all of them may take. milter.content-deadline holds as well." },
	{ .name = "memory", .kind = KIND_SIZE, .offset = offsetof(struct program_config, memory),
	  .fallback = "256M", .min = "1M", .max = "64G",
	  .help = "Address space of each of their processes." },
	{ .name = "output", .kind = KIND_SIZE, .offset = offsetof(struct program_config, output),
	  .fallback = "64k", .min = "100", .max = "1M", .help = "How much one may say." },
	{ .kind = KIND_END },
};

static int
check(void *config, const struct node *block, struct complaint *why)
{
	const struct program_config *c = config;
	struct text_list names;
	struct complaint what;

	if (programs_list(c->path, &names, &what) < 0)
		return node_complain(node_child(block, "path"), why, "path: %s", what.text);
	text_list_free(&names);
	return 0;
}

/* What a program is told, as one variable. */
static char *
facts_text(const struct facts *f)
{
	struct js *j = js_object();
	struct bytes text = { 0 };

	bytes_add_text(&text, "ROLLCALL_FACTS=");
	js_set_text(j, "list", f->list->address);
	js_set_text(j, "recipient", f->recipient);
	js_set_text(j, "role", role_word(f->role));
	js_set_text(j, "sender", f->sender == NULL ? "" : f->sender);
	js_set_text(j, "client", f->client);
	js_set_text(j, "login", f->login);
	js_set_flag(j, "trusted", f->trusted);
	js_set_flag(j, "encrypted", f->encrypted);
	js_set_number(j, "recipients", (int64_t)f->recipients);
	js_set_number(j, "size", f->size);
	js_print(j, false, &text);
	js_drop(&j);
	return bytes_take(&text);
}

/* What it said beside its status: nothing, or an object with a verdict and a reason. */
static struct verdict
read_output(const char *name, int status, const struct bytes *said)
{
	struct complaint why;
	struct js *j = said->length == 0 ? NULL : js_parse(said->data, said->length, &why);
	const char *word = js_text(j, "verdict"), *reason = js_text(j, "reason");
	struct verdict v = verdict_defer(REPLY_LATER, "");

	if (said->length > 0 && !js_is_object(j))
		reason = "it says what is no JSON object";
	else if (status == 1 || (status == 0 && word != NULL && strcmp(word, "fail") == 0))
		v = verdict_reject(REPLY_PROGRAM, "");
	else if (status == 0 && (word == NULL || strcmp(word, "pass") == 0))
		v = verdict_pass();
	else if (reason == NULL)
		reason = "it is unsure";
	if (v.decision != DECISION_PASS)
		v = verdict_because(v, "%s: %s", name, reason == NULL ? "it fails" : reason);
	js_drop(&j);
	return v;
}

/* Its exit status and what it said; -1 with a complaint. */
static int
run(const char *path, const char *const *environment, const struct child_terms *terms,
    struct bytes *said, struct complaint *why)
{
	const char *const words[] = { path, NULL };
	struct child *child = child_start(words, environment, terms, why);
	int status = -1;

	if (child != NULL && child_text(child, said, why) == 0)
		status = child_end(&child, why);
	child_kill(&child);
	return status;
}

static struct verdict
ask_one(const struct program_config *c, const char *name, const char *const *environment,
        const struct facts *f, struct deadline by)
{
	char *path = mem_format("%s/%s", c->path, name);
	const struct child_terms terms = { .memory = c->memory, .output = c->output, .by = by,
		                           .input = f->file };
	struct bytes said = { 0 };
	struct complaint why;
	int status = run(path, environment, &terms, &said, &why);
	struct verdict v = verdict_defer(REPLY_LATER, "");

	v = status < 0 ? verdict_because(v, "%s: %s", name, why.text) : read_output(name, status, &said);
	bytes_free(&said);
	free(path);
	return v;
}

static struct verdict
ask_all(const struct program_config *c, const struct text_list *names, const struct facts *f,
        struct deadline by)
{
	char *facts = facts_text(f);
	const char *environment[] = { CHILD_PATH, facts, NULL };
	struct verdict v = verdict_pass();

	by = deadline_earlier(by, deadline_in(c->timeout));
	for (size_t i = 0; i < names->count && v.decision == DECISION_PASS; i++)
		v = ask_one(c, names->items[i], environment, f, by);
	free(facts);
	return v;
}

static struct verdict
at_end(const void *config, const struct facts *f, struct deadline by)
{
	const struct program_config *c = config;
	struct text_list names;
	struct complaint why;
	struct verdict v = verdict_defer(REPLY_LATER, "the message is not in a file");

	if (!f->filed || f->file < 0)
		return v;
	if (programs_list(c->path, &names, &why) < 0)
		return verdict_because(v, "%s", why.text);
	v = ask_all(c, &names, f, by);
	text_list_free(&names);
	return v;
}

const struct policy policy_program = {
	.name = "program",
	.summary = "Programs of the site must be content with the post.",
	.needs = NEED_SESSION | NEED_LIST | NEED_FILE,
	.resource = RESOURCE_PROGRAM,
	.repeats = true,
	.settings = settings,
	.config_size = sizeof(struct program_config),
	.check = check,
	.at = { [MOMENT_END] = at_end },
};
