/* stream_window - see stream_window.h */
#include "stream/stream_window.h"

#include "base/u32.h"

uint32_t
stream_window_most(uint32_t rtt_ms, uint32_t option)
{
	uint32_t most = rtt_ms > 0 && rtt_ms < STREAM_WINDOW_NEAR_MS
	                    ? STREAM_WINDOW_NEAR
	                    : STREAM_WINDOW_FAR;

	if (option == 0)
		return most;
	return u32_max(option, STREAM_WINDOW_LEAST);
}

void
stream_window_init(
    struct stream_window *window, uint32_t most, uint64_t received)
{
	window->size = u32_min(STREAM_WINDOW_FIRST, most);
	window->begun = received;
}

bool
stream_window_took(struct stream_window *window, uint32_t most,
    uint64_t received, uint64_t taken)
{
	bool keeps_up = received - taken <= window->size / 4;
	uint32_t before = window->size;

	if (received - window->begun < window->size)
		return false;
	window->begun = received;
	if (keeps_up && window->size < most)
		window->size = u32_min(2 * window->size, most);
	return window->size > before;
}

uint32_t
stream_window_share(uint32_t size, uint64_t free_bytes)
{
	uint64_t share = free_bytes / 4;

	if (share < STREAM_WINDOW_LEAST)
		share = STREAM_WINDOW_LEAST;
	return size < share ? size : (uint32_t)share;
}
