/* What reconnect.h promises: soon while the port is kept, and never a storm; the
 * same port again; and an end on evidence alone. */
#include "client/reconnect.h"
#include "suite.h"

#define CAP_MS 64000u
/* Randomness that is the middle of the spread */
#define MIDDLE 0x80000000u

static struct reconnect reconnect;

static const struct attempt_end failed = {.outcome = ATTEMPT_FAILED};

static void
start_capped(uint32_t cap_ms)
{
	const struct reconnect_rules rules = {
	    .reconnect = true, .cap_ms = cap_ms};

	reconnect_init(&reconnect, &rules, 0);
}

static void
start(void)
{
	start_capped(CAP_MS);
}

/* A session of a rebore server that stood for so long, and was lost */
static struct attempt_end
lost(int64_t stood_ms, uint32_t lease_ms)
{
	return (struct attempt_end){.outcome = ATTEMPT_LOST,
	    .stood_ms = stood_ms,
	    .lease_ms = lease_ms};
}

/* The delay until the next attempt, which there is */
static uint32_t
delay(const struct attempt_end *end, int64_t now_ms, uint32_t random)
{
	struct reconnect_decision decision =
	    reconnect_decide(&reconnect, end, now_ms, random);

	ck_assert(!decision.is_final);
	return decision.delay_ms;
}

static uint32_t
next(struct attempt_end end, int64_t now_ms)
{
	return delay(&end, now_ms, MIDDLE);
}

START_TEST(delays_are_short_while_connections_are_interrupted)
{
	struct attempt_end end = failed;

	start();
	for (int i = 0; i < 6; i++)
		next(failed, 1);
	end.interrupts = true;
	for (int i = 0; i < 6; i++) {
		ck_assert_uint_eq(delay(&end, 1, 0), 600);
		ck_assert_uint_eq(delay(&end, 1, UINT32_MAX), 999);
	}
	/* Of the law of all others, only the cap has changed. */
	start();
	ck_assert_uint_eq(next(end, 1), 800);
	end.interrupts = false;
	ck_assert_uint_eq(next(end, 1), 1600);
}
END_TEST

START_TEST(without_a_lease_delays_double)
{
	static const uint32_t expected[] = {
	    1000, 2000, 4000, 8000, 16000, 32000, 51200, 51200};

	start();
	for (size_t i = 0; i < SUITE_LENGTH(expected); i++)
		ck_assert_uint_eq(next(failed, 0), expected[i]);
	/* As towards a server of bore: the same after a good session */
	ck_assert_uint_eq(next(lost(10000, 0), 0), expected[0]);
	for (size_t i = 1; i < SUITE_LENGTH(expected); i++)
		ck_assert_uint_eq(next(failed, 0), expected[i]);
}
END_TEST

START_TEST(within_the_lease_of_a_good_session_two_seconds_are_the_most)
{
	int64_t now_ms = 5000;

	start();
	now_ms += next(lost(10000, 30000), now_ms);
	ck_assert_int_eq(now_ms, 6000);
	while (now_ms < 35000) {
		ck_assert_uint_eq(next(failed, now_ms), 1600);
		now_ms += 1600;
	}
	/* It is over: on from what was waited */
	ck_assert_uint_eq(next(failed, now_ms), 3200);
	ck_assert_uint_eq(next(failed, now_ms), 6400);
}
END_TEST

START_TEST(within_a_lease_delays_are_spread)
{
	struct attempt_end end = lost(10000, 30000);

	start();
	delay(&end, 0, 0);
	ck_assert_uint_eq(delay(&failed, 1, 0), 1200);
	ck_assert_uint_eq(delay(&failed, 1, UINT32_MAX), 1999);
}
END_TEST

START_TEST(a_lower_cap_stays)
{
	struct attempt_end end = lost(10000, 30000);

	start_capped(1000);
	delay(&end, 0, 0);
	ck_assert_uint_eq(delay(&failed, 1, 0), 600);
	ck_assert_uint_eq(delay(&failed, 1, UINT32_MAX), 999);
}
END_TEST

