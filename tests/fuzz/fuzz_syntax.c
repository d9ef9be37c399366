/* The grammar of SMTP and LMTP: commands, paths, parameters, replies. */
#include "tests/fuzz/fuzz.h"

#include "base/text.h"

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool
is_trimmed(struct slice s)
{
	return s.length == 0 || !(is_blank(s.at[0]) || is_blank(s.at[s.length - 1]));
}

static void
check_number(struct slice s)
{
	char text[32];
	long long n = -1;
	bool digits = s.length > 0;

	for (size_t i = 0; i < s.length; i++)
		digits = digits && s.at[i] >= '0' && s.at[i] <= '9';
	if (!slice_number(s, &n)) {
		MUST(!digits || s.length >= 19);
		return;
	}
	MUST(digits && n >= 0 && n <= 1LL << 62);
	while (s.length > 1 && *s.at == '0') {
		s.at++;
		s.length--;
	}
	(void)snprintf(text, sizeof(text), "%lld", n);
	MUST(same_bytes(s, (struct slice){ text, strlen(text) }));
}

static void
check_parameters(struct slice parameters)
{
	struct slice rest = parameters, key, value;
	size_t steps = 0;

	while (syntax_parameter(&rest, &key, &value)) {
		MUST(++steps <= parameters.length);
		MUST(lies_within(key, parameters) && lies_within(value, parameters));
		for (size_t i = 0; i < key.length; i++) {
			char c = text_lower(key.at[i]);

			MUST((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-');
		}
		for (size_t i = 0; i < value.length; i++)
			MUST(!is_blank(value.at[i]));
		check_number(value);
	}
	MUST(rest.length == 0);
}

/* A path that was found is found again where it is written in the plainest way. */
static void
check_path(struct slice argument, const char *keyword)
{
	struct slice path, parameters, path_again, parameters_again;
	struct bytes plain = { 0 };

	if (!syntax_path(argument, keyword, &path, &parameters))
		return;
	MUST(lies_within(path, argument) && lies_within(parameters, argument));
	MUST(is_trimmed(parameters));
	/* A null path is <> and nothing else: it is what makes a message a bounce. */
	MUST(path.length > 0 || (path.at[-1] == '<' && path.at[0] == '>'));
	check_parameters(parameters);
	bytes_format(&plain, "%s:<", keyword);
	bytes_add(&plain, path.at, path.length);
	bytes_add_text(&plain, "> ");
	bytes_add(&plain, parameters.at, parameters.length);
	if (path.length == 0 || *path.at != '@') {
		MUST(syntax_path(slice_of(&plain), keyword, &path_again, &parameters_again));
		MUST(same_bytes(path, path_again) && same_bytes(parameters, parameters_again));
	}
	bytes_free(&plain);
}

static void
check_command(struct slice line)
{
	static const char *const words[] = { "LHLO", "MAIL", "RCPT", "DATA", "RSET", "NOOP", "QUIT" };
	struct slice argument, word = line;
	enum verb v = syntax_verb(line.at, line.length, &argument);

	MUST(lies_within(argument, line) && is_trimmed(argument));
	word.length = 0;
	while (word.length < line.length && !is_blank(line.at[word.length]))
		word.length++;
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		MUST(slice_is(word, words[i]) == (v == (enum verb)i));
	check_path(argument, "FROM");
	check_path(argument, "TO");
}

/* RFC 2034: one of 2, 4, 5, and two numbers of one to three digits. */
static size_t
enhanced_length(struct slice text)
{
	size_t i = 1;

	if (text.length == 0 || memchr("245", text.at[0], 3) == NULL)
		return 0;
	for (int part = 0; part < 2; part++) {
		size_t digits = 0;

		if (i >= text.length || text.at[i++] != '.')
			return 0;
		for (; i < text.length && text.at[i] >= '0' && text.at[i] <= '9'; i++)
			digits++;
		if (digits < 1 || digits > 3)
			return 0;
	}
	return i == text.length || text.at[i] == ' ' ? i : 0;
}

static void
check_reply(struct slice line)
{
	struct reply_line r, again;
	struct bytes plain = { 0 };

	MUST(syntax_enhanced(line).length == enhanced_length(line));
	if (!syntax_reply(line.at, line.length, &r))
		return;
	MUST(r.code >= 200 && r.code <= 599);
	MUST(lies_within(r.text, line) && is_trimmed(r.text));
	bytes_format(&plain, "%d%c", r.code, r.more ? '-' : ' ');
	bytes_add(&plain, r.text.at, r.text.length);
	MUST(syntax_reply(plain.data, plain.length, &again));
	MUST(again.code == r.code && again.more == r.more && same_bytes(again.text, r.text));
	MUST(syntax_enhanced(r.text).length == enhanced_length(r.text));
	bytes_free(&plain);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice line = { (const char *)data, size };
	struct bytes text = { 0 };

	check_command(line);
	check_reply(line);
	check_number(line);
	bytes_add(&text, data, size);
	line = syntax_unbracket(text.data);
	MUST(lies_within(line, slice_of(&text)));
	MUST(strlen(text.data) - line.length == 0 || strlen(text.data) - line.length == 2);
	bytes_free(&text);
	return 0;
}
