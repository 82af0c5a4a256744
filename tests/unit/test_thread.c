/*
 * What thread.h promises: a name, a stack, and no signal. thread.c is part of this
 * program, so that the system can have no room for a thread.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "os/lock.h"
#include "suite.h"

static int create_or_refuse(pthread_t *thread, const pthread_attr_t *attributes,
    void *(*run)(void *), void *argument);

#define pthread_create create_or_refuse
#include "os/thread.c" /* NOLINT(bugprone-suspicious-include) */
#undef pthread_create

/* 0: nothing is refused. */
static int refusal;

static int
create_or_refuse(pthread_t *thread, const pthread_attr_t *attributes,
    void *(*run)(void *), void *argument)
{
	return refusal != 0 ? refusal
	                    : pthread_create(thread, attributes, run, argument);
}

/* What a thread has seen of itself. */
static struct {
	struct lock lock;
	struct lock_condition done;
	/* Under lock. */
	bool ended;
	char name[16];
	sigset_t blocked;
	void *stack;
	size_t stack_bytes;
	void *argument;
	uintptr_t frame;
} seen;

static void
start(void)
{
	memset(&seen, 0, sizeof seen);
	lock_init(&seen.lock, LOCK_RANK_OF_TESTS);
	lock_condition_init(&seen.done);
}

static void
look_at_stack(void)
{
	pthread_attr_t attributes;

	seen.frame = (uintptr_t)__builtin_frame_address(0);
	if (pthread_getattr_np(pthread_self(), &attributes) != 0)
		return;
	pthread_attr_getstack(&attributes, &seen.stack, &seen.stack_bytes);
	pthread_attr_destroy(&attributes);
}

static void *
look(void *argument)
{
	thread_name("looks");
	lock_take(&seen.lock);
	pthread_getname_np(pthread_self(), seen.name, sizeof seen.name);
	pthread_sigmask(SIG_BLOCK, NULL, &seen.blocked);
	look_at_stack();
	seen.argument = argument;
	seen.ended = true;
	lock_condition_tell(&seen.done);
	lock_give(&seen.lock);
	return NULL;
}

static void
assert_blocked(const sigset_t *set)
{
	for (int number = 1; number <= 31; number++)
		if (number != SIGKILL && number != SIGSTOP)
			ck_assert_int_eq(sigismember(set, number), 1);
}

START_TEST(a_thread_has_its_argument_its_stack_and_no_signal)
{
	pthread_t thread;
	sigset_t mine;
	int here;

	start();
	ck_assert_int_eq(
	    thread_start(&thread, "a-name", THREAD_STACK_BYTES, look, &here),
	    ERROR_NONE);
	thread_join(thread);
	ck_assert(seen.ended);
	ck_assert_ptr_eq(seen.argument, &here);
	assert_blocked(&seen.blocked);
	ck_assert_uint_ge(seen.stack_bytes, THREAD_STACK_BYTES);
	ck_assert_uint_lt(seen.stack_bytes, 8 * THREAD_STACK_BYTES);
	/* The mask of who starts one is as before. */
	pthread_sigmask(SIG_BLOCK, NULL, &mine);
	ck_assert_int_eq(sigismember(&mine, SIGTERM), 0);
}
END_TEST

static atomic_bool enough;

static void *
stay(void *argument)
{
	while (!atomic_load(&enough))
		usleep(1000);
	return argument;
}

START_TEST(a_thread_has_its_name_at_once)
{
	pthread_t thread;
	char name[16];

	ck_assert_int_eq(thread_start(&thread, "fifteen-letters",
			     THREAD_STACK_BYTES, stay, NULL),
	    ERROR_NONE);
	ck_assert_int_eq(pthread_getname_np(thread, name, sizeof name), 0);
	ck_assert_str_eq(name, "fifteen-letters");
	atomic_store(&enough, true);
	thread_join(thread);
}
END_TEST

START_TEST(a_detached_thread_names_itself_and_nobody_joins_it)
{
	start();
	ck_assert_int_eq(thread_start(NULL, "a-name",
			     THREAD_RESOLVER_STACK_BYTES, look, NULL),
	    ERROR_NONE);
	lock_take(&seen.lock);
	while (!seen.ended)
		lock_condition_wait(&seen.done, &seen.lock, INT64_MAX);
	ck_assert_str_eq(seen.name, "looks");
	assert_blocked(&seen.blocked);
	lock_give(&seen.lock);
}
END_TEST

