/*
 * What control_state.h promises: each event in each phase, what is due when, and
 * the stories of two connections from the first silence to the end.
 */
#include "base/clock.h"
#include "client/control_state.h"
#include "suite.h"

#define TIMEOUT_MS 8000u
#define ANSWER_MS  3000u
/* When the table's connections were heard last, and when its events come */
#define HEARD_MS 50000
#define NOW_MS   50400
/* Long after a Hello that was sent at HEARD_MS */
#define LATE_MS (HEARD_MS + 9000)

static struct control_state state;

static unsigned
step_at(enum control_event_kind kind, int64_t now_ms)
{
	const struct control_event event = {
	    .kind = kind, .now_ms = now_ms, .wants_heartbeats = true};

	return control_state_step(&state, &event);
}

/* A connection that has just been got, of a server that announces itself */
static void
start(int64_t now_ms)
{
	control_state_init(&state, TIMEOUT_MS, now_ms);
	step_at(CONTROL_EVENT_ANNOUNCED, now_ms);
	step_at(CONTROL_EVENT_TIME, now_ms); /* the first heartbeat */
}

/* The same, in a phase; a rival that has sent Hello did so at HEARD_MS. */
static void
start_in(enum control_phase phase)
{
	start(HEARD_MS - 1500);
	if (phase == CONTROL_ALONE)
		step_at(CONTROL_EVENT_HEARD, HEARD_MS);
	if (phase == CONTROL_ALONE)
		return;
	ck_assert_uint_eq(
	    step_at(CONTROL_EVENT_TIME, HEARD_MS), CONTROL_DO_START_RIVAL);
	if (phase == CONTROL_RIVAL_COMMITTED)
		step_at(CONTROL_EVENT_RIVAL_COMMITTED, HEARD_MS);
	if (phase == CONTROL_RIVAL_CALLED_OFF)
		step_at(CONTROL_EVENT_HEARD, HEARD_MS);
	if (phase == CONTROL_ONLY_RIVAL)
		step_at(CONTROL_EVENT_BROKEN, HEARD_MS);
	if (phase == CONTROL_OVER)
		step_at(CONTROL_EVENT_BYE, HEARD_MS);
	ck_assert_int_eq(state.phase, phase);
}

#define ALONE      CONTROL_ALONE
#define OPEN       CONTROL_RIVAL_OPEN
#define COMMITTED  CONTROL_RIVAL_COMMITTED
#define CALLED_OFF CONTROL_RIVAL_CALLED_OFF
#define ONLY       CONTROL_ONLY_RIVAL
#define OVER       CONTROL_OVER

#define END     CONTROL_DO_END
#define PROMOTE CONTROL_DO_PROMOTE
#define CALL    CONTROL_DO_CALL_OFF
#define BYE     CONTROL_DO_BYE_CURRENT
#define BYE_TOO CONTROL_DO_BYE_RIVAL

