/* idle_poll - see idle_poll.h */
#include "os/idle_poll.h"

#include "os/stack_trim.h"

int
idle_poll(struct pollfd *slots, nfds_t count, int time_ms)
{
	int ready;

	if (time_ms >= 0 && time_ms <= IDLE_POLL_MS)
		return poll(slots, count, time_ms);
	ready = poll(slots, count, IDLE_POLL_MS);
	if (ready != 0)
		return ready;
	/* Nothing may run between this and the wait: it would use the stack
	 * again. */
	stack_trim();
	return poll(slots, count, time_ms < 0 ? -1 : time_ms - IDLE_POLL_MS);
}
