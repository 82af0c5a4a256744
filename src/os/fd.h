/* fd - a descriptor has one owner, which closes it with this. */
#ifndef REBORE_OS_FD_H
#define REBORE_OS_FD_H

#include "base/error.h"

/*
 * Close *fd and set it to -1. Nothing happens when it is -1 already.
 * Keeps errno, so that it may stand on an error path.
 */
void fd_close(int *fd);

/*
 * See to it that descriptors 0 to 2 are open, if only to /dev/null: otherwise
 * one of ours would get such a number, and log lines would be written into it.
 *
 * Returns ERROR_SYSTEM with errno.
 */
enum error fd_fill_standard(void);

/* Make fd close-on-exec and non-blocking. Returns ERROR_SYSTEM with errno. */
enum error fd_prepare(int fd);

/* Returns the most descriptors that this process may have, 8 or more. */
unsigned fd_limit(void);

#endif
