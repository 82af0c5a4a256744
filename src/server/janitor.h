/*
 * janitor - the thread that gives idle memory back, such as a flood leaves
 * behind, and logs the counts of repeated notices.
 */
#ifndef REBORE_SERVER_JANITOR_H
#define REBORE_SERVER_JANITOR_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "os/wakeup.h"
#include "server/server_state.h"

/* Fields are private; all zero: not started. */
struct janitor {
	/* Set before the thread starts, then read-only. */
	struct server_state *server;
	struct wakeup stop;
	pthread_t thread;
	bool started;

	/* Used by the janitor's thread alone: how often to give memory back
	 * until it rests, and when next. */
	unsigned tidies;
	int64_t tidy_ms;
};

/* Start it. Returns an error with errno; nothing is started then. */
enum error janitor_start(struct janitor *janitor, struct server_state *server);

/* End it. Legal on one that was not started. */
void janitor_stop(struct janitor *janitor);

#endif
