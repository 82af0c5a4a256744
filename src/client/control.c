/* control - see control.h */
#include "client/control.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/patience.h"
#include "base/protocol_times.h"
#include "client/control_state.h"
#include "client/rival.h"
#include "net/tcp.h"

/* A longer gap than this means that the system was suspended, and not merely
 * that the thread was scheduled late. */
#define SUSPENDED_MS 2000
/* How many data connections are doubted at a time. */
#define DOUBTED_MOST 128u

/* The connections of an attempt that has succeeded. On the control thread's
 * stack. */
struct standing {
	struct control *control;
	struct control_state state;
	/* The current connection, and a place for a rival's. */
	struct handshake shakes[2];
	struct handshake *current;
	struct handshake *other;
	struct worker_session *session;
	int64_t suspended_ms; /* how long the system was suspended so far */
	bool unknown_is_logged;
	/* Streams that were last heard before this are doubted. */
	int64_t doubt_ms;
	struct rival rival;
};

static void
give_reason(struct control *control, const char *text)
{
	snprintf(control->reason, sizeof control->reason, "%s", text);
}

static bool
attempt_is_over(const struct standing *standing)
{
	return standing->state.phase == CONTROL_OVER;
}

static void
say_bye(struct handshake *shake)
{
	const struct message bye = {.kind = MESSAGE_BYE};

	(void)channel_send(
	    &shake->channel, &bye, clock_now_ms() + PROTOCOL_BYE_MS);
}

static void
beat(struct standing *standing)
{
	const struct message heartbeat = {.kind = MESSAGE_HEARTBEAT};
	struct channel *channel = &standing->current->channel;

	atomic_store(&standing->session->server.rtt_ms,
	    tcp_rtt_ms(transport_fd(&standing->current->transport)));
	/* A heartbeat that finds no room in the queue is not needed: other
	 * messages are queued. Failures show when the connection is read. */
	if (channel_put(channel, &heartbeat) == ERROR_NONE)
		(void)channel_flush(channel);
}

/* End the rival, and close the connection if it has got one. */
static void
drop_rival(struct standing *standing)
{
	struct rival *rival = &standing->rival;
	struct handshake *other = standing->other;

	if (!rival_is_running(rival))
		return;
	rival_interrupt(rival);
	rival_join(rival);
	if (other->outcome != HANDSHAKE_DONE)
		return;
	/* The answer arrived although the rival was called off. */
	if (standing->state.cause == CONTROL_CAUSE_STOPPED)
		say_bye(other);
	handshake_end(other);
	rival_release(rival);
}

static const struct control_event commitment = {
    .kind = CONTROL_EVENT_RIVAL_COMMITTED};

/*
 * Do what a step asks for, except for ending and promoting, which are left to
 * the caller.
 *
 * next: set to the event that results, if there is one.
 * Returns whether there is one.
 */
static bool
act(struct standing *standing, unsigned actions, struct control_event *next)
{
	if (actions & CONTROL_DO_BEAT)
		beat(standing);
	if (actions & CONTROL_DO_BYE_CURRENT)
		say_bye(standing->current);
	if (actions & CONTROL_DO_BYE_RIVAL)
		handshake_bye_on_stop(standing->other);
	if (actions & CONTROL_DO_CALL_OFF) {
		if (!handshake_call_off(standing->other)) {
			*next = commitment;
			return true;
		}
		rival_interrupt(&standing->rival);
	}
	if (actions & CONTROL_DO_START_RIVAL) {
		/* an earlier rival that was called off */
		drop_rival(standing);
		*next =
		    (struct control_event){.kind = CONTROL_EVENT_RIVAL_FAILED};
		return !rival_start(
		    &standing->rival, standing->other, standing->current);
	}
	return false;
}

/* Give the reason of a loss, unless it was given when the loss was found. */
static void
explain_loss(struct standing *standing)
{
	const struct control_state *state = &standing->state;
	struct control *control = standing->control;

	switch (state->cause) {
	case CONTROL_CAUSE_SILENT:
		snprintf(control->reason, sizeof control->reason,
		    "no heartbeat for %.1f s",
		    (double)(clock_now_ms() - state->heard_ms) / 1000);
		break;
	case CONTROL_CAUSE_ADDRESS_GONE:
		give_reason(
		    control, "the local address of the connection is gone");
		break;
	case CONTROL_CAUSE_REPLACED:
		give_reason(control, "replaced by our second one");
		break;
	case CONTROL_CAUSE_DISPLACED:
		give_reason(control,
		    "another client with our instance has taken our place; is "
		    "its state file a copy of ours?");
		break;
	case CONTROL_CAUSE_SERVER_ENDS:
		give_reason(control, "the server stops or restarts");
		break;
	case CONTROL_CAUSE_NONE:
	case CONTROL_CAUSE_BROKEN:
	case CONTROL_CAUSE_TAKEN:
	case CONTROL_CAUSE_STOPPED:
		break;
	}
	if (!attempt_is_over(standing) &&
	    state->cause != CONTROL_CAUSE_REPLACED)
		log_warning("connection lost (%s); a second one is being "
			    "dialled",
		    control->reason);
}

