/*
 * stream_window - how much of a stream may be under way or wait for its reader.
 *
 * The window is how far the limit that is told to the peer may be ahead of what
 * the end socket has taken. It begins small, since most streams are, and is
 * doubled each time a whole window has come and the end socket has kept up. A
 * window carries 0.75 to 0.8 of itself in a round trip.
 *
 * Pure. Sizes are bytes.
 */
#ifndef REBORE_STREAM_STREAM_WINDOW_H
#define REBORE_STREAM_STREAM_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#define STREAM_WINDOW_LEAST 65536u
#define STREAM_WINDOW_FIRST 262144u
/* Where the peer is nearer than STREAM_WINDOW_NEAR_MS there and back: more is
 * not faster there, and leaves the cache. */
#define STREAM_WINDOW_NEAR    1048576u
#define STREAM_WINDOW_FAR     4194304u
#define STREAM_WINDOW_NEAR_MS 5

/* Changed by the functions below alone. */
struct stream_window {
	uint32_t size;
	/* What had been received when the window of now was begun. */
	uint64_t begun;
};

/*
 * Returns the largest window of a stream.
 *
 * rtt_ms: the round trip, 0 where it is not known, which counts as far.
 * option: what the user wants it to be, 0: nothing is said.
 */
uint32_t stream_window_most(uint32_t rtt_ms, uint32_t option);

/* received: the position that the stream begins with. */
void stream_window_init(
    struct stream_window *window, uint32_t most, uint64_t received);

/* The end socket has taken all before taken, of what was received. Returns
 * whether the window has grown. */
bool stream_window_took(struct stream_window *window, uint32_t most,
    uint64_t received, uint64_t taken);

/*
 * Returns how much of a window one stream may fill, so that a few that nobody
 * reads leave room for the others: a quarter of what is free in the memory of
 * the process, but STREAM_WINDOW_LEAST in any case.
 */
uint32_t stream_window_share(uint32_t size, uint64_t free_bytes);

#endif
