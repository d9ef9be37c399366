/* Sealing stamps. */
#include "policies/stamps.h"

static const char purpose[] = "stamp";

bool
stamps_seal(struct keys *k, const struct stamp *s, struct bytes *value)
{
	struct bytes text = { 0 }, sealed = { 0 };
	bool fits;

	stamp_print(s, &text);
	keys_seal(k, purpose, text.data, text.length, &sealed);
	fits = sealed.length <= STAMP_MOST;
	if (fits)
		stamp_fold(&sealed, value);
	bytes_free(&text);
	bytes_free(&sealed);
	return fits;
}

enum stamp_state
stamps_open(struct keys *k, const struct field *f, struct stamp *s)
{
	static const enum stamp_state states[] = {
		[KEYS_OPENED] = STAMP_VALID,    [KEYS_MALFORMED] = STAMP_DAMAGED,
		[KEYS_UNKNOWN] = STAMP_FOREIGN, [KEYS_FALSE] = STAMP_FORGED,
	};
	struct bytes sealed = { 0 }, text = { 0 };
	enum stamp_state state = STAMP_DAMAGED;
	struct complaint unused;

	*s = (struct stamp){ 0 };
	if (stamp_unfold(f, &sealed))
		state = states[keys_unseal(k, purpose, sealed.data, sealed.length, &text)];
	/* What we have sealed ourselves can be read, unless it is of a newer version. */
	if (state == STAMP_VALID && stamp_parse(bytes_text(&text), text.length, s, &unused) < 0)
		state = STAMP_DAMAGED;
	bytes_free(&sealed);
	bytes_free(&text);
	return state;
}
