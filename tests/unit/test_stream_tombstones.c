/* What stream_tombstones.h promises: what is put is known for its time, within
 * the most, and is told until somebody asks. */
#include <string.h>

#include "base/clock.h"
#include "stream/stream_tombstones.h"
#include "suite.h"

#define MOST    8
#define KEEP_MS 60000

static struct stream_tombstones stones;

static struct uuid
id_of(unsigned number)
{
	struct uuid id = {{0}};

	/* Few buckets, so that they have several */
	id.bytes[2] = (uint8_t)(number % 3);
	id.bytes[14] = (uint8_t)(number >> 8);
	id.bytes[15] = (uint8_t)number;
	return id;
}

static void
put_stone(unsigned number, enum stream_fate fate, bool tells, int64_t now_ms)
{
	struct uuid id = id_of(number);

	stream_tombstones_put(&stones, &id, fate, 100 + number, tells, now_ms);
}

static enum stream_fate
ask(unsigned number, int64_t now_ms)
{
	struct uuid id = id_of(number);

	return stream_tombstones_ask(&stones, &id, now_ms);
}

static void
remove_stone(unsigned number)
{
	struct uuid id = id_of(number);

	stream_tombstones_remove(&stones, &id);
}

/* Returns the number of the next that is told, -1: none. */
static int
tell(int64_t now_ms)
{
	struct uuid id;
	uint32_t attempt;

	if (!stream_tombstones_tell(&stones, now_ms, &id, &attempt))
		return -1;
	ck_assert_uint_eq(
	    attempt, 100u + ((unsigned)id.bytes[14] << 8 | id.bytes[15]));
	return (int)attempt - 100;
}

static void
start(void)
{
	ck_assert_int_eq(
	    stream_tombstones_init(&stones, MOST, KEEP_MS), ERROR_NONE);
}

static void
finish(void)
{
	stream_tombstones_destroy(&stones);
}

START_TEST(what_is_put_is_known)
{
	put_stone(1, STREAM_FATE_FINISHED, false, 0);
	put_stone(2, STREAM_FATE_GONE, false, 0);
	ck_assert_int_eq(ask(1, 1), STREAM_FATE_FINISHED);
	ck_assert_int_eq(ask(2, 1), STREAM_FATE_GONE);
	ck_assert_int_eq(ask(3, 1), STREAM_FATE_UNKNOWN);
	ck_assert_int_eq(ask(1, 2), STREAM_FATE_FINISHED);
}
END_TEST

START_TEST(the_first_fate_stays)
{
	put_stone(1, STREAM_FATE_FINISHED, false, 0);
	put_stone(1, STREAM_FATE_GONE, true, 5);
	ck_assert_int_eq(ask(1, 10), STREAM_FATE_FINISHED);
	ck_assert_int_eq(tell(10), -1);
}
END_TEST

START_TEST(it_is_known_for_its_time)
{
	put_stone(1, STREAM_FATE_FINISHED, true, 100);
	put_stone(2, STREAM_FATE_FINISHED, true, 101);
	ck_assert_int_eq(ask(1, 100 + KEEP_MS - 1), STREAM_FATE_FINISHED);
	ck_assert_int_eq(ask(1, 100 + KEEP_MS), STREAM_FATE_UNKNOWN);
	ck_assert_int_eq(tell(101 + KEEP_MS), -1);
	ck_assert_int_eq(ask(2, 101 + KEEP_MS), STREAM_FATE_UNKNOWN);
	ck_assert_int_eq(
	    stream_tombstones_due_ms(&stones) == CLOCK_NEVER, true);
}
END_TEST

START_TEST(beyond_the_most_the_oldest_is_forgotten)
{
	for (unsigned round = 0; round < 5; round++)
		for (unsigned i = 0; i < MOST + 3; i++) {
			unsigned number = round * (MOST + 3) + i;

			put_stone(number, STREAM_FATE_FINISHED, i % 2 == 0, 0);
			for (unsigned j = 0; j < number + 2; j++)
				ck_assert_int_eq(
				    ask(j, 0), j <= number && j + MOST > number
						   ? STREAM_FATE_FINISHED
						   : STREAM_FATE_UNKNOWN);
		}
}
END_TEST

