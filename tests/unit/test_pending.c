/*
 * What pending.h promises: each visitor leaves once, and in order. pending.c is
 * part of this program, so that its system calls are counted.
 */
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

static int poll_counted(struct pollfd *slots, nfds_t count, int time_ms);

#define poll poll_counted
#include "server/pending.c" /* NOLINT(bugprone-suspicious-include) */
#undef poll

#include "base/clock.h"
#include "server/pending.h"
#include "sockets.h"
#include "suite.h"

#define MANY 2000

static struct pending pending;
static struct pending_group group, other;
static struct pending_visitor visitors[MANY];

static unsigned polls;

static int
poll_counted(struct pollfd *slots, nfds_t count, int time_ms)
{
	polls++;
	return poll(slots, count, time_ms);
}

/* Names that differ in their last bytes only: all in one bucket. */
static struct uuid
uuid_of(unsigned number)
{
	struct uuid uuid;

	memset(&uuid, 0, sizeof uuid);
	uuid.bytes[14] = (uint8_t)(number >> 8);
	uuid.bytes[15] = (uint8_t)number;
	return uuid;
}

static void
start(void)
{
	pending_init(&pending);
	pending_group_init(&group);
	pending_group_init(&other);
	memset(visitors, 0x5a, sizeof visitors);
	for (unsigned i = 0; i < MANY; i++) {
		visitors[i].read_ahead_size = 0;
		atomic_init(&visitors[i].seat.sent_away, false);
	}
	polls = 0;
}

static struct pending_visitor *
put(struct pending_group *where, unsigned number, int64_t expires_ms)
{
	struct pending_visitor *visitor = &visitors[number];

	visitor->uuid = uuid_of(number);
	visitor->transport = transport_of((int)number);
	visitor->expires_ms = expires_ms;
	pending_put(&pending, where, visitor);
	return visitor;
}

static struct pending_visitor *
take(unsigned number)
{
	struct uuid uuid = uuid_of(number);

	return pending_take(&pending, &uuid);
}

START_TEST(a_visitor_is_taken_once)
{
	start();
	put(&group, 1, 1000);
	ck_assert_ptr_null(take(2));
	ck_assert_ptr_eq(take(1), &visitors[1]);
	ck_assert_int_eq(transport_fd(&visitors[1].transport), 1);
	ck_assert_ptr_null(take(1));
	ck_assert_ptr_null(pending_expire(&pending, &group, CLOCK_NEVER));
	pending_destroy(&pending);
}
END_TEST

/* Stand for principals that nobody looks into. */
static struct principal *
principal_of(unsigned number)
{
	return (void *)&visitors[number];
}

START_TEST(a_visitor_is_accepted_by_its_own_principal_alone)
{
	struct uuid uuid = uuid_of(1);

	start();
	visitors[1].principal = principal_of(7);
	visitors[2].principal = NULL;
	put(&group, 1, 1);
	put(&group, 2, 1);
	ck_assert_ptr_null(pending_accept(&pending, &uuid, principal_of(8)));
	ck_assert_ptr_null(pending_accept(&pending, &uuid, NULL));
	ck_assert_uint_eq(pending_count(&pending, &group), 2);
	ck_assert_ptr_eq(
	    pending_accept(&pending, &uuid, principal_of(7)), &visitors[1]);
	ck_assert_ptr_null(pending_accept(&pending, &uuid, principal_of(7)));
	uuid = uuid_of(2);
	ck_assert_ptr_null(pending_accept(&pending, &uuid, principal_of(7)));
	ck_assert_ptr_eq(pending_accept(&pending, &uuid, NULL), &visitors[2]);
	uuid = uuid_of(3);
	ck_assert_ptr_null(pending_accept(&pending, &uuid, NULL));
}
END_TEST

START_TEST(visitors_are_for_the_next_client_then)
{
	struct principal *old = principal_create();
	struct principal *new = principal_create();
	struct uuid uuid = uuid_of(2);

	start();
	for (unsigned i = 1; i <= 3; i++) {
		visitors[i].principal = principal_hold(old);
		put(i < 3 ? &group : &other, i, 1);
	}
	pending_assign(&pending, &group, new);
	ck_assert_ptr_null(pending_accept(&pending, &uuid, old));
	ck_assert_ptr_eq(pending_accept(&pending, &uuid, new), &visitors[2]);
	uuid = uuid_of(1);
	ck_assert_ptr_eq(pending_accept(&pending, &uuid, new), &visitors[1]);
	/* Of another tunnel */
	uuid = uuid_of(3);
	ck_assert_ptr_null(pending_accept(&pending, &uuid, new));
	ck_assert_ptr_eq(pending_accept(&pending, &uuid, old), &visitors[3]);
	for (unsigned i = 1; i <= 3; i++)
		principal_release(visitors[i].principal);
	principal_release(old);
	principal_release(new);
}
END_TEST

