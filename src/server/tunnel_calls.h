/*
 * tunnel_calls - the operations of a tunnel that lower modules use.
 *
 * The registry, handouts and others hold tunnels without including tunnel.h,
 * which includes them. tunnel.c has the only table.
 */
#ifndef REBORE_SERVER_TUNNEL_CALLS_H
#define REBORE_SERVER_TUNNEL_CALLS_H

#include <stdbool.h>
#include <stdint.h>

struct pending_visitor;
struct tunnel;

/* Threads: any. */
struct tunnel_calls {
	/* Take or release a reference. */
	void (*hold)(struct tunnel *tunnel);
	void (*release)(struct tunnel *tunnel);

	/* Let a visitor wait in the tunnel again that was given to a spare and
	 * not taken. Returns false when the tunnel has ended; visitor remains
	 * the caller's then. */
	bool (*readmit)(struct tunnel *tunnel, struct pending_visitor *visitor);

	/* The spare with this serial number did not answer: close the older
	 * ones. */
	void (*condemn_spares)(struct tunnel *tunnel, uint32_t serial);

	/* Close the spares of the tunnel: descriptors are short. */
	void (*shed_spares)(struct tunnel *tunnel);
};

#endif
