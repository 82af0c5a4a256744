/* message - see message.h */
#include "wire/message.h"

#include <assert.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "wire/json_arena.h"
#include "wire/payload.h"

enum payload {
	PAYLOAD_NONE,
	PAYLOAD_PORT,
	PAYLOAD_UUID,
	PAYLOAD_ANNOUNCEMENT,
	PAYLOAD_TEXT,
	PAYLOAD_ANNOUNCE,
	PAYLOAD_BYE, /* which may be absent */
	PAYLOAD_COUNT,
	PAYLOAD_LOST,
};

static const struct kind {
	const char *name;
	enum payload payload;
} kinds[] = {
    [MESSAGE_AUTHENTICATE] = {"Authenticate", PAYLOAD_TEXT},
    [MESSAGE_ACCEPT] = {"Accept", PAYLOAD_UUID},
    [MESSAGE_SPARE] = {"Spare", PAYLOAD_UUID},
    [MESSAGE_TAKEN] = {"Taken", PAYLOAD_NONE},
    [MESSAGE_STREAM] = {"Stream", PAYLOAD_UUID},
    [MESSAGE_RESUME] = {"Resume", PAYLOAD_UUID},
    [MESSAGE_NO_STREAM] = {"NoStream", PAYLOAD_UUID},
    [MESSAGE_FULL] = {"Full", PAYLOAD_COUNT},
    [MESSAGE_HELLO] = {"Hello", PAYLOAD_PORT},
    [MESSAGE_ANNOUNCE] = {"Announce", PAYLOAD_ANNOUNCE},
    [MESSAGE_BYE] = {"Bye", PAYLOAD_BYE},
    [MESSAGE_CHALLENGE] = {"Challenge", PAYLOAD_UUID},
    [MESSAGE_HEARTBEAT] = {"Heartbeat", PAYLOAD_NONE},
    [MESSAGE_CONNECTION] = {"Connection", PAYLOAD_ANNOUNCEMENT},
    [MESSAGE_ERROR] = {"Error", PAYLOAD_TEXT},
    [MESSAGE_DIAL] = {"Dial", PAYLOAD_COUNT},
    [MESSAGE_LOST] = {"Lost", PAYLOAD_LOST},
};

#define KINDS (sizeof kinds / sizeof *kinds)

const char *
message_name(enum message_kind kind)
{
	return (size_t)kind < KINDS ? kinds[kind].name : "unknown";
}

/* Whether arrays and objects are nested too deeply. Brackets in strings do not
 * count. The text need not be JSON: that is for the parser to find out. */
static bool
is_too_deep(const char *json, size_t size)
{
	unsigned depth = 0;
	bool in_string = false;

	for (size_t i = 0; i < size; i++) {
		if (in_string && json[i] == '\\')
			i++;
		else if (json[i] == '"')
			in_string = !in_string;
		else if (!in_string && (json[i] == '[' || json[i] == '{'))
			depth++;
		else if (!in_string && (json[i] == ']' || json[i] == '}'))
			depth -= depth > 0;
		if (depth > MESSAGE_NESTING_MOST)
			return true;
	}
	return false;
}

static enum message_kind
kind_of_name(const char *name)
{
	for (size_t i = 0; i < KINDS; i++)
		if (strcmp(kinds[i].name, name) == 0)
			return (enum message_kind)i;
	return MESSAGE_UNKNOWN;
}

static void
set_text(struct message *message, const char *text)
{
	snprintf(message->as.text, sizeof message->as.text, "%s", text);
}

/* Decode a variant without payload, "Name". */
static enum error
decode_unit(const char *name, struct message *message)
{
	message->kind = kind_of_name(name);
	if (message->kind == MESSAGE_UNKNOWN) {
		set_text(message, name);
		return ERROR_NONE;
	}
	switch (kinds[message->kind].payload) {
	case PAYLOAD_BYE:
		memset(&message->as.bye, 0, sizeof message->as.bye);
		return ERROR_NONE;
	case PAYLOAD_NONE:
		return ERROR_NONE;
	default:
		return ERROR_PROTOCOL;
	}
}

