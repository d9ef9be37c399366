/* Policies of a destination. */
#include "policies/chain.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* What only the milter knows by itself. */
enum { BEFORE_THE_MTA = NEED_SESSION | NEED_ENVELOPE };

/* Behind the configuration of a policy. */
struct actions {
	int64_t on_fail, on_unsure, without_session;
	char *tag;
};

static const char *const action_words[] = { [ACTION_REJECT] = "reject", [ACTION_DEFER] = "defer",
	                                    [ACTION_HOLD] = "hold", [ACTION_TAG] = "tag",
	                                    [ACTION_LOG_ONLY] = "log-only", NULL };

/* Of these words; as actions they stand in without_actions[]. */
static const char *const without_words[] = { "accept", "hold", "defer", "reject", NULL };
static const enum action without_actions[] = { ACTION_ACCEPT, ACTION_HOLD, ACTION_DEFER, ACTION_REJECT };

/* A word that members' programs can sort by. */
static int
check_tag(const char *text, struct complaint *why)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
	enum { LONGEST = 30 };
	size_t length = strspn(text, letters);

	return length > 0 && length <= LONGEST && text[length] == '\0'
	               ? 0
	               : complain(why, "\"%s\" is no word of at most %d small letters, digits and dashes",
	                          text, LONGEST);
}

const struct setting action_settings[] = {
	{ .name = "on_fail", .kind = KIND_WORD, .offset = offsetof(struct actions, on_fail),
	  .fallback = "reject", .words = action_words,
	  .help = "What becomes of a posting that fails the check: reject, defer (4xx), hold, until somebody "
	          "lets it go (rollcallctl held), tag, which lets it go on with a field X-Rollcall-Tag, or "
	          "log-only, which is how to try one out." },
	{ .name = "on_unsure", .kind = KIND_WORD, .offset = offsetof(struct actions, on_unsure),
	  .fallback = "defer", .words = action_words,
	  .help = "What becomes of one where the check cannot know: defer (4xx), hold or reject; tag is for "
	          "checks that only tag what fails, and log-only for those that refuse nothing when they "
	          "fail either, where it needs not be written." },
	{ .name = "without_session", .kind = KIND_WORD, .offset = offsetof(struct actions, without_session),
	  .fallback = "accept", .words = without_words,
	  .help = "What becomes of a posting that came past the milter, so that the check cannot be asked "
	          "for want of the session: accept, hold, defer (4xx) or reject. The MTA writes to the "
	          "sender of what is refused there, or put off for too long. Only of checks that need the "
	          "session." },
	{ .name = "tag", .kind = KIND_TEXT, .offset = offsetof(struct actions, tag), .check = check_tag,
	  .help = "The word for it in X-Rollcall-Tag, where on_fail is tag. Without it the check's name." },
	{ .kind = KIND_END },
};

static const struct policy *
find_policy(const struct node *n, const char *word, struct complaint *why)
{
	enum { MOST = 64 };
	const char *words[MOST + 1] = { NULL };

	for (size_t i = 0; policies[i] != NULL && i < MOST; i++) {
		if (strcmp(policies[i]->name, word) == 0)
			return policies[i];
		words[i] = policies[i]->name;
	}
	(void)node_complain(n, why, "there is no check \"%s\"%s", word, text_hint(word, words).text);
	return NULL;
}

/* Where the actions lie, behind the configuration. */
static size_t
actions_at(const struct policy *p)
{
	const size_t align = _Alignof(struct actions);

	return (p->config_size + align - 1) / align * align;
}

/* The rows of a policy and, behind its configuration, those of the actions. */
static struct setting *
all_rows(const struct policy *p)
{
	size_t own = 0, more = 0;
	struct setting *rows;

	while (p->settings[own].kind != KIND_END)
		own++;
	while (action_settings[more].kind != KIND_END)
		more++;
	rows = mem_array(own + more + 1, sizeof(*rows));
	memcpy(rows, p->settings, own * sizeof(*rows));
	memcpy(rows + own, action_settings, (more + 1) * sizeof(*rows));
	for (size_t i = own; i < own + more; i++) {
		rows[i].offset += actions_at(p);
		if (p->holds && (strcmp(rows[i].name, "on_fail") == 0 ||
		                 strcmp(rows[i].name, "without_session") == 0))
			rows[i].fallback = "hold";
	}
	return rows;
}

