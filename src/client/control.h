/*
 * control - a control connection, from the attempt to establish it until it is
 * lost.
 *
 * Runs in the control thread. It does not decide what follows: it reports a
 * typed result to the supervisor. See rebore-protocol(7), CONTROL CONNECTION.
 *
 * While an announced server is silent, a second connection (the rival) is
 * dialled by a thread of its own. The connection on which the server is heard
 * first stays.
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
	int stop_fd; /* readable once the client is being stopped */
	uint16_t asked_port;
	unsigned failures; /* failed attempts in a row */
	/* Called in the control thread once the tunnel is up. */
	void (*established)(void *context, uint16_t public_port);
	void *context;

	/* Used by the control thread alone while it runs. */
	struct netwatch *watch;

	/* Written by control_run(). */
	struct attempt_end end;
	/* Why the attempt ended, and what to check; for the log. */
	char reason[HANDSHAKE_REASON_SIZE];
};

/* Make one attempt. Returns when it has failed or the connection is lost. */
void control_run(struct control *control);

#endif
