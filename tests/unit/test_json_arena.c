/*
 * What json_arena.h promises: a usual frame takes nothing of malloc(), and one that
 * is too rich takes the rest from there and leaves nothing behind.
 */
#include <jansson.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include "heap.h"
#include "suite.h"
#include "wire/json_arena.h"
#include "wire/message.h"

/* What jansson was told to ask. */
static json_malloc_t take;
static json_free_t give;

static void
start(void)
{
	json_arena_install();
	json_get_alloc_funcs(&take, &give);
	heap_reset();
}

static bool
is_within(const struct json_arena *arena, const void *start)
{
	uintptr_t from = (uintptr_t)arena;

	return (uintptr_t)start >= from &&
	       (uintptr_t)start < from + sizeof *arena;
}

/* --- Messages */

static struct message
make(enum message_kind kind)
{
	struct message message;

	memset(&message, 0, sizeof message);
	message.kind = kind;
	switch (kind) {
	case MESSAGE_AUTHENTICATE:
	case MESSAGE_ERROR:
		memset(message.as.text, 'e', 64);
		break;
	case MESSAGE_HELLO:
		message.as.port = 65535;
		break;
	case MESSAGE_ANNOUNCE:
		message.as.announce.can = MESSAGE_CAN_HEARTBEAT |
		                          MESSAGE_CAN_LEASE | MESSAGE_CAN_SPARE;
		message.as.announce.attempt = INT64_MAX;
		message.as.announce.has_instance = true;
		memset(&message.as.announce.instance, 0xfe, UUID_BYTES);
		break;
	case MESSAGE_BYE:
		message.as.bye.retry_ms = UINT32_MAX;
		break;
	case MESSAGE_DIAL:
	case MESSAGE_FULL:
		message.as.count = MESSAGE_DIAL_MOST;
		break;
	case MESSAGE_LOST:
		message.as.lost.attempt = UINT32_MAX;
		break;
	default:
		memset(&message.as.uuid, 0xfe, sizeof message.as.uuid);
		break;
	}
	return message;
}

/* Encode and decode it: neither takes anything of malloc(). */
static void
assert_takes_nothing(const struct message *message)
{
	char frame[MESSAGE_JSON_MOST + 1];
	struct message back;
	enum error error;
	size_t size;

	heap_reset();
	HEAP_WATCH(size = message_encode(message, frame));
	heap_assert(0, 0);
	ck_assert_uint_gt(size, 1);
	heap_reset();
	HEAP_WATCH(error = message_decode(frame, size - 1, &back));
	heap_assert(0, 0);
	ck_assert_int_eq(error, ERROR_NONE);
	ck_assert_int_eq(back.kind, message->kind);
}

START_TEST(no_kind_of_message_takes_anything_of_malloc)
{
	start();
	for (int kind = 0; kind < MESSAGE_UNKNOWN; kind++) {
		struct message message = make((enum message_kind)kind);

		assert_takes_nothing(&message);
	}
}
END_TEST

START_TEST(nor_do_their_other_forms)
{
	struct message message = make(MESSAGE_ANNOUNCE);

	start();
	message.as.announce.has_instance = false;
	message.as.announce.lease_ms = UINT32_MAX;
	message.as.announce.spares = UINT32_MAX;
	assert_takes_nothing(&message);
	message = make(MESSAGE_BYE);
	message.as.bye.retry_ms = 0;
	assert_takes_nothing(&message);
	message.as.bye.displaced = true;
	assert_takes_nothing(&message);
	/* As long as fits into a frame, which begins {"Error":" */
	message = make(MESSAGE_ERROR);
	memset(message.as.text, 'e', MESSAGE_JSON_MOST - 12);
	assert_takes_nothing(&message);
}
END_TEST

