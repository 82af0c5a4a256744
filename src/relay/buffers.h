/*
 * buffers - memory for bytes in flight, lent to flows while they have any.
 *
 * buffers_limit() sets how many are lent at a time. A flow that gets none goes
 * on without one (relay_peek.c).
 *
 * An idle connection has none. Some buffers that are given back are kept for
 * the next borrower, and returned to the system when they have not been needed
 * for a while.
 */
#ifndef REBORE_RELAY_BUFFERS_H
#define REBORE_RELAY_BUFFERS_H

/* In measurements, 128 KiB gains a few per cent, and 256 KiB makes one stream
 * slower. */
#define BUFFERS_BYTES ((size_t)64 * 1024)
/* How many buffers are kept while nobody borrows them (8 MiB), and how many
 * after buffers_tidy(). */
#define BUFFERS_KEPT_MOST 128
#define BUFFERS_KEPT_IDLE 4

#include <stddef.h>
#include <stdint.h>

/* Limit the bytes lent, in whole buffers. Before this call there is no limit.
 * Threads: any. */
void buffers_limit(uint64_t bytes);

/* Returns BUFFERS_BYTES of memory with undefined content, or NULL when there is
 * no memory or the limit is reached. Threads: any. */
char *buffers_borrow(void);

/* Like buffers_borrow(), but may exceed the limit, for bytes that have nowhere
 * else to go. Returns NULL only when there is no memory. */
char *buffers_force(void);

/* Returns a buffer from buffers_force() that begins with a copy of size bytes,
 * BUFFERS_BYTES at most, or NULL when there is no memory. NULL is also the
 * result for size 0, which is not a failure. */
char *buffers_copy(const char *bytes, size_t size);

/* Give a buffer back. NULL is legal. Threads: any. */
void buffers_return(char *buffer);

/* Return to the system all but a few of the buffers that have not been needed
 * since the last call. Call it now and then. */
void buffers_tidy(void);

#endif