START_TEST(nobody_is_found_where_nobody_waits)
{
	start();
	ck_assert_ptr_null(take(0));
	ck_assert_ptr_null(pending_expire(&pending, &group, CLOCK_NEVER));
	ck_assert_int_eq(pending_next_expiry(&pending, &group), CLOCK_NEVER);
	pending_destroy(&pending);
}
END_TEST

START_TEST(visitors_expire_at_their_time_and_in_order)
{
	start();
	put(&group, 1, 1000);
	put(&group, 2, 1000);
	put(&group, 3, 1500);
	ck_assert_int_eq(pending_next_expiry(&pending, &group), 1000);
	ck_assert_ptr_null(pending_expire(&pending, &group, 999));
	ck_assert_ptr_eq(pending_expire(&pending, &group, 1000), &visitors[1]);
	ck_assert_ptr_eq(pending_expire(&pending, &group, 1000), &visitors[2]);
	ck_assert_ptr_null(pending_expire(&pending, &group, 1000));
	ck_assert_int_eq(pending_next_expiry(&pending, &group), 1500);
	ck_assert_ptr_null(take(1));
	ck_assert_ptr_null(take(2));
	ck_assert_ptr_eq(take(3), &visitors[3]);
	ck_assert_int_eq(pending_next_expiry(&pending, &group), CLOCK_NEVER);
	pending_destroy(&pending);
}
END_TEST

START_TEST(never_takes_the_oldest_in_any_case)
{
	start();
	put(&group, 1, CLOCK_NEVER);
	put(&group, 2, CLOCK_NEVER);
	ck_assert_ptr_null(pending_expire(&pending, &group, CLOCK_NEVER - 1));
	ck_assert_ptr_eq(
	    pending_expire(&pending, &group, CLOCK_NEVER), &visitors[1]);
	ck_assert_ptr_eq(
	    pending_expire(&pending, &group, CLOCK_NEVER), &visitors[2]);
	ck_assert_ptr_null(pending_expire(&pending, &group, CLOCK_NEVER));
	pending_destroy(&pending);
}
END_TEST

/* Take one of three from each place, then see that the others are in order. */
START_TEST(taking_one_leaves_the_others_in_order)
{
	for (unsigned taken = 0; taken < 3; taken++) {
		start();
		for (unsigned i = 0; i < 3; i++)
			put(&group, i, 1000 + i);
		ck_assert_ptr_eq(take(taken), &visitors[taken]);
		for (unsigned i = 0; i < 3; i++) {
			if (i == taken)
				continue;
			ck_assert_int_eq(
			    pending_next_expiry(&pending, &group), 1000 + i);
			ck_assert_ptr_eq(pending_expire(&pending, &group, 2000),
			    &visitors[i]);
		}
		ck_assert_ptr_null(pending_expire(&pending, &group, 2000));
		/* The list is whole: it can be used again. */
		put(&group, 5, 3000);
		ck_assert_ptr_eq(
		    pending_expire(&pending, &group, 3000), &visitors[5]);
		pending_destroy(&pending);
	}
}
END_TEST

START_TEST(groups_do_not_see_each_other)
{
	start();
	put(&group, 1, 1000);
	put(&other, 2, 500);
	put(&group, 3, 1000);
	put(&other, 4, 600);
	ck_assert_int_eq(pending_next_expiry(&pending, &group), 1000);
	ck_assert_int_eq(pending_next_expiry(&pending, &other), 500);
	ck_assert_ptr_null(pending_expire(&pending, &group, 999));
	ck_assert_ptr_eq(pending_expire(&pending, &other, 2000), &visitors[2]);
	ck_assert_ptr_eq(pending_expire(&pending, &other, 2000), &visitors[4]);
	ck_assert_ptr_null(pending_expire(&pending, &other, 2000));
	/* Whose group it is does not matter to who knows the name. */
	ck_assert_ptr_eq(take(3), &visitors[3]);
	ck_assert_ptr_eq(pending_expire(&pending, &group, 2000), &visitors[1]);
	pending_destroy(&pending);
}
END_TEST

