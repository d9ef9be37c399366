/*
 * rollcall-expander: takes posts in by LMTP, asks who is on the list, and puts the fan-out into the
 * MTA's queue.
 */
#include "base/control.h"
#include "base/daemon.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/notify.h"
#include "base/version.h"
#include "expander/bounces/handover.h"
#include "expander/fanout/expand.h"
#include "expander/fanout/inject.h"
#include "expander/fanout/pacing.h"
#include "expander/intake/lmtp_server.h"
#include "expander/metrics.h"
#include "expander/moderation/moderate.h"
#include "expander/pulse.h"
#include "policies/drain.h"
#include "policies/metrics.h"
#include "policies/standing.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	MOST_THREADS = 512,
	STOP_PATIENCE = 5000,             /* ms for what is under way to come to its end */
	ABANDONED = 1000,                 /* ms more to write down what was given up */
	FORGET_EVERY = 3600000,
	LONGEST = 3600000                 /* ms that an entry may wait: kept bounces do so long */
};

static const char program[] = "rollcall-expander";
static const char *config_file = ROLLCALL_CONFIG;

/* The queues this process works on; all by default. */
enum { WORKS_INBOUND, WORKS_MODERATION, WORKS_PENDING, WORKS_OUTBOUND, WORKS_BOUNCE, WORKS_COUNT };
static const char *const works_words[] = { "inbound", "moderation", "pending", "outbound", "bounce", NULL };
static bool works[WORKS_COUNT] = { true, true, true, true, true };

/* Everything that runs. */
struct expander {
	struct work work;
	struct lmtp_server *lmtp;
	struct injector *injector;
	struct control *control;
	pthread_t threads[MOST_THREADS];
	size_t thread_count;
};

/* ---- reload and the control socket ---- */

/* Puts a new configuration in force; the old one stays where the new one is wrong. */
static int
reload(struct complaint *why)
{
	struct service *old = service_current(), *new;
	int rc;

	notify_reloading();
	new = service_load(config_file, true, why);
	if (new != NULL && service_prepare(new, why) < 0)
		service_drop(&new);
	rc = site_reload(program, old->site, new == NULL ? NULL : new->site, why);
	if (rc == 0) {
		service_install(new);
		log_say(LEVEL_INFO, "reload", "%s is in force", config_file);
	} else {
		service_drop(&new);
	}
	service_drop(&old);
	notify_ready();
	return rc;
}

static int
reload_verb(void *arg, const char *arguments, struct js *answer, struct complaint *why)
{
	(void)arg, (void)arguments;
	js_set_text(answer, "file", config_file);
	return reload(why);
}

static int
retry_verb(void *arg, const char *arguments, struct js *answer, struct complaint *why)
{
	struct expander *x = arg;
	size_t count = x->work.queues->ops->hurry(x->work.queues,
	                                          strcmp(arguments, "all") == 0 ? NULL : arguments);

	js_set_number(answer, "entries", (int64_t)count);
	if (count == 0 && strcmp(arguments, "all") != 0)
		return complain(why, "no entry \"%s\" is waiting", arguments);
	return 0;
}

static int
status_verb(void *arg, const char *arguments, struct js *answer, struct complaint *why)
{
	const struct expander *x = arg;
	struct service *s = service_current();

	(void)arguments, (void)why;
	js_set_text(answer, "version", ROLLCALL_VERSION);
	js_set_flag(answer, "draining", drain_is_on(s->site));
	/* Whoever was let in before a drain began is among these. */
	js_set_number(answer, "receiving",
	              x->lmtp == NULL ? 0 : (int64_t)lmtp_server_busy(x->lmtp));
	service_drop(&s);
	return 0;
}

/* Nothing behind it: how the pace is. */
static int
pace_verb(void *arg, const char *arguments, struct js *answer, struct complaint *why)
{
	const struct expander *x = arg;
	struct service *s = service_current();
	int rc = 0;

	if (x->injector == NULL)
		rc = complain(why, "this expander does not work on the queue outbound");
	else if (*arguments != '\0')
		rc = pacing_set(x->injector, s, arguments, why);
	if (rc == 0)
		pacing_show(x->injector, s, answer);
	service_drop(&s);
	return rc;
}

static int
metrics_verb(void *arg, const char *arguments, struct js *answer, struct complaint *why)
{
	(void)arg, (void)arguments, (void)why;
	metric_gather(answer, "expander", expander_metrics);
	metric_gather(answer, "expander", policy_metrics);
	metric_gather(answer, "expander", resolver_metrics);
	metric_gather(answer, "expander", process_metrics);
	return 0;
}

