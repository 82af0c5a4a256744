/*
 * What spares.h promises: spares of the session that is open, and no others.
 * spares.c is part of this program, so that its system calls are counted.
 */
#include <poll.h>

#include "net/transport.h"

static enum error peek_counted(
    const struct transport *transport, void *bytes, size_t size, size_t *got);
static int poll_counted(struct pollfd *slots, nfds_t count, int time_ms);

#define transport_peek peek_counted
#define poll           poll_counted
#include "server/spares.c" /* NOLINT(bugprone-suspicious-include) */
#undef transport_peek
#undef poll

#include "sockets.h"

/* Stand for principals; nobody looks into them. */
static char names[2];
static struct principal *const ours_alone = (void *)&names[0];
static struct principal *const another = (void *)&names[1];

static unsigned calls;

static struct budget budget;
static struct spares spares;
static int ours[SPARES_MOST + 1], theirs[SPARES_MOST + 1];

static enum error
peek_counted(
    const struct transport *transport, void *bytes, size_t size, size_t *got)
{
	calls++;
	return transport_peek(transport, bytes, size, got);
}

static int
poll_counted(struct pollfd *slots, nfds_t count, int time_ms)
{
	calls++;
	/* It may take as long as it likes: nobody waits for the lock. */
	lock_take(&spares.lock);
	lock_give(&spares.lock);
	return poll(slots, count, time_ms);
}

/* A spare with its place in the budget. */
static bool
add(int number)
{
	sockets_tcp(&ours[number], &theirs[number], 0);
	budget_force(&budget, BUDGET_SESSION);
	return spares_add(
	    &spares, transport_of(ours[number]), ours_alone, false);
}

static void
start(void)
{
	budget_init(&budget, 1024);
	spares_init(&spares, &budget, SPARES_MOST);
}

/* Returns the newest, or -1. */
static int
take(void)
{
	struct spare spare;

	return spares_take(&spares, &spare) ? transport_fd(&spare.transport)
	                                    : -1;
}

/* Expect that so many places of the budget are taken. */
static void
assert_used(unsigned used)
{
	unsigned left = budget_most(&budget) - used;

	ck_assert(!budget_take(&budget, left + 1));
	ck_assert(budget_take(&budget, left));
	budget_give(&budget, left);
}

START_TEST(none_is_taken_before_the_session_is_open)
{
	start();
	ck_assert(!add(0));
	ck_assert_int_eq(take(), -1);
	/* It is not ours: it stays open. */
	ck_assert_int_eq(sockets_wait(theirs[0], POLLIN, 50), 0);
	spares_open(&spares, ours_alone);
	ck_assert(add(1));
	ck_assert_int_eq(take(), ours[1]);
	ck_assert_int_eq(take(), -1);
	spares_destroy(&spares);
}
END_TEST

START_TEST(none_is_taken_of_another_principal)
{
	start();
	sockets_tcp(&ours[0], &theirs[0], 0);
	spares_open(&spares, ours_alone);
	ck_assert(!spares_add(&spares, transport_of(ours[0]), another, false));
	ck_assert(!spares_add(&spares, transport_of(ours[0]), NULL, false));
	ck_assert_int_eq(take(), -1);
	spares_close(&spares);
	spares_open(&spares, NULL);
	ck_assert(
	    !spares_add(&spares, transport_of(ours[0]), ours_alone, false));
	ck_assert(spares_add(&spares, transport_of(ours[0]), NULL, false));
	ck_assert_int_eq(take(), ours[0]);
	spares_destroy(&spares);
}
END_TEST

START_TEST(the_newest_is_given_first)
{
	start();
	spares_open(&spares, ours_alone);
	for (int i = 0; i < 3; i++)
		ck_assert(add(i));
	ck_assert_int_eq(take(), ours[2]);
	ck_assert(add(3));
	ck_assert_int_eq(take(), ours[3]);
	ck_assert_int_eq(take(), ours[1]);
	ck_assert_int_eq(take(), ours[0]);
	/* Their places are the taker's now. */
	assert_used(4);
	spares_destroy(&spares);
}
END_TEST

START_TEST(there_are_no_more_than_so_many)
{
	start();
	spares_open(&spares, ours_alone);
	for (int i = 0; i < SPARES_MOST; i++)
		ck_assert(add(i));
	ck_assert(!add(SPARES_MOST));
	ck_assert_int_eq(take(), ours[SPARES_MOST - 1]);
	ck_assert(spares_add(
	    &spares, transport_of(ours[SPARES_MOST]), ours_alone, false));
	spares_destroy(&spares);
}
END_TEST

