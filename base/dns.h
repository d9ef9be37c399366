/*
 * Records of the DNS: what may be asked for, and what an answer says, as text. Nothing here asks;
 * resolver.h does.
 */
#ifndef BASE_DNS_H
#define BASE_DNS_H

#include <stdbool.h>
#include <stddef.h>

enum record_type { RECORD_A, RECORD_AAAA, RECORD_MX, RECORD_TXT, RECORD_PTR, RECORD_TYPES };

/* "MX" … */
const char *record_word(enum record_type);

enum resolved {
	RESOLVED_UNSURE = -1,             /* no server knows, or none said it in time */
	RESOLVED_NONE = 0,                /* there is no such record */
	RESOLVED = 1
};

struct dns_record {
	unsigned preference;              /* of an MX */
	/*
	 * A, AAAA: the address as text. MX, PTR: the name in lower case without the dot at its end, in
	 * which odd octets are \DDD; "" for the root. TXT: its strings, one behind the other: any
	 * octets, with a NUL behind them.
	 */
	char *text;
	size_t length;
};

struct dns_answer {
	enum resolved found;
	struct dns_record *records;       /* in no order */
	size_t count;
	char why[96];                     /* RESOLVED_UNSURE: in words */
};

/*
 * Adds one record to the answer, whose data is as RFC 1035 section 3.3 has it, without compression. -1:
 * it makes no sense, and the answer is unsure.
 */
int dns_answer_add(struct dns_answer *, enum record_type, const void *data, size_t length);
/* The answer is unsure, for this reason, and holds no records. */
void dns_answer_unsure(struct dns_answer *, const char *why);
void dns_answer_free(struct dns_answer *);

/* The number of a type in questions (RFC 1035 section 3.2.2, RFC 3596). */
int record_number(enum record_type);

/* The name that a PTR of this address is under, allocated; NULL: it is no address. */
char *dns_reverse(const char *address);

#endif
