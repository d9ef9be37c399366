/* Stamps. */
#include "mail/stamp.h"

#include "base/base32.h"
#include "base/json.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VERSION = 1, LINE = 70 };

void
stamp_free(struct stamp *s)
{
	for (size_t i = 0; i < s->count; i++) {
		free(s->lists[i].list);
		free(s->lists[i].by);
		free(s->lists[i].reason);
		free(s->lists[i].tags);
	}
	free(s->lists);
	free(s->queue_id);
	free(s->sender);
	free(s->client);
	free(s->login);
	free(s->port);
	free(s->port_name);
	*s = (struct stamp){ 0 };
}

static struct stamped *
find(const struct stamp *s, const char *list, enum role role)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->lists[i].role == role && strcmp(s->lists[i].list, list) == 0)
			return &s->lists[i];
	return NULL;
}

const struct stamped *
stamp_find(const struct stamp *s, const char *list, enum role role)
{
	return find(s, list, role);
}

/* Puts the last one where it belongs: behind all that passed, if it did, else where it is. */
static void
move_up(struct stamp *s)
{
	struct stamped last = s->lists[s->count - 1];
	size_t at = 0;

	while (at < s->count - 1 && (!verdict_goes(last.decision) ||
	                             verdict_goes(s->lists[at].decision)))
		at++;
	memmove(&s->lists[at + 1], &s->lists[at], (s->count - 1 - at) * sizeof(*s->lists));
	s->lists[at] = last;
}

/* Cut to STAMP_EACH together with the tags, with nothing in it that would be longer as JSON. */
static char *
reason_of(const struct verdict *v)
{
	enum { MOST = 100, KEY = 10 };
	size_t tags = v->tags[0] == '\0' ? 0 : strlen(v->tags) + KEY;
	char *reason;

	if (v->decision != DECISION_HOLD)
		return NULL;
	reason = mem_copy(v->reason, strnlen(v->reason, MOST - tags));
	for (char *at = reason; *at != '\0'; at++)
		if (*at < ' ' || *at > '~' || *at == '"' || *at == '\\')
			*at = '?';
	return reason;
}

void
stamp_add(struct stamp *s, const char *list, enum role role, const struct verdict *v, bool quiet,
          const char *by)
{
	struct stamped *before = find(s, list, role);

	if (before != NULL && before->decision <= v->decision)
		return;
	if (before != NULL) {
		size_t at = (size_t)(before - s->lists);

		free(before->list);
		free(before->by);
		free(before->reason);
		free(before->tags);
		s->count--;
		memmove(before, before + 1, (s->count - at) * sizeof(*before));
	}
	s->lists = mem_resize(s->lists, (s->count + 1) * sizeof(*s->lists));
	s->lists[s->count++] = (struct stamped){ .list = mem_text(list), .role = role,
		                                 .decision = v->decision, .reply = v->reply,
		                                 .by = mem_text(by), .quiet = quiet,
		                                 .reason = reason_of(v),
		                                 .tags = v->tags[0] == '\0' ? NULL : mem_text(v->tags) };
	move_up(s);
}

void
stamp_digest(const char *header, size_t length, char digest[DIGEST_NAME + 1])
{
	static const char *const names[] = { "From", "Date", "Message-ID", "Subject" };
	struct digest *d = digest_open();
	struct bytes value = { 0 };
	unsigned char sum[DIGEST_SIZE];

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		struct field f;
		size_t at = 0;

		digest_add(d, names[i], strlen(names[i]) + 1);
		while (header_next(header, length, &at, &f)) {
			if (!field_is(&f, names[i]))
				continue;
			bytes_clear(&value);
			field_unfold(&f, &value);
			digest_add(d, bytes_text(&value), value.length + 1);
		}
	}
	bytes_free(&value);
	digest_end(&d, sum);
	digest_name(sum, digest);
}

/* ---- as text ---- */

