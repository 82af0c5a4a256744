/*
 * reconnect - what the client does after an attempt: whether it tries again,
 * how long it waits before, and which port it asks for then.
 *
 * Delays grow as those of backoff.h, and start over after a session that was a
 * good one: it stood for 10 s or carried bytes of a visitor. Anything less
 * would have a server that accepts and drops hit once a second, for ever. While
 * the server keeps the port of a good session, no delay is above 2 s.
 *
 * The port that was granted once is asked for again, so that the public address
 * stays. Where the user did not ask for a certain port and another client holds
 * ours for longer than our lease, any port is better than none.
 *
 * Only explicit evidence that no attempt can help is final, and what the user
 * has ruled: no reconnection, or a number of attempts.
 *
 * Pure: the state is a plain value, time and randomness come from the caller.
 */
#ifndef REBORE_CLIENT_RECONNECT_H
#define REBORE_CLIENT_RECONNECT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/backoff.h"
#include "client/attempt.h"
#include "client/client_end.h"
#include "client/quarrel.h"

/* No delay is shorter, whatever a server says. */
#define RECONNECT_LEAST_MS 100u

/* What the user has asked for. */
struct reconnect_rules {
	/* The public port; 0: any. */
	uint16_t public_port;
	/* false: the first failure or loss is the end. */
	bool reconnect;
	/* Give up after so many failed attempts in a row; 0: never. */
	unsigned max_retries;
	/* No wait is longer; 1000 or more. */
	uint32_t cap_ms;
	/* When the secret is refused, ask again so often; 0: that is the end.
	 */
	uint32_t auth_retry_ms;
};

/* Fields are private. */
struct reconnect {
	struct reconnect_rules rules;

	/* How long to wait */
	struct backoff backoff;
	uint32_t lease_ms;         /* of the last session */
	int64_t lease_end_ms;      /* of the last session */
	uint32_t good_lease_ms;    /* of the last good session */
	int64_t good_lease_end_ms; /* of the last good session */
	unsigned hasty;     /* sessions in a row that were no good ones */
	unsigned shortcuts; /* attempts made at once since a tunnel stood */

	/* What to ask for */
	uint16_t public_port; /* granted last; 0: none yet */
	int64_t taken_ms; /* since when it is refused; CLOCK_NEVER: it is not */
	bool port_is_gone;     /* the server will not give it to us again */
	bool port_is_in_doubt; /* a client with our old identity may have it */
	struct quarrel quarrel;

	/* What is final */
	unsigned failures; /* in a row */
	bool after_bye;    /* the next failure does not count */
};

struct reconnect_decision {
	/* There is no other attempt; how the client ends. delay_ms is 0 then.
	 */
	bool is_final;
	enum client_end end;
	/* Until the next attempt, RECONNECT_LEAST_MS to the cap, or, where
	 * needs_secret, the rule for refused secrets. */
	uint32_t delay_ms;
	/* The secret was refused, and there is no other: another one ends the
	 * wait, a changed network does not. */
	bool needs_secret;
	/* Another process has our instance: be another one from now on. */
	bool needs_identity;
};

/* port: what was granted to an earlier process; 0: none. rules: copied. */
void reconnect_init(struct reconnect *reconnect,
    const struct reconnect_rules *rules, uint16_t port);

/* Returns the port to ask for now; 0: any. */
uint16_t reconnect_port(const struct reconnect *reconnect, int64_t now_ms);

/* Returns how many attempts in a row came to nothing. */
unsigned reconnect_failures(const struct reconnect *reconnect);

/* A tunnel stands, with this port. */
void reconnect_stands(struct reconnect *reconnect, uint16_t port);

/*
 * Take note of what an attempt came to, and decide what comes next.
 *
 * now_ms: when it ended, above 0. random: 32 uniform random bits.
 * Cannot fail.
 */
struct reconnect_decision reconnect_decide(struct reconnect *reconnect,
    const struct attempt_end *end, int64_t now_ms, uint32_t random);

#endif