/* What holds for a check, as text. */
static char *
settings_text(const struct effective_list *own, size_t prefix)
{
	struct bytes text = { 0 };

	for (size_t i = 0; i < own->count; i++)
		bytes_format(&text, "%s=%s;", own->items[i].path + prefix, own->items[i].value);
	return text.data == NULL ? mem_text("") : bytes_take(&text);
}

/* Adds them to what holds for the site. */
static void
move_effective(struct effective_list *from, struct effective_list *to)
{
	to->items = mem_resize(to->items, (to->count + from->count + 1) * sizeof(*to->items));
	for (size_t i = 0; i < from->count; i++)
		to->items[to->count++] = from->items[i];
	free(from->items);
}

static int
take_actions(struct link *l, const struct actions *a, const struct node *block, struct complaint *why)
{
	const struct node *fail = node_child(block, "on_fail"), *unsure = node_child(block, "on_unsure");
	const struct node *without = node_child(block, "without_session");

	l->tag = a->tag != NULL ? a->tag : l->policy->name;
	l->on_fail = (enum action)a->on_fail;
	l->on_unsure = (enum action)a->on_unsure;
	l->without_session = without_actions[a->without_session];
	if (without != NULL && !(l->policy->needs & BEFORE_THE_MTA))
		return node_complain(without, why,
		                     "without_session: %s needs no session, and is always asked",
		                     l->policy->name);
	if (l->policy->quiet && l->on_fail != ACTION_REJECT)
		return node_complain(fail, why, "on_fail: what fails %s is always refused",
		                     l->policy->name);
	if (l->on_fail == ACTION_LOG_ONLY && unsure == NULL)
		l->on_unsure = ACTION_LOG_ONLY;
	if (l->on_unsure == ACTION_TAG && l->on_fail != ACTION_TAG)
		return node_complain(unsure, why, "on_unsure: what is not known never counts as a yes");
	if (a->tag != NULL && l->on_fail != ACTION_TAG)
		return node_complain(node_child(block, "tag"), why,
		                     "tag: what fails this check is not tagged; that would be on_fail: tag");
	if ((l->on_fail == ACTION_LOG_ONLY) != (l->on_unsure == ACTION_LOG_ONLY))
		return node_complain(unsure, why, "on_unsure: %s",
		                     l->on_fail == ACTION_LOG_ONLY
		                             ? "a check that only logs a failure refuses nothing"
		                             : "what is not known never counts as a yes");
	return 0;
}

static void
free_link(struct link *l, bool checked)
{
	if (checked && l->policy->close != NULL)
		l->policy->close(l->config);
	setting_free(l->rows, l->config);
	free(l->config);
	free(l->rows);
	free(l->origin);
	free(l->settings);
}

static int
add_link(struct chain *c, const struct policy *policy, const struct node *at, const struct node *block,
         const char *path, unsigned *place, struct effective_list *effective, struct complaint *why)
{
	struct link l = { .policy = policy, .place = ++*place, .rows = all_rows(policy) };
	char *own_path = mem_format("%s.%s", path, policy->name);
	char *object = mem_new(actions_at(policy) + sizeof(struct actions));
	struct effective_list own = { 0 };
	int rc;

	l.config = object;
	rc = setting_read(l.rows, object, block, own_path, &own, why);
	if (rc == 0) {
		struct actions a;

		memcpy(&a, object + actions_at(policy), sizeof(a));
		rc = take_actions(&l, &a, block, why);
	}
	l.settings = settings_text(&own, strlen(own_path) + 1);
	l.origin = at == NULL ? mem_text("default") : mem_format("%s:%d", at->file, at->line);
	move_effective(&own, effective);
	free(own_path);
	if (rc == 0 && policy->check != NULL)
		rc = policy->check(object, block, why);
	if (rc < 0) {
		free_link(&l, false);
		return -1;
	}
	c->links = mem_resize(c->links, (c->count + 1) * sizeof(*c->links));
	c->links[c->count++] = l;
	return 0;
}

