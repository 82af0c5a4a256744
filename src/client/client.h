/*
 * client - one tunnel, kept up: `rebore local`.
 *
 * The supervisor thread runs the control thread (control.h), reads how it
 * ended, waits out the backoff and runs it again, until it is stopped or there
 * is explicit evidence that trying again cannot help.
 */
#ifndef REBORE_CLIENT_CLIENT_H
#define REBORE_CLIENT_CLIENT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "net/address.h"
#include "os/budget.h"
#include "wire/auth.h"

/* Frozen before client_start(). */
struct client_options {
	/* The service that visitors reach. */
	struct address_name local;
	/* The server's control port. */
	struct address_name server;
	/* The public port asked for; 0: any. */
	uint16_t public_port;
	bool has_secret;
	struct auth_key key;
	/* Where the secret is from, from the root, to be read again; NULL: not
	 * from a file, or from one that cannot be read again. */
	const char *secret_path;
	/* When the secret is refused, ask again so often; 0: that is the end. */
	unsigned auth_retry_s;
	/* false: the first failure or loss is the end. */
	bool reconnect;
	/* Give up after so many failed attempts in a row; 0: never. */
	unsigned max_retries;
	/* No wait between attempts is longer; 1 or more. */
	unsigned max_delay_s;
	/* Without a message for so long the connection is lost; 2 or more. */
	unsigned heartbeat_timeout_s;
	/* A visitor waits so long for a local service that does not answer. */
	unsigned local_retry_s;
	/* Data connections to be kept ready for visitors; 0: none. */
	unsigned spares;
	/* Of the process, and how many visitors and spares there may be. */
	struct budget *budget;
	/* Proxied connections may go on so long after client_stop(). */
	unsigned drain_s;
	/* Where the client's identity outlives the process; NULL: nowhere. */
	const char *state_path;

	/*
	 * Called in the supervisor thread. told: the state in a few words, for
	 * service managers. ended: client_join() will return at once.
	 */
	void (*told)(const char *status);
	void (*ended)(void);
};

/* How a client came to its end. */
enum client_end {
	/* As asked: client_stop(), or a loss that must not be mended. */
	CLIENT_END_STOPPED,
	/* The first attempt failed, and there is no other. */
	CLIENT_END_FAILED,
	/* max_retries is used up. */
	CLIENT_END_GAVE_UP,
	/* The server has refused for good: the secret. */
	CLIENT_END_REFUSED,
	/* The server has refused for good: the public port. */
	CLIENT_END_IMPOSSIBLE,
};

struct client;

/* What kept a client from starting, where the error does not say. */
struct client_failure {
	/* It was the state file; holder: who has it locked, 0: unknown. */
	bool of_state_file;
	pid_t holder;
};

/*
 * Start the supervisor thread; it keeps trying from then on.
 *
 * options: copied.
 * client: on success the client, to be given to client_join(); else NULL.
 * failure: on failure what failed.
 * Returns ERROR_MEMORY, ERROR_RESOURCES or ERROR_SYSTEM with errno, and for the
 * state file as statefile_open().
 */
enum error client_start(const struct client_options *options,
    struct client **client, struct client_failure *failure);

/* Whether it has come to its end by itself: client_join() returns at once but
 * for the drain. Threads: any. */
bool client_has_ended(const struct client *client);

/* If it waits out a backoff, end the wait. Threads: any. */
void client_retry_now(struct client *client);

/* Make it end: the public port is released, proxied connections may go on for
 * drain_s and are reset then. Threads: any. */
void client_stop(struct client *client);

/*
 * Wait for the end and release everything; client is gone then.
 *
 * Takes a second more than drain_s after client_stop() at the most: half of it for
 * threads to end, half for the disk with the state file. What has not ended then
 * is left to the end of the process.
 */
enum client_end client_join(struct client *client);

#endif
