/*
 * relay_copy - one direction of a relay, through a borrowed buffer.
 *
 * Holds BUFFERS_BYTES at most: it reads again only when all that it has read
 * is written, so a slow reader holds the writer back.
 */
#ifndef REBORE_RELAY_RELAY_COPY_H
#define REBORE_RELAY_RELAY_COPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* from and to are set by the owner; the rest starts as zero. */
struct relay_copy {
	int from;
	int to;
	/* Bytes written so far. */
	uint64_t moved;
	/* from has ended; to has been told. */
	bool ended;
	bool told;

	/* Private: what is read and not yet written. */
	char *buffer;
	size_t start;
	size_t end;
};

/* Whether it waits for from to be readable, or for to to be writable. */
bool relay_copy_wants_read(const struct relay_copy *copy);
bool relay_copy_wants_write(const struct relay_copy *copy);

/*
 * Put bytes first that were read from from already.
 *
 * size: BUFFERS_BYTES at most; 0 does nothing. Only before the first step.
 * Returns ERROR_MEMORY.
 */
enum error relay_copy_put(
    struct relay_copy *copy, const char *bytes, size_t size);

/*
 * Move what can be moved now, without waiting.
 *
 * Returns ERROR_NONE also when nothing could be moved; ERROR_RESET or another
 * error with errno when one of the two is broken; ERROR_MEMORY.
 */
enum error relay_copy_step(struct relay_copy *copy);

/* At the end of from, when all is written: end the sending side of to. At any
 * other time it does nothing. */
void relay_copy_tell(struct relay_copy *copy);

/* Give the buffer back, whatever is in it. */
void relay_copy_end(struct relay_copy *copy);

#endif