static int
sources_verb(void *arg, const char *arguments, struct js *answer, struct complaint *why)
{
	struct service *s = service_current();

	(void)arg, (void)arguments, (void)why;
	standing_describe(s->site, answer);
	service_drop(&s);
	return 0;
}

static const struct control_verb verbs[] = {
	{ "metrics", metrics_verb },
	{ "pace", pace_verb },
	{ "reload", reload_verb },
	{ "retry", retry_verb },
	{ "sources", sources_verb },
	{ "status", status_verb },
	{ NULL, NULL },
};

/* ---- threads ---- */

static void *
run_expand(void *arg)
{
	(void)pthread_setname_np(pthread_self(), "expand");
	pulse_begin("expand");
	expand_worker(arg);
	pulse_end();
	return NULL;
}

static void *
run_handover(void *arg)
{
	(void)pthread_setname_np(pthread_self(), "bounce");
	pulse_begin("bounce");
	handover_worker(arg);
	pulse_end();
	return NULL;
}

static void *
run_moderation(void *arg)
{
	(void)pthread_setname_np(pthread_self(), "moderation");
	pulse_begin("moderation");
	moderation_worker(arg);
	pulse_end();
	return NULL;
}

static void *
run_lane(void *arg)
{
	(void)pthread_setname_np(pthread_self(), "lane");
	pulse_begin("lane");
	injector_lane(arg);
	pulse_end();
	return NULL;
}

/*
 * Forgets now and then what was done long ago. A clock that jumps ahead makes nothing older: what was
 * done a minute ago may come again this minute. It is believed at the next start.
 */
static void *
run_forget(void *arg)
{
	struct work *w = arg;
	int64_t apart = INT64_MAX;

	(void)pthread_setname_np(pthread_self(), "forget");
	while (!work_stopping(w)) {
		struct service *s = service_current();
		int64_t before = clock_sober(&apart) - s->outbound.keep;
		size_t count = w->queues->ops->forget(w->queues, before);

		if (count > 0)
			log_say(LEVEL_INFO, "forget", "%zu entries", count);
		service_drop(&s);
		work_pause(w, FORGET_EVERY);
	}
	return NULL;
}

static void *
run_doubts(void *arg)
{
	(void)pthread_setname_np(pthread_self(), "doubts");
	pulse_begin("doubts");
	injector_doubts(arg);
	pulse_end();
	return NULL;
}

static int
start_threads(struct expander *x, void *(*run)(void *), void *arg, int64_t count,
              struct complaint *why)
{
	for (int64_t i = 0; i < count; i++) {
		if (x->thread_count == MOST_THREADS ||
		    pthread_create(&x->threads[x->thread_count], NULL, run, arg) != 0)
			return complain(why, "cannot start a thread");
		x->thread_count++;
	}
	return 0;
}

static int
start(struct expander *x, const struct service *s, struct complaint *why)
{
	if ((works[WORKS_PENDING] &&
	     start_threads(x, run_expand, &x->work, s->outbound.workers, why) < 0) ||
	    (works[WORKS_MODERATION] && start_threads(x, run_moderation, &x->work, 1, why) < 0) ||
	    (works[WORKS_BOUNCE] && start_threads(x, run_handover, &x->work, 1, why) < 0) ||
	    (works[WORKS_OUTBOUND] &&
	     (start_threads(x, run_lane, x->injector, s->outbound.lanes * s->weight, why) < 0 ||
	      start_threads(x, run_doubts, x->injector, 1, why) < 0)) ||
	    start_threads(x, run_forget, &x->work, 1, why) < 0)
		return -1;
	return works[WORKS_INBOUND] ? lmtp_server_start(x->lmtp, &x->work, why) : 0;
}

/*
 * The end does not depend on servers that say nothing. Lanes give up what they wait for, and note
 * it; a thread that waits for a directory cannot be told, and needs not: the spool is made for a
 * process that ends at any moment.
 */
static void *
run_out_of_patience(void *arg)
{
	const struct timespec kind = { STOP_PATIENCE / 1000, 0 }, last = { ABANDONED / 1000, 0 };

	(void)nanosleep(&kind, NULL);
	work_abandon(arg);
	(void)nanosleep(&last, NULL);
	work_leave(arg);
	log_say(LEVEL_WARN, "stop", "ended while something waited for a server that does not answer");
	_exit(EXIT_SUCCESS);
}

static void
limit_patience(struct expander *x)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, run_out_of_patience, &x->work) == 0)
		(void)pthread_detach(thread);
}

static void
stop(struct expander *x)
{
	work_stop(&x->work);
	if (x->injector != NULL)
		injector_stop(x->injector);
	if (x->lmtp != NULL)
		lmtp_server_stop(x->lmtp, STOP_PATIENCE);
	for (size_t i = 0; i < x->thread_count; i++)
		(void)pthread_join(x->threads[i], NULL);
}