START_TEST(bytes_make_a_session_a_good_one)
{
	struct attempt_end end = lost(10, 30000);

	end.carried = true;
	start();
	for (int i = 0; i < 6; i++)
		next(failed, 0);
	ck_assert_uint_eq(next(end, 0), 1000);
	ck_assert_uint_eq(next(failed, 1), 1600);
	ck_assert_uint_eq(next(failed, 2), 1600);
}
END_TEST

/* Each of its sessions has a lease, and none was good. */
START_TEST(a_flapping_server_meets_growing_delays)
{
	int64_t now_ms = 0;

	start();
	now_ms += next(lost(10000, 30000), now_ms);
	/* Until the lease of the good one is over, and not longer */
	while (now_ms < 30000) {
		ck_assert_uint_eq(next(lost(9999, 30000), now_ms), 1600);
		now_ms += 1600;
	}
	ck_assert_uint_eq(next(lost(9999, 30000), now_ms), 3200);
	/* A quarter of its own lease: the port is kept for that long. */
	ck_assert_uint_eq(next(lost(9999, 30000), now_ms), 6000);
	ck_assert_uint_eq(next(lost(9999, 30000), now_ms), 6000);
	ck_assert_uint_eq(next(failed, now_ms + 30001), 12000);
}
END_TEST

START_TEST(a_flapping_server_with_a_short_lease_meets_them_too)
{
	static const uint32_t leases[] = {1, 1000, 5000, 30000};

	for (size_t i = 0; i < SUITE_LENGTH(leases); i++) {
		int64_t now_ms = 0;
		uint32_t delay_ms = 0;

		start();
		for (int j = 0; j < 10; j++) {
			delay_ms = next(lost(50, leases[i]), now_ms);
			now_ms += delay_ms;
		}
		/* 0.8 of 7.5 s, by this spread */
		ck_assert_uint_eq(delay_ms, 6000);
	}
}
END_TEST

START_TEST(a_lease_does_not_make_a_storm)
{
	static const uint32_t leases[] = {1, 3, 4, 100, 399, 1000, 4000};

	for (size_t i = 0; i < SUITE_LENGTH(leases); i++) {
		start();
		/* However short it is, and each session a good one */
		for (int j = 0; j < 20; j++)
			ck_assert_uint_ge(next(lost(10000, leases[i]), j),
			    RECONNECT_LEAST_MS);
		/* Sessions that are none: two seconds, with the spread */
		for (int j = 0; j < 10; j++)
			next(lost(0, leases[i]), 100000 + j);
		ck_assert_uint_ge(next(lost(0, leases[i]), 200000), 1600);
	}
}
END_TEST

START_TEST(a_bye_is_taken_at_its_word)
{
	struct attempt_end end = lost(10000, 30000);

	start();
	end.outcome = ATTEMPT_BYE;
	end.retry_ms = 4000;
	ck_assert_uint_eq(next(end, 0), 4000); /* before the cap of a lease */
	ck_assert_uint_eq(delay(&end, 0, 0), 3000);
	ck_assert_uint_eq(delay(&end, 0, UINT32_MAX), 4999);
	/* However soon the server wants them, clients are spread. */
	end.retry_ms = 10;
	ck_assert_uint_eq(delay(&end, 0, 0), 100);
	ck_assert_uint_eq(delay(&end, 0, UINT32_MAX), 124);
	/* 4/5 of the cap is the most. */
	end.retry_ms = UINT32_MAX;
	ck_assert_uint_eq(next(end, 0), 51200);
	ck_assert_uint_le(delay(&end, 0, UINT32_MAX), CAP_MS);
	/* And what comes after it is a first delay, within the lease. */
	ck_assert_uint_eq(next(failed, 1), 1000);
	ck_assert_uint_eq(next(failed, 2), 1600);
}
END_TEST

