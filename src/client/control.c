/* control - see control.h */
#include "client/control.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/patience.h"
#include "base/protocol_times.h"
#include "net/tcp.h"
#include "os/fd.h"
#include "os/thread.h"
#include "os/wakeup.h"

/* From the start of a rival to that of the next, at least. */
#define RIVAL_REST_MS 1000
/* The system slept, and did not only start a little late. */
#define SUSPENDED_MS 2000

/* The second connection, while there is one. */
struct rival {
	bool running;
	/* It was called off, and has only to be joined. */
	bool abandoned;
	pthread_t thread;
	struct wakeup done;
	/* To end it at once */
	struct wakeup stop;
	struct roster roster;
	int64_t rest_ms; /* not before */
};

/* What stands. On the stack of the control thread. */
struct standing {
	struct control *control;
	/* The one that stands, and the rival's place. */
	struct handshake shakes[2];
	struct handshake *current;
	struct handshake *other;
	/* The current one is lost, and only the rival is left; perhaps it is the
	 * rival that took its place. */
	bool dead;
	bool replaced;
	struct worker_session *session;
	bool announced;
	int64_t heard_ms;
	int64_t heartbeat_ms; /* when ours is due */
	int64_t probe_ms;     /* the network has changed: heard by then? */
	int64_t suspended_ms; /* time that the system has slept so far */
	bool told_unknown;
	struct rival rival;
};

static void
report(struct control *control, enum attempt_outcome outcome, const char *text)
{
	control->end.outcome = outcome;
	snprintf(control->reason, sizeof control->reason, "%s", text);
}

/* A well-formed message that has no place here */
static void
skip(struct standing *standing, const struct message *message)
{
	if (!standing->told_unknown)
		log_warning("the server sent an unexpected %s; it is ignored, "
			    "and so are further ones",
		    message->kind == MESSAGE_UNKNOWN
			? message->as.text
			: message_name(message->kind));
	standing->told_unknown = true;
}

/* The server knows us: from now on we are heard, too. */
static void
take_announce(
    struct standing *standing, const struct message_announce *announce)
{
	struct uuid instance;

	standing->announced = true;
	standing->control->end.lease_ms =
	    (announce->can & MESSAGE_CAN_LEASE) ? announce->lease_ms : 0;
	if ((announce->can & MESSAGE_CAN_HEARTBEAT) != 0)
		standing->heartbeat_ms = clock_now_ms();
	if ((announce->can & MESSAGE_CAN_SPARE) == 0)
		return;
	/* A server that tells no key knows spares by the instance. */
	instance = identity_instance(standing->control->identity);
	worker_grant_spares(standing->control->workers, standing->session,
	    announce->spares, announce->has_key ? &announce->key : &instance);
}

static void
take_bye(struct standing *standing, const struct message_bye *bye)
{
	struct control *control = standing->control;
	char text[128];

	if (bye->displaced && standing->rival.running &&
	    !standing->rival.abandoned) {
		standing->replaced = true;
		report(control, ATTEMPT_LOST, "replaced by our second one");
		return;
	}
	if (bye->displaced) {
		report(control, ATTEMPT_DISPLACED,
		    "another client with our instance has taken our place; is "
		    "its state file a copy of ours?");
		return;
	}
	if (bye->taken) {
		snprintf(text, sizeof text,
		    "another client took the port after the server had not "
		    "heard us for %.1f s",
		    (double)bye->silent_ms / 1000);
		report(control, ATTEMPT_LOST, text);
		return;
	}
	report(control, ATTEMPT_BYE, "the server stops or restarts");
	control->end.retry_ms = bye->retry_ms;
}

