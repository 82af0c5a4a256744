/* stream_frame - see stream_frame.h */
#include "stream/stream_frame.h"

#include <assert.h>
#include <string.h>

/* Families on the wire. */
#define FAMILY_NONE 0
#define FAMILY_IPV4 4
#define FAMILY_IPV6 6

/* What is left of a payload that is being decoded. */
struct rest {
	const uint8_t *bytes;
	size_t length;
};

/* The lengths of each type. */
static const struct bounds {
	uint32_t least;
	uint32_t most;
} bounds[] = {
    [STREAM_OPEN] = {STREAM_OPEN_LEAST, STREAM_OPEN_MOST},
    [STREAM_RESUME] = {STREAM_RESUME_BYTES, STREAM_RESUME_BYTES},
    [STREAM_RESUMED] = {STREAM_PLACE_BYTES, STREAM_PLACE_BYTES},
    [STREAM_FINISHED] = {0, 0},
    [STREAM_GONE] = {0, 0},
    [STREAM_DATA] = {0, STREAM_LENGTH_MOST},
    [STREAM_PROBE] = {0, 0},
    [STREAM_PROBED] = {0, 0},
    [STREAM_END] = {0, 0},
    [STREAM_RESET] = {STREAM_RESET_BYTES, STREAM_RESET_BYTES},
    [STREAM_BYE] = {0, 0},
};

static uint8_t *
put_number(uint8_t *bytes, uint64_t number, unsigned size)
{
	for (unsigned i = 0; i < size; i++)
		bytes[i] = (uint8_t)(number >> 8 * (size - 1 - i));
	return bytes + size;
}

static uint64_t
number_of(const uint8_t *bytes, unsigned size)
{
	uint64_t number = 0;

	for (unsigned i = 0; i < size; i++)
		number = number << 8 | bytes[i];
	return number;
}

static bool
is_length_of(uint8_t type, uint32_t length)
{
	return type >= STREAM_OPEN && type <= STREAM_BYE &&
	       length >= bounds[type].least && length <= bounds[type].most;
}

void
stream_frame_encode_head(
    const struct stream_head *head, uint8_t bytes[static STREAM_HEAD_BYTES])
{
	assert(is_length_of((uint8_t)head->type, head->length));
	bytes = put_number(bytes, head->type, 1);
	bytes = put_number(bytes, head->length, 3);
	bytes = put_number(bytes, head->received, 4);
	put_number(bytes, head->limit, 4);
}

enum error
stream_frame_decode_head(
    const uint8_t bytes[static STREAM_HEAD_BYTES], struct stream_head *head)
{
	uint32_t length = (uint32_t)number_of(bytes + 1, 3);

	if (!is_length_of(bytes[0], length))
		return ERROR_PROTOCOL;
	*head = (struct stream_head){
	    .type = (enum stream_type)bytes[0],
	    .length = length,
	    .received = (uint32_t)number_of(bytes + 4, 4),
	    .limit = (uint32_t)number_of(bytes + 8, 4),
	};
	return ERROR_NONE;
}

bool
stream_frame_position(
    uint32_t low, uint64_t least, uint64_t most, uint64_t *position)
{
	/* The distance is also right across a carry into the high half. */
	uint32_t distance = low - (uint32_t)least;

	assert(most >= least && most - least <= STREAM_SPAN_MOST);
	if (distance > most - least)
		return false;
	*position = least + distance;
	return true;
}

static uint8_t *
put_address(uint8_t *bytes, const struct address *address)
{
	struct address plain = *address;

	if (address->length == 0)
		return put_number(bytes, FAMILY_NONE, 1);
	address_unmap(&plain);
	if (plain.socket.generic.sa_family == AF_INET) {
		bytes = put_number(bytes, FAMILY_IPV4, 1);
		memcpy(bytes, &plain.socket.v4.sin_addr, 4);
		bytes += 4;
	} else {
		bytes = put_number(bytes, FAMILY_IPV6, 1);
		memcpy(bytes, &plain.socket.v6.sin6_addr, 16);
		bytes += 16;
	}
	return put_number(bytes, address_port(&plain), 2);
}

/* Take size bytes. Returns NULL if there are fewer. */
static const uint8_t *
take_bytes(struct rest *rest, size_t size)
{
	const uint8_t *bytes = rest->bytes;

	if (rest->length < size)
		return NULL;
	rest->bytes += size;
	rest->length -= size;
	return bytes;
}

