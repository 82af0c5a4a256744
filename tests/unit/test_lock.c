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
	lock_init(&lock);
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
	static struct lock ready = LOCK_INITIALIZER;

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

SUITE_MAIN("lock", only_one_thread_is_inside, a_static_lock_needs_no_start,
    who_does_not_hold_it_is_told_so, a_wait_ends_at_its_deadline,
    a_wait_ends_when_it_is_told, all_who_wait_are_told)
