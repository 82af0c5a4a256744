/*
 * port_claim - gives a client the public port that it asks for: a free one, one
 * that it held before, or one whose holder is gone.
 */
#ifndef REBORE_SERVER_PORT_CLAIM_H
#define REBORE_SERVER_PORT_CLAIM_H

#include <stdint.h>

#include "server/link.h"
#include "server/tunnel.h"

/*
 * Find a port for link, which has authenticated. Takes at most 3 s, as the
 * client waits no longer for the answer; a stop of the server ends it early.
 *
 * link: taken in any case.
 * asked: the port that the client wants; 0: any.
 * Returns a new tunnel, for tunnel_run(). NULL: link was handed over to an
 * existing tunnel, was refused, or is gone.
 */
struct tunnel *port_claim(struct link *link, uint16_t asked);

#endif
