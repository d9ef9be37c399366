/* Start of a daemon. */
#include "base/daemon.h"

#include "base/cipher.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static void
waited_for(sigset_t *set)
{
	(void)sigemptyset(set);
	(void)sigaddset(set, SIGTERM);
	(void)sigaddset(set, SIGINT);
	(void)sigaddset(set, SIGHUP);
	(void)sigaddset(set, SIGUSR1);
}

void
daemon_begin(void)
{
	sigset_t set;

	(void)signal(SIGPIPE, SIG_IGN);   /* slapd closes connections that ask too much */
	waited_for(&set);
	(void)pthread_sigmask(SIG_BLOCK, &set, NULL);
	(void)umask(077);
	cipher_begin();
}

void
daemon_open_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

bool
daemon_files_low(void)
{
	enum { RESERVE = 64, PART = 4 };
	struct rlimit limit;
	rlim_t reserve;
	int lowest = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);

	/* The lowest that is free: all below it are in use. */
	if (lowest < 0)
		return errno == EMFILE;
	(void)close(lowest);
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return false;
	reserve = limit.rlim_cur / PART < RESERVE ? limit.rlim_cur / PART : RESERVE;
	return (rlim_t)lowest >= limit.rlim_cur - reserve;
}

int
daemon_become(const char *user, struct complaint *why)
{
	struct passwd *pw;

	if (user == NULL || *user == '\0')
		return 0;
	pw = getpwnam(user);              /* at start, in one thread */
	if (pw == NULL)
		return complain(why, "there is no user \"%s\"", user);
	if (pw->pw_uid == geteuid())
		return 0;
	if (log_give(pw->pw_uid, pw->pw_gid, why) < 0)
		return -1;
	if (initgroups(user, pw->pw_gid) < 0 || setgid(pw->pw_gid) < 0 || setuid(pw->pw_uid) < 0)
		return complain_errno(why, "cannot become the user %s", user);
	return 0;
}

int
daemon_signal(int64_t milliseconds)
{
	struct timespec most = { milliseconds / 1000, milliseconds % 1000 * 1000000 };
	sigset_t set;
	int caught;

	waited_for(&set);
	do
		caught = milliseconds == 0 ? sigwaitinfo(&set, NULL) : sigtimedwait(&set, NULL, &most);
	while (caught < 0 && errno == EINTR);
	return caught < 0 ? 0 : caught;
}