static bool
has_policy(const struct chain *c, const struct policy *policy)
{
	size_t i = 0;

	while (i < c->count && c->links[i].policy != policy)
		i++;
	return i < c->count;
}

/* "posters" by itself, or "posters: { … }". */
static int
add_node(struct chain *c, const struct node *n, const char *path, unsigned *place,
         struct effective_list *effective, struct complaint *why)
{
	const struct node *block = n->kind == NODE_MAP && n->count == 1 ? n->children[0] : NULL;
	const char *word = n->kind == NODE_TEXT ? n->text : block == NULL ? NULL : block->key;
	/* Without settings, so that what is missing has a place. */
	const struct node none = { .kind = NODE_MAP, .file = n->file, .line = n->line, .column = n->column };
	const struct policy *policy;

	if (word == NULL)
		return node_complain(n, why, "a check is written \"- name: { settings }\"");
	policy = find_policy(n, word, why);
	if (policy == NULL)
		return -1;
	if (!policy->repeats && has_policy(c, policy))
		return node_complain(n, why, "the check \"%s\" stands here a second time", word);
	return add_link(c, policy, n, block == NULL ? &none : block, path, place, effective, why);
}

struct chain *
chain_open(const struct node *check, const char *path, unsigned *place,
           struct effective_list *effective, struct complaint *why)
{
	struct chain *c = mem_new(sizeof(*c));
	int rc = 0;

	if (check != NULL && check->kind != NODE_LIST)
		rc = node_complain(check, why, "check takes a list, one \"- name: { settings }\" a line");
	for (size_t i = 0; rc == 0 && check != NULL && i < check->count; i++)
		rc = add_node(c, check->children[i], path, place, effective, why);
	for (size_t i = 0; rc == 0 && policies[i] != NULL; i++)
		if (policies[i]->always && !has_policy(c, policies[i]))
			rc = add_link(c, policies[i], NULL, NULL, path, place, effective, why);
	if (rc < 0)
		chain_close(&c);
	return c;
}

void
chain_close(struct chain **chain)
{
	struct chain *c = *chain;

	*chain = NULL;
	if (c == NULL)
		return;
	for (size_t i = 0; i < c->count; i++)
		free_link(&c->links[i], true);
	free(c->links);
	free(c);
}

unsigned
facts_lacking(const struct facts *f)
{
	return (f->session ? 0 : BEFORE_THE_MTA) | (f->filed ? 0 : NEED_FILE);
}

bool
link_asks(const struct link *l, enum moment moment, enum role role, unsigned lacking)
{
	const struct policy *p = l->policy;

	if (p->at[moment] == NULL || (role != ROLE_POST && !p->every_role) || (p->needs & lacking))
		return false;
	return p->asks == NULL || p->asks(l->config, moment);
}

/* What an action makes of a posting. */
static enum decision
decision_of(enum action a)
{
	return a == ACTION_REJECT  ? DECISION_REJECT
	       : a == ACTION_DEFER ? DECISION_DEFER
	       : a == ACTION_HOLD  ? DECISION_HOLD
	       : a == ACTION_TAG   ? DECISION_TAG
	                           : DECISION_PASS;
}

/* And what is said then: `refusal` where it is refused for good. */
static enum reply_id
reply_to(enum decision d, enum reply_id refusal)
{
	return d == DECISION_REJECT ? refusal : d == DECISION_DEFER ? REPLY_LATER : REPLY_NONE;
}