/* Returns an error when the message ends the connection; it is reported. */
static enum error
handle(struct standing *standing, const struct message *message)
{
	struct control *control = standing->control;

	switch (message->kind) {
	case MESSAGE_HEARTBEAT:
		worker_tend_spares(control->workers, standing->session);
		worker_tidy(control->workers);
		return ERROR_NONE;
	case MESSAGE_CONNECTION:
		worker_start(
		    control->workers, standing->session, &message->as.uuid);
		return ERROR_NONE;
	case MESSAGE_ANNOUNCE:
		take_announce(standing, &message->as.announce);
		return ERROR_NONE;
	case MESSAGE_BYE:
		if (!standing->announced)
			break;
		take_bye(standing, &message->as.bye);
		return ERROR_CLOSED;
	case MESSAGE_ERROR:
		handshake_report_error(
		    standing->current, HANDSHAKE_FAILED, message->as.text);
		report(control, ATTEMPT_LOST, standing->current->reason);
		return ERROR_CLOSED;
	default:
		break;
	}
	skip(standing, message);
	return ERROR_NONE;
}

/* Make the rival end at once, whatever it is doing. */
static void
end_rival(struct standing *standing)
{
	struct rival *rival = &standing->rival;

	if (!rival->running)
		return;
	wakeup_send(&rival->stop);
	roster_interrupt_all(&rival->roster);
}

/* The connection speaks: a rival is not needed. */
static void
hear(struct standing *standing)
{
	struct rival *rival = &standing->rival;

	standing->heard_ms = clock_now_ms();
	standing->probe_ms = CLOCK_NEVER;
	if (rival->running && !rival->abandoned) {
		rival->abandoned = handshake_abandon(standing->other);
		if (rival->abandoned)
			end_rival(standing);
	}
}

/* Take all messages that were read. Returns what ends the connection. */
static enum error
take_messages(struct standing *standing)
{
	enum error error = ERROR_NONE;
	struct message message;

	while (error == ERROR_NONE) {
		error = channel_next(&standing->current->channel, &message);
		if (error == ERROR_NONE) {
			hear(standing);
			error = handle(standing, &message);
			if (error)
				return error; /* reported */
		}
	}
	if (error == ERROR_AGAIN)
		return ERROR_NONE;
	report(standing->control, ATTEMPT_LOST, handshake_channel_text(error));
	return error;
}

static enum error
read_messages(struct standing *standing)
{
	enum error error = channel_fill(&standing->current->channel);

	if (error == ERROR_NONE)
		return take_messages(standing);
	if (error == ERROR_AGAIN)
		return ERROR_NONE;
	report(standing->control, ATTEMPT_LOST, handshake_channel_text(error));
	return error;
}

static void *
run_rival(void *argument)
{
	struct standing *standing = argument;

	handshake_run(standing->other);
	wakeup_send(&standing->rival.done);
	return NULL;
}

/* It cannot be started now. */
static void
forgo_rival(struct rival *rival)
{
	wakeup_close(&rival->done);
	wakeup_close(&rival->stop);
	rival->rest_ms = clock_now_ms() + RIVAL_REST_MS;
}

/* Dial a second connection beside the one that is silent. */
static void
start_rival(struct standing *standing)
{
	struct rival *rival = &standing->rival;
	struct handshake *other = standing->other;

	rival->stop = (struct wakeup)WAKEUP_INITIALIZER;
	rival->abandoned = false;
	if (wakeup_open(&rival->done) || wakeup_open(&rival->stop)) {
		forgo_rival(rival);
		return;
	}
	roster_init(&rival->roster);
	handshake_init(other);
	other->asked_port = standing->current->public_port;
	other->connect_ms = patience_answer_ms(
	    PROTOCOL_CONNECT_AGAIN_MS, tcp_rtt_ms(standing->current->fd));
	other->again_ms = PROTOCOL_CONNECT_AGAIN_MS;
	other->known = &standing->current->peer;
	other->roster = &rival->roster;
	other->stop_fd = rival->stop.read_fd;
	if (thread_start(&rival->thread, "rebore-rival", THREAD_STACK_BYTES,
		run_rival, standing)) {
		roster_destroy(&rival->roster);
		forgo_rival(rival);
		return;
	}
	rival->running = true;
	/* One that fails at once must not be followed by the next at once. */
	rival->rest_ms = clock_now_ms() + RIVAL_REST_MS;
	log_debug("the server is silent; dialling a second connection");
}

