/*
 * attempt - what an attempt to have a tunnel came to: a plain value, written by
 * control and read by reconnect.
 */
#ifndef REBORE_CLIENT_ATTEMPT_H
#define REBORE_CLIENT_ATTEMPT_H

#include <stdbool.h>
#include <stdint.h>

enum attempt_outcome {
	/* The client was asked to end. */
	ATTEMPT_STOPPED,
	/* The tunnel stood, and is lost. */
	ATTEMPT_LOST,
	/* The tunnel stood, and the server ended it on purpose. */
	ATTEMPT_BYE,
	/* The tunnel stood, and another of our instance has it now. */
	ATTEMPT_DISPLACED,
	/* It never stood; the next attempt may do better. */
	ATTEMPT_FAILED,
	/* The same, because the public port is taken. */
	ATTEMPT_PORT_TAKEN,
	/* The same, because our instance is in use by another process. */
	ATTEMPT_COPY,
	/* Explicit evidence that no attempt can help: the secret. */
	ATTEMPT_REFUSED,
	/* Explicit evidence that no attempt can help: the public port. */
	ATTEMPT_IMPOSSIBLE,
};

struct attempt_end {
	enum attempt_outcome outcome;
	/* What Hello asked for; 0: any port. */
	uint16_t asked_port;
	/* How long the tunnel stood, and whether it carried bytes of a visitor
	 * to the local service; 0 and false where it never stood. */
	int64_t stood_ms;
	bool carried;
	/* The server keeps the port for so long after a loss; 0: it does not.
	 */
	uint32_t lease_ms;
	/* On ATTEMPT_BYE: the server listens again in so long; 0: not said. */
	uint32_t retry_ms;
	/* The highest attempt number that the server knows of our instance,
	 * where it has told one behind a refusal; else 0. */
	uint64_t known_attempt;
	/* The network has changed: there is no reason to wait. */
	bool at_once;
	/* On ATTEMPT_PORT_TAKEN: known_attempt was above ours, and ours has
	 * been raised above it. */
	bool caught_up;
	/* On ATTEMPT_REFUSED: another secret is there to be tried. */
	bool has_other_secret;
};

/* Returns whether a tunnel stood before this outcome; ATTEMPT_STOPPED does not
 * tell. */
static inline bool
attempt_stood(enum attempt_outcome outcome)
{
	return outcome == ATTEMPT_LOST || outcome == ATTEMPT_BYE ||
	       outcome == ATTEMPT_DISPLACED;
}

#endif
