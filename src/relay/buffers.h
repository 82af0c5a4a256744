/*
 * buffers - memory for bytes in flight, lent to whoever moves some right now.
 *
 * A connection that is idle has none. A few are kept for the next borrower;
 * the others go back to the system.
 */
#ifndef REBORE_RELAY_BUFFERS_H
#define REBORE_RELAY_BUFFERS_H

/* Measured: 128 KiB gains a few per cent, 256 KiB loses for one stream. */
#define BUFFERS_BYTES ((size_t)64 * 1024)
/* Kept while nobody borrows them: 1 MiB. */
#define BUFFERS_KEPT_MOST 16

#include <stddef.h>

/* Returns BUFFERS_BYTES of memory, content undefined, or NULL: none is left.
 * Threads: any. */
char *buffers_borrow(void);

/* Give one back. NULL is legal. Threads: any. */
void buffers_return(char *buffer);

#endif
