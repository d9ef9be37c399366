/*
 * Distribution lists: any file is whole, not whole or damaged, and is read within its bounds; one
 * that we wrote has the addresses that were written, and cut anywhere is not whole.
 */
#include "tests/fuzz/fuzz.h"

#include "base/mem.h"
#include "mail/address.h"
#include "queues/distribution.h"

static void
read_anything(struct slice file)
{
	struct complaint why = { "" };
	struct distribution d;
	int rc = distribution_open(&d, file.at, file.length, &why);

	MUST(rc == 1 || (d.offsets == NULL && d.count == 0));
	MUST(rc >= 0 || why.text[0] != '\0');
	for (size_t i = 0; rc == 1 && i < d.count; i++) {
		struct slice a;

		a.at = distribution_address(&d, i, &a.length);
		MUST(lies_within(a, file));
		MUST(memchr(a.at, '\n', a.length + 1) == a.at + a.length ||
		     memchr(a.at, '\0', a.length + 1) != NULL);
	}
	distribution_close(&d);
}

/* The addresses among the lines of the input, as the expander would write them. */
static size_t
write_addresses(struct food f, struct bytes *file, struct address **addresses)
{
	struct complaint why;
	size_t count = 0;

	distribution_begin(file);
	while (f.left > 0) {
		struct slice line = eat_until(&f, '\n');
		struct address a;

		if (address_parse(&a, line.at, line.length, &why) < 0)
			continue;
		distribution_line(file, a.canonical, a.spelling);
		*addresses = mem_resize(*addresses, (count + 1) * sizeof(**addresses));
		(*addresses)[count++] = a;
	}
	distribution_end(file, count);
	return count;
}

static void
read_what_is_written(struct food f)
{
	struct address *addresses = NULL;
	struct bytes file = { 0 };
	struct distribution d;
	struct complaint why;
	size_t count = write_addresses(f, &file, &addresses);

	MUST(distribution_open(&d, file.data, file.length, &why) == 1);
	MUST(d.count == count);
	for (size_t i = 0; i < count; i++) {
		struct slice a;

		a.at = distribution_address(&d, i, &a.length);
		MUST(same_bytes(a, (struct slice){ addresses[i].spelling,
		                                   strlen(addresses[i].spelling) }));
		address_free(&addresses[i]);
	}
	distribution_close(&d);
	for (size_t n = 0; n < file.length; n += 1 + file.length / 64)
		MUST(distribution_open(&d, file.data, n, &why) == 0);
	free(addresses);
	bytes_free(&file);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	read_anything((struct slice){ (const char *)data, size });
	read_what_is_written((struct food){ data, size });
	return 0;
}