/* Phase, event -> phase, actions; and the cause, where it is lost or over */
static const struct transition {
	enum control_phase from;
	enum control_event_kind event;
	enum control_phase to;
	unsigned actions;
	enum control_cause cause;
} transitions[] = {
    {ALONE, CONTROL_EVENT_HEARD, ALONE, 0, 0},
    {OPEN, CONTROL_EVENT_HEARD, CALLED_OFF, CALL, 0},
    {COMMITTED, CONTROL_EVENT_HEARD, COMMITTED, 0, 0},
    {CALLED_OFF, CONTROL_EVENT_HEARD, CALLED_OFF, 0, 0},
    {ONLY, CONTROL_EVENT_HEARD, ONLY, 0, CONTROL_CAUSE_BROKEN},
    {OVER, CONTROL_EVENT_HEARD, OVER, 0, CONTROL_CAUSE_SERVER_ENDS},

    {ALONE, CONTROL_EVENT_ANNOUNCED, ALONE, 0, 0},
    {OPEN, CONTROL_EVENT_ANNOUNCED, CALLED_OFF, CALL, 0},
    {COMMITTED, CONTROL_EVENT_ANNOUNCED, COMMITTED, 0, 0},
    {CALLED_OFF, CONTROL_EVENT_ANNOUNCED, CALLED_OFF, 0, 0},
    {ONLY, CONTROL_EVENT_ANNOUNCED, ONLY, 0, CONTROL_CAUSE_BROKEN},
    {OVER, CONTROL_EVENT_ANNOUNCED, OVER, 0, CONTROL_CAUSE_SERVER_ENDS},

    {ALONE, CONTROL_EVENT_BROKEN, OVER, END, CONTROL_CAUSE_BROKEN},
    {OPEN, CONTROL_EVENT_BROKEN, ONLY, 0, CONTROL_CAUSE_BROKEN},
    {COMMITTED, CONTROL_EVENT_BROKEN, ONLY, 0, CONTROL_CAUSE_BROKEN},
    {CALLED_OFF, CONTROL_EVENT_BROKEN, OVER, END, CONTROL_CAUSE_BROKEN},
    {ONLY, CONTROL_EVENT_BROKEN, ONLY, 0, CONTROL_CAUSE_BROKEN},
    {OVER, CONTROL_EVENT_BROKEN, OVER, 0, CONTROL_CAUSE_SERVER_ENDS},

    {ALONE, CONTROL_EVENT_BYE, OVER, END, CONTROL_CAUSE_SERVER_ENDS},
    {OPEN, CONTROL_EVENT_BYE, OVER, END, CONTROL_CAUSE_SERVER_ENDS},
    {COMMITTED, CONTROL_EVENT_BYE, OVER, END, CONTROL_CAUSE_SERVER_ENDS},
    {CALLED_OFF, CONTROL_EVENT_BYE, OVER, END, CONTROL_CAUSE_SERVER_ENDS},
    {ONLY, CONTROL_EVENT_BYE, ONLY, 0, CONTROL_CAUSE_BROKEN},
    {OVER, CONTROL_EVENT_BYE, OVER, 0, CONTROL_CAUSE_SERVER_ENDS},

    {ALONE, CONTROL_EVENT_BYE_TAKEN, OVER, END, CONTROL_CAUSE_TAKEN},
    {OPEN, CONTROL_EVENT_BYE_TAKEN, OVER, END, CONTROL_CAUSE_TAKEN},
    {COMMITTED, CONTROL_EVENT_BYE_TAKEN, ONLY, 0, CONTROL_CAUSE_TAKEN},
    {CALLED_OFF, CONTROL_EVENT_BYE_TAKEN, OVER, END, CONTROL_CAUSE_TAKEN},
    {ONLY, CONTROL_EVENT_BYE_TAKEN, ONLY, 0, CONTROL_CAUSE_BROKEN},
    {OVER, CONTROL_EVENT_BYE_TAKEN, OVER, 0, CONTROL_CAUSE_SERVER_ENDS},

    {ALONE, CONTROL_EVENT_BYE_DISPLACED, OVER, END, CONTROL_CAUSE_DISPLACED},
    {OPEN, CONTROL_EVENT_BYE_DISPLACED, OVER, END, CONTROL_CAUSE_DISPLACED},
    {COMMITTED, CONTROL_EVENT_BYE_DISPLACED, ONLY, 0, CONTROL_CAUSE_REPLACED},
    {CALLED_OFF, CONTROL_EVENT_BYE_DISPLACED, OVER, END,
	CONTROL_CAUSE_DISPLACED},
    {ONLY, CONTROL_EVENT_BYE_DISPLACED, ONLY, 0, CONTROL_CAUSE_BROKEN},
    {OVER, CONTROL_EVENT_BYE_DISPLACED, OVER, 0, CONTROL_CAUSE_SERVER_ENDS},

    {ALONE, CONTROL_EVENT_NETWORK_CHANGED, ALONE, 0, 0},
    {OPEN, CONTROL_EVENT_NETWORK_CHANGED, OPEN, 0, 0},
    {COMMITTED, CONTROL_EVENT_NETWORK_CHANGED, COMMITTED, 0, 0},
    {CALLED_OFF, CONTROL_EVENT_NETWORK_CHANGED, CALLED_OFF, 0, 0},
    {ONLY, CONTROL_EVENT_NETWORK_CHANGED, ONLY, 0, CONTROL_CAUSE_BROKEN},
    {OVER, CONTROL_EVENT_NETWORK_CHANGED, OVER, 0, CONTROL_CAUSE_SERVER_ENDS},

    {ALONE, CONTROL_EVENT_ADDRESS_GONE, OVER, END, CONTROL_CAUSE_ADDRESS_GONE},
    {OPEN, CONTROL_EVENT_ADDRESS_GONE, ONLY, 0, CONTROL_CAUSE_ADDRESS_GONE},
    {COMMITTED, CONTROL_EVENT_ADDRESS_GONE, ONLY, 0,
	CONTROL_CAUSE_ADDRESS_GONE},
    {CALLED_OFF, CONTROL_EVENT_ADDRESS_GONE, OVER, END,
	CONTROL_CAUSE_ADDRESS_GONE},
    {ONLY, CONTROL_EVENT_ADDRESS_GONE, ONLY, 0, CONTROL_CAUSE_BROKEN},
    {OVER, CONTROL_EVENT_ADDRESS_GONE, OVER, 0, CONTROL_CAUSE_SERVER_ENDS},

    /* Nothing is due at NOW_MS. */
    {ALONE, CONTROL_EVENT_TIME, ALONE, 0, 0},
    {OPEN, CONTROL_EVENT_TIME, OPEN, 0, 0},
    {COMMITTED, CONTROL_EVENT_TIME, COMMITTED, 0, 0},
    {CALLED_OFF, CONTROL_EVENT_TIME, CALLED_OFF, 0, 0},
    {ONLY, CONTROL_EVENT_TIME, ONLY, 0, CONTROL_CAUSE_BROKEN},
    {OVER, CONTROL_EVENT_TIME, OVER, 0, CONTROL_CAUSE_SERVER_ENDS},

    {OPEN, CONTROL_EVENT_RIVAL_COMMITTED, COMMITTED, 0, 0},
    /* It was faster than what calls it off. */
    {CALLED_OFF, CONTROL_EVENT_RIVAL_COMMITTED, COMMITTED, 0, 0},
    {ONLY, CONTROL_EVENT_RIVAL_COMMITTED, ONLY, 0, CONTROL_CAUSE_BROKEN},
    {OVER, CONTROL_EVENT_RIVAL_COMMITTED, OVER, 0, CONTROL_CAUSE_SERVER_ENDS},

    {OPEN, CONTROL_EVENT_RIVAL_GRANTED, ALONE, PROMOTE, 0},
    {COMMITTED, CONTROL_EVENT_RIVAL_GRANTED, ALONE, PROMOTE, 0},
    {CALLED_OFF, CONTROL_EVENT_RIVAL_GRANTED, ALONE, PROMOTE, 0},
    {ONLY, CONTROL_EVENT_RIVAL_GRANTED, ALONE, PROMOTE, 0},
    {OVER, CONTROL_EVENT_RIVAL_GRANTED, OVER, 0, CONTROL_CAUSE_SERVER_ENDS},

    {OPEN, CONTROL_EVENT_RIVAL_REFUSED, ALONE, 0, 0},
    {COMMITTED, CONTROL_EVENT_RIVAL_REFUSED, ALONE, 0, 0},
    {CALLED_OFF, CONTROL_EVENT_RIVAL_REFUSED, ALONE, 0, 0},
    {ONLY, CONTROL_EVENT_RIVAL_REFUSED, OVER, END, CONTROL_CAUSE_BROKEN},
    {OVER, CONTROL_EVENT_RIVAL_REFUSED, OVER, 0, CONTROL_CAUSE_SERVER_ENDS},

    {OPEN, CONTROL_EVENT_RIVAL_FAILED, ALONE, 0, 0},
    {COMMITTED, CONTROL_EVENT_RIVAL_FAILED, ALONE, 0, 0},
    {CALLED_OFF, CONTROL_EVENT_RIVAL_FAILED, ALONE, 0, 0},
    {ONLY, CONTROL_EVENT_RIVAL_FAILED, OVER, END, CONTROL_CAUSE_BROKEN},
    {OVER, CONTROL_EVENT_RIVAL_FAILED, OVER, 0, CONTROL_CAUSE_SERVER_ENDS},

    {ALONE, CONTROL_EVENT_STOP, OVER, END | BYE, CONTROL_CAUSE_STOPPED},
    {OPEN, CONTROL_EVENT_STOP, OVER, END | BYE | CALL, CONTROL_CAUSE_STOPPED},
    {COMMITTED, CONTROL_EVENT_STOP, OVER, END | BYE | BYE_TOO,
	CONTROL_CAUSE_STOPPED},
    {CALLED_OFF, CONTROL_EVENT_STOP, OVER, END | BYE, CONTROL_CAUSE_STOPPED},
    {ONLY, CONTROL_EVENT_STOP, OVER, END | CALL, CONTROL_CAUSE_STOPPED},
    {OVER, CONTROL_EVENT_STOP, OVER, 0, CONTROL_CAUSE_SERVER_ENDS},
};

