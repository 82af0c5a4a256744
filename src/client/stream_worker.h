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

/* Run one until its data connection has ended, or the session is over. It
 * counts as a spare of the session while it waits for OPEN. */
void stream_worker_run(
    struct worker_shared *shared, struct worker_session *session);

#endif
