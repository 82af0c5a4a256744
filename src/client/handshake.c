/* handshake - see handshake.h */
#include "client/handshake.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/patience.h"
#include "base/protocol_times.h"
#include "base/secret.h"
#include "net/dial.h"
#include "net/sockopt.h"
#include "net/tcp.h"
#include "wire/auth.h"

/* A system that asks a second name server after 5 s still gets its answer in
 * time. */
#define LOOK_UP_MS 10000

/* of an attempt that another thread may call off */
enum commitment {
	COMMITMENT_OPEN,
	COMMITMENT_MADE,
	COMMITMENT_GONE,
};

/* The texts of Errors of bore 0.6. Any other may be temporary. */
static const struct verdict {
	const char *text;
	enum handshake_outcome outcome;
	const char *advice;
} verdicts[] = {
    {"invalid secret", HANDSHAKE_REFUSED,
	"; check that the secret here and on the server are the same"},
    {"server requires secret, but no secret was provided", HANDSHAKE_REFUSED,
	"; give the server's secret with --secret-file"},
    {"client port number not in allowed range", HANDSHAKE_IMPOSSIBLE,
	"; ask for another with --port, or change --min-port and --max-port "
	"on the server"},
    {"port already in use", HANDSHAKE_PORT_TAKEN,
	"; on the server another client or program holds the public port"},
    {AUTH_NO_SECRET, HANDSHAKE_FAILED,
	", but one is given here; give both ends the same, or none"},
};

#define REPORT_PRINTF __attribute__((__format__(__printf__, 3, 4)))

static void report(struct handshake *handshake, enum handshake_outcome outcome,
    const char *format, ...) REPORT_PRINTF;

static void
report(struct handshake *handshake, enum handshake_outcome outcome,
    const char *format, ...)
{
	va_list arguments;

	handshake->outcome = outcome;
	va_start(arguments, format);
	vsnprintf(
	    handshake->reason, sizeof handshake->reason, format, arguments);
	va_end(arguments);
}

void
handshake_report_error(struct handshake *handshake,
    enum handshake_outcome otherwise, const char *text)
{
	for (size_t i = 0; i < sizeof verdicts / sizeof *verdicts; i++)
		if (strcmp(verdicts[i].text, text) == 0) {
			report(handshake, verdicts[i].outcome,
			    "the server says \"%s\"%s", text,
			    verdicts[i].advice);
			return;
		}
	report(handshake, otherwise, "the server says \"%s\"", text);
}

const char *
handshake_channel_text(enum error error)
{
	if (error == ERROR_CLOSED)
		return "the server closed the connection";
	if (error == ERROR_PROTOCOL)
		return "the server sent what is no message of the protocol";
	if (error == ERROR_SYSTEM || error == ERROR_RESET)
		return strerror(errno);
	return error_text(error);
}

/* How servers of other protocols begin. */
static const struct foreign {
	const char *beginning;
	const char *name;
} foreigners[] = {
    {"HTTP/", "a web server"},
    {"<", "a web server"},
    {"SSH-", "an SSH server"},
    {"220 ", "a mail or FTP server"},
};

/* Returns what kind of server the peer seems to be, or NULL if unknown. */
static const char *
foreign_name(const struct channel *channel)
{
	size_t size;
	const char *rest = channel_rest(channel, &size);

	for (size_t i = 0; i < sizeof foreigners / sizeof *foreigners; i++) {
		const char *beginning = foreigners[i].beginning;
		size_t length = strlen(beginning);

		if (size >= length && memcmp(rest, beginning, length) == 0)
			return foreigners[i].name;
	}
	return NULL;
}

/* Report that no message was received, or something that is not of the
 * protocol. */
