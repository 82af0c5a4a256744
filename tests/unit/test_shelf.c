/* What shelf.h promises: memory that nobody else has, and none of it new as long
 * as some lies there. */
#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include "heap.h"
#include "os/shelf.h"
#include "suite.h"

#define SIZE    40
#define MANY    (3 * SHELF_KEPT_MOST)
#define THREADS 4
#define ROUNDS  5000

static struct shelf shelf;
static void *objects[MANY];

static void
take_many(unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		HEAP_WATCH(objects[i] = shelf_take(&shelf));
		ck_assert_ptr_nonnull(objects[i]);
		memset(objects[i], (int)i, SIZE);
	}
}

static void
give_many(unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		HEAP_WATCH(shelf_give(&shelf, objects[i]));
}

static void
tidy(void)
{
	HEAP_WATCH(shelf_tidy(&shelf));
}

static void
destroy(void)
{
	HEAP_WATCH(shelf_destroy(&shelf));
}

START_TEST(an_object_has_the_size_that_was_asked_for)
{
	shelf_init(&shelf, SIZE);
	HEAP_WATCH(objects[0] = shelf_take(&shelf));
	ck_assert_ptr_nonnull(objects[0]);
#ifdef HEAP_COUNTS /* a sanitizer sees what is written beyond */
	ck_assert_uint_eq(heap.size, SIZE);
#endif
	memset(objects[0], 0x5a, SIZE);
	shelf_give(&shelf, objects[0]);
	destroy();
}
END_TEST

START_TEST(an_object_may_be_as_small_as_a_pointer)
{
	void *first, *second;

	shelf_init(&shelf, sizeof(void *));
	first = shelf_take(&shelf);
	second = shelf_take(&shelf);
	ck_assert_ptr_nonnull(first);
	ck_assert_ptr_nonnull(second);
	ck_assert_ptr_ne(first, second);
	memset(first, 0x5a, sizeof(void *));
	memset(second, 0xa5, sizeof(void *));
	shelf_give(&shelf, first);
	shelf_give(&shelf, second);
	destroy();
}
END_TEST

START_TEST(what_was_given_last_is_taken_first)
{
	shelf_init(&shelf, SIZE);
	take_many(3);
	give_many(3);
	heap_reset();
	for (unsigned i = 3; i-- > 0;) {
		void *object;

		HEAP_WATCH(object = shelf_take(&shelf));
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
	shelf_init(&shelf, SIZE);
	heap_reset();
	take_many(5);
	heap_assert(5, 0);
	give_many(2);
	heap_assert(5, 0);
	/* Two lie there, a third is new. */
	HEAP_WATCH(objects[0] = shelf_take(&shelf));
	HEAP_WATCH(objects[1] = shelf_take(&shelf));
	heap_assert(5, 0);
	HEAP_WATCH(objects[5] = shelf_take(&shelf));
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
	shelf_init(&shelf, SIZE);
	shelf_give(&shelf, NULL);
	objects[0] = shelf_take(&shelf);
	ck_assert_ptr_nonnull(objects[0]);
	shelf_give(&shelf, objects[0]);
	shelf_give(&shelf, NULL);
	ck_assert_ptr_eq(shelf_take(&shelf), objects[0]);
	shelf_give(&shelf, objects[0]);
	destroy();
}
END_TEST

START_TEST(tidying_leaves_a_few)
{
	shelf_init(&shelf, SIZE);
	take_many(MANY);
	give_many(MANY);
	heap_reset();
	tidy();
	heap_assert(0, MANY - SHELF_KEPT_MOST);
	/* There is no more to be done now. */
	tidy();
	heap_assert(0, MANY - SHELF_KEPT_MOST);
	heap_reset();
	take_many(MANY);
	heap_assert(MANY - SHELF_KEPT_MOST, 0);
	give_many(SHELF_KEPT_MOST);
	heap_reset();
	tidy();
	heap_assert(0, 0);
	for (unsigned i = SHELF_KEPT_MOST; i < MANY; i++)
		shelf_give(&shelf, objects[i]);
	destroy();
	heap_assert(0, MANY);
}
END_TEST

START_TEST(a_shelf_that_is_empty_can_be_tidied_and_destroyed)
{
	shelf_init(&shelf, SIZE);
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
			own[i] = shelf_take(&shelf);
			if (own[i] == NULL)
				abort();
			memset(own[i], mark + (int)i, SIZE);
		}
		for (unsigned i = 0; i < count; i++) {
			for (unsigned k = 0; k < SIZE; k++)
				spoilt += own[i][k] != (uint8_t)(mark + i);
			shelf_give(&shelf, own[i]);
		}
		if (round % 100 == 0)
			shelf_tidy(&shelf);
	}
	return spoilt == 0 ? NULL : argument;
}

START_TEST(threads_have_memory_that_nobody_else_has)
{
	uint8_t marks[THREADS];
	pthread_t threads[THREADS];

	shelf_init(&shelf, SIZE);
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

SUITE_MAIN("shelf", an_object_has_the_size_that_was_asked_for,
    an_object_may_be_as_small_as_a_pointer, what_was_given_last_is_taken_first,
    an_empty_shelf_asks_the_system, nothing_may_be_given, tidying_leaves_a_few,
    a_shelf_that_is_empty_can_be_tidied_and_destroyed,
    threads_have_memory_that_nobody_else_has)
