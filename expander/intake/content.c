/* The content of DATA, byte by byte where it has to be and line by line where it can. */
#include "expander/intake/content.h"

#include <stdint.h>
#include <string.h>

enum state {
	LINE_BEGINS,                      /* behind CR LF, or at the beginning */
	IN_LINE,
	AFTER_CR,                         /* a CR that has not been emitted */
	AFTER_DOT,                        /* a dot that begins a line, not emitted */
	AFTER_DOT_CR                      /* and a CR, not emitted */
};

/* Whether a byte above 127 is among them. */
static bool
has_high_bit(const char *bytes, size_t length)
{
	uint64_t word, all = 0;
	size_t i = 0;

	for (; i + sizeof(word) <= length; i += sizeof(word)) {
		memcpy(&word, bytes + i, sizeof(word));
		all |= word;
	}
	for (; i < length; i++)
		all |= (unsigned char)bytes[i] & 0x80;
	return (all & 0x8080808080808080U) != 0;
}

/* From within a line: the length of what comes before the next CR or LF. */
static size_t
plain(const char *at, const char *end)
{
	const char *lf = memchr(at, '\n', (size_t)(end - at));
	const char *cr = memchr(at, '\r', (size_t)((lf == NULL ? end : lf) - at));

	return (size_t)((cr != NULL ? cr : lf != NULL ? lf : end) - at);
}

size_t
content_scan(struct content *c, const char *bytes, size_t length,
             void (*emit)(void *arg, const char *bytes, size_t length), void *arg)
{
	const char *at = bytes, *end = bytes + length;
	enum state state = (enum state)c->state;
	size_t n;

	while (at < end && !c->ended) {
		switch (state) {
		case LINE_BEGINS:
			if (*at == '.') {
				state = AFTER_DOT;
				at++;
				break;
			}
			state = IN_LINE;
			break;
		case AFTER_DOT:           /* the dot was put there by the client, whatever follows */
			state = IN_LINE;
			if (*at == '\r') {
				state = AFTER_DOT_CR;
				at++;
			}
			break;
		case AFTER_DOT_CR:
			if (*at == '\n') {
				c->ended = true;
				at++;
				break;
			}
			emit(arg, "\r", 1);
			c->bare_newline = true;
			state = IN_LINE;
			break;
		case AFTER_CR:
			c->bare_newline = c->bare_newline || *at != '\n';
			state = *at == '\n' ? LINE_BEGINS : IN_LINE;
			emit(arg, "\r\n", *at == '\n' ? 2 : 1);
			at += *at == '\n';
			break;
		case IN_LINE:
			n = plain(at, end);
			if (n > 0)
				emit(arg, at, n);
			at += n;
			if (at < end && *at == '\r') {
				state = AFTER_CR;
				at++;
			} else if (at < end) {
				c->bare_newline = true;
				emit(arg, "\n", 1);
				at++;
			}
			break;
		}
	}
	c->state = (int)state;
	c->eight_bit = c->eight_bit || has_high_bit(bytes, (size_t)(at - bytes));
	return (size_t)(at - bytes);
}
