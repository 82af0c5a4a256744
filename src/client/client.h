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
#include "client/client_end.h"
#include "client/client_options.h"
#include "wire/auth.h"

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
 * options: not copied; client_options.h says how long they must stay.
 * key: of the secret, where there is one; copied, the caller's to wipe.
 * client: on success the client, to be given to client_join(); else NULL.
 * failure: on failure what failed.
 * Returns ERROR_MEMORY, ERROR_RESOURCES or ERROR_SYSTEM with errno, and for the
 * state file as statefile_open().
 */
enum error client_start(const struct client_options *options,
    const struct auth_key *key, struct client **client,
    struct client_failure *failure);

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
 * Takes a second more than drain_s after client_stop() at the most: half of it
 * for threads to end, half for the disk with the state file. What has not ended
 * then is left to the end of the process.
 */
enum client_end client_join(struct client *client);

#endif
