/* data_connection - see data_connection.h */
#include "client/data_connection.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/patience.h"
#include "base/protocol_times.h"
#include "base/secret.h"
#include "net/sockopt.h"
#include "wire/auth.h"

/* The server drops a visitor PROTOCOL_ACCEPT_MS after it was announced; by then
 * a connection has to be there. */
#define TRY_AGAIN_WITHIN_MS (PROTOCOL_ACCEPT_MS - 1000)

void
data_connection_init(struct data_connection *connection,
    struct data_connection_server *server, int stop_fd)
{
	connection->server = server;
	connection->stop_fd = stop_fd;
	connection->transport = (struct transport)TRANSPORT_INITIALIZER;
	connection->reason[0] = '\0';
	dial_none(&connection->dial);
}

static uint32_t
rtt_of_server(const struct data_connection *connection)
{
	return atomic_load(&connection->server->rtt_ms);
}

/* The deadline for the next message from the server, or for the server to
 * accept one. */
static int64_t
server_answers_by_ms(const struct data_connection *connection)
{
	return clock_now_ms() + patience_answer_ms(PROTOCOL_HANDSHAKE_MS,
				    rtt_of_server(connection));
}

void
data_connection_dial(struct data_connection *connection, uint32_t timeout_ms)
{
	connection->addresses.addresses[0] = connection->server->address;
	connection->addresses.count = 1;
	dial_start(&connection->dial, &connection->addresses,
	    clock_now_ms() +
		patience_answer_ms(timeout_ms, rtt_of_server(connection)));
}

enum error
data_connection_wait(struct data_connection *connection, struct dial *beside)
{
	struct dial *const dials[] = {&connection->dial, beside};
	struct dial *dial = &connection->dial;
	char text[DIAL_TEXT_SIZE];

	while (dial->state == DIAL_GOING) {
		unsigned count = beside->state == DIAL_GOING ? 2 : 1;

		if (dial_wait(
			dials, count, true, CLOCK_NEVER, connection->stop_fd))
			return ERROR_STOPPED;
	}
	if (dial->state == DIAL_FAILED) {
		dial_reason(dial, text);
		snprintf(connection->reason, sizeof connection->reason,
		    "cannot dial back to the server at %s", text);
		return ERROR_TIMEOUT;
	}
	connection->transport = transport_of(dial->fd);
	dial->fd = -1;
	sockopt_prepare(
	    transport_fd(&connection->transport), &sockopt_keepalive_proxied);
	channel_init(&connection->channel, connection->transport);
	return ERROR_NONE;
}

enum error
data_connection_authenticate(struct data_connection *connection)
{
	struct keyring *keys = connection->server->keys;
	struct message message;
	struct auth_key key;
	enum error error;

	if (keys == NULL)
		return ERROR_NONE;
	error = channel_receive(
	    &connection->channel, &message, server_answers_by_ms(connection));
	if (error == ERROR_NONE && message.kind != MESSAGE_CHALLENGE)
		error = ERROR_PROTOCOL;
	if (error == ERROR_NONE && keyring_copy(keys, &key)) {
		error =
		    auth_answer(&connection->channel, &key, &message.as.uuid);
		secret_wipe(&key, sizeof key);
	}
	if (error)
		snprintf(connection->reason, sizeof connection->reason,
		    "no challenge on the data connection: %s",
		    error_text(error));
	return error;
}

enum error
data_connection_say(
    struct data_connection *connection, const struct message *message)
{
	enum error error = channel_send(
	    &connection->channel, message, server_answers_by_ms(connection));

	if (error)
		snprintf(connection->reason, sizeof connection->reason,
		    "cannot send %s on the data connection: %s",
		    message_name(message->kind), error_text(error));
	return error;
}

enum error
data_connection_await_visitor(
    struct data_connection *connection, struct announcement *announcement)
{
	struct message message;
	enum error error =
	    channel_receive(&connection->channel, &message, CLOCK_NEVER);

	if (error == ERROR_NONE && message.kind != MESSAGE_CONNECTION)
		error = ERROR_PROTOCOL;
	if (error == ERROR_NONE)
		*announcement = message.as.announcement;
	return error;
}

bool
data_connection_tries_again(int64_t now_ms, int64_t announced_ms)
{
	return now_ms - announced_ms <= TRY_AGAIN_WITHIN_MS;
}

void
data_connection_end(struct data_connection *connection)
{
	transport_close(&connection->transport);
	dial_end(&connection->dial);
}