START_TEST(names_that_differ_in_one_byte_are_different)
{
	start();
	for (unsigned byte = 0; byte < UUID_BYTES; byte++) {
		put(&group, byte, 1000);
		ck_assert_ptr_eq(take(byte), &visitors[byte]);
		visitors[byte].uuid = uuid_of(0);
		visitors[byte].uuid.bytes[byte] = 0x80;
		pending_put(&pending, &group, &visitors[byte]);
	}
	ck_assert_ptr_null(take(0));
	for (unsigned byte = 0; byte < UUID_BYTES; byte++) {
		struct uuid uuid = uuid_of(0);

		uuid.bytes[byte] = 0x80;
		ck_assert_ptr_eq(
		    pending_take(&pending, &uuid), &visitors[byte]);
	}
	pending_destroy(&pending);
}
END_TEST

START_TEST(many_leave_in_any_order)
{
	start();
	for (unsigned i = 0; i < MANY; i++)
		put(i % 2 ? &group : &other, i, i);
	/* 14 and MANY share only the 2: every odd number comes once. */
	for (unsigned i = 0, n = 3; i < MANY; i += 2, n = (n + 14) % MANY)
		ck_assert_ptr_eq(take(n), &visitors[n]);
	ck_assert_ptr_null(pending_expire(&pending, &group, CLOCK_NEVER));
	for (unsigned i = 0; i < MANY; i += 2)
		ck_assert_ptr_eq(pending_expire(&pending, &other, CLOCK_NEVER),
		    &visitors[i]);
	ck_assert_ptr_null(pending_expire(&pending, &other, CLOCK_NEVER));
	pending_destroy(&pending);
}
END_TEST

/* Expect that the next announcement is of this visitor. */
static void
assert_announces(unsigned number, int64_t expires_ms)
{
	struct uuid expected = uuid_of(number);
	struct announcement announcement;

	visitors[number].public_port = (uint16_t)(number + 1);
	ck_assert(
	    pending_announce(&pending, &group, expires_ms, &announcement));
	ck_assert(uuid_equal(&announcement.uuid, &expected));
	ck_assert_uint_eq(announcement.public_port, number + 1);
	ck_assert_int_eq(visitors[number].expires_ms, expires_ms);
}

static void
assert_announces_nobody(void)
{
	struct announcement announcement;

	ck_assert(!pending_announce(&pending, &group, 9999, &announcement));
}

START_TEST(each_visitor_is_announced_once_and_in_order)
{
	start();
	assert_announces_nobody();
	put(&other, 9, 1000);
	assert_announces_nobody();
	put(&group, 1, 1000);
	put(&group, 2, 1000);
	assert_announces(1, 2000);
	ck_assert_int_eq(visitors[2].expires_ms, 1000);
	assert_announces(2, 2001);
	assert_announces_nobody();
	put(&group, 3, 1000);
	assert_announces(3, 2002);
	assert_announces_nobody();
	/* It is announced, and still waits. */
	ck_assert_int_eq(pending_next_expiry(&pending, &group), 2000);
	ck_assert_ptr_eq(take(1), &visitors[1]);
	ck_assert_int_eq(pending_next_expiry(&pending, &group), 2001);
	pending_destroy(&pending);
}
END_TEST

START_TEST(who_has_left_is_not_announced)
{
	start();
	for (unsigned i = 0; i < 5; i++)
		put(&group, i, 1000 + i);
	ck_assert_ptr_eq(take(1), &visitors[1]);
	ck_assert_ptr_eq(pending_expire(&pending, &group, 1000), &visitors[0]);
	assert_announces(2, 3000);
	ck_assert_ptr_eq(take(3), &visitors[3]);
	ck_assert_ptr_eq(take(2), &visitors[2]);
	assert_announces(4, 3000);
	ck_assert_ptr_eq(take(4), &visitors[4]);
	assert_announces_nobody();
	put(&group, 6, 1000);
	assert_announces(6, 3000);
	pending_destroy(&pending);
}
END_TEST

START_TEST(after_a_rewind_all_are_announced_again)
{
	start();
	put(&other, 9, 500);
	for (unsigned i = 0; i < 3; i++)
		put(&group, i, 1000);
	assert_announces(0, 2000);
	assert_announces(1, 2000);
	pending_rewind(&pending, &group, 5000);
	for (unsigned i = 0; i < 3; i++)
		ck_assert_int_eq(visitors[i].expires_ms, 5000);
	ck_assert_int_eq(visitors[9].expires_ms, 500);
	ck_assert_int_eq(pending_next_expiry(&pending, &group), 5000);
	for (unsigned i = 0; i < 3; i++)
		assert_announces(i, 6000);
	assert_announces_nobody();
	pending_rewind(&pending, &group, 7000);
	ck_assert_ptr_eq(take(0), &visitors[0]);
	assert_announces(1, 8000);
	/* Nobody is there: nothing to rewind. */
	pending_group_init(&group);
	pending_rewind(&pending, &group, 7000);
	assert_announces_nobody();
	pending_destroy(&pending);
}
END_TEST