struct verdict
chain_lacking(const struct chain *c, enum role role, unsigned lacking, const struct link **decided_by)
{
	struct verdict worst = verdict_pass();

	*decided_by = NULL;
	for (size_t i = 0; i < c->count; i++) {
		const struct link *l = &c->links[i];
		bool asked = false;
		struct verdict v;

		for (enum moment m = MOMENT_RCPT; m < MOMENT_COUNT; m++)
			asked |= link_asks(l, m, role, 0);
		if (!asked || !(l->policy->needs & lacking) || l->on_fail == ACTION_LOG_ONLY ||
		    l->without_session == ACTION_ACCEPT)
			continue;
		v = (struct verdict){ .place = l->place, .decision = decision_of(l->without_session) };
		v.reply = reply_to(v.decision, REPLY_UNCHECKED);
		v = verdict_because(v, "it came past the milter, and %s cannot be asked", l->policy->name);
		if (v.decision == DECISION_HOLD && worst.decision == DECISION_HOLD)
			verdict_also(&worst, v.reason, "");
		if (verdict_yields(&worst, v.decision, v.place)) {
			worst = v;
			*decided_by = l;
		}
	}
	return worst;
}

bool
link_concerns(const struct link *l, const struct list *list)
{
	return l->policy->concerns == NULL || l->policy->concerns(list);
}

bool
chain_asks(const struct chain *c, enum moment moment, enum role role, unsigned lacking)
{
	size_t i = 0;

	while (i < c->count && !link_asks(&c->links[i], moment, role, lacking))
		i++;
	return i < c->count;
}

bool
chain_needs(const struct chain *c, enum need need, enum role role)
{
	size_t i = 0;

	while (i < c->count && !(link_asks(&c->links[i], MOMENT_END, role, 0) &&
	                         (c->links[i].policy->needs & need)))
		i++;
	return i < c->count;
}

void
chain_accepted(const struct chain *c, const struct facts *f)
{
	for (size_t i = 0; i < c->count; i++) {
		const struct policy *p = c->links[i].policy;

		if (p->accepted != NULL && (f->role == ROLE_POST || p->every_role))
			p->accepted(c->links[i].config, f);
	}
}

void
chain_expect(const struct chain *c, const struct facts *f)
{
	for (size_t i = 0; i < c->count; i++)
		if (c->links[i].policy->expect != NULL)
			c->links[i].policy->expect(c->links[i].config, f);
}

/* Whether what fails it does not go on by itself. */
static bool
restricts(const struct link *l)
{
	return !verdict_goes(decision_of(l->on_fail));
}

void
chain_describe(const struct chain *c, const struct list *list, struct bytes *out)
{
	for (size_t i = 0; i < c->count; i++)
		if (c->links[i].policy == &policy_reject && restricts(&c->links[i])) {
			bytes_add_text(out, "nobody");
			return;
		}
	for (size_t i = 0; i < c->count; i++)
		if (c->links[i].policy->describe != NULL && restricts(&c->links[i]))
			c->links[i].policy->describe(c->links[i].config, list, out);
}

struct verdict
link_verdict(const struct link *l, struct verdict answer)
{
	bool fails = answer.decision == DECISION_REJECT;
	enum decision d = decision_of(fails ? l->on_fail : l->on_unsure);

	answer.place = l->place;
	if (answer.decision == DECISION_PASS)
		return answer;
	/* The policy has a reply for a failure that is refused, and for not knowing. */
	if (d != answer.decision)
		answer.reply = reply_to(d, REPLY_UNCHECKED);
	answer.decision = d;
	return answer;
}

enum decision
link_worst(const struct link *l)
{
	enum decision fail = decision_of(l->on_fail), unsure = decision_of(l->on_unsure);

	return fail > unsure ? fail : unsure;
}

void
chain_later(const struct chain *c, const struct list *list, enum role role, struct bytes *out)
{
	for (size_t i = 0; i < c->count; i++) {
		const struct link *l = &c->links[i];

		if (l->policy->quiet || link_worst(l) <= DECISION_HOLD ||
		    !link_concerns(l, list) ||
		    (!link_asks(l, MOMENT_DATA, role, 0) && !link_asks(l, MOMENT_END, role, 0)))
			continue;
		bytes_format(out, "%s(%s)%s\n", l->policy->name, l->settings,
		             l->policy->needs & NEED_LIST ? list->address : "");
	}
}
