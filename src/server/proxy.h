/*
 * proxy - one proxied connection on the server's side.
 */
#ifndef REBORE_SERVER_PROXY_H
#define REBORE_SERVER_PROXY_H

#include <stddef.h>

#include "base/uuid.h"
#include "server/context.h"

/*
 * Serve the visitor that waits under uuid over the data connection that has
 * accepted it, until both have ended; then the visitor is closed.
 *
 * data_fd: stays the caller's. It is entered in the roster here, so it must not
 * be in another.
 * early: size bytes that came behind the last frame: the first that the visitor
 * gets; taken. NULL: none.
 * peer: of the data connection, for the log.
 */
void proxy_run(struct context *context, int data_fd, char *early, size_t size,
    const char *peer, const struct uuid *uuid);

/*
 * Serve a visitor that is the caller's over a data connection, as above; then
 * it is gone.
 */
void proxy_relay(struct context *context, struct pending_visitor *visitor,
    int data_fd, char *early, size_t size);

/* Count that a visitor waits for its data connection, or does not any more. */
void proxy_expect(
    struct context *context, struct pending_visitor *visitor, bool expecting);

/* Reset and forget a visitor that nobody serves, and give its budget back. */
void proxy_drop(struct context *context, struct pending_visitor *visitor);

#endif
