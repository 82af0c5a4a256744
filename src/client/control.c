/* control - see control.h */
#include "client/control.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "net/dial.h"
#include "net/sockopt.h"
#include "os/fd.h"
#include "wire/auth.h"
#include "wire/channel.h"

/* A system that asks a second name server after 5 s still gets its answer. */
#define LOOK_UP_MS 10000
/* To connect, and for each message of the handshake. */
#define HANDSHAKE_MS 3000

/* The state of one attempt; on the stack of its thread. */
struct attempt {
	struct control *control;
	int fd;
	struct channel channel;
	struct worker_session *session;
	uint16_t public_port;
	int64_t heard_ms;
	bool told_unknown;
};

/* What a server of bore 0.6 says in an Error. Whatever is not here may pass. */
static const struct verdict {
	const char *text;
	enum control_outcome outcome;
	const char *advice;
} verdicts[] = {
    {"invalid secret", CONTROL_REFUSED,
	"; check that the secret here and on the server are the same"},
    {"server requires secret, but no secret was provided", CONTROL_REFUSED,
	"; give the server's secret with --secret-file"},
    {"client port number not in allowed range", CONTROL_IMPOSSIBLE,
	"; ask for another with --port, or change --min-port and --max-port "
	"on the server"},
    {"port already in use", CONTROL_PORT_TAKEN,
	"; on the server another client or program holds the public port"},
};

#define REPORT_PRINTF __attribute__((__format__(__printf__, 3, 4)))

static void report(struct attempt *attempt, enum control_outcome outcome,
    const char *format, ...) REPORT_PRINTF;

static void
report(struct attempt *attempt, enum control_outcome outcome,
    const char *format, ...)
{
	struct control *control = attempt->control;
	va_list arguments;

	control->outcome = outcome;
	va_start(arguments, format);
	vsnprintf(control->reason, sizeof control->reason, format, arguments);
	va_end(arguments);
}

static void
report_error_message(
    struct attempt *attempt, enum control_outcome otherwise, const char *text)
{
	for (size_t i = 0; i < sizeof verdicts / sizeof *verdicts; i++)
		if (strcmp(verdicts[i].text, text) == 0) {
			report(attempt, verdicts[i].outcome,
			    "the server says \"%s\"%s", text,
			    verdicts[i].advice);
			return;
		}
	report(attempt, otherwise, "the server says \"%s\"", text);
}

/* Report a failure of the channel; errno is still its. */
static void
report_channel(
    struct attempt *attempt, enum control_outcome outcome, enum error error)
{
	const char *text = error_text(error);

	if (error == ERROR_CLOSED)
		text = "the server closed the connection";
	else if (error == ERROR_PROTOCOL)
		text = "the server sent what is no message of the protocol";
	else if (error == ERROR_SYSTEM || error == ERROR_RESET)
		text = strerror(errno);
	report(attempt, outcome, "%s", text);
}

static enum error
find_server(struct attempt *attempt, struct resolve_list *list)
{
	struct control *control = attempt->control;
	const char *host = control->options->server.host;
	const char *why;
	enum error error = resolve_lookup(
	    control->server, clock_now_ms() + LOOK_UP_MS, list, &why);

	if (error == ERROR_NAME)
		report(attempt, CONTROL_FAILED, "cannot resolve %s: %s", host,
		    why);
	else if (error == ERROR_TIMEOUT)
		report(attempt, CONTROL_FAILED,
		    "cannot resolve %s: no answer from a name server in %d s",
		    host, LOOK_UP_MS / 1000);
	else if (error)
		report(attempt, CONTROL_FAILED, "cannot resolve %s: %s", host,
		    strerror(errno));
	return error;
}

