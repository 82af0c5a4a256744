/*
 * room - makes room for newcomers when descriptors are short.
 *
 * What gives way, in this order: the spares of all clients; a lease for which
 * no visitor waits; a visitor (shares.h says which). The log says who gave way.
 */
#ifndef REBORE_SERVER_ROOM_H
#define REBORE_SERVER_ROOM_H

#include <stdbool.h>
#include <stdint.h>

#include "os/wakeup.h"
#include "server/server_state.h"

/* A lease that may give way, as room sees its tunnel. */
struct room_lease {
	struct share_seat seat; /* entered as a lease (shares.h) */
	/* Read-only: the port, and what wakes the tunnel's thread. That thread
	 * ends the lease, unless its client or a visitor comes first. */
	uint16_t port;
	const struct wakeup *wakeup;
};

/*
 * Take BUDGET_VISITOR for a visitor from source, of the tunnel that has share.
 *
 * May wait ROOM_WAIT_MS for others to leave. Returns false when it is the
 * newcomer that has to give way.
 */
bool room_for_visitor(
    struct server_state *server, const struct share *share, uint64_t source);

/* Take BUDGET_TUNNEL for a new tunnel; otherwise as room_for_visitor(). */
bool room_for_tunnel(struct server_state *server);

#define ROOM_WAIT_MS 250

#endif
