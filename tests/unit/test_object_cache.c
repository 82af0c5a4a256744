/* What object_cache.h promises: memory that nobody else has, and none of it new as long
 * as some lies there. */
#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include "heap.h"
#include "os/object_cache.h"
#include "suite.h"

#define SIZE    40
#define MANY    (3 * OBJECT_CACHE_KEPT_MOST)
#define THREADS 4
#define ROUNDS  5000

static struct object_cache cache;
static void *objects[MANY];

static void
take_many(unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		HEAP_WATCH(objects[i] = object_cache_take(&cache));
		ck_assert_ptr_nonnull(objects[i]);
		memset(objects[i], (int)i, SIZE);
	}
}

static void
give_many(unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		HEAP_WATCH(object_cache_give(&cache, objects[i]));
}

static void
tidy(void)
{
	HEAP_WATCH(object_cache_tidy(&cache));
}

static void
destroy(void)
{
	HEAP_WATCH(object_cache_destroy(&cache));
}

START_TEST(an_object_has_the_size_that_was_asked_for)
{
	object_cache_init(&cache, SIZE);
	HEAP_WATCH(objects[0] = object_cache_take(&cache));
	ck_assert_ptr_nonnull(objects[0]);
#ifdef HEAP_COUNTS /* a sanitizer sees what is written beyond */
	ck_assert_uint_eq(heap.size, SIZE);
#endif
	memset(objects[0], 0x5a, SIZE);
	object_cache_give(&cache, objects[0]);
	destroy();
}
END_TEST

START_TEST(an_object_may_be_as_small_as_a_pointer)
{
	void *first, *second;

	object_cache_init(&cache, sizeof(void *));
	first = object_cache_take(&cache);
	second = object_cache_take(&cache);
	ck_assert_ptr_nonnull(first);
	ck_assert_ptr_nonnull(second);
	ck_assert_ptr_ne(first, second);
	memset(first, 0x5a, sizeof(void *));
	memset(second, 0xa5, sizeof(void *));
	object_cache_give(&cache, first);
	object_cache_give(&cache, second);
	destroy();
}
END_TEST

START_TEST(what_was_given_last_is_taken_first)
{
	object_cache_init(&cache, SIZE);
	take_many(3);
	give_many(3);
	heap_reset();
	for (unsigned i = 3; i-- > 0;) {
		void *object;

		HEAP_WATCH(object = object_cache_take(&cache));
		ck_assert_ptr_eq(object, objects[i]);
	}
	heap_assert(0, 0);
	give_many(3);
	heap_assert(0, 0);
	destroy();
}
END_TEST

START_TEST(an_empty_shelf_asks_the_system)
{
	object_cache_init(&cache, SIZE);
	heap_reset();
	take_many(5);
	heap_assert(5, 0);
	give_many(2);
	heap_assert(5, 0);
	/* Two lie there, a third is new. */
	HEAP_WATCH(objects[0] = object_cache_take(&cache));
	HEAP_WATCH(objects[1] = object_cache_take(&cache));
	heap_assert(5, 0);
	HEAP_WATCH(objects[5] = object_cache_take(&cache));
	heap_assert(6, 0);
	for (unsigned i = 0; i < 6; i++)
		for (unsigned j = 0; j < i; j++)
			ck_assert_ptr_ne(objects[i], objects[j]);
	give_many(6);
	destroy();
	heap_assert(6, 6);
}
END_TEST

START_TEST(nothing_may_be_given)
{
	object_cache_init(&cache, SIZE);
	object_cache_give(&cache, NULL);
	objects[0] = object_cache_take(&cache);
	ck_assert_ptr_nonnull(objects[0]);
	object_cache_give(&cache, objects[0]);
	object_cache_give(&cache, NULL);
	ck_assert_ptr_eq(object_cache_take(&cache), objects[0]);
	object_cache_give(&cache, objects[0]);
	destroy();
}
END_TEST

START_TEST(tidying_leaves_a_few)
{
	object_cache_init(&cache, SIZE);
	take_many(MANY);
	give_many(MANY);
	heap_reset();
	tidy();
	heap_assert(0, MANY - OBJECT_CACHE_KEPT_MOST);
	/* There is no more to be done now. */
	tidy();
	heap_assert(0, MANY - OBJECT_CACHE_KEPT_MOST);
	heap_reset();
	take_many(MANY);
	heap_assert(MANY - OBJECT_CACHE_KEPT_MOST, 0);
	give_many(OBJECT_CACHE_KEPT_MOST);
	heap_reset();
	tidy();
	heap_assert(0, 0);
	for (unsigned i = OBJECT_CACHE_KEPT_MOST; i < MANY; i++)
		object_cache_give(&cache, objects[i]);
	destroy();
	heap_assert(0, MANY);
}
END_TEST

START_TEST(a_shelf_that_is_empty_can_be_tidied_and_destroyed)
{
	object_cache_init(&cache, SIZE);
	heap_reset();
	tidy();
	destroy();
	heap_assert(0, 0);
}
END_TEST

/* Take some, mark all of them, give them back; in turns with the others. */
static void *
use(void *argument)
{
	uint8_t mark = *(const uint8_t *)argument;
	uint8_t *own[8];
	unsigned spoilt = 0;

	for (unsigned round = 0; round < ROUNDS; round++) {
		unsigned count = 1 + round % SUITE_LENGTH(own);

		for (unsigned i = 0; i < count; i++) {
			own[i] = object_cache_take(&cache);
			if (own[i] == NULL)
				abort();
			memset(own[i], mark + (int)i, SIZE);
		}
		for (unsigned i = 0; i < count; i++) {
			for (unsigned k = 0; k < SIZE; k++)
				spoilt += own[i][k] != (uint8_t)(mark + i);
			object_cache_give(&cache, own[i]);
		}
		if (round % 100 == 0)
			object_cache_tidy(&cache);
	}
	return spoilt == 0 ? NULL : argument;
}

START_TEST(threads_have_memory_that_nobody_else_has)
{
	uint8_t marks[THREADS];
	pthread_t threads[THREADS];

	object_cache_init(&cache, SIZE);
	for (unsigned i = 0; i < THREADS; i++) {
		marks[i] = (uint8_t)(16 * i);
		ck_assert_int_eq(
		    pthread_create(&threads[i], NULL, use, &marks[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		void *spoilt;

		pthread_join(threads[i], &spoilt);
		ck_assert_ptr_null(spoilt);
	}
	/* None was lost: no more are new than were ever out at a time. */
	heap_reset();
	take_many(THREADS);
	ck_assert_uint_le(heap.taken, THREADS);
	give_many(THREADS);
	destroy();
}
END_TEST

SUITE_MAIN("cache", an_object_has_the_size_that_was_asked_for,
    an_object_may_be_as_small_as_a_pointer, what_was_given_last_is_taken_first,
    an_empty_shelf_asks_the_system, nothing_may_be_given, tidying_leaves_a_few,
    a_shelf_that_is_empty_can_be_tidied_and_destroyed,
    threads_have_memory_that_nobody_else_has)
