/* proxy - one proxied connection on the server's side. */
#ifndef REBORE_SERVER_PROXY_H
#define REBORE_SERVER_PROXY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/uuid.h"
#include "net/transport.h"
#include "server/server_state.h"

/* A visitor and its data connection; proxy_run() closes both. Kept small: it is
 * on the stack for as long as the visitor is connected. */
struct proxy {
	struct server_state *server;
	struct pending_visitor *visitor;
	struct transport data;
	/* What the client has sent behind its last frame, which the visitor
	 * gets first: a buffer (buffers.h). NULL: nothing. */
	char *early;
	size_t early_size;
	/* Its entry in the roster of proxied connections. */
	struct roster_entry entry;
	bool is_entered;
	/* It has not entered the roster yet, but the roster expects it
	 * (roster_expect()), so that a drain waits for it. */
	bool is_expected;
};

/* Log that a visitor was served: how many bytes it sent and got, and how it
 * ended, unless it was sent away for others: a suffix of the line. */
void proxy_log(const struct pending_visitor *visitor, uint64_t in, uint64_t out,
    const char *ending);

/* Relay until both have ended, log it, close and free. */
void proxy_run(struct proxy *proxy);

/* Count a visitor as one that waits for its data connection, or stop counting
 * it. */
void proxy_expect(struct server_state *server, struct pending_visitor *visitor,
    bool expecting);

/* Close and free a visitor that was served, and release its place in the
 * budget. */
void proxy_finish(struct server_state *server, struct pending_visitor *visitor);

/* Reset and free a visitor that will not be served, and release its place in
 * the budget. */
void proxy_drop(struct server_state *server, struct pending_visitor *visitor);

#endif