static void
join_rival(struct standing *standing)
{
	struct rival *rival = &standing->rival;

	if (!rival->running)
		return;
	thread_join(rival->thread);
	wakeup_close(&rival->done);
	wakeup_close(&rival->stop);
	rival->running = false;
}

/* What the rival got is no rival any more: the client's stop ends it. */
static enum error
promote(struct standing *standing, struct handshake *shake)
{
	roster_leave(shake->roster, &shake->entry);
	shake->roster = standing->control->roster;
	shake->stop_fd = standing->control->stop_fd;
	shake->known = NULL;
	if (roster_enter(shake->roster, &shake->entry, shake->fd, -1) > 0)
		return ERROR_NONE;
	fd_close(&shake->fd);
	return ERROR_STOPPED;
}

static void
end_session(struct standing *standing)
{
	if (standing->session == NULL)
		return;
	if (atomic_load(&standing->session->carried))
		standing->control->end.carried = true;
	worker_end_spares(standing->session);
	worker_session_release(standing->session);
	standing->session = NULL;
}

/* Begin to use the connection that has just been got. */
static enum error
begin(struct standing *standing)
{
	struct control *control = standing->control;

	standing->dead = false;
	standing->replaced = false;
	standing->announced = false;
	standing->heard_ms = clock_now_ms();
	standing->heartbeat_ms = CLOCK_NEVER;
	standing->probe_ms = CLOCK_NEVER;
	/* Of the connection before, if there was one */
	control->end.at_once = false;
	control->end.lease_ms = 0;
	netwatch_set(control->watch, &standing->current->peer);
	end_session(standing);
	standing->session = worker_session_create(
	    &standing->current->peer, standing->current->public_port);
	if (standing->session == NULL) {
		report(control, ATTEMPT_LOST, error_text(ERROR_MEMORY));
		return ERROR_MEMORY;
	}
	control->established(control->context, standing->current->public_port);
	return take_messages(standing); /* came with the answer to Hello */
}

/* The rival has come to its end. Returns an error when nothing is left. */
static enum error
settle_rival(struct standing *standing)
{
	struct handshake *other = standing->other;
	enum error error;

	join_rival(standing);
	if (other->outcome != HANDSHAKE_DONE) {
		roster_destroy(&standing->rival.roster);
		log_debug("no second connection: %s", other->reason);
		return standing->dead ? ERROR_CLOSED : ERROR_NONE;
	}
	log_info("the control connection was silent; a second one has taken "
		 "its place");
	handshake_end(standing->current);
	standing->other = standing->current;
	standing->current = other;
	error = promote(standing, other);
	roster_destroy(&standing->rival.roster);
	return error ? error : begin(standing);
}

/* The current connection is lost; the reason is reported. Returns an error when
 * there is no rival to wait for. */
static enum error
lose_current(struct standing *standing, enum error error)
{
	struct rival *rival = &standing->rival;

	if (!rival->running || rival->abandoned ||
	    standing->control->end.outcome == ATTEMPT_BYE)
		return error;
	standing->dead = true;
	if (!standing->replaced)
		log_warning("connection lost (%s); a second one is being "
			    "dialled",
		    standing->control->reason);
	return ERROR_NONE;
}

/* The way to the server may have changed. */
static enum error
mind_change(struct standing *standing)
{
	struct control *control = standing->control;

	resolve_network_changed(control->server);
	resolve_network_changed(control->workers->local);
	if (standing->dead)
		return ERROR_NONE;
	if (!netwatch_has_local_address(standing->current->fd)) {
		report(control, ATTEMPT_LOST,
		    "the local address of the connection is gone");
		control->end.at_once = true;
		return lose_current(standing, ERROR_RESET);
	}
	log_debug("the way to the server has changed");
	if (standing->probe_ms == CLOCK_NEVER)
		standing->probe_ms = clock_now_ms() + PROTOCOL_SILENCE_MS;
	return ERROR_NONE;
}

