/* wakeup over eventfd(2) - see wakeup.h */
#include <errno.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "os/fd.h"
#include "os/wakeup.h"

enum error
wakeup_open(struct wakeup *wakeup)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	wakeup->read_fd = fd;
	wakeup->write_fd = fd;
	return fd == -1 ? error_of_errno() : ERROR_NONE;
}

void
wakeup_send(const struct wakeup *wakeup)
{
	const uint64_t one = 1;
	int saved = errno;

	/* A write fails only when the counter is full, and then read_fd is
	 * readable already. */
	if (write(wakeup->write_fd, &one, sizeof one) == -1)
		errno = saved;
}

void
wakeup_clear(const struct wakeup *wakeup)
{
	uint64_t count;
	int saved = errno;

	if (read(wakeup->read_fd, &count, sizeof count) == -1)
		errno = saved;
}

void
wakeup_close(struct wakeup *wakeup)
{
	fd_close(&wakeup->read_fd);
	wakeup->write_fd = -1;
}
