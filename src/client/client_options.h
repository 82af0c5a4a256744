/*
 * client_options - the settings of `rebore local`, except for its secret.
 *
 * The caller of client_start() fills and owns them. All threads of the client
 * read them without a lock, so they must stay unchanged and in place until the
 * process ends: client_join() may leave threads behind. The secret is not
 * included, since it is replaced and wiped (wire/keyring).
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
	/* The file that the secret is from, as an absolute path, to be read
	 * again; NULL: the secret is not from a file, or its file cannot be
	 * read again. */
	const char *secret_path;
	/* The public port to ask for, and when to try again. */
	struct reconnect_rules reconnect;
	/* The connection is lost after this time without a message; 2,000 or
	 * more. */
	unsigned heartbeat_timeout_ms;
	/* How long a visitor waits for a local service that does not answer. */
	unsigned local_retry_ms;
	/* How many data connections to have ready for visitors; 0: none. */
	unsigned spares;
	/* How long a proxied connection may be interrupted; 0: not at all. */
	uint32_t resume_ms;
	/* The largest window of a stream in bytes; 0: by its round trip. */
	uint32_t window;
	/* The process's budget, and how many visitors and spares there may be.
	 * */
	struct budget *budget;
	/* How long proxied connections may go on after client_stop(). */
	unsigned drain_s;
	/* The state file, where the client's identity outlives the process;
	 * NULL: none. */
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
