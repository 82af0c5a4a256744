/*
 * identity - who a client is to a server, and which port it had there.
 *
 * The instance is random and lives as long as the process or, with a state
 * file, longer. The attempt number grows with every attempt of the instance,
 * over restarts too, so that a server can tell a client that comes back from a
 * delayed message of its past. The process id is random and never stored: it
 * lets a server tell a client that comes back from another one that uses a copy
 * of its state file. See rebore-protocol(7), Announce.
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

/* Flash memory wears out: no server can have the file written more often. */
#define IDENTITY_SAVE_EVERY_MS 2000
/* How long a client waits for the disk when a change should be in the file
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
	/* reserved in the state file: no attempt has a higher number */
	uint64_t reserved;
	uint16_t port;    /* granted last; 0: none */
	int64_t asked_ms; /* when the last change was, or is, to be written */

	struct saver saver;
};

/*
 * Start with what the state file holds, if there is one.
 *
 * Attempt numbers are reserved in the file in advance, many at a time. The
 * first of them are in the file when this returns, unless the disk is slower
 * than IDENTITY_DISK_MS: a client that is killed before they are written would
 * come back with a number that it has used. Its server then tells it the higher
 * one, which costs one attempt (identity_catch_up()).
 *
 * state_path: NULL: none.
 * Returns as saver_start(), which sets holder, too.
 */
enum error identity_start(
    struct identity *identity, const char *state_path, pid_t *holder);

/* Returns the instance. Threads: any. */
struct uuid identity_instance(struct identity *identity);

/* Become another client: draw a new instance. The port remains. Threads: any,
 * while no attempt is under way. */
void identity_renew(struct identity *identity);

/* Returns the number of the next attempt. Threads: any. */
uint64_t identity_next_attempt(struct identity *identity);

/* Continue from an attempt number that a server knows of our instance, if ours
 * is not higher. Returns whether ours was lower. Threads: any. */
bool identity_catch_up(struct identity *identity, uint64_t attempt);

/*
 * Set the port that was granted last, 0: none. Threads: any.
 *
 * The change is in the state file when this returns, so that whoever reads of
 * it in the log may kill the client at once; unless the disk is slower than
 * IDENTITY_DISK_MS, or the previous change was less than IDENTITY_SAVE_EVERY_MS
 * ago.
 */
uint16_t identity_port(struct identity *identity);
void identity_set_port(struct identity *identity, uint16_t port);

/* Write what is due; later changes are not written. Returns as saver_stop().
 * Threads: one. */
enum error identity_stop(struct identity *identity, int64_t deadline_ms);

/* Release everything; the state file stays. Waits for the disk unless
 * identity_stop() has returned ERROR_NONE. Threads: the last. */
void identity_end(struct identity *identity);

#endif
