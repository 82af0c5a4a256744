/* filelock - see filelock.h */
#include "os/filelock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum error
filelock_take(int fd, pid_t *holder)
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
	errno = EAGAIN;
	return ERROR_IN_USE;
}

bool
filelock_is_current(int fd, const char *path)
{
	struct stat opened;
	struct stat named;

	return fstat(fd, &opened) == 0 && lstat(path, &named) == 0 &&
	       opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}