START_TEST(a_bye_that_asks_for_nothing_is_not_obeyed_for_ever)
{
	struct attempt_end end = lost(0, 0);
	uint32_t delay_ms = 0;

	start();
	end.outcome = ATTEMPT_BYE;
	ck_assert_uint_eq(delay(&end, 0, 0), RECONNECT_LEAST_MS);
	for (int i = 0; i < 10; i++)
		delay_ms = next(end, 0);
	ck_assert_uint_eq(delay_ms, 51200);
	/* A good one, and it is believed again. */
	end.stood_ms = 10000;
	ck_assert_uint_eq(delay(&end, 0, 0), RECONNECT_LEAST_MS);
}
END_TEST

START_TEST(at_once_is_not_at_once)
{
	struct attempt_end end = {.outcome = ATTEMPT_FAILED, .at_once = true};

	start();
	for (int i = 0; i < 10; i++)
		ck_assert_uint_eq(next(end, 0), RECONNECT_LEAST_MS);
	ck_assert_uint_eq(next(failed, 0), 1000);
}
END_TEST

/* Who was displaced must not come back like one that was lost. */
START_TEST(a_displaced_session_counts_for_nothing)
{
	struct attempt_end end = lost(20000, 0);

	start();
	next(failed, 0);
	end.outcome = ATTEMPT_DISPLACED;
	ck_assert_uint_eq(next(end, 0), 2000);
	ck_assert_uint_eq(next(end, 0), 4000);
}
END_TEST

/* Nor has it the shorter delays of the lease that it had before: two clones would
 * take the port from each other several times a second. */
START_TEST(a_displaced_session_ends_the_lease_of_before)
{
	struct attempt_end end = lost(20000, 0);

	start();
	next(lost(20000, 30000), 1000);
	end.outcome = ATTEMPT_DISPLACED;
	ck_assert_uint_eq(next(end, 3000), 2000);
	ck_assert_uint_eq(next(failed, 5000), 4000);
	ck_assert_uint_eq(next(failed, 9000), 8000);
}
END_TEST

/* How long a port is kept is told by the session that was good. */
START_TEST(a_short_session_does_not_change_the_lease_of_a_good_one)
{
	start();
	next(lost(20000, 30000), 1000);
	ck_assert_uint_eq(next(lost(100, 1), 2000), 1600);
	ck_assert_uint_eq(next(lost(100, 400), 4000), 1600);
	ck_assert_uint_eq(next(failed, 6000), 1600);
}
END_TEST

/* The port that is asked for next, by the rules of start_with() */
static struct reconnect_rules rules;

static void
start_with(uint16_t wished_port, uint16_t kept_port)
{
	rules.public_port = wished_port;
	reconnect_init(&reconnect, &rules, kept_port);
}

static struct reconnect_decision
decide(const struct attempt_end *end, int64_t now_ms)
{
	return reconnect_decide(&reconnect, end, now_ms, MIDDLE);
}

static struct reconnect_decision
decide_on(enum attempt_outcome outcome, int64_t now_ms)
{
	const struct attempt_end end = {.outcome = outcome,
	    .asked_port = reconnect_port(&reconnect, now_ms)};

	return decide(&end, now_ms);
}

static void
set_up(void)
{
	rules = (struct reconnect_rules){.reconnect = true, .cap_ms = CAP_MS};
	start_with(0, 0);
}

START_TEST(the_port_that_was_granted_is_asked_for_again)
{
	set_up();
	ck_assert_uint_eq(reconnect_port(&reconnect, 1), 0);
	start_with(0, 4242);
	ck_assert_uint_eq(reconnect_port(&reconnect, 1), 4242);
	reconnect_stands(&reconnect, 4343);
	decide_on(ATTEMPT_LOST, 1);
	decide_on(ATTEMPT_FAILED, 2);
	ck_assert_uint_eq(reconnect_port(&reconnect, 3), 4343);
	/* What the user asks for is asked for, whatever was granted. */
	start_with(80, 4242);
	ck_assert_uint_eq(reconnect_port(&reconnect, 1), 80);
}
END_TEST

