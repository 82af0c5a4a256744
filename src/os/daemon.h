/*
 * daemon - goes to the background, and tells the shell how that went.
 *
 * The parent waits until the child is ready, and ends with its status. The
 * child keeps standard error and the working directory until then, so that
 * errors of start-up reach the person, and relative paths mean what they say.
 *
 * The child closes all other descriptors that it has inherited.
 *
 * One fork: the child leads a session without terminal. A second fork would
 * only keep it from getting one by opening it, and whatever it opens by a name
 * that a person gives has O_NOCTTY.
 */
#ifndef REBORE_OS_DAEMON_H
#define REBORE_OS_DAEMON_H

#include <stdbool.h>

#include "base/error.h"

/* Fields are private. */
struct daemon {
	/* The child's end of the pipe to the parent; -1: no daemon. */
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
 * is_parent: whether this is the parent, which has nothing to do but to end.
 * status: in the parent the exit status to end with: 0 when the child is ready,
 * else the child's, or EXIT_FAILURE when a signal has ended it.
 * Returns ERROR_RESOURCES, ERROR_MEMORY or ERROR_SYSTEM with errno, in the only
 * process then, or in the child.
 * Threads: before the first one starts.
 */
enum error daemon_start(struct daemon *daemon, bool *is_parent, int *status);

/*
 * Let the parent end: leave its working directory and its terminal. Does
 * nothing without daemon_start(), and the second time.
 *
 * Returns ERROR_SYSTEM with errno; the parent still waits then.
 */
enum error daemon_ready(struct daemon *daemon);

#endif