/* Process an event and the events that result from it. Returns the actions of
 * all. */
static unsigned
step_state(struct standing *standing, struct control_event event)
{
	struct control_state *state = &standing->state;
	bool had_current = control_state_has_current(state);
	unsigned actions;
	unsigned all = 0;
	bool is_more;

	do {
		event.now_ms = clock_now_ms();
		actions = control_state_step(state, &event);
		if (had_current && !control_state_has_current(state))
			explain_loss(standing);
		had_current = control_state_has_current(state);
		is_more = act(standing, actions, &event);
		all |= actions;
	} while (is_more);
	return all;
}

/*
 * Pass an event to the state. If the rival has sent Hello meanwhile, the state
 * learns that first, because what arrives on the current connection may be a
 * consequence.
 */
static unsigned
tell_state(struct standing *standing, enum control_event_kind kind)
{
	if (standing->state.phase == CONTROL_RIVAL_OPEN &&
	    handshake_is_committed(standing->other))
		(void)step_state(standing, commitment);
	return step_state(standing, (struct control_event){.kind = kind});
}

/* Log a well-formed message that is not expected here, and ignore it. */
static void
skip_message(struct standing *standing, const struct message *message)
{
	if (!standing->unknown_is_logged)
		log_warning("the server sent an unexpected %s; it is ignored, "
			    "and so are further ones",
		    message->kind == MESSAGE_UNKNOWN
			? message->as.text
			: message_name(message->kind));
	standing->unknown_is_logged = true;
}

/* The server has announced itself: it expects heartbeats of us from now on. */
static void
use_announce(struct standing *standing, const struct message_announce *announce)
{
	struct control *control = standing->control;
	struct uuid instance;

	(void)step_state(
	    standing, (struct control_event){.kind = CONTROL_EVENT_ANNOUNCED,
			  .wants_heartbeats =
			      (announce->can & MESSAGE_CAN_HEARTBEAT) != 0});
	control->end.lease_ms =
	    (announce->can & MESSAGE_CAN_LEASE) ? announce->lease_ms : 0;
	if ((announce->can & MESSAGE_CAN_SPARE) == 0)
		return;
	if ((announce->can & MESSAGE_CAN_STREAM) != 0 && announce->has_key)
		standing->session->resume_ms = announce->resume_ms;
	worker_set_latest(control->workers, standing->session);
	/* A server that sends no key identifies spares by our instance. */
	instance = identity_instance(control->identity);
	worker_grant_spares(control->workers, standing->session,
	    announce->spares, announce->has_key ? &announce->key : &instance);
}

static void
take_bye(struct standing *standing, const struct message_bye *bye)
{
	struct control *control = standing->control;

	if (bye->displaced) {
		(void)tell_state(standing, CONTROL_EVENT_BYE_DISPLACED);
		return;
	}
	if (bye->taken) {
		snprintf(control->reason, sizeof control->reason,
		    "another client took the port after the server had not "
		    "heard us for %.1f s",
		    (double)bye->silent_ms / 1000);
		(void)tell_state(standing, CONTROL_EVENT_BYE_TAKEN);
		return;
	}
	control->end.retry_ms = bye->retry_ms;
	(void)tell_state(standing, CONTROL_EVENT_BYE);
}

/* Tell the server of streams that do not exist here. When the control
 * connection had to be made anew, data connections may have been lost with it
 * although nothing says so: those on which nothing was heard since are made
 * anew, a part of them at a time. */
static void
tend_streams(struct standing *standing)
{
	struct worker_shared *workers = standing->control->workers;
	struct channel *channel = &standing->current->channel;
	struct message unknown = {.kind = MESSAGE_NO_STREAM};

	if (standing->session->resume_ms == 0)
		return;
	while (channel_has_room(channel) &&
	       worker_next_disowned(workers, &unknown.as.uuid))
		(void)channel_put(channel, &unknown);
	(void)channel_flush(channel);
	if (standing->doubt_ms != CLOCK_NEVER &&
	    stream_directory_break(&workers->streams, NULL, standing->doubt_ms,
		DOUBTED_MOST) < DOUBTED_MOST)
		standing->doubt_ms = CLOCK_NEVER;
	stream_outage_log(&workers->outage, clock_now_ms());
}

/* Open the data connections that the server asks for, and tell it how many there
 * is no room for. */
