/* What members want, in files. */
#include "policies/preferences.h"

#include "base/digest.h"
#include "base/file.h"
#include "base/mem.h"
#include "mail/address.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LARGEST = 1 << 28, VERSION = 1 };

static const char head[] = "preferences ";

static const struct {
	const char *word;
	unsigned bit;
} words[] = {
	{ "no-mail", PREFER_NO_MAIL }, { "digest", PREFER_DIGEST }, { "not-mine", PREFER_NOT_MINE },
};

enum { WORDS = sizeof(words) / sizeof(*words) };

unsigned
preference_of(const char *word, size_t length)
{
	for (size_t i = 0; i < WORDS; i++)
		if (strlen(words[i].word) == length && memcmp(words[i].word, word, length) == 0)
			return words[i].bit;
	return 0;
}

void
preferences_print(unsigned preferences, struct bytes *out)
{
	bool first = true;

	for (size_t i = 0; i < WORDS; i++) {
		if ((preferences & words[i].bit) == 0)
			continue;
		bytes_format(out, "%s%s", first ? "" : " ", words[i].word);
		first = false;
	}
}

/* A line "address<TAB>word word", without its end, in place. -1: it is none. */
static int
read_line(char *line, const char **address, unsigned *preferences)
{
	char *tab = strchr(line, '\t');
	const char *text, *word;
	size_t length;

	*preferences = 0;
	if (tab == NULL || strchr(line, '@') == NULL)
		return -1;
	text = tab + 1;
	while (style_word(&text, &word, &length)) {
		unsigned bit = preference_of(word, length);

		if (bit == 0)
			return -1;
		*preferences |= bit;
	}
	*tab = '\0';
	*address = line;
	return *preferences == 0 ? -1 : 0;
}

/* The file's version and list. */
static int
read_head(const char *line, const char *list, struct complaint *why)
{
	char *end;
	long version;

	if (strncmp(line, head, sizeof(head) - 1) != 0)
		return complain(why, "it is damaged");
	version = strtol(line + sizeof(head) - 1, &end, 10);
	if (version > VERSION)
		return complain(why, "it is of a newer version, %ld", version);
	if (version != VERSION || *end != ' ' || strcmp(end + 1, list) != 0)
		return complain(why, "it is damaged");
	return 0;
}

/* Calls fn for the lines of a whole file; changes the text. */
static int
read_lines(char *text, const char *list, preference_fn *fn, void *arg, struct complaint *why)
{
	size_t count = 0;
	bool first = true;

	while (*text != '\0') {
		char *line = text, *end = strchr(text, '\n');
		const char *address;
		unsigned preferences;

		if (end == NULL)
			break;
		*end = '\0';
		text = end + 1;
		if (first && read_head(line, list, why) < 0)
			return -1;
		if (first) {
			first = false;
			continue;
		}
		if (strncmp(line, "end ", 4) == 0 && *text == '\0' &&
		    strtoull(line + 4, NULL, 10) == count)
			return 0;
		if (read_line(line, &address, &preferences) < 0)
			break;
		fn(arg, address, preferences);
		count++;
	}
	return complain(why, "it is damaged");
}

static char *
directory_of(const struct site *s)
{
	return mem_format("%s/preferences", s->state);
}

int
preferences_each(const struct site *s, const char *list, preference_fn *fn, void *arg,
                 struct complaint *why)
{
	char name[DIGEST_NAME + 1], *dir = directory_of(s), *path;
	struct bytes text = { 0 };
	int rc;

	/* An address may hold any character, and be too long. */
	digest_of(list, strlen(list), name);
	path = mem_format("%s/%s", dir, name);
	rc = file_read(AT_FDCWD, path, LARGEST, &text, why);
	if (rc == 1) {
		bytes_add_char(&text, '\0');
		rc = read_lines(text.data, list, fn, arg, why);
		if (rc < 0)
			(void)complain_within(why, "%s", path);
	}
	bytes_free(&text);
	free(path);
	free(dir);
	return rc;
}

/* ---- changing ---- */

struct change {
	const char *canonical;
	unsigned before;                  /* what it wanted */
	struct bytes lines;
	size_t count;
};

static void
put_line(struct change *c, const char *canonical, unsigned preferences)
{
	bytes_format(&c->lines, "%s\t", canonical);
	preferences_print(preferences, &c->lines);
	bytes_add_char(&c->lines, '\n');
	c->count++;
}

static void
keep_line(void *arg, const char *canonical, unsigned preferences)
{
	struct change *c = arg;

	if (strcmp(canonical, c->canonical) != 0)
		put_line(c, canonical, preferences);
	else
		c->before = preferences;
}

/* The directory, made where it is missing and locked. */
static int
open_locked(const struct site *s, const char *path, struct stat *owner, struct complaint *why)
{
	int dir = file_make_dirs(path, 0700, why) < 0 ? -1 : file_lock_dir(path, why);

	if (dir < 0 || (stat(s->state, owner) == 0 &&
	                (fchown(dir, owner->st_uid, owner->st_gid) == 0 || geteuid() != 0)))
		return dir;
	(void)complain_errno(why, "%s", path);
	(void)close(dir);
	return -1;
}

static int
change_one(const struct site *s, const char *list, const char *canonical, unsigned preferences, bool more,
           struct complaint *why)
{
	char name[DIGEST_NAME + 1], *path = directory_of(s);
	struct change c = { .canonical = canonical };
	struct stat owner;
	int dir = open_locked(s, path, &owner, why), rc = -1;

	if (dir >= 0) {
		digest_of(list, strlen(list), name);
		bytes_format(&c.lines, "%s%d %s\n", head, VERSION, list);
		rc = preferences_each(s, list, keep_line, &c, why);
		preferences |= more ? c.before : 0;
		if (rc == 0 && preferences != 0)
			put_line(&c, canonical, preferences);
		bytes_format(&c.lines, "end %zu\n", c.count);
		if (rc == 0)
			rc = file_replace(dir, name, &c.lines, &owner, why);
		(void)close(dir);
	}
	bytes_free(&c.lines);
	free(path);
	return rc;
}

int
preferences_set(const struct site *s, const char *list, const char *canonical, unsigned preferences,
                struct complaint *why)
{
	return change_one(s, list, canonical, preferences, false, why);
}

int
preferences_add(const struct site *s, const char *list, const char *canonical, unsigned preferences,
                struct complaint *why)
{
	return change_one(s, list, canonical, preferences, true, why);
}
