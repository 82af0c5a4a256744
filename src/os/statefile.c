/* statefile - see statefile.h */
#include "os/statefile.h"

#include <errno.h>
#include <fcntl.h>
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
#include "os/filelock.h"
#include "os/lock.h"
#include "os/path.h"

/* How often to try again when the file was replaced between opening and
 * locking. */
#define TRIES 8

/* Whether fd is a regular file: a device or a pipe must not be replaced by
 * one. */
static bool
is_regular(int fd)
{
	struct stat status;

	return fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

/* Open and lock the file, again if it was replaced in between. */
static enum error
open_to_write(const char *path, int *fd, pid_t *holder)
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
		error = filelock_take(*fd, holder);
		if (error == ERROR_NONE && filelock_is_current(*fd, path))
			return ERROR_NONE;
		fd_close(fd);
		if (error)
			return error;
		error = ERROR_SYSTEM;
		errno = ESTALE;
	}
	return error;
}

/* Whether the disk refuses to be written to. That may pass, and is no mistake
 * of the user's. */
static bool
is_of_disk(int number)
{
	return number == EROFS || number == ENOSPC || number == EDQUOT;
}

/* Open the file on a disk that cannot be written to. fcntl() locks only files
 * that are open for writing, so flock() keeps other processes like this one
 * away. */
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
	enum error error = open_to_write(file->path, &file->fd, holder);
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

enum error
statefile_open(struct statefile *file, const char *path, char *content,
    size_t *size, pid_t *holder)
{
	enum error error = ERROR_MEMORY;
	ssize_t got;

	*file = (struct statefile)STATEFILE_INITIALIZER;
	file->path = path_absolute(path);
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

/* Returns the path of the file that is written first, in the folder of path, or
 * NULL when there is no memory. It is hidden, and not a name that people use.
 * The caller frees it. */
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

/* Whether path is a file that another rebore left when it was killed. */
static bool
is_left_behind(const char *path)
{
	struct stat status;

	return lstat(path, &status) == 0 && S_ISREG(status.st_mode) &&
	       status.st_nlink == 1 && status.st_uid == geteuid() &&
	       (status.st_mode & 07777) == 0600;
}

/* Returns a descriptor of a new file, or -1 with errno. */
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

/* Make a rename last over a power cut. Failures are ignored: not all file
 * systems can do it, and either file would be whole. */
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
replace_file(struct statefile *file, const char *beside, const char *content,
    size_t size)
{
	enum error error = ERROR_NONE;
	pid_t holder;
	int fd = create_beside(beside);
	int saved;

	if (fd == -1)
		return error_of_errno();
	if (filelock_take(fd, &holder) || !write_all(fd, content, size) ||
	    fsync(fd) == -1 || rename(beside, file->path) == -1) {
		saved = errno;
		error = error_of_errno();
		unlink(beside);
		fd_close(&fd);
		errno = saved;
		return error;
	}
	sync_folder(file->path);
	/* The new file is locked as well, so the old one can be closed. */
	fd_close(&file->fd);
	file->fd = fd;
	return ERROR_NONE;
}

/* Open the file for writing, which the disk refused when it was opened
 * first. */
static enum error
reopen_to_write(struct statefile *file)
{
	enum error error;
	pid_t holder;
	int fd;

	error = open_to_write(file->path, &fd, &holder);
	if (error)
		return error;
	fd_close(&file->fd);
	file->fd = fd;
	file->read_only = false;
	/* Closing the old descriptor has released the lock, if it is the same
	 * file. */
	return filelock_take(fd, &holder);
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
		error = reopen_to_write(file);
	if (error == ERROR_NONE)
		error = replace_file(file, beside, sealed, size);
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
