/* Dates, whatever the locale. */
#include "mail/date.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

void
date_format(int64_t wall, char text[DATE_SIZE])
{
	static const char days[] = "SunMonTueWedThuFriSat";
	time_t seconds = (time_t)(wall / 1000);
	struct tm t;

	(void)gmtime_r(&seconds, &t);
	(void)snprintf(text, DATE_SIZE, "%.3s, %02d %.3s %04d %02d:%02d:%02d +0000",
	               days + t.tm_wday * 3L, t.tm_mday % 100, months + t.tm_mon * 3L,
	               (t.tm_year + 1900) % 10000, t.tm_hour % 100, t.tm_min % 100, t.tm_sec % 100);
}

/* The minutes of "+0130", "GMT" or "UT"; false for what is none of them. */
static bool
read_offset(const char *text, long *minutes)
{
	char *end;
	long n = strtol(text, &end, 10);

	*minutes = n / 100 * 60 + n % 100;
	if (*text == '+' || *text == '-')
		return end == text + 5;
	*minutes = 0;
	return strncasecmp(text, "GMT", 3) == 0 || strncasecmp(text, "UT", 2) == 0;
}

/* A number, and this octet behind it. NULL: there is none. */
static const char *
read_number(const char *at, char behind, int *number)
{
	char *end;
	long n;

	if (at == NULL)
		return NULL;
	at += strspn(at, " ");
	n = strtol(at, &end, 10);
	*number = (int)n;
	return *at < '0' || *at > '9' || end > at + 4 || *end != behind ? NULL : end + 1;
}

static const char *
read_month(const char *at, int *number)
{
	at = at == NULL ? NULL : at + strspn(at, " ");
	for (*number = 0; at != NULL && *number < 12; ++*number)
		if (strncasecmp(at, months + *number * 3L, 3) == 0)
			return at + 3;
	return NULL;
}

int64_t
date_parse(const char *text)
{
	const char *at = strchr(text, ',');
	struct tm t = { 0 };
	long minutes;

	at = read_number(at == NULL ? text : at + 1, ' ', &t.tm_mday);
	at = read_month(at, &t.tm_mon);
	at = read_number(at, ' ', &t.tm_year);
	at = read_number(at, ':', &t.tm_hour);
	at = read_number(at, ':', &t.tm_min);
	at = read_number(at, ' ', &t.tm_sec);
	if (at == NULL || t.tm_year < 1970 || !read_offset(at + strspn(at, " "), &minutes))
		return -1;
	t.tm_year -= 1900;
	return (int64_t)(timegm(&t) - minutes * 60) * 1000;
}
