/* pidfile - see pidfile.h */
#include "os/pidfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/fd.h"
#include "os/filelock.h"
#include "os/path.h"

#define PIDFILE_MODE (S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH)

/* "-9223372036854775808", newline, NUL */
#define CONTENT_SIZE 24

/* How often to try again when another process has removed the file just after
 * it was opened. */
#define ATTEMPTS_MOST 100

/*
 * Open and lock the file. A process that ends removes its file before it
 * releases the lock, so the file that was locked may have no name any more.
 */
static enum error
open_pidfile(struct pidfile *pidfile, pid_t *holder)
{
	enum error error = ERROR_IN_USE;

	*holder = 0;
	for (int attempt = 0; attempt < ATTEMPTS_MOST; attempt++) {
		pidfile->fd = open(pidfile->path,
		    O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW |
			O_NONBLOCK,
		    PIDFILE_MODE);
		if (pidfile->fd == -1)
			return error_of_errno();
		error = filelock_take(pidfile->fd, holder);
		if (error != ERROR_NONE ||
		    filelock_is_current(pidfile->fd, pidfile->path))
			break;
		fd_close(&pidfile->fd);
		error = ERROR_IN_USE;
	}
	return error;
}

/* Whether the file may be overwritten: it is a regular one that is empty or has
 * a number. */
static bool
is_pidfile(int fd)
{
	struct stat status;
	char content[CONTENT_SIZE] = "";
	size_t digits;

	if (fstat(fd, &status) == -1 || !S_ISREG(status.st_mode) ||
	    status.st_size >= CONTENT_SIZE ||
	    pread(fd, content, sizeof content - 1, 0) != status.st_size)
		return false;
	digits = strspn(content, "0123456789");
	return content[digits] == '\0' || strcmp(content + digits, "\n") == 0;
}

static enum error
write_number(int fd, pid_t number)
{
	char content[CONTENT_SIZE];
	int length = snprintf(content, sizeof content, "%ld\n", (long)number);

	if (ftruncate(fd, 0) == -1)
		return error_of_errno();
	errno = ENOSPC; /* where a write is cut short */
	if (pwrite(fd, content, (size_t)length, 0) != length)
		return error_of_errno();
	return ERROR_NONE;
}

/* Release what is held in this process; errno stays. */
static void
close_pidfile(struct pidfile *pidfile)
{
	int saved = errno;

	fd_close(&pidfile->fd);
	free(pidfile->path);
	pidfile->path = NULL;
	errno = saved;
}

enum error
pidfile_take(const char *path, struct pidfile *pidfile, pid_t *holder)
{
	enum error error;

	pidfile->fd = -1;
	pidfile->owner = getpid();
	*holder = 0;
	pidfile->path = path_absolute(path);
	if (pidfile->path == NULL)
		return error_of_errno();
	error = open_pidfile(pidfile, holder);
	if (error == ERROR_NONE && !is_pidfile(pidfile->fd))
		error = ERROR_INVALID;
	if (error == ERROR_NONE)
		error = write_number(pidfile->fd, pidfile->owner);
	if (error != ERROR_NONE)
		close_pidfile(pidfile);
	return error;
}

void
pidfile_release(struct pidfile *pidfile)
{
	if (pidfile->fd != -1 && pidfile->owner == getpid() &&
	    filelock_is_current(pidfile->fd, pidfile->path))
		unlink(pidfile->path);
	close_pidfile(pidfile);
}
