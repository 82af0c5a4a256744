/*
 * handout - gives a visitor to a spare, and sees to it that it is taken.
 *
 * Connection(uuid) goes out on the spare, and what the visitor sends right
 * behind it; all of that is kept until the client says Taken. Without that, the
 * visitor goes back to its tunnel, with what it has sent, and is announced on
 * the control connection like any other. If Taken comes after all, as it does
 * when the path was away for a moment, and nobody has accepted the visitor yet,
 * it is served over the spare. See rebore-protocol(7), SPARES.
 */
#ifndef REBORE_SERVER_HANDOUT_H
#define REBORE_SERVER_HANDOUT_H

#include "server/server_state.h"
#include "server/spares.h"

/* What a server's cache of handouts holds. */
struct handout_order {
	struct server_state *server;
	struct tunnel *tunnel; /* a reference */
	struct pending_visitor *visitor;
	struct spare spare;
	uint32_t rtt_ms; /* of the control connection */
	bool begun;      /* Connection is written */
	bool visitor_ended;
	/* A buffer: what the visitor has sent, and how much of it is sent on. */
	char *kept;
	uint32_t size;
	uint32_t sent;
};

/*
 * Serve a visitor over a spare, in a thread of the thread pool.
 *
 * visitor, spare: taken on success.
 * rtt_ms: the round trip of the control connection; 0: not known.
 * Returns an error when there is no memory for it. Where there is no thread, the
 * client has heard of the visitor already: it is dropped, with a warning.
 */
enum error handout_start(struct server_state *server, struct tunnel *tunnel,
    struct pending_visitor *visitor, const struct spare *spare,
    uint32_t rtt_ms);

#endif
