/*
 * What stack.h promises: pages that are used no more go, and nothing else. What a
 * thread finds out it leaves in a struct: it must not fail an assertion itself.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "os/stack.h"
#include "os/thread.h"
#include "suite.h"

#define THREADS 8
/* Touched, and then out of use. */
#define TOUCHED_BYTES ((size_t)32 * 1024)
/* So much of it, at its upper end, may be in use by stack_trim() and what looks
 * at the pages. */
#define NEAR_BYTES ((size_t)8192)
#define MOST_PAGES (TOUCHED_BYTES / 4096)

#if defined(__linux__)
#define GOES true
#else
#define GOES false /* stack_none.c */
#endif

/* Uses the stack itself, and not what a sanitizer has in its place. */
#define PLAIN                                                                  \
	__attribute__((noinline, no_sanitize("address"), no_sanitize("thread")))

static size_t
page_bytes(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

/* Write into TOUCHED_BYTES of the stack, which begin at start. */
PLAIN static void
touch(uintptr_t *start)
{
	volatile char bytes[TOUCHED_BYTES];

	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (char)(i | 1);
	*start = (uintptr_t)bytes;
}

/* How many pages are there of those that touch() has written into. */
PLAIN static unsigned
count_pages(uintptr_t touched)
{
	size_t page = page_bytes();
	uintptr_t from = (touched + page - 1) & ~(page - 1);
	size_t size = TOUCHED_BYTES - NEAR_BYTES - page;
	unsigned char there[MOST_PAGES];
	unsigned count = 0;

	if (mincore((void *)from, size, there) == -1)
		return MOST_PAGES;
	for (size_t i = 0; i < size / page; i++)
		count += there[i] & 1;
	return count;
}

/* What a thread has found out. */
struct finding {
	pthread_t thread;
	bool begins;
	unsigned touched;
	unsigned left;
	unsigned spoilt; /* of the caller's bytes */
};

/* A frame that is in use: all of it must stay. */
PLAIN static void
look(struct finding *finding)
{
	volatile unsigned char locals[1000];
	uintptr_t touched;

	for (size_t i = 0; i < sizeof locals; i++)
		locals[i] = (unsigned char)i;
	touch(&touched);
	finding->touched = count_pages(touched);
	stack_trim();
	finding->left = count_pages(touched);
	for (size_t i = 0; i < sizeof locals; i++)
		finding->spoilt += locals[i] != (unsigned char)i;
}

static void *
run(void *argument)
{
	struct finding *finding = argument;

	if (finding->begins)
		stack_begin();
	look(finding);
	return NULL;
}

static void
start(struct finding *finding, size_t stack_bytes, bool begins)
{
	memset(finding, 0, sizeof *finding);
	finding->begins = begins;
	ck_assert_int_eq(
	    thread_start(&finding->thread, "test", stack_bytes, run, finding),
	    ERROR_NONE);
}

static void
assert_goes(const struct finding *finding, bool goes)
{
	ck_assert_uint_gt(finding->touched, 0);
	ck_assert_uint_eq(finding->left, goes ? 0 : finding->touched);
	ck_assert_uint_eq(finding->spoilt, 0);
}

START_TEST(what_is_used_no_more_goes_and_the_callers_stays)
{
	struct finding finding;

	start(&finding, THREAD_STACK_BYTES, true);
	thread_join(finding.thread);
	assert_goes(&finding, GOES);
}
END_TEST

START_TEST(nothing_goes_in_a_thread_that_has_not_begun)
{
	struct finding finding;

	start(&finding, THREAD_STACK_BYTES, false);
	thread_join(finding.thread);
	assert_goes(&finding, false);
	/* Nor when another has, nor in the main thread. */
	start(&finding, THREAD_STACK_BYTES, true);
	thread_join(finding.thread);
	start(&finding, THREAD_STACK_BYTES, false);
	thread_join(finding.thread);
	assert_goes(&finding, false);
	memset(&finding, 0, sizeof finding);
	look(&finding);
	assert_goes(&finding, false);
}
END_TEST

/* The C library uses the stack of one for the next. */
START_TEST(it_goes_in_each_of_many_threads_in_turn)
{
	for (int i = 0; i < THREADS; i++) {
		struct finding finding;

		start(&finding, THREAD_STACK_BYTES, true);
		thread_join(finding.thread);
		assert_goes(&finding, GOES);
	}
}
END_TEST

/* A resolver's, which is larger. What is found out there is of no use to the next
 * thread, which has a stack of its own. */
START_TEST(a_stack_that_was_used_before_may_be_larger)
{
	struct finding large, first, second;

	start(&large, THREAD_RESOLVER_STACK_BYTES, false);
	thread_join(large.thread);
	for (int i = 0; i < 3; i++) {
		start(&first, THREAD_STACK_BYTES, true);
		start(&second, THREAD_STACK_BYTES, true);
		thread_join(first.thread);
		thread_join(second.thread);
		ck_assert_uint_eq(first.spoilt + second.spoilt, 0);
		/* Stacks of ThreadSanitizer are no whole pages: what it found
		 * for one may be no address of a page in another. */
		if (REBORE_STACK_FACTOR > 1)
			continue;
		assert_goes(&first, GOES);
		assert_goes(&second, GOES);
	}
}
END_TEST

/* A little deeper each time, so that frames end everywhere in a page. */
PLAIN static unsigned
descend(unsigned depth)
{
	volatile unsigned char locals[24];
	unsigned spoilt = 0;

	for (size_t i = 0; i < sizeof locals; i++)
		locals[i] = (unsigned char)(depth + i);
	stack_trim();
	for (size_t i = 0; i < sizeof locals; i++)
		spoilt += locals[i] != (unsigned char)(depth + i);
	if (depth > 0)
		spoilt += descend(depth - 1);
	for (size_t i = 0; i < sizeof locals; i++)
		spoilt += locals[i] != (unsigned char)(depth + i);
	return spoilt;
}

static void *
run_descent(void *argument)
{
	unsigned *spoilt = argument;

	stack_begin();
	*spoilt = descend(200);
	return NULL;
}

START_TEST(wherever_a_frame_ends_it_stays)
{
	pthread_t thread;
	unsigned spoilt = 1;

	ck_assert_int_eq(thread_start(&thread, "test", THREAD_STACK_BYTES,
			     run_descent, &spoilt),
	    ERROR_NONE);
	thread_join(thread);
	ck_assert_uint_eq(spoilt, 0);
}
END_TEST

/* --- Threads side by side */

static pthread_barrier_t all_here;

/* Something in each page of a frame, and the thread's own variables, which are
 * at the upper end of its stack. */
static _Thread_local volatile unsigned char own[256];

PLAIN static void
stand_by(struct finding *finding)
{
	volatile unsigned char locals[TOUCHED_BYTES / 2];

	for (size_t i = 0; i < sizeof locals; i++)
		locals[i] = (unsigned char)(i % 251);
	for (size_t i = 0; i < sizeof own; i++)
		own[i] = (unsigned char)i;
	/* Each trims when all have what may not go. */
	pthread_barrier_wait(&all_here);
	stack_trim();
	pthread_barrier_wait(&all_here);
	for (size_t i = 0; i < sizeof locals; i++)
		finding->spoilt += locals[i] != (unsigned char)(i % 251);
	for (size_t i = 0; i < sizeof own; i++)
		finding->spoilt += own[i] != (unsigned char)i;
	pthread_barrier_wait(&all_here);
}

static void *
run_beside(void *argument)
{
	struct finding *finding = argument;

	if (finding->begins)
		stack_begin();
	stand_by(finding);
	look(finding);
	return NULL;
}

static void
run_side_by_side(void)
{
	struct finding findings[THREADS];

	pthread_barrier_init(&all_here, NULL, THREADS);
	memset(findings, 0, sizeof findings);
	for (unsigned i = 0; i < THREADS; i++) {
		findings[i].begins = i % 4 != 3;
		ck_assert_int_eq(
		    thread_start(&findings[i].thread, "test",
			THREAD_STACK_BYTES, run_beside, &findings[i]),
		    ERROR_NONE);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		thread_join(findings[i].thread);
		assert_goes(&findings[i], GOES && findings[i].begins);
	}
}

START_TEST(no_thread_touches_the_stack_of_another)
{
	run_side_by_side();
	run_side_by_side();
}
END_TEST

START_TEST(nor_after_one_that_had_a_larger_stack)
{
	struct finding finding;

	start(&finding, THREAD_RESOLVER_STACK_BYTES, false);
	thread_join(finding.thread);
	start(&finding, THREAD_STACK_BYTES, true);
	thread_join(finding.thread);
	run_side_by_side();
}
END_TEST

SUITE_MAIN("stack", what_is_used_no_more_goes_and_the_callers_stays,
    nothing_goes_in_a_thread_that_has_not_begun,
    it_goes_in_each_of_many_threads_in_turn,
    a_stack_that_was_used_before_may_be_larger, wherever_a_frame_ends_it_stays,
    no_thread_touches_the_stack_of_another,
    nor_after_one_that_had_a_larger_stack)
