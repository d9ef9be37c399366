/*
 * What the socketmap answers: whether an address is a list, in the words that a map of the MTA
 * wants. The same memory, deadlines and breaker stand behind it as behind the milter's RCPT, so
 * that both say the same.
 */
#ifndef MILTER_LOOKUP_H
#define MILTER_LOOKUP_H

#include "milter/query.h"
#include "milter/service.h"

/* Answers one question. May wait for the directory; `client` is for the log. */
void lookup_answer(const struct service *, struct slice question, const char *client, struct bytes *out);

#endif