static void
report_channel(struct handshake *handshake, enum error error)
{
	const char *foreign = foreign_name(&handshake->channel);

	if (foreign != NULL)
		report(handshake, HANDSHAKE_FAILED,
		    "%s answers there, not a rebore server; check the host "
		    "and the port of --to",
		    foreign);
	else if (error == ERROR_TIMEOUT)
		report(handshake, HANDSHAKE_FAILED,
		    "no answer in %d s; if this goes on, it may be no rebore "
		    "server: check the host and the port of --to",
		    (int)(handshake->answer_ms / 1000));
	else
		report(handshake, HANDSHAKE_FAILED, "%s",
		    handshake_channel_text(error));
}

static enum error
find_server(struct handshake *handshake, struct resolve_list *list)
{
	const char *host = handshake->options->server.host;
	const char *why;
	enum error error;

	if (handshake->known != NULL) {
		list->addresses[0] = *handshake->known;
		list->count = 1;
		return ERROR_NONE;
	}
	error = resolve_lookup(
	    handshake->server, clock_now_ms() + LOOK_UP_MS, list, &why);
	if (error == ERROR_NAME)
		report(handshake, HANDSHAKE_FAILED, "cannot resolve %s: %s",
		    host, why);
	else if (error == ERROR_TIMEOUT)
		report(handshake, HANDSHAKE_FAILED,
		    "cannot resolve %s: no answer from a name server in %d s",
		    host, LOOK_UP_MS / 1000);
	else if (error)
		report(handshake, HANDSHAKE_FAILED, "cannot resolve %s: %s",
		    host, strerror(errno));
	return error;
}

/* The round trip is known now. If the system does not tell it, the time that
 * the dial took is an upper bound. */
static void
set_patience(struct handshake *handshake, int64_t dial_ms)
{
	uint32_t rtt_ms = tcp_rtt_ms(transport_fd(&handshake->transport));

	handshake->answer_ms = patience_answer_ms(
	    PROTOCOL_HANDSHAKE_MS, rtt_ms > 0 ? rtt_ms : (uint32_t)dial_ms);
}

static enum error
connect_to(struct handshake *handshake, const struct resolve_list *list)
{
	char text[DIAL_TEXT_SIZE];
	struct dial dial;
	struct dial *const dials[] = {&dial};
	enum error error;

	int64_t start_ms = clock_now_ms();

	dial_start_again(
	    &dial, list, start_ms + handshake->connect_ms, handshake->again_ms);
	error = dial_wait(dials, 1, true, CLOCK_NEVER, handshake->stop_fd);
	if (error == ERROR_NONE && dial.state != DIAL_DONE) {
		dial_reason(&dial, text);
		report(
		    handshake, HANDSHAKE_FAILED, "cannot connect to %s", text);
		error = ERROR_RESET;
	}
	if (error == ERROR_NONE) {
		handshake->transport = transport_of(dial.fd);
		handshake->peer = dial.peer;
		dial.fd = -1; /* the transport closes it from here on */
		set_patience(handshake, clock_now_ms() - start_ms);
	}
	dial_end(&dial);
	return error;
}

/* Another message arrived in place of a challenge. It is evidence that the
 * server has no secret only if a server of the protocol would begin with it in
 * that case. */
static void
report_no_challenge(struct handshake *handshake, const struct message *message)
{
	if (message->kind == MESSAGE_HELLO ||
	    message->kind == MESSAGE_HEARTBEAT ||
	    message->kind == MESSAGE_CONNECTION)
		report(handshake, HANDSHAKE_REFUSED,
		    "the server runs without a secret, but one is given here; "
		    "give both ends the same, or none");
	else
		report(handshake, HANDSHAKE_FAILED,
		    "the server sent %s in place of a challenge; is it a "
		    "server of rebore or bore?",
		    message->kind == MESSAGE_UNKNOWN
			? message->as.text
			: message_name(message->kind));
}

