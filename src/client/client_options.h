/*
 * client_options - what `rebore local` is asked for, but for its secret.
 *
 * The caller of client_start() fills and owns it. All threads of the client
 * read it without a lock, so that it stays as it is, and where it is, from then
 * on; as client_join() may leave threads behind, to the end of the process. The
 * secret is no part of it: it is replaced and wiped (wire/keyring).
 */
#ifndef REBORE_CLIENT_CLIENT_OPTIONS_H
#define REBORE_CLIENT_CLIENT_OPTIONS_H

#include <stdbool.h>

#include "client/reconnect.h"
#include "net/address.h"
#include "os/budget.h"

struct client_options {
	/* The service that visitors reach. */
	struct address_name local;
	/* The server's control port. */
	struct address_name server;
	/* There is a secret. */
	bool has_secret;
	/* The file it is from, from the root, to be read again; NULL: not from
	 * a file, or from one that cannot be read again. */
	const char *secret_path;
	/* The public port to ask for, and when to try again. */
	struct reconnect_rules reconnect;
	/* Without a message for so long the connection is lost; 2,000 or
	 * more. */
	unsigned heartbeat_timeout_ms;
	/* A visitor waits so long for a local service that does not answer. */
	unsigned local_retry_ms;
	/* Data connections to be kept ready for visitors; 0: none. */
	unsigned spares;
	/* Of the process, and how many visitors and spares there may be. */
	struct budget *budget;
	/* Proxied connections may go on so long after client_stop(). */
	unsigned drain_s;
	/* Where the client's identity outlives the process; NULL: nowhere. */
	const char *state_path;

	/*
	 * Called in the supervisor thread. on_status: the state has changed;
	 * status is a few words, for service managers. NULL: nobody asks.
	 * on_end: client_join() will return at once.
	 */
	void (*on_status)(const char *status);
	void (*on_end)(void);
};

#endif
