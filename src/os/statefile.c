/* statefile - see statefile.h */
#include "os/statefile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/fd.h"

/* The file was replaced between opening and locking: how often to try again. */
#define TRIES 8

static enum error
lock_file(int fd, pid_t *holder)
{
	struct flock wish = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	if (fcntl(fd, F_SETLK, &wish) == 0)
		return ERROR_NONE;
	if (errno != EACCES && errno != EAGAIN)
		return error_of_errno();
	*holder = 0;
	if (fcntl(fd, F_GETLK, &wish) == 0 && wish.l_type != F_UNLCK)
		*holder = wish.l_pid;
	errno = EAGAIN;
	return ERROR_IN_USE;
}

/* Whether fd is what path names. */
static bool
is_current(int fd, const char *path)
{
	struct stat opened, named;

	return fstat(fd, &opened) == 0 && stat(path, &named) == 0 &&
	       opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

/* A device or a pipe must not be replaced by a file. */
static bool
is_regular(int fd)
{
	struct stat status;

	return fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

/* Open and lock; a file that was replaced meanwhile is not the one. */
static enum error
open_locked(const char *path, int *fd, pid_t *holder)
{
	enum error error = ERROR_SYSTEM;

	for (int i = 0; i < TRIES; i++) {
		*fd = open(path,
		    O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW, 0600);
		if (*fd == -1)
			return errno == ELOOP ? ERROR_INVALID
			                      : error_of_errno();
		if (!is_regular(*fd)) {
			fd_close(fd);
			return ERROR_INVALID;
		}
		error = lock_file(*fd, holder);
		if (error == ERROR_NONE && is_current(*fd, path))
			return ERROR_NONE;
		fd_close(fd);
		if (error)
			return error;
		error = ERROR_SYSTEM;
		errno = ESTALE;
	}
	return error;
}

/* Returns path from the root, to be freed, or NULL: the process may change its
 * folder. */
static char *
absolute(const char *path)
{
	char folder[PATH_MAX];
	char *whole;
	size_t room;

	if (*path == '/')
		return strdup(path);
	if (getcwd(folder, sizeof folder) == NULL)
		return NULL;
	room = strlen(folder) + strlen(path) + sizeof "/";
	whole = malloc(room);
	if (whole != NULL)
		snprintf(whole, room, "%s/%s", folder, path);
	return whole;
}

enum error
statefile_open(struct statefile *file, const char *path, char *content,
    size_t *size, pid_t *holder)
{
	enum error error = ERROR_MEMORY;
	ssize_t got;

	*file = (struct statefile)STATEFILE_INITIALIZER;
	file->path = absolute(path);
	if (file->path != NULL)
		error = open_locked(file->path, &file->fd, holder);
	if (error) {
		statefile_close(file);
		return error;
	}
	got = pread(file->fd, content, *size, 0);
	*size = got > 0 ? (size_t)got : 0;
	return ERROR_NONE;
}

static bool
write_all(int fd, const char *content, size_t size)
{
	while (size > 0) {
		ssize_t wrote = write(fd, content, size);

		if (wrote == -1 && errno == EINTR)
			continue;
		if (wrote == -1)
			return false;
		content += wrote;
		size -= (size_t)wrote;
	}
	return true;
}

enum error
statefile_write(struct statefile *file, const char *content, size_t size)
{
	size_t room = strlen(file->path) + sizeof ".new";
	char *beside = malloc(room);
	enum error error = ERROR_NONE;
	pid_t holder;
	int fd = -1;

	if (beside == NULL)
		return ERROR_MEMORY;
	snprintf(beside, room, "%s.new", file->path);
	unlink(beside); /* of one that was killed while it wrote */
	fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd == -1 || lock_file(fd, &holder) ||
	    !write_all(fd, content, size) || fsync(fd) == -1 ||
	    rename(beside, file->path) == -1) {
		error = error_of_errno();
		if (fd != -1)
			unlink(beside);
		goto out;
	}
	/* The lock goes with the file: the old one may go. */
	fd_close(&file->fd);
	file->fd = fd;
	fd = -1;
out:
	fd_close(&fd);
	free(beside);
	return error;
}

void
statefile_close(struct statefile *file)
{
	int saved = errno;

	fd_close(&file->fd);
	free(file->path);
	file->path = NULL;
	errno = saved;
}
