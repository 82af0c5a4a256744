/*
 * client - keeps one tunnel up: `rebore local`.
 *
 * The supervisor thread runs the control thread (control.h), reads how it
 * ended, waits for the backoff delay, and runs it again, until it is stopped or
 * there is explicit evidence that another attempt cannot help.
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

/* What prevented a client from starting, beyond the error. */
struct client_failure {
	/* The state file did; holder: the process that has it locked, 0:
	 * unknown. */
	bool of_state_file;
	pid_t holder;
};

/*
 * Start the supervisor thread, which keeps trying from then on.
 *
 * options: not copied; client_options.h says how long they must stay.
 * key: of the secret, if there is one; copied, the caller wipes its own.
 * client: on success the client, to be given to client_join(); else NULL.
 * failure: on failure, what failed.
 * Returns ERROR_MEMORY, ERROR_RESOURCES or ERROR_SYSTEM with errno, and for the
 * state file as statefile_open().
 */
enum error client_start(const struct client_options *options,
    const struct auth_key *key, struct client **client,
    struct client_failure *failure);

/* Whether the client has ended by itself, so that client_join() waits for the
 * drain at most. Threads: any. */
bool client_has_ended(const struct client *client);

/* End the backoff wait, if the client is in one. Threads: any. */
void client_retry_now(struct client *client);

/* Make the client end: it releases the public port; proxied connections may go
 * on for drain_s, and are then reset. Threads: any. */
void client_stop(struct client *client);

/*
 * Wait for the end and release everything; client is invalid afterwards.
 *
 * Takes at most one second more than drain_s after client_stop(): half of it
 * for threads to end, half for the disk with the state file. What has not ended
 * by then is left to the end of the process.
 */
enum client_end client_join(struct client *client);

#endif