/* Wait for the challenge and queue the answer. */
static enum error
authenticate(struct handshake *handshake)
{
	struct message message;
	struct auth_key key;
	enum error error = channel_receive(&handshake->channel, &message,
	    clock_now_ms() + handshake->answer_ms);

	if ((error == ERROR_CLOSED || error == ERROR_RESET ||
		error == ERROR_TIMEOUT) &&
	    foreign_name(&handshake->channel) == NULL) {
		/* A server that restarts closes the connection like this, too,
		 * so it is no evidence. */
		report(handshake, HANDSHAKE_FAILED,
		    "the server sent no challenge (%s); if this goes on, it "
		    "may be no rebore server, or the server may run without a "
		    "secret%s",
		    error_text(error),
		    error == ERROR_TIMEOUT
			? ""
			: ", or shut out this address, which failed to "
			  "authenticate too often");
	} else if (error) {
		report_channel(handshake, error);
	} else if (message.kind == MESSAGE_CHALLENGE &&
		   keyring_copy(handshake->keys, &key)) {
		error =
		    auth_answer(&handshake->channel, &key, &message.as.uuid);
		secret_wipe(&key, sizeof key);
	} else if (message.kind == MESSAGE_ERROR) {
		handshake_report_error(
		    handshake, HANDSHAKE_FAILED, message.as.text);
		error = ERROR_DENIED;
	} else {
		report_no_challenge(handshake, &message);
		error = ERROR_DENIED;
	}
	return error;
}

/* Wait for the answer to our Hello. */
static enum error
await_answer(struct handshake *handshake, struct message *message)
{
	int64_t deadline_ms = clock_now_ms() + handshake->answer_ms;
	bool is_hint;
	enum error error;

	do {
		error =
		    channel_receive(&handshake->channel, message, deadline_ms);
		/* The server sent this before our Hello reached it: the path is
		 * slow. */
		is_hint = error == ERROR_NONE &&
		          message->kind == MESSAGE_ERROR &&
		          !handshake->options->has_secret &&
		          strcmp(message->as.text, AUTH_NO_SECRET) == 0;
	} while (is_hint && clock_now_ms() < deadline_ms);
	return error;
}

/* Process what the server has sent behind an Error in the same write. */
static void
read_more(struct handshake *handshake)
{
	struct message message;

	if (channel_next(&handshake->channel, &message) ||
	    message.kind != MESSAGE_BYE)
		return;
	handshake->known_attempt = message.as.bye.attempt;
	if (message.as.bye.copy)
		report(handshake, HANDSHAKE_COPY,
		    "another client is connected with our identity: our state "
		    "file is a copy of its, or its is a copy of ours");
}

/* Process the answer to our Hello. */
static enum error
read_hello_answer(struct handshake *handshake, const struct message *message)
{
	switch (message->kind) {
	case MESSAGE_HELLO:
		handshake->public_port = message->as.port;
		return ERROR_NONE;
	case MESSAGE_ERROR:
		handshake_report_error(
		    handshake, HANDSHAKE_FAILED, message->as.text);
		read_more(handshake);
		return ERROR_DENIED;
	case MESSAGE_CHALLENGE:
		if (handshake->options->has_secret)
			break;
		report(handshake, HANDSHAKE_REFUSED,
		    "the server requires a secret, and none is given here; "
		    "give it with --secret-file");
		return ERROR_DENIED;
	default:
		break;
	}
	report(handshake, HANDSHAKE_FAILED, "the server answered with %s",
	    message_name(message->kind));
	return ERROR_PROTOCOL;
}

/* From here on the server may act on Hello. */
static bool
commit(struct handshake *handshake)
{
	int open = COMMITMENT_OPEN;

	if (atomic_compare_exchange_strong(
		&handshake->commitment, &open, COMMITMENT_MADE))
		return true;
	report(handshake, HANDSHAKE_CALLED_OFF, "called off");
	return false;
}

/*
 * Send Hello, and Announce right behind it in the same write. A server of bore
 * never reads Announce.
 */
