/* The distribution list. */
#include "queues/distribution.h"

#include "base/mem.h"
#include "mail/syntax.h"

#include <stdlib.h>
#include <string.h>

static const char head[] = "recipients 1\n";

void
distribution_begin(struct bytes *out)
{
	bytes_add_text(out, head);
}

void
distribution_line(struct bytes *out, const char *canonical, const char *spelling)
{
	bytes_add_text(out, canonical);
	if (strcmp(canonical, spelling) != 0) {
		bytes_add_char(out, '\t');
		bytes_add_text(out, spelling);
	}
	bytes_add_char(out, '\n');
}

void
distribution_end(struct bytes *out, size_t count)
{
	bytes_format(out, "end %zu\n", count);
}

/* The number in the last line, or -1 where that is no last line. */
static long long
end_count(const char *text, size_t length)
{
	const char *line, *end = text + length - 1;
	long long n;

	if (length < sizeof(head) + 5 || *end != '\n')
		return -1;
	line = memrchr(text, '\n', length - 1);
	if (line == NULL || strncmp(line + 1, "end ", 4) != 0)
		return -1;
	return slice_number((struct slice){ line + 5, (size_t)(end - line) - 5 }, &n) ? n : -1;
}

/* No more than keeps an SMTP command one: the expander wrote it, or another program. */
static bool
is_address(const char *at, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)at[i] < 0x20 || at[i] == 0x7f)
			return false;
	return memchr(at, '@', length) != NULL;
}

/* One address, or two with a tab between. */
static bool
is_line(const char *at, size_t length)
{
	const char *tab = memchr(at, '\t', length);
	size_t canonical = tab == NULL ? length : (size_t)(tab - at);

	return is_address(at, canonical) &&
	       (tab == NULL || is_address(tab + 1, length - canonical - 1));
}

int
distribution_check(const char *text, size_t length, struct complaint *why)
{
	const size_t word = sizeof("recipients ") - 1;
	size_t version = 0;

	if (length < word || memcmp(text, head, word) != 0 ||
	    memcmp(text, head, length < sizeof(head) - 1 ? length : sizeof(head) - 1) == 0)
		return 0;
	while (word + version < length && version < 20 && text[word + version] != '\n')
		version++;
	return complain(why, "recipients: version %.*s is not known to this program", (int)version,
	                text + word);
}

int
distribution_open(struct distribution *d, const char *text, size_t length, struct complaint *why)
{
	long long promised;
	const char *at, *end;

	*d = (struct distribution){ 0 };
	if (length < sizeof(head) - 1)
		return 0;
	if (distribution_check(text, length, why) < 0)
		return -1;
	if (memcmp(text, head, sizeof(head) - 1) != 0)
		return complain(why, "recipients: not of a version known to this program");
	if (length > UINT32_MAX)
		return complain(why, "recipients: %zu bytes are too many", length);
	promised = end_count(text, length);
	if (promised < 0)
		return 0;
	if ((size_t)promised > length)
		return complain(why, "recipients: the last line says %lld addresses", promised);
	d->text = text;
	d->offsets = mem_array((size_t)promised + 1, sizeof(*d->offsets));
	at = text + sizeof(head) - 1;
	end = memrchr(text, '\n', length - 1);   /* of the last address, or of the first line */
	while (at <= end && d->count < (size_t)promised) {
		const char *lf = memchr(at, '\n', (size_t)(end + 1 - at));

		if (!is_line(at, (size_t)(lf - at))) {
			(void)complain(why, "recipients: line %zu is no address", d->count);
			distribution_close(d);
			return -1;
		}
		d->offsets[d->count++] = (uint32_t)(at - text);
		at = lf + 1;
	}
	if (at != end + 1 || d->count != (size_t)promised) {
		distribution_close(d);
		return complain(why, "recipients: the number of addresses is not what the last line says");
	}
	return 1;
}

void
distribution_close(struct distribution *d)
{
	free(d->offsets);
	*d = (struct distribution){ 0 };
}

const char *
distribution_canonical(const struct distribution *d, size_t line, size_t *length)
{
	const char *at = d->text + d->offsets[line];

	*length = strcspn(at, "\t\n");
	return at;
}

const char *
distribution_address(const struct distribution *d, size_t line, size_t *length)
{
	const char *at = d->text + d->offsets[line];
	size_t whole = strcspn(at, "\n"), canonical = strcspn(at, "\t\n");

	if (canonical < whole) {
		at += canonical + 1;
		whole -= canonical + 1;
	}
	*length = whole;
	return at;
}
