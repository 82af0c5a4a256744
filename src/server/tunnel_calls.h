/*
 * tunnel_calls - what the modules below the tunnel ask of one.
 *
 * The registry, a handout and others keep tunnels without knowing what a tunnel
 * is; the one table of these functions is tunnel.c's, so that no module includes
 * what includes it.
 */
#ifndef REBORE_SERVER_TUNNEL_CALLS_H
#define REBORE_SERVER_TUNNEL_CALLS_H

#include <stdbool.h>
#include <stdint.h>

struct pending_visitor;
struct tunnel;

/* Threads: any. */
struct tunnel_calls {
	/* Take or give back a reference. */
	void (*hold)(struct tunnel *tunnel);
	void (*release)(struct tunnel *tunnel);

	/* Let a visitor wait in the tunnel again that a spare did not take.
	 * Returns false when the tunnel has ended; visitor stays the caller's
	 * then. */
	bool (*readmit)(struct tunnel *tunnel, struct pending_visitor *visitor);

	/* A spare with this serial number did not answer: close those as old. */
	void (*condemn_spares)(struct tunnel *tunnel, uint32_t serial);

	/* Close the spares of the tunnel: descriptors are short. */
	void (*shed_spares)(struct tunnel *tunnel);
};

#endif
