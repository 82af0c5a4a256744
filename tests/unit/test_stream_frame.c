/* What stream_frame.h promises: the bytes of each frame, positions from their low
 * halves, and that nothing else is taken for a frame. */
#include <arpa/inet.h>
#include <string.h>

#include "stream/stream_frame.h"
#include "suite.h"

#define RESUME "\x00\x00\x75\x30"
#define ID     "\x01\x02\x03\x04\x05\x06\x47\x08\x89\x0a\x0b\x0c\x0d\x0e\x0f\x10"

static const struct vector {
	struct stream_head head;
	const char *bytes;
} heads[] = {
    {{STREAM_OPEN, 23, 0, 0x40000},
	"\x01\x00\x00\x17\x00\x00\x00\x00\x00\x04\x00\x00"},
    {{STREAM_RESUME, 36, 1, 2},
	"\x02\x00\x00\x24\x00\x00\x00\x01\x00\x00\x00\x02"},
    {{STREAM_RESUMED, 16, 0xffffffff, 0x3ffff},
	"\x03\x00\x00\x10\xff\xff\xff\xff\x00\x03\xff\xff"},
    {{STREAM_FINISHED, 0, 0, 0},
	"\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"},
    {{STREAM_GONE, 0, 0, 0},
	"\x05\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"},
    {{STREAM_DATA, 0x123456, 0x01020304, 0x05060708},
	"\x06\x12\x34\x56\x01\x02\x03\x04\x05\x06\x07\x08"},
    {{STREAM_PROBE, 0, 3, 4},
	"\x07\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x04"},
    {{STREAM_PROBED, 0, 3, 4},
	"\x08\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x04"},
    {{STREAM_END, 0, 3, 4}, "\x09\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x04"},
    {{STREAM_RESET, 1, 3, 4},
	"\x0a\x00\x00\x01\x00\x00\x00\x03\x00\x00\x00\x04"},
    {{STREAM_BYE, 0, 3, 4}, "\x0b\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x04"},
};

START_TEST(each_type_has_its_bytes)
{
	const struct vector *vector = &heads[_i];
	uint8_t bytes[STREAM_HEAD_BYTES];
	struct stream_head head;

	stream_frame_encode_head(&vector->head, bytes);
	ck_assert_mem_eq(bytes, vector->bytes, STREAM_HEAD_BYTES);
	ck_assert_int_eq(stream_frame_decode_head(bytes, &head), ERROR_NONE);
	ck_assert_int_eq(head.type, vector->head.type);
	ck_assert_uint_eq(head.length, vector->head.length);
	ck_assert_uint_eq(head.received, vector->head.received);
	ck_assert_uint_eq(head.limit, vector->head.limit);
}
END_TEST

/* The least and the most of each type, and no type beside them */
static const struct {
	uint8_t type;
	uint32_t least, most;
} lengths[] = {
    {1, 23, 123},
    {2, 36, 36},
    {3, 16, 16},
    {4, 0, 0},
    {5, 0, 0},
    {6, 0, 0xffffff},
    {7, 0, 0},
    {8, 0, 0},
    {9, 0, 0},
    {10, 1, 1},
    {11, 0, 0},
};

static bool
is_taken(uint8_t type, uint32_t length)
{
	const uint8_t bytes[STREAM_HEAD_BYTES] = {type, (uint8_t)(length >> 16),
	    (uint8_t)(length >> 8), (uint8_t)length};
	struct stream_head head;

	return stream_frame_decode_head(bytes, &head) == ERROR_NONE;
}

START_TEST(other_lengths_are_refused)
{
	uint32_t least = lengths[_i].least, most = lengths[_i].most;

	ck_assert(is_taken(lengths[_i].type, least));
	ck_assert(is_taken(lengths[_i].type, most));
	if (least > 0)
		ck_assert(!is_taken(lengths[_i].type, least - 1));
	if (most < 0xffffff) {
		ck_assert(!is_taken(lengths[_i].type, most + 1));
		ck_assert(!is_taken(lengths[_i].type, 0xffffff));
	}
}
END_TEST

START_TEST(other_types_are_refused)
{
	ck_assert(!is_taken(0, 0));
	for (unsigned type = 12; type < 256; type++)
		for (uint32_t length = 0; length < 130; length++)
			ck_assert(!is_taken((uint8_t)type, length));
}
END_TEST

