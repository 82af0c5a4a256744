/*
 * secretfile - reads a secret from a file that nobody else can read.
 */
#ifndef REBORE_OS_SECRETFILE_H
#define REBORE_OS_SECRETFILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* The longest secret in a file. */
#define SECRETFILE_BYTES_MOST 4096
/* Room for that, for CR LF, and for one byte more, to notice a longer one. */
#define SECRETFILE_SECRET_SIZE (SECRETFILE_BYTES_MOST + 3)
/* Room for every reason, which may hold a path in quotes. */
#define SECRETFILE_WHY_SIZE 320

/* The content of a file. It is to be wiped after use, as it holds the
 * secret. */
struct secretfile {
	/* The content, without one newline (or CR LF) at the end. */
	char secret[SECRETFILE_SECRET_SIZE];
	/* Of the secret, in bytes: 0 to SECRETFILE_BYTES_MOST. */
	size_t size;
	/* It is not a pipe, so it can be read again. */
	bool is_regular;
	/* What the user may not have meant, as a phrase to follow the name of
	 * the file; NULL: nothing. */
	const char *oddity;
};

/*
 * Read the secret in the file path: a regular file, or a pipe (which is read to
 * its end; /dev/fd/N of a shell's process substitution is one).
 *
 * A regular file whose mode lets group or others do anything is refused. In
 * $CREDENTIALS_DIRECTORY of systemd.exec(5), group may read: the bits there
 * show an access list that lets only the service in.
 *
 * again: the file was read before. Then a pipe is refused: its content is gone,
 * and open() would wait for a writer.
 * file: filled on success, and to be wiped by the caller; wiped on failure.
 * why: on failure, a phrase that says what is wrong and how to fix it.
 * Returns ERROR_DENIED, ERROR_INVALID (no secret file, or too long) or
 * ERROR_SYSTEM.
 */
enum error secretfile_read(const char *path, bool again,
    struct secretfile *file, char why[static SECRETFILE_WHY_SIZE]);

void secretfile_wipe(struct secretfile *file);

#endif
