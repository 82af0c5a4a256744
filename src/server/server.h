/*
 * server - the public side: `rebore server`.
 *
 * The acceptor thread takes connections of the control port; each gets a
 * session (session.h) in a thread of its own.
 */
#ifndef REBORE_SERVER_SERVER_H
#define REBORE_SERVER_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "net/address.h"
#include "wire/auth.h"

/* Frozen before server_start(). */
struct server_options {
	/* Public ports that clients may have: min to max, 1 to 65535. */
	uint16_t min_port;
	uint16_t max_port;
	bool has_secret;
	struct auth_key key;
	/* Where to listen for clients; port 0: any. */
	struct address control;
	/* Where to listen for visitors; the port is ignored. */
	struct address tunnels;
};

struct server;

/*
 * Listen and start the acceptor thread.
 *
 * options: copied.
 * server: on success the server, to be given to server_stop(); else NULL.
 * Returns ERROR_IN_USE, ERROR_DENIED, ERROR_MEMORY, ERROR_RESOURCES or
 * ERROR_SYSTEM, with errno.
 */
enum error server_start(
    const struct server_options *options, struct server **server);

/* The address that the server listens on, with the port that it was given. */
void server_address(const struct server *server, struct address *address);

/*
 * End it: no new connections, visitors are reset, ports are released.
 *
 * Takes half a second at the most: what has not ended then is left to the end
 * of the process. NULL is legal.
 */
void server_stop(struct server *server);

#endif
