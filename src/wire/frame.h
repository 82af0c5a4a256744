/*
 * frame - cuts a stream of bytes into frames: JSON text up to a NUL.
 *
 * Pure: who reads puts the bytes in, who wants frames takes them out. What is
 * behind the last frame stays, and belongs to the raw stream that follows on a
 * data connection.
 */
#ifndef REBORE_WIRE_FRAME_H
#define REBORE_WIRE_FRAME_H

#include <stddef.h>

#include "base/error.h"
#include "wire/message.h"

/* Two whole frames: what a handshake has in flight. */
#define FRAME_BUFFER_BYTES (2 * (MESSAGE_JSON_MOST + 1))

/* Fields are private. */
struct frame_buffer {
	size_t start;
	size_t end;
	char bytes[FRAME_BUFFER_BYTES];
};

void frame_init(struct frame_buffer *buffer);

/*
 * Where the next bytes are to be put.
 *
 * room: how many, 1 or more as long as frame_next() was asked until it said
 * ERROR_AGAIN.
 */
char *frame_space(struct frame_buffer *buffer, size_t *room);

/* size bytes were put there. */
void frame_put(struct frame_buffer *buffer, size_t size);

/*
 * Take the next frame.
 *
 * json: size bytes without the NUL, good until the next call on buffer.
 * Returns ERROR_AGAIN: more bytes are needed; ERROR_PROTOCOL: more than
 * MESSAGE_JSON_MOST bytes without a NUL.
 */
enum error frame_next(
    struct frame_buffer *buffer, const char **json, size_t *size);

/* Returns what is left behind the last frame taken, size bytes. */
const char *frame_rest(const struct frame_buffer *buffer, size_t *size);

#endif
