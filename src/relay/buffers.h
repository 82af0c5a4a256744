/*
 * buffers - memory for bytes in flight, lent to whoever moves some right now.
 *
 * So many are lent as buffers_limit() allows: those who come then do without
 * (relay_peek.c), or wait their turn.
 *
 * A connection that is idle has none. Some are kept for the next borrower, and
 * go back to the system when they are not wanted any more.
 */
#ifndef REBORE_RELAY_BUFFERS_H
#define REBORE_RELAY_BUFFERS_H

/* Measured: 128 KiB gains a few per cent, 256 KiB loses for one stream. */
#define BUFFERS_BYTES ((size_t)64 * 1024)
/* Kept while nobody borrows them: 8 MiB; and behind buffers_tidy(). */
#define BUFFERS_KEPT_MOST 128
#define BUFFERS_KEPT_IDLE 4

#include <stddef.h>
#include <stdint.h>

/* Lend no more than this many bytes from now on, in whole buffers. There is no
 * limit before. Threads: any. */
void buffers_limit(uint64_t bytes);

/* Returns BUFFERS_BYTES of memory, content undefined, or NULL: none is left, or
 * as many as allowed are lent. Threads: any. */
char *buffers_borrow(void);

/* The same for bytes that have nowhere else to be, also beyond the limit: NULL
 * says that there is no memory. */
char *buffers_force(void);

/* Force a buffer with a copy of size bytes, BUFFERS_BYTES at most, at its start.
 * Returns NULL when size is 0, too, which is no failure. */
char *buffers_copy(const char *bytes, size_t size);

/* Give one back. NULL is legal. Threads: any. */
void buffers_return(char *buffer);

/* Give back what was kept, but for a few, and was not borrowed since the last
 * call. To be called now and then. */
void buffers_tidy(void);

#endif
