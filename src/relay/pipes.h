/*
 * pipes - kernel buffers for bytes in flight, lent like those of buffers.h.
 *
 * Their number is limited: the system gives an unprivileged user 16,384 pages
 * of pipes in all (pipe(7)), and each pipe takes two descriptors. configure
 * chooses pipes_linux.c or pipes_none.c.
 */
#ifndef REBORE_RELAY_PIPES_H
#define REBORE_RELAY_PIPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "os/budget.h"

/* In measurements, 64 KiB is a tenth slower, and 1 MiB gains nothing. */
#define PIPES_BYTES ((size_t)256 * 1024)
/* The most pipes lent at a time. It is also limited to one for every 32
 * descriptors that the process may have, and by pipes_limit() and the budget of
 * pipes_charge(). */
#define PIPES_LENT_MOST 64
/* How many are kept while nobody borrows them. */
#define PIPES_KEPT_MOST 4

/* Fields are for pipes_*.c alone, except to test whether there is a pipe: then
 * read_fd is not -1. */
struct pipe_ends {
	int read_fd;
	int write_fd;
};

#define PIPE_ENDS_INITIALIZER                                                  \
	{                                                                      \
		-1, -1                                                         \
	}

/*
 * Have each pipe, lent or kept, take its descriptors from budget. Call it
 * before the first pipe is borrowed. NULL: there is no budget.
 */
void pipes_charge(struct budget *budget);

/* Limit the bytes lent, in whole pipes. Threads: any. */
void pipes_limit(uint64_t bytes);

/*
 * Borrow a pipe of PIPES_BYTES, empty and non-blocking.
 *
 * Returns ERROR_RESOURCES when there is none.
 * Threads: any.
 */
enum error pipes_borrow(struct pipe_ends *ends);

/*
 * Give a pipe back, and set ends to no pipe. Does nothing if there is none.
 * Threads: any.
 *
 * empty: whether the pipe is empty; if not, it is closed.
 */
void pipes_return(struct pipe_ends *ends, bool empty);

/*
 * Move up to size bytes from a socket into a pipe, or out of it into a socket,
 * without copying them (splice(2)) and without waiting.
 *
 * moved: set to the number of bytes; 0 unless ERROR_NONE. pipes_fill() also
 * moves 0 at an end of file or at an urgent mark, which only a read can tell
 * apart.
 * Return ERROR_AGAIN, or another failure of the socket, with errno, which is
 * EINVAL, ENOSYS or ENOMEM where the system cannot splice these sockets.
 */
enum error pipes_fill(
    const struct pipe_ends *ends, int socket_fd, size_t size, size_t *moved);
enum error pipes_drain(
    const struct pipe_ends *ends, int socket_fd, size_t size, size_t *moved);

/* Close all kept pipes: descriptors are short. Threads: any. */
void pipes_shed(void);

/* Close the pipes that have not been needed since the last call. Call it now
 * and then. */
void pipes_tidy(void);

#endif
