/* What stream_retain.h promises: the bytes that are kept are those that were put,
 * and no piece outlives them. */
#include <stdbool.h>
#include <string.h>

#include "stream/stream_retain.h"
#include "suite.h"

#define MANY 200
/* What a stream of the test says at a position */
#define BYTE_AT(position) ((uint8_t)((position)*31 + ((position) >> 13)))

static struct stream_retain retain;
static uint8_t head[STREAM_HEAD_BYTES];

/* Put size bytes, as a reader does: what there is room for, and again. */
static void
put_bytes(size_t size)
{
	while (size > 0) {
		size_t room = 0;
		char *bytes = stream_retain_room(&retain, &room);
		uint64_t position = retain.end;

		ck_assert_ptr_nonnull(bytes);
		ck_assert_uint_ge(room, 1);
		if (room > size)
			room = size;
		for (size_t i = 0; i < room; i++)
			bytes[i] = (char)BYTE_AT(position + i);
		stream_retain_put(&retain, room);
		ck_assert_uint_eq(retain.end, position + room);
		size -= room;
	}
}

/* Whether a piece of a write has the bytes from a position on. */
static bool
has_bytes(const uint8_t *bytes, uint64_t position, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (bytes[i] != BYTE_AT(position + i))
			return false;
	return true;
}

/* Gather a frame and look at each byte of it. Returns in how many pieces. */
static size_t
check_frame(uint64_t position, size_t size, bool has_head)
{
	struct iovec vectors[64];
	size_t count, skipped = has_head ? STREAM_HEAD_BYTES : 0;

	ck_assert_uint_le(stream_retain_count(size), SUITE_LENGTH(vectors));
	memset(head, 0xaa, sizeof head);
	count = stream_retain_gather(
	    &retain, has_head ? head : NULL, position, size, vectors);
	ck_assert_uint_le(count, stream_retain_count(size));
	for (size_t i = 0; i < count; i++) {
		const uint8_t *bytes = vectors[i].iov_base;
		size_t length = vectors[i].iov_len;

		ck_assert_uint_ge(length, skipped);
		ck_assert_mem_eq(bytes, head, skipped);
		length -= skipped;
		ck_assert(has_bytes(bytes + skipped, position, length));
		skipped = 0;
		position += length;
		size -= length;
	}
	ck_assert_uint_eq(size, 0);
	return count;
}

/* Pieces that are used, in bytes; there is a limit for that. */
#define LIMIT ((uint64_t)MANY * STREAM_PIECE_BYTES)

static uint64_t
used(void)
{
	return LIMIT - stream_retain_free();
}

static void
start(uint64_t position)
{
	stream_retain_limit(LIMIT);
	stream_retain_init(&retain, position);
}

START_TEST(what_is_put_is_what_is_gathered)
{
	start(_i == 0 ? 0 : ((uint64_t)1 << 32) - 1000);
	put_bytes(300000);
	for (uint64_t from = 0; from < 300000; from += 15919)
		for (size_t size = 0; from + size <= 300000; size += 65537)
			check_frame(retain.end - 300000 + from, size,
			    (from + size) % 2 == 0);
	check_frame(retain.end - 300000, 300000, true);
	check_frame(retain.end, 0, true);
	stream_retain_destroy(&retain);
	ck_assert_uint_eq(used(), 0);
}
END_TEST

START_TEST(a_full_piece_and_its_head_are_one_write)
{
	start(5);
	put_bytes(2 * STREAM_PIECE_BYTES);
	ck_assert_uint_eq(check_frame(5, STREAM_PIECE_BYTES, true), 1);
	ck_assert_uint_eq(
	    check_frame(5 + STREAM_PIECE_BYTES, STREAM_PIECE_BYTES, true), 1);
	ck_assert_uint_eq(check_frame(5, 2 * STREAM_PIECE_BYTES, true), 2);
	/* Elsewhere the head stands for itself, and no byte is lost to it. */
	ck_assert_uint_eq(check_frame(6, STREAM_PIECE_BYTES - 1, true), 2);
	ck_assert_uint_eq(check_frame(5, STREAM_PIECE_BYTES, false), 1);
	stream_retain_destroy(&retain);
}
END_TEST

START_TEST(small_reads_share_a_piece)
{
	start(0);
	for (int i = 0; i < 100; i++)
		put_bytes(100);
	ck_assert_uint_eq(used(), STREAM_PIECE_BYTES);
	ck_assert_uint_eq(check_frame(0, 10000, true), 1);
	/* Not with too little room for a read that is worth it */
	put_bytes(STREAM_PIECE_BYTES - STREAM_PIECE_ROOM_LEAST - 10000);
	ck_assert_uint_eq(used(), STREAM_PIECE_BYTES);
	put_bytes(1);
	put_bytes(1);
	ck_assert_uint_eq(used(), 2 * STREAM_PIECE_BYTES);
	check_frame(0, (size_t)retain.end, true);
	stream_retain_destroy(&retain);
}
END_TEST

