/*
 * stream_retain - the bytes of one direction of a stream that must not be
 * forgotten yet: sent, and not known to have been received; or received, and
 * not taken by the end socket.
 *
 * The bytes are in pieces of 64 KiB, each with room for the head of a frame in
 * front of it, so that a full read and its head go out in one write. A piece is
 * taken when bytes arrive and given back when they are released; an idle stream
 * has none. All pieces of the process have one limit, which a stream's first
 * piece may exceed: every stream moves on, however little is free.
 *
 * Threads: one at a time for a struct stream_retain; any for what concerns the
 * process.
 */
#ifndef REBORE_STREAM_STREAM_RETAIN_H
#define REBORE_STREAM_STREAM_RETAIN_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "stream/stream_frame.h"

#define STREAM_PIECE_BYTES ((size_t)64 * 1024)
/* How many unused pieces stay for reuse (8 MiB), and how many after
 * stream_retain_tidy(). */
#define STREAM_PIECES_UNUSED_MOST 128
#define STREAM_PIECES_UNUSED_IDLE 4
/* With less room than this in the last piece, another piece is used. */
#define STREAM_PIECE_ROOM_LEAST ((size_t)16 * 1024)

struct stream_piece;

/* Fields are private. */
struct stream_retain {
	struct stream_piece *first;
	struct stream_piece *last;
	uint64_t end;
};

/* Set the limit for the pieces of all streams, in bytes. Before this call there
 * is none. */
void stream_retain_limit(uint64_t bytes);

/* Returns how many bytes may still be kept; UINT64_MAX if there is no limit. */
uint64_t stream_retain_free(void);

/* Return to the system all but a few of the pieces that have not been needed
 * since the last call. Call it now and then. */
void stream_retain_tidy(void);

/* position: of the first byte to be put. */
void stream_retain_init(struct stream_retain *retain, uint64_t position);

/* Forget all. */
void stream_retain_destroy(struct stream_retain *retain);

/*
 * Returns where to put the next bytes, or NULL if the limit is reached or there
 * is no memory.
 *
 * room: set to how many, 1 or more.
 */
char *stream_retain_room(struct stream_retain *retain, size_t *room);

/* The same, but may exceed the limit, for bytes that have nowhere else to go.
 * Returns NULL only when there is no memory. */
char *stream_retain_force(struct stream_retain *retain, size_t *room);

/* State that size bytes have been put where stream_retain_room() said. */
void stream_retain_put(struct stream_retain *retain, size_t size);

/* Release all bytes before a position. One beyond the last byte is legal: END
 * has a position, but no byte. */
void stream_retain_release(struct stream_retain *retain, uint64_t position);

/* Returns the most pieces of a gathering write that stream_retain_gather()
 * makes of size bytes. */
size_t stream_retain_count(size_t size);

/*
 * Assemble a frame: head, and size bytes from a position on, all of which are
 * kept.
 *
 * head: must live until the write is done. NULL: no head, only bytes.
 * vectors: room for stream_retain_count(size).
 * Returns how many were used. They are valid until the next call for retain.
 */
size_t stream_retain_gather(struct stream_retain *retain, uint8_t *head,
    uint64_t position, size_t size, struct iovec *vectors);

#endif
