/* What message.h promises, by the vectors in tests/vectors/messages.txt. */
#include <inttypes.h>
#include <stdbool.h>

#include "suite.h"
#include "vectors.h"
#include "wire/message.h"

#define FRAME_SIZE (MESSAGE_JSON_MOST + 1)
/* {"Error":""} */
#define ERROR_AROUND 12

static struct message message;

/* Decode from memory of its own, so that a sanitizer sees a read behind it. */
static enum error
decode(const char *json, size_t size)
{
	char *copy = malloc(size + 1);
	enum error error;

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, json, size);
	memset(&message, 0x5a, sizeof message);
	copy = realloc(copy, size > 0 ? size : 1);
	ck_assert_ptr_nonnull(copy);
	error = message_decode(copy, size, &message);
	free(copy);
	return error;
}

static enum error
decode_text(const char *json)
{
	return decode(json, strlen(json));
}

static enum message_kind
kind_of(const char *name)
{
	static const enum message_kind kinds[] = {MESSAGE_AUTHENTICATE,
	    MESSAGE_ACCEPT, MESSAGE_HELLO, MESSAGE_CHALLENGE, MESSAGE_HEARTBEAT,
	    MESSAGE_CONNECTION, MESSAGE_ERROR, MESSAGE_ANNOUNCE, MESSAGE_BYE,
	    MESSAGE_SPARE, MESSAGE_TAKEN, MESSAGE_STREAM, MESSAGE_RESUME,
	    MESSAGE_NO_STREAM, MESSAGE_FULL, MESSAGE_DIAL, MESSAGE_LOST,
	    MESSAGE_UNKNOWN};
	static const char *const names[] = {"Authenticate", "Accept", "Hello",
	    "Challenge", "Heartbeat", "Connection", "Error", "Announce", "Bye",
	    "Spare", "Taken", "Stream", "Resume", "NoStream", "Full", "Dial",
	    "Lost", "unknown"};

	for (size_t i = 0; i < SUITE_LENGTH(names); i++)
		if (strcmp(names[i], name) == 0)
			return kinds[i];
	ck_abort_msg("no such kind: %s", name);
}

static const struct {
	const char *name;
	unsigned ability;
} abilities[] = {{"heartbeat", MESSAGE_CAN_HEARTBEAT},
    {"lease", MESSAGE_CAN_LEASE}, {"spare", MESSAGE_CAN_SPARE},
    {"key", MESSAGE_CAN_KEY}, {"stream", MESSAGE_CAN_STREAM}};

/* Read a UUID, or "-". Returns whether there is one. */
static bool
uuid_of(const char *text, struct uuid *uuid)
{
	if (strcmp(text, "-") == 0)
		return false;
	ck_assert(uuid_parse(text, uuid));
	return true;
}

/* Read "heartbeat,lease INSTANCE ATTEMPT LEASE_MS SPARES [PROCESS KEY
 * [RESUME_MS]]"; "-" is none. */
static struct message_announce
announce_of(const char *payload)
{
	struct message_announce announce;
	char can[64], instance[64], process[64] = "-", key[64] = "-";

	memset(&announce, 0, sizeof announce);
	ck_assert_int_ge(
	    sscanf(payload,
		"%63s %63s %" SCNu64 " %" SCNu32 " %" SCNu32
		" %63s %63s %" SCNu32,
		can, instance, &announce.attempt, &announce.lease_ms,
		&announce.spares, process, key, &announce.resume_ms),
	    5);
	for (size_t i = 0; i < SUITE_LENGTH(abilities); i++)
		if (strstr(can, abilities[i].name) != NULL)
			announce.can |= abilities[i].ability;
	announce.has_instance = uuid_of(instance, &announce.instance);
	announce.has_process = uuid_of(process, &announce.process);
	announce.has_key = uuid_of(key, &announce.key);
	return announce;
}