START_TEST(each_event_in_each_phase)
{
	const struct transition *row = &transitions[_i];

	start_in(row->from);
	ck_assert_uint_eq(step_at(row->event, NOW_MS), row->actions);
	ck_assert_int_eq(state.phase, row->to);
	ck_assert_int_eq(state.cause, row->cause);
}
END_TEST

static const struct {
	enum control_event_kind event;
	enum attempt_outcome outcome;
} outcomes[] = {
    {CONTROL_EVENT_BROKEN, ATTEMPT_LOST},
    {CONTROL_EVENT_ADDRESS_GONE, ATTEMPT_LOST},
    {CONTROL_EVENT_BYE_TAKEN, ATTEMPT_LOST},
    {CONTROL_EVENT_BYE, ATTEMPT_BYE},
    {CONTROL_EVENT_BYE_DISPLACED, ATTEMPT_DISPLACED},
    {CONTROL_EVENT_STOP, ATTEMPT_STOPPED},
};

START_TEST(what_an_attempt_came_to)
{
	for (size_t i = 0; i < SUITE_LENGTH(outcomes); i++) {
		start_in(CONTROL_ALONE);
		ck_assert_uint_ne(step_at(outcomes[i].event, NOW_MS) & END, 0);
		ck_assert_int_eq(
		    control_state_outcome(&state), outcomes[i].outcome);
		ck_assert_int_eq(state.at_once,
		    outcomes[i].event == CONTROL_EVENT_ADDRESS_GONE);
		ck_assert_int_eq(control_state_due_ms(&state), CLOCK_NEVER);
	}
}
END_TEST

