/*
 * stream_frame - the frames of a data connection that carries streams, as bytes
 * and as structs.
 *
 * A frame is a head of STREAM_HEAD_BYTES and a payload, big endian:
 *
 *     type:8 length:24 received:32 limit:32
 *
 * length: of the payload. received: up to where the sender of the frame holds
 * the other direction in its program's memory. limit: up to where it accepts
 * more. Both are the low halves of 64-bit positions, and every frame carries
 * both.
 *
 * Pure. Decoding returns ERROR_PROTOCOL for anything that encoding does not
 * produce.
 */
#ifndef REBORE_STREAM_STREAM_FRAME_H
#define REBORE_STREAM_STREAM_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/uuid.h"
#include "net/address.h"

#define STREAM_HEAD_BYTES   12
#define STREAM_LENGTH_MOST  0xffffffu
#define STREAM_TUNNEL_MOST  64
#define STREAM_RESUME_BYTES 36
#define STREAM_PLACE_BYTES  16
#define STREAM_RESET_BYTES  1
/* An id, a time, two addresses (family, and for IPv6 16 bytes and a port), the
 * length of a name and the name. */
#define STREAM_OPEN_LEAST (UUID_BYTES + 4 + 2 * 1 + 1)
#define STREAM_OPEN_MOST  (UUID_BYTES + 4 + 2 * 19 + 1 + STREAM_TUNNEL_MOST)
/* How far apart two positions of one direction can be; far above any window. */
#define STREAM_SPAN_MOST ((uint64_t)1 << 30)

/* The numbers are those on the wire. */
enum stream_type {
	/* Not on the wire. */
	STREAM_NOTHING = 0,
	/* Server to client, on an idle data connection: a visitor. What the
	 * visitor has sent may follow at once. Payload: struct stream_open. */
	STREAM_OPEN = 1,
	/* Client to server: this stream continues here. Payload: struct
	 * stream_resume. */
	STREAM_RESUME = 2,
	/* The server's answers to RESUME: the stream continues from these
	 * positions (payload: struct stream_place); it has ended well; it
	 * cannot continue. The latter two are last frames. */
	STREAM_RESUMED = 3,
	STREAM_FINISHED = 4,
	STREAM_GONE = 5,
	/* Bytes of the stream; none: an acknowledgement alone. */
	STREAM_DATA = 6,
	/* An acknowledgement that asks for another one at once, and the
	 * answer. */
	STREAM_PROBE = 7,
	STREAM_PROBED = 8,
	/* This direction is complete. END takes the position after the last
	 * byte. */
	STREAM_END = 9,
	/* The last frame of a stream that was reset. Payload: a byte, enum
	 * stream_code. */
	STREAM_RESET = 10,
	/* The last frame of a stream that has nothing else left to send. */
	STREAM_BYE = 11,
};

/* Why a stream was reset. */
enum stream_code {
	/* The visitor or the service has reset it. */
	STREAM_CODE_END = 0,
	/* The service cannot be reached, or has refused the connection. */
	STREAM_CODE_REFUSED = 1,
	/* It cannot be resumed. */
	STREAM_CODE_LOST = 2,
	/* The program stops. */
	STREAM_CODE_STOPPED = 3,
};

struct stream_head {
	enum stream_type type;
	uint32_t length;
	uint32_t received;
	uint32_t limit;
};

/* The full positions in RESUME and RESUMED: what their sender holds of the
 * other direction, and up to where it accepts more. */
struct stream_place {
	uint64_t received;
	uint64_t limit;
};

struct stream_open {
	struct uuid id;
	/* How long the stream may be interrupted; 0: not at all. */
	uint32_t resume_ms;
	/* length 0: not known. */
	struct address visitor;
	struct address public;
	/* Printable ASCII; "" if the tunnel has no name. */
	char tunnel[STREAM_TUNNEL_MOST + 1];
};

struct stream_resume {
	struct uuid id;
	/* Higher with each data connection that the client tries. */
	uint32_t attempt;
	struct stream_place place;
};

/* head: its length is one that a frame of its type can have. */
void stream_frame_encode_head(
    const struct stream_head *head, uint8_t bytes[static STREAM_HEAD_BYTES]);

/* Refuses unknown types, and lengths that no frame of the type has. */
enum error stream_frame_decode_head(
    const uint8_t bytes[static STREAM_HEAD_BYTES], struct stream_head *head);

/*
 * Find the position from least to most, both included, whose low half is low.
 *
 * most: from least to least + STREAM_SPAN_MOST.
 * Returns false when there is none.
 */
bool stream_frame_position(
    uint32_t low, uint64_t least, uint64_t most, uint64_t *position);

/* Returns the length of the payload. An IPv4 address mapped into IPv6 is sent
 * as IPv4; the link of a link-local one means nothing to the peer and is not
 * sent. */
size_t stream_frame_encode_open(
    const struct stream_open *open, uint8_t payload[static STREAM_OPEN_MOST]);
enum error stream_frame_decode_open(
    const uint8_t *payload, size_t length, struct stream_open *open);

void stream_frame_encode_resume(const struct stream_resume *resume,
    uint8_t payload[static STREAM_RESUME_BYTES]);
enum error stream_frame_decode_resume(
    const uint8_t *payload, size_t length, struct stream_resume *resume);

/* The limit is from received to received + STREAM_SPAN_MOST. */
void stream_frame_encode_place(const struct stream_place *place,
    uint8_t payload[static STREAM_PLACE_BYTES]);
enum error stream_frame_decode_place(
    const uint8_t *payload, size_t length, struct stream_place *place);

#endif