static struct js *
list_to_json(const struct stamped *l)
{
	struct js *j = js_object();

	js_set_text(j, "list", l->list);
	if (l->role != ROLE_POST)
		js_set_text(j, "role", role_word(l->role));
	if (l->decision != DECISION_PASS) {
		js_set_text(j, "verdict", decision_word(l->decision));
		js_set_text(j, "reply", l->reply == REPLY_NONE ? NULL : reply_of(l->reply)->text);
		js_set_text(j, "reason", l->reason);
		js_set_text(j, "tags", l->tags);
		js_set_text(j, "by", l->by);
		js_set_flag(j, "quiet", l->quiet);
	}
	return j;
}

void
stamp_print(const struct stamp *s, struct bytes *out)
{
	struct js *j = js_object(), *lists = js_array();

	js_set_number(j, "version", VERSION);
	js_set_number(j, "time", s->time);
	js_set_text(j, "queue_id", s->queue_id);
	js_set_text(j, "sender", s->sender);
	js_set_text(j, "digest", s->digest);
	js_set_text(j, "client", s->client);
	js_set_text(j, "login", s->login);
	js_set_text(j, "port", s->port);
	js_set_text(j, "port_name", s->port_name);
	js_set_flag(j, "trusted", s->trusted);
	js_set_flag(j, "encrypted", s->encrypted);
	js_set_number(j, "announced", s->announced);
	js_set_number(j, "recipients", s->recipients);
	for (size_t i = 0; i < s->count; i++)
		js_append(lists, list_to_json(&s->lists[i]));
	js_set(j, "lists", lists);
	js_print(j, false, out);
	js_drop(&j);
}

/* A reply that this version does not have is the general one of its kind. */
static enum reply_id
reply_of_text(const char *text, enum decision decision)
{
	enum reply_id id = decision == DECISION_DEFER ? REPLY_LATER : REPLY_UNCHECKED;
	int kind = decision == DECISION_DEFER ? 4 : 5;

	for (enum reply_id i = REPLY_NONE + 1; text != NULL && i < REPLY_COUNT; i++)
		if (reply_of(i)->code / 100 == kind && strcmp(reply_of(i)->text, text) == 0)
			return i;
	return id;
}

static int
take_list(struct stamp *s, const struct js *j, struct complaint *why)
{
	const char *list = js_text(j, "list"), *word = js_text(j, "verdict");
	enum role role = js_get(j, "role") == NULL ? ROLE_POST : ROLE_COUNT;
	enum decision d = DECISION_PASS;
	struct verdict v;

	if (js_text(j, "role") != NULL)
		role = role_of_word(js_text(j, "role"));
	while (word != NULL && d < DECISION_COUNT && strcmp(decision_word(d), word) != 0)
		d++;
	if (list == NULL || role == ROLE_COUNT || d == DECISION_COUNT ||
	    (word == NULL && js_get(j, "verdict") != NULL))
		return complain(why, "a list of the stamp is none");
	v = (struct verdict){ .decision = d };
	if (!verdict_takes(&v))
		v.reply = reply_of_text(js_text(j, "reply"), v.decision);
	if (v.decision == DECISION_HOLD && js_text(j, "reason") != NULL)
		v = verdict_because(v, "%s", js_text(j, "reason"));
	if (js_text(j, "tags") != NULL)
		(void)snprintf(v.tags, sizeof(v.tags), "%s", js_text(j, "tags"));
	stamp_add(s, list, role, &v, js_flag(j, "quiet", false), js_text(j, "by"));
	return 0;
}

int
stamp_parse(const char *text, size_t length, struct stamp *s, struct complaint *why)
{
	struct js *j = js_parse(text, length, why);
	const struct js *lists = js_get(j, "lists");
	const char *digest = js_text(j, "digest");
	int64_t version = js_number(j, "version", 0);
	int rc = 0;

	*s = (struct stamp){ 0 };
	if (j == NULL)
		return -1;
	if (version != VERSION)
		rc = complain(why, "version %lld of a stamp is not known to this program",
		              (long long)version);
	else if (digest == NULL || strlen(digest) != DIGEST_NAME || js_text(j, "client") == NULL ||
	         !js_is_array(lists))
		rc = complain(why, "the stamp is not whole");
	else
		memcpy(s->digest, digest, sizeof(s->digest));
	for (size_t i = 0; rc == 0 && i < js_count(lists); i++)
		rc = take_list(s, js_at(lists, i), why);
	if (rc == 0) {
		s->time = js_number(j, "time", 0);
		s->queue_id = mem_text(js_text(j, "queue_id"));
		s->sender = mem_text(js_text(j, "sender"));
		s->client = mem_text(js_text(j, "client"));
		s->login = mem_text(js_text(j, "login"));
		s->port = mem_text(js_text(j, "port"));
		s->port_name = mem_text(js_text(j, "port_name"));
		s->trusted = js_flag(j, "trusted", false);
		s->encrypted = js_flag(j, "encrypted", false);
		s->announced = js_number(j, "announced", 0);
		s->recipients = js_number(j, "recipients", 0);
	} else {
		stamp_free(s);
	}
	js_drop(&j);
	return rc;
}

