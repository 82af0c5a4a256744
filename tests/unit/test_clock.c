/*
 * What clock.h promises. clock.c is part of this program, so that a case can take
 * the processor away between the reading of two clocks.
 */
#include <limits.h>
#include <poll.h>
#include <time.h>

static int clock_gettime_late(clockid_t clock, struct timespec *now);

#define clock_gettime clock_gettime_late
#include "base/clock.c" /* NOLINT(bugprone-suspicious-include) */
#undef clock_gettime

#include "suite.h"

/* Behind so many readings there is a pause of LATE_MS; 0: there is none. */
#define LATE_MS 200
static unsigned late_behind;

static int
clock_gettime_late(clockid_t clock, struct timespec *now)
{
	int result = clock_gettime(clock, now);

	if (late_behind > 0 && --late_behind == 0)
		poll(NULL, 0, LATE_MS);
	return result;
}

START_TEST(it_never_goes_back_and_goes_on)
{
	int64_t start_ms = clock_now_ms();
	int64_t before_ms = start_ms;

	ck_assert_int_gt(start_ms, 0);
	while (before_ms < start_ms + 20) {
		int64_t now_ms = clock_now_ms();

		ck_assert_int_ge(now_ms, before_ms);
		before_ms = now_ms;
	}
}
END_TEST

START_TEST(it_counts_milliseconds)
{
	int64_t start_ms = clock_now_ms();

	poll(NULL, 0, 100);
	/* What is asked for is the least. */
	ck_assert_int_ge(clock_now_ms() - start_ms, 99);
	ck_assert_int_lt(clock_now_ms() - start_ms, 20000);
}
END_TEST

START_TEST(a_deadline_that_has_passed_leaves_nothing)
{
	int64_t now_ms = clock_now_ms();

	ck_assert_int_eq(clock_left_ms(now_ms), 0);
	ck_assert_int_eq(clock_left_ms(now_ms - 1), 0);
	ck_assert_int_eq(clock_left_ms(now_ms - 100000), 0);
	ck_assert_int_eq(clock_left_ms(0), 0);
	ck_assert_int_eq(clock_left_ms(-1), 0);
	ck_assert_int_eq(clock_left_ms(INT64_MIN), 0);
}
END_TEST

START_TEST(never_is_for_ever)
{
	ck_assert_int_eq(clock_left_ms(CLOCK_NEVER), -1);
}
END_TEST

START_TEST(a_far_deadline_is_the_most_that_poll_can)
{
	ck_assert_int_eq(clock_left_ms(CLOCK_NEVER - 1), INT_MAX);
	ck_assert_int_eq(
	    clock_left_ms(clock_now_ms() + INT_MAX + INT64_C(60000)), INT_MAX);
	ck_assert_int_gt(
	    clock_left_ms(clock_now_ms() + INT_MAX), INT_MAX - 20000);
}
END_TEST

START_TEST(what_is_left_is_told_in_milliseconds)
{
	int left_ms = clock_left_ms(clock_now_ms() + 100000);

	ck_assert_int_le(left_ms, 100000);
	ck_assert_int_gt(left_ms, 80000);
}
END_TEST

/* A wait for what is left never ends before the deadline. */
START_TEST(waiting_for_what_is_left_reaches_the_deadline)
{
	for (int i = 0; i < 20; i++) {
		int64_t deadline_ms = clock_now_ms() + 3;

		while (clock_left_ms(deadline_ms) > 0)
			poll(NULL, 0, clock_left_ms(deadline_ms));
		ck_assert_int_ge(clock_now_ms(), deadline_ms);
	}
}
END_TEST

START_TEST(the_earlier_and_the_later_are_told)
{
	ck_assert_int_eq(clock_earlier(1, 2), 1);
	ck_assert_int_eq(clock_earlier(2, 1), 1);
	ck_assert_int_eq(clock_earlier(2, 2), 2);
	ck_assert_int_eq(clock_earlier(CLOCK_NEVER, 5), 5);
	ck_assert_int_eq(clock_earlier(5, CLOCK_NEVER), 5);
	ck_assert_int_eq(clock_later(1, 2), 2);
	ck_assert_int_eq(clock_later(2, 1), 2);
	ck_assert_int_eq(clock_later(2, 2), 2);
	ck_assert_int_eq(clock_later(CLOCK_NEVER, 5), CLOCK_NEVER);
}
END_TEST

/* Nobody has suspended the machine during this case. */
START_TEST(the_time_asleep_stands_still_while_awake)
{
	int64_t before_ms = clock_suspended_ms();
	int64_t difference_ms;

	ck_assert_int_ge(before_ms, -2);
	poll(NULL, 0, 50);
	difference_ms = clock_suspended_ms() - before_ms;
	ck_assert_int_ge(difference_ms, -20);
	ck_assert_int_le(difference_ms, 20);
}
END_TEST

/* What a busy machine does is no sleep. */
START_TEST(who_loses_the_processor_has_not_been_asleep)
{
	int64_t before_ms = clock_suspended_ms();

	for (unsigned behind = 1; behind <= 3; behind++) {
		int64_t difference_ms;

		late_behind = behind;
		difference_ms = clock_suspended_ms() - before_ms;
		ck_assert_int_ge(difference_ms, -LATE_MS / 2);
		ck_assert_int_le(difference_ms, LATE_MS / 2);
	}
}
END_TEST

SUITE_MAIN("clock", it_never_goes_back_and_goes_on, it_counts_milliseconds,
    a_deadline_that_has_passed_leaves_nothing, never_is_for_ever,
    a_far_deadline_is_the_most_that_poll_can,
    what_is_left_is_told_in_milliseconds,
    waiting_for_what_is_left_reaches_the_deadline,
    the_earlier_and_the_later_are_told,
    the_time_asleep_stands_still_while_awake,
    who_loses_the_processor_has_not_been_asleep)
