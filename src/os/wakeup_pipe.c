/* wakeup over a pipe, for systems without eventfd(2) - see wakeup.h */
#include <errno.h>
#include <unistd.h>

#include "os/fd.h"
#include "os/wakeup.h"

enum error
wakeup_open(struct wakeup *wakeup)
{
	int ends[2];

	wakeup->read_fd = -1;
	wakeup->write_fd = -1;
	if (pipe(ends) == -1)
		return error_of_errno();
	wakeup->read_fd = ends[0];
	wakeup->write_fd = ends[1];
	if (fd_prepare(ends[0]) || fd_prepare(ends[1])) {
		wakeup_close(wakeup);
		return ERROR_SYSTEM;
	}
	return ERROR_NONE;
}

void
wakeup_send(const struct wakeup *wakeup)
{
	int saved = errno;

	/* A write fails only when the pipe is full, and then read_fd is
	 * readable already. */
	if (write(wakeup->write_fd, "", 1) == -1)
		errno = saved;
}

void
wakeup_clear(const struct wakeup *wakeup)
{
	char bytes[64];
	int saved = errno;

	while (read(wakeup->read_fd, bytes, sizeof bytes) > 0)
		continue;
	errno = saved;
}

void
wakeup_close(struct wakeup *wakeup)
{
	fd_close(&wakeup->read_fd);
	fd_close(&wakeup->write_fd);
}
