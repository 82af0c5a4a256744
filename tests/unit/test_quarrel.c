/* What quarrel.h promises: the third displacement within ten minutes is one. */
#include "client/quarrel.h"
#include "suite.h"

START_TEST(the_third_within_ten_minutes_is_a_quarrel)
{
	struct quarrel quarrel = {.displaced_ms = {0}};

	ck_assert(!quarrel_displaced(&quarrel, 1));
	ck_assert(!quarrel_displaced(&quarrel, 2));
	ck_assert(quarrel_displaced(&quarrel, 1 + QUARREL_MS));
	/* It starts over. */
	quarrel = (struct quarrel){.displaced_ms = {0}};
	for (int64_t turn = 1; turn <= 9; turn++)
		ck_assert_int_eq(
		    quarrel_displaced(&quarrel, turn), turn % 3 == 0);
}
END_TEST

START_TEST(seldom_is_none_however_often)
{
	struct quarrel quarrel = {.displaced_ms = {0}};
	int64_t now_ms = 1;

	for (int i = 0; i < 20; i++, now_ms += QUARREL_MS / 2 + 1)
		ck_assert(!quarrel_displaced(&quarrel, now_ms));
	/* Those of long ago do not count, the last one does. */
	ck_assert(!quarrel_displaced(&quarrel, now_ms));
	ck_assert(quarrel_displaced(&quarrel, now_ms + 1));
}
END_TEST

SUITE_MAIN("quarrel", the_third_within_ten_minutes_is_a_quarrel,
    seldom_is_none_however_often)
