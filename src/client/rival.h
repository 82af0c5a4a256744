/*
 * rival - the handshake of a second control connection, in a thread of its own,
 * while the first is silent.
 *
 * Belongs to the control thread; what comes of it is decided in control_state.
 */
#ifndef REBORE_CLIENT_RIVAL_H
#define REBORE_CLIENT_RIVAL_H

#include <pthread.h>
#include <stdbool.h>

#include "client/handshake.h"
#include "net/roster.h"
#include "os/wakeup.h"

/* Fields are private but for handshake, which is the thread's alone while
 * rival_is_running(), except for what handshake.h lets any thread do. */
struct rival {
	struct handshake *handshake;
	bool has_thread;
	pthread_t thread;
	/* Sent by the thread at its end */
	struct wakeup done;
	/* Ends the handshake, together with the roster */
	struct wakeup stop;
	struct roster roster;
};

/*
 * Dial a second connection beside the one of beside, to the same address, and
 * ask for the same port.
 *
 * handshake: set as for handshake_run(); kept, and written by the thread.
 * Returns whether that is under way; if not, there is nothing to join.
 */
bool rival_start(struct rival *rival, struct handshake *handshake,
    const struct handshake *beside);

/* Returns whether there is a thread that has not been joined. */
bool rival_is_running(const struct rival *rival);

/* Returns what to poll for POLLIN: then rival_join() does not wait; -1 where
 * none is running. */
int rival_done_fd(const struct rival *rival);

/* End the attempt at once, whatever it waits for. */
void rival_interrupt(struct rival *rival);

/*
 * Wait for the thread to end; then handshake has the result. Does nothing where
 * none is running.
 *
 * On HANDSHAKE_DONE the connection is entered in a roster of the rival's, which
 * rival_release() ends.
 */
void rival_join(struct rival *rival);

/* After rival_join() of one that was granted, and once its connection is
 * entered elsewhere or closed. */
void rival_release(struct rival *rival);

#endif
