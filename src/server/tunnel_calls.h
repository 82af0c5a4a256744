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

#include "base/uuid.h"

struct pending_visitor;
struct spare;
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

	/* Take an idle data connection. Returns false when there is none. */
	bool (*take_spare)(struct tunnel *tunnel, struct spare *spare);

	/* A visitor that was not taken seeks another data connection, or does
	 * so no longer. */
	void (*seek)(struct tunnel *tunnel, bool seeks);

	/* Returns a visitor that waits for a data connection such as this one,
	 * whose session still is that of the tunnel; or NULL. It is the
	 * caller's. */
	struct pending_visitor *(*next_visitor)(
	    struct tunnel *tunnel, const struct spare *spare);

	/* A data connection is idle again: keep it, or close it. */
	void (*reuse)(struct tunnel *tunnel, struct spare *spare);

	/* Tell the client, if there is one, that a stream has lost the data
	 * connection of this attempt. */
	void (*say_lost)(
	    struct tunnel *tunnel, const struct uuid *id, uint32_t attempt);

	/* Close the spares of the tunnel: descriptors are short. */
	void (*shed_spares)(struct tunnel *tunnel);
};

#endif
