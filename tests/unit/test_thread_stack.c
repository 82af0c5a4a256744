/*
 * What thread_stack.h promises: memory that nobody else has, with a guard below it,
 * and all of it given back. thread_stack.c is part of this program, so that what it
 * asks of the system can be refused and counted.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "suite.h"

static void *system_mmap(
    void *start, size_t size, int access, int flags, int fd, off_t offset);
static int system_munmap(void *start, size_t size);
static int system_madvise(void *start, size_t size, int advice);
static int system_mprotect(void *start, size_t size, int access);

#define mmap     system_mmap
#define munmap   system_munmap
#define madvise  system_madvise
#define mprotect system_mprotect
#include "os/thread_stack.c" /* NOLINT(bugprone-suspicious-include) */
#undef mmap
#undef munmap
#undef madvise
#undef mprotect

#define MANY    70
#define THREADS 4
#define ROUNDS  100

/* Writes what a sanitizer has no say in. */
#define PLAIN                                                                  \
	__attribute__((noinline, no_sanitize("address"), no_sanitize("thread")))

/* What the system has been asked for, and what it refuses. */
static struct {
	bool refuses_mmap;
	bool refuses_protection;
	atomic_uint mappings, unmappings;
	atomic_size_t mapped_bytes, unmapped_bytes;
	/* Addresses of those that are there, all combined. */
	atomic_uintptr_t starts;
	/* What may not become a huge page. */
	void *_Atomic small;
	atomic_size_t small_bytes;
} asked;

static char *stacks[MANY];

static void *
system_mmap(
    void *start, size_t size, int access, int flags, int fd, off_t offset)
{
	void *mapping;

	if (asked.refuses_mmap) {
		errno = ENOMEM;
		return MAP_FAILED;
	}
	mapping = mmap(start, size, access, flags, fd, offset);
	ck_assert_ptr_ne(mapping, MAP_FAILED);
	asked.mappings++;
	asked.mapped_bytes += size;
	asked.starts ^= (uintptr_t)mapping;
	return mapping;
}

static int
system_munmap(void *start, size_t size)
{
	asked.unmappings++;
	asked.unmapped_bytes += size;
	asked.starts ^= (uintptr_t)start;
	return munmap(start, size);
}

static int
system_madvise(void *start, size_t size, int advice)
{
#ifdef MADV_NOHUGEPAGE
	if (advice == MADV_NOHUGEPAGE) {
		asked.small = start;
		asked.small_bytes = size;
	}
#endif
	return madvise(start, size, advice);
}

static int
system_mprotect(void *start, size_t size, int access)
{
	if (asked.refuses_protection) {
		errno = ENOMEM;
		return -1;
	}
	return mprotect(start, size, access);
}

static void
take(unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		stacks[i] = thread_stack_map();
		ck_assert_ptr_nonnull(stacks[i]);
	}
}

static void
give(unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		thread_stack_unmap(stacks[i]);
}

/* All mappings are gone, whole. */
static void
assert_unmapped(unsigned mappings)
{
	ck_assert_uint_eq(asked.mappings, mappings);
	ck_assert_uint_eq(asked.unmappings, mappings);
	ck_assert_uint_eq(asked.unmapped_bytes, asked.mapped_bytes);
	ck_assert_uint_eq(asked.starts, 0);
}

/* Whether each byte of a stack is the same. */
static bool
is_full_of(const char *bytes, char byte)
{
	return bytes[0] == byte &&
	       memcmp(bytes, bytes + 1, THREAD_STACK_BYTES - 1) == 0;
}

PLAIN static void
write_byte(volatile char *at)
{
	*at = 1;
}

