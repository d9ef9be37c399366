/*
 * Receipt addresses. The first recipient of a batch is one: the MTA can only deliver to it once it has
 * put the batch into its queue, so that whoever hears of it knows.
 *
 *	receipt+<entry>.<batch>.<token>@<domain>
 *
 * The token is random, and written down with the batch's intent: nobody but the MTA knows it.
 */
#ifndef MAIL_RECEIPT_H
#define MAIL_RECEIPT_H

#include "base/digest.h"

#include <stdbool.h>
#include <stdint.h>

/* So that the local part stays below 64 bytes (RFC 5321 section 4.5.3.1.1). */
enum { RECEIPT_TOKEN = 16 };

struct receipt {
	char entry[DIGEST_NAME + 1];
	int64_t batch;                    /* from 1 */
	char token[RECEIPT_TOKEN + 1];
};

/* A token of its own. */
void receipt_token(char token[RECEIPT_TOKEN + 1]);

/* Allocated. */
char *receipt_address(const struct receipt *, const char *domain);

/* Whether a canonical address is one, of whatever domain. */
bool receipt_parse(const char *canonical, struct receipt *);

#endif
