/* control_state - see control_state.h */
#include "client/control_state.h"

#include "base/clock.h"
#include "base/protocol_times.h"

/* Reset everything except what outlives a connection. */
static void
start_over(struct control_state *state, int64_t now_ms)
{
	state->phase = CONTROL_ALONE;
	state->cause = CONTROL_CAUSE_NONE;
	state->at_once = false;
	state->announced = false;
	state->takes_back = false;
	state->heard_ms = now_ms;
	state->heartbeat_ms = CLOCK_NEVER;
	state->probe_ms = CLOCK_NEVER;
	/* The server refuses a Hello that is older than that of this one. */
	state->unanswered = 0;
	state->rival_is_committed = false;
}

void
control_state_init(
    struct control_state *state, uint32_t timeout_ms, int64_t now_ms)
{
	state->timeout_ms = timeout_ms;
	state->rest_ms = now_ms;
	start_over(state, now_ms);
}

bool
control_state_has_current(const struct control_state *state)
{
	return state->phase != CONTROL_ONLY_RIVAL &&
	       state->phase != CONTROL_OVER;
}

static unsigned
be_over(struct control_state *state, enum control_cause cause)
{
	state->phase = CONTROL_OVER;
	state->cause = cause;
	return CONTROL_DO_END;
}

static unsigned
start_rival(
    struct control_state *state, enum control_phase phase, int64_t now_ms)
{
	state->phase = phase;
	state->rival_is_committed = false;
	/* If a rival fails at once, the next one must not follow at once. */
	state->rest_ms = now_ms + CONTROL_RIVAL_REST_MS;
	return CONTROL_DO_START_RIVAL;
}

/* The current connection is lost; wait for a rival that is under way. */
static unsigned
lose_current(struct control_state *state, enum control_cause cause)
{
	if (state->phase != CONTROL_RIVAL_OPEN &&
	    state->phase != CONTROL_RIVAL_COMMITTED)
		return be_over(state, cause);
	state->phase = CONTROL_ONLY_RIVAL;
	state->cause = cause;
	return 0;
}

/* The server is heard on the current connection: no rival is needed. */
static unsigned
hear_current(struct control_state *state, int64_t now_ms)
{
	state->heard_ms = now_ms;
	state->probe_ms = CLOCK_NEVER;
	if (state->phase != CONTROL_RIVAL_OPEN)
		return 0;
	state->phase = CONTROL_RIVAL_CALLED_OFF;
	return CONTROL_DO_CALL_OFF;
}

/*
 * Another connection of our instance has displaced the current one. It is our
 * own rival if the Hello of one was not answered, however long ago, because the
 * server or this process may have been stopped since. A rival with a higher
 * attempt number takes the place back. If the other connection belongs to a
 * copy of our state file after all, that copy is displaced, once.
 */
static unsigned
be_displaced(struct control_state *state, int64_t now_ms)
{
	if (state->phase == CONTROL_RIVAL_COMMITTED)
		return lose_current(state, CONTROL_CAUSE_REPLACED);
	if (state->unanswered == 0)
		return be_over(state, CONTROL_CAUSE_DISPLACED);
	state->takes_back = true;
	if (state->phase == CONTROL_RIVAL_OPEN)
		return lose_current(state, CONTROL_CAUSE_REPLACED);
	state->cause = CONTROL_CAUSE_REPLACED;
	return start_rival(state, CONTROL_ONLY_RIVAL, now_ms);
}

/* Where another client has the port, only a rival that has sent Hello may still
 * succeed. */
static unsigned
be_taken(struct control_state *state)
{
	if (state->phase == CONTROL_RIVAL_COMMITTED)
		return lose_current(state, CONTROL_CAUSE_TAKEN);
	return be_over(state, CONTROL_CAUSE_TAKEN);
}

static unsigned
pass_time(struct control_state *state, int64_t now_ms)
{
	int64_t silent_ms = now_ms - state->heard_ms;
	unsigned actions = 0;

	if (silent_ms >= (int64_t)state->timeout_ms)
		return lose_current(state, CONTROL_CAUSE_SILENT);
	if (!state->announced && now_ms >= state->probe_ms) {
		state->at_once = true;
		return be_over(state, CONTROL_CAUSE_SILENT);
	}
	if (now_ms >= state->heartbeat_ms) {
		state->heartbeat_ms = now_ms + PROTOCOL_CLIENT_HEARTBEAT_MS;
		actions |= CONTROL_DO_BEAT;
	}
	if (state->announced && silent_ms >= PROTOCOL_SILENCE_MS &&
	    state->phase == CONTROL_ALONE && now_ms >= state->rest_ms)
		actions |= start_rival(state, CONTROL_RIVAL_OPEN, now_ms);
	return actions;
}

/* The client ends, so the server need not reserve the port, whichever of the
 * two connections it considers ours. */