static bool
decode_payload(const json_t *value, struct message *message)
{
	json_int_t number;

	switch (kinds[message->kind].payload) {
	case PAYLOAD_PORT:
		number = json_integer_value(value);
		message->as.port = (uint16_t)number;
		return json_is_integer(value) && number >= 0 &&
		       number <= UINT16_MAX;
	case PAYLOAD_UUID:
		return json_is_string(value) &&
		       uuid_parse(json_string_value(value), &message->as.uuid);
	case PAYLOAD_ANNOUNCEMENT:
		memset(&message->as.announcement, 0,
		    sizeof message->as.announcement);
		return json_is_string(value) &&
		       uuid_parse(json_string_value(value),
			   &message->as.announcement.uuid);
	case PAYLOAD_TEXT:
		if (!json_is_string(value))
			return false;
		set_text(message, json_string_value(value));
		return true;
	case PAYLOAD_ANNOUNCE:
		return payload_read_announce(value, &message->as.announce);
	case PAYLOAD_BYE:
		return payload_read_bye(value, &message->as.bye);
	case PAYLOAD_COUNT:
		number = json_integer_value(value);
		message->as.count = (unsigned)number;
		return json_is_integer(value) && number >= 1 &&
		       number <= MESSAGE_DIAL_MOST;
	case PAYLOAD_LOST:
		return payload_read_lost(value, &message->as.lost);
	case PAYLOAD_NONE:
		break;
	}
	return false;
}

/* Decode a variant with payload, {"Name": value}. */
static enum error
decode_object(json_t *object, struct message *message)
{
	void *entry = json_object_iter(object);
	const char *name;

	if (json_object_size(object) != 1)
		return ERROR_PROTOCOL;
	name = json_object_iter_key(entry);
	message->kind = kind_of_name(name);
	if (message->kind == MESSAGE_UNKNOWN) {
		set_text(message, name);
		return ERROR_NONE;
	}
	return decode_payload(json_object_iter_value(entry), message)
	           ? ERROR_NONE
	           : ERROR_PROTOCOL;
}

static enum error
decode(const char *json, size_t size, struct message *message)
{
	const size_t flags = JSON_REJECT_DUPLICATES | JSON_DECODE_ANY;
	enum error error = ERROR_PROTOCOL;
	json_error_t problem;
	json_t *value;

	value = json_loadb(json, size, flags, &problem);
	if (value == NULL)
		return json_error_code(&problem) == json_error_out_of_memory
		           ? ERROR_MEMORY
		           : ERROR_PROTOCOL;
	if (json_is_string(value))
		error = decode_unit(json_string_value(value), message);
	else if (json_is_object(value))
		error = decode_object(value, message);
	json_decref(value);
	return error;
}

enum error
message_decode(const char *json, size_t size, struct message *message)
{
	struct json_arena arena;
	enum error error;

	if (size > MESSAGE_JSON_MOST || memchr(json, '\0', size) != NULL ||
	    is_too_deep(json, size))
		return ERROR_PROTOCOL;
	json_arena_begin(&arena);
	error = decode(json, size, message);
	json_arena_end();
	return error;
}

/* Returns the length of the longest start of text that is valid UTF-8 and has
 * at most size bytes. */
static size_t
valid_length(const char *text, size_t size)
{
	size_t length = strnlen(text, size);
	size_t whole = 0;

	while (whole < length) {
		size_t step = escape_utf8_length(text + whole, length - whole);

		if (step == 0)
			break;
		whole += step;
	}
	return whole;
}

/* Encode {"Name":"text"}, with as much of the text as fits once it is
 * escaped. */
