/* JSON by Jansson; nothing else includes its header. */
#include "base/json.h"

#include "base/mem.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static json_t *
in(const struct js *j)
{
	return (json_t *)j;
}

static struct js *
must(json_t *j)
{
	if (j == NULL)
		abort();                  /* out of memory */
	return (struct js *)j;
}

struct js *
js_parse(const char *text, size_t length, struct complaint *why)
{
	json_error_t error;
	json_t *j = json_loadb(text == NULL ? "" : text, length, JSON_REJECT_DUPLICATES, &error);

	if (j == NULL)
		(void)complain(why, "line %d, column %d: %s", error.line, error.column, error.text);
	return (struct js *)j;
}

/* A JSON string of any bytes: where they are no UTF-8, U+FFFD stands for each odd one. */
static json_t *
string_of(const char *text)
{
	json_t *j = json_string(text);
	struct bytes clean = { 0 };

	if (j != NULL)
		return j;
	for (const char *p = text; *p != '\0'; p++) {
		unsigned char lead = (unsigned char)*p;
		size_t n = lead < 0x80 ? 1 : lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
		json_t *one = strnlen(p, n) < n ? NULL : json_stringn(p, n);

		if (one == NULL) {
			bytes_add_text(&clean, "\xef\xbf\xbd");
			continue;
		}
		json_decref(one);
		bytes_add(&clean, p, n);
		p += n - 1;
	}
	j = json_stringn(bytes_text(&clean), clean.length);
	bytes_free(&clean);
	return j;
}

struct js *
js_object(void)
{
	return must(json_object());
}

struct js *
js_array(void)
{
	return must(json_array());
}

struct js *
js_string(const char *text)
{
	return must(string_of(text));
}

struct js *
js_integer(int64_t number)
{
	return must(json_integer(number));
}

void
js_set_text(struct js *j, const char *key, const char *text)
{
	if (text != NULL)
		(void)json_object_set_new(in(j), key, string_of(text));
}

void
js_set_number(struct js *j, const char *key, int64_t number)
{
	(void)json_object_set_new(in(j), key, json_integer(number));
}

void
js_set_flag(struct js *j, const char *key, bool flag)
{
	(void)json_object_set_new(in(j), key, json_boolean(flag));
}

void
js_set(struct js *j, const char *key, struct js *value)
{
	(void)json_object_set_new(in(j), key, in(value));
}

void
js_append(struct js *array, struct js *value)
{
	(void)json_array_append_new(in(array), in(value));
}

const char *
js_text(const struct js *j, const char *key)
{
	return json_string_value(json_object_get(in(j), key));
}

int64_t
js_number(const struct js *j, const char *key, int64_t otherwise)
{
	const json_t *n = json_object_get(in(j), key);

	return json_is_integer(n) ? (int64_t)json_integer_value(n) : otherwise;
}

bool
js_flag(const struct js *j, const char *key, bool otherwise)
{
	const json_t *b = json_object_get(in(j), key);

	return json_is_boolean(b) ? json_is_true(b) : otherwise;
}

const struct js *
js_get(const struct js *j, const char *key)
{
	return (const struct js *)json_object_get(in(j), key);
}

bool
js_is_object(const struct js *j)
{
	return json_is_object(in(j));
}

bool
js_is_array(const struct js *j)
{
	return json_is_array(in(j));
}

size_t
js_count(const struct js *array)
{
	return json_array_size(in(array));
}

const struct js *
js_at(const struct js *array, size_t i)
{
	return (const struct js *)json_array_get(in(array), i);
}

const char *
js_string_at(const struct js *array, size_t i)
{
	return json_string_value(json_array_get(in(array), i));
}

int64_t
js_integer_at(const struct js *array, size_t i)
{
	return (int64_t)json_integer_value(json_array_get(in(array), i));
}

bool
js_is_integer(const struct js *j)
{
	return json_is_integer(in(j));
}

const char *
js_string_value(const struct js *j)
{
	return json_string_value(in(j));
}

const char *
js_unknown_key(const struct js *j, const char *const *known)
{
	const char *key;
	json_t *value;

	json_object_foreach(in(j), key, value) {
		const char *const *k = known;

		while (*k != NULL && strcmp(*k, key) != 0)
			k++;
		if (*k == NULL)
			return key;
	}
	return NULL;
}

static int
collect(const char *piece, size_t length, void *into)
{
	bytes_add(into, piece, length);
	return 0;
}

void
js_print(const struct js *j, bool indented, struct bytes *into)
{
	(void)json_dump_callback(in(j), collect, into,
	                         indented ? JSON_INDENT(2) : JSON_COMPACT);
}

void
js_each(const struct js *j, void (*visit)(void *arg, const char *key, const struct js *value),
        void *arg)
{
	const char *key;
	json_t *value;

	json_object_foreach(in(j), key, value)
		visit(arg, key, (const struct js *)value);
}

struct js *
js_hold(const struct js *j)
{
	return (struct js *)json_incref(in(j));
}

void
js_drop(struct js **j)
{
	if (*j != NULL)
		json_decref(in(*j));
	*j = NULL;
}
