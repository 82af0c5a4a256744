/*
 * daemon - runs the program in the background, and reports to the shell whether
 * it has started.
 *
 * The parent waits until the child is ready, and ends with its status. The
 * child keeps standard error and the working directory until then, so that
 * errors of start-up are seen, and relative paths are those of the shell.
 *
 * The child closes all other descriptors that it has inherited.
 *
 * The child leads a session without a terminal. A second fork would only keep
 * it from acquiring one when it opens a terminal; instead, whatever is opened
 * by a name that the user gives is opened with O_NOCTTY.
 */
#ifndef REBORE_OS_DAEMON_H
#define REBORE_OS_DAEMON_H

#include <stdbool.h>

#include "base/error.h"

/* Fields are private. */
struct daemon {
	/* The child's end of the pipe to the parent; -1: no parent waits. */
	int ready_fd;
};

#define DAEMON_INITIALIZER                                                     \
	{                                                                      \
		-1                                                             \
	}

/*
 * Fork. Returns twice, as fork() does: in the child at once, in the parent when
 * the child has called daemon_ready() or has ended.
 *
 * is_parent: set to whether this is the parent, which then only has to end.
 * status: set, in the parent, to the exit status to end with: 0 when the child
 * is ready, else that of the child, or EXIT_FAILURE when a signal has ended it.
 * Returns ERROR_RESOURCES, ERROR_MEMORY or ERROR_SYSTEM with errno: in the
 * calling process when it could not fork, else in the child.
 * Threads: before the first one starts.
 */
enum error daemon_start(struct daemon *daemon, bool *is_parent, int *status);

/*
 * Leave the working directory and the terminal of the parent, and let it end.
 * Does nothing without daemon_start(), or when called again.
 *
 * Returns ERROR_SYSTEM with errno; the parent still waits then.
 */
enum error daemon_ready(struct daemon *daemon);

#endif
