/*
 * statefile - a JSON object in a file that outlives the process.
 *
 * The file is locked while in use, so that two processes cannot share it. It is
 * replaced as a whole: the new content is written to ".NAME.rebore-new",
 * synchronised and renamed, and the folder is synchronised, so that a reader
 * finds the old content or the new, whatever fails in between. It has a
 * checksum (checksum.h) and mode 0600.
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
	/* The disk could not be written to: fd is for reading, if there is a
	 * file. */
	bool read_only;
};

#define STATEFILE_INITIALIZER                                                  \
	{                                                                      \
		NULL, -1, false                                                \
	}

/*
 * Open and lock the file at path, which is created if there is none.
 *
 * When the disk is full or read-only, this does not fail: the content is read
 * all the same, each statefile_write() tries to write, and a warning is logged.
 * A warning is also logged when the file is damaged; then it counts as new.
 *
 * content: filled with the content, without the checksum, up to *size bytes.
 * size: set to how many bytes there are; 0 when the file is new.
 * holder: set, with ERROR_IN_USE, to the process that has locked it; 0:
 * unknown.
 * Returns ERROR_IN_USE; ERROR_INVALID when path is not a regular file, or is a
 * symbolic link; ERROR_DENIED, ERROR_MEMORY or ERROR_SYSTEM with errno.
 */
enum error statefile_open(struct statefile *file, const char *path,
    char *content, size_t *size, pid_t *holder);

/*
 * Replace the content.
 *
 * content: the text of a JSON object with at least one member.
 * Returns ERROR_SYSTEM or another error with errno; then the file is as it was.
 */
enum error statefile_write(
    struct statefile *file, const char *content, size_t size);

/* Unlock and close the file. Does nothing with one that is not open. */
void statefile_close(struct statefile *file);

#endif
