/*
 * server - the public side: `rebore server`.
 *
 * The acceptor thread takes connections of the control port; each gets a
 * session (session.h) in a thread of its own.
 */
#ifndef REBORE_SERVER_SERVER_H
#define REBORE_SERVER_SERVER_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "net/address.h"
#include "server/server_options.h"
#include "wire/auth.h"

struct server;

/* What prevented a server from starting, beyond the error. */
struct server_failure {
	/* It was the state file; holder: who has it locked, 0: unknown. */
	bool of_state_file;
	pid_t holder;
};

/*
 * Listen and start the acceptor thread.
 *
 * options: not copied; server_options.h says how long they must stay.
 * keys: copied, the caller's to wipe. Clients have to prove one of them; with
 * none, nothing is asked for, also later.
 * server: on success the server, to be given to server_stop(); else NULL.
 * failure: on failure what failed.
 * Returns ERROR_IN_USE, ERROR_DENIED, ERROR_MEMORY, ERROR_RESOURCES or
 * ERROR_SYSTEM, with errno.
 */
enum error server_start(const struct server_options *options,
    const struct auth_key *keys, unsigned key_count, struct server **server,
    struct server_failure *failure);

/* The address that the server listens on, with the port that it was given. */
void server_address(const struct server *server, struct address *address);

/*
 * Replace the keys of a server that has a secret. Connected clients stay, and
 * the key that they have proved remains valid for their data connections.
 *
 * keys: copied.
 * left: set to how many clients are connected with a key that is none of these.
 * Returns ERROR_MEMORY: nothing has changed.
 */
enum error server_set_keys(struct server *server, const struct auth_key *keys,
    unsigned count, unsigned *left);

/*
 * Stop it: it accepts no new connections and informs its clients; proxied
 * connections may go on for drain_s and are then reset; ports are released.
 *
 * Takes at most one second more than drain_s: half of it for threads to end,
 * half for the disk with the state file. What has not ended by then is left to
 * the end of the process. NULL is legal.
 */
void server_stop(struct server *server);

#endif