static void
dial_more(struct standing *standing, unsigned count)
{
	struct message full = {.kind = MESSAGE_FULL};

	full.as.count =
	    worker_dial(standing->control->workers, standing->session, count);
	if (full.as.count > 0)
		(void)channel_put(&standing->current->channel, &full);
}

/* Process a message, other than Announce and Bye. */
static void
handle(struct standing *standing, const struct message *message)
{
	struct control *control = standing->control;

	(void)tell_state(standing, CONTROL_EVENT_HEARD);
	switch (message->kind) {
	case MESSAGE_HEARTBEAT:
		tend_streams(standing);
		worker_tend_spares(control->workers, standing->session);
		worker_tidy(control->workers);
		break;
	case MESSAGE_CONNECTION:
		worker_start(control->workers, standing->session,
		    &message->as.announcement);
		break;
	case MESSAGE_DIAL:
		dial_more(standing, message->as.count);
		break;
	case MESSAGE_LOST:
		if (!stream_directory_lose(&control->workers->streams,
			&message->as.lost.id, message->as.lost.attempt))
			worker_disown(control->workers, &message->as.lost.id);
		break;
	case MESSAGE_ERROR:
		handshake_report_error(
		    standing->current, HANDSHAKE_FAILED, message->as.text);
		give_reason(control, standing->current->reason);
		(void)tell_state(standing, CONTROL_EVENT_BROKEN);
		break;
	default:
		skip_message(standing, message);
		break;
	}
}

static void
lose_channel(struct standing *standing, enum error error)
{
	give_reason(standing->control, handshake_channel_text(error));
	(void)tell_state(standing, CONTROL_EVENT_BROKEN);
}

/* Process all messages that were read. */
static void
handle_messages(struct standing *standing)
{
	enum error error = ERROR_NONE;
	struct message message;

	while (control_state_has_current(&standing->state)) {
		error = channel_next(&standing->current->channel, &message);
		if (error)
			break;
		if (message.kind == MESSAGE_ANNOUNCE)
			use_announce(standing, &message.as.announce);
		else if (message.kind == MESSAGE_BYE &&
			 standing->state.announced)
			take_bye(standing, &message.as.bye);
		else
			handle(standing, &message);
	}
	if (error && error != ERROR_AGAIN)
		lose_channel(standing, error);
}

