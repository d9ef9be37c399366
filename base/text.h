/* Small questions about text that the language leaves open: ASCII only, whatever the locale. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A list of strings, owned. */
struct text_list {
	char **items;
	size_t count;
};

void text_list_add(struct text_list *, const char *text, size_t length);
void text_list_add_once(struct text_list *, const char *text);
void text_list_take(struct text_list *, char *text);      /* takes over the text */
void text_list_add_all(struct text_list *, const struct text_list *from);
void text_list_end(struct text_list *);      /* puts a NULL behind the last one, which does not count */
bool text_list_has(const struct text_list *, const char *text);
bool text_list_same(const struct text_list *, const char *text, size_t length);  /* but for ASCII case */
void text_list_free(struct text_list *);

static inline char
text_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool text_same(const char *a, const char *b);                           /* but for ASCII case */
bool text_same_n(const char *a, size_t length, const char *b);          /* b is a string */

/* What a noun ends in that so many are counted of: "s" but for one. */
const char *text_s(int64_t count);

bool text_is_ascii(const char *text, size_t length);

/* A whole decimal number, nothing before or behind it. */
bool text_number(const char *text, int64_t *number);

/* The word of `words` (ended by NULL) nearest to `text`, or NULL where none is near. */
const char *text_nearest(const char *text, const char *const *words);

/* The end of a complaint about `text`: "; did you mean "WORD"?" with that word, or nothing. */
struct hint { char text[256]; };
struct hint text_hint(const char *text, const char *const *words);

#endif
