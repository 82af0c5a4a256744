/* What lock.h promises: exclusion, and waiting that ends. */
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "os/lock.h"
#include "suite.h"

#define PATIENCE_MS 20000

static struct lock lock;
static struct lock_condition condition;
/* Under lock. */
static unsigned count;
static bool told;

static void
start(void)
{
	lock_init(&lock, LOCK_RANK_LEAF);
	lock_condition_init(&condition);
}

static void
end(void)
{
	lock_condition_destroy(&condition);
	lock_destroy(&lock);
}

static void *
count_up(void *argument)
{
	(void)argument;
	for (int i = 0; i < 20000; i++) {
		lock_take(&lock);
		lock_assert_held(&lock);
		count++;
		lock_give(&lock);
	}
	return NULL;
}

START_TEST(only_one_thread_is_inside)
{
	pthread_t threads[4];

	start();
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(
		    pthread_create(&threads[i], NULL, count_up, NULL), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_eq(count, 4 * 20000);
	end();
}
END_TEST

START_TEST(a_static_lock_needs_no_start)
{
	static struct lock ready = LOCK_INITIALIZER(LOCK_RANK_LEAF);

	lock_take(&ready);
	lock_assert_held(&ready);
	lock_give(&ready);
}
END_TEST

/* Whether what happens in a child of its own aborts. */
static bool
aborts(void (*what)(void))
{
	pid_t child = fork();
	int status;

	ck_assert_int_ne(child, -1);
	if (child == 0) {
		/* No report of a sanitizer, no core: abort() is expected. */
		signal(SIGABRT, SIG_DFL);
		close(STDERR_FILENO);
		what();
		_exit(0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	return !(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void
assert_nobody(void)
{
	lock_assert_held(&lock);
}

static void
give_what_was_not_taken(void)
{
	lock_give(&lock);
}

static void
assert_after_giving(void)
{
	lock_take(&lock);
	lock_give(&lock);
	lock_assert_held(&lock);
}

static void *
assert_in_thread(void *argument)
{
	(void)argument;
	lock_assert_held(&lock);
	return NULL;
}

static void
assert_another_holds_it(void)
{
	pthread_t thread;

	lock_take(&lock);
	if (pthread_create(&thread, NULL, assert_in_thread, NULL) == 0)
		pthread_join(thread, NULL);
}

static void
take_and_give(void)
{
	lock_take(&lock);
	lock_assert_held(&lock);
	lock_give(&lock);
}

START_TEST(who_does_not_hold_it_is_told_so)
{
	start();
	ck_assert(!aborts(take_and_give));
	ck_assert(aborts(assert_nobody));
	ck_assert(aborts(give_what_was_not_taken));
	ck_assert(aborts(assert_after_giving));
	ck_assert(aborts(assert_another_holds_it));
	end();
}
END_TEST

START_TEST(a_wait_ends_at_its_deadline)
{
	/* A second and a part of one */
	int64_t deadline_ms = clock_now_ms() + 1050;

	start();
	lock_take(&lock);
	while (lock_condition_wait(&condition, &lock, deadline_ms))
		continue; /* for no reason */
	ck_assert_int_ge(clock_now_ms(), deadline_ms - 1);
	ck_assert_int_lt(clock_now_ms(), deadline_ms + PATIENCE_MS);
	lock_assert_held(&lock);
	/* One that has passed already, also by far, ends at once. */
	ck_assert(!lock_condition_wait(&condition, &lock, deadline_ms));
	ck_assert(!lock_condition_wait(&condition, &lock, 0));
	lock_give(&lock);
	end();
}
END_TEST

static void *
tell(void *argument)
{
	(void)argument;
	lock_take(&lock);
	told = true;
	lock_condition_tell(&condition);
	lock_give(&lock);
	return NULL;
}

static void
wait_until_told(int64_t deadline_ms)
{
	pthread_t thread;

	start();
	told = false;
	lock_take(&lock);
	ck_assert_int_eq(pthread_create(&thread, NULL, tell, NULL), 0);
	/* It cannot tell before the wait has given the lock. */
	while (!told)
		ck_assert(lock_condition_wait(&condition, &lock, deadline_ms));
	lock_assert_held(&lock);
	lock_give(&lock);
	pthread_join(thread, NULL);
	end();
}

START_TEST(a_wait_ends_when_it_is_told)
{
	wait_until_told(CLOCK_NEVER);
	wait_until_told(clock_now_ms() + PATIENCE_MS);
	/* Fractions of a second that add up to more than one */
	for (int i = 0; i < 10; i++)
		wait_until_told(clock_now_ms() + PATIENCE_MS + i * 100);
}
END_TEST

static void *
wait_for_told(void *argument)
{
	(void)argument;
	lock_take(&lock);
	count++;
	while (!told)
		lock_condition_wait(&condition, &lock, CLOCK_NEVER);
	lock_give(&lock);
	return NULL;
}

START_TEST(all_who_wait_are_told)
{
	pthread_t threads[4];
	unsigned waiting = 0;

	start();
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(
		    pthread_create(&threads[i], NULL, wait_for_told, NULL), 0);
	while (waiting < 4) {
		lock_take(&lock);
		waiting = count;
		lock_give(&lock);
	}
	tell(NULL);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	end();
}
END_TEST

/* One of each rank that the order is tried with. */
static struct lock leaf = LOCK_INITIALIZER(LOCK_RANK_LEAF);
static struct lock leaf_too = LOCK_INITIALIZER(LOCK_RANK_LEAF);
static struct lock outer = LOCK_INITIALIZER(LOCK_RANK_OVER_LEAVES);

static void
take_both(struct lock *first, struct lock *second)
{
	lock_take(first);
	lock_take(second);
	lock_give(second);
	lock_give(first);
}

static void
take_inwards(void)
{
	take_both(&outer, &leaf);
	take_both(&outer, &leaf_too);
}

static void
take_outwards(void)
{
	take_both(&leaf, &outer);
}

static void
take_two_of_a_rank(void)
{
	take_both(&leaf, &leaf_too);
}

static void
take_twice(void)
{
	alarm(10); /* it would wait for itself */
	take_both(&leaf, &leaf);
}

static void
take_one_after_the_other(void)
{
	take_inwards();
	lock_take(&leaf);
	lock_give(&leaf);
	lock_take(&outer);
	lock_give(&outer);
	lock_assert_none();
}

static void
give_the_outer_first(void)
{
	lock_take(&outer);
	lock_take(&leaf);
	lock_give(&outer);
}

/* The inner one has been given: the outer one still counts. */
static void
take_two_of_a_rank_after_an_inner(void)
{
	lock_take(&outer);
	lock_take(&leaf);
	lock_give(&leaf);
	take_both(&outer, &leaf);
}

START_TEST(locks_are_taken_in_the_order_of_their_ranks)
{
	ck_assert(!aborts(take_inwards));
	ck_assert(!aborts(take_one_after_the_other));
	if (!REBORE_LOCK_RANKS)
		return;
	ck_assert(aborts(take_outwards));
	ck_assert(aborts(take_two_of_a_rank));
	ck_assert(aborts(take_twice));
	ck_assert(aborts(give_the_outer_first));
	ck_assert(aborts(take_two_of_a_rank_after_an_inner));
}
END_TEST

static void
assert_none_under_one(void)
{
	lock_take(&outer);
	lock_assert_none();
}

static void
assert_none_under_the_outer(void)
{
	take_inwards();
	lock_take(&outer);
	lock_take(&leaf);
	lock_give(&leaf);
	lock_assert_none();
}

static void
wait_under_another(void)
{
	lock_take(&outer);
	lock_take(&leaf);
	lock_condition_wait(&condition, &leaf, clock_now_ms());
}

static void
wait_under_one(void)
{
	lock_take(&leaf);
	lock_condition_wait(&condition, &leaf, clock_now_ms());
	lock_give(&leaf);
	take_inwards();
}

START_TEST(nothing_is_waited_for_under_a_lock)
{
	start();
	ck_assert(!aborts(wait_under_one));
	if (REBORE_LOCK_RANKS) {
		ck_assert(aborts(assert_none_under_one));
		ck_assert(aborts(assert_none_under_the_outer));
		ck_assert(aborts(wait_under_another));
	}
	end();
}
END_TEST

static void *
take_outer(void *argument)
{
	(void)argument;
	lock_take(&outer);
	lock_give(&outer);
	return NULL;
}

static void *
tell_under_another(void *argument)
{
	lock_take(&outer);
	tell(argument);
	lock_give(&outer);
	return NULL;
}

/* The waiting thread holds what it held before, and no more. */
START_TEST(who_takes_it_during_a_wait_does_not_count)
{
	pthread_t thread;

	start();
	told = false;
	lock_take(&lock);
	ck_assert_int_eq(
	    pthread_create(&thread, NULL, tell_under_another, NULL), 0);
	while (!told)
		lock_condition_wait(&condition, &lock, CLOCK_NEVER);
	lock_give(&lock);
	take_inwards();
	pthread_join(thread, NULL);
	end();
}
END_TEST

static void
take_an_initialized_one_twice(void)
{
	struct lock another;

	lock_init(&another, LOCK_RANK_OVER_LEAVES);
	take_both(&another, &outer);
}

static void
take_an_initialized_leaf(void)
{
	struct lock another;

	lock_init(&another, LOCK_RANK_LEAF);
	take_both(&outer, &another);
	lock_destroy(&another);
}

START_TEST(a_lock_keeps_the_rank_that_it_is_given)
{
	ck_assert(!aborts(take_an_initialized_leaf));
	if (REBORE_LOCK_RANKS)
		ck_assert(aborts(take_an_initialized_one_twice));
}
END_TEST

START_TEST(what_another_thread_holds_does_not_count)
{
	pthread_t thread;

	lock_take(&leaf);
	ck_assert_int_eq(pthread_create(&thread, NULL, take_outer, NULL), 0);
	pthread_join(thread, NULL);
	lock_give(&leaf);
}
END_TEST

SUITE_MAIN("lock", only_one_thread_is_inside, a_static_lock_needs_no_start,
    who_does_not_hold_it_is_told_so, a_wait_ends_at_its_deadline,
    a_wait_ends_when_it_is_told, all_who_wait_are_told,
    locks_are_taken_in_the_order_of_their_ranks,
    nothing_is_waited_for_under_a_lock,
    what_another_thread_holds_does_not_count,
    who_takes_it_during_a_wait_does_not_count,
    a_lock_keeps_the_rank_that_it_is_given)
