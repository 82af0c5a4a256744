/*
 * claim - gives a client the public port that it asks for: a free one, one that
 * it held before, or one whose holder is gone.
 */
#ifndef REBORE_SERVER_CLAIM_H
#define REBORE_SERVER_CLAIM_H

#include <stdint.h>

#include "server/link.h"
#include "server/tunnel.h"

/*
 * Find a port for link, which has passed authentication. Takes 3 s at most: the
 * client waits for the answer so long.
 *
 * link: taken, whatever comes of it.
 * asked: the port, 0: any.
 * Returns a new tunnel, to be given to tunnel_run(), or NULL: link was handed
 * over to a tunnel that there is, or was refused.
 */
struct tunnel *claim_port(struct link *link, uint16_t asked);

#endif
