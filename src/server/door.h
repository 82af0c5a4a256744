/*
 * door - the public listener of a tunnel, and the visitors that wait behind it.
 *
 * Takes visitors, gives each to a spare or lets it wait in pending, announces
 * those who wait to the client that is connected, and drops those who have waited
 * too long, who have left, or for whom there is no room.
 *
 * Threads: the tunnel's alone, but for door_readmit().
 */
#ifndef REBORE_SERVER_DOOR_H
#define REBORE_SERVER_DOOR_H

#include <poll.h>
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

/* What door_poll() fills. */
#define DOOR_SLOTS LISTEN_SOCKETS

/* Fields are private. */
struct door {
	struct server_state *server;
	struct tunnel *tunnel; /* for those who give a visitor back */
	struct spares *spares;
	uint16_t port;
	struct listener listener;
	struct share *share; /* of all descriptors */
	struct pending_group visitors;
	struct link *link; /* to whom they are announced; NULL: to nobody */
	/* Of the client that was connected last, references. */
	struct principal *principal;
	struct pulse *pulse;
	int64_t rest_ms;   /* until when nobody is accepted; 0: now */
	int64_t sweep_ms;  /* when those who have left are looked for */
	int64_t silent_ms; /* none had ended in silence: look again then */
	bool is_useful;    /* there were visitors */
	bool is_holding;   /* whoever waits is kept, whatever happens */
};

/*
 * listener: of port; the door's on success. tunnel: kept, without a reference.
 * spares: of its client; kept.
 * Returns false when there is no memory; then nothing is to be closed.
 */
bool door_open(struct door *door, struct server_state *server,
    struct tunnel *tunnel, struct spares *spares,
    const struct listener *listener, uint16_t port);

/* Let nobody in any more. Those who wait stay. Legal on one that is closed. */
void door_close(struct door *door);

/* The server stops: close, and keep those who wait until door_destroy(). */
void door_hold(struct door *door);

/* Drop all who wait, and end. */
void door_destroy(struct door *door);

/*
 * A client is connected: all who wait are announced to it, and are for its
 * principal alone. After what the client has to hear first.
 *
 * link: stays the caller's, until door_detach().
 */
void door_attach(struct door *door, struct link *link);

/* The client is away: those who wait do so for a client to come. */
void door_detach(struct door *door);

/* The client has said that it is this instance: what its data connections tell
 * counts for it. Without memory nothing does. */
void door_follow(struct door *door, const struct uuid *instance);

/* Returns whether the client was heard on its data connections since the last
 * call. */
bool door_take_pulse(struct door *door);

/* What to poll for; then give that to door_serve(). */
void door_poll(const struct door *door, struct pollfd slots[static DOOR_SLOTS]);

/* Returns when door_serve() or door_sweep() is due, or CLOCK_NEVER. */
int64_t door_due_ms(const struct door *door);

/* Let in who has come, up to a bound: heartbeats must have their turn. */
void door_serve(
    struct door *door, const struct pollfd slots[static DOOR_SLOTS]);

/* Drop who has waited too long, or has left. */
void door_sweep(struct door *door);

/* Announce who has not been announced yet, as far as there is room. */
void door_announce(struct door *door);

/*
 * Let a visitor wait again that a spare did not take.
 *
 * Returns false when it is to give way: it stays the caller's then. Threads: any,
 * up to the end of the tunnel.
 */
bool door_readmit(struct door *door, struct pending_visitor *visitor);

/* Returns how many wait. */
unsigned door_count(const struct door *door);

/* Whether there were visitors. */
bool door_is_useful(const struct door *door);

#endif
