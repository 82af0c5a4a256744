/* What stream_window.h promises: how large a window is, and when it grows. */
#include "stream/stream_window.h"
#include "suite.h"

#define KIB ((uint32_t)1024)

static struct stream_window window;

START_TEST(near_peers_have_a_smaller_window)
{
	ck_assert_uint_eq(stream_window_most(1, 0), 1024 * KIB);
	ck_assert_uint_eq(stream_window_most(4, 0), 1024 * KIB);
	ck_assert_uint_eq(stream_window_most(5, 0), 4096 * KIB);
	ck_assert_uint_eq(stream_window_most(200, 0), 4096 * KIB);
	/* Not known */
	ck_assert_uint_eq(stream_window_most(0, 0), 4096 * KIB);
}
END_TEST

START_TEST(the_user_has_the_last_word)
{
	ck_assert_uint_eq(stream_window_most(1, 8192 * KIB), 8192 * KIB);
	ck_assert_uint_eq(stream_window_most(50, 128 * KIB), 128 * KIB);
	ck_assert_uint_eq(stream_window_most(50, 1), 64 * KIB);
}
END_TEST

START_TEST(it_begins_small)
{
	stream_window_init(&window, 4096 * KIB, 0);
	ck_assert_uint_eq(window.size, 256 * KIB);
	stream_window_init(&window, 64 * KIB, 0);
	ck_assert_uint_eq(window.size, 64 * KIB);
}
END_TEST

START_TEST(it_is_doubled_with_each_window_that_was_taken)
{
	uint64_t received = 1000;

	stream_window_init(&window, 1024 * KIB, received);
	received += 256 * KIB - 1;
	ck_assert(!stream_window_took(&window, 1024 * KIB, received, received));
	received++;
	ck_assert(stream_window_took(&window, 1024 * KIB, received, received));
	ck_assert_uint_eq(window.size, 512 * KIB);
	received += 512 * KIB - 1;
	ck_assert(!stream_window_took(&window, 1024 * KIB, received, received));
	received++;
	ck_assert(stream_window_took(&window, 1024 * KIB, received, received));
	ck_assert_uint_eq(window.size, 1024 * KIB);
	received += 8192 * KIB;
	ck_assert(!stream_window_took(&window, 1024 * KIB, received, received));
	ck_assert_uint_eq(window.size, 1024 * KIB);
}
END_TEST

START_TEST(it_ends_at_the_largest)
{
	stream_window_init(&window, 300 * KIB, 0);
	ck_assert(stream_window_took(&window, 300 * KIB, 256 * KIB, 256 * KIB));
	ck_assert_uint_eq(window.size, 300 * KIB);
}
END_TEST

START_TEST(it_does_not_grow_while_the_end_socket_is_behind)
{
	uint64_t received = 256 * KIB;

	stream_window_init(&window, 4096 * KIB, 0);
	ck_assert(!stream_window_took(
	    &window, 4096 * KIB, received, received - 64 * KIB - 1));
	ck_assert_uint_eq(window.size, 256 * KIB);
	/* That window is over: it is the next one that counts. */
	ck_assert(!stream_window_took(&window, 4096 * KIB, received, received));
	received += 256 * KIB;
	ck_assert(stream_window_took(
	    &window, 4096 * KIB, received, received - 64 * KIB));
	ck_assert_uint_eq(window.size, 512 * KIB);
}
END_TEST

START_TEST(a_stream_has_a_quarter_of_what_is_free)
{
	ck_assert_uint_eq(
	    stream_window_share(1024 * KIB, UINT64_MAX), 1024 * KIB);
	ck_assert_uint_eq(
	    stream_window_share(1024 * KIB, 4096 * KIB), 1024 * KIB);
	ck_assert_uint_eq(
	    stream_window_share(1024 * KIB, 2048 * KIB), 512 * KIB);
	ck_assert_uint_eq(
	    stream_window_share(1024 * KIB, 256 * KIB - 4), 64 * KIB);
	ck_assert_uint_eq(stream_window_share(1024 * KIB, 0), 64 * KIB);
	ck_assert_uint_eq(stream_window_share(16 * KIB, 0), 16 * KIB);
}
END_TEST

SUITE_MAIN("stream_window", near_peers_have_a_smaller_window,
    the_user_has_the_last_word, it_begins_small,
    it_is_doubled_with_each_window_that_was_taken, it_ends_at_the_largest,
    it_does_not_grow_while_the_end_socket_is_behind,
    a_stream_has_a_quarter_of_what_is_free)
