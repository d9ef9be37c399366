/*
 * rollcall-milter: refuses mail to lists that do not exist, and from people who may not post, while
 * the client is connected; and tells the MTA which addresses are lists.
 */
#include "base/control.h"
#include "base/daemon.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/notify.h"
#include "base/version.h"
#include "milter/hooks.h"
#include "milter/metrics.h"
#include "milter/service.h"
#include "milter/socketmap.h"
#include "policies/drain.h"
#include "policies/metrics.h"
#include "policies/standing.h"

#include <libmilter/mfapi.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char program[] = "rollcall-milter";
static const char *config_file = ROLLCALL_CONFIG;

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
status_verb(void *arg, const char *arguments, struct js *answer, struct complaint *why)
{
	struct service *s = service_current();

	(void)arg, (void)arguments, (void)why;
	js_set_text(answer, "version", ROLLCALL_VERSION);
	js_set_flag(answer, "draining", drain_is_on(s->site));
	service_drop(&s);
	return 0;
}

static int
metrics_verb(void *arg, const char *arguments, struct js *answer, struct complaint *why)
{
	(void)arg, (void)arguments, (void)why;
	metric_gather(answer, "milter", milter_metrics);
	metric_gather(answer, "milter", policy_metrics);
	metric_gather(answer, "milter", resolver_metrics);
	metric_gather(answer, "milter", process_metrics);
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
	{ "reload", reload_verb },
	{ "sources", sources_verb },
	{ "status", status_verb },
	{ NULL, NULL },
};

static atomic_bool ending;

/* SIGUSR1 reloads; libmilter has the other signals. */
static void *
wait_for_usr1(void *unused)
{
	struct complaint why;
	sigset_t set;
	int caught;

	(void)unused;
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGUSR1);
	while (sigwait(&set, &caught) != 0 || !atomic_load(&ending))
		(void)reload(&why);
	return NULL;
}

/* libmilter's notation: unix:/path, inet:port@host, inet6:port@host. */
static char *
connection_of(const struct endpoint *e)
{
	if (e->path != NULL)
		return mem_format("unix:%s", e->path);
	return mem_format("%s:%s@%s", strchr(e->host, ':') == NULL ? "inet" : "inet6", e->port,
	                  e->host);
}

/* Listens, and gives the socket to the MTA's group. */
static int
open_socket(const struct service *s, const struct endpoint *e, struct complaint *why)
{
	if (e->path != NULL && net_clear(e->path, why) < 0)
		return -1;
	if (smfi_opensocket(1) != MI_SUCCESS)
		return complain_errno(why, "cannot listen on %s", s->settings.listen);
	if (e->path == NULL)
		return 0;
	/* To the user as well, since the pacemaker connects. */
	return net_share(e->path, (struct share){ 0660, s->site->user, s->settings.group }, why);
}

/* Where one is configured. */
static int
open_socketmap(const struct service *s, struct socketmap **map, struct complaint *why)
{
	if (s->socketmap.listen == NULL)
		return 0;
	*map = socketmap_open(s, why);
	return *map == NULL ? -1 : 0;
}

static int
start_socketmap(struct socketmap *map, struct complaint *why)
{
	return map == NULL ? 0 : socketmap_start(map, why);
}

/* Takes over the service. */
static int
run(struct service *s, struct complaint *why)
{
	struct pacemaker *pacemaker = NULL;
	struct control *control = NULL;
	struct socketmap *map = NULL;
	struct endpoint listen = { 0 };
	char *connection = NULL, *path = NULL;
	pthread_t thread;
	int rc = -1;

	if (log_open(program, s->site->log_to, (enum log_level)s->site->log_level, why) < 0 ||
	    endpoint_parse(s->settings.listen, &listen, why) < 0)
		goto out;
	connection = connection_of(&listen);
	if (hooks_register(connection) < 0) {
		(void)complain(why, "libmilter does not take %s", connection);
		goto out;
	}
	if (open_socket(s, &listen, why) < 0 || open_socketmap(s, &map, why) < 0 ||
	    daemon_become(s->site->user, why) < 0 || service_prepare(s, why) < 0)
		goto out;
	path = site_control(s->site, "milter");
	pacemaker = pacemaker_open(&listen, why);
	if (pacemaker == NULL)
		goto out;
	hooks_use(pacemaker);
	service_install(s);
	s = NULL;
	control = control_open(path, verbs, NULL, why);
	if (control == NULL || start_socketmap(map, why) < 0)
		goto out;
	if (pthread_create(&thread, NULL, wait_for_usr1, NULL) != 0) {
		(void)complain(why, "cannot start a thread");
		goto out;
	}
	log_say(LEVEL_INFO, "start", "version %s, %s, listening on %s", ROLLCALL_VERSION, config_file,
	        connection);
	rc = smfi_main() == MI_SUCCESS ? 0 : complain(why, "libmilter has ended");
	notify_stopping();
	atomic_store(&ending, true);
	(void)pthread_kill(thread, SIGUSR1);
	(void)pthread_join(thread, NULL);
	log_say(LEVEL_INFO, "stop", "ended");
out:
	control_close(&control);
	socketmap_close(&map);
	pacemaker_close(&pacemaker);
	service_drop(&s);
	service_install(NULL);
	if (listen.path != NULL && rc == 0)
		(void)unlink(listen.path);
	endpoint_free(&listen);
	free(connection);
	free(path);
	return rc;
}

static int
usage(void)
{
	(void)fprintf(stderr, "usage: %s [-c file] [-V]\n", program);
	return 64;
}

int
main(int argc, char **argv)
{
	struct complaint why;
	struct service *s;
	int option, status = DAEMON_CONFIG;

	while ((option = getopt(argc, argv, "c:V")) != -1) {
		if (option == 'c') {
			config_file = optarg;
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
		status = run(s, &why) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
	if (status != EXIT_SUCCESS)
		log_fatal(program, why.text);
	return status;
}
