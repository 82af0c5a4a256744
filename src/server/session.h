/*
 * session - one connection to the control port, up to the point where its role
 * is known.
 *
 * Authenticates it, reads its first message, and becomes a tunnel (tunnel.h) or
 * a proxied connection (proxy.h). All that a peer can delay happens here, in a
 * thread of its own, under a deadline. See rebore-protocol(7).
 */
#ifndef REBORE_SERVER_SESSION_H
#define REBORE_SERVER_SESSION_H

#include "net/address.h"
#include "net/transport.h"
#include "server/server_state.h"

/* What a server's cache of sessions holds. */
struct session_order {
	struct server_state *server;
	struct transport transport;
	struct address address;
	struct uuid challenge; /* that was sent, where there is a secret */
};

/*
 * Start the session of a connection that was accepted.
 *
 * transport: the session's from then on, also where it cannot be started.
 */
void session_start(struct server_state *server, struct transport transport,
    const struct address *peer);

#endif
