/* What repeat.h promises: told at once, then once a minute. */
#include <stdio.h>
#include <string.h>

#include "base/repeat.h"
#include "suite.h"

static struct repeat repeat;

static void
assert_due(const char *text, int64_t now_ms, unsigned expected_hidden)
{
	char more[REPEAT_MORE_SIZE] = "x";
	char expected[REPEAT_MORE_SIZE] = "";

	if (expected_hidden > 0)
		snprintf(expected, sizeof expected,
		    ", and %u more since it was last logged", expected_hidden);
	ck_assert(repeat_due(&repeat, text, now_ms, more));
	ck_assert_str_eq(more, expected);
}

static void
assert_not_due(const char *text, int64_t now_ms)
{
	char more[REPEAT_MORE_SIZE] = "x";

	ck_assert(!repeat_due(&repeat, text, now_ms, more));
	ck_assert_str_eq(more, "");
}

START_TEST(the_first_is_due_at_once_at_any_time)
{
	memset(&repeat, 0, sizeof repeat);
	assert_due("x", 0, 0);
	memset(&repeat, 0, sizeof repeat);
	assert_due("x", 123456789, 0);
}
END_TEST

START_TEST(the_same_is_due_again_after_a_minute)
{
	memset(&repeat, 0, sizeof repeat);
	assert_due("x", 1000, 0);
	assert_not_due("x", 1000);
	assert_not_due("x", 30000);
	assert_not_due("x", 60999);
	assert_due("x", 61000, 3);
	/* The minute begins anew, and so does the count. */
	assert_not_due("x", 61001);
	assert_not_due("x", 120999);
	assert_due("x", 121000, 2);
	assert_due("x", 900000, 0);
}
END_TEST

START_TEST(another_is_due_at_once_and_both_are_known)
{
	memset(&repeat, 0, sizeof repeat);
	assert_due("x", 1000, 0);
	assert_not_due("x", 1001);
	assert_due("y", 1002, 0);
	assert_not_due("y", 1003);
	assert_not_due("x", 1004);
	/* One is the start of the other. */
	assert_due("xx", 1005, 0);
	assert_not_due("x", 1006);
	/* Each has a minute and a count of its own. */
	assert_due("x", 61000, 3);
	assert_not_due("y", 61001);
	assert_due("y", 61002, 2);
	assert_due("xx", 61005, 0);
}
END_TEST

START_TEST(texts_that_take_turns_are_kept_back_all)
{
	char text[] = "a";

	memset(&repeat, 0, sizeof repeat);
	for (int round = 0; round < 3; round++)
		for (int i = 0; i < REPEAT_TEXTS; i++) {
			text[0] = (char)('a' + i);
			if (round == 0)
				assert_due(text, i, 0);
			else
				assert_not_due(text, round * 1000 + i);
		}
	for (int i = 0; i < REPEAT_TEXTS; i++) {
		text[0] = (char)('a' + i);
		assert_due(text, 60000 + i, 2);
	}
}
END_TEST

START_TEST(one_more_takes_the_place_of_the_one_told_longest_ago)
{
	char text[] = "a";

	memset(&repeat, 0, sizeof repeat);
	for (int i = 0; i < REPEAT_TEXTS; i++) {
		text[0] = (char)('a' + i);
		assert_due(text, 1000 + i, 0);
	}
	assert_not_due("a", 2000);
	assert_due("new", 3000, 0);
	/* The others are known still, and what was counted for a is gone. */
	for (int i = 1; i < REPEAT_TEXTS; i++) {
		text[0] = (char)('a' + i);
		assert_not_due(text, 4000);
	}
	assert_not_due("new", 4001);
	assert_due("a", 5000, 0);
	assert_due("b", 6000, 0);
	assert_not_due("a", 6001);
}
END_TEST

START_TEST(texts_that_differ_far_behind_count_as_the_same)
{
	char a[2 * REPEAT_TEXT_SIZE], b[2 * REPEAT_TEXT_SIZE];

	memset(&repeat, 0, sizeof repeat);
	memset(a, 'a', sizeof a);
	memset(b, 'a', sizeof b);
	a[sizeof a - 1] = b[sizeof b - 1] = '\0';
	b[REPEAT_TEXT_SIZE] = 'b';
	assert_due(a, 0, 0);
	assert_not_due(b, 1);
	assert_due(a, 60000, 1);
	b[REPEAT_TEXT_SIZE - 10] = 'b';
	assert_due(b, 60001, 0);
	assert_not_due(b, 60002);
	/* One is the start of the other. */
	a[REPEAT_TEXT_SIZE - 10] = '\0';
	assert_due(a, 60003, 0);
}
END_TEST

SUITE_MAIN("repeat", the_first_is_due_at_once_at_any_time,
    the_same_is_due_again_after_a_minute,
    another_is_due_at_once_and_both_are_known,
    texts_that_take_turns_are_kept_back_all,
    one_more_takes_the_place_of_the_one_told_longest_ago,
    texts_that_differ_far_behind_count_as_the_same)
