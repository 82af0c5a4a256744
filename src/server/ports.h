/*
 * ports - chooses and opens the public port of a tunnel.
 *
 * Which ports our own tunnels have is known (port_memory.h), and those of others are
 * remembered once they were met: a port that is not free costs no system call.
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
	/* Set before other threads come, then read-only. */
	struct address address;
	struct ports_range range;
	struct port_memory *port_memory;
	uint16_t control;

	struct lock lock; /* before that of port_memory */
	/* Under lock. A set: who had them was none of ours when we asked. */
	uint64_t taken[PORT_MEMORY_WORDS];
	/* Behind which port of them the next question goes. */
	uint16_t asked_again;
};

/*
 * address: where to listen; its port is ignored.
 * port_memory: what our own tunnels have, and what is kept for clients that may
 * return.
 */
void ports_init(struct ports *ports, const struct address *address,
    const struct ports_range *range, struct port_memory *port_memory);
void ports_destroy(struct ports *ports);

/* Never give the number of the control port to a client: also where public ports
 * are on another address it would be taken for it. Before other threads come. */
void ports_keep_control(struct ports *ports, uint16_t port);

/*
 * Listen on a public port.
 *
 * asked: the port, or 0: any that is free, at random; as far as there is one
 * that is neither the system's to give to outgoing connections nor reserved for
 * a client that may return.
 * listener: on success the caller's to close; else without sockets.
 * given: on success the port.
 * Returns ERROR_INVALID: asked is not in range; ERROR_IN_USE; ERROR_DENIED;
 * else as listen_open(). For any port ERROR_IN_USE says that none is free.
 * Threads: any.
 */
enum error ports_open(struct ports *ports, uint16_t asked,
    struct listener *listener, uint16_t *given);

/* Returns what a server of bore says of such an error, a constant. */
const char *ports_refusal(enum error error, uint16_t asked);

#endif
