/*
 * session - one connection to the control port, until its role is known.
 *
 * Authenticates it, reads its first message, and becomes a tunnel (tunnel.h) or
 * a proxied connection (proxy.h), or gives its connection away: to a tunnel as
 * an idle data connection, or to a stream that resumes. Whatever a peer can delay happens here, in a
 * thread of its own, under a deadline. See rebore-protocol(7).
 */
#ifndef REBORE_SERVER_SESSION_H
#define REBORE_SERVER_SESSION_H

#include "net/address.h"
#include "net/transport.h"
#include "server/server_state.h"

/* An object of server_state->sessions. */
struct session_order {
	struct server_state *server;
	struct transport transport;
	struct address address;
	struct uuid challenge; /* the one that was sent, if there is a secret */
};

/*
 * Start the session of an accepted connection.
 *
 * transport: taken, also on failure.
 */
void session_start(struct server_state *server, struct transport transport,
    const struct address *peer);

#endif
