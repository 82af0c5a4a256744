/*
 * janitor - the thread that does what nobody is to wait for: it writes the state
 * file, gives back memory that a flood has left, and logs what was counted.
 *
 * A disk may take seconds for an fsync(), or for ever: neither the acceptor nor a
 * tunnel waits for it, and the stop only up to a deadline.
 */
#ifndef REBORE_SERVER_JANITOR_H
#define REBORE_SERVER_JANITOR_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "os/lock.h"
#include "os/wakeup.h"
#include "server/server_state.h"

/* Fields are private; all zero is one that was not started. */
struct janitor {
	/* Set before the thread starts, then read-only. */
	struct server_state *server;
	struct wakeup stop;
	pthread_t thread;
	bool started;

	/* Used by the janitor's thread alone: how often memory is still to be
	 * given back, and when. */
	unsigned tidies;
	int64_t tidy_ms;

	struct lock lock;
	struct lock_condition over;
	/* Under lock. */
	bool ended;
};

/*
 * Start it.
 *
 * server: its port memory is the janitor's to save, and nobody else's, until
 * janitor_stop().
 * Returns an error with errno; then nothing is started.
 */
enum error janitor_start(struct janitor *janitor, struct server_state *server);

/*
 * Have what is due written, and end the thread. Legal on one that was not
 * started, and again after ERROR_TIMEOUT.
 *
 * Returns ERROR_TIMEOUT when the disk has not done it by deadline_ms: then the
 * thread lives on, and so must janitor and server.
 */
enum error janitor_stop(struct janitor *janitor, int64_t deadline_ms);

#endif
