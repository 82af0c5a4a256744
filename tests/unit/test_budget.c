/* What budget.h promises: never more than there is, and all that there is. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "os/budget.h"
#include "suite.h"

static struct budget budget;

START_TEST(some_descriptors_are_kept_back)
{
	static const unsigned limits[] = {
	    8, 16, 40, 47, 48, 49, 50, 64, 256, 1024, 65536, 1u << 30};
	unsigned before = 0;

	for (size_t i = 0; i < SUITE_LENGTH(limits); i++) {
		budget_init(&budget, limits[i]);
		/* A visitor and a session at the least, and never all. */
		ck_assert_uint_ge(
		    budget_most(&budget), BUDGET_VISITOR + BUDGET_SESSION);
		ck_assert_uint_lt(budget_most(&budget), limits[i]);
		ck_assert_uint_ge(budget_most(&budget), before);
		before = budget_most(&budget);
	}
	/* With many, few of them are. */
	budget_init(&budget, 1024);
	ck_assert_uint_gt(budget_most(&budget), 950);
}
END_TEST

START_TEST(all_of_it_can_be_taken_and_no_more)
{
	unsigned most;

	budget_init(&budget, 64);
	most = budget_most(&budget);
	for (unsigned used = 0; used < most; used++)
		ck_assert(budget_take(&budget, BUDGET_SESSION));
	ck_assert(!budget_take(&budget, BUDGET_SESSION));
	ck_assert(!budget_take(&budget, BUDGET_VISITOR));
	budget_give(&budget, 1);
	ck_assert(!budget_take(&budget, BUDGET_VISITOR));
	ck_assert(budget_take(&budget, BUDGET_SESSION));
	ck_assert(!budget_take(&budget, 1));
	budget_give(&budget, most);
	ck_assert(!budget_take(&budget, most + 1));
	ck_assert(budget_take(&budget, most));
}
END_TEST

START_TEST(what_is_forced_counts_though_it_is_too_much)
{
	unsigned most;

	budget_init(&budget, 64);
	most = budget_most(&budget);
	ck_assert(budget_force(&budget, most));
	ck_assert(!budget_force(&budget, 1));
	ck_assert(!budget_force(&budget, 2));
	budget_give(&budget, 2);
	ck_assert(!budget_take(&budget, 1));
	budget_give(&budget, 2);
	ck_assert(budget_take(&budget, 1));
	ck_assert(!budget_take(&budget, 1));
}
END_TEST

/* A data connection that a visitor was charged for is charged again while it
 * has not said what it is. */
START_TEST(what_is_expected_is_no_excess)
{
	unsigned most;

	budget_init(&budget, 64);
	most = budget_most(&budget);
	ck_assert(budget_take(&budget, most));
	budget_expect(&budget);
	/* Only for what comes in; visitors are not let in for it. */
	ck_assert(!budget_take(&budget, 1));
	ck_assert(budget_force(&budget, BUDGET_SESSION));
	ck_assert(!budget_force(&budget, BUDGET_SESSION));
	budget_give(&budget, 2 * BUDGET_SESSION);
	budget_arrive(&budget);
	ck_assert(!budget_force(&budget, BUDGET_SESSION));
}
END_TEST

START_TEST(it_is_ample_while_half_is_free)
{
	unsigned most;

	budget_init(&budget, 64);
	most = budget_most(&budget);
	ck_assert(budget_is_ample(&budget));
	ck_assert(budget_take(&budget, most / 2 - 1));
	ck_assert(budget_is_ample(&budget));
	ck_assert(budget_take(&budget, 1 + most % 2));
	ck_assert(!budget_is_ample(&budget));
	budget_give(&budget, 1 + most % 2);
	ck_assert(budget_is_ample(&budget));
}
END_TEST

START_TEST(a_lower_limit_counts_in_visitors)
{
	budget_init(&budget, 1024);
	ck_assert_str_eq(budget_reason(&budget), strerror(EMFILE));
	budget_limit(&budget, 20);
	ck_assert_uint_eq(budget_most(&budget), 20 * BUDGET_VISITOR);
	for (int i = 0; i < 20; i++)
		ck_assert(budget_take(&budget, BUDGET_VISITOR));
	ck_assert(!budget_take(&budget, BUDGET_SESSION));
	ck_assert_str_ne(budget_reason(&budget), strerror(EMFILE));
	/* One that is higher than what descriptors allow is none. */
	budget_init(&budget, 64);
	budget_limit(&budget, 1000000);
	ck_assert_uint_le(budget_most(&budget), 64);
	ck_assert_str_eq(budget_reason(&budget), strerror(EMFILE));
}
END_TEST

