/* statefile - see statefile.h */
#include "os/statefile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checksum.h"
#include "base/log.h"
#include "os/fd.h"
#include "os/lock.h"

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

/* The disk takes nothing, which may pass; it is no mistake of the user's. */
static bool
is_of_disk(int number)
{
	return number == EROFS || number == ENOSPC || number == EDQUOT;
}

/* Open what is on a disk that takes nothing. fcntl() locks only what can be
 * written, and so flock() keeps other processes like this one away. */
static enum error
open_read_only(const char *path, int *fd, pid_t *holder)
{
	*fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW);
	if (*fd == -1)
		return errno == ENOENT ? ERROR_NONE : error_of_errno();
	if (!is_regular(*fd)) {
		fd_close(fd);
		return ERROR_INVALID;
	}
	if (flock(*fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)
		return ERROR_NONE;
	fd_close(fd);
	*holder = 0;
	return ERROR_IN_USE;
}

static enum error
open_as_possible(struct statefile *file, pid_t *holder)
{
	enum error error = open_locked(file->path, &file->fd, holder);
	int number = errno;

	if (error != ERROR_SYSTEM || !is_of_disk(number))
		return error;
	error = open_read_only(file->path, &file->fd, holder);
	if (error)
		return error;
	file->read_only = true;
	log_warning("the state file %s cannot be written: %s; going on, and a "
		    "restart will not find what is new",
	    file->path, strerror(number));
	return ERROR_NONE;
}

char *
statefile_absolute(const char *path)
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
	file->path = statefile_absolute(path);
	if (file->path != NULL)
		error = open_as_possible(file, holder);
	if (error) {
		statefile_close(file);
		return error;
	}
	got = pread(file->fd, content, *size, 0);
	*size = got > 0 ? (size_t)got : 0;
	if (checksum_open(content, size) == CHECKSUM_WRONG) {
		log_warning("the state file %s is damaged, as its checksum "
			    "tells, and is replaced",
		    file->path);
		*size = 0;
	}
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

/* Returns the name of what is written beside path, to be freed, or NULL. It is
 * hidden, and no name that a person would give. */
static char *
name_beside(const char *path)
{
	const char *name = strrchr(path, '/') + 1;
	size_t room = strlen(path) + sizeof "..rebore-new";
	char *beside = malloc(room);

	if (beside != NULL)
		snprintf(beside, room, "%.*s.%s.rebore-new", (int)(name - path),
		    path, name);
	return beside;
}

/* Whether path is a file that a process of ours left when it was killed. */
static bool
is_left_behind(const char *path)
{
	struct stat status;

	return lstat(path, &status) == 0 && S_ISREG(status.st_mode) &&
	       status.st_nlink == 1 && status.st_uid == geteuid() &&
	       (status.st_mode & 07777) == 0600;
}

/* Returns a new file, or -1. */
static int
create_beside(const char *path)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC;
	int fd = open(path, flags, 0600);

	if (fd != -1 || errno != EEXIST || !is_left_behind(path))
		return fd;
	unlink(path);
	return open(path, flags, 0600);
}

/* Without that a power cut may bring the old name back, or none. Not all file
 * systems can do it, and the file itself is safe. */
static void
sync_folder(const char *path)
{
	char *folder = strdup(path);
	int fd = -1;

	if (folder != NULL) {
		*(strrchr(folder, '/') + 1) = '\0';
		fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (fd != -1)
		(void)fsync(fd);
	fd_close(&fd);
	free(folder);
}

static enum error
replace(struct statefile *file, const char *beside, const char *content,
    size_t size)
{
	enum error error = ERROR_NONE;
	pid_t holder;
	int fd = create_beside(beside);
	int saved;

	if (fd == -1)
		return error_of_errno();
	if (lock_file(fd, &holder) || !write_all(fd, content, size) ||
	    fsync(fd) == -1 || rename(beside, file->path) == -1) {
		saved = errno;
		error = error_of_errno();
		unlink(beside);
		fd_close(&fd);
		errno = saved;
		return error;
	}
	sync_folder(file->path);
	/* The lock goes with the file: the old one may go. */
	fd_close(&file->fd);
	file->fd = fd;
	return ERROR_NONE;
}

/* The disk took nothing when the file was opened. */
static enum error
open_again(struct statefile *file)
{
	enum error error;
	pid_t holder;
	int fd;

	error = open_locked(file->path, &fd, &holder);
	if (error)
		return error;
	fd_close(&file->fd);
	file->fd = fd;
	file->read_only = false;
	/* A close() takes the locks of the process on the same file away. */
	return lock_file(fd, &holder);
}

enum error
statefile_write(struct statefile *file, const char *content, size_t size)
{
	char *beside = name_beside(file->path);
	char *sealed = malloc(size + CHECKSUM_SIZE);
	enum error error = ERROR_NONE;

	lock_assert_none();
	if (beside == NULL || sealed == NULL) {
		error = ERROR_MEMORY;
		goto out;
	}
	memcpy(sealed, content, size);
	size = checksum_seal(sealed, size);
	if (file->read_only)
		error = open_again(file);
	if (error == ERROR_NONE)
		error = replace(file, beside, sealed, size);
out:
	free(sealed);
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
