/* What daemon.h promises: the parent's status, and what the child keeps. */
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/daemon.h"
#include "suite.h"

/* What the child finds, told by a pipe with a name after its parent has ended */
struct found {
	bool is_free;
	bool leads_session;
	bool folder_kept;
	bool is_at_root;
	bool is_silent;
};

static bool
is_null(int fd)
{
	struct stat null;
	struct stat status;

	return stat("/dev/null", &null) == 0 && fstat(fd, &status) == 0 &&
	       null.st_rdev == status.st_rdev;
}

static bool
is_in(const char *expected)
{
	char folder[PATH_MAX];

	return getcwd(folder, sizeof folder) != NULL &&
	       strcmp(folder, expected) == 0;
}

/* Go to the background in a child; returns its exit status. */
static int
status_of(void (*child)(struct daemon *))
{
	struct daemon daemon = DAEMON_INITIALIZER;
	bool is_parent;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (daemon_start(&daemon, &is_parent, &status) != ERROR_NONE)
			_exit(99);
		if (is_parent)
			_exit(status);
		child(&daemon);
		_exit(98);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int inherited_fd;
static char report_path[] = "/tmp/rebore-test-daemon.XXXXXX";

static void
get_ready(struct daemon *daemon)
{
	struct found found;
	int report_fd;

	found.is_free = fcntl(inherited_fd, F_GETFD) == -1;
	found.leads_session = getsid(0) == getpid();
	found.folder_kept = is_in("/tmp");
	for (int i = 0; i < 2; i++)
		if (daemon_ready(daemon) != ERROR_NONE)
			_exit(97);
	found.is_at_root = is_in("/");
	found.is_silent = is_null(STDIN_FILENO) && is_null(STDOUT_FILENO) &&
	                  is_null(STDERR_FILENO);
	report_fd = open(report_path, O_WRONLY);
	if (write(report_fd, &found, sizeof found) == -1)
		_exit(96);
	_exit(5);
}

static void
exit_early(struct daemon *daemon)
{
	(void)daemon;
	_exit(77);
}

static void
exit_early_with_zero(struct daemon *daemon)
{
	(void)daemon;
	_exit(0);
}

static void
die_early(struct daemon *daemon)
{
	(void)daemon;
	raise(SIGKILL);
}

START_TEST(the_parent_ends_with_zero_once_the_child_is_ready)
{
	struct found found;
	int report_fd;

	ck_assert_int_ne(close(mkstemp(report_path)), -1);
	ck_assert_int_eq(unlink(report_path), 0);
	ck_assert_int_eq(mkfifo(report_path, 0600), 0);
	report_fd = open(report_path, O_RDWR);
	ck_assert_int_ne(report_fd, -1);
	/* At a number that the child would not give to another. */
	inherited_fd = fcntl(report_fd, F_DUPFD, 100);
	ck_assert_int_ne(inherited_fd, -1);
	ck_assert_int_eq(chdir("/tmp"), 0);
	ck_assert_int_eq(status_of(get_ready), 0);
	ck_assert_int_eq(
	    read(report_fd, &found, sizeof found), (ssize_t)sizeof found);
	ck_assert_int_eq(unlink(report_path), 0);
	ck_assert(found.is_free);
	ck_assert(found.leads_session);
	ck_assert(found.folder_kept);
	ck_assert(found.is_at_root);
	ck_assert(found.is_silent);
}
END_TEST

START_TEST(the_parent_ends_as_a_child_that_ends_before)
{
	ck_assert_int_eq(status_of(exit_early), 77);
	ck_assert_int_eq(status_of(exit_early_with_zero), 0);
	ck_assert_int_eq(status_of(die_early), EXIT_FAILURE);
}
END_TEST

START_TEST(without_start_ready_changes_nothing)
{
	struct daemon daemon = DAEMON_INITIALIZER;

	ck_assert_int_eq(chdir("/tmp"), 0);
	ck_assert_int_eq(daemon_ready(&daemon), ERROR_NONE);
	ck_assert(is_in("/tmp"));
}
END_TEST

SUITE_MAIN("daemon", the_parent_ends_with_zero_once_the_child_is_ready,
    the_parent_ends_as_a_child_that_ends_before,
    without_start_ready_changes_nothing)
