/*
 * door - the public listener of a tunnel, and the visitors that wait behind it.
 *
 * Accepts visitors, gives each to a spare or lets it wait in pending, announces
 * waiting visitors to the connected client, and drops those that have waited
 * too long, have left, or find no room.
 *
 * Threads: only the tunnel's, except for door_readmit().
 */
#ifndef REBORE_SERVER_DOOR_H
#define REBORE_SERVER_DOOR_H

#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/uuid.h"
#include "net/listen.h"
#include "server/link.h"
#include "server/pending.h"
#include "server/pulse.h"
#include "server/server_state.h"
#include "server/spares.h"
#include "server/tunnel_calls.h"

/* The number of slots that door_poll() fills. */
#define DOOR_SLOTS LISTEN_SOCKETS

/* Fields are private. */
struct door {
	struct server_state *server;
	struct tunnel *tunnel; /* whom handouts give visitors back to */
	struct spares *spares;
	uint16_t port;
	struct listener listener;
	struct share *share; /* the tunnel's, of all descriptors */
	struct pending_group visitors;
	/* The client that visitors are announced to; NULL: it is away. */
	struct link *link;
	/* References, of the client that was connected last. */
	struct principal *principal;
	struct pulse *pulse;
	/* Until when no visitor is accepted; 0: accept now. */
	int64_t rest_ms;
	int64_t sweep_ms;   /* when to look for those who have left */
	int64_t visitor_ms; /* when the last visitor came */
	/* Data connections requested with Dial that have not arrived, and when
	 * they were requested. */
	unsigned asked;
	int64_t asked_ms;
	/* When visitors have waited long enough to request more; 0: none
	 * waits. */
	int64_t grow_ms;
	atomic_uint seeking; /* door_seek() */
	atomic_uint arrived; /* data connections; door_arrive() */
	/* No silent visitor was found; search again at this time. */
	int64_t silent_ms;
	bool is_useful;  /* a visitor has been admitted */
	bool is_holding; /* the server stops: drop no visitor that waits */
};

/*
 * listener: listens on port; the door's on success.
 * tunnel, spares: must outlive the door.
 * Returns false when out of memory; nothing has to be closed then.
 */
bool door_open(struct door *door, struct server_state *server,
    struct tunnel *tunnel, struct spares *spares,
    const struct listener *listener, uint16_t port);

/* Accept no more visitors. Those who wait stay. May be called again. */
void door_close(struct door *door);

/* The server stops: close, and let those who wait stay until door_destroy(). */
void door_hold(struct door *door);

/* Drop all who wait, and end. */
void door_destroy(struct door *door);

/*
 * A client has connected: announce all waiting visitors to it, and let only its
 * principal accept them. Call it after queueing what the client must read
 * first.
 *
 * link: remains the caller's, and must live until door_detach().
 */
void door_attach(struct door *door, struct link *link);

/* The client is away: visitors wait for one to come. */
void door_detach(struct door *door);

/* The client has announced this instance: traffic on the data connections of
 * its visitors counts as a sign of life. Without memory it does not. */
void door_follow(struct door *door, const struct uuid *instance);

/* Returns whether the client was heard on its data connections since the last
 * call. */
bool door_take_pulse(struct door *door);

/* What to poll for; pass the result to door_serve(). */
void door_poll(const struct door *door, struct pollfd slots[static DOOR_SLOTS]);

/* Returns when door_serve() or door_sweep() is due, or CLOCK_NEVER. */
int64_t door_due_ms(const struct door *door);

/* Accept visitors, a bounded number at a time so that heartbeats have their
 * turn. */
void door_serve(
    struct door *door, const struct pollfd slots[static DOOR_SLOTS]);

/* Drop visitors that have waited too long or have left. */
void door_sweep(struct door *door);

/* Announce visitors that are not announced yet, as far as the link has room. */
void door_announce(struct door *door);

/*
 * Let a visitor wait again that was given to a spare and not taken.
 *
 * Returns false when the visitor has to give way; it remains the caller's then.
 * Threads: any, until the tunnel ends.
 */
bool door_readmit(struct door *door, struct pending_visitor *visitor);

/* Returns the visitor that has waited longest, which is the caller's, or NULL.
 * Threads: any, until the tunnel ends. */
struct pending_visitor *door_take_visitor(struct door *door);

/* An idle data connection has come. Threads: any, until door_destroy(). */
void door_arrive(struct door *door);

/* A visitor that has lost its data connection before the client took it seeks
 * another one, or does so no longer: the client is asked for one as for a
 * visitor that waits. Threads: any, until door_destroy(). */
void door_seek(struct door *door, bool seeks);

/* Returns how many visitors wait. Threads: any, until the tunnel ends. */
unsigned door_count(const struct door *door);

/* Whether a visitor has been admitted. */
bool door_is_useful(const struct door *door);

#endif
