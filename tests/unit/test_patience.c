/* What patience.h promises: above the round trip, and bounded. */
#include "base/patience.h"
#include "suite.h"

START_TEST(an_answer_is_given_least_or_more_than_its_way)
{
	static const struct {
		uint32_t least_ms, rtt_ms, expected;
	} rows[] = {
	    {3000, 0, 3000},
	    {3000, 200, 3000},
	    {3000, 1000, 3000},
	    {3000, 1001, 3002},
	    {3000, 3000, 7000},
	    {3000, 12000, 25000},
	    {3000, 14499, 29998},
	    {3000, 14500, PATIENCE_MOST_MS},
	    {3000, UINT32_MAX, PATIENCE_MOST_MS},
	    {1500, 40, 1500},
	    {60000, 12000, 60000},
	};

	for (size_t i = 0; i < SUITE_LENGTH(rows); i++)
		ck_assert_uint_eq(
		    patience_answer_ms(rows[i].least_ms, rows[i].rtt_ms),
		    rows[i].expected);
}
END_TEST

START_TEST(dials_last_longer_from_the_third_on)
{
	static const uint32_t expected[] = {
	    3000, 3000, 6000, 12000, 20000, 20000};

	for (unsigned i = 0; i < SUITE_LENGTH(expected); i++)
		ck_assert_uint_eq(patience_dial_ms(i), expected[i]);
	ck_assert_uint_eq(patience_dial_ms(UINT32_MAX), 20000);
}
END_TEST

START_TEST(taken_is_given_two_round_trips)
{
	ck_assert_uint_eq(patience_taken_ms(0), 200);
	ck_assert_uint_eq(patience_taken_ms(1), 202);
	ck_assert_uint_eq(patience_taken_ms(200), 600);
	ck_assert_uint_eq(patience_taken_ms(3000), 6200);
	ck_assert_uint_eq(patience_taken_ms(UINT32_MAX), PATIENCE_MOST_MS);
}
END_TEST

START_TEST(heartbeats_are_rare_where_the_path_is_slow)
{
	ck_assert_uint_eq(patience_heartbeat_ms(0), 500);
	ck_assert_uint_eq(patience_heartbeat_ms(3000), 500);
	ck_assert_uint_eq(patience_heartbeat_ms(4000), 500);
	ck_assert_uint_eq(patience_heartbeat_ms(12000), 1500);
	ck_assert_uint_eq(patience_heartbeat_ms(UINT32_MAX), 2000);
}
END_TEST

START_TEST(retransmissions_stay_above_the_round_trip)
{
	ck_assert_uint_eq(patience_retransmit_ms(0), 4000);
	ck_assert_uint_eq(patience_retransmit_ms(2000), 4000);
	ck_assert_uint_eq(patience_retransmit_ms(3000), 6000);
	ck_assert_uint_eq(patience_retransmit_ms(12000), 24000);
	ck_assert_uint_eq(patience_retransmit_ms(UINT32_MAX), 60000);
}
END_TEST

SUITE_MAIN("patience", an_answer_is_given_least_or_more_than_its_way,
    dials_last_longer_from_the_third_on, taken_is_given_two_round_trips,
    heartbeats_are_rare_where_the_path_is_slow,
    retransmissions_stay_above_the_round_trip)
