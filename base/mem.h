/*
 * Memory. Out of memory ends the program: every state that matters is on disk, and an
 * untested branch behind each allocation would be worse. Sizes that come from the network are
 * bounded by their readers before they get here.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stdarg.h>
#include <stddef.h>

/* Zeroed bytes; never NULL. Freed with free(). */
void *mem_new(size_t size);

/* `count` zeroed elements of `size`; ends the program where the product overflows. */
void *mem_array(size_t count, size_t size);

/* realloc() that cannot fail. New bytes are not zeroed. */
void *mem_resize(void *old, size_t size);

/* A copy of `length` bytes, with a NUL behind them. */
char *mem_copy(const void *bytes, size_t length);

/* A copy of a string; NULL gives NULL. */
char *mem_text(const char *text);

/* A new string made as printf makes it. */
char *mem_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Frees what *p points to and sets it to NULL. */
void mem_drop(char **p);

#endif