static void
assert_announce(const struct message_announce *is, const char *payload)
{
	struct message_announce expected = announce_of(payload);

	ck_assert_uint_eq(is->can, expected.can);
	ck_assert_int_eq(is->has_instance, expected.has_instance);
	if (is->has_instance)
		ck_assert(uuid_equal(&is->instance, &expected.instance));
	ck_assert_int_eq(is->has_process, expected.has_process);
	if (is->has_process)
		ck_assert(uuid_equal(&is->process, &expected.process));
	ck_assert_int_eq(is->has_key, expected.has_key);
	if (is->has_key)
		ck_assert(uuid_equal(&is->key, &expected.key));
	ck_assert_uint_eq(is->attempt, expected.attempt);
	ck_assert_uint_eq(is->lease_ms, expected.lease_ms);
	ck_assert_uint_eq(is->spares, expected.spares);
	ck_assert_uint_eq(is->resume_ms, expected.resume_ms);
}

/* Read "yes RETRY_MS" or "no RETRY_MS [TAKEN SILENT_MS COPY ATTEMPT]". */
static struct message_bye
bye_of(const char *payload)
{
	struct message_bye bye = {.displaced = *payload == 'y'};
	char taken[8] = "no", copy[8] = "no";

	ck_assert_int_ge(
	    sscanf(payload, "%*s %" SCNu32 " %7s %" SCNu32 " %7s %" SCNu64,
		&bye.retry_ms, taken, &bye.silent_ms, copy, &bye.attempt),
	    1);
	bye.taken = *taken == 'y';
	bye.copy = *copy == 'y';
	return bye;
}

static void
assert_bye(const struct message_bye *is, const char *payload)
{
	struct message_bye expected = bye_of(payload);

	ck_assert_int_eq(is->displaced, expected.displaced);
	ck_assert_uint_eq(is->retry_ms, expected.retry_ms);
	ck_assert_int_eq(is->taken, expected.taken);
	ck_assert_uint_eq(is->silent_ms, expected.silent_ms);
	ck_assert_int_eq(is->copy, expected.copy);
	ck_assert_uint_eq(is->attempt, expected.attempt);
}

/* Read "ID ATTEMPT". */
static struct message_lost
lost_of(const char *payload)
{
	struct message_lost lost;
	char id[UUID_TEXT_SIZE];

	ck_assert_int_eq(
	    sscanf(payload, "%36s %" SCNu32, id, &lost.attempt), 2);
	ck_assert(uuid_parse(id, &lost.id));
	return lost;
}

static void
assert_lost(const struct message_lost *is, const char *payload)
{
	struct message_lost expected = lost_of(payload);

	ck_assert(uuid_equal(&is->id, &expected.id));
	ck_assert_uint_eq(is->attempt, expected.attempt);
}

/* Whether a message has the payload that a vector tells. */
static void
assert_payload(const struct message *is, const char *payload)
{
	char text[UUID_TEXT_SIZE] = "";

	switch (is->kind) {
	case MESSAGE_ANNOUNCE:
		assert_announce(&is->as.announce, payload);
		break;
	case MESSAGE_BYE:
		assert_bye(&is->as.bye, payload);
		break;
	case MESSAGE_HELLO:
		ck_assert_uint_eq(is->as.port, strtoul(payload, NULL, 10));
		break;
	case MESSAGE_ACCEPT:
	case MESSAGE_CHALLENGE:
	case MESSAGE_SPARE:
	case MESSAGE_STREAM:
	case MESSAGE_RESUME:
	case MESSAGE_NO_STREAM:
		uuid_print(&is->as.uuid, text);
		ck_assert_str_eq(text, payload);
		break;
	case MESSAGE_CONNECTION:
		uuid_print(&is->as.announcement.uuid, text);
		ck_assert_str_eq(text, payload);
		/* The protocol tells no more. */
		ck_assert_uint_eq(is->as.announcement.visitor.length, 0);
		ck_assert_uint_eq(is->as.announcement.public_port, 0);
		ck_assert_str_eq(is->as.announcement.tunnel, "");
		break;
	case MESSAGE_DIAL:
	case MESSAGE_FULL:
		ck_assert_uint_eq(is->as.count, strtoul(payload, NULL, 10));
		break;
	case MESSAGE_LOST:
		assert_lost(&is->as.lost, payload);
		break;
	case MESSAGE_HEARTBEAT:
	case MESSAGE_TAKEN:
		ck_assert_str_eq(payload, "");
		break;
	case MESSAGE_AUTHENTICATE:
	case MESSAGE_ERROR:
	case MESSAGE_UNKNOWN:
		ck_assert_str_eq(is->as.text, payload);
		break;
	}
}

