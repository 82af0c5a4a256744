/*
 * reconnect - how long the client waits before its next attempt.
 *
 * Delays grow as those of backoff.h, and start over after a session that was a
 * good one: it stood for 10 s or carried bytes of a visitor. Anything less would
 * have a server that accepts and drops hit once a second, for ever. While the
 * server keeps the port of a good session, no delay is above 2 s.
 *
 * Pure: the state is a plain value, time and randomness come from the caller.
 */
#ifndef REBORE_CLIENT_RECONNECT_H
#define REBORE_CLIENT_RECONNECT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/backoff.h"

/* No delay is shorter, whatever a server says. */
#define RECONNECT_LEAST_MS 100u

/* Fields are private. */
struct reconnect {
	uint32_t cap_ms;
	struct backoff backoff;
	uint32_t lease_ms;         /* of the last session */
	int64_t lease_end_ms;      /* of the last session */
	int64_t good_lease_end_ms; /* of the last good session */
	unsigned hasty; /* sessions in a row that were no good ones */
};

/* What an attempt came to. */
struct reconnect_end {
	/* A tunnel stood, and is lost; the next three are 0 otherwise. */
	bool stood;
	bool carried;
	int64_t stood_ms;
	/* The server keeps the port for so long; 0: it does not. */
	uint32_t lease_ms;
	/* Another client has taken the place: the session counts for nothing. */
	bool displaced;
	/* The server ended the session on purpose, and listens again in
	 * retry_ms. */
	bool bye;
	uint32_t retry_ms;
	/* There is no reason to wait. */
	bool at_once;
};

/* cap_ms: no delay will be longer; 1000 or more. */
void reconnect_init(struct reconnect *reconnect, uint32_t cap_ms);

/*
 * Take note of what the last attempt came to, and say how long to wait.
 *
 * now_ms: when it ended. random: 32 uniform random bits.
 * Returns milliseconds, RECONNECT_LEAST_MS to cap_ms. Cannot fail.
 */
uint32_t reconnect_next(struct reconnect *reconnect,
    const struct reconnect_end *end, int64_t now_ms, uint32_t random);

#endif
