/*
 * proxy - one proxied connection on the server's side.
 */
#ifndef REBORE_SERVER_PROXY_H
#define REBORE_SERVER_PROXY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/uuid.h"
#include "net/transport.h"
#include "server/context.h"

/* A visitor and its data connection: both are gone with proxy_run(). Small, as
 * it stays for as long as the visitor does. */
struct proxy {
	struct context *context;
	struct pending_visitor *visitor;
	struct transport data;
	/* What came behind the last frame, and is the first that the visitor
	 * gets: a buffer (buffers.h); NULL: nothing. */
	char *early;
	size_t early_size;
	/* It may be in the roster of active ones already, so that a stop that
	 * comes now waits for it. */
	struct roster_entry entry;
	bool is_entered;
	/* Or the roster expects it, for the same reason. */
	bool is_expected;
};

/* Relay until both have ended, log it, close and free. */
void proxy_run(struct proxy *proxy);

/* Count that a visitor waits for its data connection, or does not any more. */
void proxy_expect(
    struct context *context, struct pending_visitor *visitor, bool expecting);

/* Reset and forget a visitor that nobody serves, and give its budget back. */
void proxy_drop(struct context *context, struct pending_visitor *visitor);

#endif
