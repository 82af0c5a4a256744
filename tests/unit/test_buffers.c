/* What buffers.h promises: whole buffers, each lent to one at a time. */
#include <pthread.h>
#include <string.h>

#include "relay/buffers.h"
#include "suite.h"

#define MANY (2 * BUFFERS_KEPT_MOST + 5)

START_TEST(every_byte_of_a_buffer_is_there)
{
	char *buffer = buffers_borrow();

	ck_assert_ptr_nonnull(buffer);
	memset(buffer, 0x5a, BUFFERS_BYTES);
	ck_assert_int_eq(buffer[BUFFERS_BYTES - 1], 0x5a);
	buffers_return(buffer);
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
			memset(buffers[i], i, BUFFERS_BYTES);
		}
		for (int i = 0; i < MANY; i++) {
			ck_assert_int_eq(buffers[i][0], i);
			ck_assert_int_eq(buffers[i][BUFFERS_BYTES - 1], i);
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

SUITE_MAIN("buffers", every_byte_of_a_buffer_is_there,
    no_two_borrowers_have_the_same, what_is_given_back_is_lent_again,
    threads_do_not_get_the_same)
