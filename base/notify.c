/* Talking to systemd. */
#include "base/notify.h"

#include "base/clock.h"

#include <inttypes.h>
#include <systemd/sd-daemon.h>

enum { TIMES = 3 };                       /* signs of life within the time that the unit allows */

void
notify_ready(void)
{
	(void)sd_notify(0, "READY=1");
}

void
notify_reloading(void)
{
	(void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIi64, clock_ticks_us());
}

void
notify_stopping(void)
{
	(void)sd_notify(0, "STOPPING=1");
}

int64_t
notify_every(void)
{
	uint64_t limit;

	if (sd_watchdog_enabled(0, &limit) <= 0)
		return 0;
	return limit < (uint64_t)TIMES * 1000 ? 1 : (int64_t)(limit / TIMES / 1000);
}

void
notify_alive(void)
{
	(void)sd_notify(0, "WATCHDOG=1");
}
