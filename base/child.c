/* fork, exec and the wait. Between those two a child does nothing but system calls. */
#include "base/child.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NOT_RUN = 127 };

/* An open file of its own, so that two who read the same are not in each other's way. */
static int
open_input(int fd)
{
	char name[32];

	(void)snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	return open(fd < 0 ? "/dev/null" : name, O_RDONLY | O_CLOEXEC);
}

static bool
limit(int what, rlim_t most)
{
	const struct rlimit r = { most, most };

	return setrlimit(what, &r) == 0;
}

/* In the child. Does not return. */
__attribute__((noreturn)) static void
become(const struct child *c, char *const *environment, int input, int output)
{
	char *const words[] = { (char *)c->path, NULL };
	int nothing = open("/dev/null", O_WRONLY | O_CLOEXEC);
	sigset_t none;

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGPIPE, SIG_DFL);
	(void)setpgid(0, 0);
	if (limit(RLIMIT_CORE, 0) && limit(RLIMIT_AS, (rlim_t)c->memory) &&
	    dup2(input, STDIN_FILENO) >= 0 && dup2(output, STDOUT_FILENO) >= 0 &&
	    dup2(nothing, STDERR_FILENO) >= 0 && close_range(STDERR_FILENO + 1, UINT_MAX, 0) == 0)
		(void)execve(c->path, words, environment);
	_exit(NOT_RUN);
}

/* What it says, as far as it has. False at the end of that. */
static bool
hear(int fd, struct bytes *said)
{
	enum { PIECE = 4096 };
	ssize_t n = read(fd, bytes_room(said, PIECE), PIECE);

	if (n > 0)
		said->length += (size_t)n;
	if (said->data != NULL)
		said->data[said->length] = '\0';
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

/* Until it has ended. -1 where it has to be made to. */
static int
await(const struct child *c, int pidfd, int output, struct bytes *said, struct complaint *why)
{
	struct pollfd fds[] = { { .fd = pidfd, .events = POLLIN },
		                { .fd = c->cancelled, .events = POLLIN },
		                { .fd = output, .events = POLLIN } };

	while (fds[0].revents == 0) {
		int ready = poll(fds, 3, (int)deadline_left(c->by));

		if (ready < 0 && errno != EINTR)
			return complain_errno(why, "poll");
		if (ready == 0)
			return complain(why, "took too long");
		if (ready > 0 && fds[1].revents != 0)
			return complain(why, "not wanted any more");
		if (ready > 0 && fds[2].revents != 0 && !hear(output, said))
			fds[2].fd = -1;
		if (said->length > c->output)
			return complain(why, "says more than %zu bytes", c->output);
	}
	while (fds[2].fd >= 0 && said->length <= c->output) {
		size_t before = said->length;

		if (!hear(output, said) || said->length == before)
			break;
	}
	return said->length > c->output ? complain(why, "says more than %zu bytes", c->output) : 0;
}

/* Ends all of them, and what became of the first. */
static int
reap(pid_t pid, int ended, struct complaint *why)
{
	int status;

	(void)kill(-pid, SIGKILL);
	(void)kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return complain_errno(why, "waitpid");
	if (ended < 0)
		return -1;
	if (WIFSIGNALED(status))
		return complain(why, "died of signal %d", WTERMSIG(status));
	if (WEXITSTATUS(status) == NOT_RUN)
		return complain(why, "could not be run");
	return WEXITSTATUS(status);
}

static int
run(const struct child *c, char *const *environment, int input, const int *pipes, struct bytes *said,
    struct complaint *why)
{
	pid_t pid = fork();
	int pidfd, rc;

	if (pid == 0)
		become(c, environment, input, pipes[1]);
	if (pid < 0)
		return complain_errno(why, "fork");
	(void)setpgid(pid, pid);          /* whoever is first */
	pidfd = pidfd_open(pid, 0);
	rc = pidfd < 0 ? complain_errno(why, "pidfd_open") : await(c, pidfd, pipes[0], said, why);
	if (pidfd >= 0)
		(void)close(pidfd);
	return reap(pid, rc, why);
}

int
child_run(const struct child *c, struct bytes *said, struct complaint *why)
{
	char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	char **environment;
	int pipes[2], input, rc;
	size_t count = 0;

	while (c->environment[count] != NULL)
		count++;
	if (pipe2(pipes, O_CLOEXEC) < 0)
		return complain_errno(why, "pipe");
	(void)fcntl(pipes[0], F_SETFL, O_NONBLOCK);
	input = open_input(c->input);
	environment = mem_array(count + 2, sizeof(*environment));
	environment[0] = path;
	memcpy(environment + 1, c->environment, count * sizeof(*environment));
	rc = input < 0 ? complain_errno(why, "its input") : run(c, environment, input, pipes, said, why);
	free(environment);
	if (input >= 0)
		(void)close(input);
	(void)close(pipes[0]);
	(void)close(pipes[1]);
	return rc;
}
