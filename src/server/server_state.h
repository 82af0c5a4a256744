/*
 * server_state - what all threads of a server share.
 *
 * Created by server_start() before the first thread, destroyed after the last.
 */
#ifndef REBORE_SERVER_SERVER_STATE_H
#define REBORE_SERVER_SERVER_STATE_H

#include "net/crowd.h"
#include "net/roster.h"
#include "os/budget.h"
#include "os/object_cache.h"
#include "os/thread_pool.h"
#include "os/wakeup.h"
#include "server/notices.h"
#include "server/penalties.h"
#include "server/pending.h"
#include "server/port_memory.h"
#include "server/ports.h"
#include "server/registry.h"
#include "server/server_options.h"
#include "server/shares.h"
#include "stream/stream_directory.h"
#include "stream/stream_outage.h"
#include "stream/stream_tombstones.h"
#include "wire/keyring.h"

struct server_state {
	/* Set before the first thread starts, then read-only. */
	const struct server_options *options; /* the caller's */
	bool has_secret; /* clients must authenticate with one of keys */
	const struct tunnel_calls *tunnels;
	struct thread_pool *threads;
	unsigned spares_most; /* per client */

	/* The server stops: clients are sent a Bye, and no visitors are
	 * accepted. */
	atomic_bool stopping;
	/* How many tunnels there were at that time; set before stopping. */
	unsigned leaving;
	/* The drain is over: tunnels end, and drop the visitors that still
	 * wait. */
	atomic_bool ending;

	/* Whoever raises the count from 0 wakes the janitor through opened. */
	atomic_uint tunnels_now;
	struct wakeup opened;

	/* Each with a lock of its own. */
	struct shares shares;
	struct pending pending;
	struct registry registry;
	struct keyring keys; /* none without a secret */
	struct port_memory port_memory;
	struct ports ports;
	/* Connections that have not named their role yet. */
	struct crowd silent;
	struct notices notices;
	/* Proxied connections. */
	struct roster active;
	/* Visitors whose connections outlive their data connection, and those
	 * that have ended. */
	struct stream_directory streams;
	struct stream_tombstones tombstones;
	struct stream_outage outage;
	/* Control connections that are being given a port (port_claim.h). */
	struct roster claiming;
	/* For sessions and handouts, which define what is in them; and struct
	 * pending_visitor. */
	struct object_cache sessions;
	struct object_cache handouts;
	struct object_cache stream_orders;
	struct object_cache visitors;

	struct lock lock;
	/* Under lock. */
	struct penalties penalties;
	int64_t reclaimed_ms;
};

/* Give back memory that was not used since the last call. */
void server_state_tidy(struct server_state *server);

/* Whether a newcomer may take over from a holder: both have authenticated or,
 * without a secret, both come from the same address. */
bool server_state_trusts(const struct principal *holder,
    const struct address *holder_address, const struct principal *newcomer,
    const struct address *newcomer_address);

/* Take descriptors from the budget, closing spares if there are too few.
 * Returns false when that is not enough. */
bool server_state_take(struct server_state *server, unsigned count);

/* Close the spares of all clients and the idle pipes, at most once a second. */
void server_state_reclaim(struct server_state *server);

/*
 * Warn that something was turned away. The same text is logged once a minute.
 *
 * why: for people, with the system's text of the error.
 */
void server_state_warn_shed(struct server_state *server, const char *why);

#endif
