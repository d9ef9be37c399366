/* Dates, whatever the locale. */
#include "mail/date.h"

#include <stdio.h>
#include <time.h>

void
date_format(int64_t wall, char text[DATE_SIZE])
{
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	time_t seconds = (time_t)(wall / 1000);
	struct tm t;

	(void)gmtime_r(&seconds, &t);
	(void)snprintf(text, DATE_SIZE, "%.3s, %02d %.3s %04d %02d:%02d:%02d +0000",
	               days + t.tm_wday * 3L, t.tm_mday % 100, months + t.tm_mon * 3L,
	               (t.tm_year + 1900) % 10000, t.tm_hour % 100, t.tm_min % 100, t.tm_sec % 100);
}
