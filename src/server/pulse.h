/*
 * pulse - whether a client has been heard on its data connections.
 *
 * Shared by a tunnel and the visitors that its client serves, which may outlive
 * the tunnel. Relays set the mark when bytes arrive from the client, and the
 * tunnel's thread takes it now and then: a client whose uplink is saturated by
 * a download may not get a heartbeat through for seconds, while the download
 * itself arrives.
 */
#ifndef REBORE_SERVER_PULSE_H
#define REBORE_SERVER_PULSE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/uuid.h"

/* Fields are private, except for the address of heard. */
struct pulse {
	/* Read-only. */
	struct uuid instance;

	atomic_uint references;
	/* Set by relays, cleared by pulse_take(). */
	atomic_bool heard;
};

/* Returns the pulse of an instance, with one reference, or NULL when out of
 * memory. */
struct pulse *pulse_create(const struct uuid *instance);

/* Whether it belongs to this instance. NULL is legal and does not. */
bool pulse_is_of(const struct pulse *pulse, const struct uuid *instance);

/* Take or release a reference. NULL is legal. Threads: any. */
struct pulse *pulse_hold(struct pulse *pulse);
void pulse_release(struct pulse *pulse);

/* The client was heard. NULL is legal. Threads: any. */
void pulse_beat(struct pulse *pulse);

/* Returns whether the client was heard since the last call. NULL is legal:
 * false. */
bool pulse_take(struct pulse *pulse);

#endif
