/* What thread.h promises: a name, a stack, and no signal. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "os/lock.h"
#include "os/thread.h"
#include "suite.h"

/* What a thread has seen of itself. */
static struct {
	struct lock lock;
	struct lock_condition done;
	/* Under lock. */
	bool ended;
	char name[16];
	sigset_t blocked;
	size_t stack_bytes;
	void *argument;
} seen;

static void
start(void)
{
	memset(&seen, 0, sizeof seen);
	lock_init(&seen.lock);
	lock_condition_init(&seen.done);
}

static size_t
stack_bytes(void)
{
	pthread_attr_t attributes;
	size_t bytes = 0;

	if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
		pthread_attr_getstacksize(&attributes, &bytes);
		pthread_attr_destroy(&attributes);
	}
	return bytes;
}

static void *
look(void *argument)
{
	thread_name("looks");
	lock_take(&seen.lock);
	pthread_getname_np(pthread_self(), seen.name, sizeof seen.name);
	pthread_sigmask(SIG_BLOCK, NULL, &seen.blocked);
	seen.stack_bytes = stack_bytes();
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

SUITE_MAIN("thread", a_thread_has_its_argument_its_stack_and_no_signal,
    a_thread_has_its_name_at_once,
    a_detached_thread_names_itself_and_nobody_joins_it,
    without_room_for_a_thread_nothing_has_happened)
