/*
 * attempt - the result of an attempt to get a tunnel: a plain value, written by
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
	/* No tunnel came up; the next attempt may succeed. */
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
	/* The port that Hello asked for; 0: any. */
	uint16_t asked_port;
	/* How long the tunnel was up, and whether it carried bytes of a visitor
	 * to the local service; 0 and false if it was never up. */
	int64_t stood_ms;
	bool carried;
	/* How long the server reserves the port after a loss; 0: it does not.
	 * */
	uint32_t lease_ms;
	/* On ATTEMPT_BYE: the server listens again after this time; 0: unknown.
	 * */
	uint32_t retry_ms;
	/* The highest attempt number that the server knows of our instance, if
	 * it sent one after a refusal; else 0. */
	uint64_t known_attempt;
	/* The network has changed, so there is no reason to wait. */
	bool at_once;
	/* On ATTEMPT_PORT_TAKEN: known_attempt was higher than our number,
	 * which has been raised above it. */
	bool caught_up;
	/* On ATTEMPT_REFUSED: there is another secret to try. */
	bool has_other_secret;
	/* Connections of visitors are interrupted, and wait for the next
	 * one. */
	bool interrupts;
};

/* Returns whether the tunnel was up before this outcome. Cannot be told from
 * ATTEMPT_STOPPED. */
static inline bool
attempt_stood(enum attempt_outcome outcome)
{
	return outcome == ATTEMPT_LOST || outcome == ATTEMPT_BYE ||
	       outcome == ATTEMPT_DISPLACED;
}

#endif
