/* Dates as RFC 5322 section 3.3 writes them, in UTC. */
#ifndef MAIL_DATE_H
#define MAIL_DATE_H

#include <stdint.h>

enum { DATE_SIZE = 40 };

/* "Sat, 21 Nov 2026 22:44:00 +0000" for milliseconds since 1970. */
void date_format(int64_t wall, char text[DATE_SIZE]);

/*
 * Reads such a date, with or without its day of the week, and with any offset: milliseconds
 * since 1970, or -1.
 */
int64_t date_parse(const char *text);

#endif