static unsigned
stop(struct control_state *state)
{
	unsigned actions = 0;

	if (control_state_has_current(state) && state->announced)
		actions |= CONTROL_DO_BYE_CURRENT;
	if (state->phase == CONTROL_RIVAL_COMMITTED)
		actions |= CONTROL_DO_BYE_RIVAL;
	/* if that is too late, Bye is needed: see commit_rival() */
	if (state->phase == CONTROL_RIVAL_OPEN ||
	    state->phase == CONTROL_ONLY_RIVAL)
		actions |= CONTROL_DO_CALL_OFF;
	return actions | be_over(state, CONTROL_CAUSE_STOPPED);
}

/* An event of the current connection, while that is up. */
static unsigned
step_current(struct control_state *state, const struct control_event *event)
{
	switch (event->kind) {
	case CONTROL_EVENT_HEARD:
		return hear_current(state, event->now_ms);
	case CONTROL_EVENT_ANNOUNCED:
		state->announced = true;
		if (event->wants_heartbeats)
			state->heartbeat_ms = event->now_ms;
		return hear_current(state, event->now_ms);
	case CONTROL_EVENT_BROKEN:
		return lose_current(state, CONTROL_CAUSE_BROKEN);
	case CONTROL_EVENT_BYE:
		return be_over(state, CONTROL_CAUSE_SERVER_ENDS);
	case CONTROL_EVENT_BYE_TAKEN:
		return be_taken(state);
	case CONTROL_EVENT_BYE_DISPLACED:
		return be_displaced(state, event->now_ms);
	case CONTROL_EVENT_NETWORK_CHANGED:
		if (state->probe_ms == CLOCK_NEVER)
			state->probe_ms = event->now_ms + PROTOCOL_SILENCE_MS;
		return 0;
	case CONTROL_EVENT_ADDRESS_GONE:
		state->at_once = true;
		return lose_current(state, CONTROL_CAUSE_ADDRESS_GONE);
	case CONTROL_EVENT_TIME:
		return pass_time(state, event->now_ms);
	default:
		return 0;
	}
}

static unsigned
commit_rival(struct control_state *state)
{
	state->unanswered++;
	state->rival_is_committed = true;
	if (state->phase == CONTROL_OVER)
		return state->cause == CONTROL_CAUSE_STOPPED
		           ? CONTROL_DO_BYE_RIVAL
		           : 0;
	/* also if it was called off too late */
	if (state->phase != CONTROL_ONLY_RIVAL)
		state->phase = CONTROL_RIVAL_COMMITTED;
	return 0;
}

static unsigned
lose_rival(struct control_state *state)
{
	if (state->phase == CONTROL_ONLY_RIVAL)
		return be_over(state, state->cause);
	if (state->phase != CONTROL_OVER)
		state->phase = CONTROL_ALONE;
	return 0;
}

/* The rival has ended without an answer. If its Hello displaced the current
 * connection, the place is still ours, and another rival takes it back. */
static unsigned
fail_rival(struct control_state *state, int64_t now_ms)
{
	if (state->phase != CONTROL_ONLY_RIVAL || state->takes_back ||
	    state->cause != CONTROL_CAUSE_REPLACED)
		return lose_rival(state);
	state->takes_back = true;
	return start_rival(state, CONTROL_ONLY_RIVAL, now_ms);
}

unsigned
control_state_step(
    struct control_state *state, const struct control_event *event)
{
	switch (event->kind) {
	case CONTROL_EVENT_RIVAL_COMMITTED:
		return commit_rival(state);
	case CONTROL_EVENT_RIVAL_REFUSED:
		/* A refused Hello displaces nobody, but an earlier one may
		 * have. */
		if (state->rival_is_committed)
			state->unanswered--;
		return lose_rival(state);
	case CONTROL_EVENT_RIVAL_FAILED:
		return fail_rival(state, event->now_ms);
	case CONTROL_EVENT_RIVAL_GRANTED:
		if (state->phase == CONTROL_OVER)
			return 0;
		start_over(state, event->now_ms);
		return CONTROL_DO_PROMOTE;
	case CONTROL_EVENT_STOP:
		return state->phase == CONTROL_OVER ? 0 : stop(state);
	default:
		break;
	}
	return control_state_has_current(state) ? step_current(state, event)
	                                        : 0;
}

int64_t
control_state_due_ms(const struct control_state *state)
{
	int64_t due_ms = state->heard_ms + (int64_t)state->timeout_ms;

	if (!control_state_has_current(state))
		return CLOCK_NEVER; /* the rival has deadlines of its own */
	due_ms = clock_earlier(due_ms, state->heartbeat_ms);
	if (!state->announced)
		return clock_earlier(due_ms, state->probe_ms);
	if (state->phase == CONTROL_ALONE)
		due_ms = clock_earlier(
		    due_ms, clock_later(state->heard_ms + PROTOCOL_SILENCE_MS,
				state->rest_ms));
	return due_ms;
}

enum attempt_outcome
control_state_outcome(const struct control_state *state)
{
	switch (state->cause) {
	case CONTROL_CAUSE_STOPPED:
		return ATTEMPT_STOPPED;
	case CONTROL_CAUSE_SERVER_ENDS:
		return ATTEMPT_BYE;
	case CONTROL_CAUSE_DISPLACED:
		return ATTEMPT_DISPLACED;
	default:
		return ATTEMPT_LOST;
	}
}
