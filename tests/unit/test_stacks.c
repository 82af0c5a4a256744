/*
 * What stacks.h promises: memory that nobody else has, with a guard below it, and
 * all of it given back. stacks.c is part of this program, so that what it asks of
 * the system can be refused and counted.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "suite.h"

static void *system_malloc(size_t size);
static void system_free(void *start);
static void *system_mmap(
    void *start, size_t size, int access, int flags, int fd, off_t offset);
static int system_munmap(void *start, size_t size);
static int system_madvise(void *start, size_t size, int advice);
static int system_mprotect(void *start, size_t size, int access);

#define malloc   system_malloc
#define free     system_free
#define mmap     system_mmap
#define munmap   system_munmap
#define madvise  system_madvise
#define mprotect system_mprotect
#include "os/stacks.c" /* NOLINT(bugprone-suspicious-include) */
#undef malloc
#undef free
#undef mmap
#undef munmap
#undef madvise
#undef mprotect

/* Of a mapping (PLACES of stacks.c); the header only says many. */
#define ROOM     64
#define CHUNKS   3
#define MOST     ((CHUNKS + 1) * ROOM)
#define THREADS  4
#define ROUNDS   100
#define OUT_MOST 50

/* Reads and writes what a sanitizer has no say in. */
#define PLAIN                                                                  \
	__attribute__((noinline, no_sanitize("address"), no_sanitize("thread")))

/* What the system has been asked for, and what it refuses. */
static struct {
	bool refuses_malloc;
	bool refuses_mmap;
	bool refuses_advice; /* any but MADV_DONTNEED, with EINVAL */
	bool refuses_protection;
	bool pretends_guards;
	atomic_uint mallocs, frees;
	atomic_uint mappings, unmappings;
	atomic_uint guards, refused_guards, protections;
	/* Of the last mapping. */
	char *start;
	size_t size;
	/* Of what was unmapped last: without the lock. */
	_Atomic(char *) unmapped;
	atomic_size_t unmapped_bytes;
	/* Of what may not become a huge page. */
	char *small;
	size_t small_bytes;
} asked;

static struct stacks stacks;
static struct stacks_place places[MOST];

static void *
system_malloc(size_t size)
{
	if (asked.refuses_malloc) {
		errno = ENOMEM;
		return NULL;
	}
	atomic_fetch_add(&asked.mallocs, 1);
	return malloc(size);
}

static void
system_free(void *start)
{
	atomic_fetch_add(&asked.frees, 1);
	free(start);
}

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
	/* Under the lock of the stacks. */
	asked.start = mapping;
	asked.size = size;
	atomic_fetch_add(&asked.mappings, 1);
	return mapping;
}

static int
system_munmap(void *start, size_t size)
{
	asked.unmapped = start;
	asked.unmapped_bytes = size;
	atomic_fetch_add(&asked.unmappings, 1);
	return munmap(start, size);
}

static int
system_madvise(void *start, size_t size, int advice)
{
	int result;

	if (asked.refuses_advice && advice != MADV_DONTNEED) {
		errno = EINVAL;
		return -1;
	}
	if (advice == MADV_GUARD_INSTALL && asked.pretends_guards)
		result = 0;
	else
		result = madvise(start, size, advice);
	if (advice == MADV_GUARD_INSTALL)
		atomic_fetch_add(
		    result == 0 ? &asked.guards : &asked.refused_guards, 1);
#ifdef MADV_NOHUGEPAGE
	if (advice == MADV_NOHUGEPAGE) {
		asked.small = start;
		asked.small_bytes = size;
	}
#endif
	return result;
}

static int
system_mprotect(void *start, size_t size, int access)
{
	if (asked.refuses_protection) {
		errno = ENOMEM;
		return -1;
	}
	atomic_fetch_add(&asked.protections, 1);
	return mprotect(start, size, access);
}

static void
start(void)
{
	memset(&asked, 0, sizeof asked);
	stacks_init(&stacks);
}

