/* What frame.h promises, by the vectors in tests/vectors/frames.txt. */
#include <stdbool.h>

#include "suite.h"
#include "vectors.h"
#include "wire/frame.h"

/* A stream that is fed piece by piece. */
struct feed {
	struct frame_buffer buffer;
	const char *bytes;
	size_t size;
	size_t piece;
};

/* Put one piece. False: the stream is at its end. */
static bool
put(struct feed *feed)
{
	size_t room, size;
	char *space = frame_space(&feed->buffer, &room);

	ck_assert_uint_ge(room, 1);
	ck_assert_uint_le(room, FRAME_BUFFER_BYTES);
	size = feed->piece < room ? feed->piece : room;
	if (size > feed->size)
		size = feed->size;
	memcpy(space, feed->bytes, size);
	frame_put(&feed->buffer, size);
	feed->bytes += size;
	feed->size -= size;
	return size > 0;
}

/* Take the next frame, feeding as it is needed. */
static enum error
take(struct feed *feed, const char **json, size_t *size)
{
	enum error error;

	do
		error = frame_next(&feed->buffer, json, size);
	while (error == ERROR_AGAIN && put(feed));
	return error;
}

static void
assert_vector(const struct vectors *vectors, size_t piece)
{
	struct feed feed = {.bytes = vectors->fields[0],
	    .size = vectors->sizes[0],
	    .piece = piece};
	const char *end = vectors->fields[1];
	const char *json = NULL;
	size_t size = 0;

	frame_init(&feed.buffer);
	for (unsigned i = 2; i < vectors->used; i++) {
		ck_assert_int_eq(take(&feed, &json, &size), ERROR_NONE);
		ck_assert_uint_eq(size, vectors->sizes[i]);
		ck_assert_mem_eq(json, vectors->fields[i], size);
		ck_assert_int_eq(json[size], '\0');
	}
	if (strncmp(end, "rest:", 5) == 0) {
		const char *rest = frame_rest(&feed.buffer, &size);

		ck_assert_uint_eq(size + feed.size, vectors->sizes[1] - 5);
		ck_assert_mem_eq(rest, end + 5, size);
		ck_assert_mem_eq(feed.bytes, end + 5 + size, feed.size);
	} else {
		ck_assert_int_eq(take(&feed, &json, &size),
		    strcmp(end, "error") == 0 ? ERROR_PROTOCOL : ERROR_AGAIN);
	}
}

START_TEST(streams_are_cut_the_same_in_pieces_of_any_size)
{
	static const size_t pieces[] = {
	    1, 2, 3, 7, 255, 256, 257, 258, 513, SIZE_MAX};
	struct vectors vectors;

	vectors_open(&vectors, "frames.txt");
	while (vectors_next(&vectors))
		for (size_t i = 0; i < SUITE_LENGTH(pieces); i++)
			assert_vector(&vectors, pieces[i]);
}
END_TEST

START_TEST(two_whole_frames_fit_at_once)
{
	char bytes[2 * (MESSAGE_JSON_MOST + 1)];
	struct feed feed = {
	    .bytes = bytes, .size = sizeof bytes, .piece = sizeof bytes};
	const char *json;
	size_t size;

	memset(bytes, 'x', sizeof bytes);
	bytes[256] = bytes[513] = '\0';
	frame_init(&feed.buffer);
	ck_assert(put(&feed));
	ck_assert_uint_eq(feed.size, 0);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(
		    frame_next(&feed.buffer, &json, &size), ERROR_NONE);
		ck_assert_uint_eq(size, MESSAGE_JSON_MOST);
	}
	ck_assert_int_eq(frame_next(&feed.buffer, &json, &size), ERROR_AGAIN);
}
END_TEST

START_TEST(the_257th_byte_without_a_nul_is_too_much)
{
	struct feed feed = {.piece = 1};
	const char *json;
	size_t size;

	frame_init(&feed.buffer);
	for (int count = 1; count <= 257; count++) {
		feed.bytes = "x";
		feed.size = 1;
		ck_assert(put(&feed));
		ck_assert_int_eq(frame_next(&feed.buffer, &json, &size),
		    count <= 256 ? ERROR_AGAIN : ERROR_PROTOCOL);
	}
}
END_TEST

START_TEST(what_is_left_stays_until_it_is_taken)
{
	struct feed feed = {.bytes = "a\0rest", .size = 6, .piece = 6};
	const char *json, *rest;
	size_t size;

	frame_init(&feed.buffer);
	rest = frame_rest(&feed.buffer, &size);
	ck_assert_ptr_nonnull(rest);
	ck_assert_uint_eq(size, 0);
	ck_assert(put(&feed));
	ck_assert_int_eq(frame_next(&feed.buffer, &json, &size), ERROR_NONE);
	for (int i = 0; i < 2; i++) {
		rest = frame_rest(&feed.buffer, &size);
		ck_assert_uint_eq(size, 4);
		ck_assert_mem_eq(rest, "rest", 4);
		/* Making room moves it, and keeps it. */
		frame_space(&feed.buffer, &size);
		ck_assert_uint_eq(size, FRAME_BUFFER_BYTES - 4);
	}
}
END_TEST

START_TEST(a_long_stream_never_runs_out_of_room)
{
	struct feed feed = {.piece = SIZE_MAX};
	const char *json;
	char frame[] = "0";
	size_t size;

	frame_init(&feed.buffer);
	for (int i = 0; i < 5000; i++) {
		frame[0] = (char)('0' + i % 10);
		feed.bytes = frame;
		feed.size = sizeof frame;
		while (feed.size > 0)
			ck_assert(put(&feed));
		ck_assert_int_eq(
		    frame_next(&feed.buffer, &json, &size), ERROR_NONE);
		ck_assert_str_eq(json, frame);
	}
}
END_TEST

SUITE_MAIN("frame", streams_are_cut_the_same_in_pieces_of_any_size,
    two_whole_frames_fit_at_once, the_257th_byte_without_a_nul_is_too_much,
    what_is_left_stays_until_it_is_taken, a_long_stream_never_runs_out_of_room)
