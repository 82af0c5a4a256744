/* spares - see spares.h */
#include "server/spares.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "os/fd.h"

void
spares_init(struct spares *spares, struct budget *budget, unsigned most)
{
	spares->budget = budget;
	spares->most = most < SPARES_MOST ? most : SPARES_MOST;
	lock_init(&spares->lock);
	spares->open = false;
	spares->count = 0;
}

void
spares_destroy(struct spares *spares)
{
	spares_close(spares);
	lock_destroy(&spares->lock);
}

void
spares_open(struct spares *spares)
{
	lock_take(&spares->lock);
	spares->open = true;
	lock_give(&spares->lock);
}

bool
spares_add(struct spares *spares, int fd)
{
	bool kept;

	lock_take(&spares->lock);
	kept = spares->open && spares->count < spares->most;
	if (kept)
		spares->fds[spares->count++] = fd;
	lock_give(&spares->lock);
	return kept;
}

/* Returns the newest, or -1. */
static int
pop(struct spares *spares)
{
	int fd = -1;

	lock_take(&spares->lock);
	if (spares->count > 0)
		fd = spares->fds[--spares->count];
	lock_give(&spares->lock);
	return fd;
}

/* The client says nothing on a spare: what is readable is its end. */
static bool
is_alive(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == -1 &&
	       (errno == EAGAIN || errno == EINTR);
}

int
spares_take(struct spares *spares)
{
	int fd;

	while ((fd = pop(spares)) != -1 && !is_alive(fd)) {
		fd_close(&fd);
		budget_give(spares->budget, BUDGET_SESSION);
	}
	return fd;
}

void
spares_sweep(struct spares *spares)
{
	unsigned kept = 0;
	unsigned closed;

	lock_take(&spares->lock);
	for (unsigned i = 0; i < spares->count; i++) {
		if (is_alive(spares->fds[i])) /* asks without waiting */
			spares->fds[kept++] = spares->fds[i];
		else
			fd_close(&spares->fds[i]);
	}
	closed = spares->count - kept;
	spares->count = kept;
	lock_give(&spares->lock);
	budget_give(spares->budget, closed * BUDGET_SESSION);
}

void
spares_shed(struct spares *spares)
{
	int fd;

	while ((fd = pop(spares)) != -1) {
		fd_close(&fd);
		budget_give(spares->budget, BUDGET_SESSION);
	}
}

void
spares_close(struct spares *spares)
{
	lock_take(&spares->lock);
	spares->open = false;
	lock_give(&spares->lock);
	spares_shed(spares);
}