/* ---- start and stop ---- */

static struct queues *
open_queues(const struct service *s, struct complaint *why)
{
	int64_t most = s->outbound.retry.most;
	struct spool_config config = { .path = site_spool(s->site), .rescan = s->outbound.rescan,
		                       .longest = most > LONGEST ? most : LONGEST };
	struct queues *q = spool_open(&config, why);

	free(config.path);
	return q;
}

/* With what an operator has set of the pace. */
static int
open_injector(struct expander *x, const struct service *s, struct complaint *why)
{
	struct paces *paces = paces_open(s->site->state, why);

	if (paces != NULL)
		x->injector = injector_open(&x->work, paces);
	return paces == NULL ? -1 : 0;
}

/* The service manager hears that the process lives while every thread does. */
static void
show_life(void)
{
	const char *late = pulse_late();

	if (late == NULL)
		notify_alive();
	else
		log_say(LEVEL_ERROR, "watchdog", "a thread (%s) has not come back in time", late);
}

static void
wait_for_signals(void)
{
	struct complaint why;
	int64_t every = notify_every();

	for (;;) {
		int caught = daemon_signal(every);

		if (caught == SIGUSR1 || caught == SIGHUP)
			(void)reload(&why);
		else if (caught != 0)
			return;
		if (every > 0)
			show_life();
	}
}

/* Takes over the service. */
static int
run(struct expander *x, struct service *s, struct complaint *why)
{
	char *control = NULL;
	bool working = false;
	int rc = -1;

	if (log_open(program, s->site->log_to, (enum log_level)s->site->log_level, why) < 0)
		goto out;
	if (works[WORKS_INBOUND]) {
		x->lmtp = lmtp_server_open(s, why);
		if (x->lmtp == NULL)
			goto out;
	}
	if (daemon_become(s->site->user, why) < 0)
		goto out;
	work_init(&x->work, open_queues(s, why));
	if (x->work.queues == NULL || service_prepare(s, why) < 0 ||
	    (works[WORKS_OUTBOUND] && open_injector(x, s, why) < 0))
		goto out;
	control = site_control(s->site, "expander");
	service_install(s);
	s = service_current();
	x->control = control_open(control, verbs, x, why);
	if (x->control == NULL)
		goto out;
	working = true;
	if (start(x, s, why) < 0)
		goto out;
	log_say(LEVEL_INFO, "start", "version %s, %s", ROLLCALL_VERSION, config_file);
	notify_ready();
	wait_for_signals();
	notify_stopping();
	rc = 0;
out:
	if (working) {
		limit_patience(x);
		control_close(&x->control);
		stop(x);
	}
	control_close(&x->control);
	injector_close(&x->injector);
	lmtp_server_close(&x->lmtp);
	if (x->work.queues != NULL)
		work_close(&x->work);
	service_drop(&s);
	service_install(NULL);
	free(control);
	if (rc == 0)
		log_say(LEVEL_INFO, "stop", "ended");
	return rc;
}

/* --queues pending,outbound */
static bool
choose_queues(const char *text)
{
	memset(works, 0, sizeof(works));
	while (*text != '\0') {
		size_t n = strcspn(text, ","), w = 0;

		while (w < WORKS_COUNT && !text_same_n(text, n, works_words[w]))
			w++;
		if (w == WORKS_COUNT)
			return false;
		works[w] = true;
		text += n + (text[n] == ',');
	}
	return true;
}

static int
usage(void)
{
	(void)fprintf(stderr, "usage: %s [-c file] [--queues inbound,moderation,pending,outbound,bounce] "
	              "[-V]\n",
	              program);
	return 64;
}

int
main(int argc, char **argv)
{
	static const struct option options[] = { { "queues", required_argument, NULL, 'q' },
		                                 { NULL, 0, NULL, 0 } };
	static struct expander expander;
	struct complaint why;
	struct service *s;
	int option, status = DAEMON_CONFIG;

	while ((option = getopt_long(argc, argv, "c:q:V", options, NULL)) != -1) {
		if (option == 'c') {
			config_file = optarg;
		} else if (option == 'q') {
			if (!choose_queues(optarg))
				return usage();
		} else if (option == 'V') {
			(void)printf("%s %s\n", program, ROLLCALL_VERSION);
			return EXIT_SUCCESS;
		} else {
			return usage();
		}
	}
	if (optind != argc)
		return usage();
	daemon_begin();
	daemon_open_files();
	s = service_load(config_file, false, &why);
	if (s != NULL)
		status = run(&expander, s, &why) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
	if (status != EXIT_SUCCESS)
		log_fatal(program, why.text);
	return status;
}
