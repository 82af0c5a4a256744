/*
 * room - descriptors for who comes, if need be those of others.
 *
 * When they are short there give way, in this order: the spares of all clients;
 * a lease for which nobody waits; a visitor (shares.h says which). The log says
 * who.
 */
#ifndef REBORE_SERVER_ROOM_H
#define REBORE_SERVER_ROOM_H

#include <stdbool.h>
#include <stdint.h>

#include "os/wakeup.h"
#include "server/server_state.h"

/* A lease that may be taken away: what room knows of the tunnel. */
struct room_lease {
	struct share_seat seat; /* entered as a lease (shares.h) */
	/* Read-only: the port, and what wakes the tunnel's thread, which ends the
	 * lease unless its client or a visitor comes first. */
	uint16_t port;
	const struct wakeup *wakeup;
};

/*
 * Take BUDGET_VISITOR for a visitor from source, of the tunnel that has share.
 *
 * May wait ROOM_WAIT_MS for others to leave. Returns false when it is the
 * visitor that has to go.
 */
bool room_for_visitor(
    struct server_state *server, const struct share *share, uint64_t source);

/* Take BUDGET_TUNNEL for a new tunnel; as above. */
bool room_for_tunnel(struct server_state *server);

#define ROOM_WAIT_MS 250

#endif
