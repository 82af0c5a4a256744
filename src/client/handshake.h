/*
 * handshake - one attempt to establish a control connection: look the server
 * up, dial it, authenticate, send Hello, and read the answer.
 *
 * See rebore-protocol(7), CONTROL CONNECTION. It does not decide what follows:
 * it reports a typed outcome, with a reason for people.
 */
#ifndef REBORE_CLIENT_HANDSHAKE_H
#define REBORE_CLIENT_HANDSHAKE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "client/client_options.h"
#include "client/identity.h"
#include "net/resolve.h"
#include "net/roster.h"
#include "net/transport.h"
#include "wire/channel.h"
#include "wire/keyring.h"

#define HANDSHAKE_REASON_SIZE 512

enum handshake_outcome {
	/* The tunnel is up. */
	HANDSHAKE_DONE,
	/* The next attempt may succeed. */
	HANDSHAKE_FAILED,
	/* The same, because the public port is taken. */
	HANDSHAKE_PORT_TAKEN,
	/* Our instance is in use by another process: our state file is a copy.
	 */
	HANDSHAKE_COPY,
	/* Explicit evidence that no attempt can help: the secret. */
	HANDSHAKE_REFUSED,
	/* Explicit evidence that no attempt can help: anything else. */
	HANDSHAKE_IMPOSSIBLE,
	/* handshake_call_off() was in time. */
	HANDSHAKE_CALLED_OFF,
};

struct handshake {
	/* Set before handshake_run(), then read-only. */
	const struct client_options *options;
	struct keyring *keys; /* a key, if there is a secret */
	struct identity *identity;
	struct resolve *server;
	struct roster *roster;
	int stop_fd; /* readable once the client is being stopped */
	uint16_t asked_port;
	uint32_t connect_ms;
	/* If the dial takes this long, it begins again beside (dial.h). */
	uint32_t again_ms;
	/* The address to dial without a look-up; NULL: use the name in options.
	 * */
	const struct address *known;

	/* Private: whether Hello may be sent, was sent, or must not be. */
	atomic_int commitment;
	/* Private: a stop sends Bye behind Hello. */
	atomic_bool bye_on_stop;

	/* How long to wait for each message of the server. */
	uint32_t answer_ms;

	/* Written by handshake_run(). */
	enum handshake_outcome outcome;
	char reason[HANDSHAKE_REASON_SIZE];
	/* On failure, the attempt number that the server knows of our instance;
	 * 0: it did not say. */
	uint64_t known_attempt;
	/* On HANDSHAKE_DONE, the caller's from then on: handshake_run() has
	 * entered the transport in the roster as entry. Otherwise not open. */
	struct transport transport;
	struct roster_entry entry;
	struct channel channel;
	struct address peer;
	uint16_t public_port;
};

/* Reset, except for the fields that the caller sets. */
void handshake_init(struct handshake *handshake);

/* Make the attempt. Waits for the server, within the deadlines. */
void handshake_run(struct handshake *handshake);

/*
 * Call off an attempt that runs in another thread, unless it has sent Hello
 * already: then the server may have acted on it, and its answer counts. Does
 * not wake the thread: stop_fd and the roster do that.
 *
 * Returns whether it is called off. Threads: any.
 */
bool handshake_call_off(struct handshake *handshake);

/* Returns whether the attempt has sent Hello, or is about to. Threads: any. */
bool handshake_is_committed(const struct handshake *handshake);

/*
 * When stop_fd ends the attempt after its Hello, send Bye, so that the server
 * does not reserve the port. Threads: any, before stop_fd becomes readable.
 */
void handshake_bye_on_stop(struct handshake *handshake);

/* Classify the text of an Error that the server sent, and report it. */
void handshake_report_error(struct handshake *handshake,
    enum handshake_outcome otherwise, const char *text);

/* Returns the text of a failure of channel.h, which may depend on errno. */
const char *handshake_channel_text(enum error error);

/* Leave the roster and close the connection, if there is one. */
void handshake_end(struct handshake *handshake);

#endif
