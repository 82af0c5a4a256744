/*
 * tunnel - a public port and the control connection that it belongs to.
 *
 * Runs in the session's thread: polls the control connection and the public
 * listener, sends heartbeats, announces visitors, and drops those that were
 * not accepted in time. See rebore-protocol(7), CONTROL CONNECTION.
 */
#ifndef REBORE_SERVER_TUNNEL_H
#define REBORE_SERVER_TUNNEL_H

#include <stdint.h>

#include "server/context.h"
#include "wire/channel.h"

/*
 * Open the public port, tell the client, and serve until the client ends or is
 * lost, or the server stops; then the port is closed and waiting visitors are
 * reset. Proxied connections go on.
 *
 * channel: stood through the handshake up to Hello. Its descriptor stays the
 * caller's; it is entered in the roster here, so it must not be in another.
 * peer: of the client, for the log.
 * asked: the public port, 0: any.
 */
void tunnel_run(struct context *context, struct channel *channel,
    const char *peer, uint16_t asked);

#endif
