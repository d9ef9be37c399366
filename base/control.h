/*
 * The control socket of a daemon: rollcallctl writes one line, "verb arguments", and gets one JSON
 * object back. Its file mode is who may use it.
 */
#ifndef BASE_CONTROL_H
#define BASE_CONTROL_H

#include "base/clock.h"
#include "base/complaint.h"
#include "base/json.h"

struct control;

struct control_verb {
	const char *verb;
	/*
	 * Fills the answer. -1 with a complaint, which the operator gets to see. On the control
	 * thread.
	 */
	int (*run)(void *arg, const char *arguments, struct js *answer, struct complaint *);
};

/*
 * Listens on unix:path with mode 0600 and answers in a thread of its own. `verbs` end with a NULL
 * verb.
 */
struct control *control_open(const char *path, const struct control_verb *verbs, void *arg,
                             struct complaint *);
void control_close(struct control **);

/*
 * The other side: 0 with the daemon's answer, which the caller drops, or -1 with the complaint, the
 * daemon's or ours.
 */
int control_ask(const char *path, const char *request, struct deadline, struct js **answer_r,
                struct complaint *);

#endif
