/*
 * identity - who a client is to a server, and what it had there.
 *
 * The instance is random and lives as long as the process, or, with a state
 * file, longer. The attempt number grows with every attempt of the instance,
 * over restarts too, so that a server can tell a client that comes back from a
 * delayed message of its past. The process is random and never kept: by it a
 * server tells a client that comes back from another one that has a copy of its
 * state file. See rebore-protocol(7), Announce.
 */
#ifndef REBORE_CLIENT_IDENTITY_H
#define REBORE_CLIENT_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/uuid.h"
#include "os/lock.h"
#include "os/statefile.h"

/* Flash wears out, and every write waits for the disk. */
#define IDENTITY_SAVE_EVERY_MS 2000

/* Fields are private. */
struct identity {
	/* Read-only after identity_start(). */
	struct uuid process;

	struct lock lock;
	/* Under lock. A bearer token: never log it. */
	struct uuid instance;
	uint64_t attempt;
	uint64_t reserved; /* in the state file: no attempt reaches it */
	uint16_t port;     /* granted last; 0: none */
	int64_t saved_ms;  /* when it was written last */
	bool is_due;       /* it is to be written again, not too soon, ... */
	bool is_wanted;    /* ... or now */
	bool is_writing;   /* a thread is at it, and alone uses the file */

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

/* Returns the instance. Threads: any. */
struct uuid identity_instance(struct identity *identity);

/* Be another client from now on: a new instance. The port is kept. It is written
 * as identity_set_port() does. Threads: any, while no attempt is under way. */
void identity_renew(struct identity *identity);

/* Returns the number of the next attempt. Threads: any. */
uint64_t identity_next_attempt(struct identity *identity);

/* Go on from attempt, which a server knows of our instance, if ours is not
 * higher. Returns whether it was lower. Threads: any. */
bool identity_catch_up(struct identity *identity, uint64_t attempt);

/*
 * The port that was granted last, 0: none. Threads: any.
 *
 * A change is in the state file when identity_set_port() returns, but no server
 * can have it written more often than once in IDENTITY_SAVE_EVERY_MS: what comes
 * sooner is left to identity_save_if_due().
 */
uint16_t identity_port(struct identity *identity);
void identity_set_port(struct identity *identity, uint16_t port);

/* When the state file is to be written; CLOCK_NEVER: it is as it should be.
 * Threads: any. */
int64_t identity_due_ms(struct identity *identity);

/* Write it if that time has come. Threads: any. */
void identity_save_if_due(struct identity *identity);

/* Write what is due, and release everything; the state file stays. */
void identity_end(struct identity *identity);

#endif
