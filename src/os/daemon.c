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

/* Wait until the child has written a byte, or has closed its end by ending. */
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
 * A daemon would hold what the shell that started it has open: a lock, a pipe, a
 * file system. Keeps *fd, at another number.
 */
static enum error
close_inherited(int *fd)
{
	const int kept = STDERR_FILENO + 1;

	if (*fd != kept &&
	    (dup2(*fd, kept) == -1 || fcntl(kept, F_SETFD, FD_CLOEXEC) == -1))
		return error_of_errno();
	*fd = kept;
	inherited_close(kept + 1);
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
		ends[0] = -1; /* is one of them */
		daemon->ready_fd = ends[1];
		ends[1] = -1; /* the daemon's now */
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
	/* Fails when the parent was killed meanwhile: nobody waits then. */
	while (write(daemon->ready_fd, "", 1) == -1 && errno == EINTR)
		continue;
	fd_close(&daemon->ready_fd);
out:
	if (null_fd > STDERR_FILENO)
		fd_close(&null_fd);
	return error;
}