static void
assert_mapped(unsigned mappings, unsigned unmappings)
{
	ck_assert_uint_eq(asked.mappings, mappings);
	ck_assert_uint_eq(asked.unmappings, unmappings);
}

/* All must have been given back. */
static void
end(void)
{
	stacks_destroy(&stacks);
	assert_mapped(asked.mappings, asked.mappings);
	ck_assert_uint_eq(asked.mallocs, asked.frees);
}

static void
take(unsigned from, unsigned count)
{
	for (unsigned i = from; i < from + count; i++) {
		memset(&places[i], 0, sizeof places[i]);
		ck_assert_int_eq(stacks_take(&stacks, &places[i]), ERROR_NONE);
		ck_assert_ptr_nonnull(places[i].lowest);
	}
}

static void
give(unsigned from, unsigned count)
{
	for (unsigned i = from; i < from + count; i++)
		stacks_give(&stacks, &places[i]);
}

static char *
lowest(unsigned i)
{
	return places[i].lowest;
}

/* Whether each byte of a place is the same. */
static bool
is_full_of(unsigned i, char byte)
{
	const char *bytes = lowest(i);

	return bytes[0] == byte &&
	       memcmp(bytes, bytes + 1, THREAD_STACK_BYTES - 1) == 0;
}

PLAIN static void
write_byte(volatile char *at)
{
	*at = 1;
}

/* Whether who writes there falls. */
static bool
falls(char *at)
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

/* Right below the place, and no byte of it. */
static void
assert_guarded(unsigned from, unsigned count)
{
	for (unsigned i = from; i < from + count; i++) {
		ck_assert(falls(lowest(i) - 1));
		ck_assert(falls(lowest(i) - page_bytes()));
		write_byte(lowest(i));
		write_byte(lowest(i) + THREAD_STACK_BYTES - 1);
	}
}

static int
compare_places(const void *left, const void *right)
{
	const struct stacks_place *one = left;
	const struct stacks_place *other = right;
	uintptr_t a = (uintptr_t)one->lowest;
	uintptr_t b = (uintptr_t)other->lowest;

	return (a > b) - (a < b);
}

static void
sort(unsigned count)
{
	qsort(places, count, sizeof *places, compare_places);
}

/* --- The memory */

START_TEST(every_byte_of_a_place_is_its_own)
{
	start();
	take(0, ROOM + 2);
	for (unsigned i = 0; i < ROOM + 2; i++) {
		ck_assert_uint_eq((uintptr_t)lowest(i) % page_bytes(), 0);
		ck_assert(is_full_of(i, 0));
		memset(lowest(i), (int)i + 1, THREAD_STACK_BYTES);
	}
	for (unsigned i = 0; i < ROOM + 2; i++)
		ck_assert(is_full_of(i, (char)(i + 1)));
	give(0, ROOM + 2);
	end();
}
END_TEST

START_TEST(no_two_places_overlap)
{
	start();
	take(0, MOST);
	sort(MOST);
	for (unsigned i = 1; i < MOST; i++)
		ck_assert_uint_ge((uintptr_t)lowest(i),
		    (uintptr_t)lowest(i - 1) + THREAD_STACK_BYTES +
			page_bytes());
	give(0, MOST);
	end();
}
END_TEST

#if defined(__linux__)
static void
assert_pages(unsigned place, size_t expected)
{
	static unsigned char there[THREAD_STACK_BYTES / 4096];
	size_t count = 0;

	ck_assert_int_eq(
	    mincore(places[place].lowest, THREAD_STACK_BYTES, there), 0);
	for (size_t i = 0; i < THREAD_STACK_BYTES / page_bytes(); i++)
		count += there[i] & 1;
	ck_assert_uint_eq(count, expected);
}

static void
assert_zero(unsigned place)
{
	ck_assert(is_full_of(place, 0));
}
#else
/* When the memory goes is the system's affair. */
#define assert_pages(place, expected) ((void)(expected))
#define assert_zero(place)            ((void)(place))
#endif

