/* The grammar of SMTP and LMTP. */
#include "mail/syntax.h"

#include "base/text.h"

#include <string.h>

static const char *const verbs[VERB_OTHER] = {
	[VERB_LHLO] = "LHLO", [VERB_MAIL] = "MAIL", [VERB_RCPT] = "RCPT", [VERB_DATA] = "DATA",
	[VERB_RSET] = "RSET", [VERB_NOOP] = "NOOP", [VERB_XFORWARD] = "XFORWARD", [VERB_QUIT] = "QUIT",
};

bool
slice_is(struct slice s, const char *word)
{
	return text_same_n(s.at, s.length, word);
}

bool
slice_number(struct slice s, long long *number)
{
	long long n = 0;

	for (size_t i = 0; i < s.length; i++) {
		if (s.at[i] < '0' || s.at[i] > '9' || n > (1LL << 58))
			return false;
		n = n * 10 + (s.at[i] - '0');
	}
	*number = n;
	return s.length > 0;
}

static struct slice
trim(struct slice s)
{
	while (s.length > 0 && (*s.at == ' ' || *s.at == '\t')) {
		s.at++;
		s.length--;
	}
	while (s.length > 0 && (s.at[s.length - 1] == ' ' || s.at[s.length - 1] == '\t'))
		s.length--;
	return s;
}

/* Cuts off and returns what stands before the first space. */
static struct slice
cut_word(struct slice *rest)
{
	struct slice word = { rest->at, 0 };

	while (word.length < rest->length && rest->at[word.length] != ' ' &&
	       rest->at[word.length] != '\t')
		word.length++;
	rest->at += word.length;
	rest->length -= word.length;
	*rest = trim(*rest);
	return word;
}

enum verb
syntax_verb(const char *line, size_t length, struct slice *argument)
{
	struct slice word;
	enum verb v = VERB_LHLO;

	*argument = (struct slice){ line, length };
	word = cut_word(argument);
	while (v < VERB_OTHER && !slice_is(word, verbs[v]))
		v++;
	return v;
}

const char *
syntax_path_end(const char *at, const char *end)
{
	bool quoted = false;

	for (; at < end; at++) {
		if (quoted && *at == '\\')
			at++;
		else if (*at == '"')
			quoted = !quoted;
		else if (*at == '>' && !quoted)
			return at;
	}
	return NULL;
}

bool
syntax_path(struct slice argument, const char *keyword, struct slice *path,
            struct slice *parameters)
{
	const char *end = argument.at + argument.length, *at = argument.at, *close, *colon;
	size_t length = strlen(keyword);

	if (argument.length <= length || !text_same_n(at, length, keyword) || at[length] != ':')
		return false;
	at += length + 1;
	while (at < end && *at == ' ')    /* not in the grammar, and common */
		at++;
	if (at == end || *at != '<')
		return false;
	close = syntax_path_end(++at, end);
	if (close == NULL || (close + 1 < end && close[1] != ' '))
		return false;
	colon = *at == '@' ? memchr(at, ':', (size_t)(close - at)) : NULL;
	if (colon != NULL && memchr(at, '"', (size_t)(colon - at)) == NULL) {
		at = colon + 1;
		if (at == close)          /* <@a:> is no null path */
			return false;
	}
	*path = (struct slice){ at, (size_t)(close - at) };
	*parameters = trim((struct slice){ close + 1, (size_t)(end - close) - 1 });
	return true;
}

struct slice
syntax_unbracket(const char *text)
{
	size_t length = strlen(text);

	if (length >= 2 && text[0] == '<' && text[length - 1] == '>')
		return (struct slice){ text + 1, length - 2 };
	return (struct slice){ text, length };
}

bool
syntax_parameter(struct slice *rest, struct slice *key, struct slice *value)
{
	struct slice word;
	const char *equals;

	*rest = trim(*rest);
	if (rest->length == 0)
		return false;
	word = cut_word(rest);
	equals = memchr(word.at, '=', word.length);
	*key = (struct slice){ word.at, equals == NULL ? word.length : (size_t)(equals - word.at) };
	*value = equals == NULL
	                 ? (struct slice){ word.at + word.length, 0 }
	                 : (struct slice){ equals + 1, word.length - key->length - 1 };
	for (size_t i = 0; i < key->length; i++) {
		char c = text_lower(key->at[i]);

		if ((c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-')
			key->length = 0;
	}
	if (equals != NULL && value->length == 0)
		key->length = 0;
	return true;
}

bool
syntax_reply(const char *line, size_t length, struct reply_line *r)
{
	if (length < 3)
		return false;
	for (size_t i = 0; i < 3; i++)
		if (line[i] < '0' || line[i] > '9')
			return false;
	if (length > 3 && line[3] != ' ' && line[3] != '-')
		return false;
	r->code = (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
	r->more = length > 3 && line[3] == '-';
	r->text = trim((struct slice){ line + (length > 3 ? 4 : 3), length > 3 ? length - 4 : 0 });
	return r->code >= 200 && r->code < 600;
}

struct slice
syntax_enhanced(struct slice text)
{
	const struct slice none = { text.at, 0 };
	size_t i = 1;

	if (text.length == 0 || (*text.at != '2' && *text.at != '4' && *text.at != '5'))
		return none;
	for (int part = 0; part < 2; part++) {
		size_t digits = 0;

		if (i == text.length || text.at[i++] != '.')
			return none;
		for (; i < text.length && text.at[i] >= '0' && text.at[i] <= '9'; i++)
			digits++;
		if (digits < 1 || digits > 3)
			return none;
	}
	return i == text.length || text.at[i] == ' ' ? (struct slice){ text.at, i } : none;
}
