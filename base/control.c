/* The control socket: one request, one answer, one connection at a time. */
#include "base/control.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/net.h"
#include "base/stream.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LONGEST_REQUEST = 4096, LONGEST_ANSWER = 1 << 20, PATIENCE = 5000 };

struct control {
	int fd;
	int stop[2];                      /* a pipe: closed to end the thread */
	char *path;
	const struct control_verb *verbs;
	void *arg;
	pthread_t thread;
};

static int
run_request(struct control *c, char *request, struct js *answer, struct complaint *why)
{
	char *arguments = request + strcspn(request, " ");

	if (*arguments != '\0')
		*arguments++ = '\0';
	for (const struct control_verb *v = c->verbs; v->verb != NULL; v++)
		if (strcmp(v->verb, request) == 0)
			return v->run(c->arg, arguments, answer, why);
	return complain(why, "this daemon knows no \"%s\"", request);
}

static void
serve(struct control *c, int fd)
{
	struct stream s = { .fd = fd, .timeout = PATIENCE };
	struct js *answer = js_object();
	struct complaint why;
	const char *line;
	size_t length;

	if (stream_line(&s, LONGEST_REQUEST, &line, &length) == STREAM_OK) {
		char *request = mem_copy(line, length - 1);

		if (run_request(c, request, answer, &why) < 0)
			js_set_text(answer, "error", why.text);
		js_print(answer, false, &s.out);
		bytes_add_char(&s.out, '\n');
		(void)stream_flush(&s);
		free(request);
	}
	js_drop(&answer);
	stream_free(&s);
	(void)close(fd);
}

static void *
listen_loop(void *arg)
{
	struct control *c = arg;
	struct pollfd p[2] = { { .fd = c->fd, .events = POLLIN }, { .fd = c->stop[0] } };

	(void)pthread_setname_np(pthread_self(), "control");
	for (;;) {
		struct sockaddr_storage from;
		int fd;

		if (poll(p, 2, -1) < 0)
			continue;
		if (p[1].revents != 0)
			return NULL;
		fd = net_accept(c->fd, &from, "control");
		if (fd >= 0)
			serve(c, fd);
	}
}

struct control *
control_open(const char *path, const struct control_verb *verbs, void *arg, struct complaint *why)
{
	struct endpoint e = { .path = (char *)path };
	struct control *c = mem_new(sizeof(*c));

	c->fd = net_listen(&e, (struct share){ .mode = 0600 }, why);
	if (c->fd < 0)
		goto failed;
	if (pipe2(c->stop, O_CLOEXEC) < 0) {
		(void)complain_errno(why, "cannot make a pipe");
		goto failed;
	}
	c->path = mem_text(path);
	c->verbs = verbs;
	c->arg = arg;
	if (pthread_create(&c->thread, NULL, listen_loop, c) != 0) {
		(void)complain(why, "cannot start the control thread");
		goto failed;
	}
	return c;
failed:
	if (c->fd >= 0) {
		(void)close(c->fd);
		(void)unlink(path);
	}
	if (c->stop[1] > 0) {
		(void)close(c->stop[0]);
		(void)close(c->stop[1]);
	}
	free(c->path);
	free(c);
	return NULL;
}

void
control_close(struct control **control)
{
	struct control *c = *control;

	if (c == NULL)
		return;
	(void)close(c->stop[1]);
	(void)pthread_join(c->thread, NULL);
	(void)close(c->stop[0]);
	(void)close(c->fd);
	(void)unlink(c->path);
	free(c->path);
	free(c);
	*control = NULL;
}

int
control_ask(const char *path, const char *request, struct deadline by, struct js **answer_r,
            struct complaint *why)
{
	struct endpoint e = { .path = (char *)path };
	int fd = net_connect(&e, by, why), rc = -1;
	struct stream s = { .fd = fd, .timeout = deadline_left(by) };
	const char *line, *error;
	size_t length;

	*answer_r = NULL;
	if (fd < 0)
		return -1;
	bytes_format(&s.out, "%s\n", request);
	if (stream_flush(&s) != STREAM_OK ||
	    stream_line(&s, LONGEST_ANSWER, &line, &length) != STREAM_OK) {
		(void)complain(why, "no answer on %s", path);
	} else {
		*answer_r = js_parse(line, length, why);
		error = js_text(*answer_r, "error");
		if (error != NULL)
			(void)complain(why, "%s", error);
		else if (*answer_r != NULL)
			rc = 0;
	}
	if (rc < 0)
		js_drop(answer_r);
	stream_free(&s);
	(void)close(fd);
	return rc;
}
