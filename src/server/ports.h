/*
 * ports - chooses and opens the public port of a tunnel.
 *
 * The ports of our own tunnels are known (port_memory.h), and those of others
 * are remembered once they were met: skipping a port that is not free costs no
 * system call.
 */
#ifndef REBORE_SERVER_PORTS_H
#define REBORE_SERVER_PORTS_H

#include <stdint.h>

#include "base/error.h"
#include "net/address.h"
#include "net/listen.h"
#include "os/lock.h"
#include "server/port_memory.h"

/* The public ports that clients may have. */
struct ports_range {
	uint16_t min;
	uint16_t max;
};

/* Fields are private. */
struct ports {
	/* Set before other threads start, then read-only. */
	struct address address;
	struct ports_range range;
	struct port_memory *port_memory;
	uint16_t control;

	struct lock lock; /* ranks before that of port_memory */
	/* Under lock. The set of ports that somebody else had when they were
	 * last tried. */
	uint64_t taken[PORT_MEMORY_WORDS];
	/* The port of that set that was last tried again. */
	uint16_t asked_again;
};

/*
 * address: where to listen; its port is ignored.
 * port_memory: the ports of our tunnels, and those reserved for clients that
 * may return.
 */
void ports_init(struct ports *ports, const struct address *address,
    const struct ports_range *range, struct port_memory *port_memory);
void ports_destroy(struct ports *ports);

/* Never give the number of the control port to a client: even on another
 * address it would be mistaken for it. Call before other threads start. */
void ports_keep_control(struct ports *ports, uint16_t port);

/*
 * Listen on a public port. Threads: any.
 *
 * asked: the port. 0: any free one, at random; if possible one outside the
 * system's range for outgoing connections that is not reserved for a client
 * that may return.
 * listener: on success the caller's to close; else without sockets.
 * given: on success the port.
 * Returns ERROR_INVALID when asked is not in range; ERROR_IN_USE; ERROR_DENIED;
 * else as listen_open(). If any port was asked for, ERROR_IN_USE means that
 * none is free.
 */
enum error ports_open(struct ports *ports, uint16_t asked,
    struct listener *listener, uint16_t *given);

/* Returns the text that a server of bore sends for such an error, a
 * constant. */
const char *ports_refusal(enum error error, uint16_t asked);

#endif
