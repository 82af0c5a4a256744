/*
 * data_connection - a visitor's way to the server: dials it, answers its
 * Challenge, and says what the connection is for. See rebore-protocol(7), DATA
 * CONNECTIONS.
 *
 * Threads: its owner's.
 */
#ifndef REBORE_CLIENT_DATA_CONNECTION_H
#define REBORE_CLIENT_DATA_CONNECTION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "net/dial.h"
#include "net/transport.h"
#include "wire/announcement.h"
#include "wire/channel.h"
#include "wire/keyring.h"

/* What is known of the server; must outlive the data connection. */
struct data_connection_server {
	struct address address;
	/* NULL: there is no secret. */
	struct keyring *keys;
	/* The round trip of the control connection; 0: not known. */
	_Atomic uint32_t rtt_ms;
};

struct data_connection {
	/* Set by data_connection_init(), then read-only. */
	struct data_connection_server *server;
	int stop_fd;

	/* Open once data_connection_wait() has returned ERROR_NONE. */
	struct transport transport;
	struct channel channel;
	/* The reason of a failure, for people. */
	char reason[DIAL_TEXT_SIZE + 64];

	/* Private. */
	struct dial dial;
	struct resolve_list addresses;
};

/* stop_fd: readable when the owner is to end. */
void data_connection_init(struct data_connection *connection,
    struct data_connection_server *server, int stop_fd);

/* Start to dial the server. Does not wait. timeout_ms: the time-out on a path
 * with a short round trip. */
void data_connection_dial(
    struct data_connection *connection, uint32_t timeout_ms);

/*
 * Wait until the connection is open.
 *
 * beside: another dial that is driven meanwhile; not waited for.
 * Returns ERROR_NONE; ERROR_TIMEOUT with a reason: the server was not reached;
 * ERROR_STOPPED.
 */
enum error data_connection_wait(
    struct data_connection *connection, struct dial *beside);

/*
 * Wait for the Challenge and queue the answer, which data_connection_say()
 * sends. Does nothing without a secret.
 *
 * Returns ERROR_NONE or, with a reason, an error of channel_receive().
 */
enum error data_connection_authenticate(struct data_connection *connection);

/* Send a message, and what is queued before it. Returns ERROR_NONE or, with a
 * reason, an error of channel_send(). */
enum error data_connection_say(
    struct data_connection *connection, const struct message *message);

/* Wait without a deadline until a visitor is announced on an idle connection.
 * Returns ERROR_PROTOCOL if anything else is received, or an error of
 * channel_receive(). */
enum error data_connection_await_visitor(
    struct data_connection *connection, struct announcement *announcement);

/*
 * Returns whether to dial again after a failure: pure.
 *
 * announced_ms: when the visitor was last announced. An attempt that starts too
 * late would reach the server when the visitor has been dropped.
 */
bool data_connection_tries_again(int64_t now_ms, int64_t announced_ms);

/* Close whatever is open. Legal more than once. */
void data_connection_end(struct data_connection *connection);

#endif