static struct message
make(enum message_kind kind, const char *payload)
{
	struct message made;

	memset(&made, 0x5a, sizeof made);
	made.kind = kind;
	if (kind == MESSAGE_HELLO)
		made.as.port = (uint16_t)strtoul(payload, NULL, 10);
	else if (kind == MESSAGE_ERROR || kind == MESSAGE_AUTHENTICATE)
		snprintf(made.as.text, sizeof made.as.text, "%s", payload);
	else if (kind == MESSAGE_ANNOUNCE)
		made.as.announce = announce_of(payload);
	else if (kind == MESSAGE_BYE)
		made.as.bye = bye_of(payload);
	else if (kind == MESSAGE_DIAL || kind == MESSAGE_FULL)
		made.as.count = (unsigned)strtoul(payload, NULL, 10);
	else if (kind == MESSAGE_LOST)
		made.as.lost = lost_of(payload);
	else if (kind == MESSAGE_CONNECTION)
		ck_assert(uuid_parse(payload, &made.as.announcement.uuid));
	else if (kind != MESSAGE_HEARTBEAT && kind != MESSAGE_TAKEN)
		ck_assert(uuid_parse(payload, &made.as.uuid));
	return made;
}

static void
assert_encodes_to(const struct message *made, const char *json, size_t size)
{
	char frame[FRAME_SIZE + 1];

	frame[FRAME_SIZE] = 'x';
	ck_assert_uint_eq(message_encode(made, frame), size + 1);
	ck_assert_mem_eq(frame, json, size);
	ck_assert_int_eq(frame[size], '\0');
	ck_assert_int_eq(frame[FRAME_SIZE], 'x');
}

/* Split "same Error text of it". Returns the payload, "" without one. */
static const char *
split(char *meaning, const char **verdict, const char **kind)
{
	char *rest = meaning;

	*verdict = strsep(&rest, " ");
	*kind = rest ? strsep(&rest, " ") : "";
	return rest ? rest : "";
}

START_TEST(every_vector_is_read_as_it_says)
{
	struct vectors vectors;

	vectors_open(&vectors, "messages.txt");
	while (vectors_next(&vectors)) {
		char meaning[VECTORS_LINE_SIZE];
		const char *verdict, *kind, *payload;
		enum error error;

		snprintf(meaning, sizeof meaning, "%s", vectors.fields[0]);
		payload = split(meaning, &verdict, &kind);
		error = decode(vectors.fields[1], vectors.sizes[1]);
		if (strcmp(verdict, "bad") == 0) {
			ck_assert_msg(error == ERROR_PROTOCOL,
			    "line %u: accepted: %s", vectors.line,
			    vectors.fields[1]);
			continue;
		}
		ck_assert_msg(error == ERROR_NONE, "line %u: refused: %s",
		    vectors.line, vectors.fields[1]);
		ck_assert_int_eq(message.kind, kind_of(kind));
		assert_payload(&message, payload);
	}
}
END_TEST

START_TEST(every_message_is_written_as_the_vector_says)
{
	struct vectors vectors;
	unsigned seen = 0;

	vectors_open(&vectors, "messages.txt");
	while (vectors_next(&vectors)) {
		char meaning[VECTORS_LINE_SIZE];
		const char *verdict, *kind, *payload;
		struct message made;

		snprintf(meaning, sizeof meaning, "%s", vectors.fields[0]);
		payload = split(meaning, &verdict, &kind);
		if (strcmp(verdict, "same") != 0)
			continue;
		made = make(kind_of(kind), payload);
		assert_encodes_to(&made, vectors.fields[1], vectors.sizes[1]);
		seen |= 1u << made.kind;
	}
	ck_assert_uint_eq(seen, (1u << MESSAGE_UNKNOWN) - 1);
}
END_TEST

START_TEST(the_longest_message_has_256_bytes)
{
	char json[MESSAGE_JSON_MOST + 2];

	memset(json, ' ', sizeof json);
	memcpy(json, "\"Heartbeat\"", 11);
	ck_assert_int_eq(decode(json, 256), ERROR_NONE);
	ck_assert_int_eq(message.kind, MESSAGE_HEARTBEAT);
	ck_assert_int_eq(decode(json, 257), ERROR_PROTOCOL);
	ck_assert_int_eq(decode(json, 258), ERROR_PROTOCOL);
}
END_TEST

