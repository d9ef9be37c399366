/*
 * Running a program. It is killed as a process group, so that nothing it has started outlives it;
 * the group's number stays its own until the first process is waited for, which therefore comes
 * last. Daemons have threads: between fork() and exec() only what is safe then is called. A pipe that
 * exec() closes tells whether it came to that.
 */
#include "base/child.h"

#include "base/bytes.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PIECE = 65536, WORDS_MOST = 200, FAILED = STDERR_FILENO + 1 };

struct child {
	pid_t pid;
	int end;                          /* becomes readable with the end of the process */
	int out, err;                     /* its outputs; -1: closed */
	struct deadline by;
	int64_t left;                     /* bytes that it may still print */
	struct bytes in;
	size_t at;                        /* how much of `in` was used */
	struct bytes words;               /* the beginning of its standard error output */
};

/* What it is to have for its standard input, output and error output. */
struct ends {
	int in, out, err;
};

/* In the child: its file descriptors, its signals, its limits. Returns only where it fails. */
static void
become(const char *const *argv, const char *const *environment, const struct child_terms *terms,
       const struct ends *to, int failed)
{
	const struct rlimit memory = { (rlim_t)terms->memory, (rlim_t)terms->memory };
	const struct rlimit none_at_all = { 0, 0 };
	const struct sigaction usual = { .sa_handler = SIG_DFL };
	sigset_t none;

	(void)sigemptyset(&none);
	for (int i = 1; i < NSIG; i++)
		(void)sigaction(i, &usual, NULL);
	if (sigprocmask(SIG_SETMASK, &none, NULL) < 0 || setpgid(0, 0) < 0 ||
	    dup2(to->in, STDIN_FILENO) < 0 || dup2(to->out, STDOUT_FILENO) < 0 ||
	    dup2(to->err, STDERR_FILENO) < 0 ||
	    (failed != FAILED && dup3(failed, FAILED, O_CLOEXEC) < 0) ||
	    close_range(FAILED + 1, ~0U, 0) < 0 || chdir("/") < 0 ||
	    setrlimit(RLIMIT_CORE, &none_at_all) < 0 || setrlimit(RLIMIT_AS, &memory) < 0)
		return;
	(void)execve(argv[0], (char *const *)argv, (char *const *)environment);
}