/* The mapping stays: it has room, and no other has. */
START_TEST(all_memory_that_is_given_goes_and_no_other)
{
	size_t pages = THREAD_STACK_BYTES / page_bytes();

	start();
	take(0, 3);
	sort(3);
	for (unsigned i = 0; i < 3; i++)
		memset(lowest(i), (int)i + 1, THREAD_STACK_BYTES);
	assert_pages(1, pages);
	give(1, 1);
	assert_pages(1, 0);
	ck_assert(is_full_of(0, 1));
	ck_assert(is_full_of(2, 3));
	take(1, 1);
	assert_zero(1);
	memset(lowest(1), 2, THREAD_STACK_BYTES);
	give(0, 3);
	for (unsigned i = 0; i < 3; i++)
		assert_pages(i, 0);
	assert_mapped(1, 0);
	end();
}
END_TEST

START_TEST(a_place_is_taken_again)
{
	char *first;

	start();
	take(0, 1);
	first = lowest(0);
	for (int round = 0; round < 3; round++) {
		give(0, 1);
		take(0, 1);
		ck_assert_ptr_eq(lowest(0), first);
	}
	/* Any of a full mapping. */
	take(1, ROOM - 1);
	for (unsigned i = 0; i < ROOM; i++) {
		first = lowest(i);
		give(i, 1);
		take(i, 1);
		ck_assert_ptr_eq(lowest(i), first);
	}
	assert_mapped(1, 0);
	give(0, ROOM);
	end();
}
END_TEST

/* One of 2 MiB would be many stacks at once. */
START_TEST(no_stack_is_part_of_a_huge_page)
{
	start();
	take(0, 1);
#ifdef MADV_NOHUGEPAGE
	ck_assert_ptr_eq(asked.small, asked.start);
	ck_assert_uint_eq(asked.small_bytes, asked.size);
#endif
	give(0, 1);
	end();
}
END_TEST

/* --- The guards */

START_TEST(who_runs_over_the_lower_end_falls)
{
	start();
	take(0, ROOM + 1);
	sort(ROOM + 1);
	assert_guarded(0, ROOM + 1);
	/* Either way, and not both. */
	ck_assert_uint_eq(asked.guards + asked.protections, 2 * ROOM);
	ck_assert_uint_eq(asked.refused_guards, asked.protections);
	give(0, ROOM + 1);
	end();
}
END_TEST

START_TEST(also_where_the_system_has_no_light_guards)
{
	start();
	asked.refuses_advice = true;
	take(0, ROOM + 1);
	sort(ROOM + 1);
	assert_guarded(0, ROOM + 1);
	ck_assert_uint_eq(asked.protections, 2 * ROOM);
	give(0, ROOM + 1);
	end();
}
END_TEST

START_TEST(a_light_guard_needs_no_other)
{
	start();
	asked.pretends_guards = true;
	take(0, 1);
	ck_assert_uint_eq(asked.guards, ROOM);
	ck_assert_uint_eq(asked.protections, 0);
	give(0, 1);
	end();
}
END_TEST

/* Full of something, given back and taken: not all, so that the mapping is the
 * same. */
static void
assert_guarded_when_taken_again(void)
{
	take(0, ROOM);
	for (int round = 0; round < 2; round++) {
		for (unsigned i = 0; i < ROOM; i++)
			memset(lowest(i), 1, THREAD_STACK_BYTES);
		give(0, ROOM);
		take(0, ROOM);
	}
	assert_mapped(1, 0);
	assert_guarded(0, ROOM);
	give(0, ROOM);
}

START_TEST(also_on_a_stack_that_is_used_again)
{
	start();
	assert_guarded_when_taken_again();
	end();
	start();
	asked.refuses_advice = true;
	assert_guarded_when_taken_again();
	end();
}
END_TEST

/* --- The mappings */

