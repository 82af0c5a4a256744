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

#include "os/stack_trim.h"
#include "os/thread.h"
#include "os/thread_stack.h"
#include "suite.h"

#define THREADS 9
/* What a stack is full of before a thread runs on it. */
#define PAINT ((unsigned char)0xa7)
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
	void *lowest;
	bool begins;
	unsigned touched;
	unsigned left;
	unsigned spoilt; /* of the caller's bytes */
	uintptr_t frame; /* of the caller of stack_trim() */
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
	finding->frame = (uintptr_t)__builtin_frame_address(0);
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
		stack_trim_begin(finding->lowest);
	look(finding);
	return NULL;
}

static void
start(struct finding *finding, void *(*runs)(void *), bool begins)
{
	finding->begins = begins;
	ck_assert_int_eq(
	    thread_start_on(finding->lowest, &finding->thread, runs, finding),
	    ERROR_NONE);
}

static void
take(struct finding *finding)
{
	memset(finding, 0, sizeof *finding);
	finding->lowest = thread_stack_map();
	ck_assert_ptr_nonnull(finding->lowest);
}

static void
assert_goes(const struct finding *finding, bool goes)
{
	ck_assert_uint_gt(finding->touched, 0);
	ck_assert_uint_eq(finding->left, goes ? 0 : finding->touched);
	ck_assert_uint_eq(finding->spoilt, 0);
}

static void
assert_goes_in_a_thread(bool begins, bool goes)
{
	struct finding finding;

	take(&finding);
	start(&finding, run, begins);
	thread_join(finding.thread);
	thread_stack_unmap(finding.lowest);
	assert_goes(&finding, goes);
}

START_TEST(what_is_used_no_more_goes_and_the_callers_stays)
{
	assert_goes_in_a_thread(true, GOES);
}
END_TEST

START_TEST(nothing_goes_in_a_thread_that_has_not_begun)
{
	struct finding finding = {.begins = false};

	assert_goes_in_a_thread(false, false);
	/* Nor when another has, on the same stack, nor in the main thread. */
	assert_goes_in_a_thread(true, GOES);
	assert_goes_in_a_thread(false, false);
	look(&finding);
	assert_goes(&finding, false);
}
END_TEST

/* One uses the stack of the other. */
START_TEST(it_goes_in_each_of_many_threads_in_turn)
{
	for (int i = 0; i < THREADS; i++)
		assert_goes_in_a_thread(true, GOES);
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
	struct finding *finding = argument;

	stack_trim_begin(finding->lowest);
	finding->spoilt = descend(200);
	return NULL;
}

START_TEST(wherever_a_frame_ends_it_stays)
{
	struct finding finding;

	take(&finding);
	finding.spoilt = 1;
	start(&finding, run_descent, true);
	thread_join(finding.thread);
	ck_assert_uint_eq(finding.spoilt, 0);
	thread_stack_unmap(finding.lowest);
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
		stack_trim_begin(finding->lowest);
	stand_by(finding);
	look(finding);
	return NULL;
}

/* Returns memory with a stack for each, and a guard page below each. */
static char *
take_neighbours(struct finding *findings)
{
	size_t step = page_bytes() + THREAD_STACK_BYTES;
	char *start = mmap(NULL, THREADS * step, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(start, MAP_FAILED);
	memset(findings, 0, THREADS * sizeof *findings);
	for (unsigned i = 0; i < THREADS; i++) {
		ck_assert_int_eq(
		    mprotect(start + i * step, page_bytes(), PROT_NONE), 0);
		findings[i].lowest = start + i * step + page_bytes();
	}
	return start;
}

static void
give_neighbours(char *start)
{
	munmap(start, THREADS * (page_bytes() + THREAD_STACK_BYTES));
}

START_TEST(no_thread_touches_what_its_neighbours_use)
{
	struct finding findings[THREADS];
	char *start_of_all;

	pthread_barrier_init(&all_here, NULL, THREADS);
	for (int round = 0; round < 2; round++) {
		start_of_all = take_neighbours(findings);
		for (unsigned i = 0; i < THREADS; i++)
			start(&findings[i], run_beside, i % 4 != 3);
		for (unsigned i = 0; i < THREADS; i++)
			thread_join(findings[i].thread);
		for (unsigned i = 0; i < THREADS; i++)
			assert_goes(&findings[i], GOES && findings[i].begins);
		give_neighbours(start_of_all);
	}
	pthread_barrier_destroy(&all_here);
}
END_TEST

/* How many bytes from there on are the same. */
PLAIN static size_t
count_same(const void *from, unsigned char byte)
{
	const volatile unsigned char *bytes = from;
	size_t count = 0;

	while (count < THREAD_STACK_BYTES && bytes[count] == byte)
		count++;
	return count;
}

PLAIN static void
paint(void *from)
{
	volatile unsigned char *bytes = from;

	for (size_t i = 0; i < THREAD_STACK_BYTES; i++)
		bytes[i] = PAINT;
}

/* All of it is gone to the page of the frame, or nothing. */
static void
assert_trimmed(const struct finding *finding, bool goes)
{
	size_t gone = count_same(finding->lowest, 0);
	size_t depth = finding->frame - (uintptr_t)finding->lowest;

	ck_assert_uint_le(depth, THREAD_STACK_BYTES);
	ck_assert_uint_le(gone, depth);
	if (goes)
		ck_assert_uint_gt(gone, depth - NEAR_BYTES);
	else
		ck_assert_uint_gt(
		    count_same(finding->lowest, PAINT), NEAR_BYTES);
}

/* Each second one has a thread; what goes there is all that goes. */
START_TEST(what_goes_is_between_the_lowest_address_and_the_frame)
{
	struct finding findings[THREADS];
	char *start_of_all;

	start_of_all = take_neighbours(findings);
	for (unsigned i = 0; i < THREADS; i++)
		paint(findings[i].lowest);
	for (unsigned i = 1; i < THREADS; i += 2)
		start(&findings[i], run, i % 4 == 1);
	for (unsigned i = 1; i < THREADS; i += 2)
		thread_join(findings[i].thread);
	for (unsigned i = 0; i < THREADS; i++)
		if (i % 2 == 0)
			ck_assert_uint_eq(count_same(findings[i].lowest, PAINT),
			    THREAD_STACK_BYTES);
		else
			assert_trimmed(
			    &findings[i], GOES && findings[i].begins);
	give_neighbours(start_of_all);
}
END_TEST

SUITE_MAIN("stack", what_is_used_no_more_goes_and_the_callers_stays,
    nothing_goes_in_a_thread_that_has_not_begun,
    it_goes_in_each_of_many_threads_in_turn, wherever_a_frame_ends_it_stays,
    no_thread_touches_what_its_neighbours_use,
    what_goes_is_between_the_lowest_address_and_the_frame)
