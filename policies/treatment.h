/*
 * What becomes of posts whose author's domain forbids by DMARC what a list does to them: the setting
 * `dmarc` of posts, by the author's domain.
 */
#ifndef POLICIES_TREATMENT_H
#define POLICIES_TREATMENT_H

#include "base/complaint.h"

enum treatment { TREATMENT_KEEP, TREATMENT_REWRITE, TREATMENT_WRAP };

/* "keep" … */
const char *treatment_word(enum treatment);

/* Whether a text is such a setting: 0, or -1 with a complaint. */
int treatment_check(const char *text, struct complaint *);

/* What the setting says about mail of a canonical domain. NULL is no setting. */
enum treatment treatment_of(const char *setting, const char *domain);

#endif
