/* "rewrite example.org=wrap": what holds for all, and exceptions for domains and those below them. */
#include "policies/treatment.h"

#include "base/mem.h"
#include "mail/address.h"
#include "policies/style.h"

#include <stdlib.h>
#include <string.h>

static const char *const words[] = { [TREATMENT_KEEP] = "keep", [TREATMENT_REWRITE] = "rewrite",
	                             [TREATMENT_WRAP] = "wrap", NULL };
enum { WORDS = 3 };

const char *
treatment_word(enum treatment t)
{
	return words[t];
}

/* WORDS: it is none. */
static size_t
find_word(const char *word, size_t length)
{
	size_t i = 0;

	while (i < WORDS && (strlen(words[i]) != length || memcmp(words[i], word, length) != 0))
		i++;
	return i;
}

/* One of the words of the setting, divided: the domain (empty for all) and the treatment. */
static size_t
divide(const char *word, size_t length, size_t *domain)
{
	const char *equals = memchr(word, '=', length);

	*domain = equals == NULL ? 0 : (size_t)(equals - word);
	return equals == NULL ? find_word(word, length)
	                      : find_word(equals + 1, length - *domain - 1);
}

static int
check_one(const char *word, size_t length, struct complaint *why)
{
	size_t domain, which = divide(word, length, &domain);
	char *text = mem_copy(word, domain == 0 ? length : domain), *canonical;
	int rc = 0;

	if (which == WORDS) {
		rc = complain(why, "\"%.*s\" is not one of none, keep, rewrite, wrap, domain=rewrite%s",
		              (int)length, word, text_hint(text, words).text);
	} else if (memchr(word, '=', length) != NULL) {
		canonical = domain_canonical(text, domain, why);
		rc = canonical == NULL ? -1 : 0;
		free(canonical);
	}
	free(text);
	return rc;
}

int
treatment_check(const char *text, struct complaint *why)
{
	const char *word;
	size_t length, count = 0, domain, general = 0;

	if (strcmp(text, "none") == 0)
		return 0;
	while (style_word(&text, &word, &length)) {
		if (check_one(word, length, why) < 0)
			return -1;
		(void)divide(word, length, &domain);
		general += domain == 0;
		count++;
	}
	if (general > 1)
		return complain(why, "two words hold for all domains");
	return count > 0 ? 0 : complain(why, "there is nothing; none leaves all posts as they are");
}

enum treatment
treatment_of(const char *setting, const char *domain)
{
	size_t general = TREATMENT_KEEP, best = 0, length, own, found = WORDS;
	const char *word;

	while (setting != NULL && style_word(&setting, &word, &length)) {
		size_t which = divide(word, length, &own);

		if (own == 0) {
			general = which;
		} else if (own > best && domain_is_within(domain, word, own)) {
			best = own;       /* the nearest counts */
			found = which;
		}
	}
	return (enum treatment)(found == WORDS ? general : found);
}
