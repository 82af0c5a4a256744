/*
 * What is read as a message can be written, and is read again as the same; what
 * is not one leaves no trace.
 */
#include <string.h>

#include "base/escape.h"
#include "fuzz.h"
#include "wire/message.h"

static bool
is_same_uuid(bool has_a, const struct uuid *a, bool has_b, const struct uuid *b)
{
	return has_a == has_b && (!has_a || uuid_equal(a, b));
}

static bool
is_same_announce(
    const struct message_announce *a, const struct message_announce *b)
{
	/* A client's is written without grants, a server's without instance. */
	if (a->can != b->can || a->has_instance != b->has_instance)
		return false;
	if (a->has_instance)
		return uuid_equal(&a->instance, &b->instance) &&
		       a->attempt == b->attempt &&
		       is_same_uuid(a->has_process, &a->process, b->has_process,
			   &b->process);
	return a->lease_ms == b->lease_ms && a->spares == b->spares &&
	       is_same_uuid(a->has_key, &a->key, b->has_key, &b->key);
}

/* One that says several things is written with the first of these. */
static bool
is_same_bye(const struct message_bye *a, const struct message_bye *b)
{
	if (a->displaced)
		return b->displaced;
	if (a->taken)
		return b->taken && a->silent_ms == b->silent_ms;
	if (a->copy)
		return b->copy;
	if (a->attempt > 0)
		return a->attempt == b->attempt;
	return a->retry_ms == b->retry_ms;
}

static bool
is_same(const struct message *a, const struct message *b)
{
	if (a->kind != b->kind)
		return false;
	switch (a->kind) {
	case MESSAGE_HELLO:
		return a->as.port == b->as.port;
	case MESSAGE_ACCEPT:
	case MESSAGE_CHALLENGE:
	case MESSAGE_SPARE:
	case MESSAGE_STREAM:
	case MESSAGE_RESUME:
	case MESSAGE_NO_STREAM:
		return uuid_equal(&a->as.uuid, &b->as.uuid);
	case MESSAGE_CONNECTION:
		return uuid_equal(
		    &a->as.announcement.uuid, &b->as.announcement.uuid);
	case MESSAGE_DIAL:
	case MESSAGE_FULL:
		return a->as.count == b->as.count;
	case MESSAGE_LOST:
		return a->as.lost.attempt == b->as.lost.attempt &&
		       uuid_equal(&a->as.lost.id, &b->as.lost.id);
	case MESSAGE_HEARTBEAT:
	case MESSAGE_TAKEN:
		return true;
	case MESSAGE_ANNOUNCE:
		return is_same_announce(&a->as.announce, &b->as.announce);
	case MESSAGE_BYE:
		return is_same_bye(&a->as.bye, &b->as.bye);
	case MESSAGE_AUTHENTICATE:
	case MESSAGE_ERROR:
	case MESSAGE_UNKNOWN:
		/* One that is written may be longer, and is cut then. */
		return strncmp(a->as.text, b->as.text, strlen(b->as.text)) == 0;
	}
	return false;
}

static void
check_text(const struct message *message)
{
	size_t length = strnlen(message->as.text, sizeof message->as.text);
	size_t done = 0;

	FUZZ_MUST(length < sizeof message->as.text);
	while (done < length) {
		size_t step =
		    escape_utf8_length(message->as.text + done, length - done);

		FUZZ_MUST(step > 0);
		done += step;
	}
}

static void
check_round_trip(const struct message *message)
{
	char frame[MESSAGE_JSON_MOST + 1];
	struct message again;
	size_t size = message_encode(message, frame);

	FUZZ_MUST(size > 1 && size <= sizeof frame);
	FUZZ_MUST(memchr(frame, '\0', size) == frame + size - 1);
	FUZZ_MUST(message_decode(frame, size - 1, &again) == ERROR_NONE);
	FUZZ_MUST(is_same(message, &again));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct message message;
	enum error error = message_decode((const char *)data, size, &message);

	if (error) {
		FUZZ_MUST(error == ERROR_PROTOCOL);
		return 0;
	}
	FUZZ_MUST(size <= MESSAGE_JSON_MOST);
	FUZZ_MUST(memchr(data, '\0', size) == NULL);
	if (message.kind == MESSAGE_AUTHENTICATE ||
	    message.kind == MESSAGE_ERROR || message.kind == MESSAGE_UNKNOWN)
		check_text(&message);
	if (message.kind != MESSAGE_UNKNOWN)
		check_round_trip(&message);
	return 0;
}