static const struct {
	uint32_t low;
	uint64_t least, most;
	bool is_there;
	uint64_t position;
} positions[] = {
    {0, 0, 0, true, 0},
    {1, 0, 0, false, 0},
    {5, 0, 10, true, 5},
    {10, 0, 10, true, 10},
    {11, 0, 10, false, 0},
    {4, 5, 10, false, 0},
    {0xffffffff, 5, 10, false, 0},
    /* Across the low half */
    {0xfffffff0, 0x1fffffff0, 0x200000010, true, 0x1fffffff0},
    {0x0000000f, 0x1fffffff0, 0x200000010, true, 0x20000000f},
    {0x00000010, 0x1fffffff0, 0x200000010, true, 0x200000010},
    {0x00000011, 0x1fffffff0, 0x200000010, false, 0},
    {0xffffffef, 0x1fffffff0, 0x200000010, false, 0},
    /* The widest span */
    {0x40000000, 0, 0x40000000, true, 0x40000000},
    {0x40000001, 0, 0x40000000, false, 0},
};

START_TEST(a_position_is_known_by_its_low_half)
{
	uint64_t position = 0;

	ck_assert_int_eq(
	    stream_frame_position(positions[_i].low, positions[_i].least,
		positions[_i].most, &position),
	    positions[_i].is_there);
	ck_assert_uint_eq(position, positions[_i].position);
}
END_TEST

static struct stream_open
open_of(const char *visitor, const char *public, const char *tunnel)
{
	struct stream_open open;

	memset(&open, 0, sizeof open);
	memcpy(open.id.bytes, ID, UUID_BYTES);
	open.resume_ms = 30000;
	if (visitor != NULL)
		ck_assert(address_parse(visitor, 0x1234, &open.visitor));
	if (public != NULL)
		ck_assert(address_parse(public, 8080, &open.public));
	memcpy(open.tunnel, tunnel, strlen(tunnel));
	return open;
}

/* Make the payload, compare it, and read it again; from a copy, so that a
 * sanitizer sees what is read beyond its end. */
static void
check_open(const struct stream_open *open, const char *bytes, size_t length)
{
	uint8_t payload[STREAM_OPEN_MOST];
	uint8_t *copy = malloc(length);
	struct stream_open read;

	ck_assert_ptr_nonnull(copy);
	ck_assert_uint_eq(stream_frame_encode_open(open, payload), length);
	ck_assert_mem_eq(payload, bytes, length);
	memcpy(copy, payload, length);
	ck_assert_int_eq(
	    stream_frame_decode_open(copy, length, &read), ERROR_NONE);
	ck_assert(uuid_equal(&read.id, &open->id));
	ck_assert_uint_eq(read.resume_ms, open->resume_ms);
	ck_assert_str_eq(read.tunnel, open->tunnel);
	ck_assert(read.visitor.length == open->visitor.length &&
		  (read.visitor.length == 0 ||
		      address_equal(&read.visitor, &open->visitor)));
	ck_assert(read.public.length == open->public.length &&
		  (read.public.length == 0 ||
		      address_equal(&read.public, &open->public)));
	free(copy);
}

START_TEST(a_visitor_is_told_with_its_addresses)
{
	static const char v4[] =
	    ID RESUME "\x04\xc0\x00\x02\x01\x12\x34"
		      "\x06\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
		      "\x1f\x90\x03web";
	static const char nothing[] = ID RESUME "\0\0\0";
	struct stream_open open = open_of("192.0.2.1", "2001:db8::1", "web");

	check_open(&open, v4, sizeof v4 - 1);
	open = open_of(NULL, NULL, "");
	check_open(&open, nothing, STREAM_OPEN_LEAST);
}
END_TEST

START_TEST(the_longest_visitor_has_room)
{
	char name[STREAM_TUNNEL_MOST + 1];
	uint8_t payload[STREAM_OPEN_MOST];
	struct stream_open open;

	memset(name, 'n', STREAM_TUNNEL_MOST);
	name[STREAM_TUNNEL_MOST] = '\0';
	open = open_of("2001:db8::1", "2001:db8::2", name);
	ck_assert_uint_eq(
	    stream_frame_encode_open(&open, payload), STREAM_OPEN_MOST);
	check_open(&open, (const char *)payload, STREAM_OPEN_MOST);
}
END_TEST

