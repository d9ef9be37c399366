/*
 * Reports on posts: whatever a poster, a directory or an MTA wrote, it stays in the part where it
 * is quoted.
 */
#include "tests/fuzz/fuzz.h"

#include "base/mem.h"
#include "mail/dsn.h"
#include "mail/header.h"

static const char boundary[] = "--=_0123456789abcdef";

struct failures {
	struct dsn_failure items[4];
	char *texts[4];
	size_t count;
};

static void
give(void *arg, size_t i, struct dsn_failure *f)
{
	*f = ((struct failures *)arg)->items[i];
}

static void
eat_failures(struct food *f, struct failures *all)
{
	static const char address[] = "ann@example.com";
	static const int codes[] = { 0, 450, 550, 554 };

	all->count = eat(f) % 5;
	for (size_t i = 0; i < all->count; i++) {
		struct slice text = eat_until(f, '\0');

		all->texts[i] = mem_copy(text.at, text.length);
		all->items[i] = (struct dsn_failure){ address, sizeof(address) - 1, codes[eat(f) % 4],
			                              all->texts[i] };
	}
}

/* How many lines begin with the boundary. */
static size_t
count_boundaries(const char *text)
{
	size_t count = 0;

	for (const char *at = text; (at = strstr(at, boundary)) != NULL; at++)
		count += at > text && at[-1] == '\n';
	return count;
}

/* The status part holds fields alone: in groups, one for the message and one for each failure. */
static void
check_status_part(struct slice part, size_t failures)
{
	size_t groups = 0, status = 0;

	while (part.length > 0) {
		size_t fields = 0, at = 0;
		struct field f;

		while (header_next(part.at, part.length, &at, &f)) {
			status += field_is(&f, "Status");
			fields++;
		}
		MUST(fields > 0);
		groups++;
		part.at += at;
		part.length -= at;
		MUST(part.length == 0 || (part.length > 2 && memcmp(part.at, "\r\n", 2) == 0));
		part.at += part.length == 0 ? 0 : 2;
		part.length -= part.length == 0 ? 0 : 2;
	}
	MUST(groups == failures + 1 && status == failures);
}

static void
check_report(const struct bytes *out, const struct failures *all)
{
	static const char type[] = "Content-Type: message/delivery-status\r\n"
	                           "Content-Transfer-Encoding: 8bit\r\n\r\n";
	const char *text = out->data, *part = NULL, *end;

	/* Text is text up to the parts behind the words for people. */
	for (const char *at = text; (at = strstr(at, type)) != NULL; at++)
		if ((size_t)(at - text) > strlen(boundary) + 2 &&
		    strncmp(at - strlen(boundary) - 2, boundary, strlen(boundary)) == 0)
			part = at + sizeof(type) - 1;
	MUST(part != NULL);
	end = strstr(part, boundary);
	MUST(end != NULL && end[-1] == '\n' && end[-2] == '\r');
	check_status_part((struct slice){ part, (size_t)(end - part) - 2 }, all->count);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct food f = { data, size };
	struct failures all = { 0 };
	struct bytes out = { 0 }, again = { 0 };
	struct dsn d = { .hostname = "mail.example.com", .id = boundary + 4,
		         .list = "staff@lists.example.com", .to = "errors@example.com",
		         .members = 9, .failure = give, .arg = &all };

	d.sent = eat(&f) % 2;
	eat_failures(&f, &all);
	d.failures = all.count;
	d.reason = all.count > 2 ? all.texts[0] : NULL;
	d.header = (const char *)f.at;
	d.header_length = f.left;
	dsn_print(&d, &out);
	dsn_print(&d, &again);
	MUST(same_bytes(slice_of(&out), slice_of(&again)));
	/* The name of an entry is made from all of the message: nobody can write it into one. */
	if (size == 0 || memmem(data, size, boundary, 3) == NULL) {
		MUST(memchr(out.data, '\0', out.length) != NULL || count_boundaries(out.data) == 4);
		check_report(&out, &all);
	}
	for (size_t i = 0; i < all.count; i++)
		free(all.texts[i]);
	bytes_free(&out);
	bytes_free(&again);
	return 0;
}