START_TEST(only_a_connection_that_stands_is_read)
{
	for (enum control_phase phase = ALONE; phase <= OVER; phase++) {
		start_in(phase);
		ck_assert_int_eq(control_state_has_current(&state),
		    phase != ONLY && phase != OVER);
	}
}
END_TEST

START_TEST(a_heartbeat_every_two_seconds)
{
	control_state_init(&state, TIMEOUT_MS, 1000);
	ck_assert_uint_eq(step_at(CONTROL_EVENT_TIME, 1000), 0);
	step_at(CONTROL_EVENT_ANNOUNCED, 1000);
	for (int64_t now_ms = 1000; now_ms < 20000; now_ms += 2000) {
		step_at(CONTROL_EVENT_HEARD, now_ms);
		ck_assert_uint_eq(
		    step_at(CONTROL_EVENT_TIME, now_ms), CONTROL_DO_BEAT);
		step_at(CONTROL_EVENT_HEARD, now_ms + 1000);
		ck_assert_int_eq(control_state_due_ms(&state), now_ms + 2000);
		ck_assert_uint_eq(
		    step_at(CONTROL_EVENT_TIME, now_ms + 1999), 0);
	}
}
END_TEST

START_TEST(none_for_a_server_that_wants_none)
{
	struct control_event event = {
	    .kind = CONTROL_EVENT_ANNOUNCED, .now_ms = 1000};

	control_state_init(&state, TIMEOUT_MS, 1000);
	ck_assert_uint_eq(control_state_step(&state, &event), 0);
	ck_assert_uint_eq(step_at(CONTROL_EVENT_TIME, 2499), 0);
	ck_assert_int_eq(control_state_due_ms(&state), 2500);
}
END_TEST

