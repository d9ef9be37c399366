/* Bytes that grow. */
#include "base/bytes.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
bytes_add_printable(struct bytes *b, const char *text, const char *also)
{
	const unsigned char *p = (const unsigned char *)text;

	for (; *p != '\0'; p++) {
		bool c1 = *p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0;

		if (c1)                   /* in UTF-8: both its bytes */
			bytes_format(b, "\\x%02x", *p++);
		if (c1 || *p < 0x20 || *p == 0x7f || strchr(also, *p) != NULL)
			bytes_format(b, "\\x%02x", *p);
		else
			bytes_add_char(b, (char)*p);
	}
}

void
bytes_add_escaped(struct bytes *b, const char *text, size_t length, const char *plain)
{
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)text[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

		if (letter || (c != '\0' && strchr(plain, c) != NULL))
			bytes_add_char(b, (char)c);
		else
			bytes_format(b, "%%%02X", c);
	}
}

char *
bytes_room(struct bytes *b, size_t length)
{
	size_t want = b->length + length + 1;

	if (want > b->capacity) {
		size_t capacity = b->capacity < 64 ? 64 : b->capacity;

		while (capacity < want)
			capacity += capacity / 2;
		b->data = mem_resize(b->data, capacity);
		b->capacity = capacity;
	}
	return b->data + b->length;
}

void
bytes_add(struct bytes *b, const void *from, size_t length)
{
	char *room = bytes_room(b, length);

	if (length != 0)
		memcpy(room, from, length);
	b->length += length;
	b->data[b->length] = '\0';
}

void
bytes_add_text(struct bytes *b, const char *text)
{
	bytes_add(b, text, strlen(text));
}

void
bytes_add_char(struct bytes *b, char c)
{
	bytes_add(b, &c, 1);
}

void
bytes_format(struct bytes *b, const char *format, ...)
{
	va_list args, again;
	char *room = bytes_room(b, 128);
	int n;

	va_start(args, format);
	va_copy(again, args);
	n = vsnprintf(room, 129, format, args);
	va_end(args);
	if (n > 128) {
		room = bytes_room(b, (size_t)n);
		(void)vsnprintf(room, (size_t)n + 1, format, again);
	}
	va_end(again);
	if (n > 0)
		b->length += (size_t)n;
	b->data[b->length] = '\0';
}

void
bytes_consume(struct bytes *b, size_t length)
{
	if (length >= b->length) {
		bytes_clear(b);
		return;
	}
	memmove(b->data, b->data + length, b->length - length + 1);
	b->length -= length;
}

void
bytes_clear(struct bytes *b)
{
	b->length = 0;
	if (b->data != NULL)
		b->data[0] = '\0';
}

const char *
bytes_text(const struct bytes *b)
{
	return b->data == NULL ? "" : b->data;
}

char *
bytes_take(struct bytes *b)
{
	char *data = b->data == NULL ? mem_text("") : b->data;

	*b = (struct bytes){ 0 };
	return data;
}

void
bytes_wipe(struct bytes *b)
{
	if (b->data != NULL)
		explicit_bzero(b->data, b->capacity);
	bytes_free(b);
}

void
bytes_free(struct bytes *b)
{
	free(b->data);
	*b = (struct bytes){ 0 };
}
