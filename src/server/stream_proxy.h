/*
 * stream_proxy - serves visitors on data connections that carry streams
 * (stream/stream.h), one after the other.
 *
 * A thread of the pool serves a visitor on an idle data connection. When the
 * stream has ended both ways, the thread goes on with the next visitor that
 * waits; if there is none it makes the data connection idle again and ends.
 */
#ifndef REBORE_SERVER_STREAM_PROXY_H
#define REBORE_SERVER_STREAM_PROXY_H

#include "base/error.h"
#include "net/roster.h"
#include "net/transport.h"
#include "server/server_state.h"
#include "server/spares.h"
#include "stream/stream_directory.h"

/* An object of server_state->stream_orders. */
struct stream_order {
	struct server_state *server;
	struct tunnel *tunnel; /* a reference */
	struct pending_visitor *visitor;
	struct spare spare;
	uint32_t rtt_ms;
	uint32_t resume_ms;
	/* Of the visitor that is being served; not on its thread's stack, of
	 * which more than a page would be in use otherwise. */
	struct stream_entry entry;
	struct roster_entry place;
};

/*
 * Serve a visitor, in a thread of the pool.
 *
 * visitor, spare: taken on success; spare with its place in the budget.
 * rtt_ms: the round trip of the control connection; 0: unknown.
 * resume_ms: how long the stream may be interrupted.
 * Returns ERROR_MEMORY or ERROR_RESOURCES with errno: nothing was taken.
 */
enum error stream_proxy_start(struct server_state *server,
    struct tunnel *tunnel, struct pending_visitor *visitor,
    const struct spare *spare, uint32_t rtt_ms, uint32_t resume_ms);

/* Answer RESUME for a stream that does not exist: tell the client how it has
 * ended, and close the data connection. Does not wait. */
void stream_proxy_answer(struct server_state *server, struct transport *data,
    const struct stream_resume *resume);

#endif
