/*
 * server_state - what all threads of a server share.
 *
 * Made by server_start() before the first thread, gone after the last.
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
#include "wire/keyring.h"

struct server_state {
	/* Set before the first thread starts, then read-only. */
	const struct server_options *options; /* the caller's */
	bool has_secret; /* that clients must prove: one of keys */
	const struct tunnel_calls *tunnels;
	struct thread_pool *threads;
	unsigned spares_most; /* of one client */

	/* The server stops: clients are told, and no visitors are let in. */
	atomic_bool stopping;
	/* How many tunnels there were then; set before stopping is. */
	unsigned leaving;
	/* The drain is over: tunnels end, and drop whoever still waits. */
	atomic_bool ending;

	/* Whoever makes the count more than 0 sends opened, to the janitor. */
	atomic_uint tunnels_now;
	struct wakeup opened;

	/* Each with a lock of its own. */
	struct shares shares;
	struct pending pending;
	struct registry registry;
	struct keyring keys; /* none without a secret */
	struct port_memory port_memory;
	struct ports ports;
	/* Connections that have not said yet what they are for. */
	struct crowd silent;
	struct notices notices;
	/* Proxied connections. */
	struct roster active;
	/* Control connections that ask for a port (port_claim.h). */
	struct roster claiming;
	/* For sessions and handouts, which define what is in them; and struct
	 * pending_visitor. */
	struct object_cache sessions;
	struct object_cache handouts;
	struct object_cache visitors;

	struct lock lock;
	/* Under lock. */
	struct penalties penalties;
	int64_t reclaimed_ms;
};

/* Give back memory that was not wanted since the last call. */
void server_state_tidy(struct server_state *server);

/* Whether a newcomer may have what a holder has left: both have proved a secret,
 * or both come from the same address where there is none. */
bool server_state_trusts(const struct principal *holder,
    const struct address *holder_address, const struct principal *newcomer,
    const struct address *newcomer_address);

/* Take descriptors from the budget; if there are too few, those of spares. Returns
 * false when that is not enough. */
bool server_state_take(struct server_state *server, unsigned count);

/* Give the spares of all clients up, and the pipes that are kept, once in a
 * while. */
void server_state_reclaim(struct server_state *server);

/*
 * Warn that something was turned away. The same text is logged once a minute.
 *
 * why: for people, with the system's text of the error.
 */
void server_state_warn_shed(struct server_state *server, const char *why);

#endif
