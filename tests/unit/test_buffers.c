/* What buffers.h promises: whole buffers, each lent to one at a time. */
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

#include "relay/buffers.h"
#include "suite.h"

#define MANY (2 * BUFFERS_KEPT_MOST + 5)
/* Where the last int of a buffer is */
#define LAST (BUFFERS_BYTES - sizeof(int))

static void
every_byte_is_there(void)
{
	char *buffer = buffers_borrow();

	ck_assert_ptr_nonnull(buffer);
	memset(buffer, 0x5a, BUFFERS_BYTES);
	ck_assert_int_eq(buffer[BUFFERS_BYTES - 1], 0x5a);
	buffers_return(buffer);
}

START_TEST(every_byte_of_a_buffer_is_there)
{
	every_byte_is_there();
	buffers_return(NULL);
}
END_TEST

START_TEST(no_two_borrowers_have_the_same)
{
	char *buffers[MANY];

	/* Again, with some that were given back. */
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < MANY; i++) {
			buffers[i] = buffers_borrow();
			ck_assert_ptr_nonnull(buffers[i]);
			memcpy(buffers[i], &i, sizeof i);
			memcpy(buffers[i] + LAST, &i, sizeof i);
		}
		for (int i = 0; i < MANY; i++) {
			ck_assert_mem_eq(buffers[i], &i, sizeof i);
			ck_assert_mem_eq(buffers[i] + LAST, &i, sizeof i);
			buffers_return(buffers[i]);
		}
	}
}
END_TEST

START_TEST(what_is_given_back_is_lent_again)
{
	char *first = buffers_borrow();
	char *second;

	buffers_return(first);
	second = buffers_borrow();
	ck_assert_ptr_eq(first, second);
	buffers_return(second);
}
END_TEST

static void *
borrow_often(void *argument)
{
	char mark = *(char *)argument;

	for (int i = 0; i < 2000; i++) {
		char *buffers[3];

		for (int j = 0; j < 3; j++) {
			buffers[j] = buffers_borrow();
			buffers[j][0] = buffers[j][BUFFERS_BYTES - 1] = mark;
		}
		for (int j = 0; j < 3; j++) {
			if (buffers[j][0] != mark ||
			    buffers[j][BUFFERS_BYTES - 1] != mark)
				return argument;
			buffers_return(buffers[j]);
		}
	}
	return NULL;
}

START_TEST(threads_do_not_get_the_same)
{
	static char marks[] = "abcdefgh";
	pthread_t threads[8];

	for (int i = 0; i < 8; i++)
		ck_assert_int_eq(
		    pthread_create(&threads[i], NULL, borrow_often, &marks[i]),
		    0);
	for (int i = 0; i < 8; i++) {
		void *spoilt;

		pthread_join(threads[i], &spoilt);
		ck_assert_ptr_null(spoilt);
	}
}
END_TEST

/* Whether memory is there at all (mincore(2) fails where none is mapped). */
static bool
is_mapped(char *buffer)
{
	unsigned char pages[BUFFERS_BYTES / 4096];

	return mincore(buffer, BUFFERS_BYTES, pages) == 0;
}

static unsigned
count_mapped(char *const buffers[static MANY])
{
	unsigned count = 0;

	for (int i = 0; i < MANY; i++)
		count += is_mapped(buffers[i]);
	return count;
}

static void
borrow_and_return(char **buffers, int count)
{
	for (int i = 0; i < count; i++)
		buffers[i] = buffers_borrow();
	for (int i = 0; i < count; i++)
		buffers_return(buffers[i]);
}

START_TEST(what_nobody_wants_goes_back_but_for_a_few)
{
	char *buffers[MANY];
	char *again[10];

	borrow_and_return(buffers, MANY);
	ck_assert_uint_eq(count_mapped(buffers), BUFFERS_KEPT_MOST);
	/* They were borrowed since the last time, which was never. */
	buffers_tidy();
	ck_assert_uint_eq(count_mapped(buffers), BUFFERS_KEPT_MOST);
	borrow_and_return(again, 10);
	buffers_tidy();
	ck_assert_uint_eq(count_mapped(buffers), 10);
	for (int i = 0; i < 10; i++)
		ck_assert(is_mapped(again[i]));
	buffers_tidy();
	ck_assert_uint_eq(count_mapped(buffers), BUFFERS_KEPT_IDLE);
	buffers_tidy();
	ck_assert_uint_eq(count_mapped(buffers), BUFFERS_KEPT_IDLE);
	every_byte_is_there();
}
END_TEST

START_TEST(no_more_are_lent_than_allowed)
{
	char *buffers[4];
	char *copy;

	buffers_limit(3 * BUFFERS_BYTES + BUFFERS_BYTES - 1);
	for (int i = 0; i < 3; i++)
		ck_assert_ptr_nonnull(buffers[i] = buffers_borrow());
	ck_assert_ptr_null(buffers_borrow());
	/* Bytes that have nowhere else to be are none too many, but count. */
	ck_assert_ptr_nonnull(buffers[3] = buffers_force());
	ck_assert_ptr_nonnull(copy = buffers_copy("x", 1));
	buffers_return(buffers[0]);
	buffers_return(copy);
	ck_assert_ptr_null(buffers_borrow());
	buffers_return(buffers[1]);
	/* What is kept is lent again, as far as allowed. */
	ck_assert_ptr_nonnull(buffers[0] = buffers_borrow());
	ck_assert_ptr_null(buffers_borrow());
	buffers_limit(4 * BUFFERS_BYTES);
	ck_assert_ptr_nonnull(buffers[1] = buffers_borrow());
	ck_assert_ptr_null(buffers_borrow());
	for (int i = 0; i < 4; i++)
		buffers_return(buffers[i]);
	buffers_limit(0);
	ck_assert_ptr_null(buffers_borrow());
	buffers_limit(UINT64_MAX);
	ck_assert_ptr_nonnull(buffers[0] = buffers_borrow());
	buffers_return(buffers[0]);
}
END_TEST

START_TEST(a_copy_is_a_buffer)
{
	char *copy = buffers_copy("as it was", 9);

	ck_assert_mem_eq(copy, "as it was", 9);
	memset(copy, 0x5a, BUFFERS_BYTES);
	buffers_return(copy);
	ck_assert_ptr_null(buffers_copy("", 0));
}
END_TEST

SUITE_MAIN("buffers", every_byte_of_a_buffer_is_there,
    no_two_borrowers_have_the_same, what_is_given_back_is_lent_again,
    threads_do_not_get_the_same, what_nobody_wants_goes_back_but_for_a_few,
    no_more_are_lent_than_allowed, a_copy_is_a_buffer)
