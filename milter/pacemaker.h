/*
 * Keeps libmilter's workers coming. Debian's libmilter takes commands off its sockets by a pool of
 * workers that grows only when a new event finds none idle: commands that came in one burst with
 * one that blocks wait for it, for seconds. While any callback waits, the pacemaker therefore
 * connects to the milter's own socket every millisecond or so and negotiates: it finds no idle
 * worker, the pool starts one, and that takes what is queued. At rest it does so a few times a
 * second, which lets a milter that was told to stop notice it. A negotiation that is answered is also
 * the proof of life that the service manager gets.
 */
#ifndef MILTER_PACEMAKER_H
#define MILTER_PACEMAKER_H

#include "base/complaint.h"
#include "base/net.h"

struct pacemaker;

/* Starts its thread. `listen` is where the milter listens. */
struct pacemaker *pacemaker_open(const struct endpoint *listen, struct complaint *);
void pacemaker_close(struct pacemaker **);

/* Around whatever may block in a callback. */
void pacemaker_begin(struct pacemaker *);
void pacemaker_end(struct pacemaker *);

#endif