/* A server of bore: there is no second connection, and no Bye. */
START_TEST(a_server_that_has_not_announced_itself)
{
	control_state_init(&state, TIMEOUT_MS, 1000);
	ck_assert_int_eq(control_state_due_ms(&state), 9000);
	ck_assert_uint_eq(step_at(CONTROL_EVENT_TIME, 8999), 0);
	ck_assert_uint_eq(step_at(CONTROL_EVENT_TIME, 9000), END);
	ck_assert_int_eq(state.cause, CONTROL_CAUSE_SILENT);
	ck_assert(!state.at_once);
	control_state_init(&state, TIMEOUT_MS, 1000);
	ck_assert_uint_eq(step_at(CONTROL_EVENT_STOP, 1001), END);
	ck_assert_int_eq(control_state_outcome(&state), ATTEMPT_STOPPED);
}
END_TEST

/* It has 1.5 s from the first change on. */
START_TEST(a_changed_network_tries_a_server_of_bore)
{
	control_state_init(&state, TIMEOUT_MS, 1000);
	step_at(CONTROL_EVENT_NETWORK_CHANGED, 2000);
	step_at(CONTROL_EVENT_NETWORK_CHANGED, 3000);
	ck_assert_int_eq(control_state_due_ms(&state), 3500);
	ck_assert_uint_eq(step_at(CONTROL_EVENT_TIME, 3499), 0);
	ck_assert_uint_eq(step_at(CONTROL_EVENT_TIME, 3500), END);
	ck_assert_int_eq(state.cause, CONTROL_CAUSE_SILENT);
	ck_assert(state.at_once);
	/* Heard, it is as before. */
	control_state_init(&state, TIMEOUT_MS, 1000);
	step_at(CONTROL_EVENT_NETWORK_CHANGED, 2000);
	step_at(CONTROL_EVENT_HEARD, 2100);
	ck_assert_uint_eq(step_at(CONTROL_EVENT_TIME, 3500), 0);
	ck_assert_int_eq(control_state_due_ms(&state), 10100);
}
END_TEST

/* An announced server has the rival, at the same time. */
START_TEST(a_changed_network_ends_no_connection_that_has_a_rival)
{
	start(1000);
	step_at(CONTROL_EVENT_NETWORK_CHANGED, 1000);
	ck_assert_uint_eq(
	    step_at(CONTROL_EVENT_TIME, 2500), CONTROL_DO_START_RIVAL);
	ck_assert_int_eq(state.phase, OPEN);
}
END_TEST

START_TEST(silence_starts_a_rival_and_another_a_second_later)
{
	start(1000);
	ck_assert_uint_eq(step_at(CONTROL_EVENT_TIME, 2499), 0);
	ck_assert_int_eq(control_state_due_ms(&state), 2500);
	ck_assert_uint_eq(
	    step_at(CONTROL_EVENT_TIME, 2500), CONTROL_DO_START_RIVAL);
	ck_assert_int_eq(control_state_due_ms(&state), 3000); /* heartbeat */
	/* One that fails at once is not followed at once. */
	step_at(CONTROL_EVENT_RIVAL_FAILED, 2510);
	ck_assert_uint_eq(step_at(CONTROL_EVENT_TIME, 3000), CONTROL_DO_BEAT);
	ck_assert_int_eq(control_state_due_ms(&state), 3500);
	ck_assert_uint_eq(step_at(CONTROL_EVENT_TIME, 3499), 0);
	ck_assert_uint_eq(
	    step_at(CONTROL_EVENT_TIME, 3500), CONTROL_DO_START_RIVAL);
	/* There is one at a time. */
	ck_assert_uint_eq(step_at(CONTROL_EVENT_TIME, 4900), 0);
}
END_TEST

