/*
 * tunnel - joins a public port (door.h), the control connection of its client,
 * if there is one (link.h), and the state of its holder (lease.h).
 *
 * Its thread polls the control connection, the public listener and a wake-up,
 * and reports events to the lease. A tunnel whose client has announced itself
 * outlives its control connection by the length of a lease. See
 * rebore-protocol(7), LEASES.
 */
#ifndef REBORE_SERVER_TUNNEL_H
#define REBORE_SERVER_TUNNEL_H

#include <stdint.h>

#include "net/listen.h"
#include "net/transport.h"
#include "server/lease.h"
#include "server/link.h"
#include "server/server_state.h"
#include "server/tunnel_calls.h"

struct tunnel;

/*
 * Create a tunnel that belongs to link.
 *
 * listener: of the public port; the tunnel's on success.
 * link: the tunnel's on success.
 * Returns the tunnel with one reference, or NULL when out of memory or
 * descriptors.
 */
struct tunnel *tunnel_create(struct server_state *server,
    const struct listener *listener, uint16_t port, struct link *link);

/* Take or release a reference. */
void tunnel_hold(struct tunnel *tunnel);
void tunnel_release(struct tunnel *tunnel);

/*
 * Run the tunnel: send the client its port, and serve until the client is gone
 * and its lease is over, or the server stops. Takes the reference.
 *
 * The tunnel must be in the registry, and is removed from it here.
 */
void tunnel_run(struct tunnel *tunnel);

/*
 * Judge whether a newcomer, which has authenticated, may have the port of this
 * tunnel. If so, hand it over with tunnel_hand_over(). A holder that is found
 * dead and has no lease is made to end. Threads: any.
 *
 * attempt: set to the highest known of the holder's instance; 0: none.
 */
enum lease_verdict tunnel_judge(
    struct tunnel *tunnel, const struct link *newcomer, uint64_t *attempt);

/*
 * Give the tunnel a new link; the old one is sent a Bye and closed.
 *
 * Returns false when the tunnel has ended meanwhile; link remains the caller's
 * then. Threads: any.
 */
bool tunnel_hand_over(struct tunnel *tunnel, struct link *link);

/*
 * Give the tunnel a spare of its client.
 *
 * principal: whose it is.
 * Returns false when no more are accepted, or none of this principal; the
 * transport remains the caller's then. Threads: any.
 */
bool tunnel_add_spare(struct tunnel *tunnel, struct transport transport,
    const struct principal *principal, bool is_local);

/* Whether a visitor waits for an idle data connection. */
bool tunnel_wants_spare(struct tunnel *tunnel);

/* Make its thread look at the state of the server; for registry_visit().
 * Threads: any. */
void tunnel_wake(struct tunnel *tunnel, void *unused);

/* The operations that lower modules use. */
extern const struct tunnel_calls tunnel_calls;

#endif
