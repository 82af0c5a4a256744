/*
 * control_state - the client's two control connections as one state.
 *
 * The current connection carries the tunnel. While an announced server is
 * silent, a second one, the rival, is dialled by a thread of its own. Until the
 * rival has sent Hello it can be called off. From then on it is committed: the
 * server may have given it the port, so its answer counts. See
 * rebore-protocol(7), A second control connection.
 *
 *     phase              current   rival
 *     ALONE              up        none
 *     RIVAL_OPEN         up        under way, has not sent Hello
 *     RIVAL_COMMITTED    up        has sent Hello
 *     RIVAL_CALLED_OFF   up        must not send Hello; its thread still ends
 *     ONLY_RIVAL         lost      under way, or has sent Hello
 *     OVER               over, and so is the attempt
 *
 * Pure: a plain value, changed by control_state_step() alone; the time comes
 * with each event. The caller moves the bytes and does what a step asks for.
 */
#ifndef REBORE_CLIENT_CONTROL_STATE_H
#define REBORE_CLIENT_CONTROL_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "client/attempt.h"

/* The least time from the start of one rival to that of the next. */
#define CONTROL_RIVAL_REST_MS 1000

enum control_phase {
	CONTROL_ALONE,
	CONTROL_RIVAL_OPEN,
	CONTROL_RIVAL_COMMITTED,
	CONTROL_RIVAL_CALLED_OFF,
	CONTROL_ONLY_RIVAL,
	CONTROL_OVER,
};

/* Why the current connection was lost or the attempt is over. */
enum control_cause {
	CONTROL_CAUSE_NONE,
	/* Closed or reset, or the server has sent an Error or invalid data. */
	CONTROL_CAUSE_BROKEN,
	CONTROL_CAUSE_SILENT,
	CONTROL_CAUSE_ADDRESS_GONE,
	/* Another client has the port. */
	CONTROL_CAUSE_TAKEN,
	/* A rival of ours has the place. */
	CONTROL_CAUSE_REPLACED,
	/* Another process with our instance has the place. */
	CONTROL_CAUSE_DISPLACED,
	CONTROL_CAUSE_SERVER_ENDS,
	CONTROL_CAUSE_STOPPED,
};

enum control_event_kind {
	/* A message other than Bye arrived on the current connection. */
	CONTROL_EVENT_HEARD,
	/* That message was Announce; sets wants_heartbeats. */
	CONTROL_EVENT_ANNOUNCED,
	/* The current connection is closed, reset or useless. */
	CONTROL_EVENT_BROKEN,
	/* Bye came: the server stops or restarts, another client has taken the
	 * port, or another connection of our instance has the place. */
	CONTROL_EVENT_BYE,
	CONTROL_EVENT_BYE_TAKEN,
	CONTROL_EVENT_BYE_DISPLACED,
	/* The way to the server may have changed, or the system was suspended.
	 * */
	CONTROL_EVENT_NETWORK_CHANGED,
	/* The same, and the local address of the current connection no longer
	 * exists. */
	CONTROL_EVENT_ADDRESS_GONE,
	/* The time of control_state_due_ms() has come; harmless at any other
	 * time. */
	CONTROL_EVENT_TIME,
	/* The rival commits itself: it sends Hello. */
	CONTROL_EVENT_RIVAL_COMMITTED,
	/* The rival has ended: the server has granted the port; has refused; or
	 * has not answered. */
	CONTROL_EVENT_RIVAL_GRANTED,
	CONTROL_EVENT_RIVAL_REFUSED,
	CONTROL_EVENT_RIVAL_FAILED,
	/* The client was asked to end. */
	CONTROL_EVENT_STOP,
};

struct control_event {
	enum control_event_kind kind;
	int64_t now_ms;
	/* Of CONTROL_EVENT_ANNOUNCED. */
	bool wants_heartbeats;
};

/* What the caller is to do, a set of bits, in this order. */
enum control_action {
	/* Send a heartbeat on the current connection. */
	CONTROL_DO_BEAT = 1 << 0,
	/* Say Bye on the current connection. */
	CONTROL_DO_BYE_CURRENT = 1 << 1,
	/* Send Bye on the rival's connection, which has sent Hello. */
	CONTROL_DO_BYE_RIVAL = 1 << 2,
	/* Prevent the rival from sending Hello, and end it. If Hello was sent
	 * already, the next event is CONTROL_EVENT_RIVAL_COMMITTED. */
	CONTROL_DO_CALL_OFF = 1 << 3,
	/* Dial a rival, once the one that was called off has ended. If that
	 * cannot be done, the next event is CONTROL_EVENT_RIVAL_FAILED. */
	CONTROL_DO_START_RIVAL = 1 << 4,
	/* Close the current connection; the rival's takes its place. */
	CONTROL_DO_PROMOTE = 1 << 5,
	/* The attempt is over, with control_state_outcome(). End the rival if
	 * there is one. */
	CONTROL_DO_END = 1 << 6,
};

/* Fields may be read, and are changed here alone. */
struct control_state {
	enum control_phase phase;
	enum control_cause cause;
	/* The current connection was lost because of the network. */
	bool at_once;
	/* The server has announced itself on the current connection. */
	bool announced;
	/* A rival of ours has displaced the current connection and was not
	 * answered: one more rival is dialled for that, and no other. */
	bool takes_back;
	uint32_t timeout_ms;
	int64_t heard_ms;
	int64_t heartbeat_ms; /* when our heartbeat is due */
	/* the network has changed: the deadline to be heard */
	int64_t probe_ms;
	int64_t rest_ms; /* no rival starts earlier */
	/* Rivals that have sent Hello and were not answered. */
	unsigned unanswered;
	bool rival_is_committed; /* the rival under way has sent Hello */
};

/*
 * Start with a connection that was just established.
 *
 * timeout_ms: the connection is lost after this time without a message.
 */
void control_state_init(
    struct control_state *state, uint32_t timeout_ms, int64_t now_ms);

/* Process an event. Returns a set of enum control_action; 0: wait. */
unsigned control_state_step(
    struct control_state *state, const struct control_event *event);

/* Returns when CONTROL_EVENT_TIME is due; CLOCK_NEVER: not before another
 * event. */
int64_t control_state_due_ms(const struct control_state *state);

/* Returns whether to read from the current connection. */
bool control_state_has_current(const struct control_state *state);

/* Returns the result of an attempt that is over. */
enum attempt_outcome control_state_outcome(const struct control_state *state);

#endif
