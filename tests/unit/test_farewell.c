/* What farewell.h promises: a few come back at once, many one by one. */
#include "server/farewell.h"
#include "suite.h"

START_TEST(one_comes_back_in_a_second)
{
	ck_assert_uint_eq(farewell_retry_ms(1, 0), 1000);
	ck_assert_uint_le(farewell_retry_ms(1, UINT32_MAX), 1002);
	ck_assert_uint_eq(farewell_retry_ms(0, UINT32_MAX), 1000);
}
END_TEST

START_TEST(many_are_spread_over_a_time_that_fits_their_number)
{
	ck_assert_uint_eq(farewell_retry_ms(1500, 0), 1000);
	ck_assert_uint_eq(farewell_retry_ms(1500, UINT32_C(1) << 31), 2500);
	ck_assert_uint_eq(farewell_retry_ms(1500, UINT32_MAX), 3999);
	ck_assert_uint_eq(farewell_retry_ms(3000, UINT32_MAX), 6999);
}
END_TEST

START_TEST(no_more_than_half_a_minute)
{
	ck_assert_uint_eq(farewell_retry_ms(20000, UINT32_MAX), 30999);
	ck_assert_uint_eq(farewell_retry_ms(UINT32_MAX, UINT32_MAX), 30999);
	ck_assert_uint_eq(farewell_retry_ms(UINT32_MAX, 0), 1000);
}
END_TEST

SUITE_MAIN("farewell", one_comes_back_in_a_second,
    many_are_spread_over_a_time_that_fits_their_number,
    no_more_than_half_a_minute)
