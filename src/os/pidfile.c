/* pidfile - see pidfile.h */
#include "os/pidfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/fd.h"

#define PIDFILE_MODE (S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH)

/* "-9223372036854775808", newline, NUL */
#define CONTENT_SIZE 24

/* How often another process may remove the file just when it is opened. */
#define ATTEMPTS_MOST 100

static enum error
make_absolute(const char *path, char absolute[static PATH_MAX])
{
	size_t used = 0;

	if (*path != '/') {
		if (getcwd(absolute, PATH_MAX - 1) == NULL)
			return error_of_errno();
		used = strlen(absolute);
		absolute[used++] = '/';
	}
	if (strlen(path) >= PATH_MAX - used) {
		errno = ENAMETOOLONG;
		return ERROR_SYSTEM;
	}
	memcpy(absolute + used, path, strlen(path) + 1);
	return ERROR_NONE;
}

/* Returns ERROR_IN_USE with its holder, or what fcntl() says. */
static enum error
lock(int fd, pid_t *holder)
{
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	*holder = 0;
	if (fcntl(fd, F_SETLK, &whole) == 0)
		return ERROR_NONE;
	if (errno != EACCES && errno != EAGAIN)
		return error_of_errno();
	if (fcntl(fd, F_GETLK, &whole) == 0 && whole.l_type != F_UNLCK &&
	    whole.l_pid > 0)
		*holder = whole.l_pid;
	return ERROR_IN_USE;
}

/* Whether path still is the file that fd has open */
static bool
is_current(int fd, const char *path)
{
	struct stat opened;
	struct stat named;

	return fstat(fd, &opened) == 0 && lstat(path, &named) == 0 &&
	       opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

/*
 * Open and lock the file. A process that ends removes it before it gives the
 * lock, so a lock may be one of a file without name.
 */
static enum error
open_locked(struct pidfile *pidfile, pid_t *holder)
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
		error = lock(pidfile->fd, holder);
		if (error != ERROR_NONE ||
		    is_current(pidfile->fd, pidfile->path))
			break;
		fd_close(&pidfile->fd);
		error = ERROR_IN_USE;
	}
	return error;
}

/* A regular file that is empty or has a number; nothing else is ours. */
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
	errno = ENOSPC; /* for a write that is cut */
	if (pwrite(fd, content, (size_t)length, 0) != length)
		return error_of_errno();
	return ERROR_NONE;
}

enum error
pidfile_take(const char *path, struct pidfile *pidfile, pid_t *holder)
{
	enum error error;

	pidfile->fd = -1;
	pidfile->owner = getpid();
	*holder = 0;
	error = make_absolute(path, pidfile->path);
	if (error != ERROR_NONE)
		return error;
	error = open_locked(pidfile, holder);
	if (error == ERROR_NONE && !is_pidfile(pidfile->fd))
		error = ERROR_INVALID;
	if (error == ERROR_NONE)
		error = write_number(pidfile->fd, pidfile->owner);
	if (error != ERROR_NONE)
		fd_close(&pidfile->fd);
	return error;
}

void
pidfile_release(struct pidfile *pidfile)
{
	if (pidfile->fd != -1 && pidfile->owner == getpid() &&
	    is_current(pidfile->fd, pidfile->path))
		unlink(pidfile->path);
	fd_close(&pidfile->fd);
}
