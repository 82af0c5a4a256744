/* What crowd.h promises: a source that has most loses first. */
#include "net/crowd.h"
#include "sockets.h"
#include "suite.h"

#define MOST    64
#define SHARE   CROWD_SHARE_LEAST
#define ENTRIES (3 * MOST)

static struct crowd crowd;
static struct crowd_entry entries[ENTRIES];
static unsigned entered;

static void
start(void)
{
	ck_assert_int_eq(crowd_init(&crowd, MOST, 4711), ERROR_NONE);
	memset(entries, 0x5a, sizeof entries);
	entered = 0;
}

/* Returns the first of count entries of source, and counts who made room. */
static unsigned
enter(unsigned count, uint64_t source, unsigned *evictions)
{
	unsigned first = entered;

	for (unsigned i = 0; i < count; i++) {
		bool made_room;

		ck_assert_int_eq(crowd_enter(&crowd, &entries[entered++], -1,
				     source, &made_room),
		    ERROR_NONE);
		*evictions += made_room;
	}
	return first;
}

static unsigned
enter_quietly(unsigned count, uint64_t source)
{
	unsigned evictions = 0;
	unsigned first = enter(count, source, &evictions);

	ck_assert_uint_eq(evictions, 0);
	return first;
}

static unsigned
interrupted(unsigned first, unsigned count)
{
	unsigned result = 0;

	for (unsigned i = first; i < first + count; i++)
		result += crowd_interrupted(&entries[i]);
	return result;
}

static void
leave_all(void)
{
	for (unsigned i = 0; i < entered; i++)
		crowd_leave(&crowd, &entries[i]);
	ck_assert(!crowd_interrupt_one(&crowd));
	crowd_destroy(&crowd);
}

START_TEST(as_many_as_allowed_stay)
{
	start();
	enter_quietly(MOST, 1);
	ck_assert_uint_eq(interrupted(0, MOST), 0);
	leave_all();
}
END_TEST

START_TEST(one_more_sends_away_the_oldest_of_the_only_source)
{
	unsigned evictions = 0;

	start();
	enter(MOST + 3, 1, &evictions);
	ck_assert_uint_eq(evictions, 3);
	ck_assert_uint_eq(interrupted(0, 3), 3);
	ck_assert_uint_eq(interrupted(3, MOST), 0);
	leave_all();
}
END_TEST

START_TEST(the_source_that_has_most_loses_though_another_is_older)
{
	unsigned evictions = 0;
	unsigned old, flood;

	start();
	old = enter_quietly(5, 1);
	flood = enter(2 * MOST, 2, &evictions);
	ck_assert_uint_eq(evictions, 5 + MOST);
	ck_assert_uint_eq(interrupted(old, 5), 0);
	/* Its oldest. */
	ck_assert_uint_eq(interrupted(flood, 5 + MOST), 5 + MOST);
	leave_all();
}
END_TEST

START_TEST(a_newcomer_of_another_source_is_let_in)
{
	unsigned evictions = 0;
	unsigned flood, newcomer;

	start();
	flood = enter_quietly(MOST, 2);
	newcomer = enter(10, 1, &evictions);
	ck_assert_uint_eq(interrupted(newcomer, 10), 0);
	ck_assert_uint_eq(interrupted(flood, MOST), 10);
	leave_all();
}
END_TEST

START_TEST(of_equal_sources_the_first_to_get_there_loses)
{
	unsigned evictions = 0;
	unsigned first;

	start();
	for (uint64_t source = 0; source < MOST; source++)
		enter_quietly(1, source);
	first = enter(3, 1000, &evictions);
	/* For the first of the three nobody had more than one; from then on
	 * the newcomer itself has most. */
	ck_assert_uint_eq(evictions, 3);
	ck_assert(crowd_interrupted(&entries[0]));
	ck_assert_uint_eq(interrupted(1, MOST - 1), 0);
	ck_assert_uint_eq(interrupted(first, 2), 2);
	ck_assert(!crowd_interrupted(&entries[first + 2]));
	leave_all();
}
END_TEST

START_TEST(whoever_leaves_or_is_interrupted_counts_no_more)
{
	unsigned evictions = 0;

	start();
	enter_quietly(MOST, 1);
	crowd_leave(&crowd, &entries[0]);
	ck_assert(crowd_interrupt_one(&crowd));
	ck_assert(crowd_interrupted(&entries[1]));
	enter_quietly(2, 2);
	enter(1, 2, &evictions);
	ck_assert_uint_eq(evictions, 1);
	ck_assert(!crowd_interrupted(&entries[0]));
	ck_assert(crowd_interrupted(&entries[2]));
	leave_all();
}
END_TEST