static size_t
encode_text(const char *name, const char *text,
    char frame[static MESSAGE_JSON_MOST + 1])
{
	size_t length = valid_length(text, MESSAGE_JSON_MOST);

	for (;;) {
		json_t *object = json_pack("{s:s%}", name, text, length);
		size_t size = object == NULL
		                  ? 0
		                  : json_dumpb(object, frame, MESSAGE_JSON_MOST,
					JSON_COMPACT);

		json_decref(object);
		if (size == 0)
			return 0;
		if (size <= MESSAGE_JSON_MOST) {
			frame[size] = '\0';
			return size + 1;
		}
		length = valid_length(text, length - 1);
	}
}

/* Encode {"Name":payload}, taking over the reference to payload. Our objects
 * are far shorter than a frame may be. */
static size_t
encode_object(
    const char *name, json_t *payload, char frame[static MESSAGE_JSON_MOST + 1])
{
	json_t *object = json_pack("{s:o}", name, payload);
	size_t size = 0;

	if (object != NULL)
		size =
		    json_dumpb(object, frame, MESSAGE_JSON_MOST, JSON_COMPACT);
	json_decref(object);
	if (size == 0)
		return 0;
	assert(size <= MESSAGE_JSON_MOST);
	frame[size] = '\0';
	return size + 1;
}

/* Whether Bye has no payload, as a client sends it. */
static bool
is_bare_bye(const struct message *message)
{
	const struct message_bye *bye = &message->as.bye;

	return !bye->displaced && !bye->taken && !bye->copy &&
	       bye->attempt == 0 && bye->retry_ms == 0;
}

static size_t
encode_uuid(const char *name, const struct uuid *uuid,
    char frame[static MESSAGE_JSON_MOST + 1])
{
	char text[UUID_TEXT_SIZE];
	int length;

	uuid_print(uuid, text);
	length = snprintf(
	    frame, MESSAGE_JSON_MOST + 1, "{\"%s\":\"%s\"}", name, text);
	return (size_t)length + 1;
}

static size_t
encode(const struct message *message, char frame[static MESSAGE_JSON_MOST + 1])
{
	const char *name = message_name(message->kind);
	int length = 0;

	assert((size_t)message->kind < KINDS);
	switch (kinds[message->kind].payload) {
	case PAYLOAD_ANNOUNCE:
		return encode_object(
		    name, payload_write_announce(&message->as.announce), frame);
	case PAYLOAD_BYE:
		if (!is_bare_bye(message))
			return encode_object(
			    name, payload_write_bye(&message->as.bye), frame);
		length = snprintf(frame, MESSAGE_JSON_MOST + 1, "\"%s\"", name);
		break;
	case PAYLOAD_NONE:
		length = snprintf(frame, MESSAGE_JSON_MOST + 1, "\"%s\"", name);
		break;
	case PAYLOAD_PORT:
		length = snprintf(frame, MESSAGE_JSON_MOST + 1, "{\"%s\":%u}",
		    name, (unsigned)message->as.port);
		break;
	case PAYLOAD_COUNT:
		length = snprintf(frame, MESSAGE_JSON_MOST + 1, "{\"%s\":%u}",
		    name, message->as.count);
		break;
	case PAYLOAD_LOST:
		return encode_object(
		    name, payload_write_lost(&message->as.lost), frame);
	case PAYLOAD_UUID:
		return encode_uuid(name, &message->as.uuid, frame);
	case PAYLOAD_ANNOUNCEMENT:
		return encode_uuid(name, &message->as.announcement.uuid, frame);
	case PAYLOAD_TEXT:
		return encode_text(name, message->as.text, frame);
	}
	return (size_t)length + 1;
}

size_t
message_encode(
    const struct message *message, char frame[static MESSAGE_JSON_MOST + 1])
{
	struct json_arena arena;
	size_t size;

	json_arena_begin(&arena);
	size = encode(message, frame);
	json_arena_end();
	return size;
}
