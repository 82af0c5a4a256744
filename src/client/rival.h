/*
 * rival - the handshake of a second control connection, in a thread of its own,
 * while the server is silent on the first.
 *
 * Belongs to the control thread; control_state decides what follows from it.
 */
#ifndef REBORE_CLIENT_RIVAL_H
#define REBORE_CLIENT_RIVAL_H

#include <pthread.h>
#include <stdbool.h>

#include "client/handshake.h"
#include "net/roster.h"
#include "os/wakeup.h"

/* Fields are private, except for handshake. While rival_is_running(), the
 * handshake is the thread's alone, apart from the functions that handshake.h
 * allows any thread to call. */
struct rival {
	struct handshake *handshake;
	bool has_thread;
	pthread_t thread;
	/* sent by the thread when it ends */
	struct wakeup done;
	/* ends the handshake, together with the roster */
	struct wakeup stop;
	struct roster roster;
};

/*
 * Dial a second connection to the address of `beside`, and ask for the same
 * port.
 *
 * handshake: set as for handshake_run(); used by the thread until rival_join().
 * Returns whether the thread was started; if not, there is nothing to join.
 */
bool rival_start(struct rival *rival, struct handshake *handshake,
    const struct handshake *beside);

/* Returns whether there is a thread that has not been joined. */
bool rival_is_running(const struct rival *rival);

/* Returns a descriptor that is readable (POLLIN) when rival_join() will not
 * wait; -1 if no rival is running. */
int rival_done_fd(const struct rival *rival);

/* End the attempt at once, whatever it waits for. */
void rival_interrupt(struct rival *rival);

/*
 * Wait for the thread to end; then handshake has the result. Does nothing if no
 * rival is running.
 *
 * On HANDSHAKE_DONE the connection is entered in the rival's own roster, which
 * rival_release() ends.
 */
void rival_join(struct rival *rival);

/* Call this after rival_join() of a rival that was granted the port, once its
 * connection is entered in another roster or closed. */
void rival_release(struct rival *rival);

#endif