START_TEST(a_settled_source_has_a_share_that_goes_last)
{
	unsigned evictions = 0;
	unsigned mine, others;

	start();
	ck_assert(crowd_settle(&crowd, 1));
	mine = enter_quietly(SHARE, 1);
	others = entered;
	for (uint64_t source = 100; source < 100 + MOST; source++)
		enter(1, source, &evictions);
	ck_assert_uint_eq(evictions, SHARE);
	ck_assert_uint_eq(interrupted(mine, SHARE), 0);
	ck_assert_uint_eq(interrupted(others, MOST), SHARE);
	crowd_unsettle(&crowd, 1);
	leave_all();
}
END_TEST

START_TEST(beyond_its_share_a_settled_source_counts)
{
	unsigned evictions = 0;
	unsigned mine;

	start();
	ck_assert(crowd_settle(&crowd, 1));
	mine = enter_quietly(SHARE + 2, 1);
	for (uint64_t source = 100; source < 100 + MOST - SHARE - 2; source++)
		enter_quietly(1, source);
	enter(1, 99, &evictions);
	ck_assert_uint_eq(interrupted(mine, SHARE + 2), 1);
	ck_assert(crowd_interrupted(&entries[mine]));
	crowd_unsettle(&crowd, 1);
	leave_all();
}
END_TEST

START_TEST(shares_alone_do_not_go_beyond_the_limit)
{
	unsigned evictions = 0;
	uint64_t sources = MOST / SHARE + 1;

	start();
	for (uint64_t source = 1; source <= sources; source++)
		ck_assert(crowd_settle(&crowd, source));
	for (uint64_t source = 1; source <= sources; source++)
		enter(SHARE, source, &evictions);
	ck_assert_uint_eq(evictions, SHARE);
	ck_assert_uint_eq(interrupted(0, entered), SHARE);
	for (uint64_t source = 1; source <= sources; source++)
		crowd_unsettle(&crowd, source);
	leave_all();
}
END_TEST

START_TEST(a_source_is_settled_as_long_as_it_has_tunnels)
{
	unsigned evictions = 0;

	start();
	ck_assert(!crowd_is_settled(&crowd, 1));
	ck_assert(crowd_settle(&crowd, 1));
	ck_assert(crowd_settle(&crowd, 1));
	crowd_unsettle(&crowd, 1);
	ck_assert(crowd_is_settled(&crowd, 1));
	ck_assert(!crowd_is_settled(&crowd, 2));
	enter_quietly(2, 1);
	for (uint64_t source = 100; source < 100 + MOST - 2; source++)
		enter_quietly(1, source);
	/* Without a share it has most. */
	crowd_unsettle(&crowd, 1);
	ck_assert(!crowd_is_settled(&crowd, 1));
	enter(1, 99, &evictions);
	ck_assert(crowd_interrupted(&entries[0]));
	ck_assert_uint_eq(interrupted(1, MOST), 0);
	leave_all();
}
END_TEST

START_TEST(one_source_can_be_interrupted)
{
	start();
	enter_quietly(3, 1);
	enter_quietly(3, 2);
	crowd_interrupt_source(&crowd, 2);
	crowd_interrupt_source(&crowd, 3);
	ck_assert_uint_eq(interrupted(0, 3), 0);
	ck_assert_uint_eq(interrupted(3, 3), 3);
	leave_all();
	/* But for those that wait for their answer. */
	start();
	enter_quietly(4, 2);
	ck_assert(crowd_linger(&crowd, &entries[0]));
	ck_assert(crowd_linger(&crowd, &entries[2]));
	crowd_interrupt_source(&crowd, 2);
	ck_assert(!crowd_interrupted(&entries[0]));
	ck_assert(crowd_interrupted(&entries[1]));
	ck_assert(!crowd_interrupted(&entries[2]));
	ck_assert(crowd_interrupted(&entries[3]));
	leave_all();
}
END_TEST

