/* What penalties.h promises: who fails waits, and who goes on failing is shut
 * out. */
#include <string.h>

#include "server/penalties.h"
#include "suite.h"

#define US   UINT64_C(4711)
#define THEM UINT64_C(4712)

static struct penalties penalties;

static unsigned
fails(uint64_t source, int64_t now_ms, unsigned expected_refused_ms)
{
	unsigned refused_ms = 4711;
	unsigned delay_ms =
	    penalties_fail(&penalties, source, now_ms, &refused_ms);

	ck_assert_uint_eq(refused_ms, expected_refused_ms);
	return delay_ms;
}

/* Fail as often as it takes to be shut out. */
static void
fail_out(uint64_t source, int64_t now_ms, unsigned expected_refused_ms)
{
	for (int i = 1; i < PENALTIES_FAILURES; i++)
		fails(source, now_ms, 0);
	fails(source, now_ms, expected_refused_ms);
}

static void
start(void)
{
	memset(&penalties, 0, sizeof penalties);
}

START_TEST(each_failure_takes_longer_up_to_two_seconds)
{
	static const unsigned expected[] = {
	    100, 200, 400, 800, 1600, 2000, 2000, 2000};

	start();
	for (unsigned i = 0; i < sizeof expected / sizeof *expected; i++)
		ck_assert_uint_eq(fails(US, 1000 + i, 0), expected[i]);
	ck_assert_uint_eq(fails(THEM, 2000, 0), 100);
	ck_assert(!penalties_refuses(&penalties, US, 2000));
}
END_TEST

START_TEST(ten_in_a_minute_are_refused_for_ten_seconds)
{
	start();
	ck_assert(!penalties_refuses(&penalties, US, 1000));
	fail_out(US, 1000, 10000);
	ck_assert(penalties_refuses(&penalties, US, 1000));
	ck_assert(penalties_refuses(&penalties, US, 10999));
	ck_assert(!penalties_refuses(&penalties, US, 11000));
	ck_assert(!penalties_refuses(&penalties, THEM, 1000));
}
END_TEST

START_TEST(failures_of_an_earlier_minute_do_not_count)
{
	start();
	for (int i = 1; i < PENALTIES_FAILURES; i++)
		fails(US, 1000, 0);
	ck_assert_uint_eq(fails(US, 61000, 0), 100);
	for (int i = 2; i < PENALTIES_FAILURES; i++)
		fails(US, 61001, 0);
	/* In its last millisecond. */
	fails(US, 120999, 10000);
}
END_TEST

START_TEST(who_goes_on_is_refused_for_longer_and_longer)
{
	static const unsigned expected_s[] = {10, 20, 40, 80, 160, 300, 300};
	int64_t now_ms = 1000;

	start();
	for (unsigned i = 0; i < sizeof expected_s / sizeof *expected_s; i++) {
		/* A site with an old secret has more tries after the first. */
		for (int j = PENALTIES_FAILURES;
		     i == 1 && j < PENALTIES_FAILURES_AGAIN; j++)
			ck_assert_uint_eq(fails(US, now_ms, 0), 2000);
		fail_out(US, now_ms, expected_s[i] * 1000);
		now_ms += expected_s[i] * 1000;
		ck_assert(penalties_refuses(&penalties, US, now_ms - 1));
		ck_assert(!penalties_refuses(&penalties, US, now_ms));
	}
	ck_assert_uint_eq(fails(US, now_ms, 0), 2000);
}
END_TEST

START_TEST(failures_while_refused_do_not_count)
{
	start();
	fail_out(US, 1000, 10000);
	for (int i = 0; i < 100000; i++)
		ck_assert_uint_eq(fails(US, 2000, 0), 2000);
	ck_assert(!penalties_refuses(&penalties, US, 11000));
	for (int i = 1; i < PENALTIES_FAILURES_AGAIN; i++)
		fails(US, 11000, 0);
	fails(US, 11000, 20000);
}
END_TEST

START_TEST(who_is_spared_waits_and_is_not_refused)
{
	start();
	penalties_spare(&penalties, US, 5000); /* not known: nothing */
	fail_out(US, 1000, 10000);
	penalties_spare(&penalties, US, 5000);
	ck_assert(!penalties_refuses(&penalties, US, 1000));
	for (int i = 0; i < 1000; i++)
		ck_assert_uint_eq(fails(US, 4999, 0), 2000);
	/* And then as if it were for the first time */
	fails(US, 5000, 10000);
	ck_assert(penalties_refuses(&penalties, US, 14999));
	ck_assert(!penalties_refuses(&penalties, US, 15000));
}
END_TEST

START_TEST(who_has_authenticated_begins_anew)
{
	start();
	penalties_forgive(&penalties, US); /* not known: nothing */
	fail_out(US, 1000, 10000);
	penalties_forgive(&penalties, US);
	ck_assert(!penalties_refuses(&penalties, US, 1000));
	fail_out(US, 1000, 10000);
	/* Nobody else does. */
	penalties_forgive(&penalties, THEM);
	ck_assert(penalties_refuses(&penalties, US, 1000));
	/* A success does not make the answers come sooner. */
	start();
	for (int i = 1; i < PENALTIES_FAILURES; i++)
		fails(US, 1000, 0);
	penalties_forgive(&penalties, US);
	ck_assert_uint_eq(fails(US, 1000, 10000), 2000);
}
END_TEST

START_TEST(ten_quiet_minutes_wipe_the_slate_clean)
{
	start();
	fail_out(US, 1000, 10000);
	ck_assert_uint_eq(fails(US, 600999, 0), 2000);
	ck_assert_uint_eq(fails(US, 1200999, 0), 100);
	fail_out(THEM, 1000, 10000);
	fail_out(THEM, 601000, 10000);
	/* From the last one on. */
	fails(THEM, 662000, 0);
	fails(THEM, 663000, 0);
	ck_assert_uint_eq(fails(THEM, 1262500, 0), 2000);
}
END_TEST

START_TEST(the_table_is_bounded_and_forgets_who_failed_longest_ago)
{
	const uint64_t many = 20 * PENALTIES_SETS * PENALTIES_WAYS;
	unsigned known = 0;

	start();
	penalties.seed = 0x123456789abcdef;
	for (uint64_t source = 1; source <= many; source++)
		fail_out(source, 1000 + (int64_t)source / 100, 10000);
	for (uint64_t source = 1; source <= many; source++)
		known += penalties_refuses(&penalties, source, 1300);
	ck_assert_uint_le(known, PENALTIES_SETS * PENALTIES_WAYS);
	ck_assert_uint_ge(known, PENALTIES_SETS * PENALTIES_WAYS * 9 / 10);
	/* The last of each set are there. */
	for (uint64_t source = many - 50; source <= many; source++)
		ck_assert(penalties_refuses(&penalties, source, 1300));
}
END_TEST

SUITE_MAIN("penalties", each_failure_takes_longer_up_to_two_seconds,
    ten_in_a_minute_are_refused_for_ten_seconds,
    failures_of_an_earlier_minute_do_not_count,
    who_goes_on_is_refused_for_longer_and_longer,
    failures_while_refused_do_not_count, who_is_spared_waits_and_is_not_refused,
    who_has_authenticated_begins_anew, ten_quiet_minutes_wipe_the_slate_clean,
    the_table_is_bounded_and_forgets_who_failed_longest_ago)
