/*
 * The reply-all storm: people answer all, and others answer all that they want to be left alone. So many
 * posts of one thread, or that ask to be removed, in so short a time make one; then the thread, or the
 * list, is held until it has been quiet for a while. What is kept are moments below the state
 * (policies/moments.h): for each thread what is counted, and for each storm when it will be over.
 */
#include "policies/storm.h"

#include "base/bytes.h"
#include "base/digest.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/pattern.h"
#include "mail/encoded.h"
#include "mail/header.h"
#include "mail/mime.h"
#include "mail/own_text.h"
#include "policies/moments.h"
#include "policies/policy.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OF_THREAD, OF_LIST, MOST_KEYS = 3 };

struct storm_config {
	int64_t posts, in, quiet, of;
	char *leaving, *leaving_text;
	int64_t leaving_length;
	struct pattern *pattern, *text_pattern;
};

static const char *const of_words[] = { "thread", "list", NULL };
static const char suffix[] = ".storm";

/* What people write who want to be left alone: in English, German, French and Spanish. */
static const char leaving_text[] =
	"unsubscribe|(remove|take|delete) me\\b|get me (off|out)|"
	"stop (it|this|replying|emailing|mailing|sending|spamming)|"
	"(don.?t|do not|stop) (reply|respond)\\w* (to )?all|reply[- ]?all|\\bme too\\b|"
	"why am i (on|getting|receiving)|\\b(abmelden|austragen)|nehmt mich|"
	"(mich|meine adresse)\\b.* (entfernen|streichen|löschen|austragen)|"
	"(entfern|streich|lösch)\\w*( sie| bitte)* mich|an alle (zu )?antworten|allen (zu )?antworten|"
	"\\bich auch\\b|\\bmich auch\\b|hört (bitte )?(damit )?auf|"
	"désabonne|désinscri|(retire|enlève|supprime)[rz]*[- ]moi|à tous\\b|\\bmoi aussi\\b|arrêtez|"
	"\\b(dar|den|dad|da)(me|nme)? de baja|\\b(quit|elimin|borr|sáqu|saqu)(a|e|en|ad)me\\b|a todos\\b|"
	"\\byo también\\b|dej(a|e|en|ad) de (enviar|responder|mandar|escribir)";