static enum error
connect_to(struct attempt *attempt, const struct resolve_list *list)
{
	struct control *control = attempt->control;
	char text[DIAL_TEXT_SIZE];
	struct dial dial;
	struct dial *const dials[] = {&dial};
	enum error error;

	dial_start(&dial, list, clock_now_ms() + HANDSHAKE_MS);
	error = dial_wait(dials, 1, true, CLOCK_NEVER, control->stop_fd);
	if (error == ERROR_NONE && dial.state != DIAL_DONE) {
		dial_reason(&dial, text);
		report(attempt, CONTROL_FAILED, "cannot connect to %s", text);
		error = ERROR_RESET;
	}
	if (error == ERROR_NONE) {
		attempt->fd = dial.fd;
		dial.fd = -1; /* ours now */
		attempt->session = worker_session_create(&dial.peer);
		if (attempt->session == NULL)
			error = ERROR_MEMORY;
	}
	dial_end(&dial);
	return error;
}

/* Wait for the challenge and queue the answer. */
static enum error
authenticate(struct attempt *attempt)
{
	const struct auth_key *key = &attempt->control->options->key;
	struct message message;
	enum error error = channel_receive(
	    &attempt->channel, &message, clock_now_ms() + HANDSHAKE_MS);

	if (error == ERROR_CLOSED || error == ERROR_RESET ||
	    error == ERROR_TIMEOUT) {
		/* A server that restarts does so too: no evidence. */
		report(attempt, CONTROL_FAILED,
		    "the server sent no challenge (%s); if this goes on, the "
		    "server may run without a secret",
		    error_text(error));
	} else if (error) {
		report_channel(attempt, CONTROL_FAILED, error);
	} else if (message.kind == MESSAGE_CHALLENGE) {
		return auth_answer(&attempt->channel, key, &message.as.uuid);
	} else if (message.kind == MESSAGE_ERROR) {
		report_error_message(attempt, CONTROL_FAILED, message.as.text);
		error = ERROR_DENIED;
	} else {
		report(attempt, CONTROL_REFUSED,
		    "the server runs without a secret, but one is given here; "
		    "give both ends the same, or none");
		error = ERROR_DENIED;
	}
	return error;
}

/* Look at the answer to our Hello. */
static enum error
read_answer(struct attempt *attempt, const struct message *message)
{
	switch (message->kind) {
	case MESSAGE_HELLO:
		attempt->public_port = message->as.port;
		return ERROR_NONE;
	case MESSAGE_ERROR:
		report_error_message(attempt, CONTROL_FAILED, message->as.text);
		return ERROR_DENIED;
	case MESSAGE_CHALLENGE:
		if (attempt->control->options->has_secret)
			break;
		report(attempt, CONTROL_REFUSED,
		    "the server requires a secret, and none is given here; "
		    "give it with --secret-file");
		return ERROR_DENIED;
	default:
		break;
	}
	report(attempt, CONTROL_FAILED, "the server answered with %s",
	    message_name(message->kind));
	return ERROR_PROTOCOL;
}

static enum error
shake_hands(struct attempt *attempt)
{
	struct control *control = attempt->control;
	struct message message = {.kind = MESSAGE_HELLO};
	enum error error = ERROR_NONE;

	if (control->options->has_secret)
		error = authenticate(attempt);
	if (error)
		return error;
	message.as.port = control->asked_port;
	error = channel_send(
	    &attempt->channel, &message, clock_now_ms() + HANDSHAKE_MS);
	if (error == ERROR_NONE)
		error = channel_receive(
		    &attempt->channel, &message, clock_now_ms() + HANDSHAKE_MS);
	if (error) {
		report_channel(attempt, CONTROL_FAILED, error);
		return error;
	}
	return read_answer(attempt, &message);
}

static enum error
handle(struct attempt *attempt, const struct message *message)
{
	switch (message->kind) {
	case MESSAGE_HEARTBEAT:
		return ERROR_NONE;
	case MESSAGE_CONNECTION:
		worker_start(attempt->control->workers, attempt->session,
		    &message->as.uuid);
		return ERROR_NONE;
	case MESSAGE_ERROR:
		report_error_message(attempt, CONTROL_LOST, message->as.text);
		attempt->control->outcome = CONTROL_LOST;
		return ERROR_CLOSED;
	default:
		if (!attempt->told_unknown)
			log_warning("the server sent an unexpected %s; it is "
				    "ignored, and so are further ones",
			    message->kind == MESSAGE_UNKNOWN
				? message->as.text
				: message_name(message->kind));
		attempt->told_unknown = true;
		return ERROR_NONE;
	}
}

