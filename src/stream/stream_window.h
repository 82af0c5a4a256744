/*
 * stream_window - how much of a stream may be under way or wait for its reader.
 *
 * The window is how far the limit that is sent to the peer may be ahead of what
 * the end socket has accepted. It starts small, since most streams are small,
 * and doubles each time a whole window has arrived and the end socket has kept
 * up. A window carries 0.75 to 0.8 of its size per round trip.
 *
 * The peer's window also bounds what a sender keeps: it reads no further from
 * its end socket than the peer's limit (stream_flow.h).
 *
 * Pure. Sizes are bytes.
 */
#ifndef REBORE_STREAM_STREAM_WINDOW_H
#define REBORE_STREAM_STREAM_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#define STREAM_WINDOW_LEAST 65536u
#define STREAM_WINDOW_FIRST 262144u
/* The largest window if the round trip to the peer is below
 * STREAM_WINDOW_NEAR_MS: a larger one is not faster there, and exceeds the
 * cache. */
#define STREAM_WINDOW_NEAR    1048576u
#define STREAM_WINDOW_FAR     4194304u
#define STREAM_WINDOW_NEAR_MS 5

/* Changed by the functions below alone. */
struct stream_window {
	uint32_t size;
	/* What had been received when the current window began. */
	uint64_t begun;
};

/*
 * Returns the largest window of a stream.
 *
 * rtt_ms: the round trip; 0: unknown, which counts as far.
 * option: the user's choice; 0: none.
 */
uint32_t stream_window_most(uint32_t rtt_ms, uint32_t option);

/* received: the position at which the stream begins. */
void stream_window_init(
    struct stream_window *window, uint32_t most, uint64_t received);

/* Record that the end socket has accepted everything before taken. Returns
 * whether the window has grown. */
bool stream_window_took(struct stream_window *window, uint32_t most,
    uint64_t received, uint64_t taken);

/*
 * Returns how much of a window one stream may fill, so that a few streams that
 * nobody reads leave room for others: a quarter of the process's free stream
 * memory, but at least STREAM_WINDOW_LEAST.
 */
uint32_t stream_window_share(uint32_t size, uint64_t free_bytes);

#endif
