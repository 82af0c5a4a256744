/* What condense.h promises: a few lines are told, the others counted. */
#include <string.h>

#include "base/clock.h"
#include "base/condense.h"
#include "suite.h"

static const struct condense_rule one = {.of_source = 1, .of_all = 4};
static const struct condense_rule three = {.of_source = 3, .of_all = 1000};
static struct condense condense;

static void
start(void)
{
	memset(&condense, 0, sizeof condense);
	ck_assert(condense_due_ms(&condense) == CLOCK_NEVER);
}

static bool
tells(const struct condense_rule *rule, unsigned kind, uint64_t source,
    int64_t now_ms)
{
	return condense_allows(&condense, rule, kind, source, now_ms);
}

static void
assert_count(int64_t now_ms, unsigned kind, uint64_t source, unsigned hidden)
{
	struct condense_count count;

	ck_assert(condense_next(&condense, now_ms, &count));
	ck_assert(count.has_source);
	ck_assert_uint_eq(count.kind, kind);
	ck_assert(count.source == source);
	ck_assert_uint_eq(count.hidden, hidden);
}

static void
assert_no_count(int64_t now_ms)
{
	struct condense_count count;

	ck_assert(!condense_next(&condense, now_ms, &count));
}

START_TEST(the_first_is_told_and_the_others_are_counted)
{
	start();
	ck_assert(tells(&one, 5, 7, 1000));
	assert_no_count(70000);
	start();
	ck_assert(tells(&one, 5, 7, 1000));
	for (int i = 0; i < 10; i++)
		ck_assert(!tells(&one, 5, 7, 1000 + i));
	ck_assert(condense_due_ms(&condense) == 61000);
	assert_no_count(60999);
	assert_count(61000, 5, 7, 10);
	assert_no_count(61000);
	ck_assert(condense_due_ms(&condense) == CLOCK_NEVER);
}
END_TEST

START_TEST(after_a_minute_one_is_told_again)
{
	start();
	ck_assert(tells(&one, 0, 7, 1000));
	ck_assert(!tells(&one, 0, 7, 60999));
	assert_count(61000, 0, 7, 1);
	assert_no_count(61000);
	ck_assert(tells(&one, 0, 7, 61000));
	ck_assert(!tells(&one, 0, 7, 61001));
	ck_assert(condense_due_ms(&condense) == 121000);
	/* One that nobody has asked for yet goes on counting. */
	ck_assert(!tells(&one, 0, 7, 500000));
	assert_count(500000, 0, 7, 2);
}
END_TEST

START_TEST(kinds_and_sources_are_apart)
{
	start();
	ck_assert(tells(&one, 0, 7, 1000));
	ck_assert(tells(&one, 1, 7, 2000));
	ck_assert(tells(&one, 0, 8, 3000));
	ck_assert(!tells(&one, 0, 7, 4000));
	ck_assert(!tells(&one, 1, 7, 4000));
	ck_assert(!tells(&one, 0, 8, 4000));
	assert_count(61000, 0, 7, 1);
	assert_no_count(61000);
	ck_assert(condense_due_ms(&condense) == 62000);
	assert_count(62000, 1, 7, 1);
	assert_count(63000, 0, 8, 1);
	assert_no_count(63000);
}
END_TEST

START_TEST(a_kind_may_have_several_of_a_source)
{
	start();
	for (int i = 0; i < 3; i++)
		ck_assert(tells(&three, 0, 7, 1000));
	ck_assert(!tells(&three, 0, 7, 1000));
	assert_count(61000, 0, 7, 1);
	for (int i = 0; i < 3; i++)
		ck_assert(tells(&three, 0, 7, 61000));
	ck_assert(!tells(&three, 0, 7, 61000));
}
END_TEST

START_TEST(all_sources_of_a_kind_have_a_limit_together)
{
	struct condense_count count;

	start();
	for (uint64_t source = 0; source < 4; source++)
		ck_assert(tells(&one, 0, source, 1000));
	for (uint64_t source = 4; source < 100; source++)
		ck_assert(!tells(&one, 0, source, 2000));
	/* One that was told has its own count; another kind its own limit. */
	ck_assert(!tells(&one, 0, 1, 3000));
	ck_assert(tells(&one, 1, 50, 3000));
	ck_assert(condense_next(&condense, 61000, &count));
	ck_assert(!count.has_source);
	ck_assert_uint_eq(count.kind, 0);
	ck_assert_uint_eq(count.hidden, 96);
	assert_count(61000, 0, 1, 1);
	assert_no_count(61000);
	for (uint64_t source = 200; source < 204; source++)
		ck_assert(tells(&one, 0, source, 62000));
	ck_assert(!tells(&one, 0, 300, 62000));
}
END_TEST

START_TEST(what_finds_no_room_is_counted_as_of_others)
{
	const struct condense_rule wide = {1, 1000000};
	const unsigned places = CONDENSE_SETS * CONDENSE_WAYS;
	struct condense_count count;
	unsigned told = 0;

	start();
	condense.seed = 0x123456789abcdef;
	for (uint64_t source = 0; source < 20 * (uint64_t)places; source++)
		told += tells(&wide, 3, source, 1000);
	ck_assert_uint_le(told, places);
	ck_assert_uint_ge(told, places * 8 / 10);
	ck_assert(condense_next(&condense, 61000, &count));
	ck_assert(!count.has_source);
	ck_assert_uint_eq(count.hidden, 20 * places - told);
	assert_no_count(61000);
	/* Nobody takes the place of a count that is still to be told. */
	for (uint64_t source = 0; source < 20 * (uint64_t)places; source++)
		tells(&wide, 3, source, 61000);
	for (uint64_t source = 0; source < 20 * (uint64_t)places; source++)
		tells(&wide, 3, source, 61000);
	told = 0;
	for (uint64_t source = 0; source < 20 * (uint64_t)places; source++)
		told += tells(&wide, 4, source, 121000);
	ck_assert_uint_le(told, places / 5);
	while (condense_next(&condense, 181000, &count))
		continue;
	/* After a minute the places are free. */
	told = 0;
	for (uint64_t source = 0; source < places / 4; source++)
		told += tells(&wide, 3, 1000000 + source, 181000);
	ck_assert_uint_ge(told, places / 5);
}
END_TEST

SUITE_MAIN("condense", the_first_is_told_and_the_others_are_counted,
    after_a_minute_one_is_told_again, kinds_and_sources_are_apart,
    a_kind_may_have_several_of_a_source,
    all_sources_of_a_kind_have_a_limit_together,
    what_finds_no_room_is_counted_as_of_others)