START_TEST(silence_for_long_is_a_loss)
{
	start(1000);
	step_at(CONTROL_EVENT_TIME, 8990);
	ck_assert_int_eq(state.phase, OPEN);
	ck_assert_int_eq(control_state_due_ms(&state), 9000);
	ck_assert_uint_eq(step_at(CONTROL_EVENT_TIME, 9000), 0);
	ck_assert_int_eq(state.phase, ONLY);
	ck_assert_int_eq(state.cause, CONTROL_CAUSE_SILENT);
	/* The rival has deadlines of its own. */
	ck_assert_int_eq(control_state_due_ms(&state), CLOCK_NEVER);
	ck_assert_uint_eq(step_at(CONTROL_EVENT_TIME, 99000), 0);
	ck_assert_uint_eq(step_at(CONTROL_EVENT_RIVAL_FAILED, 99000), END);
	ck_assert_int_eq(control_state_outcome(&state), ATTEMPT_LOST);
}
END_TEST

START_TEST(a_rival_that_is_granted_is_a_connection_like_any)
{
	start_in(ONLY);
	state.at_once = true;
	ck_assert_uint_eq(step_at(CONTROL_EVENT_RIVAL_GRANTED, 60000), PROMOTE);
	ck_assert(!state.announced && !state.at_once);
	ck_assert_int_eq(control_state_due_ms(&state), 68000);
	step_at(CONTROL_EVENT_ANNOUNCED, 60001);
	ck_assert_uint_eq(step_at(CONTROL_EVENT_TIME, 60001), CONTROL_DO_BEAT);
}
END_TEST

/* Its answer did not come in time; what it has done to ours did. */
START_TEST(a_late_displacement_by_our_own_hello_is_no_strangers)
{
	start_in(COMMITTED);
	step_at(CONTROL_EVENT_RIVAL_FAILED, HEARD_MS + ANSWER_MS);
	ck_assert_int_eq(state.phase, ALONE);
	ck_assert_uint_eq(step_at(CONTROL_EVENT_BYE_DISPLACED, LATE_MS),
	    CONTROL_DO_START_RIVAL);
	ck_assert_int_eq(state.phase, ONLY);
	ck_assert_int_eq(state.cause, CONTROL_CAUSE_REPLACED);
	/* The place is taken back, or the connection was lost like any. */
	ck_assert_uint_eq(
	    step_at(CONTROL_EVENT_RIVAL_FAILED, LATE_MS + 3000), END);
	ck_assert_int_eq(control_state_outcome(&state), ATTEMPT_LOST);
}
END_TEST

/* First what the rival has done, then that it has no answer; but no more than one
 * other is dialled for that. */
START_TEST(a_displacement_by_a_rival_that_has_no_answer)
{
	start_in(COMMITTED);
	ck_assert_uint_eq(step_at(CONTROL_EVENT_BYE_DISPLACED, NOW_MS), 0);
	ck_assert_uint_eq(step_at(CONTROL_EVENT_RIVAL_FAILED, NOW_MS),
	    CONTROL_DO_START_RIVAL);
	ck_assert_int_eq(state.phase, ONLY);
	step_at(CONTROL_EVENT_RIVAL_COMMITTED, NOW_MS);
	ck_assert_uint_eq(step_at(CONTROL_EVENT_RIVAL_FAILED, NOW_MS), END);
	ck_assert_int_eq(control_state_outcome(&state), ATTEMPT_LOST);
	/* An answer is one, be it a refusal. */
	start_in(COMMITTED);
	step_at(CONTROL_EVENT_BYE_DISPLACED, NOW_MS);
	ck_assert_uint_eq(step_at(CONTROL_EVENT_RIVAL_REFUSED, NOW_MS), END);
	/* The next connection has its own one. */
	start_in(COMMITTED);
	step_at(CONTROL_EVENT_BYE_DISPLACED, NOW_MS);
	step_at(CONTROL_EVENT_RIVAL_FAILED, NOW_MS);
	step_at(CONTROL_EVENT_RIVAL_GRANTED, NOW_MS);
	ck_assert(!state.takes_back);
}
END_TEST

