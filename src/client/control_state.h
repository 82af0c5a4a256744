/*
 * control_state - the client's two control connections as one state.
 *
 * The current connection carries the tunnel. While an announced server is
 * silent, a second one, the rival, is dialled beside it by a thread of its own.
 * Until the rival has sent Hello it can be called off; from then on (it is
 * committed) the server may have given it the port, so that its answer counts.
 * See rebore-protocol(7), A second control connection.
 *
 *     phase              current   rival
 *     ALONE              stands    none
 *     RIVAL_OPEN         stands    is on its way, and has not sent Hello
 *     RIVAL_COMMITTED    stands    has sent Hello
 *     RIVAL_CALLED_OFF   stands    must not send Hello; its thread still ends
 *     ONLY_RIVAL         is lost   is on its way, or has sent Hello
 *     OVER               is over, and so is the attempt
 *
 * Pure: a plain value, changed by control_state_step() alone; the time comes with
 * each event. The caller moves the bytes and does what a step asks for.
 */
#ifndef REBORE_CLIENT_CONTROL_STATE_H
#define REBORE_CLIENT_CONTROL_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "client/attempt.h"

/* From the start of one rival to that of the next, at least. */
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
	/* Closed or reset, or the server has sent an Error or no message. */
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
	/* A message came on the current connection, other than Bye. */
	CONTROL_EVENT_HEARD,
	/* That message was Announce. wants_heartbeats. */
	CONTROL_EVENT_ANNOUNCED,
	/* The current connection is closed, reset or useless. */
	CONTROL_EVENT_BROKEN,
	/* Bye came: the server stops or restarts, another client has taken the
	 * port, or another connection of our instance has the place. */
	CONTROL_EVENT_BYE,
	CONTROL_EVENT_BYE_TAKEN,
	CONTROL_EVENT_BYE_DISPLACED,
	/* The way to the server may have changed, or the system has slept. */
	CONTROL_EVENT_NETWORK_CHANGED,
	/* The same, and the local address of the current connection is gone. */
	CONTROL_EVENT_ADDRESS_GONE,
	/* control_state_due_ms() has come; any other time does no harm. */
	CONTROL_EVENT_TIME,
	/* The rival has committed itself: it sends Hello. */
	CONTROL_EVENT_RIVAL_COMMITTED,
	/* The rival has ended: with Hello of the server; with its refusal; or
	 * without an answer. */
	CONTROL_EVENT_RIVAL_GRANTED,
	CONTROL_EVENT_RIVAL_REFUSED,
	CONTROL_EVENT_RIVAL_FAILED,
	/* The client is to end. */
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
	/* Have Bye said on the rival's, which has sent Hello. */
	CONTROL_DO_BYE_RIVAL = 1 << 2,
	/* Keep the rival from sending Hello and end it. If it was faster, the
	 * next event is CONTROL_EVENT_RIVAL_COMMITTED. */
	CONTROL_DO_CALL_OFF = 1 << 3,
	/* Dial a rival, once that which was called off has ended. If that
	 * cannot be done the next event is CONTROL_EVENT_RIVAL_FAILED. */
	CONTROL_DO_START_RIVAL = 1 << 4,
	/* The rival's connection is the current one now, and the old is closed.
	 */
	CONTROL_DO_PROMOTE = 1 << 5,
	/* The attempt is over, with control_state_outcome(); end the rival, if
	 * there is one. */
	CONTROL_DO_END = 1 << 6,
};

/* Open, to be looked at; changed here alone. */
struct control_state {
	enum control_phase phase;
	enum control_cause cause;
	/* The network is why the current one was lost. */
	bool at_once;
	/* The server has announced itself on the current connection. */
	bool announced;
	/* A rival of ours has displaced the current one, and had no answer: the
	 * one that is under way is the only other that is dialled for that. */
	bool takes_back;
	uint32_t timeout_ms;
	int64_t heard_ms;
	int64_t heartbeat_ms; /* when ours is due */
	int64_t probe_ms;     /* the network has changed: heard by then? */
	int64_t rest_ms;      /* no rival is started before */
	/* Rivals that have sent Hello and had no answer. */
	unsigned unanswered;
	bool
	    rival_is_committed; /* the one that is under way has sent its own */
};

/*
 * Start with a connection that has just been got.
 *
 * timeout_ms: without a message for so long it is lost.
 */
void control_state_init(
    struct control_state *state, uint32_t timeout_ms, int64_t now_ms);

/* Take an event. Returns a set of enum control_action; 0: wait. */
unsigned control_state_step(
    struct control_state *state, const struct control_event *event);

/* Returns when CONTROL_EVENT_TIME is due; CLOCK_NEVER: not before another
 * event. */
int64_t control_state_due_ms(const struct control_state *state);

/* Returns whether the current connection is still to be read. */
bool control_state_has_current(const struct control_state *state);

/* Returns what an attempt that is over came to. */
enum attempt_outcome control_state_outcome(const struct control_state *state);

#endif
