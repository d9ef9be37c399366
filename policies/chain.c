/* Policies of a destination. */
#include "policies/chain.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

struct link {
	const struct policy *policy;
	void *config;
};

struct chain {
	struct link *links;
	size_t count;
};

static const struct policy *
find_policy(const struct node *n, const char *word, struct complaint *why)
{
	enum { MOST = 64 };
	const char *words[MOST + 1] = { NULL }, *near;

	for (size_t i = 0; policies[i] != NULL && i < MOST; i++) {
		if (strcmp(policies[i]->name, word) == 0)
			return policies[i];
		words[i] = policies[i]->name;
	}
	near = text_nearest(word, words);
	(void)node_complain(n, why, "there is no check \"%s\"%s%s%s", word,
	                    near == NULL ? "" : "; did you mean \"", near == NULL ? "" : near,
	                    near == NULL ? "" : "\"?");
	return NULL;
}

static int
add_link(struct chain *c, const struct policy *policy, const struct node *block, const char *path,
         struct effective_list *effective, struct complaint *why)
{
	void *config = mem_new(policy->config_size);
	char *own = mem_format("%s.%s", path, policy->name);
	int rc = setting_read(policy->settings, config, block, own, effective, why);

	free(own);
	if (rc == 0 && policy->check != NULL) {
		rc = policy->check(config, block, why);
		if (rc < 0)
			setting_free(policy->settings, config);
	}
	if (rc < 0) {
		free(config);
		return -1;
	}
	c->links = mem_resize(c->links, (c->count + 1) * sizeof(*c->links));
	c->links[c->count++] = (struct link){ policy, config };
	return 0;
}

/* "posters" by itself, or "posters: { … }". */
static int
add_node(struct chain *c, const struct node *n, const char *path, struct effective_list *effective,
         struct complaint *why)
{
	const struct node *block = n->kind == NODE_MAP && n->count == 1 ? n->children[0] : NULL;
	const char *word = n->kind == NODE_TEXT ? n->text : block == NULL ? NULL : block->key;
	const struct policy *policy;

	if (word == NULL)
		return node_complain(n, why, "a check is written \"- name: { settings }\"");
	policy = find_policy(block == NULL ? n : block, word, why);
	if (policy == NULL)
		return -1;
	for (size_t i = 0; i < c->count; i++)
		if (c->links[i].policy == policy)
			return node_complain(n, why, "the check \"%s\" stands here a second time", word);
	return add_link(c, policy, block, path, effective, why);
}

struct chain *
chain_open(const struct node *check, const char *path, struct effective_list *effective,
           struct complaint *why)
{
	struct chain *c = mem_new(sizeof(*c));
	bool has_posters = false;
	int rc = 0;

	if (check != NULL && check->kind != NODE_LIST)
		rc = node_complain(check, why, "check takes a list, one \"- name: { settings }\" a line");
	for (size_t i = 0; rc == 0 && check != NULL && i < check->count; i++)
		rc = add_node(c, check->children[i], path, effective, why);
	for (size_t i = 0; i < c->count; i++)
		has_posters |= c->links[i].policy == &policy_posters;
	if (rc == 0 && !has_posters)
		rc = add_link(c, &policy_posters, NULL, path, effective, why);
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
	for (size_t i = 0; i < c->count; i++) {
		setting_free(c->links[i].policy->settings, c->links[i].config);
		free(c->links[i].config);
	}
	free(c->links);
	free(c);
}

struct verdict
chain_at_rcpt(const struct chain *c, const struct facts *f, struct deadline by,
              const char **decided_by)
{
	struct verdict all = verdict_pass();

	*decided_by = NULL;
	for (size_t i = 0; i < c->count; i++) {
		const struct policy *p = c->links[i].policy;
		struct verdict one, merged;

		if (p->at_rcpt == NULL)
			continue;
		one = p->at_rcpt(c->links[i].config, f, by);
		merged = verdict_merge(all, one);
		if (merged.decision > all.decision)
			*decided_by = p->name;
		all = merged;
	}
	return all;
}
