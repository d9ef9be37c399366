/* Those who may get a post. */
#include "expander/fanout/roster.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

const char *
out_word(enum out out)
{
	static const char *const words[OUT_COUNT] = {
		[OUT_NOT] = "gets it",
		[OUT_LIST] = "is the list itself",
		[OUT_POSTER] = "posted it (not-me)",
		[OUT_WITHOUT] = "is left out by the list (without)",
		[OUT_NO_MAIL] = "wants no mail",
		[OUT_DIGEST] = "wants digests",
		[OUT_NOT_MINE] = "wants no copy of the own post",
		[OUT_PROGRAM] = "is left out by the program",
		[OUT_BEFORE] = "has it from another list of the post",
	};

	return words[out];
}

void
roster_open(struct roster *r)
{
	*r = (struct roster){ .addresses = set_open() };
}

void
roster_close(struct roster *r)
{
	set_close(&r->addresses);
	free(r->people);
	free(r->spelled);
	free(r->order);
	bytes_free(&r->spellings);
	text_list_free(&r->apart);
	*r = (struct roster){ 0 };
}

/* The number of an address, new or not. */
static uint32_t
place(struct roster *r, const char *canonical)
{
	size_t at;

	if (set_place(r->addresses, canonical, strlen(canonical) + 1, &at)) {
		if (at >= r->room) {
			r->room = r->room == 0 ? 64 : r->room + r->room / 2;
			r->people = mem_resize(r->people, r->room * sizeof(*r->people));
			if (r->spelled != NULL)
				r->spelled = mem_resize(r->spelled, r->room * sizeof(*r->spelled));
		}
		r->people[at] = (struct listed){ 0 };
		if (r->spelled != NULL)
			r->spelled[at] = 0;
	}
	return (uint32_t)at;
}

/* Most lists have none that differs from the canonical form. */
static void
keep_spelling(struct roster *r, uint32_t at, const char *spelling)
{
	if (r->spelled == NULL)
		r->spelled = mem_array(r->room, sizeof(*r->spelled));
	if (r->spellings.length >= UINT32_MAX)
		abort();                  /* four gigabytes of them */
	r->spelled[at] = (uint32_t)r->spellings.length + 1;
	bytes_add(&r->spellings, spelling, strlen(spelling) + 1);
}

void
roster_add(struct roster *r, const char *canonical, const char *spelling, unsigned preferences)
{
	uint32_t at = place(r, canonical);
	struct listed *p = &r->people[at];

	p->preferences |= (uint8_t)preferences;
	if (p->member)
		return;
	p->member = true;
	if (strcmp(canonical, spelling) != 0)
		keep_spelling(r, at, spelling);
	if (r->count == r->order_room) {
		r->order_room = r->order_room == 0 ? 64 : r->order_room + r->order_room / 2;
		r->order = mem_resize(r->order, r->order_room * sizeof(*r->order));
	}
	r->order[r->count++] = at;
}

void
roster_bar(struct roster *r, const char *canonical, enum out why)
{
	uint32_t at = place(r, canonical);

	if (r->people[at].out == OUT_NOT)
		r->people[at].out = (uint8_t)why;
}

bool
roster_find(const struct roster *r, const char *canonical, uint32_t *number_r)
{
	size_t at;

	if (!set_find(r->addresses, canonical, strlen(canonical) + 1, &at))
		return false;
	*number_r = (uint32_t)at;
	return true;
}

bool
roster_find_member(const struct roster *r, const char *canonical, uint32_t *number_r)
{
	return roster_find(r, canonical, number_r) && r->people[*number_r].member;
}

const char *
roster_canonical(const struct roster *r, uint32_t number)
{
	size_t unused;

	return set_at(r->addresses, number, &unused);
}

const char *
roster_spelling(const struct roster *r, uint32_t number)
{
	if (r->spelled == NULL || r->spelled[number] == 0)
		return roster_canonical(r, number);
	return r->spellings.data + r->spelled[number] - 1;
}

size_t
roster_left(const struct roster *r)
{
	size_t left = 0;

	for (size_t i = 0; i < r->count; i++)
		left += r->people[r->order[i]].out == OUT_NOT;
	return left;
}
