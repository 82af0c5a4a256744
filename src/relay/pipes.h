/*
 * pipes - kernel buffers for bytes in flight, lent like buffers.h.
 *
 * Bounded: the system gives an unprivileged user 16,384 pages of pipes in all
 * (pipe(7)), and each takes two descriptors. pipes_linux.c or pipes_none.c,
 * chosen by configure.
 */
#ifndef REBORE_RELAY_PIPES_H
#define REBORE_RELAY_PIPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "os/budget.h"

/* Measured: 64 KiB is a tenth slower, 1 MiB gains nothing. */
#define PIPES_BYTES ((size_t)256 * 1024)
/* Lent at a time, at most; and at most one for 32 descriptors, and so many as
 * pipes_limit() and the budget of pipes_charge() allow. */
#define PIPES_LENT_MOST 64
/* Kept while nobody borrows them. */
#define PIPES_KEPT_MOST 4

/* Fields are for relay_splice alone. */
struct pipe_ends {
	int read_fd;
	int write_fd;
};

#define PIPE_ENDS_INITIALIZER                                                  \
	{                                                                      \
		-1, -1                                                         \
	}

/*
 * Have each pipe, lent or kept, take its descriptors from budget; before the
 * first is borrowed. NULL: from none.
 */
void pipes_charge(struct budget *budget);

/* Lend no more than this many bytes from now on, in whole pipes. Threads: any. */
void pipes_limit(uint64_t bytes);

/*
 * Borrow a pipe of PIPES_BYTES, empty and non-blocking.
 *
 * Returns ERROR_RESOURCES when there is none to be had.
 * Threads: any.
 */
enum error pipes_borrow(struct pipe_ends *ends);

/*
 * Give a pipe back; ends is none then. Legal on none. Threads: any.
 *
 * empty: nothing is left in it; otherwise it cannot be lent again.
 */
void pipes_return(struct pipe_ends *ends, bool empty);

/* Close all that are kept: descriptors are short. Threads: any. */
void pipes_shed(void);

/* Close what was kept and not borrowed since the last call. To be called now and
 * then. */
void pipes_tidy(void);

#endif
