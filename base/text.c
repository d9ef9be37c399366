/* Small questions about text. */
#include "base/text.h"

#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
text_list_take(struct text_list *list, char *text)
{
	list->items = mem_resize(list->items, (list->count + 1) * sizeof(*list->items));
	list->items[list->count++] = text;
}

void
text_list_add(struct text_list *list, const char *text, size_t length)
{
	text_list_take(list, mem_copy(text, length));
}

void
text_list_add_once(struct text_list *list, const char *text)
{
	if (!text_list_has(list, text))
		text_list_add(list, text, strlen(text));
}

void
text_list_add_all(struct text_list *list, const struct text_list *from)
{
	for (size_t i = 0; i < from->count; i++)
		text_list_add(list, from->items[i], strlen(from->items[i]));
}

void
text_list_end(struct text_list *list)
{
	text_list_take(list, NULL);
	list->count--;
}

bool
text_list_has(const struct text_list *list, const char *text)
{
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->items[i], text) == 0)
			return true;
	return false;
}

bool
text_list_same(const struct text_list *list, const char *text, size_t length)
{
	for (size_t i = 0; i < list->count; i++)
		if (text_same_n(text, length, list->items[i]))
			return true;
	return false;
}

void
text_list_free(struct text_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i]);
	free(list->items);
	*list = (struct text_list){ 0 };
}

bool
text_same_n(const char *a, size_t length, const char *b)
{
	size_t i;

	for (i = 0; i < length && b[i] != '\0'; i++)
		if (text_lower(a[i]) != text_lower(b[i]))
			return false;
	return i == length && b[i] == '\0';
}

bool
text_same(const char *a, const char *b)
{
	return text_same_n(a, strlen(a), b);
}

const char *
text_s(int64_t count)
{
	return count == 1 ? "" : "s";
}

bool
text_is_ascii(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)text[i] >= 0x80)
			return false;
	return true;
}

bool
text_number(const char *text, int64_t *number)
{
	const char *p = *text == '-' ? text + 1 : text;
	char *end;

	if (*p < '0' || *p > '9')
		return false;
	errno = 0;
	*number = strtoll(text, &end, 10);
	return *end == '\0' && errno == 0;
}

/* Levenshtein's distance of two short words. */
static size_t
distance(const char *a, const char *b)
{
	enum { LONGEST = 48 };
	size_t row[LONGEST + 1], la = strlen(a), lb = strlen(b);

	if (la > LONGEST || lb > LONGEST)
		return LONGEST;
	for (size_t j = 0; j <= lb; j++)
		row[j] = j;
	for (size_t i = 1; i <= la; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			size_t best = diagonal + (text_lower(a[i - 1]) != text_lower(b[j - 1]));

			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[lb];
}

const char *
text_nearest(const char *text, const char *const *words)
{
	const char *best = NULL;
	size_t least = strlen(text) / 3 + 2;

	for (; *words != NULL; words++) {
		size_t d = distance(text, *words);

		if (d < least) {
			least = d;
			best = *words;
		}
	}
	return best;
}

struct hint
text_hint(const char *text, const char *const *words)
{
	const char *near = text_nearest(text, words);
	struct hint h = { "" };

	if (near != NULL)
		(void)snprintf(h.text, sizeof(h.text), "; did you mean \"%s\"?", near);
	return h;
}