START_TEST(a_mapped_address_is_told_as_ipv4)
{
	struct stream_open open = open_of("192.0.2.1", NULL, "");
	static const char v4[] = ID RESUME "\x04\xc0\x00\x02\x01\x12\x34\0";
	uint8_t payload[STREAM_OPEN_MOST];
	struct in6_addr mapped;

	ck_assert_int_eq(inet_pton(AF_INET6, "::ffff:192.0.2.1", &mapped), 1);
	memset(&open.visitor, 0, sizeof open.visitor);
	open.visitor.length = sizeof open.visitor.socket.v6;
	open.visitor.socket.v6.sin6_family = AF_INET6;
	open.visitor.socket.v6.sin6_addr = mapped;
	address_set_port(&open.visitor, 0x1234);
	stream_frame_encode_open(&open, payload);
	ck_assert_mem_eq(payload, v4, sizeof v4 - 1);
}
END_TEST

START_TEST(a_mapped_address_that_is_told_as_ipv6_is_refused)
{
	static const char good[] =
	    ID "\0\0\0\0"
	       "\x06\0\0\0\0\0\0\0\0\0\0\xff\xfe\xc0\0\x02\x01\x12\x34\0\0";
	uint8_t bytes[sizeof good];
	struct stream_open open;

	memcpy(bytes, good, sizeof good);
	ck_assert_int_eq(
	    stream_frame_decode_open(bytes, sizeof good - 1, &open),
	    ERROR_NONE);
	bytes[UUID_BYTES + 4 + 1 + 11] = 0xff;
	ck_assert_int_eq(
	    stream_frame_decode_open(bytes, sizeof good - 1, &open),
	    ERROR_PROTOCOL);
}
END_TEST

/* Each way of a bad OPEN, by what is changed in a good one */
START_TEST(a_bad_visitor_is_refused)
{
	static const char good[] =
	    ID RESUME "\x04\xc0\x00\x02\x01\x12\x34\x00\x03web";
	static const struct {
		size_t place;
		uint8_t value;
	} bad[] = {{20, 5}, {20, 1}, {27, 6}, {28, 2}, {28, 4}, {28, 255},
	    {29, ' '}, {30, '\n'}, {31, 0x7f}, {31, 0}, {29, 0x80}};
	struct stream_open open;
	uint8_t bytes[sizeof good];

	memcpy(bytes, good, sizeof good);
	ck_assert_int_eq(
	    stream_frame_decode_open(bytes, sizeof good - 1, &open),
	    ERROR_NONE);
	for (size_t i = 0; i < SUITE_LENGTH(bad); i++) {
		memcpy(bytes, good, sizeof good);
		bytes[bad[i].place] = bad[i].value;
		ck_assert_msg(stream_frame_decode_open(bytes, sizeof good - 1,
				  &open) == ERROR_PROTOCOL,
		    "taken: byte %zu as %d", bad[i].place, bad[i].value);
	}
	for (size_t length = 0; length < sizeof good; length++) {
		uint8_t *copy = malloc(length > 0 ? length : 1);

		ck_assert_ptr_nonnull(copy);
		memcpy(copy, good, length);
		ck_assert_int_eq(stream_frame_decode_open(copy, length, &open),
		    length == sizeof good - 1 ? ERROR_NONE : ERROR_PROTOCOL);
		free(copy);
	}
}
END_TEST

START_TEST(a_name_that_is_too_long_is_refused)
{
	uint8_t bytes[STREAM_OPEN_MOST + 1] = {0};
	struct stream_open open;

	bytes[22] = STREAM_TUNNEL_MOST;
	memset(bytes + 23, 'n', STREAM_TUNNEL_MOST + 1);
	ck_assert_int_eq(
	    stream_frame_decode_open(bytes, 23 + STREAM_TUNNEL_MOST, &open),
	    ERROR_NONE);
	bytes[22]++;
	ck_assert_int_eq(
	    stream_frame_decode_open(bytes, 24 + STREAM_TUNNEL_MOST, &open),
	    ERROR_PROTOCOL);
}
END_TEST

