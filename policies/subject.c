/* What came of asking about one list, for those who asked. */
#include "policies/inquiry.h"

#include <stdlib.h>

void
subject_free(struct subject *s)
{
	free(s->answers);
	s->answers = NULL;
	s->answer_count = 0;
}

static const char *
answer_text(const struct answer *a)
{
	static const char *const otherwise[] = { [ANSWER_LATE] = "late", [ANSWER_BUSY] = "busy",
		                                 [ANSWER_CANCELLED] = "cancelled",
		                                 [ANSWER_APART] = "trial" };

	if (a->how != ANSWER_GIVEN)
		return otherwise[a->how];
	return a->said.decision == DECISION_PASS   ? "pass"
	       : a->said.decision == DECISION_DEFER ? "unsure"
	                                            : "fail";
}

void
subject_describe(const struct subject *s, struct bytes *out)
{
	enum { SHOWN = 1000 };            /* µs: what took less took nothing */

	for (size_t i = 0; i < s->answer_count; i++) {
		const struct answer *a = &s->answers[i];

		bytes_format(out, "%s%s=%s", i == 0 ? "" : " ", a->link->policy->name, answer_text(a));
		if (a->took >= SHOWN)
			bytes_format(out, "/%lld", (long long)(a->took / 1000));
	}
}