/* Where a sanitizer starts threads of its own, or root knows no limit, it is
 * the address space that runs out. */
START_TEST(without_room_for_a_thread_nothing_has_happened)
{
	pthread_t thread;
	sigset_t mine;

	start();
	errno = 0;
	ck_assert_int_eq(
	    thread_start(&thread, "a-name", (size_t)1 << 46, look, NULL),
	    ERROR_RESOURCES);
	ck_assert(errno == EAGAIN || errno == ENOMEM);
	ck_assert(!seen.ended);
	pthread_sigmask(SIG_BLOCK, NULL, &mine);
	ck_assert_int_eq(sigismember(&mine, SIGTERM), 0);
	ck_assert_int_eq(
	    thread_start(NULL, "a-name", (size_t)1 << 46, look, NULL),
	    ERROR_RESOURCES);
}
END_TEST

/* --- On a stack of the caller's */

/* Aligned as a mapping is. */
static void *
make_stack(void)
{
	void *stack = NULL;

	ck_assert_int_eq(posix_memalign(&stack, (size_t)sysconf(_SC_PAGESIZE),
			     THREAD_STACK_BYTES),
	    0);
	return stack;
}

START_TEST(a_thread_runs_on_the_stack_that_it_is_given)
{
	void *stack = make_stack();
	pthread_t thread;
	sigset_t mine;
	int here;

	/* Again and again on the same. */
	for (int round = 0; round < 3; round++) {
		start();
		ck_assert_int_eq(
		    thread_start_on(stack, &thread, look, &here), ERROR_NONE);
		thread_join(thread);
		ck_assert(seen.ended);
		ck_assert_ptr_eq(seen.argument, &here);
		ck_assert_str_eq(seen.name, "looks");
		assert_blocked(&seen.blocked);
		ck_assert_ptr_eq(seen.stack, stack);
		ck_assert_uint_eq(seen.stack_bytes, THREAD_STACK_BYTES);
		ck_assert_uint_gt(seen.frame, (uintptr_t)stack);
		ck_assert_uint_lt(
		    seen.frame, (uintptr_t)stack + THREAD_STACK_BYTES);
		pthread_sigmask(SIG_BLOCK, NULL, &mine);
		ck_assert_int_eq(sigismember(&mine, SIGTERM), 0);
	}
	free(stack);
}
END_TEST

static pthread_t known;

static void *
know_oneself(void *argument)
{
	return pthread_equal(known, pthread_self()) ? argument : NULL;
}

START_TEST(who_runs_on_a_given_stack_is_known_at_once)
{
	void *stack = make_stack();
	void *result;
	int here;

	for (int round = 0; round < 50; round++) {
		memset(&known, 0, sizeof known);
		ck_assert_int_eq(
		    thread_start_on(stack, &known, know_oneself, &here),
		    ERROR_NONE);
		ck_assert_int_eq(pthread_join(known, &result), 0);
		ck_assert_ptr_eq(result, &here);
	}
	free(stack);
}
END_TEST

START_TEST(without_room_a_stack_stays_unused)
{
	void *stack = make_stack();
	pthread_t thread;
	sigset_t mine;

	start();
	refusal = EAGAIN;
	errno = 0;
	ck_assert_int_eq(
	    thread_start_on(stack, &thread, look, NULL), ERROR_RESOURCES);
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert(!seen.ended);
	pthread_sigmask(SIG_BLOCK, NULL, &mine);
	ck_assert_int_eq(sigismember(&mine, SIGTERM), 0);
	refusal = 0;
	ck_assert_int_eq(
	    thread_start_on(stack, &thread, look, NULL), ERROR_NONE);
	thread_join(thread);
	ck_assert(seen.ended);
	free(stack);
}
END_TEST

SUITE_MAIN("thread", a_thread_has_its_argument_its_stack_and_no_signal,
    a_thread_has_its_name_at_once,
    a_detached_thread_names_itself_and_nobody_joins_it,
    without_room_for_a_thread_nothing_has_happened,
    a_thread_runs_on_the_stack_that_it_is_given,
    who_runs_on_a_given_stack_is_known_at_once,
    without_room_a_stack_stays_unused)