/* A lease, or 30 s where there was none */
START_TEST(a_port_that_others_hold_is_waited_for_as_long_as_a_lease)
{
	const struct attempt_end loss = lost(20000, 5000);

	for (int leased = 0; leased < 2; leased++) {
		int64_t patience_ms = leased ? 5000 : 30000;

		set_up();
		start_with(0, 4242);
		if (leased)
			decide(&loss, 1);
		decide_on(ATTEMPT_PORT_TAKEN, 1000);
		decide_on(ATTEMPT_PORT_TAKEN, 2000);
		ck_assert_uint_eq(
		    reconnect_port(&reconnect, 1000 + patience_ms), 4242);
		ck_assert_uint_eq(
		    reconnect_port(&reconnect, 1001 + patience_ms), 0);
		/* Not refused in between */
		decide_on(ATTEMPT_FAILED, 3000);
		decide_on(ATTEMPT_PORT_TAKEN, 4000);
		ck_assert_uint_eq(
		    reconnect_port(&reconnect, 4000 + patience_ms), 4242);
		reconnect_stands(&reconnect, 4242);
		ck_assert_uint_eq(reconnect_port(&reconnect, 99000), 4242);
	}
}
END_TEST

START_TEST(a_wish_of_the_users_is_waited_for_without_end)
{
	set_up();
	start_with(80, 0);
	for (int64_t now_ms = 1; now_ms < 1000000; now_ms += 10000) {
		ck_assert(!decide_on(ATTEMPT_PORT_TAKEN, now_ms).is_final);
		ck_assert_uint_eq(reconnect_port(&reconnect, now_ms), 80);
	}
}
END_TEST

/* Who was displaced has no lease: the patience is that of one without. */
START_TEST(a_displaced_client_has_no_lease)
{
	struct attempt_end end = lost(20000, 5000);

	set_up();
	start_with(0, 4242);
	end.outcome = ATTEMPT_DISPLACED;
	ck_assert(!decide(&end, 1).needs_identity);
	decide_on(ATTEMPT_PORT_TAKEN, 1000);
	ck_assert_uint_eq(reconnect_port(&reconnect, 31000), 4242);
}
END_TEST

START_TEST(an_impossible_port_is_final_where_the_user_asked_for_it)
{
	struct reconnect_decision decision;

	set_up();
	start_with(80, 0);
	decision = decide_on(ATTEMPT_IMPOSSIBLE, 1);
	ck_assert(decision.is_final);
	ck_assert_int_eq(decision.end, CLIENT_END_IMPOSSIBLE);
	start_with(0, 4242);
	decision = decide_on(ATTEMPT_IMPOSSIBLE, 1);
	ck_assert(!decision.is_final);
	ck_assert_uint_eq(decision.delay_ms, RECONNECT_LEAST_MS);
	ck_assert_uint_eq(reconnect_port(&reconnect, 2), 0);
	/* And any port at all */
	ck_assert(decide_on(ATTEMPT_IMPOSSIBLE, 2).is_final);
}
END_TEST

START_TEST(a_stop_is_the_end)
{
	set_up();
	ck_assert(decide_on(ATTEMPT_STOPPED, 1).is_final);
	ck_assert_int_eq(decide_on(ATTEMPT_STOPPED, 1).end, CLIENT_END_STOPPED);
}
END_TEST

START_TEST(without_reconnection_the_first_end_is_the_last)
{
	static const struct {
		enum attempt_outcome outcome;
		enum client_end end;
	} ends[] = {
	    {ATTEMPT_LOST, CLIENT_END_STOPPED},
	    {ATTEMPT_BYE, CLIENT_END_STOPPED},
	    {ATTEMPT_DISPLACED, CLIENT_END_STOPPED},
	    {ATTEMPT_FAILED, CLIENT_END_FAILED},
	    {ATTEMPT_PORT_TAKEN, CLIENT_END_FAILED},
	    {ATTEMPT_COPY, CLIENT_END_FAILED},
	    {ATTEMPT_REFUSED, CLIENT_END_REFUSED},
	};
	struct reconnect_decision decision;

	for (size_t i = 0; i < SUITE_LENGTH(ends); i++) {
		set_up();
		ck_assert_int_eq(decide_on(ends[i].outcome, 1).is_final,
		    ends[i].outcome == ATTEMPT_REFUSED);
		rules.reconnect = false;
		rules.auth_retry_ms = 60000;
		start_with(0, 0);
		decision = decide_on(ends[i].outcome, 1);
		ck_assert(decision.is_final);
		ck_assert_int_eq(decision.end, ends[i].end);
	}
}
END_TEST