/* Take all messages that were read. Returns what ends the connection. */
static enum error
take_messages(struct attempt *attempt)
{
	enum error error = ERROR_NONE;
	struct message message;

	while (error == ERROR_NONE) {
		error = channel_next(&attempt->channel, &message);
		if (error == ERROR_NONE) {
			attempt->heard_ms = clock_now_ms();
			error = handle(attempt, &message);
			if (error)
				return error; /* reported */
		}
	}
	if (error == ERROR_AGAIN)
		return ERROR_NONE;
	report_channel(attempt, CONTROL_LOST, error);
	return error;
}

static enum error
read_messages(struct attempt *attempt)
{
	enum error error = channel_fill(&attempt->channel);

	if (error == ERROR_NONE)
		return take_messages(attempt);
	if (error == ERROR_AGAIN)
		return ERROR_NONE;
	report_channel(attempt, CONTROL_LOST, error);
	return error;
}

/* Serve until the connection is lost or we are to stop. */
static void
stand(struct attempt *attempt)
{
	struct control *control = attempt->control;
	int64_t timeout_ms =
	    (int64_t)control->options->heartbeat_timeout_s * 1000;
	struct pollfd slots[] = {
	    {.fd = attempt->fd, .events = POLLIN},
	    {.fd = control->stop_fd, .events = POLLIN},
	};
	enum error error;

	attempt->heard_ms = clock_now_ms();
	error = take_messages(attempt); /* came with the answer to Hello */
	while (error == ERROR_NONE) {
		int ready = poll(
		    slots, 2, clock_left_ms(attempt->heard_ms + timeout_ms));

		if (ready == -1 && errno != EINTR && errno != EAGAIN)
			error = ERROR_SYSTEM;
		else if (ready > 0 && slots[1].revents != 0)
			error = ERROR_STOPPED;
		else if (ready > 0)
			error = read_messages(attempt);
		else if (ready == 0)
			error = ERROR_TIMEOUT;
	}
	if (error == ERROR_TIMEOUT)
		report(attempt, CONTROL_LOST, "no heartbeat for %.1f s",
		    (double)(clock_now_ms() - attempt->heard_ms) / 1000);
	else if (error == ERROR_SYSTEM)
		report_channel(attempt, CONTROL_LOST, error);
}

/* The attempt, once there is a socket that can be interrupted. */
static void
converse(struct attempt *attempt)
{
	struct control *control = attempt->control;
	int64_t start_ms;

	sockopt_prepare(attempt->fd, &sockopt_keepalive_control);
	channel_init(&attempt->channel, attempt->fd);
	if (shake_hands(attempt))
		return;
	start_ms = clock_now_ms();
	control->outcome = CONTROL_LOST;
	control->established(control->context, attempt->public_port);
	stand(attempt);
	control->stood_ms = clock_now_ms() - start_ms;
	control->carried = atomic_load(&attempt->session->carried);
}

/* Returns whether the client is asked to end. */
static bool
is_stopped(const struct control *control)
{
	struct pollfd slot = {.fd = control->stop_fd, .events = POLLIN};

	return poll(&slot, 1, 0) == 1;
}

void
control_run(struct control *control)
{
	struct attempt attempt = {.control = control, .fd = -1};
	struct roster *roster = control->workers->roster;
	struct roster_entry entry;
	struct resolve_list list;

	control->stood_ms = 0;
	control->carried = false;
	report(&attempt, CONTROL_FAILED, "%s", error_text(ERROR_MEMORY));
	if (find_server(&attempt, &list) == ERROR_NONE &&
	    connect_to(&attempt, &list) == ERROR_NONE &&
	    roster_enter(roster, &entry, attempt.fd, -1) > 0) {
		converse(&attempt);
		roster_leave(roster, &entry);
	}
	if (is_stopped(control))
		control->outcome = CONTROL_STOPPED;
	fd_close(&attempt.fd);
	worker_session_release(attempt.session);
}
