/*
 * What a data connection may carry: heads and payloads, one behind the other.
 * Each head and payload that is taken is written again, and must be the very
 * bytes that were read: what encoding does not make is to be refused.
 */
#include <string.h>

#include "fuzz.h"
#include "stream/stream_frame.h"

static void
check_head(const uint8_t *bytes, const struct stream_head *head)
{
	uint8_t again[STREAM_HEAD_BYTES];

	FUZZ_MUST(head->type >= STREAM_OPEN && head->type <= STREAM_BYE);
	FUZZ_MUST(head->length <= STREAM_LENGTH_MOST);
	stream_frame_encode_head(head, again);
	FUZZ_MUST(memcmp(bytes, again, sizeof again) == 0);
}

/* Find a position by its low half, and look for it in the other way. */
static void
check_position(uint32_t low, uint64_t least, uint64_t span)
{
	uint64_t most = least + span;
	uint64_t expected = (least >> 32 << 32) + low;
	uint64_t position;

	if (expected < least)
		expected += (uint64_t)1 << 32;
	if (!stream_frame_position(low, least, most, &position)) {
		FUZZ_MUST(expected > most);
		return;
	}
	FUZZ_MUST(position == expected);
	FUZZ_MUST(position >= least && position <= most);
}

static void
check_address(const struct address *address)
{
	FUZZ_MUST(address->length == 0 ||
		  address->length == sizeof address->socket.v4 ||
		  address->length == sizeof address->socket.v6);
}

static void
check_open(const uint8_t *payload, size_t length)
{
	uint8_t again[STREAM_OPEN_MOST];
	struct stream_open open;
	enum error error = stream_frame_decode_open(payload, length, &open);

	if (error) {
		FUZZ_MUST(error == ERROR_PROTOCOL);
		return;
	}
	FUZZ_MUST(memchr(open.tunnel, '\0', sizeof open.tunnel) != NULL);
	for (const char *c = open.tunnel; *c != '\0'; c++)
		FUZZ_MUST(*c > ' ' && *c <= '~');
	check_address(&open.visitor);
	check_address(&open.public);
	FUZZ_MUST(stream_frame_encode_open(&open, again) == length);
	FUZZ_MUST(memcmp(payload, again, length) == 0);
}

static void
check_place(const struct stream_place *place)
{
	FUZZ_MUST(place->limit >= place->received);
	FUZZ_MUST(place->limit - place->received <= STREAM_SPAN_MOST);
	check_position((uint32_t)place->limit, place->received,
	    place->limit - place->received);
}

static void
check_resume(const uint8_t *payload, size_t length)
{
	uint8_t again[STREAM_RESUME_BYTES];
	struct stream_resume resume;
	enum error error = stream_frame_decode_resume(payload, length, &resume);

	if (error) {
		FUZZ_MUST(error == ERROR_PROTOCOL);
		return;
	}
	FUZZ_MUST(length == sizeof again);
	check_place(&resume.place);
	stream_frame_encode_resume(&resume, again);
	FUZZ_MUST(memcmp(payload, again, length) == 0);
}

static void
check_resumed(const uint8_t *payload, size_t length)
{
	uint8_t again[STREAM_PLACE_BYTES];
	struct stream_place place;
	enum error error = stream_frame_decode_place(payload, length, &place);

	if (error) {
		FUZZ_MUST(error == ERROR_PROTOCOL);
		return;
	}
	FUZZ_MUST(length == sizeof again);
	check_place(&place);
	stream_frame_encode_place(&place, again);
	FUZZ_MUST(memcmp(payload, again, length) == 0);
}

/* All decoders see the payload, of whatever type it is: which one is asked for
 * is up to the caller. */
static void
check_payload(const uint8_t *bytes, size_t length)
{
	uint8_t *payload = calloc(1, length > 0 ? length : 1);

	FUZZ_MUST(payload != NULL);
	if (length > 0)
		memcpy(payload, bytes, length);
	check_open(payload, length);
	check_resume(payload, length);
	check_resumed(payload, length);
	free(payload);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t least = 0;

	while (size >= STREAM_HEAD_BYTES) {
		struct stream_head head;
		enum error error = stream_frame_decode_head(data, &head);

		if (error) {
			FUZZ_MUST(error == ERROR_PROTOCOL);
			break;
		}
		check_head(data, &head);
		check_position(
		    head.received, least, head.limit % (STREAM_SPAN_MOST + 1));
		/* Of all 64 bits but the highest, so that no sum overflows */
		least = ((least << 16) + head.limit) >> 1;
		data += STREAM_HEAD_BYTES;
		size -= STREAM_HEAD_BYTES;
		if (head.length > size)
			break;
		check_payload(data, head.length);
		data += head.length;
		size -= head.length;
	}
	/* What is left, as the payload of a frame that was cut off */
	check_payload(data, size);
	return 0;
}