static void
close_one(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

static void
close_both(int ends[2])
{
	close_one(&ends[0]);
	close_one(&ends[1]);
}

/* Runs it, and waits until it does. Gives 0 or what went wrong. */
static int
start(pid_t *pid, const char *const *argv, const char *const *environment,
      const struct child_terms *terms, const struct ends *to)
{
	int failed[2], error = 0;

	if (pipe2(failed, O_CLOEXEC) < 0)
		return errno;
	*pid = fork();
	if (*pid == 0) {
		become(argv, environment, terms, to, failed[1]);
		error = errno;
		/* It has moved, or has not come to that. */
		if (write(failed[1], &error, sizeof(error)) < 0)
			(void)!write(FAILED, &error, sizeof(error));
		_exit(127);
	}
	if (*pid < 0)
		error = errno;
	close_one(&failed[1]);
	while (*pid > 0 && read(failed[0], &error, sizeof(error)) < 0 && errno == EINTR)
		;
	close_one(&failed[0]);
	if (*pid > 0 && error != 0)
		while (waitpid(*pid, NULL, 0) < 0 && errno == EINTR)
			;
	return error;
}

/* An open file of its own, so that two who read the same are not in each other's way. */
static int
open_input(int fd)
{
	char name[32];

	(void)snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	return open(fd < 0 ? "/dev/null" : name, O_RDONLY | O_CLOEXEC);
}

struct child *
child_start(const char *const *argv, const char *const *environment, const struct child_terms *terms,
            struct complaint *why)
{
	int out[2] = { -1, -1 }, err[2] = { -1, -1 }, error;
	struct ends to = { .in = open_input(terms->input) };
	struct child *c = NULL;
	pid_t pid = -1;

	if (to.in < 0 || pipe2(out, O_CLOEXEC) < 0 || pipe2(err, O_CLOEXEC) < 0) {
		error = errno;
	} else {
		to.out = out[1];
		to.err = err[1];
		error = start(&pid, argv, environment, terms, &to);
	}
	if (error == 0) {
		c = mem_new(sizeof(*c));
		*c = (struct child){ .pid = pid, .end = pidfd_open(pid, 0), .out = out[0], .err = err[0],
			             .by = terms->by, .left = terms->output };
		out[0] = err[0] = -1;
	} else {
		errno = error;
		(void)complain_errno(why, "cannot run %s", argv[0]);
	}
	close_one(&to.in);
	close_both(out);
	close_both(err);
	return c;
}

/* Keeps the first words of its complaints, and lets it say as much as it likes. */
static void
read_words(struct child *c)
{
	char piece[PIECE];
	ssize_t got = read(c->err, piece, sizeof(piece));
	size_t room = WORDS_MOST - c->words.length;

	if (got > 0)
		bytes_add(&c->words, piece, (size_t)got < room ? (size_t)got : room);
	else if (got == 0 || errno != EINTR)
		close_one(&c->err);
}

static int
read_output(struct child *c, struct complaint *why)
{
	ssize_t got = read(c->out, bytes_room(&c->in, PIECE), PIECE);

	if (got < 0)
		return errno == EINTR ? 1 : complain_errno(why, "cannot read its output");
	if (got == 0) {
		close_one(&c->out);
		return 0;
	}
	c->left -= got;
	if (c->left < 0)
		return complain(why, "it prints more than it may");
	c->in.length += (size_t)got;
	c->in.data[c->in.length] = '\0';
	return 1;
}

/*
 * Waits for more of its output: 1 there may be some, 0 that was all, -1. With `ending` what it has
 * started and left behind is not waited for.
 */
static int
fill(struct child *c, bool ending, struct complaint *why)
{
	while (c->out >= 0) {
		struct pollfd all[] = { { .fd = c->out, .events = POLLIN },
			                { .fd = c->err, .events = POLLIN },
			                { .fd = c->by.cancelled, .events = POLLIN },
			                { .fd = ending ? c->end : -1, .events = POLLIN } };
		int64_t left = deadline_left(c->by);

		if (left == 0)
			return complain(why, "it has not ended in time");
		if (poll(all, 4, left > 60000 ? 60000 : (int)left) < 0)
			continue;
		if (all[2].revents != 0)
			return complain(why, "it is not wanted any more");
		if (all[1].revents != 0)
			read_words(c);
		if (all[0].revents != 0)
			return read_output(c, why);
		if (all[3].revents != 0)
			return 0;
	}
	return 0;
}

int
child_line(struct child *c, const char **line, size_t *length, struct complaint *why)
{
	size_t searched = 0;

	for (;;) {
		const char *from = bytes_text(&c->in) + c->at;
		size_t have = c->in.length - c->at;
		const char *end = memchr(from + searched, '\n', have - searched);
		int more;

		if ((end == NULL ? have : (size_t)(end - from)) > CHILD_LONGEST_LINE)
			return complain(why, "it prints a line of more than %d bytes", CHILD_LONGEST_LINE);
		if (end != NULL) {
			*line = from;
			*length = (size_t)(end - from);
			c->at += *length + 1;
			return 1;
		}
		bytes_consume(&c->in, c->at);
		c->at = 0;
		searched = have;
		more = fill(c, false, why);
		if (more == 0 && have > 0)
			return complain(why, "its output ends within a line");
		if (more <= 0)
			return more;
	}
}

int
child_text(struct child *c, struct bytes *text, struct complaint *why)
{
	int more;

	while ((more = fill(c, true, why)) > 0)
		;
	bytes_add(text, bytes_text(&c->in) + c->at, c->in.length - c->at);
	bytes_clear(&c->in);
	c->at = 0;
	return more;
}

/* Whether it has ended, without forgetting it. */
static bool
has_ended(const struct child *c)
{
	siginfo_t info = { 0 };

	return waitid(P_PID, (id_t)c->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0;
}

/* Kills what there is left of it, frees everything; its status as waitpid() gives it. */
static int
finish(struct child **child)
{
	struct child *c = *child;
	int status = 0;

	*child = NULL;
	(void)kill(-c->pid, SIGKILL);
	while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
		;
	close_one(&c->end);
	close_one(&c->out);
	close_one(&c->err);
	bytes_free(&c->in);
	bytes_free(&c->words);
	free(c);
	return status;
}

/* What it has said so far of what is wrong. */
static void
take_words(struct child *c, struct bytes *words)
{
	struct pollfd p = { .fd = c->err, .events = POLLIN };

	while (c->err >= 0 && poll(&p, 1, 0) == 1) {
		read_words(c);
		p.fd = c->err;
	}
	while (c->words.length > 0 && c->words.data[c->words.length - 1] == '\n')
		c->words.data[--c->words.length] = '\0';
	if (c->words.length > 0) {
		bytes_add_text(words, ": ");
		bytes_add_printable(words, c->words.data, "");
	}
}

int
child_end(struct child **child, struct complaint *why)
{
	struct bytes words = { 0 };
	struct child *c = *child;
	int status, rc = -1;
	bool ended, wanted = true;

	/* It has closed its output, and mostly ends in the same moment. */
	while (!(ended = has_ended(c)) && !deadline_passed(c->by) && wanted) {
		struct pollfd all[] = { { .fd = c->err, .events = POLLIN },
			                { .fd = c->by.cancelled, .events = POLLIN },
			                { .fd = c->end, .events = POLLIN } };
		int64_t left = deadline_left(c->by);

		if (poll(all, 3, left > 60000 ? 60000 : (int)left) <= 0)
			continue;
		if (all[0].revents != 0)
			read_words(c);
		wanted = all[1].revents == 0;
	}
	take_words(c, &words);
	status = finish(child);
	if (!ended)
		(void)complain(why, "it %s%s", wanted ? "has not ended in time" : "is not wanted any more",
		               bytes_text(&words));
	else if (WIFSIGNALED(status))
		(void)complain(why, "it was ended by signal %d%s", WTERMSIG(status), bytes_text(&words));
	else
		rc = WEXITSTATUS(status);
	if (rc > 0)
		(void)complain(why, "it ended with status %d%s", rc, bytes_text(&words));
	bytes_free(&words);
	return rc;
}

void
child_kill(struct child **child)
{
	if (*child != NULL)
		(void)finish(child);
}