START_TEST(the_longest_text_is_read_whole)
{
	char json[MESSAGE_JSON_MOST];
	char text[MESSAGE_JSON_MOST];

	memset(text, 'e', sizeof text);
	memset(json, 'e', sizeof json);
	memcpy(json, "{\"Error\":\"", 10);
	memcpy(json + 254, "\"}", 2);
	ck_assert_int_eq(decode(json, sizeof json), ERROR_NONE);
	ck_assert_uint_eq(strlen(message.as.text), 244);
	ck_assert_mem_eq(message.as.text, text, 244);

	json[0] = json[255] = '"';
	memset(json + 1, 'e', 254);
	ck_assert_int_eq(decode(json, sizeof json), ERROR_NONE);
	ck_assert_int_eq(message.kind, MESSAGE_UNKNOWN);
	ck_assert_uint_eq(strlen(message.as.text), 254);
	ck_assert_mem_eq(message.as.text, text, 254);
}
END_TEST

/* Encode an Error with count times unit as its text, behind prefix; expect as
 * many units as fit. bytes: of one unit, escaped. */
static void
assert_cut(const char *prefix, const char *unit, size_t bytes)
{
	struct message made = {.kind = MESSAGE_ERROR};
	char frame[FRAME_SIZE];
	size_t unit_size = strlen(unit);
	size_t used = strlen(prefix);
	size_t fit = (MESSAGE_JSON_MOST - ERROR_AROUND - used) / bytes;
	size_t size;

	memcpy(made.as.text, prefix, used);
	while (used + unit_size <= MESSAGE_JSON_MOST) {
		memcpy(made.as.text + used, unit, unit_size);
		used += unit_size;
	}
	made.as.text[used] = '\0';
	size = message_encode(&made, frame);
	ck_assert_uint_eq(
	    size, ERROR_AROUND + strlen(prefix) + fit * bytes + 1);
	ck_assert_int_eq(frame[size - 1], '\0');
	ck_assert_mem_eq(frame + size - 3, "\"}", 3);
	ck_assert_int_eq(decode(frame, size - 1), ERROR_NONE);
	ck_assert_int_eq(message.kind, MESSAGE_ERROR);
	ck_assert_uint_eq(
	    strlen(message.as.text), strlen(prefix) + fit * unit_size);
	ck_assert_mem_eq(
	    message.as.text, made.as.text, strlen(message.as.text));
}

START_TEST(an_error_is_cut_between_characters_where_the_frame_ends)
{
	assert_cut("", "a", 1);
	assert_cut("", "\"", 2);
	assert_cut("", "\\", 2);
	assert_cut("", "\n", 2);
	assert_cut("", "\x01", 6);
	assert_cut("", "\x7f", 1);
	assert_cut("", "/", 1);
	/* U+00E9, U+20AC, U+1F573, shifted so that each byte meets the limit */
	for (int shift = 0; shift < 4; shift++) {
		static const char prefix[] = "abc";

		assert_cut(prefix + 3 - shift, "\xc3\xa9", 2);
		assert_cut(prefix + 3 - shift, "\xe2\x82\xac", 3);
		assert_cut(prefix + 3 - shift, "\xf0\x9f\x95\xb3", 4);
		assert_cut(prefix + 3 - shift, "\x1b", 6);
	}
}
END_TEST

START_TEST(an_error_of_244_bytes_fits_and_one_more_does_not)
{
	struct message made = {.kind = MESSAGE_ERROR};
	char frame[FRAME_SIZE];

	memset(made.as.text, 'a', 244);
	ck_assert_uint_eq(message_encode(&made, frame), 257);
	made.as.text[244] = 'b';
	ck_assert_uint_eq(message_encode(&made, frame), 257);
	ck_assert_mem_eq(frame + 253, "a\"}", 4);
}
END_TEST

START_TEST(an_error_ends_before_what_is_no_utf_8)
{
	/* Octal, as a hexadecimal digit may follow */
	static const char *const broken[] = {"ab\377cd", "ab\xc3", "ab\xc3(",
	    "ab\xe2\x82", "ab\xed\xa0\x80", "ab\xc0\x80", "ab\xf4\x90\x80\x80",
	    "ab\x80"};
	struct message made;

	for (size_t i = 0; i < SUITE_LENGTH(broken); i++) {
		made = make(MESSAGE_ERROR, broken[i]);
		assert_encodes_to(&made, "{\"Error\":\"ab\"}", 14);
	}
	made = make(MESSAGE_ERROR, "\xff");
	assert_encodes_to(&made, "{\"Error\":\"\"}", ERROR_AROUND);
}
END_TEST

