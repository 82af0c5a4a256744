/*
 * relay - copies both ways between two connections until both directions have
 * ended.
 *
 * An end of file travels as one (the other direction goes on), a reset as a
 * reset. It never waits for one direction while the other could move, so ends
 * that both write before they read cannot block each other.
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
	/* Bytes that came on the data connection behind the last frame: a buffer
	 * (buffers.h), taken by relay_run(); NULL: none. */
	char *early;
	size_t early_size;
	/* Bytes that were read from the end already, and come first on the data
	 * connection: a buffer likewise. */
	char *kept;
	size_t kept_size;
	/* Of both connections; ends the relay when it is interrupted. */
	const struct roster_entry *entry;
	/* Set whenever bytes of the data connection have been written to the
	 * end; whoever asks may clear it. NULL: nobody asks. */
	atomic_bool *carried;

	/* Written by relay_run(): bytes from the data connection to the end,
	 * and back. */
	uint64_t to_end;
	uint64_t to_data;
};

/* How a relay ended. */
enum relay_outcome {
	/* Both directions came to their end. */
	RELAY_FINISHED,
	/* The data connection was reset or lost; errno says. */
	RELAY_DATA_BROKEN,
	/* The end was reset or lost; errno says. Where both were, the outcome
	 * names the one that was noticed first. */
	RELAY_END_BROKEN,
	/* Neither, but memory ran out, or poll() failed. */
	RELAY_FAILED,
	/* By roster_interrupt_all(). */
	RELAY_INTERRUPTED,
};

/*
 * Copy until the end. Takes as long as the connection lives.
 *
 * Both transports stay the caller's; where the outcome is not RELAY_FINISHED,
 * closing them resets both connections.
 */
enum relay_outcome relay_run(struct relay *relay);

/* Whether the relay ended by a failure, whichever side had it. */
bool relay_is_broken(enum relay_outcome outcome);

/* Returns what the log line of a visitor ends with, a constant. */
const char *relay_ending(enum relay_outcome outcome);

#endif