START_TEST(failures_in_a_row_are_counted)
{
	struct reconnect_decision decision;

	set_up();
	rules.max_retries = 3;
	start_with(0, 0);
	for (int round = 0; round < 2; round++) {
		ck_assert(!decide_on(ATTEMPT_FAILED, 1).is_final);
		ck_assert(!decide_on(ATTEMPT_PORT_TAKEN, 2).is_final);
		ck_assert_uint_eq(reconnect_failures(&reconnect), 2);
		reconnect_stands(&reconnect, 4242);
		ck_assert_uint_eq(reconnect_failures(&reconnect), 0);
		ck_assert(!decide_on(ATTEMPT_LOST, 3).is_final);
	}
	decide_on(ATTEMPT_FAILED, 4);
	decide_on(ATTEMPT_COPY, 5);
	decision = decide_on(ATTEMPT_FAILED, 6);
	ck_assert(decision.is_final);
	ck_assert_int_eq(decision.end, CLIENT_END_GAVE_UP);
	ck_assert_uint_eq(reconnect_failures(&reconnect), 3);
}
END_TEST

/* The server may listen again a little later than it said. */
START_TEST(the_first_failure_after_a_bye_does_not_count)
{
	set_up();
	rules.max_retries = 1;
	start_with(0, 0);
	reconnect_stands(&reconnect, 4242);
	decide_on(ATTEMPT_BYE, 1);
	ck_assert(!decide_on(ATTEMPT_FAILED, 2).is_final);
	ck_assert(decide_on(ATTEMPT_FAILED, 3).is_final);
	/* A loss is none. */
	start_with(0, 0);
	decide_on(ATTEMPT_BYE, 1);
	decide_on(ATTEMPT_LOST, 2);
	ck_assert(decide_on(ATTEMPT_FAILED, 3).is_final);
}
END_TEST

START_TEST(another_secret_is_tried_at_once)
{
	const struct attempt_end end = {
	    .outcome = ATTEMPT_REFUSED, .has_other_secret = true};
	struct reconnect_decision decision;

	set_up();
	rules.max_retries = 2;
	start_with(0, 0);
	decision = decide(&end, 1);
	ck_assert(!decision.is_final && !decision.needs_secret);
	ck_assert_uint_eq(decision.delay_ms, RECONNECT_LEAST_MS);
	decision = decide(&end, 2);
	ck_assert(decision.is_final);
	ck_assert_int_eq(decision.end, CLIENT_END_REFUSED);
}
END_TEST

START_TEST(a_refused_secret_is_tried_as_often_as_the_rule_says)
{
	const struct attempt_end end = {.outcome = ATTEMPT_REFUSED};
	struct reconnect_decision decision;

	set_up();
	rules.auth_retry_ms = 60000;
	start_with(0, 0);
	for (int i = 0; i < 20; i++) {
		decision = decide(&end, 1);
		ck_assert(!decision.is_final && decision.needs_secret);
		ck_assert_uint_eq(decision.delay_ms, 57000);
	}
	ck_assert_uint_eq(
	    reconnect_decide(&reconnect, &end, 1, 0).delay_ms, 60000);
	ck_assert_uint_le(
	    reconnect_decide(&reconnect, &end, 1, UINT32_MAX).delay_ms, 54001);
	ck_assert(!decide_on(ATTEMPT_FAILED, 2).needs_secret);
}
END_TEST

