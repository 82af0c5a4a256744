/*
 * statefile - a small file of ours that outlives the process.
 *
 * Locked while in use, so that two processes cannot share it; replaced as a
 * whole (written beside, synchronised, renamed), so that a reader finds the old
 * content or the new, whatever fails in between. Mode 0600.
 */
#ifndef REBORE_OS_STATEFILE_H
#define REBORE_OS_STATEFILE_H

#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"

/* Fields are private. */
struct statefile {
	char *path; /* NULL: not open */
	int fd;
};

#define STATEFILE_INITIALIZER                                                  \
	{                                                                      \
		NULL, -1                                                       \
	}

/*
 * Open and lock the file at path, making it if there is none.
 *
 * content: what it holds, at most *size bytes.
 * size: set to how many there are; 0 when it is new.
 * holder: on ERROR_IN_USE the process that has it locked.
 * Returns ERROR_IN_USE, ERROR_INVALID: not a regular file, or a symbolic link;
 * ERROR_DENIED, ERROR_MEMORY or ERROR_SYSTEM with errno.
 */
enum error statefile_open(struct statefile *file, const char *path,
    char *content, size_t *size, pid_t *holder);

/* Replace the content. Returns ERROR_SYSTEM or another with errno; the file is
 * as before then. */
enum error statefile_write(
    struct statefile *file, const char *content, size_t size);

/* Unlock it. The file stays. Legal on one that is not open. */
void statefile_close(struct statefile *file);

#endif
