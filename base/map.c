/* A chained hash table whose entries also hang in a list by age. */
#include "base/map.h"

#include "base/hash.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

struct item {
	struct item *chain;
	struct item *older, *younger;
	uint64_t hash;
	void *value;
	size_t length;
	char key[];
};

struct map {
	struct item **buckets;
	size_t bucket_count;              /* a power of two */
	size_t count;
	struct item *oldest, *youngest;
};

struct map *
map_open(void)
{
	struct map *m = mem_new(sizeof(*m));

	m->bucket_count = 64;
	m->buckets = mem_array(m->bucket_count, sizeof(*m->buckets));
	return m;
}

static struct item **
find(const struct map *m, const void *key, size_t length, uint64_t hash)
{
	struct item **p = &m->buckets[hash & (m->bucket_count - 1)];

	while (*p != NULL && ((*p)->hash != hash || (*p)->length != length ||
	                      memcmp((*p)->key, key, length) != 0))
		p = &(*p)->chain;
	return p;
}

static void
unlink_age(struct map *m, struct item *i)
{
	*(i->older == NULL ? &m->oldest : &i->older->younger) = i->younger;
	*(i->younger == NULL ? &m->youngest : &i->younger->older) = i->older;
}

static void
link_youngest(struct map *m, struct item *i)
{
	i->older = m->youngest;
	i->younger = NULL;
	*(m->youngest == NULL ? &m->oldest : &m->youngest->younger) = i;
	m->youngest = i;
}

static void
grow(struct map *m)
{
	free(m->buckets);
	m->bucket_count *= 2;
	m->buckets = mem_array(m->bucket_count, sizeof(*m->buckets));
	for (struct item *i = m->oldest; i != NULL; i = i->younger) {
		struct item **bucket = &m->buckets[i->hash & (m->bucket_count - 1)];

		i->chain = *bucket;
		*bucket = i;
	}
}

void *
map_get(struct map *m, const void *key, size_t length)
{
	struct item *i = *find(m, key, length, hash_bytes(key, length));

	if (i == NULL)
		return NULL;
	unlink_age(m, i);
	link_youngest(m, i);
	return i->value;
}

void *
map_peek(const struct map *m, const void *key, size_t length)
{
	const struct item *i = *find(m, key, length, hash_bytes(key, length));

	return i == NULL ? NULL : i->value;
}

void *
map_put(struct map *m, const void *key, size_t length, void *value)
{
	uint64_t hash = hash_bytes(key, length);
	struct item **p = find(m, key, length, hash), *i = *p;

	if (i != NULL) {
		void *old = i->value;

		i->value = value;
		unlink_age(m, i);
		link_youngest(m, i);
		return old;
	}
	i = mem_new(sizeof(*i) + length);
	i->hash = hash;
	i->value = value;
	i->length = length;
	memcpy(i->key, key, length);
	*p = i;
	link_youngest(m, i);
	if (++m->count > m->bucket_count)
		grow(m);
	return NULL;
}

static void *
take_out(struct map *m, struct item **p)
{
	struct item *i = *p;
	void *value = i->value;

	*p = i->chain;
	unlink_age(m, i);
	free(i);
	m->count--;
	return value;
}

void *
map_remove(struct map *m, const void *key, size_t length)
{
	struct item **p = find(m, key, length, hash_bytes(key, length));

	return *p == NULL ? NULL : take_out(m, p);
}

void *
map_remove_oldest(struct map *m)
{
	struct item *i = m->oldest;

	return i == NULL ? NULL : map_remove(m, i->key, i->length);
}

size_t
map_count(const struct map *m)
{
	return m->count;
}

void
map_each(const struct map *m, void (*visit)(void *arg, void *value), void *arg)
{
	for (const struct item *i = m->oldest; i != NULL; i = i->younger)
		visit(arg, i->value);
}

void
map_close(struct map **map)
{
	struct map *m = *map;

	if (m == NULL)
		return;
	while (m->oldest != NULL)
		(void)map_remove_oldest(m);
	free(m->buckets);
	free(m);
	*map = NULL;
}