START_TEST(a_copy_takes_an_identity_and_leaves_the_port_to_the_other)
{
	struct reconnect_decision decision;

	set_up();
	start_with(0, 4242);
	decision = decide_on(ATTEMPT_COPY, 1);
	ck_assert(!decision.is_final && decision.needs_identity);
	ck_assert_uint_eq(decision.delay_ms, RECONNECT_LEAST_MS);
	/* It may be free: asked for once. */
	ck_assert_uint_eq(reconnect_port(&reconnect, 2), 4242);
	decision = decide_on(ATTEMPT_PORT_TAKEN, 2);
	ck_assert(!decision.needs_identity);
	ck_assert_uint_eq(decision.delay_ms, RECONNECT_LEAST_MS);
	ck_assert_uint_eq(reconnect_port(&reconnect, 3), 0);
	ck_assert_uint_gt(
	    decide_on(ATTEMPT_PORT_TAKEN, 3).delay_ms, RECONNECT_LEAST_MS);
	reconnect_stands(&reconnect, 4343);
	decide_on(ATTEMPT_LOST, 4);
	decide_on(ATTEMPT_PORT_TAKEN, 5);
	ck_assert_uint_eq(reconnect_port(&reconnect, 6), 4343);
}
END_TEST

/* It means that port, and waits for it. */
START_TEST(a_copy_whose_user_asks_for_a_port_waits_for_it)
{
	set_up();
	start_with(80, 0);
	decide_on(ATTEMPT_COPY, 1);
	ck_assert_uint_gt(
	    decide_on(ATTEMPT_PORT_TAKEN, 2).delay_ms, RECONNECT_LEAST_MS);
	ck_assert_uint_eq(reconnect_port(&reconnect, 3), 80);
}
END_TEST

START_TEST(the_third_displacement_takes_an_identity_and_another_port)
{
	set_up();
	start_with(0, 4242);
	ck_assert(!decide_on(ATTEMPT_DISPLACED, 1).needs_identity);
	ck_assert(!decide_on(ATTEMPT_DISPLACED, 2).needs_identity);
	ck_assert_uint_eq(reconnect_port(&reconnect, 3), 4242);
	ck_assert(decide_on(ATTEMPT_DISPLACED, 3).needs_identity);
	ck_assert_uint_eq(reconnect_port(&reconnect, 4), 0);
}
END_TEST

START_TEST(a_server_cannot_make_us_spin)
{
	struct attempt_end end = {
	    .outcome = ATTEMPT_PORT_TAKEN, .caught_up = true};

	set_up();
	for (int i = 0; i < 3; i++)
		ck_assert_uint_eq(next(end, 1), RECONNECT_LEAST_MS);
	for (int i = 0; i < 6; i++)
		ck_assert_uint_ge(next(end, 1), 1000);
	reconnect_stands(&reconnect, 4242);
	ck_assert_uint_eq(next(end, 1), RECONNECT_LEAST_MS);
}
END_TEST

SUITE_MAIN("reconnect", delays_are_short_while_connections_are_interrupted,
    without_a_lease_delays_double,
    within_the_lease_of_a_good_session_two_seconds_are_the_most,
    within_a_lease_delays_are_spread, a_lower_cap_stays,
    bytes_make_a_session_a_good_one, a_flapping_server_meets_growing_delays,
    a_flapping_server_with_a_short_lease_meets_them_too,
    a_lease_does_not_make_a_storm, a_bye_is_taken_at_its_word,
    a_bye_that_asks_for_nothing_is_not_obeyed_for_ever, at_once_is_not_at_once,
    a_displaced_session_counts_for_nothing,
    a_displaced_session_ends_the_lease_of_before,
    a_short_session_does_not_change_the_lease_of_a_good_one,
    the_port_that_was_granted_is_asked_for_again,
    a_port_that_others_hold_is_waited_for_as_long_as_a_lease,
    a_wish_of_the_users_is_waited_for_without_end,
    a_displaced_client_has_no_lease,
    an_impossible_port_is_final_where_the_user_asked_for_it, a_stop_is_the_end,
    without_reconnection_the_first_end_is_the_last,
    failures_in_a_row_are_counted, the_first_failure_after_a_bye_does_not_count,
    another_secret_is_tried_at_once,
    a_refused_secret_is_tried_as_often_as_the_rule_says,
    a_copy_takes_an_identity_and_leaves_the_port_to_the_other,
    a_copy_whose_user_asks_for_a_port_waits_for_it,
    the_third_displacement_takes_an_identity_and_another_port,
    a_server_cannot_make_us_spin)
