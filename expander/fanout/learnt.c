/* What the MTA takes. */
#include "expander/fanout/learnt.h"

enum {
	FEWEST = 10,                      /* fewer are believed when they are said twice in a row */
	FORGOTTEN = 600000                /* ms */
};

void
learnt_limit(struct learnt *l, size_t taken, int64_t now)
{
	if (taken < FEWEST && l->odd == 0) {
		l->odd = taken;
		return;
	}
	if (l->most == 0 || taken < l->most) {
		l->most = taken;
		l->at = now;
	}
}

void
learnt_fine(struct learnt *l, size_t taken)
{
	if (taken > l->odd)
		l->odd = 0;
}

size_t
learnt_most(struct learnt *l, size_t most, int64_t now)
{
	if (l->most != 0 && now - l->at >= FORGOTTEN)
		*l = (struct learnt){ 0 };
	return l->most != 0 && l->most < most ? l->most : most;
}
