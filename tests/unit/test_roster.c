/* What roster.h promises: who is entered can be interrupted, oldest first. */
#include <pthread.h>

#include "base/clock.h"
#include "net/roster.h"
#include "sockets.h"
#include "suite.h"

#define ENTRIES     4
#define PATIENCE_MS 20000

static struct roster roster;
static struct roster_entry entries[ENTRIES];
static int ours[ENTRIES], theirs[ENTRIES];

static void
start(unsigned count)
{
	roster_init(&roster);
	memset(entries, 0x5a, sizeof entries);
	for (unsigned i = 0; i < count; i++) {
		sockets_tcp(&ours[i], &theirs[i], 0);
		ck_assert_uint_eq(
		    roster_enter(&roster, &entries[i], ours[i], -1), i + 1);
		ck_assert(!roster_interrupted(&entries[i]));
	}
}

/* Interrupted: its owner reads an end of file. */
static void
assert_interrupted(unsigned number)
{
	ck_assert(roster_interrupted(&entries[number]));
	sockets_expect_end(ours[number]);
}

static void
assert_untouched(unsigned number)
{
	ck_assert(!roster_interrupted(&entries[number]));
	ck_assert(!sockets_is_readable(ours[number]));
}

START_TEST(the_oldest_is_interrupted_first_and_each_once)
{
	start(3);
	for (unsigned i = 0; i < 3; i++) {
		assert_untouched(i);
		ck_assert(roster_interrupt_oldest(&roster));
		assert_interrupted(i);
	}
	ck_assert(!roster_interrupt_oldest(&roster));
}
END_TEST

START_TEST(nobody_is_interrupted_where_nobody_is)
{
	start(0);
	ck_assert(!roster_interrupt_oldest(&roster));
	roster_interrupt_all(&roster);
	ck_assert(!roster_interrupt_oldest(&roster));
	roster_destroy(&roster);
}
END_TEST

START_TEST(the_peer_is_told_nothing)
{
	start(1);
	roster_interrupt_all(&roster);
	assert_interrupted(0);
	/* No end of file: the owner's reset is the first that it hears. */
	ck_assert_int_eq(sockets_wait(theirs[0], POLLIN | POLLRDHUP, 200), 0);
	roster_leave(&roster, &entries[0]);
	sockets_reset(ours[0]);
	sockets_expect_reset(theirs[0]);
	roster_destroy(&roster);
}
END_TEST

START_TEST(whoever_has_left_is_left_alone)
{
	for (unsigned gone = 0; gone < 3; gone++) {
		unsigned first = gone == 0 ? 1 : 0;

		start(3);
		roster_leave(&roster, &entries[gone]);
		ck_assert(roster_interrupt_oldest(&roster));
		assert_interrupted(first);
		roster_interrupt_all(&roster);
		for (unsigned i = 0; i < 3; i++)
			if (i == gone)
				assert_untouched(i);
			else
				assert_interrupted(i);
		for (unsigned i = 0; i < 3; i++)
			if (i != gone)
				roster_leave(&roster, &entries[i]);
		roster_destroy(&roster);
	}
}
END_TEST

START_TEST(the_number_of_entries_is_told)
{
	start(3);
	roster_leave(&roster, &entries[1]);
	ck_assert_uint_eq(roster_enter(&roster, &entries[1], ours[1], -1), 3);
	/* It is the newest now. */
	ck_assert(roster_interrupt_oldest(&roster));
	ck_assert(roster_interrupt_oldest(&roster));
	assert_untouched(1);
	ck_assert(roster_interrupt_oldest(&roster));
	assert_interrupted(1);
}
END_TEST

START_TEST(nobody_enters_after_all_were_interrupted)
{
	start(1);
	sockets_tcp(&ours[1], &theirs[1], 0);
	roster_interrupt_all(&roster);
	ck_assert_uint_eq(roster_enter(&roster, &entries[1], ours[1], -1), 0);
	roster_interrupt_all(&roster);
	assert_untouched(1);
	roster_leave(&roster, &entries[0]);
	ck_assert_uint_eq(roster_enter(&roster, &entries[1], ours[1], -1), 0);
	roster_destroy(&roster);
}
END_TEST

START_TEST(both_descriptors_of_an_entry_are_interrupted)
{
	start(1);
	sockets_tcp(&ours[1], &theirs[1], 0);
	sockets_tcp(&ours[2], &theirs[2], 0);
	ck_assert_uint_eq(
	    roster_enter(&roster, &entries[1], ours[1], ours[2]), 2);
	ck_assert(roster_interrupt_oldest(&roster));
	ck_assert(!sockets_is_readable(ours[1]));
	ck_assert(!sockets_is_readable(ours[2]));
	ck_assert(roster_interrupt_oldest(&roster));
	sockets_expect_end(ours[1]);
	sockets_expect_end(ours[2]);
}
END_TEST

START_TEST(a_second_descriptor_can_come_later)
{
	start(1);
	sockets_tcp(&ours[1], &theirs[1], 0);
	roster_set(&roster, &entries[0], 1, ours[1]);
	ck_assert(!sockets_is_readable(ours[1]));
	roster_interrupt_all(&roster);
	assert_interrupted(0);
	sockets_expect_end(ours[1]);
}
END_TEST