static const struct setting settings[] = {
	{ .name = "posts", .kind = KIND_NUMBER, .offset = offsetof(struct storm_config, posts),
	  .fallback = "15", .min = "2", .max = "100000",
	  .help = "So many posts of one thread, or that ask to be removed, make a storm …" },
	{ .name = "in", .kind = KIND_TIME, .offset = offsetof(struct storm_config, in), .fallback = "10m",
	  .min = "1s", .max = "1d", .help = "… in this time." },
	{ .name = "quiet", .kind = KIND_TIME, .offset = offsetof(struct storm_config, quiet),
	  .fallback = "1h", .min = "1s", .max = "30d",
	  .help = "It is over when nobody has posted to it for so long." },
	{ .name = "of", .kind = KIND_WORD, .offset = offsetof(struct storm_config, of), .fallback = "thread",
	  .words = of_words,
	  .help = "What fails while it lasts: further posts of the thread, or all of the list." },
	{ .name = "leaving", .kind = KIND_TEXT, .offset = offsetof(struct storm_config, leaving),
	  .fallback = "^(please )?(unsubscribe|remove me|take me off|stop (this|replying))",
	  .help = "An expression of PCRE2: posts with such a subject, behind Re: and the like, ask to be "
	          "removed, and are counted together. Case is ignored." },
	{ .name = "leaving-text", .kind = KIND_TEXT, .offset = offsetof(struct storm_config, leaving_text),
	  .fallback = leaving_text,
	  .help = "The same for what somebody writes himself, without quotes and a signature, where that is "
	          "no longer than leaving-length. By default such words of English, German, French and "
	          "Spanish." },
	{ .name = "leaving-length", .kind = KIND_NUMBER,
	  .offset = offsetof(struct storm_config, leaving_length), .fallback = "200", .max = "5000",
	  .help = "So many bytes such a text may have; 0: bodies are not looked at." },
	{ .kind = KIND_END },
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int64_t swept;                     /* wall milliseconds; under the lock */

static int
check(void *config, const struct node *at, struct complaint *why)
{
	struct storm_config *c = config;
	struct complaint what;

	c->pattern = pattern_open(c->leaving, &what);
	if (c->pattern == NULL)
		return node_complain(node_child(at, "leaving"), why, "leaving: %s", what.text);
	c->text_pattern = pattern_open(c->leaving_text, &what);
	if (c->text_pattern != NULL)
		return 0;
	pattern_close(&c->pattern);
	return node_complain(node_child(at, "leaving-text"), why, "leaving-text: %s", what.text);
}

static void
close_config(void *config)
{
	struct storm_config *c = config;

	pattern_close(&c->pattern);
	pattern_close(&c->text_pattern);
}

/* ---- what a post belongs to ---- */

struct keys_of_post {
	char *all[MOST_KEYS];
	size_t count;
};

static void
free_keys(struct keys_of_post *k)
{
	for (size_t i = 0; i < k->count; i++)
		free(k->all[i]);
}

/* Behind "Re:", "AW:", "Fwd:" and tags of lists, whatever the language: a short word and a colon. */
static const char *
behind_prefixes(const char *at)
{
	enum { LONGEST_PREFIX = 6 };

	for (;;) {
		const char *end = at + strspn(at, " \t");
		size_t n = strcspn(end, ": \t");

		at = end;
		if (*at == '[' && (end = strchr(at, ']')) != NULL)
			at = end + 1;
		else if (at[n] == ':' && n > 0 && n <= LONGEST_PREFIX)
			at += n + 1;
		else
			return at;
	}
}

/* The thread by its subject, in lower case; "" for none. Whether that asks to be removed. */
static bool
take_subject(const struct storm_config *c, const struct facts *f, struct keys_of_post *k)
{
	bool leaving = false;
	struct bytes value = { 0 }, text = { 0 };
	struct field field;
	const char *subject;

	if (header_find(f->header, f->header_length, "Subject", &field)) {
		field_unfold(&field, &value);
		encoded_read(&text, bytes_text(&value), value.length);
	}
	subject = behind_prefixes(bytes_text(&text));
	if (*subject != '\0') {
		char *key = mem_format("subject %s", subject);

		for (char *at = key; *at != '\0'; at++)
			*at = (char)tolower((unsigned char)*at);
		k->all[k->count++] = key;
		leaving = pattern_matches(c->pattern, subject, strlen(subject)) == MATCHED_YES;
	}
	bytes_free(&value);
	bytes_free(&text);
	return leaving;
}

/* Whether a text that is short asks to be removed. */
static bool
asks_to_leave(const struct storm_config *c, const struct facts *f)
{
	struct bytes message = { 0 }, own = { 0 };
	bool html, leaving;
	char *text;

	if (c->leaving_length == 0 || f->body == NULL)
		return false;
	bytes_add(&message, f->header, f->header_length);
	bytes_add_text(&message, "\r\n");
	bytes_add(&message, f->body, f->body_length);
	text = mime_first_text(&message, &html);
	leaving = text != NULL && own_text(text, html, (size_t)c->leaving_length, &own) &&
	          pattern_matches(c->text_pattern, bytes_text(&own), own.length) == MATCHED_YES;
	free(text);
	bytes_free(&own);
	bytes_free(&message);
	return leaving;
}

/* The thread by the message that it began with. */
static void
take_thread(const struct facts *f, struct keys_of_post *k)
{
	static const char *const names[] = { "References", "In-Reply-To", "Message-ID" };
	bool found = false;

	for (size_t i = 0; !found && i < sizeof(names) / sizeof(*names); i++) {
		struct bytes value = { 0 };
		struct field field;
		const char *id;

		if (!header_find(f->header, f->header_length, names[i], &field))
			continue;
		field_unfold(&field, &value);
		id = strchr(bytes_text(&value), '<');
		found = id != NULL;
		if (found)
			k->all[k->count++] = mem_format("thread %.*s", (int)strcspn(id, ">"), id);
		bytes_free(&value);
	}
}

static void
read_keys(const struct storm_config *c, const struct facts *f, struct keys_of_post *k)
{
	*k = (struct keys_of_post){ 0 };
	if (take_subject(c, f, k) || asks_to_leave(c, f))
		k->all[k->count++] = mem_text("leaving");
	take_thread(f, k);
}

/* ---- files ---- */

static char *
file_of(const struct facts *f, const char *key, const char *end)
{
	char list[DIGEST_NAME + 1], what[DIGEST_NAME + 1];

	digest_of(f->list->address, strlen(f->list->address), list);
	digest_of(key, strlen(key), what);
	return mem_format("%s/storms/%s.%s%s", f->state, list, what, end);
}

/* When the storm that has this key is over: 0 where there is none; -1: it cannot be known. */
static int64_t
storm_until(const struct storm_config *c, const struct facts *f, const char *key, int64_t now)
{
	char *path = file_of(f, c->of == OF_LIST ? "" : key, suffix);
	int64_t moment = moment_of(path);

	free(path);
	/* A clock that was set back must not make it last for ever. */
	return moment > 0 && (moment <= now || moment > now + 2 * c->quiet) ? 0 : moment;
}

static struct verdict
at_end(const void *config, const struct facts *f, struct deadline by)
{
	const struct storm_config *c = config;
	struct verdict v = verdict_pass();
	int64_t now = clock_wall();
	struct keys_of_post k;

	(void)by;                         /* a look at the disk of this host, as for the drain */
	read_keys(c, f, &k);
	for (size_t i = 0; i < k.count && v.decision == DECISION_PASS; i++) {
		int64_t until = storm_until(c, f, k.all[i], now);

		if (until < 0)
			v = verdict_defer(REPLY_LATER, "what was counted cannot be read");
		else if (until > 0)
			v = verdict_because(verdict_reject(REPLY_RATE, ""), "until it is quiet for %lld s",
			                    (long long)c->quiet / 1000);
	}
	free_keys(&k);
	return v;
}

/* One key of a post that was taken: counts it, or makes its storm last. Under the lock. */
static void
count_key(const struct storm_config *c, const struct facts *f, const char *key, int64_t now)
{
	char *directory = mem_format("%s/storms", f->state), *counter = file_of(f, key, "");
	char *storm = file_of(f, c->of == OF_LIST ? "" : key, suffix);
	int64_t moment;

	if (storm_until(c, f, key, now) > 0) {
		moment_write(directory, storm, now + c->quiet, "storm");
	} else {
		moment = moment_after(moment_of(counter), now, c->posts, c->in);
		moment_write(directory, counter, moment, "storm");
		if (moment_is_full(moment, now, c->posts, c->in)) {
			moment_write(directory, storm, now + c->quiet, "storm");
			log_say(LEVEL_WARN, "storm",
			        "%s: %lld posts in %lld s (%s): more fail until it has been quiet for "
			        "%lld s, or rollcallctl storm ends it", f->list->address,
			        (long long)c->posts, (long long)c->in / 1000, key,
			        (long long)c->quiet / 1000);
		}
	}
	free(directory);
	free(counter);
	free(storm);
}

static void
accepted(const void *config, const struct facts *f)
{
	const struct storm_config *c = config;
	char *directory = mem_format("%s/storms", f->state);
	int64_t now = clock_wall();
	struct keys_of_post k;
	bool due;

	read_keys(c, f, &k);
	(void)pthread_mutex_lock(&lock);
	for (size_t i = 0; i < k.count; i++)
		count_key(c, f, k.all[i], now);
	due = moments_due(&swept, now);
	(void)pthread_mutex_unlock(&lock);
	if (due)
		moments_sweep(directory, now);
	free_keys(&k);
	free(directory);
}

enum found
storm_look(const char *state, const char *list, bool end, int64_t *until, struct complaint *why)
{
	char *directory = mem_format("%s/storms", state), prefix[DIGEST_NAME + 1];
	DIR *d = opendir(directory);
	struct dirent *e;
	int rc = 0;

	*until = 0;
	if (d == NULL && errno != ENOENT)
		rc = complain_errno(why, "cannot read %s", directory);
	digest_of(list, strlen(list), prefix);
	while (d != NULL && (e = readdir(d)) != NULL) {
		const char *at = strrchr(e->d_name, '.');
		int64_t moment;
		char *file;

		if (strncmp(e->d_name, prefix, DIGEST_NAME) != 0)
			continue;
		file = mem_format("%s/%s", directory, e->d_name);
		moment = at != NULL && strcmp(at, suffix) == 0 ? moment_of(file) : 0;
		if (moment > clock_wall() && moment > *until)
			*until = moment;
		if (end && unlink(file) < 0 && errno != ENOENT)
			rc = complain_errno(why, "cannot remove %s", file);
		free(file);
	}
	if (d != NULL)
		(void)closedir(d);
	free(directory);
	return rc < 0 ? FOUND_UNSURE : *until > 0 ? FOUND_YES : FOUND_NO;
}

const struct policy policy_storm = {
	.name = "storm",
	.summary = "No reply-all storms.",
	.needs = NEED_LIST | NEED_BODY,
	.holds = true,
	.settings = settings,
	.config_size = sizeof(struct storm_config),
	.check = check,
	.close = close_config,
	.at = { [MOMENT_END] = at_end },
	.accepted = accepted,
};
