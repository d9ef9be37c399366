/*
 * Programs of the site's: every executable of a directory, in the order of their names, until one of
 * them is not content. Each has the message on its standard input and the facts in its environment.
 */
#include "base/child.h"
#include "base/json.h"
#include "base/mem.h"
#include "policies/policy.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct program_config {
	char *path;
	int64_t timeout, memory, output;
};

static const struct setting settings[] = {
	{ .name = "path", .kind = KIND_TEXT, .offset = offsetof(struct program_config, path),
	  .flags = SETTING_REQUIRED,
	  .help = "The directory of the programs. Only its owner may be able to write to it, and to them." },
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

/* Nobody else can write there. */
static bool
is_safe(const struct stat *s)
{
	return (s->st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

static int
check(void *config, const struct node *block, struct complaint *why)
{
	const struct program_config *c = config;
	const struct node *at = node_child(block, "path");
	struct stat s;

	if (*c->path != '/')
		return node_complain(at, why, "path: \"%s\" is no absolute path", c->path);
	if (stat(c->path, &s) < 0 || !S_ISDIR(s.st_mode))
		return node_complain(at, why, "path: there is no directory %s", c->path);
	if (!is_safe(&s))
		return node_complain(at, why, "path: others than its owner can write to %s", c->path);
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
        const struct facts *f, struct patience p)
{
	char *path = mem_format("%s/%s", c->path, name);
	const struct child_terms terms = { .memory = c->memory, .output = c->output, .by = p.by,
		                           .input = f->file, .cancelled = p.cancelled };
	struct bytes said = { 0 };
	struct complaint why;
	int status = run(path, environment, &terms, &said, &why);
	struct verdict v = verdict_defer(REPLY_LATER, "");

	v = status < 0 ? verdict_because(v, "%s: %s", name, why.text) : read_output(name, status, &said);
	bytes_free(&said);
	free(path);
	return v;
}

/* -1: it is there and is not to be trusted; 0: it is no program. */
static int
is_program(int directory, const char *name)
{
	struct stat s;

	if (*name == '.' || fstatat(directory, name, &s, 0) < 0 || !S_ISREG(s.st_mode) ||
	    (s.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH)) == 0)
		return 0;
	return is_safe(&s) ? 1 : -1;
}

static struct verdict
ask_all(const struct program_config *c, DIR *directory, struct dirent **names, int count,
        const struct facts *f, struct patience p)
{
	char *facts = facts_text(f);
	const char *environment[] = { CHILD_PATH, facts, NULL };
	struct verdict v = verdict_pass();

	p.by = deadline_earlier(p.by, deadline_in(c->timeout));

	for (int i = 0; i < count && v.decision == DECISION_PASS; i++) {
		const char *name = names[i]->d_name;
		int program = is_program(dirfd(directory), name);

		if (program > 0)
			v = ask_one(c, name, environment, f, p);
		else if (program < 0)
			v = verdict_because(verdict_defer(REPLY_LATER, ""),
			                    "%s: others than its owner can write to it", name);
	}
	free(facts);
	return v;
}

static struct verdict
at_end(const void *config, const struct facts *f, struct patience p)
{
	const struct program_config *c = config;
	DIR *directory = opendir(c->path);
	struct dirent **names = NULL;
	int count = directory == NULL ? -1 : scandir(c->path, &names, NULL, alphasort);
	struct verdict v;

	if (count < 0 || !f->filed || f->file < 0)
		v = verdict_defer(REPLY_LATER, count < 0 ? "the directory cannot be read"
		                                         : "the message is not in a file");
	else
		v = ask_all(c, directory, names, count, f, p);

	while (count > 0)
		free(names[--count]);
	free(names);
	if (directory != NULL)
		(void)closedir(directory);
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
