/* Lanes. */
#include "expander/fanout/lane.h"

#include "base/mem.h"
#include "expander/pulse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
lane_join(struct lane **all, struct lane *l)
{
	l->number = 0;
	for (; *all != NULL; all = &(*all)->next)
		l->number++;
	*all = l;
}

void
lane_part(struct lane **all, struct lane *l)
{
	while (*all != l)
		all = &(*all)->next;
	*all = l->next;
}

bool
lane_connect(struct lane *l, const struct service *s, const struct mta *m, struct complaint *why)
{
	const struct smtp_config c = { .mta = &m->at, .hostname = s->site->hostname,
		                       .connect = s->outbound.connect, .reply = s->outbound.reply,
		                       .abandon = l->abandon, .access = &s->access };

	/* A reload may have named another. */
	if (l->mta != NULL && strcmp(l->mta, m->name) != 0)
		smtp_close(&l->smtp);
	if (l->smtp == NULL) {
		pulse_step(s->outbound.connect);
		l->smtp = smtp_open(&c, why);
		l->used = false;
		l->last_used = clock_ticks();
		free(l->mta);
		l->mta = mem_text(m->name);
	}
	return l->smtp != NULL;
}

void
lane_run(struct lane *l, const struct service *s, const struct mta *m, struct sending *g, struct outcome *o)
{
	struct transaction t = sending_transaction(g);
	struct complaint why;
	bool again = true;

	while (again) {
		bool fresh = l->smtp == NULL || !l->used;

		if (!lane_connect(l, s, m, &why)) {
			o->made = SMTP_NOT_SENT;
			o->lost = true;
			(void)snprintf(o->text, sizeof(o->text), "%s", why.text);
			return;
		}
		t.utf8 = sending_needs_utf8(g, smtp_has_utf8(l->smtp), o);
		smtp_send(l->smtp, &t, o);
		l->used = true;
		l->last_used = clock_ticks();
		if (o->closing)
			smtp_close(&l->smtp);
		again = !fresh && o->made == SMTP_NOT_STARTED;
	}
}

void
lane_close(struct lane *l)
{
	smtp_close(&l->smtp);
	free(l->mta);
	l->mta = NULL;
}
