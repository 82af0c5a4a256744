/* What pipes.h promises, of the variant that is built in. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "relay/pipes.h"
#include "suite.h"

static struct pipe_ends ends[PIPES_LENT_MOST + 1];

/* False where the system does not splice, which is allowed. */
static bool
start(void)
{
	if (pipes_borrow(&ends[0]) == ERROR_NONE)
		return true;
	ck_assert_int_eq(ends[0].read_fd, -1);
	pipes_return(&ends[0], true);
	return false;
}

static void
assert_empty(const struct pipe_ends *one)
{
	char byte;

	ck_assert_int_eq(read(one->read_fd, &byte, 1), -1);
	ck_assert_int_eq(errno, EAGAIN);
}

START_TEST(a_pipe_is_empty_and_does_not_wait)
{
	static char bytes[PIPES_BYTES];

	if (!start())
		return;
	assert_empty(&ends[0]);
	ck_assert_int_eq(fcntl(ends[0].read_fd, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(fcntl(ends[0].write_fd, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(write(ends[0].write_fd, bytes, sizeof bytes),
	    (ssize_t)sizeof bytes);
	ck_assert_int_eq(write(ends[0].write_fd, bytes, 1), -1);
	ck_assert_int_eq(errno, EAGAIN);
	pipes_return(&ends[0], false);
	ck_assert_int_eq(ends[0].read_fd, -1);
	ck_assert_int_eq(ends[0].write_fd, -1);
	pipes_return(&ends[0], false);
}
END_TEST

START_TEST(what_is_left_in_a_pipe_is_never_lent)
{
	if (!start())
		return;
	for (int i = 0; i < 3 * PIPES_KEPT_MOST; i++) {
		ck_assert_int_eq(write(ends[0].write_fd, "x", 1), 1);
		pipes_return(&ends[0], false);
		ck_assert_int_eq(pipes_borrow(&ends[0]), ERROR_NONE);
		assert_empty(&ends[0]);
	}
	pipes_return(&ends[0], true);
}
END_TEST

START_TEST(only_so_many_are_lent)
{
	int count = 1;

	if (!start())
		return;
	for (int round = 0; round < 3; round++) {
		while (count <= PIPES_LENT_MOST &&
		       pipes_borrow(&ends[count]) == ERROR_NONE)
			count++;
		ck_assert_int_le(count, PIPES_LENT_MOST);
		ck_assert_int_eq(ends[count].read_fd, -1);
		for (int i = 0; i < count; i++)
			for (int j = 0; j < i; j++)
				ck_assert_int_ne(
				    ends[i].read_fd, ends[j].read_fd);
		/* One back, one out */
		pipes_return(&ends[0], true);
		ck_assert_int_eq(pipes_borrow(&ends[0]), ERROR_NONE);
		ck_assert_int_eq(pipes_borrow(&ends[count]), ERROR_RESOURCES);
		while (count > 0)
			pipes_return(&ends[--count], round % 2 == 0);
	}
}
END_TEST

START_TEST(no_more_are_lent_than_allowed)
{
	if (!start())
		return;
	pipes_limit(2 * PIPES_BYTES + PIPES_BYTES - 1);
	ck_assert_int_eq(pipes_borrow(&ends[1]), ERROR_NONE);
	ck_assert_int_eq(pipes_borrow(&ends[2]), ERROR_RESOURCES);
	pipes_return(&ends[0], true);
	ck_assert_int_eq(pipes_borrow(&ends[0]), ERROR_NONE);
	pipes_limit(0);
	pipes_return(&ends[0], true);
	pipes_return(&ends[1], true);
	ck_assert_int_eq(pipes_borrow(&ends[0]), ERROR_RESOURCES);
	/* What descriptors allow is never passed. */
	pipes_limit(UINT64_MAX);
	ck_assert_int_eq(pipes_borrow(&ends[0]), ERROR_NONE);
	pipes_return(&ends[0], true);
}
END_TEST

/* All that a budget has left, but for so many. */
static void
leave(struct budget *budget, unsigned count)
{
	budget_init(budget, 256);
	ck_assert(budget_take(budget, budget_most(budget) - count));
}

START_TEST(each_takes_its_descriptors_from_the_budget)
{
	struct budget budget;

	leave(&budget, BUDGET_PIPE + 1);
	pipes_charge(&budget);
	if (!start()) {
		ck_assert_uint_eq(budget_excess(&budget, BUDGET_PIPE), 0);
		return;
	}
	ck_assert_uint_eq(budget_excess(&budget, 1), 0);
	ck_assert_uint_eq(budget_excess(&budget, 2), 1);
	/* There is not enough for another, which takes nothing. */
	ck_assert_int_eq(pipes_borrow(&ends[1]), ERROR_RESOURCES);
	ck_assert_int_eq(ends[1].read_fd, -1);
	ck_assert_uint_eq(budget_excess(&budget, 1), 0);
	/* One that is kept still has its descriptors, and can be lent. */
	pipes_return(&ends[0], true);
	ck_assert_uint_eq(budget_excess(&budget, 2), 1);
	ck_assert_int_eq(pipes_borrow(&ends[0]), ERROR_NONE);
	ck_assert_uint_eq(budget_excess(&budget, 2), 1);
	/* Closed, it has none. */
	pipes_return(&ends[0], false);
	ck_assert_uint_eq(budget_excess(&budget, BUDGET_PIPE + 1), 0);
	ck_assert_uint_eq(budget_excess(&budget, BUDGET_PIPE + 2), 1);
	pipes_charge(NULL);
}
END_TEST

START_TEST(those_that_are_kept_give_way)
{
	struct budget budget;

	leave(&budget, 2 * BUDGET_PIPE);
	pipes_charge(&budget);
	if (!start())
		return;
	ck_assert_int_eq(pipes_borrow(&ends[1]), ERROR_NONE);
	pipes_return(&ends[0], true);
	ck_assert_uint_eq(budget_excess(&budget, 2), 2);
	pipes_shed();
	/* Not the one that is lent. */
	ck_assert_uint_eq(budget_excess(&budget, BUDGET_PIPE), 0);
	ck_assert_uint_eq(budget_excess(&budget, BUDGET_PIPE + 1), 1);
	pipes_return(&ends[1], true);
	pipes_tidy();
	pipes_tidy();
	ck_assert_uint_eq(budget_excess(&budget, 2 * BUDGET_PIPE), 0);
	pipes_charge(NULL);
}
END_TEST

/* The number of open descriptors. */
static int
descriptors(void)
{
	int count = 0;

	for (int fd = 0; fd < 1024; fd++)
		if (fcntl(fd, F_GETFD) != -1)
			count++;
	return count;
}

START_TEST(few_are_kept)
{
	int before = descriptors();

	for (int i = 0; i < 20; i++)
		if (pipes_borrow(&ends[i]))
			return;
	for (int i = 0; i < 20; i++)
		pipes_return(&ends[i], true);
	ck_assert_int_le(descriptors(), before + 2 * PIPES_KEPT_MOST);
}
END_TEST

START_TEST(what_nobody_wants_is_closed)
{
	int before = descriptors();

	for (int i = 0; i < 3; i++)
		if (pipes_borrow(&ends[i]))
			return;
	for (int i = 0; i < 3; i++)
		pipes_return(&ends[i], true);
	/* They were borrowed since the last time, which was never. */
	pipes_tidy();
	ck_assert_int_eq(descriptors(), before + 2 * 3);
	ck_assert_int_eq(pipes_borrow(&ends[0]), ERROR_NONE);
	pipes_return(&ends[0], true);
	pipes_tidy();
	ck_assert_int_eq(descriptors(), before + 2);
	pipes_tidy();
	ck_assert_int_eq(descriptors(), before);
	pipes_tidy();
	ck_assert_int_eq(descriptors(), before);
	ck_assert_int_eq(pipes_borrow(&ends[0]), ERROR_NONE);
	assert_empty(&ends[0]);
	pipes_return(&ends[0], true);
}
END_TEST

SUITE_MAIN("pipes", a_pipe_is_empty_and_does_not_wait,
    what_is_left_in_a_pipe_is_never_lent, only_so_many_are_lent,
    no_more_are_lent_than_allowed, few_are_kept, what_nobody_wants_is_closed,
    each_takes_its_descriptors_from_the_budget, those_that_are_kept_give_way)
