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
/* It, a newline in two bytes, and one byte too many to notice more */
#define SECRETFILE_SECRET_SIZE (SECRETFILE_BYTES_MOST + 3)
/* Room for every reason, which may hold a path in quotes. */
#define SECRETFILE_WHY_SIZE 320

/* What a file held. As good as the secret: wipe it when it is done with. */
struct secretfile {
	/* The content, without one newline (or CR LF) at the end. */
	char secret[SECRETFILE_SECRET_SIZE];
	/* Its bytes, 0 to SECRETFILE_BYTES_MOST. */
	size_t size;
	/* It can be read again: no pipe. */
	bool is_regular;
	/* What a person may not have meant, as a phrase behind the name of the
	 * file; NULL: nothing. */
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
 * again: it was read before. A pipe is refused then: its content is gone, and
 * opening it would wait.
 * file: on success filled, else wiped; the caller's to wipe.
 * why: on failure a phrase that says what is wrong and what to type.
 * Returns ERROR_DENIED, ERROR_INVALID (no secret file, or too long) or
 * ERROR_SYSTEM.
 */
enum error secretfile_read(const char *path, bool again,
    struct secretfile *file, char why[static SECRETFILE_WHY_SIZE]);

void secretfile_wipe(struct secretfile *file);

#endif
