/*
 * announcement - what a server tells its client about a visitor.
 *
 * A plain value. The server fills in all that it knows; what the protocol has
 * no field for arrives as unknown. See rebore-protocol(7), Connection.
 */
#ifndef REBORE_WIRE_ANNOUNCEMENT_H
#define REBORE_WIRE_ANNOUNCEMENT_H

#include <stdint.h>

#include "base/uuid.h"
#include "net/address.h"

/* With the NUL. */
#define ANNOUNCEMENT_TUNNEL_SIZE 32

struct announcement {
	/* The visitor's name, known to the two ends of the tunnel alone. */
	struct uuid uuid;
	/* Where the visitor comes from; length 0: unknown. */
	struct address visitor;
	/* The public port that it came to; 0: unknown. */
	uint16_t public_port;
	/* The tunnel's name; "": unknown. */
	char tunnel[ANNOUNCEMENT_TUNNEL_SIZE];
};

#endif
