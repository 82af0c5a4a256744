/*
 * ports - chooses and opens the public port of a tunnel.
 */
#ifndef REBORE_SERVER_PORTS_H
#define REBORE_SERVER_PORTS_H

#include <stdint.h>

#include "base/error.h"
#include "net/address.h"
#include "net/listen.h"
#include "server/grants.h"

/* The public ports that clients may have. */
struct ports_range {
	uint16_t min;
	uint16_t max;
};

/*
 * Listen on a public port.
 *
 * address: where to listen; its port is ignored.
 * asked: the port, or 0: any that is free, at random; as far as there is one
 * that is neither the system's to give to outgoing connections nor reserved for
 * a client that may return.
 * listener: as of listen_open().
 * given: on success the port.
 * Returns ERROR_INVALID: asked is not in range; ERROR_IN_USE; ERROR_DENIED;
 * else as listen_open(). For any port ERROR_IN_USE says that none is free.
 */
enum error ports_open(const struct address *address,
    const struct ports_range *range, struct grants *grants, uint16_t asked,
    struct listener *listener, uint16_t *given);

/* Returns what a server of bore says of such an error, a constant. */
const char *ports_refusal(enum error error, uint16_t asked);

#endif