START_TEST(nor_do_messages_of_bore_and_of_later_versions)
{
	static const char *const frames[] = {"\"Later\"", "{\"Later\":{}}",
	    "{\"Later\":{\"a\":[1,2,{\"b\":null}],\"c\":true}}",
	    "{\"Hello\": 0}", "\"Heartbeat\"",
	    "{\"Announce\":{\"version\":2,\"can\":[\"more\"],\"else\":{}}}"};
	struct message message;

	start();
	for (size_t i = 0; i < SUITE_LENGTH(frames); i++) {
		size_t size = strlen(frames[i]);
		enum error error;

		HEAP_WATCH(error = message_decode(frames[i], size, &message));
		heap_assert(0, 0);
		ck_assert_int_eq(error, ERROR_NONE);
	}
}
END_TEST

/* --- Frames that are too rich for a arena */

/* Repeat item, parted by commas, between head and tail, as often as fits. */
static size_t
fill(char frame[static MESSAGE_JSON_MOST], const char *head, const char *item,
    const char *tail)
{
	size_t used = strlen(head);

	memcpy(frame, head, used);
	while (used + strlen(item) + 1 + strlen(tail) <= MESSAGE_JSON_MOST) {
		if (used > strlen(head))
			frame[used++] = ',';
		memcpy(frame + used, item, strlen(item));
		used += strlen(item);
	}
	memcpy(frame + used, tail, strlen(tail));
	return used + strlen(tail);
}

/* Decode it with a arena and without: there is no difference but where the
 * memory is from. */
static void
assert_same(const char *frame, size_t size, enum error expected)
{
	struct message with, without;
	enum error error;

	memset(&with, 0, sizeof with);
	memset(&without, 0, sizeof without);
	json_set_alloc_funcs(malloc, free);
	ck_assert_int_eq(message_decode(frame, size, &without), expected);
	json_arena_install();
	heap_reset();
	HEAP_WATCH(error = message_decode(frame, size, &with));
	ck_assert_uint_eq(heap.taken, heap.given);
	ck_assert_int_eq(error, expected);
	if (expected == ERROR_NONE)
		ck_assert_mem_eq(&with, &without, sizeof with);
}

START_TEST(a_frame_that_is_too_rich_is_read_all_the_same)
{
	static const struct {
		const char *head, *item, *tail;
		enum error expected;
	} frames[] = {
	    {"{\"Announce\":{\"version\":1,\"can\":[", "\"\"", "]}}",
		ERROR_NONE},
	    {"{\"Announce\":{\"version\":1,\"can\":[\"lease\",",
		"\"heartbeat\"", "]}}", ERROR_NONE},
	    {"{\"Announce\":{\"version\":1,\"can\":[", "7", "]}}",
		ERROR_PROTOCOL},
	    {"{\"Announce\":{\"version\":1,\"later\":[", "{}", "]}}",
		ERROR_NONE},
	    {"{\"Later\":[", "1", "]}", ERROR_NONE},
	    {"{\"Later\":[", "[]", "]}", ERROR_NONE},
	    {"[", "1", "]", ERROR_PROTOCOL},
	    {"[", "{}", "]", ERROR_PROTOCOL},
	    /* The end is missing. */
	    {"{\"Later\":[", "{}", "", ERROR_PROTOCOL},
	    {"{\"Later\":[", "[[]]", "]", ERROR_PROTOCOL},
	    {"[[[[[[[", "[]", "]]]]]]", ERROR_PROTOCOL},
	};
	char frame[MESSAGE_JSON_MOST];

	start();
	for (size_t i = 0; i < SUITE_LENGTH(frames); i++) {
		size_t size =
		    fill(frame, frames[i].head, frames[i].item, frames[i].tail);

		assert_same(frame, size, frames[i].expected);
	}
}
END_TEST

START_TEST(the_richest_needs_more_than_a_scratch)
{
	char frame[MESSAGE_JSON_MOST];
	struct message message;
	enum error error;
	size_t size = fill(frame, "{\"Later\":[", "{}", "]}");

	start();
	HEAP_WATCH(error = message_decode(frame, size, &message));
	ck_assert_int_eq(error, ERROR_NONE);
#ifdef HEAP_COUNTS
	ck_assert_uint_gt(heap.taken, 0);
#endif
}
END_TEST

