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
#include <sys/types.h>

#include "base/error.h"
#include "net/address.h"
#include "os/budget.h"
#include "wire/auth.h"
#include "wire/keyring.h"

/* Frozen before server_start(). */
struct server_options {
	/* Public ports that clients may have: min to max, 1 to 65535. */
	uint16_t min_port;
	uint16_t max_port;
	bool has_secret;
	/* Any of them will do. Not wiped here. */
	struct auth_key keys[KEYRING_MOST];
	unsigned key_count;
	/* An announced client that is silent for so long is gone; 3 or more. */
	unsigned client_timeout_s;
	/* The port of an announced client is kept for so long; 0: not. */
	unsigned lease_s;
	/* Visitors wait for an absent client so long, ... */
	unsigned hold_s;
	/* ... and so many of them for each. */
	unsigned max_waiting;
	/* Of the process, and how many connections there may be at a time. */
	struct budget *budget;
	/* Proxied connections may go on so long after server_stop(). */
	unsigned drain_s;
	/* Where granted ports outlive the process; NULL: nowhere. */
	const char *state_path;
	/* Where to listen for clients; port 0: any. */
	struct address control;
	/* Where to listen for visitors; the port is ignored. */
	struct address tunnels;
	/* Links that have to be found first (address_find_link()), by the
	 * caller; "": none. */
	char control_link[ADDRESS_LINK_SIZE];
	char tunnels_link[ADDRESS_LINK_SIZE];
};

struct server;

/* What kept a server from starting, where the error does not say. */
struct server_failure {
	/* It was the state file; holder: who has it locked, 0: unknown. */
	bool of_state_file;
	pid_t holder;
};

/*
 * Listen and start the acceptor thread.
 *
 * options: copied.
 * server: on success the server, to be given to server_stop(); else NULL.
 * failure: on failure what failed.
 * Returns ERROR_IN_USE, ERROR_DENIED, ERROR_MEMORY, ERROR_RESOURCES or
 * ERROR_SYSTEM, with errno.
 */
enum error server_start(const struct server_options *options,
    struct server **server, struct server_failure *failure);

/* The address that the server listens on, with the port that it was given. */
void server_address(const struct server *server, struct address *address);

/*
 * Have other keys from now on, for a server that has a secret. Clients that are
 * connected stay, and what they proved goes on to count for their visitors.
 *
 * left: set to how many clients are connected with a key that is none of these.
 * Returns ERROR_MEMORY: nothing has changed.
 */
enum error server_set_keys(struct server *server, const struct auth_key *keys,
    unsigned count, unsigned *left);

/*
 * End it: no new connections, clients are told, proxied connections may go on
 * for drain_s and are reset then, ports are released.
 *
 * Takes a second more than drain_s at the most: half of it for threads to end,
 * half for the disk with the state file. What has not ended then is
 * left to the end of the process. NULL is legal.
 */
void server_stop(struct server *server);

#endif
