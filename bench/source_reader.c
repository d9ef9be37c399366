/*
 * Walks the members of a list by rollcall's own source, as the expander does, and does nothing with
 * them. Prints how long each walk took, in milliseconds, the first one left out: by then the
 * connection is there and the server's abilities are known.
 */
#include "bench/common.h"

#include "policies/site.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PATIENCE = 600000 };

static bool
count_member(void *arg, const struct member *m)
{
	size_t *count = arg;

	(void)m;
	(*count)++;
	return true;
}

static double
walk(const struct target *t, size_t *count)
{
	struct walk_report report = { 0 };
	struct complaint why;
	int64_t began = now_us();

	*count = 0;
	if (source_each_member(t->destination->source, t->list, PEOPLE_MEMBERS, deadline_in(PATIENCE),
	                       count_member, count, &report, &why) != FOUND_YES)
		die("%s", why.text);
	return (double)(now_us() - began) / 1000;
}

int
main(int argc, char **argv)
{
	static const struct site_part none[] = { { .name = NULL } };
	const struct destination *d;
	struct complaint why;
	struct target t = { 0 };
	struct site *site;
	size_t runs, count = 0;

	if (argc != 4)
		die("usage: source_reader config list runs");
	runs = number(argv[3]);
	site = site_load(argv[1], true, none, &why);
	if (site == NULL)
		die("%s", why.text);
	d = site_destination(site, argv[2]);
	if (d == NULL || site_find(d, argv[2], deadline_in(PATIENCE), &t, &why) != FOUND_YES)
		die("there is no list %s", argv[2]);
	(void)walk(&t, &count);
	(void)printf("{\"ms\": [");
	for (size_t i = 0; i < runs; i++)
		(void)printf("%s%.3f", i == 0 ? "" : ", ", walk(&t, &count));
	(void)printf("], \"addresses\": %zu}\n", count);
	target_drop(&t);
	site_drop(&site);
	return EXIT_SUCCESS;
}