static enum error
say_hello(struct handshake *handshake)
{
	struct message hello = {
	    .kind = MESSAGE_HELLO, .as.port = handshake->asked_port};
	struct message who = {.kind = MESSAGE_ANNOUNCE};
	enum error error;

	who.as.announce = (struct message_announce){
	    .can = MESSAGE_CAN_HEARTBEAT | MESSAGE_CAN_LEASE,
	    .has_instance = true,
	    .instance = identity_instance(handshake->identity),
	    .attempt = identity_next_attempt(handshake->identity),
	    .has_process = true,
	    .process = handshake->identity->process,
	};
	if (handshake->options->spares > 0)
		who.as.announce.can |= MESSAGE_CAN_SPARE | MESSAGE_CAN_KEY;
	who.as.announce.spares = handshake->options->spares;
	who.as.announce.resume_ms = handshake->options->resume_ms;
	if (who.as.announce.resume_ms > 0)
		who.as.announce.can |=
		    MESSAGE_CAN_SPARE | MESSAGE_CAN_KEY | MESSAGE_CAN_STREAM;
	error = channel_put(&handshake->channel, &hello);
	if (error == ERROR_NONE)
		error = channel_send(&handshake->channel, &who,
		    clock_now_ms() + handshake->answer_ms);
	return error;
}

/* There is no answer. If the client ends, nobody will use the port that the
 * server may have given us: Bye, behind Hello, releases it. */
static void
take_back(struct handshake *handshake)
{
	const struct message bye = {.kind = MESSAGE_BYE};
	struct pollfd slot = {.fd = handshake->stop_fd, .events = POLLIN};

	if (atomic_load(&handshake->bye_on_stop) && poll(&slot, 1, 0) == 1)
		(void)channel_send(&handshake->channel, &bye,
		    clock_now_ms() + PROTOCOL_BYE_MS);
}

static enum error
shake_hands(struct handshake *handshake)
{
	struct message message;
	enum error error = ERROR_NONE;

	if (handshake->options->has_secret)
		error = authenticate(handshake);
	if (error)
		return error;
	if (!commit(handshake))
		return ERROR_STOPPED;
	error = say_hello(handshake);
	if (error == ERROR_NONE)
		error = await_answer(handshake, &message);
	if (error) {
		report_channel(handshake, error);
		take_back(handshake);
		return error;
	}
	return read_hello_answer(handshake, &message);
}

void
handshake_init(struct handshake *handshake)
{
	handshake->transport = (struct transport)TRANSPORT_INITIALIZER;
	handshake->outcome = HANDSHAKE_FAILED;
	snprintf(handshake->reason, sizeof handshake->reason, "%s",
	    error_text(ERROR_STOPPED));
	handshake->known_attempt = 0;
	atomic_init(&handshake->commitment, COMMITMENT_OPEN);
	atomic_init(&handshake->bye_on_stop, false);
}

void
handshake_run(struct handshake *handshake)
{
	struct resolve_list list;

	if (find_server(handshake, &list) || connect_to(handshake, &list))
		return;
	if (!roster_enter(handshake->roster, &handshake->entry,
		transport_fd(&handshake->transport), -1)) {
		transport_close(&handshake->transport);
		return;
	}
	sockopt_prepare(
	    transport_fd(&handshake->transport), &sockopt_keepalive_control);
	channel_init(&handshake->channel, handshake->transport);
	if (shake_hands(handshake) == ERROR_NONE)
		handshake->outcome = HANDSHAKE_DONE;
	else
		handshake_end(handshake);
}

bool
handshake_call_off(struct handshake *handshake)
{
	int open = COMMITMENT_OPEN;

	return atomic_compare_exchange_strong(
	    &handshake->commitment, &open, COMMITMENT_GONE);
}

bool
handshake_is_committed(const struct handshake *handshake)
{
	return atomic_load(&handshake->commitment) == COMMITMENT_MADE;
}

void
handshake_bye_on_stop(struct handshake *handshake)
{
	atomic_store(&handshake->bye_on_stop, true);
}

void
handshake_end(struct handshake *handshake)
{
	if (transport_is_open(&handshake->transport))
		roster_leave(handshake->roster, &handshake->entry);
	transport_close(&handshake->transport);
}
