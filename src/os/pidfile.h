/*
 * pidfile - a file with the number of the process, locked while it runs.
 *
 * The lock, not the file, says that the process lives: it ends with the process
 * however that ends. It belongs to one process, so take it after any fork.
 */
#ifndef REBORE_OS_PIDFILE_H
#define REBORE_OS_PIDFILE_H

#include <limits.h>
#include <sys/types.h>

#include "base/error.h"

/* Fields are private. */
struct pidfile {
	/* Holds the lock; -1: nothing is taken. */
	int fd;
	/* Nobody else may remove the file. */
	pid_t owner;
	/* Absolute, for the time after a chdir(). */
	char path[PATH_MAX];
};

/*
 * Lock path, which is made if need be, and write the number of this process and
 * a newline to it.
 *
 * pidfile: to be given to pidfile_release(), whatever the result.
 * holder: on ERROR_IN_USE the process that holds it, or 0 if that is not known.
 * Returns ERROR_IN_USE; ERROR_INVALID: path is another kind of file, or has
 * something else in it, and was left alone; ERROR_DENIED, ERROR_RESOURCES or
 * ERROR_SYSTEM with errno.
 */
enum error pidfile_take(
    const char *path, struct pidfile *pidfile, pid_t *holder);

/* Remove the file and give the lock, if this process has taken it. */
void pidfile_release(struct pidfile *pidfile);

#endif
