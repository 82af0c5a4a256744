/* pipes for systems without splice(2) - see pipes.h */
#include <errno.h>

#include "relay/pipes.h"

void
pipes_limit(uint64_t bytes)
{
	(void)bytes;
}

enum error
pipes_borrow(struct pipe_ends *ends)
{
	*ends = (struct pipe_ends)PIPE_ENDS_INITIALIZER;
	return ERROR_RESOURCES;
}

void
pipes_return(struct pipe_ends *ends, bool empty)
{
	(void)ends;
	(void)empty;
}

void
pipes_charge(struct budget *budget)
{
	(void)budget;
}

void
pipes_shed(void)
{
}

void
pipes_tidy(void)
{
}

enum error
pipes_fill(
    const struct pipe_ends *ends, int socket_fd, size_t size, size_t *moved)
{
	(void)ends;
	(void)socket_fd;
	(void)size;
	*moved = 0;
	errno = ENOSYS;
	return ERROR_SYSTEM;
}

enum error
pipes_drain(
    const struct pipe_ends *ends, int socket_fd, size_t size, size_t *moved)
{
	return pipes_fill(ends, socket_fd, size, moved);
}
