/*
 * stream_worker - a thread of the client with a data connection that carries
 * streams (stream/stream.h), one after the other.
 *
 * It opens the data connection, and waits for OPEN; then it connects to the
 * local service, relays, and waits for the next one. A stream whose data
 * connection breaks goes on over another, which its thread dials.
 *
 * Threads: any, for what is not said otherwise.
 */
#ifndef REBORE_CLIENT_STREAM_WORKER_H
#define REBORE_CLIENT_STREAM_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/uuid.h"
#include "client/worker_shared.h"
#include "net/address.h"
#include "net/roster.h"
#include "stream/stream_directory.h"

/* What a visitor has outside its thread's stack, of which more than a page would
 * be in use otherwise. */
struct stream_seat {
	struct stream_entry entry;
	struct roster_entry place; /* among spares, then among visitors */
	struct address local; /* of the service; length 0: not connected yet */
	int64_t start_ms;
	int64_t call_ms; /* when to dial the service again; CLOCK_NEVER */
};

/* Run one until its data connection has ended, or the session is over. It
 * counts as a spare of the session while it waits for OPEN.
 *
 * seat: used until this returns; the calling thread allocates no memory. */
void stream_worker_run(struct worker_shared *shared,
    struct worker_session *session, struct stream_seat *seat);

#endif