/* However long the server, or we, were stopped; and it counts for one of them. */
START_TEST(a_displacement_long_after_our_own_hello_is_our_own)
{
	start_in(COMMITTED);
	step_at(CONTROL_EVENT_RIVAL_FAILED, HEARD_MS + ANSWER_MS);
	step_at(CONTROL_EVENT_HEARD, HEARD_MS + 86400000);
	ck_assert_uint_eq(
	    step_at(CONTROL_EVENT_BYE_DISPLACED, HEARD_MS + 86400000),
	    CONTROL_DO_START_RIVAL);
	step_at(CONTROL_EVENT_RIVAL_COMMITTED, HEARD_MS + 86400000);
	step_at(CONTROL_EVENT_RIVAL_GRANTED, HEARD_MS + 86400000);
	step_at(CONTROL_EVENT_ANNOUNCED, HEARD_MS + 86400000);
	ck_assert_uint_eq(
	    step_at(CONTROL_EVENT_BYE_DISPLACED, HEARD_MS + 86400000), END);
	ck_assert_int_eq(control_state_outcome(&state), ATTEMPT_DISPLACED);
}
END_TEST

/* It was refused before it has sent Hello: that says nothing of an earlier one. */
START_TEST(a_refusal_before_hello_says_nothing)
{
	start_in(COMMITTED);
	step_at(CONTROL_EVENT_RIVAL_FAILED, HEARD_MS + ANSWER_MS);
	step_at(CONTROL_EVENT_TIME, HEARD_MS + ANSWER_MS);
	ck_assert_int_eq(state.phase, OPEN);
	step_at(CONTROL_EVENT_RIVAL_REFUSED, HEARD_MS + ANSWER_MS);
	ck_assert_uint_eq(
	    step_at(CONTROL_EVENT_BYE_DISPLACED, HEARD_MS + ANSWER_MS),
	    CONTROL_DO_START_RIVAL);
}
END_TEST

/* That which had no answer has done it, not that which was refused. */
START_TEST(a_refusal_says_nothing_of_an_earlier_hello)
{
	start_in(COMMITTED);
	step_at(CONTROL_EVENT_RIVAL_FAILED, HEARD_MS + ANSWER_MS);
	step_at(CONTROL_EVENT_TIME, HEARD_MS + ANSWER_MS);
	step_at(CONTROL_EVENT_RIVAL_COMMITTED, HEARD_MS + ANSWER_MS);
	step_at(CONTROL_EVENT_RIVAL_REFUSED, HEARD_MS + ANSWER_MS + 10);
	ck_assert_int_eq(state.phase, ALONE);
	ck_assert_uint_eq(step_at(CONTROL_EVENT_BYE_DISPLACED, LATE_MS),
	    CONTROL_DO_START_RIVAL);
}
END_TEST

START_TEST(a_refused_hello_displaces_nobody)
{
	start_in(COMMITTED);
	step_at(CONTROL_EVENT_RIVAL_REFUSED, NOW_MS);
	ck_assert_uint_eq(step_at(CONTROL_EVENT_BYE_DISPLACED, NOW_MS), END);
	ck_assert_int_eq(control_state_outcome(&state), ATTEMPT_DISPLACED);
}
END_TEST

/* The server has refused each older attempt since. */
START_TEST(nothing_older_displaces_a_connection)
{
	start_in(COMMITTED);
	step_at(CONTROL_EVENT_RIVAL_GRANTED, NOW_MS);
	step_at(CONTROL_EVENT_ANNOUNCED, NOW_MS);
	ck_assert_uint_eq(step_at(CONTROL_EVENT_BYE_DISPLACED, NOW_MS), END);
	ck_assert_int_eq(control_state_outcome(&state), ATTEMPT_DISPLACED);
}
END_TEST