START_TEST(positions_are_told_in_full)
{
	static const char bytes[] = ID
	    "\x00\x00\x01\x02"
	    "\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01\x00\x04\x00\x00";
	struct stream_resume resume = {
	    .attempt = 0x102, .place = {0x100000000, 0x100040000}};
	uint8_t payload[STREAM_RESUME_BYTES];
	struct stream_resume read;
	struct stream_place place;

	memcpy(resume.id.bytes, ID, UUID_BYTES);
	stream_frame_encode_resume(&resume, payload);
	ck_assert_mem_eq(payload, bytes, STREAM_RESUME_BYTES);
	ck_assert_int_eq(
	    stream_frame_decode_resume(payload, sizeof payload, &read),
	    ERROR_NONE);
	ck_assert(uuid_equal(&read.id, &resume.id));
	ck_assert_uint_eq(read.attempt, 0x102);
	ck_assert_uint_eq(read.place.received, 0x100000000);
	ck_assert_uint_eq(read.place.limit, 0x100040000);
	stream_frame_encode_place(&resume.place, payload);
	ck_assert_mem_eq(payload, bytes + 20, STREAM_PLACE_BYTES);
	ck_assert_int_eq(
	    stream_frame_decode_place(payload, STREAM_PLACE_BYTES, &place),
	    ERROR_NONE);
	ck_assert_uint_eq(place.received, 0x100000000);
	ck_assert_uint_eq(place.limit, 0x100040000);
}
END_TEST

START_TEST(impossible_positions_are_refused)
{
	static const struct {
		struct stream_place place;
		enum error error;
	} cases[] = {
	    {{5, 5}, ERROR_NONE},
	    {{5, 4}, ERROR_PROTOCOL},
	    {{5, 5 + STREAM_SPAN_MOST}, ERROR_NONE},
	    {{5, 6 + STREAM_SPAN_MOST}, ERROR_PROTOCOL},
	    {{UINT64_MAX, 0}, ERROR_PROTOCOL},
	};
	uint8_t payload[STREAM_RESUME_BYTES + 1];
	struct stream_resume resume;
	struct stream_place place;

	memset(payload, 0, sizeof payload);
	for (size_t i = 0; i < SUITE_LENGTH(cases); i++) {
		stream_frame_encode_place(&cases[i].place, payload + 20);
		ck_assert_int_eq(stream_frame_decode_place(
				     payload + 20, STREAM_PLACE_BYTES, &place),
		    cases[i].error);
		ck_assert_int_eq(stream_frame_decode_resume(
				     payload, STREAM_RESUME_BYTES, &resume),
		    cases[i].error);
	}
	memset(payload, 0, sizeof payload);
	for (size_t length = 0; length <= sizeof payload; length++) {
		ck_assert_int_eq(
		    stream_frame_decode_resume(payload, length, &resume),
		    length == STREAM_RESUME_BYTES ? ERROR_NONE
						  : ERROR_PROTOCOL);
		ck_assert_int_eq(
		    stream_frame_decode_place(payload, length, &place),
		    length == STREAM_PLACE_BYTES ? ERROR_NONE : ERROR_PROTOCOL);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("stream_frame");
	TCase *tcase = tcase_create("stream_frame");

	tcase_set_timeout(tcase, SUITE_TIMEOUT_S);
	tcase_add_loop_test(
	    tcase, each_type_has_its_bytes, 0, SUITE_LENGTH(heads));
	tcase_add_loop_test(
	    tcase, other_lengths_are_refused, 0, SUITE_LENGTH(lengths));
	tcase_add_test(tcase, other_types_are_refused);
	tcase_add_loop_test(tcase, a_position_is_known_by_its_low_half, 0,
	    SUITE_LENGTH(positions));
	tcase_add_test(tcase, a_visitor_is_told_with_its_addresses);
	tcase_add_test(tcase, the_longest_visitor_has_room);
	tcase_add_test(tcase, a_mapped_address_is_told_as_ipv4);
	tcase_add_test(tcase, a_mapped_address_that_is_told_as_ipv6_is_refused);
	tcase_add_test(tcase, a_bad_visitor_is_refused);
	tcase_add_test(tcase, a_name_that_is_too_long_is_refused);
	tcase_add_test(tcase, positions_are_told_in_full);
	tcase_add_test(tcase, impossible_positions_are_refused);
	suite_add_tcase(suite, tcase);
	return suite_finish(suite);
}