static void
read_messages(struct standing *standing)
{
	enum error error = channel_fill(&standing->current->channel);

	if (error == ERROR_NONE)
		handle_messages(standing);
	else if (error != ERROR_AGAIN)
		lose_channel(standing, error);
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

/* Start to use the connection that was just established. */
static void
begin_session(struct standing *standing)
{
	struct control *control = standing->control;

	standing->doubt_ms = standing->control->workers->latest != NULL
	                         ? clock_now_ms()
	                         : CLOCK_NEVER;
	/* The lease of the previous connection, if there was one, does not
	 * count. */
	control->end.lease_ms = 0;
	netwatch_set(control->watch, &standing->current->peer);
	end_session(standing);
	standing->session = worker_session_create(control->workers,
	    &standing->current->peer, standing->current->public_port);
	if (standing->session == NULL) {
		give_reason(control, error_text(ERROR_MEMORY));
		(void)tell_state(standing, CONTROL_EVENT_BROKEN);
		return;
	}
	control->established(control->context, standing->current->public_port);
	/* messages that arrived with the answer to Hello */
	handle_messages(standing);
}

/* Make the rival's connection the current one, so that a stop of the client
 * ends it. Returns false when the client is being stopped. */
static bool
adopt_rival(struct standing *standing, struct handshake *shake)
{
	roster_leave(shake->roster, &shake->entry);
	shake->roster = standing->control->roster;
	shake->stop_fd = standing->control->stop_fd;
	shake->known = NULL;
	if (roster_enter(shake->roster, &shake->entry,
		transport_fd(&shake->transport), -1) > 0)
		return true;
	say_bye(shake);
	transport_close(&shake->transport);
	return false;
}

static void
promote(struct standing *standing)
{
	struct handshake *old = standing->current;
	bool stands;

	log_info("the control connection was silent; a second one has taken "
		 "its place");
	handshake_end(old);
	standing->current = standing->other;
	standing->other = old;
	stands = adopt_rival(standing, standing->current);
	rival_release(&standing->rival);
	if (stands)
		begin_session(standing);
	else
		(void)tell_state(standing, CONTROL_EVENT_STOP);
}

static enum control_event_kind
event_of(enum handshake_outcome outcome)
{
	switch (outcome) {
	case HANDSHAKE_DONE:
		return CONTROL_EVENT_RIVAL_GRANTED;
	case HANDSHAKE_PORT_TAKEN:
	case HANDSHAKE_COPY:
	case HANDSHAKE_REFUSED:
	case HANDSHAKE_IMPOSSIBLE:
		return CONTROL_EVENT_RIVAL_REFUSED;
	case HANDSHAKE_FAILED:
	case HANDSHAKE_CALLED_OFF:
		break;
	}
	return CONTROL_EVENT_RIVAL_FAILED;
}

/* The rival's thread has ended. */
static void
settle_rival(struct standing *standing)
{
	struct handshake *other = standing->other;

	rival_join(&standing->rival);
	if (other->outcome != HANDSHAKE_DONE)
		log_debug("no second connection: %s", other->reason);
	if (tell_state(standing, event_of(other->outcome)) & CONTROL_DO_PROMOTE)
		promote(standing);
}

/* The way to the server may have changed. */
static void
mind_change(struct standing *standing)
{
	resolve_network_changed(standing->control->server);
	resolve_network_changed(standing->control->workers->local);
	if (!control_state_has_current(&standing->state))
		return;
	if (!netwatch_has_local_address(
		transport_fd(&standing->current->transport))) {
		/* So are those of the data connections. */
		(void)stream_directory_break(
		    &standing->control->workers->streams, NULL, CLOCK_NEVER,
		    UINT_MAX);
		(void)tell_state(standing, CONTROL_EVENT_ADDRESS_GONE);
		return;
	}
	log_debug("the way to the server has changed");
	(void)tell_state(standing, CONTROL_EVENT_NETWORK_CHANGED);
}

/* Do what is due by now. */
static void
do_due(struct standing *standing)
{
	int64_t suspended_ms = clock_suspended_ms();

	if (suspended_ms - standing->suspended_ms > SUSPENDED_MS)
		mind_change(standing);
	standing->suspended_ms = suspended_ms;
	(void)tell_state(standing, CONTROL_EVENT_TIME);
}

static bool
is_readable(int fd)
{
	struct pollfd slot = {.fd = fd, .events = POLLIN};

	return poll(&slot, 1, 0) == 1;
}

/* Wait for an event, and process it. */
static void
wait_and_see(struct standing *standing)
{
	struct control *control = standing->control;
	bool is_read = control_state_has_current(&standing->state);
	int64_t until_ms = control_state_due_ms(&standing->state);
	struct pollfd slots[] = {
	    is_read ? transport_poll(&standing->current->transport, POLLIN)
		    : (struct pollfd){.fd = -1},
	    {.fd = control->stop_fd, .events = POLLIN},
	    {.fd = rival_done_fd(&standing->rival), .events = POLLIN},
	    {.fd = control->watch->fd, .events = POLLIN},
	};

	if (poll(slots, 4, clock_left_ms(until_ms)) == -1)
		return; /* EINTR or no memory: look again */
	if (slots[1].revents != 0) {
		(void)tell_state(standing, CONTROL_EVENT_STOP);
		return;
	}
	if (slots[0].revents != 0)
		read_messages(standing);
	/* The rival may be another one by now. */
	if (!attempt_is_over(standing) &&
	    is_readable(rival_done_fd(&standing->rival)))
		settle_rival(standing);
	if (!attempt_is_over(standing) && slots[3].revents != 0 &&
	    netwatch_changed(control->watch))
		mind_change(standing);
}

static void
stand(struct standing *standing)
{
	struct control *control = standing->control;

	standing->suspended_ms = clock_suspended_ms();
	control_state_init(&standing->state,
	    control->options->heartbeat_timeout_ms, clock_now_ms());
	begin_session(standing);
	while (!attempt_is_over(standing)) {
		wait_and_see(standing);
		if (!attempt_is_over(standing))
			do_due(standing);
	}
	drop_rival(standing);
	handshake_end(standing->current);
	control->end.outcome = control_state_outcome(&standing->state);
	control->end.at_once = standing->state.at_once;
}

static enum attempt_outcome
outcome_of_handshake(enum handshake_outcome outcome)
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
	case HANDSHAKE_CALLED_OFF:
		break;
	}
	return ATTEMPT_FAILED;
}

static void
prepare(struct standing *standing, struct control *control)
{
	memset(standing, 0, sizeof *standing);
	standing->control = control;
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
	handshake_bye_on_stop(standing.current);
	handshake_run(standing.current);
	start_ms = clock_now_ms();
	if (standing.current->outcome == HANDSHAKE_DONE) {
		stand(&standing);
		control->end.stood_ms = clock_now_ms() - start_ms;
		end_session(&standing);
	} else {
		control->end.outcome =
		    outcome_of_handshake(standing.current->outcome);
		give_reason(control, standing.current->reason);
		control->end.known_attempt = standing.current->known_attempt;
	}
	if (is_readable(control->stop_fd))
		control->end.outcome = ATTEMPT_STOPPED;
}
