/* What tally.h promises: the one that has most is found, whatever changes. */
#include <stdint.h>
#include <string.h>

#include "server/tally.h"
#include "suite.h"

#define THINGS 60 /* all are looked at */

static struct tally tally;
static struct tally_entry things[THINGS];

static unsigned
greatest(void)
{
	unsigned most = 0;

	for (unsigned i = 0; i < THINGS; i++)
		if (things[i].count > most)
			most = things[i].count;
	return most;
}

START_TEST(where_nobody_has_any_there_is_none)
{
	ck_assert_ptr_null(tally_most(&tally));
	tally_set(&tally, &things[0], 0);
	ck_assert_ptr_null(tally_most(&tally));
	tally_set(&tally, &things[0], 5);
	ck_assert_ptr_eq(tally_most(&tally), &things[0]);
	tally_set(&tally, &things[0], 0);
	ck_assert_ptr_null(tally_most(&tally));
}
END_TEST

/* Up and down in steps that meet all classes and their borders. */
START_TEST(the_one_that_has_most_is_found)
{
	uint32_t number = 1;

	for (int i = 0; i < 20000; i++) {
		number = number * 1664525 + 1013904223;
		tally_set(&tally, &things[(number >> 8) % THINGS],
		    (number >> 12) % (1u << (number >> 28)));
		if (greatest() == 0) {
			ck_assert_ptr_null(tally_most(&tally));
			continue;
		}
		ck_assert_ptr_nonnull(tally_most(&tally));
		ck_assert_uint_eq(tally_most(&tally)->count, greatest());
	}
}
END_TEST

START_TEST(one_that_is_taken_out_is_not_touched_again)
{
	for (unsigned i = 0; i < 3; i++)
		tally_set(&tally, &things[i], 4);
	tally_set(&tally, &things[1], 0);
	memset(&things[1], 0x5a, sizeof things[1]);
	tally_set(&tally, &things[0], 0);
	ck_assert_ptr_eq(tally_most(&tally), &things[2]);
	tally_set(&tally, &things[2], 0);
	ck_assert_ptr_null(tally_most(&tally));
	ck_assert_uint_eq(things[1].count, 0x5a5a5a5a);
}
END_TEST

START_TEST(the_greatest_number_has_a_class)
{
	tally_set(&tally, &things[0], (1u << TALLY_CLASSES) - 1);
	tally_set(&tally, &things[1], 1);
	ck_assert_ptr_eq(tally_most(&tally), &things[0]);
}
END_TEST

START_TEST(among_many_it_is_one_with_more_than_half)
{
	static struct tally_entry many[1000];

	for (unsigned i = 0; i < 1000; i++)
		tally_set(&tally, &many[i], 16 + i % 16);
	ck_assert_uint_ge(tally_most(&tally)->count, 16);
	tally_set(&tally, &many[500], 40);
	ck_assert_ptr_eq(tally_most(&tally), &many[500]);
}
END_TEST

SUITE_MAIN("tally", where_nobody_has_any_there_is_none,
    the_one_that_has_most_is_found, one_that_is_taken_out_is_not_touched_again,
    the_greatest_number_has_a_class, among_many_it_is_one_with_more_than_half)