START_TEST(what_is_released_is_free)
{
	start(100);
	put_bytes(3 * STREAM_PIECE_BYTES);
	ck_assert_uint_eq(used(), 3 * STREAM_PIECE_BYTES);
	stream_retain_release(&retain, 100 + STREAM_PIECE_BYTES - 1);
	ck_assert_uint_eq(used(), 3 * STREAM_PIECE_BYTES);
	stream_retain_release(&retain, 100 + STREAM_PIECE_BYTES);
	ck_assert_uint_eq(used(), 2 * STREAM_PIECE_BYTES);
	check_frame(100 + STREAM_PIECE_BYTES, 2 * STREAM_PIECE_BYTES, true);
	/* All, and END behind it */
	stream_retain_release(&retain, retain.end + 1);
	ck_assert_uint_eq(used(), 0);
	put_bytes(10);
	check_frame(retain.end - 10, 10, true);
	stream_retain_release(&retain, retain.end);
	ck_assert_uint_eq(used(), 0);
}
END_TEST

START_TEST(a_read_that_brings_nothing_keeps_nothing)
{
	size_t room;

	start(0);
	ck_assert_ptr_nonnull(stream_retain_room(&retain, &room));
	ck_assert_uint_eq(room, STREAM_PIECE_BYTES);
	stream_retain_put(&retain, 0);
	ck_assert_uint_eq(used(), 0);
}
END_TEST

START_TEST(the_limit_holds_but_for_the_first_piece)
{
	struct stream_retain other;
	size_t room;

	start(0);
	stream_retain_limit(2 * STREAM_PIECE_BYTES);
	put_bytes(2 * STREAM_PIECE_BYTES);
	ck_assert_uint_eq(stream_retain_free(), 0);
	ck_assert_ptr_null(stream_retain_room(&retain, &room));
	check_frame(0, 2 * STREAM_PIECE_BYTES, true);
	stream_retain_init(&other, 0);
	ck_assert_ptr_nonnull(stream_retain_room(&other, &room));
	stream_retain_put(&other, room);
	ck_assert_ptr_null(stream_retain_room(&other, &room));
	ck_assert_uint_eq(stream_retain_free(), 0);
	stream_retain_release(&retain, STREAM_PIECE_BYTES);
	ck_assert_ptr_null(stream_retain_room(&other, &room));
	stream_retain_release(&retain, 2 * STREAM_PIECE_BYTES);
	ck_assert_uint_eq(stream_retain_free(), STREAM_PIECE_BYTES);
	ck_assert_ptr_nonnull(stream_retain_room(&other, &room));
	stream_retain_destroy(&other);
	ck_assert_uint_eq(stream_retain_free(), 2 * STREAM_PIECE_BYTES);
}
END_TEST

START_TEST(without_a_limit_all_is_free)
{
	stream_retain_limit(UINT64_MAX);
	ck_assert_uint_ge(stream_retain_free(), UINT64_MAX / 2);
}
END_TEST

START_TEST(pieces_are_used_again)
{
	static struct stream_retain many[MANY];
	size_t room;
	char *bytes;

	start(0);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < MANY; i++) {
			stream_retain_init(&many[i], 0);
			bytes = stream_retain_room(&many[i], &room);
			ck_assert_ptr_nonnull(bytes);
			memset(bytes, i, room);
			stream_retain_put(&many[i], room);
		}
		ck_assert_uint_eq(used(), LIMIT);
		for (int i = 0; i < MANY; i++) {
			struct iovec vector[4];

			stream_retain_gather(&many[i], NULL, 0, 1, vector);
			bytes = vector[0].iov_base;
			ck_assert_int_eq((uint8_t)bytes[0], i);
			ck_assert_int_eq(
			    (uint8_t)bytes[STREAM_PIECE_BYTES - 1], i);
			stream_retain_destroy(&many[i]);
		}
		ck_assert_uint_eq(used(), 0);
		stream_retain_tidy();
	}
	stream_retain_tidy();
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("stream_retain");
	TCase *tcase = tcase_create("stream_retain");

	tcase_set_timeout(tcase, SUITE_TIMEOUT_S);
	tcase_add_loop_test(tcase, what_is_put_is_what_is_gathered, 0, 2);
	tcase_add_test(tcase, a_full_piece_and_its_head_are_one_write);
	tcase_add_test(tcase, small_reads_share_a_piece);
	tcase_add_test(tcase, what_is_released_is_free);
	tcase_add_test(tcase, a_read_that_brings_nothing_keeps_nothing);
	tcase_add_test(tcase, the_limit_holds_but_for_the_first_piece);
	tcase_add_test(tcase, without_a_limit_all_is_free);
	tcase_add_test(tcase, pieces_are_used_again);
	suite_add_tcase(suite, tcase);
	return suite_finish(suite);
}