START_TEST(one_that_has_ended_is_closed_and_not_given)
{
	start();
	spares_open(&spares, ours_alone);
	for (int i = 0; i < 4; i++)
		ck_assert(add(i));
	close(theirs[3]);
	sockets_reset(theirs[2]);
	sockets_wait(ours[3], POLLIN, SOCKETS_PATIENCE_MS);
	sockets_wait(ours[2], POLLIN, SOCKETS_PATIENCE_MS);
	ck_assert_int_eq(take(), ours[1]);
	assert_used(2);
	close(theirs[0]);
	sockets_wait(ours[0], POLLIN, SOCKETS_PATIENCE_MS);
	ck_assert_int_eq(take(), -1);
	assert_used(1);
	spares_destroy(&spares);
}
END_TEST

START_TEST(one_that_does_not_answer_condemns_those_as_old)
{
	struct spare silent;

	start();
	spares_open(&spares, ours_alone);
	for (int i = 0; i < 3; i++)
		ck_assert(add(i));
	ck_assert(spares_take(&spares, &silent));
	ck_assert_int_eq(transport_fd(&silent.transport), ours[2]);
	ck_assert(add(3));
	ck_assert_uint_eq(spares_condemn(&spares, silent.serial), 2);
	sockets_expect_end(theirs[0]);
	sockets_expect_end(theirs[1]);
	/* The silent one itself is the taker's. */
	assert_used(2);
	ck_assert_int_eq(take(), ours[3]);
	ck_assert_int_eq(take(), -1);
	ck_assert_uint_eq(spares_condemn(&spares, silent.serial), 0);
	spares_destroy(&spares);
}
END_TEST

START_TEST(serial_numbers_may_wrap_around)
{
	struct spare silent;

	start();
	spares_open(&spares, ours_alone);
	spares.serial = UINT32_MAX - 1;
	for (int i = 0; i < 2; i++)
		ck_assert(add(i));
	ck_assert(spares_take(&spares, &silent));
	ck_assert(add(2)); /* number 0 */
	ck_assert_uint_eq(spares_condemn(&spares, silent.serial), 1);
	ck_assert_int_eq(take(), ours[2]);
	spares_destroy(&spares);
}
END_TEST

START_TEST(one_that_is_given_back_is_as_old_as_before)
{
	struct spare first, second;

	start();
	spares_open(&spares, ours_alone);
	for (int i = 0; i < 2; i++)
		ck_assert(add(i));
	ck_assert(spares_take(&spares, &second));
	ck_assert(spares_take(&spares, &first));
	ck_assert(spares_return(&spares, &first));
	ck_assert_uint_eq(spares_condemn(&spares, second.serial), 1);
	sockets_expect_end(theirs[0]);
	spares_close(&spares);
	ck_assert(!spares_return(&spares, &second));
	spares_destroy(&spares);
}
END_TEST

START_TEST(with_the_session_all_are_closed)
{
	start();
	spares_open(&spares, ours_alone);
	for (int i = 0; i < 3; i++)
		ck_assert(add(i));
	spares_close(&spares);
	for (int i = 0; i < 3; i++)
		sockets_expect_end(theirs[i]);
	assert_used(0);
	ck_assert_int_eq(take(), -1);
	ck_assert(!add(3));
	spares_open(&spares, ours_alone);
	ck_assert(
	    spares_add(&spares, transport_of(ours[3]), ours_alone, false));
	spares_destroy(&spares);
	sockets_expect_end(theirs[3]);
}
END_TEST

START_TEST(a_sweep_is_one_call_where_all_are_alive)
{
	start();
	spares_open(&spares, ours_alone);
	calls = 0;
	spares_sweep(&spares);
	ck_assert_uint_eq(calls, 0);
	for (int i = 0; i < SPARES_MOST; i++)
		ck_assert(add(i));
	calls = 0;
	spares_sweep(&spares);
	ck_assert_uint_eq(calls, 1);
	/* Only those that have ended are asked, and go. */
	close(theirs[7]);
	close(theirs[SPARES_MOST - 1]);
	sockets_wait(ours[SPARES_MOST - 1], POLLIN, SOCKETS_PATIENCE_MS);
	sockets_wait(ours[7], POLLIN, SOCKETS_PATIENCE_MS);
	calls = 0;
	spares_sweep(&spares);
	ck_assert_uint_eq(calls, 3);
	assert_used((SPARES_MOST - 2) * BUDGET_SESSION);
	for (int i = SPARES_MOST - 2; i >= 0; i--)
		if (i != 7)
			ck_assert_int_eq(take(), ours[i]);
	ck_assert_int_eq(take(), -1);
	spares_destroy(&spares);
}
END_TEST

SUITE_MAIN("spares", a_sweep_is_one_call_where_all_are_alive,
    none_is_taken_before_the_session_is_open,
    none_is_taken_of_another_principal, the_newest_is_given_first,
    there_are_no_more_than_so_many, one_that_has_ended_is_closed_and_not_given,
    one_that_does_not_answer_condemns_those_as_old,
    serial_numbers_may_wrap_around, one_that_is_given_back_is_as_old_as_before,
    with_the_session_all_are_closed)
