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

int64_t
date_parse(const char *text)
{
	const char *comma = strchr(text, ','), *month;
	struct tm t = { 0 };
	char name[4] = "", zone[6] = "";
	long minutes;

	if (comma != NULL)
		text = comma + 1;
	if (sscanf(text, "%2d %3s %4d %2d:%2d:%2d %5s", &t.tm_mday, name, &t.tm_year, &t.tm_hour, &t.tm_min,
	           &t.tm_sec, zone) != 7)
		return -1;
	month = strstr(months, name);
	if (strlen(name) != 3 || month == NULL || (month - months) % 3 != 0 || !read_offset(zone, &minutes) ||
	    t.tm_year < 1970)
		return -1;
	t.tm_mon = (int)(month - months) / 3;
	t.tm_year -= 1900;
	return (int64_t)(timegm(&t) - minutes * 60) * 1000;
}
