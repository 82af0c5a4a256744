/* What reconnect.h promises: soon while the port is kept, and never a storm. */
#include "client/reconnect.h"
#include "suite.h"

#define CAP_MS 64000u
/* Randomness that is the middle of the spread */
#define MIDDLE 0x80000000u

static struct reconnect reconnect;

static const struct reconnect_end failed;

static void
start(void)
{
	reconnect_init(&reconnect, CAP_MS);
}

/* A session of a rebore server that stood for so long, and was lost */
static struct reconnect_end
lost(int64_t stood_ms, uint32_t lease_ms)
{
	return (struct reconnect_end){
	    .stood = true, .stood_ms = stood_ms, .lease_ms = lease_ms};
}

static uint32_t
next(struct reconnect_end end, int64_t now_ms)
{
	return reconnect_next(&reconnect, &end, now_ms, MIDDLE);
}

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
	struct reconnect_end end = lost(10000, 30000);

	start();
	reconnect_next(&reconnect, &end, 0, 0);
	ck_assert_uint_eq(reconnect_next(&reconnect, &failed, 1, 0), 1200);
	ck_assert_uint_eq(
	    reconnect_next(&reconnect, &failed, 1, UINT32_MAX), 1999);
}
END_TEST

START_TEST(a_lower_cap_stays)
{
	struct reconnect_end end = lost(10000, 30000);

	reconnect_init(&reconnect, 1000);
	reconnect_next(&reconnect, &end, 0, 0);
	ck_assert_uint_eq(reconnect_next(&reconnect, &failed, 1, 0), 600);
	ck_assert_uint_eq(
	    reconnect_next(&reconnect, &failed, 1, UINT32_MAX), 999);
}
END_TEST

START_TEST(bytes_make_a_session_a_good_one)
{
	struct reconnect_end end = lost(10, 30000);

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
	struct reconnect_end end = lost(10000, 30000);

	start();
	end.bye = true;
	end.retry_ms = 4000;
	ck_assert_uint_eq(next(end, 0), 4000); /* before the cap of a lease */
	ck_assert_uint_eq(reconnect_next(&reconnect, &end, 0, 0), 3000);
	ck_assert_uint_eq(
	    reconnect_next(&reconnect, &end, 0, UINT32_MAX), 4999);
	/* 4/5 of the cap is the most. */
	end.retry_ms = UINT32_MAX;
	ck_assert_uint_eq(next(end, 0), 51200);
	ck_assert_uint_le(
	    reconnect_next(&reconnect, &end, 0, UINT32_MAX), CAP_MS);
	/* And what comes after it is a first delay, within the lease. */
	ck_assert_uint_eq(next(failed, 1), 1000);
	ck_assert_uint_eq(next(failed, 2), 1600);
}
END_TEST

START_TEST(a_bye_that_asks_for_nothing_is_not_obeyed_for_ever)
{
	struct reconnect_end end = lost(0, 0);
	uint32_t delay_ms = 0;

	start();
	end.bye = true;
	ck_assert_uint_eq(
	    reconnect_next(&reconnect, &end, 0, 0), RECONNECT_LEAST_MS);
	for (int i = 0; i < 10; i++)
		delay_ms = next(end, 0);
	ck_assert_uint_eq(delay_ms, 51200);
	/* A good one, and it is believed again. */
	end.stood_ms = 10000;
	ck_assert_uint_eq(
	    reconnect_next(&reconnect, &end, 0, 0), RECONNECT_LEAST_MS);
}
END_TEST

START_TEST(at_once_is_not_at_once)
{
	struct reconnect_end end = {.at_once = true};

	start();
	for (int i = 0; i < 10; i++)
		ck_assert_uint_eq(next(end, 0), RECONNECT_LEAST_MS);
	ck_assert_uint_eq(next(failed, 0), 1000);
}
END_TEST

/* Who was displaced must not come back like one that was lost. */
START_TEST(a_displaced_session_counts_for_nothing)
{
	struct reconnect_end end = lost(20000, 0);

	start();
	next(failed, 0);
	end.displaced = true;
	ck_assert_uint_eq(next(end, 0), 2000);
	ck_assert_uint_eq(next(end, 0), 4000);
}
END_TEST

SUITE_MAIN("reconnect", without_a_lease_delays_double,
    within_the_lease_of_a_good_session_two_seconds_are_the_most,
    within_a_lease_delays_are_spread, a_lower_cap_stays,
    bytes_make_a_session_a_good_one, a_flapping_server_meets_growing_delays,
    a_flapping_server_with_a_short_lease_meets_them_too,
    a_lease_does_not_make_a_storm, a_bye_is_taken_at_its_word,
    a_bye_that_asks_for_nothing_is_not_obeyed_for_ever, at_once_is_not_at_once,
    a_displaced_session_counts_for_nothing)
