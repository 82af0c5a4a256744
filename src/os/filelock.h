/*
 * filelock - locks a whole file for this process (fcntl(2)).
 *
 * The lock ends with the process, and also when the process closes any
 * descriptor of that file. Another process may remove or replace the file
 * between open() and the lock, so a file that has a name is only locked if
 * filelock_is_current() returns true.
 */
#ifndef REBORE_OS_FILELOCK_H
#define REBORE_OS_FILELOCK_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

/*
 * Lock the file without waiting.
 *
 * fd: open for writing.
 * holder: set, with ERROR_IN_USE, to the process that has locked it; 0:
 * unknown.
 * Returns ERROR_IN_USE, or else what error_of_errno() does.
 */
enum error filelock_take(int fd, pid_t *holder);

/* Returns whether path still names the file that fd has open. */
bool filelock_is_current(int fd, const char *path);

#endif
