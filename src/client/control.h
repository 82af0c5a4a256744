/*
 * control - a control connection, from the attempt to get it to its loss.
 *
 * Runs in the control thread. It decides nothing about what comes after it: it
 * reports a typed result to the supervisor. See rebore-protocol(7), CONTROL
 * CONNECTION.
 *
 * While an announced server is silent, a second connection is dialled beside
 * the first (the rival), in a thread of its own; whichever speaks first is kept.
 */
#ifndef REBORE_CLIENT_CONTROL_H
#define REBORE_CLIENT_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include "client/client.h"
#include "client/handshake.h"
#include "client/worker.h"
#include "net/netwatch.h"
#include "net/resolve.h"

enum control_outcome {
	/* As asked. */
	CONTROL_STOPPED,
	/* The tunnel stood, and is lost. */
	CONTROL_LOST,
	/* The tunnel stood, and the server ended it on purpose. */
	CONTROL_BYE,
	/* The tunnel stood, and another of our instance has it now. */
	CONTROL_DISPLACED,
	/* It never stood; the next attempt may do better. */
	CONTROL_FAILED,
	/* The same, because the public port is taken. */
	CONTROL_PORT_TAKEN,
	/* The same, because our instance is in use by another process. */
	CONTROL_COPY,
	/* Explicit evidence that no attempt can help: the secret. */
	CONTROL_REFUSED,
	/* Explicit evidence that no attempt can help: anything else. */
	CONTROL_IMPOSSIBLE,
};

struct control {
	/* Set before control_run(), then read-only. */
	const struct client_options *options;
	struct keyring *keys;
	struct identity *identity;
	struct roster *roster; /* of control connections */
	struct worker_context *workers;
	struct resolve *server;
	int stop_fd; /* readable when the client is to end */
	uint16_t asked_port;
	unsigned failures; /* attempts in a row that came to nothing */
	/* Called in the control thread, once the tunnel stands. */
	void (*established)(void *context, uint16_t public_port);
	void *context;

	/* The control thread's alone while it runs. */
	struct netwatch *watch;

	/* Written by control_run(). */
	enum control_outcome outcome;
	/* For people: why, and what to check. */
	char reason[HANDSHAKE_REASON_SIZE];
	/* How long the tunnel stood, and whether it served anybody. */
	int64_t stood_ms;
	bool carried;
	/* What an announced server grants: for so long it keeps our port. */
	uint32_t lease_ms;
	/* On CONTROL_BYE: it is to listen again in so long; 0: not said. */
	uint32_t retry_ms;
	/* On failure the attempt that the server knows of our instance; 0: it
	 * has not said. */
	uint64_t known_attempt;
	/* The network has changed: there is no reason to wait. */
	bool at_once;
};

/* Make the attempt; returns when it has come to its end. */
void control_run(struct control *control);

#endif