static bool
take_address(struct rest *rest, struct address *address)
{
	const uint8_t *family = take_bytes(rest, 1);
	const uint8_t *bytes;
	size_t size;

	memset(address, 0, sizeof *address);
	if (family == NULL)
		return false;
	if (*family == FAMILY_NONE)
		return true;
	if (*family != FAMILY_IPV4 && *family != FAMILY_IPV6)
		return false;
	size = *family == FAMILY_IPV4 ? 4 : 16;
	bytes = take_bytes(rest, size + 2);
	if (bytes == NULL)
		return false;
	if (*family == FAMILY_IPV4) {
		address->length = sizeof address->socket.v4;
		address->socket.v4.sin_family = AF_INET;
		memcpy(&address->socket.v4.sin_addr, bytes, size);
	} else {
		address->length = sizeof address->socket.v6;
		address->socket.v6.sin6_family = AF_INET6;
		memcpy(&address->socket.v6.sin6_addr, bytes, size);
		/* A mapped address would have been sent as IPv4. */
		if (IN6_IS_ADDR_V4MAPPED(&address->socket.v6.sin6_addr))
			return false;
	}
	address_set_port(address, (uint16_t)number_of(bytes + size, 2));
	return true;
}

static bool
is_name(const uint8_t *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (bytes[i] <= ' ' || bytes[i] > '~')
			return false;
	return length <= STREAM_TUNNEL_MOST;
}

size_t
stream_frame_encode_open(
    const struct stream_open *open, uint8_t payload[static STREAM_OPEN_MOST])
{
	size_t length = strlen(open->tunnel);
	uint8_t *end = payload;

	assert(is_name((const uint8_t *)open->tunnel, length));
	memcpy(end, open->id.bytes, UUID_BYTES);
	end = put_number(end + UUID_BYTES, open->resume_ms, 4);
	end = put_address(end, &open->visitor);
	end = put_address(end, &open->public);
	end = put_number(end, length, 1);
	memcpy(end, open->tunnel, length);
	return (size_t)(end - payload) + length;
}

enum error
stream_frame_decode_open(
    const uint8_t *payload, size_t length, struct stream_open *open)
{
	struct rest rest = {payload, length};
	const uint8_t *bytes = take_bytes(&rest, UUID_BYTES);

	if (bytes == NULL)
		return ERROR_PROTOCOL;
	memcpy(open->id.bytes, bytes, UUID_BYTES);
	bytes = take_bytes(&rest, 4);
	if (bytes == NULL)
		return ERROR_PROTOCOL;
	open->resume_ms = (uint32_t)number_of(bytes, 4);
	if (!take_address(&rest, &open->visitor) ||
	    !take_address(&rest, &open->public))
		return ERROR_PROTOCOL;
	bytes = take_bytes(&rest, 1);
	if (bytes == NULL || rest.length != *bytes ||
	    !is_name(rest.bytes, rest.length))
		return ERROR_PROTOCOL;
	memcpy(open->tunnel, rest.bytes, rest.length);
	open->tunnel[rest.length] = '\0';
	return ERROR_NONE;
}

void
stream_frame_encode_place(const struct stream_place *place,
    uint8_t payload[static STREAM_PLACE_BYTES])
{
	put_number(put_number(payload, place->received, 8), place->limit, 8);
}

enum error
stream_frame_decode_place(
    const uint8_t *payload, size_t length, struct stream_place *place)
{
	if (length != STREAM_PLACE_BYTES)
		return ERROR_PROTOCOL;
	place->received = number_of(payload, 8);
	place->limit = number_of(payload + 8, 8);
	return place->limit >= place->received &&
	               place->limit - place->received <= STREAM_SPAN_MOST
	           ? ERROR_NONE
	           : ERROR_PROTOCOL;
}

void
stream_frame_encode_resume(const struct stream_resume *resume,
    uint8_t payload[static STREAM_RESUME_BYTES])
{
	memcpy(payload, resume->id.bytes, UUID_BYTES);
	stream_frame_encode_place(&resume->place,
	    put_number(payload + UUID_BYTES, resume->attempt, 4));
}

enum error
stream_frame_decode_resume(
    const uint8_t *payload, size_t length, struct stream_resume *resume)
{
	if (length != STREAM_RESUME_BYTES)
		return ERROR_PROTOCOL;
	memcpy(resume->id.bytes, payload, UUID_BYTES);
	resume->attempt = (uint32_t)number_of(payload + UUID_BYTES, 4);
	return stream_frame_decode_place(
	    payload + UUID_BYTES + 4, STREAM_PLACE_BYTES, &resume->place);
}
