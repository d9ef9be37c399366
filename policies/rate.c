/* No more than so many posts in a time (policies/moments.h). */
#include "base/digest.h"
#include "base/mem.h"
#include "policies/moments.h"
#include "policies/policy.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct rate_config {
	int64_t posts, in, of;
};

enum { OF_POSTER_AND_LIST, OF_POSTER, OF_LIST };

static const char *const of_words[] = { "poster-and-list", "poster", "list", NULL };

static const struct setting settings[] = {
	{ .name = "posts", .kind = KIND_NUMBER, .offset = offsetof(struct rate_config, posts),
	  .fallback = "20", .min = "1", .max = "1000000", .help = "How many posts are taken at most …" },
	{ .name = "in", .kind = KIND_TIME, .offset = offsetof(struct rate_config, in),
	  .fallback = "1h", .min = "1s", .max = "100d",
	  .help = "… in this time; afterwards, one for each even share of it." },
	{ .name = "of", .kind = KIND_WORD, .offset = offsetof(struct rate_config, of),
	  .fallback = "poster-and-list", .words = of_words,
	  .help = "Whose posts are counted together: those of one poster to one list, of one poster to "
	          "all lists that are checked so, or of all posters to one list. A poster is the SASL "
	          "login, or without one the sender." },
	{ .kind = KIND_END },
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int64_t swept;                     /* wall milliseconds; under the lock */

/* The file of whoever is counted. */
static char *
file_of(const struct rate_config *c, const struct facts *f)
{
	const char *poster = f->login != NULL ? f->login : f->sender == NULL ? "" : f->sender;
	char name[DIGEST_NAME + 1], *key;

	key = mem_format("%s %lld %lld %s%s %s", of_words[c->of], (long long)c->posts, (long long)c->in,
	                 f->login != NULL ? "login " : "sender ", c->of == OF_LIST ? "" : poster,
	                 c->of == OF_POSTER ? "" : f->list->address);
	digest_of(key, strlen(key), name);
	free(key);
	return mem_format("%s/rates/%s", f->state, name);
}

static struct verdict
at_rcpt(const void *config, const struct facts *f, struct deadline by)
{
	const struct rate_config *c = config;
	char *path = file_of(c, f);
	int64_t now = clock_wall(), moment = moment_of(path);

	(void)by;                         /* a look at the disk of this host, as for the drain */
	free(path);
	if (moment < 0)
		return verdict_defer(REPLY_LATER, "what was counted cannot be read");
	if (!moment_is_full(moment, now, c->posts, c->in))
		return verdict_pass();
	return verdict_because(verdict_reject(REPLY_RATE, ""), "%lld post%s; the next in %lld s",
	                       (long long)c->posts, text_s(c->posts),
	                       (long long)(moment - now - c->in + c->in / c->posts) / 1000 + 1);
}

static void
accepted(const void *config, const struct facts *f)
{
	const struct rate_config *c = config;
	char *path = file_of(c, f), *directory = mem_format("%s/rates", f->state);
	int64_t now = clock_wall();
	bool due;

	(void)pthread_mutex_lock(&lock);
	moment_write(directory, path, moment_after(moment_of(path), now, c->posts, c->in), "rate");
	due = moments_due(&swept, now);
	(void)pthread_mutex_unlock(&lock);
	if (due)
		moments_sweep(directory, now);
	free(directory);
	free(path);
}

const struct policy policy_rate = {
	.name = "rate",
	.summary = "No more than so many posts in a time.",
	.needs = NEED_SESSION | NEED_LIST,
	.repeats = true,
	.settings = settings,
	.config_size = sizeof(struct rate_config),
	.at = { [MOMENT_RCPT] = at_rcpt },
	.accepted = accepted,
};