static void
lose_by_silence(struct standing *standing)
{
	char text[64];

	snprintf(text, sizeof text, "no heartbeat for %.1f s",
	    (double)(clock_now_ms() - standing->heard_ms) / 1000);
	report(standing->control, ATTEMPT_LOST, text);
}

static void
beat(struct standing *standing, int64_t now_ms)
{
	const struct message heartbeat = {.kind = MESSAGE_HEARTBEAT};
	struct channel *channel = &standing->current->channel;

	standing->heartbeat_ms = now_ms + PROTOCOL_CLIENT_HEARTBEAT_MS;
	atomic_store(
	    &standing->session->rtt_ms, tcp_rtt_ms(standing->current->fd));
	/* One that finds no room is not missed; failures show on reading. */
	if (channel_put(channel, &heartbeat) == ERROR_NONE)
		(void)channel_flush(channel);
}

/* Do what is due by now. Returns an error when the connection is lost. */
static enum error
do_due(struct standing *standing)
{
	struct control *control = standing->control;
	int64_t now_ms = clock_now_ms();
	int64_t silent_ms = now_ms - standing->heard_ms;
	int64_t suspended_ms = clock_suspended_ms();
	struct rival *rival = &standing->rival;
	enum error error = ERROR_NONE;

	if (suspended_ms - standing->suspended_ms > SUSPENDED_MS)
		error = mind_change(standing);
	standing->suspended_ms = suspended_ms;
	if (error || standing->dead)
		return error;
	if (now_ms >= standing->heartbeat_ms)
		beat(standing, now_ms);
	if (silent_ms >=
	    (int64_t)control->options->heartbeat_timeout_s * 1000) {
		lose_by_silence(standing);
		return lose_current(standing, ERROR_TIMEOUT);
	}
	if (!standing->announced && now_ms >= standing->probe_ms) {
		lose_by_silence(standing);
		control->end.at_once = true;
		return ERROR_TIMEOUT;
	}
	if (standing->announced && silent_ms >= PROTOCOL_SILENCE_MS &&
	    !rival->running && now_ms >= rival->rest_ms)
		start_rival(standing);
	return ERROR_NONE;
}

static int64_t
due_ms(const struct standing *standing)
{
	int64_t due_ms =
	    standing->heard_ms +
	    (int64_t)standing->control->options->heartbeat_timeout_s * 1000;

	if (standing->dead)
		return CLOCK_NEVER; /* the rival has deadlines of its own */
	due_ms = clock_earlier(due_ms, standing->heartbeat_ms);
	if (!standing->announced)
		return clock_earlier(due_ms, standing->probe_ms);
	if (!standing->rival.running)
		due_ms = clock_earlier(due_ms,
		    clock_later(standing->heard_ms + PROTOCOL_SILENCE_MS,
			standing->rival.rest_ms));
	return due_ms;
}

/* Wait for something, and see to it. */
static enum error
wait_and_see(struct standing *standing)
{
	struct control *control = standing->control;
	int64_t until_ms =
	    clock_earlier(due_ms(standing), identity_due_ms(control->identity));
	struct rival *rival = &standing->rival;
	struct pollfd slots[] = {
	    {.fd = standing->dead ? -1 : standing->current->fd,
		.events = POLLIN},
	    {.fd = control->stop_fd, .events = POLLIN},
	    {.fd = rival->running ? rival->done.read_fd : -1, .events = POLLIN},
	    {.fd = control->watch->fd, .events = POLLIN},
	};
	enum error error = ERROR_NONE;

	if (poll(slots, 4, clock_left_ms(until_ms)) == -1)
		return ERROR_NONE; /* EINTR or no memory: look again */
	identity_save_if_due(control->identity);
	if (slots[1].revents != 0)
		return ERROR_STOPPED;
	if (slots[0].revents != 0)
		error = read_messages(standing);
	if (error)
		error = lose_current(standing, error);
	if (error == ERROR_NONE && slots[2].revents != 0)
		error = settle_rival(standing);
	if (error == ERROR_NONE && slots[3].revents != 0 &&
	    netwatch_changed(control->watch))
		error = mind_change(standing);
	return error;
}

