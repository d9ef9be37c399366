/*
 * An open-addressed table of 32-bit references into blocks that hold the strings one behind the
 * other. The hard thing is the memory: a list of a million members must not need more than its
 * addresses and a little.
 */
#include "base/set.h"

#include "base/hash.h"
#include "base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_BITS = 18, BLOCK = 1 << BLOCK_BITS, LENGTH_BYTES = 2, FIRST_SLOTS = 64 };

/* A reference is block << BLOCK_BITS | offset. */
struct set {
	unsigned char **blocks;
	size_t block_count;
	size_t used;                      /* of the last block */
	uint32_t *references;             /* of each member */
	size_t room;                      /* for references */
	uint32_t *slots;                  /* numbers of members + 1; zero is empty */
	size_t slot_count;                /* a power of two */
	size_t count;
};

static const unsigned char *
stored(const struct set *s, size_t number, size_t *length)
{
	uint32_t reference = s->references[number];
	const unsigned char *at = s->blocks[reference >> BLOCK_BITS] + (reference & (BLOCK - 1));

	*length = (size_t)at[0] | (size_t)at[1] << 8;
	return at + LENGTH_BYTES;
}

/* The slot that holds the string, or the empty one where it belongs. */
static size_t
find_slot(const struct set *s, const void *bytes, size_t length)
{
	size_t mask = s->slot_count - 1;
	size_t slot = hash_bytes(bytes, length) & mask;

	for (; s->slots[slot] != 0; slot = (slot + 1) & mask) {
		size_t there;
		const unsigned char *at = stored(s, s->slots[slot] - 1, &there);

		if (there == length && memcmp(at, bytes, length) == 0)
			break;
	}
	return slot;
}

static void
grow_slots(struct set *s)
{
	uint32_t *old = s->slots;
	size_t old_count = s->slot_count;

	s->slot_count = old_count * 2;
	s->slots = mem_array(s->slot_count, sizeof(*s->slots));
	for (size_t i = 0; i < old_count; i++) {
		if (old[i] == 0)
			continue;
		size_t length;
		const unsigned char *at = stored(s, old[i] - 1, &length);

		s->slots[find_slot(s, at, length)] = old[i];
	}
	free(old);
}

static uint32_t
store(struct set *s, const void *bytes, size_t length)
{
	size_t need = length + LENGTH_BYTES, reference;
	unsigned char *at;

	if (s->block_count == 0 || s->used + need > BLOCK) {
		if (s->block_count >= (1U << (32 - BLOCK_BITS)) - 1)
			abort();          /* four gigabytes of addresses */
		s->blocks = mem_resize(s->blocks, (s->block_count + 1) * sizeof(*s->blocks));
		s->blocks[s->block_count++] = mem_resize(NULL, BLOCK);
		s->used = 0;
	}
	at = s->blocks[s->block_count - 1] + s->used;
	at[0] = (unsigned char)(length & 0xff);
	at[1] = (unsigned char)(length >> 8);
	if (length != 0)
		memcpy(at + LENGTH_BYTES, bytes, length);
	reference = (s->block_count - 1) << BLOCK_BITS | s->used;
	s->used += need;
	return (uint32_t)reference;
}

struct set *
set_open(void)
{
	struct set *s = mem_new(sizeof(*s));

	s->slot_count = FIRST_SLOTS;
	s->slots = mem_array(s->slot_count, sizeof(*s->slots));
	return s;
}

bool
set_place(struct set *s, const void *bytes, size_t length, size_t *at_r)
{
	size_t slot;

	if (length > UINT16_MAX)
		abort();                  /* the readers' bounds are far below */
	slot = find_slot(s, bytes, length);
	if (s->slots[slot] != 0) {
		*at_r = s->slots[slot] - 1;
		return false;
	}
	if ((s->count + 1) * 4 > s->slot_count * 3) {
		grow_slots(s);
		slot = find_slot(s, bytes, length);
	}
	if (s->count == s->room) {
		s->room = s->room == 0 ? FIRST_SLOTS : s->room + s->room / 2;
		s->references = mem_resize(s->references, s->room * sizeof(*s->references));
	}
	s->references[s->count] = store(s, bytes, length);
	*at_r = s->count++;
	s->slots[slot] = (uint32_t)s->count;
	return true;
}

bool
set_add(struct set *s, const void *bytes, size_t length)
{
	size_t unused;

	return set_place(s, bytes, length, &unused);
}

const void *
set_at(const struct set *s, size_t at, size_t *length)
{
	return stored(s, at, length);
}

bool
set_find(const struct set *s, const void *bytes, size_t length, size_t *at_r)
{
	uint32_t found = s->slots[find_slot(s, bytes, length)];

	*at_r = (size_t)found - 1;
	return found != 0;
}

bool
set_has(const struct set *s, const void *bytes, size_t length)
{
	size_t unused;

	return set_find(s, bytes, length, &unused);
}

size_t
set_count(const struct set *s)
{
	return s->count;
}

void
set_close(struct set **set)
{
	struct set *s = *set;

	if (s == NULL)
		return;
	for (size_t i = 0; i < s->block_count; i++)
		free(s->blocks[i]);
	free(s->blocks);
	free(s->references);
	free(s->slots);
	free(s);
	*set = NULL;
}