START_TEST(pipes_and_connections_share_what_the_system_allows)
{
	unsigned most;

	budget_init(&budget, 64);
	most = budget_most(&budget);
	ck_assert(budget_take_pipe(&budget));
	ck_assert_uint_eq(budget_excess(&budget, most - BUDGET_PIPE), 0);
	ck_assert_uint_eq(budget_excess(&budget, most), BUDGET_PIPE);
	ck_assert(!budget_take(&budget, most - BUDGET_PIPE + 1));
	ck_assert(budget_take(&budget, most - BUDGET_PIPE));
	ck_assert(!budget_take_pipe(&budget));
	ck_assert(!budget_force(&budget, 1));
	budget_give(&budget, 2);
	ck_assert(!budget_take_pipe(&budget)); /* one is left */
	budget_give(&budget, 1);
	ck_assert(budget_take_pipe(&budget));
	budget_give_pipe(&budget);
	budget_give_pipe(&budget);
	ck_assert(budget_take(&budget, 4));
	ck_assert(!budget_take(&budget, 1));
}
END_TEST

START_TEST(pipes_do_not_count_as_visitors)
{
	budget_init(&budget, 1024);
	budget_limit(&budget, 20);
	for (int i = 0; i < 10; i++)
		ck_assert(budget_take_pipe(&budget));
	ck_assert(budget_is_ample(&budget));
	for (int i = 0; i < 20; i++)
		ck_assert(budget_take(&budget, BUDGET_VISITOR));
	ck_assert(!budget_is_ample(&budget));
	ck_assert(!budget_take(&budget, 1));
	/* Nor the other way round. */
	ck_assert(budget_take_pipe(&budget));
	ck_assert(budget_is_limited(&budget));
	budget_init(&budget, 1024);
	ck_assert(!budget_is_limited(&budget));
}
END_TEST

START_TEST(with_many_pipes_it_is_not_ample)
{
	budget_init(&budget, 1024);
	while (budget_is_ample(&budget))
		ck_assert(budget_take_pipe(&budget));
	ck_assert_uint_eq(budget_excess(&budget, budget_most(&budget) / 2), 0);
	ck_assert_uint_gt(
	    budget_excess(&budget, budget_most(&budget) / 2 + 1), 0);
}
END_TEST

static atomic_bool enough;

/* Ask again and again for two, where one is left. */
static void *
ask_for_too_much(void *argument)
{
	(void)argument;
	while (!atomic_load(&enough))
		if (budget_take(&budget, BUDGET_VISITOR))
			return &budget;
	return NULL;
}

/* What is left is left, whatever others are refused meanwhile. */
START_TEST(a_refusal_takes_nothing_not_even_for_a_moment)
{
	pthread_t thread;
	void *granted;
	unsigned refused = 0;

	budget_init(&budget, 64);
	ck_assert(budget_take(&budget, budget_most(&budget) - 1));
	ck_assert_int_eq(
	    pthread_create(&thread, NULL, ask_for_too_much, NULL), 0);
	for (int i = 0; i < 200000; i++) {
		if (!budget_take(&budget, BUDGET_SESSION))
			refused++;
		else
			budget_give(&budget, BUDGET_SESSION);
	}
	atomic_store(&enough, true);
	pthread_join(thread, &granted);
	ck_assert_ptr_null(granted);
	ck_assert_msg(refused == 0,
	    "refused %u times, though there was room for it", refused);
}
END_TEST

SUITE_MAIN("budget", some_descriptors_are_kept_back,
    all_of_it_can_be_taken_and_no_more,
    what_is_forced_counts_though_it_is_too_much, what_is_expected_is_no_excess,
    it_is_ample_while_half_is_free, a_lower_limit_counts_in_visitors,
    pipes_and_connections_share_what_the_system_allows,
    pipes_do_not_count_as_visitors, with_many_pipes_it_is_not_ample,
    a_refusal_takes_nothing_not_even_for_a_moment)