/* Whether a process that writes there is killed. */
static bool
is_deadly(char *at)
{
	static const struct rlimit no_core = {0, 0};
	int status;
	pid_t child = fork();

	ck_assert_int_ne(child, -1);
	if (child == 0) {
		setrlimit(RLIMIT_CORE, &no_core);
		signal(SIGSEGV, SIG_DFL);
		write_byte(at);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	if (WIFSIGNALED(status))
		ck_assert_int_eq(WTERMSIG(status), SIGSEGV);
	else
		ck_assert_int_eq(WEXITSTATUS(status), 0);
	return WIFSIGNALED(status);
}

START_TEST(every_byte_of_a_stack_is_its_own)
{
	take(MANY);
	for (unsigned i = 0; i < MANY; i++) {
		ck_assert_uint_eq((uintptr_t)stacks[i] % guard_bytes(), 0);
		ck_assert(is_full_of(stacks[i], 0));
		memset(stacks[i], (int)i + 1, THREAD_STACK_BYTES);
	}
	for (unsigned i = 0; i < MANY; i++)
		ck_assert(is_full_of(stacks[i], (char)(i + 1)));
	give(MANY);
	assert_unmapped(MANY);
}
END_TEST

START_TEST(below_a_stack_is_a_guard)
{
	take(3);
	for (unsigned i = 0; i < 3; i++) {
		ck_assert(is_deadly(stacks[i] - 1));
		ck_assert(is_deadly(stacks[i] - guard_bytes()));
		ck_assert(!is_deadly(stacks[i]));
		ck_assert(!is_deadly(stacks[i] + THREAD_STACK_BYTES - 1));
	}
	give(3);
	assert_unmapped(3);
}
END_TEST

START_TEST(all_of_a_stack_is_given_back)
{
	for (unsigned round = 1; round <= 3; round++) {
		take(MANY);
		for (unsigned i = 0; i < MANY; i++)
			memset(stacks[i], 1, THREAD_STACK_BYTES);
		give(MANY);
		assert_unmapped(round * MANY);
	}
	/* The address may be another's by now, and then is no memory of
	 * ours. */
	take(1);
	ck_assert(is_full_of(stacks[0], 0));
	give(1);
}
END_TEST

START_TEST(no_stack_is_a_part_of_a_huge_page)
{
	take(1);
#ifdef MADV_NOHUGEPAGE
	ck_assert((char *)asked.small <= stacks[0]);
	ck_assert((char *)asked.small + asked.small_bytes >=
		  stacks[0] + THREAD_STACK_BYTES);
#endif
	give(1);
}
END_TEST

START_TEST(without_memory_or_a_guard_there_is_no_stack)
{
	asked.refuses_mmap = true;
	errno = 0;
	ck_assert_ptr_null(thread_stack_map());
	ck_assert_int_eq(errno, ENOMEM);
	asked.refuses_mmap = false;
	asked.refuses_protection = true;
	errno = 0;
	ck_assert_ptr_null(thread_stack_map());
	ck_assert_int_eq(errno, ENOMEM);
	assert_unmapped(1);
	asked.refuses_protection = false;
	take(1);
	give(1);
	assert_unmapped(2);
}
END_TEST

static void *
take_and_give(void *argument)
{
	unsigned *spoilt = argument;

	for (unsigned i = 0; i < ROUNDS; i++) {
		char *stack = thread_stack_map();

		if (stack == NULL)
			return NULL;
		*spoilt += !is_full_of(stack, 0);
		memset(stack, (int)i + 1, THREAD_STACK_BYTES);
		*spoilt += !is_full_of(stack, (char)(i + 1));
		thread_stack_unmap(stack);
	}
	return argument;
}

START_TEST(any_thread_may_take_and_give)
{
	pthread_t threads[THREADS];
	unsigned spoilt[THREADS] = {0};
	void *result;

	for (unsigned i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL,
				     take_and_give, &spoilt[i]),
		    0);
	for (unsigned i = 0; i < THREADS; i++) {
		ck_assert_int_eq(pthread_join(threads[i], &result), 0);
		ck_assert_ptr_eq(result, &spoilt[i]);
		ck_assert_uint_eq(spoilt[i], 0);
	}
	assert_unmapped(THREADS * ROUNDS);
}
END_TEST

SUITE_MAIN("stacks", every_byte_of_a_stack_is_its_own, below_a_stack_is_a_guard,
    all_of_a_stack_is_given_back, no_stack_is_a_part_of_a_huge_page,
    without_memory_or_a_guard_there_is_no_stack, any_thread_may_take_and_give)