START_TEST(no_nesting_leaves_anything_behind)
{
	char frame[MESSAGE_JSON_MOST];

	start();
	memset(frame, '[', sizeof frame);
	for (size_t size = 1; size <= sizeof frame; size++)
		assert_same(frame, size, ERROR_PROTOCOL);
	for (size_t depth = 1; depth <= MESSAGE_NESTING_MOST; depth++) {
		memset(frame + depth, ']', depth);
		assert_same(frame, 2 * depth, ERROR_PROTOCOL);
	}
}
END_TEST

/* Whatever was in memory when the end came. */
START_TEST(no_frame_that_is_cut_leaves_anything_behind)
{
	static const char whole[] =
	    "{\"Announce\":{\"version\":1,\"attempt\":17,\"can\":[\"lease\","
	    "\"spare\",\"\",[],{},1.5,null,true],\"later\":{\"a\":[{},{}]},"
	    "\"text\":\"\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9\"}}";

	start();
	ck_assert_uint_le(sizeof whole - 1, MESSAGE_JSON_MOST);
	for (size_t size = 0; size < sizeof whole; size++)
		assert_same(whole, size, ERROR_PROTOCOL);
}
END_TEST

/* --- The memory itself */

START_TEST(all_of_a_scratch_is_used_before_malloc)
{
	const size_t step = _Alignof(max_align_t);
	struct json_arena arena;
	char *before = NULL;
	void *more;

	start();
	json_arena_begin(&arena);
	for (size_t i = 0; i < JSON_ARENA_BYTES / step; i++) {
		char *one;

		HEAP_WATCH(one = take(1 + i % step));
		ck_assert(is_within(&arena, one));
		ck_assert_uint_eq((uintptr_t)one % step, 0);
		if (before != NULL)
			ck_assert_ptr_eq(one, before + step);
		memset(one, (int)i, step);
		before = one;
	}
	HEAP_WATCH(more = take(1));
	ck_assert_ptr_nonnull(more);
	ck_assert(!is_within(&arena, more));
	/* All that was given back has no effect but for what was malloc()'s. */
	HEAP_WATCH(give(before));
	HEAP_WATCH(give(arena.bytes));
	heap_assert(1, 0);
	HEAP_WATCH(give(more));
	heap_assert(1, 1);
	json_arena_end();
}
END_TEST

START_TEST(what_does_not_fit_is_of_malloc_and_the_rest_stays)
{
	struct json_arena arena;
	void *all, *large;

	start();
	json_arena_begin(&arena);
	HEAP_WATCH(large = take(JSON_ARENA_BYTES + 1));
	ck_assert(!is_within(&arena, large));
	memset(large, 0x5a, JSON_ARENA_BYTES + 1);
	HEAP_WATCH(all = take(JSON_ARENA_BYTES - 15));
	ck_assert(is_within(&arena, all));
	memset(all, 0x5a, JSON_ARENA_BYTES - 15);
	HEAP_WATCH(give(large));
	heap_assert(1, 1);
	json_arena_end();
	json_arena_begin(&arena);
	HEAP_WATCH(all = take(JSON_ARENA_BYTES));
	ck_assert(is_within(&arena, all));
	ck_assert_ptr_eq(all, arena.bytes);
	memset(all, 0xa5, JSON_ARENA_BYTES);
	json_arena_end();
	heap_assert(1, 1);
}
END_TEST

START_TEST(no_size_is_too_large_to_be_refused)
{
	struct json_arena arena;

	start();
#ifdef HEAP_COUNTS /* a sanitizer ends the program there */
	ck_assert_ptr_null(take(SIZE_MAX));
	json_arena_begin(&arena);
	take(100);
	ck_assert_ptr_null(take(SIZE_MAX));
	ck_assert_ptr_null(take(SIZE_MAX - 50));
	ck_assert(is_within(&arena, take(1)));
	json_arena_end();
#else
	(void)arena;
#endif
}
END_TEST

