/*
 * reconnect - what the client does after an attempt: whether it tries again,
 * how long it waits first, and which port it asks for then.
 *
 * Delays grow as in backoff.h. They start over after a good session, which was
 * up for 10 s or carried bytes of a visitor: otherwise a server that accepts
 * and drops clients would be tried once a second for ever. While the server
 * reserves the port of a good session, no delay is above 2 s.
 *
 * The client asks again for the port that was last granted, so that the public
 * address stays. If the user did not ask for a certain port, and another client
 * holds ours for longer than our lease, any port is better than none.
 *
 * The client gives up only on explicit evidence that no attempt can help, or
 * where the user's settings say so: no reconnection, or a number of attempts.
 *
 * Pure: the state is a plain value; time and randomness come from the caller.
 */
#ifndef REBORE_CLIENT_RECONNECT_H
#define REBORE_CLIENT_RECONNECT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/backoff.h"
#include "client/attempt.h"
#include "client/client_end.h"
#include "client/quarrel.h"

/* No delay is shorter, whatever a server asks for. */
#define RECONNECT_LEAST_MS 100u

/* What the user has asked for. */
struct reconnect_rules {
	/* The public port; 0: any. */
	uint16_t public_port;
	/* false: the first failure or loss is final */
	bool reconnect;
	/* Give up after so many failed attempts in a row; 0: never. */
	unsigned max_retries;
	/* No wait is longer; 1000 or more. */
	uint32_t cap_ms;
	/* How often to try again when the secret is refused; 0: that is final.
	 * */
	uint32_t auth_retry_ms;
};

/* Fields are private. */
struct reconnect {
	struct reconnect_rules rules;

	/* how long to wait */
	struct backoff backoff;
	uint32_t lease_ms;         /* of the last session */
	int64_t lease_end_ms;      /* of the last session */
	uint32_t good_lease_ms;    /* of the last good session */
	int64_t good_lease_end_ms; /* of the last good session */
	unsigned hasty;            /* short sessions in a row */
	unsigned shortcuts; /* attempts made at once since a tunnel was up */

	/* which port to ask for */
	uint16_t public_port; /* the last one granted; 0: none yet */
	/* since when that port is refused; CLOCK_NEVER: it is not */
	int64_t taken_ms;
	bool port_is_gone;     /* the server will not grant it to us again */
	bool port_is_in_doubt; /* a client with our old identity may hold it */
	struct quarrel quarrel;

	/* whether to give up */
	unsigned failures; /* in a row */
	bool after_bye;    /* the next failure does not count */
};

struct reconnect_decision {
	/* There is no further attempt, and this is how the client ends;
	 * delay_ms is 0. */
	bool is_final;
	enum client_end end;
	/* How long to wait: RECONNECT_LEAST_MS to the cap or, if needs_secret,
	 * the interval for refused secrets. */
	uint32_t delay_ms;
	/* The secret was refused and there is no other. Another secret ends the
	 * wait; a change of the network does not. */
	bool needs_secret;
	/* Another process has our instance: draw a new one. */
	bool needs_identity;
};

/* port: what was granted to an earlier process; 0: none. rules: copied. */
void reconnect_init(struct reconnect *reconnect,
    const struct reconnect_rules *rules, uint16_t port);

/* Returns the port to ask for now; 0: any. */
uint16_t reconnect_port(const struct reconnect *reconnect, int64_t now_ms);

/* Returns the number of failed attempts in a row. */
unsigned reconnect_failures(const struct reconnect *reconnect);

/* A tunnel is up, with this port. */
void reconnect_stands(struct reconnect *reconnect, uint16_t port);

/*
 * Record the result of an attempt, and decide what follows.
 *
 * now_ms: when it ended, above 0. random: 32 uniform random bits.
 * Cannot fail.
 */
struct reconnect_decision reconnect_decide(struct reconnect *reconnect,
    const struct attempt_end *end, int64_t now_ms, uint32_t random);

#endif
