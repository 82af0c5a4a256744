/*
 * identity - who a client is to a server, and what it had there.
 *
 * The instance is random and lives as long as the process, or, with a state
 * file, longer. The attempt number grows with every attempt of the instance,
 * over restarts too, so that a server can tell a client that comes back from a
 * delayed message of its past. The process id is random and never stored: by it
 * a server tells a client that comes back from another one that has a copy of
 * its state file. See rebore-protocol(7), Announce.
 */
#ifndef REBORE_CLIENT_IDENTITY_H
#define REBORE_CLIENT_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/uuid.h"
#include "os/lock.h"
#include "os/saver.h"

/* Flash wears out: a server cannot have the file written more often. */
#define IDENTITY_SAVE_EVERY_MS 2000
/* How long a client waits for the disk where a change should be in the file
 * before it goes on. */
#define IDENTITY_DISK_MS 250

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
	int64_t asked_ms;  /* when a change was, or is, to be written last */

	struct saver saver;
};

/*
 * Begin, with what the state file holds if there is one.
 *
 * Attempts are reserved in the file beforehand, many at once. The first of them
 * are in it when this returns, unless the disk is slower than IDENTITY_DISK_MS:
 * a client that is killed before they are would come back with a number that it
 * has used. Its server tells it the higher one then, which costs it one attempt
 * (identity_catch_up()).
 *
 * state_path: NULL: none.
 * Returns as saver_start(), which sets holder, too.
 */
enum error identity_start(
    struct identity *identity, const char *state_path, pid_t *holder);

/* Returns the instance. Threads: any. */
struct uuid identity_instance(struct identity *identity);

/* Be another client from now on: a new instance. The port is kept. Threads:
 * any, while no attempt is under way. */
void identity_renew(struct identity *identity);

/* Returns the number of the next attempt. Threads: any. */
uint64_t identity_next_attempt(struct identity *identity);

/* Go on from attempt, which a server knows of our instance, if ours is not
 * higher. Returns whether it was lower. Threads: any. */
bool identity_catch_up(struct identity *identity, uint64_t attempt);

/*
 * The port that was granted last, 0: none. Threads: any.
 *
 * A change is in the state file when identity_set_port() returns, so that
 * whoever reads of it in the log may kill the client at once. That is not so
 * when the disk is slower than IDENTITY_DISK_MS, or when the change before was
 * less than IDENTITY_SAVE_EVERY_MS ago.
 */
uint16_t identity_port(struct identity *identity);
void identity_set_port(struct identity *identity, uint16_t port);

/* Have what is due written; what changes from now on is not. Returns as
 * saver_stop(). Threads: one. */
enum error identity_stop(struct identity *identity, int64_t deadline_ms);

/* Release everything; the state file stays. Waits for the disk unless
 * identity_stop() has returned ERROR_NONE. Threads: the last. */
void identity_end(struct identity *identity);

#endif