/* We end on purpose: no lease is needed. */
static void
say_bye(struct standing *standing)
{
	const struct message bye = {.kind = MESSAGE_BYE};

	if (standing->announced && !standing->dead)
		(void)channel_send(&standing->current->channel, &bye,
		    clock_now_ms() + PROTOCOL_BYE_MS);
}

static void
stand(struct standing *standing)
{
	enum error error;

	standing->suspended_ms = clock_suspended_ms();
	error = begin(standing);
	while (error == ERROR_NONE) {
		error = wait_and_see(standing);
		if (error == ERROR_NONE)
			error = do_due(standing);
	}
	if (error == ERROR_STOPPED)
		say_bye(standing);
	end_rival(standing);
	join_rival(standing);
	handshake_end(standing->other);
	handshake_end(standing->current);
}

static enum attempt_outcome
outcome_of(enum handshake_outcome outcome)
{
	switch (outcome) {
	case HANDSHAKE_PORT_TAKEN:
		return ATTEMPT_PORT_TAKEN;
	case HANDSHAKE_COPY:
		return ATTEMPT_COPY;
	case HANDSHAKE_REFUSED:
		return ATTEMPT_REFUSED;
	case HANDSHAKE_IMPOSSIBLE:
		return ATTEMPT_IMPOSSIBLE;
	case HANDSHAKE_DONE:
	case HANDSHAKE_FAILED:
	case HANDSHAKE_ABANDONED:
		break;
	}
	return ATTEMPT_FAILED;
}

/* Returns whether the client is asked to end. */
static bool
is_stopped(const struct control *control)
{
	struct pollfd slot = {.fd = control->stop_fd, .events = POLLIN};

	return poll(&slot, 1, 0) == 1;
}

static void
prepare(struct standing *standing, struct control *control)
{
	memset(standing, 0, sizeof *standing);
	standing->control = control;
	standing->rival.done = (struct wakeup)WAKEUP_INITIALIZER;
	for (int i = 0; i < 2; i++) {
		struct handshake *shake = &standing->shakes[i];

		shake->options = control->options;
		shake->keys = control->keys;
		shake->identity = control->identity;
		shake->server = control->server;
		shake->roster = control->roster;
		shake->stop_fd = control->stop_fd;
		shake->connect_ms = patience_dial_ms(control->failures);
		shake->again_ms = PROTOCOL_CONNECT_MS;
		handshake_init(shake);
	}
	standing->current = &standing->shakes[0];
	standing->other = &standing->shakes[1];
	standing->current->asked_port = control->asked_port;
}

void
control_run(struct control *control)
{
	struct standing standing;
	int64_t start_ms;

	prepare(&standing, control);
	control->end = (struct attempt_end){.asked_port = control->asked_port};
	handshake_run(standing.current);
	start_ms = clock_now_ms();
	if (standing.current->outcome == HANDSHAKE_DONE) {
		report(control, ATTEMPT_LOST, "");
		stand(&standing);
		control->end.stood_ms = clock_now_ms() - start_ms;
		end_session(&standing);
	} else {
		report(control, outcome_of(standing.current->outcome),
		    standing.current->reason);
		control->end.known_attempt = standing.current->known_attempt;
	}
	if (is_stopped(control))
		control->end.outcome = ATTEMPT_STOPPED;
}
