/*
 * control - one attempt at a control connection, from the look-up of the
 * server's name to its loss.
 *
 * Runs in the control thread. It decides nothing about what comes after it: it
 * reports a typed result to the supervisor. See rebore-protocol(7), CONTROL
 * CONNECTION.
 */
#ifndef REBORE_CLIENT_CONTROL_H
#define REBORE_CLIENT_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include "client/client.h"
#include "client/worker.h"
#include "net/resolve.h"

#define CONTROL_REASON_SIZE 512

enum control_outcome {
	/* As asked. */
	CONTROL_STOPPED,
	/* The tunnel stood, and is lost. */
	CONTROL_LOST,
	/* It never stood; the next attempt may do better. */
	CONTROL_FAILED,
	/* The same, because the public port is taken. */
	CONTROL_PORT_TAKEN,
	/* Explicit evidence that no attempt can help: the secret. */
	CONTROL_REFUSED,
	/* Explicit evidence that no attempt can help: anything else. */
	CONTROL_IMPOSSIBLE,
};

struct control {
	/* Set before control_run(), then read-only. */
	const struct client_options *options;
	struct worker_context *workers;
	struct resolve *server;
	int stop_fd; /* readable when the client is to end */
	uint16_t asked_port;
	/* Called in the control thread, once the tunnel stands. */
	void (*established)(void *context, uint16_t public_port);
	void *context;

	/* Written by control_run(). */
	enum control_outcome outcome;
	/* For people: why, and what to check. */
	char reason[CONTROL_REASON_SIZE];
	/* How long the tunnel stood, and whether it served anybody. */
	int64_t stood_ms;
	bool carried;
};

/* Make the attempt; returns when it has come to its end. */
void control_run(struct control *control);

#endif
