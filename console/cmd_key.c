/* rollcallctl key: the keys by which rollcall knows what it has made itself, and their rotation. */
#include "base/clock.h"
#include "base/setting.h"
#include "console/ctl.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
	SPREAD = 3600000                  /* ms until a new key seals: for all hosts to get it */
};

static const char again[] = "rollcallctl reload makes the daemons see it, on each host that has a copy\n";

/* "2026-11-22 08:15:00 UTC" */
static void
print_time(int64_t wall, char text[32])
{
	time_t seconds = (time_t)(wall / 1000);
	struct tm t;

	(void)gmtime_r(&seconds, &t);
	(void)strftime(text, 32, "%Y-%m-%d %H:%M:%S UTC", &t);
}

static void
show(const struct key_view *v, struct js *array)
{
	char from[32], until[32];
	struct js *j;

	if (array == NULL) {
		print_time(v->from, from);
		print_time(v->until, until);
		(void)printf("%s  %s %s%s%s\n", v->id,
		             v->seals                   ? "seals since"
		             : v->from > clock_wall()   ? "will seal from"
		                                        : "opens only, sealed from",
		             from, v->until == 0 ? "" : " until ", v->until == 0 ? "" : until);
		return;
	}
	j = js_object();
	js_set_text(j, "id", v->id);
	js_set_number(j, "from", v->from);
	if (v->until != 0)
		js_set_number(j, "until", v->until);
	js_set_flag(j, "seals", v->seals);
	js_append(array, j);
}

static int
list(const struct ctl *c, struct keys *k)
{
	struct js *j = js_object(), *array = c->json ? js_array() : NULL;
	struct key_view v;

	for (size_t i = 0; keys_view(k, i, &v); i++)
		show(&v, array);
	if (c->json) {
		js_set(j, "keys", array);
		ctl_print(&j);
	}
	js_drop(&j);
	return CTL_YES;
}

/* What was done, and to which key. */
static int
report(const struct ctl *c, const char *done, const char *id)
{
	struct js *j;

	if (c->json) {
		j = js_object();
		js_set_text(j, done, id);
		ctl_print(&j);
	} else {
		(void)printf("%s: %s\n%s", id, done, again);
	}
	return CTL_YES;
}

static int
add(const struct ctl *c, struct keys *k, int64_t delay)
{
	char id[KEYS_ID + 1];
	struct complaint why;

	if (keys_add(k, clock_wall() + delay, id, &why) < 0)
		return ctl_fail(CTL_FAILED, "%s", why.text);
	return report(c, "made", id);
}

/* What may still be under way that this key made: nothing of it is younger than `lifetime` by then. */
static int
check_use(struct keys *k, const char *id, int64_t lifetime, struct complaint *why)
{
	struct key_view v = { .from = 0 };
	char until[32];
	size_t i = 0;

	while (keys_view(k, i, &v) && strcmp(v.id, id) != 0)
		i++;
	if (strcmp(v.id, id) != 0)
		return 0;
	if (v.seals)
		return complain(why, "%s is the key that seals: make another, and wait until that does; "
		                "or --now", id);
	print_time(v.until, until);
	if (v.from < clock_wall() && clock_wall() - v.until < lifetime)
		return complain(why, "%s was the key that sealed until %s: posts with its stamp may be under "
		                "way for stamp.lifetime; wait, or --now", id, until);
	return 0;
}

static int
retire(const struct ctl *c, struct keys *k, const char *id, int64_t lifetime)
{
	struct complaint why;

	if (lifetime > 0 && check_use(k, id, lifetime, &why) < 0)
		return ctl_fail(CTL_NO, "%s", why.text);
	if (keys_remove(k, id, &why) < 0)
		return ctl_fail(CTL_FAILED, "%s", why.text);
	return report(c, "retired", id);
}

/* Nothing is waited for where `lifetime` is 0. */
static int
on_keys(const struct ctl *c, struct keys *k, int64_t delay, int64_t lifetime)
{
	const char *verb = c->argc == 0 ? "list" : c->argv[0];

	if (strcmp(verb, "list") == 0 && c->argc < 2)
		return list(c, k);
	if (strcmp(verb, "new") == 0 && c->argc == 1)
		return add(c, k, delay);
	if (strcmp(verb, "retire") == 0 && c->argc == 2)
		return retire(c, k, c->argv[1], lifetime);
	return CTL_USAGE;
}

static int
run(const struct ctl *given)
{
	struct ctl c = *given;
	const char *text = ctl_value(&c, "--in");
	bool now = ctl_option(&c, "--now");
	int64_t delay = SPREAD;
	struct complaint why;
	struct keys *k;
	struct site *s;
	int status;

	if (text != NULL && setting_parse_time(text, &delay) < 0)
		return CTL_USAGE;
	s = ctl_site(&c);
	if (s == NULL)
		return CTL_CONFIG;
	k = site_keys(s, &why);
	status = k == NULL ? ctl_fail(CTL_FAILED, "%s", why.text)
	                   : on_keys(&c, k, delay, now ? 0 : s->stamp.lifetime);
	keys_close(&k);
	site_drop(&s);
	return status;
}

const struct command command_key = {
	"key", "[list | new [--in TIME] | retire ID [--now]]", "the keys that rollcall seals with", run,
};
