/*
 * frame - cuts a stream of bytes into frames: JSON text up to a NUL.
 *
 * Pure: the caller puts bytes in and takes frames out. Bytes after the last
 * frame stay in the buffer; on a data connection they belong to the raw stream
 * that follows.
 */
#ifndef REBORE_WIRE_FRAME_H
#define REBORE_WIRE_FRAME_H

#include <stddef.h>

#include "base/error.h"
#include "wire/message.h"

/* Room for two whole frames, as many as a handshake has in flight. */
#define FRAME_BUFFER_BYTES (2 * (MESSAGE_JSON_MOST + 1))

/* Fields are private. */
struct frame_buffer {
	size_t start;
	size_t end;
	char bytes[FRAME_BUFFER_BYTES];
};

void frame_init(struct frame_buffer *buffer);

/*
 * Returns where to put the next bytes.
 *
 * room: set to how many there is room for: 1 or more if frame_next() was called
 * until it returned ERROR_AGAIN.
 */
char *frame_space(struct frame_buffer *buffer, size_t *room);

/* State that size bytes have been put where frame_space() said. */
void frame_put(struct frame_buffer *buffer, size_t size);

/*
 * Take the next frame.
 *
 * json: set to size bytes without the NUL, valid until the next call for
 * buffer.
 * Returns ERROR_AGAIN when more bytes are needed, or ERROR_PROTOCOL when more
 * than MESSAGE_JSON_MOST bytes have come without a NUL.
 */
enum error frame_next(
    struct frame_buffer *buffer, const char **json, size_t *size);

/* Returns the size bytes that have come after the last frame that was taken. */
const char *frame_rest(const struct frame_buffer *buffer, size_t *size);

#endif
