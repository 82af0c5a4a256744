/*
 * statefile - a small file of ours that outlives the process: a JSON object.
 *
 * Locked while in use, so that two processes cannot share it; replaced as a
 * whole (written beside as ".NAME.rebore-new", synchronised, renamed, its folder
 * synchronised), so that a reader finds the old content or the new, whatever
 * fails in between. It has a checksum (checksum.h). Mode 0600.
 */
#ifndef REBORE_OS_STATEFILE_H
#define REBORE_OS_STATEFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"

/* Fields are private. */
struct statefile {
	char *path; /* NULL: not open */
	int fd;     /* holds the lock; -1: there is no file yet */
	/* The disk takes nothing: fd is for reading, if there is a file. */
	bool read_only;
};

#define STATEFILE_INITIALIZER                                                  \
	{                                                                      \
		NULL, -1, false                                                \
	}

/*
 * Open and lock the file at path, making it if there is none.
 *
 * A disk that is full or read-only is no reason to fail: what the file holds is
 * read all the same, writing is tried again each time, and a warning is logged.
 * So is one when the file was damaged; it counts as new then.
 *
 * content: what it holds, at most *size bytes, without the checksum.
 * size: set to how many there are; 0 when it is new.
 * holder: on ERROR_IN_USE the process that has it locked; 0: unknown.
 * Returns ERROR_IN_USE, ERROR_INVALID: not a regular file, or a symbolic link;
 * ERROR_DENIED, ERROR_MEMORY or ERROR_SYSTEM with errno.
 */
enum error statefile_open(struct statefile *file, const char *path,
    char *content, size_t *size, pid_t *holder);

/*
 * Replace the content.
 *
 * content: the text of a JSON object with one member at least.
 * Returns ERROR_SYSTEM or another with errno; the file is as before then.
 */
enum error statefile_write(
    struct statefile *file, const char *content, size_t size);

/* Returns path from the root, to be freed, or NULL with errno: for a process that
 * is about to change its folder. */
char *statefile_absolute(const char *path);

/* Unlock it. The file stays. Legal on one that is not open. */
void statefile_close(struct statefile *file);

#endif