START_TEST(where_threads_are_short_fewer_may_stay_for_a_while)
{
	unsigned evictions = 0;

	start();
	enter_quietly(32, 1);
	crowd_shrink(&crowd, 1000);
	ck_assert_uint_eq(interrupted(0, 32), 4);
	/* Soon again it is one. */
	crowd_shrink(&crowd, 1000 + CROWD_SHRINK_MS - 1);
	ck_assert_uint_eq(interrupted(0, 32), 5);
	enter_quietly(1, 1);
	enter(1, 1, &evictions);
	ck_assert_uint_eq(evictions, 1);
	crowd_shrink(&crowd, 1000 + CROWD_SHRINK_MS);
	ck_assert_uint_eq(interrupted(0, 32), 6 + 3);
	/* It grows again, up to what it was. */
	crowd_grow(&crowd);
	enter_quietly(1, 1);
	for (int i = 0; i < MOST; i++)
		crowd_grow(&crowd);
	enter_quietly(MOST - 26, 1);
	evictions = 0;
	enter(1, 1, &evictions);
	ck_assert_uint_eq(evictions, 1);
	leave_all();
	/* Something is left even so. */
	start();
	crowd_shrink(&crowd, 1000);
	enter_quietly(CROWD_SHARE_LEAST, 1);
	leave_all();
}
END_TEST

START_TEST(a_few_of_a_source_may_linger)
{
	const unsigned few = CROWD_LINGER_MOST;
	unsigned evictions = 0;

	ck_assert_int_eq(crowd_init(&crowd, 2 * few, 1), ERROR_NONE);
	entered = 0;
	enter_quietly(few + 2, 1);
	for (unsigned i = 0; i < few; i++)
		ck_assert(crowd_linger(&crowd, &entries[i]));
	ck_assert(!crowd_linger(&crowd, &entries[few]));
	/* One that does already counts once, and others have their own. */
	ck_assert(crowd_linger(&crowd, &entries[0]));
	enter(1, 2, &evictions);
	ck_assert(crowd_linger(&crowd, &entries[entered - 1]));
	/* Whoever leaves or is interrupted makes room. */
	crowd_leave(&crowd, &entries[0]);
	ck_assert(crowd_linger(&crowd, &entries[few]));
	ck_assert(!crowd_linger(&crowd, &entries[few + 1]));
	ck_assert(crowd_interrupt_one(&crowd));
	ck_assert(crowd_interrupted(&entries[1]));
	ck_assert(!crowd_linger(&crowd, &entries[1]));
	ck_assert(crowd_linger(&crowd, &entries[few + 1]));
	leave_all();
}
END_TEST

START_TEST(nobody_enters_after_all_were_interrupted)
{
	bool made_room;

	start();
	enter_quietly(3, 1);
	enter_quietly(3, 2);
	crowd_interrupt_all(&crowd);
	ck_assert_uint_eq(interrupted(0, 6), 6);
	ck_assert_int_eq(
	    crowd_enter(&crowd, &entries[6], -1, 1, &made_room), ERROR_STOPPED);
	ck_assert(!made_room);
	leave_all();
}
END_TEST

START_TEST(an_owner_reads_an_end_and_the_peer_hears_nothing)
{
	int ours, theirs;
	bool made_room;

	start();
	sockets_tcp(&ours, &theirs, 0);
	ck_assert_int_eq(
	    crowd_enter(&crowd, &entries[entered++], ours, 1, &made_room),
	    ERROR_NONE);
	ck_assert(crowd_interrupt_one(&crowd));
	sockets_expect_end(ours);
	ck_assert_int_eq(sockets_wait(theirs, POLLIN | POLLRDHUP, 200), 0);
	leave_all();
}
END_TEST

SUITE_MAIN("crowd", as_many_as_allowed_stay,
    one_more_sends_away_the_oldest_of_the_only_source,
    the_source_that_has_most_loses_though_another_is_older,
    a_newcomer_of_another_source_is_let_in,
    of_equal_sources_the_first_to_get_there_loses,
    whoever_leaves_or_is_interrupted_counts_no_more,
    a_settled_source_has_a_share_that_goes_last,
    beyond_its_share_a_settled_source_counts,
    shares_alone_do_not_go_beyond_the_limit,
    a_source_is_settled_as_long_as_it_has_tunnels,
    where_threads_are_short_fewer_may_stay_for_a_while,
    a_few_of_a_source_may_linger, one_source_can_be_interrupted,
    nobody_enters_after_all_were_interrupted,
    an_owner_reads_an_end_and_the_peer_hears_nothing)
