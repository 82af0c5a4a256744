/*
 * identity - who a client is to a server, and what it had there.
 *
 * The instance is random and lives as long as the process, or, with a state
 * file, longer. The attempt number grows with every attempt of the instance,
 * over restarts too, so that a server can tell a client that comes back from a
 * delayed message of its past. See rebore-protocol(7), Announce.
 */
#ifndef REBORE_CLIENT_IDENTITY_H
#define REBORE_CLIENT_IDENTITY_H

#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/uuid.h"
#include "os/lock.h"
#include "os/statefile.h"

/* Fields are private. */
struct identity {
	/* Read-only after identity_start(). A bearer token: never log it. */
	struct uuid instance;

	struct lock lock;
	/* Under lock. */
	uint64_t attempt;
	uint64_t reserved; /* in the state file: no attempt reaches it */
	uint16_t port;     /* granted last; 0: none */
	struct statefile file;
};

/*
 * Begin, with what the state file holds if there is one. Content that is of no
 * use is replaced, with a warning.
 *
 * state_path: NULL: none.
 * holder: on ERROR_IN_USE the process that uses the state file.
 * Returns ERROR_IN_USE, or another error with errno.
 */
enum error identity_start(
    struct identity *identity, const char *state_path, pid_t *holder);

/* Returns the number of the next attempt. Threads: any. */
uint64_t identity_next_attempt(struct identity *identity);

/* The port that was granted last, 0: none. Threads: any. */
uint16_t identity_port(struct identity *identity);
void identity_set_port(struct identity *identity, uint16_t port);

/* Release everything; the state file stays. */
void identity_end(struct identity *identity);

#endif