/* As what is logged as JSON, or was before main() installed it. */
START_TEST(outside_of_it_all_is_of_malloc)
{
	struct message message;
	json_t *object;
	unsigned taken;

	start();
	HEAP_WATCH(
	    object = json_pack("{s:s, s:i}", "message", "text", "number", 7));
	taken = heap.taken;
#ifdef HEAP_COUNTS
	ck_assert_uint_gt(taken, 0);
#endif
	ck_assert_ptr_nonnull(object);
	ck_assert_int_eq(message_decode("\"Later\"", 7, &message), ERROR_NONE);
	ck_assert_str_eq(
	    json_string_value(json_object_get(object, "message")), "text");
	heap_reset();
	HEAP_WATCH(json_decref(object));
	heap_assert(0, taken);
}
END_TEST

/* Make an object, and free it while a arena is in use. */
static void
free_within(struct json_arena *arena)
{
	json_t *object, *within;
	unsigned taken;

	heap_reset();
	HEAP_WATCH(
	    object = json_pack("{s:[i,i], s:s}", "a", 1, 2, "b", "text"));
	taken = heap.taken;
	ck_assert_ptr_nonnull(object);
	json_arena_begin(arena);
	within = json_pack("{s:i}", "a", 1);
	ck_assert(is_within(arena, within));
	heap_reset();
	HEAP_WATCH(json_decref(object));
	HEAP_WATCH(json_decref(within));
	heap_assert(0, taken);
	json_arena_end();
}

/* Whether malloc()'s memory is below the arena, or above. */
START_TEST(what_was_made_outside_may_be_freed_within)
{
	static struct json_arena low;
	struct json_arena high;

	start();
	free_within(&low);
	free_within(&high);
}
END_TEST

/* --- Threads */

static pthread_barrier_t all_here;

/* Returns NULL when nobody else has written into what was taken. */
static void *
take_and_mark(void *argument)
{
	int mark = *(const uint8_t *)argument;
	struct json_arena arena;
	uint8_t *own[4];
	bool good = true;

	json_arena_begin(&arena);
	for (unsigned i = 0; i < 4; i++) {
		own[i] = take(100);
		good = good && is_within(&arena, own[i]);
		memset(own[i], mark, 100);
		pthread_barrier_wait(&all_here);
	}
	for (unsigned i = 0; i < 4; i++)
		for (unsigned k = 0; k < 100; k++)
			good = good && own[i][k] == mark;
	/* Others go on when this one has ended. */
	pthread_barrier_wait(&all_here);
	json_arena_end();
	pthread_barrier_wait(&all_here);
	return good ? NULL : argument;
}

START_TEST(threads_share_nothing)
{
	uint8_t marks[] = {1, 2, 3};
	pthread_t threads[SUITE_LENGTH(marks)];
	struct json_arena arena;

	start();
	pthread_barrier_init(&all_here, NULL, SUITE_LENGTH(marks));
	json_arena_begin(&arena);
	for (size_t i = 0; i < SUITE_LENGTH(marks); i++)
		ck_assert_int_eq(
		    pthread_create(&threads[i], NULL, take_and_mark, &marks[i]),
		    0);
	for (size_t i = 0; i < SUITE_LENGTH(marks); i++) {
		void *failed;

		pthread_join(threads[i], &failed);
		ck_assert_ptr_null(failed);
	}
	/* Ours was not ended by them, nor used. */
	ck_assert_ptr_eq(take(1), arena.bytes);
	json_arena_end();
}
END_TEST

SUITE_MAIN("arena", no_kind_of_message_takes_anything_of_malloc,
    nor_do_their_other_forms, nor_do_messages_of_bore_and_of_later_versions,
    a_frame_that_is_too_rich_is_read_all_the_same,
    the_richest_needs_more_than_a_scratch, no_nesting_leaves_anything_behind,
    no_frame_that_is_cut_leaves_anything_behind,
    all_of_a_scratch_is_used_before_malloc,
    what_does_not_fit_is_of_malloc_and_the_rest_stays,
    no_size_is_too_large_to_be_refused, outside_of_it_all_is_of_malloc,
    what_was_made_outside_may_be_freed_within, threads_share_nothing)
