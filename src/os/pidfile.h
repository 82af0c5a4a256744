/*
 * pidfile - a file with the number of the process, locked while it runs.
 *
 * The lock, not the file, says that the process is alive: it ends with the
 * process, however that ends. A child does not inherit it, so take it after any
 * fork.
 */
#ifndef REBORE_OS_PIDFILE_H
#define REBORE_OS_PIDFILE_H

#include <sys/types.h>

#include "base/error.h"

/* Fields are private. */
struct pidfile {
	/* Holds the lock; -1: nothing is taken. */
	int fd;
	/* The process that may remove the file. */
	pid_t owner;
	/* Absolute, so that it is still right after a chdir(). */
	char *path;
};

/*
 * Lock the file at path, which is created if there is none, and write the
 * number of this process and a newline to it.
 *
 * pidfile: to be given to pidfile_release(), whatever the result.
 * holder: set, with ERROR_IN_USE, to the process that has locked it; 0:
 * unknown.
 * Returns ERROR_IN_USE; ERROR_INVALID when path is another kind of file, or has
 * other content, and is left as it is; ERROR_DENIED, ERROR_RESOURCES or
 * ERROR_SYSTEM with errno.
 */
enum error pidfile_take(
    const char *path, struct pidfile *pidfile, pid_t *holder);

/* Remove the file and release the lock, if this process has taken it. */
void pidfile_release(struct pidfile *pidfile);

#endif
