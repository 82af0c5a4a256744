/*
 * data_connection - the way of one visitor to the server: dials it, answers its
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
	/* Of what has failed, for people. */
	char reason[DIAL_TEXT_SIZE + 64];

	/* Private. */
	struct dial dial;
	struct resolve_list addresses;
};

/* stop_fd: readable when the owner is to end. */
void data_connection_init(struct data_connection *connection,
    struct data_connection_server *server, int stop_fd);

/* Begin to dial the server. Does not wait. timeout_ms: how long that may take
 * on a path of a short round trip. */
void data_connection_dial(
    struct data_connection *connection, uint32_t timeout_ms);

/*
 * Wait until the connection is open.
 *
 * beside: a dial that goes on meanwhile; its end is not waited for.
 * Returns ERROR_NONE; ERROR_TIMEOUT with a reason: the server was not reached;
 * ERROR_STOPPED.
 */
enum error data_connection_wait(
    struct data_connection *connection, struct dial *beside);

/*
 * Wait for the Challenge and queue the answer, which goes out with
 * data_connection_say(). Does nothing where there is no secret.
 *
 * Returns ERROR_NONE or, with a reason, an error of channel_receive().
 */
enum error data_connection_authenticate(struct data_connection *connection);

/* Send a message, and what is queued before it. Returns ERROR_NONE or, with a
 * reason, an error of channel_send(). */
enum error data_connection_say(
    struct data_connection *connection, const struct message *message);

/* Wait without end for a visitor to be announced on an idle connection. Returns
 * ERROR_PROTOCOL: something else was said, or an error of channel_receive(). */
enum error data_connection_await_visitor(
    struct data_connection *connection, struct announcement *announcement);

/*
 * Returns whether a connection that has failed is to be dialled again: pure.
 *
 * announced_ms: when the visitor was announced last: one that is begun too late
 * would be at the server when the visitor is dropped.
 */
bool data_connection_tries_again(int64_t now_ms, int64_t announced_ms);

/* Close whatever is open. Legal more than once. */
void data_connection_end(struct data_connection *connection);

#endif