/* ---- as a field ---- */

void
stamp_fold(const struct bytes *sealed, struct bytes *value)
{
	size_t length = BASE32_LENGTH(sealed->length);
	char *text = mem_new(length + 1);

	base32_write(sealed->data, sealed->length, text);
	for (size_t at = 0; at < length; at += LINE)
		bytes_format(value, "%s%.*s", at == 0 ? "" : "\n\t", LINE, text + at);
	free(text);
}

bool
stamp_unfold(const struct field *f, struct bytes *sealed)
{
	struct bytes text = { 0 };
	bool whole;

	for (size_t i = 0; i < f->value_length; i++)
		if (f->value[i] == '\0' || strchr(" \t\r\n", f->value[i]) == NULL)
			bytes_add_char(&text, f->value[i]);
	whole = text.length > 0 &&
	        base32_read(text.data, text.length, bytes_room(sealed, BASE32_BYTES(text.length))) == 0;
	if (whole)
		sealed->length += BASE32_BYTES(text.length);
	bytes_free(&text);
	return whole;
}

/* ---- whether it counts ---- */

const char *
stamp_state_word(enum stamp_state state)
{
	static const char *const words[STAMP_STATES] = {
		[STAMP_NONE] = "none",       [STAMP_VALID] = "valid",   [STAMP_DAMAGED] = "damaged",
		[STAMP_FOREIGN] = "foreign", [STAMP_FORGED] = "forged", [STAMP_OLD] = "old",
		[STAMP_OTHER] = "other",
	};

	return words[state];
}

static bool
same(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool
has_queue_id(const struct stamp *s, const struct stamp_message *m)
{
	for (size_t i = 0; s->queue_id != NULL && i < 2; i++)
		if (m->queue_ids[i] != NULL && strcmp(m->queue_ids[i], s->queue_id) == 0)
			return true;
	return false;
}

enum stamp_state
stamp_check(const struct stamp *s, const struct stamp_message *m)
{
	bool looks_alike = strcmp(s->digest, m->digest) == 0;

	if (m->now - s->time > m->lifetime)
		return STAMP_OLD;
	if (m->requeued)
		return looks_alike ? STAMP_VALID : STAMP_OTHER;
	return has_queue_id(s, m) && (same(s->sender, m->sender) || looks_alike) ? STAMP_VALID : STAMP_OTHER;
}

const char *
stamp_proof(const struct stamp *s)
{
	return s->login != NULL ? "login" : s->trusted ? "networks" : NULL;
}

void
stamp_before(const struct stamp *s, const char *list, void (*each)(void *arg, const char *list), void *arg)
{
	for (size_t i = 0; i < s->count && verdict_goes(s->lists[i].decision); i++) {
		if (s->lists[i].role != ROLE_POST)
			continue;
		if (strcmp(s->lists[i].list, list) == 0)
			return;
		each(arg, s->lists[i].list);
	}
}

void
stamp_behind(const struct stamp *s, const char *list, void (*each)(void *arg, const char *list), void *arg)
{
	bool behind = false;

	for (size_t i = 0; i < s->count && verdict_goes(s->lists[i].decision); i++) {
		if (s->lists[i].role != ROLE_POST)
			continue;
		if (behind)
			each(arg, s->lists[i].list);
		behind = behind || strcmp(s->lists[i].list, list) == 0;
	}
}
