/*
 * handout - gives a visitor to a spare and waits until the client has taken it.
 *
 * Connection(uuid) is written to the spare, followed by the visitor's bytes.
 * Those are also kept until the client answers Taken. Without that answer the
 * visitor returns to its tunnel together with its bytes, and is announced on
 * the control connection like any other. If Taken arrives late, as it does
 * after a short outage of the path, and no data connection has accepted the
 * visitor meanwhile, the visitor is served over the spare. See
 * rebore-protocol(7), SPARES.
 */
#ifndef REBORE_SERVER_HANDOUT_H
#define REBORE_SERVER_HANDOUT_H

#include "server/server_state.h"
#include "server/spares.h"

/* An object of server_state->handouts. */
struct handout_order {
	struct server_state *server;
	struct tunnel *tunnel; /* a reference */
	struct pending_visitor *visitor;
	struct spare spare;
	uint32_t rtt_ms; /* of the control connection */
	bool begun;      /* Connection has been written */
	bool visitor_ended;
	/* Bytes read from the visitor (a buffer), how many there are, and how
	 * many were written to the spare. */
	char *read_ahead;
	uint32_t size;
	uint32_t sent;
};

/*
 * Serve a visitor over a spare, in a thread of the thread pool.
 *
 * visitor, spare: taken on success.
 * rtt_ms: the round trip of the control connection; 0: not known.
 * Returns an error when out of memory. If there is no thread, ERROR_NONE is
 * returned and the visitor is dropped with a warning: the client already knows
 * of it.
 */
enum error handout_start(struct server_state *server, struct tunnel *tunnel,
    struct pending_visitor *visitor, const struct spare *spare,
    uint32_t rtt_ms);

#endif