START_TEST(the_count_is_of_those_who_wait)
{
	start();
	ck_assert_uint_eq(pending_count(&pending, &group), 0);
	put(&other, 9, 500);
	for (unsigned i = 0; i < 3; i++) {
		put(&group, i, 1000);
		ck_assert_uint_eq(pending_count(&pending, &group), i + 1);
	}
	assert_announces(0, 2000);
	ck_assert_uint_eq(pending_count(&pending, &group), 3);
	ck_assert_ptr_eq(take(1), &visitors[1]);
	ck_assert_uint_eq(pending_count(&pending, &group), 2);
	ck_assert_ptr_null(take(1));
	ck_assert_ptr_null(pending_expire(&pending, &group, 1999));
	ck_assert_uint_eq(pending_count(&pending, &group), 2);
	ck_assert_ptr_nonnull(pending_expire(&pending, &group, 2000));
	ck_assert_uint_eq(pending_count(&pending, &group), 1);
	ck_assert_uint_eq(pending_count(&pending, &other), 1);
	pending_destroy(&pending);
}
END_TEST

START_TEST(only_a_visitor_that_was_reset_is_taken_as_such)
{
	int ours[4], theirs[4];

	start();
	for (unsigned i = 0; i < 4; i++) {
		sockets_tcp(&ours[i], &theirs[i], 0);
		put(i == 3 ? &other : &group, i, 1000);
		visitors[i].transport = transport_of(ours[i]);
	}
	ck_assert_ptr_null(pending_take_reset(&pending, &group));
	/* It may have sent a whole request and ended its side: it waits. */
	sockets_write(theirs[0], "question");
	ck_assert_int_eq(shutdown(theirs[0], SHUT_WR), 0);
	sockets_wait_for_end(ours[0]);
	ck_assert_ptr_null(pending_take_reset(&pending, &group));
	sockets_reset(theirs[3]);
	sockets_expect_broken(ours[3]);
	ck_assert_ptr_null(pending_take_reset(&pending, &group));
	sockets_reset(theirs[2]);
	sockets_expect_broken(ours[2]);
	ck_assert_ptr_eq(pending_take_reset(&pending, &group), &visitors[2]);
	ck_assert_ptr_null(pending_take_reset(&pending, &group));
	sockets_reset(theirs[0]);
	sockets_expect_broken(ours[0]);
	ck_assert_ptr_eq(pending_take_reset(&pending, &group), &visitors[0]);
	ck_assert_ptr_null(take(0));
	ck_assert_uint_eq(pending_count(&pending, &group), 1);
	assert_announces(1, 2000);
	ck_assert_ptr_eq(pending_take_reset(&pending, &other), &visitors[3]);
	pending_destroy(&pending);
}
END_TEST

/* As many as there are waited in vain; those that have left are the last. */
START_TEST(looking_for_resets_goes_once_through_all)
{
	int ours, theirs, quiet, other_end;
	struct pending_visitor *visitor;
	unsigned found = 0;

	start();
	sockets_tcp(&quiet, &other_end, 0);
	sockets_tcp(&ours, &theirs, 0);
	sockets_reset(theirs);
	sockets_expect_broken(ours);
	for (unsigned i = 0; i < MANY; i++) {
		put(&group, i, 1000);
		visitors[i].transport =
		    transport_of(i < MANY / 2 ? quiet : ours);
	}
	visitor = pending_take_reset(&pending, &group);
	for (; visitor != NULL; visitor = pending_next(visitor), found++)
		ck_assert_ptr_eq(visitor, &visitors[MANY / 2 + found]);
	ck_assert_uint_eq(found, MANY / 2);
	ck_assert_uint_eq(pending_count(&pending, &group), MANY / 2);
	ck_assert_msg(polls <= MANY / 20, "%u calls", polls);
	pending_destroy(&pending);
}
END_TEST

