/* daemon - see daemon.h */
#include "os/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/fd.h"
#include "os/inherited.h"

/* Returns the exit status for the parent, once the child has written a byte or
 * has ended. */
static int
wait_for_child(pid_t child, int ready_fd)
{
	char ready;
	ssize_t got;
	int status;

	do
		got = read(ready_fd, &ready, sizeof ready);
	while (got == -1 && errno == EINTR);
	if (got == 1)
		return EXIT_SUCCESS;
	while (waitpid(child, &status, 0) == -1)
		if (errno != EINTR)
			return EXIT_FAILURE;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
}

/*
 * Close all inherited descriptors except *fd, which gets another number: they
 * would keep a lock, a pipe or a file system of the starting shell in use.
 */
static enum error
close_inherited(int *fd)
{
	const int number = STDERR_FILENO + 1;

	if (*fd != number && (dup2(*fd, number) == -1 ||
				 fcntl(number, F_SETFD, FD_CLOEXEC) == -1))
		return error_of_errno();
	*fd = number;
	inherited_close(number + 1);
	return ERROR_NONE;
}

enum error
daemon_start(struct daemon *daemon, bool *is_parent, int *status)
{
	enum error error = ERROR_NONE;
	int ends[2] = {-1, -1};
	pid_t child;

	daemon->ready_fd = -1;
	*is_parent = false;
	*status = EXIT_FAILURE;
	if (pipe(ends) == -1) {
		error = error_of_errno();
		goto out;
	}
	if (fcntl(ends[1], F_SETFD, FD_CLOEXEC) == -1 ||
	    (child = fork()) == -1) {
		error = errno == EAGAIN ? ERROR_RESOURCES : error_of_errno();
		goto out;
	}
	if (child != 0) {
		fd_close(&ends[1]);
		*is_parent = true;
		*status = wait_for_child(child, ends[0]);
	} else {
		setsid(); /* cannot fail: a new child leads no group */
		error = close_inherited(&ends[1]);
		ends[0] = -1; /* closed with the inherited ones */
		daemon->ready_fd = ends[1];
		ends[1] = -1; /* moved to the daemon */
	}
out:
	fd_close(&ends[0]);
	fd_close(&ends[1]);
	return error;
}

enum error
daemon_ready(struct daemon *daemon)
{
	enum error error = ERROR_NONE;
	int null_fd = -1;

	if (daemon->ready_fd == -1)
		return ERROR_NONE;
	null_fd = open("/dev/null", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (null_fd == -1 || chdir("/") == -1 ||
	    dup2(null_fd, STDIN_FILENO) == -1 ||
	    dup2(null_fd, STDOUT_FILENO) == -1 ||
	    dup2(null_fd, STDERR_FILENO) == -1) {
		error = ERROR_SYSTEM;
		goto out;
	}
	/* This fails when the parent was killed, and then nobody waits. */
	while (write(daemon->ready_fd, "", 1) == -1 && errno == EINTR)
		continue;
	fd_close(&daemon->ready_fd);
out:
	if (null_fd > STDERR_FILENO)
		fd_close(&null_fd);
	return error;
}