/* One is under way already, with a higher attempt number. */
START_TEST(a_late_displacement_while_the_next_rival_is_open)
{
	start_in(COMMITTED);
	step_at(CONTROL_EVENT_RIVAL_FAILED, HEARD_MS + ANSWER_MS);
	step_at(CONTROL_EVENT_TIME, HEARD_MS + ANSWER_MS);
	ck_assert_int_eq(state.phase, OPEN);
	ck_assert_uint_eq(step_at(CONTROL_EVENT_BYE_DISPLACED, LATE_MS), 0);
	ck_assert_int_eq(state.phase, ONLY);
	ck_assert_int_eq(state.cause, CONTROL_CAUSE_REPLACED);
	ck_assert_uint_eq(step_at(CONTROL_EVENT_RIVAL_FAILED, LATE_MS), END);
}
END_TEST

/* The path is back: heartbeats, which call the next one off, and behind them the
 * Bye. */
START_TEST(a_late_displacement_behind_heartbeats)
{
	start_in(COMMITTED);
	step_at(CONTROL_EVENT_RIVAL_FAILED, HEARD_MS + ANSWER_MS);
	step_at(CONTROL_EVENT_TIME, HEARD_MS + ANSWER_MS);
	ck_assert_uint_eq(step_at(CONTROL_EVENT_HEARD, LATE_MS), CALL);
	ck_assert_uint_eq(step_at(CONTROL_EVENT_BYE_DISPLACED, LATE_MS),
	    CONTROL_DO_START_RIVAL);
	ck_assert_int_eq(state.phase, ONLY);
}
END_TEST

/* Called off by a stop, or so it seemed */
START_TEST(a_stop_says_bye_where_hello_was_said)
{
	static const enum control_phase phases[] = {OPEN, ONLY};

	for (size_t i = 0; i < SUITE_LENGTH(phases); i++) {
		start_in(phases[i]);
		ck_assert_uint_ne(
		    step_at(CONTROL_EVENT_STOP, NOW_MS) & CALL, 0);
		ck_assert_uint_eq(
		    step_at(CONTROL_EVENT_RIVAL_COMMITTED, NOW_MS), BYE_TOO);
		ck_assert_int_eq(
		    control_state_outcome(&state), ATTEMPT_STOPPED);
	}
}
END_TEST

int
main(void)
{
	const TTest *const stories[] = {what_an_attempt_came_to,
	    only_a_connection_that_stands_is_read,
	    a_heartbeat_every_two_seconds, none_for_a_server_that_wants_none,
	    a_server_that_has_not_announced_itself,
	    a_changed_network_tries_a_server_of_bore,
	    a_changed_network_ends_no_connection_that_has_a_rival,
	    silence_starts_a_rival_and_another_a_second_later,
	    silence_for_long_is_a_loss,
	    a_rival_that_is_granted_is_a_connection_like_any,
	    a_late_displacement_by_our_own_hello_is_no_strangers,
	    a_displacement_by_a_rival_that_has_no_answer,
	    a_displacement_long_after_our_own_hello_is_our_own,
	    a_refusal_before_hello_says_nothing,
	    a_refusal_says_nothing_of_an_earlier_hello,
	    a_refused_hello_displaces_nobody,
	    nothing_older_displaces_a_connection,
	    a_late_displacement_while_the_next_rival_is_open,
	    a_late_displacement_behind_heartbeats,
	    a_stop_says_bye_where_hello_was_said};
	Suite *suite = suite_create("control_state");
	TCase *tcase = tcase_create("control_state");

	tcase_set_timeout(tcase, SUITE_TIMEOUT_S);
	tcase_add_loop_test(
	    tcase, each_event_in_each_phase, 0, (int)SUITE_LENGTH(transitions));
	for (size_t i = 0; i < SUITE_LENGTH(stories); i++)
		tcase_add_test(tcase, stories[i]);
	suite_add_tcase(suite, tcase);
	return suite_finish(suite);
}
