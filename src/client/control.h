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

#include "client/attempt.h"
#include "client/client_options.h"
#include "client/handshake.h"
#include "client/worker.h"
#include "net/netwatch.h"
#include "net/resolve.h"

struct control {
	/* Set before control_run(), then read-only. */
	const struct client_options *options;
	struct keyring *keys;
	struct identity *identity;
	struct roster *roster; /* of control connections */
	struct worker_shared *workers;
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
	struct attempt_end end;
	/* For people: why, and what to check. */
	char reason[HANDSHAKE_REASON_SIZE];
};

/* Make the attempt; returns when it has come to its end. */
void control_run(struct control *control);

#endif
