/*
 * janitor - the thread that writes the server's state file.
 *
 * A disk may take seconds for an fsync(), or for ever. Nobody else waits for it:
 * not the acceptor, not a tunnel, and the stop only up to a deadline.
 */
#ifndef REBORE_SERVER_JANITOR_H
#define REBORE_SERVER_JANITOR_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "os/lock.h"
#include "os/wakeup.h"
#include "server/grants.h"

/* Fields are private; all zero is one that was not started. */
struct janitor {
	/* Set before the thread starts, then read-only. */
	struct grants *grants;
	struct wakeup stop;
	pthread_t thread;
	bool started;

	struct lock lock;
	struct lock_condition over;
	/* Under lock. */
	bool ended;
};

/*
 * Start it. Where there is no state file, there is nothing to do, and no thread.
 *
 * grants: the janitor's to save, and nobody else's, until janitor_stop().
 * Returns an error with errno; then nothing is started.
 */
enum error janitor_start(struct janitor *janitor, struct grants *grants);

/*
 * Have what is due written, and end the thread. Legal on one that was not
 * started, and again after ERROR_TIMEOUT.
 *
 * Returns ERROR_TIMEOUT when the disk has not done it by deadline_ms: then the
 * thread lives on, and so must janitor and grants.
 */
enum error janitor_stop(struct janitor *janitor, int64_t deadline_ms);

#endif