START_TEST(one_mapping_holds_many_and_then_there_is_another)
{
	start();
	assert_mapped(0, 0);
	for (unsigned i = 0; i < MOST; i++) {
		take(i, 1);
		assert_mapped(i / ROOM + 1, 0);
		ck_assert_uint_ge((uintptr_t)lowest(i), (uintptr_t)asked.start);
		ck_assert_uint_le((uintptr_t)lowest(i) + THREAD_STACK_BYTES,
		    (uintptr_t)asked.start + asked.size);
	}
	give(0, MOST);
	end();
}
END_TEST

START_TEST(the_only_mapping_stays_when_it_is_empty)
{
	start();
	for (int round = 0; round < 3; round++) {
		take(0, ROOM);
		give(0, ROOM);
		assert_mapped(1, 0);
	}
	stacks_destroy(&stacks);
	assert_mapped(1, 1);
	ck_assert_ptr_eq(asked.unmapped, asked.start);
	ck_assert_uint_eq(asked.unmapped_bytes, asked.size);
	ck_assert_uint_eq(asked.frees, 1);
}
END_TEST

START_TEST(an_empty_mapping_goes_when_another_has_room)
{
	start();
	take(0, ROOM + 1);
	/* The first is full. */
	give(ROOM, 1);
	assert_mapped(2, 0);
	take(ROOM, 1);
	assert_mapped(2, 0);
	give(5, 1);
	assert_mapped(2, 0);
	give(ROOM, 1);
	assert_mapped(2, 1);
	ck_assert_ptr_eq(asked.unmapped, asked.start);
	ck_assert_uint_eq(asked.unmapped_bytes, asked.size);
	ck_assert_uint_eq(asked.frees, 1);
	/* What is left is of use. */
	take(5, 1);
	assert_mapped(2, 1);
	give(0, ROOM);
	assert_mapped(2, 1);
	end();
}
END_TEST

/* All have room; whichever it is that becomes empty. */
static void
assert_goes(unsigned empty)
{
	start();
	take(0, CHUNKS * ROOM);
	for (unsigned i = 0; i < CHUNKS; i++)
		give(i * ROOM, 1);
	give(empty * ROOM + 1, ROOM - 1);
	assert_mapped(CHUNKS, 1);
	/* Each of the others has one, and that is all. */
	for (unsigned i = 0; i < CHUNKS; i++)
		if (i != empty)
			take(i * ROOM, 1);
	assert_mapped(CHUNKS, 1);
	take(empty * ROOM, 1);
	assert_mapped(CHUNKS + 1, 1);
	for (unsigned i = 0; i < CHUNKS; i++)
		give(i * ROOM, i == empty ? 1 : ROOM);
	assert_mapped(CHUNKS + 1, CHUNKS);
	end();
}

START_TEST(whichever_of_several_is_empty_goes)
{
	for (unsigned i = 0; i < CHUNKS; i++)
		assert_goes(i);
}
END_TEST

START_TEST(those_that_are_full_are_kept_until_one_is_given)
{
	start();
	take(0, CHUNKS * ROOM);
	/* All are full: the next to have room is any of them. */
	for (unsigned i = 0; i < CHUNKS; i++) {
		char *given = lowest(i * ROOM + 7);

		give(i * ROOM + 7, 1);
		take(i * ROOM + 7, 1);
		ck_assert_ptr_eq(lowest(i * ROOM + 7), given);
	}
	assert_mapped(CHUNKS, 0);
	give(0, CHUNKS * ROOM);
	assert_mapped(CHUNKS, CHUNKS - 1);
	end();
}
END_TEST

/* --- What the system refuses */

static void
assert_refused(void)
{
	struct stacks_place place;

	errno = 0;
	ck_assert_int_eq(stacks_take(&stacks, &place), ERROR_RESOURCES);
	ck_assert_int_eq(errno, ENOMEM);
	assert_mapped(asked.mappings, asked.mappings);
	ck_assert_uint_eq(asked.mallocs, asked.frees);
}

