/*
 * JSON, by Jansson (whose own names begin with json_). A value is owned by whoever holds it until
 * it is put into another or dropped. Getters answer for a missing key, for a value of another type
 * and for a NULL object alike.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/bytes.h"
#include "base/complaint.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct js;

/* NULL with a complaint that names line and column. Duplicate keys are refused. */
struct js *js_parse(const char *text, size_t length, struct complaint *);

struct js *js_object(void);
struct js *js_array(void);
struct js *js_string(const char *text);
struct js *js_integer(int64_t number);

/*
 * Into an object. A NULL text is left out. Text that is not UTF-8 is put in with its odd bytes as
 * U+FFFD.
 */
void js_set_text(struct js *, const char *key, const char *text);
void js_set_number(struct js *, const char *key, int64_t number);
void js_set_flag(struct js *, const char *key, bool flag);
void js_set(struct js *, const char *key, struct js *value);      /* takes the value */

void js_append(struct js *array, struct js *value);               /* takes the value */

/* Calls visit for each key of an object. */
void js_each(const struct js *, void (*visit)(void *arg, const char *key, const struct js *value),
             void *arg);

/* A further reference to the same value. */
struct js *js_hold(const struct js *);

/* Borrowed from the object. */
const char *js_text(const struct js *, const char *key);            /* or NULL */
int64_t js_number(const struct js *, const char *key, int64_t otherwise);
bool js_flag(const struct js *, const char *key, bool otherwise);
const struct js *js_get(const struct js *, const char *key);      /* or NULL */

bool js_is_object(const struct js *);
bool js_is_array(const struct js *);
bool js_is_integer(const struct js *);
size_t js_count(const struct js *array);
const struct js *js_at(const struct js *array, size_t i);
const char *js_string_at(const struct js *array, size_t i);         /* or NULL */
int64_t js_integer_at(const struct js *array, size_t i);                /* or 0 */
const char *js_string_value(const struct js *);                     /* or NULL */

/* The first key of an object that is not among `known` (ended by NULL), or NULL. */
const char *js_unknown_key(const struct js *, const char *const *known);

/* Appends the text: on one line, or indented for people. */
void js_print(const struct js *, bool indented, struct bytes *);

void js_drop(struct js **);

#endif
