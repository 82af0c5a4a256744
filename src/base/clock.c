/* clock - see clock.h */
#include "base/clock.h"

#include <limits.h>
#include <time.h>

/* Clocks read within this time count as read at the same time. */
#define READ_TOGETHER_MS 5
#define READS_MOST       10

static int64_t
read_ms(clockid_t clock)
{
	struct timespec now;

	/* Cannot fail: configure has checked that the clocks work. */
	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t
clock_now_ms(void)
{
	return read_ms(REBORE_CLOCK);
}

int64_t
clock_suspended_ms(void)
{
	int64_t before_ms, now_ms, awake_ms;

	/*
	 * CLOCK_MONOTONIC stands still while the system is suspended. A thread
	 * that loses the processor between the two clocks reads them again: the
	 * time that it waited would look like a suspension.
	 */
	for (int tries = 0; tries < READS_MOST; tries++) {
		before_ms = read_ms(CLOCK_MONOTONIC);
		now_ms = read_ms(REBORE_CLOCK);
		awake_ms = read_ms(CLOCK_MONOTONIC);
		if (awake_ms - before_ms <= READ_TOGETHER_MS)
			break;
	}
	return now_ms - awake_ms;
}

int
clock_left_ms(int64_t deadline_ms)
{
	int64_t now_ms = clock_now_ms();

	if (deadline_ms == CLOCK_NEVER)
		return -1;
	if (deadline_ms <= now_ms)
		return 0;
	return deadline_ms - now_ms > INT_MAX ? INT_MAX
	                                      : (int)(deadline_ms - now_ms);
}

int64_t
clock_earlier(int64_t a_ms, int64_t b_ms)
{
	return a_ms < b_ms ? a_ms : b_ms;
}

int64_t
clock_later(int64_t a_ms, int64_t b_ms)
{
	return a_ms > b_ms ? a_ms : b_ms;
}
