/*
 * tunnel - joins a public port (door.h), the control connection that it belongs
 * to, or none while its client is away (link.h), and who holds it (lease.h).
 *
 * Its thread polls the control connection, the public listener and a wake-up, and
 * tells the lease what happens. A tunnel whose client has announced itself
 * outlives its control connection for a lease. See rebore-protocol(7), LEASES.
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
 * Make a tunnel that belongs to link.
 *
 * listener: of the public port; the tunnel's on success.
 * link: the tunnel's on success.
 * Returns the tunnel with one reference, or NULL: no memory or descriptor.
 */
struct tunnel *tunnel_create(struct server_state *server,
    const struct listener *listener, uint16_t port, struct link *link);

/* Take or give back a reference. */
void tunnel_hold(struct tunnel *tunnel);
void tunnel_release(struct tunnel *tunnel);

/*
 * Be the tunnel's thread: tell the client its port, and serve until the client
 * is gone and its lease is over, or the server stops. Takes the reference.
 *
 * The tunnel must be in the registry, and leaves it here.
 */
void tunnel_run(struct tunnel *tunnel);

/*
 * Judge whether a newcomer, which has passed authentication, may have the port of
 * this tunnel. One that may is to be given over by tunnel_hand_over(). A holder
 * that is found gone and is not waited for is told to end. Threads: any.
 *
 * attempt: the highest that the tunnel knows of the holder's instance; 0: none.
 */
enum lease_verdict tunnel_judge(
    struct tunnel *tunnel, const struct link *newcomer, uint64_t *attempt);

/*
 * Give the tunnel a new link; its old one is told why and closed.
 *
 * Returns false when the tunnel has ended meanwhile; link stays the caller's
 * then. Threads: any.
 */
bool tunnel_hand_over(struct tunnel *tunnel, struct link *link);

/*
 * Give the tunnel a spare of its client.
 *
 * principal: whose it is.
 * Returns false when none is wanted, or none of principal; the transport stays
 * the caller's then. Threads: any.
 */
bool tunnel_add_spare(struct tunnel *tunnel, struct transport transport,
    const struct principal *principal);

/* Make its thread look at the state of the server; for registry_visit(). Threads:
 * any. */
void tunnel_wake(struct tunnel *tunnel, void *unused);

/* What modules below ask of a tunnel. */
extern const struct tunnel_calls tunnel_calls;

#endif
