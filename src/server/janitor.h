/*
 * janitor - the thread that gives back memory which a flood has left, and logs
 * what was counted.
 */
#ifndef REBORE_SERVER_JANITOR_H
#define REBORE_SERVER_JANITOR_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
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
};

/* Start it. Returns an error with errno; then nothing is started. */
enum error janitor_start(struct janitor *janitor, struct server_state *server);

/* End it. Legal on one that was not started. */
void janitor_stop(struct janitor *janitor);

#endif
