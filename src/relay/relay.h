/*
 * relay - copies both ways between two connections until both directions have
 * ended.
 *
 * An end of file is passed on as one, while the other direction goes on; a
 * reset is passed on as a reset. The relay never waits for one direction while
 * the other could move, so two peers that both write before they read cannot
 * block each other.
 */
#ifndef REBORE_RELAY_RELAY_H
#define REBORE_RELAY_RELAY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/roster.h"
#include "net/transport.h"

/* Set by the caller before relay_run(). */
struct relay {
	/* The data connection, between rebore and rebore. */
	struct transport data;
	/* The visitor on the server, the local service on the client. */
	struct transport end;
	/* Bytes that arrived on the data connection after the last frame, in a
	 * buffer (buffers.h) that relay_run() takes over; NULL: none. */
	char *early;
	size_t early_size;
	/* Bytes that have already been read from the end and go first on the
	 * data connection, likewise in a buffer. */
	char *read_ahead;
	size_t read_ahead_size;
	/* Holds both connections. The relay ends when the entry is
	 * interrupted. */
	const struct roster_entry *entry;
	/* Set whenever bytes from the data connection have been written to the
	 * end. Its owner may clear it. NULL: not set. */
	atomic_bool *carried;

	/* Written by relay_run(): bytes from the data connection to the end,
	 * and back. */
	uint64_t to_end;
	uint64_t to_data;
};

/* How a relay ended. */
enum relay_outcome {
	/* Both directions have ended. */
	RELAY_FINISHED,
	/* The data connection was reset or lost; errno says which. */
	RELAY_DATA_BROKEN,
	/* The end was reset or lost; errno says which. If both were, the
	 * outcome names the one that was noticed first. */
	RELAY_END_BROKEN,
	/* Neither connection is broken, but memory ran out or poll() failed. */
	RELAY_FAILED,
	/* It was interrupted by roster_interrupt_all(). */
	RELAY_INTERRUPTED,
};

/*
 * Copy until both directions have ended, or the relay fails or is interrupted.
 *
 * The caller still owns both transports; unless the outcome is RELAY_FINISHED,
 * closing them resets both connections.
 */
enum relay_outcome relay_run(struct relay *relay);

/* Returns whether the relay ended with a failure, on whichever side. */
bool relay_is_broken(enum relay_outcome outcome);

/* Returns how the log line of a visitor ends, a constant. */
const char *relay_ending(enum relay_outcome outcome);

#endif
