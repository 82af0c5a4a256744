/* fd - descriptors: closing them, their flags and their limit. */
#ifndef REBORE_OS_FD_H
#define REBORE_OS_FD_H

#include "base/error.h"

/*
 * Close *fd and set it to -1. Nothing happens when it is -1 already.
 * Keeps errno, so that it can be used on an error path.
 */
void fd_close(int *fd);

/*
 * Open /dev/null as each of descriptors 0 to 2 that is closed. Otherwise a
 * socket could get such a number, and log lines would be written to it.
 *
 * Returns ERROR_SYSTEM with errno.
 */
enum error fd_fill_standard(void);

/* Make fd close-on-exec and non-blocking. Returns ERROR_SYSTEM with errno. */
enum error fd_prepare(int fd);

/* Returns how many descriptors this process may have, 8 or more. */
unsigned fd_limit(void);

#endif