START_TEST(one_that_has_ended_without_a_byte_is_silent)
{
	int ours[4], theirs[4];

	start();
	for (unsigned i = 0; i < 4; i++) {
		sockets_tcp(&ours[i], &theirs[i], 0);
		put(&group, i, 1000);
		visitors[i].transport = transport_of(ours[i]);
	}
	ck_assert_ptr_null(pending_take_silent(&pending, &group));
	/* A question, and one whose question a spare has read. */
	sockets_write(theirs[0], "question");
	ck_assert_int_eq(shutdown(theirs[0], SHUT_WR), 0);
	visitors[1].read_ahead_size = 1;
	ck_assert_int_eq(shutdown(theirs[1], SHUT_WR), 0);
	/* One that may have more to say. */
	sockets_write(theirs[2], "question");
	sockets_wait_for_end(ours[0]);
	sockets_wait_for_end(ours[1]);
	ck_assert_ptr_null(pending_take_silent(&pending, &group));
	close(theirs[3]);
	sockets_wait_for_end(ours[3]);
	/* It has not reset its connection. */
	ck_assert_ptr_null(pending_take_reset(&pending, &group));
	ck_assert_ptr_eq(pending_take_silent(&pending, &group), &visitors[3]);
	ck_assert_ptr_null(pending_take_silent(&pending, &group));
	ck_assert_uint_eq(pending_count(&pending, &group), 3);
	pending_destroy(&pending);
}
END_TEST

START_TEST(of_many_silent_ones_the_oldest_goes)
{
	int ours, theirs;

	start();
	sockets_tcp(&ours, &theirs, 0);
	close(theirs);
	sockets_wait_for_end(ours);
	for (unsigned i = 0; i < MANY; i++) {
		put(&group, i, 1000);
		visitors[i].transport = transport_of(ours);
	}
	for (unsigned i = 0; i < MANY; i++)
		ck_assert_ptr_eq(
		    pending_take_silent(&pending, &group), &visitors[i]);
	ck_assert_ptr_null(pending_take_silent(&pending, &group));
	/* Whoever finds one looks no further. */
	ck_assert_uint_le(polls, MANY + 1);
	pending_destroy(&pending);
}
END_TEST

START_TEST(one_that_is_to_give_way_is_not_let_in)
{
	start();
	put(&group, 1, 1000);
	atomic_store(&visitors[2].seat.sent_away, true);
	visitors[2].uuid = uuid_of(2);
	ck_assert(!pending_put(&pending, &group, &visitors[2]));
	ck_assert_uint_eq(pending_count(&pending, &group), 1);
	ck_assert_ptr_null(take(2));
	ck_assert_ptr_eq(take(1), &visitors[1]);
	pending_destroy(&pending);
}
END_TEST

static atomic_uint left[MANY];

static void *
take_all(void *argument)
{
	(void)argument;
	for (unsigned i = 0; i < MANY; i++) {
		struct pending_visitor *visitor = take(i);

		if (visitor != NULL)
			atomic_fetch_add(&left[visitor - visitors], 1);
	}
	return NULL;
}

START_TEST(a_visitor_that_two_want_goes_to_one_of_them)
{
	struct pending_visitor *visitor;
	pthread_t threads[2];

	start();
	for (unsigned i = 0; i < MANY; i++)
		put(&group, i, i);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(
		    pthread_create(&threads[i], NULL, take_all, NULL), 0);
	while ((visitor = pending_expire(&pending, &group, CLOCK_NEVER)))
		atomic_fetch_add(&left[visitor - visitors], 1);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	for (unsigned i = 0; i < MANY; i++)
		ck_assert_uint_eq(left[i], 1);
	pending_destroy(&pending);
}
END_TEST

SUITE_MAIN("pending", a_visitor_is_taken_once,
    a_visitor_is_accepted_by_its_own_principal_alone,
    visitors_are_for_the_next_client_then, nobody_is_found_where_nobody_waits,
    visitors_expire_at_their_time_and_in_order,
    never_takes_the_oldest_in_any_case, taking_one_leaves_the_others_in_order,
    groups_do_not_see_each_other, names_that_differ_in_one_byte_are_different,
    each_visitor_is_announced_once_and_in_order, who_has_left_is_not_announced,
    after_a_rewind_all_are_announced_again, the_count_is_of_those_who_wait,
    only_a_visitor_that_was_reset_is_taken_as_such,
    looking_for_resets_goes_once_through_all,
    one_that_has_ended_without_a_byte_is_silent,
    of_many_silent_ones_the_oldest_goes, one_that_is_to_give_way_is_not_let_in,
    many_leave_in_any_order, a_visitor_that_two_want_goes_to_one_of_them)