START_TEST(what_was_taken_out_is_left_alone)
{
	start(1);
	sockets_tcp(&ours[1], &theirs[1], 0);
	roster_set(&roster, &entries[0], 1, ours[1]);
	roster_set(&roster, &entries[0], 0, -1);
	roster_interrupt(&roster, &entries[0]);
	ck_assert(!sockets_is_readable(ours[0]));
	sockets_expect_end(ours[1]);
	roster_set(&roster, &entries[0], 0, ours[0]);
	sockets_expect_end(ours[0]);
}
END_TEST

START_TEST(a_second_descriptor_that_comes_too_late_is_interrupted_at_once)
{
	start(1);
	sockets_tcp(&ours[1], &theirs[1], 0);
	roster_interrupt_all(&roster);
	roster_set(&roster, &entries[0], 1, ours[1]);
	sockets_expect_end(ours[1]);
	ck_assert(roster_interrupted(&entries[0]));
}
END_TEST

START_TEST(waiting_for_nobody_ends_at_once_or_at_the_deadline)
{
	int64_t deadline_ms;

	start(0);
	ck_assert_uint_eq(roster_wait_empty(&roster, CLOCK_NEVER), 0);
	sockets_tcp(&ours[0], &theirs[0], 0);
	roster_enter(&roster, &entries[0], ours[0], -1);
	roster_enter(&roster, &entries[1], ours[0], -1);
	deadline_ms = clock_now_ms() + 100;
	ck_assert_uint_eq(roster_wait_empty(&roster, deadline_ms), 2);
	ck_assert_int_ge(clock_now_ms(), deadline_ms);
	ck_assert_uint_eq(roster_wait_empty(&roster, 0), 2);
}
END_TEST

/* An owner: waits for the end of file, and leaves. */
static void *
own(void *argument)
{
	unsigned number = *(unsigned *)argument;

	sockets_wait(ours[number], POLLIN, SOCKETS_PATIENCE_MS);
	roster_leave(&roster, &entries[number]);
	return NULL;
}

START_TEST(waiting_for_nobody_ends_when_the_last_has_left)
{
	static unsigned numbers[ENTRIES] = {0, 1, 2, 3};
	pthread_t threads[ENTRIES];

	start(ENTRIES);
	for (unsigned i = 0; i < ENTRIES; i++)
		ck_assert_int_eq(
		    pthread_create(&threads[i], NULL, own, &numbers[i]), 0);
	roster_interrupt_all(&roster);
	ck_assert_uint_eq(roster_wait_empty(&roster, CLOCK_NEVER), 0);
	for (unsigned i = 0; i < ENTRIES; i++)
		pthread_join(threads[i], NULL);
	roster_destroy(&roster);
}
END_TEST

START_TEST(who_is_expected_is_waited_for)
{
	int64_t start_ms;

	start(1);
	roster_expect(&roster);
	roster_expect(&roster);
	roster_leave(&roster, &entries[0]);
	start_ms = clock_now_ms();
	ck_assert_uint_eq(roster_wait_empty(&roster, start_ms + 50), 2);
	ck_assert_int_ge(clock_now_ms(), start_ms + 50);
	/* It comes, or it does not come after all. */
	ck_assert_uint_eq(roster_enter(&roster, &entries[0], ours[0], -1), 1);
	roster_arrive(&roster);
	roster_arrive(&roster);
	ck_assert_uint_eq(roster_wait_empty(&roster, 0), 1);
	roster_leave(&roster, &entries[0]);
	ck_assert_uint_eq(roster_wait_empty(&roster, CLOCK_NEVER), 0);
	roster_destroy(&roster);
}
END_TEST

static void *
arrive_a_little_later(void *unused)
{
	(void)unused;
	poll(NULL, 0, 100);
	roster_arrive(&roster);
	return NULL;
}

START_TEST(waiting_ends_when_the_last_has_arrived)
{
	int64_t start_ms = clock_now_ms();
	pthread_t thread;

	start(0);
	roster_expect(&roster);
	ck_assert_int_eq(
	    pthread_create(&thread, NULL, arrive_a_little_later, NULL), 0);
	ck_assert_uint_eq(
	    roster_wait_empty(&roster, start_ms + PATIENCE_MS), 0);
	ck_assert_int_lt(clock_now_ms(), start_ms + PATIENCE_MS);
	pthread_join(thread, NULL);
	roster_destroy(&roster);
}
END_TEST

SUITE_MAIN("roster", the_oldest_is_interrupted_first_and_each_once,
    nobody_is_interrupted_where_nobody_is, the_peer_is_told_nothing,
    whoever_has_left_is_left_alone, the_number_of_entries_is_told,
    nobody_enters_after_all_were_interrupted,
    both_descriptors_of_an_entry_are_interrupted,
    a_second_descriptor_can_come_later, what_was_taken_out_is_left_alone,
    a_second_descriptor_that_comes_too_late_is_interrupted_at_once,
    waiting_for_nobody_ends_at_once_or_at_the_deadline,
    waiting_for_nobody_ends_when_the_last_has_left,
    who_is_expected_is_waited_for, waiting_ends_when_the_last_has_arrived)