START_TEST(without_memory_there_is_none_and_nothing_is_lost)
{
	start();
	asked.refuses_mmap = true;
	assert_refused();
	asked.refuses_mmap = false;
	asked.refuses_malloc = true;
	assert_refused();
	ck_assert_uint_eq(asked.mappings, 0);
	asked.refuses_malloc = false;
	/* Afterwards it is as if nothing had been. */
	take(0, ROOM);
	assert_mapped(1, 0);
	asked.refuses_mmap = true;
	ck_assert_int_eq(stacks_take(&stacks, &places[ROOM]), ERROR_RESOURCES);
	give(3, 1);
	take(3, 1);
	give(0, ROOM);
	end();
}
END_TEST

START_TEST(no_stack_is_without_a_guard)
{
	start();
	asked.refuses_advice = true;
	asked.refuses_protection = true;
	assert_refused();
	ck_assert_uint_eq(asked.unmappings, 1);
	ck_assert_ptr_eq(asked.unmapped, asked.start);
	ck_assert_uint_eq(asked.unmapped_bytes, asked.size);
	asked.refuses_protection = false;
	take(0, 1);
	assert_guarded(0, 1);
	give(0, 1);
	end();
}
END_TEST

START_TEST(none_need_have_been_taken)
{
	start();
	end();
	assert_mapped(0, 0);
}
END_TEST

/* --- Many threads */

static void
mark(const struct stacks_place *place, char byte)
{
	char *bytes = place->lowest;

	bytes[0] = byte;
	bytes[THREAD_STACK_BYTES - 1] = byte;
}

static bool
is_marked(const struct stacks_place *place, char byte)
{
	const char *bytes = place->lowest;

	return bytes[0] == byte && bytes[THREAD_STACK_BYTES - 1] == byte;
}

/* Take some, mark them, give them back; in turns with the others. */
static void *
use(void *argument)
{
	char byte = *(const char *)argument;
	struct stacks_place own[OUT_MOST];
	unsigned spoilt = 0;

	for (unsigned round = 0; round < ROUNDS; round++) {
		unsigned count = 1 + (round * 7 + (unsigned)byte) % OUT_MOST;

		for (unsigned i = 0; i < count; i++) {
			if (stacks_take(&stacks, &own[i]))
				return argument;
			mark(&own[i], byte);
		}
		for (unsigned i = 0; i < count; i++) {
			spoilt += !is_marked(&own[i], byte);
			stacks_give(&stacks, &own[i]);
		}
	}
	return spoilt == 0 ? NULL : argument;
}

START_TEST(threads_take_and_give_at_once)
{
	pthread_t threads[THREADS];
	char bytes[THREADS];

	start();
	for (unsigned i = 0; i < THREADS; i++) {
		bytes[i] = (char)(i + 1);
		ck_assert_int_eq(
		    pthread_create(&threads[i], NULL, use, &bytes[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		void *spoilt;

		pthread_join(threads[i], &spoilt);
		ck_assert_ptr_null(spoilt);
	}
	/* All have been given back: one mapping is left, with all its room. */
	ck_assert_uint_eq(asked.mappings, asked.unmappings + 1);
	assert_mapped(asked.mappings, asked.mappings - 1);
	take(0, ROOM);
	assert_mapped(asked.mappings, asked.mappings - 1);
	give(0, ROOM);
	end();
}
END_TEST

SUITE_MAIN("stacks", every_byte_of_a_place_is_its_own, no_two_places_overlap,
    all_memory_that_is_given_goes_and_no_other, a_place_is_taken_again,
    no_stack_is_part_of_a_huge_page, who_runs_over_the_lower_end_falls,
    also_where_the_system_has_no_light_guards, a_light_guard_needs_no_other,
    also_on_a_stack_that_is_used_again,
    one_mapping_holds_many_and_then_there_is_another,
    the_only_mapping_stays_when_it_is_empty,
    an_empty_mapping_goes_when_another_has_room,
    whichever_of_several_is_empty_goes,
    those_that_are_full_are_kept_until_one_is_given,
    without_memory_there_is_none_and_nothing_is_lost,
    no_stack_is_without_a_guard, none_need_have_been_taken,
    threads_take_and_give_at_once)