START_TEST(eight_levels_are_read_and_nine_are_not)
{
	static const char open[] = "[[[[[[[[[[[[[[[[";
	static const char shut[] = "]]]]]]]]]]]]]]]]";
	char json[64];

	for (int levels = 1; levels <= 16; levels++) {
		int length = snprintf(json, sizeof json, "{\"Later\":%.*s%.*s}",
		    levels - 1, open, levels - 1, shut);

		if (levels == 1)
			continue; /* it has no value */
		ck_assert_int_eq(decode(json, (size_t)length),
		    levels <= 8 ? ERROR_NONE : ERROR_PROTOCOL);
	}
}
END_TEST

START_TEST(brackets_within_strings_are_no_levels)
{
	ck_assert_int_eq(
	    decode_text("{\"Error\":\"\\\\\\\"[[[[[[[[[[[[\"}"), ERROR_NONE);
	ck_assert_str_eq(message.as.text, "\\\"[[[[[[[[[[[[");
	/* The backslash is escaped: the string ends before the brackets. */
	ck_assert_int_eq(decode_text("{\"Later\":[\"\\\\\",[[[[[[[9]]]]]]]]}"),
	    ERROR_PROTOCOL);
	/* A bracket that only a string closes is still open. */
	ck_assert_int_eq(decode_text("{\"Later\":[\"]]]]\",[[[[[[[9]]]]]]]]}"),
	    ERROR_PROTOCOL);
}
END_TEST

START_TEST(every_kind_has_the_name_of_the_wire)
{
	ck_assert_str_eq(message_name(MESSAGE_AUTHENTICATE), "Authenticate");
	ck_assert_str_eq(message_name(MESSAGE_ACCEPT), "Accept");
	ck_assert_str_eq(message_name(MESSAGE_HELLO), "Hello");
	ck_assert_str_eq(message_name(MESSAGE_CHALLENGE), "Challenge");
	ck_assert_str_eq(message_name(MESSAGE_HEARTBEAT), "Heartbeat");
	ck_assert_str_eq(message_name(MESSAGE_CONNECTION), "Connection");
	ck_assert_str_eq(message_name(MESSAGE_ERROR), "Error");
	ck_assert_str_eq(message_name(MESSAGE_ANNOUNCE), "Announce");
	ck_assert_str_eq(message_name(MESSAGE_BYE), "Bye");
	ck_assert_str_eq(message_name(MESSAGE_SPARE), "Spare");
	ck_assert_str_eq(message_name(MESSAGE_TAKEN), "Taken");
	ck_assert_ptr_nonnull(message_name(MESSAGE_UNKNOWN));
}
END_TEST

START_TEST(no_start_of_a_message_is_a_message)
{
	static const char *const whole[] = {"\"Heartbeat\"",
	    "{\"Hello\":65535}", "{\"Error\":\"say \\\"no\\\"\"}",
	    "{\"Accept\":\"00112233-4455-4677-8899-aabbccddeeff\"}"};

	for (size_t i = 0; i < SUITE_LENGTH(whole); i++) {
		for (size_t size = 0; size < strlen(whole[i]); size++)
			ck_assert_int_eq(
			    decode(whole[i], size), ERROR_PROTOCOL);
		ck_assert_int_eq(decode_text(whole[i]), ERROR_NONE);
	}
}
END_TEST

SUITE_MAIN("message", every_vector_is_read_as_it_says,
    every_message_is_written_as_the_vector_says,
    the_longest_message_has_256_bytes, the_longest_text_is_read_whole,
    an_error_is_cut_between_characters_where_the_frame_ends,
    an_error_of_244_bytes_fits_and_one_more_does_not,
    an_error_ends_before_what_is_no_utf_8,
    eight_levels_are_read_and_nine_are_not,
    brackets_within_strings_are_no_levels, every_kind_has_the_name_of_the_wire,
    no_start_of_a_message_is_a_message)