START_TEST(what_is_removed_is_not_known)
{
	for (unsigned i = 0; i < MOST; i++)
		put_stone(i, STREAM_FATE_FINISHED, true, 0);
	remove_stone(3);
	remove_stone(0);
	remove_stone(7);
	remove_stone(42);
	for (unsigned i = 0; i < MOST; i++)
		ck_assert_int_eq(ask(i, 1), i == 3 || i == 0 || i == 7
						? STREAM_FATE_UNKNOWN
						: STREAM_FATE_FINISHED);
	ck_assert_int_eq(tell(1), -1);
	/* It may come again, and is another one. */
	put_stone(3, STREAM_FATE_GONE, false, 5);
	ck_assert_int_eq(ask(3, 5), STREAM_FATE_GONE);
}
END_TEST

START_TEST(it_is_told_each_second)
{
	put_stone(1, STREAM_FATE_FINISHED, true, 1000);
	put_stone(2, STREAM_FATE_GONE, false, 1000);
	ck_assert_int_eq(stream_tombstones_due_ms(&stones), 1000);
	ck_assert_int_eq(tell(1000), 1);
	ck_assert_int_eq(tell(1000), -1);
	ck_assert_int_eq(stream_tombstones_due_ms(&stones), 2000);
	ck_assert_int_eq(tell(1999), -1);
	/* One that is new does not wait for those that were told. */
	put_stone(3, STREAM_FATE_GONE, true, 1500);
	ck_assert_int_eq(stream_tombstones_due_ms(&stones), 1500);
	ck_assert_int_eq(tell(1500), 3);
	ck_assert_int_eq(tell(1500), -1);
	ck_assert_int_eq(tell(2000), 1);
	ck_assert_int_eq(tell(2600), 3);
	ck_assert_int_eq(tell(2600), -1);
	ck_assert_int_eq(tell(3000), 1);
}
END_TEST

START_TEST(who_asks_is_not_told_any_more)
{
	put_stone(1, STREAM_FATE_FINISHED, true, 0);
	put_stone(2, STREAM_FATE_FINISHED, true, 0);
	put_stone(3, STREAM_FATE_FINISHED, true, 0);
	ck_assert_int_eq(tell(0), 3);
	ck_assert_int_eq(tell(0), 2);
	ck_assert_int_eq(tell(0), 1);
	ck_assert_int_eq(ask(2, 10), STREAM_FATE_FINISHED);
	ck_assert_int_eq(tell(1000), 3);
	ck_assert_int_eq(ask(3, 1010), STREAM_FATE_FINISHED);
	ck_assert_int_eq(tell(1010), 1);
	ck_assert_int_eq(ask(1, 1010), STREAM_FATE_FINISHED);
	ck_assert_int_eq(tell(5000), -1);
	put_stone(4, STREAM_FATE_FINISHED, true, 6000);
	ck_assert_int_eq(tell(6000), 4);
}
END_TEST

int
main(void)
{
	const TTest *const cases[] = {what_is_put_is_known,
	    the_first_fate_stays, it_is_known_for_its_time,
	    beyond_the_most_the_oldest_is_forgotten,
	    what_is_removed_is_not_known, it_is_told_each_second,
	    who_asks_is_not_told_any_more};
	Suite *suite = suite_create("stream_tombstones");
	TCase *tcase = tcase_create("stream_tombstones");

	tcase_set_timeout(tcase, SUITE_TIMEOUT_S);
	tcase_add_checked_fixture(tcase, start, finish);
	for (size_t i = 0; i < SUITE_LENGTH(cases); i++)
		tcase_add_test(tcase, cases[i]);
	suite_add_tcase(suite, tcase);
	return suite_finish(suite);
}
